//! `check`: everything that is wrong or doubtful in profiles, without any host.

use clap::{Args, ValueEnum};

use crate::error::Error;
use crate::exit::Exit;
use crate::host::library::Library;
use crate::model::check::check_text;
use crate::model::finding::Severity;
use crate::model::memory::Settings;
use crate::model::problem::Problem;
use crate::report::{Body, Checked, CheckedFile, Report};

use super::candidates;

/// The words of `check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Profiles: paths (with a `/`, or ending in `.toml`), or names
    #[arg(value_name = "FILE", required = true, add = candidates::profiles())]
    files: Vec<String>,
    /// What makes it fail: exit 1
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
}

/// The least severity that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What cannot be applied
    Error,
    /// That, and what probably does not do what its author wants
    Warning,
    /// Anything
    Note,
}

/// Runs `check`. Each profile is judged with what it extends, not with the others.
pub fn run(request: &Check) -> Report {
    let limit = match request.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Note => Severity::Note,
    };
    let checked = Checked {
        files: request.files.iter().map(|file| check(file)).collect(),
    };
    let fails = checked.worst().is_some_and(|worst| worst >= limit);
    // Of what could not even be read nothing is known; bytes that are no text were read.
    let unread = checked.problems().into_iter();
    let unread = unread.filter(|one| one.line == 0 && one.code != "not-utf8");
    let unread: Vec<Problem> = unread.cloned().collect();
    let exit = match (fails, unread.is_empty()) {
        (_, false) => Error::Problems(unread).exit(),
        (true, true) => Exit::NotClean,
        (false, true) => Exit::Done,
    };
    Report {
        command: "check",
        exit,
        changed: false,
        warnings: Vec::new(),
        error: None,
        body: Body::Checked(checked),
    }
}

fn check(file: &str) -> CheckedFile {
    let resolved = Library::for_review().resolve(&[file.to_owned()], &Settings::new());
    let (settings, problems) = match resolved {
        Ok(desired) => (Some(desired.settings), Vec::new()),
        Err(problems) => (None, problems),
    };
    CheckedFile {
        name: file.to_owned(),
        findings: settings.as_ref().map(check_text).unwrap_or_default(),
        settings,
        problems,
    }
}
