//! The boot axis beside the live one: what is persisted, rolled back, restarted, and written to images.

use crate::sandbox::Sandbox;

const SOMAXCONN: &str = "net.core.somaxconn";
const SYN: &str = "net.ipv4.tcp_syn_retries";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

fn values(sandbox: &Sandbox) -> [String; 3] {
    [SOMAXCONN, SYN, SYNACK].map(|key| sandbox.sysctl(key))
}

fn stat(sandbox: &Sandbox) -> String {
    sandbox.sh(&format!(
        "stat -c '%y %i %s %a' {DROP_IN}; sha256sum {DROP_IN}"
    ))
}

#[test]
fn persisting_twice_changes_nothing() {
    let sandbox = Sandbox::with_systemd();
    let first = sandbox
        .tcptune("apply high-traffic --persist --json")
        .exits(0)
        .json();
    assert_eq!(first["namespaces"][0]["plan"]["boot"]["action"], "create");
    let before = stat(&sandbox);
    assert!(before.contains(" 644\n"), "{before}");
    let again = sandbox
        .tcptune("apply high-traffic --persist --json")
        .exits(0)
        .json();
    assert_eq!(
        (
            &again["changed"],
            &again["namespaces"][0]["plan"]["boot"]["action"]
        ),
        (&false.into(), &"none".into())
    );
    assert_eq!(stat(&sandbox), before);
    let said = sandbox.tcptune("apply high-traffic --persist").exits(0).out;
    assert!(
        said.contains("boot: /etc/sysctl.d/99-tcptune.conf is right already"),
        "{said}"
    );
    sandbox.sh(&format!("grep -qx 'net.core.somaxconn = 16384' {DROP_IN}"));
}

#[test]
fn the_axes_are_planned_independently() {
    let sandbox = Sandbox::with_systemd();
    // Live right and file missing: only the file is a change.
    sandbox.tcptune("apply high-traffic").exits(0);
    let diff = sandbox
        .tcptune("diff high-traffic --scope both --json")
        .exits(1)
        .json();
    let plan = &diff["namespaces"][0]["plan"];
    assert_eq!(
        (
            plan["live"].as_array().unwrap().len(),
            &plan["boot"]["action"]
        ),
        (0, &"create".into())
    );
    sandbox.tcptune("persist").exits(0);
    sandbox.tcptune("diff high-traffic --scope both").exits(0);
    // File right and live wrong: only the key is.
    sandbox.stranger(SYNACK, "7");
    let diff = sandbox
        .tcptune("diff high-traffic --scope both --json")
        .exits(1)
        .json();
    let plan = &diff["namespaces"][0]["plan"];
    assert_eq!(
        (
            plan["live"].as_array().unwrap().len(),
            &plan["boot"]["action"]
        ),
        (1, &"none".into())
    );
    let boot_only = sandbox.tcptune("apply fail-fast --scope boot").exits(0);
    assert!(
        boot_only.out.contains("the live kernel stays as it is"),
        "{}",
        boot_only.out
    );
    assert_eq!(values(&sandbox), ["16384", "6", "7"]);
}

#[test]
fn rollback_and_off_take_both_axes_back() {
    let sandbox = Sandbox::with_systemd();
    let first = sandbox.all();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    let one = stat(&sandbox);
    sandbox.tcptune("apply fail-fast --persist --yes").exits(0);
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(
        stat(&sandbox).split_whitespace().last(),
        one.split_whitespace().last()
    );
    assert_eq!(values(&sandbox), ["16384", "6", "3"]);
    sandbox.sh(&format!("sha256sum {DROP_IN} > /run/sum"));
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .contains("boot: remove /etc/sysctl.d/99-tcptune.conf"),
        "{}",
        undone.out
    );
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    assert_eq!(sandbox.all(), first);
    // Forward again, and off.
    sandbox.tcptune("rollback --to 1").exits(0);
    sandbox.sh("sha256sum -c /run/sum");
    let half = sandbox.tcptune("off").exits(0);
    assert!(
        half.err
            .contains("99-tcptune.conf stays: the next boot declares high-traffic again"),
        "{}",
        half.err
    );
    sandbox.sh(&format!("test -e {DROP_IN}"));
    sandbox.tcptune("off --persist").exits(0);
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    assert_eq!(sandbox.all(), first);
}

#[test]
fn set_adds_to_each_axis_what_is_declared_there() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("apply fail-fast --yes").exits(0);
    sandbox.tcptune("set keepalive_time=300 --persist").exits(0);
    let text = sandbox.sh(&format!("cat {DROP_IN}"));
    assert!(
        text.contains("\nnet.ipv4.tcp_keepalive_time = 300\n"),
        "{text}"
    );
    assert!(
        text.contains("\nnet.core.somaxconn = 16384\n") && !text.contains("tcp_syn_retries ="),
        "{text}"
    );
    assert!(
        text.contains("# declares: high-traffic + 1 set by hand\n"),
        "{text}"
    );
    assert_eq!(values(&sandbox), ["4096", "2", "5"]);
}

#[test]
fn a_restart_begins_with_what_the_drop_in_declares() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.restart(1);
    assert_eq!(values(&sandbox), ["16384", "6", "3"]);
    let status = sandbox.tcptune("status").exits(0);
    assert!(
        status.out.starts_with("container namespace: high-traffic"),
        "{}",
        status.out
    );
    // What this boot would have given without us comes back.
    let off = sandbox.tcptune("off --persist").exits(0);
    assert!(off.out.contains("2 of them released"), "{}", off.out);
    assert_eq!(values(&sandbox), ["4096", "6", "5"]);
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(values(&sandbox), ["16384", "6", "3"]);
    sandbox.sh(&format!("test -e {DROP_IN}"));
}

#[test]
fn rollback_across_a_restart() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/10-app.conf",
        "net.ipv4.tcp_synack_retries = 4\n",
    );
    sandbox.sh("/lib/systemd/systemd-sysctl --prefix=net");
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("set syn_retries=3 --persist").exits(0);
    // Live only: the restart undoes it.
    sandbox.tcptune("set syn_retries=4").exits(0);
    sandbox.restart(1);
    assert_eq!(values(&sandbox), ["16384", "3", "3"]);
    let status = sandbox.tcptune("status").exits(0);
    assert!(
        status
            .out
            .contains("the next rollback would undo entry 2 (set"),
        "{}",
        status.out
    );
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .starts_with("rollback of entry 2 (set high-traffic + 1 set by hand"),
        "{}",
        undone.out
    );
    assert_eq!(values(&sandbox), ["16384", "6", "3"]);
    sandbox.tcptune("status").exits(0);
    sandbox.tcptune("apply fail-fast --yes").exits(0);
    sandbox.restart(2);
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .starts_with("rollback of entry 1 (apply high-traffic"),
        "{}",
        undone.out
    );
    assert_eq!(
        values(&sandbox),
        ["4096", "6", "4"],
        "the other file's value, and the kernel's"
    );
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
    assert!(
        sandbox
            .tcptune("rollback")
            .exits(0)
            .out
            .contains("nothing to do")
    );
    let history = sandbox.tcptune("history --json").exits(0).json();
    let stages: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        [
            "committed",
            "forgotten",
            "committed",
            "forgotten",
            "undone",
            "undone"
        ]
    );
    // And all the way forward, to an entry of two boots ago.
    sandbox.tcptune("rollback --to 2").exits(0);
    assert_eq!(values(&sandbox), ["16384", "3", "3"]);
    sandbox.tcptune("verify").exits(0);
}

#[test]
fn the_boot_scope_is_the_machines() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("ip netns add web");
    for words in [
        "apply high-traffic --persist --netns web",
        "persist --netns web",
        "where --netns web",
    ] {
        let refused = sandbox.tcptune(words).exits(2);
        assert!(
            refused
                .err
                .contains("read for the machine, not for a namespace"),
            "{}",
            refused.err
        );
    }
    sandbox.sh("test ! -e /var/lib/tcptune/journal/1.json");
    let elsewhere = sandbox.run(
        "ip",
        &[
            "netns",
            "exec",
            "web",
            crate::sandbox::binary().to_str().unwrap(),
            "persist",
        ],
    );
    assert_eq!(elsewhere.code, Some(2), "{}", elsewhere.err);
}

#[test]
fn an_image_gets_its_drop_in_and_nothing_else() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/image/etc/sysctl.d /run/image/usr/lib/systemd; touch /run/image/usr/lib/systemd/systemd-sysctl
                ln -s /elsewhere /run/image/etc/sysctl.d/50-x.conf");
    let before = sandbox.all();
    let dry = sandbox
        .tcptune("apply high-traffic --root /run/image --dry-run")
        .exits(0);
    assert!(
        dry.out
            .contains("boot: create /etc/sysctl.d/99-tcptune.conf"),
        "{}",
        dry.out
    );
    sandbox
        .tcptune("diff high-traffic --root /run/image")
        .exits(1);
    let written = sandbox
        .tcptune("apply high-traffic --root /run/image --json")
        .exits(0)
        .json();
    assert_eq!(
        (&written["changed"], &written["namespaces"][0]["journal"]),
        (&true.into(), &serde_json::Value::Null)
    );
    sandbox
        .tcptune("diff high-traffic --root /run/image")
        .exits(0);
    assert_eq!(
        sandbox
            .tcptune("apply high-traffic --root /run/image --json")
            .exits(0)
            .json()["changed"],
        false
    );
    assert_eq!(
        sandbox
            .sh("cd /run/image; find . -newer /run/image/usr/lib/systemd/systemd-sysctl -type f"),
        "./etc/sysctl.d/99-tcptune.conf"
    );
    sandbox.sh("test ! -e /var/lib/tcptune");
    let which = sandbox
        .tcptune("where somaxconn --root /run/image")
        .exits(0);
    assert!(
        which
            .out
            .contains("* systemd-sysctl    16384  /etc/sysctl.d/99-tcptune.conf:"),
        "{}",
        which.out
    );
    // A link of the image, as Debian 12 has it, leads to the image's file.
    sandbox.sh("echo 'net.core.somaxconn = 9' > /run/image/etc/sysctl.conf; ln -s /etc/sysctl.conf /run/image/etc/sysctl.d/99-sysctl.conf");
    let which = sandbox
        .tcptune("where somaxconn --root /run/image")
        .exits(1);
    assert!(
        which
            .out
            .contains("shadowed          9  /etc/sysctl.d/99-sysctl.conf:1"),
        "{}",
        which.out
    );
    sandbox
        .tcptune("verify high-traffic --root /run/image")
        .exits(0);
    let status = sandbox
        .tcptune("status --root /run/image --json")
        .exits(0)
        .json();
    assert_eq!(
        (&status["live"], &status["boot"]["profiles"][0]),
        (&serde_json::Value::Null, &"high-traffic".into())
    );
    sandbox.tcptune("off --root /run/image").exits(0);
    sandbox.sh("test ! -e /run/image/etc/sysctl.d/99-tcptune.conf");
    for words in [
        "apply high-traffic --scope live",
        "apply high-traffic --persist",
        "persist",
        "rollback",
    ] {
        let refused = sandbox
            .tcptune(&format!("{words} --root /run/image"))
            .exits(2);
        assert!(refused.err.contains("an image has no"), "{}", refused.err);
    }
    assert_eq!(sandbox.all(), before);
}

#[test]
fn words_about_the_drop_in_need_the_boot_scope() {
    let sandbox = Sandbox::with_systemd();
    for words in ["--drop-in zz.conf", "--allow-shadowed"] {
        let refused = sandbox
            .tcptune(&format!("apply high-traffic {words}"))
            .exits(2);
        assert!(
            refused.err.contains("which this run would not touch"),
            "{}",
            refused.err
        );
    }
    sandbox
        .tcptune("apply high-traffic --persist --drop-in zz.conf")
        .exits(0);
    let off = sandbox
        .tcptune("off --persist --drop-in yy.conf --json")
        .exits(0)
        .json();
    assert_eq!(
        off["namespaces"][0]["plan"]["boot"]["path"],
        "/etc/sysctl.d/zz.conf"
    );
    let itself = sandbox.tcptune("apply high-traffic --root /").exits(2);
    assert!(
        itself
            .err
            .contains("/ is this machine itself, and no image"),
        "{}",
        itself.err
    );
    sandbox
        .tcptune("apply high-traffic --root /run/..")
        .exits(2);
}

/// To look below a directory takes no right to list it, in whichever libc the program stands on.
#[test]
fn an_image_whose_top_may_not_be_listed_is_looked_at() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/image/etc/sysctl.d; echo 'net.core.somaxconn = 9' > /run/image/etc/sysctl.d/50-x.conf
                chmod 711 /run/image");
    let which = sandbox
        .as_nobody(&[], "where somaxconn --root /run/image")
        .exits(0);
    assert!(
        which.out.contains("/etc/sysctl.d/50-x.conf:1"),
        "{}",
        which.out
    );
}

#[test]
fn an_image_without_room_is_left_as_it_was() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/image/etc; mount -t tmpfs -o size=16k,mode=755 tmpfs /run/image/etc; mkdir /run/image/etc/sysctl.d
                cat /dev/zero > /run/image/etc/full 2>/dev/null || true; ls -lR /run/image/etc > /run/before");
    let failed = sandbox
        .tcptune("apply high-traffic --root /run/image")
        .exits(4);
    assert!(
        failed.err.contains("No space left on device"),
        "{}",
        failed.err
    );
    sandbox.sh("ls -lR /run/image/etc | diff - /run/before");
}
