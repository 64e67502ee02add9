//! Reads what the kernel counts in the network namespace that the process is in, or that another process is in.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::model::counters::Counters;
use crate::model::observation::Sockets;

use super::procfs;

/// The counters of this namespace: `netstat` and `snmp`, the drops of connection tracking where that is in use, and
/// in the machine's first namespace the packets that the CPUs dropped.
///
/// # Errors
/// Where `/proc/net` cannot be read.
pub fn read() -> Result<Counters, Error> {
    let mut counters = of("thread-self")?;
    if let Ok(table) = procfs::text("/proc/net/stat/nf_conntrack") {
        for (name, count) in conntrack(&table) {
            counters.put(name, count);
        }
    }
    // One table for the machine, so it says nothing about any other namespace.
    let table = procfs::text("/proc/net/softnet_stat").ok();
    if let Some(table) = table.filter(|_| super::netns::is_first()) {
        counters.put(SOFTNET, softnet(&table));
    }
    Ok(counters)
}

/// The counters of the namespace that a process is in: no rights are needed to look at them from outside.
///
/// # Errors
/// Where that process is gone.
pub fn of(process: &str) -> Result<Counters, Error> {
    let file = |name: &str| {
        let path = PathBuf::from(format!("/proc/{process}/net/{name}"));
        procfs::text(&path).map_err(|source| Error::File {
            doing: "read",
            path,
            source,
        })
    };
    Ok(Counters::parse(&file("netstat")?).with(Counters::parse(&file("snmp")?)))
}

/// Packets that arrived faster than a CPU took them: the second column of `/proc/net/softnet_stat`.
pub const SOFTNET: &str = "softnet_dropped";

/// Packets that connection tracking dropped, for want of room or because two of them raced.
pub const CONNTRACK: [&str; 3] = [
    "conntrack_drop",
    "conntrack_early_drop",
    "conntrack_insert_failed",
];

/// The drops of all CPUs, of which each has a line of hexadecimal counts in `/proc/net/softnet_stat`.
pub fn softnet(table: &str) -> u64 {
    let drops = table.lines().filter_map(|cpu| {
        let dropped = cpu.split_whitespace().nth(1)?;
        u64::from_str_radix(dropped, 16).ok()
    });
    drops.fold(0, u64::saturating_add)
}

/// Those of [`CONNTRACK`] that `/proc/net/stat/nf_conntrack` has: a head with names, and one line of hexadecimal counts
/// for each CPU.
pub fn conntrack(table: &str) -> Vec<(&'static str, u64)> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let rows: Vec<Vec<&str>> = lines
        .map(|line| line.split_whitespace().collect())
        .collect();
    let total = |name: &'static str| {
        let column = names
            .iter()
            .position(|known| Some(*known) == name.strip_prefix("conntrack_"))?;
        let counts = rows
            .iter()
            .filter_map(|row| u64::from_str_radix(row.get(column)?, 16).ok());
        Some((name, counts.fold(0, u64::saturating_add)))
    };
    CONNTRACK.into_iter().filter_map(total).collect()
}

/// How many sockets this namespace has, as far as it tells.
pub fn sockets() -> Sockets {
    let text = |path| procfs::text(path).unwrap_or_default();
    sockets_in(&text("/proc/net/sockstat"), &text("/proc/net/sockstat6"))
}

/// What `/proc/net/sockstat` and `/proc/net/sockstat6` say of TCP; what they do not say is 0.
pub fn sockets_in(four: &str, six: &str) -> Sockets {
    let of = |name| field(four, "TCP:", name);
    Sockets {
        in_use: of("inuse").saturating_add(field(six, "TCP6:", "inuse")),
        time_wait: of("tw"),
        orphans: of("orphan"),
        pages: of("mem"),
    }
}

fn field(text: &str, protocol: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(protocol));
    let mut words = line.unwrap_or_default().split_whitespace();
    words.find(|word| *word == name);
    words
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or(0)
}

/// Open files of the whole machine and how many it may have (`fs.file-nr`); nothing where that cannot be read.
pub fn files() -> Option<(u64, u64)> {
    files_in(&procfs::text(Path::new("/proc/sys/fs/file-nr")).ok()?)
}

/// The first and the third number of `fs.file-nr`.
pub fn files_in(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
    Some((numbers.next()?, numbers.nth(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_hexadecimal_counts_for_each_cpu() {
        let table = "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop\n\
                     0000000a  0 0 0 0 0 0 0 0 00000001 00000010 00000002\n\
                     0000000a  0 0 0 0 0 0 0 0 00000002 00000001 00000000\n";
        let drops = conntrack(table);
        assert_eq!(
            drops,
            [
                ("conntrack_drop", 17),
                ("conntrack_early_drop", 2),
                ("conntrack_insert_failed", 3)
            ]
        );
    }

    /// Nobody's counts are so large, but they are no reason to fail.
    #[test]
    fn sums_that_no_number_holds_end_at_the_largest() {
        let most = "ffffffffffffffff";
        assert_eq!(softnet(&format!("0 {most}\n0 {most}\n")), u64::MAX);
        let drops = conntrack(&format!("found drop\n0 {most}\n0 1\n"));
        assert_eq!(drops, [("conntrack_drop", u64::MAX)]);
        let in_use = |protocol| format!("{protocol}: inuse {}\n", u64::MAX);
        assert_eq!(sockets_in(&in_use("TCP"), &in_use("TCP6")).in_use, u64::MAX);
    }

    #[test]
    fn fields_of_sockstat_follow_their_names() {
        let text = "sockets: used 10\nTCP: inuse 3 orphan 1 tw 20 alloc 5 mem 6\n";
        assert_eq!(field(text, "TCP:", "tw"), 20);
        assert_eq!(field(text, "TCP:", "none"), 0);
    }
}
