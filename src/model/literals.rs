//! Literals in, literals out: what the tests of the planners share.

use super::plan::Plan;
use super::snapshot::{Reading, Snapshot};
use super::value::Value;

/// A kernel that holds these values.
pub(super) fn holding(values: &[(&str, &str)]) -> Snapshot {
    let reading = |value: &str| Reading::Value(Value::new(value));
    Snapshot(
        values
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), reading(value)))
            .collect(),
    )
}

/// The changes of a plan, a line each.
pub(super) fn changes(plan: &Plan) -> Vec<String> {
    plan.live
        .iter()
        .map(|c| format!("{} {} -> {} {:?}", c.key, c.from, c.to, c.cause))
        .collect()
}
