//! What a plan means: sentences that are no longer true, beside those that take their place.

use crate::model::catalogue;

use super::NamespaceChanges;
use super::remark::name;

/// One sentence that will be true, and the one whose place it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What the key is called.
    pub(super) name: String,
    /// What will be true.
    pub(super) then: String,
    /// What is true now, if anything was said.
    pub(super) was: Option<String>,
}

/// What means something else afterwards, also for keys that do not change themselves.
pub(super) fn meanings(one: &NamespaceChanges) -> Vec<Meaning> {
    let Some(plan) = one.plan.as_ref().filter(|plan| !plan.live.is_empty()) else {
        return Vec::new();
    };
    let before = one.before.of_catalogue();
    let after = before.clone().supposing(plan.writing());
    let before = catalogue::consequences(&before.values());
    let after = catalogue::consequences(&after.values());
    let mut all = Vec::new();
    for (key, sentences) in &after {
        let was: &[String] = before.get(key).map_or(&[], Vec::as_slice);
        for (index, then) in sentences.iter().enumerate() {
            if !was.contains(then) {
                all.push(Meaning {
                    name: name(key).to_owned(),
                    then: then.clone(),
                    was: was.get(index).cloned(),
                });
            }
        }
    }
    all
}
