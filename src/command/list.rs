//! `list`: the profiles that a name leads to.

use clap::Args;

use crate::host::library;
use crate::report::{Body, Listed, Report};

use super::told;

/// The words of `list`.
#[derive(Debug, Clone, Args)]
pub struct List {}

/// Runs `list`.
pub fn run() -> Report {
    let listed = library::list().into_iter().map(|one| Listed {
        name: one.name,
        file: one.file,
        description: one.description,
    });
    told("list", Body::Profiles(listed.collect()), Vec::new())
}
