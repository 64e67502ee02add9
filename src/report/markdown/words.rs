//! Words from outside, so that nothing in them is markup (GitHub Flavored Markdown, <https://github.github.com/gfm/>).

use crate::report::printable;

/// A text that cannot end an HTML comment.
pub(super) fn marker(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/+() ".contains(c);
    let text: String = text
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    text.trim().to_owned()
}

/// More backticks than the text has in a row, and at least so many.
pub(super) fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat((longest + 1).max(least))
}

/// A code span: nothing in it is markup, a link or somebody who is called.
pub(super) fn code(text: &str) -> String {
    let text = printable(text);
    let fence = fence(&text, 1);
    let gap = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// Plain words, whatever is in them. What would become a link or a mention is a code span: forges look for those in the
/// finished page, where no escape helps.
pub(super) fn escaped(text: &str) -> String {
    let text = printable(text);
    let parts: Vec<&str> = text.split('`').collect();
    // Backticks in pairs are code to whoever wrote them.
    let paired =
        parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|part| !part.is_empty());
    if !paired {
        return words(&text);
    }
    let told = parts.iter().enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            code(part)
        } else {
            words(part)
        }
    });
    told.collect()
}

fn words(text: &str) -> String {
    let words = text.split(' ');
    let words: Vec<String> = words
        .map(|word| {
            if is_live(word) {
                code(word)
            } else {
                plain(word)
            }
        })
        .collect();
    words.join(" ")
}

/// Whether a forge would make a link or a mention of it.
fn is_live(word: &str) -> bool {
    let number = |mark: &str| {
        let behind = word.split(mark).skip(1);
        behind
            .into_iter()
            .any(|text| text.starts_with(|c: char| c.is_ascii_digit()))
    };
    let parts = ["@", "`", "$", "://", "www."];
    number("#") || number("GH-") || parts.iter().any(|part| word.contains(part))
}

fn plain(word: &str) -> String {
    let mut escaped = String::new();
    for c in word.chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A row of a table: only here a bar means anything, also within a code span.
pub(super) fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(code("`x``"), "``` `x`` ```");
        assert_eq!(code(""), "`  `");
        assert_eq!(escaped("<b>*x* | [a](b)"), "&lt;b&gt;\\*x\\* | \\[a\\](b)");
        assert_eq!(
            escaped("ask @me or a@b.c, #12 of https://x.y"),
            "ask `@me` or `a@b.c,` `#12` of `https://x.y`"
        );
        assert_eq!(escaped("a\nb"), "a\\\\nb");
        assert_eq!(row(&[&code("a|b"), "c"]), "| `a\\|b` | c |");
        assert_eq!(
            marker("tcptune diff a-->b\n"),
            "tcptune diff a__\u{5f}b_".trim()
        );
        assert_eq!(fence("a ``` b", 3), "````");
    }
}
