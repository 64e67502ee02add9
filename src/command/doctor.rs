//! `doctor`: what the handshake suffers from now, who suffers, and what helps.

use std::time::Duration;

use clap::Args;

use crate::error::Error;
use crate::host::library::Library;
use crate::model::diagnose::{Finding, Severity, diagnose};
use crate::model::memory::Settings;
use crate::model::memory::words_for;
use crate::model::observation::Observation;
use crate::report::{Body, Diagnosed, Doctor as Told, Examined, Report};

use super::observe::{Watched, observe};
use super::{World, candidates, failed, judged, told};

/// The words of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// How long to look; with 0s only what stands in the queues is told
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = window)]
    window: Duration,
    /// Say of each finding whether this profile would cure it; repeatable
    #[arg(long, value_name = "PROFILE", add = candidates::profiles())]
    profile: Vec<String>,
}

/// Nothing, or a tenth of a second to an hour: in less, nothing moves.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    let range = Duration::from_millis(100)..=Duration::from_secs(3600);
    if time.is_zero() || range.contains(&time) {
        Ok(time)
    } else {
        Err("0s, or between 100ms and 1h".to_owned())
    }
}

/// Runs `doctor`.
pub fn run(world: &World, request: &Doctor) -> Report {
    let settings = match wanted(&request.profile) {
        Ok(settings) => settings,
        Err(error) => return failed("doctor", error),
    };
    let (watched, not_examined) = observe(world, request.window);
    let namespaces: Vec<Examined> = watched
        .into_iter()
        .map(|one| examined(one, settings.as_ref()))
        .collect();
    let errors = namespaces.iter().filter_map(|one| one.error.as_ref());
    let clean = namespaces
        .iter()
        .all(|one| one.worst() < Some(Severity::Warning));
    let exit = judged(errors, clean);
    let body = Body::Doctor(Told {
        window: request.window,
        profiles: request.profile.clone(),
        namespaces,
        not_examined,
    });
    Report {
        exit,
        ..told("doctor", body, Vec::new())
    }
}

/// What the profiles want whose effect on findings is asked for; nothing without any.
pub(super) fn wanted(profiles: &[String]) -> Result<Option<Settings>, Error> {
    if profiles.is_empty() {
        return Ok(None);
    }
    let desired = Library::default().resolve(profiles, &Settings::new());
    Ok(Some(desired.map_err(Error::Problems)?.settings))
}

/// What is wrong in one namespace.
fn examined(one: Watched, settings: Option<&Settings>) -> Examined {
    match one.seen {
        Ok(seen) => {
            let diagnosed = |finding: Finding| Diagnosed {
                cure: settings.map(|settings| finding.cure(settings, &seen.values)),
                finding,
            };
            Examined {
                enter: enter(&one.label),
                netns: one.label,
                findings: diagnose(&seen).into_iter().map(diagnosed).collect(),
                seen,
                error: None,
            }
        }
        Err(error) => Examined {
            netns: one.label,
            enter: None,
            findings: Vec::new(),
            seen: Observation::default(),
            error: Some(error),
        },
    }
}

/// How `--netns` names a namespace, where that takes an option and it has a name.
pub(super) fn enter(label: &str) -> Option<String> {
    let name = words_for(label).filter(|name| *name != "pid:1");
    name.map(ToOwned::to_owned)
}
