//! Whether a plan is the one that somebody approved.

use crate::error::Error;
use crate::host::machine::Machine;
use crate::host::netns::Target;
use crate::model::along::at_stake;
use crate::model::approval::{Approval, Grounds};
use crate::model::key::Key;
use crate::model::plan::Plan;
use crate::report::Depth;

use super::draft::{Draft, Manner};
use super::scene::{Boot, Scene};

/// What a plan stands on; see [`Grounds`]. Where nothing would change, or it was done already, and nobody asks, it is not
/// worth its time.
pub(super) fn plan_hash(scene: &Scene<'_>, draft: &Draft, manner: &Manner) -> Option<String> {
    let world = scene.world;
    let asked = world.for_program || manner.only_hash || manner.expect.is_some();
    if !asked && (draft.plan.is_empty() || manner.depth == Depth::Deed) {
        return None;
    }
    let Machine { kernel, boot, .. } = &world.machine;
    let Plan { live, after, .. } = &*draft.plan;
    let is_spoken_of =
        |key: &Key| after.active.settings.contains_key(key) || scene.memory.held.contains_key(key);
    let grounds = Grounds {
        kernel,
        boot,
        namespace: &format!("{:?}", scene.namespace.id),
        desired: &draft.want.hash,
        values: &at_stake(draft.before.clone(), live, is_spoken_of),
        tree: scene.boot.as_ref().map(Boot::tree),
        plan: &draft.plan,
    };
    Some(grounds.hash())
}

/// Refuses what is not what was approved.
pub(super) fn approved(manner: &Manner, desired: &str, plan: Option<&str>) -> Result<(), Error> {
    match manner.expect.as_ref().zip(plan) {
        Some((approval, plan)) if !approval.covers(desired, plan) => Err(Error::NotApproved {
            moved: approval.moved(plan),
            desired: desired.to_owned(),
            plan: plan.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Refuses to hold several namespaces against the plan of one.
pub(super) fn of_one_namespace(manner: &Manner, targets: &[Target]) -> Result<(), Error> {
    let of_plan = manner.expect.as_ref().is_some_and(Approval::is_of_plan);
    if of_plan && targets.len() > 1 {
        return Err(Error::Usage {
            code: "usage",
            message: "a plan hash is that of one namespace, and several were asked for".to_owned(),
            hint: Some("approve each by itself, or the desired hash for all".to_owned()),
        });
    }
    Ok(())
}
