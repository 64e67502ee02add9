//! The sum of all entries: what is remembered of each namespace, and what is not finished.

use serde::{Deserialize, Serialize};

use crate::host::machine::Machine;
use crate::host::netns::{self, Namespace};
use crate::model::memory::Memory;

use super::journal::{Entry, SCHEMA, Stage};

/// Namespaces that are remembered; those that were not written for longest go first.
const NAMESPACES: usize = 512;

/// What is remembered of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The boot it was in.
    pub boot: String,
    /// What it was called.
    pub netns: String,
    /// Which one it was.
    pub netns_id: netns::Id,
    /// The entry in effect, 0 for none.
    pub head: u64,
    /// The entry that was written last.
    pub last: u64,
    /// When that was.
    pub time: String,
    /// The memory.
    pub memory: Memory,
}

/// The sum of all entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The newest entry that is counted.
    pub last: u64,
    /// Entries that were neither committed nor reverted.
    pub pending: Vec<u64>,
    /// What is remembered.
    pub namespaces: Vec<Remembered>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            last: 0,
            pending: Vec::new(),
            namespaces: Vec::new(),
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
            Stage::Pending => self.pending.push(entry.id),
            Stage::Reverted => {}
            Stage::Committed => {
                self.namespaces
                    .retain(|one| (&one.boot, one.netns_id) != (&entry.boot, entry.netns_id));
                // One memory of earlier boots is enough for each name.
                self.namespaces
                    .retain(|one| one.boot == entry.boot || one.netns != entry.netns);
                self.namespaces.push(Remembered {
                    boot: entry.boot.clone(),
                    netns: entry.netns.clone(),
                    netns_id: entry.netns_id,
                    head: entry.head(),
                    last: entry.id,
                    time: entry.time.clone(),
                    memory: entry.after.clone(),
                });
                let spare = self.namespaces.len().saturating_sub(NAMESPACES);
                self.namespaces.drain(..spare);
            }
        }
    }
}
