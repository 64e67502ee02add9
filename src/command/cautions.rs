//! What a reader should know although it stops nothing: holds, interrupted and unconfirmed entries, lines that win.

use std::collections::BTreeMap;

use crate::change::confirm;
use crate::change::execute::check_files;
use crate::change::hold::Hold;
use crate::change::journal::{Entry, Stage};
use crate::change::keys::Keys;
use crate::host::fragments::Writer;
use crate::host::machine::{self, Machine};
use crate::model::along::{patterns, set_along};
use crate::model::change::{Cause, Change};
use crate::model::dropin::Unfit;
use crate::model::key::Key;
use crate::model::plan::{KeptWhy, Plan};
use crate::model::refusal::{Refusal, Shadow};
use crate::report::Warning;

use super::World;
use super::scene::{Gone, Scene, refused};

/// A deadline that was asked for, and that nothing needs.
pub(super) fn nothing_to_confirm() -> Warning {
    Warning {
        code: "nothing-to-confirm",
        message: "no live value changes, so nothing waits to be confirmed".to_owned(),
        hint: None,
    }
}

/// A hold, to those who only ask.
pub(super) fn is_held(hold: &Hold) -> Warning {
    Warning {
        code: "held",
        message: hold.words(),
        hint: None,
    }
}

/// An entry that is not finished.
pub(super) fn is_pending(entry: &Entry, machine: &Machine) -> Warning {
    let id = entry.id;
    let message = if entry.state == Stage::Unconfirmed {
        match confirm::left(entry) {
            0 => format!(
                "entry {id} is unconfirmed and overdue: the next writing verb takes it back"
            ),
            left => format!(
                "entry {id} is unconfirmed: it goes back in {} s",
                left / 1000
            ),
        }
    } else if entry.in_progress(machine) {
        format!("entry {id} is in progress: what is shown may change")
    } else {
        format!("entry {id} was interrupted: the next writing verb will settle it")
    };
    Warning {
        code: if entry.state == Stage::Unconfirmed {
            "unconfirmed"
        } else {
            "pending"
        },
        message,
        hint: None,
    }
}

/// An entry that waited to be confirmed when the facts of another host were taken.
pub(super) fn waits_there(entry: &Entry) -> Warning {
    let until = entry.confirm.as_ref().map_or("", |confirm| &confirm.until);
    Warning {
        code: "unconfirmed",
        message: format!(
            "entry {} was unconfirmed: it goes back at {until}",
            entry.id
        ),
        hint: None,
    }
}

/// What was wrong with the journal of another host.
pub(super) fn was_unsettled(message: &str) -> Warning {
    Warning {
        code: "pending",
        message: message.to_owned(),
        hint: None,
    }
}

/// Lines that other loaders would obey, or this one, where that was allowed.
pub(super) fn shadowed(plan: &Plan) -> Vec<Warning> {
    let Some(boot) = &plan.boot else {
        return Vec::new();
    };
    // One line may be obeyed by several loaders.
    let mut by_line: BTreeMap<(&Key, String), Vec<&Shadow>> = BTreeMap::new();
    for shadow in boot.shadowed.iter().chain(&boot.elsewhere) {
        by_line
            .entry((&shadow.key, shadow.win.place()))
            .or_default()
            .push(shadow);
    }
    let unknown = boot.unknown.iter().map(|(path, why)| Warning {
        code: "unknown-fragment",
        message: format!("{path} cannot be read ({why}): whether it wins is unknown"),
        hint: None,
    });
    let warning = |((key, place), shadows): ((&Key, String), Vec<&Shadow>)| {
        let loaders: Vec<String> = shadows
            .iter()
            .map(|shadow| format!("`{}`", shadow.loader.name()))
            .collect();
        let does = shadows.first().map(|shadow| match shadow.win.text {
            None => format!("would leave {key} alone"),
            Some(_) => format!("would set {key} to {}", shadow.win.value()),
        });
        Warning {
            code: "shadowed",
            message: format!(
                "{} {} ({place})",
                loaders.join(" and "),
                does.unwrap_or_default()
            ),
            hint: None,
        }
    };
    by_line.into_iter().map(warning).chain(unknown).collect()
}

/// What would keep this root from doing it, of which a dry run says so. A reviewer is seldom root, and never told.
pub(super) fn would_be_refused(world: &World, plan: &Plan) -> Option<Warning> {
    if world.is_stateless() || !machine::is_root() {
        return None;
    }
    let keys = Keys::open(&world.kernel, &plan.live).map(drop);
    let error = keys
        .and_then(|()| check_files(&world.root, plan.files()))
        .err()?;
    Some(Warning {
        code: error.code(),
        message: format!("without `--dry-run` it is refused: {error}"),
        hint: error.hint(),
    })
}

/// Keys that the kernel sets along with those that are written.
pub(super) fn along(plan: &Plan) -> impl Iterator<Item = Warning> {
    let warning = |(place, change): (usize, &Change)| {
        let others = patterns(&change.key, &change.to)?;
        // The one that sets this one along, too, is told of.
        let told = plan.live.iter().take(place);
        if told
            .clone()
            .any(|one| set_along(&one.key, &one.to, &change.key).is_some())
        {
            return None;
        }
        let back = match change.cause {
            Cause::Set => {
                "those that are declared stay, what the others hold now goes back with it"
            }
            _ => "those on record go back to what they held, unless somebody else wrote them since",
        };
        Some(Warning {
            code: "set-along",
            message: format!(
                "the kernel sets {} along with {}: {back}",
                others.join(" and "),
                change.key
            ),
            hint: Some(format!(
                "`sysctl -a -r '{}'` shows what they hold",
                others.join("|").replace('.', "\\.").replace('*', "[^.]*")
            )),
        })
    };
    plan.live.iter().enumerate().filter_map(warning)
}

/// Keys that stay as the drop-in set them at boot.
pub(super) fn without_baseline(plan: &Plan) -> Option<Warning> {
    let left = plan
        .kept
        .iter()
        .filter(|kept| kept.why == KeptWhy::NoBaseline);
    let left: Vec<&str> = left.map(|kept| kept.key.as_str()).collect();
    (!left.is_empty()).then(|| Warning {
        code: "no-baseline",
        message: format!(
            "{} stays as the drop-in set it at boot: nobody knows what it would be without that",
            left.join(", ")
        ),
        hint: Some("`tcptune set KEY=VALUE` gives it another value".to_owned()),
    })
}

/// What is wrong with the drop-in itself: somebody edited it, put something in its place, removed it.
pub(super) fn misfit(scene: &Scene<'_>) -> Option<Warning> {
    let boot = scene.boot.as_ref()?;
    match (&boot.ours, &scene.gone) {
        (Err(unfit), _) => {
            let error = refused(vec![unfit.clone().into()]);
            Some(Warning {
                code: "drop-in",
                message: Refusal::from(unfit.clone()).to_string(),
                hint: error.hint(),
            })
        }
        (Ok(_), Some(Gone { path, entry, .. })) => Some(Warning {
            code: "drop-in-gone",
            message: format!(
                "{path} is no drop-in of tcptune any more: entry {entry} had written one"
            ),
            hint: Some(
                "`tcptune persist` writes one again, `tcptune off --scope boot` lets it be"
                    .to_owned(),
            ),
        }),
        (Ok(_), None) => None,
    }
}

/// Whether the drop-in is as tcptune left it; nothing where it cannot be read.
pub(super) fn intact(scene: &Scene<'_>) -> Option<bool> {
    let ours = scene.boot.as_ref().map(|boot| &boot.ours);
    let unread = matches!(ours, Some(Err(Unfit::Unread(..))));
    (!unread).then(|| misfit(scene).is_none())
}

/// Programs that may write declared keys again, out of sight of every loader.
pub(super) fn writers(world: &World, plan: &Plan) -> Vec<Warning> {
    let Some(boot) = plan.boot.as_ref().filter(|boot| !boot.active.is_empty()) else {
        return Vec::new();
    };
    let settings = &boot.active.settings;
    let one = |writer: Writer| {
        let said = writer.says();
        let against = said.iter().filter(|(_, key, value)| {
            settings
                .get(key)
                .is_some_and(|setting| !setting.accepts(value))
        });
        let against: Vec<String> = against
            .map(|(line, key, value)| format!("{key} = {value} in line {line}"))
            .collect();
        let Writer {
            name,
            path,
            does,
            found,
        } = writer;
        let message = match (found, against.as_slice()) {
            // What it says is known, and nothing of it matters.
            (Some(_), []) => return None,
            (Some(_), against) => format!("{name} ({path}) {does}: {}", against.join(", ")),
            (None, _) if settings.keys().any(is_of_interface) || name == "tuned" => {
                format!("{name} ({path}) {does}")
            }
            (None, _) => return None,
        };
        Some(Warning {
            code: "other-writer",
            message,
            hint: None,
        })
    };
    world.writers().into_iter().filter_map(one).collect()
}

/// Keys of single interfaces, which network managers write.
fn is_of_interface(key: &Key) -> bool {
    [
        "net.ipv4.conf.",
        "net.ipv6.conf.",
        "net.ipv4.neigh.",
        "net.ipv6.neigh.",
    ]
    .iter()
    .any(|part| key.as_str().starts_with(part))
}
