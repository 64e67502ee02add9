//! The state directory: a lock, one file per journal entry, and one small file that sums them up.
//!
//! The entries are the truth. `state.json` only spares readers the walk through them: it says up to which entry it
//! counts, and whatever is newer is added when it is read.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

use nix::dir::{self, Dir};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::Deserialize;

use crate::error::Error;
use crate::host::files;
use crate::model::sorted;

use super::hold::Hold;
use super::journal::{Entry, SCHEMA};
use super::state::State;

/// Where it lives.
const DIRECTORY: &str = "/var/lib/tcptune";

/// Most bytes of one file.
const LARGEST: u64 = 64 << 20;

/// Larger numbers are no ids of ours: somebody put a file of that name there.
const NO_ID: u64 = 1_000_000_000_000_000;

/// What could be found out about the state.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The sum of all entries that make sense.
    pub state: State,
    /// The others, in words.
    pub unreadable: Vec<String>,
    /// Whether a later tcptune has been at work: what it remembers must not be written over.
    pub later: bool,
}

/// The state directory, for readers.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) directory: PathBuf,
}

impl Default for Store {
    fn default() -> Self {
        Self::at(DIRECTORY)
    }
}

impl Store {
    /// A state directory elsewhere.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    pub(super) fn path(&self, id: u64) -> PathBuf {
        self.journal().join(format!("{id}.json"))
    }

    /// The state as of now, newer entries counted in. Entries that make no sense are passed over and named.
    ///
    /// # Errors
    /// Where the directory is there but cannot be read, or root may not trust it.
    pub fn load(&self) -> Result<Known, Error> {
        let (mut state, mut later) = self.summary()?;
        // What was pending when it was summed up may have been settled since.
        let open = sorted::set(std::mem::take(&mut state.pending));
        let newer = if self.is_as_summed_up(&state) {
            BTreeSet::new()
        } else {
            self.ids_after(state.last)?
        };
        let foreign = self.each(open.union(&newer), |entry| state.add(&entry))?;
        state.last = state.last.max(newer.last().copied().unwrap_or(0));
        later |= foreign.iter().any(is_later);
        Ok(Known {
            state,
            unreadable: foreign.iter().map(ToString::to_string).collect(),
            later,
        })
    }

    /// `state.json`, and whether a later tcptune wrote it. One that is missing, or makes no sense, is made from the
    /// entries.
    fn summary(&self) -> Result<(State, bool), Error> {
        match files::read_trusted(&self.directory.join("state.json"), LARGEST) {
            Ok(bytes) => match serde_json::from_slice::<State>(&bytes) {
                Ok(state) if state.schema == SCHEMA => Ok((state, false)),
                _ => Ok((State::default(), of_later(&bytes).is_some())),
            },
            Err(Error::File { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::FileTooLarge) =>
            {
                Ok((State::default(), false))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the journal surely has nothing newer, so that its names need not be read: nothing came or went since, and,
    /// as clocks are coarse and can be set back, there is no next entry.
    fn is_as_summed_up(&self, state: &State) -> bool {
        state.journal_changed.is_some()
            && state.journal_changed == self.journal_changed()
            && fs::symlink_metadata(self.path(state.last.saturating_add(1))).is_err()
    }

    /// When an entry last came or went, in nanoseconds since 1970.
    pub(super) fn journal_changed(&self) -> Option<i64> {
        let journal = fs::metadata(self.journal()).ok()?;
        let nanoseconds = journal.mtime().checked_mul(1_000_000_000)?;
        nanoseconds.checked_add(journal.mtime_nsec())
    }

    pub(super) fn hold_path(&self) -> PathBuf {
        self.directory.join("hold.json")
    }

    /// The hold that is in force, if one is.
    ///
    /// # Errors
    /// Where it is there but cannot be read: then nobody knows that there is none.
    pub fn hold(&self) -> Result<Option<Hold>, Error> {
        let path = self.hold_path();
        let bytes = match files::read_trusted(&path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let hold: Hold = serde_json::from_slice(&bytes).map_err(|why| Error::File {
            doing: "understand",
            path,
            source: why.into(),
        })?;
        Ok(Some(hold).filter(|hold| !hold.is_over(SystemTime::now())))
    }

    /// [`Error::Later`] where a later tcptune wrote the hold.
    pub(super) fn spare_later_hold(&self) -> Result<(), Error> {
        match files::read_trusted(&self.hold_path(), LARGEST) {
            Ok(bytes) if of_later(&bytes).is_some() => Err(Error::Later),
            _ => Ok(()),
        }
    }

    /// Ids of all entries, oldest first.
    ///
    /// # Errors
    /// Where the directory is there but cannot be read.
    pub fn ids(&self) -> Result<BTreeSet<u64>, Error> {
        self.ids_after(0)
    }

    /// The same without those up to `last`, of which there may be many.
    fn ids_after(&self, last: u64) -> Result<BTreeSet<u64>, Error> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match Dir::open(&self.journal(), flags, Mode::empty()) {
            Ok(mut entries) => {
                let number = |entry: dir::Entry| {
                    let name = entry.file_name().to_str().ok()?;
                    name.strip_suffix(".json")?.parse().ok()
                };
                let numbers = entries.iter().filter_map(|entry| number(entry.ok()?));
                Ok(sorted::set(
                    numbers.filter(|id| (last.saturating_add(1)..NO_ID).contains(id)),
                ))
            }
            Err(Errno::ENOENT) => Ok(BTreeSet::new()),
            Err(why) => Err(Error::File {
                doing: "read",
                path: self.journal(),
                source: why.into(),
            }),
        }
    }

    /// One entry.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read, or a later tcptune wrote it.
    pub fn entry(&self, id: u64) -> Result<Entry, Error> {
        let path = self.path(id);
        let bytes = files::read_trusted(&path, LARGEST)?;
        let (kind, why) = match serde_json::from_slice::<Entry>(&bytes) {
            Ok(entry) if entry.schema == SCHEMA && entry.id == id => return Ok(entry),
            read => match (of_later(&bytes), read) {
                (Some(schema), _) => {
                    let why = format!("a later tcptune wrote it, schema {schema}");
                    (ErrorKind::Unsupported, why)
                }
                (None, Ok(Entry { schema, id, .. })) => (
                    ErrorKind::InvalidData,
                    format!("schema {schema}, entry {id}"),
                ),
                (None, Err(why)) => (ErrorKind::InvalidData, why.to_string()),
            },
        };
        Err(Error::File {
            doing: "understand",
            path,
            source: std::io::Error::new(kind, why),
        })
    }

    /// One entry; nothing where it is gone, or none that this tcptune wrote.
    ///
    /// # Errors
    /// Where it is there but cannot be read: what it says still counts.
    pub fn known(&self, id: u64) -> Result<Option<Entry>, Error> {
        let mut known = None;
        self.each([&id], |entry| known = Some(entry))?;
        Ok(known)
    }

    /// Every entry that makes sense, oldest first, and the others in words.
    ///
    /// # Errors
    /// Where one is there but cannot be read: a history with a hole must not be rolled back.
    pub fn entries(&self) -> Result<(Vec<Entry>, Vec<String>), Error> {
        let mut entries = Vec::new();
        let foreign = self.each(&self.ids()?, |entry| entries.push(entry))?;
        Ok((entries, foreign.iter().map(ToString::to_string).collect()))
    }

    /// Reads entries that are still there, and returns what is wrong with those that this tcptune did not write.
    fn each<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i u64>,
        mut take: impl FnMut(Entry),
    ) -> Result<Vec<Error>, Error> {
        let mut foreign = Vec::new();
        for id in ids {
            match self.entry(*id) {
                Ok(entry) => take(entry),
                Err(error) if self.is_garbage(*id, &error) => foreign.push(error),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(foreign)
    }

    /// Whether an entry is there, but is none that this tcptune wrote: entries are written whole or not at all.
    fn is_garbage(&self, id: u64, error: &Error) -> bool {
        let Error::File { source, .. } = error else {
            return false;
        };
        match source.kind() {
            // Bytes that make no sense, or of a later tcptune; no file at all; a file that is larger than any of ours.
            ErrorKind::InvalidData
            | ErrorKind::Unsupported
            | ErrorKind::InvalidInput
            | ErrorKind::FileTooLarge => true,
            // A link to nothing.
            ErrorKind::NotFound => fs::symlink_metadata(self.path(id)).is_ok(),
            _ => source.raw_os_error() == Some(Errno::ELOOP as i32),
        }
    }
}

/// An entry that was dropped since the directory was listed.
pub fn is_gone(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// An entry of a tcptune that is newer than this one.
fn is_later(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::Unsupported)
}

/// The schema of a file that a later tcptune wrote, whatever else it says.
fn of_later(bytes: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let head = serde_json::from_slice::<Head>(bytes).ok();
    head.map(|head| head.schema)
        .filter(|schema| *schema > SCHEMA)
}
