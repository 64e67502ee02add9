//! Every statement of `explain` with a number in it was measured here, or says that it was not.
//!
//! The test walks all that `explain` can print for every key of the table, takes it apart into statements, and looks
//! each of them up: in [`MEASURED`], which names the test that measures it, or for the words `since about`, `before
//! about` or `by its source`. A statement that neither has fails the test, and so does a line of the list that nothing
//! needs, or whose test is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use tcptune::exit::Exit;
use tcptune::model::catalogue::{Entry, KEYS, Shape, TABLE, is_secret};
use tcptune::model::counters::Counters;
use tcptune::model::key::Key;
use tcptune::model::observation::Listener;
use tcptune::model::value::Value;
use tcptune::report::text::{Manner, page};
use tcptune::report::{Body, Explained, ExplainedKey, Holds, Overview, Planned, Report, Site};

/// Statements, `#` for any numbers in a row, and the test that measures them. One with digits of its own holds only
/// as it stands.
const MEASURED: &[(&str, &str)] = &[
    // What was read of this kernel, just then.
    ("holds #*", "explain::a_key_its_value_and_a_plan"),
    (
        "the kernel's default is #*",
        "explain::a_key_its_value_and_a_plan",
    ),
    (
        "planned with * it holds*",
        "explain::a_key_its_value_and_a_plan",
    ),
    (
        "planned *=# changes nothing about it",
        "explain::a_key_its_value_and_a_plan",
    ),
    (
        "planned *=# changes what it does, as the picture shows",
        "explain::a_plan_of_another_key_that_changes_the_picture_is_said",
    ),
    ("beside *", "explain::a_key_its_value_and_a_plan"),
    (
        "values are those of *",
        "explain::a_key_its_value_and_a_plan",
    ),
    // Ranges and defaults, as the table has them.
    ("takes #*", "measured::ranges_are_those_of_this_kernel"),
    (
        "takes a list or the sum of #*",
        "measured::ranges_are_those_of_this_kernel",
    ),
    (
        "takes ports and ranges *",
        "measured::ranges_are_those_of_this_kernel",
    ),
    (
        "default #*",
        "measured::defaults_are_those_of_a_fresh_namespace",
    ),
    (
        "default max(128, tcp_ehash_entries / 128)",
        "measured::sized_defaults_follow_the_table_of_connections",
    ),
    (
        "default tcp_ehash_entries / 2",
        "measured::sized_defaults_follow_the_table_of_connections",
    ),
    // Timelines.
    (
        "connect() to a silent peer fails after # s",
        "handshake::a_connect_fails_when_show_says_so",
    ),
    (
        "SYN again at # s",
        "handshake::a_connect_fails_when_show_says_so",
    ),
    (
        "SYN again at # … # s",
        "handshake::a_connect_fails_when_show_says_so",
    ),
    (
        "every SYN interval is 1 s",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "the first SYN interval is 1 s, then they double",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "the first # SYN intervals are 1 s each, then they double",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "the first # SYN intervals are 1 s each, then they double up to # s",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "the first # SYN intervals are 1 s each, then # s each",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "the first # SYN intervals are 1 s each, the last is # s",
        "handshake::show_reproduces_every_measured_row",
    ),
    (
        "forgotten after # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    (
        "does SYN retransmissions that follow each other by 1 s before the interval doubles",
        "handshake::a_connect_fails_when_show_says_so",
    ),
    (
        "The first interval of a SYN stays 1 s",
        "measured::the_cap_shortens_a_connect_and_the_least_interval_does_not",
    ),
    (
        "no retransmission interval of a new socket exceeds # s, in connect() and after",
        "measured::the_cap_shortens_a_connect_and_the_least_interval_does_not",
    ),
    (
        "a half-open request lives # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    (
        "SYN-ACK again at # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    (
        "SYN-ACK again at # … # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    (
        "while the SYN queue is more than half full, # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    ("#", "handshake::show_reproduces_every_measured_row"),
    (
        "ETIMEDOUT after # s accept queue full: SYN dropped",
        "handshake::a_connect_fails_when_show_says_so",
    ),
    (
        "ESTABLISHED <--- SYN-ACK --- repeated, forgotten after # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    (
        "more than #: the oldest may be forgotten after # s",
        "measured::requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd",
    ),
    // Queues.
    (
        "a listener that asks for # or more lets # connection* wait for accept() (# *B of kernel memory when full) and holds # half-open request* (# *B)",
        "measured::a_queued_connection_takes_these_bytes",
    ),
    (
        "a listener that asks for # or more holds # half-open requests of unknown peers",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "does Length of the SYN queue, but only while tcp_syncookies is 0",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "Other values that the kernel takes act as 1",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "risk 0 lets a small flood keep everybody out",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "2 is for testing",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "SYN queue full (# request*)? *",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "tcp_syn_retries # no SYN_RECV, no SYN queue",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "tcp_syn_retries # SYN_RECV, SYN queue: # at most*",
        "measured::a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops",
    ),
    (
        "a listener that asks for # or more",
        "measured::an_accept_queue_holds_one_more_than_its_limit",
    ),
    (
        "accept queue full (# connection*)? *",
        "measured::an_accept_queue_holds_one_more_than_its_limit",
    ),
    (
        "*ESTABLISHED, accept queue: # at most",
        "measured::an_accept_queue_holds_one_more_than_its_limit",
    ),
    (
        "limit + 1 wait",
        "measured::an_accept_queue_holds_one_more_than_its_limit",
    ),
    (
        "risk 1 turns bursts that would recover into ECONNRESET after a successful connect()",
        "measured::what_a_full_accept_queue_does_to_a_final_ack_and_to_a_syn",
    ),
    (
        "risk 0 costs cookie connections their SACK and window scaling",
        "measured::a_cookie_keeps_options_only_with_timestamps",
    ),
    (
        "connections made through a cookie lose SACK and window scaling, as tcp_timestamps is 0",
        "measured::a_cookie_keeps_options_only_with_timestamps",
    ),
    // Fast Open.
    (
        "Alone they do little: the listener needs the option TCP_FASTOPEN (or 0x400 before its listen()), the client MSG_FASTOPEN",
        "measured::every_combination_of_fast_open",
    ),
    (
        "0x4 and 0x200 do without the cookie that proves the address",
        "measured::every_combination_of_fast_open",
    ),
    (
        "0x400 does nothing without 0x2",
        "measured::every_combination_of_fast_open",
    ),
    (
        "listener without with 0x2 and the same",
        "measured::every_combination_of_fast_open",
    ),
    (
        "client 0x2, or option option or 0x400 and 0x200",
        "measured::every_combination_of_fast_open",
    ),
    ("*without 0x1 *", "measured::every_combination_of_fast_open"),
    ("*with 0x1 *", "measured::every_combination_of_fast_open"),
    (
        "after a path swallowed a Fast Open SYN, clients do without for # s, longer each time",
        "measured::a_black_hole_stops_fast_open_for_so_many_seconds",
    ),
    // Timers of connections.
    (
        "It is not the length of TIME-WAIT, which is fixed at 60 s",
        "measured::fin_wait_2_obeys_its_key_and_time_wait_does_not",
    ),
    (
        "a closed socket waits # s in FIN-WAIT-2",
        "measured::fin_wait_2_obeys_its_key_and_time_wait_does_not",
    ),
    (
        "TIME-WAIT stays 60 s whatever this says",
        "measured::fin_wait_2_obeys_its_key_and_time_wait_does_not",
    ),
    (
        "an idle connection with SO_KEEPALIVE and a dead peer ends after # s",
        "measured::keepalive_ends_after_its_sum_and_retries2_not_before_its_time",
    ),
    (
        "a connection without ACKs is given up after # s at the earliest",
        "measured::keepalive_ends_after_its_sum_and_retries2_not_before_its_time",
    ),
    (
        "# connection* to one destination address and port at a time",
        "measured::a_range_of_ports_is_that_many_connections_to_one_destination",
    ),
    // The overview: what was read.
    (
        "the handshake in the *",
        "explain::the_handshake_in_one_screen",
    ),
    (
        "connect() LISTEN limit min(backlog, somaxconn #)",
        "explain::the_handshake_in_one_screen",
    ),
    (
        "SYN_SENT *(tcp_syncookies #)",
        "explain::the_handshake_in_one_screen",
    ),
    (
        "tcp_syn_linear_timeouts #*",
        "explain::the_handshake_in_one_screen",
    ),
    (
        "*tcp_synack_retries #",
        "explain::the_handshake_in_one_screen",
    ),
    (
        "*(tcp_abort_on_overflow #)",
        "explain::the_handshake_in_one_screen",
    ),
    ("*Opens #*", "explain::the_handshake_in_one_screen"),
    ("*TCPSynRetrans #", "explain::the_handshake_in_one_screen"),
    (
        "*TCPReqQFullDoCookies #*",
        "explain::the_handshake_in_one_screen",
    ),
    ("*Syncookies* #", "explain::the_handshake_in_one_screen"),
    (
        "*ListenOverflows #*",
        "explain::the_handshake_in_one_screen",
    ),
    ("#:# # # # #*", "explain::the_handshake_in_one_screen"),
    ("EmbryonicRsts #*", "explain::the_handshake_in_one_screen"),
    ("and # more", "explain::the_handshake_in_one_screen"),
];

/// What says that a figure was not measured, and where it is from.
const MARKS: [&str; 3] = ["since about", "before about", "by its source"];

/// Whether `text` is `pattern`, in which `#` is numbers and the blanks between them, and `*` anything.
fn is(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    let number = |c: char| c.is_ascii_digit() || " .:".contains(c);
    match first {
        '*' => (0..=text.len()).any(|at| text.is_char_boundary(at) && is(rest, &text[at..])),
        '#' => {
            let length = text.find(|c| !number(c)).unwrap_or(text.len());
            text.starts_with(|c: char| c.is_ascii_digit())
                && (1..=length).rev().any(|at| is(rest, &text[at..]))
        }
        other => text.strip_prefix(other).is_some_and(|text| is(rest, text)),
    }
}

/// Whether a word of it is, or begins with, a number: `ipv4` and `tcp_retries2` are names.
fn has_number(text: &str) -> bool {
    let words = text.split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)));
    words
        .map(|word| word.trim_start_matches('-'))
        .any(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

/// The statements of a page: lines put together again, taken apart at `; ` and `. `, without citations.
fn statements(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let goes_on = line.starts_with(&" ".repeat(14))
            && !line.starts_with(&" ".repeat(15))
            && !words.starts_with('0');
        match lines.last_mut() {
            Some(last) if goes_on => *last += &format!(" {words}"),
            _ => lines.push(words),
        }
    }
    lines.retain(|line| !line.starts_with("source"));
    let parts = lines
        .iter()
        .flat_map(|line| line.split("; ").flat_map(|part| part.split(". ")));
    parts
        .map(|part| {
            part.trim_start_matches("means ")
                .trim_start_matches("would mean ")
                .trim_start_matches("| ")
        })
        .map(|part| part.trim_end_matches('.').to_owned())
        .filter(|part| has_number(part))
        .collect()
}

/// Values that a key may hold: the ends of its range, and some between.
fn samples(shape: Shape) -> Vec<String> {
    let text = |numbers: Vec<i128>| numbers.iter().map(ToString::to_string).collect();
    match shape {
        Shape::Integer { min, max, .. } => {
            let more = [min + 1, min + 2, 3, 7, 30, 64, 4096];
            let mut all = vec![min, max];
            all.extend(more.into_iter().filter(|n| (min..=max).contains(n)));
            text(all)
        }
        Shape::Switch => text(vec![0, 1]),
        Shape::Choice(names) => text(names.iter().map(|(number, _)| *number).collect()),
        Shape::Bits(names) => {
            let sums = (0..1 << names.len()).map(|set| {
                let bits = names
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| set >> at & 1 == 1);
                bits.map(|(_, (bit, _))| *bit).sum()
            });
            text(sums.collect())
        }
        Shape::Vector { count, .. } => vec![
            vec!["1024".to_owned(); count].join(" "),
            (1..=count)
                .map(|at| (at * 20_000).to_string())
                .collect::<Vec<_>>()
                .join(" "),
        ],
        Shape::Ports => vec![String::new(), "8080,9000-9010".to_owned()],
        Shape::Word | Shape::Words => vec!["cubic".to_owned()],
        Shape::Secret | Shape::ReadOnly | Shape::Removed(_) => Vec::new(),
    }
}

/// What a kernel may hold, the value of one key apart.
fn usual() -> BTreeMap<Key, Value> {
    let open = KEYS.iter().filter(|key| !is_secret(key));
    let values = open.filter_map(|key| {
        let entry = Entry::of(key)?;
        let first = entry
            .default
            .split([',', ';'])
            .next()?
            .split(" since")
            .next()?;
        let known = first.split(' ').all(|word| word.parse::<i128>().is_ok());
        let value = if known {
            first.to_owned()
        } else {
            samples(entry.shape).pop()?
        };
        Some((key.clone(), Value::new(&value)))
    });
    values.collect()
}

fn site() -> Site {
    Site {
        title: "web-17, Linux 6.18.44".to_owned(),
        kernel: "6.18.44".to_owned(),
        verified: true,
        image: false,
    }
}

fn said(body: Body) -> Vec<String> {
    let report = Report {
        command: "explain",
        exit: Exit::Done,
        changed: false,
        warnings: Vec::new(),
        error: None,
        body,
    };
    statements(&page(
        &report,
        Manner {
            color: false,
            verbose: true,
        },
    ))
}

/// All that can be said of a key, whatever it and its neighbours hold.
fn of_a_key(entry: &Entry) -> BTreeSet<String> {
    let key = entry.key().unwrap();
    let mut all = BTreeSet::new();
    let mut views = vec![usual()];
    for other in std::iter::once(entry.short).chain(entry.with.iter().copied()) {
        let other = Entry::named(other).unwrap();
        for value in samples(other.shape) {
            let mut view = usual();
            view.insert(other.key().unwrap(), Value::new(&value));
            views.push(view);
        }
    }
    for values in &views {
        let value = values.get(&key).cloned();
        for planned in [None, Some("x=3"), Some("x=3 y=4")] {
            all.extend(said(Body::Explained(Explained {
                site: site(),
                netns: "host".to_owned(),
                keys: vec![ExplainedKey {
                    key: key.clone(),
                    holds: value.clone().map_or(Holds::Absent, Holds::Value),
                    default: Some(Value::new("7")),
                }],
                values: usual(),
                planned: planned.map(|title| Planned {
                    title: title.to_owned(),
                    values: values.clone(),
                }),
            })));
        }
        all.extend(said(Body::Explained(Explained {
            site: site(),
            netns: "host".to_owned(),
            keys: vec![ExplainedKey {
                key: key.clone(),
                holds: Holds::Absent,
                default: None,
            }],
            values: values.clone(),
            planned: None,
        })));
    }
    all
}

/// All that can be said of the handshake.
fn of_the_whole() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let address = "10.0.0.1:443".parse().unwrap();
    let listener = Listener {
        cookie: 1,
        address,
        v6_only: false,
        queued: 9,
        limit: 8,
        drops: 7,
        inode: 0,
    };
    let names = "TcpActiveOpens TcpAttemptFails TCPAbortOnTimeout TCPSynRetrans TCPReqQFullDoCookies TCPReqQFullDrop \
                 SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops EmbryonicRsts TcpPassiveOpens";
    let mut counters = Counters::default();
    names
        .split_whitespace()
        .for_each(|name| counters.put(name, 12));
    for name in [
        "tcp_syncookies",
        "tcp_abort_on_overflow",
        "tcp_syn_retries",
        "tcp_synack_retries",
    ] {
        let entry = Entry::named(name).unwrap();
        for value in samples(entry.shape) {
            let mut values = usual();
            values.insert(entry.key().unwrap(), Value::new(&value));
            for listeners in [vec![], vec![(listener, 3)], vec![(listener, 3); 7]] {
                all.extend(said(Body::Overview(Overview {
                    site: site(),
                    netns: "host".to_owned(),
                    values: values.clone(),
                    counters: Some(counters.clone()),
                    listeners: Some(listeners),
                })));
            }
        }
    }
    all
}

#[test]
fn every_number_that_explain_prints_was_measured_or_says_where_it_is_from() {
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    let mut bare: BTreeSet<String> = BTreeSet::new();
    let mut count = 0;
    let mut judge = |whom: &str, testable: bool, said: BTreeSet<String>| {
        for statement in said {
            count += 1;
            if MARKS.iter().any(|mark| statement.contains(mark)) {
                continue;
            }
            // What no test can write was not measured, whatever it looks like.
            let by_table = statement.starts_with("takes ") || statement.starts_with("default ");
            let found: Vec<&str> = MEASURED
                .iter()
                .map(|(says, _)| *says)
                .filter(|says| is(says, &statement) && (testable || !by_table))
                .collect();
            if found.is_empty() {
                bare.insert(format!("{whom}: {statement}"));
            }
            needed.extend(found);
        }
    };
    for entry in TABLE {
        judge(entry.short, entry.is_testable(), of_a_key(entry));
    }
    judge("overview", true, of_the_whole());
    let shown: Vec<_> = bare.iter().take(40).cloned().collect();
    assert!(
        bare.is_empty(),
        "{} unmeasured:\n{}",
        bare.len(),
        shown.join("\n")
    );
    assert!(count > 1000, "{count}");
    let idle: Vec<_> = MEASURED
        .iter()
        .filter(|(says, _)| !needed.contains(says))
        .collect();
    assert!(idle.is_empty(), "nothing says this any more: {idle:#?}");
}

/// A test of the list that was renamed or removed takes its statements with it.
#[test]
fn every_measuring_test_is_there() {
    for (says, test) in MEASURED {
        let (module, name) = test.split_once("::").unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{module}.rs"));
        let text = fs::read_to_string(path).unwrap();
        let wanted = format!("#[test]\nfn {name}() {{");
        assert!(text.contains(&wanted), "{says}: no test {test}");
    }
}

#[test]
fn a_pattern_is_strict_about_its_own_digits() {
    assert!(is("lives # s", "lives 63 s") && is("at # s", "at 1 3 7 s"));
    assert!(!is("stays 60 s", "stays 61 s") && !is("lives # s", "lives long s"));
    assert!(has_number("holds 5") && !has_number("net.ipv4.tcp_retries2"));
}
