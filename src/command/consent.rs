//! What a person agreed to: keys that nobody declares any more go back.
//!
//! They are asked before anything is locked or written. An answer takes its time, or never comes, and no guard of an
//! earlier entry may have to wait for it, in whichever namespace.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::model::change::Cause;
use crate::model::plan::Plan;
use crate::model::sorted;
use crate::report::{Body, Changes, Depth, Report, printable};

use super::World;
use super::draft::Manner;
use super::hands::Hands;

/// The releases that were agreed to: namespaces, and what goes back there.
pub(super) struct Consent(BTreeSet<(String, String)>);

/// Whether there is somebody to ask, and something that could be done then.
pub(super) fn is_wanted(world: &World, manner: &Manner) -> bool {
    let may_write = || matches!(Hands::of(world, manner), Ok(Hands::Free(_)));
    world.ask.is_some() && manner.asks && may_write()
}

impl Consent {
    /// Asks about everything that a dry run would release, once.
    ///
    /// # Errors
    /// The report of a verb that was declined.
    pub(super) fn ask(world: &World, mut looked: Report) -> Result<Self, Box<Report>> {
        let Body::Changes(Changes {
            namespaces, depth, ..
        }) = &mut looked.body
        else {
            return Ok(Self(BTreeSet::new()));
        };
        let several = namespaces.len() > 1;
        let plans = namespaces
            .iter()
            .filter(|one| one.error.is_none())
            .filter_map(|one| Some((&one.netns, one.plan.as_ref()?)));
        let released = sorted::set(plans.flat_map(|(netns, plan)| released(netns, plan)));
        let in_words = |(netns, words): &(String, String)| {
            if several {
                format!("in {netns} {words}")
            } else {
                words.clone()
            }
        };
        let shown: Vec<_> = released.iter().map(in_words).collect();
        let question = format!(
            "no longer declared, goes back: {}. Go on?",
            shown.join(", ")
        );
        // What a hold refuses needs no answer.
        let is_held = looked.warnings.iter().any(|one| one.code == "held");
        let agreed = released.is_empty() || is_held;
        if agreed || world.ask.is_none_or(|ask| ask(&printable(&question))) {
            return Ok(Self(released));
        }
        *depth = Depth::Deed;
        for one in namespaces {
            one.error.get_or_insert(Error::Declined);
        }
        looked.exit = Error::Declined.exit();
        Err(Box::new(looked))
    }

    /// Whether a plan releases nothing else.
    ///
    /// # Errors
    /// [`Error::Unasked`].
    pub(super) fn covers(&self, netns: &str, plan: &Plan) -> Result<(), Error> {
        let more = released(netns, plan).filter(|one| !self.0.contains(one));
        let more: Vec<_> = more.map(|(_, words)| words).collect();
        if more.is_empty() {
            Ok(())
        } else {
            Err(Error::Unasked(more.join(", ")))
        }
    }
}

/// What a plan releases in a namespace, in words.
fn released(netns: &str, plan: &Plan) -> impl Iterator<Item = (String, String)> {
    let released = plan
        .live
        .iter()
        .filter(|change| change.cause == Cause::Released);
    released.map(move |change| {
        let words = format!("{} {} -> {}", change.key, change.from, change.to);
        (netns.to_owned(), words)
    })
}
