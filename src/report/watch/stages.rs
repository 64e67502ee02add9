//! The stages of the handshake as figures: what stands in queues, and what happened per second between two looks.

use std::collections::VecDeque;

use crate::model::diagnose::Rates;
use crate::model::observation::Sample;

/// Figures that are kept for a sparkline: more columns than that it never has.
const KEPT: usize = 256;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// This counter, per second.
    Counter(&'static str),
    HalfOpen,
    Waiting,
    Accepted,
}

/// What the screen shows in its two columns, from top to bottom: the way of a handshake, and what goes wrong on it.
const STAGES: [[(&str, Source); ROWS]; 2] = [
    [
        ("connects/s", Source::Counter("TcpActiveOpens")),
        ("half-open", Source::HalfOpen),
        ("completed/s", Source::Counter("TcpPassiveOpens")),
        ("waiting", Source::Waiting),
        ("accepts/s", Source::Accepted),
    ],
    [
        ("cookies sent/s", Source::Counter("SyncookiesSent")),
        ("cookies back/s", Source::Counter("SyncookiesRecv")),
        ("SYNs again/s", Source::Counter("TCPSynRetrans")),
        ("overflows/s", Source::Counter("ListenOverflows")),
        ("drops/s", Source::Counter("ListenDrops")),
    ],
];

/// Stages in a column.
pub(super) const ROWS: usize = 5;

/// The figures of every stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Stages {
    all: [[Stage; ROWS]; 2],
}

/// The figures of one stage, newest first. A figure that this kernel does not tell is absent, which is not zero.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    pub(super) figures: VecDeque<Option<f64>>,
}

impl Stages {
    pub(super) fn take(&mut self, before: Option<&Sample>, now: &Sample) {
        let columns = self.all.iter_mut().zip(STAGES);
        for (stage, (_, source)) in columns.flat_map(|(own, known)| own.iter_mut().zip(known)) {
            stage.figures.push_front(source.figure(before, now));
            stage.figures.truncate(KEPT);
        }
    }

    /// Both columns: what each stage is called, and its figures.
    pub(super) fn columns(&self) -> impl Iterator<Item = Vec<(&'static str, &Stage)>> {
        let columns = self.all.iter().zip(STAGES);
        columns.map(|(own, known)| {
            let named = own.iter().zip(known);
            named.map(|(stage, (name, _))| (name, stage)).collect()
        })
    }
}

impl Source {
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures for people: 53 bits are plenty"
    )]
    fn figure(self, before: Option<&Sample>, now: &Sample) -> Option<f64> {
        match self {
            Source::HalfOpen => Some(f64::from(now.all_half_open())),
            Source::Waiting => Some(now.all_queued() as f64),
            Source::Counter(name) => {
                let before = before?;
                let window_s = Rates::between(before, now)?.window_s;
                let moved = now.counters.since(&before.counters).get(name)?;
                Some(moved as f64 / window_s)
            }
            // Only where completed handshakes are counted.
            Source::Accepted => {
                now.counters.get("TcpPassiveOpens")?;
                Some(Rates::between(before?, now)?.accepted)
            }
        }
    }
}

impl Stage {
    pub(super) fn now(&self) -> Option<f64> {
        self.figures.front().copied().flatten()
    }
}

/// A figure in at most six characters; `-` where it is not known.
pub(super) fn figure(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(n) if n >= 9_999_950.0 => format!("{:.0}M", n / 1e6),
        Some(n) if n >= 99_999.5 => format!("{:.0}k", n / 1e3),
        Some(n) if n > 0.0 && n < 0.05 => "<0.1".to_owned(),
        Some(n) if n.fract() > 0.0 && n < 9.95 => format!("{n:.1}"),
        Some(n) => format!("{n:.0}"),
    }
}
