//! `rollback`: undoes the entry in effect, or everything since an entry; it is an entry itself.

use std::collections::BTreeMap;

use clap::Args;

use crate::change::confirm;
use crate::change::journal::{Entry, Stage};
use crate::error::Error;
use crate::host::staged;
use crate::model::change::Change;
use crate::model::dropin::installed;
use crate::model::memory::ActiveSet;
use crate::model::persist::{BootPlan, FileChange};
use crate::model::plan::{Kept, KeptWhy, Plan};
use crate::model::snapshot::Snapshot;
use crate::model::sorted;
use crate::model::undo::{Files, PutBack, put_back, retrace, retrace_files};
use crate::report::{Report, Want, Warning};

use super::apply::Deed;
use super::draft::{Draft, End, Undoes, describe};
use super::scene::{Scene, refused};
use super::transaction;
use super::{World, candidates};

/// The words of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// Back to how things stood right after this entry; 0 is before the first one
    #[arg(long, value_name = "ID", add = candidates::entries())]
    to: Option<u64>,
    /// Go on although a key, or the drop-in, is not as tcptune left it
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
    if let Some(entry) = &scene.unconfirmed {
        return match request.to {
            None => Ok(rejection(scene, entry)),
            Some(_) => Err(Error::Unconfirmed(entry.id, confirm::left(entry) / 1000)),
        };
    }
    let journal = Journal::of(scene)?;
    let head = scene.head();
    let target = match request.to {
        Some(0) => 0,
        Some(id) => {
            let entry = journal.entries.get(&id);
            journal.standing(entry.ok_or_else(|| unknown(scene, id))?)
        }
        None if head == 0 => 0,
        None => journal.parent(journal.entry(head)?),
    };
    if target == head {
        return Ok(nothing(scene));
    }
    let (plan, before) = journal.way(head, target)?.plan(scene, request.force)?;
    let standing = if target == 0 {
        "before the first entry".to_owned()
    } else {
        format!("after entry {target}")
    };
    let active = &plan.after.active;
    let want = Want::new(
        format!("as {standing}: {}", active.name()),
        &active.settings,
    );
    let words = match request.to {
        None => format!("rollback of {}", describe(&scene.world.store, head)),
        Some(_) => format!("rollback to how things stood {standing}"),
    };
    let persisted = journal
        .entries
        .get(&target)
        .and_then(|entry| entry.persisted.clone());
    let undoes = Undoes {
        words,
        back_to: target,
        persisted: persisted.unwrap_or_default(),
    };
    let forgotten = forgotten(scene).filter(|_| request.to.is_none());
    Ok(Draft {
        undoes: Some(undoes),
        warnings: forgotten.into_iter().collect(),
        ..Draft::new(want, plan, before)
    })
}

/// Meanwhile, an entry that waits to be confirmed is what there is to undo. What somebody else changed since is left.
fn rejection(scene: &Scene<'_>, entry: &Entry) -> Draft {
    let before = scene.before(entry.changes.iter().map(|change| &change.key));
    let PutBack { changes, along, .. } = put_back(entry.deed(), Some(&before), &Files::new());
    let kept = entry.changes.iter().rev().filter_map(|change| {
        let holds = before.get(&change.key).value()?;
        let goes_back = changes.iter().any(|back| back.key == change.key);
        (!goes_back && *holds != change.from).then(|| Kept {
            key: change.key.clone(),
            value: holds.clone(),
            why: KeptWhy::OtherWriter(change.to.clone()),
        })
    });
    let plan = Plan {
        kept: kept.collect(),
        live: changes,
        along,
        after: entry.before.clone(),
        remembers: true,
        ..Plan::default()
    };
    let active = &entry.before.active;
    let want = Want::new(
        format!("as before entry {}: {}", entry.id, active.name()),
        &active.settings,
    );
    Draft {
        ends: Some((entry.clone(), End::Rejected)),
        ..Draft::new(want, plan, before)
    }
}

/// The committed entries of this boot and namespace, and those of earlier boots whose drop-ins outlived them; each on
/// top of its parent: a tree, as an entry that was undone keeps its place.
struct Journal<'s> {
    scene: &'s Scene<'s>,
    entries: BTreeMap<u64, Entry>,
}

/// How to get from one entry to another.
struct Way<'j> {
    /// Entries of this boot that are undone, newest first.
    undone: Vec<&'j Entry>,
    /// Changes of files, in order, those of earlier boots included.
    files: Vec<FileChange>,
    /// Whether an entry of an earlier boot is among them.
    crosses: bool,
    /// Entries of this boot that are done again, oldest first.
    redone: Vec<&'j Entry>,
}

impl<'s> Journal<'s> {
    fn of(scene: &'s Scene<'s>) -> Result<Self, Error> {
        let ours = |entry: &Entry| {
            let lasts =
                scene.boot.is_some() && entry.persisted.is_some() && !entry.files.is_empty();
            entry.state == Stage::Committed && (is_here(scene, entry) || lasts)
        };
        let entries = scene.world.store.entries()?.0.into_iter().filter(ours);
        let entries = sorted::map(entries.map(|entry| (entry.id, entry)));
        Ok(Self { scene, entries })
    }

    fn entry(&self, id: u64) -> Result<&Entry, Error> {
        self.entries.get(&id).ok_or_else(|| gone(id))
    }

    /// What an entry stands on. What was live only in an earlier boot counts no more.
    fn parent(&self, entry: &Entry) -> u64 {
        if is_here(self.scene, entry) {
            return entry.parent;
        }
        let persisted = entry
            .persisted
            .iter()
            .flatten()
            .skip_while(|id| **id != entry.id);
        persisted.copied().nth(1).unwrap_or(0)
    }

    /// The entry as of which things stood after this one, as far as that outlived the boot.
    fn standing(&self, entry: &Entry) -> u64 {
        let head = entry.head();
        if head == 0 || self.entries.contains_key(&head) {
            return head;
        }
        let mut lasting = entry.persisted.iter().flatten().copied();
        lasting
            .find(|id| self.entries.contains_key(id))
            .unwrap_or(0)
    }

    /// An entry and what it stands on, down to the first, as far as the journal goes.
    fn line(&self, mut id: u64) -> Vec<u64> {
        let mut line = vec![id];
        while let Some(parent) = self
            .entries
            .get(&id)
            .map(|entry| self.parent(entry))
            .filter(|parent| *parent < id)
        {
            id = parent;
            line.push(id);
        }
        line
    }

    fn way(&self, from: u64, to: u64) -> Result<Way<'_>, Error> {
        let (down, up) = (self.line(from), self.line(to));
        let undone = down.iter().take_while(|id| !up.contains(id));
        let redone = up.iter().take_while(|id| !down.contains(id));
        let undone = undone
            .map(|id| self.entry(*id))
            .collect::<Result<Vec<_>, _>>()?;
        let mut redone = redone
            .map(|id| self.entry(*id))
            .collect::<Result<Vec<_>, _>>()?;
        redone.reverse();
        let back = undone
            .iter()
            .flat_map(|entry| entry.files.iter().rev().map(FileChange::undone));
        let forth = redone.iter().flat_map(|entry| entry.files.iter().cloned());
        let here = |entry: &&Entry| is_here(self.scene, entry);
        Ok(Way {
            files: back.chain(forth).collect(),
            crosses: !undone.iter().chain(&redone).all(here),
            undone: undone.into_iter().filter(here).collect(),
            redone: redone.into_iter().filter(here).collect(),
        })
    }
}

/// Whether an entry is of this boot and namespace, so that its live values still count.
fn is_here(scene: &Scene<'_>, entry: &Entry) -> bool {
    entry.is_of(&scene.world.machine, scene.namespace.id)
}

impl Way<'_> {
    /// The plan that goes this way, and what the kernel holds before.
    fn plan(&self, scene: &Scene<'_>, force: bool) -> Result<(Plan, Snapshot), Error> {
        let files = self.restored(scene, force)?;
        let back = self
            .undone
            .iter()
            .flat_map(|entry| entry.changes.iter().chain(&entry.along).rev())
            .map(Change::undone);
        let forth = self
            .redone
            .iter()
            .flat_map(|entry| entry.changes.iter().chain(&entry.along).cloned());
        let back: Vec<Change> = back.collect();
        let forth: Vec<Change> = forth.collect();
        // Where this boot began, as far as the way leads there.
        let floor = self
            .undone
            .last()
            .map_or(&scene.memory, |entry| &entry.before);
        let wanted = self.crosses.then(|| self.wanted(scene, &files));
        let keys = back.iter().chain(&forth).map(|change| &change.key);
        let more = wanted
            .iter()
            .flat_map(|wanted| wanted.settings.keys())
            .chain(floor.held.keys());
        let before = scene.before(keys.chain(more.filter(|_| self.crosses)));
        // What earlier boots did to the kernel is gone; what their drop-ins made this boot begin with is not.
        let between = match &wanted {
            Some(wanted) => {
                // As if nobody else had written anything: whether somebody has is for the whole way to find out.
                let back = back.iter().map(|change| (&change.key, &change.to));
                let held = floor.held.iter().map(|(key, held)| (key, &held.wrote));
                let there = before.clone().supposing(back.chain(held));
                scene.plan_from(floor, wanted, None, &there)?
            }
            None => Plan::still(floor),
        };
        let after = self.redone.last().map(|entry| entry.after.clone());
        let steps = [back, between.live, between.along, forth].concat();
        let after = after.unwrap_or(between.after);
        let mut plan = retrace(&steps, &scene.memory, after, &before, force).map_err(refused)?;
        let no_baseline = |kept: &Kept| kept.why == KeptWhy::NoBaseline;
        plan.kept
            .extend(between.kept.into_iter().filter(no_baseline));
        plan.skipped.extend(between.skipped);
        // Even when everything is back already, the next rollback must go one further.
        plan.remembers = true;
        if !self.files.is_empty() {
            let after = scene.boot.as_ref().map(|boot| boot.after(&files));
            let ours = after.and_then(|tree| installed(&tree).ok().flatten());
            let path = files
                .first()
                .or(self.files.first())
                .map(|file| file.path.clone());
            plan.boot = Some(BootPlan {
                path: path.unwrap_or_default(),
                active: ours.map(|ours| ours.drop_in.active).unwrap_or_default(),
                files,
                ..BootPlan::default()
            });
        }
        Ok((plan, before))
    }

    /// The files as they were.
    fn restored(&self, scene: &Scene<'_>, force: bool) -> Result<Vec<FileChange>, Error> {
        let now = staged::texts(&scene.world.root, &self.files)?;
        let files = retrace_files(&self.files, &now, force).map_err(refused)?;
        for file in &files {
            if let (None, Some(_), Some(boot)) = (&file.from, &file.to, &scene.boot) {
                let free = boot.is_free(&file.path);
                free.map_err(|unfit| refused(vec![unfit.into()]))?;
            }
        }
        Ok(files)
    }

    /// What this boot shall have begun with: what the first entry that is done again found, else what the drop-in will declare.
    fn wanted(&self, scene: &Scene<'_>, files: &[FileChange]) -> ActiveSet {
        if let Some(entry) = self.redone.first() {
            return entry.before.active.clone();
        }
        let tree = scene.boot.as_ref().map(|boot| boot.after(files));
        let ours = tree.and_then(|tree| installed(&tree).ok().flatten());
        ours.map(|ours| ours.drop_in.active).unwrap_or_default()
    }
}

/// What a reboot has undone already: whoever rolls back may have meant that.
fn forgotten(scene: &Scene<'_>) -> Option<Warning> {
    let one = scene.forgotten?;
    Some(Warning {
        code: "forgotten",
        message: format!(
            "a reboot has already undone {}",
            describe(&scene.world.store, one.head())
        ),
        hint: None,
    })
}

/// Nothing to undo.
fn nothing(scene: &Scene<'_>) -> Draft {
    let want = Want::new("nothing to roll back", &scene.memory.active.settings);
    let plan = Plan {
        after: scene.memory.clone(),
        ..Plan::default()
    };
    Draft {
        warnings: forgotten(scene).into_iter().collect(),
        ..Draft::new(want, plan, Snapshot::default())
    }
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
