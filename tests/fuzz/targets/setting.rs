//! Any text as `KEY=VALUE`: what is accepted is canonical, and safe to write to the kernel.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::catalogue::{Raw, parse_value};
use tcptune::model::stack::by_hand;

fuzz_target!(|text: &str| {
    let Ok((key, setting)) = by_hand(text) else {
        return;
    };
    assert_eq!(key.to_string().parse(), Ok(key.clone()));
    assert!(
        !key.path()
            .split('/')
            .any(|part| part.is_empty() || part == ".." || part == ".")
    );
    let value = setting
        .exact
        .expect("a setting of the command line is exact")
        .value;
    assert!(!value.as_str().contains(char::is_control), "{value:?}");
    assert_eq!(parse_value(&key, &Raw::Text(value.as_str())), Ok(value));
});
