//! The power goes at every call that writes: what is on the disk by then leads to all or nothing on the boot axis.
//!
//! State and drop-in lie on a small file system of their own, in a file. The file as it is when the power goes, without
//! what the kernel had not written yet, is mounted again in the next boot.

use std::fmt::Write as _;

use crate::faults::a_long_journal;
use crate::sandbox::Sandbox;
use crate::tally::{stride, tally};

const CALLS: [&str; 6] = ["write", "fsync", "rename", "unlink", "mkdir", "ftruncate"];

struct Bench {
    sandbox: Sandbox,
    verb: &'static str,
    /// What a loader reads before and after the verb.
    before: String,
    after: String,
    boots: u32,
}

const DEFAULTS: &str =
    "sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_syn_retries=6 net.ipv4.tcp_synack_retries=5";

impl Bench {
    fn new(preparation: &[&str], verb: &'static str) -> Self {
        let prepare = |sandbox: &Sandbox| {
            for words in preparation {
                sandbox.tcptune(words).exits(0);
            }
        };
        Self::after(prepare, verb)
    }

    fn after(prepare: impl FnOnce(&Sandbox), verb: &'static str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.sh("
            mkdir -p /run/systemd/system /run/disk /var/lib/tcptune
            rm -f /etc/sysctl.conf /etc/sysctl.d/*
            truncate -s 8M /run/base.img; mke2fs -q -t ext4 -J size=1 /run/base.img
            mount -o loop /run/base.img /run/disk; mkdir /run/disk/lib /run/disk/sysctl.d; umount /run/disk");
        let mut bench = Self {
            sandbox,
            verb,
            before: String::new(),
            after: String::new(),
            boots: 0,
        };
        bench.plug("base");
        prepare(&bench.sandbox);
        bench.before = bench.fragments();
        bench.sandbox.sh("sysctl -n net.core.somaxconn net.ipv4.tcp_syn_retries net.ipv4.tcp_synack_retries > /run/values");
        bench.unplug();
        bench.start();
        bench.sandbox.tcptune(verb).exits(0);
        bench.after = bench.fragments();
        // Done is done, even if the power goes at once.
        bench.cut();
        assert_eq!(bench.fragments(), bench.after, "{verb} lasts");
        bench.settled("after the end");
        bench.unplug();
        bench
    }

    fn plug(&self, image: &str) {
        let mut script = format!("mount -o loop /run/{image}.img /run/disk\n");
        for (from, to) in [("lib", "/var/lib/tcptune"), ("sysctl.d", "/etc/sysctl.d")] {
            writeln!(script, "mount --bind /run/disk/{from} {to}").unwrap();
        }
        self.sandbox.sh(&script);
    }

    fn unplug(&self) {
        self.sandbox.sh("pkill -KILL -f '[g]uard [0-9]' || true; umount /var/lib/tcptune /etc/sysctl.d; umount /run/disk");
    }

    /// As prepared, in the boot of the preparation.
    fn start(&self) {
        self.sandbox.sh("cp /run/base.img /run/try.img
                         umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
                         { read -r a; read -r b; read -r c; } < /run/values
                         sysctl -qw net.core.somaxconn=$a net.ipv4.tcp_syn_retries=$b net.ipv4.tcp_synack_retries=$c");
        self.plug("try");
    }

    /// The power goes, and comes back.
    fn cut(&mut self) {
        self.sandbox.sh("cp /run/try.img /run/cut.img");
        self.unplug();
        self.plug("cut");
        self.boots += 1;
        self.sandbox.new_boot(self.boots);
        self.sandbox.sh(&format!(
            "{DEFAULTS}; /lib/systemd/systemd-sysctl --prefix=net"
        ));
    }

    fn fragments(&self) -> String {
        self.sandbox.sh("cd /etc/sysctl.d; find . -name '*.conf' | sort | while read -r f; do echo \"== $f\"; cat $f; done")
    }

    /// After the next writing verb everything is settled, and what was done can be undone.
    fn settled(&self, what: &str) {
        self.sandbox.tcptune("rollback --to 4000000000").exits(2);
        let now = self.fragments();
        assert!(now == self.before || now == self.after, "{what}: {now}");
        let status = self.sandbox.tcptune("status --json");
        assert_eq!(status.code, Some(0), "{what}: {}", status.out);
        let history = self.sandbox.tcptune("history").exits(0);
        assert_eq!(history.err, "", "{what}: no entry is damaged");
        if now != self.before && !self.verb.starts_with("rollback") {
            self.sandbox.tcptune("rollback").exits(0);
            assert_eq!(self.fragments(), self.before, "{what}: undone");
        }
    }

    fn everywhere(&mut self) {
        let verb = self.verb.split(' ').next().unwrap_or_default();
        self.everywhere_in(verb);
    }

    /// What goes on when the power goes is told by another name than the verb's.
    fn everywhere_in(&mut self, what: &str) {
        let mut tries = 0;
        for call in CALLS {
            for n in (1..).step_by(stride()) {
                self.start();
                let kill = format!("{call}:signal=KILL:when={n}");
                let run = self.sandbox.with_faults(&[&kill], self.verb);
                if run.code.is_some() {
                    self.unplug();
                    break;
                }
                self.cut();
                self.settled(&format!("{}, the power goes at {call} {n}", self.verb));
                self.unplug();
                tries += 1;
            }
        }
        tally("a power cut at a write", what, tries);
    }
}

#[test]
fn the_power_goes_in_a_first_persisting_apply() {
    Bench::new(&[], "apply high-traffic --persist").everywhere();
}

#[test]
fn the_power_goes_in_a_persisting_apply() {
    Bench::new(
        &["apply high-traffic --persist"],
        "apply fail-fast --persist --yes",
    )
    .everywhere();
}

#[test]
fn the_power_goes_in_off() {
    Bench::new(&["apply high-traffic --persist"], "off --persist").everywhere();
}

#[test]
fn the_power_goes_in_a_rollback() {
    Bench::new(
        &[
            "apply high-traffic --persist",
            "apply fail-fast --persist --yes",
        ],
        "rollback",
    )
    .everywhere();
}

#[test]
fn the_power_goes_in_a_confirm() {
    Bench::new(
        &["apply high-traffic --persist --confirm-within=1h"],
        "confirm",
    )
    .everywhere();
}

#[test]
fn the_power_goes_in_a_persist() {
    Bench::new(&["apply high-traffic"], "persist").everywhere();
}

#[test]
fn the_power_goes_in_a_set() {
    Bench::new(
        &["apply high-traffic --persist"],
        "set synack_retries=4 --persist",
    )
    .everywhere();
}

#[test]
fn the_power_goes_while_the_journal_is_pruned() {
    let prepare = |sandbox: &Sandbox| a_long_journal(sandbox, 1006);
    Bench::after(prepare, "set syn_retries=4 --persist").everywhere_in("pruning");
}

/// Nothing of these lasts; only the state does, and what it says must make sense.
#[test]
fn the_power_goes_in_what_is_live_only() {
    Bench::new(&["apply high-traffic"], "apply fail-fast --yes").everywhere();
    Bench::new(&["apply high-traffic --persist"], "off").everywhere();
}
