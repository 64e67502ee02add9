//! The SYN queue: full with cookies off and on, floods, cookies that are not what they seem, SYN-ACKs that nobody answers.

use std::collections::BTreeSet;

use super::accept;
use super::finding::{Finding, Remedy, Severity};
use super::view::View;
use crate::model::handshake::syn_queue;
use crate::model::observation::Listener;

/// Unanswered cookies, or half-open requests, below which nothing is called a flood: scanners are everywhere.
const FLOOD: u64 = 16;

/// Half-open requests of one listener that are worth a word although no queue is full.
const UNANSWERED: u32 = 8;

/// ACKs for no cookie that are worth more than a note.
const BOGUS: u64 = 10;

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let off = view.number("net.ipv4.tcp_syncookies") == Some(0);
    let mut findings = Vec::new();
    if off {
        findings.extend(full(view));
        findings.extend(three_quarters(view));
    }
    findings.extend(cookies(view));
    findings.extend(always(view));
    findings.extend(bare(view));
    findings.extend(bogus(view));
    findings.extend(unanswered(view));
    findings
}

/// Half-open requests of a listener in the sample where it had most.
fn peak(view: &View<'_>, listener: &Listener) -> u32 {
    let counts = view
        .seen
        .samples
        .iter()
        .map(|sample| sample.half_open(listener));
    counts.max().unwrap_or(0)
}

/// The listener with most half-open requests, of those whose count is as wanted.
fn most<'a>(view: &'a View<'_>, wanted: fn(u32, &Listener) -> bool) -> Option<&'a Listener> {
    let counted = view.last.listeners.iter().map(|one| (peak(view, one), one));
    let some = counted.filter(|(count, one)| *count > 0 && wanted(*count, one));
    some.max_by_key(|(count, _)| *count)
        .map(|(_, listener)| listener)
}

/// Puts the listener whose SYN queue was full into a finding, if one was seen so.
fn with_full_one(view: &View<'_>, finding: Finding) -> Finding {
    // Give or take the request whose last timer just ran out.
    let Some(listener) = most(view, |count, listener| count >= listener.limit) else {
        return finding;
    };
    let peers = view
        .seen
        .samples
        .iter()
        .map(|sample| sample.half_open_peers(listener));
    finding
        .at(listener)
        .stood("half_open", peak(view, listener))
        .stood("peers", peers.max().unwrap_or(0) as u64)
}

fn full(view: &View<'_>) -> Option<Finding> {
    let drops = view.moved("TCPReqQFullDrop");
    if drops == 0 {
        return None;
    }
    let finding = Finding::new(
            "syn-queue-full",
            Severity::Critical,
            format!("{drops} SYNs met a full SYN queue and were dropped"),
            "a SYN queue holds min(backlog, somaxconn) + 1 requests, and without SYN cookies a full one keeps every \
             new client out (tcp_conn_request in net/ipv4/tcp_input.c)",
        )
        .moved(view, &["TCPReqQFullDrop", "ListenDrops"])
        .remedy(Remedy::exactly("net.ipv4.tcp_syncookies", 1));
    Some(with_full_one(view, finding))
}

/// Without cookies the last quarter of `tcp_max_syn_backlog` is kept for peers that are known, and no counter says so.
fn three_quarters(view: &View<'_>) -> Option<Finding> {
    let drops = view.other_drops();
    let backlog = view.number("net.ipv4.tcp_max_syn_backlog")?;
    let listener = most(view, |_, _| true).filter(|_| drops > 0)?;
    let holds = syn_queue(0, i128::from(u32::MAX), backlog);
    let most = peak(view, listener);
    // A request may have just died of its last timeout.
    if i128::from(most) + 1 < holds {
        return None;
    }
    let finding = Finding::new(
        "syn-backlog-three-quarters",
        Severity::Critical,
        format!(
            "{drops} SYNs were dropped with {most} half-open requests: tcp_max_syn_backlog {backlog} lets {holds} unknown peers in"
        ),
        "without SYN cookies the last quarter of tcp_max_syn_backlog is kept for peers that are known, and only ListenDrops \
         counts it (tcp_conn_request in net/ipv4/tcp_input.c); with cookies on it is not looked at",
    );
    Some(
        finding
            .at(listener)
            .moved(view, &["ListenDrops"])
            .stood("half_open", most)
            .remedy(Remedy::exactly("net.ipv4.tcp_syncookies", 1)),
    )
}

/// A SYN queue that overflows into cookies: by clients that answer, or by sources that do not exist.
fn cookies(view: &View<'_>) -> Option<Finding> {
    let sent = view.moved("SyncookiesSent");
    let answered = view.moved("SyncookiesRecv");
    if sent == 0 {
        return None;
    }
    let always = view.number("net.ipv4.tcp_syncookies") == Some(2);
    let unanswered = sent.saturating_sub(answered);
    let names = ["SyncookiesSent", "SyncookiesRecv", "TCPReqQFullDoCookies"];
    if view.is_long() && unanswered >= FLOOD && answered * 2 < sent {
        let retries = view
            .number("net.ipv4.tcp_synack_retries")
            .filter(|retries| *retries > 2);
        let finding = Finding::new(
            "syn-flood",
            Severity::Warning,
            format!("{sent} SYN cookies were sent and {answered} answered"),
            "the SYN queue is full of requests that nobody completes; SYN cookies keep clients coming in meanwhile",
        )
        .moved(view, &names)
        .remedy(retries.and_then(|_| Remedy::exactly("net.ipv4.tcp_synack_retries", 2)))
        .remedy([Remedy::action("filter upstream: cookies cost an answer to every forged SYN")]);
        return Some(with_full_one(view, finding));
    }
    if always {
        return None;
    }
    let finding = Finding::new(
            "syn-queue-cookies-legitimate",
            Severity::Warning,
            format!("{sent} SYNs met a full SYN queue and got a cookie, {answered} of them came back"),
            "the SYN queue is as long as the accept queue, min(backlog, somaxconn) + 1; tcp_max_syn_backlog is not looked at",
        )
        .moved(view, &names);
    let finding = with_full_one(view, finding);
    let steps = match finding.listener {
        // Whatever caps the accept queue caps this one.
        Some(listener) => accept::longer(view, &listener),
        None => vec![Remedy::action(
            "a longer backlog for the listener that the clients come to",
        )],
    };
    Some(finding.remedy(steps))
}

fn always(view: &View<'_>) -> Option<Finding> {
    if view.number("net.ipv4.tcp_syncookies") != Some(2) {
        return None;
    }
    let finding = Finding::new(
        "cookies-always",
        Severity::Warning,
        "tcp_syncookies is 2: no request is remembered, and no SYN-ACK is sent again".to_owned(),
        "2 is for testing: every handshake goes through a cookie, whether the SYN queue is full or not",
    );
    Some(
        finding
            .moved(view, &["TCPReqQFullDoCookies", "SyncookiesSent"])
            .remedy(Remedy::exactly("net.ipv4.tcp_syncookies", 1)),
    )
}

fn bare(view: &View<'_>) -> Option<Finding> {
    let made = view.moved("SyncookiesRecv");
    if made == 0 || view.number("net.ipv4.tcp_timestamps") != Some(0) {
        return None;
    }
    let finding = Finding::new(
        "cookies-without-timestamps",
        Severity::Warning,
        format!(
            "{made} connections were made through SYN cookies, without SACK and window scaling"
        ),
        "a cookie has room for the segment size only; the other options ride in the timestamp, and tcp_timestamps is 0 \
         (cookie_init_timestamp in net/ipv4/syncookies.c)",
    );
    Some(
        finding
            .moved(view, &["SyncookiesRecv"])
            .remedy(Remedy::exactly("net.ipv4.tcp_timestamps", 1)),
    )
}

fn bogus(view: &View<'_>) -> Option<Finding> {
    let failed = view.moved("SyncookiesFailed");
    // Some of the cookies that are answered come too late.
    if failed == 0 || view.moved("SyncookiesSent") >= failed {
        return None;
    }
    let severity = if failed >= BOGUS {
        Severity::Warning
    } else {
        Severity::Info
    };
    let finding = Finding::new(
        "cookie-acks-bogus",
        severity,
        format!("{failed} ACKs came to listeners that had not sent such a cookie"),
        "an ACK flood, a path that only one direction takes, or clients of a server that restarted; no key changes it",
    );
    Some(
        finding
            .moved(view, &["SyncookiesFailed", "SyncookiesSent"])
            .remedy([Remedy::action(
                "look where they come from; each is answered with RST",
            )]),
    )
}

/// SYN-ACKs that are sent again and again, while no queue is full; and drops that only a missing way back explains.
fn unanswered(view: &View<'_>) -> Vec<Finding> {
    let cookies = view.moved("SyncookiesSent") > 0;
    let lost = view.other_drops();
    let no_way = view.moved("IpOutNoRoutes");
    if lost > 0 && no_way > 0 && !cookies {
        let finding = Finding::new(
            "synack-unanswered",
            Severity::Warning,
            format!("{lost} SYNs were dropped, as no route leads back to where they came from"),
            "a listener drops a SYN whose SYN-ACK cannot be sent",
        );
        let steps = [Remedy::action("a route back to these addresses")];
        return vec![
            finding
                .moved(view, &["IpOutNoRoutes", "ListenDrops"])
                .remedy(steps),
        ];
    }
    if view.moved("ListenDrops") > 0 || cookies || view.moved("TCPSynRetrans") == 0 {
        return Vec::new();
    }
    let mut addresses = BTreeSet::new();
    // Listeners that share an address share its requests.
    let each = view
        .last
        .listeners
        .iter()
        .filter(|one| addresses.insert(one.address));
    each.filter_map(|listener| of_address(view, listener))
        .collect()
}

fn of_address(view: &View<'_>, listener: &Listener) -> Option<Finding> {
    let (half_open, again) = view.last.half_open_at(listener);
    // Scanners are everywhere: it must be many, also beside the clients that come in.
    let many = again >= UNANSWERED && u64::from(again) * 10 >= view.moved("TcpPassiveOpens");
    if !many || listener.is_full() {
        return None;
    }
    let peers = view.last.half_open_peers(listener);
    let finding = Finding::new(
        "synack-unanswered",
        Severity::Warning,
        format!(
            "{again} of {half_open} half-open requests had their SYN-ACK sent again, from {peers} addresses"
        ),
        "the SYN-ACK or its answer is lost: the path back, a firewall, or forged sources; tcp_synack_retries only \
         says how long such a request stays",
    );
    let steps = [Remedy::action(
        "follow the path of the SYN-ACK back to one of these addresses",
    )];
    Some(
        finding
            .at(listener)
            .moved(view, &["TCPSynRetrans", "TCPTimeouts"])
            .stood("half_open", half_open)
            .stood("peers", peers as u64)
            .remedy(steps),
    )
}
