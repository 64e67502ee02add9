//! What the system's log hears of a transaction.

use crate::host::log;

use super::journal::{Entry, Stage, Who};

/// Leaves one record of how an entry ended; one that is still pending has failed.
pub(super) fn tell(entry: &Entry) {
    let state = match entry.state {
        Stage::Committed if entry.verb == "rollback" => "restored",
        Stage::Committed => "committed",
        Stage::Unconfirmed => "unconfirmed",
        Stage::Reverted => "reverted",
        Stage::Pending => return failed(entry),
    };
    record(entry, state);
}

/// Leaves one record of an entry that could not be put back.
pub(super) fn failed(entry: &Entry) {
    record(entry, "failed");
}

fn record(entry: &Entry, state: &str) {
    let Entry {
        id, verb, netns, ..
    } = entry;
    let declared = entry.declared();
    let count = entry.changes.len() + entry.files.len();
    let why = entry
        .error
        .as_ref()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    // Whoever ends an entry need not be who began it.
    let who = Who::me().words();
    let message = format!(
        "entry {id} {state}: {verb} of {declared} in {netns}, {count} changes, by {who}{why}"
    );
    let mut fields = vec![
        ("TCPTUNE_ENTRY", id.to_string()),
        ("TCPTUNE_STATE", state.to_owned()),
        ("TCPTUNE_VERB", verb.clone()),
        ("TCPTUNE_NETNS", netns.clone()),
        ("TCPTUNE_PROFILES", entry.after.active.profiles.join(" ")),
        ("TCPTUNE_CHANGES", count.to_string()),
        ("TCPTUNE_WHO", who),
    ];
    fields.extend(
        entry
            .reason
            .iter()
            .map(|reason| ("TCPTUNE_REASON", reason.clone())),
    );
    fields.extend(
        entry
            .error
            .iter()
            .map(|error| ("TCPTUNE_ERROR", error.clone())),
    );
    log::tell(state == "failed", message, fields);
}
