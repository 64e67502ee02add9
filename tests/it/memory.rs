//! What is remembered across boots, whatever somebody did to the drop-in: baselines, and what a rollback brings back.

use crate::sandbox::Sandbox;

const SOMAXCONN: &str = "net.core.somaxconn";
const SYN: &str = "net.ipv4.tcp_syn_retries";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const TTL: &str = "net.ipv4.ip_default_ttl";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

fn values(sandbox: &Sandbox) -> [String; 2] {
    [SOMAXCONN, SYNACK].map(|key| sandbox.sysctl(key))
}

/// A profile that wants one key, of which no fresh namespace tells a default.
fn ttl(sandbox: &Sandbox, bound: &str) {
    let text = format!("[sysctl]\n{TTL} = {{ {bound} }}\n");
    sandbox.file("/etc/tcptune/profiles/ttl.toml", &text);
}

/// The drop-in gave the value that satisfies the bound: without it, the next boot does not.
#[test]
fn a_bound_that_only_our_own_drop_in_satisfies_stays_in_it() {
    let sandbox = Sandbox::with_systemd();
    let written = |value: &str| sandbox.sh(&format!("grep -qx '{TTL} = {value}' {DROP_IN}"));
    ttl(&sandbox, "at_least = 100");
    sandbox.tcptune("apply ttl --scope boot").exits(0);
    sandbox.restart(1);
    let again = sandbox
        .tcptune("apply ttl --persist --json")
        .exits(0)
        .json();
    assert_eq!(again["namespaces"][0]["plan"]["boot"]["action"], "none");
    written("100");
    // A value of our own does not count, although nobody knows what was there before.
    ttl(&sandbox, "at_least = 90");
    sandbox.tcptune("apply ttl --persist").exits(0);
    written("90");
    assert_eq!(sandbox.sysctl(TTL), "90");
}

#[test]
fn a_baseline_is_found_behind_later_entries() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune(&format!("set {TTL}=99 --persist")).exits(0);
    sandbox.restart(1);
    sandbox.tcptune("off").exits(0);
    sandbox.tcptune("set syn_retries=3 --scope boot").exits(0);
    sandbox.restart(2);
    sandbox.tcptune("off --persist").exits(0);
    assert_eq!(sandbox.sysctl(TTL), "64");
}

/// A drop-in that came with an image: no journal says what was there before.
fn from_an_image(sandbox: &Sandbox, settings: &str) {
    sandbox.sh("mkdir -p /run/image/etc/sysctl.d /run/image/usr/lib/systemd; touch /run/image/usr/lib/systemd/systemd-sysctl");
    sandbox
        .tcptune(&format!("set {settings} --root /run/image"))
        .exits(0);
    sandbox.sh("cp /run/image/etc/sysctl.d/99-tcptune.conf /etc/sysctl.d");
}

/// That nobody knows a baseline is remembered as long as the value of the drop-in stands.
#[test]
fn a_baseline_that_nobody_knows_is_said_in_later_runs_too() {
    let sandbox = Sandbox::with_systemd();
    from_an_image(&sandbox, &format!("{TTL}=99"));
    sandbox.restart(1);
    sandbox.tcptune("set syn_retries=4").exits(0);
    let off = sandbox.tcptune("off --persist").exits(0);
    let stays = format!("warning: {TTL} stays as the drop-in set it at boot");
    assert!(off.err.contains(&stays), "{}", off.err);
    assert_eq!(
        (sandbox.sysctl(TTL), sandbox.sysctl(SYN)),
        ("99".into(), "6".into())
    );
    // It stays ours: no stranger's wish, and no ground for a bound.
    let status = sandbox.tcptune("status").exits(1);
    let left = format!("LEFT      {TTL}  wants nothing  holds 99 (not declared, and nobody knows");
    assert!(status.out.contains(&left), "{}", status.out);
    ttl(&sandbox, "at_least = 70");
    sandbox.tcptune("apply ttl --persist").exits(0);
    sandbox.sh(&format!("grep -qx '{TTL} = 70' {DROP_IN}"));
    sandbox.tcptune("status").exits(0);
}

/// What was there when the drop-in was written is a baseline, although nothing live was written then.
#[test]
fn a_baseline_is_recorded_for_the_boot_alone_too() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune(&format!("set {TTL}=99 --scope boot"))
        .exits(0);
    sandbox.restart(1);
    sandbox.tcptune("off --persist").exits(0);
    assert_eq!(sandbox.sysctl(TTL), "64");
}

/// What the other file's text means to the kernel is not known, but what it led to was recorded.
#[test]
fn a_recorded_baseline_stands_in_for_a_text_that_nobody_can_read() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/etc/sysctl.d/10-app.conf", &format!("{TTL} = 0x50\n"));
    sandbox.restart(1);
    sandbox.tcptune(&format!("set {TTL}=99 --persist")).exits(0);
    sandbox.restart(2);
    sandbox.tcptune("off --persist").exits(0);
    assert_eq!(sandbox.sysctl(TTL), "80");
}

/// An edited drop-in still says what it declared: what it set is given back, what the edit set is the editor's.
#[test]
fn an_edited_drop_in_is_still_remembered_in_the_next_boot() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.sh(&format!("sed -i 's/retries = 3/retries = 4/' {DROP_IN}"));
    sandbox.restart(1);
    assert_eq!(values(&sandbox), ["16384", "4"]);
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status
            .out
            .starts_with("container namespace: high-traffic\n"),
        "{}",
        status.out
    );
    let verify = sandbox.tcptune("verify").exits(1);
    assert!(
        verify.err.contains("99-tcptune.conf was edited by hand"),
        "{}",
        verify.err
    );
    assert!(
        verify
            .out
            .contains("survives a reboot: no, because the next boot gives synack_retries 4"),
        "{}",
        verify.out
    );
    assert!(
        verify
            .out
            .contains("the drop-in is not as tcptune left it\n"),
        "{}",
        verify.out
    );
    assert!(!verify.err.contains("sha256"), "{}", verify.err);
    sandbox.tcptune("verify --scope boot").exits(1);
    // As the hint of the refusal says.
    sandbox.sh(&format!("rm {DROP_IN}"));
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("off --persist").exits(0);
    assert_eq!(values(&sandbox), ["4096", "4"]);
}

#[test]
fn a_copy_of_the_drop_in_hides_nothing() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.sh(&format!("cp {DROP_IN} /etc/sysctl.d/copy.conf"));
    sandbox.restart(1);
    let off = sandbox.tcptune("off").exits(0);
    assert!(off.out.contains("2 of them released"), "{}", off.out);
    assert_eq!(values(&sandbox), ["4096", "5"]);
}

/// Whoever took the drop-in away, or put something in its place, is told what that means.
#[test]
fn a_drop_in_that_somebody_removed_is_missed() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("apply fail-fast --persist --yes").exits(0);
    sandbox.sh(&format!("rm {DROP_IN}"));
    let missed = "99-tcptune.conf is no drop-in of tcptune any more: entry 2 had written one";
    for words in ["status", "verify"] {
        let told = sandbox.tcptune(words).exits(1);
        assert!(told.err.contains(missed), "{}", told.err);
    }
    sandbox.file(DROP_IN, "# mine\n");
    assert!(sandbox.tcptune("status").exits(1).err.contains(missed));
    sandbox.sh(&format!("rm {DROP_IN}"));
    sandbox.tcptune("persist").exits(0);
    sandbox.tcptune("status").exits(0);
    // Or it is let be.
    sandbox.sh(&format!("rm {DROP_IN}"));
    sandbox.tcptune("off --scope boot").exits(0);
    sandbox.tcptune("status").exits(0);
    assert_eq!(sandbox.sysctl(SYN), "2");
    // One byte that is no text is an edit, and nobody else's file.
    sandbox.tcptune("persist").exits(0);
    sandbox.sh(&format!("printf '#\\377\\n' >> {DROP_IN}"));
    let edited = sandbox.tcptune("persist").exits(3);
    assert!(edited.err.contains("was edited by hand"), "{}", edited.err);
}

/// The boot began with it, as its values tell: it is declared until somebody says otherwise.
#[test]
fn a_drop_in_that_was_removed_after_the_boot_can_be_persisted_again() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.restart(1);
    sandbox.sh(&format!("rm {DROP_IN}"));
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status
            .out
            .starts_with("container namespace: high-traffic\n"),
        "{}",
        status.out
    );
    sandbox.tcptune("persist").exits(0);
    sandbox.sh(&format!("test -e {DROP_IN}"));
    sandbox.tcptune("status").exits(0);
    // A live verb says nothing about it, and silences nothing.
    sandbox.sh(&format!("rm {DROP_IN}"));
    sandbox.tcptune("set syn_retries=3").exits(0);
    let status = sandbox.tcptune("status").exits(1);
    assert!(
        status.err.contains("is no drop-in of tcptune any more"),
        "{}",
        status.err
    );
    // Removed before the boot, it has declared nothing.
    sandbox.restart(2);
    let status = sandbox.tcptune("status").exits(1);
    assert!(status.out.contains("nothing declared"), "{}", status.out);
    assert!(
        sandbox
            .tcptune("rollback")
            .exits(0)
            .out
            .contains("nothing to do")
    );
}

/// A file of its name that came meanwhile would no longer be read.
#[test]
fn a_rollback_hides_no_vendors_file_either() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("set somaxconn=2000 --persist").exits(0);
    sandbox.tcptune("off --persist").exits(0);
    sandbox.sh("mkdir -p /run/sysctl.d; echo 'net.ipv4.tcp_keepalive_time = 600' > /run/sysctl.d/99-tcptune.conf");
    let refused = sandbox.tcptune("rollback").exits(3);
    assert!(
        refused
            .err
            .contains("no loader would read /run/sysctl.d/99-tcptune.conf any more"),
        "{}",
        refused.err
    );
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

#[test]
fn no_force_goes_over_a_file_of_somebody_else() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("persist --drop-in zz.conf").exits(0);
    sandbox.file(DROP_IN, "net.ipv4.tcp_keepalive_time = 600\n");
    let theirs = sandbox.sh(&format!("stat -c %y {DROP_IN}; cat {DROP_IN}"));
    for words in ["rollback", "rollback --force"] {
        let refused = sandbox.tcptune(words).exits(3);
        let message = "99-tcptune.conf is somebody else's: tcptune did not write it; nothing was touched\nhint: move it away";
        assert!(refused.err.contains(message), "{}", refused.err);
    }
    sandbox.sh(&format!(
        "mv {DROP_IN} /run/theirs; ln -s /run/theirs {DROP_IN}"
    ));
    sandbox.tcptune("rollback --force").exits(3);
    sandbox.sh(&format!("rm {DROP_IN}; mv /run/theirs {DROP_IN}"));
    assert_eq!(
        sandbox.sh(&format!("stat -c %y {DROP_IN}; cat {DROP_IN}")),
        theirs
    );
}

/// What somebody else wrote in this boot is theirs, also where the entry is of an earlier one.
#[test]
fn a_rollback_across_a_restart_refuses_what_has_moved() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.restart(1);
    sandbox.stranger(SYNACK, "7");
    let refused = sandbox.tcptune("rollback").exits(3);
    let moved = "net.ipv4.tcp_synack_retries has moved: tcptune wrote 3 over 5, it holds 7";
    assert!(refused.err.contains(moved), "{}", refused.err);
    assert_eq!(values(&sandbox), ["16384", "7"]);
    sandbox.sh(&format!("test -e {DROP_IN}"));
    sandbox.tcptune("rollback --force").exits(0);
    assert_eq!(values(&sandbox), ["4096", "5"]);
    sandbox.sh(&format!("test ! -e {DROP_IN}"));
}

/// A reboot has undone the newest entry: who rolls back may have meant that one.
#[test]
fn a_rollback_says_what_a_reboot_has_undone_already() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("set syn_retries=3").exits(0);
    sandbox.restart(1);
    let dry = sandbox.tcptune("rollback --dry-run").exits(0);
    let undone = "warning: a reboot has already undone entry 2 (set high-traffic + 1 set by hand";
    assert!(dry.err.contains(undone), "{}", dry.err);
    assert!(dry.out.starts_with("rollback of entry 1 "), "{}", dry.out);
    let to = sandbox.tcptune("rollback --to 0 --dry-run").exits(0);
    assert!(!to.err.contains("already undone"), "{}", to.err);
}

/// Back to how things stood after a rollback of an earlier boot, whose live part is gone.
#[test]
fn a_rollback_of_an_earlier_boot_can_be_gone_back_to() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.tcptune("set syn_retries=3").exits(0);
    sandbox.tcptune("set keepalive_time=300 --persist").exits(0);
    sandbox.tcptune("rollback").exits(0);
    let before = sandbox.sh(&format!("cat {DROP_IN}"));
    sandbox.restart(1);
    sandbox.tcptune("apply fail-fast --persist --yes").exits(0);
    sandbox.tcptune("rollback --to 4").exits(0);
    assert_eq!(sandbox.sh(&format!("cat {DROP_IN}")), before);
    assert_eq!(values(&sandbox), ["16384", "3"]);
}

/// What was written for the boot alone has its name, too.
#[test]
fn an_entry_of_the_boot_axis_is_called_by_what_it_declares() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --scope boot").exits(0);
    let history = sandbox.tcptune("history").exits(0);
    assert!(
        history
            .out
            .contains("apply: high-traffic, 0 changes and the drop-in"),
        "{}",
        history.out
    );
    let status = sandbox.tcptune("status").exits(0);
    let next = "the next rollback would undo entry 1 (apply high-traffic, ";
    assert!(status.out.contains(next), "{}", status.out);
    sandbox.tcptune("apply fail-fast").exits(0);
    sandbox.tcptune("off --scope live").exits(0);
    sandbox.tcptune("persist").exits(0);
    let undone = sandbox.tcptune("rollback").exits(0);
    assert!(
        undone.out.contains("nothing is declared live; the next boot declares high-traffic\nthe next boot gives all of it\n"),
        "{}",
        undone.out
    );
}

/// Keys of which no file and no kernel can say a default: what an earlier boot recorded, or nothing.
#[test]
fn a_baseline_that_only_an_earlier_boot_knows() {
    let sandbox = Sandbox::with_systemd();

    sandbox.tcptune(&format!("set {TTL}=99 --persist")).exits(0);
    sandbox.restart(1);
    assert_eq!(sandbox.sysctl(TTL), "99");
    let off = sandbox.tcptune("off --persist").exits(0);
    assert!(
        off.out
            .contains("+net.ipv4.ip_default_ttl = 64  # released, as it was at 2"),
        "{}",
        off.out
    );
    assert_eq!(sandbox.sysctl(TTL), "64");
    // Written for the boot alone, nothing was recorded then; what an older entry recorded still is.
    sandbox
        .tcptune(&format!("set {TTL}=98 --scope boot"))
        .exits(0);
    sandbox.restart(2);
    assert_eq!(sandbox.sysctl(TTL), "98");
    let off = sandbox.tcptune("off --persist").exits(0);
    assert!(
        off.out
            .contains("+net.ipv4.ip_default_ttl = 64  # released, as it was at 2"),
        "{}",
        off.out
    );
    assert_eq!(sandbox.sysctl(TTL), "64");
}

/// A thousand are kept, and older ones only where a rollback still wants them.
#[test]
fn old_entries_that_nothing_needs_go_by_themselves() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set somaxconn=5000").exits(0);
    sandbox.sh(
        "cd /var/lib/tcptune/journal; rm ../state.json
         for n in $(seq 2 1100); do sed \"s/\\\"id\\\":1,/\\\"id\\\":$n,/\" 1.json > $n.json; done",
    );
    let before = sandbox.sysctl("net.core.somaxconn");
    sandbox.tcptune("set syn_retries=4").exits(0);
    let kept = sandbox.sh("ls /var/lib/tcptune/journal | sort -n");
    let kept: Vec<&str> = kept.lines().collect();
    assert_eq!(kept.len(), 1000, "{} to {}", kept[0], kept[kept.len() - 1]);
    assert_eq!((kept[0], kept[999]), ("102.json", "1101.json"));
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_syn_retries"), "6");
    assert_eq!(sandbox.sysctl("net.core.somaxconn"), before);
}

/// A summary that says when the journal last changed hides nothing newer, whatever the clock says, and whoever took an
/// entry away.
#[test]
fn no_newer_entry_is_overlooked() {
    for (newer, touch) in [
        // By a writer that died, in the same tick of the clock or with the clock set back.
        ("2", "touch --date=@$changed ."),
        // The one before it was taken away by hand.
        ("7", "true"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.tcptune("set somaxconn=5000").exits(0);
        sandbox.sh(&format!(
            "cd /var/lib/tcptune/journal; changed=$(stat --format=%.9Y .)
             sed 's/\"id\":1,/\"id\":{newer},/; s/\"state\":\"committed\"/\"state\":\"pending\"/' 1.json > {newer}.json
             {touch}"
        ));
        let status = sandbox.tcptune("status");
        assert!(
            format!("{}{}", status.out, status.err).contains(&format!("entry {newer}")),
            "{newer}: {}{}",
            status.out,
            status.err
        );
    }
}

/// Somebody's file of a much larger number is no reason to forget what went back.
#[test]
fn a_strangers_file_hides_no_entry_that_was_taken_back() {
    let sandbox = Sandbox::new();
    sandbox
        .tcptune("set somaxconn=5000 --confirm-within=1h")
        .exits(0);
    sandbox.tcptune("rollback").exits(0);
    let before = sandbox.tcptune("status").out;
    sandbox.sh("echo x > /var/lib/tcptune/journal/900.json");
    assert!(before.contains("entry 1"), "{before}");
    assert_eq!(sandbox.tcptune("status").out, before);
}
