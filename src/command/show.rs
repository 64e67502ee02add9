//! `show`: profiles resolved, each setting with its origin and what it means on this kernel.

use clap::Args;

use crate::host::kernel::snapshot;
use crate::host::library;
use crate::model::handshake::{CONTEXT, VERIFIED_FROM};
use crate::model::stack;
use crate::report::{Body, Report, Show as Shown};

use super::{World, failed, told};

/// The words of `show`.
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// Profiles, left to right, later wins: names, or paths (with a `/`, or ending in `.toml`)
    #[arg(value_name = "PROFILE", required = true)]
    profiles: Vec<String>,
    /// Only `key = value` lines
    #[arg(long)]
    flat: bool,
}

/// Runs `show`.
pub fn run(world: &World, request: &Show) -> Report {
    let desired = match stack::resolve(&request.profiles, &mut library::load) {
        Ok(desired) => desired,
        Err(problems) => return failed("show", crate::error::Error::Problems(problems)),
    };
    let mut values =
        snapshot(&world.kernel, desired.settings.keys().chain(CONTEXT.iter())).values();
    for (key, setting) in &desired.settings {
        let bound = setting
            .at_least
            .as_ref()
            .or(setting.at_most.as_ref())
            .map(|part| part.value.into());
        let known = values.get(key).and_then(|value| setting.nearest(value));
        if let Some(value) = known
            .or_else(|| setting.exact.as_ref().map(|part| part.value.clone()))
            .or(bound)
        {
            values.insert(key.clone(), value);
        }
    }
    let body = Body::Desired(Shown {
        profiles: desired.profiles,
        settings: desired.settings,
        values,
        flat: request.flat,
        kernel: world.machine.kernel.clone(),
        verified: world.machine.version() >= VERIFIED_FROM,
    });
    told("show", body, Vec::new())
}
