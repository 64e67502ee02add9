//! Looks at namespaces several times: counters, listeners and handshakes, for a diagnosis.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::change::store::Known;
use crate::error::Error;
use crate::host::kernel::{Proc, snapshot};
use crate::host::netns::{self, Id, Namespace};
use crate::host::{clock, counters, owners, sockets};
use crate::model::counters::Counters;
use crate::model::diagnose::{KEYS, suspects};
use crate::model::key::Key;
use crate::model::observation::{Neighbour, Observation, Ports, Route, Sample};
use crate::model::ports::LocalPorts;
use crate::model::sorted;

use super::progress::Progress;
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

/// Looks at every namespace that was asked for, from the beginning to the end of a window; without a window once. Also
/// how many others can be seen: where there is a window, their counters are looked at from outside.
pub(super) fn observe(world: &World, window: Duration) -> (Vec<Watched>, usize) {
    let rounds = if window.is_zero() { 1 } else { SAMPLES };
    let mut watched = Vec::new();
    let mut others = Vec::new();
    let mut outside = Outside::default();
    let mut progress = Progress::begin(world);
    for round in 1..=rounds {
        look(world, &mut watched, rounds > 1, round == rounds);
        if round == 1 {
            others = self::others(&watched);
        }
        if round < rounds {
            if round == 1 {
                outside = Outside::look(&others);
            }
            let left = window * (rounds - round) / (rounds - 1);
            progress.say(|| format!("looking for {} s more", left.as_secs_f64().ceil()));
            thread::sleep(window / (rounds - 1));
        }
    }
    let neighbours = outside.since();
    for one in &mut watched {
        if let Ok(seen) = &mut one.seen {
            seen.neighbours.clone_from(&neighbours);
        }
    }
    (watched, others.len())
}

/// One sample of each namespace, added to what was seen of it. With the last one comes what a diagnosis needs beside.
fn look(world: &World, watched: &mut Vec<Watched>, deep: bool, last: bool) {
    let remembered = last.then(|| super::known(world).ok()).flatten();
    world.look(|namespace, label| {
        let (label, namespace) = match namespace {
            Ok(namespace) => (namespace.label.clone(), Ok(namespace)),
            Err(error) => (label, Err(error)),
        };
        let one = of(watched, label, namespace.as_ref().ok().map(|one| one.id));
        let looked = namespace.and_then(|namespace| Ok((namespace, sample(deep)?)));
        match (&mut one.seen, looked) {
            (Ok(seen), Ok((namespace, sample))) => {
                seen.samples.push(sample);
                if last {
                    complete(world, &namespace, remembered.as_ref(), seen);
                }
            }
            (seen, Err(error)) => *seen = Err(error),
            (Err(_), Ok(_)) => {}
        }
    });
}

/// What was seen of a namespace until now. What it is called may change: by its lowest process, which may end.
fn of(watched: &mut Vec<Watched>, label: String, id: Option<Id>) -> &mut Watched {
    let place = watched.iter().position(|one| match id {
        Some(_) => one.id == id,
        None => one.label == label,
    });
    let place = place.unwrap_or(watched.len());
    if place == watched.len() {
        let seen = Ok(Observation::default());
        watched.push(Watched { label, id, seen });
    }
    #[expect(
        clippy::indexing_slicing,
        reason = "it was found, or pushed, just there"
    )]
    &mut watched[place]
}

/// Values, owners and what is remembered of the namespace that we are in: what is looked at once.
fn complete(
    world: &World,
    namespace: &Namespace,
    remembered: Option<&Known>,
    seen: &mut Observation,
) {
    seen.values = snapshot(&world.kernel, KEYS.iter()).values();
    let here = remembered.and_then(|known| known.state.of(&world.machine, namespace));
    let former = here.map(|here| relisten::former(Some(here), &here.memory));
    seen.former = former.unwrap_or_default();
    seen.addresses = netns::addresses();
    seen.owners = owners::of(&suspects(seen));
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
    let keys: Vec<Key> = LocalPorts::KEYS
        .iter()
        .filter_map(|key| key.parse().ok())
        .collect();
    match LocalPorts::of(&snapshot(&Proc, &keys).values()) {
        Some(LocalPorts { low, high, .. }) if sockets * 100 >= u64::from(high - low) * BUSY => {
            sockets::routes(low, high)
        }
        _ => Ok(BTreeMap::new()),
    }
}

/// Namespaces that can be seen, and were not looked at.
fn others(watched: &[Watched]) -> Vec<netns::Visible> {
    let examined = sorted::set(watched.iter().filter_map(|one| Some(one.id?.inode)));
    let all = netns::visible().into_iter();
    all.filter(|(inode, _)| !examined.contains(inode))
        .map(|(_, one)| one)
        .collect()
}

/// The counters of namespaces that were not asked for, as they were when the window began.
#[derive(Debug, Default)]
struct Outside(Vec<(netns::Visible, u32, Counters)>);

impl Outside {
    fn look(others: &[netns::Visible]) -> Self {
        let read = |one: &netns::Visible| {
            let pid = one.pid?;
            let counters = counters::of(&pid.to_string()).ok()?;
            Some((one.clone(), pid, counters))
        };
        Self(others.iter().take(NEIGHBOURS).filter_map(read).collect())
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
