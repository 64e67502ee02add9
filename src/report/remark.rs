//! What a report has to say, one remark after the other: for outputs that put remarks beside lines of files.

use crate::error::Error;
use crate::model::catalogue::Entry;
use crate::model::change::Cause;
use crate::model::finding::{Finding, Severity};
use crate::model::key::Key;
use crate::model::problem::Problem;
use crate::model::setting::{BUILT_IN, COMPUTED, Origin};

use super::{Body, Compared, NamespaceChanges, Report, Reviewed, Warning, once, printable};

/// One thing to say, perhaps about a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) severity: Severity,
    pub(super) code: String,
    pub(super) message: String,
    /// Why that is so, or what would mend it.
    pub(super) more: Vec<String>,
    pub(super) place: Option<Place>,
}

impl Remark {
    /// What it says and why, a line each.
    pub(super) fn text(&self) -> String {
        let lines = std::iter::once(&self.message).chain(&self.more);
        let lines: Vec<String> = lines.map(|line| printable(line)).collect();
        lines.join("\n")
    }
}

/// Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: Option<usize>,
}

/// All of them: errors, findings, warnings, then what would change; each once.
pub(super) fn remarks(report: &Report) -> Vec<Remark> {
    let mut all = Vec::new();
    match &report.error {
        Some(Error::Problems(problems)) => all.extend(problems.iter().map(problem)),
        Some(error) => all.push(failed("", error)),
        None => {}
    }
    for (place, error) in report.namespace_errors() {
        all.push(failed(&format!("{place}: "), error));
    }
    let mut changes = Vec::new();
    match &report.body {
        Body::Checked(checked) => {
            all.extend(checked.problems().into_iter().map(problem));
            all.extend(checked.findings().into_iter().map(finding));
        }
        Body::Changes(body) => {
            for one in &body.namespaces {
                all.extend(one.findings.iter().map(finding));
                changes.extend(planned(one, &format!("{} namespace", one.netns)));
            }
        }
        Body::Review(review) => {
            for group in &review.groups {
                let hosts = match group.as_slice() {
                    [one] => one.name.clone(),
                    many => format!("{} hosts", many.len()),
                };
                let first = group.iter().take(1);
                for one in first.flat_map(|host: &Reviewed| &host.changes.namespaces) {
                    all.extend(one.findings.iter().map(finding));
                    changes.extend(planned(one, &hosts));
                }
            }
        }
        Body::Compared(compared) => changes.extend(differing(compared)),
        _ => {}
    }
    all.extend(report.warnings.iter().map(warning));
    all.extend(changes);
    once(all)
}

/// What a key is called for people.
pub(super) fn name(key: &Key) -> &str {
    Entry::of(key).map_or(key.as_str(), |entry| entry.short)
}

fn problem(problem: &Problem) -> Remark {
    let place = Place {
        file: problem.file.clone(),
        line: problem.line.max(1),
        column: (problem.column > 0).then_some(problem.column),
    };
    Remark {
        severity: Severity::Error,
        code: problem.code.to_owned(),
        message: problem.message.clone(),
        more: problem.hint.iter().cloned().collect(),
        // A name that leads nowhere is no file.
        place: (problem.line > 0).then_some(place),
    }
}

fn finding(finding: &Finding) -> Remark {
    Remark {
        severity: finding.severity,
        code: finding.code.to_owned(),
        message: format!("{}: {}", name(&finding.key), finding.message),
        more: [finding.reason.to_owned()]
            .into_iter()
            .chain(finding.hint.clone())
            .collect(),
        place: finding.origin.as_ref().and_then(place),
    }
}

fn warning(warning: &Warning) -> Remark {
    Remark {
        severity: Severity::Warning,
        code: warning.code.to_owned(),
        message: warning.message.clone(),
        more: warning.hint.iter().cloned().collect(),
        place: None,
    }
}

fn failed(place: &str, error: &Error) -> Remark {
    Remark {
        severity: Severity::Error,
        code: error.code().to_owned(),
        message: format!("{place}{error}"),
        more: error.hint().into_iter().collect(),
        place: None,
    }
}

/// A line of a file, unless the profile is part of the program.
fn place(origin: &Origin) -> Option<Place> {
    let Origin { file, line, .. } = origin;
    let line = (*line).filter(|_| ![BUILT_IN, COMPUTED].contains(&&**file))?;
    Some(Place {
        file: file.to_string(),
        line,
        column: None,
    })
}

fn note(code: &str, message: String, origin: Option<&Origin>) -> Remark {
    Remark {
        severity: Severity::Note,
        code: code.to_owned(),
        message,
        more: Vec::new(),
        place: origin.and_then(place),
    }
}

/// What would change somewhere.
fn planned(one: &NamespaceChanges, there: &str) -> Vec<Remark> {
    let Some(plan) = &one.plan else {
        return Vec::new();
    };
    let live = plan.live.iter().map(|change| {
        let released = match change.cause {
            Cause::Released => " (released)",
            Cause::Set | Cause::Restored | Cause::Along => "",
        };
        let message = format!(
            "{}: {} -> {}{released} on {there}",
            change.key, change.from, change.to
        );
        note("change", message, plan.origin(change))
    });
    let files = plan.files().iter().map(|file| {
        let message = format!("{} {} on {there}", file.does(), file.path);
        note("drop-in", message, None)
    });
    live.chain(files).collect()
}

fn differing(compared: &Compared) -> Vec<Remark> {
    let each = compared.rows.iter().map(|row| {
        let (from, to) = row.flat();
        let told = |line: Option<String>| line.unwrap_or_else(|| "nothing".to_owned());
        let message = format!("{} -> {}", told(from), told(to));
        let origin = row.to.as_ref().and_then(|setting| setting.origin());
        note("change", message, origin)
    });
    each.collect()
}
