//! `apply`: makes the active set exactly what the profiles say, all or nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::error::Error;
use crate::host::library::Library;
use crate::model::approval::Approval;
use crate::report::{Depth, Report};

use super::draft::{Draft, Manner};
use super::reach::{Axes, Reach};
use super::scene::Scene;
use super::transaction;
use super::wish::{self, Wish, Words};
use super::{World, failed};

/// Words that every writing verb takes.
#[derive(Debug, Clone, Args)]
pub struct Deed {
    /// Show what would be done, and touch nothing; needs no root
    #[arg(long)]
    pub dry_run: bool,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
    /// Only if this is still what was approved: the desired hash, or the plan hash of this host and boot
    #[arg(long, value_name = "HASH")]
    pub expect: Option<Approval>,
}

/// Words of the verbs that may cut somebody off.
#[derive(Debug, Clone, Args)]
pub struct Trial {
    /// Take it back unless `tcptune confirm` comes within this time, two minutes unless said: `--confirm-within=5m`, with
    /// the `=`
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "2m", value_parser = trial)]
    pub confirm_within: Option<Duration>,
}

/// One second to one day: less cannot be confirmed, and more is no trial.
fn trial(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    if range.contains(&time) {
        Ok(time)
    } else {
        Err("between one second and one day".to_owned())
    }
}

impl Deed {
    pub(super) fn manner(&self, verb: &'static str) -> Manner {
        let depth = if self.dry_run {
            Depth::DryRun
        } else {
            Depth::Deed
        };
        Manner {
            reason: self.reason.clone(),
            expect: self.expect.clone(),
            ..Manner::plain(verb, depth)
        }
    }
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    match text {
        _ if text.chars().any(char::is_control) => {
            Err("a reason is one line without control characters".to_owned())
        }
        _ if text.len() > 500 => Err("a reason has at most 500 bytes".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// The words of `apply`.
#[derive(Debug, Clone, Args)]
pub struct Apply {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    deed: Deed,
    #[command(flatten)]
    trial: Trial,
    /// Do not ask before keys that are no longer declared go back to what they were
    #[arg(long, short)]
    yes: bool,
    /// As if the files of DIR were in /etc/tcptune/profiles already; only for a dry run
    #[arg(long, value_name = "DIR", requires = "dry_run", value_hint = ValueHint::DirPath)]
    staged: Option<PathBuf>,
}

/// Runs `apply`.
pub fn run(world: &World, request: &Apply) -> Report {
    let manner = Manner {
        asks: !request.yes,
        confirm_within: request.trial.confirm_within,
        ..request.deed.manner("apply")
    };
    let library = Library::default().with_staged(request.staged.clone());
    let asked = request
        .reach
        .axes(world)
        .and_then(|axes| Ok((axes, wish::wanted(&request.words, &library)?)));
    match asked {
        Ok((axes, wish)) => transaction::run(world, &manner, &|scene| draft(scene, &wish, &axes)),
        Err(error) => failed("apply", error),
    }
}

/// Plans for a wish; `diff` asks the same question.
pub(super) fn draft(scene: &Scene<'_>, wish: &Wish, axes: &Axes) -> Result<Draft, Error> {
    let before = scene.before(wish.active.settings.keys().chain(scene.memory.held.keys()));
    let live = axes.scope.live().then_some((&wish.active, None));
    let boot = axes.scope.boot().then_some(&wish.active);
    let plan = scene.plan_axes(live, boot, &axes.file, &before)?;
    Ok(Draft {
        notes: wish.notes.clone(),
        file: axes.file.clone(),
        ..Draft::new(wish.want.clone(), plan, before)
    })
}
