//! Any texts as values of keys, a line each: what is accepted is in the form in which values are compared, whatever way it
//! comes, and what all of them mean together can be said.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use tcptune::model::catalogue::{
    Entry, KEYS, Raw, Taken, consequences, parse_value, slip, stored, taken, word,
};
use tcptune::model::check::{check, check_text};
use tcptune::model::key::Key;
use tcptune::model::memory::{Settings, desired_hash};
use tcptune::model::problem::Source;
use tcptune::model::profile;
use tcptune::model::stack::by_hand;
use tcptune::model::value::Value;

fuzz_target!(|text: &str| {
    let mut settings = Settings::new();
    let mut held: BTreeMap<Key, Value> = BTreeMap::new();
    for line in text.lines() {
        let Some((name, text)) = line.split_once('=') else {
            continue;
        };
        // What is nearly a key of the catalogue is none in a profile.
        let Some(key) = key(name).filter(|key| slip(key).is_none()) else {
            continue;
        };
        let kernels = stored(&key, text);
        assert_eq!(
            stored(&key, kernels.as_str()),
            kernels,
            "what is folded stays so"
        );
        if let Taken::Value(value) = taken(&key, text) {
            assert_eq!(
                taken(&key, value.as_str()),
                Taken::Value(value.clone()),
                "{key} = {text:?}"
            );
            assert_eq!(stored(&key, value.as_str()), value, "{key} = {text:?}");
        }
        let _any_answer = word(&key, &kernels);
        held.insert(key.clone(), kernels);
        if let Ok(value) = parse_value(&key, &Raw::Text(text)) {
            accepted(&key, &value);
            let said =
                by_hand(&format!("{key}={value}")).map(|(key, setting)| (key, setting.words()));
            assert_eq!(said.ok(), Some((key.clone(), value.to_string())));
            let (key, setting) = by_hand(&format!("{key}={value}")).expect("as just now");
            settings.insert(key, setting);
        }
    }
    // Whatever a kernel, or a snapshot of one, says.
    let _any_words = (
        consequences(&held),
        check(&settings, &held),
        check_text(&settings),
    );
    // A profile says the same.
    let text = profile::write("d", &settings);
    let read = profile::parse("p", &Source::new("p", &text)).unwrap_or_else(|_| panic!("{text}"));
    let read: Settings = read
        .settings
        .into_iter()
        .map(|(key, (setting, _))| (key, setting))
        .collect();
    assert_eq!(desired_hash(&read), desired_hash(&settings), "{text}");
});

/// A key by name, or the one of the catalogue with that number.
fn key(name: &str) -> Option<Key> {
    match name.parse::<usize>() {
        Ok(number) => KEYS.get(number).cloned(),
        Err(_) => Entry::named(name).map_or_else(|| name.parse().ok(), |entry| entry.key().ok()),
    }
}

fn accepted(key: &Key, value: &Value) {
    let text = value.as_str();
    assert!(
        !text.contains(char::is_control) && text.is_ascii(),
        "{key} = {text:?}"
    );
    assert_eq!(Value::new(text), *value);
    assert_eq!(stored(key, text), *value, "as the kernel prints it");
    assert_eq!(parse_value(key, &Raw::Text(text)).as_ref(), Ok(value));
    // What we accept, the kernel takes as it is, as far as its rules are known.
    match taken(key, text) {
        Taken::Value(taken) => assert_eq!(taken, *value, "{key}"),
        Taken::Unknown => {}
        Taken::Refused => panic!("{key} = {text} would be refused"),
    }
    // A number is the same as its text, where a number is wanted at all.
    if let Ok(number) = text.parse::<i128>()
        && number.to_string() == text
        && let Ok(same) = parse_value(key, &Raw::Integer(number))
    {
        assert_eq!(same, *value, "{key}");
    }
}
