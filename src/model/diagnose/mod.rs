//! What the handshake suffers from, found from samples some time apart.
//!
//! Every rule looks at differences, or at what stands in a queue now; totals since boot recommend nothing. The rules and
//! what tells them apart were reproduced on Linux 6.18; each names what the kernel does and where.

mod accept;
mod application;
mod client;
mod fastopen;
mod finding;
mod others;
mod syn;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::sync::LazyLock;

pub use application::relisten;
pub use finding::{Cure, Finding, Remedy, Severity};
pub use view::{Rates, rates};

use super::key::Key;
use super::observation::Observation;
use view::View;

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// A stable word.
    pub name: &'static str,
    /// What it means, in a few words.
    pub means: &'static str,
    /// What no sample can tell about it, and what would.
    pub beyond: Option<&'static str>,
}

const fn rule(name: &'static str, means: &'static str) -> Rule {
    Rule {
        name,
        means,
        beyond: None,
    }
}

const fn beyond(name: &'static str, means: &'static str, beyond: &'static str) -> Rule {
    Rule {
        name,
        means,
        beyond: Some(beyond),
    }
}

/// Every rule, in the order in which a handshake meets them.
pub const RULES: [Rule; 26] = [
    rule(
        "accept-queue-app-backlog",
        "an accept queue overflows whose limit is the application's own backlog",
    ),
    rule(
        "accept-queue-somaxconn",
        "an accept queue overflows whose limit is somaxconn",
    ),
    beyond(
        "listener-stale",
        "an accept queue overflows whose limit is a somaxconn of before",
        "the backlog that a program asked for: its configuration, or `strace -e trace=listen`",
    ),
    rule(
        "application-slow",
        "an accept queue is full all the time: accept() is too slow",
    ),
    rule(
        "overflow-past",
        "an accept queue overflowed once, and does not now",
    ),
    rule(
        "syn-queue-full",
        "a SYN queue is full and drops, as SYN cookies are off",
    ),
    rule(
        "syn-backlog-three-quarters",
        "three quarters of tcp_max_syn_backlog are taken, and SYN cookies are off",
    ),
    rule(
        "syn-queue-cookies-legitimate",
        "a burst of real clients goes through SYN cookies",
    ),
    beyond(
        "syn-flood",
        "most SYN cookies are never answered",
        "who sends them: sources are forged; the upstream router, or `tcpdump 'tcp[13] == 2'`",
    ),
    rule(
        "cookies-always",
        "every handshake goes through a SYN cookie",
    ),
    rule(
        "cookies-without-timestamps",
        "connections made through SYN cookies lose SACK and window scaling",
    ),
    beyond(
        "cookie-acks-bogus",
        "ACKs arrive that answer no SYN cookie",
        "whether they are forged, late or come by another path: `tcpdump` on every path",
    ),
    rule(
        "abort-on-overflow",
        "clients are reset after connect() succeeded",
    ),
    rule(
        "phantom-clients",
        "clients believe that they are connected, and the server does not",
    ),
    beyond(
        "synack-unanswered",
        "SYN-ACKs are not answered, although no queue is full",
        "whether the path back, a firewall or forged sources are to blame: `tcpdump` at the client",
    ),
    beyond(
        "client-side",
        "connects of this host are not answered",
        "whether the peer, its full queue or the path drops them: `tcptune doctor` on the peer",
    ),
    rule(
        "fastopen-unused",
        "Fast Open is asked for, and no listener takes part",
    ),
    rule(
        "fastopen-queue-full",
        "more Fast Open requests wait than the listener allows",
    ),
    beyond(
        "fastopen-refused",
        "Fast Open data is refused, or a path swallows it",
        "whether keys differ behind one address: compare what each server was given",
    ),
    rule(
        "listener-restart-loss",
        "a listener closed with connections that nobody took over",
    ),
    beyond(
        "port-exhaustion",
        "the local ports for one destination run out",
        "no counter moves: EADDRNOTAVAIL in the log of the program",
    ),
    rule(
        "time-wait-overflow",
        "TIME-WAITs are cut short, as there are too many",
    ),
    beyond(
        "drops-before-tcp",
        "packets are dropped before TCP sees them",
        "drops of the interface and of the switch: `ethtool -S`, and `tcpdump` on both sides",
    ),
    rule("memory-pressure", "TCP runs out of memory, or of orphans"),
    beyond(
        "descriptors",
        "accept() has no file descriptor to give",
        "limits of other users' processes are told to root only: `/proc/PID/limits`",
    ),
    rule(
        "wrong-namespace",
        "the trouble is in another network namespace",
    ),
];

/// Keys whose values the rules look at.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let names = [
        "net.core.netdev_max_backlog",
        "net.core.somaxconn",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_abort_on_overflow",
        "net.ipv4.tcp_fastopen",
        "net.ipv4.tcp_max_orphans",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_migrate_req",
        "net.ipv4.tcp_syn_linear_timeouts",
        "net.ipv4.tcp_syn_retries",
        "net.ipv4.tcp_synack_retries",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_timestamps",
        "net.ipv4.tcp_tw_reuse",
        "net.netfilter.nf_conntrack_count",
        "net.netfilter.nf_conntrack_max",
    ];
    names.iter().filter_map(|name| name.parse().ok()).collect()
});

/// What is wrong, worst first. Nothing for a healthy host.
pub fn diagnose(seen: &Observation) -> Vec<Finding> {
    let Some(view) = View::new(seen) else {
        return Vec::new();
    };
    let mut findings: Vec<Finding> = [
        accept::findings(&view),
        syn::findings(&view),
        client::findings(&view),
        fastopen::findings(&view),
        others::findings(&view),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.extend(others::wrong_namespace(&view, &findings));
    let place = |rule: &str| RULES.iter().position(|known| known.name == rule);
    findings.sort_by_key(|one| {
        let address = one.listener.map(|listener| listener.address);
        (std::cmp::Reverse(one.severity), place(one.rule), address)
    });
    findings
}

/// Inodes of the listeners that a finding names, and of those that are full: whose owners are worth looking for, as
/// every process has to be asked for that. With the owners known, a finding may come to say more.
pub fn suspects(seen: &Observation) -> BTreeSet<u32> {
    let named = diagnose(seen).into_iter().filter_map(|one| one.listener);
    let last = seen
        .samples
        .last()
        .into_iter()
        .flat_map(|last| &last.listeners);
    let full = last.filter(|listener| listener.is_full()).copied();
    let inodes = named.chain(full).map(|listener| listener.inode);
    inodes.filter(|inode| *inode != 0).collect()
}
