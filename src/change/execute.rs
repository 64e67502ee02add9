//! Executes plans: all or nothing, intent on disk before the first write, every write read back.

use std::collections::BTreeMap;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::error::{Error, Failure, Left};
use crate::host::kernel::Kernel;
use crate::model::plan::{Cause, Change, KeptWhy, Plan};

use super::journal::{Entry, Stage};
use super::state::Locked;

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
    let _signals = SignalsBlocked::now();
    record(state, &entry)?;
    let mut written = Vec::new();
    let outcome = write_all(kernel, &plan.live, &mut written)
        .and_then(|()| check_all(kernel, plan))
        .and_then(|()| commit(state, &mut entry));
    let Err(failure) = outcome else {
        return Ok(());
    };
    let left = put_back(kernel, &undoing(plan, &written, &failure));
    if !left.is_empty() {
        // The intent stays pending: the next run tries once more to put back what is left.
        entry.state = Stage::Pending;
        entry.error = Some(failure.to_string());
        drop(state.write(&entry).and_then(|()| state.sum_up()));
        return Err(Error::Mixed(failure, left));
    }
    revert(state, entry, failure.to_string());
    Err(match failure {
        Failure::Moved {
            key,
            planned,
            holds,
        } if written.is_empty() => Error::MovedSince {
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

fn write_all(
    kernel: &dyn Kernel,
    changes: &[Change],
    written: &mut Vec<Change>,
) -> Result<(), Failure> {
    for change in changes {
        let Change { key, from, to, .. } = change;
        let holds = read(kernel, change);
        if holds != from.as_str() {
            return Err(Failure::Moved {
                key: key.clone(),
                planned: from.clone(),
                holds,
            });
        }
        // A failed write of a vector leaves its first fields changed, so it counts as written.
        written.push(change.clone());
        kernel.write(key, to).map_err(|source| Failure::Write {
            key: key.clone(),
            to: to.clone(),
            source,
        })?;
        let holds = read(kernel, change);
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

/// Some keys change others: looks once more at every key of the plan, the ones that were right before included.
fn check_all(kernel: &dyn Kernel, plan: &Plan) -> Result<(), Failure> {
    let kept = plan
        .kept
        .iter()
        .filter(|kept| kept.why == KeptWhy::Right)
        .map(|kept| (&kept.key, &kept.value));
    let written = plan.live.iter().map(|change| (&change.key, &change.to));
    for (key, wanted) in written.chain(kept) {
        let holds = kernel
            .read(key)
            .map_or_else(|error| error.to_string(), |value| value.to_string());
        if holds != wanted.as_str() {
            return Err(Failure::SideEffect {
                key: key.clone(),
                wanted: wanted.to_string(),
                holds,
            });
        }
    }
    Ok(())
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

/// Ends an entry that came to nothing. Where this cannot be recorded, the next run finds the same out by itself.
pub(super) fn revert(state: &Locked, mut entry: Entry, why: String) {
    entry.state = Stage::Reverted;
    entry.error = Some(why);
    drop(
        state
            .write(&entry)
            .and_then(|()| state.sync())
            .and_then(|()| state.sum_up()),
    );
}

/// What takes a failed plan back, last write first, and then a right key that another one dragged along.
fn undoing(plan: &Plan, written: &[Change], failure: &Failure) -> Vec<Change> {
    let back = |change: &Change| Change {
        key: change.key.clone(),
        from: change.to.clone(),
        to: change.from.clone(),
        cause: Cause::Restored,
    };
    let mut changes: Vec<Change> = written.iter().rev().map(back).collect();
    if let Failure::SideEffect { key: dragged, .. } = failure {
        changes.extend(
            plan.kept
                .iter()
                .filter(|kept| kept.key == *dragged)
                .map(|kept| Change {
                    key: kept.key.clone(),
                    from: kept.value.clone(),
                    to: kept.value.clone(),
                    cause: Cause::Restored,
                }),
        );
    }
    changes
}

/// Writes every `to`, going on past errors, and then reads them all again: the keys that do not hold it are left.
pub(super) fn put_back(kernel: &dyn Kernel, changes: &[Change]) -> Vec<Left> {
    let mut refused = BTreeMap::new();
    for change in changes
        .iter()
        .filter(|change| read(kernel, change) != change.to.as_str())
    {
        if let Err(why) = kernel.write(&change.key, &change.to) {
            refused.insert(&change.key, why);
        }
    }
    let left = changes.iter().filter_map(|change| {
        let holds = read(kernel, change);
        let why = refused
            .get(&change.key)
            .map(|why| format!(" ({why})"))
            .unwrap_or_default();
        (holds != change.to.as_str()).then(|| Left {
            key: change.key.clone(),
            value: holds + &why,
            wanted: change.to.clone(),
        })
    });
    left.collect()
}

/// What a key holds, or why that cannot be said.
fn read(kernel: &dyn Kernel, change: &Change) -> String {
    kernel
        .read(&change.key)
        .map_or_else(|error| error.to_string(), |value| value.to_string())
}

/// Holds every signal back (but SIGKILL and SIGSTOP, which nobody can), so that Ctrl-C finds all or nothing.
pub(super) struct SignalsBlocked(Option<SigSet>);

impl SignalsBlocked {
    pub(super) fn now() -> Self {
        Self(SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok())
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _unchanged_at_worst = before.thread_set_mask();
        }
    }
}
