//! The report for programs: one document, schema 1. Adding a field keeps the schema, renaming one does not.

mod boot;
mod doctor;
mod explain;
mod metrics;
mod review;

use serde_json::{Map, Value as Json, json};

use crate::change::hold::Hold;
use crate::error::{Error, Left};
use crate::model::catalogue::{self, Effect, Entry, Scope};
use crate::model::expected::Expected;
use crate::model::finding::Finding;
use crate::model::handshake::{Timeline, View};
use crate::model::key::Key;
use crate::model::memory::desired_hash;
use crate::model::persist::{BootPlan, FileChange};
use crate::model::plan::{KeptWhy, Plan};
use crate::model::problem::Problem;
use crate::model::refusal::Shadow;
use crate::model::setting::Setting;

use super::{
    Body, Changes, Compliance, Depth, History, KeyState, NamespaceChanges, Report, Show, Status,
    Verified, diff,
};

/// Renders a report as one JSON document with a newline at its end.
pub fn render(report: &Report) -> String {
    let mut document = Map::new();
    let mut put = |key: &str, value: Json| document.insert(key.to_owned(), value);
    put("schema", json!(1));
    put("command", json!(report.command));
    put("exit", json!(report.exit.code()));
    put("changed", json!(report.changed));
    let warnings = report
        .warnings
        .iter()
        .map(|w| json!({ "code": w.code, "message": w.message, "hint": w.hint }));
    put("warnings", warnings.collect());
    let worst = report
        .namespace_errors()
        .into_iter()
        .map(|(_, error)| error)
        .max_by_key(|error| error.exit());
    let cause = report.error.as_ref().or(worst);
    put("error", cause.map_or(Json::Null, error));
    let problems: Vec<Json> = match (&report.error, &report.body) {
        (Some(Error::Problems(problems)), _) => problems.iter().map(problem).collect(),
        (_, Body::Checked(checked)) => checked.problems().into_iter().map(problem).collect(),
        _ => Vec::new(),
    };
    put("problems", json!(problems));
    let body = match &report.body {
        Body::Empty => json!({}),
        Body::Profiles(profiles) => json!({ "profiles": profiles.iter().map(|profile| json!({
            "name": profile.name, "file": profile.file, "description": profile.description,
        })).collect::<Vec<_>>() }),
        Body::Desired(one) => show(one),
        Body::Changes(all) => changes(all),
        Body::Status(all) => Json::Object(spread(all.iter().map(status).collect())),
        Body::History(all) => history(all),
        Body::Winners(one) => boot::winners(one),
        Body::Imported(one) => json!({
            "profile": one.text,
            "hashes": { "desired": desired_hash(&one.settings), "plan": null },
            "dropped": one.dropped.iter().map(boot::dropped).collect::<Vec<_>>(),
            "diff": (!one.files.is_empty()).then(|| diff::files(&one.files, 0)),
            "by_hand": one.by_hand.iter().map(boot::by_hand).collect::<Vec<_>>(),
        }),
        Body::Hold(one, before) => json!({ "hold": hold(one), "was": before.as_ref().map(hold) }),
        Body::Unhold(before) => json!({ "hold": null, "was": before.as_ref().map(hold) }),
        Body::Active(one) => json!({
            "profile": one.text,
            "profiles": one.profiles,
            "hashes": { "desired": one.desired, "plan": null },
        }),
        Body::Verified(all) => verified(all),
        Body::Doctor(one) => doctor::doctor(one),
        Body::Metrics(one) => metrics::metrics(one),
        Body::Watch(one) => doctor::watch(one),
        Body::Schema(document) => {
            json!({ "document": serde_json::from_slice::<Json>(document.as_bytes()).unwrap_or_default() })
        }
        Body::Checked(one) => review::checked(one),
        Body::Review(one) => review::review(one),
        Body::Compared(one) => review::compared(one),
        Body::Explained(one) => explain::keys(one),
        Body::Overview(one) => explain::overview(one),
        Body::Snapshot(facts) => json!({ "snapshot": facts }),
    };
    if let Json::Object(fields) = body {
        document.extend(fields);
    }
    format!("{:#}\n", Json::Object(document))
}

/// The list of namespaces. One of them, the usual case, is also said without the list around it.
fn spread(namespaces: Vec<Json>) -> Map<String, Json> {
    let mut fields = match namespaces.as_slice() {
        [Json::Object(one)] => one.clone(),
        _ => Map::new(),
    };
    fields.remove("error");
    fields.insert("namespaces".to_owned(), Json::Array(namespaces));
    fields
}

fn error(error: &Error) -> Json {
    json!({ "code": error.code(), "message": error.to_string(), "hint": error.hint() })
}

/// `line` and `column` are null where a problem has no place.
fn problem(problem: &Problem) -> Json {
    let place = |number: usize| (number > 0).then_some(number);
    json!({
        "file": problem.file,
        "line": place(problem.line),
        "column": place(problem.column),
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    })
}

fn finding(finding: &Finding) -> Json {
    let origin = finding.origin.as_ref();
    json!({
        "code": finding.code,
        "severity": finding.severity,
        "key": finding.key,
        "message": finding.message,
        "reason": finding.reason,
        "hint": finding.hint,
        "file": origin.map(|origin| &origin.file),
        "line": origin.and_then(|origin| origin.line),
    })
}

fn changes(changes: &Changes) -> Json {
    let desired = |one: &NamespaceChanges| one.want.as_ref().map(|want| want.hash.clone());
    json!({
        "dry_run": changes.depth != Depth::Deed,
        "hashes": {
            "desired": shared(changes.namespaces.iter().filter_map(desired)),
            "plan": shared(changes.namespaces.iter().filter_map(|one| one.plan_hash.clone())),
        },
        "namespaces": changes.namespaces.iter().map(namespace).collect::<Vec<_>>(),
    })
}

/// Several namespaces share one hash only if it is the same for all.
fn shared(mut hashes: impl Iterator<Item = String>) -> Option<String> {
    let first = hashes.next()?;
    hashes.all(|other| other == first).then_some(first)
}

pub(super) fn namespace(one: &NamespaceChanges) -> Json {
    let journal = one
        .journal
        .map(|(id, stage)| json!({ "id": id, "state": stage }));
    json!({
        "netns": one.netns,
        "plan": one.plan.as_ref().map(|plan| self::plan(one, plan)),
        "plan_hash": one.plan_hash,
        "findings": one.findings.iter().map(finding).collect::<Vec<_>>(),
        "listeners": one.listeners.iter().map(doctor::capped).collect::<Vec<_>>(),
        "next_boot": one.expected.as_ref().map(|all| all.iter().map(expected).collect::<Vec<_>>()),
        "journal": journal,
        "unconfirmed_until": one.until,
        "left": one.error.as_ref().map_or(&[][..], Error::left).iter().map(left).collect::<Vec<_>>(),
        "error": one.error.as_ref().map(error),
    })
}

fn left(left: &Left) -> Json {
    match left {
        Left::Key {
            key,
            value,
            wanted,
            why,
        } => {
            json!({ "key": key, "value": value, "wanted": wanted, "why": why })
        }
        Left::File { path, why } => json!({ "path": path, "why": why }),
    }
}

fn plan(one: &NamespaceChanges, plan: &Plan) -> Json {
    let live = plan.live.iter().map(|change| {
        let origin = plan.origin(change);
        let setting = origin.and_then(|_| plan.setting(&change.key));
        json!({
            "key": change.key,
            "from": change.from,
            "to": change.to,
            "cause": change.cause,
            "profile": origin.map(|origin| &origin.profile),
            "file": origin.map(|origin| &origin.file),
            "line": origin.and_then(|origin| origin.line),
            "why": setting.and_then(Setting::why),
            "note": one.notes.get(&change.key).cloned().or_else(|| setting.and_then(Setting::bound)),
        })
    });
    let kept = plan.kept.iter().map(|kept| {
        let why = match &kept.why {
            KeptWhy::Right => {
                plan.setting(&kept.key).and_then(Setting::bound).unwrap_or_else(|| "already right".to_owned())
            }
            KeptWhy::OtherWriter(wrote) => {
                format!("held by another writer, tcptune had written {wrote}")
            }
            KeptWhy::NoBaseline => "nobody knows what it would be without the drop-in".to_owned(),
        };
        json!({ "key": kept.key, "value": kept.value, "why": why, "note": one.notes.get(&kept.key) })
    });
    let skipped = plan
        .skipped
        .iter()
        .map(|skipped| json!({ "key": skipped.key, "reason": skipped.reason }));
    json!({
        "live": live.collect::<Vec<_>>(),
        "boot": plan.boot.as_ref().map(boot),
        "kept": kept.collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
    })
}

fn boot(boot: &BootPlan) -> Json {
    let shadow = |shadow: &Shadow| {
        let Shadow {
            key, win, loader, ..
        } = shadow;
        json!({ "key": key, "path": win.path, "line": win.line, "value": win.value(), "loader": loader.name() })
    };
    let shadowed = boot.shadowed.iter().chain(&boot.elsewhere);
    json!({
        "path": boot.path,
        "action": boot.action(),
        "diff": (!boot.files.is_empty()).then(|| diff::files(&boot.files, 3)),
        "files": boot.files.iter().map(file).collect::<Vec<_>>(),
        "left_out": boot.left_out,
        "beats": boot.beats.iter().map(shadow).collect::<Vec<_>>(),
        "shadowed_by": shadowed.map(shadow).collect::<Vec<_>>(),
    })
}

fn file(file: &FileChange) -> Json {
    let FileChange { path, from, to } = file;
    json!({ "path": path, "from": from, "to": to })
}

fn expected(expected: &Expected) -> Json {
    let Expected {
        key,
        value,
        by,
        right,
        ..
    } = expected;
    json!({ "key": key, "value": value, "by": by, "right": right })
}

fn show(show: &Show) -> Json {
    let profiles = show.profiles.iter().map(|profile| {
        json!({ "name": profile.name, "file": profile.file, "description": profile.description })
    });
    let consequences = catalogue::consequences(&show.values);
    let settings = show.settings.iter().map(|(key, setting)| {
        let entry = Entry::of(key);
        let origin = setting.origin();
        json!({
            "key": key,
            "value": setting.exact.as_ref().map(|part| &part.value),
            "word": setting.word(key),
            "at_least": setting.at_least.as_ref().map(|part| part.value.to_string()),
            "at_most": setting.at_most.as_ref().map(|part| part.value.to_string()),
            "optional": setting.optional,
            "why": setting.why(),
            "profile": origin.map(|origin| &origin.profile),
            "file": origin.map(|origin| &origin.file),
            "line": origin.and_then(|origin| origin.line),
            "catalogued": entry.is_some(),
            "takes_effect": entry.map(|entry| effect(entry.effect)),
            "scope": entry.map(|entry| scope(entry.scope)),
            "risk": entry.map(|entry| entry.risk).filter(|risk| !risk.is_empty()),
            "consequences": consequences.get(key).cloned().unwrap_or_default(),
            "timeline": timeline(key, View(&show.values)),
        })
    });
    json!({
        "profiles": profiles.collect::<Vec<_>>(),
        "settings": settings.collect::<Vec<_>>(),
        "hashes": { "desired": desired_hash(&show.settings), "plan": null },
        "netns": show.netns,
        "verified": show.verified,
    })
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::InProgress => "in-progress",
        Effect::NextTimer => "next-timer",
        Effect::NextHandshake => "next-handshake",
        Effect::NewSockets => "new-sockets",
        Effect::Setsockopt => "setsockopt",
        Effect::Listen => "listen",
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::PerNamespace => "namespace",
        Scope::Global => "global",
        Scope::ReadOnlyInNamespace => "read-only-in-namespace",
    }
}

/// Seconds, as numbers.
fn timeline(key: &Key, view: View<'_>) -> Json {
    let line = view.timeline(key.as_str());
    line.map_or(Json::Null, |Timeline { at_ms, give_up_ms }| {
        json!({
            "retransmissions": at_ms.len(),
            "at_s": at_ms.iter().map(|ms| seconds(*ms)).collect::<Vec<_>>(),
            "give_up_s": seconds(give_up_ms),
        })
    })
}

/// Whole seconds as an integer, others with a fraction.
fn seconds(ms: u64) -> Json {
    if ms.is_multiple_of(1000) {
        json!(ms / 1000)
    } else {
        json!(std::time::Duration::from_millis(ms).as_secs_f64())
    }
}

fn status(status: &Status) -> Json {
    let boot = status.boot.as_ref().map(|boot| {
        json!({
            "profiles": boot.active.profiles,
            "path": boot.path,
            "intact": boot.intact,
            "outdated": boot.outdated,
            "clean": boot.is_clean(),
            "settings": boot.expected.iter().map(expected).collect::<Vec<_>>(),
        })
    });
    let settings = status.rows.iter().map(|row| {
        let state = match row.state {
            KeyState::Ok => "ok",
            KeyState::Drift => "drift",
            KeyState::Forgotten => "forgotten",
            KeyState::Left => "left",
        };
        json!({ "key": row.key, "want": row.want, "word": row.word, "live": row.live, "next_boot": row.next, "state": state, "by": row.by })
    });
    let known = !status.image && status.error.is_none();
    json!({
        "netns": status.netns,
        "live": known.then(|| json!({
            "profiles": status.memory.active.profiles,
            "settings": settings.collect::<Vec<_>>(),
            "outdated": status.outdated,
            "since": status.time,
        })),
        "boot": boot,
        "forgotten": status.forgotten.as_ref().map(|(name, time)| json!({ "declared": name, "since": time })),
        "hold": status.hold.as_ref().map(hold),
        "pending": status.pending.map(|(id, in_progress)| json!({ "id": id, "in_progress": in_progress })),
        "unconfirmed": status.unconfirmed.as_ref().map(|(id, left, until)| json!({ "id": id, "left_s": left.unwrap_or(0), "until": until })),
        "taken_back": status.taken_back.as_ref().map(|(id, why)| json!({ "id": id, "why": why })),
        "next_rollback": status.next_undo,
        "error": status.error.as_ref().map(error),
    })
}

fn verified(all: &[Verified]) -> Json {
    let row = |row: &Compliance| {
        json!({
            "key": row.key,
            "want": row.want,
            "word": row.word,
            "live": row.live,
            "live_right": row.live_right,
            "next_boot": row.next.as_ref().and_then(|next| next.value.as_ref()),
            "next_boot_right": row.next.as_ref().and_then(|next| next.right),
            "by": row.next.as_ref().map(|next| &next.by),
            "verdict": row.verdict(),
        })
    };
    let one = |one: &Verified| {
        json!({
            "netns": one.netns,
            "desired": one.want.as_ref().map(|want| &want.hash),
            "keys": one.rows.iter().map(row).collect::<Vec<_>>(),
            "survives": one.survives(),
            "intact": one.intact,
            "plan": null,
            "journal": null,
            "left": [],
            "error": one.error.as_ref().map(error),
        })
    };
    let desired = shared(
        all.iter()
            .filter_map(|one| one.want.as_ref().map(|want| want.hash.clone())),
    );
    json!({
        "hashes": { "desired": desired, "plan": null },
        "namespaces": all.iter().map(one).collect::<Vec<_>>(),
    })
}

fn hold(hold: &Hold) -> Json {
    json!({ "who": hold.who.words(), "reason": hold.reason, "since": hold.since, "until": hold.until })
}

fn history(history: &History) -> Json {
    let entries = history.entries.iter().map(|past| {
        json!({
            "id": past.id,
            "time": past.time,
            "netns": past.netns,
            "state": past.state,
            "verb": past.verb,
            "declared": past.declared,
            "who": past.who,
            "reason": past.reason,
            "error": past.error,
            "back_to": past.back_to,
            "files": past.files,
            "changes": past.changes.iter().map(|(key, from, to)| json!({ "key": key, "from": from, "to": to })).collect::<Vec<_>>(),
        })
    });
    json!({ "entries": entries.collect::<Vec<_>>() })
}
