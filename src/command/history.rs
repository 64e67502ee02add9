//! `history`: the journal.

use std::collections::BTreeMap;

use clap::Args;

use crate::change::journal::{Entry, Stage};
use crate::change::state::{Remembered, State};
use crate::error::Error;
use crate::host::netns;
use crate::model::sorted;
use crate::report::{Body, History as Told, Past, Report};

use super::{World, failed, told, told_unreadable};

/// How many entries are shown unless all are wanted.
const SHOWN: usize = 20;

/// The words of `history`.
#[derive(Debug, Clone, Args)]
pub struct History {
    /// All entries, not only the newest 20
    #[arg(long)]
    all: bool,
}

/// Runs `history`.
pub fn run(world: &World, request: &History) -> Report {
    match entries(world) {
        Ok((entries, unreadable)) => {
            let limit = (!request.all).then_some(SHOWN);
            told(
                "history",
                Body::History(Told { entries, limit }),
                told_unreadable(unreadable),
            )
        }
        Err(error) => failed("history", error),
    }
}

fn entries(world: &World) -> Result<(Vec<Past>, Vec<String>), Error> {
    let state = world.store.load()?.state;
    let (entries, unreadable) = world.store.entries()?;
    let wanted = wanted(world)?;
    let parents = sorted::map(entries.iter().map(|entry| (entry.id, entry.parent)));
    let in_effect = in_effect(&state, &parents);
    let shown = entries
        .iter()
        .rev()
        .filter(|entry| wanted.is_empty() || wanted.contains(&entry.netns_id));
    Ok((
        shown
            .map(|entry| past(world, entry, &in_effect, &state.persisted))
            .collect(),
        unreadable,
    ))
}

/// The namespaces that were asked for; none for all.
fn wanted(world: &World) -> Result<Vec<netns::Id>, Error> {
    if world.netns.is_empty() {
        return Ok(Vec::new());
    }
    world
        .look(|namespace, _| namespace.map(|one| one.id))
        .into_iter()
        .collect()
}

/// The entries that still count, in every namespace: its head, and what that stands on.
fn in_effect(state: &State, parents: &BTreeMap<u64, u64>) -> Vec<u64> {
    let mut ids = Vec::new();
    // What made the drop-in what it is counts in every boot.
    let heads = state
        .namespaces
        .iter()
        .map(Remembered::head)
        .chain(state.persisted.iter().copied());
    for mut id in heads {
        while id > 0 && !ids.contains(&id) {
            ids.push(id);
            id = parents.get(&id).copied().unwrap_or(0);
        }
    }
    ids
}

/// The newest of some entries, newest first, that is of this namespace, as `history` tells it.
pub(super) fn newest(
    world: &World,
    state: &State,
    entries: &[Entry],
    namespace: netns::Id,
) -> Option<Past> {
    let newest = entries.iter().find(|entry| entry.netns_id == namespace)?;
    // Nothing stands on it, so it is at a head or not in effect.
    let heads = in_effect(state, &BTreeMap::new());
    Some(past(world, newest, &heads, &state.persisted))
}

fn past(world: &World, entry: &Entry, in_effect: &[u64], persisted: &[u64]) -> Past {
    let state = match entry.state {
        Stage::Pending if entry.in_progress(&world.machine) => "in progress",
        Stage::Pending => "interrupted",
        Stage::Unconfirmed => "unconfirmed",
        Stage::Reverted => "reverted",
        Stage::Committed if entry.boot != world.machine.boot && entry.files.is_empty() => {
            "forgotten"
        }
        // What could not be put back of an entry that failed.
        Stage::Committed if entry.error.is_some() && in_effect.contains(&entry.id) => "left",
        Stage::Committed if persisted.contains(&entry.id) => "committed",
        Stage::Committed if entry.back_to.is_some() || in_effect.contains(&entry.id) => "committed",
        Stage::Committed => "undone",
    };
    Past {
        id: entry.id,
        time: entry.time.clone(),
        netns: entry.netns.clone(),
        state,
        verb: entry.verb.clone(),
        declared: entry.declared(),
        who: entry.who.words(),
        reason: entry.reason.clone(),
        error: entry.error.clone(),
        back_to: entry.back_to,
        changes: entry
            .changes
            .iter()
            .map(|c| (c.key.clone(), c.from.clone(), c.to.clone()))
            .collect(),
        files: entry.files.iter().map(|file| file.path.clone()).collect(),
    }
}
