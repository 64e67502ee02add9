//! Problems of the input, with the line and a caret.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::model::problem::Problem;

use super::printable;

/// Renders one problem: `error: …`, `--> file:line:column`, the line, a caret, the hint.
pub(super) fn render(problem: &Problem, color: bool) -> String {
    let message = printable(&problem.message);
    let file = printable(&problem.file);
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if problem.excerpt.is_empty() {
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

/// Control characters become one character each, so that the caret stays where it belongs.
fn printable_excerpt(excerpt: &str) -> String {
    excerpt
        .chars()
        .map(|c| if c.is_control() && c != '\t' { ' ' } else { c })
        .collect()
}
