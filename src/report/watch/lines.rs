//! Lines of the screen: pieces and words in as many as they need, and rows of cells as text.

use anstyle::AnsiColor;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};

use crate::report::printable;

/// As many pieces in each line as find room.
pub(super) fn fill(
    pieces: impl IntoIterator<Item = Span<'static>>,
    gap: usize,
    width: u16,
) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if line.width() + gap + piece.width() <= usize::from(width) => {
                line.push_span(" ".repeat(gap));
                line.push_span(piece);
            }
            _ => lines.push(piece.into()),
        }
    }
    lines
}

/// A text in lines that are indented, as long ones have to be told apart from the next head.
pub(super) fn indented(text: &str, width: u16) -> Vec<Line<'static>> {
    let words: Vec<String> = printable(text).split(' ').map(str::to_owned).collect();
    let lines = fill(words.into_iter().map(Span::raw), 1, width.saturating_sub(2));
    let indent = |mut line: Line<'static>| {
        line.spans.insert(0, Span::raw("  "));
        line
    };
    lines.into_iter().map(indent).collect()
}

/// Takes every colour away.
pub(super) fn uncolor(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

/// A row of the buffer as text.
pub(super) fn line(row: &[Cell], color: bool) -> String {
    let end = row.iter().rposition(|cell| cell.symbol() != " ");
    let mut text = String::new();
    let mut style = anstyle::Style::new();
    for cell in row.iter().take(end.map_or(0, |end| end + 1)) {
        let next = if color {
            styled(cell)
        } else {
            anstyle::Style::new()
        };
        if next != style {
            text += &format!("{style:#}{next}");
            style = next;
        }
        text += cell.symbol();
    }
    format!("{text}{style:#}")
}

fn styled(cell: &Cell) -> anstyle::Style {
    let mut style = anstyle::Style::new();
    if cell.modifier.contains(Modifier::BOLD) {
        style = style.bold();
    }
    if cell.modifier.contains(Modifier::REVERSED) {
        style = style.invert();
    }
    match cell.fg {
        Color::Red => style.fg_color(Some(AnsiColor::Red.into())),
        Color::Yellow => style.fg_color(Some(AnsiColor::Yellow.into())),
        _ => style,
    }
}
