//! `hold` and `unhold`: nothing is applied while a hold is in force, so that no scheduled run undoes an incident's fix.

use std::time::{Duration, SystemTime};

use clap::Args;

use crate::change::hold::Hold as Held;
use crate::error::Error;
use crate::report::{Body, Report};

use super::apply::reason;
use super::{World, failed, told};

/// The words of `hold`.
#[derive(Debug, Clone, Args)]
pub struct Hold {
    /// How long, as in `2h`; without it, until `tcptune unhold`
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Why, for those who meet it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

/// The words of `unhold`.
#[derive(Debug, Clone, Args)]
pub struct Unhold {}

/// Runs `hold`.
pub fn run(world: &World, request: &Hold) -> Report {
    let until = match request
        .duration
        .map(|duration| SystemTime::now().checked_add(duration))
    {
        None => None,
        // What RFC 3339 can write.
        Some(Some(until))
            if until < SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800) =>
        {
            Some(until)
        }
        Some(_) => {
            let message = "a hold as long as that has no end that could be written down".to_owned();
            return failed(
                "hold",
                Error::Usage {
                    code: "usage",
                    message,
                    hint: Some("leave out `--for`".to_owned()),
                },
            );
        }
    };
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
