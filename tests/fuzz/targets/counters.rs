//! Whatever `/proc/net/netstat` may hold: no panic, and no difference to itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::model::counters::Counters;

fuzz_target!(|text: &str| {
    let counters = Counters::parse(text);
    let same = counters.since(&counters);
    assert!(same.iter().all(|(_, moved)| moved == 0));
});
