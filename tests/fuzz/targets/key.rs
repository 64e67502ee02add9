//! Any text as the name of a key: what is taken is safe to walk, has one spelling, and is the key that the loaders of
//! sysctl.d see in a line with it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::catalogue::{Entry, is_global, is_secret, key_named, near, slip};
use tcptune::model::key::Key;
use tcptune::model::kubernetes::{Permission, permission};
use tcptune::model::sysctld::{Content, Forecast, Found, Loader, Tree};

fuzz_target!(|text: &str| {
    if text.len() < 64 {
        let _any_answer = near(text);
    }
    let named = key_named(text);
    let Ok(key) = text.parse::<Key>() else {
        if let Ok(key) = named {
            let short = Entry::named(text).map(|entry| entry.name);
            assert_eq!(short, Some(key.as_str()), "only a short name is no key");
        }
        return;
    };
    // A full name is never taken for a short one.
    assert_eq!(named.as_ref(), Ok(&key));
    assert!(text.len() == key.as_str().len() && text.len() == key.path().len());
    let parts: Vec<String> = key.path().split('/').map(str::to_owned).collect();
    assert!(parts.len() > 1);
    for part in &parts {
        assert!(!["", ".", ".."].contains(&part.as_str()), "{key}");
        assert!(
            part.bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"*?[]{}'\"\\=#;".contains(&byte)),
            "{key}"
        );
    }
    // Both spellings, and the way through JSON, lead to the same key.
    assert_eq!(key.as_str().parse(), Ok(key.clone()));
    assert_eq!(key.path().parse(), Ok(key.clone()));
    let json = serde_json::to_vec(&key).expect("a key can be written");
    assert_eq!(serde_json::from_slice::<Key>(&json).ok(), Some(key.clone()));
    for other in ["net.core.somaxconn", "net.ipv4.tcp_syncookies"] {
        let other: Key = other.parse().expect("a key");
        assert_eq!(key.cmp(&other), key.as_str().cmp(other.as_str()));
    }
    loaders_agree(text, &key);
    // What is known of keys is known of any.
    let global = is_global(&key);
    assert!(permission(&key) != Permission::Node || global || Entry::of(&key).is_none());
    assert!(!is_secret(&key) || slip(&key).is_none());
});

/// A line `KEY = 1` speaks of this key at the next boot.
fn loaders_agree(text: &str, key: &Key) {
    // In front, a minus is none of the name's.
    if text.starts_with('-') {
        return;
    }
    let tree = Tree {
        fragments: vec![Found {
            path: "/etc/sysctl.d/50-x.conf".to_owned(),
            leads_to: None,
            content: Content::Text(format!("{text} = 1\n").into_bytes()),
        }],
        ..Tree::default()
    };
    let forecast = Forecast::of(&tree, Loader::Systemd);
    assert!(
        forecast.keys().contains(key),
        "{key}: {:?}",
        forecast.keys()
    );
    for loader in [Loader::Systemd, Loader::Procps] {
        assert_eq!(
            forecast.sequence(loader).outcome(key).chain.len(),
            1,
            "{key}"
        );
    }
}
