//! The state directory, held by the one that writes it.

use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use crate::error::Error;
use crate::host::files;
use crate::model::sorted;

use super::hold::Hold;
use super::journal::Entry;
use super::state::State;
use super::store::{Known, Store, is_gone};

/// Entries that are kept; older ones go, unless a rollback in some namespace may need them.
const KEPT: usize = 1000;

/// How often a held lock is asked for again while waiting.
const POLL: Duration = Duration::from_millis(20);

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

impl Store {
    /// Makes the directory where it is missing, and keeps every other tcptune from writing.
    ///
    /// # Errors
    /// [`Error::Locked`] when another one is still at work after `wait`; [`Error::File`] without the right to.
    pub fn lock(&self, verb: &str, wait: Duration) -> Result<Locked, Error> {
        files::share();
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

impl Store {
    /// Whether nobody holds the lock, which is not taken; nothing where there is none. Nothing is made.
    pub fn is_idle(&self) -> Option<bool> {
        let lock = File::open(self.directory.join("lock")).ok()?;
        Some(lock.try_lock().is_ok())
    }
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
    /// [`Error::File`], and [`Error::Later`] where one is in force that says more than this tcptune knows; the one before
    /// still is in force.
    pub fn hold(&self, hold: &Hold) -> Result<(), Error> {
        self.store.spare_later_hold()?;
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
    /// As [`Locked::hold`].
    pub fn unhold(&self) -> Result<(), Error> {
        self.store.spare_later_hold()?;
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

    /// Brings `state.json` up to date and drops entries that nothing needs. Where a later tcptune was at work, it knows
    /// better: only a guard writes there, and readers add its entry by themselves.
    fn sum_up(&self) -> Result<(), Error> {
        let mut known = self.load()?;
        if known.later {
            return Ok(());
        }
        // Nobody else has it now, so that it is not copied.
        self.known.take();
        let state = &mut Rc::make_mut(&mut known).state;
        self.prune(state)?;
        state.journal_changed = self.store.journal_changed();
        let path = self.store.directory.join("state.json");
        let bytes = serde_json::to_vec(state).map_err(unwritable(&path))?;
        files::replace(&path, &bytes)
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

/// A file whose bytes cannot be made.
fn unwritable(path: &Path) -> impl Fn(serde_json::Error) -> Error {
    |why| Error::File {
        doing: "write",
        path: path.to_owned(),
        source: why.into(),
    }
}
