//! `off`: makes the active set empty; every key that tcptune wrote goes back to what it was.

use clap::Args;

use crate::error::Error;
use crate::model::memory::ActiveSet;
use crate::report::{Report, Want};

use super::World;
use super::apply::Deed;
use super::transaction::{self, Draft, Scene};

/// The words of `off`.
#[derive(Debug, Clone, Args)]
pub struct Off {
    #[command(flatten)]
    deed: Deed,
}

/// Runs `off`.
pub fn run(world: &World, request: &Off) -> Report {
    transaction::run(world, &request.deed.manner("off"), &draft)
}

fn draft(scene: &Scene<'_>) -> Result<Draft, Error> {
    let before = scene.snapshot(scene.memory.held.keys());
    let nothing = ActiveSet::default();
    let plan = scene.plan(&nothing, None, &before)?;
    Ok(Draft::new(
        Want::new("nothing declared", &nothing.settings),
        plan,
        before,
    ))
}
