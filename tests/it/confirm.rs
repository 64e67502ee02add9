//! What somebody confirms stays, what nobody confirms goes back.

use std::time::{Duration, Instant};

use crate::sandbox::{Sandbox, binary};

const SOMAXCONN: &str = "net.core.somaxconn";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

/// Waits for something that has to come to pass.
#[track_caller]
pub(crate) fn comes_true(what: &str, is_true: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_true() {
        assert!(
            since.elapsed() < Duration::from_secs(40),
            "{what}, after 40 s"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(crate) fn values(sandbox: &Sandbox) -> [String; 2] {
    [SOMAXCONN, SYNACK].map(|key| sandbox.sysctl(key))
}

pub(crate) fn is_back(sandbox: &Sandbox) -> bool {
    values(sandbox) == ["4096", "5"]
}

pub(crate) fn history(sandbox: &Sandbox) -> serde_json::Value {
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

/// Until the drop-in is there, nobody says that it is.
#[test]
fn meanwhile_the_next_boot_is_not_called_right() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    let persist = sandbox.tcptune("persist").exits(3);
    assert!(
        persist.err.contains("entry 1 waits to be confirmed"),
        "{}",
        persist.err
    );
    let diff = sandbox.tcptune("diff high-traffic --persist").exits(1);
    assert!(
        diff.out
            .contains("boot: create /etc/sysctl.d/99-tcptune.conf"),
        "{}",
        diff.out
    );
    sandbox.tcptune("diff high-traffic").exits(0);
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

/// The next run says what it did about it, and leaves nothing beside.
#[test]
fn an_interrupted_confirmation_is_told_and_leaves_nothing_beside() {
    for (n, beside, changed) in [
        (3, ".99-tcptune.conf.new", false),
        (4, "99-tcptune.conf", true),
    ] {
        let sandbox = Sandbox::with_systemd();
        sandbox
            .tcptune("apply high-traffic --persist --confirm-within=1h")
            .exits(0);
        let kill = format!("fsync:signal=KILL:when={n}");
        let killed = sandbox.with_faults(&[&kill], "confirm");
        assert_eq!(killed.code, None);
        assert!(sandbox.sh("ls -A /etc/sysctl.d").contains(beside));
        let next = sandbox
            .tcptune("apply high-traffic --persist --json")
            .exits(0)
            .json();
        assert_eq!(next["changed"], changed);
        let told = next["warnings"].to_string();
        assert!(
            told.contains("the confirmation of entry 1 was interrupted: it still waits"),
            "{told}"
        );
        assert_eq!(sandbox.sh("ls -A /etc/sysctl.d | grep tcptune || true"), "");
        sandbox.tcptune("confirm").exits(0);
        sandbox.tcptune("verify").exits(0);
    }
}

/// What one try could not do, and the next one did, is no error any more.
#[test]
fn a_confirmation_that_succeeds_at_last_has_no_error() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=1h")
        .exits(0);
    let faults = ["rename:error=EIO:when=3", "unlink:error=EIO:when=4"];
    let failed = sandbox.with_faults(&faults, "confirm");
    assert!(matches!(failed.code, Some(4 | 5)), "{failed:?}");
    sandbox.tcptune("confirm").exits(0);
    let entry = history(&sandbox);
    assert_eq!(
        (&entry["state"], &entry["error"]),
        (&"committed".into(), &serde_json::Value::Null)
    );
}

/// The report is about what was done, and not about what was planned.
#[test]
fn what_is_written_while_an_entry_is_rejected_is_left_and_said() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    sandbox.sh(&format!(
        "(until [ -e /run/slow ]; do sleep 0.1; done; sleep 0.3; sysctl -qw {SYNACK}=9) >/dev/null 2>&1 &"
    ));
    let tcptune = binary();
    let script = format!(
        "touch /run/slow; exec strace -o /dev/null -e inject=fsync:delay_exit=2000000:when=1 {} rollback",
        tcptune.display()
    );
    let run = sandbox.run("sh", &["-c", &script]).exits(0);
    assert_eq!(values(&sandbox), ["4096", "9"]);
    let kept = format!("left: {SYNACK} holds 9, held by another writer");
    assert!(run.out.contains(&kept), "{}", run.out);
    assert!(!run.out.contains(&format!("+{SYNACK}")), "{}", run.out);
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
            let kill = format!("{call}:signal=KILL:when={n}");
            if sandbox.with_faults(&[&kill], "confirm").code == Some(0) {
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
    sandbox.with_faults(&["rename:signal=KILL:when=3"], "confirm");
    sandbox.sh(&format!("test -e {DROP_IN}"));
    assert_eq!(history(&sandbox)["state"], "unconfirmed");
    sandbox.tcptune("rollback").exits(0);
    assert!(is_back(&sandbox));
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
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
            let kill = format!("{call}:signal=KILL:when={n}");
            if sandbox.with_faults(&[&kill], "confirm").code == Some(0) {
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

/// Neither the confirmation nor putting its file back succeeds: the file is not forgotten, and goes back in the end.
#[test]
fn a_confirmation_that_could_not_be_put_back_is_tried_again() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("set syn_retries=3 --persist").exits(0);
    let before = sandbox.sh(&format!("cat {DROP_IN}"));
    sandbox
        .tcptune("set synack_retries=3 --persist --confirm-within=4s")
        .exits(0);
    let failed = sandbox
        .with_faults(&["rename:error=EIO:when=3..4"], "confirm")
        .exits(5);
    assert!(
        failed
            .err
            .contains("LEFT MIXED: /etc/sysctl.d/99-tcptune.conf could not be put back"),
        "{}",
        failed.err
    );
    comes_true("it is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    assert_eq!(sandbox.sh(&format!("cat {DROP_IN}")), before);
    assert_eq!(sandbox.sysctl(SYNACK), "5");
    sandbox.tcptune("status").exits(0);
}

#[test]
fn a_dry_run_is_refused_as_the_run_would_be_while_another_entry_waits() {
    let sandbox = Sandbox::new();
    sandbox
        .tcptune("apply fail-fast --confirm-within=5m")
        .exits(0);
    let dry = sandbox.tcptune("apply patient --dry-run").exits(3);
    assert!(dry.err.contains("waits to be confirmed"), "{}", dry.err);
    let again = sandbox
        .tcptune("apply fail-fast --dry-run --json")
        .exits(0)
        .json();
    assert!(again["namespaces"][0]["unconfirmed_until"].is_string());
    sandbox.tcptune("diff patient").exits(1);
    sandbox.tcptune("rollback").exits(0);
}
