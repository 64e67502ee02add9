//! The figures that `explain` prints, measured on the running kernel. `claims.rs` says which test holds which figure.

use std::path::Path;

use serde_json::{Value as Json, json};
use tcptune::model::catalogue::{Entry, Shape, TABLE};
use tcptune::model::fastopen::{Outcome, client, outcome, server};
use tcptune::model::handshake::{
    ACCEPT_ENTRY_BYTES, SYN_ENTRY_BYTES, accept_queue, crowded, established_ms, syn_queue,
};

use crate::sandbox::Sandbox;

/// One experiment of `measure.py`.
fn measure(experiment: &str) -> Json {
    let sandbox = Sandbox::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/measure.py");
    let script = script.to_str().unwrap();
    sandbox
        .run("python3", &[script, experiment])
        .exits(0)
        .json()
}

/// The timer wheel is late, never early: by 4 % and a tick or two. The rest is for a busy machine.
fn about(measured: &Json, ideal_s: f64) {
    let s = measured.as_f64().unwrap();
    let fits = (ideal_s - 0.05..ideal_s * 1.04 + 1.5).contains(&s);
    assert!(fits, "{s} s, not {ideal_s} s");
}

/// Values inside and outside of what a shape takes.
fn probes(shape: Shape) -> (Vec<String>, Vec<String>) {
    let text = |numbers: &[i128]| numbers.iter().map(ToString::to_string).collect();
    match shape {
        Shape::Integer { min, max, .. } => (text(&[min, max]), text(&[min - 1, max + 1])),
        Shape::Switch => (text(&[0, 1]), text(&[-1, 2])),
        Shape::Choice(names) => {
            let known: Vec<i128> = names.iter().map(|(number, _)| *number).collect();
            let outside = [
                known.iter().min().unwrap() - 1,
                known.iter().max().unwrap() + 1,
            ];
            (text(&known), text(&outside))
        }
        Shape::Bits(names) => {
            let all: Vec<i128> = names.iter().map(|(bit, _)| *bit).collect();
            let sum = all.iter().sum();
            (text(&[&all[..], &[0, sum]].concat()), text(&[-1, 8]))
        }
        Shape::Vector {
            count, min, max, ..
        } => {
            let row = |number: i128| vec![number.to_string(); count].join(" ");
            let mut down = vec![max.to_string(); count];
            down[count - 1] = min.to_string();
            (
                vec![row(min), row(max)],
                vec![row(min - 1), row(max + 1), down.join(" ")],
            )
        }
        Shape::Ports => (vec!["8080,9000-9010".to_owned()], vec!["65536".to_owned()]),
        _ => (Vec::new(), Vec::new()),
    }
}

/// Every key that a namespace has of its own: the ends of its range are stored, and beyond them the kernel takes
/// something exactly where the table says that tcptune is stricter.
#[test]
fn ranges_are_those_of_this_kernel() {
    let sandbox = Sandbox::new();
    // The range of local ports ends where unprivileged ports begin.
    sandbox.sh("echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start");
    let stores = |entry: &Entry, value: &str| {
        let path = format!("/proc/sys/{}", entry.key().unwrap().path());
        let script = format!("echo '{value}' > {path} 2>/dev/null && cat {path} || echo refused");
        let stored = sandbox.sh(&script);
        stored.split_whitespace().collect::<Vec<_>>().join(" ") == value
    };
    let mut tried = 0;
    for entry in TABLE.iter().filter(|entry| entry.is_testable()) {
        let (inside, outside) = probes(entry.shape);
        for value in &inside {
            assert!(stores(entry, value), "{} takes {value}", entry.name);
        }
        if !inside.is_empty() {
            let more = outside.iter().any(|value| stores(entry, value));
            assert_eq!(more, entry.stricter, "{}: {outside:?}", entry.name);
            tried += 1;
        }
    }
    assert!(tried >= 30, "{tried}");
}

/// A sandbox has a fresh network namespace.
#[test]
fn defaults_are_those_of_a_fresh_namespace() {
    let sandbox = Sandbox::new();
    let mut seen = 0;
    for entry in TABLE.iter().filter(|entry| entry.is_constant()) {
        if matches!(entry.shape, Shape::Removed(_)) {
            let path = format!("/proc/sys/{}", entry.key().unwrap().path());
            assert_ne!(sandbox.run("test", &["-e", &path]).code, Some(0), "{path}");
        } else if entry.default.starts_with(|c: char| c.is_ascii_digit()) {
            let is = sandbox.sysctl(entry.name);
            let told = entry.default.split([',', ';']).next().unwrap();
            let told = told.split(" since").next().unwrap();
            assert_eq!(is, told, "{}", entry.name);
            seen += 1;
        }
    }
    assert!(seen >= 25, "{seen}");
}

#[test]
fn sized_defaults_follow_the_table_of_connections() {
    let sandbox = Sandbox::new();
    let number = |key: &str| sandbox.sysctl(key).parse::<i64>().unwrap();
    let buckets = number("net.ipv4.tcp_ehash_entries").abs();
    assert_eq!(
        number("net.ipv4.tcp_max_syn_backlog"),
        (buckets / 128).max(128)
    );
    assert_eq!(number("net.ipv4.tcp_max_tw_buckets"), buckets / 2);
}

#[test]
fn an_accept_queue_holds_one_more_than_its_limit() {
    for row in measure("accept_queue").as_array().unwrap() {
        let limit = i128::from(row[0].as_i64().unwrap());
        assert_eq!(
            i128::from(row[1].as_i64().unwrap()),
            accept_queue(limit),
            "{row}"
        );
    }
    assert_eq!(measure("listen_again"), json!([16, 16, 512]));
}

#[test]
fn a_syn_queue_holds_what_its_formula_says_and_then_sends_cookies_or_drops() {
    for row in measure("syn_queue").as_array().unwrap() {
        let number = |at: usize| i128::from(row[at].as_i64().unwrap());
        let (somaxconn, backlog, cookies) = (number(0), number(1), number(2));
        let holds = syn_queue(cookies, somaxconn, backlog);
        let others = 450 - holds;
        let (sent, dropped) = if cookies == 0 {
            (0, others)
        } else {
            (others, 0)
        };
        assert_eq!(
            (number(3), number(4), number(5)),
            (holds, sent, dropped),
            "{row}"
        );
    }
}

#[test]
fn requests_live_as_long_as_their_timeline_and_shorter_in_a_crowd() {
    let seen = measure("syn_ack");
    about(&seen["lonely"], 3.0);
    assert_eq!(seen["again"], 1);
    about(&seen["first"], 7.0);
    assert_eq!(
        i128::from(seen["left"].as_i64().unwrap()),
        crowded(16),
        "{seen}"
    );
}

#[test]
fn the_cap_shortens_a_connect_and_the_least_interval_does_not() {
    let seen = measure("syn");
    about(&seen["first"], 1.0);
    about(&seen["ended"], 3.0);
    assert_eq!(seen["again"], 2);
}

#[test]
fn what_a_full_accept_queue_does_to_a_final_ack_and_to_a_syn() {
    let seen = measure("overflow");
    let rows = json!([
        [0, "silence", true, false, true],
        [1, "reset", true, true, true]
    ]);
    assert_eq!(seen, rows);
}

#[test]
fn a_cookie_keeps_options_only_with_timestamps() {
    assert_eq!(measure("cookie_options"), json!([6, 0]));
}

#[test]
fn every_combination_of_fast_open() {
    let rows = measure("fast_open");
    let rows = rows.as_object().unwrap();
    assert_eq!(rows.len(), 26);
    for (row, seen) in rows {
        let (bits, option) = row.split_once(' ').unwrap();
        let bits: i128 = bits.parse().unwrap();
        let told = match outcome(client(bits), server(bits, option == "1")) {
            Outcome::Refused => json!(["errno 95", "errno 95"]),
            Outcome::Never => json!(["after", "after"]),
            Outcome::FromSecond => json!(["after", "in SYN"]),
            Outcome::FromFirst => json!(["in SYN", "in SYN"]),
            Outcome::SentTwice => json!(["twice", "twice"]),
        };
        assert_eq!(*seen, told, "{bits:#x}, option {option}");
    }
}

#[test]
fn a_black_hole_stops_fast_open_for_so_many_seconds() {
    assert_eq!(measure("black_hole"), json!([1, 0, 1]));
}

#[test]
fn fin_wait_2_obeys_its_key_and_time_wait_does_not() {
    let seen = measure("closing");
    about(&seen["fin_wait"], 3.0);
    let shown = seen["time_wait"].as_str().unwrap();
    assert!(
        shown.contains("timewait,59sec") || shown.contains("timewait,1min"),
        "{shown}"
    );
}

#[test]
fn keepalive_ends_after_its_sum_and_retries2_not_before_its_time() {
    let seen = measure("keepalive");
    about(&seen["s"], 1.0 + 1.0 * 3.0);
    let seen = measure("retries2");
    let at_least = std::time::Duration::from_millis(established_ms(2, 120_000)).as_secs_f64();
    assert!(seen["s"].as_f64().unwrap() >= at_least, "{seen}");
    assert!(seen["s"].as_f64().unwrap() < 4.0 * at_least + 1.5, "{seen}");
}

#[test]
fn a_range_of_ports_is_that_many_connections_to_one_destination() {
    assert_eq!(measure("ports"), json!({ "made": 4, "errno": 99 }));
}

#[test]
fn a_queued_connection_takes_these_bytes() {
    let seen = measure("slabs");
    let bytes = |slab: &str| i128::from(seen[slab].as_i64().unwrap());
    assert_eq!(bytes("request_sock_TCP"), SYN_ENTRY_BYTES);
    assert_eq!(bytes("TCP") + bytes("request_sock_TCP"), ACCEPT_ENTRY_BYTES);
}
