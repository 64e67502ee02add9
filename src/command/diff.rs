//! `diff`: what `apply` would change, asked without root.

use clap::Args;

use crate::report::{Depth, Report};

use super::draft::Manner;
use super::reach::Reach;
use super::transaction;
use super::wish::{self, Words};
use super::{World, apply, failed};

/// The words of `diff`.
#[derive(Debug, Clone, Args)]
pub struct Diff {
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    reach: Reach,
    /// Only the plan hash, which `--expect` takes
    #[arg(long)]
    plan_hash: bool,
}

/// Runs `diff`.
pub fn run(world: &World, request: &Diff) -> Report {
    let manner = Manner {
        only_hash: request.plan_hash,
        ..Manner::plain("diff", Depth::Question)
    };
    let asked = request
        .reach
        .axes(world)
        .and_then(|axes| Ok((axes, wish::wanted(&request.words)?)));
    match asked {
        Ok((axes, wish)) => {
            transaction::run(world, &manner, &|scene| apply::draft(scene, &wish, &axes))
        }
        Err(error) => failed("diff", error),
    }
}
