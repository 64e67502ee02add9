//! Listeners as samples: all of them together, and the fullest one by one, so that their number has a bound.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::model::observation::Listener;
use crate::model::sorted;

use super::super::printable;
use super::{Found, Labels, Sheet, count, table};

/// Which listeners are told one by one, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// How many of each namespace at most, the fullest first.
    pub most: usize,
    /// What tells them apart. Those with the same labels are added up.
    pub labels: Vec<Label>,
}

/// What tells listeners apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// The local address.
    Address,
    /// The local port.
    Port,
    /// What the process calls itself that has the socket.
    Process,
    /// The lowest id of such a process.
    Pid,
}

impl Label {
    /// All of them, in the order in which samples have them.
    pub const ALL: [Label; 4] = [Label::Address, Label::Port, Label::Process, Label::Pid];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Label::Address => "address",
            Label::Port => "port",
            Label::Process => "process",
            Label::Pid => "pid",
        }
    }

    /// Whether the owner has to be looked up.
    pub fn is_of_owner(self) -> bool {
        matches!(self, Label::Process | Label::Pid)
    }

    fn value(self, listener: &Listener, found: &Found) -> String {
        let owner = found.owners.get(&listener.inode);
        match self {
            Label::Address => listener.address.ip().to_string(),
            Label::Port => listener.address.port().to_string(),
            Label::Process => owner.map_or_else(String::new, |owner| printable(&owner.process)),
            Label::Pid => owner.map_or_else(String::new, |owner| owner.pid.to_string()),
        }
    }
}

/// What listeners with the same labels come to.
#[derive(Debug, Default)]
struct Together<'a> {
    queued: u64,
    limit: u64,
    /// How many their queues hold: one more each than its limit.
    holds: u64,
    drops: u64,
    members: Vec<&'a Listener>,
}

impl Together<'_> {
    fn per_million(&self) -> u64 {
        self.queued * 1_000_000 / self.holds.max(1)
    }
}

pub(super) fn put(sheet: &mut Sheet, netns: &str, found: &Found, choice: &Choice) {
    let listeners = &found.seen.listeners;
    let full = listeners.iter().filter(|one| one.is_full()).count();
    let ratio = |one: &Listener| f64::from(one.queued) / (f64::from(one.limit) + 1.0);
    // More can wait than it holds: another listen() may have lowered its limit since they came.
    let fullest = listeners.iter().map(ratio).fold(0.0, f64::max).min(1.0);
    sheet.put(&table::LISTENERS, &[netns], count(listeners.len()));
    sheet.put(&table::LISTENERS_FULL, &[netns], count(full));
    let queued = count(found.seen.all_queued());
    sheet.put(&table::ACCEPT_QUEUED, &[netns], queued);
    sheet.put(&table::FILL_RATIO, &[netns], fullest);
    for (labels, one) in together(netns, found, choice) {
        let half_open = found.seen.half_open_together(&one.members);
        for (family, value) in [
            (&table::LISTENER_QUEUE, one.queued),
            (&table::LISTENER_LIMIT, one.limit),
            (&table::LISTENER_HALF_OPEN, half_open),
            (&table::LISTENER_DROPS, one.drops),
        ] {
            sheet.put_labelled(family, labels.clone(), count(value));
        }
    }
}

/// The fullest, as many as are wanted; of those that are as full the one with more in its queue, then by labels.
fn together<'a>(netns: &str, found: &'a Found, choice: &Choice) -> Vec<(Labels, Together<'a>)> {
    let mut all: BTreeMap<Labels, Together<'a>> = BTreeMap::new();
    for listener in &found.seen.listeners {
        let mut labels = vec![("netns", printable(netns))];
        let chosen = Label::ALL.iter().filter(|one| choice.labels.contains(one));
        labels.extend(chosen.map(|label| (label.name(), label.value(listener, found))));
        let one = all.entry(labels).or_default();
        one.queued += u64::from(listener.queued);
        one.limit += u64::from(listener.limit);
        one.holds += u64::from(listener.limit) + 1;
        one.drops += listener.drops;
        one.members.push(listener);
    }
    let mut all: Vec<_> = all.into_iter().collect();
    // Stable: what is as full stays in the order of its labels.
    sorted::by_key(&mut all, |(_, one)| {
        Reverse((one.per_million(), one.queued))
    });
    all.truncate(choice.most);
    all
}
