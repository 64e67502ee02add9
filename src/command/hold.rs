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

/// Up to ten years: whoever means longer can leave it out.
fn duration(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    if time <= Duration::from_secs(10 * 366 * 24 * 3600) {
        Ok(time)
    } else {
        Err("ten years at most".to_owned())
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
    let done = world
        .store
        .lock("hold", world.wait)
        .and_then(|state| state.hold(&hold));
    match done {
        Ok(()) => told("hold", Body::Hold(Some(hold)), Vec::new()),
        Err(error) => failed("hold", error),
    }
}

/// Runs `unhold`.
pub fn end(world: &World) -> Report {
    let ended = world
        .store
        .lock("unhold", world.wait)
        .and_then(|state| state.unhold());
    match ended {
        Ok(()) => told("unhold", Body::Hold(None), Vec::new()),
        Err(error) => failed("unhold", error),
    }
}
