//! The auditor's view, and the active set as a profile.

use crate::sandbox::Sandbox;

#[test]
fn verify_speaks_of_both_axes() {
    let sandbox = Sandbox::with_systemd();
    let nothing = sandbox.tcptune("verify").exits(0);
    assert!(
        nothing.out.contains("nothing is declared"),
        "{}",
        nothing.out
    );
    sandbox.tcptune("apply high-traffic").exits(0);
    let live_only = sandbox.tcptune("verify").exits(1);
    let because = "survives a reboot: no, because the next boot gives somaxconn 4096, synack_retries 5 (the kernel's default)";
    assert!(live_only.out.contains(because), "{}", live_only.out);
    assert_eq!(sandbox.as_nobody(&[], "verify").exits(1).out, live_only.out);
    sandbox.tcptune("verify --scope live").exits(0);
    sandbox.tcptune("persist").exits(0);
    let both = sandbox.tcptune("verify").exits(0);
    assert!(both.out.contains("survives a reboot: yes"), "{}", both.out);
    sandbox.stranger("net.ipv4.tcp_synack_retries", "7");
    sandbox.file("/etc/sysctl.d/zzz.conf", "net.core.somaxconn = 1024\n");
    let drifted = sandbox.tcptune("verify").exits(1);
    let lines: Vec<Vec<&str>> = drifted
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(
        lines.contains(
            &"lost net.core.somaxconn at least 16384 16384 1024 /etc/sysctl.d/zzz.conf:1"
                .split(' ')
                .collect()
        ),
        "{}",
        drifted.out
    );
    assert!(
        lines.iter().any(|line| line.starts_with(
            &"drift net.ipv4.tcp_synack_retries 3 7 3"
                .split(' ')
                .collect::<Vec<_>>()
        )),
        "{}",
        drifted.out
    );
    let json = sandbox.tcptune("verify --json").exits(1).json();
    let one = &json["namespaces"][0];
    assert_eq!(
        (
            &one["survives"],
            &one["keys"][0]["verdict"],
            &one["keys"][0]["by"]
        ),
        (
            &false.into(),
            &"lost".into(),
            &"/etc/sysctl.d/zzz.conf:1".into()
        )
    );
    assert_eq!(json["hashes"]["desired"], one["desired"]);
    let status = sandbox.tcptune("status").exits(1);
    assert!(status.out.contains("next boot: the same (/etc/sysctl.d/99-tcptune.conf), but DRIFT: somaxconn 1024 (/etc/sysctl.d/zzz.conf:1)"), "{}", status.out);
}

#[test]
fn verify_asks_for_profiles_of_others_too() {
    let sandbox = Sandbox::with_systemd();
    let asked = sandbox.as_nobody(&[], "verify fail-fast --scope live");
    assert!(
        asked.out.contains("drift    net.ipv4.tcp_syn_retries"),
        "{}",
        asked.out
    );
    asked.exits(1);
    sandbox.sh("ip netns add web; mkdir -p /run/image/etc/sysctl.d");
    let namespace = sandbox.tcptune("verify high-traffic --netns web").exits(1);
    assert!(!namespace.out.contains("survives"), "{}", namespace.out);
    sandbox
        .tcptune("verify high-traffic --root /run/image")
        .exits(1);
    sandbox
        .tcptune("apply high-traffic --root /run/image")
        .exits(0);
    sandbox
        .tcptune("verify high-traffic --root /run/image")
        .exits(0);
    sandbox.tcptune("verify --root /run/image").exits(0);
    let status = sandbox.tcptune("status --root /run/image").exits(0);
    assert!(
        status
            .out
            .contains("next boot: high-traffic (/etc/sysctl.d/99-tcptune.conf)"),
        "{}",
        status.out
    );
}

#[test]
fn the_active_set_is_a_profile_for_git() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("show --active").exits(0);
    sandbox
        .tcptune("apply high-traffic --set net.ipv4.ip_default_ttl=65 --set syncookies=2")
        .exits(0);
    let profile = sandbox.tcptune("show --active").exits(0).out;
    assert!(
        profile.contains("somaxconn = { at_least = 16384, why = "),
        "{profile}"
    );
    assert!(
        profile.contains("[sysctl]\n\"net.ipv4.ip_default_ttl\" = 65\n"),
        "{profile}"
    );
    sandbox.file("/run/active.toml", &profile);
    let same = sandbox
        .tcptune("diff /run/active.toml --json")
        .exits(0)
        .json();
    let desired = sandbox
        .tcptune("verify --scope live --json")
        .exits(0)
        .json()["hashes"]["desired"]
        .clone();
    assert_eq!(same["hashes"]["desired"], desired);
    sandbox.tcptune("show --active high-traffic").exits(2);
    sandbox.tcptune("show").exits(2);
}

#[test]
fn who_holds_a_drifted_key_is_said() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/10-app.conf",
        "net.ipv4.tcp_synack_retries = 7\n",
    );
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    for (value, holder) in [
        ("7", "as /etc/sysctl.d/10-app.conf:1 says"),
        ("5", "as it was before tcptune"),
        ("9", "a runtime writer: no file and no entry says so"),
    ] {
        sandbox.stranger("net.ipv4.tcp_synack_retries", value);
        let status = sandbox.tcptune("status").exits(1);
        assert!(
            status.out.contains(&format!("holds {value} ({holder})")),
            "{}",
            status.out
        );
    }
}
