//! The state directory: a lock, one file per journal entry, and one small file that sums them up.
//!
//! The entries are the truth. `state.json` only spares readers the walk through them: it says up to which entry it
//! counts, and whatever is newer is added when it is read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
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

/// Entries that are kept; older ones go, unless a rollback in some namespace may need them.
const KEPT: usize = 1000;

/// Larger numbers are no ids of ours: somebody put a file of that name there.
const NO_ID: u64 = 1_000_000_000_000_000;

/// How often a held lock is asked for again while waiting.
const POLL: Duration = Duration::from_millis(20);

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
    directory: PathBuf,
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

    fn journal(&self) -> PathBuf {
        self.directory.join("journal")
    }

    fn path(&self, id: u64) -> PathBuf {
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
        let newer = self.ids_after(state.last)?;
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

    fn hold_path(&self) -> PathBuf {
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

    /// Ids of all entries, oldest first.
    ///
    /// # Errors
    /// Where the directory is there but cannot be read.
    pub fn ids(&self) -> Result<BTreeSet<u64>, Error> {
        self.ids_after(0)
    }

    /// The same without those up to `last`, of which there may be many.
    fn ids_after(&self, last: u64) -> Result<BTreeSet<u64>, Error> {
        match fs::read_dir(self.journal()) {
            Ok(entries) => {
                let number = |entry: fs::DirEntry| {
                    let name = entry.file_name();
                    name.to_str()?.strip_suffix(".json")?.parse().ok()
                };
                let numbers = entries.filter_map(|entry| number(entry.ok()?));
                Ok(sorted::set(
                    numbers.filter(|id| (last.saturating_add(1)..NO_ID).contains(id)),
                ))
            }
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(source) => Err(Error::File {
                doing: "read",
                path: self.journal(),
                source,
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

    /// Makes the directory where it is missing, and keeps every other tcptune from writing.
    ///
    /// # Errors
    /// [`Error::Locked`] when another one is still at work after `wait`; [`Error::File`] without the right to.
    pub fn lock(&self, verb: &str, wait: Duration) -> Result<Locked, Error> {
        // Whatever the caller's umask: these files are there to be read by everybody.
        umask(Mode::from_bits_truncate(0o022));
        files::make_directory(&self.journal())?;
        files::trust_directory(&self.journal())?;
        let path = self.directory.join("lock");
        let error = |source| Error::File {
            doing: "open",
            path: path.clone(),
            source,
        };
        let since = Instant::now();
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(&path)
                .map_err(error)?;
            match file.try_lock() {
                Ok(()) => {
                    // Who holds it, for the message of those who find it held; no harm if it cannot be said.
                    let holder = format!("process {} ({verb})\n", std::process::id());
                    let _for_display_only = file
                        .set_len(0)
                        .and_then(|()| file.write_all(holder.as_bytes()));
                    return Ok(Locked {
                        store: self.clone(),
                        known: RefCell::default(),
                        written: RefCell::default(),
                        behind: Cell::new(false),
                        _lock: file,
                    });
                }
                Err(TryLockError::WouldBlock) if since.elapsed() < wait => std::thread::sleep(POLL),
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _for_display_only = file.take(100).read_to_string(&mut holder);
                    let holder = holder.trim().escape_debug().to_string();
                    return Err(Error::Locked {
                        holder,
                        waited: wait,
                    });
                }
                Err(TryLockError::Error(source)) => return Err(error(source)),
            }
        }
    }
}

/// A file whose bytes cannot be made.
fn unwritable(path: &Path) -> impl Fn(serde_json::Error) -> Error {
    |why| Error::File {
        doing: "write",
        path: path.to_owned(),
        source: why.into(),
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

/// The state directory, for the one writer.
#[derive(Debug)]
pub struct Locked {
    store: Store,
    /// What was known when it was last asked for.
    known: RefCell<Option<Rc<Known>>>,
    /// Entries that were written since, in the form that counts.
    written: RefCell<Vec<Entry>>,
    /// Whether `state.json` is behind.
    behind: Cell<bool>,
    /// Held until it is closed.
    _lock: File,
}

impl Locked {
    /// The same directory for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The state as of now: read once, as nobody else writes.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn load(&self) -> Result<Rc<Known>, Error> {
        let mut known = if let Some(known) = self.known.take() {
            known
        } else {
            // They are on the disk.
            self.written.take();
            Rc::new(self.store.load()?)
        };
        for entry in self.written.take() {
            Rc::make_mut(&mut known).state.add(&entry);
        }
        self.known.replace(Some(known.clone()));
        Ok(known)
    }

    /// Writes an entry, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`]; what was there before still is.
    pub fn write(&self, entry: &Entry) -> Result<(), Error> {
        let path = self.store.path(entry.id);
        let mut bytes = serde_json::to_vec(entry).map_err(unwritable(&path))?;
        bytes.push(b'\n');
        files::replace(&path, &bytes)?;
        let mut written = self.written.borrow_mut();
        written.retain(|one| one.id != entry.id);
        written.push(entry.clone());
        self.behind.set(true);
        Ok(())
    }

    /// Puts a hold in force.
    ///
    /// # Errors
    /// [`Error::File`]; the one before still is in force.
    pub fn hold(&self, hold: &Hold) -> Result<(), Error> {
        let path = self.store.hold_path();
        let bytes = serde_json::to_vec_pretty(hold).map_err(unwritable(&path))?;
        files::replace(&path, &bytes)?;
        // From here on it is in force, as an entry is committed.
        drop(files::sync_directory(&self.store.directory));
        Ok(())
    }

    /// Takes the hold away, if there is one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn unhold(&self) -> Result<(), Error> {
        let path = self.store.hold_path();
        let removed = files::remove(&path);
        drop(files::sync_directory(&self.store.directory));
        removed.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
    }

    /// Takes an entry away, as if it had never been intended.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn withdraw(&self, entry: &Entry) -> Result<(), Error> {
        let path = self.store.path(entry.id);
        self.known.take();
        files::remove(&path)
    }

    /// Makes what was written last, even if the machine loses power.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn sync(&self) -> Result<(), Error> {
        files::sync_directory(&self.store.journal())
    }

    /// Brings `state.json` up to date and drops entries that nothing needs.
    fn sum_up(&self) -> Result<(), Error> {
        let known = self.load()?;
        let state = &known.state;
        let path = self.store.directory.join("state.json");
        let bytes = serde_json::to_vec(state).map_err(unwritable(&path))?;
        files::replace(&path, &bytes)?;
        self.prune(state)
    }

    fn prune(&self, state: &State) -> Result<(), Error> {
        let ids = self.store.ids()?;
        let lines = state.namespaces.iter();
        let needed = lines
            .flat_map(|one| one.line.iter().copied().chain([one.last]))
            .chain(state.pending.iter().copied())
            .chain(state.persisted.iter().copied());
        let needed = sorted::set(needed);
        for id in ids
            .iter()
            .take(ids.len().saturating_sub(KEPT))
            // What somebody else has put there is theirs.
            .filter(|id| !needed.contains(id) && self.store.entry(**id).is_ok())
        {
            let path = self.store.path(*id);
            files::remove(&path)?;
        }
        Ok(())
    }
}

/// Once all is written, it is summed up. Where that fails nothing is lost: readers add newer entries by themselves.
impl Drop for Locked {
    fn drop(&mut self) {
        if self.behind.get() {
            drop(self.sum_up());
        }
    }
}
