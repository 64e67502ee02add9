//! What nobody confirms goes back, whatever becomes of whoever applied it.

use std::time::{Duration, Instant};

use crate::sandbox::{Sandbox, binary};

const SOMAXCONN: &str = "net.core.somaxconn";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

/// Waits for something that has to come to pass.
#[track_caller]
fn comes_true(what: &str, is_true: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_true() {
        assert!(
            since.elapsed() < Duration::from_secs(40),
            "{what}, after 40 s"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn values(sandbox: &Sandbox) -> [String; 2] {
    [SOMAXCONN, SYNACK].map(|key| sandbox.sysctl(key))
}

fn is_back(sandbox: &Sandbox) -> bool {
    values(sandbox) == ["4096", "5"]
}

fn history(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.tcptune("history --json").exits(0).json()["entries"][0].clone()
}

#[test]
fn what_nobody_confirms_goes_back() {
    let sandbox = Sandbox::with_systemd();
    let applied = sandbox
        .tcptune("apply high-traffic --persist --confirm-within=2s")
        .exits(0);
    assert!(
        applied.out.contains("UNCONFIRMED: goes back at 2"),
        "{}",
        applied.out
    );
    assert!(
        applied
            .out
            .contains("keep it, and write the drop-in: tcptune confirm\n"),
        "{}",
        applied.out
    );
    assert_eq!(values(&sandbox), ["16384", "3"]);
    comes_true("the entry is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    assert!(is_back(&sandbox));
    assert_eq!(history(&sandbox)["error"], "not confirmed in time");
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    sandbox.tcptune("status").exits(0);
    let nothing = sandbox.tcptune("confirm").exits(3);
    assert!(
        nothing.err.contains("nothing waits to be confirmed"),
        "{}",
        nothing.err
    );
    comes_true("the guard is gone", || {
        sandbox.run("pgrep", &["-f", "guard 1"]).code == Some(1)
    });
}

#[test]
fn confirmed_in_time_it_stays_and_only_then_lasts() {
    let sandbox = Sandbox::with_systemd();
    let applied = sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h --json")
        .exits(0)
        .json();
    assert_eq!(applied["namespaces"][0]["journal"]["state"], "unconfirmed");
    assert!(applied["namespaces"][0]["unconfirmed_until"].is_string());
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status.out.contains("UNCONFIRMED: entry 1 goes back in 35"),
        "{}",
        status.out
    );
    assert_eq!(
        sandbox.tcptune("status --json").json()["unconfirmed"]["id"],
        1
    );
    let confirmed = sandbox.tcptune("confirm").exits(0);
    assert!(
        confirmed
            .out
            .contains("boot: create /etc/sysctl.d/99-tcptune.conf"),
        "{}",
        confirmed.out
    );
    assert!(
        confirmed.out.contains("survives a reboot: yes"),
        "{}",
        confirmed.out
    );
    sandbox.sh(&format!("test -e {DROP_IN}"));
    sandbox.tcptune("verify").exits(0);
    assert_eq!(history(&sandbox)["state"], "committed");
    comes_true("the guard is gone", || {
        sandbox.run("pgrep", &["-f", "guard 1"]).code == Some(1)
    });
    // It is one entry, and goes back as one.
    sandbox.tcptune("rollback").exits(0);
    assert!(is_back(&sandbox));
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

#[test]
fn meanwhile_the_same_is_nothing_to_do_and_another_is_refused() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    let again = sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    assert!(
        again
            .err
            .contains("warning: entry 1 is unconfirmed: it goes back in 35"),
        "{}",
        again.err
    );
    sandbox.tcptune("diff high-traffic").exits(0);
    for words in [
        "apply fail-fast --yes",
        "set syn_retries=3",
        "off",
        "persist",
        "apply high-traffic --persist",
        "rollback --to 0",
    ] {
        let refused = sandbox.tcptune(words).exits(3);
        assert!(
            refused
                .err
                .contains("entry 1 waits to be confirmed, for 35"),
            "{words}: {}",
            refused.err
        );
        assert!(
            refused
                .err
                .contains("hint: `tcptune confirm` keeps it, `tcptune rollback` takes it back now"),
            "{}",
            refused.err
        );
    }
    let rejected = sandbox.tcptune("rollback --dry-run").exits(0);
    assert!(
        rejected.out.contains("+net.core.somaxconn = 4096"),
        "{}",
        rejected.out
    );
    sandbox.tcptune("rollback").exits(0);
    assert!(is_back(&sandbox));
    assert_eq!(
        history(&sandbox)["error"],
        "rejected before it was confirmed"
    );
    assert!(
        sandbox
            .tcptune("rollback")
            .exits(0)
            .out
            .contains("nothing to do")
    );
}

#[test]
fn a_strangers_value_at_the_deadline_is_left_and_said() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
    sandbox.stranger(SYNACK, "7");
    comes_true("the entry is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    assert_eq!(values(&sandbox), ["4096", "7"]);
    let why = "not confirmed in time; left, as somebody else wrote them since: net.ipv4.tcp_synack_retries holds 7";
    assert_eq!(history(&sandbox)["error"], why);
}

#[test]
fn a_restart_before_it_is_confirmed_forgets_it() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    sandbox.new_boot(1);
    sandbox.sh(
        "sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_synack_retries=5; pkill -f 'guard [1]'",
    );
    sandbox.tcptune("status").exits(0);
    sandbox.tcptune("confirm").exits(3);
    assert_eq!(
        history(&sandbox)["error"],
        "the machine was restarted before it was confirmed"
    );
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

/// Whoever kills the guard only puts it off: the next writing verb takes the entry back first.
#[test]
fn an_overdue_entry_without_its_guard_is_taken_back_by_the_next_verb() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1s")
        .exits(0);
    sandbox.sh("pkill -KILL -f 'guard [1]'");
    std::thread::sleep(Duration::from_millis(1200));
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status
            .out
            .contains("UNCONFIRMED: entry 1 should have gone back at 2"),
        "{}",
        status.out
    );
    let next = sandbox.tcptune("set syn_retries=4").exits(0);
    assert!(
        next.err
            .contains("entry 1 was not confirmed in time: it was put back"),
        "{}",
        next.err
    );
    assert!(is_back(&sandbox));
}

#[test]
fn too_late_is_not_in_time() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1s")
        .exits(0);
    sandbox.sh("pkill -KILL -f 'guard [1]'");
    std::thread::sleep(Duration::from_millis(1200));
    let late = sandbox.tcptune("confirm").exits(3);
    assert!(
        late.err
            .contains("entry 1 was not confirmed in time: it was put back"),
        "{}",
        late.err
    );
    assert!(is_back(&sandbox));
}

#[test]
fn nothing_live_to_change_needs_no_confirmation() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic").exits(0);
    let applied = sandbox
        .tcptune("apply high-traffic --persist --confirm-within")
        .exits(0);
    assert!(
        applied
            .err
            .contains("no live value changes, so nothing waits to be confirmed"),
        "{}",
        applied.err
    );
    sandbox.sh(&format!("test -e {DROP_IN}"));
    assert_eq!(history(&sandbox)["state"], "committed");
    for words in [
        "--confirm-within=500ms",
        "--confirm-within=25h",
        "--confirm-within=soon",
    ] {
        sandbox
            .tcptune(&format!("apply fail-fast {words}"))
            .exits(2);
    }
}

#[test]
fn the_next_boot_is_looked_at_again_when_it_is_confirmed() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    sandbox.file("/etc/sysctl.d/zzz.conf", "net.core.somaxconn = 1\n");
    let refused = sandbox.tcptune("confirm").exits(3);
    assert!(
        refused
            .err
            .contains("systemd-sysctl would obey /etc/sysctl.d/zzz.conf:1"),
        "{}",
        refused.err
    );
    assert_eq!(history(&sandbox)["state"], "unconfirmed");
    sandbox.sh("rm /etc/sysctl.d/zzz.conf");
    sandbox.tcptune("confirm").exits(0);
    sandbox.tcptune("verify").exits(0);
}

#[test]
fn everybody_who_is_logged_in_is_told() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir /run/fake; printf '#!/bin/sh\\necho \"$1\" >> /run/told\\n' > /run/fake/wall; chmod 755 /run/fake/wall");
    sandbox.sh(&format!(
        "PATH=/run/fake:$PATH {} apply high-traffic --confirm-within=2s",
        binary().display()
    ));
    comes_true("all is told", || {
        sandbox.sh("cat /run/told || true").lines().count() == 2
    });
    let told = sandbox.sh("cat /run/told");
    assert!(
        told.contains("unless somebody says `tcptune confirm`\n"),
        "{told}"
    );
    assert!(
        told.ends_with("tcptune: entry 1 was put back: not confirmed in time"),
        "{told}"
    );
}

/// Killed at every write: once the deadline is over, nothing of it is left, or it was never begun.
#[test]
fn a_killed_apply_goes_back_too() {
    for n in 1..=9 {
        let sandbox = Sandbox::with_systemd();
        sandbox.killed_at_write(n, "apply high-traffic --persist --confirm-within=1s");
        std::thread::sleep(Duration::from_millis(300));
        let unfinished = |sandbox: &Sandbox| {
            let json = sandbox.tcptune("status --json").json();
            !json["pending"].is_null() || !json["unconfirmed"].is_null()
        };
        comes_true(&format!("killed at write {n}, all is settled"), || {
            is_back(&sandbox) && !unfinished(&sandbox)
        });
        sandbox.sh(&format!("test ! -e {DROP_IN}"));
    }
}

/// Killed at every call that changes something, a confirmation can be said again, or had been done.
#[test]
fn a_killed_confirm_can_be_said_again() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    sandbox.sh("cp -a /var/lib/tcptune /run/prepared");
    let mut tried = 0;
    for call in ["write", "fsync", "rename", "unlink", "mkdir"] {
        for n in 1.. {
            sandbox.sh(&format!(
                "rm -rf /var/lib/tcptune {DROP_IN}; cp -a /run/prepared /var/lib/tcptune"
            ));
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let binary = binary();
            let run = sandbox.run(
                "strace",
                &[
                    "-o",
                    "/dev/null",
                    "-e",
                    &inject,
                    binary.to_str().unwrap(),
                    "confirm",
                ],
            );
            if run.code == Some(0) {
                break;
            }
            tried += 1;
            let stray = sandbox.sh("cd /etc/sysctl.d; find . -name '*.conf'");
            assert!(
                ["", "./99-tcptune.conf"].contains(&stray.as_str()),
                "{call} {n}: {stray}"
            );
            if history(&sandbox)["state"] == "unconfirmed" {
                sandbox.tcptune("confirm").exits(0);
            }
            assert_eq!(history(&sandbox)["state"], "committed", "{call} {n}");
            sandbox.tcptune("verify").exits(0);
        }
    }
    assert!(tried > 10, "{tried}");
}

/// Killed in the middle of a confirmation, and rejected or overdue afterwards: the file goes back with the keys.
#[test]
fn a_killed_confirm_can_be_rejected() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    let inject = "inject=rename:signal=KILL:when=3";
    sandbox.sh(&format!(
        "strace -o /dev/null -e {inject} {} confirm >/dev/null || true; test -e {DROP_IN}",
        binary().display()
    ));
    assert_eq!(history(&sandbox)["state"], "unconfirmed");
    sandbox.tcptune("rollback").exits(0);
    assert!(is_back(&sandbox));
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    sandbox.tcptune("status").exits(0);
}

#[test]
fn other_namespaces_have_guards_of_their_own() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("ip netns add one; ip netns add two");
    sandbox
        .tcptune("apply high-traffic --netns one --netns two --confirm-within=2s")
        .exits(0);
    sandbox.tcptune("confirm --netns two").exits(0);
    let value = |name: &str| sandbox.sh(&format!("ip netns exec {name} sysctl -n {SYNACK}"));
    comes_true("one goes back", || value("one") == "5");
    assert_eq!(value("two"), "3");
    sandbox.tcptune("status --netns all").exits(0);
}

/// The parent, its session and its terminal die: a login over SSH that breaks off.
#[test]
fn the_end_of_a_login_does_not_keep_it_from_going_back() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("
        mkdir -p /run/sshd /run/keys; ssh-keygen -q -t ed25519 -N '' -f /run/keys/host; ssh-keygen -q -t ed25519 -N '' -f /run/keys/mine
        cp /run/keys/mine.pub /run/keys/root
        printf '%s\\n' 'Port 2222' 'ListenAddress 127.0.0.1' 'HostKey /run/keys/host' 'AuthorizedKeysFile /run/keys/%u' \
            'UsePAM no' 'PermitRootLogin yes' 'StrictModes no' 'PidFile none' > /run/keys/config
        /usr/sbin/sshd -f /run/keys/config");
    let ssh = "ssh -q -tt -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i /run/keys/mine -p 2222 root@127.0.0.1";
    let remote = format!(
        "{} apply high-traffic --confirm-within=3s; sleep 1000",
        binary().display()
    );
    sandbox.sh(&format!(
        "{ssh} '{remote}' < /dev/null > /run/out 2>&1 & echo $! > /run/client; sleep 0.1"
    ));
    comes_true("it is applied", || values(&sandbox) == ["16384", "3"]);
    // The client, then everything that the server started for it, with its terminal.
    sandbox.sh("kill -KILL $(cat /run/client); pkill -HUP -f '[s]leep 1000' || true; pkill -KILL sshd || true");
    comes_true("the login is gone", || {
        sandbox.run("pgrep", &["-f", "sleep 1000"]).code == Some(1)
    });
    assert_eq!(values(&sandbox), ["16384", "3"]);
    comes_true("it goes back", || is_back(&sandbox));
    comes_true("and is recorded", || {
        history(&sandbox)["state"] == "reverted"
    });
}

#[test]
fn without_a_guard_nothing_is_touched() {
    let sandbox = Sandbox::with_systemd();
    // The program cannot be started again: its file was removed while it runs.
    let script = format!(
        "install {} /run/gone; exec 3< /run/gone; rm /run/gone; exec /proc/self/fd/3 apply high-traffic --confirm-within",
        binary().display()
    );
    let refused = sandbox.run("sh", &["-c", &script]);
    assert!(
        refused
            .err
            .contains("start the process that would take it back"),
        "{refused:?}"
    );
    assert_eq!(refused.code, Some(3));
    assert!(is_back(&sandbox));
    sandbox.sh("test ! -e /var/lib/tcptune/journal/1.json");
}

#[test]
fn a_hold_keeps_scheduled_runs_away() {
    let sandbox = Sandbox::with_systemd();
    let held = sandbox
        .run(
            binary().to_str().unwrap(),
            &["hold", "--for", "1h", "--reason", "incident 17"],
        )
        .exits(0);
    assert!(
        held.out.starts_with("held by uid 0 since 2"),
        "{}",
        held.out
    );
    for words in ["apply high-traffic", "off", "persist"] {
        let refused = sandbox.tcptune(words).exits(3);
        assert!(
            refused.err.contains(": incident 17; nothing was touched"),
            "{}",
            refused.err
        );
        assert!(
            refused.err.contains("hint: `tcptune unhold` takes it away"),
            "{}",
            refused.err
        );
        assert_eq!(
            sandbox.tcptune(&format!("{words} --json")).json()["error"]["code"],
            "held"
        );
    }
    let dry = sandbox.tcptune("apply high-traffic --dry-run").exits(0);
    assert!(dry.err.contains("warning: held by uid 0"), "{}", dry.err);
    sandbox.tcptune("set synack_retries=4").exits(0);
    sandbox.tcptune("rollback").exits(0);
    let status = sandbox.tcptune("status --json").exits(0).json();
    assert_eq!(
        (&status["hold"]["reason"], &status["hold"]["who"]),
        (&"incident 17".into(), &"uid 0".into())
    );
    assert!(sandbox.tcptune("status").out.contains(": incident 17"));
    let again = sandbox.tcptune("hold --for 2h").exits(0);
    assert!(
        again.out.contains("instead of: held by uid 0") && again.out.contains(": incident 17"),
        "{}",
        again.out
    );
    let gone = sandbox.tcptune("unhold").exits(0);
    assert!(
        gone.out.starts_with("no longer held by uid 0 since 2"),
        "{}",
        gone.out
    );
    assert_eq!(
        sandbox.tcptune("unhold").exits(0).out,
        "there was no hold\n"
    );
    sandbox.tcptune("hold --for 0s").exits(2);
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.tcptune("hold --for 1s").exits(0);
    sandbox.tcptune("off").exits(3);
    std::thread::sleep(Duration::from_millis(1500));
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.as_nobody(&[], "hold").code, Some(3));
}

/// What cannot be put back is said, tried once more, and keeps nobody from anything.
#[test]
fn a_key_that_cannot_go_back_blocks_no_later_run() {
    let sandbox = Sandbox::with_systemd();
    sandbox.stranger("net.ipv4.ip_local_port_range", "32768 60999");
    let binary = binary();
    let words = [
        "set",
        "net.ipv4.ip_local_port_range=40000 60999",
        "somaxconn=8192",
        "--confirm-within=1s",
    ];
    sandbox.run(binary.to_str().unwrap(), &words).exits(0);
    // From here on the kernel refuses the old range.
    sandbox.stranger("net.ipv4.ip_unprivileged_port_start", "39999");
    comes_true("the guard gives up", || {
        history(&sandbox)["state"] == "left"
    });
    let why = history(&sandbox)["error"].as_str().unwrap().to_owned();
    assert!(
        why.starts_with("not confirmed in time; left: net.ipv4.ip_local_port_range holds 40000 60999, not 32768 60999"),
        "{why}"
    );
    assert_eq!(sandbox.sysctl(SOMAXCONN), "4096");
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status
            .out
            .contains("LEFT      net.ipv4.ip_local_port_range"),
        "{}",
        status.out
    );
    sandbox.tcptune("confirm").exits(3);
    // Once the kernel takes it again, a rollback brings it back.
    sandbox.stranger("net.ipv4.ip_unprivileged_port_start", "1024");
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(
        sandbox.sysctl("net.ipv4.ip_local_port_range"),
        "32768 60999"
    );
    sandbox.tcptune("status").exits(0);
    sandbox.tcptune("set syn_retries=3").exits(0);
}

/// What only for a while cannot be written goes back as soon as it can.
#[test]
fn the_guard_tries_again_for_a_while() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1s")
        .exits(0);
    sandbox.sh("mount -o remount,bind,ro /proc/sys/net; sleep 5");
    // A person is refused, and uses up none of the guard's tries.
    let refused = sandbox.tcptune("rollback");
    assert!([Some(3), Some(5)].contains(&refused.code), "{refused:?}");
    sandbox.sh("mount -o remount,bind,rw /proc/sys/net");
    comes_true("it goes back", || is_back(&sandbox));
    comes_true("it is over", || history(&sandbox)["state"] == "reverted");
    sandbox.tcptune("status").exits(0);
}

#[test]
fn a_rejection_that_may_not_be_done_touches_nothing() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    sandbox.sh(
        "f=/proc/sys/net/ipv4/tcp_synack_retries; mount --bind $f $f; mount -o remount,bind,ro $f",
    );
    let refused = sandbox.tcptune("rollback").exits(3);
    assert!(
        refused.err.contains("nothing was touched"),
        "{}",
        refused.err
    );
    assert_eq!(values(&sandbox), ["16384", "3"]);
    assert_eq!(history(&sandbox)["state"], "unconfirmed");
}

/// Whoever lost the connection asks for the status first.
#[test]
fn status_says_what_was_taken_back() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1s")
        .exits(0);
    comes_true("the entry is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    let status = sandbox.tcptune("status").exits(0);
    assert!(
        status
            .out
            .contains("\nentry 1 was taken back: not confirmed in time\n"),
        "{}",
        status.out
    );
    assert_eq!(
        sandbox.tcptune("status --json").json()["taken_back"]["id"],
        1
    );
    sandbox.tcptune("set syn_retries=3").exits(0);
    assert!(
        !sandbox
            .tcptune("status")
            .exits(0)
            .out
            .contains("taken back")
    );
}

/// The hint of a refused confirmation can be followed while the clock runs.
#[test]
fn a_refused_confirmation_can_be_said_with_another_name() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    sandbox.file("/etc/sysctl.d/zzz.conf", "net.core.somaxconn = 1\n");
    let refused = sandbox.tcptune("confirm").exits(3);
    assert!(
        refused
            .err
            .contains("`--drop-in zzz_tcptune.conf` would win"),
        "{}",
        refused.err
    );
    sandbox
        .tcptune("confirm --drop-in zzz_tcptune.conf")
        .exits(0);
    sandbox.tcptune("verify").exits(0);
}

#[test]
fn a_time_behind_a_blank_is_no_profile() {
    let sandbox = Sandbox::new();
    for words in [
        "apply high-traffic --confirm-within 3s",
        "off --confirm-within 3s",
        "apply high-traffic --wait 3s",
    ] {
        let refused = sandbox.tcptune(words).exits(2);
        assert!(
            refused
                .err
                .contains("takes its time behind a `=`\nhint: write `--"),
            "{}",
            refused.err
        );
        let json = sandbox.tcptune(&format!("{words} --json")).exits(2).json();
        assert_eq!(json["error"]["code"], "usage");
    }
}

/// One key that nobody may write any more is no reason to leave the others.
#[test]
fn a_key_that_may_not_be_written_leaves_the_others_to_go_back() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
    sandbox.sh(
        "f=/proc/sys/net/ipv4/tcp_synack_retries; mount --bind $f $f; mount -o remount,bind,ro $f",
    );
    comes_true("somaxconn goes back", || {
        sandbox.sysctl(SOMAXCONN) == "4096"
    });
    comes_true("it is over", || history(&sandbox)["state"] == "left");
    let why = history(&sandbox)["error"].as_str().unwrap().to_owned();
    assert!(
        why.contains("left: net.ipv4.tcp_synack_retries holds 3, not 5 (Read-only"),
        "{why}"
    );
    sandbox.tcptune("set syn_retries=3").exits(0);
}

/// A stand-in for a program of the system.
fn fake(sandbox: &Sandbox, name: &str, script: &str) {
    sandbox.sh("mkdir -p /run/fake");
    sandbox.file(&format!("/run/fake/{name}"), script);
    sandbox.sh(&format!("chmod 755 /run/fake/{name}"));
}

fn with_fakes(sandbox: &Sandbox, before: &str, words: &str) -> crate::sandbox::Run {
    let binary = binary();
    let script = format!(
        "{before}; PATH=/run/fake:$PATH exec {} {words}",
        binary.display()
    );
    sandbox.run("sh", &["-c", &script])
}

#[test]
fn a_service_finds_the_namespace_again_whatever_it_was_called() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/fake /srv/ns; ip netns add web; touch /srv/ns/web; mount --bind /run/netns/web /srv/ns/web
                ip netns exec web sleep 1000 >/dev/null 2>&1 & echo $! > /run/pid; sleep 0.3");
    // It starts the command where process 1 is.
    fake(
        &sandbox,
        "systemd-run",
        "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift; cd /; nsenter --net=/proc/1/ns/net setsid \"$@\" >/dev/null 2>&1 &\n",
    );
    let value = || sandbox.sh(&format!("ip netns exec web sysctl -n {SYNACK}"));
    for called in ["--netns ./web", "--netns pid:$(cat /run/pid)"] {
        let words = format!("set synack_retries=3 --confirm-within=2s {called}");
        with_fakes(&sandbox, "cd /srv/ns", &words).exits(0);
        assert_eq!(value(), "3");
        // The process ends before its namespace does.
        if called.contains("pid") {
            sandbox.sh("kill $(cat /run/pid)");
        }
        comes_true(called, || value() == "5");
    }
}

/// A program that hangs keeps no guard from its work, and takes nothing from the time.
#[test]
fn helpers_that_hang_are_not_waited_for() {
    let sandbox = Sandbox::with_systemd();
    for name in ["wall", "systemd-run"] {
        fake(&sandbox, name, "#!/bin/sh\nexec sleep 1000\n");
    }
    let since = Instant::now();
    with_fakes(&sandbox, ":", "apply high-traffic --confirm-within=2s").exits(0);
    assert!(
        since.elapsed() > Duration::from_secs(4),
        "the service manager was asked"
    );
    let status = sandbox.tcptune("status").exits(1);
    assert!(status.out.contains("goes back in 1 s"), "{}", status.out);
    let asked = Instant::now();
    comes_true("it goes back", || is_back(&sandbox));
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
}

/// Killed between the two files of a move, a confirmation can be said again.
#[test]
fn a_killed_move_of_the_drop_in_can_be_confirmed_again() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply fail-fast --persist").exits(0);
    sandbox
        .tcptune("apply high-traffic --persist --yes --drop-in zz.conf --confirm-within=1h")
        .exits(0);
    sandbox.sh("cp -a /var/lib/tcptune /run/prepared; cp -a /etc/sysctl.d /run/prepared");
    let mut halves = 0;
    for call in ["rename", "unlink"] {
        for n in 1.. {
            sandbox.sh("rm -rf /var/lib/tcptune /etc/sysctl.d; cp -a /run/prepared /var/lib/tcptune; mv /var/lib/tcptune/sysctl.d /etc/sysctl.d");
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let binary = binary();
            let words = [
                "-o",
                "/dev/null",
                "-e",
                &inject,
                binary.to_str().unwrap(),
                "confirm",
            ];
            if sandbox.run("strace", &words).code == Some(0) {
                break;
            }
            halves += usize::from(sandbox.sh("ls /etc/sysctl.d").lines().count() > 1);
            if history(&sandbox)["state"] == "unconfirmed" {
                sandbox.tcptune("confirm").exits(0);
            }
            assert_eq!(sandbox.sh("ls -A /etc/sysctl.d"), "zz.conf", "{call} {n}");
            sandbox.tcptune("verify").exits(0);
        }
    }
    assert!(halves > 0);
}

#[test]
fn who_confirms_in_the_wrong_namespace_is_told_the_right_one() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("ip netns add web");
    sandbox
        .tcptune("set synack_retries=3 --netns web --confirm-within=1h")
        .exits(0);
    let nothing = sandbox.tcptune("confirm").exits(3);
    assert!(
        nothing.err.contains("`tcptune confirm --netns web`"),
        "{}",
        nothing.err
    );
    sandbox.tcptune("confirm --netns web").exits(0);
}
