//! Any text as a profile: settings or problems, never a panic, and no end without a limit. Every caret stands under text, and
//! what is wanted survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::error::Error;
use tcptune::model::check::check_text;
use tcptune::model::memory::{Settings, desired_hash};
use tcptune::model::problem::{Problem, Source};
use tcptune::model::profile;
use tcptune::model::stack::{Loaded, resolve};
use tcptune::report::text::{Manner, talk};

fuzz_target!(|text: &str| {
    match profile::parse("fuzz", &Source::new("fuzz.toml", text)) {
        Ok(profile) => {
            let settings = profile.settings.into_iter();
            let settings: Settings = settings.map(|(key, (setting, _))| (key, setting)).collect();
            let _any_findings = check_text(&settings);
            let text = profile::write(&profile.description, &settings);
            let read =
                profile::parse("p", &Source::new("p", &text)).unwrap_or_else(|_| panic!("{text}"));
            let read: Settings = read
                .settings
                .into_iter()
                .map(|(key, (setting, _))| (key, setting))
                .collect();
            assert_eq!(desired_hash(&read), desired_hash(&settings), "{text}");
        }
        Err(problems) => shown(problems),
    }
    // Whatever it extends is another file that says the same.
    let mut loads = 0;
    let mut load = |reference: &str, _: Option<&str>| {
        loads += 1;
        let name = reference.to_owned();
        Ok(Loaded::Text {
            file: name.clone(),
            name,
            text: text.to_owned(),
        })
    };
    match resolve(&["fuzz".to_owned()], &Settings::new(), &mut load) {
        Ok(desired) => assert!(!desired.profiles_hash.is_empty()),
        Err(problems) => shown(problems),
    }
    assert!(loads < 10_000, "{loads} files");
});

fn shown(problems: Vec<Problem>) {
    assert!(!problems.is_empty());
    let report = tcptune::command::failed("show", Error::Problems(problems));
    let shown = talk(&report, Manner::default());
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
}
