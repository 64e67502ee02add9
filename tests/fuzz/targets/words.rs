//! Any text as a word of the command line that names something: a namespace, an approved hash, a profile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::host::netns::Target;
use tcptune::model::approval::Approval;
use tcptune::model::profile::{is_name, is_path};

fuzz_target!(|text: &str| {
    if let Ok(target) = text.parse::<Target>() {
        let label = target.label();
        assert_eq!(label.parse(), Ok(target), "what is shown can be said");
        assert!(!label.contains(char::is_control));
    }
    if let Ok(approval) = text.parse::<Approval>() {
        // It covers itself, and nothing that is a letter away from it.
        let covered = |text: &str| approval.covers(text, text);
        assert!(covered(text));
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(!covered(&String::from_utf8_lossy(&other)), "{at}");
        }
        assert_eq!(approval.is_of_plan(), text.contains('.'));
        assert!(approval.moved(text).len() <= 1);
    }
    if is_name(text) {
        assert!(!text.contains(['/', '\0']) && !text.starts_with('.') && !text.contains(".."));
        assert!(text.is_ascii() && text.len() <= 64 && !is_path(text) || text.ends_with(".toml"));
    }
});
