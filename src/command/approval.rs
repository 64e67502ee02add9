//! Whether a plan is the one that somebody approved.

use crate::error::Error;
use crate::host::machine::Machine;
use crate::model::approval::Grounds;

use super::draft::{Draft, Manner};
use super::scene::{Boot, Scene};

/// What a plan stands on; see [`Grounds`].
pub(super) fn plan_hash(scene: &Scene<'_>, draft: &Draft) -> String {
    let Machine { kernel, boot, .. } = &scene.world.machine;
    Grounds {
        kernel,
        boot,
        namespace: &format!("{:?}", scene.namespace.id),
        desired: &draft.want.hash,
        values: &draft.before,
        tree: scene.boot.as_ref().map(Boot::tree),
        plan: &draft.plan,
    }
    .hash()
}

/// Refuses what is not what was approved.
pub(super) fn approved(manner: &Manner, desired: &str, plan: &str) -> Result<(), Error> {
    match &manner.expect {
        Some(approval) if !approval.covers(desired, plan) => Err(Error::NotApproved {
            moved: approval.moved(plan),
            desired: desired.to_owned(),
            plan: plan.to_owned(),
        }),
        _ => Ok(()),
    }
}
