//! Keys that the kernel sets along with others: they go back with them, in each way that there is back.

use crate::confirm::{comes_true, history};
use crate::sandbox::{Sandbox, binary};

const FORWARD: &str = "net.ipv4.ip_forward";
const D0: &str = "net.ipv4.conf.d0.forwarding";
const DEFAULT: &str = "net.ipv4.conf.default.forwarding";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

/// Everything that may be set along, and what sets it.
fn state(sandbox: &Sandbox) -> String {
    sandbox.sh("sysctl -a -r '^net.ipv[46].*(forward|redirects|disable_ipv6)'")
}

/// A host on which the keys of interfaces differ, so that one value for all of them changes some.
fn router() -> (Sandbox, String) {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("ip link add d0 type veth peer name d1; ip link add d1.100 type veth peer name d2");
    for key in [
        D0,
        "net.ipv4.conf.d1/100.forwarding",
        "net.ipv6.conf.lo.forwarding",
        "net.ipv6.conf.d1/100.disable_ipv6",
    ] {
        sandbox.stranger(key, "1");
    }
    let before = state(&sandbox);
    (sandbox, before)
}

/// Sets one value for all interfaces, and looks whether each has it.
const SETS: [(&str, &str); 4] = [
    ("net.ipv4.ip_forward=1", "net.ipv4.conf.[^.]*.forwarding"),
    (
        "net.ipv4.conf.all.forwarding=1",
        "net.ipv4.conf.[^.]*.forwarding",
    ),
    (
        "net.ipv6.conf.all.forwarding=1",
        "net.ipv6.conf.[^.]*.forwarding",
    ),
    (
        "net.ipv6.conf.all.disable_ipv6=1",
        "net.ipv6.conf.[^.]*.disable_ipv6",
    ),
];

fn all_are_set(sandbox: &Sandbox, pattern: &str) {
    let values = sandbox.sh(&format!("sysctl -an -r '^{pattern}$'"));
    assert!(values.lines().count() >= 6, "{pattern}: {values}");
    assert!(
        values.lines().all(|value| value == "1"),
        "{pattern}: {values}"
    );
}

#[test]
fn what_was_set_along_goes_back_with_a_rollback_and_with_off() {
    let (sandbox, before) = router();
    for (set, pattern) in SETS {
        for back in ["rollback", "off"] {
            sandbox.tcptune(&format!("set {set}")).exits(0);
            all_are_set(&sandbox, pattern);
            sandbox.tcptune(back).exits(0);
            assert_eq!(state(&sandbox), before, "{set}, {back}");
        }
    }
    // Done again, it is undone again.
    sandbox.tcptune(&format!("set {FORWARD}=1")).exits(0);
    let there = state(&sandbox);
    sandbox.tcptune("rollback").exits(0);
    let last = history(&sandbox)["id"].as_u64().unwrap();
    sandbox
        .tcptune(&format!("rollback --to {}", last - 1))
        .exits(0);
    assert_eq!(state(&sandbox), there);
    sandbox.tcptune("rollback --to 0").exits(0);
    assert_eq!(state(&sandbox), before);
}

#[test]
fn what_was_set_along_goes_back_with_an_entry_that_is_not_confirmed() {
    let (sandbox, before) = router();
    for (set, pattern) in SETS {
        sandbox
            .tcptune(&format!("apply --set {set} --confirm-within=1h"))
            .exits(0);
        all_are_set(&sandbox, pattern);
        sandbox.tcptune("rollback").exits(0);
        assert_eq!(state(&sandbox), before, "{set}, rejected");
    }
    sandbox
        .tcptune(&format!("apply --set {FORWARD}=1 --confirm-within=1s"))
        .exits(0);
    comes_true("the entry is taken back", || {
        history(&sandbox)["state"] == "reverted"
    });
    assert_eq!(state(&sandbox), before);
    assert_eq!(history(&sandbox)["error"], "not confirmed in time");
}

#[test]
fn what_was_set_along_goes_back_where_an_apply_fails_or_dies() {
    let (sandbox, before) = router();
    for (set, _) in SETS {
        // The kernel refuses the second value.
        let key = set.replace('=', "\" = ");
        let refused = "\"net.ipv4.ping_group_range\" = \"7 99999999999\"";
        sandbox.file("/run/p.toml", &format!("[sysctl]\n\"{key}\n{refused}\n"));
        sandbox.tcptune("apply /run/p.toml").exits(4);
        assert_eq!(state(&sandbox), before, "{set}, failed");
    }
    for (set, _) in SETS {
        for write in 3..8 {
            sandbox.killed_at_write(
                write,
                &format!("apply --set {set} --set net.ipv4.tcp_ecn=1"),
            );
            sandbox.tcptune("off").exits(0);
            assert_eq!(state(&sandbox), before, "{set}, killed at write {write}");
            // The way back dies, too.
            sandbox.tcptune(&format!("set {set}")).exits(0);
            sandbox.killed_at_write(write, "rollback");
            sandbox.tcptune("off").exits(0);
            assert_eq!(
                state(&sandbox),
                before,
                "{set}, rollback killed at write {write}"
            );
        }
    }
}

#[test]
fn what_somebody_else_wrote_of_it_stays_theirs() {
    let (sandbox, before) = router();
    sandbox.tcptune(&format!("set {FORWARD}=1")).exits(0);
    sandbox.stranger("net.ipv4.conf.d1.forwarding", "2");
    sandbox.sh("ip link add new type veth peer name newer");
    assert_eq!(sandbox.sysctl("net.ipv4.conf.new.forwarding"), "1");
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.sysctl("net.ipv4.conf.d1.forwarding"), "2");
    assert_eq!(sandbox.sysctl("net.ipv4.conf.new.forwarding"), "0");
    sandbox.sh("ip link del new");
    sandbox.stranger("net.ipv4.conf.d1.forwarding", "0");
    assert_eq!(state(&sandbox), before);
}

/// Whatever the order of the names: the one of all interfaces is written first, at boot as well.
#[test]
fn what_is_declared_otherwise_stays_so() {
    let (sandbox, before) = router();
    let profile = format!("[sysctl]\n\"{FORWARD}\" = 1\n\"{DEFAULT}\" = 0\n\"{D0}\" = 0\n");
    sandbox.file("/run/p.toml", &profile);
    sandbox.tcptune("apply /run/p.toml --persist").exits(0);
    let values =
        || [FORWARD, DEFAULT, D0, "net.ipv4.conf.d1.forwarding"].map(|key| sandbox.sysctl(key));
    assert_eq!(values(), ["1", "0", "0", "1"]);
    sandbox.tcptune("diff /run/p.toml --persist").exits(0);
    for (key, value) in [(FORWARD, "0"), (DEFAULT, "1"), (D0, "1")] {
        sandbox.stranger(key, value);
    }
    sandbox.sh("/lib/systemd/systemd-sysctl --prefix=net");
    assert_eq!(values(), ["1", "0", "0", "1"]);
    sandbox.tcptune("off --persist").exits(0);
    assert_eq!(state(&sandbox), before);
}

/// Containers come and go: what went with its interface while a run was at work is nobody's loss.
#[test]
fn an_interface_that_goes_meanwhile_stops_nothing() {
    let (sandbox, _) = router();
    let slowly = |words: &str| {
        let binary = binary();
        sandbox.sh(&format!(
            "ip link add x0 type veth peer name x1; sysctl -qw net.ipv4.conf.x0.forwarding=1
             (sleep 0.7; ip link del x0) & \
             strace -f -o /dev/null -e inject=fsync:delay_enter=1000000:when=1 {} {words} > /run/said 2>&1; wait",
            binary.display()
        ));
        assert_eq!(sandbox.sysctl(FORWARD), "0", "{words}");
    };
    for back in ["rollback", "off"] {
        sandbox.tcptune(&format!("set {FORWARD}=1")).exits(0);
        slowly(back);
    }
    sandbox.file(
        "/run/p.toml",
        &format!(
            "[sysctl]\n\"{FORWARD}\" = 1\n\"net.ipv4.ping_group_range\" = \"7 99999999999\"\n"
        ),
    );
    slowly("apply /run/p.toml || test $? = 4");
    sandbox.tcptune("status").exits(0);
}

/// `net.ipv4.ip_forward` and `net.ipv4.conf.all.forwarding` are one thing.
#[test]
fn two_names_of_one_thing_are_declared_one_after_the_other_or_together() {
    const ALL: &str = "net.ipv4.conf.all.forwarding";
    let (sandbox, before) = router();
    for wishes in [
        vec![
            format!("apply --set {FORWARD}=1"),
            format!("apply --set {ALL}=1"),
        ],
        vec![
            format!("apply --set {ALL}=1"),
            format!("apply --set {FORWARD}=1"),
        ],
        vec![format!("set {ALL}=1"), format!("set {ALL}=0 {FORWARD}=0")],
        vec![
            format!("set {FORWARD}=1"),
            format!("set {ALL}=1"),
            format!("apply --set {ALL}=1 --yes"),
        ],
    ] {
        for back in ["off", "rollback --to 0"] {
            for wish in &wishes {
                sandbox.tcptune(wish).exits(0);
            }
            sandbox.tcptune(back).exits(0);
            assert_eq!(state(&sandbox), before, "{wishes:?}, {back}");
        }
    }
}

#[test]
fn what_is_said_to_stay_is_not_set_along() {
    let (sandbox, _) = router();
    sandbox.stranger(D0, "0");
    let wish = format!("apply --set {FORWARD}=1 --set {D0}=2");
    for (wish, back) in [
        (wish.clone(), "off"),
        (wish + " --confirm-within=1h", "rollback"),
    ] {
        sandbox.tcptune(&wish).exits(0);
        sandbox.stranger(D0, "1");
        let left = sandbox.tcptune(back).exits(0);
        assert!(
            left.out.contains(&format!("left: {D0} holds 1")),
            "{}",
            left.out
        );
        assert_eq!(sandbox.sysctl(D0), "1", "{back}");
        sandbox.stranger(D0, "0");
    }
}

#[test]
fn interfaces_that_come_do_not_move_a_plan_that_leaves_them_alone() {
    let (sandbox, _) = router();
    sandbox.tcptune(&format!("set {FORWARD}=1")).exits(0);
    let hash = || {
        let plan = sandbox.tcptune(&format!(
            "diff --set {FORWARD}=1 --set net.ipv4.tcp_ecn=0 --json"
        ));
        plan.exits(1).json()["namespaces"][0]["plan_hash"].clone()
    };
    let before = hash();
    assert!(before.is_string());
    sandbox.sh("ip link add x0 type veth peer name x1");
    assert_eq!(hash(), before);
}

/// What the files say of a key is not what it holds, where a later line sets it along with another.
#[test]
fn a_later_line_that_sets_a_declared_key_along_makes_the_next_boot_unknown() {
    let (sandbox, _) = router();
    let lo = "net.ipv6.conf.lo.forwarding";
    let all = |value: u8, file: &str| {
        let line = format!("net.ipv6.conf.all.forwarding = {value}");
        sandbox.sh(&format!("echo '{line}' > /etc/sysctl.d/{file}.conf"));
    };
    // As at a boot, where all of them are 0.
    let boot = |loader: &str| {
        sandbox.stranger("net.ipv6.conf.all.forwarding", "0");
        sandbox.sh(loader);
        sandbox.sysctl(lo)
    };
    sandbox.tcptune(&format!("set {lo}=0 --persist")).exits(0);
    all(1, "10-early");
    // Nothing else than before, so that systemd-sysctl writes it where it stood first, and procps once more; then what the
    // kernel is anyway.
    for (late, procps) in [(1, "1"), (0, "0")] {
        all(late, "99-zz");
        sandbox.tcptune("verify").exits(0);
        let agree = i32::from(procps != "0");
        sandbox.tcptune(&format!("where {lo}")).exits(agree);
        assert_eq!(boot("sysctl --system || true"), procps);
        assert_eq!(boot("/lib/systemd/systemd-sysctl"), "0");
    }
    all(0, "10-early");
    all(1, "99-zz");
    let verify = sandbox.tcptune("verify").exits(1);
    let unless = "unless /etc/sysctl.d/99-zz.conf:1 sets it along";
    assert!(verify.out.contains(unless), "{}", verify.out);
    let surely = "survives a reboot: not surely";
    assert!(verify.out.contains(surely), "{}", verify.out);
    let which = sandbox.tcptune(&format!("where {lo}")).exits(1);
    let later =
        "set along         1  /etc/sysctl.d/99-zz.conf:1, with net.ipv6.conf.all.forwarding";
    assert!(which.out.contains(later), "{}", which.out);
    let json = sandbox.tcptune(&format!("where {lo} --json")).exits(1);
    let by = &json.json()["keys"][0]["along"][0];
    assert_eq!(by["key"], "net.ipv6.conf.all.forwarding", "{by}");
    assert_eq!(by["line"]["path"], "/etc/sysctl.d/99-zz.conf", "{by}");
    assert_eq!(boot("/lib/systemd/systemd-sysctl"), "1");
    let status = sandbox.tcptune("status").exits(1);
    let by = "as /etc/sysctl.d/99-zz.conf:1 sets it along";
    assert!(status.out.contains(by), "{}", status.out);
}

#[test]
fn a_pattern_writes_what_it_matches_in_the_order_of_names() {
    let (sandbox, _) = router();
    let redirects = "net.ipv4.conf.all.accept_redirects";
    let line = "net.ipv4.conf.all.[af]*[gs] = 1";
    sandbox.sh(&format!("echo '{line}' > /etc/sysctl.d/50-names.conf"));
    for loader in ["/lib/systemd/systemd-sysctl", "sysctl --system || true"] {
        sandbox.stranger(FORWARD, "0");
        sandbox.stranger(redirects, "1");
        sandbox.sh(loader);
        assert_eq!(
            (sandbox.sysctl(FORWARD), sandbox.sysctl(redirects)),
            ("1".into(), "0".into())
        );
    }
    let which = sandbox.tcptune(&format!("where {redirects}")).exits(1);
    let along = "set along         0 (written \"1\")  /etc/sysctl.d/50-names.conf:1, with net.ipv4.conf.all.forwarding";
    assert!(which.out.contains(along), "{}", which.out);
}

#[test]
fn status_names_what_makes_the_next_boot_unknown() {
    let (sandbox, _) = router();
    let lo = "net.ipv6.conf.lo.forwarding";
    let words = format!("set {lo}=0 net.ipv6.conf.lo.accept_ra=1 --persist");
    sandbox.tcptune(&words).exits(0);
    let next = |told: &str| {
        let status = sandbox
            .tcptune("status")
            .exits(i32::from(told.contains("DRIFT")));
        let next = format!("\nnext boot: the same ({DROP_IN}){told}\n");
        assert!(status.out.contains(&next), "{}", status.out);
    };
    next("");
    let all = "net.ipv6.conf.all.forwarding=1";
    sandbox.sh(&format!("echo {all} > /etc/sysctl.d/99-zz.conf"));
    let unless = "unless /etc/sysctl.d/99-zz.conf:1 sets it along";
    let unsure = format!("not surely: {lo} 0 ({DROP_IN}:9, {unless})");
    next(&format!(", but {unsure}"));
    let lost = "net.ipv6.conf.lo.accept_ra=0";
    sandbox.sh(&format!("echo {lost} >> /etc/sysctl.d/99-zz.conf"));
    let lost = "DRIFT: net.ipv6.conf.lo.accept_ra 0 (/etc/sysctl.d/99-zz.conf:2)";
    next(&format!(", but {lost}; {unsure}"));
}

/// What 0 alone does, and not to all: an interface that forwards by itself does so no more.
#[test]
fn what_is_cleared_with_forwarding_goes_back_in_each_way() {
    let (sandbox, _) = router();
    let all = "net.ipv6.conf.all.forwarding";
    let forced = "net.ipv6.conf.d0.force_forwarding";
    sandbox.stranger(all, "1");
    sandbox.stranger(forced, "1");
    let before = state(&sandbox);
    let is_cleared = || assert_eq!(sandbox.sysctl(forced), "0");
    for back in ["rollback", "off"] {
        sandbox.tcptune(&format!("set {all}=0")).exits(0);
        is_cleared();
        sandbox.tcptune(back).exits(0);
        assert_eq!(state(&sandbox), before, "{back}");
    }
    sandbox
        .tcptune(&format!("apply --set {all}=0 --confirm-within=1h"))
        .exits(0);
    is_cleared();
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(state(&sandbox), before, "rejected");
    // What is declared to be on stays so, in each order of the values.
    for value in [0, 1] {
        sandbox
            .tcptune(&format!("set {all}={value} {forced}=1"))
            .exits(0);
        assert_eq!(sandbox.sysctl(forced), "1");
    }
    sandbox.tcptune("off").exits(0);
    assert_eq!(state(&sandbox), before, "off");
    for write in 3..8 {
        sandbox.killed_at_write(write, &format!("set {all}=0"));
        sandbox.tcptune("off").exits(0);
        assert_eq!(state(&sandbox), before, "killed at write {write}");
        sandbox.tcptune(&format!("set {all}=0")).exits(0);
        sandbox.killed_at_write(write, "rollback");
        sandbox.tcptune("off").exits(0);
        assert_eq!(state(&sandbox), before, "rollback killed at {write}");
    }
}
