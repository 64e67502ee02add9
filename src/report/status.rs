//! What is declared for a namespace, and whether it holds.

use crate::change::hold::Hold;
use crate::error::Error;
use crate::model::key::Key;
use crate::model::memory::Memory;
use crate::model::value::Value;

use super::BootStatus;

/// One declared key and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// The key.
    pub key: Key,
    /// What is declared.
    pub want: String,
    /// The word for it, where the key has words.
    pub word: Option<String>,
    /// What it holds; nothing if the kernel has no such key, or it cannot be read.
    pub live: Option<String>,
    /// Whether it holds what is declared.
    pub state: KeyState,
    /// Who wrote what it holds, as far as that is known.
    pub by: Option<String>,
    /// What the next boot gives, as far as that is known.
    pub next: Option<Value>,
}

/// Whether a declared key is as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is.
    Ok,
    /// It is not.
    Drift,
    /// It was declared in an earlier boot, and the reboot forgot it.
    Forgotten,
    /// It is not declared, but tcptune wrote it, and could not put it back.
    Left,
}

/// What is declared for a namespace, and whether it holds.
#[derive(Debug)]
pub struct Status {
    /// What outputs call the namespace.
    pub netns: String,
    /// Whether somebody asked for it by `--netns`.
    pub named: bool,
    /// Whether it is an image instead, which has no live values.
    pub image: bool,
    /// What is remembered of this boot.
    pub memory: Memory,
    /// Each declared key.
    pub rows: Vec<StatusRow>,
    /// When it was declared.
    pub time: Option<String>,
    /// What an earlier boot had declared, and when, if a reboot forgot it.
    pub forgotten: Option<(String, String)>,
    /// Whether the profiles say something else by now.
    pub outdated: bool,
    /// The next boot, where it is this namespace's business.
    pub boot: Option<BootStatus>,
    /// An entry that was never finished, and whether its process is still at work.
    pub pending: Option<(u64, bool)>,
    /// An entry that waits to be confirmed, for how many seconds (nothing once it is overdue), and until when.
    pub unconfirmed: Option<(u64, Option<u64>, String)>,
    /// The newest entry, if nobody confirmed it, and what became of it.
    pub taken_back: Option<(u64, String)>,
    /// The hold that is in force.
    pub hold: Option<Hold>,
    /// The entry in effect, 0 for none.
    pub head: u64,
    /// What the next rollback would undo, in words.
    pub next_undo: Option<String>,
    /// Why it could not be found out.
    pub error: Option<Error>,
}

impl Status {
    /// A namespace of which nothing is known yet.
    pub fn blank(netns: String) -> Self {
        Self {
            netns,
            named: false,
            image: false,
            memory: Memory::default(),
            rows: Vec::new(),
            time: None,
            forgotten: None,
            outdated: false,
            boot: None,
            pending: None,
            unconfirmed: None,
            taken_back: None,
            hold: None,
            head: 0,
            next_undo: None,
            error: None,
        }
    }

    /// Whether everything is as declared.
    pub fn is_clean(&self) -> bool {
        let wrong = [KeyState::Drift, KeyState::Left];
        let drift = self.rows.iter().any(|row| wrong.contains(&row.state));
        let boot = self.boot.as_ref().is_none_or(BootStatus::is_clean);
        boot && !(drift
            || self.outdated
            || self.pending.is_some()
            || self.unconfirmed.is_some()
            || self.error.is_some())
    }
}
