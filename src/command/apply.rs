//! `apply`: makes the active set exactly what the profiles say, all or nothing.

use clap::Args;

use crate::error::Error;
use crate::report::{Depth, Report, Want};

use super::reach::{Axes, Reach};
use super::scene::Scene;
use super::transaction::{self, Draft, Manner};
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
}

impl Deed {
    pub(super) fn manner(&self, verb: &'static str) -> Manner {
        let depth = if self.dry_run {
            Depth::DryRun
        } else {
            Depth::Deed
        };
        Manner {
            verb,
            depth,
            reason: self.reason.clone(),
            asks: false,
        }
    }
}

fn reason(text: &str) -> Result<String, String> {
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
    /// Do not ask before keys that are no longer declared go back to what they were
    #[arg(long, short)]
    yes: bool,
}

/// Runs `apply`.
pub fn run(world: &World, request: &Apply) -> Report {
    let manner = Manner {
        asks: !request.yes,
        ..request.deed.manner("apply")
    };
    let asked = request
        .reach
        .axes(world)
        .and_then(|axes| Ok((axes, wish::wanted(&request.words)?)));
    match asked {
        Ok((axes, wish)) => transaction::run(world, &manner, &|scene| draft(scene, &wish, &axes)),
        Err(error) => failed("apply", error),
    }
}

/// Plans for a wish; `diff` asks the same question.
pub(super) fn draft(scene: &Scene<'_>, wish: &Wish, axes: &Axes) -> Result<Draft, Error> {
    let before = scene.snapshot(wish.active.settings.keys().chain(scene.memory.held.keys()));
    let live = axes.scope.live().then_some((&wish.active, None));
    let boot = axes.scope.boot().then_some(&wish.active);
    let plan = scene.plan_axes(live, boot, &axes.file, &before)?;
    let want = Want::new(&wish.title, &wish.active.settings);
    Ok(Draft {
        notes: wish.notes.clone(),
        ..Draft::new(want, plan, before)
    })
}
