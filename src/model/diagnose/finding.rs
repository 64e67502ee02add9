//! A finding: what is wrong, the evidence, and the remedy.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::observation::Listener;
use crate::model::value::Value;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is lost, or will be.
    Warning,
    /// Connections are lost now.
    Critical,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// One step that helps. The steps of a finding belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A key with a value, or with a lower bound.
    Key {
        /// The key.
        key: Key,
        /// The value that would do.
        value: Value,
        /// Whether more does as well.
        at_least: bool,
    },
    /// Something that no sysctl does.
    Action {
        /// What.
        what: String,
        /// The command that does it, where one is known to work.
        command: Option<String>,
    },
}

impl Remedy {
    /// A key that should hold this.
    pub(super) fn exactly(name: &str, value: impl Into<i128>) -> Option<Self> {
        Some(Remedy::Key {
            key: name.parse().ok()?,
            value: value.into().into(),
            at_least: false,
        })
    }

    /// A key that should hold this or more.
    pub(super) fn at_least(name: &str, value: impl Into<i128>) -> Option<Self> {
        Some(Remedy::Key {
            key: name.parse().ok()?,
            value: value.into().into(),
            at_least: true,
        })
    }

    /// A key that should hold this text.
    pub(super) fn text(name: &str, value: &str) -> Option<Self> {
        Some(Remedy::Key {
            key: name.parse().ok()?,
            value: Value::new(value),
            at_least: false,
        })
    }

    pub(super) fn action(what: impl Into<String>) -> Self {
        Remedy::Action {
            what: what.into(),
            command: None,
        }
    }

    /// Whether a value of the key is as good.
    fn is_met_by(&self, values: &BTreeMap<Key, Value>) -> bool {
        match self {
            Remedy::Key {
                key,
                value,
                at_least,
            } => values.get(key).is_some_and(|has| {
                let more = (has.integer(), value.integer());
                has == value
                    || (*at_least && matches!(more, (Some(has), Some(want)) if has >= want))
            }),
            Remedy::Action { .. } => false,
        }
    }
}

/// What a profile would do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cure {
    /// It would end it.
    Cured,
    /// It sets what has to be set; the other steps have to be taken as well.
    InPart,
    /// It would change nothing about it.
    No,
}

/// One thing that is wrong with the traffic of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of its [`super::Rule`].
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The listener that suffers, if it is one.
    pub listener: Option<Listener>,
    /// How far counters moved during the window, by their names.
    pub evidence: BTreeMap<&'static str, u64>,
    /// What stood in queues and elsewhere.
    pub gauges: BTreeMap<&'static str, u64>,
    /// What happens, with the numbers that say so.
    pub message: String,
    /// Why: what the kernel does.
    pub cause: String,
    /// What helps, step by step.
    pub remedy: Vec<Remedy>,
}

impl Finding {
    /// What a profile's settings would do about it, where these values are live. A bound that the live value
    /// satisfies changes nothing.
    pub fn cure(&self, settings: &Settings, live: &BTreeMap<Key, Value>) -> Cure {
        let mut values = live.clone();
        for (key, setting) in settings {
            if let Some(value) = setting.nearest(live.get(key)) {
                values.insert(key.clone(), value);
            }
        }
        let (keys, actions): (Vec<_>, Vec<_>) = self
            .remedy
            .iter()
            .partition(|step| matches!(step, Remedy::Key { .. }));
        match (
            keys.is_empty(),
            keys.iter().all(|step| step.is_met_by(&values)),
            actions.is_empty(),
        ) {
            (false, true, true) => Cure::Cured,
            (false, true, false) => Cure::InPart,
            _ => Cure::No,
        }
    }
}
