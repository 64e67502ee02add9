//! The rules: data, and the few that take more than a line to find their case.

use std::collections::BTreeMap;

use super::super::catalogue::{self, Entry};
use super::super::finding::Severity;
use super::super::handshake::{View, established_ms, seconds};
use super::super::key::Key;
use super::super::memory::Settings;
use super::super::setting::Setting;
use super::super::sorted;
use super::super::value::Value;

/// A rule, and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// A stable word.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it finds, in a few words.
    pub summary: &'static str,
    /// What the kernel does, and where that is written.
    pub reason: &'static str,
    /// Whether it speaks of the text of a profile, whatever host that is for.
    pub of_text: bool,
    pub(super) find: fn(&Case<'_>) -> Vec<Found>,
}

/// What a rule found: a key of the settings, what is wrong, what would mend it.
pub(super) struct Found {
    pub(super) key: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// Wishes, and the values that follow from them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) settings: &'a Settings,
    pub(super) values: &'a BTreeMap<Key, Value>,
}

impl Case<'_> {
    fn wants(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    fn holds(&self, name: &str) -> Option<i128> {
        self.values.get(name)?.integer()
    }

    /// The value of a key that is wanted.
    fn wanted(&self, name: &str) -> Option<i128> {
        self.wants(name).then(|| self.holds(name)).flatten()
    }
}

const ABORT: &str = "net.ipv4.tcp_abort_on_overflow";
const BACKLOG: &str = "net.ipv4.tcp_max_syn_backlog";
const COOKIES: &str = "net.ipv4.tcp_syncookies";
const FASTOPEN: &str = "net.ipv4.tcp_fastopen";
const LINEAR: &str = "net.ipv4.tcp_syn_linear_timeouts";
const RTO_MAX: &str = "net.ipv4.tcp_rto_max_ms";
const RETRIES2: &str = "net.ipv4.tcp_retries2";
const SOMAXCONN: &str = "net.core.somaxconn";
const SYN: &str = "net.ipv4.tcp_syn_retries";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";
const TW_REUSE: &str = "net.ipv4.tcp_tw_reuse";

/// A connect() that ends before this many milliseconds outlives no lossy second: 7 s is what two retransmissions of
/// doubling intervals give.
const BRITTLE_MS: u64 = 7_000;

/// The rules, by name.
pub const RULES: &[Rule] = &[
    Rule {
        code: "abort-on-overflow",
        severity: Severity::Warning,
        summary: "A full accept queue resets clients",
        reason: "a final ACK that meets a full accept queue is answered with RST, after connect() succeeded; with 0 the client recovers once the queue drains (tcp_check_req in net/ipv4/tcp_minisocks.c)",
        of_text: false,
        find: |case| {
            let on = case.wanted(ABORT).filter(|on| *on != 0);
            on.map(|_| Found {
                key: ABORT,
                message: "clients of a burst get ECONNRESET after connect() succeeded".to_owned(),
                hint: Some("leave it 0; a longer accept queue and a faster accept() help"),
            })
            .into_iter()
            .collect()
        },
    },
    Rule {
        code: "backlog-unused",
        severity: Severity::Warning,
        summary: "tcp_max_syn_backlog has no effect while SYN cookies are on",
        reason: "with SYN cookies on, a listener holds min(backlog, somaxconn) + 1 half-open requests, whatever this key says (tcp_conn_request in net/ipv4/tcp_input.c)",
        of_text: false,
        find: |case| {
            let cookies = case
                .holds(COOKIES)
                .filter(|on| *on != 0 && case.wants(BACKLOG));
            cookies
                .map(|on| Found {
                    key: BACKLOG,
                    message: format!("no effect while tcp_syncookies is {on}"),
                    hint: Some("raise somaxconn and the application's backlog instead"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "bound-below-default",
        severity: Severity::Warning,
        summary: "A bound that every current kernel satisfies by itself",
        reason: "the kernel starts with more, or less, than the bound asks for; the bound only guards against others who change it",
        of_text: true,
        find: bounds,
    },
    Rule {
        code: "connect-brittle",
        severity: Severity::Warning,
        summary: "connect() gives up before a short loss is over",
        reason: "the attempt ends when its retransmissions are spent, and with linear timeouts at the time at which doubling intervals would have ended (tcp_write_timeout in net/ipv4/tcp_timer.c)",
        of_text: false,
        find: |case| {
            let key = [SYN, LINEAR, RTO_MAX]
                .into_iter()
                .find(|key| case.wants(key));
            let line = View(case.values)
                .syn()
                .filter(|line| line.give_up_ms < BRITTLE_MS);
            key.zip(line)
                .map(|(key, line)| Found {
                    key,
                    message: format!(
                        "connect() fails after {} s without an answer: a second of loss is enough",
                        seconds(line.give_up_ms)
                    ),
                    hint: Some("2 retransmissions give 7 s; a timeout per socket (TCP_USER_TIMEOUT) is better"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "cookies-always",
        severity: Severity::Warning,
        summary: "Every handshake goes through a SYN cookie",
        reason: "2 bypasses the SYN queue for every SYN: no Fast Open, and TCP options only through timestamps; it is there for testing (Documentation/networking/ip-sysctl.rst)",
        of_text: false,
        find: |case| {
            let always = case.wanted(COOKIES).filter(|mode| *mode == 2);
            always
                .map(|_| Found {
                    key: COOKIES,
                    message: "2 answers every SYN with a cookie, also while nothing is wrong"
                        .to_owned(),
                    hint: Some("1 (\"when-full\") does so only while the SYN queue is full"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "cookies-off",
        severity: Severity::Warning,
        summary: "A small flood keeps every new client out",
        reason: "without SYN cookies a full SYN queue drops every SYN, and its last quarter is kept for peers that are known (tcp_conn_request in net/ipv4/tcp_input.c)",
        of_text: false,
        find: |case| {
            let found = case.wanted(COOKIES) == Some(0);
            found
                .then(|| Found {
                    key: COOKIES,
                    message: "a full SYN queue drops every SYN: a handful of spoofed ones keeps all clients out".to_owned(),
                    hint: Some("1 (\"when-full\") costs nothing while the queue is not full"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "cookies-without-timestamps",
        severity: Severity::Warning,
        summary: "Connections made through a SYN cookie lose their TCP options",
        reason: "a cookie has room for the MSS only; SACK and window scaling travel in the timestamp (cookie_timestamp_decode in net/ipv4/syncookies.c)",
        of_text: false,
        find: |case| {
            let key = [TIMESTAMPS, COOKIES]
                .into_iter()
                .find(|key| case.wants(key));
            let bare =
                case.holds(TIMESTAMPS) == Some(0) && case.holds(COOKIES).is_some_and(|on| on != 0);
            key.filter(|_| bare)
                .map(|key| Found {
                    key,
                    message: "with tcp_timestamps = 0, connections made through a SYN cookie have neither SACK nor window scaling".to_owned(),
                    hint: Some("tcp_timestamps = 1"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "fastopen-inert",
        severity: Severity::Warning,
        summary: "Bits of tcp_fastopen without the bit that they need",
        reason: "0x4 is read only of clients (0x1), 0x200 and 0x400 only of servers (0x2) (Documentation/networking/ip-sysctl.rst)",
        of_text: false,
        find: |case| {
            let bits = case.wanted(FASTOPEN).unwrap_or(0);
            let inert = [(0x4, 0x1), (0x200, 0x2), (0x400, 0x2)];
            let inert = inert
                .into_iter()
                .filter(|(bit, needs)| bits & bit != 0 && bits & needs == 0);
            inert
                .map(|(bit, needs)| Found {
                    key: FASTOPEN,
                    message: format!("{bit:#x} does nothing without {needs:#x}"),
                    hint: None,
                })
                .collect()
        },
    },
    Rule {
        code: "fastopen-no-client",
        severity: Severity::Note,
        summary: "Local clients cannot use Fast Open",
        reason: "MSG_FASTOPEN and TCP_FASTOPEN_CONNECT fail with EOPNOTSUPP while bit 0x1 is off (tcp_sendmsg_fastopen in net/ipv4/tcp.c)",
        of_text: false,
        find: |case| {
            let found = case
                .wanted(FASTOPEN)
                .is_some_and(|bits| bits & 0x1 == 0 && bits != 0);
            found
                .then(|| Found {
                    key: FASTOPEN,
                    message: "without 0x1, clients on this host that ask for it get EOPNOTSUPP"
                        .to_owned(),
                    hint: Some("add 0x1, unless no program here is a client"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "fastopen-option",
        severity: Severity::Note,
        summary: "Fast Open takes part only where the application asks for it",
        reason: "a listener needs the socket option TCP_FASTOPEN (or 0x400 before it is made), a client MSG_FASTOPEN or TCP_FASTOPEN_CONNECT (tcp(7))",
        of_text: false,
        find: |case| {
            let server = case
                .wanted(FASTOPEN)
                .filter(|bits| bits & 0x2 != 0 && bits & 0x400 == 0);
            server
                .map(|_| Found {
                    key: FASTOPEN,
                    message: "listeners accept data in the SYN only with the socket option TCP_FASTOPEN".to_owned(),
                    hint: Some("set it in the application; a request that is not idempotent must not be sent so"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "fastopen-without-cookie",
        severity: Severity::Warning,
        summary: "Data in a SYN without a cookie",
        reason: "without a cookie anybody can send data from an address that is not theirs (RFC 7413 section 5); only a closed network excludes that",
        of_text: false,
        find: |case| {
            let bits = case.wanted(FASTOPEN).unwrap_or(0);
            let open = [
                (
                    0x200,
                    0x2,
                    "0x200 accepts data in a SYN without a cookie: open to spoofing",
                ),
                (
                    0x4,
                    0x1,
                    "0x4 sends data without a cookie, which a normal server refuses",
                ),
            ];
            let open = open
                .into_iter()
                .filter(|(bit, with, _)| bits & bit != 0 && bits & with != 0);
            open.map(|(_, _, message)| Found {
                key: FASTOPEN,
                message: message.to_owned(),
                hint: Some("leave the bit out, unless the network is closed"),
            })
            .collect()
        },
    },
    Rule {
        code: "global-key",
        severity: Severity::Note,
        summary: "A key of the whole machine among keys of a network namespace",
        reason: "a namespace must not change the machine, so that such a profile is refused there as a whole",
        of_text: true,
        find: globals,
    },
    Rule {
        code: "listen-again",
        severity: Severity::Note,
        summary: "Listeners keep their limit until they listen again",
        reason: "somaxconn is read when an application calls listen(), and caps what it asks for there (__sys_listen in net/socket.c)",
        of_text: false,
        find: |case| {
            let raised = case.wanted(SOMAXCONN);
            raised
                .map(|_| Found {
                    key: SOMAXCONN,
                    message: "listeners keep their limit until they call listen() again, and must ask for as much themselves".to_owned(),
                    hint: Some("restart or reload them afterwards, and look at their own backlog"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "no-why",
        severity: Severity::Note,
        summary: "A setting without a reason",
        reason: "in an incident nobody dares to change a number that nobody explained",
        of_text: true,
        // Each setting is a finding of its own; see `unexplained`.
        find: |_| Vec::new(),
    },
    Rule {
        code: "rto-max-shortens",
        severity: Severity::Warning,
        summary: "tcp_rto_max_ms also ends connections sooner",
        reason: "tcp_retries2 and the SYN timeline are durations made of retransmission intervals, which this key caps (tcp_model_timeout in net/ipv4/tcp_timer.c)",
        of_text: false,
        find: shortened,
    },
    Rule {
        code: "synack-brittle",
        severity: Severity::Warning,
        summary: "A half-open request dies before a lost packet comes again",
        reason: "a request is dropped when its SYN-ACKs are spent, and nobody is told (reqsk_timer_handler in net/ipv4/inet_connection_sock.c)",
        of_text: false,
        find: |case| {
            let found = case.wanted(SYNACK).is_some_and(|retries| retries < 1);
            found
                .then(|| Found {
                    key: SYNACK,
                    message: "a half-open request lives 1 s: one lost SYN-ACK or ACK fails the connection".to_owned(),
                    hint: Some("2 gives it 7 s"),
                })
                .into_iter()
                .collect()
        },
    },
    Rule {
        code: "tw-reuse-inert",
        severity: Severity::Warning,
        summary: "TIME-WAIT ports are reused only with timestamps",
        reason: "whether a segment is old is told by its timestamp (tcp_twsk_unique in net/ipv4/tcp_ipv4.c)",
        of_text: false,
        find: |case| {
            let found = case.wanted(TW_REUSE).is_some_and(|mode| mode != 0)
                && case.holds(TIMESTAMPS) == Some(0);
            found
                .then(|| Found {
                    key: TW_REUSE,
                    message: "no effect while tcp_timestamps is 0".to_owned(),
                    hint: Some("tcp_timestamps = 1"),
                })
                .into_iter()
                .collect()
        },
    },
];

/// Bounds on the side of the kernel's default.
fn bounds(case: &Case<'_>) -> Vec<Found> {
    let each = case.settings.iter().filter_map(|(key, setting)| {
        let entry = Entry::of(key)?;
        let default = entry.default_number()?;
        let low = setting
            .at_least
            .as_ref()
            .filter(|part| part.value < default);
        let high = setting.at_most.as_ref().filter(|part| part.value > default);
        let bound = match (low, high) {
            (Some(low), _) => format!("at least {}", low.value),
            (None, high) => format!("at most {}", high?.value),
        };
        Some(Found {
            key: entry.name,
            message: format!("{bound} is no change: the default is {}", entry.default),
            hint: Some("leave it out, or say in `why` whom it guards against"),
        })
    });
    each.collect()
}

/// Keys of the machine beside keys of a namespace, unless they may be passed over.
fn globals(case: &Case<'_>) -> Vec<Found> {
    if case.settings.keys().all(catalogue::is_global) {
        return Vec::new();
    }
    let global = |(key, setting): &(&Key, &Setting)| catalogue::is_global(key) && !setting.optional;
    let each = case.settings.iter().filter(global).filter_map(|(key, _)| {
        Some(Found {
            key: Entry::of(key)?.name,
            message:
                "one value for the whole machine: in a network namespace this profile is refused"
                    .to_owned(),
            hint: Some("`optional = true` passes it over there; or give it a profile of its own"),
        })
    });
    each.collect()
}

/// What a lower `tcp_rto_max_ms` shortens.
fn shortened(case: &Case<'_>) -> Vec<Found> {
    let Some(ms) = case.wanted(RTO_MAX).and_then(|ms| u64::try_from(ms).ok()) else {
        return Vec::new();
    };
    let without = case.values.clone().into_iter();
    let without = sorted::map(without.filter(|(key, _)| key.as_str() != RTO_MAX));
    let (with, without) = (View(case.values).syn(), View(&without).syn());
    let connect = with
        .zip(without)
        .filter(|(with, without)| with.give_up_ms < without.give_up_ms);
    let connect = connect.map(|(with, without)| {
        format!(
            "connect() fails after {} s instead of {}",
            seconds(with.give_up_ms),
            seconds(without.give_up_ms)
        )
    });
    let retries2 = case.holds(RETRIES2).and_then(|n| u8::try_from(n).ok());
    let lives = retries2.map(|n| (established_ms(n, ms), established_ms(n, 120_000)));
    let lives = lives
        .filter(|(with, without)| with < without)
        .map(|(with, without)| {
            format!(
                "an established connection is given up after {} s instead of {}",
                seconds(with),
                seconds(without)
            )
        });
    let said: Vec<String> = connect.into_iter().chain(lives).collect();
    if said.is_empty() {
        return Vec::new();
    }
    vec![Found {
        key: RTO_MAX,
        message: said.join(", "),
        hint: Some("the socket option TCP_RTO_MAX_MS concerns one application only"),
    }]
}
