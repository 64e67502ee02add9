//! `diff --against` for people.

use std::time::Duration;

use crate::model::lines::Lines;
use crate::model::memory::Settings;
use crate::report::review::flat;
use crate::report::{Compared, Review, Reviewed, printable};

use super::{Page, STRONG, plural_of, short};

/// As many hosts of a group as people want to see named.
const NAMED: usize = 5;

impl Page {
    pub(super) fn review(&mut self, review: &Review) {
        for (index, group) in review.groups.iter().enumerate() {
            if index > 0 {
                self.line("");
            }
            self.group(group);
        }
    }

    fn group(&mut self, group: &[Reviewed]) {
        let Some(first) = group.first() else { return };
        if !first.changes.only_hash {
            if group.len() > 1 {
                let said = self.styled(STRONG, &same(group));
                self.line(said);
            }
            self.taken(group);
        }
        if first.changes.only_hash {
            for host in group {
                self.changes(&host.changes);
            }
        } else {
            self.changes(&first.changes);
        }
    }

    /// Which hosts, and how old what is known of them is.
    fn taken(&mut self, group: &[Reviewed]) {
        let named = if self.manner.verbose {
            group.len()
        } else {
            NAMED
        };
        for host in group.iter().take(named) {
            let age = host.age.map(age).unwrap_or_default();
            self.line(printable(&format!(
                "{}: taken {}{age}",
                host.name, host.taken
            )));
        }
        if group.len() > named {
            self.line(format!(
                "and {} more (`-v` names them)",
                group.len() - named
            ));
        }
    }

    pub(super) fn compared(&mut self, compared: &Compared) {
        let title = |want: &crate::report::Want| {
            printable(&format!("{}, desired {}", want.title, short(&want.hash)))
        };
        let (from, to) = (title(&compared.from), title(&compared.to));
        let text = unified(compared, &from, &to);
        if text.is_empty() {
            return self.line(format!("{from} and {to} want the same"));
        }
        self.diff(&text);
        let count = compared.rows.len();
        self.line(format!("{count} {} differ", plural_of(count, "setting")));
    }
}

/// `412 hosts: the same 2 changes`.
pub(in crate::report) fn same(group: &[Reviewed]) -> String {
    let hosts = format!("{} {}", group.len(), plural_of(group.len(), "host"));
    match group.first() {
        Some(first) if first.count() > 0 && first.errors().next().is_none() => {
            format!("{hosts}: the same {}", first.outcome())
        }
        first => format!(
            "{hosts}: {}",
            first.map(Reviewed::outcome).unwrap_or_default()
        ),
    }
}

/// `, 3 days ago`: the largest two units.
fn age(age: Duration) -> String {
    let words = humantime::format_duration(age).to_string();
    let largest: Vec<&str> = words.split(' ').take(2).collect();
    format!(", {} ago", largest.join(" "))
}

/// Two wishes as one unified diff; empty where they are the same.
pub(in crate::report) fn unified(compared: &Compared, from: &str, to: &str) -> String {
    let flat = |settings: &Settings| -> String {
        let line = |(key, setting)| format!("{}\n", printable(&flat(key, setting)));
        settings.iter().map(line).collect()
    };
    let (before, after) = (flat(&compared.settings.0), flat(&compared.settings.1));
    if compared.rows.is_empty() {
        String::new()
    } else {
        Lines::compare(&before, &after).unified(3, from, to)
    }
}
