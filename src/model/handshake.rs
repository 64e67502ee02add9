//! What the numbers mean: retransmission instants, lifetimes, queue capacities and their cost.
//!
//! The rules are those of net/ipv4/tcp_timer.c, net/ipv4/inet_connection_sock.c and net/ipv4/tcp_ipv4.c, measured
//! on Linux 6.18. They are known to hold from 6.1 on ([`VERIFIED_FROM`]).

mod meaning;

pub use meaning::*;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::key::Key;
use super::value::Value;

/// The oldest kernel, as (major, minor), whose source was compared with the formulas of this file.
pub const VERIFIED_FROM: (u32, u32) = (6, 1);

/// `TCP_TIMEOUT_INIT`, the first retransmission timeout of a SYN or SYN-ACK (RFC 6298 §2.1), in milliseconds.
const FIRST_RTO_MS: u64 = 1000;

/// `TCP_RTO_MAX`, which no interval exceeds where the sysctl `tcp_rto_max_ms` does not exist, in milliseconds.
const RTO_MAX_MS: u64 = 120_000;

/// Retransmissions that are left to old requests in a crowded SYN queue (`reqsk_timer_handler`).
const CROWDED_RETRIES: u8 = 2;

/// The most timeouts that a request counts: `num_timeout` in `struct request_sock` has 7 bits
/// (include/net/request_sock.h). With more retries than that it may never be forgotten.
const COUNTED_TIMEOUTS: u8 = 127;

/// The most retransmissions of a SYN-ACK whose intervals are known: the next interval is the first one shifted left in
/// 64 bits (`reqsk_timeout`), and after so many shifts nothing of it is left.
pub const SHIFTED_TIMEOUTS: u8 = 60;

/// Kernel memory of one connection in an accept queue, in bytes: a `tcp_sock` and its `request_sock`
/// (slabs `TCP` and `request_sock_TCP`, measured with 3,000 waiting connections on 6.18, x86_64).
pub const ACCEPT_ENTRY_BYTES: i128 = 2368 + SYN_ENTRY_BYTES;

/// Kernel memory of one half-open request, in bytes (slab `request_sock_TCP`, 6.18, x86_64).
pub const SYN_ENTRY_BYTES: i128 = 320;

/// When segments are sent again and when the attempt ends, in milliseconds after the first segment.
///
/// These are the instants the algorithm asks for; the timer wheel fires late by up to 4 %, never early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// Instants of the retransmissions.
    pub at_ms: Vec<u64>,
    /// The instant at which the attempt fails (`ETIMEDOUT`) or the request is forgotten.
    pub give_up_ms: u64,
}

impl Timeline {
    /// The instants in seconds, the middle of a long row left out.
    pub fn instants(&self) -> String {
        let all: Vec<String> = self.at_ms.iter().map(|ms| seconds(*ms)).collect();
        match (all.as_slice(), all.last()) {
            ([head @ .., _], Some(last)) if head.len() > 12 => {
                format!("{} … {last}", head.get(..10).unwrap_or(head).join(" "))
            }
            _ => all.join(" "),
        }
    }
}

/// `2^exponent`, far beyond any timeout for an exponent above 40.
fn power(exponent: u64) -> u64 {
    1 << exponent.min(40)
}

/// How long `retries` exponential retransmissions last in all, from a first interval of `base_ms`:
/// `tcp_model_timeout` in net/ipv4/tcp_timer.c.
fn model_ms(retries: u64, base_ms: u64, rto_max_ms: u64) -> u64 {
    let doublings = u64::from((rto_max_ms / base_ms).max(1).ilog2());
    let exponential = (power(retries.min(doublings) + 1) - 1) * base_ms;
    exponential + retries.saturating_sub(doublings) * rto_max_ms
}

/// What decides how long a `connect()` tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynTimers {
    /// `tcp_syn_retries`, or the socket option `TCP_SYNCNT`.
    pub retries: u8,
    /// `tcp_syn_linear_timeouts`; 0 where the kernel does not have it.
    pub linear: u8,
    /// `tcp_rto_max_ms`, in milliseconds.
    pub rto_max_ms: u64,
    /// The socket option `TCP_USER_TIMEOUT`, in milliseconds.
    pub user_timeout_ms: Option<u64>,
}

/// The SYN of a `connect()` that nobody answers: `tcp_write_timeout` and `tcp_retransmit_timer` of Linux 6.5 and
/// later, and of earlier kernels without linear timeouts.
pub fn syn_timeline(timers: SynTimers) -> Timeline {
    let SynTimers {
        rto_max_ms,
        user_timeout_ms,
        ..
    } = timers;
    let (retries, linear) = (u64::from(timers.retries), u64::from(timers.linear));
    let limit_ms = model_ms(retries, FIRST_RTO_MS, rto_max_ms);
    let user_ms = user_timeout_ms.unwrap_or(u64::MAX);
    let mut at_ms = Vec::new();
    let mut now = 0;
    for sent in 0.. {
        let doublings = u64::saturating_sub(sent, linear);
        now = (now + (FIRST_RTO_MS * power(doublings)).min(rto_max_ms)).min(user_ms);
        // The timer fired after `sent` retransmissions: give up, or send once more.
        let spent = sent >= retries + linear || (sent >= 1 && now >= limit_ms);
        if spent || now >= user_ms {
            break;
        }
        at_ms.push(now);
    }
    Timeline {
        at_ms,
        give_up_ms: now,
    }
}

/// The SYN-ACK of a request whose final ACK never comes: `reqsk_timer_handler` in
/// net/ipv4/inet_connection_sock.c. Neither linear timeouts nor `tcp_rto_max_ms` touch it (measured).
pub fn synack_timeline(retries: u8) -> Timeline {
    let retries = u64::from(retries);
    let mut at_ms = Vec::new();
    let mut now = 0;
    for sent in 0..=retries {
        now += (FIRST_RTO_MS * power(sent)).min(RTO_MAX_MS);
        if sent < retries {
            at_ms.push(now);
        }
    }
    Timeline {
        at_ms,
        give_up_ms: now,
    }
}

/// `TCP_RTO_MIN`, in milliseconds; the sysctl `tcp_rto_min_us` does not count here.
const RTO_MIN_MS: u64 = 200;

/// How long an established connection goes on without an ACK, at least, in milliseconds after the first
/// retransmission: `tcp_retries2`, with the sysctl `tcp_rto_max_ms`.
pub fn established_ms(retries: u8, rto_max_ms: u64) -> u64 {
    model_ms(u64::from(retries), RTO_MIN_MS, rto_max_ms)
}

/// Connections that wait for `accept()` at most, where the listener asks for at least `somaxconn`:
/// one more than the limit (`sk_acceptq_is_full` compares with `>`).
pub fn accept_queue(somaxconn: i128) -> i128 {
    somaxconn + 1
}

/// Half-open requests above which the oldest may get only two retransmissions (`reqsk_timer_handler`).
pub fn crowded(somaxconn: i128) -> i128 {
    somaxconn.max(8) / 2
}

/// Half-open requests that one listener holds at most, where it asks for at least `somaxconn`
/// (`tcp_conn_request` in net/ipv4/tcp_input.c). `max_syn_backlog` counts only without SYN cookies, and its last
/// quarter is kept for peers that are known.
pub fn syn_queue(syncookies: i128, somaxconn: i128, max_syn_backlog: i128) -> i128 {
    let queue = somaxconn + 1;
    match syncookies {
        0 => queue.min((max_syn_backlog - max_syn_backlog / 4 + 1).max(1)),
        2 => 0,
        _ => queue,
    }
}

/// The values that consequences are computed from: the kernel's, or the kernel's after a plan.
#[derive(Debug, Clone, Copy)]
pub struct View<'a>(pub &'a BTreeMap<Key, Value>);

impl View<'_> {
    /// The value of a key, by its full name, if it is known and one number. One of more than 64 bits is no kernel's, and
    /// only somebody's who wrote a snapshot by hand.
    pub fn number(self, key: &str) -> Option<i128> {
        let number = self.0.get(key)?.integer()?;
        i64::try_from(number).ok().map(i128::from)
    }

    fn small(self, key: &str) -> Option<u8> {
        self.number(key)?.try_into().ok()
    }

    /// The longest interval between retransmissions, in milliseconds, an `int` of the kernel.
    fn rto_max_ms(self) -> u64 {
        let set = self
            .number("net.ipv4.tcp_rto_max_ms")
            .and_then(|ms| u32::try_from(ms).ok());
        set.map_or(RTO_MAX_MS, u64::from).max(FIRST_RTO_MS)
    }

    /// The SYN timeline of these values, if they say how many retries there are.
    pub fn syn(self) -> Option<Timeline> {
        Some(syn_timeline(SynTimers {
            retries: self.small("net.ipv4.tcp_syn_retries")?,
            linear: self.small("net.ipv4.tcp_syn_linear_timeouts").unwrap_or(0),
            rto_max_ms: self.rto_max_ms(),
            user_timeout_ms: None,
        }))
    }

    /// The timeline that a key has a part in, if it has one in a handshake.
    pub fn timeline(self, key: &str) -> Option<Timeline> {
        match key {
            "net.ipv4.tcp_syn_retries"
            | "net.ipv4.tcp_syn_linear_timeouts"
            | "net.ipv4.tcp_rto_max_ms" => self.syn(),
            "net.ipv4.tcp_synack_retries" => self.synack(),
            _ => None,
        }
    }

    /// Connections that wait, and half-open requests, that a listener holds at most if it asks for `somaxconn` or more.
    pub fn queues(self) -> Option<(i128, i128)> {
        let limit = self.number("net.core.somaxconn")?;
        let cookies = self.number("net.ipv4.tcp_syncookies").unwrap_or(1);
        let backlog = self.number("net.ipv4.tcp_max_syn_backlog").unwrap_or(limit);
        Some((accept_queue(limit), syn_queue(cookies, limit, backlog)))
    }

    /// The SYN-ACK timeline of these values. There is none where every SYN-ACK is a cookie, which is sent once, and
    /// none where the kernel's own arithmetic ends.
    pub fn synack(self) -> Option<Timeline> {
        let retries = self.small("net.ipv4.tcp_synack_retries")?;
        let told = !self.only_cookies() && retries <= SHIFTED_TIMEOUTS;
        told.then(|| synack_timeline(retries))
    }

    /// Whether a half-open request may stay for ever: its timeouts are counted in so few bits that the count never gets
    /// as far as `tcp_synack_retries`.
    pub fn never_forgets(self) -> bool {
        let retries = self.small("net.ipv4.tcp_synack_retries");
        !self.only_cookies() && retries.is_some_and(|retries| retries > COUNTED_TIMEOUTS)
    }

    /// Whether every SYN is answered with a cookie, so that there are no half-open requests.
    pub fn only_cookies(self) -> bool {
        self.number("net.ipv4.tcp_syncookies") == Some(2)
    }

    /// How long the oldest requests may live while the SYN queue is crowded, in milliseconds, where that is shorter
    /// than else (`reqsk_timer_handler`): at most two retransmissions are left to them.
    pub fn crowded_ms(self) -> Option<u64> {
        let retries = self.small("net.ipv4.tcp_synack_retries")?;
        let shorter = retries > CROWDED_RETRIES && !self.only_cookies();
        shorter.then(|| synack_timeline(CROWDED_RETRIES).give_up_ms)
    }
}

/// Keys whose values give the others their meaning; a [`View`] without them says less.
pub static CONTEXT: LazyLock<Vec<Key>> = LazyLock::new(|| {
    CONTEXT_NAMES
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect()
});

const CONTEXT_NAMES: [&str; 13] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_retries2",
    "net.ipv4.tcp_rto_max_ms",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_timestamps",
];

/// Milliseconds as seconds, with decimals only where there are any.
pub fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The noun, with an `s` unless there is exactly one.
pub fn plural(count: i128, noun: &str) -> String {
    if count == 1 {
        noun.to_owned()
    } else {
        format!("{noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers(retries: u8, linear: u8) -> SynTimers {
        SynTimers {
            retries,
            linear,
            rto_max_ms: RTO_MAX_MS,
            user_timeout_ms: None,
        }
    }

    /// Every row that was measured on 6.18: retries, linear timeouts, `rto_max_ms`, instants, give-up. With the
    /// option `TCP_SYNCNT` the rows of its number hold.
    #[test]
    fn every_measured_syn_row() {
        let rows: &[(u8, u8, u64, &[u64], u64)] = &[
            (1, 0, 120_000, &[1], 3),
            (1, 1, 120_000, &[1, 2], 4),
            (1, 2, 120_000, &[1, 2], 3),
            (1, 4, 120_000, &[1, 2], 3),
            (2, 0, 120_000, &[1, 3], 7),
            (2, 1, 120_000, &[1, 2, 4], 8),
            (2, 2, 120_000, &[1, 2, 3, 5], 9),
            (2, 4, 120_000, &[1, 2, 3, 4, 5], 7),
            (2, 10, 120_000, &[1, 2, 3, 4, 5, 6], 7),
            (3, 0, 120_000, &[1, 3, 7], 15),
            (3, 4, 120_000, &[1, 2, 3, 4, 5, 7, 11], 19),
            (3, 10, 120_000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13], 17),
            (4, 4, 120_000, &[1, 2, 3, 4, 5, 7, 11, 19], 35),
            (5, 0, 120_000, &[1, 3, 7, 15, 31], 63),
            (5, 4, 120_000, &[1, 2, 3, 4, 5, 7, 11, 19, 35], 67),
            (6, 0, 120_000, &[1, 3, 7, 15, 31, 63], 127),
            (6, 4, 120_000, &[1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131),
            (7, 0, 120_000, &[1, 3, 7, 15, 31, 63, 127], 247),
            (6, 4, 1_000, &[1, 2, 3, 4, 5, 6], 7),
            (6, 0, 5_000, &[1, 3, 7, 12, 17, 22], 27),
            (6, 4, 5_000, &[1, 2, 3, 4, 5, 7, 11, 16, 21, 26], 31),
        ];
        for (retries, linear, rto_max_ms, at, give_up) in rows {
            let timers = SynTimers {
                rto_max_ms: *rto_max_ms,
                ..timers(*retries, *linear)
            };
            let line = syn_timeline(timers);
            assert_eq!(
                line.at_ms,
                at.iter().map(|s| s * 1000).collect::<Vec<_>>(),
                "{timers:?}"
            );
            assert_eq!(line.give_up_ms, give_up * 1000, "{timers:?}");
        }
        let impatient = syn_timeline(SynTimers {
            user_timeout_ms: Some(4500),
            ..timers(6, 4)
        });
        assert_eq!(
            impatient,
            Timeline {
                at_ms: vec![1000, 2000, 3000, 4000],
                give_up_ms: 4500
            }
        );
    }

    /// The closed form for `rto_max` 120 s and at most 6 retries, against the loop.
    #[test]
    fn the_closed_form_agrees_with_the_algorithm() {
        for retries in 1..=6u8 {
            for linear in 0..=127u8 {
                let (n, l) = (u32::from(retries), u64::from(linear));
                let expected = if l < 1 << n {
                    l + (1 << (n + 1)) - 1
                } else if l >= (1 << (n + 1)) - 2 {
                    (1 << (n + 1)) - 1
                } else {
                    let j = (0..7)
                        .find(|j| 1u64 << (j + 1) >= (1 << (n + 1)) - l)
                        .unwrap();
                    l + (1 << (j + 1)) - 1
                };
                assert_eq!(
                    syn_timeline(timers(retries, linear)).give_up_ms,
                    expected * 1000,
                    "N={n} L={l}"
                );
            }
        }
    }

    #[test]
    fn every_measured_synack_row() {
        let rows: &[(u8, &[u64], u64)] = &[
            (0, &[], 1),
            (1, &[1], 3),
            (2, &[1, 3], 7),
            (3, &[1, 3, 7], 15),
            (5, &[1, 3, 7, 15, 31], 63),
        ];
        for (retries, at, gone) in rows {
            let line = synack_timeline(*retries);
            assert_eq!(line.at_ms, at.iter().map(|s| s * 1000).collect::<Vec<_>>());
            assert_eq!(line.give_up_ms, gone * 1000);
        }
    }

    #[test]
    fn extremes_end_and_are_short_to_print() {
        let line = syn_timeline(timers(127, 127));
        assert!(line.give_up_ms > 1_000_000);
        assert!(line.instants().len() < 80, "{}", line.instants());
        assert_eq!(synack_timeline(255).at_ms.len(), 255);
    }

    #[test]
    fn every_measured_syn_queue_row() {
        for (somaxconn, backlog, cookies, capacity) in [
            (8, 1024, 1, 9),
            (8, 1024, 0, 9),
            (8, 1024, 2, 0),
            (16, 1024, 0, 17),
            (400, 64, 0, 49),
            (400, 128, 0, 97),
            (400, 256, 0, 193),
            (400, 8, 0, 7),
            (400, 4, 0, 4),
            (400, 3, 0, 4),
            (400, 1, 0, 2),
            (400, 0, 0, 1),
            (400, -1, 0, 1),
            (400, 0, 1, 401),
            (95, 128, 0, 96),
            (96, 128, 0, 97),
            (97, 128, 0, 97),
            (0, 128, 1, 1),
        ] {
            assert_eq!(
                syn_queue(cookies, somaxconn, backlog),
                capacity,
                "{somaxconn} {backlog} {cookies}"
            );
        }
    }

    #[test]
    fn established_connections() {
        assert_eq!(established_ms(3, RTO_MAX_MS), 3_000);
        assert_eq!(established_ms(5, RTO_MAX_MS), 12_600);
        assert_eq!(established_ms(15, RTO_MAX_MS), 924_600);
        // Measured: 5.55 s, of which the last interval is late by up to one more.
        assert_eq!(established_ms(5, 1_000), 4_400);
    }

    #[test]
    fn seconds_without_noise() {
        assert_eq!(seconds(15_000), "15");
        assert_eq!(seconds(1_500), "1.5");
        assert_eq!(seconds(924_600), "924.6");
    }
}
