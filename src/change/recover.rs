//! Settles entries whose process died between intent and commit: they did happen, or they are put back.

use crate::error::{Error, Failure, list};
use crate::host::kernel::{Kernel, snapshot};
use crate::host::machine::Machine;
use crate::host::netns::Namespace;
use crate::host::signals;
use crate::model::undo::{Recovery, recovery};

use super::execute::{check_rights, put_back, revert};
use super::journal::{Entry, Stage};
use super::state::State;
use super::store::Locked;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// In words, with its id.
    pub message: String,
    /// Whether keys were written now.
    pub wrote: bool,
}

/// Settles every pending entry of this namespace, and those of earlier boots, which took their keys with them.
///
/// # Errors
/// [`Error::Denied`] without the right to put back, [`Error::Mixed`] where the kernel refuses it.
pub fn settle(
    kernel: &dyn Kernel,
    state: &Locked,
    known: &State,
    machine: &Machine,
    namespace: &Namespace,
) -> Result<Vec<Settled>, Error> {
    let mut settled = Vec::new();
    for id in &known.pending {
        let Ok(entry) = state.store().entry(*id) else {
            continue;
        };
        if entry.boot != machine.boot {
            revert(
                state,
                entry,
                "the machine was restarted in the middle of it".to_owned(),
            );
        } else if entry.is_of(machine, namespace.id) {
            settled.push(settle_one(kernel, state, entry)?);
        } else if entry.netns == namespace.label {
            revert(
                state,
                entry,
                "its namespace is gone; this one has its name, but is another".to_owned(),
            );
        }
    }
    Ok(settled)
}

fn settle_one(kernel: &dyn Kernel, state: &Locked, mut entry: Entry) -> Result<Settled, Error> {
    signals::hold();
    let id = entry.id;
    let now = snapshot(kernel, entry.changes.iter().map(|change| &change.key));
    let (changes, strangers) = match recovery(&entry.changes, &now, entry.error.is_some()) {
        Recovery::Commit => {
            entry.state = Stage::Committed;
            state.write(&entry)?;
            drop(state.sync().and_then(|()| state.sum_up()));
            let message =
                format!("entry {id} was interrupted, but everything had been written: it stands");
            return Ok(Settled {
                message,
                wrote: false,
            });
        }
        Recovery::PutBack { changes, left } => (changes, left),
    };
    check_rights(kernel, &changes)?;
    let wrote = !changes.is_empty();
    let failed = put_back(
        kernel,
        changes.into_iter().map(|change| (change.key, change.to)),
    );
    let strangers: Vec<String> = strangers
        .iter()
        .map(|(change, holds)| format!("{} holds {holds}", change.key))
        .collect();
    let outcome = match (failed.as_slice(), strangers.as_slice()) {
        ([], []) => "it was put back".to_owned(),
        ([], others) => format!(
            "it was put back, but {} (another writer)",
            others.join(", ")
        ),
        (left, _) => format!("it could not all be put back: {}", list(left)),
    };
    if failed.is_empty() || entry.error.is_some() {
        // A second try is enough: a key that cannot be put back must not keep every later run from its work.
        revert(
            state,
            entry,
            format!("its process did not finish it; {outcome}"),
        );
    } else {
        entry.error = Some(outcome.clone());
        drop(state.write(&entry).and_then(|()| state.sum_up()));
    }
    if failed.is_empty() {
        return Ok(Settled {
            message: format!("entry {id} was interrupted: {outcome}"),
            wrote,
        });
    }
    Err(Error::Mixed(Failure::Interrupted { entry: id }, failed))
}
