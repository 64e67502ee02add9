//! Any files as the state directory: each behind a line `== NAME`, where the name is `state`, `hold` or the number of an entry.
//! Whatever is there, finished or not, is told or named; the sum of all entries is the same with a summary and without.

#![no_main]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Command, FromArgMatches};
use libfuzzer_sys::fuzz_target;
use tcptune::change::journal::{Entry, Stage};
use tcptune::change::store::{Known, Store};
use tcptune::command::World;
use tcptune::command::history::{self, History};
use tcptune::host::machine::Machine;
use tcptune::model::change::Change;
use tcptune::model::snapshot::{Reading, Snapshot};
use tcptune::model::undo::{happened, put_back, retrace};
use tcptune::report::json;
use tcptune::report::text::{Manner, page, talk};

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("tcptune-fuzz-journal-{}", std::process::id()));
    fs::create_dir_all(path.join("journal")).expect("a directory for the state");
    path
});

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let machine = Machine {
        name: "h".to_owned(),
        kernel: "6.18".to_owned(),
        boot: "b".to_owned(),
    };
    World::new(machine, Store::at(&*DIRECTORY))
});

static HISTORY: LazyLock<History> = LazyLock::new(|| {
    let words =
        History::augment_args(Command::new("history")).get_matches_from(["history", "--all"]);
    History::from_arg_matches(&words).expect("known words")
});

fuzz_target!(|bytes: &[u8]| {
    let files = files(bytes);
    for (path, text) in &files {
        fs::write(path, text).expect("room for a small file");
    }
    told(files.keys().any(|path| path.ends_with("state.json")));
    for path in files.keys().chain([&DIRECTORY.join("state.json")]) {
        let _not_there_is_as_well = fs::remove_file(path);
    }
});

/// What the input says is in the directory.
fn files(bytes: &[u8]) -> BTreeMap<PathBuf, &[u8]> {
    let mut found = BTreeMap::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, b"== ") {
        rest = &rest[at + 3..];
        let end = find(rest, b"\n== ").map_or(rest.len(), |end| end + 1);
        let (file, behind) = rest.split_at(end);
        rest = behind;
        let line = find(file, b"\n").unwrap_or(file.len());
        let (name, text) = (String::from_utf8_lossy(&file[..line]), file.get(line + 1..));
        let path = match name.trim() {
            "state" | "hold" => DIRECTORY.join(format!("{}.json", name.trim())),
            name if name.len() < 21 && name.bytes().all(|byte| byte.is_ascii_digit()) => {
                DIRECTORY.join("journal").join(format!("{name}.json"))
            }
            _ => continue,
        };
        found.insert(path, text.unwrap_or_default());
    }
    found
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn told(with_summary: bool) {
    let store = &WORLD.store;
    let _kept_or_named = store.hold();
    let ids = store.ids().expect("the directory can be read");
    let (entries, unreadable) = store.entries().expect("the files can be read");
    assert!(entries.len() + unreadable.len() <= ids.len());
    assert!(
        entries.iter().map(|entry| entry.id).eq(ids
            .iter()
            .copied()
            .filter(|id| entries.iter().any(|entry| entry.id == *id)))
    );
    let Known { state, later, .. } = store.load().expect("the same files");
    if !with_summary {
        assert_eq!(state.last, ids.last().copied().unwrap_or(0));
        let open = |entry: &&Entry| matches!(entry.state, Stage::Pending | Stage::Unconfirmed);
        let open: Vec<u64> = entries.iter().filter(open).map(|entry| entry.id).collect();
        assert_eq!(state.pending, open);
        assert!(
            later
                || unreadable
                    .iter()
                    .all(|why| !why.contains("a later tcptune"))
        );
    }
    // Summed up, it is the same.
    let summary = serde_json::to_vec(&state).expect("what was read can be written");
    fs::write(DIRECTORY.join("state.json"), summary).expect("room for a small file");
    assert_eq!(store.load().expect("the same files").state, state);
    for entry in &entries {
        undone(entry);
    }
    shown();
}

/// An entry is walked back from what it left to what was there before, and nowhere else.
fn undone(entry: &Entry) {
    let everything = || entry.changes.iter().chain(&entry.along);
    let left = everything().map(|one| (one.key.clone(), Reading::Value(one.to.clone())));
    let live = Snapshot(left.collect());
    let now = entry
        .files
        .iter()
        .map(|file| (file.path.clone(), file.to.clone()))
        .collect();
    let back = put_back(entry.deed(), Some(&live), &now);
    for change in &back.changes {
        assert_eq!(live.get(&change.key).value(), Some(&change.from));
    }
    let _any_answer = happened(entry.deed(), Some(&live), &now);
    let steps: Vec<_> = everything().rev().map(|one| one.undone()).collect();
    if let Ok(plan) = retrace(&steps, &entry.after, entry.before.clone(), &live, false) {
        for change in &plan.live {
            let was = |one: &Change| one.key == change.key && one.from == change.to;
            assert!(everything().any(was), "{change:?}");
        }
    }
}

/// Nothing that it says acts on a terminal.
fn shown() {
    let report = history::run(&WORLD, &HISTORY);
    for verbose in [false, true] {
        let manner = Manner {
            verbose,
            ..Manner::default()
        };
        let text = page(&report, manner) + &talk(&report, manner);
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    let json = json::render(&report);
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok() && !json.contains('\u{1b}'));
}
