//! The report for people.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};

use crate::error::Error;
use crate::model::catalogue::{self, Effect, Entry};
use crate::model::handshake::plural;
use crate::model::key::Key;
use crate::model::plan::{Cause, KeptWhy, Plan};
use crate::model::setting::BUILT_IN;
use crate::model::stack::Named;

use super::{
    Body, Changes, Depth, History, KeyState, Listed, NamespaceChanges, Report, Show, Status,
    StatusRow, Want, diff, printable, problem,
};

/// How text is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// With colour.
    pub color: bool,
    /// With the reason for every setting.
    pub verbose: bool,
}

/// What the namespace of process 1 is called.
const HOST: &str = "host";

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const STRONG: Style = Style::new().bold();

/// The report itself, for standard output.
pub fn page(report: &Report, manner: Manner) -> String {
    let mut page = Page {
        text: String::new(),
        manner,
    };
    match &report.body {
        Body::Empty => {}
        Body::Profiles(profiles) => page.profiles(profiles),
        Body::Desired(show) => page.show(show),
        Body::Changes(changes) => page.changes(changes),
        Body::Status(all) => all.iter().for_each(|status| page.status(status)),
        Body::History(history) => page.history(history),
    }
    page.text
}

/// The talk about it, for standard error: warnings, and why the run failed as a whole.
pub fn talk(report: &Report, manner: Manner) -> String {
    let mut talk = Page {
        text: String::new(),
        manner,
    };
    for warning in &report.warnings {
        talk.remark(
            "warning",
            AnsiColor::Yellow.on_default(),
            &warning.message,
            warning.hint.as_deref(),
        );
    }
    match &report.error {
        Some(Error::Problems(problems)) => problems
            .iter()
            .for_each(|one| talk.line(problem::render(one, manner.color))),
        Some(error) => talk.error(error),
        None => {}
    }
    let namespaces: Vec<(&str, &Error)> = match &report.body {
        Body::Changes(changes) => changes
            .namespaces
            .iter()
            .filter_map(|one| Some((one.netns.as_str(), one.error.as_ref()?)))
            .collect(),
        Body::Status(all) => all
            .iter()
            .filter_map(|one| Some((one.netns.as_str(), one.error.as_ref()?)))
            .collect(),
        _ => Vec::new(),
    };
    for (netns, error) in namespaces {
        let kind = format!("error: {} namespace", printable(netns));
        talk.remark(&kind, BAD, &error.to_string(), error.hint().as_deref());
    }
    talk.text
}

struct Page {
    text: String,
    manner: Manner,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text += "\n";
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.manner.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn remark(&mut self, kind: &str, style: Style, message: &str, hint: Option<&str>) {
        let kind = self.styled(style, kind);
        self.line(format!("{kind}: {}", printable(message)));
        if let Some(hint) = hint {
            self.line(format!("hint: {}", printable(hint)));
        }
    }

    fn error(&mut self, error: &Error) {
        self.remark("error", BAD, &error.to_string(), error.hint().as_deref());
    }

    fn profiles(&mut self, profiles: &[Listed]) {
        let width = profiles
            .iter()
            .map(|profile| profile.name.len())
            .max()
            .unwrap_or(0);
        for profile in profiles {
            let description = profile.description.as_deref().unwrap_or("(cannot be read)");
            let name = self.styled(STRONG, &format!("{:width$}", profile.name));
            self.line(format!(
                "{name}  {}  ({})",
                printable(description),
                printable(&profile.file)
            ));
        }
    }

    fn show(&mut self, show: &Show) {
        if show.flat {
            for (key, setting) in &show.settings {
                let wish = if setting.exact.is_some() {
                    format!("= {}", setting.words())
                } else {
                    setting.words()
                };
                self.line(format!("{key} {wish}"));
            }
            return;
        }
        for profile in &show.profiles {
            let name = self.styled(STRONG, &printable(&profile.name));
            self.line(format!(
                "{name} ({}): {}",
                printable(&profile.file),
                printable(&profile.description)
            ));
        }
        let consequences = catalogue::consequences(&show.values);
        for (key, setting) in &show.settings {
            let word = setting
                .exact
                .as_ref()
                .and_then(|part| catalogue::word(key, &part.value));
            let word = word.map(|word| format!(" ({word})")).unwrap_or_default();
            let optional = if setting.optional {
                ", where the kernel has it"
            } else {
                ""
            };
            let uncatalogued = if Entry::of(key).is_none() {
                ", uncatalogued"
            } else {
                ""
            };
            let place = setting
                .origin()
                .map(|origin| printable(&origin.place()))
                .unwrap_or_default();
            let key_text = self.styled(STRONG, key.as_str());
            let place = self.styled(PLACE, &place);
            self.line(format!(
                "\n{key_text}: {}{word}{optional}{uncatalogued}  [{place}]",
                setting.words()
            ));
            for sentence in consequences.get(key).into_iter().flatten() {
                self.line(format!("  {sentence}"));
            }
            if let Some(entry) = Entry::of(key) {
                if self.manner.verbose {
                    self.line(format!("  what: {}", entry.summary));
                    self.line(format!(
                        "  default: {}; first in Linux {}",
                        entry.default, entry.since
                    ));
                }
                self.line(format!("  takes effect {}", entry.effect.words()));
                if !entry.risk.is_empty() {
                    self.line(format!("  risk: {}", entry.risk));
                }
            }
            if let Some(why) = setting.why() {
                self.line(format!("  why: {}", printable(why)));
            }
        }
        let want = Want::new("", &show.settings);
        let count = show.settings.len();
        let netns = printable(&show.netns);
        self.line(format!(
            "\n{count} {}, desired {}; seconds and sizes are those of the {netns} namespace",
            plural_of(count, "setting"),
            short(&want.hash)
        ));
        self.verified(&show.kernel, show.verified);
    }

    fn verified(&mut self, kernel: &str, verified: bool) {
        if !verified {
            self.line(format!(
                "the consequences above are not verified on this kernel ({})",
                printable(kernel)
            ));
        }
    }

    fn changes(&mut self, changes: &Changes) {
        for (index, namespace) in changes.namespaces.iter().enumerate() {
            if index > 0 {
                self.line("");
            }
            self.namespace(changes, namespace);
        }
    }

    fn namespace(&mut self, changes: &Changes, one: &NamespaceChanges) {
        if let (Some(plan), Some(want)) = (&one.plan, &one.want) {
            if let Some(undoes) = &one.undoes {
                self.line(printable(undoes));
            }
            let place = printable(&format!("{}, {} namespace", changes.host, one.netns));
            let title = printable(&format!("{}, desired {}", want.title, short(&want.hash)));
            let text = diff::unified(one, &format!("live  {place}"), &format!("want  {title}"));
            if text.is_empty() {
                self.line(format!("{place}: {title}"));
            } else {
                self.diff(&text);
            }
            self.consequences(one, plan);
            self.left_alone(one, plan);
            self.summary(changes, one, plan);
            if !plan.live.is_empty() {
                self.verified(&changes.kernel, changes.verified);
            }
        }
        if one.error.is_some() {
            let failed = self.styled(BAD, "FAILED");
            self.line(format!("{} namespace: {failed}", printable(&one.netns)));
        }
    }

    fn diff(&mut self, text: &str) {
        for line in text.lines() {
            let style = match line.as_bytes() {
                [b'-', b'-', ..] | [b'+', b'+', ..] => STRONG,
                [b'-', ..] => BAD,
                [b'+', ..] => GOOD,
                [b'@', ..] => PLACE,
                _ => Style::new(),
            };
            let line = self.styled(style, line);
            self.line(line);
        }
    }

    /// What means something else afterwards, also for keys that do not change themselves.
    fn consequences(&mut self, one: &NamespaceChanges, plan: &Plan) {
        let before = catalogue::consequences(&one.before.values());
        let after = catalogue::consequences(&plan.applied_to(&one.before).values());
        for (key, sentences) in &after {
            let was: &[String] = before.get(key).map_or(&[], Vec::as_slice);
            for (index, sentence) in sentences
                .iter()
                .enumerate()
                .filter(|(_, sentence)| !was.contains(*sentence))
            {
                self.line(format!("then: {sentence}"));
                if let Some(was) = was.get(index) {
                    self.line(format!(" was: {was}"));
                }
            }
        }
        let mut felt: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for change in &plan.live {
            if let Some(entry) = Entry::of(&change.key).filter(|entry| {
                matches!(
                    entry.effect,
                    Effect::InProgress | Effect::NextTimer | Effect::Listen
                )
            }) {
                felt.entry(entry.effect.words())
                    .or_default()
                    .push(entry.short);
            }
        }
        for (effect, keys) in felt {
            self.line(format!("{}: takes effect {effect}", keys.join(", ")));
        }
        if self.manner.verbose {
            for change in &plan.live {
                if let Some(why) = plan.setting(&change.key).and_then(|setting| setting.why()) {
                    self.line(format!("why: {}: {}", change.key, printable(why)));
                }
            }
        }
    }

    fn left_alone(&mut self, one: &NamespaceChanges, plan: &Plan) {
        for kept in &plan.kept {
            match &kept.why {
                KeptWhy::OtherWriter(wrote) => self.line(format!(
                    "left: {} holds {}, held by another writer: tcptune had written {wrote}",
                    kept.key,
                    printable(kept.value.as_str())
                )),
                KeptWhy::Right => {
                    let bound = plan
                        .setting(&kept.key)
                        .filter(|setting| setting.exact.is_none());
                    if let Some(setting) = bound {
                        self.line(format!(
                            "kept: {} = {}, {} is wanted",
                            kept.key,
                            kept.value,
                            setting.words()
                        ));
                    }
                }
            }
        }
        for skipped in &plan.skipped {
            self.line(format!(
                "skipped: {}: {}",
                skipped.key,
                printable(&skipped.reason)
            ));
        }
        let written: Vec<&Key> = plan.live.iter().map(|change| &change.key).collect();
        for (key, note) in one.notes.iter().filter(|(key, _)| !written.contains(key)) {
            self.line(format!("note: {key}: {}", printable(note)));
        }
    }

    fn summary(&mut self, changes: &Changes, one: &NamespaceChanges, plan: &Plan) {
        let right = plan
            .kept
            .iter()
            .filter(|kept| kept.why == KeptWhy::Right)
            .count();
        let live = plan.live.len();
        let mut counts = format!("{live} live {}", plural_of(live, "change"));
        if plan.released() > 0 {
            counts += &format!(", {} of them released", plan.released());
        }
        counts += &format!("; {right} {} already right", plural_of(right, "key"));
        self.line(counts);
        if one.error.is_some() {
            return;
        }
        match (changes.depth, one.journal) {
            (Depth::Question, _) if plan.live.is_empty() => self.line("nothing to change"),
            (Depth::Question, _) => self.lasts(one, plan),
            (Depth::DryRun | Depth::Deed, None) if plan.is_empty() => self.line("nothing to do"),
            (Depth::DryRun | Depth::Deed, None) => {
                self.lasts(one, plan);
                self.line("dry run: nothing was touched");
            }
            (Depth::DryRun | Depth::Deed, Some((id, _))) => self.done(one, plan, id),
        }
    }

    /// What a reboot forgets.
    fn lasts(&mut self, one: &NamespaceChanges, plan: &Plan) {
        if plan.after.active.is_empty() {
            return self.line("nothing is declared any more");
        }
        let end = if one.netns == HOST {
            "a reboot"
        } else {
            "a reboot, or the end of the namespace,"
        };
        self.line(format!("LIVE ONLY: nothing is on disk, {end} forgets it"));
    }

    fn done(&mut self, one: &NamespaceChanges, plan: &Plan, id: u64) {
        let done = match plan.live.len() {
            0 => "no key written".to_owned(),
            count => format!("{count} {} written and read back", plural_of(count, "key")),
        };
        let done = self.styled(GOOD, &done);
        self.line(format!("{done}, journal {id}"));
        self.lasts(one, plan);
        let restored = plan
            .live
            .iter()
            .any(|change| change.cause == Cause::Restored)
            || one.undoes.is_some();
        match &one.next_undo {
            Some(next) if restored => {
                self.line(format!("the next rollback would undo {}", printable(next)));
            }
            None if restored => self.line("there is nothing left to roll back"),
            _ => self.line("undo: tcptune rollback"),
        }
    }

    fn status(&mut self, status: &Status) {
        let netns = self.styled(STRONG, &printable(&status.netns));
        if status.error.is_some() {
            let failed = self.styled(BAD, "cannot be looked at");
            return self.line(format!("{netns} namespace: {failed}"));
        }
        let declared = printable(&status.memory.active.name());
        let since = status
            .time
            .as_deref()
            .map(|time| format!(", since {time}"))
            .unwrap_or_default();
        if status.forgotten {
            self.line(format!(
                "{netns} namespace: nothing declared; a reboot has forgotten {declared}{since}"
            ));
        } else {
            self.line(format!("{netns} namespace: {declared}{since}"));
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
            self.line("outdated: the profiles say something else by now; look with `tcptune diff`");
        }
        match status.pending {
            Some((id, true)) => self.line(format!("in progress: entry {id}")),
            Some((id, false)) => self.line(format!(
                "interrupted: entry {id}; the next writing verb will settle it"
            )),
            None => {}
        }
        if !status.memory.active.is_empty() && !status.forgotten {
            self.line("LIVE ONLY: nothing is on disk, a reboot forgets it");
        }
        if let Some(next) = &status.next_undo {
            self.line(format!("the next rollback would undo {}", printable(next)));
        }
    }

    fn history(&mut self, history: &History) {
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
            let id = self.styled(STRONG, &format!("{:>4}", past.id));
            self.line(format!(
                "{id}  {}  {:<11} {:<10} {verb}: {}, {count} {}, by {}",
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

/// The noun for a count of things.
fn plural_of(count: usize, noun: &str) -> String {
    plural(i128::try_from(count).unwrap_or(i128::MAX), noun)
}

/// As much of a hash as people compare.
fn short(hash: &str) -> &str {
    hash.get(..7).unwrap_or(hash)
}

/// What headers call each profile of a stack: `high-traffic (built in)`, `./web.toml`.
pub fn titles(profiles: &[Named]) -> Vec<String> {
    let title = |profile: &Named| match profile.file.as_str() {
        BUILT_IN | "computed" => format!("{} ({})", profile.name, profile.file),
        file => file.to_owned(),
    };
    profiles.iter().map(title).collect()
}
