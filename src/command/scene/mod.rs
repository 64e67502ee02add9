//! What a verb sees of a namespace before it plans: what is remembered, what the next boot stands on.

mod boot;
mod outlook;
mod woken;

use std::collections::{BTreeMap, BTreeSet};

use crate::change::confirm;
use crate::change::journal::{Entry, Stage};
use crate::change::state::{Remembered, State};
use crate::error::Error;
use crate::host::kernel::near;
use crate::host::netns::Namespace;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Memory, words_for};
use crate::model::persist::{BootPlan, persist};
use crate::model::plan::{Place, Plan, plan};
use crate::model::refusal::Refusal;
use crate::model::snapshot::Snapshot;

pub(super) use boot::{Boot, Gone};

use super::World;
use super::reach::DropInFile;

/// What a verb sees of a namespace.
pub(super) struct Scene<'a> {
    pub(super) world: &'a World,
    pub(super) namespace: &'a Namespace,
    pub(super) remembered: Option<&'a Remembered>,
    pub(super) forgotten: Option<&'a Remembered>,
    /// What is remembered of the live axis. A new boot begins with what its drop-in declares.
    pub(super) memory: Memory,
    /// Entries that are not finished, in whatever namespace.
    pending: &'a [u64],
    /// The entry that waits to be confirmed. What it did is what is remembered.
    pub(super) unconfirmed: Option<Entry>,
    /// The entries that made the drop-in what it is, newest first.
    pub(super) persisted: Vec<u64>,
    /// The boot axis, where it is this namespace's business.
    pub(super) boot: Option<Boot>,
    /// The drop-in, where somebody has removed it.
    pub(super) gone: Option<Gone>,
    /// Where baselines come from that an earlier boot recorded.
    pub(super) recorded: BTreeMap<Key, String>,
}

impl<'a> Scene<'a> {
    pub(super) fn look(
        world: &'a World,
        namespace: &'a Namespace,
        state: &'a State,
    ) -> Result<Self, Error> {
        let elsewhere = world.elsewhere.as_deref();
        let boot = namespace.init.then(|| Boot::read(world, state)).flatten();
        let mut scene = Self {
            world,
            namespace,
            remembered: state.of(&world.machine, namespace),
            forgotten: state.forgotten(&world.machine, namespace),
            memory: Memory::default(),
            pending: &state.pending,
            unconfirmed: match elsewhere {
                Some(facts) => facts.waits.clone(),
                None => confirm::waiting(&world.store, state, &world.machine, namespace.id)?,
            },
            persisted: state.persisted.clone(),
            gone: None,
            boot,
            recorded: elsewhere
                .map(|facts| facts.recorded.clone())
                .unwrap_or_default(),
        };
        scene.gone = scene.gone();
        scene.memory = match (elsewhere, &scene.unconfirmed, scene.remembered) {
            _ if world.root.is_image() => Memory::default(),
            (Some(facts), ..) => facts.memory.clone(),
            (None, Some(entry), _) => entry.after.clone(),
            (None, None, Some(one)) => one.memory.clone(),
            (None, None, None) => scene.woken()?,
        };
        // What the drop-in brought back, the reboot did not forget.
        let memory = &scene.memory;
        scene.forgotten = scene
            .forgotten
            .filter(|one| !one.memory.active.wants_the_same(&memory.active));
        Ok(scene)
    }

    /// The entry in effect, 0 for none. What was live only before a reboot is in effect no more.
    pub(super) fn head(&self) -> u64 {
        match self.remembered {
            Some(one) => one.head(),
            // Of a drop-in that somebody removed nothing is left.
            None if self.gone.is_some() => 0,
            None => self
                .boot
                .as_ref()
                .and(self.persisted.first())
                .copied()
                .unwrap_or(0),
        }
    }

    /// What there is before keys are written.
    pub(super) fn before<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        self.world.snapshot_with_followers(keys)
    }

    pub(super) fn place(&self) -> Place {
        Place {
            first_namespace: self.namespace.first,
        }
    }

    pub(super) fn snapshot<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        self.world.snapshot(keys)
    }

    /// Compares what is wanted here with what is remembered and what was found; see [`plan`].
    fn plan(
        &self,
        wanted: &ActiveSet,
        only: Option<&BTreeSet<Key>>,
        found: &Snapshot,
    ) -> Result<Plan, Error> {
        self.plan_from(&self.memory, wanted, only, found)
    }

    /// The same with another memory.
    pub(super) fn plan_from(
        &self,
        memory: &Memory,
        wanted: &ActiveSet,
        only: Option<&BTreeSet<Key>>,
        found: &Snapshot,
    ) -> Result<Plan, Error> {
        plan(wanted, only, memory, found, self.place()).map_err(refused)
    }

    /// Plans every axis that is spoken of: `live` with the keys that may change, `boot`.
    pub(super) fn plan_axes(
        &self,
        live: Option<(&ActiveSet, Option<&BTreeSet<Key>>)>,
        boot: Option<&ActiveSet>,
        file: &DropInFile,
        found: &Snapshot,
    ) -> Result<Plan, Error> {
        let mut plan = match live {
            Some((wanted, only)) => self.plan(wanted, only, found)?,
            None => Plan::still(&self.memory),
        };
        plan.boot = boot.map(|wanted| self.persist(wanted, file)).transpose()?;
        // That somebody removed the drop-in is settled by whoever speaks of the next boot again.
        plan.remembers |= plan.boot.is_some() && self.gone.is_some();
        Ok(plan)
    }

    /// What the boot axis declares.
    pub(super) fn declared_at_boot(&self) -> Result<ActiveSet, Error> {
        Ok(self.boot()?.ground()?.declared())
    }

    /// Plans the boot axis; see [`persist`].
    pub(super) fn persist(&self, wanted: &ActiveSet, file: &DropInFile) -> Result<BootPlan, Error> {
        let bounded = wanted
            .settings
            .iter()
            .filter(|(_, setting)| setting.exact.is_none());
        let bounded = bounded.map(|(key, _)| key);
        let mut ground = self.boot()?.ground()?;
        if !self.world.root.is_image() {
            ground.defaults = self.world.fresh(bounded)?;
            ground.live = Some(self.snapshot(wanted.settings.keys()));
            ground.held.clone_from(&self.memory.held);
        }
        persist(
            wanted,
            &ground,
            file.drop_in.as_deref(),
            file.allow_shadowed,
        )
        .map_err(refused)
    }

    fn boot(&self) -> Result<&Boot, Error> {
        self.boot
            .as_ref()
            .ok_or_else(|| super::no_boot("the boot scope"))
    }

    /// How to ask for another namespace in which an entry waits to be confirmed.
    pub(super) fn unconfirmed_elsewhere(&self) -> Option<String> {
        let entries = self
            .pending
            .iter()
            .filter_map(|id| self.world.store.entry(*id).ok());
        let mut waiting = entries.filter(|entry| {
            // One of this name waits in a namespace that nobody finds by it any more.
            entry.state == Stage::Unconfirmed
                && entry.boot == self.world.machine.boot
                && entry.netns != self.namespace.label
        });
        let label = waiting.next()?.netns;
        words_for(&label).map(str::to_owned)
    }
}

/// Turns refusals of the planners into an error; an absent key gets the name that it nearly has.
pub(super) fn refused(refusals: Vec<Refusal>) -> Error {
    let near = match refusals.as_slice() {
        [Refusal::Absent(key)] => near(key),
        _ => None,
    };
    Error::Refused { refusals, near }
}
