//! Entries of the journal: what was done, with what was there before. One file each, intent before deed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::host::clock;
use crate::host::machine::{self, Machine};
use crate::host::netns;
use crate::model::change::Change;
use crate::model::dropin::DropIn;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Memory};
use crate::model::persist::FileChange;
use crate::model::undo::Deed;
use crate::model::value::Value;

/// Version of the files below the state directory.
pub const SCHEMA: u32 = 1;

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Intended; its process is at work, or died.
    Pending,
    /// Done on the live axis and read back, until somebody confirms it or the deadline comes.
    Unconfirmed,
    /// Done and read back.
    Committed,
    /// Given up; everything was put back, or its error lists what was not.
    Reverted,
}

/// Who ran tcptune, for display only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Real user id.
    pub uid: u32,
    /// `SUDO_USER`, if sudo said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo_user: Option<String>,
}

impl Who {
    /// As people are called: `alice (uid 0)`, `uid 0`.
    pub fn words(&self) -> String {
        let Self { uid, sudo_user } = self;
        match sudo_user {
            Some(user) => format!("{user} (uid {uid})"),
            None => format!("uid {uid}"),
        }
    }

    /// Whoever runs this process.
    pub fn me() -> Self {
        let sudo_user = std::env::var("SUDO_USER")
            .ok()
            .filter(|name| !name.chars().any(char::is_control));
        Self {
            uid: nix::unistd::getuid().as_raw(),
            sudo_user,
        }
    }
}

/// What an unconfirmed entry waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// When it is taken back, in milliseconds of the clock that goes on while the machine sleeps (CLOCK_BOOTTIME).
    pub deadline: u64,
    /// The same for readers, RFC 3339 UTC.
    pub until: String,
    /// What the next boot shall have, once it is confirmed; nothing to leave that as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootWish>,
}

impl Confirm {
    /// From now on, so long.
    pub fn new(within: Duration, boot: Option<BootWish>) -> Self {
        let milliseconds = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        Self {
            deadline: clock::since_boot().saturating_add(milliseconds),
            until: humantime::format_rfc3339_seconds(SystemTime::now() + within).to_string(),
            boot,
        }
    }
}

/// What the boot axis shall become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootWish {
    /// What is declared.
    pub active: ActiveSet,
    /// A name for the drop-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether another file may win.
    #[serde(default)]
    pub allow_shadowed: bool,
}

/// One transaction in one network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Small and increasing.
    pub id: u64,
    /// When it began, RFC 3339 UTC.
    pub time: String,
    /// The verb: `apply`, `set`, `off`, `rollback`.
    pub verb: String,
    /// Who asked for it.
    pub who: Who,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Boot id: live values of another boot are gone.
    pub boot: String,
    /// Kernel release.
    pub kernel: String,
    /// What the namespace was called.
    pub netns: String,
    /// Which namespace it was.
    pub netns_id: netns::Id,
    /// Which process wrote it, and when that started: is it still at work?
    pub pid: u32,
    /// Start of the process, in clock ticks since boot.
    pub started: u64,
    /// How far it has come.
    pub state: Stage,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The entry that was in effect before, 0 for none.
    pub parent: u64,
    /// For a rollback: the entry as of which things stand again, 0 for before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
    /// What was remembered before.
    pub before: Memory,
    /// What is remembered after.
    pub after: Memory,
    /// What was written, in order.
    pub changes: Vec<Change>,
    /// What the kernel set along; see [`Plan::along`](crate::model::plan::Plan::along).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<Change>,
    /// Files that were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
    /// What the keys that the drop-in writes held without tcptune, as far as that could be told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub found: BTreeMap<Key, Value>,
    /// What it waits for, or waited for, if it was to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// In the namespace of process 1: the entries that made the drop-in what it is after this one, newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persisted: Option<Vec<u64>>,
}

impl Entry {
    /// What it did, or was about to do.
    pub fn deed(&self) -> Deed<'_> {
        Deed {
            changes: &self.changes,
            along: &self.along,
            files: &self.files,
            torn: self.is_torn(),
        }
    }

    /// Whether somebody may have died while they wrote it, or took it back.
    pub fn is_torn(&self) -> bool {
        let overdue = |confirm: &Confirm| confirm.deadline <= clock::since_boot();
        self.state == Stage::Pending
            || self.error.is_some()
            || self.confirm.as_ref().is_some_and(overdue)
    }

    /// What it declared, in a few words: on the live axis, or where that stayed as it was, on the boot axis.
    pub fn declared(&self) -> String {
        let live = &self.after.active;
        if self.files.is_empty() || !live.wants_the_same(&self.before.active) {
            return live.name();
        }
        let text = self.files.iter().find_map(|file| file.to.as_deref());
        let drop_in = text.and_then(DropIn::recorded).unwrap_or_default();
        drop_in.active.name()
    }

    /// Forgets files that were not written after all, and why.
    pub(super) fn drop_files(&mut self) {
        self.files.clear();
        self.error = None;
        if let Some(persisted) = &mut self.persisted {
            persisted.retain(|id| *id != self.id);
        }
    }

    /// The entry in effect once this one is committed.
    pub fn head(&self) -> u64 {
        self.back_to.unwrap_or(self.id)
    }

    /// Whether it speaks of this boot and this namespace.
    pub fn is_of(&self, machine: &Machine, namespace: netns::Id) -> bool {
        self.boot == machine.boot && self.netns_id == namespace
    }

    /// Whether its process still runs, so that nobody must judge it yet.
    pub fn in_progress(&self, machine: &Machine) -> bool {
        self.state == Stage::Pending
            && self.boot == machine.boot
            && machine::started(self.pid).is_some_and(|ticks| ticks == self.started)
    }
}
