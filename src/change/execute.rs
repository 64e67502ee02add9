//! Executes plans: all or nothing, intent on disk before the first write, every write read back.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use crate::error::{Error, Failure, Left, list};
use crate::host::files::share;
use crate::host::kernel::{Kernel, Open, reading};
use crate::host::root::Root;
use crate::host::signals;
use crate::host::staged::{self, Staged};
use crate::model::along::{leaders_first, led_to, still, touch};
use crate::model::change::Change;
use crate::model::key::Key;
use crate::model::memory::Held;
use crate::model::persist::FileChange;
use crate::model::plan::Plan;
use crate::model::snapshot::Reading;
use crate::model::sorted;
use crate::model::value::Value;

use super::back::{astray, but_gone, put_back, put_files_back};
use super::journal::{Entry, Stage};
use super::keys::Keys;
use super::locked::Locked;
use super::log;

/// Where the two axes are written.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The live axis.
    pub kernel: &'a dyn Kernel,
    /// The boot axis.
    pub root: &'a Root,
}

/// How far a transaction came.
#[derive(Debug, Default)]
struct Progress {
    /// Keys that may hold something new.
    written: usize,
    /// Files that may say something new.
    installed: usize,
}

/// Does what a plan says, and records it as `entry`. It ends committed, or unconfirmed
/// where it waits for that.
///
/// # Errors
/// * [`Error::Denied`], [`Error::File`], [`Error::MovedSince`]: nothing was touched.
/// * [`Error::PutBack`]: something failed, and everything that was written is again as it was.
/// * [`Error::Mixed`]: something failed, and so did putting back; what is left is listed, and the entry stays pending.
pub fn execute(
    target: Target<'_>,
    state: &Locked,
    plan: &Plan,
    mut entry: Entry,
) -> Result<(), Error> {
    let Target { kernel, root } = target;
    let keys = Keys::open(kernel, &plan.live)?;
    check_files(root, plan.files())?;
    signals::hold();
    let bystanders = bystanders(kernel, plan);
    record(state, &entry)?;
    let mut progress = Progress::default();
    let outcome = stage(root, plan.files())
        .and_then(|staged| {
            write_all(&keys, &mut progress.written)?;
            hold_still(kernel, &plan.along)?;
            install(staged, &mut progress.installed)
        })
        .and_then(|()| check_all(kernel, plan, &keys, &bystanders))
        .and_then(|()| commit(state, &mut entry));
    let Err(failure) = outcome else {
        return Ok(());
    };
    let left = undo(target, plan, &progress, bystanders);
    close(state, entry, &failure, &left);
    Err(match failure {
        failure if !left.is_empty() => Error::Mixed(failure, left),
        Failure::Moved {
            key,
            planned,
            holds,
        } if progress.written == 0 => Error::MovedSince {
            key,
            planned,
            holds,
        },
        failure => Error::PutBack(failure),
    })
}

/// Changes files of an image, which has no kernel and no journal: all of them, or none.
///
/// # Errors
/// As [`execute`].
pub fn execute_image(root: &Root, files: &[FileChange]) -> Result<(), Error> {
    check_files(root, files)?;
    signals::hold();
    share();
    let mut installed = 0;
    let Err(failure) = stage(root, files).and_then(|staged| install(staged, &mut installed)) else {
        return Ok(());
    };
    let left = put_files_back(
        root,
        files.iter().take(installed).rev().map(FileChange::undone),
    );
    Err(if left.is_empty() {
        Error::PutBack(failure)
    } else {
        Error::Mixed(failure, left)
    })
}

/// Whether the directories of files may be written.
///
/// # Errors
/// [`Error::File`].
pub fn check_files(root: &Root, files: &[FileChange]) -> Result<(), Error> {
    for change in files {
        staged::check_rights(root, change).map_err(|source| Error::File {
            doing: "write",
            path: change.path.clone().into(),
            source,
        })?;
    }
    Ok(())
}

/// Brings the new bytes to disk, before anything is changed.
pub(super) fn stage<'p>(
    root: &Root,
    files: &'p [FileChange],
) -> Result<Vec<(&'p FileChange, Staged<'p>)>, Failure> {
    let staged = files
        .iter()
        .map(|change| match staged::stage(root, change) {
            Ok(staged) => Ok((change, staged)),
            Err(source) => Err(Failure::DropIn {
                path: change.path.clone(),
                source,
            }),
        });
    staged.collect()
}

/// Gives the new bytes their names. `installed` counts those that may have changed.
pub(super) fn install(
    staged: Vec<(&FileChange, Staged<'_>)>,
    installed: &mut usize,
) -> Result<(), Failure> {
    for (change, staged) in staged {
        *installed += 1;
        staged.install().map_err(|source| {
            if source.kind() == ErrorKind::StaleNetworkFileHandle {
                // It is somebody else's now: there is nothing of ours to take back.
                *installed -= 1;
            }
            Failure::DropIn {
                path: change.path.clone(),
                source,
            }
        })?;
    }
    Ok(())
}

fn record(state: &Locked, entry: &Entry) -> Result<(), Error> {
    state
        .write(entry)
        .and_then(|()| state.sync())
        .inspect_err(|_| {
            // Whatever of it reached the disk, nothing was done: the next run would find that out, but need not.
            revert(
                state,
                entry.clone(),
                "the intent could not be recorded".to_owned(),
            );
        })
}

/// Declared keys that the plan does not speak of and that are as declared, with what they hold: some keys change others.
fn bystanders(kernel: &dyn Kernel, plan: &Plan) -> Vec<(Key, Value)> {
    let planned = plan.live.iter().chain(&plan.along);
    let planned = sorted::set(planned.map(|change| &change.key));
    let others = plan
        .after
        .active
        .settings
        .iter()
        .filter(|(key, _)| !planned.contains(key));
    let right = others.filter_map(|(key, setting)| {
        let value = kernel
            .read(key)
            .ok()
            .filter(|value| setting.accepts(value))?;
        Some((key.clone(), value))
    });
    right.collect()
}

/// Writes one key after the other and reads each back. `written` counts those that may hold something new.
fn write_all(keys: &Keys<'_>, written: &mut usize) -> Result<(), Failure> {
    for (place, (change, open)) in keys.each().enumerate() {
        match write(keys.changes(), change, open, written) {
            Err(failure) if !keys.is_gone(change) => return Err(failure),
            _ => *written = place + 1,
        }
    }
    Ok(())
}

fn write(
    changes: &[Change],
    Change { key, from, to, .. }: &Change,
    open: io::Result<Rc<dyn Open + '_>>,
    written: &mut usize,
) -> Result<(), Failure> {
    let moved = |holds| Failure::Moved {
        key: key.clone(),
        planned: from.clone(),
        holds,
    };
    let open = open.map_err(|why| moved(why.to_string()))?;
    let holds = told(open.read());
    if holds == to.as_str() {
        // Two names of one thing, or one key that sets others: the one before did it.
        return Ok(());
    }
    // Where a key that sets it along was written before it, it holds that.
    let is_led = || led_to(changes, key).is_some_and(|led| holds == led.as_str());
    if holds != from.as_str() && !is_led() {
        return Err(moved(holds));
    }
    // A failed write of a vector leaves its first fields changed, so it counts as written.
    *written += 1;
    put(Ok(open), key, to)
}

/// Writes a value, and reads it back.
fn put(open: io::Result<Rc<dyn Open + '_>>, key: &Key, to: &Value) -> Result<(), Failure> {
    let written = open.and_then(|open| open.write(to).map(|()| open));
    let open = written.map_err(|source| Failure::Write {
        key: key.clone(),
        to: to.clone(),
        source,
    })?;
    let holds = told(open.read());
    if holds == to.as_str() {
        return Ok(());
    }
    Err(Failure::ReadBack {
        key: key.clone(),
        to: to.clone(),
        holds,
    })
}

/// Writes back what the kernel set along, and should not have. Keys that are gone by now are nobody's loss.
fn hold_still(kernel: &dyn Kernel, along: &[Change]) -> Result<(), Failure> {
    for (key, value) in still(along) {
        match reading(kernel, key) {
            Reading::Value(holds) if holds == *value => continue,
            Reading::Absent => continue,
            Reading::Value(_) | Reading::Unreadable(_) => {}
        }
        put(kernel.open(key), key, value)?;
    }
    Ok(())
}

/// One last look at every key: those that were written, and those that were right before.
fn check_all(
    kernel: &dyn Kernel,
    plan: &Plan,
    keys: &Keys<'_>,
    bystanders: &[(Key, Value)],
) -> Result<(), Failure> {
    let strayed = keys.each().filter_map(|(change, open)| {
        let holds = told(open.and_then(|open| open.read()));
        let strayed = holds != change.to.as_str() && !keys.is_gone(change);
        strayed.then_some((&change.key, &change.to, holds))
    });
    let dragged = bystanders
        .iter()
        .filter(|(key, _)| !is_right(kernel, plan, key))
        .map(|(key, value)| (key, value, told(kernel.read(key))));
    match strayed.chain(dragged).next() {
        None => Ok(()),
        Some((key, wanted, holds)) => Err(Failure::SideEffect {
            key: key.clone(),
            wanted: wanted.to_string(),
            holds,
        }),
    }
}

/// Whether a declared key holds what is declared.
fn is_right(kernel: &dyn Kernel, plan: &Plan, key: &Key) -> bool {
    plan.setting(key)
        .is_none_or(|setting| kernel.read(key).is_ok_and(|value| setting.accepts(&value)))
}

fn commit(state: &Locked, entry: &mut Entry) -> Result<(), Failure> {
    entry.state = if entry.confirm.is_some() {
        Stage::Unconfirmed
    } else {
        Stage::Committed
    };
    state.write(entry).map_err(Failure::of_journal)?;
    // From here on it is committed. Without the sync, a power cut could bring the intent back, but that takes the
    // live values with it.
    drop(state.sync());
    log::tell(entry);
    Ok(())
}

/// Takes back what was written, last one first, and what it dragged along; returns what did not go back.
fn undo(
    target: Target<'_>,
    plan: &Plan,
    progress: &Progress,
    bystanders: Vec<(Key, Value)>,
) -> Vec<Left> {
    let Target { kernel, root } = target;
    let installed = plan.files().iter().take(progress.installed);
    let files = put_files_back(root, installed.rev().map(FileChange::undone));
    let (written, unwritten) = plan.live.split_at(progress.written);
    let mut back: Vec<&Change> = written.iter().rev().collect();
    leaders_first(&mut back, |change| &change.key);
    // What went along with a key goes back after it, whether its own turn had come or not.
    let is_led = |change: &&Change| touch(written, &change.key);
    back.extend(unwritten.iter().chain(&plan.along).filter(is_led));
    let back = back
        .into_iter()
        .map(|change| (change.key.clone(), change.from.clone()));
    let mut left = but_gone(kernel, written, put_back(kernel, back));
    left.extend(put_back(
        kernel,
        bystanders
            .into_iter()
            .filter(|(key, _)| !is_right(kernel, plan, key)),
    ));
    if !written.is_empty() {
        // A key that moved before its turn was perhaps dragged along by one of ours: it is not ours to write.
        let others = unwritten.iter().filter(|change| !is_led(change));
        left.extend(others.filter_map(|change| astray(kernel, &change.key, &change.from, None)));
    }
    left.extend(files);
    left
}

/// Ends an entry that failed. While something is left, it stays pending: the next run tries once more.
fn close(state: &Locked, mut entry: Entry, failure: &Failure, left: &[Left]) {
    if left.is_empty() {
        return revert(state, entry, failure.to_string());
    }
    entry.state = Stage::Pending;
    entry.error = Some(format!("{failure}; left: {}", list(left)));
    drop(state.write(&entry));
    log::tell(&entry);
}

/// Ends an entry that came to nothing. On a full disk the intent is taken away instead: nothing of it is left.
pub(super) fn revert(state: &Locked, mut entry: Entry, why: String) {
    entry.state = Stage::Reverted;
    entry.error = Some(why);
    let ended = state.write(&entry).or_else(|_| state.withdraw(&entry));
    drop(ended.and_then(|()| state.sync()));
    log::tell(&entry);
}

/// Ends an entry of which something cannot be put back. That much of it stands: it is remembered as tcptune's, although
/// nobody declares it, so that `off`, a later `apply` and a rollback can try again.
pub(super) fn give_up(state: &Locked, mut entry: Entry, left: &[Left], why: String) {
    let keys: Vec<&Key> = left.iter().filter_map(Left::key).collect();
    let paths: Vec<&str> = left.iter().filter_map(Left::path).collect();
    entry.changes.append(&mut entry.along);
    entry.changes.retain(|change| keys.contains(&&change.key));
    entry
        .files
        .retain(|file| paths.contains(&file.path.as_str()));
    if entry.files.is_empty() {
        // The drop-in is as it was.
        entry.persisted = None;
    }
    entry.back_to = None;
    entry.after = entry.before.clone();
    for Change { key, from, to, .. } in &entry.changes {
        let baseline = match entry.before.held.get(key) {
            Some(held) => held.baseline.clone(),
            None => Some(from.clone()),
        };
        let wrote = to.clone();
        entry
            .after
            .held
            .insert(key.clone(), Held::new(baseline, wrote));
    }
    entry.state = Stage::Committed;
    entry.error = Some(why);
    drop(state.write(&entry).and_then(|()| state.sync()));
    log::failed(&entry);
}

/// What a key holds, or why that cannot be said.
fn told(holds: io::Result<Value>) -> String {
    holds.map_or_else(|error| error.to_string(), |value| value.to_string())
}
