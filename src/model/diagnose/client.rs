//! This host as a client: connects that nobody answers, local ports that run out, TIME-WAITs that are cut short.

use core::net::SocketAddr;

use super::finding::{Finding, Remedy, Severity};
use super::view::View;
use crate::model::handshake::{View as Values, seconds};
use crate::model::observation::{Ports, Route};
use crate::model::ports::LocalPorts;

/// Connects without an answer that are worth more than a note.
const SILENT: u64 = 4;

/// Refused connects that are worth a note.
const REFUSED: u64 = 16;

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let all = [silent(view), ports(view), time_waits(view)];
    all.into_iter().flatten().collect()
}

/// Connects that go elsewhere and have no answer: they sent their SYN again in some sample, or gave up.
fn silent(view: &View<'_>) -> Option<Finding> {
    let mut worst: Option<(u32, SocketAddr)> = None;
    let mut again = 0;
    for sample in &view.seen.samples {
        let elsewhere = sample
            .dialling
            .iter()
            .filter(|(to, one)| one.again > 0 && !is_ours(view, to));
        let elsewhere: Vec<(u32, SocketAddr)> =
            elsewhere.map(|(to, one)| (one.again, *to)).collect();
        again = again.max(elsewhere.iter().map(|(count, _)| count).sum());
        worst = worst.into_iter().chain(elsewhere).max();
    }
    let given_up = view
        .moved("TCPAbortOnTimeout")
        .min(view.moved("TcpAttemptFails"));
    let opens = view.moved("TcpActiveOpens");
    let names = [
        "TcpActiveOpens",
        "TcpAttemptFails",
        "TCPAbortOnTimeout",
        "TCPSynRetrans",
    ];
    if worst.is_some() || given_up > 0 {
        // One probe of a dead host is ordinary, also beside many connects that succeed.
        let count = u64::from(again) + given_up;
        let many = count >= SILENT && count * 20 >= opens;
        let severity = if many {
            Severity::Warning
        } else {
            Severity::Info
        };
        let fails = Values(&view.seen.values).syn().map(|line| line.give_up_ms);
        let until = fails.map_or_else(String::new, |ms| {
            format!(", until connect() fails after {} s", seconds(ms))
        });
        let message = match worst {
            Some((_, to)) => format!(
                "{again} connects had no answer to their SYN, most of them to {to}; {given_up} gave up"
            ),
            None => format!("{given_up} connects gave up without an answer to their SYN"),
        };
        let finding = Finding::new(
            "client-side",
            severity,
            message,
            format!(
                "the peer, its full accept queue or the path drops the SYN; tcp_syn_retries sends it again{until}"
            ),
        );
        let steps = [Remedy::action(
            "look at the peer; for a shorter wait the program's own timeout is better than tcp_syn_retries",
        )];
        return Some(
            finding
                .moved(view, &names)
                .stood("unanswered", again)
                .remedy(steps),
        );
    }
    // A peer's RST to a half-open request is a failed attempt as well, of the peer.
    let theirs = given_up + view.moved("EmbryonicRsts");
    let refused = view.moved("TcpAttemptFails").saturating_sub(theirs);
    let many = refused >= REFUSED && refused * 2 > opens && opens > 0;
    many.then(|| {
        Finding::new(
            "client-side",
            Severity::Info,
            format!("{refused} connects were refused"),
            "the peer answered with RST: nothing listens there; no key changes it",
        )
        .moved(view, &names)
        .remedy([Remedy::action(
            "look whether the service that is asked for runs",
        )])
    })
}

/// Whether a destination is a listener of this very namespace, where the cause is looked for then.
fn is_ours(view: &View<'_>, to: &SocketAddr) -> bool {
    let local = to.ip().is_loopback() || view.seen.addresses.contains(&to.ip());
    let mut listeners = view.last.listeners.iter();
    local && listeners.any(|one| one.hears(to.ip(), to.port()))
}

fn ports(view: &View<'_>) -> Option<Finding> {
    let local = LocalPorts::of(&view.seen.values)?;
    let ports = local.count;
    // A port in TIME-WAIT is free where it may be used again (`tcp_twsk_unique` in net/ipv4/tcp_ipv4.c).
    let stamps = view.number("net.ipv4.tcp_timestamps") != Some(0);
    let reuse = view
        .number("net.ipv4.tcp_tw_reuse")
        .filter(|_| stamps)
        .unwrap_or(0);
    let taken = |(route, ports): (&Route, &Ports)| {
        let free_again = reuse == 1 || (reuse == 2 && route.to.ip().is_loopback());
        let waiting = if free_again { 0 } else { ports.waiting };
        (ports.held + waiting, ports.waiting, *route)
    };
    let (taken, waiting, route) = view.last.routes.iter().map(taken).max()?;
    if u64::from(taken) * 10 < u64::from(ports) * 9 {
        return None;
    }
    let severity = if taken >= ports {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let finding = Finding::new(
        "port-exhaustion",
        severity,
        format!(
            "{taken} of {ports} local ports are taken from {} to {}",
            route.from, route.to
        ),
        "every connection to one destination needs a local port of its own; without one connect() fails with \
         EADDRNOTAVAIL, and no counter moves",
    );
    let wider =
        wider(view, local).and_then(|range| Remedy::text("net.ipv4.ip_local_port_range", &range));
    let step = match waiting {
        0 => "keep connections and use them again",
        _ => {
            "keep connections and use them again; with tcp_tw_reuse = 1 new ones take ports that are in TIME-WAIT for a second"
        }
    };
    Some(
        finding
            .stood("ports_taken", taken)
            .stood("ports", ports)
            .stood("time_wait", waiting)
            .remedy(wider)
            .remedy([Remedy::action(step)]),
    )
}

/// A wider range that takes no port from a listener: connect() would get it while that restarts. Nothing if there is
/// none that is worth it.
fn wider(view: &View<'_>, local: LocalPorts) -> Option<String> {
    let LocalPorts { low, high, .. } = local;
    let lowest = view
        .number("net.ipv4.ip_unprivileged_port_start")
        .unwrap_or(1024)
        .max(1024);
    let listening = || view.last.listeners.iter().map(|one| one.address.port());
    let below = listening().filter(|port| *port < low).max().unwrap_or(0);
    let above = listening().filter(|port| *port > high).min();
    let from = i128::from(below + 1).max(lowest).min(low.into());
    let to = above.map_or(u16::MAX, |port| port - 1);
    let more = i128::from(low) - from + i128::from(to - high);
    (more * 10 >= i128::from(high - low)).then(|| format!("{from} {to}"))
}

fn time_waits(view: &View<'_>) -> Option<Finding> {
    let cut = view.moved("TCPTimeWaitOverflow");
    if cut == 0 {
        return None;
    }
    let limit = view.number("net.ipv4.tcp_max_tw_buckets")?;
    // What stands there, and what a minute of this would add: a TIME-WAIT lasts 60 s (TCP_TIMEWAIT_LEN).
    let a_minute = u128::from(cut) * 60_000 / u128::from(view.window_ms.max(1));
    let wanted = u128::from(view.last.sockets.time_wait) + a_minute;
    let wanted = wanted.max(u128::try_from(limit).unwrap_or(0) * 2);
    let wanted = wanted.max(4096).next_power_of_two().min(1 << 30);
    let finding = Finding::new(
        "time-wait-overflow",
        Severity::Warning,
        format!("{cut} connections ended without TIME-WAIT: tcp_max_tw_buckets is {limit}"),
        "without it, a late segment of the old connection can reach a new one, and a lost last ACK is answered with RST",
    );
    Some(
        finding
            .moved(view, &["TCPTimeWaitOverflow"])
            .stood("time_wait", view.last.sockets.time_wait)
            .remedy(Remedy::at_least(
                "net.ipv4.tcp_max_tw_buckets",
                i128::try_from(wanted).ok()?,
            )),
    )
}
