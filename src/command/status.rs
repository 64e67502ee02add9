//! `status`: what is declared, and whether it holds.

use clap::Args;

use crate::change::confirm;
use crate::change::journal::Stage;
use crate::change::state::State;
use crate::change::store::Known;
use crate::error::Error;
use crate::host::library::Library;
use crate::host::netns::Namespace;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Held, Memory};
use crate::model::setting::Setting;
use crate::model::snapshot::Reading;
use crate::model::snapshot::Snapshot;
use crate::model::sorted;
use crate::report::{Body, BootStatus, KeyState, Report, Status as Told, StatusRow, Warning};

use super::cautions::{intact, misfit};
use super::draft::describe;
use super::scene::{Boot, Scene};
use super::{World, failed, judged, told, told_unreadable};

/// The words of `status`.
#[derive(Debug, Clone, Args)]
pub struct Status {}

/// Runs `status`.
pub fn run(world: &World) -> Report {
    let Known {
        state, unreadable, ..
    } = match super::known(world) {
        Ok(loaded) => loaded,
        Err(error) => return failed("status", error),
    };
    let mut warnings = told_unreadable(unreadable);
    let hold = match super::hold_in_force(world) {
        Ok(hold) => hold,
        Err(error) => return failed("status", error),
    };
    let all = world.look(|namespace, label| {
        let told = namespace.and_then(|namespace| one(world, &state, &namespace, &mut warnings));
        match told {
            Ok(told) => Told {
                hold: hold.clone(),
                ..told
            },
            Err(error) => Told {
                error: Some(error),
                ..Told::blank(label)
            },
        }
    });
    let errors = all.iter().filter_map(|one| one.error.as_ref());
    let exit = judged(errors, all.iter().all(Told::is_clean));
    Report {
        exit,
        ..told("status", Body::Status(all), warnings)
    }
}

/// What is declared for one namespace, in which we are, and whether it holds.
pub(super) fn one(
    world: &World,
    state: &State,
    namespace: &Namespace,
    warnings: &mut Vec<Warning>,
) -> Result<Told, Error> {
    let mut told = Told::blank(namespace.label.clone());
    told.named = !world.netns.is_empty();
    told.image = world.root.is_image();
    let scene = Scene::look(world, namespace, state)?;
    let pending = state
        .pending
        .iter()
        .filter_map(|id| world.store.entry(*id).ok());
    let pending = pending
        .into_iter()
        .find(|entry| entry.state == Stage::Pending && entry.is_of(&world.machine, namespace.id));
    told.pending = pending.map(|entry| (entry.id, entry.in_progress(&world.machine)));
    told.unconfirmed = scene.unconfirmed.as_ref().map(|entry| {
        let until = entry.confirm.as_ref().map(|confirm| confirm.until.clone());
        let left = Some(confirm::left(entry)).filter(|left| *left > 0);
        (
            entry.id,
            left.map(|left| left / 1000),
            until.unwrap_or_default(),
        )
    });
    told.taken_back = taken_back(&scene, state);
    let active = &scene.memory.active;
    told.rows = rows(&scene, active, false)?;
    told.rows.extend(leftovers(&scene));
    told.outdated = outdated(active, warnings);
    let head = scene.head();
    told.head = head;
    let next = scene.unconfirmed.as_ref().map_or(head, |entry| entry.id);
    told.next_undo = (next > 0).then(|| describe(&world.store, next));
    told.time = scene
        .remembered
        .filter(|_| !active.is_empty())
        .map(|one| one.time.clone());
    if let Some(one) = scene.forgotten {
        told.forgotten = Some((one.memory.active.name(), one.time.clone()));
        if active.is_empty() {
            told.rows = rows(&scene, &one.memory.active, true)?;
        }
    }
    let boot = scene.boot.as_ref();
    told.boot = boot
        .map(|boot| on_disk(&scene, boot, warnings))
        .transpose()?;
    told.memory = scene.memory;
    Ok(told)
}

/// How many of the newest entries are looked through for the newest of a namespace.
const RECENT: usize = 20;

/// The newest entry, where nobody confirmed it: whoever lost the connection then wants to know.
fn taken_back(scene: &Scene<'_>, state: &State) -> Option<(u64, String)> {
    let world = scene.world;
    // Ids follow each other, unless somebody has put a file of a larger number there: then their names are listed.
    let last = world.store.entry(state.last);
    let before: Vec<u64> = match &last {
        Ok(_) => (1..state.last).rev().take(RECENT).collect(),
        Err(_) => world
            .store
            .ids()
            .ok()?
            .into_iter()
            .rev()
            .take(RECENT)
            .collect(),
    };
    let before = before.iter().filter_map(|id| world.store.entry(*id).ok());
    let newest = last
        .into_iter()
        .chain(before)
        .find(|entry| entry.is_of(&world.machine, scene.namespace.id))?;
    let unconfirmed = newest.state == Stage::Reverted && newest.confirm.is_some();
    unconfirmed.then_some((newest.id, newest.error?))
}

/// The boot axis. What is left out of the drop-in is right as long as no file says something else.
fn on_disk(
    scene: &Scene<'_>,
    boot: &Boot,
    warnings: &mut Vec<Warning>,
) -> Result<BootStatus, Error> {
    let mut status = BootStatus {
        path: None,
        intact: intact(scene),
        active: ActiveSet::default(),
        expected: Vec::new(),
        outdated: false,
    };
    warnings.extend(misfit(scene));
    if let Some(ours) = boot.declared() {
        let active = &ours.drop_in.active;
        status.path = Some(ours.path.clone());
        status.expected = scene
            .expected(&active.settings, &[], &[], &Snapshot::default())?
            .unwrap_or_default();
        let same = active.wants_the_same(&scene.memory.active);
        status.outdated = !same && outdated(active, warnings);
        status.active = active.clone();
    }
    Ok(status)
}

fn rows(scene: &Scene<'_>, active: &ActiveSet, forgotten: bool) -> Result<Vec<StatusRow>, Error> {
    let now = scene.snapshot(active.settings.keys());
    let next = scene
        .expected(&active.settings, &[], &[], &Snapshot::default())?
        .unwrap_or_default();
    let next = sorted::map(next.iter().map(|one| (&one.key, one)));
    let row = |(key, setting): (&Key, &Setting)| {
        let reading = now.get(key);
        let right = holds(scene, key, setting, reading);
        let state = match (forgotten, right) {
            (true, _) => KeyState::Forgotten,
            (false, true) => KeyState::Ok,
            (false, false) => KeyState::Drift,
        };
        let drifted = reading.value().filter(|_| state == KeyState::Drift);
        Ok(StatusRow {
            key: key.clone(),
            want: setting.words(),
            word: setting.word(key),
            live: reading.value().map(ToString::to_string),
            state,
            by: drifted.map(|holds| scene.holder(key, holds)).transpose()?,
            next: next.get(key).and_then(|next| next.value.clone()),
        })
    };
    active.settings.iter().map(row).collect()
}

/// Whether a declared key is as declared.
pub(super) fn holds(scene: &Scene<'_>, key: &Key, setting: &Setting, reading: &Reading) -> bool {
    let passed_over = scene.place().passes_over(key, setting);
    match reading {
        Reading::Value(value) => passed_over || setting.accepts(value),
        Reading::Unreadable(_) => passed_over,
        Reading::Absent => setting.optional,
    }
}

/// Keys that nobody declares, and that could not be put back: they are still as tcptune left them.
fn leftovers(scene: &Scene<'_>) -> Vec<StatusRow> {
    let Memory { active, held } = &scene.memory;
    let now = scene.snapshot(held.keys());
    let undeclared = held
        .iter()
        .filter(|(key, _)| !active.settings.contains_key(*key));
    let left = undeclared.filter(|(key, held)| now.get(key).value() == Some(&held.wrote));
    let row = |(key, held): (&Key, &Held)| {
        let (want, by) = match &held.baseline {
            Some(baseline) => (
                baseline.to_string(),
                "not declared, and could not be put back",
            ),
            None => (
                "nothing".to_owned(),
                "not declared, and nobody knows what it would be without tcptune",
            ),
        };
        StatusRow {
            key: key.clone(),
            want,
            word: None,
            live: Some(held.wrote.to_string()),
            state: KeyState::Left,
            by: Some(by.to_owned()),
            next: None,
        }
    };
    left.map(row).collect()
}

/// The warning that nobody can say whether profiles changed.
pub(super) const PROFILE_UNREADABLE: &str = "profile-unreadable";

/// Whether the profiles resolve to something else by now. Where they cannot be read, that is said, not guessed.
fn outdated(active: &ActiveSet, warnings: &mut Vec<Warning>) -> bool {
    match Library::default().resolve(&active.profiles, &active.settings) {
        Ok(desired) => !active.profiles.is_empty() && desired.profiles_hash != active.profiles_hash,
        Err(problems) => {
            let messages: Vec<_> = problems
                .iter()
                .map(|problem| problem.message.clone())
                .collect();
            warnings.push(Warning {
                code: PROFILE_UNREADABLE,
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
