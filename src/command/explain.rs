//! `explain`: what the kernel really does with a key; alone, the handshake in one screen.

use std::collections::BTreeSet;

use clap::Args;

use crate::error::Error;
use crate::host::kernel::{self, reading, snapshot};
use crate::host::{counters, sockets};
use crate::model::catalogue::{self, Entry, KEYS};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::observation::{Listener, Sample};
use crate::model::problem::{Problem, Source};
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::value::Value;
use crate::report::{
    Body, Explained, ExplainedKey, Holds, Overview, Planned, Report, Site, Warning,
};

use super::{World, candidates, failed, told, whence, wish};

/// The words of `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// Keys, by short or full name; without any, the handshake in one screen
    #[arg(value_name = "KEY", add = candidates::keys())]
    keys: Vec<String>,
    /// As if the kernel held this as well; nothing is written
    #[arg(long, value_name = "KEY=VALUE", add = candidates::settings())]
    set: Vec<String>,
}

/// Runs `explain`.
pub fn run(world: &World, request: &Explain) -> Report {
    match look(world, request) {
        Ok((body, warnings)) => told("explain", body, warnings),
        Err(error) => failed("explain", error),
    }
}

fn look(world: &World, request: &Explain) -> Result<(Body, Vec<Warning>), Error> {
    let (asked, set) = words(request).map_err(Error::Problems)?;
    let netns = world.place("explain")?.label;
    let site = world.site();
    if asked.is_empty() {
        return Ok(overview(world, site, netns));
    }

    let open = KEYS
        .iter()
        .chain(&asked)
        .filter(|key| !catalogue::is_secret(key));
    let now = snapshot(&world.kernel, open);
    let problems: Vec<Problem> = asked.iter().filter_map(|key| unknown(key, &now)).collect();
    if !problems.is_empty() {
        return Err(Error::Problems(problems));
    }
    let defaults = world.fresh(asked.iter().filter(|key| !catalogue::is_secret(key)))?;
    let keys = asked.iter().map(|key| ExplainedKey {
        key: key.clone(),
        holds: holds(world, key, &now),
        default: defaults.get(key).cloned(),
    });
    let body = Body::Explained(Explained {
        keys: keys.collect(),
        values: now.values(),
        planned: (!set.is_empty()).then(|| planned(&now, &set)),
        site,
        netns,
    });
    Ok((body, Vec::new()))
}

/// The keys that are asked for, those of `--set` among them, and what is to be supposed.
fn words(request: &Explain) -> Result<(BTreeSet<Key>, Settings), Vec<Problem>> {
    match (whence::keys(&request.keys), wish::by_hand(&request.set)) {
        (Ok(mut keys), Ok(set)) => {
            keys.extend(set.keys().cloned());
            Ok((keys, set))
        }
        (keys, set) => {
            let problems = keys.err().into_iter().chain(set.err());
            Err(problems.flatten().collect())
        }
    }
}

/// A key that neither the table nor this kernel has.
fn unknown(key: &Key, now: &Snapshot) -> Option<Problem> {
    if Entry::of(key).is_some() || catalogue::is_secret(key) || *now.get(key) != Reading::Absent {
        return None;
    }
    let hint = catalogue::slip(key)
        .and_then(|slip| slip.hint)
        .or_else(|| kernel::near(key).map(|near| format!("did you mean `{near}`?")));
    let message = format!("this kernel has no key `{key}` here, and tcptune knows none");
    let source = Source::new("KEY", key.as_str());
    Some(source.problem(&(0..key.as_str().len()), "unknown-key", message, hint))
}

fn holds(world: &World, key: &Key, now: &Snapshot) -> Holds {
    if catalogue::is_secret(key) {
        // What it says stays here.
        return match reading(&world.kernel, key) {
            Reading::Value(value) => Holds::Secret(Some(is_set(&value))),
            Reading::Absent => Holds::Absent,
            Reading::Unreadable(_) => Holds::Secret(None),
        };
    }
    match now.get(key) {
        Reading::Value(value) => Holds::Value(value.clone()),
        Reading::Absent => Holds::Absent,
        Reading::Unreadable(why) => Holds::Unreadable(why.clone()),
    }
}

/// Zeros stand for a key that was not made yet (`proc_tcp_fastopen_key` in net/ipv4/sysctl_net_ipv4.c).
fn is_set(secret: &Value) -> bool {
    secret.as_str().chars().any(|c| !"0-,".contains(c))
}

fn planned(now: &Snapshot, set: &Settings) -> Planned {
    let values: Vec<(&Key, Value)> = set
        .iter()
        .filter_map(|(key, setting)| Some((key, setting.nearest(None)?)))
        .collect();
    let name = |key: &Key| {
        key.as_str()
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let title: Vec<String> = values
        .iter()
        .map(|(key, value)| format!("{}={value}", name(key)))
        .collect();
    Planned {
        title: title.join(" "),
        values: now
            .clone()
            .supposing(values.iter().map(|(key, value)| (*key, value)))
            .values(),
    }
}

/// What cannot be read is left out, and said.
fn overview(world: &World, site: Site, netns: String) -> (Body, Vec<Warning>) {
    let mut warnings = Vec::new();
    let mut unread = |error: &Error| {
        warnings.push(Warning {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
        });
    };
    let counters = counters::read().inspect_err(&mut unread).ok();
    let listeners = listeners().inspect_err(&mut unread).ok();
    let open = KEYS.iter().filter(|key| !catalogue::is_secret(key));
    let body = Body::Overview(Overview {
        values: snapshot(&world.kernel, open).values(),
        site,
        netns,
        counters,
        listeners,
    });
    (body, warnings)
}

fn listeners() -> Result<Vec<(Listener, u32)>, Error> {
    let sample = Sample {
        listeners: sockets::listeners()?,
        half_open: sockets::handshakes()?.half_open,
        ..Sample::default()
    };
    let all = sample.listeners.iter();
    Ok(all.map(|one| (*one, sample.half_open(one))).collect())
}
