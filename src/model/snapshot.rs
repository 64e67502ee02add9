//! What the kernel held when it was asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalogue::Entry;
use super::key::Key;
use super::sorted;
use super::value::Value;

/// The answer for one key. In JSON: its value, `{"unreadable": why}`, or `null` for no such key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Told", into = "Told")]
pub enum Reading {
    /// Its value.
    Value(Value),
    /// This kernel, or this namespace, has no such key.
    Absent,
    /// It is there, but could not be read, and why.
    Unreadable(String),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Told {
    Value(String),
    Unreadable { unreadable: String },
    Absent,
}

impl From<Told> for Reading {
    fn from(told: Told) -> Self {
        match told {
            Told::Value(text) => Reading::Value(Value::new(&text)),
            Told::Unreadable { unreadable } => Reading::Unreadable(unreadable),
            Told::Absent => Reading::Absent,
        }
    }
}

impl From<Reading> for Told {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Value(value) => Told::Value(value.to_string()),
            Reading::Unreadable(unreadable) => Told::Unreadable { unreadable },
            Reading::Absent => Told::Absent,
        }
    }
}

impl Reading {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Reading::Value(value) => Some(value),
            Reading::Absent | Reading::Unreadable(_) => None,
        }
    }
}

/// The answers for the keys that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(pub BTreeMap<Key, Reading>);

impl Snapshot {
    /// The answer for a key; a key that nobody asked for counts as absent.
    pub fn get(&self, key: &Key) -> &Reading {
        self.0.get(key).unwrap_or(&Reading::Absent)
    }

    /// The same, as if keys that have a value held these.
    #[must_use]
    pub fn supposing<'v>(mut self, values: impl IntoIterator<Item = (&'v Key, &'v Value)>) -> Self {
        for (key, value) in values {
            if let Some(Reading::Value(there)) = self.0.get_mut(key) {
                there.clone_from(value);
            }
        }
        self
    }

    /// The keys of the catalogue alone.
    #[must_use]
    pub fn of_catalogue(&self) -> Self {
        let known = self.0.iter().filter(|(key, _)| Entry::of(key).is_some());
        Self(sorted::map(
            known.map(|(key, one)| (key.clone(), one.clone())),
        ))
    }

    /// The values alone.
    pub fn values(&self) -> BTreeMap<Key, Value> {
        let known = self
            .0
            .iter()
            .filter_map(|(key, reading)| Some((key.clone(), reading.value()?.clone())));
        sorted::map(known)
    }
}
