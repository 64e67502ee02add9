//! What is odd about single lines, whoever wins.

use std::collections::BTreeMap;

use super::super::printable::printable;
use super::super::sorted;
use super::super::value::misread_by_the_kernel;
use super::Loader;
use super::order::Found;
use super::pattern;
use super::statement::{Line, Statement, lines, shown};

/// Something that a reader of a file should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// A stable word.
    pub code: &'static str,
    /// What it is.
    pub message: String,
}

/// What is odd about a file, line by line.
pub fn remarks(found: &Found) -> Vec<Remark> {
    let text = found.text();
    let mut remarks = Vec::new();
    let mut remark = |line: usize, code: &'static str, message: String| {
        let path = found.path.clone();
        remarks.push(Remark {
            path,
            line,
            code,
            message,
        });
    };
    if text.starts_with("\u{feff}".as_bytes()) {
        remark(
            1,
            "byte-order-mark",
            "a byte order mark is part of the first line: no loader knows that key".to_owned(),
        );
    }
    let mut assigned: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (line, said) in lines(text, Loader::Systemd) {
        match said {
            Line::TooLong => remark(line, "long-line", "systemd-sysctl reads nothing of this file from here on: the line has a mebibyte or more".to_owned()),
            Line::Malformed(text) => remark(line, "malformed", format!("`{}` is no assignment: it is passed over", printable(shown(&text)))),
            Line::Statement(statement) => {
                for (code, message) in oddities(&statement) {
                    remark(line, code, message);
                }
                let secret = statement.is_secret();
                let Statement { name, path, value, .. } = statement;
                let Some(value) = value else { continue };
                if let Some((earlier, before)) = assigned.insert(path, (line, value.clone()))
                    && before != value
                {
                    let before = if secret { String::new() } else { format!(" ({before})") };
                    remark(line, "duplicate", format!("`{name}` has another value in line {earlier} already{before}"));
                }
            }
        }
    }
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let inside = line.strip_suffix(b"\r").unwrap_or(line);
        if inside.contains(&b'\r') || inside.contains(&0) {
            remark(
                index + 1,
                "broken-line",
                "a CR or NUL inside the line: systemd-sysctl and procps read different things"
                    .to_owned(),
            );
        }
        if line.trim_ascii_start().starts_with(b";") {
            remark(
                index + 1,
                "semicolon",
                "newer versions of systemd-sysctl take only `#` for a comment".to_owned(),
            );
        }
    }
    sorted::by_key(&mut remarks, |remark| remark.line);
    remarks
}

fn oddities(statement: &Statement) -> Vec<(&'static str, String)> {
    let mut oddities = Vec::new();
    let Statement {
        name, path, value, ..
    } = statement;
    let value = value
        .as_deref()
        .filter(|_| !statement.is_secret())
        .unwrap_or_default();
    if let Some(at) = [" #", "\t#", " ;", "\t;"]
        .iter()
        .find_map(|mark| value.find(mark))
    {
        let (meant, comment) = value.split_at(at);
        oddities.push((
            "inline-comment",
            format!(
                "`{}` is part of the value, there are no comments behind one: `{meant}` is meant",
                printable(comment.trim())
            ),
        ));
    }
    if value.len() > 1 && value.starts_with(['"', '\'']) && value.ends_with(['"', '\'']) {
        oddities.push((
            "quotes",
            format!("the quotes of {} are part of the value", printable(value)),
        ));
    }
    if misread_by_the_kernel(value) {
        oddities.push((
            "octal",
            format!("`{value}` is octal or hexadecimal to the kernel"),
        ));
    }
    if name.contains('/')
        && name.contains('.')
        && !name.starts_with('/')
        && path.split('/').count() < 3
    {
        oddities.push((
            "separators",
            format!("`{name}` names the file {path}: the first separator decides"),
        ));
    }
    if statement.is_pattern() && pattern::braces(path).is_none() {
        oddities.push((
            "braces",
            "its braces have more alternatives than tcptune looks at: whom it speaks of is not known"
                .to_owned(),
        ));
    }
    if path.split('/').any(|part| part == "..") {
        oddities.push((
            "climbs",
            format!("`{name}` climbs: systemd-sysctl refuses it, procps does not"),
        ));
    }
    oddities
}

#[cfg(test)]
mod tests {
    use super::super::order::Content;
    use super::*;

    #[test]
    fn each_oddity_has_its_line_and_word() {
        let text = "net.core.somaxconn = 10 # ten\nnet.core.somaxconn = \"1\"\nnet.ipv4.a = 010\njunk\nnet.core/somaxconn = 1\n; note\nnet.ipv4.b=1\rnet.ipv4.c=2\nnet/a/../b=1\nnet/*{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}=1\n";
        let found = Found {
            path: "f".into(),
            leads_to: None,
            content: Content::Text(text.as_bytes().to_vec()),
        };
        let codes: Vec<_> = remarks(&found)
            .iter()
            .map(|remark| (remark.line, remark.code))
            .collect();
        assert_eq!(
            codes,
            [
                (1, "inline-comment"),
                (2, "quotes"),
                (2, "duplicate"),
                (3, "octal"),
                (4, "malformed"),
                (5, "separators"),
                (6, "semicolon"),
                (7, "broken-line"),
                (8, "climbs"),
                (9, "braces"),
            ]
        );
    }

    #[test]
    fn what_only_looks_like_an_oddity_is_none() {
        for text in [
            "net.core.a = 1\nnet.core.a = 1\n",
            "net.core.a = 1\r\nnet.core.b = 2\r\n",
            "net.core.a = \"\n",
            "net.core.a = \"x\n",
            "net.core.a = x\"\n",
            "net/ipv4/eth0.1 = 1\n",
            "a/b = 1\n",
            "a.b = 1\n",
            "/net.core/a = 1\n",
            "net/a..b/c = 1\n",
            "net.core.* = 1\n",
            "net/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b} = 1\n",
        ] {
            let found = Found {
                path: "f".into(),
                leads_to: None,
                content: Content::Text(text.into()),
            };
            assert_eq!(remarks(&found), [], "{text:?}");
        }
    }
}
