//! The house: each room imports only from those above it, and only few rooms touch the world.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms, from the top of the list to the bottom, as the map in `src/lib.rs` has them.
const ROOMS: [&str; 8] = [
    "exit", "model", "error", "host", "change", "report", "command", "cli",
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

fn room_of(path: &Path) -> Option<usize> {
    let source = path
        .strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
        .unwrap();
    let first = source
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    ROOMS
        .iter()
        .position(|room| first.trim_end_matches(".rs") == *room)
}

fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    // Tests stand below the code and may reach further.
    text.split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn each_room_imports_only_from_those_above_it() {
    let mut imports = 0;
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let Some(here) = room_of(&path) else { continue };
        for used in code_of(&path).split("crate::").skip(1) {
            let name: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let there = ROOMS
                .iter()
                .position(|room| *room == name)
                .unwrap_or_else(|| panic!("{}: crate::{name}", path.display()));
            assert!(
                there <= here,
                "{} imports {name}, which is below it",
                path.display()
            );
            imports += 1;
        }
    }
    assert!(imports > 100, "{imports}");
}

#[test]
fn the_model_is_pure_and_the_voice_never_touches_the_host() {
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let code = code_of(&path);
        let forbidden: &[&str] = match room_of(&path).map(|room| ROOMS[room]) {
            Some("model") => &[
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "SystemTime",
                "nix::",
                "crate::error",
            ],
            Some("report") => &[
                "std::fs",
                "std::net",
                "std::env",
                "std::process",
                "SystemTime",
                "std::io",
                "nix::",
                "crate::host",
            ],
            Some("host" | "command") => &["println!", "std::io::stdout", "std::io::stderr"],
            _ => &[],
        };
        for word in forbidden {
            assert!(!code.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn files_are_short_and_nothing_is_left_behind() {
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let code = code_of(&path);
        let lines = code.lines().count();
        // The catalogue's table is data.
        assert!(
            lines <= 480 || path.ends_with("catalogue/table.rs") || path.ends_with("tests.rs"),
            "{}: {lines} lines",
            path.display()
        );
        assert!(
            code.starts_with("//!"),
            "{} opens with what it is for",
            path.display()
        );
        for word in ["TODO", "FIXME", "XXX", "unimplemented!"] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
    let main = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/main.rs")).unwrap();
    assert!(main.lines().count() < 40);
}

#[test]
fn the_map_lists_the_rooms_in_order() {
    let map = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let rows: Vec<&str> = map
        .lines()
        .filter(|line| line.starts_with("//! | [`"))
        .collect();
    let places: Vec<_> = ROOMS
        .iter()
        .map(|room| {
            rows.iter()
                .position(|row| row.contains(&format!("[`{room}`]")))
        })
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}"
    );
}
