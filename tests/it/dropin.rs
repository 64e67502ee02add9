//! The one file that is ours: who edited it, what is in its place, where it cannot be written. Nothing is lost.

use crate::sandbox::{Run, Sandbox};

const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

/// Refuses, and loses nothing: neither the file that is there nor a key.
fn refuses(sandbox: &Sandbox, message: &str) -> Run {
    let (before, files) = (
        sandbox.all(),
        sandbox.sh("cd /etc/sysctl.d && ls -la --time-style=full-iso | grep -v ' \\.\\.$'"),
    );
    let refused = sandbox.tcptune("apply fail-fast --persist --yes").exits(3);
    assert!(refused.err.contains(message), "{}", refused.err);
    assert_eq!(sandbox.all(), before);
    assert_eq!(
        sandbox.sh("cd /etc/sysctl.d && ls -la --time-style=full-iso | grep -v ' \\.\\.$'"),
        files
    );
    refused
}

#[test]
fn an_edit_by_hand_is_refused_and_shown() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.sh(&format!(
        "sed -i 's/^net.ipv4.tcp_synack_retries = 3/net.ipv4.tcp_synack_retries = 4/' {DROP_IN}"
    ));
    let edited = "99-tcptune.conf was edited by hand (-net.ipv4.tcp_synack_retries = 3; +net.ipv4.tcp_synack_retries = 4); nothing was touched";
    let refused = refuses(&sandbox, edited);
    assert!(refused.err.contains("hint: put the edit into a profile, remove /etc/sysctl.d/99-tcptune.conf, and apply again"), "{}", refused.err);
    let moved = sandbox.tcptune("rollback").exits(3);
    assert!(
        moved
            .err
            .contains("99-tcptune.conf has been changed since tcptune wrote it"),
        "{}",
        moved.err
    );
    assert!(sandbox.sysctl(SYNACK) == "3");
    sandbox.tcptune("rollback --force").exits(0);
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

#[test]
fn nobody_elses_file_is_touched() {
    for (make, message) in [
        ("ln -s /dev/null", "99-tcptune.conf is a link to /dev/null"),
        ("ln -s /nowhere", "99-tcptune.conf is a link to nothing"),
        ("mkdir", "99-tcptune.conf is a directory"),
        (
            "echo '# mine' >",
            "99-tcptune.conf is a file that tcptune did not write",
        ),
    ] {
        let sandbox = Sandbox::with_systemd();
        sandbox.sh(&format!("{make} {DROP_IN}"));
        let refused = refuses(&sandbox, message);
        assert!(
            refused
                .err
                .contains("hint: move it away, or choose another name with `--drop-in NAME`"),
            "{}",
            refused.err
        );
        sandbox
            .tcptune("apply fail-fast --persist --drop-in 99-other.conf")
            .exits(0);
    }
    // A link of the name that leads to a drop-in of ours is not ours either.
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.sh(&format!(
        "mv {DROP_IN} /etc/real; ln -s /etc/real {DROP_IN}"
    ));
    refuses(&sandbox, "99-tcptune.conf is a link");
    sandbox.sh(&format!(
        "rm {DROP_IN}; cp /etc/real {DROP_IN}; cp /etc/real /etc/sysctl.d/copy.conf"
    ));
    refuses(&sandbox, "both say that they are tcptune's");
}

/// A drop-in hides every file of its name in a weaker directory, with all that it says.
#[test]
fn a_name_that_would_hide_a_vendors_file_is_refused() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/sysctl.d; echo 'net.ipv4.tcp_keepalive_time = 600' > /run/sysctl.d/50-vendor.conf");
    let refused = sandbox
        .tcptune("apply fail-fast --persist --drop-in 50-vendor.conf")
        .exits(3);
    let message = "with /etc/sysctl.d/50-vendor.conf, no loader would read /run/sysctl.d/50-vendor.conf any more; nothing was touched\nhint: choose another name with `--drop-in NAME`";
    assert!(refused.err.contains(message), "{}", refused.err);
    sandbox.sh("test ! -e /etc/sysctl.d/50-vendor.conf");
}

#[test]
fn a_directory_that_is_missing_is_made() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("rmdir /etc/sysctl.d");
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    assert_eq!(sandbox.sh("stat -c %a /etc/sysctl.d"), "755");
    sandbox.tcptune("rollback").exits(0);
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

#[test]
fn a_read_only_etc_is_refused_before_anything_is_touched() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mount --bind /etc /etc; mount -o remount,bind,ro /etc");
    let before = sandbox.all();
    let refused = sandbox.tcptune("apply high-traffic --persist").exits(3);
    assert!(
        refused
            .err
            .contains("write /etc/sysctl.d/99-tcptune.conf: Read-only file system"),
        "{}",
        refused.err
    );
    assert_eq!(sandbox.all(), before);
    sandbox.tcptune("apply high-traffic").exits(0);
    let refused = sandbox.tcptune("persist").exits(3);
    assert!(
        refused.err.contains("Read-only file system"),
        "{}",
        refused.err
    );
}

#[test]
fn a_full_disk_puts_everything_back() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mount -t tmpfs -o size=8k tmpfs /etc/sysctl.d; head -c 8192 /dev/zero > /etc/sysctl.d/fill");
    let before = sandbox.all();
    let failed = sandbox.tcptune("apply high-traffic --persist").exits(4);
    assert!(
        failed
            .err
            .contains("write /etc/sysctl.d/99-tcptune.conf: No space left on device"),
        "{}",
        failed.err
    );
    assert!(
        failed
            .err
            .contains("everything that was written was put back"),
        "{}",
        failed.err
    );
    assert!(
        failed
            .err
            .contains("hint: make room on the file system of /etc"),
        "{}",
        failed.err
    );
    assert_eq!(sandbox.all(), before);
    assert_eq!(sandbox.sh("ls -A /etc/sysctl.d"), "fill");
    sandbox.tcptune("status").exits(0);
}
