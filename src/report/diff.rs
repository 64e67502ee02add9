//! The unified diff between what the kernel holds and what it would hold.

use crate::model::catalogue;
use crate::model::change::Cause;
use crate::model::key::Key;
use crate::model::lines::Lines;
use crate::model::persist::FileChange;
use crate::model::setting::Setting;
use crate::model::sorted;
use crate::model::value::Value;

use super::{NamespaceChanges, printable};

/// The diff of one namespace; empty if nothing changes.
pub(super) fn unified(changes: &NamespaceChanges, from_header: &str, to_header: &str) -> String {
    let Some(plan) = changes.plan.as_ref().filter(|plan| !plan.live.is_empty()) else {
        return String::new();
    };
    // Released keys stand first.
    let mut lines: Vec<(bool, &Key, String)> = Vec::new();
    for kept in &plan.kept {
        let line = format!(" {}", line(&kept.key, &kept.value, &[]));
        lines.push((true, &kept.key, line));
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
        // What a key was and what it becomes stand together.
        let from = line(&change.key, &change.from, &[]);
        let to = line(&change.key, &change.to, &remarks);
        let line = if from == to {
            format!(" {from}")
        } else {
            format!("-{from}+{to}")
        };
        lines.push((change.cause != Cause::Released, &change.key, line));
    }
    sorted::by(&mut lines, |a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let count = lines.len();
    let (from_header, to_header) = (printable(from_header), printable(to_header));
    let mut diff = format!("--- {from_header}\n+++ {to_header}\n@@ -1,{count} +1,{count} @@\n");
    diff.extend(lines.into_iter().map(|(_, _, line)| line));
    diff
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
    let mut line = [key.as_str(), " = ", &shown].concat();
    if !remarks.is_empty() {
        line += &format!("  # {}", remarks.join(", "));
    }
    line + "\n"
}
