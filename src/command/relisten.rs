//! Which listeners a plan does not reach until they listen again.

use std::collections::BTreeSet;

use crate::change::state::Remembered;
use crate::host::{owners, sockets};
use crate::model::memory::Memory;
use crate::model::observation::Listener;
use crate::model::plan::Plan;
use crate::model::relisten::{Cap, Capped, SOMAXCONN, capped};
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::sorted;

use super::scene::Scene;

/// The listeners of this namespace whose limit stays below the `somaxconn` of a plan. None where tcptune neither
/// changes it nor has changed it, or where the kernel does not tell: then nothing is said about listeners.
pub(super) fn look(scene: &Scene<'_>, plan: &Plan, before: &Snapshot) -> Vec<Capped> {
    let world = scene.world;
    if world.is_stateless() {
        return Vec::new();
    }
    let change = plan
        .live
        .iter()
        .find(|change| change.key.as_str() == SOMAXCONN);
    let mut former = former(scene.remembered, &scene.memory);
    let to = match change {
        Some(change) => {
            former.extend(
                change
                    .from
                    .integer()
                    .and_then(|from| u32::try_from(from).ok()),
            );
            Some(&change.to)
        }
        None if former.is_empty() => None,
        None => before.0.get(SOMAXCONN).and_then(Reading::value),
    };
    let Some(to) = to.and_then(|to| u32::try_from(to.integer()?).ok()) else {
        return Vec::new();
    };
    let listeners = sockets::listeners().unwrap_or_default();
    let mut capped = capped(&listeners, &former, to);
    // Without a change there is no news about programs that have a backlog of their own.
    capped.retain(|(_, cap)| change.is_some() || *cap == Cap::Stale);
    let inodes = capped.iter().map(|(listener, _)| listener.inode);
    let owners = owners::of(&sorted::set(inodes.filter(|inode| *inode != 0)));
    let with_owner = |(listener, cap): (Listener, Cap)| Capped {
        listener,
        cap,
        owner: owners.get(&listener.inode).cloned(),
    };
    capped.into_iter().map(with_owner).collect()
}

/// Values that `somaxconn` had in this namespace in this boot, as far as tcptune changed it; none where it did not.
pub(super) fn former(here: Option<&Remembered>, memory: &Memory) -> BTreeSet<u32> {
    let Some(held) = memory.held.get(SOMAXCONN) else {
        return BTreeSet::new();
    };
    let values = held.baseline.iter().chain([&held.wrote]);
    let values = values.filter_map(|value| value.integer()?.try_into().ok());
    let earlier = here.iter().flat_map(|here| here.limits.iter().copied());
    sorted::set(values.chain(earlier))
}
