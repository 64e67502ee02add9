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

/// That nobody knows a baseline is remembered as long as the value of the drop-in stands.
#[test]
fn a_baseline_that_nobody_knows_is_said_in_later_runs_too() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune(&format!("set {TTL}=99 --scope boot"))
        .exits(0);
    sandbox.restart(1);
    sandbox.tcptune("set syn_retries=4").exits(0);
    let off = sandbox.tcptune("off --persist").exits(0);
    let stays = format!("warning: {TTL} stays as the drop-in set it at boot");
    assert!(off.err.contains(&stays), "{}", off.err);
    assert_eq!(
        (sandbox.sysctl(TTL), sandbox.sysctl(SYN)),
        ("99".into(), "6".into())
    );
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
