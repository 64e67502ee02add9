//! `off`: makes the active set empty; every key that tcptune wrote goes back to what it was.

use clap::Args;

use crate::error::Error;
use crate::model::dropin::{DIRECTORY, NAME};
use crate::model::memory::ActiveSet;
use crate::report::{Report, Want, Warning};

use super::apply::{Deed, Trial};
use super::draft::{Draft, Manner};
use super::reach::{Axes, Reach};
use super::scene::{Boot, Scene};
use super::transaction;
use super::{World, failed};

/// The words of `off`.
#[derive(Debug, Clone, Args)]
pub struct Off {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    deed: Deed,
    #[command(flatten)]
    trial: Trial,
}

/// Runs `off`.
pub fn run(world: &World, request: &Off) -> Report {
    let manner = Manner {
        confirm_within: request.trial.confirm_within,
        ..request.deed.manner("off")
    };
    match request.reach.axes(world) {
        Ok(axes) => transaction::run(world, &manner, &|scene| draft(scene, &axes)),
        Err(error) => failed("off", error),
    }
}

fn draft(scene: &Scene<'_>, axes: &Axes) -> Result<Draft, Error> {
    let before = scene.before(scene.memory.held.keys());
    let nothing = ActiveSet::default();
    let live = axes.scope.live().then_some((&nothing, None));
    let boot = axes.scope.boot().then_some(&nothing);
    let plan = scene.plan_axes(live, boot, &axes.file, &before)?;
    let stays = scene
        .boot
        .as_ref()
        .and_then(Boot::declared)
        .filter(|_| !axes.scope.boot());
    let stays = stays.map(|ours| Warning {
        code: "boot-stays",
        message: format!(
            "{} stays: the next boot declares {} again",
            ours.path,
            ours.drop_in.active.name()
        ),
        hint: Some("`tcptune off --persist` takes it away too".to_owned()),
    });
    Ok(Draft {
        warnings: stays.into_iter().chain(foreign(scene, axes)).collect(),
        file: axes.file.clone(),
        ..Draft::new(
            Want::new("nothing declared", &nothing.settings),
            plan,
            before,
        )
    })
}

/// A stranger's file where the drop-in would be: it is not ours to take away.
fn foreign(scene: &Scene<'_>, axes: &Axes) -> Option<Warning> {
    let boot = scene.boot.as_ref().filter(|_| axes.scope.boot())?;
    let path = format!("{DIRECTORY}/{NAME}");
    let stays = boot.declared().is_none() && boot.is_free(&path).is_err();
    stays.then(|| Warning {
        code: "foreign-file",
        message: format!("{path} is a file that tcptune did not write: it stays"),
        hint: None,
    })
}
