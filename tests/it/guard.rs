//! The guard takes back what nobody confirms, whatever becomes of whoever applied it, and whatever stands in its way.

use std::time::{Duration, Instant};

use crate::confirm::{comes_true, history, is_back, values};
use crate::sandbox::{Sandbox, binary};

const SOMAXCONN: &str = "net.core.somaxconn";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

/// A stand-in for a program of the system, in the first place where it is looked for.
fn fake(sandbox: &Sandbox, name: &str, script: &str) {
    sandbox.sh(
        "[ -d /run/fake ] || { mkdir /run/fake; mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin; }",
    );
    sandbox.file(&format!("/usr/local/sbin/{name}"), script);
    sandbox.sh(&format!("chmod 755 /usr/local/sbin/{name}"));
}

/// Starts a service where process 1 is. What is measured for `./tests/run --coverage` goes nowhere from there.
fn service_manager(sandbox: &Sandbox) {
    fake(
        sandbox,
        "systemd-run",
        "#!/bin/sh\nexport LLVM_PROFILE_FILE=/dev/null\nwhile [ \"$1\" != -- ]; do shift; done; shift; cd /; nsenter --net=/proc/1/ns/net setsid \"$@\" >/dev/null 2>&1 &\n",
    );
}

fn after(sandbox: &Sandbox, before: &str, words: &str) -> crate::sandbox::Run {
    let script = format!("{before}; exec {} {words}", binary().display());
    sandbox.run("sh", &["-c", &script])
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
            'UsePAM no' 'PermitRootLogin yes' 'StrictModes no' 'PidFile none' 'SetEnv LLVM_PROFILE_FILE=/dev/null' > /run/keys/config
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
fn everybody_who_is_logged_in_is_told() {
    let sandbox = Sandbox::with_systemd();
    fake(&sandbox, "wall", "#!/bin/sh\necho \"$1\" >> /run/told\n");
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
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
    let why = "not confirmed in time, but net.ipv4.tcp_synack_retries holds 7 (another writer)";
    assert_eq!(history(&sandbox)["error"], why);
}

#[test]
fn keys_that_are_not_there_at_the_deadline_are_named() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
    sandbox.sh("mount -t tmpfs tmpfs /proc/sys/net/core");
    comes_true("the entry is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    let why = "not confirmed in time, but net.core.somaxconn is not there any more";
    assert_eq!(history(&sandbox)["error"], why);
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
    // Whoever speaks of other keys says nothing about this one, and forgets nothing of it.
    let other = sandbox.tcptune("set keepalive_time=900").exits(0);
    assert!(!other.out.contains("ip_local_port_range"), "{}", other.out);
    sandbox.tcptune("rollback").exits(0);
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

#[test]
fn a_service_finds_the_namespace_again_whatever_it_was_called() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /srv/ns; ip netns add web; touch /srv/ns/web; mount --bind /run/netns/web /srv/ns/web
                ip netns exec web sleep 1000 >/dev/null 2>&1 & echo $! > /run/pid; sleep 0.3");
    service_manager(&sandbox);
    let value = || sandbox.sh(&format!("ip netns exec web sysctl -n {SYNACK}"));
    for called in ["--netns ./web", "--netns pid:$(cat /run/pid)"] {
        let words = format!("set synack_retries=3 --confirm-within=2s {called}");
        after(&sandbox, "cd /srv/ns", &words).exits(0);
        assert_eq!(value(), "3");
        // The process ends before its namespace does.
        if called.contains("pid") {
            sandbox.sh("kill $(cat /run/pid)");
        }
        comes_true(called, || value() == "5");
    }
}

/// The intent may take its time on a slow disk: as long as whoever started the guard is at work, it waits.
#[test]
fn a_guard_leaves_only_where_no_entry_comes() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("set syn_retries=4").exits(0);
    let guard = |n: u32| {
        let tcptune = binary();
        sandbox.sh(&format!(
            "{} guard {n} >/dev/null 2>&1 & echo $! > /run/guard; sleep 3; [ ! -e /proc/$(cat /run/guard)/ns ] || echo waits",
            tcptune.display()
        ))
    };
    assert_eq!(guard(7), "");
    sandbox.sh("flock /var/lib/tcptune/lock sleep 1000 >/dev/null 2>&1 &");
    assert_eq!(guard(7), "waits");
    sandbox.sh("pkill -KILL -f '[s]leep 1000'");
    comes_true("nobody is at work any more", || {
        sandbox.run("pgrep", &["-f", "guard 7"]).code == Some(1)
    });
}

/// A backup links it, somebody else may write it: what cannot be read now may be read later.
#[test]
fn an_entry_that_cannot_be_read_for_a_while_goes_back_once_it_can() {
    let sandbox = Sandbox::with_systemd();
    fake(&sandbox, "wall", "#!/bin/sh\necho \"$1\" >> /run/told\n");
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
    sandbox.sh("sleep 1; ln /var/lib/tcptune/journal/1.json /var/lib/backup.json");
    comes_true("it is told", || {
        let told = sandbox.sh("cat /run/told || true");
        told.contains("entry 1 could not be put back yet") && told.contains("it is tried again")
    });
    assert_eq!(values(&sandbox), ["16384", "3"]);
    sandbox.sh("rm /var/lib/backup.json");
    comes_true("it goes back", || is_back(&sandbox));
    comes_true("it is over", || history(&sandbox)["state"] == "reverted");
}

/// While the guard is in it, it is there, whatever becomes of its name.
#[test]
fn a_namespace_that_lost_its_name_goes_back_too() {
    let sandbox = Sandbox::with_systemd();
    service_manager(&sandbox);
    sandbox.sh("ip netns add web; ip netns exec web sleep 1000 >/dev/null 2>&1 & echo $! > /run/pid; sleep 0.3");
    sandbox
        .tcptune("set synack_retries=3 --netns web --confirm-within=2s")
        .exits(0);
    sandbox.sh("sleep 0.5; ip netns del web");
    let value = || {
        sandbox.sh(&format!(
            "nsenter --net=/proc/$(cat /run/pid)/ns/net sysctl -n {SYNACK}"
        ))
    };
    assert_eq!(value(), "3");
    comes_true("it goes back", || value() == "5");
    comes_true("it is over", || history(&sandbox)["state"] == "reverted");
    comes_true("the guard ends", || {
        sandbox.run("pgrep", &["-f", "guard 1"]).code == Some(1)
    });
}

/// A program that hangs keeps no guard from its work, and takes nothing from the time.
#[test]
fn helpers_that_hang_are_not_waited_for() {
    let sandbox = Sandbox::with_systemd();
    for name in ["wall", "systemd-run"] {
        fake(&sandbox, name, "#!/bin/sh\nexec sleep 1000\n");
    }
    let since = Instant::now();
    after(&sandbox, ":", "apply high-traffic --confirm-within=2s").exits(0);
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
