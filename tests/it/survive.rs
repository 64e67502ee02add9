//! What the machine may do to a run: no room, no rights, no memory, no descriptors, a damaged journal, others at work.
//!
//! Each run ends with a message that names what was tried, or dies; no key and no file is half changed, and the next
//! run finds its way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Expected, end};
use crate::chain;
use crate::confirm::comes_true;
use crate::sandbox::{Run, Sandbox, binary};
use crate::tally::{number, stride, tally};

const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const SYN: &str = "net.ipv4.tcp_syn_retries";

/// The verbs that change both axes, each with what comes before it.
const VERBS: [(&[&str], &str); 5] = [
    (&["apply one --persist"], "apply two --persist --yes"),
    (&["apply one"], "set syn_retries=4 --persist"),
    (&["apply one"], "persist"),
    (&["apply one --persist"], "off --persist"),
    (
        &["apply one --persist", "apply two --persist --yes"],
        "rollback",
    ),
];

/// Pages of four kilobytes that a run may find free on a disk that is nearly full.
const PAGES: usize = 10;

fn verb(words: &str) -> &str {
    words.split(' ').next().unwrap_or(words)
}

/// A sandbox whose state and fragments lie on small file systems of their own.
fn with_small_disks() -> Sandbox {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mount -t tmpfs -o size=256k,mode=755 tmpfs /var/lib
                mount -t tmpfs -o size=256k,mode=755 tmpfs /etc/sysctl.d");
    sandbox
}

/// Runs the verb of a bench while something is scarce, and looks at what it left; `free` makes it plentiful again.
fn scarce(bench: &mut Bench, what: &str, free: impl FnOnce(&Sandbox)) -> Run {
    bench.tries += 1;
    let run = bench.sandbox.tcptune(&format!("{} --json", bench.verb));
    let expected = bench.told_truly(&run, what);
    free(&bench.sandbox);
    bench.settles(expected, what);
    bench.prepare();
    run
}

/// A run that failed says so in these words.
fn says(run: &Run, word: &str, what: &str) {
    if run.code != Some(0) {
        let message = run.json().to_string();
        assert!(message.contains(word), "{what}: {message}");
    }
}

#[test]
fn a_full_disk() {
    for (before, words) in VERBS {
        let mut bench = Bench::on(with_small_disks(), before, words);
        for place in ["/var/lib", "/etc/sysctl.d"] {
            for pages in (0..PAGES).step_by(stride()) {
                let what = format!("{words}, {pages} pages free on {place}");
                bench.sandbox.sh(&format!(
                    "dd if=/dev/zero of={place}/fill bs=4k count=1000 2>/dev/null || true
                     size=$(stat -c %s {place}/fill); truncate -s $((size - {pages} * 4096)) {place}/fill"
                ));
                let run = scarce(&mut bench, &what, |sandbox| {
                    sandbox.sh(&format!("rm -f {place}/fill"));
                });
                says(&run, "No space left on device", &what);
            }
        }
        tally("a full disk", verb(words), bench.tries as usize);
    }
}

/// Room for bytes, but not for one more file.
#[test]
fn a_disk_without_inodes() {
    for (before, words) in VERBS {
        let mut bench = Bench::on(with_small_disks(), before, words);
        for place in ["/var/lib", "/etc/sysctl.d"] {
            for inodes in 0..4 {
                let what = format!("{words}, {inodes} inodes free on {place}");
                bench.sandbox.sh(&format!(
                    "used=$(df --output=iused {place} | tail -n 1)
                     mount -o remount,nr_inodes=$((used + {inodes})) {place}"
                ));
                let run = scarce(&mut bench, &what, |sandbox| {
                    sandbox.sh(&format!("mount -o remount,nr_inodes=1000 {place}"));
                });
                says(&run, "No space left on device", &what);
            }
        }
        tally("a full disk", verb(words), bench.tries as usize);
    }
}

#[test]
fn read_only_file_systems() {
    let mut tries = 0;
    for place in ["/etc", "/var/lib", "/proc/sys/net"] {
        for (before, words) in VERBS {
            if place == "/proc/sys/net" && words == "persist" {
                continue;
            }
            let mut bench = Bench::new(before, words);
            bench.sandbox.sh(&format!(
                "findmnt {place} >/dev/null || mount --bind {place} {place}; mount -o remount,bind,ro {place}"
            ));
            let before = end(&bench.sandbox);
            let what = format!("{words}, {place} is read-only");
            let refused = bench.sandbox.tcptune(words);
            assert_eq!(refused.code, Some(3), "{what}: {refused:?}");
            assert!(
                refused.err.contains("Read-only file system"),
                "{what}: {}",
                refused.err
            );
            assert_eq!(end(&bench.sandbox), before, "{what}");
            bench
                .sandbox
                .sh(&format!("mount -o remount,bind,rw {place}"));
            bench.tries += 1;
            bench.settles(Expected::Before, &what);
            bench.sandbox.tcptune(words).exits(0);
            tries += 1;
        }
    }
    tally("a read-only file system", "/etc, /var, /proc/sys", tries);
}

/// The verb below a limit, which `prlimit` sets before it begins.
fn limited(bench: &mut Bench, limit: &str) -> Run {
    let binary = binary();
    let mut args = vec![limit, binary.to_str().unwrap()];
    args.extend(bench.verb.split(' '));
    args.push("--json");
    // Memory is asked for a page at a time, so that it runs out at as many places as possible.
    let mut command = bench.sandbox.command("prlimit");
    // Rust's own library may hang in the backtrace of an allocation that failed.
    command.env_remove("RUST_BACKTRACE");
    let tunables = "glibc.malloc.top_pad=0:glibc.malloc.mmap_threshold=4096";
    command.args(&args).env("GLIBC_TUNABLES", tunables);
    command.output().unwrap().into()
}

#[test]
fn too_few_descriptors() {
    for (before, words) in VERBS {
        let mut bench = Bench::new(before, words);
        let mut refused = false;
        for descriptors in 3.. {
            let what = format!("{words} with {descriptors} descriptors");
            let run = limited(&mut bench, &format!("--nofile={descriptors}"));
            bench.tries += 1;
            // Below that the loader of a dynamic program does not even find its libraries.
            if run.code != Some(127) {
                let expected = bench.told_truly(&run, &what);
                bench.settles(expected, &what);
            }
            says_or_never_began(&run, "(os error 24)", &what);
            bench.prepare();
            refused |= run.code != Some(0);
            if run.code == Some(0) {
                break;
            }
        }
        assert!(refused, "{words}");
        tally("too few descriptors", verb(words), bench.tries as usize);
    }
}

/// Keys stay open from the check of rights to the last look, but only as many as there is room for.
#[test]
fn more_keys_than_descriptors() {
    const FLAGS: &str = "accept_local arp_accept arp_filter arp_notify disable_policy disable_xfrm \
        drop_gratuitous_arp drop_unicast_in_l2_multicast ignore_routes_with_linkdown log_martians promote_secondaries";
    let sandbox = Sandbox::new();
    let keys = ["all", "default", "lo"].map(|interface| {
        let key = |flag| format!("net.ipv4.conf.{interface}.{flag}");
        FLAGS.split_whitespace().map(key).collect::<Vec<_>>()
    });
    let keys = keys.concat();
    let values = || sandbox.sh(&format!("sysctl -n {}", keys.join(" ")));
    let before = values();
    let settings: String = keys.iter().map(|key| format!("{key} = 2\n")).collect();
    sandbox.file("/run/p.toml", &format!("[sysctl]\n{settings}"));
    let wanted = vec!["2"; keys.len()].join("\n");
    for (words, expected) in [("apply /run/p.toml --yes", wanted), ("off", before)] {
        let binary = binary();
        let mut args = vec!["--nofile=24", binary.to_str().unwrap()];
        args.extend(words.split(' '));
        sandbox.run("prlimit", &args).exits(0);
        assert_eq!(values(), expected, "{words}");
    }
}

fn says_or_never_began(run: &Run, word: &str, what: &str) {
    if run.code != Some(127) {
        says(run, word, what);
    }
}

/// The least address space, in kilobytes, with which the verb of a bench does what it should.
fn enough(bench: &mut Bench) -> usize {
    let (mut few, mut enough) = (1024, 1024 * 1024);
    while enough - few > 4 {
        let middle = (few + enough) / 8 * 4;
        let run = limited(bench, &format!("--as={}", middle * 1024));
        bench.prepare();
        if run.code == Some(0) {
            enough = middle;
        } else {
            few = middle;
        }
    }
    enough
}

/// From just enough downwards, page by page: allocations fail ever earlier, and the program dies of each.
#[test]
fn too_little_memory() {
    for (before, words) in VERBS {
        let mut bench = Bench::new(before, words);
        let enough = enough(&mut bench);
        let mut died = 0;
        for pages in (1..=number("PAGES", 60)).step_by(stride()) {
            let limit = enough - pages * 4;
            let what = format!("{words} in {limit} KiB");
            let run = limited(&mut bench, &format!("--as={}", limit * 1024));
            bench.tries += 1;
            let expected = match run.code {
                // Killed, aborted, or never loaded.
                None | Some(127 | 134 | 139) => Expected::Either,
                Some(_) => bench.told_truly(&run, &what),
            };
            died += u32::from(expected == Expected::Either);
            bench.settles(expected, &what);
            bench.prepare();
        }
        assert!(died > 0, "{words}");
        tally("too little memory", verb(words), bench.tries as usize);
    }
}

/// What somebody may put in the place of an entry, or make of it.
const DAMAGE: [(&str, &str); 12] = [
    ("truncated", "truncate -s 100 $f"),
    ("empty", ": > $f"),
    ("a text of somebody else", "echo 'dear diary' > $f"),
    ("garbage", "printf '\\377\\376\\000{' > $f"),
    ("other JSON", "echo '{\"schema\":1,\"id\":17}' > $f"),
    ("of an earlier schema", "echo '{\"schema\":0}' > $f"),
    ("larger than any", "truncate -s 70M $f"),
    ("a directory", "rm -f $f; mkdir $f"),
    ("a fifo", "rm -f $f; mkfifo $f"),
    ("a link to a file", "rm -f $f; ln -s /etc/hostname $f"),
    ("a link to nothing", "rm -f $f; ln -s /nowhere $f"),
    ("a link to itself", "rm -f $f; ln -s $f $f"),
];

/// The thing at a path, as far as it could be changed or deleted.
fn thing(sandbox: &Sandbox, path: &str) -> String {
    sandbox.sh(&format!(
        "stat -c '%F %s %i %Y' {path}; readlink {path} || true; test ! -f {path} || sha256sum < {path}"
    ))
}

/// Whatever lies in the journal: it is named, the other entries stand, and nobody deletes it.
#[test]
fn a_damaged_entry_is_named_and_passed_over() {
    let mut tries = 0;
    for (what, damage) in DAMAGE {
        for (place, id) in [("old", 1), ("newest", 3), ("next", 4)] {
            for summed_up in [true, false] {
                let what = format!("the {place} entry is {what}, summed up: {summed_up}");
                let sandbox = Sandbox::new();
                for words in [
                    "set synack_retries=3",
                    "set syn_retries=4",
                    "set syn_retries=5",
                ] {
                    sandbox.tcptune(words).exits(0);
                }
                let path = format!("/var/lib/tcptune/journal/{id}.json");
                sandbox.sh(&format!("f={path}; {damage}"));
                if !summed_up {
                    sandbox.sh("rm /var/lib/tcptune/state.json");
                }
                let there = thing(&sandbox, &path);
                let named = |run: &Run| {
                    assert!(
                        run.err.contains(&format!("{path}: ")) && run.err.contains("passed over"),
                        "{what}: {run:?}"
                    );
                };
                let history = sandbox.tcptune("history").exits(0);
                named(&history);
                let shown = |one: u64| {
                    let begin = format!("{one} ");
                    history
                        .out
                        .lines()
                        .any(|line| line.trim_start().starts_with(&begin))
                };
                assert!(
                    (1..=3).all(|one| one == id || shown(one)),
                    "{what}: {}",
                    history.out
                );
                let status = sandbox.tcptune("status");
                assert!(matches!(status.code, Some(0 | 1)), "{what}: {status:?}");
                let before = sandbox.all();
                let set = sandbox.tcptune("set keepalive_time=77");
                assert_eq!(set.code, Some(0), "{what}: {set:?}");
                assert_eq!(sandbox.sysctl("net.ipv4.tcp_keepalive_time"), "77");
                let back = sandbox.tcptune("rollback");
                assert_eq!(back.code, Some(0), "{what}: {back:?}");
                assert_eq!(sandbox.all(), before, "{what}");
                assert_eq!(thing(&sandbox, &path), there, "{what}: nothing is deleted");
                tries += 1;
            }
        }
    }
    tally(
        "a damaged entry of the journal",
        "cut, empty, foreign, garbage, directory, fifo, link",
        tries,
    );
}

/// Keys with room for many values, of a network namespace's own.
pub(crate) const WIDE: [&str; 6] = [
    "net.core.somaxconn",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_notsent_lowat",
];

/// What the wide keys hold.
pub(crate) fn wide(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let value = |key: &str| (key.to_owned(), sandbox.sysctl(key));
    WIDE.into_iter().map(value).collect()
}

#[test]
fn two_hundred_at_once() {
    let sandbox = Sandbox::new();
    let before = wide(&sandbox);
    let runs: usize = 200;
    let mut script = String::from("failed=0; pids=\n");
    for run in 0..runs {
        script += &format!(
            "{} set {}={} --wait=10m >/dev/null 2>>/run/err & pids=\"$pids $!\"\n",
            binary().display(),
            WIDE[run % WIDE.len()],
            1000 + run
        );
    }
    script += "for pid in $pids; do wait $pid || failed=$((failed + 1)); done; echo $failed";
    let failed = sandbox.sh(&script);
    assert_eq!(failed, "0", "{}", sandbox.sh("cat /run/err"));
    assert_eq!(chain::entries(&sandbox).len(), runs);
    chain::is_whole(&sandbox, before);
    sandbox.tcptune("status").exits(0);
    tally("runs at the same time", "set", runs);
}

/// The clock was set back by years: what the journal has is later than now.
#[test]
fn entries_of_the_future() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("set synack_retries=3").exits(0);
    sandbox
        .tcptune("set syn_retries=4 --persist --confirm-within=1h")
        .exits(0);
    // The time is there for people; the deadline is on a clock that nobody sets.
    sandbox.sh(
        "cd /var/lib/tcptune; sed -i 's/\"20[0-9][0-9]-/\"2099-/g' journal/*.json state.json; grep -q 2099 state.json; ! grep -q '\"20[0-8]' journal/*.json state.json",
    );
    let status = sandbox.tcptune("status --json").exits(1).json();
    assert_eq!(status["unconfirmed"]["id"], 2, "{status}");
    sandbox.tcptune("confirm").exits(0);
    sandbox.tcptune("set keepalive_time=77").exits(0);
    let history = sandbox.tcptune("history --json").exits(0).json();
    let ids: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [3, 2, 1], "in the order in which they were made");
    for _ in 0..3 {
        sandbox.tcptune("rollback").exits(0);
    }
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("6".into(), "5".into())
    );
    tally("the clock set back", "every entry is of the future", 1);
}

/// Somebody stopped a run in the middle: others say who it is, in time, and go on once it is gone.
#[test]
fn a_hung_run_is_named_in_time() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set synack_retries=3").exits(0);
    let mut hung = sandbox
        .command("strace")
        .args(["-o", "/dev/null", "-e", "inject=rename:signal=STOP:when=1"])
        .arg(binary())
        .args(["set", "synack_retries=4"])
        .spawn()
        .unwrap();
    let stopped = || {
        sandbox.run("sh", &["-c", "grep -l '^State:.t\\|^State:.T' /proc/[0-9]*/status | grep -q . && ! flock -n /var/lib/tcptune/lock true"])
    };
    comes_true("it is stopped, with the lock", || stopped().code == Some(0));
    let holder = sandbox.sh("cat /var/lib/tcptune/lock");
    for words in ["off", "set syn_retries=4", "rollback", "hold"] {
        let since = Instant::now();
        let refused = sandbox.tcptune(&format!("{words} --wait=1s")).exits(3);
        assert!(since.elapsed() >= Duration::from_secs(1));
        assert!(since.elapsed() < Duration::from_secs(20), "{words}");
        let message = format!("another tcptune is still at work after 1s: {holder}");
        assert!(refused.err.contains(&message), "{words}: {}", refused.err);
        assert!(holder.ends_with("(set)"), "{holder}");
    }
    // Who only looks does not wait.
    let status = sandbox.tcptune("status").exits(1);
    assert!(status.out.contains("entry 2"), "{}", status.out);
    let process = holder.split(' ').nth(1).unwrap();
    sandbox.sh(&format!("kill -KILL {process}"));
    hung.wait().unwrap();
    sandbox.tcptune("set syn_retries=4 --wait=10s").exits(0);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("4".into(), "3".into())
    );
    sandbox.tcptune("status").exits(0);
    tally(
        "a hung run that holds the lock",
        "off, set, rollback, hold",
        4,
    );
}
