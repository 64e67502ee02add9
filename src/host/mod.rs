//! The edges: the kernel's keys and defaults, files that root may trust, where profiles come from, network namespaces.

pub mod clock;
pub mod counters;
pub mod defaults;
#[cfg(test)]
pub mod fake;
pub mod files;
pub mod fragments;
pub mod guard;
pub mod kernel;
pub mod library;
pub mod log;
pub mod machine;
pub mod netns;
pub mod owners;
pub mod procfs;
mod program;
pub mod root;
pub mod signals;
pub mod sockets;
pub mod staged;
pub mod terminal;
pub mod textfile;
