//! Any text as a profile: settings or problems, never a panic, and every caret stands under text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::error::Error;
use tcptune::model::problem::Source;
use tcptune::model::profile;
use tcptune::report::text::{Manner, talk};

fuzz_target!(|text: &str| {
    if let Err(problems) = profile::parse("fuzz", &Source::new("fuzz.toml", text)) {
        assert!(!problems.is_empty());
        let report = tcptune::command::failed("show", Error::Problems(problems));
        let shown = talk(&report, Manner::default());
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "{shown:?}"
        );
    }
});
