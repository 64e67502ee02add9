//! Unconfirmed entries: kept when somebody confirms them in time, taken back when nobody does.

use std::time::Duration;

use crate::error::{Error, Failure, Left, list};
use crate::host::clock;
use crate::host::kernel::snapshot_with_followers;
use crate::host::machine::Machine;
use crate::host::netns;
use crate::host::root::Root;
use crate::host::{signals, staged};
use crate::model::change::Change;
use crate::model::persist::FileChange;
use crate::model::undo::{self, Deed, wrote_since};

use super::back::{change_back, put_files_back};
use super::execute::{Target, check_files, give_up, install, stage};
use super::journal::{Confirm, Entry, Stage};
use super::locked::Locked;
use super::log;
use super::state::State;
use super::store::Store;

/// The entry of this namespace that waits to be confirmed.
///
/// # Errors
/// Where an entry that is not finished cannot be read: then nobody knows that none waits.
pub fn waiting(
    store: &Store,
    state: &State,
    machine: &Machine,
    namespace: netns::Id,
) -> Result<Option<Entry>, Error> {
    for id in state.pending.iter().rev() {
        let waits = store
            .known(*id)?
            .filter(|entry| entry.state == Stage::Unconfirmed && entry.is_of(machine, namespace));
        if waits.is_some() {
            return Ok(waits);
        }
    }
    Ok(None)
}

/// Milliseconds until an entry is taken back; 0 once it is overdue, or was never to be confirmed.
pub fn left(entry: &Entry) -> u64 {
    let deadline = entry.confirm.as_ref().map_or(0, |confirm| confirm.deadline);
    deadline.saturating_sub(clock::since_boot())
}

/// How long after its deadline an entry is tried to be taken back, in milliseconds: what cannot be put back must not keep
/// every later run from its work.
pub const PATIENCE: u64 = 15_000;

/// Milliseconds since an entry should have been taken back.
fn overdue(entry: &Entry) -> u64 {
    let deadline = entry.confirm.as_ref().map_or(0, |confirm| confirm.deadline);
    clock::since_boot().saturating_sub(deadline)
}

/// What the journal says of an entry that nobody confirmed.
pub const OVERDUE: &str = "not confirmed in time";

/// Whether an entry should have been taken back so long ago that nobody will do it any more.
pub(super) fn is_abandoned(entry: &Entry) -> bool {
    overdue(entry) > PATIENCE
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// What was done to keys.
    pub changes: Vec<Change>,
    /// How many files are again as they were.
    pub files: usize,
    /// Keys and files that are not as they were, in words: somebody else has changed them since, or they are not there.
    pub others: Vec<String>,
}

/// Takes an unconfirmed entry back: whatever is still as it left it goes back, and is read back; what somebody else has
/// changed since is left. It goes on past whatever cannot be put back.
///
/// # Errors
/// [`Error::Mixed`] where putting back failed. Until it is overdue for [`PATIENCE`], it stays unconfirmed, for one more try.
pub fn take_back(
    target: Target<'_>,
    state: &Locked,
    mut entry: Entry,
    why: &str,
) -> Result<TakenBack, Error> {
    let Target { kernel, root } = target;
    signals::hold();
    let torn = entry.is_torn();
    // Before anything is looked at: on a slow disk it takes its time.
    end_its_time(state, &mut entry)?;
    let keys = entry.changes.iter().map(|change| &change.key);
    let now = snapshot_with_followers(kernel, keys);
    let texts = staged::texts(root, &entry.files)?;
    sweep(root, &entry);
    let deed = Deed {
        torn,
        ..entry.deed()
    };
    let back = undo::put_back(deed, Some(&now), &texts);
    let mut others = back.others;
    let files = back.files.len();
    let mut failed: Vec<Left> = back.unread.into_iter().map(Left::unread).collect();
    failed.extend(put_files_back(root, back.files));
    let (left, moved) = change_back(kernel, &back.changes, &back.along);
    failed.extend(left);
    let mut taken = back.changes;
    taken.retain(|change| moved.iter().all(|(key, _)| *key != change.key));
    others.extend(moved.iter().map(|(key, holds)| wrote_since(key, holds)));
    if !failed.is_empty() {
        let failure = Failure::TakeBack { entry: entry.id };
        let why = format!("{why}; left: {}", list(&failed));
        if is_abandoned(&entry) {
            give_up(state, entry, &failed, why);
        } else {
            entry.error = Some(why);
            drop(state.write(&entry).and_then(|()| state.sync()));
            log::failed(&entry);
        }
        return Err(Error::Mixed(failure, failed));
    }
    entry.state = Stage::Reverted;
    entry.error = Some(format!("{why}{}", but(&others)));
    // On a full disk it is taken away instead: nothing of it is left.
    state.write(&entry).or_else(|_| state.withdraw(&entry))?;
    drop(state.sync());
    log::tell(&entry);
    Ok(TakenBack {
        changes: taken,
        files,
        others,
    })
}

/// What is not as it was, if anything.
pub(super) fn but(others: &[String]) -> String {
    if others.is_empty() {
        return String::new();
    }
    format!(", but {}", others.join(", "))
}

/// Takes away what a run that was killed may have left beside the files of an entry.
pub(super) fn sweep(root: &Root, entry: &Entry) {
    for file in &entry.files {
        staged::sweep(root, &file.path);
    }
}

/// From here on it is overdue: a run that dies while it takes the entry back is finished by the next one.
fn end_its_time(state: &Locked, entry: &mut Entry) -> Result<(), Error> {
    match &mut entry.confirm {
        Some(confirm) if confirm.deadline > clock::since_boot() => {
            *confirm = Confirm::new(Duration::ZERO, confirm.boot.take());
        }
        _ => return Ok(()),
    }
    state.write(entry)?;
    // Where a power cut brings the deadline back, it takes the live values with it.
    drop(state.sync());
    Ok(())
}

/// Takes back the files of a confirmation that was interrupted: it can be said again from the start, until the deadline.
/// Whether any had been written.
///
/// # Errors
/// [`Error::Mixed`] where a file could not be put back.
pub fn take_files_back(root: &Root, state: &Locked, mut entry: Entry) -> Result<bool, Error> {
    let texts = staged::texts(root, &entry.files)?;
    sweep(root, &entry);
    let files = Deed {
        changes: &[],
        along: &[],
        files: &entry.files,
        torn: true,
    };
    let back = undo::put_back(files, None, &texts);
    let wrote = !back.files.is_empty();
    let left = put_files_back(root, back.files);
    if !left.is_empty() {
        return Err(Error::Mixed(Failure::TakeBack { entry: entry.id }, left));
    }
    entry.drop_files();
    state.write(&entry)?;
    state.sync()?;
    Ok(wrote)
}

/// Keeps an entry for good, and changes the files of the next boot with it. Until that is done, it stays unconfirmed.
///
/// # Errors
/// As those of [`super::execute::execute`].
pub fn keep(
    target: Target<'_>,
    state: &Locked,
    mut entry: Entry,
    files: &[FileChange],
    persisted: &[u64],
) -> Result<(), Error> {
    let root = target.root;
    check_files(root, files)?;
    signals::hold();
    if !files.is_empty() {
        entry.files = files.to_vec();
        entry.persisted = Some([entry.id].iter().chain(persisted).copied().collect());
        state.write(&entry)?;
        state.sync()?;
    }
    let mut installed = 0;
    let outcome = stage(root, files)
        .and_then(|staged| install(staged, &mut installed))
        .and_then(|()| {
            entry.state = Stage::Committed;
            // What an earlier try could not do is done.
            entry.error = None;
            state.write(&entry).map_err(Failure::of_journal)
        });
    let Err(failure) = outcome else {
        drop(state.sync());
        log::tell(&entry);
        return Ok(());
    };
    let left = put_files_back(
        root,
        files.iter().take(installed).rev().map(FileChange::undone),
    );
    entry.state = Stage::Unconfirmed;
    if left.is_empty() {
        entry.drop_files();
    } else {
        // Whoever comes next tries again.
        entry.error = Some(format!("{failure}; left: {}", list(&left)));
    }
    drop(state.write(&entry).and_then(|()| state.sync()));
    Err(if left.is_empty() {
        Error::PutBack(failure)
    } else {
        Error::Mixed(failure, left)
    })
}
