//! This host as a client: connects that nobody answers, local ports that run out, TIME-WAITs that are cut short.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use super::finding::{Finding, Remedy, Severity};
use super::view::View;
use crate::model::handshake::{View as Values, seconds};
use crate::model::observation::{Dialling, Sample};

/// Connects without an answer that are worth more than a note.
const SILENT: u32 = 4;

/// Refused connects that are worth a note.
const REFUSED: u64 = 16;

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let all = [silent(view), ports(view), time_waits(view)];
    all.into_iter().flatten().collect()
}

/// Connects that go elsewhere, and had to send their SYN again.
fn silent(view: &View<'_>) -> Option<Finding> {
    let elsewhere = |sample: &Sample| -> (u32, Option<(SocketAddr, Dialling)>) {
        let ours = |to: &SocketAddr| {
            let mut listeners = view.last.listeners.iter();
            listeners.any(|one| one.hears(to.ip(), to.port()))
        };
        let dialling = sample
            .dialling
            .iter()
            .filter(|(to, one)| one.again > 0 && !ours(to));
        let dialling: Vec<(SocketAddr, Dialling)> = dialling.map(|(to, one)| (*to, *one)).collect();
        let sum = dialling.iter().map(|(_, one)| one.again).sum();
        (sum, dialling.into_iter().max_by_key(|(_, one)| one.again))
    };
    let (again, most) = elsewhere(view.last);
    let given_up = view
        .moved("TCPAbortOnTimeout")
        .min(view.moved("TcpAttemptFails"));
    let names = [
        "TcpActiveOpens",
        "TcpAttemptFails",
        "TCPAbortOnTimeout",
        "TCPSynRetrans",
    ];
    if let Some((to, _)) = most {
        let bad = again >= SILENT || given_up >= u64::from(SILENT);
        let severity = if bad {
            Severity::Warning
        } else {
            Severity::Info
        };
        let fails = Values(&view.seen.values).syn().map(|line| line.give_up_ms);
        let until = fails.map_or_else(String::new, |ms| {
            format!(", until connect() fails after {} s", seconds(ms))
        });
        let finding = Finding::new(
            "client-side",
            severity,
            format!("{again} connects had no answer to their SYN, most of them to {to}"),
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
    let opens = view.moved("TcpActiveOpens");
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

fn ports(view: &View<'_>) -> Option<Finding> {
    let (low, high) = range(view)?;
    let reserved = reserved(view)
        .into_iter()
        .filter(|port| (low..=high).contains(port));
    let ports = u32::from(high) + 1 - u32::from(low) - u32::try_from(reserved.count()).ok()?;
    let (route, taken) = view.last.routes.iter().max_by_key(|(_, taken)| **taken)?;
    if u64::from(*taken) * 10 < u64::from(ports) * 9 {
        return None;
    }
    let severity = if *taken >= ports {
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
        "every connection to one destination needs a local port of its own, for the 60 s of TIME-WAIT too; the next \
         connect() fails with EADDRNOTAVAIL, and no counter moves",
    );
    Some(
        finding
            .stood("ports_taken", *taken)
            .stood("ports", ports)
            .stood("time_wait", view.last.sockets.time_wait)
            .remedy(Remedy::text("net.ipv4.ip_local_port_range", "1024 65535").filter(|_| low > 1024 || high < 65535))
            .remedy([Remedy::action(
                "keep connections and use them again; tcp_tw_reuse = 1 lets new ones take ports in TIME-WAIT",
            )]),
    )
}

fn range(view: &View<'_>) -> Option<(u16, u16)> {
    let (low, high) = view.text("net.ipv4.ip_local_port_range").split_once(' ')?;
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

/// Ports that connect() never chooses: `8080,9000-9003`.
fn reserved(view: &View<'_>) -> BTreeSet<u16> {
    let text = view.text("net.ipv4.ip_local_reserved_ports");
    let parts = text.split(',').filter_map(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        Some(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?)
    });
    parts.flatten().collect()
}

fn time_waits(view: &View<'_>) -> Option<Finding> {
    let cut = view.moved("TCPTimeWaitOverflow");
    if cut == 0 {
        return None;
    }
    let limit = view.number("net.ipv4.tcp_max_tw_buckets")?;
    // What stands there, and what a minute of this would add: a TIME-WAIT lasts 60 s (TCP_TIMEWAIT_LEN).
    let a_minute = u128::from(cut) * 60_000 / u128::from(view.window_ms().max(1));
    let wanted = u128::from(view.last.sockets.time_wait) + a_minute;
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
