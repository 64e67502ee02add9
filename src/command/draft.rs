//! What a verb wants in a namespace, before anything is done, and the entry that it is recorded as.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::change::journal::{BootWish, Confirm, Entry, SCHEMA, Stage, Who};
use crate::change::store::Store;
use crate::error::Error;
use crate::host::machine;
use crate::model::approval::Approval;
use crate::model::key::Key;
use crate::model::plan::Plan;
use crate::model::snapshot::Snapshot;
use crate::report::{Depth, Want, Warning};

use super::reach::DropInFile;
use super::scene::Scene;

/// How a verb goes about it.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) verb: &'static str,
    pub(super) depth: Depth,
    pub(super) reason: Option<String>,
    /// Whether to ask before keys are released.
    pub(super) asks: bool,
    /// How long it may stand unconfirmed, if it has to be confirmed.
    pub(super) confirm_within: Option<Duration>,
    /// The hash of what was approved: nothing else is done.
    pub(super) expect: Option<Approval>,
    /// Whether nothing but the plan hash is wanted.
    pub(super) only_hash: bool,
}

impl Manner {
    /// A verb without any special wish.
    pub(super) fn plain(verb: &'static str, depth: Depth) -> Self {
        Self {
            verb,
            depth,
            reason: None,
            asks: false,
            confirm_within: None,
            expect: None,
            only_hash: false,
        }
    }
}

/// What a verb wants to do in a namespace.
pub(super) struct Draft {
    pub(super) want: Want,
    pub(super) plan: Rc<Plan>,
    pub(super) before: Snapshot,
    pub(super) notes: BTreeMap<Key, String>,
    pub(super) undoes: Option<Undoes>,
    /// For a verb that ends an unconfirmed entry: that entry, and what becomes of it.
    pub(super) ends: Option<(Entry, End)>,
    /// What was said about the drop-in.
    pub(super) file: DropInFile,
    pub(super) warnings: Vec<Warning>,
}

/// What becomes of an unconfirmed entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is confirmed.
    Kept,
    /// It is taken back.
    Rejected,
}

impl Draft {
    /// What the next boot shall have, once the live part is confirmed.
    pub(super) fn boot_wish(&self) -> Option<BootWish> {
        let boot = self.plan.boot.as_ref()?;
        Some(BootWish {
            active: boot.active.clone(),
            name: self.file.drop_in.clone(),
            allow_shadowed: self.file.allow_shadowed,
        })
    }

    pub(super) fn new(want: Want, plan: Plan, before: Snapshot) -> Self {
        Self {
            want,
            plan: Rc::new(plan),
            before,
            notes: BTreeMap::new(),
            undoes: None,
            ends: None,
            file: DropInFile::default(),
            warnings: Vec::new(),
        }
    }
}

/// For a rollback: what it undoes.
pub(super) struct Undoes {
    /// In words.
    pub(super) words: String,
    /// The entry as of which things stand again.
    pub(super) back_to: u64,
    /// The entries that made the drop-in what it will be, newest first.
    pub(super) persisted: Vec<u64>,
}

/// What a verb wants in the namespace that it sees.
pub(super) type Drafter<'a> = dyn Fn(&Scene<'_>) -> Result<Draft, Error> + 'a;

/// The entry that a plan is recorded as.
pub(super) fn entry(
    manner: &Manner,
    id: u64,
    scene: &Scene<'_>,
    plan: &Plan,
    undoes: Option<&Undoes>,
    confirm: Option<Confirm>,
) -> Entry {
    let Scene {
        world, namespace, ..
    } = scene;
    let before: &[u64] = match (&scene.gone, &plan.boot) {
        // Nothing is left of what they made, and whoever speaks of the next boot takes note.
        (Some(_), Some(_)) => &[],
        _ => &scene.persisted,
    };
    let persisted = match undoes {
        Some(undoes) => undoes.persisted.clone(),
        None if plan.files().is_empty() => before.to_vec(),
        None => [id].iter().chain(before).copied().collect(),
    };
    Entry {
        schema: SCHEMA,
        id,
        time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        verb: manner.verb.to_owned(),
        who: Who::me(),
        reason: manner.reason.clone(),
        boot: world.machine.boot.clone(),
        kernel: world.machine.kernel.clone(),
        netns: namespace.label.clone(),
        netns_id: namespace.id,
        pid: std::process::id(),
        started: machine::started(std::process::id()).unwrap_or(0),
        state: Stage::Pending,
        error: None,
        parent: scene.head(),
        back_to: undoes.map(|undoes| undoes.back_to),
        before: scene.memory.clone(),
        after: plan.after.clone(),
        changes: plan.live.clone(),
        along: plan.along.clone(),
        files: plan.files().to_vec(),
        found: plan
            .boot
            .as_ref()
            .map(|boot| boot.found.clone())
            .unwrap_or_default(),
        confirm,
        persisted: namespace.init.then_some(persisted),
    }
}

/// An entry in a few words: `entry 41 (apply high-traffic, 2026-11-22T08:00:00Z)`.
pub(super) fn describe(store: &Store, id: u64) -> String {
    match store.entry(id) {
        Ok(entry) => format!(
            "entry {id} ({} {}, {})",
            entry.verb,
            entry.declared(),
            entry.time
        ),
        Err(_) => format!("entry {id}"),
    }
}
