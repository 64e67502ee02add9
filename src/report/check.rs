//! `check`: what is wrong with profiles.

use crate::model::finding::{Finding, Severity};
use crate::model::memory::Settings;
use crate::model::problem::Problem;

use super::once;
use super::text::plural_of;

/// What was found in profiles.
#[derive(Debug)]
pub struct Checked {
    /// One for each, in the order in which they were named.
    pub files: Vec<CheckedFile>,
}

/// What was found in one profile, and in what it extends.
#[derive(Debug)]
pub struct CheckedFile {
    /// As it was named.
    pub name: String,
    /// What it wants; nothing where it has problems.
    pub settings: Option<Settings>,
    /// Why it cannot be applied.
    pub problems: Vec<Problem>,
    /// What its author should think about.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// The worst that was found.
    pub fn worst(&self) -> Option<Severity> {
        let all = self.files.iter().map(CheckedFile::worst);
        all.max().flatten()
    }

    /// How many problems, warnings and notes there are, each told once.
    fn counts(&self) -> [(usize, Severity); 3] {
        let count = |severity| {
            let findings = self.findings().into_iter();
            findings.filter(|one| one.severity == severity).count()
        };
        [
            (self.problems().len(), Severity::Error),
            (count(Severity::Warning), Severity::Warning),
            (count(Severity::Note), Severity::Note),
        ]
    }

    /// The same in words: `2 errors, 1 warning`.
    pub(super) fn summary(&self) -> String {
        let counts = self.counts().into_iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = counts
            .map(|(count, severity)| format!("{count} {}", plural_of(count, severity.word())))
            .collect();
        if told.is_empty() {
            "nothing to remark".to_owned()
        } else {
            told.join(", ")
        }
    }

    /// Every problem once, also where several profiles extend the one that has it.
    pub fn problems(&self) -> Vec<&Problem> {
        once(self.files.iter().flat_map(|file| &file.problems))
    }

    /// Every finding once.
    pub fn findings(&self) -> Vec<&Finding> {
        once(self.files.iter().flat_map(|file| &file.findings))
    }
}

impl CheckedFile {
    /// The worst that was found in it.
    pub fn worst(&self) -> Option<Severity> {
        if !self.problems.is_empty() {
            return Some(Severity::Error);
        }
        self.findings.iter().map(|finding| finding.severity).max()
    }
}
