//! Two texts compared line by line, as `diff -u` does.
//!
//! Myers' algorithm of `similar`, called by its name: `TextDiff` chooses among six when it runs, so that all six would
//! be part of every binary.

use std::ops::Range;

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::{ChangeTag, DiffOp, DiffableStr, group_diff_ops};

/// What makes one text of the other.
pub struct Lines<'a> {
    from: Vec<&'a str>,
    to: Vec<&'a str>,
    steps: Vec<DiffOp>,
}

impl<'a> Lines<'a> {
    /// Compares both; a line ends with `\n`, `\r\n` or `\r`.
    pub fn compare(from: &'a str, to: &'a str) -> Self {
        let (from, to) = (from.tokenize_lines(), to.tokenize_lines());
        let mut steps = Compact::new(Replace::new(Capture::new()), &from, &to);
        let Ok(()) = myers::diff(&mut steps, &from, 0..from.len(), &to, 0..to.len());
        let steps = steps.into_inner().into_inner().into_ops();
        Self { from, to, steps }
    }

    /// Every line with its end, whether it stays, goes or comes.
    pub fn all(&self) -> impl Iterator<Item = (ChangeTag, &'a str)> {
        self.steps.iter().flat_map(|step| self.lines(step))
    }

    /// Every line behind its mark: a blank, `-` or `+`.
    pub fn marked(&self) -> String {
        self.all()
            .map(|(tag, line)| format!("{tag}{line}"))
            .collect()
    }

    /// A unified diff with so many lines around each change; empty where nothing differs.
    pub fn unified(&self, around: usize, from: &str, to: &str) -> String {
        let mut text = String::new();
        for hunk in group_diff_ops(self.steps.clone(), around) {
            let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
                continue;
            };
            if text.is_empty() {
                text = format!("--- {from}\n+++ {to}\n");
            }
            text.push_str(&format!(
                "@@ -{} +{} @@\n",
                range(first.old_range().start..last.old_range().end),
                range(first.new_range().start..last.new_range().end)
            ));
            for (tag, line) in hunk.iter().flat_map(|step| self.lines(step)) {
                text.push_str(&format!("{tag}{line}"));
                if !line.ends_with(['\n', '\r']) {
                    text.push_str("\n\\ No newline at end of file\n");
                }
            }
        }
        text
    }

    fn lines(&self, step: &DiffOp) -> impl Iterator<Item = (ChangeTag, &'a str)> {
        let changes = step.iter_changes(&self.from, &self.to);
        changes.map(|change| (change.tag(), change.value()))
    }
}

/// First line and how many; where there are none, the line before, as POSIX has it.
fn range(lines: Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use similar::TextDiff;

    use super::*;

    fn unified(from: &str, to: &str) -> String {
        Lines::compare(from, to).unified(1, "a", "b")
    }

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified("", ""), "");
        assert_eq!(unified("x\ny", "x\ny"), "");
        assert_eq!(Lines::compare("x\ny\n", "x\ny\n").marked(), " x\n y\n");
    }

    #[test]
    fn a_changed_line_stands_between_those_around_it() {
        assert_eq!(
            unified("1\n2\n3\n4\n5\n", "1\n2\nx\n4\n5\n"),
            "--- a\n+++ b\n@@ -2,3 +2,3 @@\n 2\n-3\n+x\n 4\n"
        );
    }

    #[test]
    fn a_new_file_begins_at_line_0() {
        assert_eq!(unified("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
    }

    #[test]
    fn a_last_line_without_an_end_is_told() {
        assert_eq!(
            unified("x\n", "x"),
            "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+x\n\\ No newline at end of file\n"
        );
    }

    /// Some lines are often there, others seldom; past a hundred lines `TextDiff` takes other ways.
    fn text() -> impl Strategy<Value = String> {
        let few = prop::sample::select(vec!["a\n", "b\n", "c\r\n", "\n", "d\r"]);
        let line = prop_oneof![
            few.prop_map(str::to_owned),
            (0..500).prop_map(|n| format!("e = {n}\n"))
        ];
        let short = prop::collection::vec(line.clone(), 0..12);
        let long = prop::collection::vec(line, 0..250);
        let end = prop::sample::select(vec!["", "", "f"]);
        (prop_oneof![3 => short, 1 => long], end).prop_map(|(lines, end)| lines.concat() + end)
    }

    proptest! {
        #[test]
        fn every_diff_is_that_of_text_diff(from in text(), to in text(), around in 0usize..4) {
            let theirs = TextDiff::from_lines(&from, &to);
            let ours = Lines::compare(&from, &to);
            prop_assert_eq!(
                ours.unified(around, "a", "b"),
                theirs.unified_diff().context_radius(around).header("a", "b").to_string()
            );
            let marked = theirs.iter_all_changes().map(|line| format!("{}{}", line.tag(), line.value()));
            prop_assert_eq!(ours.marked(), marked.collect::<String>());
        }
    }
}
