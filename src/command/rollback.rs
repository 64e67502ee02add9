//! `rollback`: undoes the entry in effect, or everything since an entry; it is an entry itself.

use std::collections::BTreeMap;

use clap::Args;

use crate::change::journal::{Entry, Stage};
use crate::error::Error;
use crate::model::plan::{Change, Plan, inverse};
use crate::model::snapshot::Snapshot;
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
    let Some(remembered) = scene
        .remembered
        .filter(|one| one.head > 0 || request.to.is_some())
    else {
        return nothing(scene, request.to);
    };
    let store = &scene.world.store;
    let done: Vec<Entry> = store
        .entries()?
        .into_iter()
        .filter(|entry| {
            entry.state == Stage::Committed && entry.is_of(&scene.world.machine, scene.namespace.id)
        })
        .collect();
    let target = match request.to {
        Some(id) => id,
        None => {
            done.iter()
                .find(|entry| entry.id == remembered.head)
                .ok_or_else(|| gone(remembered.head))?
                .parent
        }
    };
    let back_to = match done.iter().find(|entry| entry.id == target) {
        Some(entry) => entry.head(),
        None if target == 0 || request.to.is_none() => target,
        None => return Err(unknown(scene, target)),
    };
    let undone: Vec<&Entry> = done.iter().filter(|entry| entry.id > target).collect();
    let Some(first) = undone.first() else {
        return nothing(scene, None);
    };
    if target == 0 && first.parent != 0 {
        return Err(gone(first.parent));
    }
    let changes: Vec<&[Change]> = undone
        .iter()
        .map(|entry| entry.changes.as_slice())
        .collect();
    let before = scene.snapshot(changes.iter().copied().flatten().map(|change| &change.key));
    let after = first.before.clone();
    let want = Want::new(
        format!("as before entry {}: {}", first.id, after.active.name()),
        &after.active.settings,
    );
    let mut plan =
        inverse(&changes, &scene.memory, after, &before, request.force).map_err(refused)?;
    // Even when every key is back already, the next rollback must go one further.
    plan.remembers = true;
    let words = match request.to {
        None => format!("rollback of {}", describe(store, remembered.head)),
        Some(0) => format!("rollback of everything since entry {}", first.id),
        Some(id) => format!("rollback to how things stood after {}", describe(store, id)),
    };
    let notes = BTreeMap::new();
    Ok(Draft {
        want,
        plan,
        before,
        notes,
        undoes: Some((words, back_to)),
        warnings: Vec::new(),
    })
}

/// Nothing to undo; if a reboot has already undone something, that is worth saying.
fn nothing(scene: &Scene<'_>, to: Option<u64>) -> Result<Draft, Error> {
    if let Some(id) = to.filter(|id| *id > 0) {
        return Err(unknown(scene, id));
    }
    let forgotten = scene.forgotten.map(|one| Warning {
        code: "forgotten",
        message: format!(
            "a reboot has already undone {}",
            describe(&scene.world.store, one.head)
        ),
        hint: None,
    });
    Ok(Draft {
        want: Want::new("nothing to roll back", &scene.memory.active.settings),
        plan: Plan {
            after: scene.memory.clone(),
            ..Plan::default()
        },
        before: Snapshot::default(),
        notes: BTreeMap::new(),
        undoes: None,
        warnings: forgotten.into_iter().collect(),
    })
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
