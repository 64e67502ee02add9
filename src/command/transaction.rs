//! What `diff`, `apply`, `set`, `off` and `rollback` share: for each namespace, look, plan, and perhaps do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::change::execute::{check_files, check_rights, execute, execute_image};
use crate::change::journal::{Entry, SCHEMA, Stage, Who};
use crate::change::recover::{self, Settled};
use crate::change::state::State;
use crate::change::store::{Known, Locked, Store};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::machine::{self, Machine};
use crate::host::netns::Namespace;
use crate::host::signals;
use crate::model::handshake::{CONTEXT, VERIFIED_FROM};
use crate::model::key::Key;
use crate::model::persist::Shadow;
use crate::model::plan::{Cause, Plan};
use crate::model::snapshot::Snapshot;
use crate::report::{Body, Changes, Depth, NamespaceChanges, Report, Want, Warning, printable};

use super::scene::Scene;
use super::{World, told_unreadable};

/// How a verb goes about it.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    pub(super) verb: &'static str,
    pub(super) depth: Depth,
    pub(super) reason: Option<String>,
    /// Whether to ask before keys are released.
    pub(super) asks: bool,
}

/// What a verb wants to do in a namespace.
pub(super) struct Draft {
    pub(super) want: Want,
    pub(super) plan: Plan,
    pub(super) before: Snapshot,
    pub(super) notes: BTreeMap<Key, String>,
    pub(super) undoes: Option<Undoes>,
    pub(super) warnings: Vec<Warning>,
}

impl Draft {
    pub(super) fn new(want: Want, plan: Plan, before: Snapshot) -> Self {
        Self {
            want,
            plan,
            before,
            notes: BTreeMap::new(),
            undoes: None,
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

/// Runs a verb over its namespaces.
pub(super) fn run(world: &World, manner: &Manner, draft: &Drafter<'_>) -> Report {
    let hands = match manner.depth {
        Depth::Question | Depth::DryRun => Hands::Still,
        Depth::Deed if world.root.is_image() => Hands::Image,
        Depth::Deed => match world.store.lock(manner.verb, world.wait) {
            Ok(locked) => Hands::Free(locked),
            Err(Error::File {
                doing,
                path,
                source,
            }) if source.raw_os_error().is_some() => Hands::Tied(Tied {
                doing,
                path,
                errno: source.raw_os_error().unwrap_or_default(),
            }),
            Err(error) => return super::failed(manner.verb, error),
        },
    };
    let mut transaction = Transaction {
        world,
        manner,
        draft,
        hands,
        warnings: Vec::new(),
        wrote: false,
    };
    let namespaces = world.look(|namespace, label| transaction.visit(namespace, label));
    let Transaction {
        warnings, wrote, ..
    } = transaction;
    conclude(world, manner, namespaces, warnings, wrote)
}

/// What may be done in this run.
enum Hands {
    /// Only looking was asked for.
    Still,
    /// Files of an image, which has no state.
    Image,
    /// Anything; the state is locked.
    Free(Locked),
    /// Nothing, because the state may not be locked.
    Tied(Tied),
}

/// Why the state may not be locked; every namespace is told.
struct Tied {
    doing: &'static str,
    path: PathBuf,
    errno: i32,
}

impl Tied {
    fn error(&self) -> Error {
        let source = std::io::Error::from_raw_os_error(self.errno);
        Error::File {
            doing: self.doing,
            path: self.path.clone(),
            source,
        }
    }
}

struct Transaction<'a> {
    world: &'a World,
    manner: &'a Manner,
    draft: &'a Drafter<'a>,
    hands: Hands,
    warnings: Vec<Warning>,
    /// Whether settling an interrupted entry wrote keys.
    wrote: bool,
}

impl Transaction<'_> {
    fn visit(&mut self, namespace: Result<Namespace, Error>, label: String) -> NamespaceChanges {
        let mut one = NamespaceChanges {
            netns: label,
            want: None,
            plan: None,
            before: Snapshot::default(),
            notes: BTreeMap::new(),
            plan_hash: None,
            expected: None,
            journal: None,
            undoes: None,
            next_undo: None,
            error: None,
        };
        one.error = namespace
            .and_then(|namespace| self.plan_and_do(&namespace, &mut one))
            .err();
        one
    }

    fn plan_and_do(
        &mut self,
        namespace: &Namespace,
        one: &mut NamespaceChanges,
    ) -> Result<(), Error> {
        one.netns.clone_from(&namespace.label);
        if signals::waiting() {
            return Err(Error::Interrupted);
        }
        let world = self.world;
        let state = self.state(namespace)?;
        let scene = Scene::look(world, namespace, &state)?;
        let draft = (self.draft)(&scene)?;
        self.warnings.extend(draft.warnings);
        one.plan_hash = Some(draft.plan.hash(&place(world, namespace)));
        one.want = Some(draft.want);
        one.before = draft.before;
        one.notes = draft.notes;
        one.undoes = draft.undoes.as_ref().map(|undoes| undoes.words.clone());
        let plan = &*one.plan.insert(draft.plan);
        self.warnings.extend(shadowed(plan));
        if !plan.live.is_empty() {
            // What the changed keys mean depends on these as well.
            let unread = CONTEXT
                .iter()
                .filter(|key| !one.before.0.contains_key(*key));
            let context = scene.snapshot(unread);
            one.before.0.extend(context.0);
        }
        let defaults = scene.baselines(&plan.after.held, &one.before);
        one.expected = scene.expected(&plan.declared().settings, plan.files(), &defaults);
        match &self.hands {
            _ if plan.is_empty() => {}
            Hands::Still => {}
            Hands::Image => execute_image(&world.root, plan.files())?,
            Hands::Free(locked) => {
                agreed(world, self.manner, plan)?;
                let entry = entry(
                    self.manner,
                    state.last + 1,
                    &scene,
                    plan,
                    draft.undoes.as_ref(),
                );
                let id = entry.id;
                let outcome = execute(world.target(), locked, plan, entry);
                one.journal = ended(id, outcome.as_ref().err());
                outcome?;
                one.next_undo = draft
                    .undoes
                    .map(|undoes| undoes.back_to)
                    .filter(|id| *id > 0)
                    .map(|id| describe(&world.store, id));
            }
            // Rather say which keys may not be written than which file.
            Hands::Tied(tied) => {
                check_rights(&world.kernel, &plan.live)?;
                check_files(&world.root, plan.files())?;
                return Err(tied.error());
            }
        }
        Ok(())
    }

    /// What is remembered. A writer first settles entries of dead processes; a reader only mentions them.
    fn state(&mut self, namespace: &Namespace) -> Result<State, Error> {
        let world = self.world;
        if world.root.is_image() {
            return Ok(State::default());
        }
        let Known {
            state,
            unreadable,
            later,
        } = world.store.load()?;
        self.warnings.extend(told_unreadable(unreadable));
        if later && matches!(self.hands, Hands::Free(_)) {
            return Err(Error::Later);
        }
        if state.pending.is_empty() {
            return Ok(state);
        }
        if let Hands::Free(locked) = &self.hands {
            let settled =
                recover::settle(world.target(), locked, &state, &world.machine, namespace)?;
            for Settled { message, wrote } in settled {
                self.warnings.push(Warning {
                    code: "interrupted",
                    message,
                    hint: None,
                });
                self.wrote |= wrote;
            }
            return Ok(world.store.load()?.state);
        }
        let entries = state
            .pending
            .iter()
            .filter_map(|id| world.store.entry(*id).ok());
        let ours = entries.filter(|entry| entry.is_of(&world.machine, namespace.id));
        self.warnings
            .extend(ours.map(|entry| is_pending(&entry, &world.machine)));
        Ok(state)
    }
}

/// Where a plan holds: it is another one on another kernel, after a reboot, in another namespace.
fn place(world: &World, namespace: &Namespace) -> String {
    let Machine { kernel, boot, .. } = &world.machine;
    format!("{kernel} {boot} {:?}", namespace.id)
}

/// How an entry ended, if there is one.
fn ended(id: u64, error: Option<&Error>) -> Option<(u64, Stage)> {
    match error {
        None => Some((id, Stage::Committed)),
        Some(Error::MovedSince { .. } | Error::PutBack(_)) => Some((id, Stage::Reverted)),
        Some(Error::Mixed(..)) => Some((id, Stage::Pending)),
        Some(_) => None,
    }
}

fn is_pending(entry: &Entry, machine: &Machine) -> Warning {
    let id = entry.id;
    let message = if entry.in_progress(machine) {
        format!("entry {id} is in progress: what is shown may change")
    } else {
        format!("entry {id} was interrupted: the next writing verb will settle it")
    };
    Warning {
        code: "pending",
        message,
        hint: None,
    }
}

/// On a terminal, released keys are asked about once.
fn agreed(world: &World, manner: &Manner, plan: &Plan) -> Result<(), Error> {
    let released = plan
        .live
        .iter()
        .filter(|change| change.cause == Cause::Released);
    let released: Vec<_> = released
        .map(|change| format!("{} {} -> {}", change.key, change.from, change.to))
        .collect();
    let question = format!(
        "no longer declared, goes back: {}. Go on?",
        released.join(", ")
    );
    match world.ask {
        Some(ask) if manner.asks && !released.is_empty() && !ask(&printable(&question)) => {
            Err(Error::Declined)
        }
        _ => Ok(()),
    }
}

/// Lines that other loaders would obey, or this one, where that was allowed.
fn shadowed(plan: &Plan) -> Vec<Warning> {
    let Some(boot) = &plan.boot else {
        return Vec::new();
    };
    // One line may be obeyed by several loaders.
    let mut by_line: BTreeMap<(&Key, String), Vec<&Shadow>> = BTreeMap::new();
    for shadow in boot.shadowed.iter().chain(&boot.elsewhere) {
        by_line
            .entry((&shadow.key, shadow.win.place()))
            .or_default()
            .push(shadow);
    }
    let unknown = boot.unknown.iter().map(|(path, why)| Warning {
        code: "unknown-fragment",
        message: format!("{path} cannot be read ({why}): whether it wins is unknown"),
        hint: None,
    });
    let warning = |((key, place), shadows): ((&Key, String), Vec<&Shadow>)| {
        let loaders: Vec<String> = shadows
            .iter()
            .map(|shadow| format!("`{}`", shadow.loader.name()))
            .collect();
        let does = shadows
            .first()
            .map(|shadow| match shadow.win.text.as_str() {
                "" => format!("would leave {key} alone"),
                _ => format!("would set {key} to {}", shadow.win.value()),
            });
        Warning {
            code: "shadowed",
            message: format!(
                "{} {} ({place})",
                loaders.join(" and "),
                does.unwrap_or_default()
            ),
            hint: None,
        }
    };
    by_line.into_iter().map(warning).chain(unknown).collect()
}

fn entry(
    manner: &Manner,
    id: u64,
    scene: &Scene<'_>,
    plan: &Plan,
    undoes: Option<&Undoes>,
) -> Entry {
    let Scene {
        world, namespace, ..
    } = scene;
    let persisted = match undoes {
        Some(undoes) => undoes.persisted.clone(),
        None if plan.files().is_empty() => scene.persisted.clone(),
        None => [id].iter().chain(&scene.persisted).copied().collect(),
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
        files: plan.files().to_vec(),
        confirm: None,
        persisted: namespace.init.then_some(persisted),
    }
}

/// An entry in a few words: `entry 41 (apply high-traffic, 2026-11-22T08:00:00Z)`.
pub(super) fn describe(store: &Store, id: u64) -> String {
    match store.entry(id) {
        Ok(Entry {
            verb, after, time, ..
        }) => format!("entry {id} ({verb} {}, {time})", after.active.name()),
        Err(_) => format!("entry {id}"),
    }
}

fn conclude(
    world: &World,
    manner: &Manner,
    namespaces: Vec<NamespaceChanges>,
    mut warnings: Vec<Warning>,
    wrote: bool,
) -> Report {
    // A failed one wrote nothing that stayed, unless it says what is left.
    let writes = |one: &NamespaceChanges| match &one.error {
        None => one.plan.as_ref().is_some_and(Plan::writes),
        Some(error) => !error.left().is_empty(),
    };
    let changed = wrote || namespaces.iter().any(writes);
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
        host: match world.root.path() {
            Some(path) => format!("image {}", path.display()),
            None => format!("{name}, Linux {kernel}"),
        },
        kernel: kernel.clone(),
        verified: world.machine.version() >= VERIFIED_FROM,
        namespaces,
        named: !world.netns.is_empty(),
        image: world.root.is_image(),
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
