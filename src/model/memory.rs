//! What tcptune remembers of one network namespace: what is declared for it, and what it took to get there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::along::{leads, set_along};
use super::change::{Cause, Change};
use super::key::Key;
use super::printable::shell_word;
use super::setting::{Part, Setting};
use super::value::Value;

/// Settings by key.
pub type Settings = BTreeMap<Key, Setting>;

/// The active set of an axis: the settings that are declared, and the profiles that they came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveSet {
    /// Profiles as they were named, left to right. A path is absolute.
    pub profiles: Vec<String>,
    /// What the profiles alone resolved to, so that a later look can tell whether they changed since.
    pub profiles_hash: String,
    /// The resolved settings, those of the command line included.
    pub settings: Settings,
}

impl ActiveSet {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.profiles.is_empty()
    }

    /// Whether both declare the same; who said so in which line, and why, makes no difference.
    pub fn wants_the_same(&self, other: &Self) -> bool {
        let same = |((key, one), (other_key, other)): ((&Key, &Setting), (&Key, &Setting))| {
            key == other_key && one.wants_the_same(other)
        };
        self.profiles == other.profiles
            && self.settings.len() == other.settings.len()
            && self.settings.iter().zip(&other.settings).all(same)
    }

    /// What is declared, in one word per part: `high-traffic + 1 set by hand`.
    pub fn name(&self) -> String {
        let by_hand = self.settings.values().filter(|s| {
            s.origin()
                .is_some_and(|o| o.line.is_none() && *o.profile == *BY_HAND)
        });
        let by_hand = by_hand.count();
        let mut parts = self.profiles.clone();
        if by_hand > 0 {
            parts.push(format!("{by_hand} set by hand"));
        }
        if parts.is_empty() {
            "nothing".to_owned()
        } else {
            parts.join(" + ")
        }
    }
}

/// What the machine's first network namespace is called: only a reboot ends it.
pub const HOST: &str = "host";

/// What the network namespace of process 1 is called where that is not the machine's first: in a container.
pub const CONTAINER: &str = "container";

/// How the command line asks for a namespace that outputs call so; nothing where it has no name.
pub fn words_for(netns: &str) -> Option<&str> {
    match netns {
        HOST | CONTAINER => Some("pid:1"),
        nameless if nameless.starts_with("net:[") => None,
        name => Some(name),
    }
}

/// A command for the namespace that an answer is about, as a shell takes it. Whoever named one has to name it again.
pub fn command_in(netns: &str, named: bool, command: &str) -> String {
    match words_for(netns) {
        Some(words) if named => format!("{command} --netns {}", shell_word(words)),
        _ => command.to_owned(),
    }
}

/// The `profile` of an origin on the command line.
pub const BY_HAND: &str = "--set";

/// A key that tcptune wrote and still declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its value just before tcptune's first write: what a release gives back. Nothing where the drop-in wrote it at
    /// boot, and nobody knows what it would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Value>,
    /// What tcptune wrote last: whoever finds another value met another writer.
    pub wrote: Value,
    /// What the keys that the kernel sets along with it held before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub along: BTreeMap<Key, Value>,
}

impl Held {
    /// A key that sets no others along.
    pub fn new(baseline: Option<Value>, wrote: Value) -> Self {
        Self {
            baseline,
            wrote,
            along: BTreeMap::new(),
        }
    }

    /// What a key would hold without tcptune, as far as this boot can tell: behind a value of our own, what was there
    /// before; a stranger's value is itself.
    pub fn behind<'v>(held: Option<&'v Self>, live: &'v Value) -> Option<&'v Value> {
        match held {
            Some(held) if held.wrote == *live => held.baseline.as_ref(),
            _ => Some(live),
        }
    }

    /// How the keys that the kernel set along with this one go back, if it does.
    pub fn along_back(&self, key: &Key) -> Vec<Change> {
        let back = |(other, to): (&Key, &Value)| {
            Some(Change {
                key: other.clone(),
                from: set_along(key, &self.wrote, other)?,
                to: to.clone(),
                cause: Cause::Along,
            })
        };
        self.along.iter().filter_map(back).collect()
    }
}

/// Everything remembered of one namespace in one boot. Rolling an entry back restores it whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What is declared.
    pub active: ActiveSet,
    /// The declared keys that tcptune wrote.
    pub held: BTreeMap<Key, Held>,
}

/// Keys that set others along, and that tcptune wrote.
pub type Leaders<'m> = Vec<(&'m Key, &'m Held)>;

/// What the kernel sets a key to along with one of these, if it does.
pub fn led_by(leaders: &Leaders<'_>, key: &Key) -> Option<Value> {
    let mut leaders = leaders.iter();
    leaders.find_map(|(leader, held)| set_along(leader, &held.wrote, key))
}

impl Memory {
    /// Those that tcptune wrote of the keys that set others along. One that is what it was before leads nowhere.
    pub fn leaders(&self) -> Leaders<'_> {
        let leaders = self
            .held
            .iter()
            .filter(|(key, held)| leads(key) && held.baseline.as_ref() != Some(&held.wrote));
        leaders.collect()
    }

    /// What a key would hold without tcptune, as far as this boot can tell: behind a value of our own, or one that was set
    /// along with one, what was there before; a stranger's value is itself.
    pub fn behind(&self, leaders: &Leaders<'_>, key: &Key, live: &Value) -> Option<Value> {
        let held = self.held.get(key);
        if held.is_none() {
            let is_led = |(leader, held): &&(&Key, &Held)| {
                set_along(leader, &held.wrote, key).as_ref() == Some(live)
            };
            if let Some((leader, held)) = leaders.iter().find(is_led) {
                let before = || set_along(leader, held.baseline.as_ref()?, key);
                return held.along.get(key).cloned().or_else(before);
            }
        }
        Held::behind(held, live).cloned()
    }

    /// Whether both declare and hold the same; who said so in which line, and why, makes no difference.
    pub fn declares_the_same(&self, other: &Self) -> bool {
        self.held == other.held && self.active.wants_the_same(&other.active)
    }
}

/// The hash of what is wanted: the same on every host, whatever the host holds and wherever the files lie.
///
/// SHA-256, in hexadecimal, over one line a key; reasons and places do not count.
pub fn desired_hash(settings: &Settings) -> String {
    let mut hash = Sha256::new();
    for (key, setting) in settings {
        hash.update(if setting.optional { "-" } else { "" });
        hash.update(key.as_str());
        let bound = |part: &Option<Part<i128>>| part.as_ref().map(|part| part.value.to_string());
        let parts = [
            (
                " = ",
                setting.exact.as_ref().map(|part| part.value.to_string()),
            ),
            (" >= ", bound(&setting.at_least)),
            (" <= ", bound(&setting.at_most)),
        ];
        for (sign, value) in parts {
            if let Some(value) = value {
                hash.update(sign);
                hash.update(value);
            }
        }
        hash.update("\n");
    }
    hex(&hash.finalize())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = halves.filter_map(|half| char::from_digit(half.into(), 16));
    digits.collect()
}
