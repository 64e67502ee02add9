//! Lines of sysctl.d and sysctl.conf, as each loader understands them.

use super::super::catalogue::{self, Taken, taken};
use super::super::key::Key;
use super::Loader;
use super::pattern::{self, is_pattern};

/// Length of a line, in bytes, at which systemd gives up on the file (`LONG_LINE_MAX` in src/basic/fileio.h).
pub(super) const TOO_LONG: usize = 1024 * 1024;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// An assignment, or an exclusion.
    Statement(Statement),
    /// Neither that nor a comment; passed over, with this text.
    Malformed(String),
    /// So long that the loader reads nothing of the file from here on.
    TooLong,
}

/// `key = value`, `-key = value` or `-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The key as it was written.
    pub name: String,
    /// The path below `/proc/sys` that the loader makes of it. It may be a pattern.
    pub path: String,
    /// The value as it is written to the kernel; nothing for a bare `-key`.
    pub value: Option<String>,
    /// Whether a minus in front says that failing is fine.
    pub optional: bool,
}

impl Statement {
    /// Whether it may be about a secret.
    pub fn is_secret(&self) -> bool {
        // One loader multiplies braces, the other one does not.
        let all = || pattern::braces(&self.path);
        let pattern_of_one = || {
            reaches_a_secret(&self.path)
                || all().is_none_or(|all| all.iter().any(|one| reaches_a_secret(one)))
        };
        catalogue::may_be_secret(&self.name) || self.is_pattern() && pattern_of_one()
    }

    /// What it says, for readers: the line as its author would write it, but for a secret.
    pub fn shown(&self) -> String {
        let Self {
            name,
            value,
            optional,
            ..
        } = self;
        let minus = if *optional { "-" } else { "" };
        match value {
            Some(_) if self.is_secret() => format!("{minus}{name} = {HIDDEN}"),
            Some(value) => format!("{minus}{name} = {value}"),
            None => format!("-{name}"),
        }
    }

    /// Whether it may speak of several keys.
    pub fn is_pattern(&self) -> bool {
        is_pattern(&self.path)
    }
}

/// Whether a pattern speaks of a secret, of whichever interface, or leads somewhere that only the kernel knows.
fn reaches_a_secret(pattern: &str) -> bool {
    let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut parts: Vec<&str> = parts.collect();
    let fastopen = pattern::matches(&parts.join("/"), "net/ipv4/tcp_fastopen_key");
    let climbs = parts.contains(&"..");
    if let Some(interface) = parts.get_mut(3) {
        *interface = "all";
    }
    fastopen || climbs || pattern::matches(&parts.join("/"), "net/ipv6/conf/all/stable_secret")
}

/// What stands for a secret.
pub(super) const HIDDEN: &str = "(not shown)";

/// Whether a text is hidden, or a part of it: to procps a CR ends no line.
pub(super) fn hides(text: &str) -> bool {
    text.contains(HIDDEN)
}

/// What the kernel makes of a text. Of one that is hidden, nobody knows.
pub(super) fn made_of(key: &Key, text: &str) -> Taken {
    if hides(text) {
        return Taken::Unknown;
    }
    taken(key, text)
}

/// A line that nobody understands, for readers.
pub fn shown(line: &str) -> &str {
    if catalogue::may_be_secret(line) {
        HIDDEN
    } else {
        line
    }
}

/// Every line that says something, with its number, from 1.
pub fn lines(text: &[u8], loader: Loader) -> Vec<(usize, Line)> {
    let mut found = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        // What ends a line is a matter of the loader: to systemd a lone CR and a NUL do as well, to procps a NUL ends
        // what it looks at.
        let parts: Vec<&[u8]> = match loader {
            Loader::Systemd => line.split(|byte| ends_a_line(*byte)).collect(),
            Loader::Procps | Loader::SysctlP => line.split(|byte| *byte == 0).take(1).collect(),
        };
        for part in parts {
            if loader == Loader::Systemd && part.len() >= TOO_LONG {
                found.push((index + 1, Line::TooLong));
                return found;
            }
            let part = String::from_utf8_lossy(part);
            let said = match loader {
                Loader::Systemd => systemd(&part),
                Loader::Procps | Loader::SysctlP => procps(&part),
            };
            found.extend(said.map(|said| (index + 1, said)));
        }
    }
    found
}

/// What ends a line of systemd, beside the newline.
pub(super) fn ends_a_line(byte: u8) -> bool {
    matches!(byte, b'\r' | 0)
}

/// `parse_file` in src/sysctl/sysctl.c of systemd.
fn systemd(line: &str) -> Option<Line> {
    let blank = |text| str::trim_matches(text, [' ', '\t', '\r', '\n']);
    let line = blank(line);
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name.strip_prefix('-').unwrap_or(name), Some(blank(value))),
        None => match line.strip_prefix('-') {
            Some(name) => (name, None),
            None => return Some(Line::Malformed(line.to_owned())),
        },
    };
    let name = blank(name);
    Some(Line::Statement(Statement {
        name: name.to_owned(),
        path: simplified(&slashes(name)),
        value: value.map(str::to_owned),
        optional: line.starts_with('-'),
    }))
}

/// `isspace` of the C library, and of the kernel (include/linux/ctype.h) but for the byte 0xa0, which is no character of its
/// own in UTF-8.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\x0b' | '\x0c')
}

/// `parse_setting_line` and `setting_new` in src/sysctl.c of procps.
fn procps(line: &str) -> Option<Line> {
    let line = line.trim_start_matches(is_blank);
    let shown = line.trim_end_matches(is_blank);
    // It looks at the length before it takes the newline off.
    if shown.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (
            name.strip_prefix('-').unwrap_or(name),
            Some(value.trim_matches(is_blank)),
        ),
        None => match line.strip_prefix('-') {
            Some(name) => (name, None),
            None => return Some(Line::Malformed(shown.to_owned())),
        },
    };
    let name = name.trim_end_matches(is_blank);
    Some(Line::Statement(Statement {
        name: name.to_owned(),
        path: slashes(name.strip_prefix('-').unwrap_or(name)),
        value: value.map(str::to_owned),
        optional: line.starts_with('-'),
    }))
}

/// The first separator decides: if it is a dot, dots become slashes and slashes become dots.
fn slashes(name: &str) -> String {
    if name
        .find(['.', '/'])
        .is_some_and(|at| name.get(at..).is_some_and(|rest| rest.starts_with('.')))
    {
        let swapped = name.chars().map(|c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        });
        swapped.collect()
    } else {
        name.to_owned()
    }
}

/// `path_simplify` of systemd: no empty components, no single dots, no leading slash.
fn simplified(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// The path as the kernel walks it, below `/proc/sys`; nothing if it leads out of there, or ends as a directory does.
pub(super) fn walked(path: &str) -> Option<String> {
    if matches!(path.rsplit('/').next(), Some("" | "." | "..")) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path=value`, `path` for an exclusion, `?text` for a malformed line.
    fn said(text: &str, loader: Loader) -> Vec<String> {
        let word = |line| match line {
            Line::Statement(Statement {
                path,
                value: Some(value),
                ..
            }) => format!("{path}={value}"),
            Line::Statement(Statement { path, .. }) => path,
            Line::Malformed(text) => format!("?{text}"),
            Line::TooLong => "long".to_owned(),
        };
        lines(text.as_bytes(), loader)
            .into_iter()
            .map(|(number, line)| format!("{number} {}", word(line)))
            .collect()
    }

    #[test]
    fn both_loaders_agree_on_plain_lines() {
        let text = "# note\n; note\n\nnet.core.somaxconn = 1 2\r\n-net.ipv4.a=3\n\t-net.ipv4.b\nnot one\nnet/ipv4/conf/eth0.1/c=4";
        for loader in [Loader::Systemd, Loader::Procps] {
            assert_eq!(
                said(text, loader),
                [
                    "4 net/core/somaxconn=1 2",
                    "5 net/ipv4/a=3",
                    "6 net/ipv4/b",
                    "7 ?not one",
                    "8 net/ipv4/conf/eth0.1/c=4"
                ]
            );
        }
    }

    #[test]
    fn where_they_differ() {
        for (text, systemd, procps) in [
            ("- net.a.b = 1", "1 net/a/b=1", "1  net/a/b=1"),
            ("--net.a.b = 1", "1 -net/a/b=1", "1 net/a/b=1"),
            ("net//a/./b=1", "1 net/a/b=1", "1 net//a/./b=1"),
            ("a.b=1\ra.c=2", "1 a/b=1 1 a/c=2", "1 a/b=1\ra.c=2"),
            ("a.b=1\0a.c=2", "1 a/b=1 1 a/c=2", "1 a/b=1"),
            ("a.b=\x0b1", "1 a/b=\x0b1", "1 a/b=1"),
        ] {
            assert_eq!(said(text, Loader::Systemd).join(" "), systemd, "{text:?}");
            assert_eq!(said(text, Loader::Procps).join(" "), procps, "{text:?}");
        }
    }

    #[test]
    fn the_first_separator_decides() {
        assert_eq!(slashes("net.core/somaxconn"), "net/core.somaxconn");
        assert_eq!(slashes("net/core.somaxconn"), "net/core.somaxconn");
        assert_eq!(slashes("a.b/c.d"), "a/b.c/d");
        assert_eq!(walked("net//core/../core/x").as_deref(), Some("net/core/x"));
        assert_eq!(walked("../x"), None);
    }

    #[test]
    fn a_line_that_is_too_long_ends_the_file() {
        let mebibyte = |less: usize| {
            let line = format!("a.c = {}", "x".repeat(1_048_576 - 6 - less));
            format!("a.b = 1\n{line}\na.d = 2")
        };
        let text = mebibyte(0);
        assert_eq!(said(&text, Loader::Systemd), ["1 a/b=1", "2 long"]);
        assert_eq!(said(&text, Loader::Procps).len(), 3);
        assert_eq!(said(&mebibyte(1), Loader::Systemd).len(), 3);
    }

    /// Both loaders' view of the one statement of a line.
    fn statement(line: &str) -> Statement {
        match lines(line.as_bytes(), Loader::Systemd).pop() {
            Some((1, Line::Statement(statement))) => statement,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_statement_is_shown_as_its_author_would_write_it_but_for_secrets() {
        for (line, shown) in [
            ("net/core/somaxconn=1  2", "net/core/somaxconn = 1  2"),
            ("- net.core.somaxconn =1", "-net.core.somaxconn = 1"),
            ("-net.core.soma*", "-net.core.soma*"),
            (
                "net.ipv4.tcp_fastopen_key = ab",
                "net.ipv4.tcp_fastopen_key = (not shown)",
            ),
            (
                "-net.ipv6.conf.*.stable_secret=ab",
                "-net.ipv6.conf.*.stable_secret = (not shown)",
            ),
            ("-net.ipv4.tcp_fastopen_key", "-net.ipv4.tcp_fastopen_key"),
        ] {
            assert_eq!(statement(line).shown(), shown);
        }
    }

    #[test]
    fn a_pattern_is_secret_if_it_reaches_a_secret() {
        for (line, secret) in [
            ("net.ipv4.tcp_* = x", true),
            ("net.ipv6.conf.eth0.s* = x", true),
            ("net.core.soma* = x", false),
            ("net.ipv6.conf.eth0.d* = x", false),
            ("net.core.somaxconn = x", false),
        ] {
            assert_eq!(statement(line).is_secret(), secret, "{line}");
        }
    }

    #[test]
    fn a_line_that_nobody_understands_is_shown_unless_it_may_tell_a_secret() {
        assert_eq!(shown("tcp_fastopen_key 00"), HIDDEN);
        assert_eq!(shown("hello"), "hello");
    }

    /// What a dump of a machine hides is no value of its key.
    #[test]
    fn of_what_is_hidden_nobody_knows_what_the_kernel_makes() {
        let key: Key = "net.core.somaxconn".parse().unwrap();
        assert_eq!(made_of(&key, HIDDEN), Taken::Unknown);
        assert_eq!(made_of(&key, "many"), Taken::Refused);
        assert_eq!(made_of(&key, "7").value().unwrap().as_str(), "7");
    }
}
