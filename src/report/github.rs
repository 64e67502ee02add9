//! Workflow commands: remarks as GitHub shows them beside the lines of a pull request.
//!
//! Form and escapes: `actions/toolkit`, packages/core/src/command.ts; "Workflow commands for GitHub Actions" in GitHub's
//! documentation.

use crate::model::finding::Severity;
use crate::model::sorted;

use super::remark::{Remark, remarks};
use super::{Report, printable};

/// One command a line, the worst first: GitHub shows ten errors and ten warnings of a step.
pub fn render(report: &Report) -> String {
    let mut remarks = remarks(report);
    sorted::by_key(&mut remarks, |remark| std::cmp::Reverse(remark.severity));
    remarks.iter().map(command).collect()
}

fn command(remark: &Remark) -> String {
    let verb = match remark.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let place = remark.place.iter().flat_map(|place| {
        let column = place.column.map(|column| ("col", column.to_string()));
        let line = [
            ("file", place.file.clone()),
            ("line", place.line.to_string()),
        ];
        line.into_iter().chain(column)
    });
    let title = ("title", format!("tcptune {}", remark.code));
    let properties: Vec<String> = place
        .chain([title])
        .map(|(name, value)| format!("{name}={}", property(&value)))
        .collect();
    let properties = properties.join(",");
    format!("::{verb} {properties}::{}\n", data(&remark.text()))
}

/// What follows the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What stands between commas.
fn property(text: &str) -> String {
    data(&printable(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::remark::Place;
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_command() {
        let remark = Remark {
            severity: Severity::Warning,
            code: "x".into(),
            message: "a\n::error::b 100%".into(),
            more: vec!["c".into()],
            place: Some(Place {
                file: "a,b:c\n.toml".into(),
                line: 3,
                column: Some(4),
            }),
        };
        let told = command(&remark);
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with("::warning file=a%2Cb%3Ac"), "{told}");
        assert!(told.contains(",line=3,col=4,title=tcptune x::a"), "{told}");
        assert!(told.contains("b 100%25%0Ac"), "{told}");
    }
}
