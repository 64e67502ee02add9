//! Every rule of `doctor` that one namespace can show, with real traffic: it is named, its neighbours are not, and the
//! remedy that the finding recommends ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value as Json;

use crate::docs;
use crate::sandbox::{Sandbox, binary};

/// The traffic of `tests/lab/lab.py`, which lives in the sandbox.
pub(crate) struct Lab {
    process: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Lab {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab.py");
        let mut process = sandbox
            .command("python3")
            .arg(lab)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let lines = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut lab = Self {
            process,
            lines,
            answers,
        };
        assert_eq!(lab.answer(), "ok");
        lab
    }

    /// Does what a line says; `wait S` waits.
    #[track_caller]
    pub(crate) fn say(&mut self, line: &str) -> String {
        if let Some(seconds) = line.strip_prefix("wait ") {
            thread::sleep(Duration::from_secs_f64(seconds.parse().expect("seconds")));
            return String::new();
        }
        writeln!(self.lines, "{line}").expect("the lab listens");
        let answer = self.answer();
        assert!(answer.starts_with("ok"), "{line}: {answer}");
        answer
    }

    #[track_caller]
    pub(crate) fn script(&mut self, lines: &[&str]) {
        for line in lines {
            self.say(line);
        }
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the lab answers");
        answer.trim().to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// What `doctor` finds within so many seconds.
pub(crate) fn findings(sandbox: &Sandbox, seconds: u32) -> Vec<Json> {
    let run = sandbox.tcptune(&format!("doctor --window {seconds}s --json"));
    let document = run.json();
    assert_eq!(document["error"], Json::Null, "{document:#}");
    document["findings"].as_array().expect("a list").clone()
}

fn rules(findings: &[Json]) -> Vec<&str> {
    let rules = findings
        .iter()
        .map(|one| one["rule"].as_str().expect("a word"));
    rules.collect()
}

/// Something that is wrong, and what cures it.
#[derive(Clone, Copy)]
struct Case {
    rule: &'static str,
    /// Values at the start, written by a stranger.
    values: &'static [(&'static str, &'static str)],
    /// What goes on.
    traffic: &'static [&'static str],
    /// Rules that are true of it as well.
    also: &'static [&'static str],
    /// What to do beside the keys that the finding recommends, with the time that old segments need to die out.
    cure: &'static [&'static str],
    /// Whether the finding names the listener of the lab.
    names: bool,
}

const PLAIN: Case = Case {
    rule: "",
    values: &[],
    traffic: &[],
    also: &[],
    cure: &["wait 1.2"],
    names: true,
};

fn experiment(case: Case) {
    let sandbox = Sandbox::new();
    // Settings of interfaces need the interface.
    let mut lab = Lab::new(&sandbox);
    for (key, value) in case.values {
        sandbox.stranger(key, value);
    }
    lab.script(case.traffic);
    let found = findings(&sandbox, 3);
    let named = rules(&found);
    assert!(named.contains(&case.rule), "{}: {found:#?}", case.rule);
    let others = named.iter().filter(|rule| **rule != case.rule);
    for other in others {
        assert!(
            case.also.contains(other),
            "{} was taken for {other}: {found:#?}",
            case.rule
        );
    }
    let finding = found
        .iter()
        .find(|one| one["rule"] == case.rule)
        .expect("it was named");
    if case.names {
        let listener = &finding["listener"];
        assert_eq!(listener["port"], 80, "{finding:#}");
        assert_eq!(listener["process"], "web", "{finding:#}");
    }
    for step in finding["remedy"].as_array().expect("a list") {
        if let (Some(key), Some(value)) = (step["key"].as_str(), step["value"].as_str()) {
            let binary = crate::sandbox::binary();
            let binary = binary.to_str().expect("UTF-8");
            sandbox
                .run(binary, &["set", &format!("{key}={value}")])
                .exits(0);
        }
    }
    lab.script(case.cure);
    let after = findings(&sandbox, 3);
    assert!(
        !rules(&after).contains(&case.rule),
        "{} was not cured: {after:#?}",
        case.rule
    );
}

/// Experiments mostly wait, so several go on at a time, each in a sandbox of its own.
fn experiments(cases: &[Case]) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| experiment(*case));
        }
    });
}

#[test]
fn accept_queues_that_overflow() {
    experiments(&[
        Case {
            rule: "accept-queue-app-backlog",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "accept web every=0.3",
                "burst web 10 every=1",
            ],
            cure: &["relisten web backlog=64", "wait 1.2"],
            ..PLAIN
        },
        // Clients in the same namespace: their SYNs are sent again, and the cause is here.
        Case {
            rule: "accept-queue-app-backlog",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "accept web every=0.3",
                "burst web 10 every=1 near",
            ],
            cure: &["relisten web backlog=64", "wait 1.2"],
            ..PLAIN
        },
        Case {
            rule: "accept-queue-somaxconn",
            values: &[("net.core.somaxconn", "8")],
            traffic: &[
                "listen web 10.0.0.1:80 backlog=5000",
                "accept web every=0.3",
                "burst web 20 every=1",
            ],
            also: &["syn-queue-cookies-legitimate"],
            cure: &["relisten web", "wait 1.2"],
            ..PLAIN
        },
        Case {
            rule: "application-slow",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=16",
                "accept web 1 every=0.2",
                "burst web 30 every=0.3",
                "wait 0.3",
            ],
            cure: &["accept web", "wait 1.2"],
            ..PLAIN
        },
        Case {
            rule: "application-slow",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "hold web 10",
                "wait 0.2",
            ],
            cure: &["accept web", "wait 1.2"],
            ..PLAIN
        },
        Case {
            rule: "descriptors",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=16",
                "files web 5",
                "accept web",
                "hold web 10 every=0.5",
                "wait 1",
            ],
            cure: &["files web 1000", "wait 1.2"],
            ..PLAIN
        },
    ]);
}

#[test]
fn who_pays_for_a_full_accept_queue() {
    let queues = &[
        "accept-queue-app-backlog",
        "application-slow",
        "syn-queue-cookies-legitimate",
    ];
    experiments(&[
        Case {
            rule: "abort-on-overflow",
            values: &[("net.ipv4.tcp_abort_on_overflow", "1")],
            traffic: &[
                "listen web 10.0.0.1:80 backlog=16",
                "accept web every=1",
                "answer after=0.3",
                "syn web 12 every=0.2",
                "wait 1",
            ],
            also: queues,
            ..PLAIN
        },
        Case {
            rule: "phantom-clients",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=16",
                "accept web every=1.2",
                "answer after=0.3",
                "syn web 12 every=0.2",
                "wait 1.5",
            ],
            also: queues,
            cure: &["relisten web backlog=256", "accept web", "wait 2"],
            ..PLAIN
        },
        Case {
            rule: "overflow-past",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "hold web 10",
                "wait 0.2",
                "calm",
                "accept web",
                "wait 0.5",
            ],
            // What is past stays so until the namespace ends: only a look without a window does not speak of it.
            cure: &[
                "hold web 50 every=0.5",
                "relisten web backlog=4",
                "pause web",
                "wait 0.5",
            ],
            ..PLAIN
        },
        // Strangers that reset half-open requests are no clients that this host resets.
        Case {
            rule: "application-slow",
            values: &[("net.ipv4.tcp_abort_on_overflow", "1")],
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "answer rst after=0.05",
                "syn web 4 every=0.5",
                "hold web 10",
                "wait 1.2",
            ],
            also: &["phantom-clients"],
            cure: &["accept web", "wait 1.2"],
            ..PLAIN
        },
    ]);
}

#[test]
fn a_listener_that_took_a_somaxconn_of_before() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.core.somaxconn", "16");
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80 backlog=1000",
        "accept web every=0.3",
        "burst web 30 every=1",
    ]);
    assert_eq!(rules(&findings(&sandbox, 3)), ["accept-queue-somaxconn"]);
    // Half of the cure: the key alone.
    sandbox.tcptune("set somaxconn=512").exits(0);
    let stale = findings(&sandbox, 3);
    assert_eq!(rules(&stale), ["listener-stale"], "{stale:#?}");
    assert_eq!(
        stale[0]["remedy"][0]["action"],
        "restart it, or have it call listen() again"
    );
    lab.script(&["relisten web", "wait 1.2"]);
    assert_eq!(rules(&findings(&sandbox, 3)), ["overflow-past"]);
}

#[test]
fn syn_queues_and_cookies() {
    let full: &[&str] = &[
        "listen web 10.0.0.1:80 backlog=8",
        "accept web",
        "syn web 48 every=1",
        "wait 0.5",
    ];
    let burst: &[&str] = &[
        "listen web 10.0.0.1:80 backlog=8",
        "accept web",
        "answer after=0.2 pace=0.002",
        "syn web 40 every=1",
        "wait 0.5",
    ];
    experiments(&[
        Case {
            rule: "syn-queue-full",
            values: &[("net.ipv4.tcp_syncookies", "0")],
            traffic: full,
            ..PLAIN
        },
        Case {
            rule: "syn-backlog-three-quarters",
            values: &[
                ("net.ipv4.tcp_syncookies", "0"),
                ("net.ipv4.tcp_max_syn_backlog", "64"),
            ],
            traffic: &[
                "listen web 10.0.0.1:80 backlog=400",
                "accept web",
                "syn web 100 every=1",
                "wait 0.5",
            ],
            ..PLAIN
        },
        Case {
            rule: "syn-queue-cookies-legitimate",
            traffic: burst,
            cure: &["relisten web backlog=256", "wait 1.2"],
            ..PLAIN
        },
        Case {
            rule: "syn-flood",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=16",
                "accept web",
                "syn web 200 every=0.5",
                "wait 0.5",
            ],
            cure: &["calm", "wait 0.5"],
            ..PLAIN
        },
        Case {
            rule: "cookies-always",
            values: &[("net.ipv4.tcp_syncookies", "2")],
            traffic: &[
                "listen web 10.0.0.1:80 backlog=128",
                "accept web",
                "burst web 10 every=0.5",
            ],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "cookies-without-timestamps",
            values: &[("net.ipv4.tcp_timestamps", "0")],
            traffic: burst,
            also: &["syn-queue-cookies-legitimate"],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "cookie-acks-bogus",
            traffic: &[
                "listen web 10.0.0.1:80 backlog=4",
                "accept web",
                "syn web 10",
                "wait 0.2",
                "calm",
                "ack web 20 every=0.5",
            ],
            cure: &["calm", "wait 0.5"],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "synack-unanswered",
            traffic: &[
                "listen web 10.0.0.1:80",
                "accept web",
                "syn web 8 every=1",
                "wait 1",
            ],
            cure: &["answer", "wait 3"],
            ..PLAIN
        },
    ]);
}

#[test]
fn this_host_as_a_client() {
    experiments(&[
        Case {
            rule: "client-side",
            traffic: &["hold 10.9.9.9:80 5 every=1", "wait 0.5"],
            cure: &["calm", "wait 0.5"],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "port-exhaustion",
            values: &[("net.ipv4.ip_local_port_range", "40000 40019")],
            traffic: &[
                "listen peer 10.0.0.2:80 far",
                "accept peer",
                "hold peer 30",
                "wait 0.5",
            ],
            cure: &["hold peer 30", "wait 0.5"],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "time-wait-overflow",
            values: &[("net.ipv4.tcp_max_tw_buckets", "5")],
            traffic: &[
                "listen peer 10.0.0.2:80 far",
                "accept peer",
                "burst peer 10 every=0.5",
                "wait 0.6",
            ],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "drops-before-tcp",
            values: &[("net.ipv4.conf.near0.rp_filter", "1")],
            traffic: &[
                "listen web 10.0.0.1:80",
                "accept web",
                "syn web 10 every=0.5 from=203.0.113.0",
            ],
            cure: &["calm", "wait 0.3"],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "wrong-namespace",
            traffic: &[
                "listen web 10.0.0.2:80 backlog=4 far",
                "hold web 10 every=1 near",
                "wait 1",
            ],
            also: &["client-side"],
            cure: &["relisten web backlog=64", "accept web", "wait 3"],
            names: false,
            ..PLAIN
        },
    ]);
}

#[test]
fn fast_open() {
    experiments(&[
        Case {
            rule: "fastopen-unused",
            values: &[("net.ipv4.tcp_fastopen", "3")],
            traffic: &[
                "listen web 10.0.0.1:80",
                "accept web",
                "burst web 5 every=0.5 fastopen",
            ],
            cure: &[
                "calm",
                "listen web 10.0.0.1:80 fastopen=16",
                "accept web",
                "burst web 5 every=0.5 fastopen",
                "wait 0.6",
            ],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "fastopen-queue-full",
            values: &[("net.ipv4.tcp_fastopen", "1538")],
            traffic: &[
                "listen web 10.0.0.1:80 fastopen=2",
                "accept web",
                "answer after=0.3",
                "syn web 6 data every=0.5",
            ],
            cure: &[
                "calm",
                "listen web 10.0.0.1:80 fastopen=256",
                "accept web",
                "answer after=0.3",
                "syn web 6 data every=0.5",
                "wait 0.6",
            ],
            names: false,
            ..PLAIN
        },
        Case {
            rule: "fastopen-refused",
            values: &[("net.ipv4.tcp_fastopen", "5")],
            traffic: &[
                "listen peer 10.0.0.2:80 far",
                "accept peer",
                "burst peer 5 every=0.5 fastopen",
            ],
            names: false,
            ..PLAIN
        },
    ]);
}

#[test]
fn a_listener_that_restarts_takes_its_queue_with_it() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    let restart = |lab: &mut Lab| {
        lab.script(&[
            "listen web 10.0.0.1:80 reuseport",
            "listen two 10.0.0.1:80 reuseport",
            "hold web 40",
            "wait 0.3",
        ]);
        thread::scope(|scope| {
            let doctor = scope.spawn(|| findings(&sandbox, 3));
            thread::sleep(Duration::from_millis(1200));
            lab.script(&["close web"]);
            doctor.join().expect("it ends")
        })
    };
    let found = restart(&mut lab);
    assert_eq!(rules(&found), ["listener-restart-loss"], "{found:#?}");
    assert_eq!(found[0]["remedy"][0]["key"], "net.ipv4.tcp_migrate_req");
    sandbox.tcptune("set net.ipv4.tcp_migrate_req=1").exits(0);
    lab.script(&["calm", "close two"]);
    let after = restart(&mut lab);
    assert_eq!(rules(&after), [""; 0], "{after:#?}");
}

/// What a healthy host sees gives no finding; `tests/bench/false-alarms` does it for ten minutes.
#[test]
fn ordinary_load_is_no_finding() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80",
        "listen api 10.0.0.1:8080 backlog=64",
        "listen six [::]:8081",
        "accept web",
        "accept api",
        "accept six",
        "ordinary web api six rate=200",
        "wait 1",
    ]);
    let found = findings(&sandbox, 10);
    assert_eq!(rules(&found), [""; 0], "{found:#?}");
    let run = sandbox.tcptune("doctor --window 1s").exits(0);
    assert!(run.out.contains("nothing found"), "{}", run.out);
}

#[test]
fn one_look_says_that_it_has_no_differences() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80 backlog=4",
        "hold web 10",
        "wait 0.2",
    ]);
    let run = sandbox.tcptune("doctor --window 0s").exits(0);
    for text in [
        "one look",
        "100 % full: 5 of 5 wait",
        "show only between two",
    ] {
        assert!(run.out.contains(text), "{text}: {}", run.out);
    }
    lab.say("listen peer 10.0.0.2:80 far");
    let run = sandbox.tcptune("doctor --window 0s").exits(0);
    assert!(
        run.out.contains("; 1 other not examined (--netns all)"),
        "{}",
        run.out
    );
    let wrong = sandbox.tcptune("doctor --window 2h").exits(2);
    assert!(
        wrong.err.contains("0s, or between 100ms and 1h"),
        "{}",
        wrong.err
    );
    sandbox.tcptune("doctor --window 0s --root /").exits(2);
}

#[test]
fn what_a_profile_would_do() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.tcp_syncookies", "0");
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80 backlog=8",
        "accept web",
        "syn web 48 every=1",
        "wait 0.5",
    ]);
    let run = sandbox
        .tcptune("doctor --window 2s --profile syn-flood")
        .exits(1);
    assert!(run.out.contains("syn-flood: would cure it"), "{}", run.out);
    let run = sandbox
        .tcptune("doctor --window 2s --profile fail-fast")
        .exits(1);
    assert!(
        run.out.contains("fail-fast: would change nothing about it"),
        "{}",
        run.out
    );
    sandbox
        .tcptune("doctor --window 0s --profile nope")
        .exits(2);
}

#[test]
fn every_namespace_that_was_asked_for() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.2:80 backlog=4 far",
        "hold web 10 every=1 near",
        "wait 1",
    ]);
    let run = sandbox
        .tcptune("doctor --window 3s --netns all --json")
        .exits(1);
    let document = run.json();
    assert_eq!(document["not_examined"], 0, "{document:#}");
    let all = document["namespaces"].as_array().expect("a list");
    assert_eq!(all.len(), 2, "{document:#}");
    let slow = all.iter().filter(|one| {
        let findings = one["findings"].as_array().expect("a list");
        findings
            .iter()
            .any(|one| one["rule"] == "application-slow" && one["listener"]["process"] == "web")
    });
    assert_eq!(slow.count(), 1, "{document:#}");
}

#[test]
fn anybody_may_look() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80 backlog=4",
        "hold web 10",
        "wait 0.2",
    ]);
    let run = sandbox.as_nobody(&[], "doctor --window 2s --json").exits(1);
    let document = run.json();
    let finding = &document["findings"][0];
    assert_eq!(finding["rule"], "application-slow", "{document:#}");
    assert_eq!(
        finding["listener"]["process"],
        Json::Null,
        "only root sees whose it is"
    );
}

/// The finding that the README shows: its words, as the numbers are those of one run. `UPDATE=1` writes it.
#[test]
fn the_finding_of_the_readme_is_what_a_user_sees() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen nginx 0.0.0.0:443 backlog=511",
        "accept nginx every=0.3",
        "burst nginx 600 every=1",
        "wait 1",
    ]);
    let run = sandbox.tcptune("doctor --profile high-traffic").exits(1);
    let shown = run.out.replace("container namespace", "host namespace");
    let shown: Vec<String> = shown.lines().flat_map(|line| wrapped(line, 118)).collect();
    let shown = format!("```text\n{}\n```\n", shown.join("\n"));
    let _one_at_a_time = docs::README.lock();
    let readme = docs::document("README.md");
    let (before, rest) = readme.split_once("<!-- doctor -->\n").expect("a mark");
    let (is, after) = rest.split_once("<!-- /doctor -->").expect("a mark");
    if std::env::var_os("UPDATE").is_some() {
        let text = format!("{before}<!-- doctor -->\n{shown}<!-- /doctor -->{after}");
        return docs::update(&text);
    }
    assert_eq!(
        words(is),
        words(&shown),
        "`UPDATE=1 cargo test --test it doctor` mends it"
    );
}

/// The reason and the steps, without numbers: the rest depends on the second in which it was seen.
fn words(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lasting = text.split("why:").nth(1).expect("a reason");
    let lasting = lasting.split("about it").next().expect("what comes before");
    lasting.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// A line that a page has room for, with what follows below it.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let mut lines = vec![" ".repeat(indent)];
    for word in line.split_whitespace() {
        let last = lines.last_mut().expect("one");
        if last.len() + 1 + word.len() > width {
            lines.push(format!("{}{word}", " ".repeat(indent + 2)));
        } else {
            if !last.trim().is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// What `all` listed a moment ago may be gone: that is no wrong request, and the others are told.
#[test]
fn a_namespace_that_vanishes_is_left_out() {
    let sandbox = Sandbox::new();
    let busy = thread::scope(|scope| {
        let churn = scope.spawn(|| sandbox.sh("for _ in $(seq 400); do unshare --net true; done"));
        let mut runs = 0;
        while !churn.is_finished() {
            sandbox.tcptune("doctor --window 0s --netns all").exits(0);
            runs += 1;
        }
        runs
    });
    assert!(busy > 10, "{busy}");
}

/// The master owns the listener, and a worker that shares it has no descriptor left.
#[test]
fn a_worker_without_descriptors_is_seen_behind_its_master() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/prefork.py",
        "import os, resource, socket, time\n\
         s = socket.create_server(('127.0.0.1', 80), backlog=4)\n\
         if os.fork() == 0:\n    \
             resource.setrlimit(resource.RLIMIT_NOFILE, (20, 400))\n    \
             try:\n        \
                 while True: os.dup(0)\n    \
             except OSError: time.sleep(60)\n\
         clients = []\n\
         for _ in range(12):\n    \
             c = socket.socket()\n    \
             c.setblocking(False)\n    \
             c.connect_ex(('127.0.0.1', 80))\n    \
             clients.append(c)\n\
         print('ready', flush=True)\n\
         time.sleep(60)\n",
    );
    sandbox.sh("python3 /run/prefork.py > /run/out 2>&1 &
         timeout 10 sh -c 'until grep -q ready /run/out; do sleep 0.1; done'; sleep 0.3");
    let found = findings(&sandbox, 2);
    assert_eq!(rules(&found), ["descriptors"], "{found:#?}");
    let command = found[0]["remedy"][0]["command"]
        .as_str()
        .expect("a command");
    // The soft limit only, and no further than the hard one.
    assert!(command.ends_with(" --nofile=80:"), "{command}");
    sandbox.sh(command);
}

/// A second of work is worth a word, on a terminal alone, and the word goes away.
#[test]
fn long_work_says_how_far_it_is_on_a_terminal() {
    let sandbox = Sandbox::new();
    let words = format!("{} doctor --window 2s", binary().display());
    let seen = sandbox.sh(&format!("script -qec '{words}' /dev/null"));
    assert!(
        seen.contains("\r\x1b[Klooking for 1 s more") && seen.contains("\r\x1b[K"),
        "{seen:?}"
    );
    let last = seen.rfind("looking for").unwrap();
    assert!(seen[last..].contains("more\r\x1b[K"), "{seen:?}");
    for quiet in [
        format!("script -qec '{words} 2>/dev/null' /dev/null"),
        format!("script -qec '{words} --quiet' /dev/null"),
        format!("{words} 2>&1"),
    ] {
        assert!(!sandbox.sh(&quiet).contains("looking"), "{quiet}");
    }
}

#[test]
fn work_in_many_namespaces_says_how_far_it_is() {
    let sandbox = Sandbox::new();
    sandbox.sh("for n in 1 2 3 4; do ip netns add n$n; done");
    let slow = "strace -o /dev/null -e inject=setns:delay_enter=600000";
    let words = format!(
        "{slow} {} diff kernel-defaults --netns all",
        binary().display()
    );
    let seen = sandbox.sh(&format!("script -qec '{words}' /dev/null || true"));
    assert!(seen.contains("\r\x1b[K3 of 5 namespaces"), "{seen:?}");
    assert!(
        !sandbox
            .sh(&format!("{words} 2>&1 || true"))
            .contains("of 5 namespaces")
    );
}
