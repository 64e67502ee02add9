//! `persist`: the next boot shall give what is declared now.

use clap::Args;

use crate::error::Error;
use crate::model::snapshot::Snapshot;
use crate::report::{Report, Want};

use super::apply::Deed;
use super::draft::Draft;
use super::reach::DropInFile;
use super::scene::Scene;
use super::transaction;
use super::{World, failed, no_boot};

/// The words of `persist`.
#[derive(Debug, Clone, Args)]
pub struct Persist {
    #[command(flatten)]
    file: DropInFile,
    #[command(flatten)]
    deed: Deed,
}

/// Runs `persist`.
pub fn run(world: &World, request: &Persist) -> Report {
    if !world.netns.is_empty() {
        return failed("persist", no_boot("`persist`"));
    }
    transaction::run(world, &request.deed.manner("persist"), &|scene| {
        draft(scene, &request.file)
    })
}

fn draft(scene: &Scene<'_>, file: &DropInFile) -> Result<Draft, Error> {
    let active = &scene.memory.active;
    let plan = scene.plan_axes(None, Some(active), file, &Snapshot::default())?;
    let want = Want::new(active.name(), &active.settings);
    Ok(Draft {
        file: file.clone(),
        ..Draft::new(want, plan, Snapshot::default())
    })
}
