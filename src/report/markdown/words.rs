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

/// A code span, also within a table.
pub(super) fn code(text: &str) -> String {
    let text = printable(text).replace('|', "\\|");
    let fence = fence(&text, 1);
    let gap = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// Plain words, whatever is in them.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(text).chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            // Whoever is named so shall not be called.
            '@' => escaped += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    // A bare address would become a link.
    escaped
        .replace("://", ":&#47;&#47;")
        .replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("`x``"), "``` `x`` ```");
        assert_eq!(code(""), "`  `");
        assert_eq!(
            escaped("<b>*x* @me | [a](b)"),
            "&lt;b&gt;\\*x\\* &#64;me \\| \\[a\\](b)"
        );
        assert_eq!(escaped("a\nb"), "a\\\\nb");
        assert_eq!(
            marker("tcptune diff a-->b\n"),
            "tcptune diff a__\u{5f}b_".trim()
        );
        assert_eq!(fence("a ``` b", 3), "````");
    }
}
