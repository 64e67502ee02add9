//! `status`: what is declared, and whether it holds.

use clap::Args;

use crate::change::state::{Remembered, State};
use crate::change::store::Known;
use crate::error::Error;
use crate::exit::Exit;
use crate::host::kernel::{Kernel, snapshot};
use crate::host::library;
use crate::host::netns::Namespace;
use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::memory::Memory;
use crate::model::setting::Setting;
use crate::model::snapshot::Reading;
use crate::model::stack;
use crate::report::{Body, KeyState, Report, Status as Told, StatusRow, Warning};

use super::transaction::describe;
use super::{World, failed, told_unreadable};

/// The words of `status`.
#[derive(Debug, Clone, Args)]
pub struct Status {}

/// Runs `status`.
pub fn run(world: &World) -> Report {
    let Known {
        state, unreadable, ..
    } = match world.store.load() {
        Ok(loaded) => loaded,
        Err(error) => return failed("status", error),
    };
    let mut warnings = told_unreadable(unreadable);
    let all = world.visit(|namespace, label| match namespace {
        Ok(namespace) => one(world, &state, &namespace, &mut warnings),
        Err(error) => Told {
            error: Some(error),
            ..blank(label)
        },
    });
    let errors = all
        .iter()
        .filter_map(|one| one.error.as_ref())
        .map(Error::exit)
        .max();
    let clean = if all.iter().all(Told::is_clean) {
        Exit::Done
    } else {
        Exit::NotClean
    };
    Report {
        command: "status",
        exit: errors.unwrap_or(clean),
        changed: false,
        warnings,
        error: None,
        body: Body::Status(all),
    }
}

fn blank(netns: String) -> Told {
    Told {
        netns,
        memory: Memory::default(),
        rows: Vec::new(),
        time: None,
        forgotten: false,
        outdated: false,
        pending: None,
        next_undo: None,
        error: None,
    }
}

fn one(world: &World, state: &State, namespace: &Namespace, warnings: &mut Vec<Warning>) -> Told {
    let pending = state
        .pending
        .iter()
        .filter_map(|id| world.store.entry(*id).ok());
    let pending = pending
        .into_iter()
        .find(|entry| entry.is_of(&world.machine, namespace.id));
    let mut told = blank(namespace.label.clone());
    told.pending = pending.map(|entry| (entry.id, entry.in_progress(&world.machine)));
    if let Some(one) = state.of(&world.machine, namespace) {
        told.rows = rows(&world.kernel, one, namespace, false);
        told.outdated = outdated(one, warnings);
        told.next_undo = (one.head() > 0).then(|| describe(&world.store, one.head()));
        told.time = (!one.memory.active.is_empty()).then(|| one.time.clone());
        told.memory = one.memory.clone();
    } else if let Some(one) = state.forgotten(&world.machine, namespace) {
        told.rows = rows(&world.kernel, one, namespace, true);
        told.forgotten = true;
        told.time = Some(one.time.clone());
        told.memory = one.memory.clone();
    }
    told
}

fn rows(
    kernel: &dyn Kernel,
    one: &Remembered,
    namespace: &Namespace,
    forgotten: bool,
) -> Vec<StatusRow> {
    let settings = &one.memory.active.settings;
    let now = snapshot(kernel, settings.keys());
    let row = |(key, setting): (&Key, &Setting)| {
        let passed_over = setting.optional && !namespace.first && catalogue::is_global(key);
        let (live, right) = match now.get(key) {
            Reading::Value(value) => (
                Some(value.to_string()),
                passed_over || setting.accepts(value),
            ),
            Reading::Unreadable(_) => (None, passed_over),
            Reading::Absent => (None, setting.optional),
        };
        let state = match (forgotten, right) {
            (true, _) => KeyState::Forgotten,
            (false, true) => KeyState::Ok,
            (false, false) => KeyState::Drift,
        };
        let by = (state == KeyState::Drift && live.is_some()).then(|| "another writer".to_owned());
        let word = setting.word(key);
        StatusRow {
            key: key.clone(),
            want: setting.words(),
            word,
            live,
            state,
            by,
        }
    };
    settings.iter().map(row).collect()
}

/// Whether the profiles resolve to something else by now. Where they cannot be read, that is said, not guessed.
fn outdated(one: &Remembered, warnings: &mut Vec<Warning>) -> bool {
    let active = &one.memory.active;
    match stack::resolve(&active.profiles, &active.settings, &mut library::load) {
        Ok(desired) => !active.profiles.is_empty() && desired.profiles_hash != active.profiles_hash,
        Err(problems) => {
            let messages: Vec<_> = problems
                .iter()
                .map(|problem| problem.message.clone())
                .collect();
            warnings.push(Warning {
                code: "profile-unreadable",
                message: format!(
                    "whether the profiles changed cannot be said: {}",
                    messages.join("; ")
                ),
                hint: None,
            });
            false
        }
    }
}
