//! What tcptune remembers, and until when: one story, row by row.

use crate::sandbox::Sandbox;

const SOMAXCONN: &str = "net.core.somaxconn";
const SYN: &str = "net.ipv4.tcp_syn_retries";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";

#[test]
fn the_machine_depends_on_what_is_declared_not_on_history() {
    let sandbox = Sandbox::new();
    let first = sandbox.all();
    sandbox.tcptune("apply high-traffic").exits(0);
    let switched = sandbox.tcptune("apply fail-fast --yes").exits(0);
    assert!(
        switched
            .out
            .contains("+net.ipv4.tcp_synack_retries = 5  # released"),
        "{}",
        switched.out
    );
    assert!(
        switched.out.contains("3 live changes, 2 of them released"),
        "{}",
        switched.out
    );

    let fail_fast_alone = Sandbox::new();
    fail_fast_alone.tcptune("apply fail-fast").exits(0);
    assert_eq!(
        sandbox.all(),
        fail_fast_alone.all(),
        "exactly fail-fast, and baselines"
    );

    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.all(), first, "the first snapshot");
    assert!(
        sandbox
            .tcptune("status")
            .exits(0)
            .out
            .starts_with("container namespace: nothing\n")
    );
    assert!(
        sandbox
            .tcptune("off")
            .exits(0)
            .out
            .contains("nothing to do")
    );
}

#[test]
fn a_reboot_forgets_what_was_live_only() {
    let sandbox = Sandbox::new();
    // Apply A live.
    sandbox.tcptune("apply high-traffic").exits(0);
    // A new boot id: status is clean, and says what the reboot forgot.
    sandbox.new_boot(1);
    let status = sandbox.tcptune("status").exits(0);
    assert!(
        status
            .out
            .contains("nothing declared; a reboot has forgotten high-traffic"),
        "{}",
        status.out
    );
    let json = sandbox.tcptune("status --json").exits(0).json();
    assert_eq!(json["live"]["settings"][0]["state"], "forgotten");
    assert!(sandbox.tcptune("history").out.contains("forgotten"));
    // There is nothing to roll back, and the report says why.
    let nothing = sandbox.tcptune("rollback").exits(0);
    assert!(
        nothing
            .err
            .contains("a reboot has already undone entry 1 (apply high-traffic"),
        "{}",
        nothing.err
    );
    assert!(nothing.out.contains("nothing to do"), "{}", nothing.out);
    // Apply B releases nothing of A: this boot knows nothing of it. (The kernel's values stand for a stranger's.)
    let applied = sandbox.tcptune("apply fail-fast").exits(0);
    assert!(applied.out.contains("1 live change;"), "{}", applied.out);
    // Rollback undoes B alone.
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("6".into(), "3".into())
    );
}

#[test]
fn what_a_stranger_wrote_is_left_and_said() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    // A stranger writes one key.
    sandbox.stranger(SYNACK, "7");
    let status = sandbox.tcptune("status").exits(1);
    let row = "  DRIFT     net.ipv4.tcp_synack_retries     wants 3               holds 7 (a runtime writer: no file and no entry says so)";
    assert!(status.out.contains(row), "{}", status.out);
    // Apply of a profile without that key leaves it and says so.
    let applied = sandbox.tcptune("apply fail-fast --yes").exits(0);
    let left =
        "left: net.ipv4.tcp_synack_retries holds 7, held by another writer: tcptune had written 3";
    assert!(applied.out.contains(left), "{}", applied.out);
    assert_eq!(
        (sandbox.sysctl(SYNACK), sandbox.sysctl(SOMAXCONN)),
        ("7".into(), "4096".into())
    );
    // Rollback of a key that has moved refuses as a whole.
    sandbox.stranger(SYN, "4");
    let before = sandbox.all();
    let refused = sandbox.tcptune("rollback").exits(3);
    let message = "net.ipv4.tcp_syn_retries has moved: tcptune wrote 2 over 6, it holds 4; nothing was touched";
    assert!(refused.err.contains(message), "{}", refused.err);
    assert_eq!(sandbox.all(), before);
    assert_eq!(
        sandbox.tcptune("rollback --json").exits(3).json()["error"]["code"],
        "moved"
    );
    // And --force goes on.
    sandbox.tcptune("rollback --force").exits(0);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SOMAXCONN)),
        ("6".into(), "16384".into())
    );
}

#[test]
fn set_of_one_key_touches_only_it() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.stranger(SYNACK, "7");
    let set = sandbox.tcptune("set syn_retries=4").exits(0);
    assert!(set.out.contains("1 live change;"), "{}", set.out);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SYNACK)),
        ("4".into(), "7".into()),
        "drift elsewhere is not its business"
    );
    let over = sandbox.tcptune("set somaxconn=100").exits(0);
    assert!(
        over.out
            .contains("# by hand, replaces at least 16384 of high-traffic:"),
        "{}",
        over.out
    );
    assert!(
        sandbox
            .tcptune("status")
            .out
            .starts_with("container namespace: high-traffic + 2 set by hand")
    );
    // The bound came from the profile; to declare the profile again brings it back.
    sandbox.tcptune("apply high-traffic").exits(0);
    assert_eq!(
        (sandbox.sysctl(SYN), sandbox.sysctl(SOMAXCONN)),
        ("6".into(), "16384".into())
    );
}

#[test]
fn a_key_that_was_right_already_is_not_touched_by_release() {
    let sandbox = Sandbox::new();
    sandbox.stranger(SYNACK, "3");
    sandbox.tcptune("apply high-traffic").exits(0);
    let off = sandbox.tcptune("off").exits(0);
    assert!(!off.out.contains("synack_retries ="), "{}", off.out);
    assert_eq!(
        (sandbox.sysctl(SYNACK), sandbox.sysctl(SOMAXCONN)),
        ("3".into(), "4096".into())
    );
}

#[test]
fn a_bound_that_a_stranger_satisfies_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.stranger(SOMAXCONN, "65535");
    let applied = sandbox.tcptune("apply high-traffic").exits(0);
    assert!(
        applied
            .out
            .contains("kept: net.core.somaxconn = 65535, at least 16384 is wanted"),
        "{}",
        applied.out
    );
    sandbox.tcptune("off").exits(0);
    assert_eq!(sandbox.sysctl(SOMAXCONN), "65535");
}

#[test]
fn a_namespace_made_again_under_its_name_has_no_memory() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    sandbox.tcptune("apply high-traffic --netns web").exits(0);
    assert!(
        sandbox
            .tcptune("status --netns web")
            .exits(0)
            .out
            .starts_with("web namespace: high-traffic")
    );
    let inode = sandbox.sh("stat -Lc %i /run/netns/web");
    // The kernel hands the inode out again, so that it alone would not tell the two apart.
    for _ in 0..50 {
        sandbox.sh("ip netns delete web; ip netns add web");
        if sandbox.sh("stat -Lc %i /run/netns/web") == inode {
            break;
        }
    }
    assert!(
        sandbox
            .tcptune("status --netns web")
            .exits(0)
            .out
            .starts_with("web namespace: nothing")
    );
    assert!(
        sandbox
            .tcptune("rollback --netns web")
            .exits(0)
            .out
            .contains("nothing to do")
    );
    assert!(
        sandbox
            .tcptune("off --netns web")
            .exits(0)
            .out
            .contains("nothing to do")
    );
}

#[test]
fn rollback_goes_one_further_each_time_and_to_any_entry() {
    let sandbox = Sandbox::new();
    let mut snapshots = vec![sandbox.all()];
    for words in [
        "apply high-traffic",
        "set syn_retries=4",
        "apply patient --yes",
        "set synack_retries=2",
    ] {
        sandbox.tcptune(words).exits(0);
        snapshots.push(sandbox.all());
    }
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone
            .out
            .contains("the next rollback would undo entry 3 (apply patient"),
        "{}",
        undone.out
    );
    assert_eq!(sandbox.all(), snapshots[3]);
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.all(), snapshots[2]);
    // Forth again, and then all the way back in one go.
    sandbox.tcptune("rollback --to 4").exits(0);
    assert_eq!(sandbox.all(), snapshots[4]);
    sandbox.tcptune("rollback --to 1").exits(0);
    assert_eq!(sandbox.all(), snapshots[1]);
    assert!(
        sandbox
            .tcptune("status")
            .exits(0)
            .out
            .starts_with("container namespace: high-traffic,")
    );
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.all(), snapshots[0]);
    assert!(
        sandbox
            .tcptune("rollback")
            .exits(0)
            .out
            .contains("nothing to do")
    );
    let unknown = sandbox.tcptune("rollback --to 99").exits(2);
    assert!(
        unknown
            .err
            .contains("there is no committed entry 99 of this boot in namespace container"),
        "{}",
        unknown.err
    );
    let history = sandbox.tcptune("history --json").exits(0).json();
    let states: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| entry["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        states,
        [
            "undone",
            "undone",
            "undone",
            "undone",
            "committed",
            "committed",
            "committed",
            "committed",
            "committed"
        ]
    );
}

#[test]
fn a_stranger_between_two_entries_is_not_overwritten_by_their_undo() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set synack_retries=3").exits(0);
    sandbox.stranger(SYNACK, "9");
    sandbox.tcptune("set synack_retries=4").exits(0);
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(
        sandbox.sysctl(SYNACK),
        "9",
        "what was there before the second entry"
    );
    sandbox.tcptune("rollback").exits(3);
    sandbox.tcptune("rollback --to 0").exits(3);
    assert_eq!(sandbox.sysctl(SYNACK), "9");
    sandbox.tcptune("rollback --to 0 --force").exits(0);
    assert_eq!(sandbox.sysctl(SYNACK), "5");
}

#[test]
fn outdated_is_told_from_drift() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/etc/tcptune/profiles/web.toml",
        "[tcp]\nsynack_retries = 3\n",
    );
    sandbox.tcptune("apply web").exits(0);
    sandbox.tcptune("status").exits(0);
    sandbox.file(
        "/etc/tcptune/profiles/web.toml",
        "# only a comment\n[tcp]\nsynack_retries = 3\n",
    );
    sandbox.tcptune("status").exits(0);
    sandbox.file(
        "/etc/tcptune/profiles/web.toml",
        "[tcp]\nsynack_retries = 2\n",
    );
    let status = sandbox.tcptune("status --json").exits(1).json();
    assert_eq!(
        (
            &status["live"]["outdated"],
            &status["live"]["settings"][0]["state"]
        ),
        (&true.into(), &"ok".into())
    );
}

/// The summary of one namespace's commit must not freeze what is pending in another.
#[test]
fn an_interrupted_entry_of_another_namespace_is_settled_when_its_turn_comes() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add one; ip netns add two");
    sandbox.killed_at_write(3, "apply high-traffic --netns one");
    assert!(
        sandbox
            .tcptune("status --netns one")
            .exits(1)
            .out
            .contains("interrupted: entry 1")
    );
    sandbox.tcptune("apply high-traffic --netns two").exits(0);
    sandbox.tcptune("status --netns two").exits(0);
    assert!(
        sandbox
            .tcptune("status --netns one")
            .exits(1)
            .out
            .contains("interrupted: entry 1")
    );
    let settles = sandbox.tcptune("off --netns one").exits(0);
    assert!(
        settles
            .err
            .contains("entry 1 was interrupted: it was put back"),
        "{}",
        settles.err
    );
    sandbox.tcptune("status --netns one").exits(0);
    assert!(
        !sandbox
            .tcptune("off --netns one")
            .exits(0)
            .err
            .contains("entry 1")
    );
}
