//! The guard: waits for the deadline of an entry, and takes it back unless somebody confirmed it.

use std::time::Duration;

use clap::Args;

use crate::change::confirm;
use crate::change::journal::{Entry, Stage};
use crate::change::recover;
use crate::change::store::is_gone;
use crate::error::Error;
use crate::host::guard;
use crate::host::netns::{self, Namespace};
use crate::model::memory::{command_in, words_for};
use crate::model::printable::printable;
use crate::report::{Body, Report};

use super::{World, failed, told};

/// How often is looked whether somebody confirmed it.
const LOOK: Duration = Duration::from_millis(500);

/// How long another tcptune may be at work.
const WAIT: Duration = Duration::from_secs(600);

/// How long is waited between two tries to take it back; see [`confirm::PATIENCE`].
const BETWEEN: Duration = Duration::from_secs(1);

/// Milliseconds before the deadline at which everybody who is logged in is told.
const NOTICE: u64 = 30_000;

/// How long telling them may take, once nothing waits for it any more.
const FAREWELL: Duration = Duration::from_secs(5);

/// The words of the hidden verb.
#[derive(Debug, Clone, Args)]
pub struct Guard {
    /// The entry that waits to be confirmed
    entry: u64,
}

/// Runs the guard, until its entry is settled.
pub fn run(world: &World, request: &Guard) -> Report {
    let here = match stay(world) {
        Ok(here) => here,
        Err(error) => {
            let notice = format!("tcptune: nobody watches entry {}: {error}", request.entry);
            guard::tell(&notice, FAREWELL);
            return failed(guard::VERB, error);
        }
    };
    if let Err(source) = guard::stand_alone() {
        return failed(guard::VERB, Error::Guard(source));
    }
    if wait(&here, request.entry) {
        end(&here, request.entry)
    } else {
        told(guard::VERB, Body::Empty, Vec::new())
    }
}

/// Enters the namespace for good: it may lose its name before the deadline, but while the guard is in it, it is there.
fn stay(world: &World) -> Result<World, Error> {
    if let [target] = world.netns.as_slice() {
        netns::enter(target)?;
    }
    Ok(World::new(world.machine.clone(), world.store.clone()))
}

/// Waits for the deadline; whether anything is left to do then.
fn wait(world: &World, id: u64) -> bool {
    let mut told = false;
    let mut seen = None;
    loop {
        match world.store.entry(id) {
            Ok(Entry {
                state: Stage::Committed | Stage::Reverted,
                ..
            }) => return false,
            Ok(entry) => seen = Some(entry),
            Err(error) if is_gone(&error) && never_comes(world, id, seen.is_some()) => {
                return false;
            }
            // It is on its way, or cannot be read: the deadline stands.
            Err(_) => {}
        }
        let Some(entry) = &seen else {
            std::thread::sleep(LOOK);
            continue;
        };
        let left = confirm::left(entry);
        if left == 0 {
            return true;
        }
        if left <= NOTICE && !told && entry.state == Stage::Unconfirmed {
            let named = words_for(&entry.netns) != Some("pid:1");
            let confirm = command_in(&entry.netns, named, "tcptune confirm");
            let notice = format!(
                "tcptune: entry {id} goes back in {} s, unless somebody says `{}`",
                left / 1000,
                printable(&confirm)
            );
            guard::tell(&notice, Duration::ZERO);
            told = true;
        }
        std::thread::sleep(LOOK.min(Duration::from_millis(left)));
    }
}

/// Whether an entry that is not there never will be: whoever started the guard writes it before the lock is free again.
/// Where the whole state is gone, one that was there may come back with it.
fn never_comes(world: &World, id: u64, seen: bool) -> bool {
    match world.store.is_idle() {
        Some(idle) => idle && world.store.entry(id).is_err_and(|error| is_gone(&error)),
        None => !seen,
    }
}

/// Takes the entry back, trying again where that fails, and tells everybody.
fn end(world: &World, id: u64) -> Report {
    if !is_unsettled(world, id) {
        return told(guard::VERB, Body::Empty, Vec::new());
    }
    let mut outcome = settle(world);
    let mut told_once = false;
    while let Err(error) = &outcome
        && is_unsettled(world, id)
    {
        if !told_once {
            let notice = format!(
                "tcptune: entry {id} could not be put back yet: {error}; it is tried again"
            );
            guard::tell(&notice, Duration::ZERO);
            told_once = true;
        }
        std::thread::sleep(BETWEEN);
        outcome = settle(world);
    }
    let entry = world.store.entry(id);
    let became = match (&outcome, entry.map(|entry| (entry.state, entry.error))) {
        (_, Ok((Stage::Reverted, why))) => format!("was put back: {}", why.unwrap_or_default()),
        // Somebody confirmed it in the last moment.
        (_, Ok((Stage::Committed, None))) => return told(guard::VERB, Body::Empty, Vec::new()),
        (_, Ok((Stage::Committed, Some(why)))) => format!("could not be put back: {why}"),
        (Ok(()), _) => "could not be put back: this is not its namespace".to_owned(),
        (Err(error), _) => format!("could not be put back: {error}"),
    };
    guard::tell(&format!("tcptune: entry {id} {became}"), FAREWELL);
    match outcome {
        Ok(()) => told(guard::VERB, Body::Empty, Vec::new()),
        Err(error) => failed(guard::VERB, error),
    }
}

/// Whether there is something to try again. Of an entry that cannot be read nobody knows.
fn is_unsettled(world: &World, id: u64) -> bool {
    match world.store.entry(id) {
        Ok(entry) => matches!(entry.state, Stage::Pending | Stage::Unconfirmed),
        Err(error) => !is_gone(&error),
    }
}

/// Settles what is unfinished or overdue in the namespace of the entry, as every writing verb does first.
fn settle(world: &World) -> Result<(), Error> {
    let locked = world.store.lock(guard::VERB, WAIT)?;
    let known = locked.load()?;
    let (target, state, machine) = (world.target(), &known.state, &world.machine);
    let each = |namespace: Result<Namespace, Error>, _| {
        recover::settle(target, &locked, state, machine, &namespace?).map(drop)
    };
    world.look(each).into_iter().collect()
}
