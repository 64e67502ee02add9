//! Any text as a pattern of sysctl.d, on one line, and a key on the next: it matches what fnmatch(3) of the C library matches,
//! in as little time, and braces stay within bounds.

#![no_main]

use std::ffi::{CString, c_char, c_int};

use libfuzzer_sys::fuzz_target;
use tcptune::model::key::Key;
use tcptune::model::sysctld::{braces, matches};

unsafe extern "C" {
    fn fnmatch(pattern: *const c_char, text: *const c_char, flags: c_int) -> c_int;
}

/// As glob(3) calls it, for one component after the other.
const FNM_PERIOD: c_int = 4;

fn component(pattern: &str, text: &str) -> bool {
    let (Ok(pattern), Ok(text)) = (CString::new(pattern), CString::new(text)) else {
        return false;
    };
    // SAFETY: both end with a NUL, and are only read.
    unsafe { fnmatch(pattern.as_ptr(), text.as_ptr(), FNM_PERIOD) == 0 }
}

fn of_the_c_library(pattern: &str, path: &str) -> bool {
    let patterns: Vec<&str> = pattern
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let parts: Vec<&str> = path.split('/').collect();
    patterns.len() == parts.len()
        && patterns
            .iter()
            .zip(parts)
            .all(|(pattern, part)| component(pattern, part))
}

fuzz_target!(|text: &str| {
    let (pattern, key) = text
        .split_once('\n')
        .unwrap_or((text, "net.core.somaxconn"));
    // A loader ends a line here, and the C library of this process knows no letters beyond ASCII.
    if pattern.contains('\0') || !pattern.is_ascii() {
        return;
    }
    match braces(pattern) {
        Some(all) if pattern.contains('{') => {
            assert!(all.iter().map(String::len).sum::<usize>() < 1 << 20)
        }
        all => assert_eq!(
            all.as_deref(),
            (!pattern.contains('{')).then_some(&[pattern.to_owned()][..])
        ),
    }
    // POSIX does not say what becomes of a class that is begun like `[:alpha:]` and is none.
    let begins = |pattern: &str| {
        ["[:", "[=", "[."]
            .iter()
            .any(|start| pattern.contains(start))
    };
    if begins(pattern) && begins(&well_formed(pattern)) {
        return;
    }
    for path in [
        key.parse::<Key>().map(|key| key.path()),
        Ok("net/core/somaxconn".to_owned()),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(
            matches(pattern, &path),
            of_the_c_library(pattern, &path),
            "{pattern} {path}"
        );
    }
});

/// The pattern without what is in order between brackets within brackets.
fn well_formed(pattern: &str) -> String {
    let mut left = pattern.to_owned();
    for name in [
        "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "xdigit",
    ] {
        left = left.replace(&format!("[:{name}:]"), "x");
    }
    for c in (' '..='~').filter(|c| !"[]\\".contains(*c)) {
        left = left
            .replace(&format!("[={c}=]"), "x")
            .replace(&format!("[.{c}.]"), "x");
    }
    left
}
