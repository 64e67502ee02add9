//! `metrics` for programs: the same families and samples as in the text.

use serde_json::{Number, Value as Json, json};

use crate::report::metrics::{Family, Metrics, Sample};

pub(super) fn metrics(metrics: &Metrics) -> Json {
    let families = metrics.families();
    json!({
        "written": metrics.written,
        "metrics": families.iter().map(family).collect::<Vec<_>>(),
    })
}

fn family((family, samples): &(&'static Family, Vec<Sample>)) -> Json {
    json!({
        "name": family.name,
        "type": family.kind.name(),
        "help": family.help,
        "samples": samples.iter().map(sample).collect::<Vec<_>>(),
    })
}

/// A number is written as in the text, so that 6 is not 6.0.
fn sample(sample: &Sample) -> Json {
    let told = sample
        .labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    let mut labels = serde_json::Map::new();
    labels.extend(told);
    json!({
        "labels": labels,
        "value": sample.value.to_string().parse::<Number>().ok(),
    })
}
