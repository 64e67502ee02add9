//! `verify`: whether the machine complies, now and after the next boot, key by key.

use clap::Args;

use crate::change::state::State;
use crate::change::store::Known;
use crate::error::Error;
use crate::host::netns::Namespace;
use crate::model::key::Key;
use crate::model::memory::ActiveSet;
use crate::model::setting::Setting;
use crate::report::{Body, Compliance, Report, Verified, Want};

use super::reach::Scope;
use super::scene::Scene;
use super::wish::{self, Words};
use super::{World, failed, judged, told, told_unreadable};

/// The words of `verify`.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    #[command(flatten)]
    words: Words,
    /// What must be right: the live kernel, the next boot, or both; in a namespace or an image, what it has of these
    #[arg(long, value_name = "SCOPE", default_value = "both")]
    scope: Scope,
}

/// Runs `verify`.
pub fn run(world: &World, request: &Verify) -> Report {
    let wanted = if request.words.is_empty() {
        None
    } else {
        match wish::resolve(&request.words) {
            Ok(wish) => Some((wish.title, wish.active)),
            Err(error) => return failed("verify", error),
        }
    };
    let Known {
        state, unreadable, ..
    } = match super::known(world) {
        Ok(known) => known,
        Err(error) => return failed("verify", error),
    };
    let all = world.look(|namespace, label| {
        let verified = namespace
            .and_then(|namespace| one(world, &state, &namespace, wanted.as_ref(), request.scope));
        verified.unwrap_or_else(|error| Verified {
            error: Some(error),
            ..Verified::blank(label)
        })
    });
    let errors = all.iter().filter_map(|one| one.error.as_ref());
    let exit = judged(errors, all.iter().all(Verified::is_clean));
    Report {
        exit,
        ..told("verify", Body::Verified(all), told_unreadable(unreadable))
    }
}

fn one(
    world: &World,
    state: &State,
    namespace: &Namespace,
    wanted: Option<&(String, ActiveSet)>,
    scope: Scope,
) -> Result<Verified, Error> {
    let scene = Scene::look(world, namespace, state)?;
    let (title, active) = match wanted {
        Some((title, active)) => (title.clone(), active.clone()),
        None => declared(&scene, scope)?,
    };
    let live = scope.live() && !world.root.is_image();
    let next = if scope.boot() {
        scene.expected(&active.settings, &[])?
    } else {
        None
    };
    let now = scene.snapshot(active.settings.keys());
    let row = |(key, setting): (&Key, &Setting)| {
        let value = now.get(key).value();
        let right = scene.passes_over(key, setting)
            || value.map_or(setting.optional, |value| setting.accepts(value));
        Compliance {
            key: key.clone(),
            want: setting.words(),
            word: setting.word(key),
            live: value.cloned(),
            live_right: live.then_some(right),
            next: next.iter().flatten().find(|one| one.key == *key).cloned(),
        }
    };
    Ok(Verified {
        want: Some(Want::new(title, &active.settings)),
        rows: active.settings.iter().map(row).collect(),
        ..Verified::blank(namespace.label.clone())
    })
}

/// What is declared: on the live axis, or where nothing is, or that is not asked for, on the boot axis.
fn declared(scene: &Scene<'_>, scope: Scope) -> Result<(String, ActiveSet), Error> {
    let live = &scene.memory.active;
    let boot = || {
        scene
            .boot
            .is_some()
            .then(|| scene.declared_at_boot())
            .transpose()
    };
    let active = match scope {
        Scope::Boot => boot()?.unwrap_or_default(),
        _ if live.is_empty() && scope.boot() => boot()?.unwrap_or_default(),
        _ => live.clone(),
    };
    Ok((active.name(), active))
}
