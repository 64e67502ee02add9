//! A change: one key, from what it holds to what it will hold.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::value::Value;

/// Why a key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A setting wants it.
    Set,
    /// No setting wants it any more: it goes back to its baseline.
    Released,
    /// A rollback puts back what an entry of the journal replaced.
    Restored,
    /// The kernel sets it along with another key; see [`Plan::along`](super::plan::Plan::along).
    Along,
}

/// One key, as it is written to the kernel and recorded in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The key.
    pub key: Key,
    /// What it holds.
    pub from: Value,
    /// What it will hold.
    pub to: Value,
    /// Why.
    pub cause: Cause,
}

impl Change {
    /// No change, where the kernel would make one: see [`Plan::along`](super::plan::Plan::along).
    pub fn still(key: &Key, value: &Value) -> Self {
        Self {
            key: key.clone(),
            from: value.clone(),
            to: value.clone(),
            cause: Cause::Along,
        }
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn undone(&self) -> Self {
        let (from, to) = (self.to.clone(), self.from.clone());
        Self {
            key: self.key.clone(),
            from,
            to,
            cause: match self.cause {
                Cause::Along => Cause::Along,
                _ => Cause::Restored,
            },
        }
    }
}
