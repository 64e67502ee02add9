//! `status` and `history` for people.

use anstyle::Style;

use crate::model::expected::Expected;
use crate::model::memory::command_in;
use crate::report::{History, KeyState, Status, StatusRow, printable};

use super::boot::misfit;
use super::changes::next;
use super::{BAD, GOOD, Page, STRONG, plural_of};

impl Page {
    pub(super) fn statuses(&mut self, all: &[Status]) {
        for (index, status) in all.iter().enumerate() {
            if index > 0 {
                self.line("");
            }
            self.status(status);
        }
    }

    fn status(&mut self, status: &Status) {
        let place = if status.image { "image" } else { "namespace" };
        let netns = self.styled(STRONG, &format!("{} {place}", printable(&status.netns)));
        if status.error.is_some() {
            let failed = self.styled(BAD, "cannot be looked at");
            return self.line(format!("{netns}: {failed}"));
        }
        let active = &status.memory.active;
        let declared = printable(&active.name());
        let since = status
            .time
            .as_deref()
            .map(|time| format!(", since {time}"))
            .unwrap_or_default();
        match &status.forgotten {
            Some((name, time)) if active.is_empty() => {
                let name = printable(name);
                self.line(format!(
                    "{netns}: nothing declared; a reboot has forgotten {name}, since {time}"
                ));
            }
            Some((name, _)) => {
                let name = printable(name);
                self.line(format!(
                    "{netns}: {declared}{since}; a reboot has forgotten {name}"
                ));
            }
            None => self.line(format!("{netns}: {declared}{since}")),
        }
        let with_word = |row: &StatusRow| match &row.word {
            Some(word) => format!("{} ({word})", row.want),
            None => row.want.clone(),
        };
        let key_width = status
            .rows
            .iter()
            .map(|row| row.key.as_str().len())
            .max()
            .unwrap_or(0);
        let want_width = status
            .rows
            .iter()
            .map(|row| with_word(row).len())
            .max()
            .unwrap_or(0);
        for row in &status.rows {
            let live = printable(row.live.as_deref().unwrap_or("nothing that can be read"));
            let (state, style) = match row.state {
                KeyState::Ok => ("ok", GOOD),
                KeyState::Drift => ("DRIFT", BAD),
                KeyState::Forgotten => ("forgotten", Style::new()),
                KeyState::Left => ("LEFT", BAD),
            };
            let by = row
                .by
                .as_deref()
                .map(|by| format!(" ({by})"))
                .unwrap_or_default();
            let state = self.styled(style, &format!("{state:<9}"));
            let want = with_word(row);
            self.line(format!(
                "  {state} {:<key_width$}  wants {want:<want_width$}  holds {live}{by}",
                row.key
            ));
        }
        if status.outdated {
            let profiles = printable(&status.memory.active.profiles.join(" "));
            self.line(format!("outdated: the profiles say something else by now; look with `tcptune diff {profiles}`"));
        }
        match status.pending {
            Some((id, true)) => self.line(format!("in progress: entry {id}")),
            Some((id, false)) => self.line(format!(
                "interrupted: entry {id}; the next writing verb will settle it"
            )),
            None => {}
        }
        if let Some((id, left, until)) = &status.unconfirmed {
            let waits = self.styled(BAD, "UNCONFIRMED");
            let command = |words: &str| printable(&command_in(&status.netns, status.named, words));
            let (confirm, rollback) = (command("tcptune confirm"), command("tcptune rollback"));
            self.line(match left {
                None => {
                    format!("{waits}: entry {id} should have gone back at {until}; now: {rollback}")
                }
                Some(left) => format!(
                    "{waits}: entry {id} goes back in {left} s, at {until}; keep it: {confirm}"
                ),
            });
        }
        if let Some((id, why)) = &status.taken_back {
            self.line(printable(&format!("entry {id} was taken back: {why}")));
        }
        self.next_boot(status);
        if let Some(hold) = &status.hold {
            self.line(printable(&hold.words()));
        }

        if let Some(next) = &status.next_undo {
            self.line(format!("the next rollback would undo {}", printable(next)));
        }
    }

    /// What a reboot leaves of it.
    fn next_boot(&mut self, status: &Status) {
        let active = &status.memory.active;
        let Some(boot) = status
            .boot
            .as_ref()
            .filter(|boot| boot.path.is_some() || boot.intact != Some(true))
        else {
            if !active.is_empty() {
                self.live_only(&status.netns);
            }
            return;
        };
        let path = boot
            .path
            .as_deref()
            .map(|path| format!(" ({})", printable(path)))
            .unwrap_or_default();
        let declared = if boot.active.wants_the_same(active) {
            "the same".to_owned()
        } else {
            printable(&boot.active.name())
        };
        if let Some(misfit) = misfit(boot.intact) {
            let misfit = self.styled(BAD, misfit);
            self.line(format!("next boot: {misfit}"));
        } else {
            let but = self.lost(&boot.expected);
            self.line(format!("next boot: {declared}{path}{but}"));
        }
        if boot.outdated {
            let profiles = printable(&boot.active.profiles.join(" "));
            self.line(format!("outdated: the drop-in's profiles say something else by now; look with `tcptune diff {profiles} --scope boot`"));
        }
    }

    /// What of it the next boot gives otherwise, and then what nobody knows.
    fn lost(&self, expected: &[Expected]) -> String {
        let lost = expected.iter().filter(|one| !one.is_right());
        let (wrong, unsure): (Vec<&Expected>, Vec<_>) = lost.partition(|one| one.is_wrong());
        let told = [("DRIFT", BAD, wrong), ("not surely", Style::new(), unsure)];
        let told = told.into_iter().filter(|(.., lost)| !lost.is_empty());
        let told = told.map(|(word, style, lost)| {
            let word = self.styled(style, word);
            format!("{word}: {}", next(&lost))
        });
        let told = told.collect::<Vec<_>>().join("; ");
        if told.is_empty() {
            told
        } else {
            format!(", but {told}")
        }
    }

    pub(super) fn history(&mut self, history: &History) {
        if history.entries.is_empty() {
            return self.line("the journal is empty");
        }
        let shown = history.limit.unwrap_or(usize::MAX);
        for past in history.entries.iter().take(shown) {
            let verb = match past.back_to {
                Some(0) => format!("{} to the beginning", past.verb),
                Some(id) => format!("{} to {id}", past.verb),
                None => past.verb.clone(),
            };
            let count = past.changes.len();
            let files = if past.files.is_empty() {
                ""
            } else {
                " and the drop-in"
            };
            let id = self.styled(STRONG, &format!("{:>4}", past.id));
            self.line(format!(
                "{id}  {}  {:<11} {:<10} {verb}: {}, {count} {}{files}, by {}",
                past.time,
                past.state,
                printable(&past.netns),
                printable(&past.declared),
                plural_of(count, "change"),
                printable(&past.who)
            ));
            for remark in past
                .reason
                .iter()
                .map(|r| format!("reason: {r}"))
                .chain(past.error.iter().map(|e| format!("error: {e}")))
            {
                self.line(format!("      {}", printable(&remark)));
            }
            if self.manner.verbose {
                for (key, from, to) in &past.changes {
                    self.line(printable(&format!("      {key}: {from} -> {to}")));
                }
                for path in &past.files {
                    self.line(printable(&format!("      {path}")));
                }
            }
        }
        if history.entries.len() > shown {
            self.line(format!(
                "{} older ones: tcptune history --all",
                history.entries.len() - shown
            ));
        }
    }
}
