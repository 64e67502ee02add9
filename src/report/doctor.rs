//! What `doctor` found.

use std::time::Duration;

use crate::error::Error;
use crate::model::diagnose::{Cure, Finding, Severity};
use crate::model::observation::{Listener, Observation, Owner, Sample};
use crate::model::sorted;

/// What the handshakes of some namespaces suffer from.
#[derive(Debug)]
pub struct Doctor {
    /// How long they were looked at; zero for one look.
    pub window: Duration,
    /// Profiles whose effect on the findings was asked for.
    pub profiles: Vec<String>,
    /// One for each namespace.
    pub namespaces: Vec<Examined>,
    /// Namespaces that can be seen, and were not looked at.
    pub not_examined: usize,
}

/// One namespace.
#[derive(Debug)]
pub struct Examined {
    /// What outputs call it.
    pub netns: String,
    /// How `--netns` names it, where that takes an option and it has a name.
    pub enter: Option<String>,
    /// What is wrong, worst first.
    pub findings: Vec<Diagnosed>,
    /// What was seen.
    pub seen: Observation,
    /// Why nothing could be seen.
    pub error: Option<Error>,
}

/// A finding, and what a profile would do about it.
#[derive(Debug)]
pub struct Diagnosed {
    /// What is wrong.
    pub finding: Finding,
    /// What the profiles that were named would do about it.
    pub cure: Option<Cure>,
}

impl Examined {
    /// How bad the worst finding is, if there is one.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|one| one.finding.severity).max()
    }

    /// What was seen last.
    pub(crate) fn now(&self) -> Option<&Sample> {
        self.seen.samples.last()
    }

    /// The process that accepts from a listener, where that is known.
    pub(crate) fn owner(&self, listener: &Listener) -> Option<&Owner> {
        self.seen.owners.get(&listener.inode)
    }

    /// The listeners whose accept queues are fullest, of those where anything waits.
    pub(crate) fn fullest(&self, most: usize) -> Vec<&Listener> {
        let waiting = self.now().into_iter().flat_map(|now| &now.listeners);
        let mut waiting: Vec<&Listener> = waiting.filter(|one| one.queued > 0).collect();
        sorted::by_key(&mut waiting, |one| {
            (std::cmp::Reverse(one.fill()), one.address)
        });
        waiting.truncate(most);
        waiting
    }
}

/// `nginx[871] 0.0.0.0:443`, or the address alone.
pub(crate) fn place(listener: &Listener, owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) => format!("{}[{}] {}", owner.process, owner.pid, listener.address),
        None => listener.address.to_string(),
    }
}
