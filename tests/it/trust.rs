//! Root reads nothing that somebody else could have written, and shows nothing that a terminal would obey.

use crate::sandbox::Sandbox;

const PROFILE: &str = "[tcp]\nsynack_retries = 3\n";

/// State is nothing that anybody installs: it is told how it can be trusted again.
#[test]
fn state_that_others_can_write_is_told_how_to_close_it() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("set somaxconn=99").exits(0);
    let state = "/var/lib/tcptune";
    let file = "/var/lib/tcptune/state.json";
    for (open, close) in [
        (format!("chmod 775 {state}"), format!("chmod go-w {state}")),
        (format!("chmod 666 {file}"), format!("chmod go-w {file}")),
        (format!("chown 1234 {file}"), format!("chown root: {file}")),
        (
            format!("chown 1234 {state}"),
            format!("chown root: {state}"),
        ),
    ] {
        sandbox.sh(&open);
        for verb in ["status", "set somaxconn=99"] {
            let refused = sandbox.tcptune(verb).exits(3);
            let hint = format!("hint: root uses only what no other user can write: `{close}`\n");
            assert!(refused.err.ends_with(&hint), "{open}: {}", refused.err);
        }
        sandbox.sh(&close);
        sandbox.tcptune("status").exits(0);
    }
}

#[test]
fn profiles_that_others_can_write_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.sh("mkdir -p /run/p/open; chmod 777 /run/p/open");
    for name in ["good", "foreign", "writable", "linked"] {
        sandbox.file(&format!("/run/p/{name}.toml"), PROFILE);
    }
    sandbox.file("/run/p/open/inner.toml", PROFILE);
    sandbox.sh(
        "cd /run/p; chown 1234 foreign.toml; chmod 666 writable.toml; ln linked.toml other
         ln -s good.toml link.toml; ln -s good.toml planted.toml; chown -h 1234 planted.toml",
    );
    for (path, why) in [
        (
            "foreign.toml",
            "read /run/p/foreign.toml as root: it belongs to user 1234",
        ),
        (
            "writable.toml",
            "read /run/p/writable.toml as root: its mode 0666 lets others write it",
        ),
        (
            "linked.toml",
            "read /run/p/linked.toml as root: it has 2 hard links, of which others may hold one",
        ),
        (
            "planted.toml",
            "read /run/p/planted.toml as root: it belongs to user 1234",
        ),
        (
            "open/inner.toml",
            "read /run/p/open as root: its mode 0777 lets others write it",
        ),
        (
            "open/../good.toml",
            "read /run/p/open as root: its mode 0777 lets others write it",
        ),
    ] {
        let refused = sandbox.tcptune(&format!("apply /run/p/{path}")).exits(3);
        assert!(refused.err.contains(why), "{path}: {}", refused.err);
        let hint = "hint: root reads only what no other user can write: `install -m 0644 FILE /etc/tcptune/profiles/`";
        assert!(refused.err.contains(hint), "{path}: {}", refused.err);
        assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "5");
    }
    sandbox.tcptune("diff /run/p/good.toml").exits(1);
    sandbox.tcptune("diff /run/p/link.toml").exits(1);
    assert_eq!(
        sandbox
            .tcptune("diff /run/p/foreign.toml --json")
            .exits(3)
            .json()["error"]["code"],
        "untrusted"
    );
    sandbox.sh("mv /run/p/foreign.toml /etc/tcptune/profiles/");
    sandbox.tcptune("apply foreign").exits(3);
}

#[test]
fn state_that_others_can_write_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let modes =
        sandbox.sh("cd /var/lib/tcptune; stat -c '%n %a' . journal journal/1.json state.json lock");
    assert_eq!(
        modes,
        ". 755\njournal 755\njournal/1.json 644\nstate.json 644\nlock 600"
    );
    for (damage, repair) in [
        ("chmod 777 /var/lib/tcptune", "chmod 755 /var/lib/tcptune"),
        (
            "chown 1234 /var/lib/tcptune/state.json",
            "chown 0 /var/lib/tcptune/state.json",
        ),
        (
            "chmod 666 /var/lib/tcptune/state.json",
            "chmod 644 /var/lib/tcptune/state.json",
        ),
        (
            "mount --bind /run /mnt; mv /var/lib/tcptune /run/s; chown 1234 /run/s; ln -s /run/s /var/lib/tcptune",
            "rm /var/lib/tcptune; chown 0 /run/s; mv /run/s /var/lib/tcptune",
        ),
    ] {
        sandbox.sh(damage);
        let refused = sandbox.tcptune("off").exits(3);
        assert!(
            refused.err.contains(" as root: it"),
            "{damage}: {}",
            refused.err
        );
        assert_eq!(sandbox.sysctl("net.ipv4.tcp_synack_retries"), "3");
        sandbox.sh(repair);
    }
    sandbox.tcptune("off").exits(0);
}

#[test]
fn a_damaged_state_file_is_made_again_from_the_journal() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    for damage in [
        "rm state.json",
        "echo '{' > state.json",
        "echo '{\"schema\":99}' > state.json",
        ": > state.json",
    ] {
        sandbox.sh(&format!("cd /var/lib/tcptune; {damage}"));
        assert!(
            sandbox
                .tcptune("status")
                .exits(0)
                .out
                .starts_with("container namespace: high-traffic,"),
            "{damage}"
        );
    }
    sandbox
        .sh("cd /var/lib/tcptune/journal; rm ../state.json; echo '{}' > 2.json; echo x > 3.json; echo x > 18446744073709551615.json");
    let status = sandbox.tcptune("status").exits(0);
    assert!(
        status
            .err
            .contains("warning: understand /var/lib/tcptune/journal/2.json: missing field"),
        "{}",
        status.err
    );
    assert!(
        status.out.starts_with("container namespace: high-traffic,"),
        "{}",
        status.out
    );
    sandbox.tcptune("off").exits(0);
    assert_eq!(
        sandbox.sh("cat /var/lib/tcptune/journal/3.json"),
        "x",
        "nothing is deleted"
    );
}

#[test]
fn control_characters_are_shown_not_obeyed() {
    let sandbox = Sandbox::new();
    let path = "/run/a\u{1b}[31mred.toml";
    sandbox.file(path, "[tcp]\nsomaxconn = \"\u{7}\"\n");
    for words in [
        format!("diff {path}"),
        "diff \u{1b}[31m".to_owned(),
        "set \u{1b}[31m=1".to_owned(),
        "diff --netns a\u{1b}b high-traffic".to_owned(),
    ] {
        let run = sandbox.tcptune(&words);
        assert!(run.code.is_some_and(|code| code > 1), "{run:?}");
        assert!(
            !run.err.contains('\u{1b}') && !run.out.contains('\u{1b}'),
            "{run:?}"
        );
    }
}

#[test]
fn a_secret_is_never_read_into_anything() {
    let sandbox = Sandbox::new();
    sandbox.stranger(
        "net.ipv4.tcp_fastopen_key",
        "11111111-22222222-33333333-44444444",
    );
    for words in [
        "set fastopen_key=1-2-3-4",
        "set net.ipv4.tcp_fastopen_key=1-2-3-4",
        "diff high-traffic --set fastopen_key=1-2-3-4",
    ] {
        let refused = sandbox.tcptune(words).exits(2);
        assert!(
            refused.err.contains("a secret is not managed by tcptune"),
            "{}",
            refused.err
        );
    }
    sandbox.tcptune("apply fast-open").exits(0);
    sandbox.tcptune("apply kernel-defaults --yes").exits(0);
    sandbox.tcptune("rollback").exits(0);
    assert_eq!(sandbox.sh("grep -rl 22222222 /var/lib/tcptune || true"), "");
}

#[test]
fn the_callers_umask_hides_nothing() {
    let sandbox = Sandbox::new();
    let binary = crate::sandbox::binary();
    sandbox.sh(&format!(
        "umask 077; {} apply high-traffic",
        binary.display()
    ));
    let modes =
        sandbox.sh("cd /var/lib/tcptune; stat -c %a . journal journal/1.json state.json lock");
    assert_eq!(
        modes.split('\n').collect::<Vec<_>>(),
        ["755", "755", "644", "644", "600"]
    );
}

#[test]
fn the_callers_umask_hides_nothing_in_an_image() {
    let sandbox = Sandbox::with_systemd();
    let binary = crate::sandbox::binary();
    sandbox.sh(&format!(
        "umask 077; mkdir -p /run/image/etc; {} apply high-traffic --root /run/image",
        binary.display()
    ));
    let modes = sandbox.sh("cd /run/image/etc/sysctl.d; stat -c %a . 99-tcptune.conf");
    assert_eq!(modes.split('\n').collect::<Vec<_>>(), ["755", "644"]);
}

/// The kernel would let it write keys of the network; where the journal lies it would not, and without that nothing goes back.
#[test]
fn a_capability_without_root_writes_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.all();
    let words =
        "setpriv --reuid nobody --clear-groups --inh-caps +net_admin --ambient-caps +net_admin";
    let capable = |program: &str| sandbox.sh(&format!("{words} {program} 2>&1 || echo exit $?"));
    let key = "/proc/sys/net/ipv4/tcp_syn_retries";
    assert_eq!(
        capable(&format!("sh -c 'cat {key} > {key}'")),
        "",
        "the kernel lets it"
    );
    let binary = crate::sandbox::binary();
    let said = capable(&format!("{} set syn_retries=4", binary.display()));
    assert!(
        said.ends_with("exit 3") && said.contains("hint: "),
        "{said}"
    );
    assert_eq!(sandbox.all(), before);
}

#[test]
fn root_of_a_user_namespace_may_look() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let run = sandbox
        .as_nobody(&["unshare", "-Urn"], "diff fail-fast")
        .exits(1);
    assert!(
        run.out.contains("+net.ipv4.tcp_syn_retries = 2"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("1 live change;"),
        "a new namespace, no memory: {}",
        run.out
    );
}
