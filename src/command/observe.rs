//! Looks at namespaces several times: counters, listeners and handshakes, for a diagnosis.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::host::kernel::snapshot;
use crate::host::netns::{self, Id};
use crate::host::{clock, counters, owners, sockets};
use crate::model::counters::Counters;
use crate::model::diagnose::{KEYS, suspects};
use crate::model::observation::{Neighbour, Observation, Ports, Route, Sample};

use super::{World, relisten};

/// Samples of a window: enough to tell what lasts from what passes.
pub(super) const SAMPLES: u32 = 11;

/// Local ports of a route are counted where so many percent of them could be in use: to list every connection is
/// slow.
const BUSY: u64 = 80;

/// Other namespaces that are looked at from outside, at most.
const NEIGHBOURS: usize = 200;

/// One namespace, and what was seen of it.
#[derive(Debug)]
pub(super) struct Watched {
    /// What outputs call it.
    pub(super) label: String,
    /// Which one it is, if it could be entered.
    pub(super) id: Option<Id>,
    /// What was seen.
    pub(super) seen: Result<Observation, Error>,
}

/// Looks at every namespace that was asked for, from the beginning to the end of a window. Without a window once.
pub(super) fn observe(world: &World, window: Duration) -> Vec<Watched> {
    let rounds = if window.is_zero() { 1 } else { SAMPLES };
    let mut watched = Vec::new();
    let mut outside = Outside::default();
    for round in 1..=rounds {
        look(world, &mut watched, !window.is_zero(), round == rounds);
        if !window.is_zero() && round == 1 {
            outside = Outside::look(&watched);
        }
        if round < rounds {
            thread::sleep(window / (rounds - 1));
        }
    }
    let neighbours = outside.since();
    for one in &mut watched {
        if let Ok(seen) = &mut one.seen {
            seen.neighbours.clone_from(&neighbours);
        }
    }
    watched
}

/// One sample of each namespace, added to what was seen of it. With the last one comes what a diagnosis needs beside.
pub(super) fn look(world: &World, watched: &mut Vec<Watched>, deep: bool, last: bool) {
    let all = world.look(|namespace, label| match namespace {
        Ok(namespace) => {
            let sample = sample(deep);
            (namespace.label.clone(), Some(namespace), sample)
        }
        Err(error) => (label, None, Err(error)),
    });
    for (label, namespace, sample) in all {
        let id = namespace.as_ref().map(|one| one.id);
        let place = watched
            .iter()
            // What it is called may change: by its lowest process, which may end.
            .position(|one| match id {
                Some(_) => one.id == id,
                None => one.label == label,
            });
        let place = place.unwrap_or_else(|| {
            let seen = Ok(Observation::default());
            watched.push(Watched { label, id, seen });
            watched.len() - 1
        });
        let Some(one) = watched.get_mut(place) else {
            continue;
        };
        match (&mut one.seen, sample) {
            (Ok(seen), Ok(sample)) => seen.samples.push(sample),
            (seen, Err(error)) => *seen = Err(error),
            (Err(_), Ok(_)) => {}
        }
    }
    if last {
        complete(world, watched);
    }
}

/// Values, owners and what is remembered of each namespace: what is looked at once.
fn complete(world: &World, watched: &mut [Watched]) {
    let remembered = super::known(world).ok();
    world.look(|namespace, _| {
        let Ok(namespace) = namespace else { return };
        let Some(one) = watched.iter_mut().find(|one| one.id == Some(namespace.id)) else {
            return;
        };
        let Ok(seen) = &mut one.seen else { return };
        seen.values = snapshot(&world.kernel, KEYS.iter()).values();
        if let Some(known) = &remembered {
            let here = known.state.of(&world.machine, &namespace);
            let former = here.map(|here| relisten::former(world, &namespace, &here.memory));
            seen.former = former.unwrap_or_default();
        }
        seen.addresses = netns::addresses();
        seen.owners = owners::of(&suspects(seen));
    });
}

/// One sample of the namespace that the process is in. A deep one counts the local ports of routes as well.
pub(super) fn sample(deep: bool) -> Result<Sample, Error> {
    let at_ms = clock::since_boot();
    let handshakes = sockets::handshakes()?;
    let sockets = counters::sockets();
    Ok(Sample {
        at_ms,
        counters: counters::read()?,
        listeners: sockets::listeners()?,
        half_open: handshakes.half_open,
        dialling: handshakes.dialling,
        sockets,
        routes: if deep {
            routes(sockets.in_use + sockets.time_wait)?
        } else {
            BTreeMap::new()
        },
    })
}

fn routes(sockets: u64) -> Result<BTreeMap<Route, Ports>, Error> {
    let Ok(range) = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else {
        return Ok(BTreeMap::new());
    };
    let ends: Vec<u16> = range
        .split_whitespace()
        .filter_map(|end| end.parse().ok())
        .collect();
    match ends.as_slice() {
        [low, high] if sockets * 100 >= u64::from(high.saturating_sub(*low)) * BUSY => {
            sockets::routes(*low, *high)
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// How many namespaces can be seen that were not looked at.
pub(super) fn not_examined(watched: &[Watched]) -> usize {
    others(watched).len()
}

fn others(watched: &[Watched]) -> Vec<netns::Visible> {
    let examined: BTreeSet<u64> = watched
        .iter()
        .filter_map(|one| Some(one.id?.inode))
        .collect();
    let all = netns::visible().into_iter();
    all.filter(|(inode, _)| !examined.contains(inode))
        .map(|(_, one)| one)
        .collect()
}

/// The counters of namespaces that were not asked for, as they were when the window began.
#[derive(Debug, Default)]
struct Outside(Vec<(netns::Visible, u32, Counters)>);

impl Outside {
    fn look(watched: &[Watched]) -> Self {
        let read = |one: netns::Visible| {
            let pid = one.pid?;
            let counters = counters::of(&pid.to_string()).ok()?;
            Some((one, pid, counters))
        };
        Self(
            others(watched)
                .into_iter()
                .take(NEIGHBOURS)
                .filter_map(read)
                .collect(),
        )
    }

    fn since(self) -> Vec<Neighbour> {
        let moved = |(one, pid, before): (netns::Visible, u32, Counters)| {
            let now = counters::of(&pid.to_string()).ok()?;
            Some(Neighbour {
                name: one.target.label(),
                process: owners::name(pid)?,
                deltas: now.since(&before),
            })
        };
        self.0.into_iter().filter_map(moved).collect()
    }
}
