//! `doctor` for programs.

use serde_json::{Value as Json, json};

use crate::model::diagnose::{Finding, Remedy, rates, relisten};
use crate::model::observation::{Listener, Owner, Sample};
use crate::model::relisten::{Cap, Capped};
use crate::report::doctor::{Diagnosed, Doctor, Examined};
use crate::report::watch::Watch;

use super::{error, spread};

/// Listeners that are listed at most, the fullest first.
const LISTED: usize = 100;

pub(super) fn doctor(doctor: &Doctor) -> Json {
    let mut fields = spread(doctor.namespaces.iter().map(examined).collect());
    fields.insert("profiles".to_owned(), json!(doctor.profiles));
    fields.insert("not_examined".to_owned(), json!(doctor.not_examined));
    Json::Object(fields)
}

/// `watch --once`: the same for its one namespace, with what keys hold and what is declared.
pub(super) fn watch(watch: &Watch) -> Json {
    let one = watch.examined();
    let mut fields = spread(vec![examined(&one)]);
    fields.insert("profiles".to_owned(), json!(watch.profiles()));
    fields.insert("values".to_owned(), json!(one.seen.values));
    let declared = watch.declared().map(|declared| {
        let drift = declared.drift.iter();
        let drift =
            drift.map(|(key, (holds, wants))| json!({ "key": key, "live": holds, "want": wants }));
        json!({
            "name": (declared.keys > 0).then_some(&declared.name),
            "keys": declared.keys,
            "drift": drift.collect::<Vec<_>>(),
        })
    });
    fields.insert("declared".to_owned(), json!(declared));
    Json::Object(fields)
}

fn examined(one: &Examined) -> Json {
    let now = one.now();
    let rates = rates(&one.seen);
    let fullest = one.fullest(LISTED);
    json!({
        "netns": one.netns,
        "window_s": rates.map_or(0.0, |rates| rates.window_s),
        "findings": one.findings.iter().map(|diagnosed| finding(one, diagnosed)).collect::<Vec<_>>(),
        "listeners": now.map(|now| now.listeners.len()),
        "waiting": now.map(|_| fullest.iter().map(|listener| self::listener(one, listener)).collect::<Vec<_>>()),
        "half_open": now.map(Sample::all_half_open),
        "connects": now.map(|now| now.dialling.values().map(|dialling| dialling.count).sum::<u32>()),
        "time_wait": now.map(|now| now.sockets.time_wait),
        "rates": rates.map(|rates| json!({
            "completed": rates.completed, "accepted": rates.accepted, "connects": rates.connects,
        })),
        "error": one.error.as_ref().map(error),
    })
}

fn finding(one: &Examined, diagnosed: &Diagnosed) -> Json {
    let Finding {
        rule,
        severity,
        listener,
        evidence,
        gauges,
        message,
        cause,
        remedy,
    } = &diagnosed.finding;
    json!({
        "rule": rule,
        "severity": severity,
        "listener": listener.as_ref().map(|listener| self::listener(one, listener)),
        "evidence": evidence,
        "gauges": gauges,
        "message": message,
        "cause": cause,
        "remedy": remedy.iter().map(step).collect::<Vec<_>>(),
        "cure": diagnosed.cure,
    })
}

/// A listener that a plan does not reach yet, or never.
pub(super) fn capped(one: &Capped) -> Json {
    let mut document = socket(&one.listener, one.owner.as_ref());
    if let Json::Object(fields) = &mut document {
        let (state, hint) = match one.cap {
            Cap::Stale => ("must-listen-again", Some(relisten(one.owner.as_ref()))),
            Cap::Application => ("limited-by-application", None),
        };
        fields.insert("state".to_owned(), json!(state));
        fields.insert("hint".to_owned(), json!(hint));
    }
    document
}

fn listener(one: &Examined, listener: &Listener) -> Json {
    socket(listener, one.owner(listener))
}

fn socket(listener: &Listener, owner: Option<&Owner>) -> Json {
    json!({
        "address": listener.address.ip().to_string(),
        "port": listener.address.port(),
        "pid": owner.map(|owner| owner.pid),
        "process": owner.map(|owner| &owner.process),
        "queued": listener.queued,
        "limit": listener.limit,
        "drops": listener.drops,
    })
}

fn step(step: &Remedy) -> Json {
    match step {
        Remedy::Key {
            key,
            value,
            at_least,
        } => json!({ "key": key, "value": value, "at_least": at_least }),
        Remedy::Action { what, command } => json!({ "action": what, "command": command }),
    }
}
