//! What a value means beside the others, in sentences without a full stop.

use super::super::ports::LocalPorts;
use super::{
    ACCEPT_ENTRY_BYTES, SHIFTED_TIMEOUTS, SYN_ENTRY_BYTES, Timeline, View, established_ms, plural,
    seconds, syn_queue, synack_timeline,
};

/// What a value means, in sentences without a full stop; empty where nothing can be said.
pub type Consequence = fn(View<'_>) -> Vec<String>;

/// For keys whose number already says everything.
pub fn plain(_: View<'_>) -> Vec<String> {
    Vec::new()
}

fn sentences(parts: impl IntoIterator<Item = Option<String>>) -> Vec<String> {
    parts.into_iter().flatten().collect()
}

/// `tcp_syn_retries`.
pub fn syn_retries(view: View<'_>) -> Vec<String> {
    sentences([view.syn().map(|line| {
        format!(
            "connect() to a silent peer fails after {} s; SYN again at {} s",
            seconds(line.give_up_ms),
            line.instants()
        )
    })])
}

/// `tcp_syn_linear_timeouts`.
pub fn syn_linear_timeouts(view: View<'_>) -> Vec<String> {
    let linear = view.number("net.ipv4.tcp_syn_linear_timeouts");
    sentences([linear
        .and(view.syn())
        .map(|line| intervals(&line, view.rto_max_ms()))])
}

/// The intervals between the SYNs of a timeline, and the one at its end.
fn intervals(line: &Timeline, rto_max_ms: u64) -> String {
    let ends = line.at_ms.iter().chain([&line.give_up_ms]);
    let starts = [0].iter().chain(&line.at_ms);
    let all: Vec<u64> = ends.zip(starts).map(|(end, start)| end - start).collect();
    let first = all.first().copied().unwrap_or_default();
    let level = all.iter().take_while(|ms| **ms == first).count();
    let each = seconds(first);
    let (Some(rest @ [.., last]), true) = (all.get(level..), level > 0) else {
        return format!("every SYN interval is {each} s");
    };
    let head = match level {
        1 => format!("the first SYN interval is {each} s"),
        _ => format!("the first {level} SYN intervals are {each} s each"),
    };
    let last_s = seconds(*last);
    match rest {
        [_] => format!("{head}, the last is {last_s} s"),
        _ if rest.iter().all(|ms| ms == last) => format!("{head}, then {last_s} s each"),
        _ if *last == rto_max_ms => format!("{head}, then they double up to {last_s} s"),
        _ => format!("{head}, then they double"),
    }
}

/// `tcp_synack_retries`. Above half of the SYN queue, requests get two retransmissions (`reqsk_timer_handler`).
pub fn synack_retries(view: View<'_>) -> Vec<String> {
    let set = view.number("net.ipv4.tcp_synack_retries").is_some();
    let crowded = view.crowded_ms().map(|ms| {
        format!(
            "; while the SYN queue is more than half full, {} s",
            seconds(ms)
        )
    });
    let crowded = crowded.unwrap_or_default();
    let told = if set && view.only_cookies() {
        Some("no effect while every SYN-ACK is a cookie, which is sent once".to_owned())
    } else if view.never_forgets() {
        Some(format!(
            "by its source, a half-open request may never be forgotten, as its timeouts are counted in 7 bits{crowded}"
        ))
    } else if let (true, None) = (set, view.synack()) {
        let least = seconds(synack_timeline(SHIFTED_TIMEOUTS).give_up_ms);
        Some(format!(
            "by its source, a half-open request lives {least} s or longer, as later intervals overflow{crowded}"
        ))
    } else {
        view.synack().map(|line| {
            let again = match line.at_ms.as_slice() {
                [] => String::new(),
                _ => format!("; SYN-ACK again at {} s", line.instants()),
            };
            let lives = seconds(line.give_up_ms);
            format!("a half-open request lives {lives} s{again}{crowded}")
        })
    };
    sentences([told])
}

/// `somaxconn`.
pub fn somaxconn(view: View<'_>) -> Vec<String> {
    let Some((waiting, half_open)) = view.queues() else {
        return Vec::new();
    };
    let limit = waiting - 1;
    let whose = match view.number("net.ipv4.tcp_syncookies") {
        Some(0) => " of unknown peers",
        _ => "",
    };
    vec![format!(
        "a listener that asks for {limit} or more lets {waiting} {} wait for accept() ({} of kernel memory when full) \
         and holds {half_open} half-open {}{whose} ({})",
        plural(waiting, "connection"),
        memory(waiting * ACCEPT_ENTRY_BYTES),
        plural(half_open, "request"),
        memory(half_open * SYN_ENTRY_BYTES)
    )]
}

/// `tcp_max_syn_backlog`.
pub fn max_syn_backlog(view: View<'_>) -> Vec<String> {
    let cookies = view.number("net.ipv4.tcp_syncookies");
    let backlog = view.number("net.ipv4.tcp_max_syn_backlog");
    let somaxconn = view.number("net.core.somaxconn");
    sentences([match (cookies, backlog, somaxconn) {
        (Some(0), Some(backlog), Some(somaxconn)) => Some(format!(
            "a listener that asks for {somaxconn} or more holds {} half-open requests of unknown peers",
            syn_queue(0, somaxconn, backlog)
        )),
        (Some(_), ..) => Some("no effect while tcp_syncookies is on".to_owned()),
        _ => None,
    }])
}

/// `tcp_syncookies`.
pub fn syncookies(view: View<'_>) -> Vec<String> {
    let cookies = view.number("net.ipv4.tcp_syncookies");
    let bare = cookies.is_some_and(|n| n > 0) && view.number("net.ipv4.tcp_timestamps") == Some(0);
    sentences([
        cookies.map(|n| {
            match n {
                0 => "a full SYN queue drops SYNs: a small flood keeps every new client out",
                2 => "no SYN queue: every handshake goes through a cookie, for testing only",
                _ => "a full SYN queue answers with SYN cookies: clients still get in",
            }
            .to_owned()
        }),
        bare.then(|| {
            "connections made through a cookie lose SACK and window scaling, as tcp_timestamps is 0"
                .to_owned()
        }),
    ])
}

/// `tcp_abort_on_overflow`. It governs only ACKs of requests that were half-open before the queue filled.
pub fn abort_on_overflow(view: View<'_>) -> Vec<String> {
    sentences([view.number("net.ipv4.tcp_abort_on_overflow").map(|n| {
        match n {
            0 => "a final ACK that meets a full accept queue is dropped: the client recovers once the queue drains",
            _ => "a final ACK that meets a full accept queue is answered with RST: ECONNRESET after connect() succeeded",
        }
        .to_owned()
    })])
}

/// `tcp_fastopen`, bit by bit.
pub fn fastopen(view: View<'_>) -> Vec<String> {
    let Some(bits) = view.number("net.ipv4.tcp_fastopen") else {
        return Vec::new();
    };
    let has = |bit| bits & bit != 0;
    sentences([
        (!has(0x1)).then(|| "MSG_FASTOPEN of local clients fails with EOPNOTSUPP".to_owned()),
        (has(0x1) && !has(0x4)).then(|| {
            "clients that ask for it send data in the SYN once they hold a cookie".to_owned()
        }),
        has(0x2).then(|| {
            "listeners with the socket option TCP_FASTOPEN accept data in the SYN".to_owned()
        }),
        (has(0x1) && has(0x4)).then(|| {
            "clients send data without a cookie, which a normal server refuses".to_owned()
        }),
        (has(0x2) && has(0x200))
            .then(|| "data in a SYN is accepted without a cookie: open to spoofing".to_owned()),
        (has(0x2) && has(0x400)).then(|| {
            "listeners accept it without the option, from their next listen() on".to_owned()
        }),
        (!has(0x2) && has(0x400)).then(|| "0x400 does nothing without 0x2".to_owned()),
    ])
}

/// `tcp_fastopen_blackhole_timeout_sec`.
pub fn fastopen_blackhole(view: View<'_>) -> Vec<String> {
    sentences([view.number("net.ipv4.tcp_fastopen_blackhole_timeout_sec").map(|n| match n {
        0 => "a path that swallows Fast Open SYNs is tried again every time".to_owned(),
        n => format!("after a path swallowed a Fast Open SYN, clients do without for {n} s, longer each time"),
    })])
}

/// `tcp_rto_max_ms`.
pub fn rto_max(view: View<'_>) -> Vec<String> {
    sentences([view
        .number("net.ipv4.tcp_rto_max_ms")
        .and_then(|ms| u64::try_from(ms).ok())
        .map(|ms| {
            format!(
                "no retransmission interval of a new socket exceeds {} s, in connect() and after; SYN-ACKs do not look at it",
                seconds(ms)
            )
        })])
}

/// `tcp_retries2`.
pub fn retries2(view: View<'_>) -> Vec<String> {
    sentences([view.small("net.ipv4.tcp_retries2").map(|n| {
        format!(
            "a connection without ACKs is given up after {} s at the earliest",
            seconds(established_ms(n, view.rto_max_ms()))
        )
    })])
}

/// `tcp_keepalive_time`, with the other two.
pub fn keepalive(view: View<'_>) -> Vec<String> {
    let total = || {
        let time = view.number("net.ipv4.tcp_keepalive_time")?;
        let every = view.number("net.ipv4.tcp_keepalive_intvl")?;
        let probes = view.number("net.ipv4.tcp_keepalive_probes")?;
        Some(time + every * probes)
    };
    sentences([total()
        .map(|s| format!("an idle connection with SO_KEEPALIVE and a dead peer ends after {s} s"))])
}

/// `tcp_fin_timeout`.
pub fn fin_timeout(view: View<'_>) -> Vec<String> {
    sentences([view.number("net.ipv4.tcp_fin_timeout").map(|s| {
        format!(
            "a closed socket waits {s} s in FIN-WAIT-2; TIME-WAIT stays 60 s whatever this says"
        )
    })])
}

/// `ip_local_port_range`, less `ip_local_reserved_ports`.
pub fn port_range(view: View<'_>) -> Vec<String> {
    sentences([LocalPorts::of(view.0).map(|ports| {
        format!(
            "{} {} from one source address to one destination address and port at a time",
            ports.count,
            plural(ports.count.into(), "connection")
        )
    })])
}

/// `tcp_timestamps`.
pub fn timestamps(view: View<'_>) -> Vec<String> {
    let off = view.number("net.ipv4.tcp_timestamps") == Some(0);
    sentences([off
        .then(|| "connections made through a SYN cookie lose SACK and window scaling".to_owned())])
}

/// Bytes in the unit that keeps the number short.
fn memory(bytes: i128) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..10_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::catalogue;
    use super::super::super::key::Key;
    use super::*;
    use crate::model::value::Value;
    use std::collections::BTreeMap;

    fn says(of: super::Consequence, values: &[(&str, &str)]) -> String {
        let values: BTreeMap<Key, Value> = values
            .iter()
            .map(|(key, value)| (key.parse().unwrap(), Value::new(value)))
            .collect();
        of(View(&values)).join("; ")
    }

    fn linear(retries: &str, linear: &str, rto_max_ms: &str) -> String {
        says(
            syn_linear_timeouts,
            &[
                ("net.ipv4.tcp_syn_retries", retries),
                ("net.ipv4.tcp_syn_linear_timeouts", linear),
                ("net.ipv4.tcp_rto_max_ms", rto_max_ms),
            ],
        )
    }

    #[test]
    fn the_sentence_on_linear_timeouts_says_what_the_timeline_shows() {
        let doubling = "the first 5 SYN intervals are 1 s each, then they double";
        assert_eq!(linear("6", "4", "120000"), doubling);
        assert_eq!(linear("6", "4", "1000"), "every SYN interval is 1 s");
        assert_eq!(linear("6", "127", "120000"), "every SYN interval is 1 s");
        assert_eq!(linear("1", "4", "120000"), "every SYN interval is 1 s");
        assert_eq!(
            linear("1", "0", "120000"),
            "the first SYN interval is 1 s, the last is 2 s"
        );
        assert_eq!(
            linear("6", "0", "120000"),
            "the first SYN interval is 1 s, then they double"
        );
        assert_eq!(linear("6", "4", "5000"), format!("{doubling} up to 5 s"));
        assert_eq!(
            linear("6", "4", "1500"),
            "the first 5 SYN intervals are 1 s each, then 1.5 s each"
        );
    }

    /// A snapshot may be anybody's.
    #[test]
    fn numbers_that_no_kernel_holds_make_no_panic() {
        let huge = [i128::MAX, i128::MIN, u64::MAX.into(), i64::MAX.into()];
        for number in huge.into_iter().chain([i64::MIN.into(), 0, -1]) {
            let all = catalogue::KEYS.iter();
            let values = all.map(|key| (key.clone(), Value::from(number)));
            let values: BTreeMap<Key, Value> = values.collect();
            let told = catalogue::consequences(&values);
            assert!(told.values().flatten().all(|text| !text.is_empty()));
        }
    }

    #[test]
    fn reserved_ports_are_no_source_ports() {
        let range = ("net.ipv4.ip_local_port_range", "1024 2023");
        let reserved = |ports| {
            says(
                port_range,
                &[range, ("net.ipv4.ip_local_reserved_ports", ports)],
            )
        };
        let each = "from one source address to one destination address and port at a time";
        assert_eq!(reserved(""), format!("1000 connections {each}"));
        assert_eq!(
            reserved("80,1000-1033,1100,2000-3000"),
            format!("{} connections {each}", 1000 - 10 - 1 - 24)
        );
        assert_eq!(reserved("1-2022"), format!("1 connection {each}"));
    }

    #[test]
    fn a_request_that_is_never_forgotten_has_no_timeline() {
        let retries = |n| says(synack_retries, &[("net.ipv4.tcp_synack_retries", n)]);
        assert!(retries("60").starts_with("a half-open request lives "));
        let long = retries("127");
        let least = "by its source, a half-open request lives 6607 s or longer";
        assert!(long.starts_with(least), "{long}");
        let never = retries("128");
        assert!(
            never.starts_with("by its source, a half-open request may never"),
            "{never}"
        );
        assert!(never.ends_with("half full, 7 s"), "{never}");
    }

    #[test]
    fn a_cookie_is_sent_once_whatever_the_retries_are() {
        let both = [
            ("net.ipv4.tcp_synack_retries", "5"),
            ("net.ipv4.tcp_syncookies", "2"),
        ];
        assert!(says(synack_retries, &both).starts_with("no effect"));
    }

    #[test]
    fn clients_without_a_cookie_are_not_said_to_hold_one() {
        let key = "net.ipv4.tcp_fastopen";
        assert!(says(fastopen, &[(key, "1")]).contains("once they hold a cookie"));
        assert!(!says(fastopen, &[(key, "5")]).contains("once they hold a cookie"));
    }

    #[test]
    fn without_cookies_the_syn_queue_is_that_of_unknown_peers() {
        let queue = |cookies| {
            says(
                somaxconn,
                &[
                    ("net.core.somaxconn", "16"),
                    ("net.ipv4.tcp_syncookies", cookies),
                ],
            )
        };
        assert!(queue("0").contains("half-open requests of unknown peers ("));
        assert!(queue("1").contains("half-open requests ("));
    }
}
