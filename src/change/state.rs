//! The sum of all entries: what is remembered of each namespace, and what is not finished.

use serde::{Deserialize, Serialize};

use crate::host::machine::Machine;
use crate::host::netns::{self, Namespace};
use crate::model::memory::{HOST, Memory};
use crate::model::relisten::SOMAXCONN;

use super::journal::{Entry, SCHEMA, Stage};

/// Namespaces that are remembered. Above that, those go that matter least: see [`State::dispensable`].
const NAMESPACES: usize = 512;

/// Entries that a rollback can surely go back, one after the other, in each namespace.
const DEPTH: usize = 100;

/// Former values of `somaxconn` that are remembered of each namespace.
const LIMITS: usize = 32;

/// What is remembered of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The boot it was in.
    pub boot: String,
    /// What it was called.
    pub netns: String,
    /// Which one it was.
    pub netns_id: netns::Id,
    /// The entry in effect and those that it stands on, newest first; older ones than a hundred are not listed.
    pub line: Vec<u64>,
    /// The entry that was written last.
    pub last: u64,
    /// When that was.
    pub time: String,
    /// The memory.
    pub memory: Memory,
    /// Values that `somaxconn` had in this boot, before and after what tcptune did, newest first: listeners keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<u32>,
}

impl Remembered {
    fn is_of(&self, entry: &Entry) -> bool {
        self.boot == entry.boot && self.netns_id == entry.netns_id
    }

    fn note_limits(&mut self, entry: &Entry) {
        let changes = entry
            .changes
            .iter()
            .filter(|change| change.key.as_str() == SOMAXCONN);
        let values = changes.flat_map(|change| [&change.from, &change.to]);
        for limit in values.filter_map(|value| value.integer()?.try_into().ok()) {
            self.limits.retain(|one| *one != limit);
            self.limits.insert(0, limit);
        }
        self.limits.truncate(LIMITS);
    }

    /// The entry in effect, 0 for none.
    pub fn head(&self) -> u64 {
        self.line.first().copied().unwrap_or(0)
    }
}

/// The sum of all entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The newest entry that is counted.
    pub last: u64,
    /// Entries that are neither committed nor reverted: unfinished, or unconfirmed.
    pub pending: Vec<u64>,
    /// What is remembered.
    pub namespaces: Vec<Remembered>,
    /// The entries that made the drop-in what it is, newest first. A reboot does not end them.
    #[serde(default)]
    pub persisted: Vec<u64>,
    /// When the directory of the journal had last changed, in nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_changed: Option<i64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            last: 0,
            pending: Vec::new(),
            namespaces: Vec::new(),
            persisted: Vec::new(),
            journal_changed: None,
        }
    }
}

impl State {
    /// The memory of a namespace in this boot; a namespace that was made anew has none, whatever its name.
    pub fn of(&self, machine: &Machine, namespace: &Namespace) -> Option<&Remembered> {
        self.namespaces
            .iter()
            .find(|one| one.boot == machine.boot && one.netns_id == namespace.id)
    }

    /// What an earlier boot declared for a namespace of this name, and this boot does not know.
    pub fn forgotten(&self, machine: &Machine, namespace: &Namespace) -> Option<&Remembered> {
        if self.of(machine, namespace).is_some() {
            return None;
        }
        let earlier = self
            .namespaces
            .iter()
            .filter(|one| one.boot != machine.boot && one.netns == namespace.label);
        earlier
            .max_by_key(|one| one.last)
            .filter(|one| !one.memory.active.is_empty())
    }

    /// Counts an entry in.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.last = self.last.max(entry.id);
        self.pending.retain(|id| *id != entry.id);
        match entry.state {
            Stage::Pending | Stage::Unconfirmed => self.pending.push(entry.id),
            Stage::Reverted => {}
            Stage::Committed => self.commit(entry),
        }
        // Even what was taken back was there for a while.
        if let Some(one) = self.namespaces.iter_mut().find(|one| one.is_of(entry)) {
            one.note_limits(entry);
        }
    }

    fn commit(&mut self, entry: &Entry) {
        if let Some(persisted) = &entry.persisted {
            self.persisted = persisted.iter().copied().take(DEPTH).collect();
        }
        if self
            .namespaces
            .iter()
            .any(|one| one.netns == entry.netns && one.boot != entry.boot && one.last > entry.id)
        {
            // Settled late: this boot has forgotten it by now.
            return;
        }
        let before = self.namespaces.iter().find(|one| one.is_of(entry));
        let (line, limits) = before
            .map(|one| (one.line.clone(), one.limits.clone()))
            .unwrap_or_default();
        let line = match entry.back_to {
            None => [entry.id].into_iter().chain(line).take(DEPTH).collect(),
            Some(0) => Vec::new(),
            Some(id) => match line.iter().position(|one| *one == id) {
                Some(place) => line.into_iter().skip(place).collect(),
                None => vec![id],
            },
        };
        self.namespaces.retain(|one| !one.is_of(entry));
        // One memory of earlier boots is enough for each name.
        self.namespaces
            .retain(|one| one.boot == entry.boot || one.netns != entry.netns);
        self.namespaces.push(Remembered {
            boot: entry.boot.clone(),
            netns: entry.netns.clone(),
            netns_id: entry.netns_id,
            line,
            last: entry.id,
            time: entry.time.clone(),
            memory: entry.after.clone(),
            limits,
        });
        if self.namespaces.len() > NAMESPACES {
            let place = self.dispensable(&entry.boot);
            self.namespaces.remove(place);
        }
    }

    /// The memory that matters least: of an earlier boot, or empty, or of a namespace without a name; in each case
    /// the one that was not written for longest. The host's is never it.
    fn dispensable(&self, boot: &str) -> usize {
        let first = |pick: &dyn Fn(&Remembered) -> bool| self.namespaces.iter().position(pick);
        first(&|one| one.boot != boot)
            .or_else(|| first(&|one| one.memory.active.is_empty() && one.memory.held.is_empty()))
            .or_else(|| first(&|one| one.netns.starts_with("net:[")))
            .or_else(|| first(&|one| one.netns != HOST))
            .unwrap_or(0)
    }
}
