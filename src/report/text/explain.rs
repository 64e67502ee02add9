//! `explain KEY…` for people.

use crate::model::catalogue::{self, Entry, SINCE, Scope};
use crate::model::handshake::View;
use crate::model::key::Key;
use crate::report::{Explained, ExplainedKey, Holds, printable};

use super::picture::{self, Case};
use super::{Page, STRONG};

/// Columns of a screen.
pub(super) const WIDTH: usize = 80;

/// Columns of the words in front.
const LABEL: usize = 12;

impl Page {
    pub(super) fn explained(&mut self, explained: &Explained) {
        for (index, one) in explained.keys.iter().enumerate() {
            if index > 0 {
                self.line("");
            }
            self.explained_key(explained, one);
        }
        let netns = printable(&explained.netns);
        let title = printable(&explained.site.title);
        self.line(format!("\nvalues are those of {title}, {netns} namespace"));
        self.verified(&explained.site.kernel, explained.site.verified);
    }

    fn explained_key(&mut self, explained: &Explained, one: &ExplainedKey) {
        let ExplainedKey {
            key,
            holds,
            default,
        } = one;
        let name = self.styled(STRONG, key.as_str());
        self.line(name);
        let entry = Entry::of(key);
        if let Some(entry) = entry {
            self.labelled("does", entry.summary);
        }
        let value = match holds {
            Holds::Value(value) => {
                let standing = match default {
                    Some(default) if default == value => ", the kernel's default".to_owned(),
                    Some(default) => {
                        let default = quoted(default.as_str());
                        format!("; the kernel's default is {default}")
                    }
                    None => String::new(),
                };
                let value = printable(value.as_str());
                format!(
                    "{}{}{standing}",
                    quoted(&value),
                    worded(explained, key, false)
                )
            }
            Holds::Secret(Some(true)) => "a secret, which is not shown: one is set".to_owned(),
            Holds::Secret(Some(false)) => "no secret yet: none was set or needed".to_owned(),
            Holds::Secret(None) => "a secret that may not be read".to_owned(),
            Holds::Absent => "nothing: this kernel, or this namespace, has no such key".to_owned(),
            Holds::Unreadable(why) => format!("what cannot be read: {}", printable(why)),
        };
        self.labelled("holds", &value);
        if entry.is_none() {
            self.labelled("", "tcptune knows nothing more about it");
        }
        self.meant(explained, key);
        self.pictured(explained, key);
        if let Some(entry) = entry {
            self.catalogued(explained, entry);
        }
    }

    /// What the value means, and what the planned one would.
    fn meant(&mut self, explained: &Explained, key: &Key) {
        let now = catalogue::consequences(&explained.values);
        let now = now.get(key).map_or(&[][..], Vec::as_slice);
        for sentence in now {
            self.labelled("means", sentence);
        }
        let Some(planned) = &explained.planned else {
            return;
        };
        let then = catalogue::consequences(&planned.values);
        let then = then.get(key).map_or(&[][..], Vec::as_slice);
        let changes = planned.values.get(key) != explained.values.get(key);
        let drawn = |values| {
            let view = View(values);
            picture::of(key, &[Case { title: "", view }])
        };
        if changes || then != now {
            let value = planned.values.get(key).map(ToString::to_string);
            let value = printable(&value.unwrap_or_default());
            let value = quoted(&value);
            let title = printable(&planned.title);
            let word = worded(explained, key, true);
            self.labelled("planned", &format!("with {title} it holds {value}{word}"));
            for sentence in then {
                self.labelled("would mean", sentence);
            }
        } else if drawn(&explained.values) != drawn(&planned.values) {
            let title = printable(&planned.title);
            let text = format!("{title} changes what it does, as the picture shows");
            self.labelled("planned", &text);
        } else if explained.values.contains_key(key) {
            let title = printable(&planned.title);
            self.labelled("planned", &format!("{title} changes nothing about it"));
        }
    }

    fn pictured(&mut self, explained: &Explained, key: &Key) {
        let mut cases = vec![Case {
            title: "now",
            view: View(&explained.values),
        }];
        if let Some(planned) = &explained.planned {
            cases.push(Case {
                title: "planned",
                view: View(&planned.values),
            });
        }
        let lines = picture::of(key, &cases);
        if !lines.is_empty() {
            self.line("");
            for line in &lines {
                self.line(format!("    {line}"));
            }
            self.line("");
        }
    }

    fn catalogued(&mut self, explained: &Explained, entry: &Entry) {
        self.labelled("takes", &entry.range());
        self.labelled("default", &entry.default_words());
        let scope = match entry.scope {
            Scope::PerNamespace => "each network namespace has its own",
            Scope::Global => "one for the whole machine",
            Scope::ReadOnlyInNamespace => {
                "one for the whole machine; a network namespace shows it and cannot write it"
            }
        };
        if !entry.is_removed() {
            self.labelled("scope", scope);
            self.labelled("effect", &format!("takes effect {}", entry.effect.words()));
        }
        if !entry.risk.is_empty() {
            self.labelled("risk", entry.risk);
        }
        let beside = entry.with.iter().filter_map(|name| Entry::named(name));
        let beside: Vec<String> = beside
            .map(|other| {
                let name = picture::name(other.name);
                match explained.values.get(other.name) {
                    Some(value) if value.as_str().is_empty() => format!("{name} (empty)"),
                    Some(value) => format!("{name} ({})", printable(value.as_str())),
                    None => name.to_owned(),
                }
            })
            .collect();
        if !beside.is_empty() {
            self.labelled("beside", &beside.join(", "));
        }
        self.labelled("there", &format!("{SINCE} Linux {}", entry.since));
        self.labelled("source", entry.source);
    }

    /// A word in front of a text that is broken into lines.
    fn labelled(&mut self, label: &str, text: &str) {
        for (index, line) in broken(text, WIDTH - LABEL - 2).iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.line(format!("  {label:LABEL$}{line}"));
        }
    }
}

/// The word for the value of a key, now or as planned.
fn worded(explained: &Explained, key: &Key, as_planned: bool) -> String {
    let planned = explained.planned.as_ref().map(|planned| &planned.values);
    let values = planned.filter(|_| as_planned).unwrap_or(&explained.values);
    let word = values
        .get(key)
        .and_then(|value| catalogue::word(key, value));
    word.map(|word| format!(" ({word})")).unwrap_or_default()
}

/// An empty value is seen, too.
fn quoted(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}

/// Lines of at most so many characters, broken at blanks; a longer word stands alone.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
