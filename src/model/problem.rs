//! What is wrong with an input, and exactly where.

use std::ops::Range;

/// Longest source line that a problem carries along for its caret, in bytes; a longer one is left out.
const LONGEST_EXCERPT: usize = 4096;

/// One thing wrong in a profile (or in a setting of the command line), with its place.
///
/// `line` and `column` count from 1; `column` counts characters. `excerpt` is the source line, and
/// `mark` the bytes of it that the caret stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the reader knows it, or `--set`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What the reader can do.
    pub hint: Option<String>,
    /// The source line; empty if there is none, or it is too long to show.
    pub excerpt: String,
    /// The bytes of `excerpt` that are meant.
    pub mark: Range<usize>,
}

/// A text with a name: what spans point into.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// How messages name it.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Gives a text its name.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    /// The line (from 1) in which a byte offset lies.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The bytes of a line (from 1), without blanks at its end; empty if there is no such line.
    pub fn line_span(&self, line: usize) -> Range<usize> {
        let start = line
            .checked_sub(1)
            .and_then(|index| self.starts.get(index))
            .copied()
            .unwrap_or(self.text.len());
        let text = self
            .text
            .get(start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or("");
        start..start + text.trim_end().len()
    }

    /// A problem at a span of bytes of this text.
    pub fn problem(
        &self,
        span: &Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Problem {
        let start = floor(self.text, span.start);
        let number = self.line(start);
        let from = self.starts.get(number - 1).copied().unwrap_or(0);
        let line = self.text.get(from..).unwrap_or("");
        let line = line.split('\n').next().unwrap_or("").trim_end_matches('\r');
        let column = 1 + line
            .get(..start - from)
            .map_or(0, |before| before.chars().count());
        let end = floor(line, span.end.saturating_sub(from).min(line.len())).max(start - from);
        let (excerpt, mark) = match line.len() {
            0..=LONGEST_EXCERPT => (
                line.to_owned(),
                (start - from).min(line.len())..end.min(line.len()),
            ),
            _ => (String::new(), 0..0),
        };
        Problem {
            file: self.file.to_owned(),
            line: number,
            column,
            code,
            message: message.into(),
            hint,
            excerpt,
            mark,
        }
    }
}

/// The largest character boundary that is not above `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_becomes_line_column_and_mark() {
        let source = Source::new("p.toml", "[tcp]\nsomaxconn = 010\n");
        let problem = source.problem(&(18..21), "octal", "no", None);
        assert_eq!((problem.line, problem.column), (2, 13));
        assert_eq!(problem.excerpt.get(problem.mark), Some("010"));
    }

    #[test]
    fn no_span_of_any_text_panics() {
        let long = "é".repeat(4000);
        for text in ["", "\n", "é", "a\r\nb", long.as_str()] {
            let source = Source::new("x", text);
            for start in (0..text.len() + 2).filter(|start| *start < 300 || text.len() - 2 < *start)
            {
                for end in start..text.len().min(start + 3) + 3 {
                    let problem = source.problem(&(start..end), "x", "x", None);
                    assert!(problem.excerpt.get(problem.mark).is_some());
                }
            }
        }
    }
}
