//! Problems of the input, with the line and a caret.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::model::catalogue::may_be_secret;
use crate::model::problem::Problem;

use super::printable;

/// Renders one problem: `error: …`, `--> file:line:column`, the line, a caret, the hint.
pub(super) fn render(problem: &Problem, color: bool) -> String {
    let message = printable(&problem.message);
    let file = printable(&problem.file);
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    // A line that is about a secret is not shown: this may end in somebody's log.
    if problem.excerpt.is_empty() || may_be_secret(&problem.excerpt) {
        group = group.element(
            Origin::path(file)
                .line(problem.line)
                .char_column(problem.column),
        );
    } else {
        let excerpt = printable_excerpt(&problem.excerpt);
        let mark = AnnotationKind::Primary.span(problem.mark.clone());
        group = group.element(
            Snippet::source(excerpt)
                .path(file)
                .line_start(problem.line)
                .annotation(mark),
        );
    }
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.with_name("hint").message(printable(hint)));
    }
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group])
}

/// Control characters become blanks, as many as they have bytes, so that the mark stays where it belongs.
fn printable_excerpt(excerpt: &str) -> String {
    let shown = |c: char| match c {
        '\t' => c.to_string(),
        c if c.is_control() => " ".repeat(c.len_utf8()),
        c => c.to_string(),
    };
    excerpt.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::problem::Source;

    #[test]
    fn a_line_about_a_secret_is_not_shown() {
        let text = "fastopen_key = \"deadbeef-1-2-3\"";
        let source = Source::new("x.toml", text);
        let shown = render(
            &source.problem(&(15..31), "secret", "a secret", None),
            false,
        );
        assert!(
            shown.contains("x.toml:1:16") && !shown.contains("deadbeef"),
            "{shown}"
        );
    }

    #[test]
    fn no_text_under_a_caret_makes_a_panic() {
        for text in [
            "\u{85}\u{85}é = 1",
            "a\u{1b}[31m = \t2",
            "",
            "\r\n\u{7f}",
            "名前\u{9f}",
        ] {
            let source = Source::new("x\u{1b}.toml", text);
            for start in 0..=text.len() {
                for end in start..=text.len() {
                    let shown = render(&source.problem(&(start..end), "x", "m\u{7}", None), false);
                    assert!(
                        !shown.contains(|c: char| c.is_control() && c != '\n'),
                        "{shown:?}"
                    );
                }
            }
        }
    }
}
