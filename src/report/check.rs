//! `check`: what is wrong with profiles.

use crate::model::finding::{Finding, Severity};
use crate::model::memory::Settings;
use crate::model::problem::Problem;

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
    pub fn counts(&self) -> [(usize, Severity); 3] {
        let count = |severity| {
            self.findings()
                .filter(|one| one.severity == severity)
                .count()
        };
        [
            (self.problems().len(), Severity::Error),
            (count(Severity::Warning), Severity::Warning),
            (count(Severity::Note), Severity::Note),
        ]
    }

    /// Every problem once, also where several profiles extend the one that has it.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut all: Vec<&Problem> = Vec::new();
        for problem in self.files.iter().flat_map(|file| &file.problems) {
            if !all.contains(&problem) {
                all.push(problem);
            }
        }
        all
    }

    /// Every finding once.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let mut all: Vec<&Finding> = Vec::new();
        for finding in self.files.iter().flat_map(|file| &file.findings) {
            if !all.contains(&finding) {
                all.push(finding);
            }
        }
        all.into_iter()
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
