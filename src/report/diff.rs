//! The unified diff between what the kernel holds and what it would hold.

use std::collections::BTreeMap;

use similar::TextDiff;

use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::plan::Cause;
use crate::model::value::Value;

use super::NamespaceChanges;

/// The diff of one namespace; empty if nothing changes.
pub(super) fn unified(changes: &NamespaceChanges, from_header: &str, to_header: &str) -> String {
    let Some(plan) = &changes.plan else {
        return String::new();
    };
    let mut from: BTreeMap<&Key, String> = BTreeMap::new();
    let mut to: BTreeMap<&Key, String> = BTreeMap::new();
    for kept in &plan.kept {
        let line = line(&kept.key, &kept.value, &[]);
        from.insert(&kept.key, line.clone());
        to.insert(&kept.key, line);
    }
    for change in &plan.live {
        let released = (change.cause == Cause::Released).then(|| "released".to_owned());
        let bound = plan
            .setting(&change.key)
            .filter(|s| s.exact.is_none() && change.cause == Cause::Set);
        let remarks = [
            released,
            bound.map(crate::model::setting::Setting::words),
            changes.notes.get(&change.key).cloned(),
        ];
        from.insert(&change.key, line(&change.key, &change.from, &[]));
        to.insert(&change.key, line(&change.key, &change.to, &remarks));
    }
    let text = |lines: BTreeMap<&Key, String>| {
        lines
            .into_values()
            .map(|line| line + "\n")
            .collect::<String>()
    };
    let (from, to) = (text(from), text(to));
    TextDiff::from_lines(&from, &to)
        .unified_diff()
        .context_radius(usize::MAX / 4)
        .header(from_header, to_header)
        .to_string()
}

/// `key = value`, with the word for a number and other remarks behind `#`.
fn line(key: &Key, value: &Value, remarks: &[Option<String>]) -> String {
    let word = catalogue::word(key, value);
    let remarks: Vec<&str> = word
        .iter()
        .chain(remarks.iter().flatten())
        .map(String::as_str)
        .collect();
    if remarks.is_empty() {
        format!("{key} = {value}")
    } else {
        format!("{key} = {value}  # {}", remarks.join(", "))
    }
}
