//! Any bytes as the snapshot of another host that a profile is held against: a plan or a refusal, and nothing that the file
//! says acts on a terminal, in a comment or in a log.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{fs, process};

use clap::{Arg, Args, Command, FromArgMatches};
use libfuzzer_sys::fuzz_target;
use tcptune::change::store::Store;
use tcptune::command::World;
use tcptune::command::diff::{self, Diff};
use tcptune::command::facts::Facts;
use tcptune::host::machine::Machine;
use tcptune::report::text::{Manner, page, talk};
use tcptune::report::{github, json, markdown, sarif};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    std::env::temp_dir().join(format!("tcptune-fuzz-review-{}.json", process::id()))
});

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let nowhere = std::env::temp_dir().join("no-state");
    World::new(Machine::here().expect("a machine"), Store::at(nowhere))
});

static DIFF: LazyLock<Diff> = LazyLock::new(|| {
    let file = FILE.to_str().expect("a plain path");
    let words = ["diff", "high-traffic", "--persist", "--against", file];
    // Options of every verb, which this one speaks of.
    let others = ["netns", "root"].map(|name| Arg::new(name).long(name));
    let words = Diff::augment_args(Command::new("diff").args(others)).get_matches_from(words);
    Diff::from_arg_matches(&words).expect("known words")
});

fuzz_target!(|bytes: &[u8]| {
    // What is refused right away is the business of another target.
    if Facts::parse(bytes).is_err() {
        return;
    }
    fs::write(&*FILE, bytes).expect("room for a small file");
    let report = diff::run(&WORLD, &DIFF);
    let _if_it_can = fs::remove_file(&*FILE);
    let manner = Manner {
        verbose: true,
        ..Manner::default()
    };
    let outputs = [
        page(&report, manner),
        talk(&report, manner),
        markdown::render(&report),
        github::render(&report),
    ];
    for text in outputs {
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    for text in [json::render(&report), sarif::render(&report)] {
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert!(!text.contains('\u{1b}'));
    }
});
