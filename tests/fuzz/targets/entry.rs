//! Any bytes as an entry of the journal: read or refused, and what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::change::journal::Entry;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else {
        return;
    };
    let text = serde_json::to_vec(&entry).expect("what was read can be written");
    assert_eq!(
        serde_json::from_slice::<Entry>(&text).expect("and read again"),
        entry
    );
});
