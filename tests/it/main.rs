//! Integration tests: the real binary against the real kernel, in a sandbox of fresh namespaces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and one that counts says what it counted"
)]

mod along;
mod approval;
mod bad;
mod bench;
mod boot;
mod chain;
mod check;
mod claims;
mod confirm;
mod docs;
mod doctor;
mod dropin;
mod explain;
mod faults;
mod guard;
mod handshake;
mod hold;
mod import;
mod kubernetes;
mod layers;
mod load;
mod loaders;
mod log;
mod manual;
mod measured;
mod memory;
mod metrics;
mod names;
mod powercut;
mod regressions;
mod relisten;
mod review;
mod sandbox;
mod schedules;
mod security;
mod sequence;
mod survive;
mod tally;
mod translation;
mod trust;
mod verbs;
mod verify;
mod watch;
mod winners;
