//! What the kernel counts, by name: `/proc/net/netstat` and `/proc/net/snmp` of one network namespace.
//!
//! A counter that this kernel does not have is absent, which is not the same as zero. Totals say nothing about now:
//! only the difference of two samples does, and a namespace takes its counters with it when it goes.

use super::sorted;
use std::collections::BTreeMap;

use serde::Serialize;

/// Counters by name. Those of `TcpExt` have the bare name (`ListenOverflows`); the others carry their protocol in
/// front, as nstat(8) prints them (`TcpPassiveOpens`, `IpInDiscards`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counters(BTreeMap<String, u64>);

/// The protocol whose counters go by their bare names.
const BARE: &str = "TcpExt";

impl Counters {
    /// Reads pairs of lines, names above values, each behind the same protocol and a colon (`netstat_seq_show` and
    /// `snmp_seq_show` in net/ipv4/proc.c). What is no such pair, and values that are no count (`MaxConn` is -1), are
    /// passed over.
    pub fn parse(text: &str) -> Self {
        let mut counters = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((protocol, names)) = line.split_once(':') else {
                continue;
            };
            let values = lines
                .peek()
                .and_then(|below| below.strip_prefix(protocol)?.strip_prefix(':'));
            let Some(values) = values else { continue };
            let prefix = if protocol == BARE { "" } else { protocol };
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                if let Ok(value) = value.parse() {
                    counters.insert(format!("{prefix}{name}"), value);
                }
            }
            lines.next();
        }
        Self(counters)
    }

    /// Adds a count that stands in a file of its own.
    pub fn put(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Adds all of another file.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The total since the namespace began; nothing where this kernel has no such counter.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// What was counted between an earlier sample of the same namespace and this one. Counters that only one of them
    /// has are absent.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let both = self.0.iter().filter_map(|(name, to)| {
            let from = earlier.0.get(name)?;
            Some((name.clone(), difference(*from, *to)))
        });
        Self(sorted::map(both))
    }
}

/// A counter that went down has wrapped, if it was near the end of the 32 bits that it has on 32-bit kernels (an
/// `unsigned long`); else it began anew, and counted at least what it shows.
fn difference(from: u64, to: u64) -> u64 {
    const WORD: u64 = 1 << 32;
    match to.checked_sub(from) {
        Some(difference) => difference,
        None if from < WORD && from > WORD / 4 * 3 && to < WORD / 4 => WORD - from + to,
        None => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETSTAT: &str = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 20 300\n\
                           IpExt: InNoRoutes InOctets\nIpExt: 4 5\n";
    const SNMP: &str = "Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens\nTcp: 1 -1 7 8\nUdp: InDatagrams\nUdp: 9\n";

    #[test]
    fn names_stand_above_values() {
        let counters = Counters::parse(NETSTAT).with(Counters::parse(SNMP));
        let of = |name| counters.get(name);
        assert_eq!(of("ListenOverflows"), Some(20));
        assert_eq!(of("IpExtInNoRoutes"), Some(4));
        assert_eq!(of("TcpPassiveOpens"), Some(8));
        assert_eq!(of("TcpMaxConn"), None, "it is -1: no limit");
    }

    #[test]
    fn absent_is_not_zero() {
        let old = Counters::parse("TcpExt: ListenDrops\nTcpExt: 0\n");
        assert_eq!(old.get("ListenDrops"), Some(0));
        assert_eq!(old.get("TCPReqQFullDrop"), None);
        let both = Counters::parse(NETSTAT).since(&old);
        assert_eq!(both.get("ListenDrops"), Some(300));
        assert_eq!(both.get("ListenOverflows"), None);
    }

    /// The names that these kernels print, in their order; CentOS 5 and 7 have them.
    #[test]
    fn older_kernels_have_fewer() {
        let old = Counters::parse(include_str!("../../tests/data/counters/linux-2.6.18"));
        assert_eq!(old.get("ListenOverflows"), Some(3843));
        assert_eq!(old.get("TcpPassiveOpens"), Some(635_078));
        for later in [
            "TCPReqQFullDrop",
            "TCPReqQFullDoCookies",
            "TCPSynRetrans",
            "IPReversePathFilter",
        ] {
            assert_eq!(old.get(later), None, "{later}");
        }
        let newer = Counters::parse(include_str!("../../tests/data/counters/linux-3.10"));
        assert_eq!(newer.get("TCPReqQFullDoCookies"), Some(12));
        assert_eq!(newer.get("TCPSynRetrans"), None);
        assert_eq!(newer.get("IpExtInMcastPkts"), Some(7));
    }

    #[test]
    fn what_is_no_pair_is_passed_over() {
        let text = "TcpExt: A B\nIpExt: C\nIpExt: 1\ngarbage\nTcpExt: D\nTcpExt: 2\nTcpExt: E";
        let counters = Counters::parse(text);
        assert_eq!(
            counters.iter().collect::<Vec<_>>(),
            [("D", 2), ("IpExtC", 1)]
        );
    }

    #[test]
    fn a_counter_that_wrapped_and_one_that_began_anew() {
        assert_eq!(difference(4_294_967_290, 4), 10, "32 bits wrap");
        assert_eq!(difference(1000, 4), 4, "it began anew");
        assert_eq!(difference(u64::MAX, 3), 3);
        assert_eq!(difference(5, 5), 0);
    }
}
