//! `list`: the profiles that a name leads to.

use clap::Args;

use crate::host::library;
use crate::report::{Body, Report};

use super::told;

/// The words of `list`.
#[derive(Debug, Clone, Args)]
pub struct List {}

/// Runs `list`.
pub fn run() -> Report {
    told("list", Body::Profiles(library::list()), Vec::new())
}
