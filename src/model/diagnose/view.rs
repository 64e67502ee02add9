//! An observation as the rules ask for it: differences, rates, and what each listener's queue did meanwhile.

use std::collections::BTreeMap;

use super::finding::{Finding, Severity};
use crate::model::counters::Counters;
use crate::model::observation::{Listener, Observation, Owner, Sample};

/// What a listener's accept queue did during the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Track {
    /// In how many samples it was seen.
    pub(super) seen: usize,
    /// Most that waited in any sample.
    pub(super) peak: u32,
    /// Fewest that waited in any sample.
    pub(super) least: u32,
    /// Segments that it dropped during the window.
    pub(super) drops: u64,
    /// Whether it is there in the last sample.
    pub(super) lasts: bool,
}

pub(super) struct View<'a> {
    pub(super) seen: &'a Observation,
    pub(super) last: &'a Sample,
    /// Rates of the window; nothing with a single sample.
    pub(super) rates: Option<Rates>,
    /// Milliseconds between the first and the last sample.
    pub(super) window_ms: u64,
    delta: Counters,
    tracks: BTreeMap<u64, Track>,
}

/// What happened per second during a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Length of the window in seconds.
    pub window_s: f64,
    /// Handshakes that listeners completed.
    pub completed: f64,
    /// Connections that `accept()` took.
    pub accepted: f64,
    /// Connects that this host began.
    pub connects: f64,
}

/// The rates between the first and the last sample; nothing with a single one.
pub fn rates(seen: &Observation) -> Option<Rates> {
    Rates::between(seen.samples.first()?, seen.samples.last()?)
}

impl Rates {
    /// The rates between two samples; nothing where no time passed.
    #[expect(
        clippy::cast_precision_loss,
        reason = "rates for people: 53 bits are plenty"
    )]
    pub fn between(first: &Sample, last: &Sample) -> Option<Self> {
        let window_s = last.at_ms.saturating_sub(first.at_ms) as f64 / 1000.0;
        if window_s <= 0.0 {
            return None;
        }
        let delta = last.counters.since(&first.counters);
        let moved = |name| delta.get(name).unwrap_or(0) as f64;
        let completed = moved("TcpPassiveOpens");
        let queued = last.all_queued() as f64 - first.all_queued() as f64;
        Some(Self {
            window_s,
            completed: completed / window_s,
            accepted: ((completed - queued) / window_s).max(0.0),
            connects: moved("TcpActiveOpens") / window_s,
        })
    }
}

impl<'a> View<'a> {
    pub(super) fn new(seen: &'a Observation) -> Option<Self> {
        let (first, last) = (seen.samples.first()?, seen.samples.last()?);
        let mut tracks: BTreeMap<u64, Track> = BTreeMap::new();
        let mut before: BTreeMap<u64, u64> = BTreeMap::new();
        for sample in &seen.samples {
            for listener in &sample.listeners {
                // A listener that began during the window dropped all it dropped in it.
                let began = if std::ptr::eq(sample, first) {
                    listener.drops
                } else {
                    0
                };
                let base = *before.entry(listener.cookie).or_insert(began);
                let track = tracks.entry(listener.cookie).or_insert(Track {
                    least: u32::MAX,
                    ..Track::default()
                });
                track.seen += 1;
                track.peak = track.peak.max(listener.queued);
                track.least = track.least.min(listener.queued);
                track.drops = listener.drops.saturating_sub(base);
                track.lasts = std::ptr::eq(sample, last);
            }
        }
        Some(Self {
            seen,
            last,
            rates: Rates::between(first, last),
            window_ms: last.at_ms.saturating_sub(first.at_ms),
            delta: last.counters.since(&first.counters),
            tracks,
        })
    }

    pub(super) fn track(&self, listener: &Listener) -> Track {
        self.tracks
            .get(&listener.cookie)
            .copied()
            .unwrap_or_default()
    }

    /// How far a counter moved; 0 where this kernel has none of that name.
    pub(super) fn moved(&self, name: &str) -> u64 {
        self.delta.get(name).unwrap_or(0)
    }

    /// Segments that listeners dropped for another reason than a full accept queue or a full SYN queue.
    pub(super) fn other_drops(&self) -> u64 {
        self.moved("ListenDrops")
            .saturating_sub(self.moved("ListenOverflows"))
            .saturating_sub(self.moved("TCPReqQFullDrop"))
    }

    /// Whether the drops of single listeners are no more than what the namespace counted: resets of half-open requests
    /// count among the former only (`tcp_check_req` calls `inet_csk_reqsk_queue_drop`).
    pub(super) fn drops_add_up(&self) -> bool {
        let all: u64 = self.tracks.values().map(|track| track.drops).sum();
        all <= self.moved("ListenDrops")
    }

    /// The number that a key holds.
    pub(super) fn number(&self, name: &str) -> Option<i128> {
        self.seen.values.get(name)?.integer()
    }

    /// The number that a key holds, if a socket could have it as its limit.
    pub(super) fn somaxconn(&self) -> Option<u32> {
        self.number("net.core.somaxconn")?.try_into().ok()
    }

    pub(super) fn owner(&self, listener: &Listener) -> Option<&'a Owner> {
        self.seen.owners.get(&listener.inode)
    }

    /// Whether the window is long enough to tell what lasts from what passes, and to have had answers: a round trip
    /// takes less.
    pub(super) fn is_long(&self) -> bool {
        self.window_ms >= 900
    }

    /// Whether a final ACK that meets a full accept queue is answered with RST.
    pub(super) fn aborts(&self) -> bool {
        self.number("net.ipv4.tcp_abort_on_overflow")
            .is_some_and(|on| on != 0)
    }

    /// How long the last connection of a full queue waits, as a sentence; nothing where nothing was accepted.
    /// `accept()` of single listeners is not counted, so the rate is that of all listeners together.
    pub(super) fn depth(&self, limit: u64) -> Option<String> {
        let rate = self.rates?.accepted;
        if rate < 0.1 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
        let seconds = (limit + 1) as f64 / rate;
        let waits = span(seconds);
        Some(match self.last.listeners.len() {
            1 => format!("at {rate:.0} accepts/s a full queue of {limit} is {waits} deep"),
            _ => format!(
                "at {rate:.0} accepts/s by all listeners a full queue of {limit} is at least {waits} deep"
            ),
        })
    }
}

impl Finding {
    /// A finding without listener, evidence and remedy.
    pub(super) fn new(
        rule: &'static str,
        severity: Severity,
        message: String,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            listener: None,
            evidence: BTreeMap::new(),
            gauges: BTreeMap::new(),
            message,
            cause: cause.into(),
            remedy: Vec::new(),
        }
    }

    /// Adds counters that moved.
    pub(super) fn moved(mut self, view: &View<'_>, names: &[&'static str]) -> Self {
        let moved = names.iter().map(|name| (*name, view.moved(name)));
        self.evidence.extend(moved.filter(|(_, count)| *count > 0));
        self
    }

    /// Adds something that stood in a queue.
    pub(super) fn stood(mut self, name: &'static str, count: impl Into<u64>) -> Self {
        self.gauges.insert(name, count.into());
        self
    }

    /// Adds what one listener counted by itself.
    pub(super) fn counted(mut self, name: &'static str, count: u64) -> Self {
        self.evidence.insert(name, count);
        self
    }

    pub(super) fn at(mut self, listener: &Listener) -> Self {
        self.listener = Some(*listener);
        self
    }

    pub(super) fn remedy(mut self, steps: impl IntoIterator<Item = super::Remedy>) -> Self {
        self.remedy.extend(steps);
        self
    }
}

/// Seconds for people.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s => format!("{s:.0} s"),
    }
}
