//! Each verb as its users meet it.

use crate::confirm::comes_true;
use crate::sandbox::{Sandbox, binary};

const KEYS: [&str; 4] = [
    "net.core.somaxconn",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_synack_retries",
    "net.ipv4.tcp_syncookies",
];

#[test]
fn apply_reads_back_does_nothing_twice_and_rolls_back() {
    let sandbox = Sandbox::new();
    let first = sandbox.all();

    let applied = sandbox.tcptune("apply high-traffic --json").exits(0).json();
    assert_eq!(applied["changed"], true);
    assert_eq!(applied["namespaces"][0]["journal"]["id"], 1);
    assert_eq!(
        KEYS.map(|key| sandbox.sysctl(key)),
        ["16384", "0", "3", "1"]
    );

    let binary = binary();
    let again = sandbox.run(
        "strace",
        &[
            "-f",
            "-o",
            "/run/trace",
            "-e",
            "trace=openat,open,openat2,creat",
            binary.to_str().unwrap(),
            "apply",
            "high-traffic",
            "--json",
        ],
    );
    assert_eq!(again.exits(0).json()["changed"], false);
    let opened = sandbox.sh("grep -E '/proc/sys' /run/trace");
    assert!(
        opened.contains("somaxconn"),
        "the trace sees the keys: {opened}"
    );
    assert!(
        !opened.contains("O_WRONLY") && !opened.contains("O_RDWR"),
        "{opened}"
    );

    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .contains("rollback of entry 1 (apply high-traffic,"),
        "{}",
        undone.out
    );
    assert_eq!(sandbox.all(), first, "every key is what it was");
}

#[test]
fn diff_and_dry_run_need_no_root_and_touch_nothing() {
    let sandbox = Sandbox::new();
    let as_nobody = |words: &str| sandbox.as_nobody(&[], words);
    as_nobody("diff high-traffic").exits(1);
    let dry = as_nobody("apply high-traffic --dry-run").exits(0);
    assert!(
        dry.out.contains("+net.ipv4.tcp_synack_retries = 3"),
        "{}",
        dry.out
    );
    assert!(
        dry.out.contains("dry run: nothing was touched"),
        "{}",
        dry.out
    );
    as_nobody("status").exits(0);
    as_nobody("off --dry-run").exits(0);

    let denied = as_nobody("apply high-traffic").exits(3);
    let message = "open for writing: net.core.somaxconn (Permission denied (os error 13)), \
                   net.ipv4.tcp_synack_retries (Permission denied (os error 13)); nothing was touched";
    assert!(denied.err.contains(message), "{}", denied.err);
    assert!(
        denied.err.contains("hint: run it as root"),
        "{}",
        denied.err
    );
    let json = as_nobody("apply high-traffic --json").exits(3).json();
    assert_eq!(json["error"]["code"], "not-permitted");
    sandbox.sh("test ! -e /var/lib/tcptune");
}

#[test]
fn a_read_only_proc_that_is_right_already_is_no_failure() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.sh("mount -o remount,bind,ro /proc/sys/net");
    sandbox.tcptune("apply high-traffic").exits(0);
    let refused = sandbox.tcptune("apply fail-fast").exits(3);
    assert!(
        refused.err.contains("Read-only file system"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("hint: /proc/sys is read-only here"),
        "{}",
        refused.err
    );
    sandbox.tcptune("status").exits(0);
}

#[test]
fn json_keeps_its_contract() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.tcp_syncookies", "0");
    let json = sandbox.tcptune("diff high-traffic --json").exits(1).json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["command"], "diff");
    assert_eq!(json["exit"], 1);
    assert_eq!(json["error"], serde_json::Value::Null);
    assert_eq!(json["hashes"]["desired"].as_str().unwrap().len(), 64);
    assert_eq!(json["hashes"]["plan"].as_str().unwrap().len(), 64 + 1 + 32);
    let plan = &json["namespaces"][0]["plan"];
    assert_eq!(plan["boot"], serde_json::Value::Null);
    let live = plan["live"].as_array().unwrap();
    assert_eq!(live.len(), 3);
    assert_eq!(live[0]["key"], "net.core.somaxconn");
    assert_eq!(
        (&live[0]["from"], &live[0]["to"]),
        (&"4096".into(), &"16384".into())
    );
    assert_eq!(
        (&live[0]["cause"], &live[0]["profile"]),
        (&"set".into(), &"high-traffic".into())
    );
    assert_eq!(
        (&live[0]["file"], &live[0]["note"]),
        (&"built in".into(), &"at least 16384".into())
    );
    assert!(live[0]["line"].is_u64() && live[0]["why"].is_string());
    assert_eq!(plan["kept"].as_array().unwrap().len(), 1);

    let broken = sandbox
        .tcptune("diff no-such-profile --json")
        .exits(2)
        .json();
    assert_eq!(broken["error"]["code"], "unknown-profile");
    assert_eq!(broken["problems"][0]["line"], serde_json::Value::Null);
    let usage = sandbox.tcptune("--json frobnicate").exits(2).json();
    assert_eq!(
        (&usage["exit"], &usage["error"]["code"]),
        (&2.into(), &"usage".into())
    );

    let status = sandbox.tcptune("status --json").exits(0).json();
    assert_eq!(status["live"]["settings"], serde_json::json!([]));
    assert_eq!(
        (&status["boot"]["path"], &status["hold"], &status["pending"]),
        (
            &serde_json::Value::Null,
            &serde_json::Value::Null,
            &serde_json::Value::Null
        )
    );
}

#[test]
fn unknown_keys_and_profiles_have_neighbours() {
    let sandbox = Sandbox::new();
    let profile = sandbox.tcptune("apply hihg-traffic").exits(2);
    assert!(
        profile.err.contains("did you mean `high-traffic`?"),
        "{}",
        profile.err
    );
    let key = sandbox.tcptune("set synack_retires=3").exits(2);
    assert!(
        key.err.contains("did you mean `synack_retries`?"),
        "{}",
        key.err
    );
    let absent = sandbox.tcptune("set net.core.rmem_defautl=212992").exits(3);
    assert!(
        absent.err.contains("did you mean `net.core.rmem_default`?"),
        "{}",
        absent.err
    );
}

#[test]
fn alone_it_prints_help_and_a_closed_pipe_is_no_error() {
    let sandbox = Sandbox::new();
    let help = sandbox.tcptune("").exits(0);
    assert!(help.out.contains("Usage: tcptune"), "{}", help.out);
    let binary = binary();
    let piped = format!(
        "{} apply high-traffic | true; sysctl -n net.ipv4.tcp_synack_retries",
        binary.display()
    );
    assert_eq!(
        sandbox.sh(&piped),
        "3",
        "the transaction is over before anything is printed"
    );
}

/// A report that is cut short is not taken for a whole one, and what was done is said all the same.
#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let sandbox = Sandbox::new();
    for (words, code, own) in [
        ("show high-traffic", 4, 0),
        ("diff high-traffic", 4, 1),
        ("diff high-traffic --json", 4, 1),
        ("--help", 4, 0),
        ("show nonsense --json", 4, 2),
        ("apply high-traffic", 4, 0),
    ] {
        let binary = binary();
        let full = format!("{} {words} >/dev/full", binary.display());
        let run = sandbox.run("sh", &["-c", &full]).exits(code);
        let message = format!(
            "error: write the report to standard output: No space left on device (os error 28); the verb itself ended with exit {own}\n"
        );
        assert!(run.err.starts_with(&message), "{words}: {}", run.err);
    }
    assert_eq!(
        sandbox.sysctl("net.ipv4.tcp_synack_retries"),
        "3",
        "it was applied"
    );
    // A reader that went away has had enough, and a report that nobody wants is none.
    let piped = format!(
        "exec 3>&1; {{ {} show high-traffic; echo $? >&3; }} | true",
        binary().display()
    );
    assert_eq!(sandbox.sh(&piped), "0");
    sandbox.sh(&format!(
        "{} -q apply patient --yes >/dev/full",
        binary().display()
    ));
}

#[test]
fn no_variable_but_no_color_changes_anything() {
    let sandbox = Sandbox::new();
    let odd = "CLICOLOR_FORCE=1 CLICOLOR=0 TERM=dumb SUDO_USER=x LANG=tr_TR RUST_BACKTRACE=1 HOME=/nowhere COLUMNS=10";
    let run = |environment: &str, words: &str| {
        sandbox.sh(&format!(
            "env {environment} {} {words} 2>&1 || true",
            binary().display()
        ))
    };
    let on_a_terminal = |environment: &str, words: &str| {
        sandbox.sh(&format!(
            "env {environment} script -qec '{} {words}' /dev/null || true",
            binary().display()
        ))
    };
    for words in [
        "diff high-traffic",
        "diff high-traffic --json",
        "status",
        "nonsense",
        "set somaxconn=x",
    ] {
        assert_eq!(run(odd, words), run("", words), "{words}");
        assert!(
            !run(odd, words).contains('\u{1b}'),
            "no terminal, no colour: {words}"
        );
    }
    let coloured = on_a_terminal("", "diff high-traffic");
    assert!(coloured.contains("\u{1b}[32m+net"), "{coloured}");
    assert_eq!(on_a_terminal(odd, "diff high-traffic"), coloured);
    for words in ["diff high-traffic", "nonsense", "set somaxconn=x"] {
        assert!(on_a_terminal("", words).contains('\u{1b}'), "{words}");
        assert!(
            !on_a_terminal("NO_COLOR=1", words).contains('\u{1b}'),
            "{words}"
        );
    }
    assert!(run("NO_COLOR=1", "diff high-traffic --color always").contains('\u{1b}'));
}

#[test]
fn a_global_key_is_refused_in_a_namespace() {
    let sandbox = Sandbox::new();
    let refused = sandbox.tcptune("set fs.file-max=100000").exits(3);
    assert!(
        refused
            .err
            .contains("fs.file-max: global, a network namespace would change the whole machine"),
        "{}",
        refused.err
    );
    sandbox.file(
        "/run/p.toml",
        "[sysctl]\nnet.core.netdev_max_backlog = { at_least = 4096, optional = true }\n",
    );
    let skipped = sandbox.tcptune("apply /run/p.toml").exits(0);
    assert!(
        skipped
            .out
            .contains("skipped: net.core.netdev_max_backlog: global"),
        "{}",
        skipped.out
    );
}

#[test]
fn each_namespace_is_its_own_plan_and_one_failing_does_not_stop_the_others() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add one; ip netns add two");
    let json = sandbox
        .tcptune("apply high-traffic --netns one --netns nowhere --netns two --json")
        .exits(2)
        .json();
    let namespaces = json["namespaces"].as_array().unwrap();
    assert_eq!(
        namespaces
            .iter()
            .map(|one| one["netns"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["one", "nowhere", "two"]
    );
    assert_eq!(namespaces[1]["error"]["code"], "no-namespace");
    for name in ["one", "two"] {
        assert_eq!(
            sandbox.sh(&format!(
                "ip netns exec {name} sysctl -n net.ipv4.tcp_synack_retries"
            )),
            "3"
        );
    }
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
    sandbox.tcptune("rollback --netns one").exits(0);
    assert_eq!(
        sandbox.sh("ip netns exec one sysctl -n net.ipv4.tcp_synack_retries"),
        "5"
    );
    assert_eq!(
        sandbox.sh("ip netns exec two sysctl -n net.ipv4.tcp_synack_retries"),
        "3"
    );
    let all = sandbox.tcptune("status --netns all --json").exits(0).json();
    let names: Vec<_> = all["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["netns"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        names.contains(&"one".to_owned()) && names.contains(&"container".to_owned()),
        "{names:?}"
    );
}

#[test]
fn kernel_defaults_are_what_a_fresh_namespace_has() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add fresh");
    sandbox.stranger("net.ipv4.tcp_synack_retries", "9");
    let flat = sandbox.tcptune("show kernel-defaults --flat").exits(0);
    for line in flat.out.lines() {
        // What is computed may be absent elsewhere.
        let line = line.strip_prefix('-').unwrap();
        let (key, value) = line.split_once(" =").unwrap();
        let there = sandbox
            .sh(&format!("ip netns exec fresh sysctl -n {key}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(value.trim(), there, "{key}");
    }
    sandbox.tcptune("apply kernel-defaults").exits(0);
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
}

#[test]
fn another_tcptune_at_work_is_waited_for_or_named() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    // Somebody holds the lock until a line comes through the pipe.
    sandbox.sh("mkfifo /run/pipe");
    let mut holder = sandbox
        .command("flock")
        .args(["/var/lib/tcptune/lock", "cat", "/run/pipe"])
        .spawn()
        .unwrap();
    sandbox.sh("until ! flock -n /var/lib/tcptune/lock true; do sleep 0.01; done");
    let refused = sandbox.tcptune("off").exits(3);
    assert!(
        refused
            .err
            .contains("error: another tcptune is at work: process "),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("hint: wait for it with `--wait=1m`"),
        "{}",
        refused.err
    );
    sandbox.tcptune("diff fail-fast").exits(1);
    let impatient = sandbox.tcptune("off --wait=50ms").exits(3);
    assert!(
        impatient.err.contains("still at work after 50ms"),
        "{}",
        impatient.err
    );
    sandbox.sh(&format!(
        "(sleep 0.2; echo > /run/pipe) & {} off --wait=1m",
        binary().display()
    ));
    holder.wait().unwrap();
}

#[test]
fn values_that_no_line_of_text_may_hold_are_cleared_too() {
    let sandbox = Sandbox::new();
    sandbox
        .tcptune("set ip_local_reserved_ports=8082,8080,8081")
        .exits(0);
    assert_eq!(
        sandbox.sysctl("net.ipv4.ip_local_reserved_ports"),
        "8080-8082"
    );
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.sysctl("net.ipv4.ip_local_reserved_ports"), "");
}

#[test]
fn a_refused_vector_leaves_no_prefix_behind() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/q.toml", "[sysctl]\nnet.ipv4.ping_group_range = \"7 99999999999\"\nnet.ipv4.tcp_synack_retries = 2\n");
    let before = sandbox.all();
    let failed = sandbox.tcptune("apply /run/q.toml").exits(4);
    assert!(failed.err.contains("write net.ipv4.ping_group_range = 7 99999999999: Invalid argument (os error 22); everything that was written was put back"), "{}", failed.err);
    assert_eq!(sandbox.all(), before);
    assert!(sandbox.tcptune("history").out.contains("reverted"));
}

#[test]
fn the_prompt_comes_only_on_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let binary = binary();
    let on_a_terminal = |answer: &str, options: &str| {
        sandbox.sh(&format!(
            "echo {answer} | script -qec '{} apply fail-fast {options}' /dev/null || true",
            binary.display()
        ))
    };
    let declined = on_a_terminal("n", "");
    assert!(declined.contains("Go on? [y/N]"), "{declined}");
    assert!(
        declined.contains("declined; nothing was touched"),
        "{declined}"
    );
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "3");
    let agreed = on_a_terminal("y", "");
    assert!(agreed.contains("written and read back"), "{agreed}");
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
}

#[test]
fn a_dry_run_foretells_what_may_not_be_written() {
    let sandbox = Sandbox::new();
    sandbox.sh("mount -o remount,bind,ro /proc/sys/net");
    let dry = sandbox.tcptune("apply high-traffic --dry-run").exits(0);
    let foretold = "warning: without `--dry-run` it is refused: ";
    let refused = sandbox.tcptune("apply high-traffic").exits(3);
    let why = refused.err.lines().next().unwrap();
    let why = why.rsplit_once("container namespace: ").unwrap().1;
    assert!(
        dry.err.contains(&format!("{foretold}{why}")),
        "{}\n{why}",
        dry.err
    );
    sandbox.sh("mount -o remount,bind,rw /proc/sys/net");
    let words = "set net.ipv4.tcp_available_congestion_control=reno --dry-run";
    let odd = sandbox.tcptune(words).exits(0);
    assert!(odd.err.contains(foretold), "{}", odd.err);
    assert_eq!(
        sandbox
            .as_nobody(&[], "apply high-traffic --dry-run")
            .exits(0)
            .err,
        ""
    );
}

#[test]
fn keys_that_the_kernel_sets_along_are_named() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.conf.lo.forwarding", "1");
    let before = sandbox.all();
    let says = |words: &str, what: &str| {
        let run = sandbox.tcptune(words).exits(0);
        let message = format!(
            "the kernel sets net.ipv4.conf.*.forwarding and net.ipv4.conf.all.accept_redirects along with net.ipv4.ip_forward: {what}\n"
        );
        assert_eq!(run.err.matches("along").count(), 1, "{words}: {}", run.err);
        assert!(run.err.contains(&message), "{words}: {}", run.err);
        run.out
    };
    says(
        "set net.ipv4.ip_forward=1",
        "those that are declared stay, what the others hold now goes back with it",
    );
    let back = "those on record go back to what they held, unless somebody else wrote them since";
    for words in ["rollback --dry-run", "rollback"] {
        let shown = says(words, back);
        assert!(
            shown.contains("+net.ipv4.conf.default.forwarding = 0"),
            "{shown}"
        );
        assert!(!shown.contains("conf.lo.forwarding"), "it stays: {shown}");
    }
    assert_eq!(sandbox.all(), before);
    let shown =
        sandbox.sh("sysctl -a -r 'net.ipv4.conf.*.forwarding|net.ipv4.conf.all.accept_redirects'");
    assert!(shown.contains("net.ipv4.conf.lo.forwarding = 1"), "{shown}");
}

/// An answer may take its time: meanwhile nothing is written, nothing is locked, and what moved is asked about again.
#[test]
fn a_question_that_nobody_answers_keeps_nobody_from_anything() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add one; ip netns add two");
    sandbox.tcptune("apply high-traffic --netns two").exits(0);
    let value = |name: &str| {
        sandbox.sh(&format!(
            "ip netns exec {name} sysctl -n net.ipv4.tcp_syn_retries"
        ))
    };
    sandbox.sh(&format!(
        "((until [ -e /run/answer ]; do sleep 0.1; done; echo y) | script -qec '{} apply fail-fast --netns one --netns two' /dev/null > /run/said || true; echo over >> /run/said) >/dev/null 2>&1 &",
        binary().display()
    ));
    comes_true("it asks", || {
        sandbox.sh("cat /run/said || true").contains("Go on? [y/N]")
    });
    assert_eq!([value("one"), value("two")], ["6", "6"]);
    sandbox.tcptune("set somaxconn=9000 --netns two").exits(0);
    sandbox
        .tcptune("set keepalive_time=900 --netns two")
        .exits(0);
    sandbox.sh("touch /run/answer");
    comes_true("it ends", || sandbox.sh("cat /run/said").contains("over"));
    let said = sandbox.sh("cat /run/said");
    let unasked = "this was not asked about, as it moved meanwhile: no longer declared, goes back: net.ipv4.tcp_keepalive_time 900 -> 7200, net.core.somaxconn 9000 -> 4096";
    assert!(said.replace('\n', " ").contains(unasked), "{said}");
    assert_eq!([value("one"), value("two")], ["2", "6"]);
}

#[test]
fn formulas_that_were_never_checked_on_a_kernel_say_so() {
    let sandbox = Sandbox::new();
    assert!(
        !sandbox
            .tcptune("show high-traffic")
            .out
            .contains("not verified")
    );
    sandbox.sh(
        "echo 5.10.0-fake > /run/release; mount --bind /run/release /proc/sys/kernel/osrelease",
    );
    let message = "the consequences above are not verified on this kernel (5.10.0-fake)";
    assert!(
        sandbox
            .tcptune("show high-traffic")
            .exits(0)
            .out
            .contains(message)
    );
    assert!(
        sandbox
            .tcptune("diff high-traffic")
            .exits(1)
            .out
            .contains(message)
    );
    assert_eq!(
        sandbox.tcptune("show high-traffic --json").json()["verified"],
        false
    );
}

#[test]
fn an_entry_that_was_interrupted_is_mentioned_and_then_settled() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let binary = binary();
    // Dies at its first write to a key, after the intent was recorded.
    let trace = sandbox.sh(&format!(
        "strace -e trace=write -o /run/trace {} apply fail-fast --yes >/dev/null; cat /run/trace",
        binary.display()
    ));
    let at = 1 + trace
        .lines()
        .position(|line| line.contains("\"4096\\n\""))
        .unwrap();
    sandbox.tcptune("rollback").exits(0);
    sandbox.killed_at_write(at + 1, "apply fail-fast --yes");

    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status
            .out
            .contains("interrupted: entry 4; the next writing verb will settle it"),
        "{}",
        status.out
    );
    let diff = sandbox.tcptune("diff fail-fast").exits(1);
    assert!(
        diff.err.contains("warning: entry 4 was interrupted"),
        "{}",
        diff.err
    );
    assert_eq!(sandbox.tcptune("status --json").json()["pending"]["id"], 4);
    let next = sandbox.tcptune("apply high-traffic").exits(0);
    assert!(
        next.err
            .contains("warning: entry 4 was interrupted: it was put back"),
        "{}",
        next.err
    );
    assert!(next.out.contains("nothing to do"), "{}", next.out);
    sandbox.tcptune("status").exits(0);
}

#[test]
fn an_absent_key_is_refused_before_anything_is_touched() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/p.toml",
        "[tcp]\nsynack_retries = 3\n[sysctl]\nnet.core.no_such_thing = 1\nnet.core.nothing = 1\n",
    );
    let refused = sandbox.tcptune("apply /run/p.toml").exits(3);
    assert!(
        refused
            .err
            .contains("net.core.no_such_thing: this kernel does not have it; net.core.nothing: "),
        "{}",
        refused.err
    );
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
    sandbox.file("/run/p.toml", "[tcp]\nsynack_retries = 3\n[sysctl]\nnet.core.no_such_thing = { value = 1, optional = true }\nnet.ipv4.route.flush = 1\n");
    let unreadable = sandbox.tcptune("apply /run/p.toml").exits(4);
    assert!(
        unreadable
            .err
            .contains("net.ipv4.route.flush: cannot be read back (Permission denied"),
        "{}",
        unreadable.err
    );
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
}

/// Without root a user namespace gives the right to make a network namespace, if unshare(1) is there to make it.
#[test]
fn a_computed_profile_needs_the_right_to_make_a_namespace() {
    let sandbox = Sandbox::new();
    let seen = sandbox
        .as_nobody(&[], "show kernel-defaults --json")
        .exits(0);
    let root = sandbox.tcptune("show kernel-defaults --json").exits(0);
    let hashes = [seen.json(), root.json()].map(|json| json["hashes"]["desired"].clone());
    assert_eq!(hashes[0], hashes[1]);
    sandbox.sh("mount --bind /dev/null $(command -v unshare)");
    let refused = sandbox.as_nobody(&[], "show kernel-defaults").exits(3);
    assert!(
        refused.err.contains(
            "compute kernel-defaults: make a fresh network namespace: Operation not permitted"
        ),
        "{}",
        refused.err
    );
}

#[test]
fn a_built_in_profile_that_the_package_brings_as_a_file_is_the_same_profile() {
    let sandbox = Sandbox::new();
    sandbox.sh("mount -t tmpfs -o mode=755 tmpfs /usr/share; mkdir -p /usr/share/tcptune/profiles");
    let text = include_str!("../../profiles/high-traffic.toml");
    let before = sandbox
        .tcptune("diff high-traffic --persist --json")
        .exits(1)
        .json();
    sandbox.file("/usr/share/tcptune/profiles/high-traffic.toml", text);
    let with = sandbox
        .tcptune("diff high-traffic --persist --json")
        .exits(1)
        .json();
    assert_eq!(before, with);
    assert!(
        sandbox
            .tcptune("list")
            .out
            .contains("many short connections  (built in)")
    );

    // Another text is another profile.
    sandbox.file(
        "/usr/share/tcptune/profiles/high-traffic.toml",
        &text.replace("16384", "8192"),
    );
    let shown = sandbox.tcptune("show high-traffic").exits(0).out;
    assert!(
        shown.contains("at least 8192  [/usr/share/tcptune/profiles/high-traffic.toml:6]"),
        "{shown}"
    );
    sandbox.file("/etc/tcptune/profiles/high-traffic.toml", text);
    let shown = sandbox.tcptune("show high-traffic").exits(0).out;
    assert!(
        shown.contains("[/etc/tcptune/profiles/high-traffic.toml:6]"),
        "{shown}"
    );
}
