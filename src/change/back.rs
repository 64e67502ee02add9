//! Writes keys and files back, going on past errors: what could not be put back is listed.

use std::io;

use crate::error::Left;
use crate::host::kernel::{Kernel, reading};
use crate::host::root::Root;
use crate::host::staged::{self, Staged};
use crate::model::along::{led_to, still, touch};
use crate::model::change::Change;
use crate::model::key::Key;
use crate::model::persist::FileChange;
use crate::model::snapshot::Reading;
use crate::model::value::Value;

/// Changes files back, going on past errors: those that could not be are left.
pub(super) fn put_files_back(
    root: &Root,
    changes: impl IntoIterator<Item = FileChange>,
) -> Vec<Left> {
    let back = |change: FileChange| {
        staged::sweep(root, &change.path);
        let there = staged::read(root, &change.path);
        let outcome = match there {
            Ok(text) if text == change.to => Ok(()),
            Ok(_) => staged::stage(root, &change).and_then(Staged::install),
            Err(why) => Err(why),
        };
        let why = outcome.err()?.to_string();
        Some(Left::File {
            path: change.path,
            why,
        })
    };
    changes.into_iter().filter_map(back).collect()
}

/// Changes keys back, each looked at just before: those that hold neither what they are changed from nor what they are
/// changed to are somebody else's by now, and are left. They come second, with what they hold. Then keys that these set
/// `along` are seen to.
pub(super) fn change_back(
    kernel: &dyn Kernel,
    changes: &[Change],
    along: &[Change],
) -> (Vec<Left>, Vec<(Key, Value)>) {
    let mut strangers = Vec::new();
    let ours = changes.iter().filter_map(|change| {
        let Change { key, from, to, .. } = change;
        match kernel.read(key) {
            Ok(holds)
                if holds != *from
                    && holds != *to
                    && led_to(changes, key) != Some(holds.clone()) =>
            {
                strangers.push((key.clone(), holds));
                None
            }
            _ => Some((key.clone(), to.clone())),
        }
    });
    let mut left = put_back(kernel, ours);
    let gone = |key| reading(kernel, key) == Reading::Absent;
    let there = still(along).filter(|(key, _)| !gone(key));
    left.extend(put_back(
        kernel,
        there.map(|(key, value)| (key.clone(), value.clone())),
    ));
    (but_gone(kernel, changes, left), strangers)
}

/// What is left but for keys that only followed `leaders` and went with their interfaces.
pub(super) fn but_gone(kernel: &dyn Kernel, leaders: &[Change], left: Vec<Left>) -> Vec<Left> {
    let is_gone = |key: &Key| touch(leaders, key) && reading(kernel, key) == Reading::Absent;
    let left = left.into_iter();
    left.filter(|one| one.key().is_none_or(|key| !is_gone(key)))
        .collect()
}

/// Writes values, going on past errors, and then reads them all again: the keys that do not hold them are left.
pub(super) fn put_back(
    kernel: &dyn Kernel,
    values: impl IntoIterator<Item = (Key, Value)>,
) -> Vec<Left> {
    let write = |(key, value): (Key, Value)| {
        let holds_it = kernel.read(&key).is_ok_and(|holds| holds == value);
        let refused = if holds_it {
            None
        } else {
            kernel.open(&key).and_then(|open| open.write(&value)).err()
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
pub(super) fn astray(
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
    Some(Left::Key {
        key: key.clone(),
        value,
        wanted: wanted.clone(),
        why,
    })
}
