//! What is lost outside the two queues: restarts, drops before TCP, memory, and trouble in another namespace.

use super::finding::{Finding, Remedy, Severity};
use super::view::View;
use crate::model::counters::Counters;
use crate::model::observation::{Listener, Neighbour};
use crate::model::printable::shell_word;

/// Counters of another namespace that speak of its queues.
const QUEUES: [&str; 2] = ["ListenOverflows", "ListenDrops"];

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let all = [
        restart(view),
        conntrack(view),
        cpus(view),
        reverse_path(view),
        memory(view),
    ];
    all.into_iter().flatten().collect()
}

/// A listener that closed with connections waiting: they are reset, or move over to another at its address.
fn restart(view: &View<'_>) -> Option<Finding> {
    let failed = view.moved("TCPMigrateReqFailure");
    let reset = view.moved("TcpEstabResets");
    // What waited in the last sample that has it, and whether another listened at its address then.
    let gone = view.seen.samples.windows(2).flat_map(|pair| {
        let [sample, next] = pair else {
            return Vec::new();
        };
        let gone = sample.listeners.iter().filter(|one| !view.track(one).lasts);
        let gone = gone.filter(|one| one.queued > 0 && next.listener(one.cookie).is_none());
        let shared = |gone: &Listener| {
            let mut others = next.listeners.iter();
            others.any(|one| one.address == gone.address && sample.listener(one.cookie).is_some())
        };
        gone.map(|one| (one, shared(one))).collect()
    });
    let lost = gone.max_by_key(|(one, _)| one.queued);
    // Each is reset at the close; a few may have come or gone since that sample.
    let lost = lost.filter(|(one, _)| reset * 2 >= u64::from(one.queued));
    let migrates = view.number("net.ipv4.tcp_migrate_req");
    if failed == 0 && lost.is_none() {
        return None;
    }
    let names = [
        "TcpEstabResets",
        "TcpOutRsts",
        "TCPMigrateReqSuccess",
        "TCPMigrateReqFailure",
    ];
    let message = match lost {
        Some((one, true)) => format!(
            "a listener closed with {} connections waiting, while another kept its address",
            one.queued
        ),
        Some((one, false)) => format!("a listener closed with {} connections waiting", one.queued),
        None => format!("{failed} connections of a closed listener found nobody to take them over"),
    };
    let finding = Finding::new(
        "listener-restart-loss",
        Severity::Warning,
        message,
        "what waits with a closing listener is reset, unless tcp_migrate_req hands it to another one of its SO_REUSEPORT \
             group (inet_csk_listen_stop in net/ipv4/inet_connection_sock.c)",
    )
    .moved(view, &names);
    let finding = match lost {
        Some((listener, _)) => finding.at(listener).stood("waited", listener.queued),
        None => finding,
    };
    let shared = lost.is_some_and(|(_, shared)| shared);
    let step = match migrates {
        Some(0) if shared => Remedy::exactly("net.ipv4.tcp_migrate_req", 1),
        _ => Some(Remedy::action(
            "start the new listener, with SO_REUSEPORT, before the old one closes, or hand the socket over",
        )),
    };
    Some(finding.remedy(step))
}

/// Connection tracking without room drops a SYN before TCP sees it.
fn conntrack(view: &View<'_>) -> Option<Finding> {
    let names = [
        "conntrack_drop",
        "conntrack_early_drop",
        "conntrack_insert_failed",
    ];
    let dropped: u64 = names.iter().map(|name| view.moved(name)).sum();
    if dropped == 0 {
        return None;
    }
    let (count, max) = (
        view.number("net.netfilter.nf_conntrack_count"),
        view.number("net.netfilter.nf_conntrack_max"),
    );
    let full = count.zip(max).filter(|(count, max)| count * 20 >= max * 19);
    let message = match full {
        Some((count, max)) => {
            format!("connection tracking dropped {dropped} packets: it tracks {count} of {max}")
        }
        None => format!("connection tracking dropped {dropped} packets"),
    };
    let step = match full {
        Some((_, max)) => Remedy::at_least("net.netfilter.nf_conntrack_max", max * 2),
        None => Some(Remedy::action(
            "look at the rules and at the races of `conntrack -S`; there is room left",
        )),
    };
    let finding = Finding::new(
        "drops-before-tcp",
        Severity::Warning,
        message,
        "a packet that cannot be tracked is dropped, and no counter of TCP moves",
    );
    Some(finding.moved(view, &names).remedy(step))
}

fn cpus(view: &View<'_>) -> Option<Finding> {
    let dropped = view.moved("softnet_dropped");
    if dropped == 0 {
        return None;
    }
    let wanted = view.number("net.core.netdev_max_backlog").unwrap_or(1000) * 2;
    let finding = Finding::new(
        "drops-before-tcp",
        Severity::Warning,
        format!("{dropped} packets met a full queue between driver and protocol stack"),
        "above netdev_max_backlog a CPU drops what arrives (enqueue_to_backlog in net/core/dev.c)",
    );
    Some(
        finding
            .moved(view, &["softnet_dropped"])
            .remedy(Remedy::at_least("net.core.netdev_max_backlog", wanted)),
    )
}

fn reverse_path(view: &View<'_>) -> Option<Finding> {
    let dropped = view.moved("IPReversePathFilter");
    if dropped == 0 {
        return None;
    }
    let finding = Finding::new(
        "drops-before-tcp",
        Severity::Warning,
        format!("{dropped} packets came from where no route leads back"),
        "with rp_filter a packet is dropped whose source is not reached through the interface that it came by (RFC 3704)",
    );
    Some(
        finding
            .moved(view, &["IPReversePathFilter"])
            .remedy([Remedy::action(
                "look at the routes of both directions, and at net.ipv4.conf.*.rp_filter",
            )]),
    )
}

fn memory(view: &View<'_>) -> Option<Finding> {
    let aborted = view.moved("TCPAbortOnMemory");
    let pressed = view.moved("TCPMemoryPressures");
    if aborted + pressed == 0 {
        return None;
    }
    let severity = if aborted > 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let sockets = view.last.sockets;
    let orphans = view
        .number("net.ipv4.tcp_max_orphans")
        .filter(|max| i128::from(sockets.orphans) * 10 >= max * 9);
    let step = match orphans {
        Some(max) => Remedy::at_least("net.ipv4.tcp_max_orphans", max * 2),
        None => Some(Remedy::action(
            "fewer or smaller buffers (tcp_rmem, tcp_wmem), or more pages in tcp_mem of the host",
        )),
    };
    let finding = Finding::new(
        "memory-pressure",
        severity,
        format!(
            "{aborted} connections were reset for want of memory, {pressed} times buffers had to shrink"
        ),
        "above tcp_mem, and above tcp_max_orphans, the kernel resets connections that nobody reads (tcp_out_of_resources \
         in net/ipv4/tcp_timer.c)",
    );
    Some(
        finding
            .moved(view, &["TCPAbortOnMemory", "TCPMemoryPressures"])
            .stood("orphans", sockets.orphans)
            .stood("pages", sockets.pages)
            .remedy(step),
    )
}

/// Trouble next door, while nothing is wrong with the queues here.
pub(super) fn wrong_namespace(view: &View<'_>, findings: &[Finding]) -> Vec<Finding> {
    let here = |one: &Finding| one.listener.is_some() && one.severity > Severity::Info;
    if findings.iter().any(here) {
        return Vec::new();
    }
    let troubled = |one: &&Neighbour| queues(&one.deltas) > 0;
    let found = |one: &Neighbour| {
        let lost = queues(&one.deltas);
        let mut finding = Finding::new(
            "wrong-namespace",
            Severity::Warning,
            format!(
                "the queues of {} ({}) overflowed {lost} times, and those of this namespace did not",
                one.name, one.process
            ),
            "counters, queues and most handshake keys belong to a network namespace, and none of this one's reach another",
        );
        for name in QUEUES {
            if let Some(count) = one.deltas.get(name).filter(|count| *count > 0) {
                finding = finding.counted(name, count);
            }
        }
        let look = Remedy::Action {
            what: "look there".to_owned(),
            command: Some(format!("tcptune doctor --netns {}", shell_word(&one.name))),
        };
        finding.remedy([look])
    };
    view.seen
        .neighbours
        .iter()
        .filter(troubled)
        .map(found)
        .collect()
}

fn queues(deltas: &Counters) -> u64 {
    let of = |name| deltas.get(name).unwrap_or(0);
    of("ListenDrops").max(of("ListenOverflows"))
}
