//! `hold` and `unhold`: nothing is applied while a hold is in force, so that no scheduled run undoes an incident's fix.

use std::time::{Duration, SystemTime};

use clap::Args;

use crate::change::hold::Hold as Held;

use crate::report::{Body, Report};

use super::apply::reason;
use super::{World, failed, told};

/// The words of `hold`.
#[derive(Debug, Clone, Args)]
pub struct Hold {
    /// How long, as in `2h`; without it, until `tcptune unhold`
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Why, for those who meet it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

/// Whoever means longer than ten years can leave it out.
fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    let range = Duration::from_secs(1)..=Duration::from_secs(10 * 366 * 24 * 3600);
    if range.contains(&time) {
        Ok(time)
    } else {
        Err("between one second and ten years".to_owned())
    }
}

/// The words of `unhold`.
#[derive(Debug, Clone, Args)]
pub struct Unhold {}

/// Runs `hold`.
pub fn run(world: &World, request: &Hold) -> Report {
    let until = request
        .duration
        .map(|duration| SystemTime::now() + duration);
    let hold = Held::new(request.reason.clone(), until);
    let done = world.store.lock("hold", world.wait).and_then(|state| {
        // One that nobody can read any more is replaced like any other.
        let before = state.store().hold().ok().flatten();
        state.hold(&hold).map(|()| before)
    });
    match done {
        Ok(before) => told("hold", Body::Hold(hold, before), Vec::new()),
        Err(error) => failed("hold", error),
    }
}

/// Runs `unhold`.
pub fn end(world: &World) -> Report {
    let ended = world.store.lock("unhold", world.wait).and_then(|state| {
        let before = state.store().hold().ok().flatten();
        state.unhold().map(|()| before)
    });
    match ended {
        Ok(before) => told("unhold", Body::Unhold(before), Vec::new()),
        Err(error) => failed("unhold", error),
    }
}
