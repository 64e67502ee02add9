//! Why nothing may be done: every reason that the planners find.

use super::dropin::Unfit;
use super::key::Key;
use super::sysctld::{Loader, Win};
use super::value::Value;

/// Why nothing at all may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel has no such key, and the setting is not optional.
    Absent(Key),
    /// It is there but cannot be read back; why.
    Unreadable(Key, String),
    /// A network namespace would change the whole machine.
    Global(Key),
    /// A bound meets a value that is not one number.
    NoNumber(Key, Value),
    /// What it holds is too long to be put back in one write, so nothing could undo a change.
    OneWay(Key),
    /// A rollback over several entries would lose what somebody else wrote between two of them.
    WrittenBetween(Key),
    /// Another file would win at the next boot.
    Shadowed {
        /// Which, and how.
        shadow: Box<Shadow>,
        /// A name for the drop-in that would win.
        wins_as: Option<String>,
    },
    /// The drop-in is not as tcptune left it, or cannot be made.
    Unfit(Unfit),
    /// A rollback meets a drop-in that is neither as it was written nor as it was before.
    FileMoved(String),
    /// A rollback meets a file of somebody else where the drop-in was.
    NotOurs(String),
    /// A rollback meets a value that is neither the one that was written nor the one to put back.
    Moved {
        /// The key.
        key: Key,
        /// What it holds.
        holds: Value,
        /// What tcptune wrote.
        wrote: Value,
        /// What would be put back.
        from: Value,
    },
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        Refusal::Unfit(unfit)
    }
}

/// A line that would set a key to something else than what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// The key.
    pub key: Key,
    /// What is wanted.
    pub wanted: String,
    /// The line.
    pub win: Win,
    /// Who would obey it.
    pub loader: Loader,
}
