//! What the README counts: a fault, where it struck, how often it was tried. Whoever loses something never comes here.

/// Says how often a fault was tried: `faults: SIGKILL at a system call: apply: 412 tries, 0 lost`.
#[track_caller]
pub(crate) fn tally(fault: &str, place: &str, tries: usize) {
    assert!(tries > 0, "{fault}, {place}: nothing was tried");
    eprintln!("faults: {fault}: {place}: {tries} tries, 0 lost");
}

/// A number from the environment, for runs that take longer than the gate may.
pub(crate) fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|why| panic!("{variable}={text}: {why}"))
    })
}

/// Every how manieth fault is tried: each with `FAULTS=all`, the second in the gate, the seventh in the inner loop.
pub(crate) fn stride() -> usize {
    if std::env::var("FAULTS").as_deref() == Ok("all") {
        1
    } else if std::env::var_os("TCPTUNE_TESTS_QUICK").is_some() {
        7
    } else {
        2
    }
}
