//! Findings for people: what, who, why, the evidence, and what to do.

use anstyle::{AnsiColor, Style};

use crate::model::diagnose::{Cure, RULES, Remedy, Severity, rates};
use crate::model::handshake::plural;
use crate::model::printable::shell_word;
use crate::report::doctor::{Diagnosed, Doctor, Examined, place};
use crate::report::printable;

use super::{BAD, Page, plural_of};

/// Listeners that are shown although nothing is wrong with them.
const SHOWN: usize = 5;

impl Page {
    pub(super) fn doctor(&mut self, doctor: &Doctor) {
        let others = match doctor.not_examined {
            0 => String::new(),
            1 => "; 1 other not examined (--netns all)".to_owned(),
            more => format!("; {more} others not examined (--netns all)"),
        };
        for one in &doctor.namespaces {
            let place = printable(&one.netns);
            self.line(if doctor.window.is_zero() {
                format!("one look, {place} namespace{others}")
            } else {
                format!("{}, {place} namespace{others}", window(doctor, one))
            });
            if one.error.is_none() {
                self.examined(doctor, one);
            }
        }
        if self.manner.verbose {
            self.line("");
            self.line("what no sample can tell, and what would:");
            for rule in RULES {
                if let Some(beyond) = rule.beyond {
                    self.line(format!("  {:<20} {beyond}", rule.name));
                }
            }
        }
    }

    fn examined(&mut self, doctor: &Doctor, one: &Examined) {
        for diagnosed in &one.findings {
            self.diagnosed(doctor, one, diagnosed);
        }
        if one.findings.is_empty() {
            self.line(if doctor.window.is_zero() {
                "no finding from one look; overflows, drops, rates and local ports show only between two (--window 5s)"
            } else {
                "nothing found"
            });
        }
        self.gauges(one);
    }

    fn diagnosed(&mut self, doctor: &Doctor, one: &Examined, diagnosed: &Diagnosed) {
        let finding = &diagnosed.finding;
        let style = match finding.severity {
            Severity::Critical => BAD,
            Severity::Warning => AnsiColor::Yellow.on_default(),
            Severity::Info => Style::new(),
        };
        let word = finding.severity.word();
        let word = if finding.severity == Severity::Info {
            word.to_owned()
        } else {
            word.to_uppercase()
        };
        let at = finding.listener.as_ref();
        let at = at.map(|listener| format!("  {}", place(listener, one.owner(listener))));
        let word = self.styled(style, &word);
        self.line(format!(
            "{word} {}{}",
            finding.rule,
            printable(&at.unwrap_or_default())
        ));
        self.line(format!("  {}", printable(&finding.message)));
        let moved = finding
            .evidence
            .iter()
            .map(|(name, count)| format!("{name} +{count}"));
        let stood = finding
            .gauges
            .iter()
            .map(|(name, count)| format!("{} {count}", name.replace('_', " ")));
        let evidence: Vec<String> = moved.chain(stood).collect();
        if !evidence.is_empty() {
            self.line(format!("  seen: {}", evidence.join(", ")));
        }
        self.line(format!("  why: {}", printable(&finding.cause)));
        for step in &finding.remedy {
            for line in step_words(one.enter.as_deref(), step) {
                self.line(printable(&format!("  {line}")));
            }
        }
        let Some(cure) = diagnosed.cure.map(cure_words) else {
            return;
        };
        self.line(printable(&format!(
            "  {}: {cure}",
            doctor.profiles.join(" + ")
        )));
    }

    /// What stands in the queues, and how fast they move.
    fn gauges(&mut self, one: &Examined) {
        let Some(now) = one.now() else { return };
        let rates = rates(&one.seen);
        for listener in one.fullest(SHOWN) {
            let holds = u64::from(listener.limit) + 1;
            let open = match now.half_open(listener) {
                0 => String::new(),
                open => format!(", {open} half-open"),
            };
            self.line(printable(&format!(
                "  {:>3} % full: {} of {holds} wait{open}  {}",
                listener.fill(),
                listener.queued,
                place(listener, one.owner(listener))
            )));
        }
        let dialling: u32 = now.dialling.values().map(|one| one.count).sum();
        let count = |count: u32, noun: &str| format!("{count} {}", plural(i128::from(count), noun));
        let mut words = vec![
            format!(
                "{} {}",
                now.listeners.len(),
                plural_of(now.listeners.len(), "listener")
            ),
            format!("{} waiting for accept()", now.all_queued()),
            count(now.all_half_open(), "half-open request"),
            format!("{} under way", count(dialling, "connect")),
            format!("{} in TIME-WAIT", now.sockets.time_wait),
        ];
        if let Some(rates) = rates {
            words.push(format!("{:.0} accepts/s", rates.accepted));
            words.push(format!("{:.0} connects/s", rates.connects));
        }
        self.line(words.join(", "));
    }
}

/// What to do, and below it the command for it.
pub(in crate::report) fn step_words(enter: Option<&str>, step: &Remedy) -> Vec<String> {
    match step {
        Remedy::Key { key, value, .. } => {
            let netns =
                enter.map_or_else(String::new, |name| format!(" --netns {}", shell_word(name)));
            let value = if value.as_str().contains(' ') {
                format!("'{key}={value}'")
            } else {
                format!("{key}={value}")
            };
            vec![format!("do: tcptune set {value}{netns}")]
        }
        Remedy::Action { what, command } => {
            // Elsewhere it would reach another program than the one that suffers.
            let here = |command: &&String| enter.is_none() || command.starts_with("tcptune ");
            let command = command
                .as_ref()
                .filter(here)
                .map(|command| format!("    {command}"));
            std::iter::once(format!("do: {what}"))
                .chain(command)
                .collect()
        }
    }
}

/// How long was looked: as was asked for, unless so many namespaces took longer, or one was there for less.
fn window(doctor: &Doctor, one: &Examined) -> String {
    let asked = doctor.window.as_secs_f64();
    let seen = rates(&one.seen).map_or(0.0, |rates| rates.window_s);
    if (seen - asked).abs() * 10.0 > asked {
        format!(
            "{seen:.1}s of {}",
            humantime::format_duration(doctor.window)
        )
    } else {
        humantime::format_duration(doctor.window).to_string()
    }
}

/// What profiles would do about a finding.
pub(in crate::report) fn cure_words(cure: Cure) -> &'static str {
    match cure {
        Cure::Cured => "would cure it",
        Cure::InPart => "would set what has to be set; the other steps remain",
        Cure::No => "would change nothing about it",
    }
}
