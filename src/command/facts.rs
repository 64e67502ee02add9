//! A host's facts, taken down: all that a plan looks at, to be looked at elsewhere.
//!
//! `snapshot` writes them, `diff --against` reads them. The same host in the same state gives the same bytes, but for
//! the time. Nothing that may be a secret is in them, and no comment of anybody else's file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::change::hold::Hold;
use crate::change::journal::{Entry, Stage};
use crate::change::store::Known;
use crate::error::Error;
use crate::host::files;
use crate::host::fragments::{self, Writer};
use crate::host::machine::Machine;
use crate::host::netns::Namespace;
use crate::model::catalogue::{self, KEYS};
use crate::model::dropin;
use crate::model::key::Key;
use crate::model::memory::Memory;
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::sorted;
use crate::model::sysctld::{Found, Loader, Tree};
use crate::model::value::Value;

use super::World;
use super::cautions::is_pending;
use super::scene::Scene;

/// The form of the document. A later one that says the same in other words has another number.
const SCHEMA: u32 = 1;

/// What tells the document from any other.
const KIND: &str = "tcptune snapshot";

/// Largest document that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// All that a plan looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    kind: String,
    schema: u32,
    /// When they were taken, RFC 3339 UTC.
    pub taken: String,
    /// Host name, kernel, boot.
    pub machine: Machine,
    /// The network namespace.
    pub namespace: Namespace,
    /// The next boot, where it is that namespace's business.
    pub boot: Option<Boot>,
    /// What is declared there, and the baselines.
    pub memory: Memory,
    /// Where baselines come from that an earlier boot recorded.
    pub recorded: BTreeMap<Key, String>,
    /// The entry that waits to be confirmed.
    pub waits: Option<Entry>,
    /// What was wrong with the journal: entries that were interrupted, or cannot be read.
    pub unsettled: Vec<String>,
    /// The hold that is in force.
    pub hold: Option<Hold>,
    /// What the keys hold.
    pub keys: Snapshot,
    /// What the kernel gives a new namespace, where that is a constant.
    pub defaults: BTreeMap<Key, Value>,
}

/// What the next boot stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// Who reads the files.
    pub loader: Loader,
    /// The essence of the files.
    pub files: Tree,
    /// Other programs that write sysctls, with their file where it has the form of sysctl.conf.
    writers: BTreeMap<String, Option<Found>>,
}

impl Boot {
    /// Other programs that write sysctls there.
    pub fn writers(&self) -> Vec<Writer> {
        let each = self.writers.iter();
        each.filter_map(|(name, found)| fragments::writer(name, found.clone()))
            .collect()
    }
}

impl Facts {
    /// Takes them down, in the namespace that the process is in; `more` names keys beside those of the catalogue.
    ///
    /// # Errors
    /// Where the state or the kernel cannot be asked.
    pub(super) fn take<'k>(
        world: &World,
        namespace: &Namespace,
        more: impl IntoIterator<Item = &'k Key>,
    ) -> Result<Self, Error> {
        let Known {
            state, unreadable, ..
        } = super::known(world)?;
        let scene = Scene::look(world, namespace, &state)?;
        let Memory { active, held } = &scene.memory;
        let ours = scene.boot.as_ref().and_then(|boot| boot.declared());
        let ours = ours
            .iter()
            .flat_map(|ours| ours.drop_in.active.settings.keys());
        let declared = active.settings.keys().chain(held.keys()).chain(ours);
        let known = KEYS.iter().chain(more).cloned().chain(declared.cloned());
        let known = sorted::set(known.filter(|key| !catalogue::is_secret(key)));
        let boot = scene.boot.as_ref().map(|boot| Boot {
            loader: boot.loader,
            files: dropin::essence(boot.tree()),
            writers: writers(world),
        });
        let entries = state.pending.iter();
        let entries = entries.filter_map(|id| world.store.entry(*id).ok());
        let interrupted = entries.filter(|entry| {
            entry.state != Stage::Unconfirmed && entry.is_of(&world.machine, namespace.id)
        });
        let interrupted = interrupted.map(|entry| is_pending(&entry, &world.machine).message);
        Ok(Self {
            kind: KIND.to_owned(),
            schema: SCHEMA,
            taken: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            machine: world.machine.clone(),
            namespace: namespace.clone(),
            boot,
            unsettled: unreadable.into_iter().chain(interrupted).collect(),
            recorded: scene.recorded.clone(),
            waits: scene.unconfirmed.clone(),
            hold: super::hold_in_force(world)?,
            defaults: world.fresh(&known)?,
            keys: scene.snapshot(&known),
            memory: scene.memory,
        })
    }

    /// Reads a document. It is only looked at, so it may be anybody's.
    ///
    /// # Errors
    /// Where it cannot be read, or is no such document.
    pub fn read(path: &str) -> Result<Self, Error> {
        let bytes = files::read(Path::new(path), LARGEST).map_err(Error::of_named_file)?;
        Self::parse(&bytes).map_err(|why| Error::Usage {
            code: "snapshot",
            message: format!("read {path}: {why}"),
            hint: Some("`tcptune snapshot > HOST.json` takes one".to_owned()),
        })
    }

    /// Reads the text of a document: as it is, or within the report of `--json`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Report {
            snapshot: Facts,
        }
        let told: Self = serde_json::from_slice(bytes)
            .or_else(|why| match serde_json::from_slice::<Report>(bytes) {
                Ok(report) => Ok(report.snapshot),
                Err(_) => Err(why),
            })
            .map_err(|why| format!("not a snapshot: {why}"))?;
        if told.kind != KIND || told.schema != SCHEMA {
            let (kind, schema) = (&told.kind, told.schema);
            return Err(format!(
                "a `{KIND}` of schema {SCHEMA} is wanted, not a `{kind}` of schema {schema}"
            ));
        }
        Ok(told)
    }

    /// How long ago they were taken, as far as the clocks agree.
    pub(super) fn age(&self) -> Option<Duration> {
        let taken = humantime::parse_rfc3339(&self.taken).ok()?;
        let age = SystemTime::now().duration_since(taken).ok()?;
        Some(Duration::from_secs(age.as_secs()))
    }

    /// What keys held. Of a key that nobody took down nothing is known.
    pub(super) fn read_keys<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        let unknown = || {
            Reading::Unreadable(
                "the snapshot does not have it: name the profile when you take one".to_owned(),
            )
        };
        let each = keys.into_iter().map(|key| {
            let reading = self.keys.0.get(key).cloned();
            (key.clone(), reading.unwrap_or_else(unknown))
        });
        Snapshot(sorted::map(each))
    }

    /// What the kernel gives a new namespace for these keys, where that is a constant.
    pub(super) fn defaults<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> BTreeMap<Key, Value> {
        let known = keys
            .into_iter()
            .filter_map(|key| Some((key.clone(), self.defaults.get(key)?.clone())));
        sorted::map(known)
    }
}

/// Other programs that write sysctls here. Of their files only the essence is told.
fn writers(world: &World) -> BTreeMap<String, Option<Found>> {
    let one = |writer: Writer| {
        let found = writer.found.map(|found| {
            let tree = Tree {
                sysctl_conf: Some(found),
                ..Tree::default()
            };
            tree.essence(|_| String::new()).sysctl_conf
        });
        (writer.name.to_owned(), found.flatten())
    };
    sorted::map(world.writers().into_iter().map(one))
}
