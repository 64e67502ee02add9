//! The words `PROFILE… --set KEY=VALUE…`, and what they resolve to.

use std::collections::BTreeMap;

use clap::Args;

use crate::error::Error;
use crate::host::library::Library;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, BY_HAND, Settings};
use crate::model::problem::{Problem, Source};
use crate::model::profile;
use crate::model::setting::{Origin, Setting};
use crate::model::stack::{self, Desired};
use crate::report::{Want, text};

use super::candidates;

/// Profiles and settings on a command line.
#[derive(Debug, Clone, Args)]
pub(super) struct Words {
    /// Profiles, left to right, later wins: names, or paths (with a `/`, or ending in `.toml`)
    #[arg(value_name = "PROFILE", add = candidates::profiles())]
    profiles: Vec<String>,
    /// Set one more key; it replaces what the profiles want for it, bounds included
    #[arg(long, value_name = "KEY=VALUE", add = candidates::settings())]
    set: Vec<String>,
}

impl Words {
    /// Profiles without any setting.
    pub(super) fn of(profiles: &[String]) -> Self {
        Self {
            profiles: profiles.to_vec(),
            set: Vec::new(),
        }
    }

    /// Whether nothing was asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.profiles.is_empty() && self.set.is_empty()
    }
}

/// What words resolve to.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) active: ActiveSet,
    pub(super) want: Want,
    /// What a setting of the command line replaced.
    pub(super) notes: BTreeMap<Key, String>,
}

/// Reads what must be said.
///
/// # Errors
/// Where nothing is; and see [`resolve`].
pub(super) fn wanted(words: &Words, library: &Library) -> Result<Wish, Error> {
    if words.is_empty() {
        return Err(Error::Usage {
            code: "usage",
            message: "a profile is wanted, or `--set KEY=VALUE`".to_owned(),
            hint: Some("`tcptune list` shows what there is".to_owned()),
        });
    }
    resolve(words, library)
}

/// Reads the profiles and settings; every problem of all of them is told at once.
pub(super) fn resolve(words: &Words, library: &Library) -> Result<Wish, Error> {
    let by_hand = by_hand(&words.set);
    let nothing = Settings::new();
    let desired = library.resolve(&words.profiles, by_hand.as_ref().unwrap_or(&nothing));
    let (
        Desired {
            profiles,
            mut settings,
            profiles_hash,
        },
        by_hand,
    ) = match (desired, by_hand) {
        (Ok(desired), Ok(by_hand)) => (desired, by_hand),
        (desired, by_hand) => {
            let problems = desired.err().unwrap_or_default().into_iter();
            return Err(Error::Problems(
                problems.chain(by_hand.err().unwrap_or_default()).collect(),
            ));
        }
    };
    let count = by_hand.len();
    let by_hand_title = (count > 0).then(|| format!("{count} set by hand"));
    let title = text::titles(&profiles)
        .into_iter()
        .chain(by_hand_title)
        .collect::<Vec<_>>()
        .join(" + ");
    let notes = replace(&mut settings, by_hand);
    let want = match count {
        0 => Want {
            title,
            hash: profiles_hash.clone(),
        },
        _ => Want::new(title, &settings),
    };
    let profiles = profiles
        .iter()
        .map(|profile| lasting(&profile.reference))
        .collect();
    Ok(Wish {
        active: ActiveSet {
            profiles,
            profiles_hash,
            settings,
        },
        want,
        notes,
    })
}

/// Reads `KEY=VALUE` arguments. A key that is named twice is a slip, not a wish.
pub(super) fn by_hand(arguments: &[String]) -> Result<Settings, Vec<Problem>> {
    let mut settings = Settings::new();
    let mut problems = Vec::new();
    for argument in arguments {
        match stack::by_hand(argument) {
            Ok((key, setting)) => {
                if settings.insert(key.clone(), setting).is_some() {
                    let source = Source::new(BY_HAND, argument);
                    let message = format!("`{key}` is set twice");
                    problems.push(source.problem(
                        &(0..argument.len()),
                        "duplicate-key",
                        message,
                        None,
                    ));
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(settings)
    } else {
        Err(problems)
    }
}

/// Puts settings of the command line in the place of others, and says what they replaced: an incident is no time
/// for a contradiction.
pub(super) fn replace(settings: &mut Settings, by_hand: Settings) -> BTreeMap<Key, String> {
    let mut notes = BTreeMap::new();
    for (key, setting) in by_hand {
        let wanted = setting.words();
        if let Some(before) = settings
            .insert(key.clone(), setting)
            .filter(|before| before.words() != wanted)
        {
            notes.insert(key, replaced(&before));
        }
    }
    notes
}

fn replaced(before: &Setting) -> String {
    let place = before.origin().map(Origin::place).unwrap_or_default();
    format!("by hand, replaces {} of {place}", before.words())
}

/// How a later run, in any directory, asks for the same profile.
fn lasting(reference: &str) -> String {
    if profile::is_path(reference) {
        std::path::absolute(reference)
            .map_or_else(|_| reference.to_owned(), |path| path.display().to_string())
    } else {
        reference.to_owned()
    }
}
