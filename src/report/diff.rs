//! The unified diff between what the kernel holds and what it would hold.

use std::collections::BTreeMap;

use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::lines::Lines;
use crate::model::persist::FileChange;
use crate::model::plan::Cause;
use crate::model::setting::Setting;
use crate::model::value::Value;

use super::{NamespaceChanges, printable};

/// The diff of one namespace; empty if nothing changes.
pub(super) fn unified(changes: &NamespaceChanges, from_header: &str, to_header: &str) -> String {
    let Some(plan) = changes.plan.as_ref().filter(|plan| !plan.live.is_empty()) else {
        return String::new();
    };
    // Released keys stand first.
    let mut lines: BTreeMap<(bool, &Key), (String, String)> = BTreeMap::new();
    for kept in &plan.kept {
        let line = line(&kept.key, &kept.value, &[]);
        lines.insert((true, &kept.key), (line.clone(), line));
    }
    for change in &plan.live {
        let released = (change.cause == Cause::Released).then(|| "released".to_owned());
        let setting = plan
            .setting(&change.key)
            .filter(|_| change.cause == Cause::Set);
        let remarks = [
            released,
            setting.and_then(Setting::bound),
            changes.notes.get(&change.key).cloned(),
        ];
        let (from, to) = (
            line(&change.key, &change.from, &[]),
            line(&change.key, &change.to, &remarks),
        );
        lines.insert((change.cause != Cause::Released, &change.key), (from, to));
    }
    // Line by line, so that what a key was and what it becomes stand together.
    let count = lines.len();
    let marked = |(from, to): &(String, String)| {
        if from == to {
            format!(" {from}")
        } else {
            format!("-{from}+{to}")
        }
    };
    let body = lines.values().map(marked);
    let (from_header, to_header) = (printable(from_header), printable(to_header));
    format!(
        "--- {from_header}\n+++ {to_header}\n@@ -1,{count} +1,{count} @@\n{}",
        body.collect::<String>()
    )
}

/// Files before and after, as one unified diff, with so many lines around each change.
pub(super) fn files(files: &[FileChange], around: usize) -> String {
    let one = |file: &FileChange| {
        let (from, to) = (
            file.from.as_deref().unwrap_or_default(),
            file.to.as_deref().unwrap_or_default(),
        );
        let name = |text: &Option<String>| {
            if text.is_some() {
                file.path.clone()
            } else {
                "/dev/null".to_owned()
            }
        };
        Lines::compare(from, to).unified(around, &name(&file.from), &name(&file.to))
    };
    files.iter().map(one).collect()
}

/// The same for people: only the lines that a loader obeys.
pub(super) fn assignments(files: &[FileChange]) -> String {
    let obeyed = |text: &Option<String>| -> String {
        let lines = text.iter().flat_map(|text| text.lines());
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (from, to): (String, String) = files
        .iter()
        .map(|file| (obeyed(&file.from), obeyed(&file.to)))
        .unzip();
    Lines::compare(&from, &to).marked()
}

/// `key = value`, with the word for a number and other remarks behind `#`.
fn line(key: &Key, value: &Value, remarks: &[Option<String>]) -> String {
    // Values of the kernel may hold anything, a host name for example.
    let shown = printable(value.as_str());
    let word = catalogue::word(key, value);
    let remarks: Vec<&str> = word
        .iter()
        .chain(remarks.iter().flatten())
        .map(String::as_str)
        .collect();
    if remarks.is_empty() {
        format!("{key} = {shown}\n")
    } else {
        format!("{key} = {shown}  # {}\n", remarks.join(", "))
    }
}
