//! What a verb sees of a namespace before it plans: what is remembered, what the next boot stands on.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::confirm;
use crate::change::journal::Entry;
use crate::change::state::{Remembered, State};
use crate::error::Error;
use crate::host::kernel::{near, snapshot};
use crate::host::netns::{self, Namespace};
use crate::host::{defaults, fragments};
use crate::model::catalogue;
use crate::model::dropin::{Installed, Unfit, installed};
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Held, Memory, Settings};
use crate::model::persist::{BootPlan, FileChange, Ground, persist};
use crate::model::plan::{Place, Plan, Refusal, plan};
use crate::model::setting::Setting;
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::sysctld::{Forecast, Loader, Tree, Win};
use crate::model::value::Value;
use crate::report::Expected;

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
    /// The entry that waits to be confirmed. What it did is what is remembered.
    pub(super) unconfirmed: Option<Entry>,
    /// The entries that made the drop-in what it is, newest first.
    pub(super) persisted: Vec<u64>,
    /// The boot axis, where it is this namespace's business.
    pub(super) boot: Option<Boot>,
    /// Where baselines come from that an earlier boot recorded, and keys of which nobody knows one.
    pub(super) recorded: BTreeMap<Key, String>,
    pub(super) unknown: Vec<Key>,
}

/// The files of the next boot.
pub(super) struct Boot {
    tree: Tree,
    pub(super) loader: Loader,
    pub(super) ours: Result<Option<Installed>, Unfit>,
}

impl Boot {
    fn read(world: &World) -> Self {
        let tree = fragments::read(&world.root);
        Self {
            ours: installed(&tree),
            loader: fragments::loader(&world.root),
            tree,
        }
    }

    /// What the drop-in declares, as far as there is one that nobody edited.
    pub(super) fn declared(&self) -> Option<&Installed> {
        self.ours.as_ref().ok()?.as_ref()
    }

    fn ground(&self) -> Result<Ground, Error> {
        let ours = self
            .ours
            .clone()
            .map_err(|unfit| refused(vec![unfit.into()]))?;
        Ok(Ground {
            tree: self.tree.clone(),
            loader: self.loader,
            ours,
            defaults: BTreeMap::new(),
            found: None,
        })
    }

    /// The files once a plan has changed them.
    pub(super) fn after(&self, files: &[FileChange]) -> Tree {
        files.iter().fold(self.tree.clone(), |tree, file| {
            tree.with(&file.path, file.to.as_deref())
        })
    }
}

impl<'a> Scene<'a> {
    pub(super) fn look(
        world: &'a World,
        namespace: &'a Namespace,
        state: &'a State,
    ) -> Result<Self, Error> {
        let boot = namespace.init.then(|| Boot::read(world));
        let mut scene = Self {
            world,
            namespace,
            remembered: state.of(&world.machine, namespace),
            forgotten: state.forgotten(&world.machine, namespace),
            memory: Memory::default(),
            unconfirmed: confirm::waiting(&world.store, state, &world.machine, namespace.id),
            persisted: state.persisted.clone(),
            boot,
            recorded: BTreeMap::new(),
            unknown: Vec::new(),
        };
        scene.memory = match (&scene.unconfirmed, scene.remembered) {
            _ if world.root.is_image() => Memory::default(),
            (Some(entry), _) => entry.after.clone(),
            (None, Some(one)) => one.memory.clone(),
            (None, None) => scene.woken()?,
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
            None => self
                .boot
                .as_ref()
                .and(self.persisted.first())
                .copied()
                .unwrap_or(0),
        }
    }

    pub(super) fn snapshot<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        if self.world.root.is_image() {
            return Snapshot::default();
        }
        snapshot(&self.world.kernel, keys)
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
        let place = Place {
            first_namespace: self.namespace.first,
        };
        plan(wanted, only, memory, found, place).map_err(refused)
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
            ground.defaults = fresh(bounded)?;
            ground.found = Some(self.found(wanted.settings.keys()));
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

    /// What the kernel holds without us.
    fn found<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        let mut found = self.snapshot(keys);
        for (key, reading) in &mut found.0 {
            if let Reading::Value(live) = reading {
                *live = Held::behind(self.memory.held.get(key), live).clone();
            }
        }
        found
    }

    /// Whether a setting is none of this namespace's business.
    pub(super) fn passes_over(&self, key: &Key, setting: &Setting) -> bool {
        setting.optional && !self.namespace.first && catalogue::is_global(key)
    }

    /// The memory of a boot in which tcptune has not written yet: what the drop-in declares was done by the loader.
    fn woken(&mut self) -> Result<Memory, Error> {
        if let Some(Err(unfit @ Unfit::Unread(..))) = self.boot.as_ref().map(|boot| &boot.ours) {
            // What this boot began with cannot be told, and must not be guessed.
            return Err(refused(vec![unfit.clone().into()]));
        }
        let Some((boot, ours)) = self
            .boot
            .as_ref()
            .and_then(|boot| Some((boot, boot.declared()?)))
        else {
            return Ok(Memory::default());
        };
        let ground = boot.ground()?;
        let others = ground.without_us();
        let fresh = fresh(ours.drop_in.assigned.keys())?;
        // The boot in which the drop-in was written, for keys of which nobody else can say a baseline.
        let entry = self
            .persisted
            .first()
            .and_then(|id| self.world.store.entry(*id).ok());
        let mut memory = Memory {
            active: ours.drop_in.active.clone(),
            ..Memory::default()
        };
        let (mut recorded, mut unknown) = (BTreeMap::new(), Vec::new());
        for (key, wrote) in &ours.drop_in.assigned {
            let earlier = entry
                .as_ref()
                .and_then(|entry| Some((entry, entry.after.held.get(key)?)));
            let baseline = match (others.winner(key), fresh.get(key), earlier) {
                (Some(win), ..) => win.taken.value().cloned(),
                (None, Some(value), _) => Some(value.clone()),
                (None, None, Some((entry, held))) => {
                    let note = format!("as it was at {}, on Linux {}", entry.time, entry.kernel);
                    recorded.insert(key.clone(), note);
                    Some(held.baseline.clone())
                }
                (None, None, None) => None,
            };
            match baseline {
                Some(baseline) => {
                    let wrote = wrote.clone();
                    memory.held.insert(key.clone(), Held { baseline, wrote });
                }
                None => unknown.push(key.clone()),
            }
        }
        (self.recorded, self.unknown) = (recorded, unknown);
        Ok(memory)
    }

    /// What the next boot gives for declared keys, once a plan has changed these files; nothing where that is not this
    /// namespace's business.
    ///
    /// # Errors
    /// Only where the process was lost on its way to ask the kernel for its defaults.
    pub(super) fn expected(
        &self,
        settings: &Settings,
        files: &[FileChange],
    ) -> Result<Option<Vec<Expected>>, Error> {
        let Some(boot) = &self.boot else {
            return Ok(None);
        };
        let tree = boot.after(files);
        let forecast = Forecast::of(&tree, boot.loader);
        let declared = installed(&tree).ok().flatten();
        let wins: BTreeMap<&Key, Win> = settings
            .keys()
            .filter_map(|key| Some((key, forecast.winner(key)?)))
            .collect();
        let silent = settings.keys().filter(|key| !wins.contains_key(key));
        let silent: Vec<&Key> = silent.collect();
        let found = self.found(silent.iter().copied());
        let defaults = if self.world.root.is_image() {
            BTreeMap::new()
        } else {
            fresh(silent)?
        };
        let one = |(key, setting): (&Key, &Setting)| {
            let is = |value: Option<&Value>, by: &str, right| Expected {
                key: key.clone(),
                value: value.cloned(),
                by: by.to_owned(),
                right,
            };
            if let Some(win) = wins.get(key) {
                let value = win.value();
                return is(Some(&value), &win.place(), Some(setting.accepts(&value)));
            }
            if let Some(value) = defaults.get(key) {
                let right = setting.accepts(value);
                return is(Some(value), "the kernel's default", Some(right));
            }
            let ours = declared.as_ref().map(|ours| &ours.drop_in);
            match found.get(key) {
                // The drop-in was written when the kernel's default could be asked for.
                _ if ours.is_some_and(|ours| ours.leaves_out(key)) => {
                    is(None, "enough without the drop-in", Some(true))
                }
                _ if self.passes_over(key, setting) => {
                    is(None, "not this namespace's to set", Some(true))
                }
                Reading::Absent if setting.optional && !self.world.root.is_image() => {
                    is(None, "this kernel does not have it", Some(true))
                }
                // It may be the default, or a runtime writer's.
                Reading::Value(value) if !setting.accepts(value) => {
                    is(Some(value), "as without tcptune now", Some(false))
                }
                _ => is(None, "no file says so", None),
            }
        };
        Ok(Some(settings.iter().map(one).collect()))
    }

    /// Who seems to have written what a key holds now, if tcptune did not.
    pub(super) fn holder(&self, key: &Key, holds: &Value) -> String {
        let lines = self
            .boot
            .as_ref()
            .map(|boot| Forecast::of(&boot.tree, boot.loader).next_boot(key));
        let lines = lines.map(|next| {
            let wins = [next.systemd, next.procps, next.sysctl_p]
                .into_iter()
                .flatten();
            wins.chain(next.shadowed)
                .find(|win| win.value() == *holds)
                .map(|win| win.place())
        });
        if let Some(place) = lines.flatten() {
            return format!("as {place} says");
        }
        match self.memory.held.get(key) {
            Some(held) if held.baseline == *holds => "as it was before tcptune".to_owned(),
            _ => "a runtime writer: no file and no entry says so".to_owned(),
        }
    }
}

/// The kernel's own defaults, as far as they can be told.
///
/// # Errors
/// Only where the process was lost on its way.
pub(super) fn fresh<'k>(
    keys: impl IntoIterator<Item = &'k Key>,
) -> Result<BTreeMap<Key, Value>, Error> {
    match defaults::read(keys) {
        // In the wrong namespace nothing may go on.
        Err(error) if netns::is_lost(&error) => Err(error),
        told => Ok(told.unwrap_or_default()),
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
