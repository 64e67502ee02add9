//! Killed at, and each error at, every system call that matters: all old, all new, or an exact list of what is left.
//!
//! Faults are injected into the real binary by strace, at the N-th call of each kind, N counted up until the run
//! ends normally. Nothing in the binary knows of it.

use std::collections::BTreeMap;

use crate::sandbox::{Run, Sandbox, binary};

/// The keys that the four verbs below write.
const KEYS: [&str; 5] = [
    "net.core.somaxconn",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_synack_retries",
];

/// Calls at which a death makes a difference: those that change something, and those that make a name or a lock.
const DEADLY: [&str; 8] = [
    "unlink",
    "openat",
    "write",
    "fsync",
    "rename",
    "mkdir",
    "flock",
    "ftruncate",
];

/// Errors that these calls really give, at the N-th one alone (`N`) or from it on (`N+`).
const ERRORS: [(&str, &str, &str); 15] = [
    ("unlink", "EROFS", ""),
    ("setns", "EPERM", ""),
    ("unshare", "EPERM", ""),
    ("openat", "EMFILE", ""),
    ("openat", "EMFILE", "+"),
    ("read", "EIO", ""),
    ("write", "EINVAL", ""),
    ("write", "ENOSPC", "+"),
    ("fsync", "EIO", ""),
    ("fsync", "EIO", "+"),
    ("rename", "EROFS", ""),
    ("rename", "ENOSPC", "+"),
    ("mkdir", "EROFS", ""),
    ("flock", "ENOLCK", ""),
    ("getdents64", "EIO", ""),
];

type Values = BTreeMap<&'static str, String>;

/// What the kernel holds, and what is declared, in each namespace that takes part.
#[derive(Debug, Clone, PartialEq)]
struct End {
    values: Values,
    /// Whatever a loader would read: no file is ever half written, and no other file stays.
    fragments: String,
    declared: Vec<serde_json::Value>,
}

/// Which end a run may lead to, once the next one has settled what is pending.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Before,
    After,
    Either,
}

/// A verb, from a prepared state.
struct Bench {
    sandbox: Sandbox,
    verb: &'static str,
    before: End,
    after: End,
    tries: u32,
}

fn values(sandbox: &Sandbox) -> Values {
    let text = sandbox.sh(&format!("sysctl -n {}", KEYS.join(" ")));
    let values = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    KEYS.into_iter().zip(values).collect()
}

fn fragments(sandbox: &Sandbox) -> String {
    sandbox.sh("cd /etc/sysctl.d 2>/dev/null || exit 0; find . -name '*.conf' | sort | while read -r f; do echo \"== $f\"; cat $f; done")
}

fn end(sandbox: &Sandbox) -> End {
    let status = sandbox.tcptune("status --json").json();
    let live = &status["live"];
    let wants = live["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| serde_json::json!([row["key"], row["want"]]));
    let declared = [live["profiles"].clone()]
        .into_iter()
        .chain(wants)
        .collect();
    End {
        values: values(sandbox),
        fragments: fragments(sandbox),
        declared,
    }
}

impl Bench {
    fn new(preparation: &[&str], verb: &'static str) -> Self {
        let sandbox = Sandbox::with_systemd();
        sandbox.file("/etc/tcptune/profiles/one.toml", "[tcp]\nsomaxconn = 100\nkeepalive_time = 100\nrmem = [4097, 140000, 6291456]\nsynack_retries = 3\n");
        sandbox.file(
            "/etc/tcptune/profiles/two.toml",
            "[tcp]\nsyn_retries = 3\nsynack_retries = 2\nrmem = [4098, 150000, 6291456]\n",
        );
        for words in preparation {
            sandbox.tcptune(words).exits(0);
        }
        let before = end(&sandbox);
        sandbox.sh("rm -rf /run/prepared; mkdir /run/prepared; cp -a /etc/sysctl.d /run/prepared; cp -a /var/lib/tcptune /run/prepared || true");
        let mut bench = Self {
            sandbox,
            verb,
            after: before.clone(),
            before,
            tries: 0,
        };
        bench.sandbox.tcptune(verb).exits(0);
        bench.after = end(&bench.sandbox);
        assert_ne!(bench.before, bench.after, "{verb} does something");
        bench.prepare();
        bench
    }

    /// Puts keys and state back to where the verb starts from.
    fn prepare(&self) {
        let mut script = "rm -rf /var/lib/tcptune /etc/sysctl.d; cp -a /run/prepared/sysctl.d /etc
                          cp -a /run/prepared/tcptune /var/lib || true\n"
            .to_owned();
        for (key, value) in &self.before.values {
            script += &format!("echo '{value}' > /proc/sys/{}\n", key.replace('.', "/"));
        }
        self.sandbox.sh(&script);
    }

    /// How often each call is made in a run without faults, and how many of those come before anything that
    /// belongs to tcptune is touched.
    fn calls(&self, call: &str) -> (usize, usize) {
        self.traced(&[]);
        let trace = self.sandbox.sh("cat /run/trace");
        let start = trace
            .lines()
            .position(|line| line.contains("tcptune/journal") || line.contains("tcptune/profiles"));
        let start = start.expect("the state is touched");
        let count = |lines: usize| {
            trace
                .lines()
                .take(lines)
                .filter(|line| line.starts_with(&format!("{call}(")))
                .count()
        };
        self.prepare();
        (count(start), count(usize::MAX))
    }

    fn traced(&self, injection: &[&str]) -> Run {
        let binary = binary();
        let mut args = vec!["-o", "/run/trace"];
        args.extend(injection);
        args.push(binary.to_str().unwrap());
        args.extend(self.verb.split(' '));
        args.push("--json");
        self.sandbox.run("strace", &args)
    }

    fn with_fault(&mut self, call: &str, fault: &str, when: &str) -> Run {
        self.tries += 1;
        let run = self.traced(&["-e", &format!("inject={call}:{fault}:when={when}")]);
        assert!(!run.err.contains("invalid"), "{}", run.err);
        run
    }

    /// Whether the state and the kernel agree on one of the two ends, once the next run has settled what is pending.
    fn settles(&self, expected: Expected, what: &str) {
        let next = self
            .sandbox
            .tcptune("rollback --to 4000000000 --json")
            .exits(2);
        assert_eq!(next.json()["error"]["code"], "no-entry", "{what}");
        let now = end(&self.sandbox);
        let ends: &[&End] = match expected {
            Expected::Before => &[&self.before],
            Expected::After => &[&self.after],
            Expected::Either => &[&self.before, &self.after],
        };
        assert!(
            ends.contains(&&now),
            "{what}: {now:#?}\nis none of {ends:#?}"
        );
        let status = self.sandbox.tcptune("status --json");
        assert_eq!(status.code, Some(0), "{what}: {}", status.out);
    }

    fn killed_everywhere(&mut self) {
        for call in DEADLY {
            let (first, last) = self.calls(call);
            for n in (first + 1..=last).step_by(stride()) {
                let run = self.with_fault(call, "signal=KILL", &n.to_string());
                assert_eq!(run.code, None, "{} dies at {call} {n}: {run:?}", self.verb);
                self.settles(
                    Expected::Either,
                    &format!("{} killed at {call} {n}", self.verb),
                );
                self.prepare();
            }
        }
    }

    /// Ctrl-C, a closed terminal and a polite request to end find all or nothing, with nothing left to settle.
    fn interrupted_everywhere(&mut self) {
        for (call, signal) in DEADLY
            .into_iter()
            .zip(["INT", "TERM", "HUP", "QUIT"].into_iter().cycle())
        {
            let (first, last) = self.calls(call);
            for n in (first + 1..=last).step_by(stride()) {
                let run = self.with_fault(call, &format!("signal={signal}"), &n.to_string());
                let what = format!("{}, SIG{signal} at {call} {n}: {run:?}", self.verb);
                let now = end(&self.sandbox);
                assert!(now == self.before || now == self.after, "{what}: {now:?}");
                let status = self.sandbox.tcptune("status --json");
                assert_eq!(
                    (status.code, &status.json()["pending"]),
                    (Some(0), &serde_json::Value::Null),
                    "{what}"
                );
                self.prepare();
            }
        }
    }

    fn failing_everywhere(&mut self) {
        for (call, error, plus) in ERRORS {
            let (first, last) = self.calls(call);
            for n in (first + 1..=last).step_by(stride()) {
                let run = self.with_fault(call, &format!("error={error}"), &format!("{n}{plus}"));
                let what = format!("{}, {call} {n}{plus} gives {error}", self.verb);
                let expected = self.told_truly(&run, &what);
                self.settles(expected, &what);
                self.prepare();
            }
        }
    }

    /// The exit code and the JSON say what the kernel now holds.
    fn told_truly(&self, run: &Run, what: &str) -> Expected {
        let now = values(&self.sandbox);
        let text = fragments(&self.sandbox);
        let (before, after) = (&self.before.values, &self.after.values);
        // Where the fault hit standard output itself, there is only the code.
        let json = (!run.out.is_empty()).then(|| run.json());
        if let Some(json) = &json {
            assert_eq!(json["exit"].as_i64(), run.code.map(i64::from), "{what}");
            assert_eq!(
                json["error"].is_null(),
                run.code == Some(0),
                "{what}: {}",
                run.out
            );
        }
        let keys = |values: &Values| -> Vec<&str> {
            values
                .iter()
                .filter(|(key, value)| before[*key] != **value)
                .map(|(key, _)| *key)
                .collect()
        };
        match run.code {
            Some(0) => {
                assert_eq!(now, *after, "{what}: done");
                assert_eq!(text, self.after.fragments, "{what}: done");
                Expected::After
            }
            Some(2..=4) => {
                assert_eq!(
                    now, *before,
                    "{what}: nothing touched, or put back\n{}",
                    run.out
                );
                assert_eq!(
                    text, self.before.fragments,
                    "{what}: nothing touched, or put back"
                );
                Expected::Before
            }
            Some(5) => {
                let left = json
                    .map(|json| json["namespaces"][0]["left"].clone())
                    .unwrap_or_default();
                let left: Vec<_> = left
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| {
                        one["key"]
                            .as_str()
                            .or(one["path"].as_str())
                            .unwrap()
                            .to_owned()
                    })
                    .collect();
                let file =
                    text == self.before.fragments || left.iter().any(|one| one.starts_with('/'));
                assert!(
                    run.out.is_empty() || file,
                    "{what}: the drop-in is not in {left:?}"
                );
                for key in keys(&now) {
                    assert!(
                        run.out.is_empty() || left.iter().any(|one| one == key),
                        "{what}: {key} is not in {left:?}"
                    );
                }
                // The next run puts back what is left; or, where even the failure could not be recorded, finds that
                // everything had been written.
                Expected::Either
            }
            _ => panic!("{what}: {run:?}"),
        }
    }

    fn report(&self, kind: &str) {
        eprintln!(
            "{}: {} {kind} tried, 0 undeclared mixtures",
            self.verb, self.tries
        );
        assert!(self.tries >= 10, "{}", self.tries);
    }
}

/// In the inner loop, every seventh fault is enough.
fn stride() -> usize {
    if std::env::var_os("TCPTUNE_TESTS_QUICK").is_some() {
        7
    } else {
        1
    }
}

fn killed(preparation: &[&str], verb: &'static str) {
    let mut bench = Bench::new(preparation, verb);
    bench.killed_everywhere();
    bench.report("kills");
}

fn failing(preparation: &[&str], verb: &'static str) {
    let mut bench = Bench::new(preparation, verb);
    bench.failing_everywhere();
    bench.report("errors");
}

#[test]
fn apply_killed() {
    killed(&["apply one"], "apply two --yes");
}

#[test]
fn the_first_apply_killed() {
    killed(&[], "apply one");
}

#[test]
fn set_killed() {
    killed(&["apply one"], "set syn_retries=4 synack_retries=9");
}

#[test]
fn off_killed() {
    killed(&["apply one"], "off");
}

#[test]
fn rollback_killed() {
    killed(&["apply one", "apply two --yes"], "rollback");
}

#[test]
fn apply_failing() {
    failing(&["apply one"], "apply two --yes");
}

#[test]
fn the_first_apply_failing() {
    failing(&[], "apply one");
}

#[test]
fn set_failing() {
    failing(&["apply one"], "set syn_retries=4");
}

#[test]
fn off_failing() {
    failing(&["apply one"], "off");
}

#[test]
fn rollback_failing() {
    failing(&["apply one", "apply two --yes"], "rollback");
}

/// Nothing to write, only something to remember.
#[test]
fn a_set_of_what_is_right_already_killed() {
    killed(&["set syn_retries=6"], "set synack_retries=5");
}

#[test]
fn a_set_of_what_is_right_already_failing() {
    failing(&["set syn_retries=6"], "set synack_retries=5");
}

/// Forward again, to an entry that was undone.
#[test]
fn redo_killed() {
    killed(
        &["apply one", "apply two --yes", "rollback"],
        "rollback --to 2",
    );
}

#[test]
fn redo_failing() {
    failing(
        &["apply one", "apply two --yes", "rollback"],
        "rollback --to 2",
    );
}

#[test]
fn apply_interrupted() {
    let mut bench = Bench::new(&["apply one"], "apply two --yes");
    bench.interrupted_everywhere();
    bench.report("signals");
}

#[test]
fn the_first_persisting_apply_killed() {
    killed(&[], "apply one --persist");
}

#[test]
fn a_persisting_apply_killed() {
    killed(&["apply one --persist"], "apply two --persist --yes");
}

#[test]
fn a_persisting_apply_failing() {
    failing(&["apply one --persist"], "apply two --persist --yes");
}

#[test]
fn a_moving_drop_in_killed() {
    killed(&["apply one --persist"], "persist --drop-in zz.conf");
}

#[test]
fn a_moving_drop_in_failing() {
    failing(&["apply one --persist"], "persist --drop-in zz.conf");
}

#[test]
fn off_on_both_axes_killed() {
    killed(&["apply one --persist"], "off --persist");
}

#[test]
fn off_on_both_axes_failing() {
    failing(&["apply one --persist"], "off --persist");
}

#[test]
fn rollback_on_both_axes_killed() {
    killed(
        &["apply one --persist", "apply two --persist --yes"],
        "rollback",
    );
}

#[test]
fn rollback_on_both_axes_failing() {
    failing(
        &["apply one --persist", "apply two --persist --yes"],
        "rollback",
    );
}
