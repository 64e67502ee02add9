//! What `diff`, `apply`, `set`, `off` and `rollback` share: for each namespace, look, plan, and perhaps do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::change::execute::{check_rights, execute};
use crate::change::journal::{Entry, SCHEMA, Stage, Who};
use crate::change::recover;
use crate::change::state::{Locked, Remembered, State, Store};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::kernel::{self, snapshot};
use crate::host::machine::{self, Machine};
use crate::host::netns::Namespace;
use crate::model::handshake::{CONTEXT, VERIFIED_FROM};
use crate::model::key::Key;
use crate::model::memory::Memory;
use crate::model::plan::{Plan, Refusal};
use crate::model::snapshot::Snapshot;
use crate::report::{Body, Changes, Depth, NamespaceChanges, Report, Want, Warning};

use super::{World, unreadable};

/// How a verb goes about it.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) verb: &'static str,
    pub(super) depth: Depth,
    pub(super) reason: Option<String>,
    /// Whether to ask before keys are released.
    pub(super) asks: bool,
}

/// What a verb sees of a namespace before it plans.
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) namespace: &'a Namespace,
    pub(super) remembered: Option<&'a Remembered>,
    pub(super) forgotten: Option<&'a Remembered>,
    pub(super) memory: Memory,
}

impl Scene<'_> {
    /// Reads keys, and with them those that give others their meaning.
    pub(super) fn snapshot<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        let keys: BTreeSet<&Key> = keys.into_iter().chain(CONTEXT.iter()).collect();
        snapshot(&self.world.kernel, keys)
    }
}

/// What a verb wants to do in a namespace.
pub(super) struct Draft {
    pub(super) want: Want,
    pub(super) plan: Plan,
    pub(super) before: Snapshot,
    pub(super) notes: BTreeMap<Key, String>,
    /// For a rollback: what it undoes, in words, and the entry as of which things stand again.
    pub(super) undoes: Option<(String, u64)>,
    pub(super) warnings: Vec<Warning>,
}

/// Runs a verb over its namespaces.
pub(super) fn run(
    world: &World,
    manner: &Manner,
    draft: &dyn Fn(&Scene<'_>) -> Result<Draft, Error>,
) -> Report {
    let lock = match manner.depth {
        Depth::Question | Depth::DryRun => Ok(None),
        Depth::Deed => world.store.lock(manner.verb, world.wait).map(Some),
    };
    let mut warnings = Vec::new();
    let namespaces = match lock {
        Ok(lock) => world.visit(|namespace, label| {
            let mut one = blank(label);
            if let Err(error) = visit(
                world,
                manner,
                lock.as_ref(),
                namespace,
                draft,
                &mut one,
                &mut warnings,
            ) {
                one.error = Some(error);
            }
            one
        }),
        // Without the right to lock, say which keys may not be written, rather than which file.
        Err(locked @ Error::File { .. }) => {
            let mut locked = Some(locked);
            world.visit(|namespace, label| {
                let mut one = blank(label);
                let denied = visit(
                    world,
                    manner,
                    None,
                    namespace,
                    draft,
                    &mut one,
                    &mut warnings,
                );
                let plan = one.plan.as_ref().filter(|plan| !plan.is_empty());
                let rights = plan.map(|plan| check_rights(&world.kernel, &plan.live));
                one.error = denied.err().or_else(|| match rights {
                    Some(Err(denied)) => Some(denied),
                    Some(Ok(())) => locked.take(),
                    None => None,
                });
                one
            })
        }
        Err(error) => return super::failed(manner.verb, error),
    };
    conclude(world, manner, namespaces, warnings)
}

fn blank(netns: String) -> NamespaceChanges {
    NamespaceChanges {
        netns,
        want: None,
        plan: None,
        before: Snapshot::default(),
        notes: BTreeMap::new(),
        plan_hash: None,
        journal: None,
        undoes: None,
        next_undo: None,
        error: None,
    }
}

fn visit(
    world: &World,
    manner: &Manner,
    lock: Option<&Locked>,
    namespace: Result<Namespace, Error>,
    draft: &dyn Fn(&Scene<'_>) -> Result<Draft, Error>,
    one: &mut NamespaceChanges,
    warnings: &mut Vec<Warning>,
) -> Result<(), Error> {
    let namespace = namespace?;
    one.netns.clone_from(&namespace.label);
    let state = match lock {
        Some(lock) => settled(world, lock, &namespace, warnings)?,
        None => looked_at(world, &namespace, warnings)?,
    };
    let remembered = state.of(&world.machine, &namespace);
    let scene = Scene {
        world,
        namespace: &namespace,
        remembered,
        forgotten: state.forgotten(&world.machine, &namespace),
        memory: remembered.map(|one| one.memory.clone()).unwrap_or_default(),
    };
    let Draft {
        want,
        plan,
        before,
        notes,
        undoes,
        warnings: remarks,
    } = draft(&scene)?;
    warnings.extend(remarks);
    let place = format!(
        "{} {} {:?}",
        world.machine.kernel, world.machine.boot, namespace.id
    );
    one.plan_hash = Some(plan.hash(&place));
    one.want = Some(want);
    one.before = before;
    one.notes = notes;
    let back_to = undoes.as_ref().map(|(_, back_to)| *back_to);
    one.undoes = undoes.map(|(words, _)| words);
    let plan = one.plan.insert(plan);
    if let (Some(lock), false) = (lock, plan.is_empty()) {
        agreed(world, manner, plan)?;
        let entry = entry(world, manner, state.last + 1, &scene, plan, back_to);
        let id = entry.id;
        execute(&world.kernel, lock, plan, entry)?;
        one.journal = Some(id);
        one.next_undo = back_to
            .filter(|id| *id > 0)
            .map(|id| describe(&world.store, id));
    }
    Ok(())
}

/// The state, once entries of dead processes are settled.
fn settled(
    world: &World,
    lock: &Locked,
    namespace: &Namespace,
    warnings: &mut Vec<Warning>,
) -> Result<State, Error> {
    let state = known(&world.store, warnings)?;
    if state.pending.is_empty() {
        return Ok(state);
    }
    for settled in recover::settle(&world.kernel, lock, &state, &world.machine, namespace)? {
        let message = match (settled.committed, settled.left.as_slice()) {
            (true, _) => format!(
                "entry {} was interrupted, but everything had been written: it stands",
                settled.id
            ),
            (false, []) => format!("entry {} was interrupted: it was put back", settled.id),
            (false, left) => {
                format!(
                    "entry {} was interrupted: it was put back, but {} (another writer)",
                    settled.id,
                    left.join(", ")
                )
            }
        };
        warnings.push(Warning {
            code: "interrupted",
            message,
            hint: None,
        });
    }
    Ok(world.store.load()?.0)
}

/// The state as it is; entries that are not finished are only mentioned.
fn looked_at(
    world: &World,
    namespace: &Namespace,
    warnings: &mut Vec<Warning>,
) -> Result<State, Error> {
    let state = known(&world.store, warnings)?;
    let entries = state
        .pending
        .iter()
        .filter_map(|id| world.store.entry(*id).ok());
    for entry in entries.filter(|entry| entry.is_of(&world.machine, namespace.id)) {
        let message = if entry.in_progress(&world.machine) {
            format!(
                "entry {} is in progress: what is shown may change",
                entry.id
            )
        } else {
            format!(
                "entry {} was interrupted: the next writing verb will settle it",
                entry.id
            )
        };
        warnings.push(Warning {
            code: "pending",
            message,
            hint: None,
        });
    }
    Ok(state)
}

fn known(store: &Store, warnings: &mut Vec<Warning>) -> Result<State, Error> {
    let (state, files) = store.load()?;
    warnings.extend(unreadable(files));
    Ok(state)
}

/// On a terminal, released keys are asked about once.
fn agreed(world: &World, manner: &Manner, plan: &Plan) -> Result<(), Error> {
    let released: Vec<String> = plan
        .live
        .iter()
        .take(plan.released())
        .map(|change| format!("{} {} -> {}", change.key, change.from, change.to))
        .collect();
    match world.ask {
        Some(ask) if manner.asks && !released.is_empty() => {
            let question = format!(
                "no longer declared, goes back: {}. Go on?",
                released.join(", ")
            );
            if ask(&question) {
                Ok(())
            } else {
                Err(Error::Declined)
            }
        }
        _ => Ok(()),
    }
}

fn entry(
    world: &World,
    manner: &Manner,
    id: u64,
    scene: &Scene<'_>,
    plan: &Plan,
    back_to: Option<u64>,
) -> Entry {
    Entry {
        schema: SCHEMA,
        id,
        time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        verb: manner.verb.to_owned(),
        who: Who::me(),
        reason: manner.reason.clone(),
        boot: world.machine.boot.clone(),
        kernel: world.machine.kernel.clone(),
        netns: scene.namespace.label.clone(),
        netns_id: scene.namespace.id,
        pid: std::process::id(),
        started: machine::started(std::process::id()).unwrap_or(0),
        state: Stage::Pending,
        error: None,
        parent: scene.remembered.map_or(0, |one| one.head),
        back_to,
        before: scene.memory.clone(),
        after: plan.after.clone(),
        changes: plan.live.clone(),
    }
}

/// An entry in a few words: `entry 41 (apply high-traffic, 2026-11-22T08:00:00Z)`.
pub(super) fn describe(store: &Store, id: u64) -> String {
    match store.entry(id) {
        Ok(entry) => format!(
            "entry {id} ({} {}, {})",
            entry.verb,
            entry.after.active.name(),
            entry.time
        ),
        Err(_) => format!("entry {id}"),
    }
}

/// Turns refusals of the planner into an error; an absent key gets the name that it nearly has.
pub(super) fn refused(refusals: Vec<Refusal>) -> Error {
    let near = match refusals.as_slice() {
        [Refusal::Absent(key)] => kernel::near(key),
        _ => None,
    };
    Error::Refused { refusals, near }
}

fn conclude(
    world: &World,
    manner: &Manner,
    namespaces: Vec<NamespaceChanges>,
    mut warnings: Vec<Warning>,
) -> Report {
    let writes = |one: &NamespaceChanges| {
        one.error.is_none() && one.plan.as_ref().is_some_and(|plan| !plan.live.is_empty())
    };
    let changed = namespaces.iter().any(writes);
    let worst = namespaces
        .iter()
        .filter_map(|one| one.error.as_ref())
        .map(Error::exit)
        .max();
    let exit = match (worst, manner.depth) {
        (Some(worst), _) => worst,
        (None, Depth::Question) if changed => Exit::NotClean,
        (None, _) => Exit::Done,
    };
    warnings.dedup();
    let Machine { name, kernel, .. } = &world.machine;
    let body = Body::Changes(Changes {
        depth: manner.depth,
        host: format!("{name}, Linux {kernel}"),
        kernel: kernel.clone(),
        verified: world.machine.version() >= VERIFIED_FROM,
        namespaces,
    });
    Report {
        command: manner.verb,
        exit,
        changed,
        warnings,
        error: None,
        body,
    }
}
