//! The clock of deadlines: it goes on while the machine sleeps, and nobody can set it.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since this boot began, in milliseconds (CLOCK_BOOTTIME, clock_gettime(2)).
pub fn since_boot() -> u64 {
    // The clock exists on every kernel that tcptune runs on (2.6.39).
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
