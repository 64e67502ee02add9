//! The kernel's own defaults, as it gives them to a new network namespace.

use std::collections::BTreeMap;
use std::process::Stdio;

use crate::error::Error;
use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::sorted;
use crate::model::value::Value;

use super::kernel::{self, Proc, snapshot};
use super::netns;
use super::program;

/// The defaults of those keys where a new namespace shows them: constants of this kernel, of which each namespace has
/// its own.
///
/// # Errors
/// Where no namespace may be made; and see [`netns::is_lost`].
pub fn read<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Result<BTreeMap<Key, Value>, Error> {
    let told = keys
        .into_iter()
        .filter(|key| catalogue::Entry::of(key).is_some_and(catalogue::Entry::is_constant));
    let told: Vec<&Key> = told.collect();
    if told.is_empty() {
        return Ok(BTreeMap::new());
    }
    match netns::in_a_fresh_one(|| snapshot(&Proc, told.iter().copied())) {
        Ok(seen) => Ok(seen.values()),
        Err(error) if netns::is_lost(&error) => Err(error),
        Err(error) => unprivileged(&told).ok_or(error),
    }
}

/// The same, as far as they can be told: none where no namespace may be made.
///
/// # Errors
/// Only where the process was lost on its way; see [`netns::is_lost`].
pub fn known<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Result<BTreeMap<Key, Value>, Error> {
    match read(keys) {
        // In the wrong namespace nothing may go on.
        Err(error) if netns::is_lost(&error) => Err(error),
        told => Ok(told.unwrap_or_default()),
    }
}

/// The same without rights. A user namespace gives them, but nobody comes back from there, so that another process has
/// to go: unshare(1), where that is there and the kernel lets it.
fn unprivileged(keys: &[&Key]) -> Option<BTreeMap<Key, Value>> {
    let seen = program::named("unshare")
        .args(["--user", "--net", "--", "grep", "-H", ""])
        .args(keys.iter().map(|key| kernel::path(key)))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(seen.stdout).ok()?;
    let lines = sorted::map(text.lines().filter_map(|line| line.split_once(':')));
    let value = |key: &&Key| {
        let path = kernel::path(key);
        let line = lines.get(path.to_str()?)?;
        Some(((*key).clone(), catalogue::stored(key, line)))
    };
    Some(sorted::map(keys.iter().filter_map(value))).filter(|seen| !seen.is_empty())
}
