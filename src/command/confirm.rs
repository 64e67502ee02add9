//! `confirm`: what was applied for a while stays, and the next boot gets it too, if that was asked for.

use clap::Args;

use crate::change::confirm;
use crate::error::Error;
use crate::model::plan::Plan;
use crate::model::snapshot::Snapshot;
use crate::report::{Depth, Report, Want};

use super::World;
use super::draft::{Draft, End, Manner};
use super::reach::DropInFile;
use super::scene::Scene;
use super::transaction;

/// The words of `confirm`.
#[derive(Debug, Clone, Args)]
pub struct Confirm {
    #[command(flatten)]
    file: DropInFile,
}

/// Runs `confirm`.
pub fn run(world: &World, request: &Confirm) -> Report {
    let manner = Manner::plain("confirm", Depth::Deed);
    transaction::run(world, &manner, &|scene| draft(scene, &request.file))
}

fn draft(scene: &Scene<'_>, said: &DropInFile) -> Result<Draft, Error> {
    let entry = scene.unconfirmed.as_ref();
    let entry = entry.ok_or_else(|| Error::NothingToConfirm(scene.unconfirmed_elsewhere()))?;
    if confirm::left(entry) == 0 {
        return Err(Error::TooLate(entry.id));
    }
    // Everything about the next boot is looked at again: it may have changed since.
    let wish = entry
        .confirm
        .as_ref()
        .and_then(|confirm| confirm.boot.as_ref());
    let boot = wish.map(|wish| {
        let file = DropInFile {
            drop_in: said.drop_in.clone().or(wish.name.clone()),
            allow_shadowed: said.allow_shadowed || wish.allow_shadowed,
        };
        scene.persist(&wish.active, &file)
    });
    let plan = Plan {
        after: entry.after.clone(),
        remembers: true,
        boot: boot.transpose()?,
        ..Plan::default()
    };
    let active = &entry.after.active;
    let want = Want::new(
        format!("entry {} confirmed: {}", entry.id, active.name()),
        &active.settings,
    );
    Ok(Draft {
        ends: Some((entry.clone(), End::Kept)),
        ..Draft::new(want, plan, Snapshot::default())
    })
}
