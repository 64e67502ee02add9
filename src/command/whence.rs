//! `where`: who wins at the next boot, under every loader, and what is odd in the files.

use std::collections::BTreeSet;

use clap::Args;

use crate::error::Error;
use crate::model::sorted;

use crate::host::fragments::{self, Writer};
use crate::host::kernel::{reading, snapshot};
use crate::model::catalogue::{self, Taken, taken};
use crate::model::key::Key;
use crate::model::problem::{Problem, Source};
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::spelling;
use crate::model::sysctld::{Forecast, Loader, Remark, Sequence, Statement, Tree, remarks};
use crate::report::{Body, KeyWinner, Report, Winners};

use super::{World, candidates, failed, judged, told};

/// The words of `where`.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// Keys, by short or full name; without any, every key that a file names
    #[arg(value_name = "KEY", add = candidates::keys())]
    keys: Vec<String>,
}

/// Runs `where`.
pub fn run(world: &World, request: &Where) -> Report {
    let asked = match keys(&request.keys) {
        Ok(asked) => asked,
        Err(problems) => return failed("where", Error::Problems(problems)),
    };
    if !world.netns.is_empty() {
        return failed("where", super::no_boot("`where`"));
    }
    let mut tree = fragments::read(&world.root);
    if !asked.is_empty() {
        tree = tree.about(&asked);
    }
    let forecast = Forecast::of(&tree, fragments::loader(&world.root));
    let keys = if asked.is_empty() {
        forecast.keys()
    } else {
        asked.clone()
    };
    let live = if world.root.is_image() {
        Snapshot::default()
    } else {
        snapshot(&world.kernel, &keys)
    };
    let row = |key: Key| {
        let (live, next) = (live.get(&key).value(), forecast.next_boot(&key));
        let secret = catalogue::may_be_secret(key.as_str());
        KeyWinner {
            live: live.filter(|_| !secret).cloned(),
            agree: next.agree(),
            next: if secret { next.hidden() } else { next },
            key,
        }
    };
    let rows: Vec<KeyWinner> = keys.into_iter().map(row).collect();
    let mut remarks = oddities(world, &tree, &forecast);
    if !asked.is_empty() {
        let spoken_of = places(&rows);
        remarks.retain(|remark| {
            let whole_file = ["unreadable", "long-line", "byte-order-mark"].contains(&remark.code);
            whole_file
                || spoken_of.contains(&(remark.path.clone(), remark.line))
                || asked.iter().any(|key| may_mean(remark, key))
        });
    }
    let patterns = if asked.is_empty() {
        patterns(forecast.sequence(forecast.loader))
    } else {
        Vec::new()
    };
    // Where no line speaks of a key, what sets it along takes nothing from anybody.
    let sticks = |row: &KeyWinner| {
        let mut along = row.next.along.iter();
        along.all(|(loader, _)| row.next.under(*loader).is_none())
    };
    let clean = remarks.iter().all(|remark| remark.code == "semicolon")
        && rows.iter().all(|row| row.agree && sticks(row));
    let body = Body::Winners(Winners {
        loader: forecast.loader,
        root: world.root.path().map(|path| path.display().to_string()),
        credential: tree.credential.as_ref().map(|found| found.path.clone()),
        writers: others(world, &rows),
        keys: rows,
        patterns,
        remarks,
    });
    Report {
        exit: judged([].into_iter(), clean),
        ..told("where", body, Vec::new())
    }
}

/// Names of keys on the command line.
pub(super) fn keys(names: &[String]) -> Result<BTreeSet<Key>, Vec<Problem>> {
    let mut keys = BTreeSet::new();
    let mut problems = Vec::new();
    for name in names {
        match catalogue::key_named(name) {
            Ok(key) => drop(keys.insert(key)),
            Err(complaint) => problems.push(Source::new("KEY", name).problem(
                &(0..name.len()),
                complaint.code,
                complaint.message,
                complaint.hint,
            )),
        }
    }
    if problems.is_empty() {
        Ok(keys)
    } else {
        Err(problems)
    }
}

/// Whether a line that names no key of this kernel was perhaps meant to name this one.
fn may_mean(remark: &Remark, key: &Key) -> bool {
    let slips = ["absent-key", "malformed", "separators"];
    let name = spelling::Name::new(key.as_str().rsplit('.').next().unwrap_or_default());
    let words = remark
        .message
        .split(|c: char| !c.is_alphanumeric() && c != '_');
    slips.contains(&remark.code)
        && words
            .into_iter()
            .any(|word| name.distance(&spelling::Name::new(word), 1).is_some())
}

/// Lines that speak of several keys: what they say, and where.
fn patterns(sequence: &Sequence) -> Vec<(String, String)> {
    let patterns = sequence.statements().iter();
    let patterns = patterns.filter(|placed| placed.statement.is_pattern());
    patterns
        .map(|placed| (placed.statement.shown(), placed.place()))
        .collect()
}

/// Lines whose value the kernel does not take.
fn refused(sequence: &Sequence) -> Vec<Remark> {
    let named = sequence
        .statements()
        .iter()
        .filter(|placed| !placed.statement.optional);
    let refused = named.filter_map(|placed| {
        let Statement {
            name, path, value, ..
        } = &placed.statement;
        let (key, value) = (path.parse::<Key>().ok()?, value.as_ref()?);
        (taken(&key, value) == Taken::Refused).then(|| Remark {
            path: placed.path.clone(),
            line: placed.line,
            code: "refused",
            message: format!("the kernel does not take `{value}` for `{name}`"),
        })
    });
    refused.collect()
}

/// Every line that speaks of one of the keys.
fn places(rows: &[KeyWinner]) -> BTreeSet<(String, usize)> {
    let wins = rows.iter().flat_map(|row| {
        let winners = [&row.next.systemd, &row.next.procps, &row.next.sysctl_p];
        let along = row.next.along.iter().map(|(_, along)| &along.win);
        let winners = winners.into_iter().flatten().chain(along);
        winners.chain(&row.next.shadowed)
    });
    sorted::set(wins.map(|win| (win.path.clone(), win.line)))
}

/// What is odd in the files that any loader reads.
fn oddities(world: &World, tree: &Tree, forecast: &Forecast) -> Vec<Remark> {
    let mut read = tree.read_by(Loader::Systemd);
    read.extend(tree.read_by(Loader::Procps));
    let mut seen = BTreeSet::new();
    read.retain(|found| seen.insert(found.path.as_str()));
    // A link and the file that it leads to are one text.
    let mut texts = BTreeSet::new();
    read.retain(|found| texts.insert(found.leads_to.as_deref().unwrap_or(&found.path)));
    let mut all: Vec<Remark> = read.iter().flat_map(|found| remarks(found)).collect();
    let unreadable = tree.unknown().map(|(found, why)| Remark {
        path: found.path.clone(),
        line: 0,
        code: "unreadable",
        message: format!("cannot be read ({why}): what it says is not in this answer"),
    });
    all.extend(unreadable);
    for said in [forecast.sequence(forecast.loader), forecast.of_kernel()] {
        all.extend(refused(said));
        if !world.root.is_image() {
            all.extend(unknown(world, said));
        }
    }
    sorted::by(&mut all, |a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    all
}

/// Lines that name a key which this kernel does not have, as far as a minus does not say that it knows.
fn unknown(world: &World, sequence: &Sequence) -> Vec<Remark> {
    let named = sequence.statements().iter().filter(|placed| {
        !placed.statement.is_pattern()
            && !placed.statement.optional
            && placed.statement.value.is_some()
    });
    let absent = named.filter(|placed| {
        let key = placed.statement.path.parse::<Key>();
        !key.is_ok_and(|key| reading(&world.kernel, &key) != Reading::Absent)
    });
    absent
        .map(|placed| Remark {
            path: placed.path.clone(),
            line: placed.line,
            code: "absent-key",
            message: format!(
                "this kernel has no key `{}`",
                placed.statement.name.escape_debug()
            ),
        })
        .collect()
}

/// Programs that write sysctls by themselves, in words.
fn others(world: &World, rows: &[KeyWinner]) -> Vec<String> {
    let one = |writer: Writer| {
        let asked = |key: &Key| rows.iter().any(|row| row.key == *key);
        let said = writer.says().into_iter().filter(|(_, key, _)| asked(key));
        let said: Vec<String> = said
            .map(|(line, key, value)| format!("{key} = {value} in line {line}"))
            .collect();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", said.join(", "))
        };
        let Writer {
            name, path, does, ..
        } = writer;
        format!("{name} ({path}) {does}{said}")
    };
    fragments::writers(&world.root)
        .into_iter()
        .map(one)
        .collect()
}
