//! `diff`: what `apply` would change, asked without root.

use clap::Args;

use crate::report::{Depth, Report};

use super::transaction::{self, Manner};
use super::wish::{self, Words};
use super::{World, apply, failed};

/// The words of `diff`.
#[derive(Debug, Clone, Args)]
pub struct Diff {
    #[command(flatten)]
    words: Words,
}

/// Runs `diff`.
pub fn run(world: &World, request: &Diff) -> Report {
    let manner = Manner {
        verb: "diff",
        depth: Depth::Question,
        reason: None,
        asks: false,
    };
    match wish::resolve(&request.words) {
        Ok(wish) => transaction::run(world, &manner, &|scene| apply::draft(scene, &wish)),
        Err(error) => failed("diff", error),
    }
}
