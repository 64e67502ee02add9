//! Whatever the files of `/proc/net` with counters may hold (`netstat`, `snmp`, `sockstat`, `softnet_stat`, `nf_conntrack`):
//! no panic, no difference to itself, and what was read survives being written as the kernel would.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::host::counters::{CONNTRACK, conntrack, files_in, sockets_in, softnet};
use tcptune::model::counters::Counters;

fuzz_target!(|text: &str| {
    let counters = Counters::parse(text);
    assert!(
        counters
            .since(&counters)
            .iter()
            .all(|(_, moved)| moved == 0)
    );
    // The kernel's protocols have no blanks in their names.
    if counters
        .iter()
        .any(|(name, _)| name.contains(char::is_whitespace))
    {
        return;
    }
    // Each on a pair of lines of its own, they are the same.
    let again: String = counters
        .iter()
        .map(|(name, count)| format!("TcpExt: {name}\nTcpExt: {count}\n"))
        .collect();
    assert_eq!(Counters::parse(&again), counters, "{again}");
    // All in one pair too.
    let (names, counts): (Vec<&str>, Vec<String>) = counters
        .iter()
        .map(|(name, count)| (name, count.to_string()))
        .unzip();
    let pair = format!(
        "TcpExt: {}\nTcpExt: {}\n",
        names.join(" "),
        counts.join(" ")
    );
    assert_eq!(Counters::parse(&pair), counters, "{pair}");
    // Two samples in either order: what only one of them has is absent.
    if let Some((earlier, later)) = text.split_once("\n\n") {
        let (earlier, later) = (Counters::parse(earlier), Counters::parse(later));
        let both = earlier.iter().filter(|(name, _)| later.get(name).is_some());
        assert_eq!(later.since(&earlier).iter().count(), both.count());
        let union = earlier.clone().with(later.clone());
        assert!(
            later
                .iter()
                .all(|(name, count)| union.get(name) == Some(count))
        );
        assert!(earlier.iter().all(|(name, _)| union.get(name).is_some()));
    }
    let drops = conntrack(text);
    assert!(drops.iter().all(|(name, _)| CONNTRACK.contains(name)));
    let _any_number = softnet(text);
    let (one, none) = (sockets_in(text, ""), sockets_in("", ""));
    assert_eq!(
        (none.in_use, none.time_wait, none.orphans, none.pages),
        (0, 0, 0, 0)
    );
    assert!(sockets_in(text, text).in_use >= one.in_use);
    if let Some((open, most)) = files_in(text) {
        assert_eq!(
            files_in(&format!("{open}\t0\t{most}\n")),
            Some((open, most))
        );
    }
});
