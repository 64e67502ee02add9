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
use super::sorted;
use view::View;

/// One thing that can be wrong.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// A stable word.
    pub name: &'static str,
    /// What no sample can tell about it, and what would.
    pub beyond: Option<&'static str>,
}

const fn rule(name: &'static str) -> Rule {
    Rule { name, beyond: None }
}

const fn beyond(name: &'static str, beyond: &'static str) -> Rule {
    Rule {
        name,
        beyond: Some(beyond),
    }
}

/// Every rule, in the order in which a handshake meets them.
pub const RULES: [Rule; 26] = [
    // An accept queue overflows whose limit is the application's own backlog.
    rule("accept-queue-app-backlog"),
    // An accept queue overflows whose limit is somaxconn.
    rule("accept-queue-somaxconn"),
    // An accept queue overflows whose limit is a somaxconn of before.
    beyond(
        "listener-stale",
        "the backlog that a program asked for: its configuration, or `strace -e trace=listen`",
    ),
    // An accept queue is full all the time: accept() is too slow.
    rule("application-slow"),
    // An accept queue overflowed once, and does not now.
    rule("overflow-past"),
    // A SYN queue is full and drops, as SYN cookies are off.
    rule("syn-queue-full"),
    // Three quarters of tcp_max_syn_backlog are taken, and SYN cookies are off.
    rule("syn-backlog-three-quarters"),
    // A burst of real clients goes through SYN cookies.
    rule("syn-queue-cookies-legitimate"),
    // Most SYN cookies are never answered.
    beyond(
        "syn-flood",
        "who sends them: sources are forged; the upstream router, or `tcpdump 'tcp[13] == 2'`",
    ),
    // Every handshake goes through a SYN cookie.
    rule("cookies-always"),
    // Connections made through SYN cookies lose SACK and window scaling.
    rule("cookies-without-timestamps"),
    // ACKs arrive that answer no SYN cookie.
    beyond(
        "cookie-acks-bogus",
        "whether they are forged, late or come by another path: `tcpdump` on every path",
    ),
    // Clients are reset after connect() succeeded.
    rule("abort-on-overflow"),
    // Clients believe that they are connected, and the server does not.
    rule("phantom-clients"),
    // SYN-ACKs are not answered, although no queue is full.
    beyond(
        "synack-unanswered",
        "whether the path back, a firewall or forged sources are to blame: `tcpdump` at the client",
    ),
    // Connects of this host are not answered.
    beyond(
        "client-side",
        "whether the peer, its full queue or the path drops them: `tcptune doctor` on the peer",
    ),
    // Fast Open is asked for, and no listener takes part.
    rule("fastopen-unused"),
    // More Fast Open requests wait than the listener allows.
    rule("fastopen-queue-full"),
    // Fast Open data is refused, or a path swallows it.
    beyond(
        "fastopen-refused",
        "whether keys differ behind one address: compare what each server was given",
    ),
    // A listener closed with connections that nobody took over.
    rule("listener-restart-loss"),
    // The local ports for one destination run out.
    beyond(
        "port-exhaustion",
        "no counter moves: EADDRNOTAVAIL in the log of the program",
    ),
    // TIME-WAITs are cut short, as there are too many.
    rule("time-wait-overflow"),
    // Packets are dropped before TCP sees them.
    beyond(
        "drops-before-tcp",
        "drops of the interface and of the switch: `ethtool -S`, and `tcpdump` on both sides",
    ),
    // TCP runs out of memory, or of orphans.
    rule("memory-pressure"),
    // Accept() has no file descriptor to give.
    beyond(
        "descriptors",
        "limits of other users' processes are told to root only: `/proc/PID/limits`",
    ),
    // The trouble is in another network namespace.
    rule("wrong-namespace"),
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
    sorted::by_key(&mut findings, |one| {
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
    sorted::set(inodes.filter(|inode| *inode != 0))
}
