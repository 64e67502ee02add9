//! `check` for people.

use crate::model::finding::{Finding, Severity};
use crate::model::memory::desired_hash;
use crate::model::setting::Origin;
use crate::report::remark::name;
use crate::report::{Checked, printable};

use super::{BAD, GOOD, PLACE, Page, plural_of};

impl Page {
    pub(super) fn checked(&mut self, checked: &Checked) {
        for problem in checked.problems() {
            self.problem(problem);
        }
        for finding in checked.findings() {
            self.finding(finding);
        }
        for file in &checked.files {
            if let Some(settings) = &file.settings {
                let hash = desired_hash(settings);
                self.line(printable(&format!("{}: desired {hash}", file.name)));
            }
        }
        let files = checked.files.len();
        let said = match checked.worst() {
            None => self.styled(GOOD, &checked.summary()),
            Some(_) => checked.summary(),
        };
        self.line(format!("{files} {}: {said}", plural_of(files, "profile")));
    }

    fn finding(&mut self, finding: &Finding) {
        let style = match finding.severity {
            Severity::Error | Severity::Warning => BAD,
            Severity::Note => PLACE,
        };
        let severity = self.styled(style, finding.severity.word());
        let place = finding
            .origin
            .as_ref()
            .map(Origin::place)
            .unwrap_or_default();
        let place = self.styled(PLACE, &printable(&place));
        self.line(format!(
            "{place}: {severity}: {}: {}  [{}]",
            name(&finding.key),
            printable(&finding.message),
            finding.code
        ));
        self.line(format!("  {}", finding.reason));
        if let Some(hint) = &finding.hint {
            self.line(format!("  hint: {}", printable(hint)));
        }
    }
}
