//! Any bytes as a snapshot of a host: read or refused, and what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::command::facts::Facts;
use tcptune::model::dropin::essence;
use tcptune::model::sysctld::Forecast;

fuzz_target!(|bytes: &[u8]| {
    let Ok(facts) = Facts::parse(bytes) else {
        return;
    };
    let text = serde_json::to_vec(&facts).expect("what was read can be written");
    assert_eq!(Facts::parse(&text).expect("and read again"), facts);
    // Whatever somebody made up, its essence is a tree like any other.
    if let Some(boot) = &facts.boot {
        let told = essence(&boot.files);
        assert_eq!(essence(&told), told);
        drop(Forecast::of(&told, boot.loader));
    }
});
