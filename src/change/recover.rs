//! Settles entries whose process died between intent and commit: they did happen, or they are put back.

use crate::error::{Error, Failure, Left, list};
use crate::host::kernel::snapshot_with_followers;
use crate::host::machine::Machine;
use crate::host::netns::Namespace;
use crate::host::{signals, staged};
use crate::model::undo::{self, PutBack, happened, wrote_since};

use super::back::{change_back, put_files_back};
use super::confirm;
use super::execute::{Target, check_files, give_up, revert};
use super::journal::{Entry, Stage};
use super::keys::Keys;
use super::locked::Locked;
use super::log;
use super::state::State;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// In words, with its id.
    pub message: String,
    /// Whether keys were written now.
    pub wrote: bool,
}

/// Settles every unfinished entry of this namespace, and those of earlier boots, which took their keys with them.
///
/// # Errors
/// [`Error::Denied`] without the right to put back, [`Error::Mixed`] where that fails.
pub fn settle(
    target: Target<'_>,
    state: &Locked,
    known: &State,
    machine: &Machine,
    namespace: &Namespace,
) -> Result<Vec<Settled>, Error> {
    let mut settled = Vec::new();
    for id in &known.pending {
        let Some(entry) = state.store().known(*id)? else {
            continue;
        };
        let here = entry.is_of(machine, namespace.id);
        if let Some(gone) = outlived(&entry, machine, namespace) {
            // Its keys are gone, but its files are not. They are the business of the namespace of process 1.
            match entry.state {
                _ if !entry.files.is_empty() && !namespace.init => {}
                _ if !entry.files.is_empty() => {
                    settled.push(settle_one(target, state, entry, false)?);
                }
                Stage::Unconfirmed => {
                    revert(state, entry, format!("{gone} before it was confirmed"));
                }
                _ => revert(state, entry, format!("{gone} in the middle of it")),
            }
            continue;
        }
        match entry.state {
            Stage::Unconfirmed if here && confirm::left(&entry) == 0 => {
                settled.push(overdue(target, state, entry)?);
            }
            Stage::Unconfirmed if here && !entry.files.is_empty() => {
                let wrote = confirm::take_files_back(target.root, state, entry)?;
                settled.push(Settled {
                    message: format!(
                        "the confirmation of entry {id} was interrupted: it still waits"
                    ),
                    wrote,
                });
            }
            Stage::Unconfirmed => {}
            _ if here => {
                settled.push(settle_one(target, state, entry, true)?);
                // Done, as it turns out, but perhaps not confirmed in time.
                let now = state.store().entry(*id).ok();
                let late =
                    now.filter(|now| now.state == Stage::Unconfirmed && confirm::left(now) == 0);
                settled.extend(late.map(|late| overdue(target, state, late)).transpose()?);
            }
            _ => {}
        }
    }
    Ok(settled)
}

/// What an entry outlived, so that its keys are gone: its boot; or its namespace, where another one has its name, as with
/// a container that was started again. While its guard may still be in the old one, that is for the guard to say.
fn outlived(entry: &Entry, machine: &Machine, namespace: &Namespace) -> Option<&'static str> {
    let named_alike = entry.netns == namespace.label && !entry.is_of(machine, namespace.id);
    let guarded = entry.confirm.is_some() && !confirm::is_abandoned(entry);
    if entry.boot != machine.boot {
        Some("the machine was restarted")
    } else if named_alike && !guarded {
        Some("its namespace ended (another has its name now)")
    } else {
        None
    }
}

/// Nobody confirmed it, and whoever should have taken it back did not.
fn overdue(target: Target<'_>, state: &Locked, entry: Entry) -> Result<Settled, Error> {
    let id = entry.id;
    let taken = confirm::take_back(target, state, entry, confirm::OVERDUE)?;
    let but = confirm::but(&taken.others);
    Ok(Settled {
        message: format!("entry {id} was not confirmed in time: it was put back{but}"),
        wrote: !taken.changes.is_empty() || taken.files > 0,
    })
}

fn settle_one(
    target: Target<'_>,
    state: &Locked,
    mut entry: Entry,
    this_boot: bool,
) -> Result<Settled, Error> {
    signals::hold();
    let id = entry.id;
    let Target { kernel, root } = target;
    let keys = entry.changes.iter().map(|change| &change.key);
    let now = this_boot.then(|| snapshot_with_followers(kernel, keys));
    let texts = staged::texts(root, &entry.files)?;
    // What was reported as failed did not happen, whatever is found.
    if entry.error.is_none() && happened(entry.deed(), now.as_ref(), &texts) {
        // One that was unconfirmed before has been confirmed: its files say so.
        entry.state = if entry.confirm.is_some() && entry.state == Stage::Pending {
            Stage::Unconfirmed
        } else {
            Stage::Committed
        };
        state.write(&entry)?;
        drop(state.sync());
        log::tell(&entry);
        let message =
            format!("entry {id} was interrupted, but everything had been written: it stands");
        return Ok(Settled {
            message,
            wrote: false,
        });
    }
    let PutBack {
        changes,
        along,
        files,
        mut others,
        unread,
    } = undo::put_back(entry.deed(), now.as_ref(), &texts);
    Keys::open(kernel, &changes)?;
    check_files(root, &files)?;
    confirm::sweep(root, &entry);
    let wrote = !changes.is_empty() || !files.is_empty();
    let (mut failed, moved) = change_back(kernel, &changes, &along);
    others.extend(moved.iter().map(|(key, holds)| wrote_since(key, holds)));
    failed.extend(unread.into_iter().map(Left::unread));
    failed.extend(put_files_back(root, files));
    let outcome = if failed.is_empty() {
        format!("it was put back{}", confirm::but(&others))
    } else {
        format!("it could not all be put back: {}", list(&failed))
    };
    let why = format!("its process did not finish it; {outcome}");
    if failed.is_empty() {
        revert(state, entry, why);
    } else if entry.error.is_some() {
        // A second try is enough: a key that cannot be put back must not keep every later run from its work.
        give_up(state, entry, &failed, why);
    } else {
        entry.error = Some(outcome.clone());
        drop(state.write(&entry));
        log::tell(&entry);
    }
    if failed.is_empty() {
        return Ok(Settled {
            message: format!("entry {id} was interrupted: {outcome}"),
            wrote,
        });
    }
    Err(Error::Mixed(Failure::Interrupted { entry: id }, failed))
}
