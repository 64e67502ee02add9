//! `snapshot`: this host's facts, for a review elsewhere.

use clap::Args;

use crate::error::Error;
use crate::host::library::Library;
use crate::report::{Body, Report};

use super::facts::Facts;
use super::wish::{self, Words};
use super::{World, failed, told};

/// The words of `snapshot`.
#[derive(Debug, Clone, Args)]
pub struct Snapshot {
    #[command(flatten)]
    words: Words,
}

/// Runs `snapshot`. Keys that the profiles name are taken down beside those of the catalogue.
pub fn run(world: &World, request: &Snapshot) -> Report {
    match take(world, &request.words) {
        Ok(facts) => told("snapshot", Body::Snapshot(facts), Vec::new()),
        Err(error) => failed("snapshot", error),
    }
}

fn take(world: &World, words: &Words) -> Result<serde_json::Value, Error> {
    let wish = wish::resolve(words, &Library::default())?;
    let namespace = world.place("snapshot")?;
    let facts = Facts::take(world, &namespace, wish.active.settings.keys())?;
    // Maps with names for keys: nothing in it can fail.
    Ok(serde_json::to_value(facts).unwrap_or_default())
}
