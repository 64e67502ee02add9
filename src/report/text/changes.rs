//! Plans for people, and what became of them: diff, consequences, what stays, what a reboot forgets.

use std::collections::BTreeMap;

use anstyle::Style;

use crate::model::catalogue::{Effect, Entry};
use crate::model::change::Cause;
use crate::model::diagnose::relisten;
use crate::model::expected::{Expected, all_right};
use crate::model::key::Key;
use crate::model::memory::command_in;
use crate::model::persist::{Action, BootPlan};
use crate::model::plan::{KeptWhy, Plan};
use crate::model::refusal::Shadow;
use crate::model::relisten::{Cap, Capped};
use crate::model::setting::Setting;
use crate::report::doctor::place;
use crate::report::meaning::{Meaning, meanings};
use crate::report::remark::name;
use crate::report::{Changes, Depth, NamespaceChanges, diff, printable};

use super::{BAD, GOOD, PLACE, Page, STRONG, plural_of, short};

/// Keys that are named one by one where one line says what they become.
const NEXT: usize = 12;

/// Listeners of one kind that are named one by one.
const LISTENERS: usize = 5;

impl Page {
    pub(super) fn changes(&mut self, changes: &Changes) {
        if changes.only_hash {
            let hashes = changes
                .namespaces
                .iter()
                .filter_map(|one| one.plan_hash.as_ref());
            return hashes.for_each(|hash| self.line(hash));
        }
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
            let place = printable(&format!("{}, {} namespace", changes.site.title, one.netns));
            let mut title = printable(&format!("{}, desired {}", want.title, short(&want.hash)));
            if let (Depth::Question | Depth::DryRun, Some(hash)) = (changes.depth, &one.plan_hash) {
                title += &format!(", plan {}", short(hash));
            }
            let text = diff::unified(one, &format!("live  {place}"), &format!("want  {title}"));
            if text.is_empty() {
                let place = if changes.site.image {
                    printable(&changes.site.title)
                } else {
                    place
                };
                self.line(format!("{place}: {title}"));
            } else {
                self.diff(&text);
            }
            if let Some(boot) = &plan.boot {
                self.boot(boot);
            }
            self.consequences(one, plan);
            self.listeners(one);
            self.left_alone(one, plan);
            self.summary(changes, one, plan);
            if !plan.live.is_empty() {
                self.verified(&changes.site.kernel, changes.site.verified);
            }
        }
        if one.error.is_some() {
            let failed = self.styled(BAD, "FAILED");
            self.line(format!("{} namespace: {failed}", printable(&one.netns)));
        }
    }

    pub(super) fn diff(&mut self, text: &str) {
        for line in text.lines() {
            let style = match line.as_bytes() {
                [b'-', b'-', ..] | [b'+', b'+', ..] => STRONG,
                [b'-', ..] => BAD,
                [b'+', ..] => GOOD,
                [b'@', ..] => PLACE,
                _ => Style::new(),
            };
            let line = self.styled(style, &printable(line));
            self.line(line);
        }
    }

    /// What becomes of the drop-in.
    fn boot(&mut self, boot: &BootPlan) {
        let path = printable(&boot.path);
        match boot.action() {
            Action::None if boot.active.is_empty() => self.line("boot: there is no drop-in"),
            Action::None => self.line(format!("boot: {path} is right already")),
            Action::Create => self.line(format!("boot: create {path}")),
            Action::Replace => self.line(format!("boot: replace {path}")),
            Action::Remove => self.line(format!("boot: remove {path}")),
            Action::Move => self.line(format!("boot: the drop-in moves to {path}")),
        }
        self.diff(&diff::assignments(&boot.files));
        for key in &boot.left_out {
            self.line(format!(
                "left out: {key}: this machine boots with enough without it"
            ));
        }
        for Shadow { key, win, .. } in &boot.beats {
            let said = match &win.text {
                None => "excluded".to_owned(),
                Some(_) => win.value().to_string(),
            };
            self.line(printable(&format!("beats {} ({key} {said})", win.place())));
        }
    }

    /// What means something else afterwards, also for keys that do not change themselves.
    fn consequences(&mut self, one: &NamespaceChanges, plan: &Plan) {
        for Meaning { name, then, was } in meanings(one) {
            self.line(format!("then {name}: {then}"));
            if let Some(was) = was {
                self.line(format!(" was {name}: {was}"));
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

    /// Whom a change of `somaxconn` does not reach.
    fn listeners(&mut self, one: &NamespaceChanges) {
        for capped in first(&one.capped(Cap::Stale)) {
            let Capped {
                listener, owner, ..
            } = capped;
            self.line(printable(&format!(
                "must listen again: {} keeps its limit of {} until then: {}",
                place(listener, owner.as_ref()),
                listener.limit,
                relisten(owner.as_ref())
            )));
        }
        self.more(one, Cap::Stale, "must listen again");
        for Capped {
            listener, owner, ..
        } in first(&one.capped(Cap::Application))
        {
            self.line(printable(&format!(
                "no effect on {}, it seems: its limit of {} is no earlier somaxconn, so probably its own backlog",
                place(listener, owner.as_ref()),
                listener.limit
            )));
        }
        self.more(one, Cap::Application, "have a backlog of their own");
    }

    fn more(&mut self, one: &NamespaceChanges, cap: Cap, what: &str) {
        if let Some(more) = one.capped(cap).len().checked_sub(LISTENERS + 1) {
            let more = more + 1;
            self.line(format!(
                "{more} more {} {what}",
                plural_of(more, "listener")
            ));
        }
    }

    fn left_alone(&mut self, one: &NamespaceChanges, plan: &Plan) {
        for kept in &plan.kept {
            match &kept.why {
                KeptWhy::OtherWriter(wrote) => self.line(printable(&format!(
                    "left: {} holds {}, held by another writer: tcptune had written {wrote}",
                    kept.key, kept.value
                ))),
                // A warning says it.
                KeptWhy::NoBaseline => {}
                // A bound that is met by more than it asks for.
                KeptWhy::Right => {
                    let setting = plan
                        .setting(&kept.key)
                        .filter(|setting| !setting.is_edge(&kept.value));
                    if let Some(bound) = setting.and_then(Setting::bound) {
                        self.line(printable(&format!(
                            "kept: {} = {}, {bound} is wanted",
                            kept.key, kept.value
                        )));
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
        self.line(counts(plan));
        if one.error.is_some() {
            return;
        }
        match (changes.depth, one.journal) {
            (Depth::Question, _) if !plan.writes() => self.line("nothing to change"),
            (Depth::Question, _) => self.lasts(one, plan),
            (Depth::DryRun | Depth::Deed, None) if plan.is_empty() => self.line("nothing to do"),
            (Depth::DryRun, None) => {
                self.lasts(one, plan);
                self.line("dry run: nothing was touched");
            }
            (Depth::Deed, None) => self.line("written; an image has no journal"),
            (Depth::DryRun | Depth::Deed, Some((id, _))) => self.done(changes, one, plan, id),
        }
    }

    /// How long it lasts.
    fn lasts(&mut self, one: &NamespaceChanges, plan: &Plan) {
        let declared = plan.declared();
        if declared.is_empty() {
            return self.line("nothing is declared any more");
        }
        let only_boot = plan.only_boot || plan.after.active.is_empty();
        if only_boot && !plan.only_boot {
            let name = printable(&declared.name());
            self.line(format!(
                "nothing is declared live; the next boot declares {name}"
            ));
        }
        let lost: Option<Vec<&Expected>> = one
            .expected
            .as_ref()
            .map(|all| all.iter().filter(|one| !one.is_right()).collect());
        match lost {
            None => self.live_only(&one.netns),
            Some(lost) if lost.is_empty() && only_boot => {
                self.line("the next boot gives all of it");
            }
            Some(lost) if lost.is_empty() => self.line("survives a reboot: yes"),
            Some(lost) => {
                match (&plan.boot, one.drop_in) {
                    (Some(_), _) => self.line(format!("survives a reboot: {}", survives(&lost))),
                    (None, Some(true)) => {
                        let survives = survives(&lost);
                        self.line(format!(
                            "survives a reboot: {survives}, although the drop-in declares it"
                        ));
                    }
                    (None, Some(false)) => {
                        self.line("LIVE ONLY in part: the drop-in declares something else");
                    }
                    // What cannot be read may be the drop-in.
                    (None, None) if lost.iter().all(|one| one.doubted) => {
                        self.line(format!("survives a reboot: {}", survives(&lost)));
                    }
                    (None, None) => self.live_only(&one.netns),
                }
                self.line(format!("next boot: {}", next(&lost)));
                let doubted = lost.iter().all(|one| one.doubted);
                if plan.boot.is_none() && one.drop_in != Some(true) && !doubted {
                    self.line("keep across a reboot: tcptune persist");
                }
            }
        }
    }

    fn done(&mut self, changes: &Changes, one: &NamespaceChanges, plan: &Plan, id: u64) {
        let keys = match plan.live.len() {
            0 => "no key written".to_owned(),
            count => format!("{count} {} written and read back", plural_of(count, "key")),
        };
        let files = match plan.files().len() {
            0 => String::new(),
            count => format!(", {count} {} written", plural_of(count, "file")),
        };
        let files = if one.until.is_some() {
            String::new()
        } else {
            files
        };
        let command = |words: &str| printable(&command_in(&one.netns, changes.named, words));
        let done = self.styled(GOOD, &format!("{keys}{files}"));
        self.line(format!("{done}, journal {id}"));
        if let Some(until) = &one.until {
            let waits = self.styled(BAD, "UNCONFIRMED");
            let files = if plan.files().is_empty() {
                ""
            } else {
                ", and write the drop-in"
            };
            self.line(format!("{waits}: goes back at {until}"));
            let confirm = command("tcptune confirm");
            self.line(format!("keep it{files}: {confirm}"));
            return self.line(format!("take it back now: {}", command("tcptune rollback")));
        }
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
            _ => self.line(format!("undo: {}", command("tcptune rollback"))),
        }
    }
}

/// As many listeners as people read.
fn first<'a, 'b>(all: &'a [&'b Capped]) -> &'a [&'b Capped] {
    all.get(..LISTENERS).unwrap_or(all)
}

/// What a plan comes to.
fn counts(plan: &Plan) -> String {
    let files = plan.files().len();
    let files = format!("{files} {}", plural_of(files, "file"));
    if plan.only_boot {
        return format!("{files}; the live kernel stays as it is");
    }
    let right = plan.kept.iter().filter(|kept| kept.why == KeptWhy::Right);
    let (live, right) = (plan.live.len(), right.count());
    let mut counts = format!("{live} live {}", plural_of(live, "change"));
    if plan.released() > 0 {
        counts += &format!(", {} of them released", plan.released());
    }
    if plan.boot.is_some() {
        counts += &format!(", {files}");
    }
    format!(
        "{counts}; {right} {} already right",
        plural_of(right, "key")
    )
}

/// Whether declared keys survive a reboot, in a word.
pub(super) fn survives(lost: &[&Expected]) -> &'static str {
    match all_right(lost) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not surely",
    }
}

/// What the next boot gives for keys: `somaxconn 1024 (/etc/sysctl.d/60-app.conf:4)`.
pub(super) fn next(all: &[&Expected]) -> String {
    let mut by: Vec<(&str, Vec<(&Key, &str)>)> = Vec::new();
    for Expected {
        key,
        value,
        by: who,
        ..
    } in all
    {
        let value = value.as_ref().map_or("unknown", |value| value.as_str());
        match by.iter_mut().find(|(place, _)| place == who) {
            Some((_, keys)) => keys.push((key, value)),
            None => by.push((who, vec![(key, value)])),
        }
    }
    let told = by.into_iter().map(|(place, keys)| {
        let (named, more) = keys.split_at(keys.len().min(NEXT));
        let named = named
            .iter()
            .map(|(key, value)| format!("{} {value}", name(key)));
        let named: Vec<String> = named.collect();
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more} ({place})", named.join(", "))
    });
    printable(&told.collect::<Vec<_>>().join(", "))
}
