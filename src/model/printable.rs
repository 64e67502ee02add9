//! Text from outside, made safe for one line of a terminal or a file.

/// Whether a character does something instead of being seen: control characters, and those that hide or turn around
/// what stands beside them (Unicode's format characters; Trojan Source, CVE-2021-42574).
fn acts(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    let formats = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{e0000}'..='\u{e007f}',
    ];
    c.is_control() || formats.iter().any(|range| range.contains(&c))
}

/// The text with such characters shown instead of obeyed.
pub fn printable(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A word of a command line as a shell takes it for one: in quotes where it means more to a shell than itself.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_word_for_one() {
        let quoted = [
            "web-1",
            "/run/ns/a:b",
            "pid:1",
            "we ird",
            "it's",
            "a\"b\\c",
            "$x",
            "",
        ];
        let quoted = quoted.map(shell_word);
        let wanted = [
            "web-1",
            "/run/ns/a:b",
            "pid:1",
            "'we ird'",
            r"'it'\''s'",
            "'a\"b\\c'",
            "'$x'",
            "''",
        ];
        assert_eq!(quoted, wanted);
    }

    #[test]
    fn nothing_acts_any_more() {
        assert_eq!(
            printable("a\u{1b}[2J\u{202e}b\u{200b}é"),
            "a\\u{1b}[2J\\u{202e}b\\u{200b}é"
        );
    }
}
