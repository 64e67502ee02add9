//! Pictures of what a key does, in plain characters, at most 76 columns wide.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::fastopen::{Client, Outcome, Server, client, outcome, server};
use crate::model::handshake::{Timeline, View, crowded, plural, seconds};
use crate::model::key::Key;

/// Values that a picture is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) title: &'a str,
    pub(super) view: View<'a>,
}

/// The last component of a name.
pub(super) fn name(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The picture for a key, if it has one.
pub(super) fn of(key: &Key, cases: &[Case<'_>]) -> Vec<String> {
    match key.as_str() {
        "net.ipv4.tcp_syn_retries"
        | "net.ipv4.tcp_syn_linear_timeouts"
        | "net.ipv4.tcp_rto_max_ms" => {
            timelines(key, cases, "SYN", "connect() fails with ETIMEDOUT")
        }
        "net.ipv4.tcp_synack_retries" => timelines(
            key,
            cases,
            "SYN-ACK",
            "the request is forgotten, nobody is told",
        ),
        "net.core.somaxconn"
        | "net.ipv4.tcp_max_syn_backlog"
        | "net.ipv4.tcp_syncookies"
        | "net.ipv4.tcp_abort_on_overflow" => differing(cases, queues),
        "net.ipv4.tcp_fastopen" => differing(cases, fast_open),
        _ => Vec::new(),
    }
}

/// One picture, or one for each case where they differ.
fn differing(cases: &[Case<'_>], draw: fn(View<'_>) -> Vec<String>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut before: Option<Vec<String>> = None;
    for case in cases {
        let drawn = draw(case.view);
        if before.as_ref() == Some(&drawn) || drawn.is_empty() {
            continue;
        }
        if cases.len() > 1 {
            lines.push(format!("{}:", case.title));
        }
        lines.extend(drawn.iter().cloned());
        before = Some(drawn);
    }
    lines
}

/// Columns of a time axis.
const AXIS: u32 = 56;

fn timelines(key: &Key, cases: &[Case<'_>], segment: &str, end: &str) -> Vec<String> {
    let drawn: Vec<(&str, Timeline)> = cases
        .iter()
        .filter_map(|case| Some((case.title, case.view.timeline(key.as_str())?)))
        .collect();
    let Some(longest) = drawn.iter().map(|(_, line)| line.give_up_ms).max() else {
        return Vec::new();
    };
    let mut lines: Vec<String> = Vec::new();
    for (title, line) in &drawn {
        lines.extend(axis(title, line, longest));
    }
    lines.push(format!("S {segment}  | again  + several  X {end}"));
    lines.push("seconds since the first one; the axis is logarithmic".to_owned());
    lines
}

/// The column of an instant, where the axis ends with the longest of its timelines.
fn column(ms: u64, longest: u64) -> usize {
    let unit = |ms: u64| f64::from(u32::try_from(ms).unwrap_or(u32::MAX)) / 1000.0 + 1.0;
    let (at, whole) = (unit(ms), unit(longest));
    let reached = |column: &u32| whole.powf((f64::from(*column) - 0.5) / f64::from(AXIS)) <= at;
    (1..=AXIS).take_while(reached).count()
}

/// A row of marks, and the row of seconds below it as far as there is room.
fn axis(title: &str, line: &Timeline, longest: u64) -> [String; 2] {
    let mut marks: BTreeMap<usize, char> = BTreeMap::from([(0, 'S')]);
    for at in &line.at_ms {
        marks
            .entry(column(*at, longest))
            .and_modify(|mark| *mark = '+')
            .or_insert('|');
    }
    let end = column(line.give_up_ms, longest);
    marks.insert(end, 'X');
    let row: String = (0..=end)
        .map(|at| marks.get(&at).copied().unwrap_or('-'))
        .collect();

    let last = seconds(line.give_up_ms);
    let mut labels = String::from("0");
    for at in &line.at_ms {
        let (at, label) = (column(*at, longest), seconds(*at));
        if at > labels.len() && at + label.len() < end {
            labels = format!("{labels:at$}{label}");
        }
    }
    labels = format!("{labels:end$}");
    labels.truncate(end.max(labels.trim_end().len() + 1));
    [format!("{title:9}{row}"), format!("{:9}{labels}{last}", "")]
}

/// How the queues of a listener fill, and what happens at the edge.
fn queues(view: View<'_>) -> Vec<String> {
    let (Some((accept, syn)), Some(limit)) = (view.queues(), view.number("net.core.somaxconn"))
    else {
        return Vec::new();
    };
    // Without the key this kernel has no cookies.
    let cookies = view.number("net.ipv4.tcp_syncookies").unwrap_or(0);
    let (waiting, requests) = (plural(accept, "connection"), plural(syn, "request"));
    let mut lines = vec![
        format!("a listener that asks for {limit} or more"),
        " SYN".to_owned(),
    ];
    let edge = |met: String, then: &str| format!("  |  {met:42} -> {then}");
    lines.push(match cookies {
        0 => edge(
            format!("SYN queue full ({syn} {requests})?"),
            "dropped, no answer",
        ),
        2 => edge("always".to_owned(), "a SYN cookie"),
        _ => edge(
            format!("SYN queue full ({syn} {requests})?"),
            "a SYN cookie",
        ),
    });
    lines.push(edge(
        format!("accept queue full ({accept} {waiting})?"),
        "dropped, no answer",
    ));
    lines.push("  v".to_owned());
    let half = crowded(limit);
    if cookies == 2 {
        lines.push(" no SYN queue: the cookie in the SYN-ACK is all there is".to_owned());
    } else {
        lines.extend(bar("SYN queue", syn, Some(half).filter(|half| *half < syn)));
        if let Some(line) = view.synack() {
            lines.push(format!(
                "  |  forgotten after {} s",
                seconds(line.give_up_ms)
            ));
        } else if view.never_forgets() {
            lines.push("  |  by its source, maybe never forgotten".to_owned());
        }
        if let Some(crowded) = view.crowded_ms().filter(|_| half < syn) {
            let crowded = seconds(crowded);
            lines.push(format!(
                "  |  more than {half}: the oldest may be forgotten after {crowded} s"
            ));
        }
    }
    lines.push("  |".to_owned());
    lines.push("  |  final ACK".to_owned());
    let full = match view.number("net.ipv4.tcp_abort_on_overflow") {
        Some(0) => "dropped; SYN-ACK again",
        Some(_) => "RST: ECONNRESET, later",
        None => "dropped, or RST",
    };
    if cookies != 2 {
        lines.push(edge(
            "accept queue full, and it was half-open?".to_owned(),
            full,
        ));
    }
    if cookies != 0 {
        lines.push(edge(
            "accept queue full, and it had a cookie?".to_owned(),
            "dropped, no answer",
        ));
    }
    lines.push("  v".to_owned());
    lines.extend(bar("accept queue", accept, None));
    lines.push("  |".to_owned());
    lines.push("  v  accept()".to_owned());
    lines
}

/// A queue with its numbers below.
fn bar(title: &str, holds: i128, half: Option<i128>) -> [String; 2] {
    const INNER: usize = 46;
    let middle = INNER / 2;
    let (left, right) = match half {
        Some(_) => (
            ".".repeat(middle),
            format!("|{}", ".".repeat(INNER - middle - 1)),
        ),
        None => (".".repeat(middle), ".".repeat(INNER - middle)),
    };
    let below = half.map(|half| half.to_string()).unwrap_or_default();
    let holds = holds.to_string();
    let gap = INNER + 1 - middle;
    [
        format!(" {title:13}[{left}{right}]"),
        format!(" {:13}0{:middle$}{below:gap$}{holds}", "", ""),
    ]
}

/// Requests for data in the SYN, and what becomes of them.
fn fast_open(view: View<'_>) -> Vec<String> {
    let Some(bits) = view.number("net.ipv4.tcp_fastopen") else {
        return Vec::new();
    };
    let mut lines: Vec<String> = [
        "first connection            later ones                  not accepted",
        "C            S              C            S              C            S",
        "| SYN,cookie? |             | SYN,cookie, |             | SYN,cookie, |",
        "|------------>|             |--- data --->|             |--- data --->|",
        "| SYN-ACK,    | cookie is   | SYN-ACK of  | the data    | SYN-ACK of  |",
        "|<-- cookie --| made        |<---- both --| is read     |<- SYN only -|",
        "| ACK, data   |             | ACK         | one round   | ACK, data   |",
        "|------------>|             |------------>| trip sooner |--- again -->|",
    ]
    .map(str::to_owned)
    .to_vec();
    let servers = [Server::Plain, Server::Cookie, Server::Open];
    let clients = [Client::Off, Client::Cookie, Client::Bold];
    let here: BTreeSet<Server> = BTreeSet::from([server(bits, false), server(bits, true)]);
    let head = ["listener without", "with 0x2 and", "the same"];
    let below = ["0x2, or option", "option or 0x400", "and 0x200"];
    let row = |mark: &str, first: &str, cells: [&str; 3]| {
        let [plain, cookie, open] = cells;
        format!("{mark:2}{first:18}{plain:18}{cookie:18}{open}")
            .trim_end()
            .to_owned()
    };
    lines.push(row("", "", head));
    lines.push(row("", "client", below));
    for one in clients {
        let cells = servers.map(|other| cell(outcome(one, other)));
        let mark = if one == client(bits) { ">" } else { "" };
        let first = match one {
            Client::Off => "without 0x1",
            Client::Cookie => "with 0x1",
            Client::Bold => "with 0x1 and 0x4",
        };
        lines.push(row(mark, first, cells));
    }
    let marks = servers.map(|other| if here.contains(&other) { "^" } else { "" });
    lines.push(row("", "", marks));
    lines.push(
        "option: TCP_FASTOPEN of the listener; > and ^: programs under this value".to_owned(),
    );
    lines
}

fn cell(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "EOPNOTSUPP",
        Outcome::Never => "data waits",
        Outcome::FromSecond => "in SYN, not first",
        Outcome::FromFirst => "in every SYN",
        Outcome::SentTwice => "data sent twice",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::Value;

    fn drawn(key: &str, values: &[(&str, i128)]) -> String {
        let values: BTreeMap<Key, Value> = values
            .iter()
            .map(|(key, value)| (key.parse().unwrap(), Value::from(*value)))
            .collect();
        let case = Case {
            title: "now",
            view: View(&values),
        };
        of(&key.parse().unwrap(), &[case]).join("\n")
    }

    #[test]
    fn a_timeline_can_be_read_off_its_axis() {
        let key = "net.ipv4.tcp_synack_retries";
        assert_eq!(
            drawn(key, &[(key, 3)]),
            "\
now      S-------------|-------------|-------------|-------------X
         0             1             3             7             15
S SYN-ACK  | again  + several  X the request is forgotten, nobody is told
seconds since the first one; the axis is logarithmic"
        );
    }

    #[test]
    fn a_full_queue_drops_resets_or_sends_a_cookie() {
        let somaxconn = "net.core.somaxconn";
        let with = |cookies, abort| {
            drawn(
                somaxconn,
                &[
                    (somaxconn, 16),
                    ("net.ipv4.tcp_syncookies", cookies),
                    ("net.ipv4.tcp_max_syn_backlog", 2048),
                    ("net.ipv4.tcp_abort_on_overflow", abort),
                    ("net.ipv4.tcp_synack_retries", 5),
                ],
            )
        };
        assert_eq!(
            with(1, 0),
            "\
a listener that asks for 16 or more
 SYN
  |  SYN queue full (17 requests)?              -> a SYN cookie
  |  accept queue full (17 connections)?        -> dropped, no answer
  v
 SYN queue    [.......................|......................]
              0                       8                       17
  |  forgotten after 63 s
  |  more than 8: the oldest may be forgotten after 7 s
  |
  |  final ACK
  |  accept queue full, and it was half-open?   -> dropped; SYN-ACK again
  |  accept queue full, and it had a cookie?    -> dropped, no answer
  v
 accept queue [..............................................]
              0                                               17
  |
  v  accept()"
        );
        assert!(with(0, 1).contains("SYN queue full (17 requests)?              -> dropped"));
        assert!(with(0, 1).contains("-> RST: ECONNRESET, later"));
        assert!(with(2, 0).contains("no SYN queue"));
    }

    #[test]
    fn with_cookies_alone_nothing_was_half_open() {
        let somaxconn = "net.core.somaxconn";
        let always = drawn(
            somaxconn,
            &[
                (somaxconn, 16),
                ("net.ipv4.tcp_syncookies", 2),
                ("net.ipv4.tcp_synack_retries", 5),
                ("net.ipv4.tcp_abort_on_overflow", 1),
            ],
        );
        assert!(always.contains("and it had a cookie?"), "{always}");
        for wrong in ["half-open", "RST", "forgotten"] {
            assert!(!always.contains(wrong), "{wrong}\n{always}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_not_drawn_as_a_value() {
        let somaxconn = "net.core.somaxconn";
        let without = drawn(somaxconn, &[(somaxconn, 16)]);
        assert!(without.contains("(17 requests)?              -> dropped, no answer"));
        assert!(
            without.contains("half-open?   -> dropped, or RST"),
            "{without}"
        );
        assert!(!without.contains("cookie") && !without.contains("forgotten"));
    }

    #[test]
    fn a_crowded_queue_forgets_no_later_than_an_empty_one() {
        let somaxconn = "net.core.somaxconn";
        let with = |retries| {
            drawn(
                somaxconn,
                &[(somaxconn, 16), ("net.ipv4.tcp_synack_retries", retries)],
            )
        };
        for (retries, lives) in [(0, 1), (1, 3), (2, 7)] {
            let picture = with(retries);
            assert!(picture.contains(&format!("  |  forgotten after {lives} s\n")));
            assert!(!picture.contains("the oldest"), "{picture}");
        }
        assert!(with(3).contains(
            "forgotten after 15 s\n  |  more than 8: the oldest may be forgotten after 7 s"
        ));
        assert!(with(128).contains("by its source, maybe never forgotten"));
    }

    #[test]
    fn the_bits_of_fast_open_are_marked_in_the_table() {
        let key = "net.ipv4.tcp_fastopen";
        let table = drawn(key, &[(key, 0x3)]);
        assert!(table.contains("> with 0x1          data waits        in SYN, not first"));
        assert!(
            table.contains("\n                    ^                 ^\n"),
            "{table}"
        );
    }

    #[test]
    fn every_picture_fits_the_screen() {
        for (key, value) in [
            ("net.ipv4.tcp_syn_retries", 127),
            ("net.ipv4.tcp_synack_retries", 60),
            ("net.core.somaxconn", 2_147_483_647),
            ("net.ipv4.tcp_fastopen", 0x607),
        ] {
            let picture = drawn(key, &[(key, value)]);
            let widest = picture.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= 76), "{picture}");
        }
    }
}
