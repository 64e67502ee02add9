//! `set`: adds to the active set, and touches nothing but the named keys.

use clap::Args;

use crate::error::Error;
use crate::model::memory::Settings;
use crate::model::sorted;
use crate::report::{Report, Want};

use super::apply::{Deed, Trial};
use super::draft::{Draft, Manner};
use super::reach::{Axes, Reach};
use super::scene::Scene;
use super::transaction;
use super::{World, candidates, failed, wish};

/// The words of `set`.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// Keys, by short or full name, with their values
    #[arg(value_name = "KEY=VALUE", required = true, add = candidates::settings())]
    settings: Vec<String>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    deed: Deed,
    #[command(flatten)]
    trial: Trial,
}

/// Runs `set`.
pub fn run(world: &World, request: &Set) -> Report {
    let manner = Manner {
        confirm_within: request.trial.confirm_within,
        ..request.deed.manner("set")
    };
    let settings = || wish::by_hand(&request.settings).map_err(Error::Problems);
    match request
        .reach
        .axes(world)
        .and_then(|axes| Ok((axes, settings()?)))
    {
        Ok((axes, settings)) => {
            transaction::run(world, &manner, &|scene| draft(scene, &settings, &axes))
        }
        Err(error) => failed("set", error),
    }
}

fn draft(scene: &Scene<'_>, settings: &Settings, axes: &Axes) -> Result<Draft, Error> {
    let only = sorted::set(settings.keys().cloned());
    let before = scene.before(&only);
    let mut live = scene.memory.active.clone();
    let mut notes = wish::replace(&mut live.settings, settings.clone());
    let boot = if axes.scope.boot() {
        let mut boot = scene.declared_at_boot()?;
        let more = wish::replace(&mut boot.settings, settings.clone());
        if !axes.scope.live() {
            notes = more;
        }
        Some(boot)
    } else {
        None
    };
    let plan = scene.plan_axes(
        axes.scope.live().then_some((&live, Some(&only))),
        boot.as_ref(),
        &axes.file,
        &before,
    )?;
    let wanted = plan.declared();
    let want = Want::new(wanted.name(), &wanted.settings);
    Ok(Draft {
        notes,
        file: axes.file.clone(),
        ..Draft::new(want, plan, before)
    })
}
