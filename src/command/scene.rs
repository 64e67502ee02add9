//! What a verb sees of a namespace before it plans: what is remembered, what the next boot stands on.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::confirm;
use crate::change::journal::{Entry, Stage};
use crate::change::state::{Remembered, State};
use crate::error::Error;
use crate::host::kernel::{near, snapshot};
use crate::host::netns::{self, Namespace};
use crate::host::{defaults, fragments};
use crate::model::catalogue;
use crate::model::dropin::{self, DropIn, Installed, Unfit, installed};
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Held, Memory, Settings};
use crate::model::persist::{BootPlan, FileChange, Ground, persist};
use crate::model::plan::{Place, Plan, Refusal, plan};
use crate::model::setting::Setting;
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::sysctld::{Forecast, Loader, Tree, Win};
use crate::model::value::Value;
use crate::report::{Expected, Warning};

use super::reach::DropInFile;
use super::{World, cautions};

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

/// A drop-in that is not there any more, although no entry took it away; perhaps something else is in its place.
pub(super) struct Gone {
    /// The entry that wrote it.
    pub(super) entry: u64,
    /// Where it was.
    pub(super) path: String,
    text: String,
}

/// The files of the next boot.
pub(super) struct Boot {
    tree: Tree,
    pub(super) loader: Loader,
    pub(super) ours: Result<Option<Installed>, Unfit>,
    /// What the drop-in says of itself, whatever was done to it.
    pub(super) recorded: Option<DropIn>,
}

impl Boot {
    fn read(world: &World) -> Self {
        let tree = fragments::read(&world.root);
        Self {
            ours: installed(&tree),
            recorded: dropin::recorded(&tree),
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
            live: None,
            held: BTreeMap::new(),
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
            pending: &state.pending,
            unconfirmed: confirm::waiting(&world.store, state, &world.machine, namespace.id),
            persisted: state.persisted.clone(),
            gone: None,
            boot,
            recorded: BTreeMap::new(),
        };
        scene.gone = scene.gone();
        if scene.gone.is_some() {
            // Nothing is left of what they made.
            scene.persisted.clear();
        }
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
            ground.defaults = fresh(bounded)?;
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

    /// Whether a setting is none of this namespace's business.
    pub(super) fn passes_over(&self, key: &Key, setting: &Setting) -> bool {
        setting.optional && !self.namespace.first && catalogue::is_global(key)
    }

    /// The drop-in that the newest entry left, where there is none now.
    fn gone(&self) -> Option<Gone> {
        self.boot.as_ref().filter(|boot| boot.ours == Ok(None))?;
        let entry = self.world.store.entry(*self.persisted.first()?).ok()?;
        let left = entry
            .files
            .into_iter()
            .find_map(|file| Some((file.path, file.to?)));
        let (path, text) = left?;
        Some(Gone {
            entry: entry.id,
            path,
            text,
        })
    }

    /// What another namespace is called in which an entry waits to be confirmed.
    pub(super) fn unconfirmed_elsewhere(&self) -> Option<String> {
        let entries = self
            .pending
            .iter()
            .filter_map(|id| self.world.store.entry(*id).ok());
        let mut waiting = entries.filter(|entry| {
            entry.state == Stage::Unconfirmed && entry.boot == self.world.machine.boot
        });
        waiting.next().map(|entry| entry.netns)
    }

    /// What is wrong with the drop-in itself.
    pub(super) fn misfit(&self) -> Option<Warning> {
        let unfit = self.boot.as_ref()?.ours.as_ref().err();
        unfit
            .map(cautions::unfit)
            .or_else(|| self.gone.as_ref().map(cautions::is_gone))
    }

    /// The memory of a boot in which tcptune has not written yet: what the drop-in declares was done by the loader.
    fn woken(&mut self) -> Result<Memory, Error> {
        let Some(boot) = &self.boot else {
            return Ok(Memory::default());
        };
        if let Err(unfit @ Unfit::Unread(..)) = &boot.ours {
            // What this boot began with cannot be told, and must not be guessed.
            return Err(refused(vec![unfit.clone().into()]));
        }
        let gone = self
            .gone
            .as_ref()
            .and_then(|gone| DropIn::recorded(&gone.text));
        let Some(drop_in) = boot.recorded.as_ref().or(gone.as_ref()) else {
            return Ok(Memory::default());
        };
        let others = Forecast::of(&dropin::without(&boot.tree), boot.loader);
        let fresh = fresh(drop_in.assigned.keys())?;
        let (mut held, mut recorded) = (BTreeMap::new(), BTreeMap::new());
        for (key, wrote) in &drop_in.assigned {
            let baseline = match others.winner(key) {
                Some(win) => win.taken.value().cloned(),
                None => fresh.get(key).cloned(),
            };
            let baseline = baseline.or_else(|| {
                let (baseline, note) = self.earlier(key)?;
                recorded.insert(key.clone(), note);
                Some(baseline)
            });
            let wrote = wrote.clone();
            held.insert(key.clone(), Held { baseline, wrote });
        }
        let mut active = drop_in.active.clone();
        if self.gone.is_some() {
            // Nothing says any more that it is declared, but this boot may have begun with it.
            active = ActiveSet::default();
            let now = self.snapshot(held.keys());
            held.retain(|key, held| now.get(key).value() == Some(&held.wrote));
        }
        self.recorded = recorded;
        Ok(Memory { active, held })
    }

    /// A baseline that one of the entries recorded which made the drop-in what it is, the newest that has one, and how
    /// old it is.
    fn earlier(&self, key: &Key) -> Option<(Value, String)> {
        let entries = self
            .persisted
            .iter()
            .filter_map(|id| self.world.store.entry(*id).ok());
        let mut recorded = entries.filter_map(|entry| {
            let baseline = entry.after.held.get(key)?.baseline.clone()?;
            let note = format!("as it was at {}, on Linux {}", entry.time, entry.kernel);
            Some((baseline, note))
        });
        recorded.next()
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
        let now = self.snapshot(settings.keys());
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
                let right = setting.accepts(&value);
                // Of keys outside the catalogue only the kernel knows what they take.
                let untried = right
                    && catalogue::Entry::of(key).is_none()
                    && now.get(key).value().is_some_and(|live| *live != value);
                return if untried {
                    let by = format!("{}, if the kernel takes it", win.place());
                    is(Some(&value), &by, None)
                } else {
                    is(Some(&value), &win.place(), Some(right))
                };
            }
            if let Some(value) = defaults.get(key) {
                let right = setting.accepts(value);
                return is(Some(value), "the kernel's default", Some(right));
            }
            let ours = declared.as_ref().map(|ours| &ours.drop_in);
            let behind = |live| Held::behind(self.memory.held.get(key), live);
            match now.get(key) {
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
                Reading::Value(live) => match behind(live) {
                    Some(value) if !setting.accepts(value) => {
                        is(Some(value), "as without tcptune now", Some(false))
                    }
                    _ => is(None, "no file says so", None),
                },
                _ => is(None, "no file says so", None),
            }
        };
        Ok(Some(settings.iter().map(one).collect()))
    }

    /// Who seems to have written what a key holds now, if tcptune did not.
    ///
    /// # Errors
    /// Only where the process was lost on its way to ask the kernel for its default.
    pub(super) fn holder(&self, key: &Key, holds: &Value) -> Result<String, Error> {
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
            return Ok(format!("as {place} says"));
        }
        Ok(match self.memory.held.get(key) {
            Some(held) if held.baseline.as_ref() == Some(holds) => {
                "as it was before tcptune".to_owned()
            }
            _ if fresh([key])?.get(key) == Some(holds) => "as the kernel's default".to_owned(),
            _ => "a runtime writer: no file and no entry says so".to_owned(),
        })
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
