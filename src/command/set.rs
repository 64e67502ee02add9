//! `set`: adds to the active set, and touches nothing but the named keys.

use std::collections::BTreeSet;

use clap::Args;

use crate::error::Error;
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::report::{Report, Want};

use super::apply::Deed;
use super::transaction::{self, Draft, Scene};
use super::{World, failed, wish};

/// The words of `set`.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// Keys, by short or full name, with their values
    #[arg(value_name = "KEY=VALUE", required = true)]
    settings: Vec<String>,
    #[command(flatten)]
    deed: Deed,
}

/// Runs `set`.
pub fn run(world: &World, request: &Set) -> Report {
    match wish::by_hand(&request.settings) {
        Ok(settings) => transaction::run(world, &request.deed.manner("set"), &|scene| {
            draft(scene, &settings)
        }),
        Err(problems) => failed("set", Error::Problems(problems)),
    }
}

fn draft(scene: &Scene<'_>, settings: &Settings) -> Result<Draft, Error> {
    let mut wanted = scene.memory.active.clone();
    let notes = wish::replace(&mut wanted.settings, settings.clone());
    let only: BTreeSet<Key> = settings.keys().cloned().collect();
    let before = scene.snapshot(&only);
    let plan = scene.plan(&wanted, Some(&only), &before)?;
    let want = Want::new(wanted.name(), &wanted.settings);
    Ok(Draft {
        notes,
        ..Draft::new(want, plan, before)
    })
}
