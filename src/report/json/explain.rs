//! `explain` for programs.

use serde_json::{Value as Json, json};

use crate::model::catalogue::{self, Entry};
use crate::model::handshake::View;
use crate::report::{Explained, ExplainedKey, Holds, Overview, STEPS, Step};

use super::{effect, scope, timeline};

/// The keys that were asked for.
pub(super) fn keys(explained: &Explained) -> Json {
    json!({
        "netns": explained.netns,
        "verified": explained.site.verified,
        "keys": explained.keys.iter().map(|one| key(explained, one)).collect::<Vec<_>>(),
    })
}

fn key(explained: &Explained, one: &ExplainedKey) -> Json {
    let ExplainedKey {
        key,
        holds,
        default,
    } = one;
    let entry = Entry::of(key);
    let there = entry.filter(|entry| !entry.is_removed());
    let now = catalogue::consequences(&explained.values);
    let planned = explained.planned.as_ref().map(|planned| {
        let then = catalogue::consequences(&planned.values);
        json!({
            "value": planned.values.get(key),
            "word": planned.values.get(key).and_then(|value| catalogue::word(key, value)),
            "consequences": then.get(key).cloned().unwrap_or_default(),
            "timeline": timeline(key, View(&planned.values)),
        })
    });
    let (value, word, error) = match holds {
        Holds::Value(value) => (Some(value), catalogue::word(key, value), None),
        Holds::Secret(set) => {
            let word = set.map(|set| if set { "set" } else { "none yet" });
            (None, word.map(str::to_owned), None)
        }
        Holds::Absent => (None, None, None),
        Holds::Unreadable(why) => (None, None, Some(why)),
    };
    json!({
        "key": key,
        "value": value,
        "word": word,
        "present": *holds != Holds::Absent,
        "unreadable": error,
        "default": default,
        "default_history": entry.map(Entry::default_words),
        "range": entry.map(Entry::range),
        "scope": there.map(|entry| scope(entry.scope)),
        "takes_effect": there.map(|entry| effect(entry.effect)),
        "risk": entry.map(|entry| entry.risk).filter(|risk| !risk.is_empty()),
        "summary": entry.map(|entry| entry.summary),
        "consequences": now.get(key).cloned().unwrap_or_default(),
        "timeline": timeline(key, View(&explained.values)),
        "interacts": entry.map(interacts),
        "source": entry.map(|entry| entry.source),
        "since": entry.map(|entry| entry.since),
        "planned": planned,
    })
}

fn interacts(entry: &Entry) -> Vec<&'static str> {
    let with = entry.with.iter().filter_map(|name| Entry::named(name));
    with.map(|other| other.name).collect()
}

/// The handshake, stage by stage.
pub(super) fn overview(overview: &Overview) -> Json {
    let listeners = overview.listeners.as_ref().map(|all| {
        let one = all.iter().map(|(listener, half_open)| {
            json!({
                "address": listener.address.ip(),
                "port": listener.address.port(),
                "queued": listener.queued,
                "limit": listener.limit,
                "half_open": half_open,
                "drops": listener.drops,
            })
        });
        one.collect::<Vec<_>>()
    });
    json!({
        "netns": overview.netns,
        "verified": overview.site.verified,
        "stages": STEPS.iter().map(|one| stage(overview, one)).collect::<Vec<_>>(),
        "listeners": listeners,
    })
}

fn stage(overview: &Overview, stage: &Step) -> Json {
    let keys = stage
        .keys
        .iter()
        .map(|key| json!({ "key": key, "value": overview.values.get(*key) }));
    let counters = stage.counters.iter().map(|name| {
        let total = overview.counters.as_ref().and_then(|all| all.get(name));
        json!({ "name": name, "total": total })
    });
    json!({
        "stage": stage.name,
        "what": stage.what,
        "limit": stage.limit(View(&overview.values)),
        "keys": keys.collect::<Vec<_>>(),
        "argument": stage.argument,
        "counters": counters.collect::<Vec<_>>(),
        "remark": Some(stage.remark).filter(|remark| !remark.is_empty()),
    })
}
