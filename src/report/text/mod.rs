//! The report for people.

mod boot;
mod changes;
mod check;
pub(super) mod doctor;
mod explain;
mod glossary;
mod overview;
mod picture;
mod review;
mod show;
mod status;

pub(super) use review::{same, unified};

use anstyle::{AnsiColor, Style};

use crate::error::Error;
use crate::model::handshake::plural;
use crate::model::memory::HOST;
use crate::model::problem::Problem;
use crate::model::setting::{BUILT_IN, COMPUTED};
use crate::model::stack::Named;

use super::remark::name;
use super::{Body, Metrics, Report, printable, problem};

/// How text is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// With colour.
    pub color: bool,
    /// With the reason for every setting.
    pub verbose: bool,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const STRONG: Style = Style::new().bold();

/// The report itself, for standard output.
pub fn page(report: &Report, manner: Manner) -> String {
    let mut page = Page {
        text: String::new(),
        manner,
    };
    match &report.body {
        Body::Metrics(metrics) => page.metrics(metrics),
        Body::Empty => {}
        Body::Profiles(profiles) => page.profiles(profiles),
        Body::Desired(show) => page.show(show),
        Body::Changes(changes) => page.changes(changes),
        Body::Status(all) => page.statuses(all),
        Body::History(history) => page.history(history),
        Body::Winners(winners) => page.winners(winners),
        Body::Hold(hold, before) => {
            page.line(printable(&hold.words()));
            if let Some(before) = before {
                page.line(printable(&format!("instead of: {}", before.words())));
            }
        }
        Body::Unhold(Some(before)) => {
            page.line(printable(&format!("no longer {}", before.words())));
        }
        Body::Unhold(None) => page.line("there was no hold"),
        Body::Doctor(doctor) => page.doctor(doctor),
        Body::Explained(explained) => page.explained(explained),
        Body::Overview(overview) => page.overview(overview),
        Body::Watch(watch) => page.text += &watch.text(manner.color),
        Body::Schema(document) => page.text += document,
        Body::Checked(checked) => page.checked(checked),
        Body::Review(review) => page.review(review),
        Body::Compared(compared) => page.compared(compared),
        Body::Snapshot(facts) => page.line(format!("{facts:#}")),
        Body::Active(active) => page.text += &active.text,
        Body::Imported(imported) => page.imported(imported),
        Body::Verified(all) => all.iter().for_each(|one| page.verified_in(one)),
    }
    page.text
}

/// The talk about it, for standard error: warnings, and why the run failed as a whole.
pub fn talk(report: &Report, manner: Manner) -> String {
    let mut talk = Page {
        text: String::new(),
        manner,
    };
    for warning in &report.warnings {
        talk.remark(
            "warning",
            AnsiColor::Yellow.on_default(),
            &warning.message,
            warning.hint.as_deref(),
        );
    }
    for finding in report.doubts() {
        let message = format!("{}: {}", name(&finding.key), finding.message);
        let style = AnsiColor::Yellow.on_default();
        talk.remark("warning", style, &message, finding.hint.as_deref());
    }
    match &report.error {
        Some(Error::Problems(problems)) => problems.iter().for_each(|one| talk.problem(one)),
        Some(error) => talk.error(error),
        None => {}
    }
    for (place, error) in report.namespace_errors() {
        let kind = format!("error: {}", printable(&place));
        talk.remark(&kind, BAD, &error.to_string(), error.hint().as_deref());
    }
    talk.text
}

struct Page {
    text: String,
    manner: Manner,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text += "\n";
    }

    /// What is in a file is not said once more; half of it, where a namespace could not be read, is not said at all.
    fn metrics(&mut self, metrics: &Metrics) {
        if metrics.written.is_none() && metrics.is_whole() {
            self.text += &metrics.text();
        }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.manner.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn remark(&mut self, kind: &str, style: Style, message: &str, hint: Option<&str>) {
        let kind = self.styled(style, kind);
        self.line(format!("{kind}: {}", printable(message)));
        if let Some(hint) = hint {
            self.line(format!("hint: {}", printable(hint)));
        }
    }

    /// A problem with a place comes with its line and a caret.
    fn problem(&mut self, problem: &Problem) {
        if problem.line > 0 {
            self.line(problem::render(problem, self.manner.color));
        } else {
            self.remark("error", BAD, &problem.message, problem.hint.as_deref());
        }
    }

    /// What ends what was applied.
    fn live_only(&mut self, netns: &str) {
        let end = if netns == HOST {
            "a reboot"
        } else {
            "a reboot, or the end of the namespace,"
        };
        self.line(format!("LIVE ONLY: nothing is on disk, {end} forgets it"));
    }

    fn error(&mut self, error: &Error) {
        self.remark("error", BAD, &error.to_string(), error.hint().as_deref());
    }

    fn verified(&mut self, kernel: &str, verified: bool) {
        if !verified {
            self.line(format!(
                "the consequences above are not verified on this kernel ({})",
                printable(kernel)
            ));
        }
    }
}

/// The noun for a count of things.
pub(super) fn plural_of(count: usize, noun: &str) -> String {
    plural(i128::try_from(count).unwrap_or(i128::MAX), noun)
}

/// As much of a hash as people compare.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..7).unwrap_or(hash)
}

/// What headers call each profile of a stack: `high-traffic (built in)`, `./web.toml`.
pub fn titles(profiles: &[Named]) -> Vec<String> {
    let title = |profile: &Named| match profile.file.as_str() {
        BUILT_IN | COMPUTED => format!("{} ({})", profile.name, profile.file),
        file => file.to_owned(),
    };
    profiles.iter().map(title).collect()
}
