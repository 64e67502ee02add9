//! What `diff`, `apply`, `set`, `off` and `rollback` share: for each namespace, look, plan, and perhaps do.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use crate::change::confirm::{self, TakenBack};
use crate::change::execute::{check_files, execute, execute_image};
use crate::change::journal::{Confirm, Entry, Stage};
use crate::change::keys::Keys;
use crate::change::locked::Locked;
use crate::change::recover::{self, Settled};
use crate::change::state::State;
use crate::change::store::Known;
use crate::error::Error;
use crate::exit::Exit;
use crate::host::kernel::Kernel;
use crate::host::netns::Namespace;
use crate::host::{guard, signals};
use crate::model::change::{Cause, Change};
use crate::model::check::check;
use crate::model::finding::Severity;
use crate::model::handshake::CONTEXT;
use crate::model::key::Key;
use crate::model::plan::{Kept, KeptWhy, Plan, gone};
use crate::model::snapshot::Snapshot;
use crate::report::{Body, Changes, Depth, NamespaceChanges, Report, Warning};

use super::approval::{approved, of_one_namespace, plan_hash};
use super::cautions::{
    along, is_held, is_pending, nothing_to_confirm, shadowed, waits_there, was_unsettled,
    without_baseline, would_be_refused, writers,
};
use super::consent::{self, Consent};
use super::draft::{Draft, Drafter, End, Manner, describe, entry};
use super::hands::Hands;
use super::pods::Pods;
use super::scene::Scene;
use super::{World, relisten, told_unreadable};

/// Runs a verb over its namespaces. On a terminal, a dry run asks first.
pub(super) fn run(world: &World, manner: &Manner, draft: &Drafter<'_>) -> Report {
    if !consent::is_wanted(world, manner) {
        return go(world, manner, draft, None);
    }
    let look = Manner {
        depth: Depth::DryRun,
        ..manner.clone()
    };
    match Consent::ask(world, go(world, &look, draft, None)) {
        Ok(consent) => go(world, manner, draft, Some(&consent)),
        Err(declined) => *declined,
    }
}

fn go(world: &World, manner: &Manner, draft: &Drafter<'_>, consent: Option<&Consent>) -> Report {
    let hands = match Hands::of(world, manner) {
        Ok(hands) => hands,
        Err(error) => return super::failed(manner.verb, error),
    };
    let in_force = if HELD.contains(&manner.verb) {
        super::hold_in_force(world)
    } else {
        Ok(None)
    };
    let warnings = match (in_force, manner.depth) {
        (Err(error), _) => return super::failed(manner.verb, error),
        (Ok(Some(hold)), Depth::Deed) => {
            return super::failed(manner.verb, Error::Held(hold.words()));
        }
        (Ok(hold), _) => hold.iter().map(is_held).collect(),
    };
    let pods = Pods::look(world, manner.depth);
    if let Err(error) = of_one_namespace(manner, &pods.targets) {
        return super::failed(manner.verb, error);
    }
    let mut transaction = Transaction {
        world,
        manner,
        draft,
        consent,
        hands,
        known: None,
        warnings,
        wrote: false,
    };
    let mut met = Vec::new();
    let namespaces = world.look_at(&pods.targets, |namespace, label| {
        met.extend(namespace.iter().map(|one| (one.id.inode, label.clone())));
        transaction.visit(namespace, label)
    });
    let Transaction {
        mut warnings,
        wrote,
        ..
    } = transaction;
    warnings.extend(pods.warnings(world, &met));
    conclude(world, manner, namespaces, warnings, wrote)
}

struct Transaction<'a> {
    world: &'a World,
    manner: &'a Manner,
    draft: &'a Drafter<'a>,
    /// What was agreed to, where somebody was asked.
    consent: Option<&'a Consent>,
    hands: Hands,
    /// What is remembered, for hands that do not write.
    known: Option<Rc<Known>>,
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
            findings: Vec::new(),
            listeners: Vec::new(),
            plan_hash: None,
            drop_in: None,
            expected: None,
            journal: None,
            undoes: None,
            next_undo: None,
            until: None,
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
        let known = self.state(namespace)?;
        let state = &known.state;
        let scene = Scene::look(world, namespace, state)?;
        let mut draft = (self.draft)(&scene)?;
        self.warnings.append(&mut draft.warnings);
        if let Some(entry) = &scene.unconfirmed {
            one.until = self.waits(entry, &mut draft)?;
        }
        one.plan_hash = plan_hash(&scene, &draft, self.manner);
        one.want = Some(draft.want.clone());
        one.before = mem::take(&mut draft.before);
        one.notes.clone_from(&draft.notes);
        one.undoes = draft.undoes.as_ref().map(|undoes| undoes.words.clone());
        let plan = &**one.plan.insert(draft.plan.clone());
        approved(self.manner, &draft.want.hash, one.plan_hash.as_deref())?;
        self.warnings.extend(shadowed(plan));
        self.warnings.extend(along(plan));
        self.warnings.extend(without_baseline(plan));
        for change in plan
            .live
            .iter()
            .filter(|change| change.cause == Cause::Released)
        {
            let note = scene.recorded.get(&change.key).cloned();
            one.notes
                .extend(note.map(|note| (change.key.clone(), note)));
        }

        self.warnings.extend(writers(world, plan));
        if self.manner.confirm_within.is_some() && plan.live.is_empty() && !plan.is_empty() {
            self.warnings.push(nothing_to_confirm());
        }
        if !plan.live.is_empty() {
            // What the changed keys mean depends on these as well.
            let unread = CONTEXT
                .iter()
                .filter(|key| !one.before.0.contains_key(*key));
            let context = scene.snapshot(unread);
            one.before.0.extend(context.0);
            let after = one.before.of_catalogue().supposing(plan.writing()).values();
            one.findings = check(&plan.declared().settings, &after);
            // What is good to know about a change is no news where there is none.
            let changes = |key: &Key| plan.live.iter().any(|change| change.key == *key);
            one.findings
                .retain(|one| one.severity > Severity::Note || changes(&one.key));
        }
        one.listeners = relisten::look(&scene, plan, &one.before);
        let ours = scene.boot.as_ref().and_then(|boot| boot.declared());
        let live = &plan.after.active;
        one.drop_in = ours.map(|ours| ours.drop_in.active.wants_the_same(live));
        if !plan.is_empty() {
            // What is written is read back, too, or this is never said.
            let done = match self.manner.depth {
                Depth::Deed => plan.live.as_slice(),
                Depth::Question | Depth::DryRun => &[],
            };
            one.expected =
                scene.expected(&plan.declared().settings, plan.files(), done, &one.before)?;
        }
        match &self.hands {
            _ if draft.plan.is_empty() => {}
            Hands::Still if self.manner.depth == Depth::DryRun => {
                self.warnings.extend(would_be_refused(world, plan));
            }
            Hands::Still => {}
            Hands::Image => execute_image(&world.root, draft.plan.files())?,
            Hands::Free(locked) => {
                if let Some(consent) = self.consent {
                    consent.covers(&one.netns, &draft.plan)?;
                }
                self.carry_out(locked, &scene, state, &draft, one)?;
                one.next_undo = draft
                    .undoes
                    .map(|undoes| undoes.back_to)
                    .filter(|id| *id > 0)
                    .map(|id| describe(&world.store, id));
            }
            // Rather say which keys may not be written than which file.
            Hands::Tied(tied) => {
                Keys::open(&world.kernel, &draft.plan.live)?;
                check_files(&world.root, draft.plan.files())?;
                return Err(tied.error());
            }
        }
        Ok(())
    }

    /// While an entry waits to be confirmed, the same wish again is nothing to do, and another one is refused. Until
    /// when it waits, where it is the same.
    fn waits(&mut self, waiting: &Entry, draft: &mut Draft) -> Result<Option<String>, Error> {
        if draft.ends.is_some() {
            return Ok(None);
        }
        let Plan {
            live, remembers, ..
        } = &*draft.plan;
        let wish = waiting
            .confirm
            .as_ref()
            .and_then(|confirm| confirm.boot.as_ref());
        // Whoever speaks of the next boot alone wants the files now.
        let is_trial = self.manner.verb != "persist";
        let same = is_trial && live.is_empty() && !remembers && draft.boot_wish().as_ref() == wish;
        if !same && self.manner.depth != Depth::Question {
            return Err(Error::Unconfirmed(
                waiting.id,
                confirm::left(waiting) / 1000,
            ));
        }
        if same && self.manner.depth != Depth::Question {
            // The files come when it is confirmed.
            Rc::make_mut(&mut draft.plan).boot = None;
        }
        let said = match &self.world.elsewhere {
            None => is_pending(waiting, &self.world.machine),
            Some(_) => waits_there(waiting),
        };
        if !self.warnings.contains(&said) {
            self.warnings.push(said);
        }
        let until = waiting
            .confirm
            .as_ref()
            .map(|confirm| confirm.until.clone());
        Ok(until.filter(|_| same))
    }

    /// Does what a draft says, and notes the entry of the journal.
    fn carry_out(
        &self,
        locked: &Locked,
        scene: &Scene<'_>,
        state: &State,
        draft: &Draft,
        one: &mut NamespaceChanges,
    ) -> Result<(), Error> {
        let world = self.world;
        let target = world.target();
        match &draft.ends {
            Some((entry, End::Kept)) => {
                one.journal = Some((entry.id, Stage::Unconfirmed));
                let mut entry = entry.clone();
                if let Some(boot) = &draft.plan.boot {
                    entry.found.clone_from(&boot.found);
                }
                confirm::keep(
                    target,
                    locked,
                    entry.clone(),
                    draft.plan.files(),
                    &scene.persisted,
                )?;
                one.journal = Some((entry.id, Stage::Committed));
                return Ok(());
            }
            Some((entry, End::Rejected)) => {
                Keys::open(target.kernel, &draft.plan.live)?;
                one.journal = Some((entry.id, Stage::Unconfirmed));
                let taken = confirm::take_back(target, locked, entry.clone(), REJECTED)?;
                if let Some(plan) = &mut one.plan {
                    only_taken(Rc::make_mut(plan), &taken, target.kernel);
                }
                one.journal = Some((entry.id, Stage::Reverted));
                return Ok(());
            }
            None => {}
        }
        let id = state.last + 1;
        // Without a live change nothing can cut anybody off, and nothing waits.
        let within = self.manner.confirm_within;
        let within = within.filter(|_| !draft.plan.live.is_empty());
        let (plan, confirm) = match within {
            None => (draft.plan.clone(), None),
            Some(within) => {
                guard::start(&world.root, id, scene.namespace)?;
                // The time begins once the guard stands.
                let confirm = Confirm::new(within, draft.boot_wish());
                one.until = Some(confirm.until.clone());
                // The files come when it is confirmed.
                let plan = Plan {
                    boot: None,
                    ..(*draft.plan).clone()
                };
                (Rc::new(plan), Some(confirm))
            }
        };
        let entry = entry(
            self.manner,
            id,
            scene,
            &plan,
            draft.undoes.as_ref(),
            confirm,
        );
        let done = if entry.confirm.is_some() {
            Stage::Unconfirmed
        } else {
            Stage::Committed
        };
        let outcome = execute(target, locked, &plan, entry);
        one.journal = ended(id, done, outcome.as_ref().err());
        outcome
    }

    /// What is remembered. A writer first settles entries of dead processes; a reader only mentions them.
    fn state(&mut self, namespace: &Namespace) -> Result<Rc<Known>, Error> {
        let world = self.world;
        if world.is_stateless() {
            let facts = world.elsewhere.as_deref();
            let unsettled = facts.map_or(&[][..], |facts| &facts.unsettled);
            self.warnings
                .extend(unsettled.iter().map(|message| was_unsettled(message)));
            return Ok(Rc::default());
        }
        let known = self.load()?;
        self.warnings
            .extend(told_unreadable(known.unreadable.clone()));
        if known.later && matches!(self.hands, Hands::Free(_)) {
            return Err(Error::Later);
        }
        let pending = &known.state.pending;
        if pending.is_empty() {
            return Ok(known);
        }
        if let Hands::Free(locked) = &self.hands {
            let (target, machine) = (world.target(), &world.machine);
            let settled = recover::settle(target, locked, &known.state, machine, namespace)?;
            for Settled { message, wrote } in settled {
                self.warnings.push(Warning {
                    code: "interrupted",
                    message,
                    hint: None,
                });
                self.wrote |= wrote;
            }
            return locked.load();
        }
        let entries = pending.iter().filter_map(|id| world.store.entry(*id).ok());
        let ours = entries.filter(|entry| entry.is_of(&world.machine, namespace.id));
        self.warnings
            .extend(ours.map(|entry| is_pending(&entry, &world.machine)));
        Ok(known)
    }

    /// It is read once: a writer is alone with it, and a reader tells of one moment.
    fn load(&mut self) -> Result<Rc<Known>, Error> {
        if let Hands::Free(locked) = &self.hands {
            return locked.load();
        }
        let known = match &self.known {
            Some(known) => known.clone(),
            None => Rc::new(self.world.store.load()?),
        };
        self.known = Some(known.clone());
        Ok(known)
    }
}

/// Verbs that wait while a hold is in force. A person who sets or takes back single things knows about it.
const HELD: [&str; 4] = ["apply", "off", "persist", "diff"];

/// What the journal says of an entry that somebody took back before its deadline.
const REJECTED: &str = "rejected before it was confirmed";

/// Leaves in a plan what was taken back: no more is claimed. What somebody else has changed since the plan is theirs.
fn only_taken(plan: &mut Plan, taken: &TakenBack, kernel: &dyn Kernel) {
    let is_taken = |change: &Change| taken.changes.iter().any(|one| one.key == change.key);
    let (done, moved) = mem::take(&mut plan.live).into_iter().partition(is_taken);
    plan.live = done;
    for Change { key, from, .. } in moved {
        match kernel.read(&key) {
            Ok(value) => plan.kept.push(Kept {
                key,
                value,
                why: KeptWhy::OtherWriter(from),
            }),
            Err(_) => plan.skipped.push(gone(&key)),
        }
    }
}

/// How an entry ended, if there is one.
fn ended(id: u64, done: Stage, error: Option<&Error>) -> Option<(u64, Stage)> {
    match error {
        None => Some((id, done)),
        Some(Error::MovedSince { .. } | Error::PutBack(_)) => Some((id, Stage::Reverted)),
        Some(Error::Mixed(..)) => Some((id, Stage::Pending)),
        Some(_) => None,
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
        None => one.plan.as_ref().is_some_and(|plan| plan.writes()),
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
    let body = Body::Changes(Changes {
        depth: manner.depth,
        site: world.site(),
        namespaces,
        named: !world.netns.is_empty(),
        only_hash: manner.only_hash,
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
