//! `verify`: whether the machine complies, now and after the next boot, key by key.

use clap::Args;

use crate::change::store::Known;
use crate::error::Error;
use crate::host::library::Library;
use crate::model::key::Key;
use crate::model::memory::ActiveSet;
use crate::model::setting::Setting;
use crate::model::snapshot::Snapshot;
use crate::report::{Body, Compliance, Report, Verified, Want};

use super::cautions::{intact, misfit};
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
        match wish::resolve(&request.words, &Library::default()) {
            Ok(wish) => Some((wish.want, wish.active)),
            Err(error) => return failed("verify", error),
        }
    };
    let Known {
        state, unreadable, ..
    } = match super::known(world) {
        Ok(known) => known,
        Err(error) => return failed("verify", error),
    };
    let mut warnings = told_unreadable(unreadable);
    let all = world.look(|namespace, label| {
        let verified = namespace.and_then(|namespace| {
            let scene = Scene::look(world, &namespace, &state)?;
            if request.scope.boot() {
                warnings.extend(misfit(&scene));
            }
            one(&scene, wanted.as_ref(), request.scope)
        });
        verified.unwrap_or_else(|error| Verified {
            error: Some(error),
            ..Verified::blank(label)
        })
    });
    let errors = all.iter().filter_map(|one| one.error.as_ref());
    let exit = judged(errors, all.iter().all(Verified::is_clean));
    Report {
        exit,
        ..told("verify", Body::Verified(all), warnings)
    }
}

fn one(
    scene: &Scene<'_>,
    wanted: Option<&(Want, ActiveSet)>,
    scope: Scope,
) -> Result<Verified, Error> {
    let (want, active) = match wanted {
        Some(wanted) => wanted.clone(),
        None => declared(scene, scope),
    };
    let live = scope.live() && !scene.world.root.is_image();
    let next = if scope.boot() {
        scene.expected(&active.settings, &[], &[], &Snapshot::default())?
    } else {
        None
    };
    let now = scene.snapshot(active.settings.keys());
    let row = |(key, setting): (&Key, &Setting)| {
        let value = now.get(key).value();
        let right = scene.place().passes_over(key, setting)
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
        want: Some(want),
        rows: active.settings.iter().map(row).collect(),
        intact: if scope.boot() {
            intact(scene)
        } else {
            Some(true)
        },
        ..Verified::blank(scene.namespace.label.clone())
    })
}

/// What is declared: on the live axis, or where nothing is, or that is not asked for, on the boot axis.
fn declared(scene: &Scene<'_>, scope: Scope) -> (Want, ActiveSet) {
    let live = &scene.memory.active;
    let recorded = scene.boot.as_ref().and_then(|boot| boot.recorded.as_ref());
    let active = match recorded.filter(|_| scope.boot()) {
        Some(drop_in) if live.is_empty() || !scope.live() => &drop_in.active,
        None if !scope.live() => &ActiveSet::default(),
        _ => live,
    };
    let want = Want::new(active.name(), &active.settings);
    (want, active.clone())
}
