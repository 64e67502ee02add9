//! Bugs that were, each with its name.

use clap::CommandFactory;

use crate::confirm::{comes_true, is_back};
use crate::sandbox::{Sandbox, binary};
use crate::tally::tally;

const SOMAXCONN: &str = "net.core.somaxconn";
const SYN: &str = "net.ipv4.tcp_syn_retries";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";

#[test]
fn a_hole_in_the_journal_is_no_bridge_for_a_rollback() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set synack_retries=3").exits(0);
    sandbox.tcptune("set syn_retries=3").exits(0);
    sandbox.tcptune("rollback").exits(0);
    // The undone entry is damaged: nobody needs it to go one further.
    sandbox.sh(": > /var/lib/tcptune/journal/2.json");
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("6".into(), "5".into())
    );

    sandbox.tcptune("set synack_retries=3").exits(0);
    sandbox.tcptune("set syn_retries=3").exits(0);
    sandbox.sh(": > /var/lib/tcptune/journal/5.json");
    sandbox.tcptune("rollback").exits(0);
    let refused = sandbox.tcptune("rollback").exits(2);
    assert!(
        refused.err.contains("entry 5 is no longer in the journal"),
        "{}",
        refused.err
    );
    sandbox.tcptune("rollback --to 0").exits(2);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("6".into(), "3".into())
    );
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.sysctl(SYNACK), "5");
}

#[test]
fn a_rollback_undoes_exactly_one_entry() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.tcptune("set syn_retries=2").exits(0);
    sandbox.tcptune("rollback").exits(0);
    // A key that the entry in effect never touched is a stranger's to write.
    sandbox.stranger(SYN, "5");
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .contains("rollback of entry 1 (apply high-traffic"),
        "{}",
        undone.out
    );
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("5".into(), "5".into())
    );
}

#[test]
fn keys_that_set_each_other_can_be_set_together() {
    let sandbox = Sandbox::new();
    let before = sandbox.all();
    sandbox.tcptune("set net.ipv4.conf.all.forwarding=1 net.ipv4.ip_forward=1 net.ipv4.conf.default.forwarding=1").exits(0);
    assert_eq!(sandbox.sysctl("net.ipv4.ip_forward"), "1");
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.all(), before);
}

#[test]
fn a_key_that_was_dragged_along_is_put_back_too() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.conf.default.forwarding", "1");
    let before = sandbox.all();
    sandbox.file("/run/p.toml", "[sysctl]\nnet.ipv4.conf.all.forwarding = 1\nnet.ipv4.conf.default.forwarding = 1\nnet.ipv4.tcp_ecn = 2\nnet.ipv4.ping_group_range = \"7 99999999999\"\n");
    sandbox.tcptune("apply /run/p.toml").exits(4);
    assert_eq!(sandbox.all(), before);
}

#[test]
fn a_declared_key_that_another_one_drags_along_stays_as_declared() {
    let sandbox = Sandbox::new();
    let before = sandbox.all();
    for key in [
        "net.ipv4.conf.default.forwarding=0",
        "net.ipv4.ip_forward=1",
    ] {
        sandbox.tcptune(&format!("set {key}")).exits(0);
    }
    assert_eq!(sandbox.sysctl("net.ipv4.conf.default.forwarding"), "0");
    assert_eq!(sandbox.sysctl("net.ipv4.conf.lo.forwarding"), "1");
    sandbox.tcptune("status").exits(0);
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.all(), before);
}

#[test]
fn a_value_that_cannot_be_put_back_is_not_replaced() {
    let sandbox = Sandbox::new();
    // Every second port: too long for one write, so a stranger needs several on one descriptor.
    let script = "exec 3> /proc/sys/net/ipv4/ip_local_reserved_ports
                  i=10001; while [ $i -lt 13000 ]; do printf '%s,' $i >&3; i=$((i + 2)); done";
    sandbox.sh(script);
    let before = sandbox.sysctl("net.ipv4.ip_local_reserved_ports");
    assert!(before.len() > 4096, "{}", before.len());
    let refused = sandbox.tcptune("set ip_local_reserved_ports=1").exits(3);
    assert!(
        refused.err.contains("too long to be put back in one write"),
        "{}",
        refused.err
    );
    assert_eq!(sandbox.sysctl("net.ipv4.ip_local_reserved_ports"), before);
}

#[test]
fn every_namespace_is_told_that_the_state_may_not_be_written() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add a; ip netns add b; mount -o remount,ro /var/lib");
    let json = sandbox
        .tcptune("apply high-traffic --netns a --netns b --json")
        .exits(3)
        .json();
    assert_eq!(json["changed"], false);
    for one in json["namespaces"].as_array().unwrap() {
        assert_eq!(one["error"]["code"], "file", "{one}");
    }
}

#[test]
fn an_optional_key_that_was_passed_over_is_no_drift() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/p.toml",
        "[tcp]\nrmem_max = { value = 1000000, optional = true }\n",
    );
    assert!(
        sandbox
            .tcptune("apply /run/p.toml")
            .exits(0)
            .out
            .contains("skipped: net.core.rmem_max: global")
    );
    sandbox.tcptune("status").exits(0);
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_for_every_verb() {
    let sandbox = Sandbox::new();
    for words in [
        "history",
        "status",
        "show fail-fast",
        "diff fail-fast",
        "off",
    ] {
        let run = sandbox
            .tcptune(&format!("{words} --netns nowhere"))
            .exits(2);
        assert!(
            run.err.contains("there is no network namespace `nowhere`"),
            "{words}: {}",
            run.err
        );
    }
}

#[test]
fn show_speaks_of_the_namespace_that_was_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add a; ip netns exec a sysctl -qw net.ipv4.tcp_syn_linear_timeouts=0");
    assert!(
        sandbox
            .tcptune("show fail-fast")
            .out
            .contains("SYN again at 1 2 3 4 5 s")
    );
    let there = sandbox.tcptune("show fail-fast --netns a").exits(0).out;
    assert!(
        there.contains("SYN again at 1 3 s") && there.contains("those of the a namespace"),
        "{there}"
    );
    sandbox
        .tcptune("show fail-fast --netns a --netns a")
        .exits(2);
}

#[test]
fn the_state_of_a_later_tcptune_is_not_written_over() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let sums = "cd /var/lib/tcptune; sha256sum journal/* state.json";
    for later in ["journal/2.json", "state.json"] {
        sandbox.sh(&format!("cd /var/lib/tcptune; cp {later} /run/kept 2>/dev/null || true; echo '{{\"schema\": 2}}' > {later}"));
        let (kernel, state) = (sandbox.all(), sandbox.sh(sums));
        for verb in ["set somaxconn=77", "rollback", "off", "apply fail-fast"] {
            let refused = sandbox.tcptune(verb).exits(3);
            let why = "a later tcptune has been at work here";
            assert!(refused.err.contains(why), "{later}: {}", refused.err);
        }
        assert_eq!(
            (sandbox.all(), sandbox.sh(sums)),
            (kernel, state),
            "{later}"
        );
        sandbox.tcptune("status").exits(0);
        let history = sandbox.tcptune("history").exits(0);
        assert!(history.out.contains("high-traffic"), "{}", history.out);
        sandbox.sh(&format!(
            "cd /var/lib/tcptune; rm {later}; mv /run/kept {later} 2>/dev/null || true"
        ));
    }
    sandbox.tcptune("off").exits(0);
    tally(
        "an entry or a state of a later tcptune",
        "set, rollback, off, apply",
        8,
    );
}

/// It puts back what nobody confirmed, as somebody may be cut off, and the rest of what it does not understand stays.
#[test]
fn a_guard_leaves_the_state_of_a_later_tcptune_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox
        .tcptune("apply high-traffic --confirm-within=2s")
        .exits(0);
    let later = "{\"schema\": 2}";
    sandbox.file("/var/lib/tcptune/state.json", later);
    comes_true("it goes back", || is_back(&sandbox));
    // Its last deed is to let go of the lock.
    sandbox.sh("flock /var/lib/tcptune/lock true");
    assert_eq!(sandbox.sh("cat /var/lib/tcptune/state.json"), later);
    let entry = sandbox.sh("cat /var/lib/tcptune/journal/1.json");
    assert!(entry.contains("\"state\":\"reverted\""), "{entry}");
}

#[test]
fn the_hold_of_a_later_tcptune_is_not_written_over() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("hold").exits(0);
    let hold = "/var/lib/tcptune/hold.json";
    sandbox.sh(&format!("sed -i 's/\"schema\": 1/\"schema\": 2/' {hold}"));
    let before = sandbox.sh(&format!("cat {hold}"));
    assert!(before.contains("\"schema\": 2"), "{before}");
    for verb in ["hold", "unhold"] {
        let refused = sandbox.tcptune(verb).exits(3);
        let why = "a later tcptune has been at work here";
        assert!(refused.err.contains(why), "{verb}: {}", refused.err);
    }
    // It is in force all the same.
    let refused = sandbox.tcptune("apply high-traffic").exits(3);
    assert!(refused.err.contains("held by"), "{}", refused.err);
    assert_eq!(sandbox.sh(&format!("cat {hold}")), before);
}

#[test]
fn a_secret_outside_the_table_is_one_too() {
    let sandbox = Sandbox::new();
    let refused = sandbox
        .tcptune("set net.ipv6.conf.lo.stable_secret=2001:db8::1")
        .exits(2);
    assert!(
        refused.err.contains("a secret is not managed"),
        "{}",
        refused.err
    );
}

#[test]
fn another_spelling_of_a_path_and_a_new_comment_are_nothing_to_do() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/x.toml", "[tcp]\nsynack_retries = 3\n");
    sandbox.tcptune("apply ./run/x.toml").exits(0);
    assert!(
        sandbox
            .tcptune("apply /run/x.toml")
            .exits(0)
            .out
            .contains("nothing to do")
    );
    sandbox.file(
        "/run/x.toml",
        "# why not\n[tcp]\nsynack_retries = { value = 3, why = \"because\" }\n",
    );
    assert!(
        sandbox
            .tcptune("apply /run/x.toml")
            .exits(0)
            .out
            .contains("nothing to do")
    );
}

#[test]
fn putting_back_is_a_change_too() {
    let sandbox = Sandbox::new();
    // After the first key was written and before the second one.
    sandbox.killed_at_write(4, "apply high-traffic");
    assert_eq!(
        sandbox.sysctl("net.core.somaxconn"),
        "16384",
        "the first key was written"
    );
    let json = sandbox.tcptune("off --json").exits(0).json();
    assert_eq!(
        (&json["changed"], &json["warnings"][0]["code"]),
        (&true.into(), &"interrupted".into())
    );
    assert_eq!(sandbox.sysctl("net.core.somaxconn"), "4096");
}

#[test]
fn without_rights_it_is_refused_even_if_only_the_journal_would_change() {
    let sandbox = Sandbox::new();
    sandbox.as_nobody(&[], "set syncookies=1").exits(3);
}

#[test]
fn a_failed_transaction_is_not_committed_by_the_next_run() {
    let sandbox = Sandbox::new();
    // The commit fails, and so does every write from then on: the key cannot be put back.
    let script = format!(
        "strace -o /run/trace -P /proc/sys/net/ipv4/tcp_syn_retries -P /var/lib/tcptune/journal/.1.json.new \
         -P /var/lib/tcptune/journal/1.json -e inject=write:error=EIO:when=4 -e inject=rename:error=ENOSPC:when=2 \
         {} set syn_retries=3",
        binary().display()
    );
    let failed = sandbox.run("sh", &["-c", &script]).exits(5);
    assert!(
        failed
            .err
            .contains("LEFT MIXED: net.ipv4.tcp_syn_retries holds 3, not 6"),
        "{}",
        failed.err
    );
    let next = sandbox.tcptune("apply high-traffic").exits(0);
    assert!(
        next.err
            .contains("entry 1 was interrupted: it was put back"),
        "{}",
        next.err
    );
    assert_eq!(sandbox.sysctl(SYN), "6");
}

#[test]
fn a_verb_is_wanted_also_in_json() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.tcptune("--json").exits(2).json()["error"]["code"],
        "usage"
    );
}

#[test]
fn a_full_disk_commits_nothing_that_was_reported_as_failed() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set syn_retries=6").exits(0);
    let failed = sandbox
        .with_faults(&["rename:error=ENOSPC:when=2+"], "set synack_retries=5")
        .exits(4);
    assert!(
        failed
            .err
            .contains("everything that was written was put back"),
        "{}",
        failed.err
    );
    let next = sandbox.tcptune("off").exits(0);
    assert!(!next.err.contains("interrupted"), "{}", next.err);
    assert!(
        !sandbox.tcptune("history --json").out.contains("synack"),
        "nothing of it is left"
    );
}

#[test]
fn many_namespaces_do_not_push_the_named_ones_out() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    sandbox.tcptune("set synack_retries=3 --netns web").exits(0);
    sandbox.sh(&format!(
        "for i in $(seq 520); do unshare -n {} -q set synack_retries=3; done",
        binary().display()
    ));
    assert!(
        sandbox
            .tcptune("status --netns web")
            .exits(0)
            .out
            .starts_with("web namespace: 1 set by hand")
    );
    sandbox.tcptune("rollback --netns web").exits(0);
    assert_eq!(
        sandbox.sh("ip netns exec web sysctl -n net.ipv4.tcp_synack_retries"),
        "5"
    );
}

#[test]
fn the_command_line_beats_a_contradiction() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/a.toml", "[tcp]\nsynack_retries = { at_least = 10 }\n");
    sandbox.file("/run/b.toml", "[tcp]\nsynack_retries = 5\n");
    sandbox.tcptune("diff /run/a.toml /run/b.toml").exits(2);
    let run = sandbox
        .tcptune("diff /run/a.toml /run/b.toml --set synack_retries=7")
        .exits(1);
    assert!(
        run.out
            .contains("+net.ipv4.tcp_synack_retries = 7  # by hand, replaces 5 of /run/b.toml:2"),
        "{}",
        run.out
    );
    // And a later profile may mend a setting that contradicts itself.
    sandbox.file(
        "/run/c.toml",
        "[tcp]\nsynack_retries = { value = 5, at_least = 10 }\n",
    );
    sandbox.tcptune("diff /run/c.toml").exits(2);
    sandbox.file("/run/d.toml", "[tcp]\nsynack_retries = 20\n");
    sandbox.tcptune("diff /run/c.toml /run/d.toml").exits(1);
}

#[test]
fn the_way_back_names_the_namespace() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    let applied = sandbox.tcptune("apply high-traffic --netns web").exits(0);
    assert!(
        applied.out.contains("undo: tcptune rollback --netns web\n"),
        "{}",
        applied.out
    );
}

#[test]
fn a_key_that_cannot_be_put_back_is_tried_twice_and_then_named() {
    let sandbox = Sandbox::new();
    sandbox.killed_at_write(4, "set syn_retries=3 synack_retries=3");
    assert_eq!(sandbox.sysctl(SYN), "3");
    let refusing = format!(
        "strace -o /dev/null -P /proc/sys/net/ipv4/tcp_syn_retries -e inject=write:error=EIO {} off",
        binary().display()
    );
    for state in ["interrupted", "left"] {
        let failed = sandbox.run("sh", &["-c", &refusing]).exits(5);
        assert!(
            failed
                .err
                .contains("LEFT MIXED: net.ipv4.tcp_syn_retries holds 3, not 6"),
            "{}",
            failed.err
        );
        let history = sandbox.tcptune("history").exits(0).out;
        assert!(
            history.contains(state) && history.contains("net.ipv4.tcp_syn_retries holds 3, not 6"),
            "{history}"
        );
    }
    // What is left is not forgotten, and goes back once that can be done.
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status.out.contains("LEFT      net.ipv4.tcp_syn_retries  wants 6  holds 3 (not declared, and could not be put back)"),
        "{}",
        status.out
    );
    assert_eq!(
        sandbox.tcptune("status --json").json()["live"]["settings"][0]["state"],
        "left"
    );
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.sysctl(SYN), "6");
    sandbox.tcptune("status").exits(0);
}

#[test]
fn a_signal_between_two_namespaces_leaves_the_rest_out_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add a; ip netns add b");
    let words = "apply high-traffic --netns a --netns b --json";
    let interrupted = sandbox.with_faults(&["rename:signal=INT:when=1"], words);
    let json = interrupted.exits(3).json();
    assert_eq!(json["namespaces"][0]["journal"]["state"], "committed");
    assert_eq!(json["namespaces"][1]["error"]["code"], "interrupted");
    assert_eq!(
        sandbox.sh("ip netns exec a sysctl -n net.ipv4.tcp_synack_retries"),
        "3"
    );
    assert_eq!(
        sandbox.sh("ip netns exec b sysctl -n net.ipv4.tcp_synack_retries"),
        "5"
    );
}

#[test]
fn an_interrupted_entry_goes_with_its_namespace() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    sandbox.killed_at_write(3, "apply high-traffic --netns web");
    sandbox.sh("ip netns delete web; ip netns add web");
    sandbox.tcptune("off --netns web").exits(0);
    let history = sandbox.tcptune("history").exits(0).out;
    assert!(
        history.contains("reverted")
            && history
                .contains("its namespace ended (another has its name now) in the middle of it"),
        "{history}"
    );
}

#[test]
fn a_usage_error_in_json_says_which_verb_lacks_what() {
    let sandbox = Sandbox::new();
    let json = sandbox.tcptune("diff --json").exits(2).json();
    assert_eq!(json["command"], "diff");
    for verb in tcptune::cli::Cli::command().get_subcommands() {
        let name = verb.get_name();
        let json = sandbox
            .tcptune(&format!("{name} --nonsense --json"))
            .exits(2)
            .json();
        assert_eq!(json["command"], name);
    }
    assert_eq!(
        json["error"]["message"],
        "a profile is wanted, or `--set KEY=VALUE`"
    );
}

#[test]
fn a_command_that_is_proposed_names_the_namespace_that_it_is_for() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    sandbox.tcptune("apply high-traffic -q").exits(0);
    let run = sandbox
        .tcptune("set synack_retries=6 --netns web --confirm-within=5m")
        .exits(0);
    assert!(
        run.out.contains("keep it: tcptune confirm --netns web\n"),
        "{run:?}"
    );
    assert!(
        run.out
            .contains("take it back now: tcptune rollback --netns web\n"),
        "{run:?}"
    );
    let status = sandbox.tcptune("status --netns web");
    assert!(
        status
            .out
            .contains("keep it: tcptune confirm --netns web\n"),
        "{status:?}"
    );
    sandbox.tcptune("rollback --netns web").exits(0);

    // What a container calls its own namespace is no name of one.
    let off = sandbox.tcptune("off --netns all").exits(0);
    let undo = off
        .out
        .lines()
        .find_map(|line| line.strip_prefix("undo: tcptune "));
    assert_eq!(undo, Some("rollback --netns pid:1"), "{off:?}");
    sandbox.tcptune(undo.unwrap()).exits(0);
    assert_eq!(sandbox.sysctl("net.core.somaxconn"), "16384");
}

#[test]
fn status_names_the_unconfirmed_entry_as_the_one_that_a_rollback_takes_back() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply fail-fast -q").exits(0);
    sandbox
        .tcptune("set synack_retries=3 --confirm-within=5m -q")
        .exits(0);
    let status = sandbox.tcptune("status").out;
    assert!(
        status.contains("the next rollback would undo entry 2 (set"),
        "{status}"
    );
    sandbox.tcptune("rollback").exits(0);
    let status = sandbox.tcptune("status").out;
    assert!(
        status.contains("the next rollback would undo entry 1 (apply"),
        "{status}"
    );
}

#[test]
fn off_says_that_a_strangers_file_in_the_place_of_the_drop_in_stays() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/etc/sysctl.d/99-tcptune.conf",
        "net.core.somaxconn = 512\n",
    );
    let run = sandbox.tcptune("off --persist").exits(0);
    assert!(
        run.err.contains(
            "/etc/sysctl.d/99-tcptune.conf is a file that tcptune did not write: it stays"
        ),
        "{run:?}"
    );
}

#[test]
fn what_was_interrupted_before_a_restart_is_said_to_be_gone() {
    let sandbox = Sandbox::new();
    sandbox.killed_at_write(3, "apply high-traffic");
    sandbox.new_boot(2);
    let next = sandbox.tcptune("set syn_retries=4").exits(0);
    assert!(!next.err.contains("put back"), "{}", next.err);
    let first = sandbox.tcptune("history --json").exits(0).json();
    let first = first["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(first["state"], "reverted", "{first}");
    let told = sandbox.tcptune("history").exits(0).out;
    assert!(
        told.contains("the machine was restarted in the middle of it"),
        "{told}"
    );
}

/// An entry that waits to be confirmed could not be read for a moment: that is no reason to say that there is none.
#[test]
fn a_rollback_that_cannot_read_what_waits_does_not_say_that_there_is_nothing_to_do() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    // A file that answers EIO.
    let path = "/var/lib/tcptune/journal/1.json";
    sandbox.sh(&format!("mount --bind /proc/1/mem {path}"));
    for words in ["rollback", "apply fail-fast --yes", "confirm"] {
        let failed = sandbox.tcptune(words).exits(4);
        let message = format!("read {path}: ");
        assert!(failed.err.contains(&message), "{words}: {}", failed.err);
        assert!(failed.err.contains("(os error 5)"), "{}", failed.err);
        assert_eq!(sandbox.sysctl(SOMAXCONN), "16384", "{words}");
    }
    sandbox.sh(&format!("umount {path}"));
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.sysctl(SOMAXCONN), "4096");
}

/// A key that cannot be read is not gone: whoever takes an entry back must not say that all of it is back.
#[test]
fn a_key_that_cannot_be_read_is_left_when_an_entry_is_taken_back() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    let key = "/proc/sys/net/core/somaxconn";
    // The guard would try again in the middle.
    sandbox.sh("pkill -KILL -f '[g]uard 1'");
    let unread = format!(
        "strace -o /dev/null -P {key} -e inject=read,pread64:error=EIO {} rollback",
        binary().display()
    );
    let failed = sandbox.run("sh", &["-c", &unread]).exits(5);
    let message = "LEFT MIXED: net.core.somaxconn";
    assert!(failed.err.contains(message), "{}", failed.err);
    let next = sandbox.tcptune("status").exits(1);
    let overdue = "UNCONFIRMED: entry 1 should have gone back";
    assert!(next.out.contains(overdue), "{}", next.out);
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.sysctl(SOMAXCONN), "4096");
    sandbox.tcptune("status").exits(0);
}

/// A rejection that was killed in the middle is finished by the next run, whatever that was to do.
#[test]
fn a_rejection_that_was_killed_can_no_longer_be_confirmed() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --confirm-within=1h")
        .exits(0);
    sandbox.sh("pkill -KILL -f '[g]uard 1'");
    let key = "/proc/sys/net/core/somaxconn";
    sandbox.sh(&format!(
        "strace -o /dev/null -P {key} -e inject=write:signal=KILL {} rollback >/dev/null || true",
        binary().display()
    ));
    let late = sandbox.tcptune("confirm").exits(3);
    assert!(
        late.err.contains("nothing waits to be confirmed"),
        "{}",
        late.err
    );
    assert_eq!(sandbox.sysctl(SOMAXCONN), "4096");
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
    sandbox.tcptune("status").exits(0);
}
