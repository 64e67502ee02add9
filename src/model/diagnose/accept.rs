//! The accept queue: overflows now and in the past, whose limit it is, who is too slow, and who pays for it.

use super::application;
use super::finding::{Finding, Remedy, Severity};
use super::view::{Track, View};
use crate::model::observation::Listener;

/// Samples that it takes to call something persistent.
const PERSISTENT: usize = 3;

/// The default of `somaxconn` since 5.4. A listener that has it as its limit may be one of before, or have asked for it.
const DEFAULT: u32 = 4096;

/// What a listener suffers from.
enum Ill {
    /// It has overflowed, and drains between bursts.
    Burst,
    /// It is full all the time.
    Slow { overflows: bool },
}

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ill = Vec::new();
    for listener in &view.last.listeners {
        let track = view.track(listener);
        let Some(kind) = illness(view, listener, track) else {
            continue;
        };
        findings.push(match kind {
            Ill::Slow { overflows } => out_of_files(view, listener, track, overflows)
                .unwrap_or_else(|| slow(view, listener, track, overflows)),
            Ill::Burst => out_of_files(view, listener, track, true)
                .unwrap_or_else(|| burst(view, listener, track)),
        });
        ill.push(listener);
    }
    if !findings
        .iter()
        .any(|one| one.severity == Severity::Critical)
    {
        findings.extend(unclaimed(view));
    }
    findings.extend(abort(view, &ill));
    findings.extend(phantoms(view));
    findings.extend(past(view));
    findings
}

fn illness(view: &View<'_>, listener: &Listener, track: Track) -> Option<Ill> {
    let overflows = overflows(view, listener, track);
    let holds = u64::from(listener.limit) + 1;
    // Three quarters of what it holds, in every one of several samples: a program that accepts slowly makes room now and then.
    let lasts = track.seen >= PERSISTENT && view.is_long();
    let full = lasts && track.least > 0 && u64::from(track.least) * 4 >= holds * 3;
    match (full, overflows) {
        (true, overflows) => Some(Ill::Slow { overflows }),
        (false, true) => Some(Ill::Burst),
        (false, false) => None,
    }
}

/// Whether this listener overflowed during the window. Its drops are those of both queues, and resets of half-open
/// requests count among them too: so either they add up with what the namespace counted, or it must have been seen full.
fn overflows(view: &View<'_>, listener: &Listener, track: Track) -> bool {
    // Most listeners drop nothing.
    if track.drops == 0 {
        return false;
    }
    let only_overflows = view.moved("ListenDrops") <= view.moved("ListenOverflows");
    let full = track.peak > listener.limit;
    view.moved("ListenOverflows") > 0 && (full || (only_overflows && view.drops_add_up()))
}

/// The words for a queue and what it lost.
fn state(view: &View<'_>, listener: &Listener, track: Track) -> String {
    let holds = u64::from(listener.limit) + 1;
    let mut text = match track.peak {
        0 => format!("its queue of {holds} overflowed between two looks"),
        peak => format!("{peak} of {holds} seen waiting"),
    };
    if track.drops > 0 {
        text += &format!(", {} segments dropped", track.drops);
    }
    if let Some(depth) = view.depth(u64::from(listener.limit)) {
        text += &format!("; {depth}");
    }
    text
}

const DROPS: &str = "a full accept queue drops every SYN and every final ACK, each time it is sent again \
                     (tcp_conn_request in net/ipv4/tcp_input.c)";

fn burst(view: &View<'_>, listener: &Listener, track: Track) -> Finding {
    let somaxconn = view.somaxconn();
    let owner = view.owner(listener);
    let limit = listener.limit;
    let below = somaxconn.filter(|somaxconn| limit < *somaxconn);
    let (rule, cause) = match (somaxconn, below) {
        (_, Some(somaxconn)) if view.seen.former.contains(&limit) => (
            STALE,
            format!(
                "its limit {limit} is a somaxconn of before, and a listener takes the new one, {somaxconn}, only when it \
                 calls listen() again"
            ),
        ),
        (_, Some(somaxconn)) if limit == DEFAULT || owner.is_some_and(|owner| owner.go) => (
            STALE,
            format!(
                "its limit {limit} is probably a somaxconn of before, now {somaxconn}, unless the program asked for just \
                 that: `strace -e trace=listen` tells"
            ),
        ),
        (_, Some(somaxconn)) => (
            "accept-queue-app-backlog",
            format!(
                "the limit {limit} is what the program asked for: somaxconn is {somaxconn}, and raising it does nothing"
            ),
        ),
        (Some(somaxconn), None) => (
            "accept-queue-somaxconn",
            format!("somaxconn, now {somaxconn}, caps whatever a program asks for"),
        ),
        (None, None) => (
            "accept-queue-app-backlog",
            "whether the program or somaxconn set the limit is not known here".to_owned(),
        ),
    };
    let steps = match rule {
        STALE => vec![Remedy::action(application::relisten(owner))],
        _ => longer(view, listener),
    };
    let message = state(view, listener, track);
    let finding = Finding::new(
        rule,
        Severity::Critical,
        message,
        format!("{DROPS}; {cause}"),
    );
    evidence(view, finding.remedy(steps), listener, track)
}

const STALE: &str = "listener-stale";

/// What makes both queues of a listener four times as long: the program's backlog, or the `somaxconn` that caps it.
pub(super) fn longer(view: &View<'_>, listener: &Listener) -> Vec<Remedy> {
    let owner = view.owner(listener);
    let wanted = listener.limit.saturating_mul(4).max(DEFAULT);
    match view.somaxconn() {
        Some(somaxconn) if listener.limit >= somaxconn => {
            let key = Remedy::at_least("net.core.somaxconn", wanted);
            let again = Remedy::action(application::relisten(owner));
            key.into_iter().chain([again]).collect()
        }
        somaxconn => {
            let most = somaxconn.unwrap_or(u32::MAX);
            vec![application::longer(owner, listener, wanted.min(most))]
        }
    }
}

/// Overflows that no listener claims: it closed, or was not seen full and others dropped something else meanwhile.
fn unclaimed(view: &View<'_>) -> Option<Finding> {
    let count = view.moved("ListenOverflows");
    (count > 0).then(|| {
        Finding::new(
            "overflow-past",
            Severity::Warning,
            format!("accept queues overflowed {count} times within the window, and it was not seen whose"),
            "a burst between two looks, or a listener that closed since; counted are segments, not clients",
        )
        .moved(view, &["ListenOverflows", "ListenDrops"])
        .remedy([Remedy::action("look again, longer")])
    })
}

fn evidence(view: &View<'_>, finding: Finding, listener: &Listener, track: Track) -> Finding {
    finding
        .at(listener)
        .moved(view, &["ListenOverflows", "ListenDrops"])
        .counted("drops", track.drops)
        .stood("queued", track.peak)
}

fn slow(view: &View<'_>, listener: &Listener, track: Track, overflows: bool) -> Finding {
    let severity = if overflows {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let accepted = view.rates.map_or(0.0, |rates| rates.accepted);
    let message = format!(
        "never fewer than {} waited in {} samples; {}",
        track.least,
        track.seen,
        state(view, listener, track)
    );
    let cause = format!(
        "connections come faster than accept() takes them, {accepted:.0}/s by all listeners here: a longer queue only delays them"
    );
    let finding = Finding::new("application-slow", severity, message, cause)
        .stood("least_queued", track.least)
        .remedy([Remedy::action(
            "accept faster: more workers or threads, or find out what keeps it from accept()",
        )]);
    evidence(view, finding, listener, track)
}

/// `accept()` fails with EMFILE or ENFILE, and the connection stays in the queue.
fn out_of_files(
    view: &View<'_>,
    listener: &Listener,
    track: Track,
    overflows: bool,
) -> Option<Finding> {
    let owner = view.owner(listener)?;
    let files = owner.files.filter(|files| files.open >= files.soft)?;
    let severity = if overflows {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let message = format!(
        "all {} files that pid {} may have are open; {}",
        files.soft,
        files.pid,
        state(view, listener, track)
    );
    let more = files.soft.saturating_mul(4).min(files.hard);
    let finding = Finding::new(
        "descriptors",
        severity,
        message,
        "accept() fails with EMFILE and leaves the connection in the queue (accept(2))",
    )
    .stood("open_files", files.open)
    .remedy([Remedy::Action {
        what: "more files for it: `LimitNOFILE=` in its unit, or at once as far as its hard limit allows".to_owned(),
        command: (more > files.soft).then(|| format!("prlimit --pid {} --nofile={more}:", files.pid)),
    }]);
    Some(evidence(view, finding, listener, track))
}

/// Requests that were half-open before the queue filled, and whose final ACK met it full.
fn abort(view: &View<'_>, ill: &[&Listener]) -> Option<Finding> {
    // A peer's RST to a half-open request counts as embryonic too, but also as an attempt that failed, and sends none.
    let by_peers = view.moved("TcpAttemptFails");
    let reset = view
        .moved("EmbryonicRsts")
        .saturating_sub(by_peers)
        .min(view.moved("TcpOutRsts"));
    if !view.aborts() || reset == 0 || view.moved("ListenOverflows") == 0 {
        return None;
    }
    let message = format!("{reset} handshakes were reset at their final ACK");
    let finding = Finding::new(
        "abort-on-overflow",
        Severity::Critical,
        message,
        "with tcp_abort_on_overflow a final ACK that meets a full accept queue is answered with RST, after connect() \
         succeeded at the client (tcp_check_req in net/ipv4/tcp_minisocks.c)",
    );
    let finding = match ill {
        [only] => finding.at(only),
        _ => finding,
    };
    let steps = [
        Remedy::exactly("net.ipv4.tcp_abort_on_overflow", 0),
        Some(Remedy::action(
            "then mend the queue itself: see the other findings",
        )),
    ];
    Some(
        finding
            .moved(view, &["EmbryonicRsts", "ListenOverflows", "TcpOutRsts"])
            .remedy(steps.into_iter().flatten()),
    )
}

/// Half-open requests that outlive the window at a full queue: their final ACKs were dropped.
fn phantoms(view: &View<'_>) -> Vec<Finding> {
    if view.aborts() || view.moved("ListenOverflows") == 0 || view.moved("TCPSynRetrans") == 0 {
        return Vec::new();
    }
    let phantom = |listener: &Listener| {
        let again = view
            .seen
            .samples
            .iter()
            .map(|sample| sample.half_open_again(listener));
        let again = again.max().unwrap_or(0);
        let was_full = view.track(listener).peak > listener.limit;
        (again > 0 && was_full).then(|| {
            let finding = Finding::new(
                "phantom-clients",
                Severity::Warning,
                format!("{again} half-open requests had their SYN-ACK sent again, at a full accept queue"),
                "final ACKs that meet a full queue are dropped: connect() succeeded at such a client, and this host does not \
                 know the connection until the queue drains or tcp_synack_retries gives up",
            );
            finding
                .at(listener)
                .moved(view, &["ListenOverflows", "TCPSynRetrans"])
                .stood("half_open", view.last.half_open(listener))
                .remedy([Remedy::action("mend the queue itself: see the other findings")])
        })
    };
    view.last.listeners.iter().filter_map(phantom).collect()
}

/// History: said, but nothing is recommended from it.
fn past(view: &View<'_>) -> Option<Finding> {
    let total = view
        .last
        .counters
        .get("ListenOverflows")
        .filter(|total| *total > 0)?;
    let now =
        view.moved("ListenOverflows") > 0 || view.last.listeners.iter().any(Listener::is_full);
    if now || view.rates.is_none() {
        return None;
    }
    // Resets of half-open requests count among a listener's drops too: only what adds up is named.
    let all: u64 = view.last.listeners.iter().map(|one| one.drops).sum();
    let adds_up = Some(all) <= view.last.counters.get("ListenDrops");
    let dropped = view
        .last
        .listeners
        .iter()
        .filter(|one| adds_up && one.drops > 0);
    let worst = dropped.max_by_key(|one| one.drops);
    let finding = Finding::new(
        "overflow-past",
        Severity::Info,
        format!("accept queues overflowed {total} times since this namespace began, and not now"),
        "a burst, or something that is mended by now; counted are segments, not clients",
    );
    let finding = finding.stood("total_overflows", total);
    Some(match worst {
        Some(listener) => finding.at(listener).stood("total_drops", listener.drops),
        None => finding,
    })
}
