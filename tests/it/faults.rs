//! Killed at, and each error at, every system call that matters: all old, all new, or an exact list of what is left.
//!
//! Faults are injected into the real binary by strace, at the N-th call of each kind, N counted up until the run
//! ends normally. Nothing in the binary knows of it.

use std::collections::BTreeSet;

use crate::bench::{Bench, Expected, end};
use crate::sandbox::{Run, Sandbox, binary};
use crate::tally::{stride, tally};

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
const ERRORS: [(&str, &str, &str); 16] = [
    ("unlink", "EROFS", ""),
    ("setns", "EPERM", ""),
    ("unshare", "EPERM", ""),
    ("openat", "EMFILE", ""),
    ("openat", "EMFILE", "+"),
    ("read", "EIO", ""),
    ("pread64", "EIO", ""),
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

/// How often a call is made in these lines of a trace. One that the kernel restarts by itself, as a write to `forwarding`
/// while another namespace holds the lock of all interfaces (net/ipv4/devinet.c: `restart_syscall`), is made once.
fn made<'a>(call: &str, trace: impl Iterator<Item = &'a str>) -> usize {
    let again =
        |line: &str| line.contains("= ? ERESTART") && !line.contains("= ? ERESTART_RESTARTBLOCK");
    trace
        .filter(|line| name(line) == Some(call) && !again(line))
        .count()
}

/// The call in a line of a trace.
fn name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('(')?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(word).then_some(name)
}

/// The calls of a trace at which a program can die in every run. How it ends is none, and neither is what is a matter of
/// time: whether it waits for a helper or for the thread of the log, and whether a wait is interrupted and resumed.
fn repeated(trace: &str) -> BTreeSet<&str> {
    let others = [
        "execve",
        "exit_group",
        "futex",
        "clock_nanosleep",
        "restart_syscall",
    ];
    trace
        .lines()
        .filter_map(name)
        .filter(|name| !others.contains(name))
        .collect()
}

#[test]
fn a_call_that_the_kernel_restarts_is_made_once() {
    let trace = "write(7, \"1\\n\", 2)  = ? ERESTARTNOINTR (To be restarted)\n\
                 write(7, \"1\\n\", 2)  = 2\n\
                 writev(1, [], 0)  = 0\n\
                 write(4, \"{}\", 2)  = 2\n";
    assert_eq!(made("write", trace.lines()), 2);
}

#[test]
fn a_wait_that_the_kernel_resumes_is_made_once() {
    let trace = "poll([{fd=5, events=POLLIN}], 1, 1000) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)\n\
                 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7} ---\n\
                 restart_syscall(<... resuming interrupted poll ...>) = 1\n\
                 close(5) = 0\n\
                 +++ exited with 0 +++\n";
    assert_eq!(made("poll", trace.lines()), 1);
    assert_eq!(repeated(trace), BTreeSet::from(["close", "poll"]));
}

impl Bench {
    /// How often each call is made in a run without faults, and how many of those come before anything that
    /// belongs to tcptune is touched.
    fn calls(&self, call: &str) -> (usize, usize) {
        self.traced(&[]);
        let trace = self.sandbox.sh("cat /run/trace");
        let start = trace
            .lines()
            .position(|line| line.contains("tcptune/journal") || line.contains("tcptune/profiles"));
        let start = start.expect("the state is touched");
        let count = |lines: usize| made(call, trace.lines().take(lines));
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

    fn killed_everywhere(&mut self) {
        for call in self.deadly() {
            let (first, last) = self.calls(&call);
            for n in (first + 1..=last).step_by(stride()) {
                let run = self.with_fault(&call, "signal=KILL", &n.to_string());
                let what = format!("{}, killed at {call} {n}", self.verb);
                assert_eq!(run.code, None, "{what}: {run:?}");
                self.settles(Expected::Either, &what);
                self.prepare();
            }
        }
    }

    /// The calls at which it dies: with `FAULTS=all` every one that it makes. What lies between two calls that change
    /// something makes no difference, so the gate leaves it out.
    fn deadly(&self) -> Vec<String> {
        if std::env::var("FAULTS").as_deref() != Ok("all") {
            return DEADLY.map(str::to_owned).to_vec();
        }
        self.traced(&[]);
        let trace = self.sandbox.sh("cat /run/trace");
        self.prepare();
        repeated(&trace).into_iter().map(str::to_owned).collect()
    }

    /// Ctrl-C, a closed terminal and a polite request to end find all or nothing, with nothing left to settle; and so
    /// do the signals that end a program that is at fault itself, where they come from outside.
    fn interrupted_everywhere(&mut self, signals: &[&str]) {
        for (call, signal) in DEADLY.into_iter().zip(signals.iter().cycle()) {
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

    fn report(&self, fault: &str) {
        assert!(self.tries >= 3, "{}", self.tries);
        let verb = self.verb.split(' ').next().unwrap();
        tally(fault, verb, self.tries as usize);
    }
}

fn killed(preparation: &[&str], verb: &'static str) {
    let mut bench = Bench::new(preparation, verb);
    bench.killed_everywhere();
    bench.report("SIGKILL at a system call");
}

fn failing(preparation: &[&str], verb: &'static str) {
    let mut bench = Bench::new(preparation, verb);
    bench.failing_everywhere();
    bench.report("an error of a system call");
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

/// Verbs after which keys are set along with another, or go back with it: what is done before, and the verb.
const WITH_FOLLOWERS: [(&str, &str); 4] = [
    ("apply one", "set net.ipv4.ip_forward=1"),
    (
        "set net.ipv4.ip_forward=1 net.ipv4.conf.default.forwarding=0",
        "off",
    ),
    ("set net.ipv4.ip_forward=1", "rollback"),
    (
        "apply --set net.ipv4.ip_forward=1 --confirm-within=1h",
        "rollback",
    ),
];

/// What is set along is as it was, or as it was to be.
#[test]
fn followers_killed() {
    for (before, verb) in WITH_FOLLOWERS {
        killed(&[before], verb);
    }
}

#[test]
fn followers_failing() {
    for (before, verb) in WITH_FOLLOWERS {
        failing(&[before], verb);
    }
}

#[test]
fn apply_interrupted() {
    let mut bench = Bench::new(&["apply one"], "apply two --yes");
    bench.interrupted_everywhere(&["INT", "TERM", "HUP", "QUIT"]);
    bench.report("SIGINT, SIGTERM, SIGHUP, SIGQUIT at a system call");
}

#[test]
fn apply_aborted() {
    let mut bench = Bench::new(&["apply one"], "apply two --yes");
    bench.interrupted_everywhere(&["ABRT", "SEGV"]);
    bench.interrupted_everywhere(&["SEGV", "ABRT"]);
    bench.report("SIGABRT, SIGSEGV sent at a system call");
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

#[test]
fn persist_killed() {
    killed(&["apply one"], "persist");
}

#[test]
fn persist_failing() {
    failing(&["apply one"], "persist");
}

#[test]
fn an_apply_to_be_confirmed_killed() {
    killed(
        &["apply one"],
        "apply two --yes --persist --confirm-within=1h",
    );
}

#[test]
fn confirm_killed() {
    killed(
        &["apply one", "apply two --yes --persist --confirm-within=1h"],
        "confirm",
    );
}

#[test]
fn a_confirm_on_the_live_axis_alone_killed() {
    killed(&["apply one --confirm-within=1h"], "confirm");
}

#[test]
fn confirm_failing() {
    failing(
        &["apply one", "apply two --yes --persist --confirm-within=1h"],
        "confirm",
    );
}

#[test]
fn a_rejection_killed() {
    killed(
        &["apply one", "apply two --yes --persist --confirm-within=1h"],
        "rollback",
    );
}

#[test]
fn a_rejection_failing() {
    failing(&["apply one --confirm-within=1h"], "rollback");
}

#[test]
fn hold_killed() {
    killed(&["apply one"], "hold");
}

#[test]
fn unhold_killed() {
    killed(&["apply one", "hold"], "unhold");
}

#[test]
fn hold_failing() {
    failing(&["apply one"], "hold");
}

/// A journal of more entries than are kept: each stands on the one before it, and two values take turns.
pub(crate) fn a_long_journal(sandbox: &Sandbox, entries: u64) {
    for value in [3, 2, 3] {
        sandbox
            .tcptune(&format!("set synack_retries={value}"))
            .exits(0);
    }
    let journal = sandbox.path("/var/lib/tcptune/journal");
    let pair = [2, 3].map(|id| {
        let text = std::fs::read(journal.join(format!("{id}.json"))).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    });
    for id in 4..=entries {
        let mut entry = pair[usize::from(id % 2 == 1)].clone();
        entry["id"] = id.into();
        entry["parent"] = (id - 1).into();
        std::fs::write(journal.join(format!("{id}.json")), entry.to_string()).unwrap();
    }
    sandbox.sh(&format!(
        "rm /var/lib/tcptune/state.json; sysctl -q -w net.ipv4.tcp_synack_retries={}",
        if entries % 2 == 1 { 3 } else { 2 }
    ));
}

/// Entries that nobody needs are dropped one by one: a run that dies in between loses none of the others, and what is
/// left of them the next one drops.
#[test]
fn pruning_killed() {
    let sandbox = Sandbox::with_systemd();
    a_long_journal(&sandbox, 1006);
    // Somebody's file, as old as the oldest: it is not ours to drop.
    sandbox.sh("echo 'dear diary' > /var/lib/tcptune/journal/2.json");
    let mut bench = Bench::on(sandbox, &[], "set syn_retries=4");
    let count = |bench: &Bench| -> u32 {
        let count = bench.sandbox.sh("ls /var/lib/tcptune/journal | wc -l");
        count.parse().unwrap()
    };
    for call in ["unlink", "rename", "fsync"] {
        let (first, last) = bench.calls(call);
        for n in first + 1..=last {
            let run = bench.with_fault(call, "signal=KILL", &n.to_string());
            let what = format!("pruning, killed at {call} {n}");
            assert_eq!(run.code, None, "{what}: {run:?}");
            bench.settles(Expected::Either, &what);
            bench.sandbox.tcptune("set keepalive_time=77").exits(0);
            assert_eq!(count(&bench), 1001, "{what}: a thousand, and somebody's");
            for _ in 0..4 {
                bench.sandbox.tcptune("rollback").exits(0);
            }
            bench
                .sandbox
                .sh("grep -q diary /var/lib/tcptune/journal/2.json");
            bench.prepare();
        }
    }
    tally("SIGKILL at a system call", "pruning", bench.tries as usize);
}
