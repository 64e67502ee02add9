//! Walks a TOML document and collects settings and problems.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::catalogue::{self, Complaint, Entry, Shape};
use super::super::key::Key;
use super::super::problem::{Problem, Source};
use super::super::setting::{Origin, Part, Setting};
use super::super::sorted;
use super::super::value::Value;
use super::raw::raw;
use super::{LONGEST_TEXT, Profile, is_name, is_path};

/// Most settings of one profile.
const MOST_SETTINGS: usize = 10_000;

/// Most problems that are told of one profile.
const MOST_PROBLEMS: usize = 100;

/// Most profiles that one profile extends.
const MOST_BASES: usize = 64;

type Item<'i> = Spanned<DeValue<'i>>;

/// What was read so far.
pub(super) struct Reader<'a> {
    /// Name and file, which every setting carries.
    name: Arc<str>,
    file: Arc<str>,
    source: &'a Source<'a>,
    problems: Vec<Problem>,
    profile: Profile,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &str, source: &'a Source<'a>) -> Self {
        Self {
            name: name.into(),
            file: source.file.into(),
            source,
            problems: Vec::new(),
            profile: Profile::default(),
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The profile, or its problems ordered by place.
    pub(super) fn finish(mut self) -> Result<Profile, Vec<Problem>> {
        if self.problems.is_empty() {
            return Ok(self.profile);
        }
        sorted::by_key(&mut self.problems, |problem| (problem.line, problem.column));
        self.problems.dedup();
        Err(self.problems)
    }

    /// A problem that the TOML parser found, in its words, without its inner expectations.
    pub(super) fn syntax(&mut self, span: &Range<usize>, message: &str) {
        let mut complaint =
            Complaint::new("syntax", message.trim_end_matches(", expected nothing"));
        if message.contains("leading zero") {
            let hint =
                "a number with a leading zero is octal to the kernel: write the decimal number";
            complaint = complaint.hint(hint);
        }
        self.complain(span, complaint);
    }

    fn complain(&mut self, span: &Range<usize>, complaint: Complaint) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let complaint = match self.problems.len() + 1 {
            MOST_PROBLEMS => Complaint::new(
                "too-many",
                format!("{MOST_PROBLEMS} problems are enough; the rest is not looked at"),
            ),
            _ => complaint,
        };
        self.problems.push(self.source.problem(
            span,
            complaint.code,
            complaint.message,
            complaint.hint,
        ));
    }

    fn refuse(&mut self, span: &Range<usize>, code: &'static str, message: impl Into<String>) {
        self.complain(span, Complaint::new(code, message));
    }

    /// Walks the whole document.
    pub(super) fn document(&mut self, document: &DeTable<'_>) {
        for (key, item) in document {
            let name: &str = key.get_ref();
            match (name, item.get_ref().as_table()) {
                ("profile", Some(table)) => self.head(table),
                ("tcp", Some(table)) => self.tcp(table),
                ("sysctl", Some(table)) => self.sysctl(table, &mut Vec::new()),
                ("profile" | "tcp" | "sysctl", None) => {
                    self.refuse(
                        &key.span(),
                        "wrong-type",
                        format!("`{name}` is a table: write `[{name}]`"),
                    );
                }
                _ => {
                    let hint = match catalogue::Entry::named(name) {
                        Some(_) => "settings stand below `[tcp]` or `[sysctl]`",
                        None => "a profile has the tables `[profile]`, `[tcp]` and `[sysctl]`",
                    };
                    let message = format!("unknown table or field `{}`", name.escape_debug());
                    self.complain(
                        &key.span(),
                        Complaint::new("unknown-field", message).hint(hint),
                    );
                }
            }
        }
    }

    fn head(&mut self, table: &DeTable<'_>) {
        for (key, item) in table {
            match key.get_ref().as_ref() {
                "description" => self.profile.description = self.text(item).unwrap_or_default(),
                "extends" => self.extends(item),
                other => {
                    let message = format!("unknown field `{}`", other.escape_debug());
                    let complaint = Complaint::new("unknown-field", message);
                    self.complain(
                        &key.span(),
                        complaint.hint("`[profile]` has `description` and `extends`"),
                    );
                }
            }
        }
    }

    fn extends(&mut self, item: &Item<'_>) {
        let Some(items) = item.get_ref().as_array() else {
            return self.refuse(
                &item.span(),
                "wrong-type",
                "`extends` is a list of names: write `extends = [\"base\"]`",
            );
        };
        if items.len() > MOST_BASES {
            return self.refuse(
                &item.span(),
                "too-many",
                format!("more than {MOST_BASES} profiles to extend"),
            );
        }
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if is_name(text) => {
                    self.profile.extends.push((text.to_owned(), item.span()));
                }
                Some(text) if is_path(text) && is_inner_path(text) => {
                    self.profile.extends.push((text.to_owned(), item.span()));
                }
                Some(text) => {
                    let message = format!("`{}` is not a name of a profile", text.escape_debug());
                    let hint = "letters, digits, `-`, `_`, `.`; or a path below this file's directory, as in \"./base.toml\"";
                    self.complain(&item.span(), Complaint::new("bad-name", message).hint(hint));
                }
                None => self.refuse(&item.span(), "wrong-type", "a name in quotes is wanted"),
            }
        }
    }

    fn tcp(&mut self, table: &DeTable<'_>) {
        for (key, item) in table {
            let name: &str = key.get_ref();
            match Entry::named(name) {
                Some(entry) => match entry.key() {
                    Ok(found) => self.setting(found, &key.span(), item),
                    Err(complaint) => self.complain(&key.span(), complaint),
                },
                // A full name without quotes arrives as nested tables.
                None if matches!(name, "net" | "fs") && item.get_ref().is_table() => {
                    self.dotted(key.span(), item, &mut vec![name.to_owned()], true);
                }
                None => {
                    let message =
                        format!("`{}` is no key of the table `[tcp]`", name.escape_debug());
                    let hint = match catalogue::near(name) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => {
                            "other sysctls go below `[sysctl]`, with their full name".to_owned()
                        }
                    };
                    self.complain(
                        &key.span(),
                        Complaint::new("unknown-key", message).hint(hint),
                    );
                }
            }
        }
    }

    fn sysctl(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) {
        for (key, item) in table {
            path.push(key.get_ref().as_ref().to_owned());
            self.dotted(key.span(), item, path, false);
            path.pop();
        }
    }

    /// `net.core.somaxconn = 1` without quotes is a table in a table: walk down to the setting.
    fn dotted(
        &mut self,
        span: Range<usize>,
        item: &Item<'_>,
        path: &mut Vec<String>,
        in_tcp: bool,
    ) {
        if let Some(table) = item.get_ref().as_table()
            && !is_setting_table(table)
        {
            if table.is_empty() {
                self.refuse(&item.span(), "empty-setting", "a table without a value");
            }
            for (key, item) in table {
                // A dot in quotes belongs to the component, as in `conf."eth0.7".rp_filter`.
                path.push(key.get_ref().replace('.', "/"));
                self.dotted(key.span(), item, path, in_tcp);
                path.pop();
            }
            return;
        }
        let name = path.join(".");
        match name.parse::<Key>() {
            Ok(key) if in_tcp && Entry::of(&key).is_none() => {
                let message = format!("`{key}` is no key of the table `[tcp]`");
                self.complain(
                    &span,
                    Complaint::new("unknown-key", message).hint("write it below `[sysctl]`"),
                );
            }
            Ok(key) => match catalogue::slip(&key) {
                Some(complaint) => self.complain(&span, complaint),
                None => self.setting(key, &span, item),
            },
            Err(why) => {
                let complaint =
                    Complaint::new("bad-key", format!("`{}`: {why}", name.escape_debug()));
                self.complain(
                    &span,
                    match catalogue::Entry::named(&name) {
                        Some(entry) => complaint
                            .hint(format!("write `{}`, or move it below `[tcp]`", entry.name)),
                        None => complaint,
                    },
                );
            }
        }
    }

    fn setting(&mut self, key: Key, span: &Range<usize>, item: &Item<'_>) {
        if let Some((_, other)) = self.profile.settings.get(&key) {
            // Tables are walked by name, not by place: blame the one that stands later.
            let (first, second) = if other.start < span.start {
                (other, span)
            } else {
                (span, other)
            };
            let (first, second) = (self.source.line(first.start), second.clone());
            return self.refuse(
                &second,
                "duplicate-key",
                format!("`{key}` is set twice, first in line {first}"),
            );
        }
        if self.profile.settings.len() >= MOST_SETTINGS {
            return self.refuse(
                span,
                "too-many",
                format!("more than {MOST_SETTINGS} settings"),
            );
        }
        let origin = Origin {
            profile: self.name.clone(),
            file: self.file.clone(),
            line: Some(self.source.line(span.start)),
        };
        let setting = match item.get_ref().as_table() {
            Some(table) => self.setting_table(&key, &origin, item, table),
            None => self.value(&key, item).map(|value| Setting {
                exact: Some(Part {
                    value,
                    origin,
                    why: None,
                }),
                ..Setting::default()
            }),
        };
        if let Some(setting) = setting {
            self.profile.settings.insert(key, (setting, span.clone()));
        }
    }

    fn setting_table(
        &mut self,
        key: &Key,
        origin: &Origin,
        item: &Item<'_>,
        table: &DeTable<'_>,
    ) -> Option<Setting> {
        let (mut exact, mut at_least, mut at_most) = (None, None, None);
        let (mut why, mut optional) = (None, false);
        let before = self.problems.len();
        for (field, item) in table {
            match field.get_ref().as_ref() {
                "value" => exact = self.value(key, item),
                "at_least" => at_least = self.bound(key, item),
                "at_most" => at_most = self.bound(key, item),
                "why" => why = self.text(item),
                "optional" => match item.get_ref().as_bool() {
                    Some(yes) => optional = yes,
                    None => self.refuse(&item.span(), "wrong-type", "`optional` is true or false"),
                },
                other => {
                    let message = format!("unknown field `{}`", other.escape_debug());
                    let hint = "a setting has `value`, `at_least`, `at_most`, `why`, `optional`";
                    self.complain(
                        &field.span(),
                        Complaint::new("unknown-field", message).hint(hint),
                    );
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        if exact.is_none() && at_least.is_none() && at_most.is_none() {
            self.refuse(
                &item.span(),
                "empty-setting",
                "a setting needs `value`, `at_least` or `at_most`",
            );
            return None;
        }
        Some(Setting {
            exact: exact.map(|value| Part {
                value,
                origin: origin.clone(),
                why: why.clone(),
            }),
            at_least: at_least.map(|value| Part {
                value,
                origin: origin.clone(),
                why: why.clone(),
            }),
            at_most: at_most.map(|value| Part {
                value,
                origin: origin.clone(),
                why,
            }),
            optional,
        })
    }

    fn value(&mut self, key: &Key, item: &Item<'_>) -> Option<Value> {
        let parsed = raw(item.get_ref()).and_then(|raw| catalogue::parse_value(key, &raw));
        parsed
            .map_err(|complaint| self.complain(&item.span(), complaint))
            .ok()
    }

    /// Bounds make sense for single numbers only.
    fn bound(&mut self, key: &Key, item: &Item<'_>) -> Option<i128> {
        let scalar =
            Entry::of(key).is_none_or(|entry| matches!(entry.shape, Shape::Integer { .. }));
        if !scalar {
            self.refuse(
                &item.span(),
                "bound-on-no-number",
                format!("`{key}` is not a single number, it cannot have a bound"),
            );
            return None;
        }
        let number = self.value(key, item)?.integer();
        if number.is_none() {
            self.refuse(&item.span(), "wrong-type", "a bound is one number");
        }
        number
    }

    fn text(&mut self, item: &Item<'_>) -> Option<String> {
        let Some(text) = item.get_ref().as_str() else {
            self.refuse(&item.span(), "wrong-type", "a text in quotes is wanted");
            return None;
        };
        if text.len() > LONGEST_TEXT {
            self.refuse(
                &item.span(),
                "too-long",
                format!("a text of more than {LONGEST_TEXT} bytes"),
            );
            return None;
        }
        if text.chars().any(char::is_control) {
            self.refuse(
                &item.span(),
                "control-character",
                "a text may not hold newlines or other control characters",
            );
            return None;
        }
        Some(text.to_owned())
    }
}

/// A table that holds fields of a setting rather than the rest of a dotted name.
fn is_setting_table(table: &DeTable<'_>) -> bool {
    const FIELDS: [&str; 5] = ["value", "at_least", "at_most", "why", "optional"];
    table
        .keys()
        .any(|key| FIELDS.contains(&key.get_ref().as_ref()))
}

/// A relative path that stays below where it starts.
fn is_inner_path(text: &str) -> bool {
    text.strip_suffix(".toml").is_some()
        && !text.starts_with('/')
        && text.len() < 1024
        && text
            .split('/')
            .all(|part| !part.is_empty() && part != ".." && !part.chars().any(char::is_control))
}
