//! What would change in one namespace, in Markdown.

use crate::model::change::{Cause, Change};
use crate::model::diagnose::relisten;
use crate::model::expected::Expected;
use crate::model::finding::Finding;
use crate::model::memory::BY_HAND;
use crate::model::plan::{KeptWhy, Plan};
use crate::model::relisten::{Cap, Capped};
use crate::model::setting::{Origin, Setting};
use crate::report::doctor::place;
use crate::report::meaning::{Meaning, meanings};
use crate::report::remark::name;
use crate::report::{Changes, NamespaceChanges, diff};

use super::words::{code, escaped, row};
use super::{Page, Room};

impl Page {
    pub(super) fn namespace(&mut self, changes: &Changes, one: &NamespaceChanges) {
        if let Some(error) = &one.error {
            self.line(format!("**Refused**: {}\n", escaped(&error.to_string())));
            if let Some(hint) = error.hint() {
                self.line(format!("{}\n", escaped(&hint)));
            }
        }
        let Some(plan) = one.plan.as_ref().filter(|_| self.room > Room::Headings) else {
            return;
        };
        self.table(one, plan);
        self.boot(one, plan);
        let live = diff::unified(one, &format!("live {} namespace", one.netns), "wanted");
        // What a drop-in says beside its assignments is for tcptune.
        let files = diff::assignments(plan.files());
        let head = if files.is_empty() {
            ""
        } else {
            "--- next boot\n+++ wanted\n"
        };
        let diff = format!("{live}{head}{files}");
        if !diff.is_empty() {
            self.folded("Diff", "diff", &diff);
        }
        for Meaning { name, then, was } in meanings(one) {
            let was = was
                .map(|was| format!("<br>was: {}", escaped(&was)))
                .unwrap_or_default();
            self.line(format!("- {}: {}{was}", code(&name), escaped(&then)));
        }
        self.listeners(one);
        self.left_alone(plan);
        for finding in &one.findings {
            self.finding(finding);
        }
        if !plan.live.is_empty() && !changes.site.verified {
            let kernel = escaped(&changes.site.kernel);
            self.line(format!(
                "- the consequences are not verified on Linux {kernel}"
            ));
        }
        self.line("");
    }

    fn table(&mut self, one: &NamespaceChanges, plan: &Plan) {
        if plan.live.is_empty() {
            return;
        }
        self.line("| key | now | then | wanted by | why |");
        self.line("|---|---|---|---|---|");
        for change in &plan.live {
            self.change(one, plan, change);
        }
        self.line("");
    }

    fn change(&mut self, one: &NamespaceChanges, plan: &Plan, change: &Change) {
        let Change {
            key,
            from,
            to,
            cause,
        } = change;
        let setting = plan.setting(key).filter(|_| *cause == Cause::Set);
        let note = one.notes.get(key).cloned();
        let remark = note.or_else(|| setting.and_then(Setting::bound));
        let remark = match (cause, remark) {
            (Cause::Released, _) => " (released)".to_owned(),
            (_, Some(remark)) => format!(" ({})", escaped(&remark)),
            _ => String::new(),
        };
        let by = plan.origin(change).map(by).unwrap_or_default();
        let why = setting
            .and_then(|setting| setting.why())
            .map(escaped)
            .unwrap_or_default();
        let to = format!("{}{remark}", code(to.as_str()));
        let cells = [&code(key.as_str()), &code(from.as_str()), &to, &by, &why];
        self.line(row(&cells.map(String::as_str)));
    }

    fn boot(&mut self, one: &NamespaceChanges, plan: &Plan) {
        for file in plan.files() {
            self.line(format!("Next boot: {} {}\n", file.does(), code(&file.path)));
        }
        let beaten = plan.boot.iter().flat_map(|boot| &boot.beats);
        let beaten: Vec<String> = beaten.map(|beaten| code(&beaten.win.place())).collect();
        if !beaten.is_empty() {
            self.line(format!("It beats {}.\n", beaten.join(", ")));
        }
        let Some(expected) = one.expected.as_ref().filter(|_| plan.writes()) else {
            return;
        };
        let lost: Vec<&Expected> = expected.iter().filter(|one| !one.is_right()).collect();
        if lost.is_empty() {
            return self.line("It survives a reboot.\n");
        }
        if plan.boot.is_none() {
            self.line("**Live only**: nothing is on disk, and a reboot forgets it.\n");
        }
        for Expected { key, value, by, .. } in lost {
            let value = value.as_ref().map_or("unknown", |value| value.as_str());
            self.line(format!(
                "- after a reboot, {} is {} ({})",
                code(key.as_str()),
                code(value),
                escaped(by)
            ));
        }
        self.line("");
    }

    /// Whom a change of `somaxconn` does not reach yet.
    fn listeners(&mut self, one: &NamespaceChanges) {
        for Capped {
            listener, owner, ..
        } in one.capped(Cap::Stale)
        {
            self.line(format!(
                "- {} must listen again, and keeps its limit of {} until then: {}",
                code(&place(listener, owner.as_ref())),
                listener.limit,
                escaped(&relisten(owner.as_ref()))
            ));
        }
    }

    fn left_alone(&mut self, plan: &Plan) {
        for kept in &plan.kept {
            if let KeptWhy::OtherWriter(wrote) = &kept.why {
                self.line(format!(
                    "- {} stays {}, held by another writer: tcptune had written {}",
                    code(kept.key.as_str()),
                    code(kept.value.as_str()),
                    code(wrote.as_str())
                ));
            }
        }
        for skipped in &plan.skipped {
            self.line(format!(
                "- {} is passed over: {}",
                code(skipped.key.as_str()),
                escaped(&skipped.reason)
            ));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let place = finding
            .origin
            .as_ref()
            .map(|origin| format!(" ({})", by(origin)));
        let hint = finding
            .hint
            .as_ref()
            .map(|hint| format!("<br>{}", escaped(hint)));
        self.line(format!(
            "- **{}** {}{}: {}<br>{}{}",
            finding.severity.word(),
            code(name(&finding.key)),
            place.unwrap_or_default(),
            escaped(&finding.message),
            escaped(finding.reason),
            hint.unwrap_or_default()
        ));
    }
}

fn by(origin: &Origin) -> String {
    if *origin.profile == *BY_HAND {
        code(BY_HAND)
    } else {
        code(&origin.place())
    }
}
