//! `show`: profiles resolved, each setting with its origin and what it means on this kernel.

use std::collections::BTreeMap;

use clap::Args;

use crate::error::Error;
use crate::host::kernel::snapshot;
use crate::host::library;
use crate::host::netns::Namespace;
use crate::model::handshake::{CONTEXT, VERIFIED_FROM};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::stack;
use crate::model::value::Value;
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
    let desired = match stack::resolve(&request.profiles, &Settings::new(), &mut library::load) {
        Ok(desired) => desired,
        Err(problems) => return failed("show", Error::Problems(problems)),
    };
    let netns = match place(world) {
        Ok(namespace) => namespace.label,
        Err(error) => return failed("show", error),
    };
    let body = Body::Desired(Shown {
        values: values(world, &desired.settings),
        profiles: desired.profiles,
        settings: desired.settings,
        flat: request.flat,
        netns,
        kernel: world.machine.kernel.clone(),
        verified: world.machine.version() >= VERIFIED_FROM,
    });
    told("show", body, Vec::new())
}

/// The one namespace that consequences speak of.
fn place(world: &World) -> Result<Namespace, Error> {
    let mut places = world.visit(|namespace, _| namespace);
    match (places.pop(), places.len()) {
        (Some(place), 0) => place,
        _ => Err(Error::Usage {
            code: "one-namespace",
            message: "`show` speaks of one namespace at a time".to_owned(),
            hint: None,
        }),
    }
}

/// What the kernel would hold with these settings.
fn values(world: &World, settings: &Settings) -> BTreeMap<Key, Value> {
    let mut values = snapshot(&world.kernel, settings.keys().chain(CONTEXT.iter())).values();
    for (key, setting) in settings {
        let bound = setting
            .at_least
            .as_ref()
            .or(setting.at_most.as_ref())
            .map(|part| part.value.into());
        let known = values.get(key).and_then(|value| setting.nearest(value));
        let unknown = || {
            setting
                .exact
                .as_ref()
                .map(|part| part.value.clone())
                .or(bound)
        };
        if let Some(value) = known.or_else(unknown) {
            values.insert(key.clone(), value);
        }
    }
    values
}
