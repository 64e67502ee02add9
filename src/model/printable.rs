//! Text from outside, made safe for one line of a terminal or a file.

/// The text with its control characters shown instead of obeyed.
pub fn printable(text: &str) -> String {
    let shown = text.chars().map(|c| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    });
    shown.collect()
}
