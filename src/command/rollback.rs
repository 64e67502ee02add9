//! `rollback`: undoes the entry in effect, or everything since an entry; it is an entry itself.

use std::collections::BTreeMap;

use clap::Args;

use crate::change::journal::{Entry, Stage};
use crate::change::state::Remembered;
use crate::error::Error;
use crate::model::memory::Memory;
use crate::model::plan::{Change, Plan};
use crate::model::snapshot::Snapshot;
use crate::model::undo::retrace;
use crate::report::{Report, Want, Warning};

use super::World;
use super::apply::Deed;
use super::transaction::{self, Draft, Scene, describe, refused};

/// The words of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// Back to how things stood right after this entry; 0 is before the first one
    #[arg(long, value_name = "ID")]
    to: Option<u64>,
    /// Go on although a key is not as tcptune left it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    deed: Deed,
}

/// Runs `rollback`.
pub fn run(world: &World, request: &Rollback) -> Report {
    transaction::run(world, &request.deed.manner("rollback"), &|scene| {
        draft(scene, request)
    })
}

fn draft(scene: &Scene<'_>, request: &Rollback) -> Result<Draft, Error> {
    let head = scene.remembered.map_or(0, Remembered::head);
    let journal = Journal::of(scene)?;
    let target = match request.to {
        Some(0) => 0,
        Some(id) => journal.0.get(&id).ok_or_else(|| unknown(scene, id))?.head(),
        None if head == 0 => 0,
        None => journal.entry(head)?.parent,
    };
    if target == head {
        return Ok(nothing(scene));
    }
    let Way { steps, after } = journal.way(head, target)?;
    let before = scene.snapshot(steps.iter().map(|change| &change.key));
    let standing = if target == 0 {
        "before the first entry".to_owned()
    } else {
        format!("after entry {target}")
    };
    let want = Want::new(
        format!("as {standing}: {}", after.active.name()),
        &after.active.settings,
    );
    let mut plan =
        retrace(&steps, &scene.memory, after, &before, request.force).map_err(refused)?;
    // Even when every key is back already, the next rollback must go one further.
    plan.remembers = true;
    let words = match request.to {
        None => format!("rollback of {}", describe(&scene.world.store, head)),
        Some(_) => format!("rollback to how things stood {standing}"),
    };
    Ok(Draft {
        undoes: Some((words, target)),
        ..Draft::new(want, plan, before)
    })
}

/// The committed entries of this boot and namespace, each on top of its parent: a tree, as an entry that was
/// undone keeps its place.
struct Journal(BTreeMap<u64, Entry>);

/// How to get from one entry to another.
struct Way {
    /// Changes in the order in which they are taken: entries undone, newest first, then entries done again.
    steps: Vec<Change>,
    /// What is remembered at the end.
    after: Memory,
}

impl Journal {
    fn of(scene: &Scene<'_>) -> Result<Self, Error> {
        let ours = |entry: &Entry| {
            entry.state == Stage::Committed && entry.is_of(&scene.world.machine, scene.namespace.id)
        };
        let entries = scene.world.store.entries()?.into_iter().filter(ours);
        Ok(Self(entries.map(|entry| (entry.id, entry)).collect()))
    }

    fn entry(&self, id: u64) -> Result<&Entry, Error> {
        self.0.get(&id).ok_or_else(|| gone(id))
    }

    /// An entry and what it stands on, down to the first, as far as the journal goes.
    fn line(&self, mut id: u64) -> Vec<u64> {
        let mut line = vec![id];
        while let Some(entry) = self.0.get(&id).filter(|entry| entry.parent < id) {
            id = entry.parent;
            line.push(id);
        }
        line
    }

    fn way(&self, from: u64, to: u64) -> Result<Way, Error> {
        let (down, up) = (self.line(from), self.line(to));
        let undone = down.iter().take_while(|id| !up.contains(id));
        let redone = up.iter().take_while(|id| !down.contains(id));
        let undone = undone
            .map(|id| self.entry(*id))
            .collect::<Result<Vec<_>, _>>()?;
        let mut redone = redone
            .map(|id| self.entry(*id))
            .collect::<Result<Vec<_>, _>>()?;
        redone.reverse();
        let back = undone
            .iter()
            .flat_map(|entry| entry.changes.iter().rev().map(Change::undone));
        let forth = redone
            .iter()
            .flat_map(|entry| entry.changes.iter().cloned());
        let after = redone
            .last()
            .map(|entry| &entry.after)
            .or(undone.last().map(|entry| &entry.before));
        Ok(Way {
            steps: back.chain(forth).collect(),
            after: after.cloned().unwrap_or_default(),
        })
    }
}

/// Nothing to undo; if a reboot has already undone something, that is worth saying.
fn nothing(scene: &Scene<'_>) -> Draft {
    let forgotten = scene.forgotten.map(|one| Warning {
        code: "forgotten",
        message: format!(
            "a reboot has already undone {}",
            describe(&scene.world.store, one.head())
        ),
        hint: None,
    });
    let want = Want::new("nothing to roll back", &scene.memory.active.settings);
    let plan = Plan {
        after: scene.memory.clone(),
        ..Plan::default()
    };
    let warnings = forgotten.into_iter().collect();
    Draft {
        warnings,
        ..Draft::new(want, plan, Snapshot::default())
    }
}

fn unknown(scene: &Scene<'_>, id: u64) -> Error {
    Error::Usage {
        code: "no-entry",
        message: format!(
            "there is no committed entry {id} of this boot in namespace {}",
            scene.namespace.label
        ),
        hint: Some("`tcptune history` shows what there is".to_owned()),
    }
}

fn gone(id: u64) -> Error {
    Error::Usage {
        code: "no-entry",
        message: format!("entry {id} is no longer in the journal"),
        hint: Some("`tcptune off` puts back what was there before the first one".to_owned()),
    }
}
