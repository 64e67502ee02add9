//! `show`: profiles resolved, each setting with its origin and what it means on this kernel.

use std::collections::BTreeMap;

use clap::Args;

use crate::change::store::Known;
use crate::error::Error;
use crate::host::kernel::snapshot;
use crate::host::library::Library;
use crate::model::handshake::{CONTEXT, VERIFIED_FROM};
use crate::model::key::Key;
use crate::model::memory::{Settings, desired_hash};
use crate::model::profile;
use crate::model::value::Value;
use crate::report::{Active, Body, Report, Show as Shown, Warning};

use super::scene::Scene;
use super::{World, candidates, failed, known, told, told_unreadable};

/// The words of `show`.
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// Profiles, left to right, later wins: names, or paths (with a `/`, or ending in `.toml`)
    #[arg(value_name = "PROFILE", required_unless_present = "active", add = candidates::profiles())]
    profiles: Vec<String>,
    /// What is declared now, as a profile: for version control
    #[arg(long, conflicts_with_all = ["profiles", "flat"])]
    active: bool,
    /// Only `key = value` lines
    #[arg(long)]
    flat: bool,
}

impl Show {
    /// Whether it asks for what is declared, rather than for profiles.
    pub fn is_active(&self) -> bool {
        self.active
    }
}

/// Runs `show`.
pub fn run(world: &World, request: &Show) -> Report {
    if request.active {
        return match active(world) {
            Ok((body, warnings)) => told("show", body, warnings),
            Err(error) => failed("show", error),
        };
    }

    let desired = match Library::for_review().resolve(&request.profiles, &Settings::new()) {
        Ok(desired) => desired,
        Err(problems) => return failed("show", Error::Problems(problems)),
    };
    let netns = match world.place("show") {
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

/// What is declared on the live axis; of an image, on the boot axis.
fn active(world: &World) -> Result<(Body, Vec<Warning>), Error> {
    let Known {
        state, unreadable, ..
    } = known(world)?;
    let namespace = world.place("show")?;
    let scene = Scene::look(world, &namespace, &state)?;
    let active = if world.root.is_image() {
        scene.declared_at_boot()?
    } else {
        scene.memory.active
    };
    let body = Body::Active(Active {
        name: active.name(),
        text: profile::write(&active.name(), &active.settings),
        desired: desired_hash(&active.settings),
        settings: active.settings,
        profiles: active.profiles,
    });
    Ok((body, told_unreadable(unreadable)))
}

/// What the kernel would hold with these settings.
fn values(world: &World, settings: &Settings) -> BTreeMap<Key, Value> {
    let mut values = snapshot(&world.kernel, settings.keys().chain(CONTEXT.iter())).values();
    for (key, setting) in settings {
        let nearest = setting.nearest(values.get(key));
        if let Some(value) = nearest.or_else(|| setting.nearest(None)) {
            values.insert(key.clone(), value);
        }
    }
    values
}
