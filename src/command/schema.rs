//! `schema`: the JSON Schema of profiles.

use clap::Args;

use crate::model::schema;
use crate::report::{Body, Report};

use super::told;

/// The words of `schema`: none.
#[derive(Debug, Clone, Args)]
pub struct Schema {}

/// Runs `schema`.
pub fn run() -> Report {
    told("schema", Body::Schema(schema::schema()), Vec::new())
}
