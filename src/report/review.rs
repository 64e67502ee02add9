//! `diff --against`: hosts whose facts were taken down, those with the same answer together; two wishes side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::error::Error;
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::setting::Setting;
use crate::model::sorted;

use super::meaning::meanings;
use super::{Changes, NamespaceChanges, Want, Warning, json};

/// What would change on hosts whose facts were taken down.
#[derive(Debug)]
pub struct Review {
    /// Hosts with the same answer, in the order in which the first of each was named.
    pub groups: Vec<Vec<Reviewed>>,
}

/// What would change on one of them.
#[derive(Debug)]
pub struct Reviewed {
    /// The snapshot, as it was named.
    pub name: String,
    /// When it was taken, RFC 3339 UTC.
    pub taken: String,
    /// How long ago that is; for people only.
    pub age: Option<Duration>,
    /// The answer.
    pub changes: Changes,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

impl Review {
    /// Puts hosts with the same answer together.
    pub fn new(hosts: Vec<Reviewed>) -> Self {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<Reviewed>> = Vec::new();
        for host in hosts {
            let place = *places.entry(host.answer()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(host),
                None => groups.push(vec![host]),
            }
        }
        Self { groups }
    }

    /// Every host, group by group.
    pub fn hosts(&self) -> impl Iterator<Item = &Reviewed> {
        self.groups.iter().flatten()
    }
}

impl Reviewed {
    /// How many keys and files would change.
    pub(crate) fn count(&self) -> usize {
        self.changes
            .namespaces
            .iter()
            .map(NamespaceChanges::count)
            .sum()
    }

    /// What it comes to, in a few words.
    pub(crate) fn outcome(&self) -> String {
        let all = self.changes.namespaces.iter();
        all.map(NamespaceChanges::outcome)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What failed, with the name of the snapshot.
    pub(super) fn errors(&self) -> impl Iterator<Item = (String, &Error)> {
        let all = self.changes.namespaces.iter();
        all.filter_map(|one| Some((self.name.clone(), one.error.as_ref()?)))
    }

    /// All that readers are told of it, but for what is its own: its name, its boot, when it was looked at.
    fn answer(&self) -> String {
        let each = self.changes.namespaces.iter().map(|one| {
            let mut told = json::namespace(one);
            if let Some(fields) = told.as_object_mut() {
                fields.remove("plan_hash");
            }
            let meanings = meanings(one).into_iter();
            let meanings = meanings.map(|meaning| json!([meaning.name, meaning.then, meaning.was]));
            json!([told, meanings.collect::<Vec<_>>()])
        });
        let warnings = self.warnings.iter().map(|warning| &warning.message);
        json!([
            each.collect::<Vec<_>>(),
            warnings.collect::<Vec<_>>(),
            self.changes.site.verified
        ])
        .to_string()
    }
}

impl Differs {
    /// Both wishes as lines.
    pub(super) fn flat(&self) -> (Option<String>, Option<String>) {
        let flat = |setting: &Setting| flat(&self.key, setting);
        (self.from.as_ref().map(flat), self.to.as_ref().map(flat))
    }
}

/// Two wishes side by side, without any host.
#[derive(Debug)]
pub struct Compared {
    /// The one before.
    pub from: Want,
    /// The other one.
    pub to: Want,
    /// Keys that they do not want the same of.
    pub rows: Vec<Differs>,
    /// Every setting of the first, and of the second.
    pub settings: (Settings, Settings),
}

/// A key of which two profiles do not want the same.
#[derive(Debug)]
pub struct Differs {
    /// The key.
    pub key: Key,
    /// What the first one wants.
    pub from: Option<Setting>,
    /// What the second one wants.
    pub to: Option<Setting>,
}

impl Compared {
    /// Compares wishes and their settings.
    pub fn new(from: (Want, Settings), to: (Want, Settings)) -> Self {
        let keys = from
            .1
            .keys()
            .chain(to.1.keys().filter(|key| !from.1.contains_key(*key)));
        let mut rows: Vec<Differs> = keys
            .map(|key| Differs {
                key: key.clone(),
                from: from.1.get(key).cloned(),
                to: to.1.get(key).cloned(),
            })
            .filter(|row| row.flat().0 != row.flat().1)
            .collect();
        sorted::by(&mut rows, |a, b| a.key.cmp(&b.key));
        Self {
            from: from.0,
            to: to.0,
            rows,
            settings: (from.1, to.1),
        }
    }
}

/// A wish as one line, `key = value` or `key at least value`; with a minus in front where the key may be absent.
pub(super) fn flat(key: &Key, setting: &Setting) -> String {
    let minus = if setting.optional { "-" } else { "" };
    let is = if setting.exact.is_some() { "= " } else { "" };
    format!("{minus}{key} {is}{}", setting.words())
}
