//! The live screen of `watch`: what is shown, and how keys change that. It is fed with looks and drawn into a buffer;
//! it touches neither the host nor a terminal.

mod draw;
mod keys;
mod lines;
mod stages;
#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::diagnose::{Cure, Finding, diagnose};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::observation::{Listener, Observation, Owner, Sample};
use crate::model::sorted;
use crate::model::value::Value;

use super::doctor::{Diagnosed, Examined, place};
use super::printable;

pub use keys::Wish;

use keys::{Sort, View};
use stages::Stages;

/// Samples of the window that findings are found in, at least.
const SAMPLES: usize = 11;

/// How long that window is at least, in milliseconds.
const WINDOW: u64 = 5000;

/// How long a finding is told after it ended, in milliseconds.
const KEPT: u64 = 60_000;

/// One look at the namespace.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// What was seen.
    pub sample: Sample,
    /// Values of the keys that the rules look at.
    pub values: BTreeMap<Key, Value>,
    /// Owners of listeners by inode, as far as they are known.
    pub owners: BTreeMap<u32, Owner>,
    /// Values that `somaxconn` had before.
    pub former: BTreeSet<u32>,
    /// The namespace's own addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// What is declared; nothing where that cannot be read.
    pub declared: Option<Declared>,
}

/// What is declared for the namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Its name; empty where nothing is declared.
    pub name: String,
    /// How many keys are declared.
    pub keys: usize,
    /// Keys that are not as declared: what each holds, if it can be read, and what is wanted.
    pub drift: BTreeMap<Key, (Option<Value>, String)>,
}

/// What the screen speaks of, from its first look to its last.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// Host and kernel.
    pub title: String,
    /// What outputs call the namespace.
    pub netns: String,
    /// How `--netns` names it, where that takes an option and it has a name.
    pub enter: Option<String>,
    /// Time between two looks.
    pub every: Duration,
    /// Profiles whose effect on findings was asked for, and what they want.
    pub profiles: Option<(Vec<String>, Settings)>,
    /// Columns of text that is not drawn on a terminal.
    pub columns: u16,
}

/// A finding, and for how long it has been one; in milliseconds since boot.
#[derive(Debug, Clone)]
struct Told {
    finding: Finding,
    cure: Option<Cure>,
    since: u64,
    last: u64,
}

/// What was seen until now.
#[derive(Debug, Clone, Default)]
struct Picture {
    seen: Observation,
    stages: Stages,
    findings: Vec<Told>,
    declared: Option<Declared>,
    /// Why the last look failed.
    failure: Option<String>,
}

/// The screen.
#[derive(Debug)]
pub struct Watch {
    subject: Subject,
    now: Picture,
    /// What is shown instead, while it is paused.
    frozen: Option<Picture>,
    view: View,
}

impl Watch {
    /// A screen that has seen nothing yet.
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            now: Picture::default(),
            frozen: None,
            view: View::default(),
        }
    }

    /// Takes one look in, or why there is none. What was seen before stays.
    pub fn feed(&mut self, look: Result<Look, String>) {
        match look {
            Ok(look) => self.now.take(look, self.subject.profiles.as_ref()),
            Err(why) => self.now.failure = Some(why),
        }
    }

    /// Takes several looks in as one: what happened from the first to the last of them.
    pub fn feed_window(&mut self, looks: Vec<Look>) {
        let mut looks = looks;
        let Some(mut last) = looks.pop() else { return };
        let samples: Vec<Sample> = looks.into_iter().map(|look| look.sample).collect();
        self.now.stages.take(samples.first(), &last.sample);
        self.now.seen.samples = samples;
        let sample = std::mem::take(&mut last.sample);
        let now = sample.at_ms;
        self.now.remember(last);
        self.now.seen.samples.push(sample);
        self.now.tell(now, self.subject.profiles.as_ref());
    }

    /// What was seen, as `doctor` tells it: findings that are over are not among it.
    pub(super) fn examined(&self) -> Examined {
        let findings = self
            .now
            .findings
            .iter()
            .filter(|told| !self.now.is_over(told));
        Examined {
            netns: self.subject.netns.clone(),
            enter: self.subject.enter.clone(),
            findings: findings
                .map(|told| Diagnosed {
                    finding: told.finding.clone(),
                    cure: told.cure,
                })
                .collect(),
            seen: self.now.seen.clone(),
            error: None,
        }
    }

    /// The profiles that were named.
    pub(super) fn profiles(&self) -> &[String] {
        self.subject
            .profiles
            .as_ref()
            .map_or(&[], |(names, _)| names)
    }

    /// What is declared.
    pub(super) fn declared(&self) -> Option<&Declared> {
        self.now.declared.as_ref()
    }

    fn shown(&self) -> &Picture {
        self.frozen.as_ref().unwrap_or(&self.now)
    }

    /// The listeners that are asked for, in the order that is asked for.
    fn listeners(&self) -> Vec<&Listener> {
        let shown = self.shown();
        let all = shown.last().into_iter().flat_map(|last| &last.listeners);
        let mut all: Vec<&Listener> = all
            .filter(|one| self.view.wants(one, shown.owner(one)))
            .collect();
        let fullness = |one: &Listener| {
            let open = shown.last().map_or(0, |last| last.half_open(one));
            std::cmp::Reverse((one.fill(), one.queued, open))
        };
        match self.view.sort {
            Sort::Fullness => sorted::by_key(&mut all, |one| (fullness(one), one.address)),
            Sort::Drops => sorted::by_key(&mut all, |one| {
                let drops = shown.dropped(one).map(|(drops, _)| drops);
                (std::cmp::Reverse(drops), fullness(one), one.address)
            }),
            Sort::Address => sorted::by_key(&mut all, |one| one.address),
        }
        all
    }

    /// The findings that are asked for: first what is wrong now, then what is over.
    fn findings(&self) -> Vec<&Told> {
        let shown = self.shown();
        let wanted = |told: &&Told| {
            let at = told.finding.listener.as_ref();
            at.is_none_or(|at| self.view.wants(at, shown.owner(at)))
        };
        shown.findings.iter().filter(wanted).collect()
    }
}

impl Picture {
    fn take(&mut self, mut look: Look, profiles: Option<&(Vec<String>, Settings)>) {
        let sample = std::mem::take(&mut look.sample);
        let now = sample.at_ms;
        self.stages.take(self.seen.samples.last(), &sample);
        self.remember(look);
        let samples = &mut self.seen.samples;
        samples.push(sample);
        while samples.len() > SAMPLES
            && samples
                .get(1)
                .is_some_and(|second| now.saturating_sub(second.at_ms) >= WINDOW)
        {
            samples.remove(0);
        }
        self.tell(now, profiles);
    }

    /// All of a look but its sample.
    fn remember(&mut self, look: Look) {
        self.failure = None;
        self.declared = look.declared;
        self.seen.values = look.values;
        self.seen.owners = look.owners;
        self.seen.former = look.former;
        self.seen.addresses = look.addresses;
    }

    /// What is wrong now comes first, worst first; behind it what ended not long ago, the newest first.
    fn tell(&mut self, now: u64, profiles: Option<&(Vec<String>, Settings)>) {
        let mut before = std::mem::take(&mut self.findings);
        for finding in diagnose(&self.seen) {
            let known = before.iter().position(|told| told.is_about(&finding));
            let since = known.map_or(now, |at| before.remove(at).since);
            self.findings.push(Told {
                cure: profiles.map(|(_, settings)| finding.cure(settings, &self.seen.values)),
                finding,
                since,
                last: now,
            });
        }
        before.retain(|told| now.saturating_sub(told.last) < KEPT);
        sorted::by_key(&mut before, |told| std::cmp::Reverse(told.last));
        self.findings.append(&mut before);
    }

    fn last(&self) -> Option<&Sample> {
        self.seen.samples.last()
    }

    fn owner(&self, listener: &Listener) -> Option<&Owner> {
        self.seen.owners.get(&listener.inode)
    }

    fn is_over(&self, told: &Told) -> bool {
        self.last().is_some_and(|last| told.last < last.at_ms)
    }

    /// What a listener dropped during the window, and in how many milliseconds; nothing before its second sample.
    fn dropped(&self, listener: &Listener) -> Option<(u64, u64)> {
        let mut seen = self.seen.samples.iter();
        let (at_ms, first) =
            seen.find_map(|sample| Some((sample.at_ms, sample.listener(listener.cookie)?)))?;
        let time = self.last()?.at_ms.checked_sub(at_ms)?;
        (time > 0).then(|| (listener.drops.saturating_sub(first.drops), time))
    }
}

impl Told {
    fn is_about(&self, finding: &Finding) -> bool {
        let socket = |finding: &Finding| finding.listener.map(|listener| listener.cookie);
        self.finding.rule == finding.rule && socket(&self.finding) == socket(finding)
    }

    fn place(&self, owner: Option<&Owner>) -> Option<String> {
        let listener = self.finding.listener.as_ref()?;
        Some(printable(&place(listener, owner)))
    }
}
