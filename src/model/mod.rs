//! The pure rooms: what somebody wants, what the kernel holds, and what follows from comparing the two.
//!
//! Nothing here touches files, processes, clocks or the network, so every rule can be tested with literals.

pub mod along;
pub mod approval;
pub mod catalogue;
pub mod change;
pub mod check;
pub mod counters;
pub mod diagnose;
pub mod dropin;
pub mod expected;
pub mod fastopen;
pub mod finding;
pub mod handshake;
pub mod import;
pub mod key;
pub mod kubernetes;
#[cfg(test)]
mod laws;
pub mod lines;
#[cfg(test)]
mod literals;
pub mod memory;
pub mod observation;
pub mod persist;
pub mod plan;
pub mod ports;
pub mod printable;
pub mod problem;
pub mod profile;
pub mod refusal;
pub mod relisten;
pub mod schema;
pub mod setting;
pub mod snapshot;
pub mod sorted;
pub mod spelling;
pub mod stack;
pub mod sysctld;
pub mod undo;
pub mod value;
