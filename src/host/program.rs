//! Programs of the system that are asked to help.

use std::process::Command;

/// Where they are: nowhere that whoever calls us could choose. The last one is that of NixOS.
const PLACES: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin";

/// A program of the system, that hears nothing of our environment: no variable shall say which program helps, or how.
pub(super) fn named(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", PLACES);
    command
}
