//! The journal as a chain: each entry stands on the one before it, and nothing that one of them wrote is lost.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Every entry of the journal, oldest first.
pub(crate) fn entries(sandbox: &Sandbox) -> Vec<Value> {
    let directory = sandbox.path("/var/lib/tcptune/journal");
    let mut entries: Vec<Value> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .collect();
    entries.sort_by_key(|entry| entry["id"].as_u64());
    entries
}

/// No entry is missing, each is committed and begins where the one before it ended, and the keys hold what the last
/// one that wrote them says. `values` is what they held before the first of these entries, where that is known.
pub(crate) fn is_whole(sandbox: &Sandbox, mut values: BTreeMap<String, String>) {
    let entries = entries(sandbox);
    for pair in entries.windows(2) {
        let [one, next] = pair else { unreachable!() };
        assert_eq!(next["id"].as_u64(), one["id"].as_u64().map(|id| id + 1));
        assert_eq!(next["parent"], one["id"]);
        assert_eq!(
            next["before"], one["after"],
            "{} saw {}",
            next["id"], one["id"]
        );
    }
    for entry in &entries {
        assert_eq!(entry["state"], "committed", "{entry}");
        for change in entry["changes"].as_array().unwrap() {
            let word = |name: &str| change[name].as_str().unwrap().to_owned();
            let held = values.insert(word("key"), word("to"));
            assert!(
                held.is_none_or(|held| held == word("from")),
                "entry {} overwrote what it had not seen: {change}",
                entry["id"]
            );
        }
    }
    for (key, value) in values {
        assert_eq!(sandbox.sysctl(&key), value, "{key}");
    }
}
