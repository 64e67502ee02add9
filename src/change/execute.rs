//! Executes plans: all or nothing, intent on disk before the first write, every write read back.

use std::collections::BTreeSet;
use std::io;

use crate::error::{Error, Failure, Left, list};
use crate::host::kernel::Kernel;
use crate::host::signals;
use crate::model::key::Key;
use crate::model::plan::{Change, Plan};
use crate::model::value::Value;

use super::journal::{Entry, Stage};
use super::store::Locked;

/// Does what a plan says, and records it as `entry`.
///
/// # Errors
/// * [`Error::Denied`], [`Error::MovedSince`]: nothing was touched.
/// * [`Error::PutBack`]: something failed, and every key that was written holds again what it held.
/// * [`Error::Mixed`]: something failed, and so did putting back; the keys are listed, and the entry stays pending.
pub fn execute(
    kernel: &dyn Kernel,
    state: &Locked,
    plan: &Plan,
    mut entry: Entry,
) -> Result<(), Error> {
    check_rights(kernel, &plan.live)?;
    signals::hold();
    let bystanders = bystanders(kernel, plan);
    record(state, &entry)?;
    let mut written = 0;
    let outcome = write_all(kernel, &plan.live, &mut written)
        .and_then(|()| check_all(kernel, plan, &bystanders))
        .and_then(|()| commit(state, &mut entry));
    let Err(failure) = outcome else {
        return Ok(());
    };
    let left = undo(kernel, plan, written, bystanders);
    close(state, entry, &failure, &left);
    Err(match failure {
        failure if !left.is_empty() => Error::Mixed(failure, left),
        Failure::Moved {
            key,
            planned,
            holds,
        } if written == 0 => Error::MovedSince {
            key,
            planned,
            holds,
        },
        failure => Error::PutBack(failure),
    })
}

/// Opens every key for writing: the only true check of rights.
///
/// # Errors
/// [`Error::Denied`] with every key that may not be written.
pub fn check_rights(kernel: &dyn Kernel, changes: &[Change]) -> Result<(), Error> {
    let denied = changes.iter().filter_map(|change| {
        let source = kernel.open_for_writing(&change.key).err()?;
        Some((change.key.clone(), source))
    });
    let denied: Vec<_> = denied.collect();
    if denied.is_empty() {
        Ok(())
    } else {
        Err(Error::Denied(denied))
    }
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

/// Declared keys that the plan does not write and that are as declared, with what they hold: some keys change others.
fn bystanders(kernel: &dyn Kernel, plan: &Plan) -> Vec<(Key, Value)> {
    let written: BTreeSet<&Key> = plan.live.iter().map(|change| &change.key).collect();
    let others = plan
        .after
        .active
        .settings
        .iter()
        .filter(|(key, _)| !written.contains(key));
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
fn write_all(kernel: &dyn Kernel, changes: &[Change], written: &mut usize) -> Result<(), Failure> {
    for Change { key, from, to, .. } in changes {
        let holds = read(kernel, key);
        if holds == to.as_str() {
            // Two names of one thing, or one key that sets others: the one before did it.
            *written += 1;
            continue;
        }
        if holds != from.as_str() {
            return Err(Failure::Moved {
                key: key.clone(),
                planned: from.clone(),
                holds,
            });
        }
        // A failed write of a vector leaves its first fields changed, so it counts as written.
        *written += 1;
        kernel.write(key, to).map_err(|source| Failure::Write {
            key: key.clone(),
            to: to.clone(),
            source,
        })?;
        let holds = read(kernel, key);
        if holds != to.as_str() {
            return Err(Failure::ReadBack {
                key: key.clone(),
                to: to.clone(),
                holds,
            });
        }
    }
    Ok(())
}

/// One last look at every key: those that were written, and those that were right before.
fn check_all(kernel: &dyn Kernel, plan: &Plan, bystanders: &[(Key, Value)]) -> Result<(), Failure> {
    let written = plan.live.iter().map(|change| (&change.key, &change.to));
    let strayed = written.filter(|(key, to)| read(kernel, key) != to.as_str());
    let dragged = bystanders
        .iter()
        .map(|(key, value)| (key, value))
        .filter(|(key, _)| !is_right(kernel, plan, key));
    match strayed.chain(dragged).next() {
        None => Ok(()),
        Some((key, wanted)) => Err(Failure::SideEffect {
            key: key.clone(),
            wanted: wanted.to_string(),
            holds: read(kernel, key),
        }),
    }
}

/// Whether a declared key holds what is declared.
fn is_right(kernel: &dyn Kernel, plan: &Plan, key: &Key) -> bool {
    plan.setting(key)
        .is_none_or(|setting| kernel.read(key).is_ok_and(|value| setting.accepts(&value)))
}

fn commit(state: &Locked, entry: &mut Entry) -> Result<(), Failure> {
    entry.state = Stage::Committed;
    if let Err(Error::File { path, source, .. }) = state.write(entry) {
        return Err(Failure::Journal { path, source });
    }
    // From here on it is committed. Without the sync, a power cut could bring the intent back, but that takes the
    // live values with it; and the summary can be made again from the entries.
    drop(state.sync().and_then(|()| state.sum_up()));
    Ok(())
}

/// Takes back what was written, last one first, and what it dragged along; returns the keys that did not go back.
fn undo(
    kernel: &dyn Kernel,
    plan: &Plan,
    written: usize,
    bystanders: Vec<(Key, Value)>,
) -> Vec<Left> {
    let (written, unwritten) = plan.live.split_at(written);
    let back = written
        .iter()
        .rev()
        .map(|change| (change.key.clone(), change.from.clone()));
    let mut left = put_back(kernel, back);
    left.extend(put_back(
        kernel,
        bystanders
            .into_iter()
            .filter(|(key, _)| !is_right(kernel, plan, key)),
    ));
    if !written.is_empty() {
        // A key that moved before its turn was perhaps dragged along by one of ours: it is not ours to write.
        left.extend(
            unwritten
                .iter()
                .filter_map(|change| astray(kernel, &change.key, &change.from, None)),
        );
    }
    left
}

/// Ends an entry that failed. While something is left, it stays pending: the next run tries once more.
fn close(state: &Locked, mut entry: Entry, failure: &Failure, left: &[Left]) {
    if left.is_empty() {
        return revert(state, entry, failure.to_string());
    }
    entry.state = Stage::Pending;
    entry.error = Some(format!("{failure}; left: {}", list(left)));
    drop(state.write(&entry).and_then(|()| state.sum_up()));
}

/// Ends an entry that came to nothing. On a full disk the intent is taken away instead: nothing of it is left.
pub(super) fn revert(state: &Locked, mut entry: Entry, why: String) {
    entry.state = Stage::Reverted;
    entry.error = Some(why);
    let ended = state.write(&entry).or_else(|_| state.withdraw(&entry));
    drop(
        ended
            .and_then(|()| state.sync())
            .and_then(|()| state.sum_up()),
    );
}

/// Writes values, going on past errors, and then reads them all again: the keys that do not hold them are left.
pub(super) fn put_back(
    kernel: &dyn Kernel,
    values: impl IntoIterator<Item = (Key, Value)>,
) -> Vec<Left> {
    let write = |(key, value): (Key, Value)| {
        let holds_it = read(kernel, &key) == value.as_str();
        let refused = if holds_it {
            None
        } else {
            kernel.write(&key, &value).err()
        };
        (key, value, refused)
    };
    let written: Vec<_> = values.into_iter().map(write).collect();
    written
        .iter()
        .filter_map(|(key, value, refused)| astray(kernel, key, value, refused.as_ref()))
        .collect()
}

/// A key that does not hold what it should.
fn astray(
    kernel: &dyn Kernel,
    key: &Key,
    wanted: &Value,
    refused: Option<&io::Error>,
) -> Option<Left> {
    let (value, unreadable) = match kernel.read(key) {
        Ok(value) if value == *wanted => return None,
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    };
    let why = refused.or(unreadable.as_ref()).map(ToString::to_string);
    Some(Left {
        key: key.clone(),
        value,
        wanted: wanted.clone(),
        why,
    })
}

/// What a key holds, or why that cannot be said.
fn read(kernel: &dyn Kernel, key: &Key) -> String {
    kernel
        .read(key)
        .map_or_else(|error| error.to_string(), |value| value.to_string())
}
