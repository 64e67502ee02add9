//! Signals wait until a transaction is over and its report is out; a live screen is put away before they end it.

use std::{io, thread};

use nix::sys::signal::{SigSet, Signal, raise};

use super::procfs;

/// Signals that ask a process to end.
const ENDING: [Signal; 4] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];

/// Stack of a thread: what std takes unless `RUST_MIN_STACK` says otherwise, which may be more than there is.
pub(super) const STACK: usize = 2 << 20;

/// From here on no signal is delivered to this thread any more (but SIGKILL and SIGSTOP, which nobody can hold back): the rest of
/// this run is short, and its exit code says what was done.
pub fn hold() {
    // It fails for no mask that exists (sigprocmask(2)); if it did, recovery would do what it is there for.
    let _always_succeeds = SigSet::all().thread_block();
}

/// Whether somebody asked this process to end while signals were held.
pub fn waiting() -> bool {
    let held = SigSet::thread_get_mask().is_ok_and(|mask| mask.contains(Signal::SIGTERM));
    if !held {
        return false;
    }
    let status = procfs::text("/proc/thread-self/status").unwrap_or_default();
    let masks = status.lines().filter_map(|line| {
        line.strip_prefix("SigPnd:")
            .or(line.strip_prefix("ShdPnd:"))
    });
    let pending = masks
        .filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .fold(0, |all, mask| all | mask);
    ENDING
        .iter()
        .any(|signal| pending & (1 << (*signal as i32 - 1)) != 0)
}

/// From here on a signal that asks the process to end runs `farewell` first, and then ends it as it would have done,
/// whatever the process is busy with.
///
/// # Errors
/// Where no thread can be started.
pub fn before_the_end(farewell: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let ending: SigSet = ENDING.into_iter().collect();
    // The thread inherits this; a thread that waits for blocked signals gets those of the process (sigwait(3)).
    ending.thread_block()?;
    let wait = move || {
        if let Ok(signal) = ending.wait() {
            farewell();
            let _always_succeeds = ending.thread_unblock();
            let _ends_here = raise(signal);
        }
    };
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(wait)
        .map(drop)
}
