//! Who wins at the next boot, and what is claimed of it: other files, other writers, the kernel itself.

use crate::sandbox::Sandbox;

const SOMAXCONN: &str = "net.core.somaxconn";
const SYNACK: &str = "net.ipv4.tcp_synack_retries";
const TTL: &str = "net.ipv4.ip_default_ttl";
const DROP_IN: &str = "/etc/sysctl.d/99-tcptune.conf";

#[test]
fn debian_12_wins_at_boot_and_warns_of_sysctl_p() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("printf '# x\\nnet.core.somaxconn = 1024\\n' > /etc/sysctl.conf; ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf");
    let applied = sandbox.tcptune("apply high-traffic --persist").exits(0);
    let warning = "warning: `sysctl --system` and `sysctl -p` would set net.core.somaxconn to 1024 (/etc/sysctl.conf:2)";
    assert!(applied.err.contains(warning), "{}", applied.err);
    assert!(
        applied
            .out
            .contains("beats /etc/sysctl.d/99-sysctl.conf:2 (net.core.somaxconn 1024)"),
        "{}",
        applied.out
    );
    assert!(
        applied.out.contains("survives a reboot: yes"),
        "{}",
        applied.out
    );
    sandbox.restart(1);
    assert_eq!(sandbox.sysctl(SOMAXCONN), "16384");
    // Under procps it would lose, and no name helps.
    sandbox.sh("rmdir /run/systemd/system");
    let refused = sandbox
        .tcptune("apply fail-fast --set somaxconn=512 --persist --yes")
        .exits(3);
    let message = "net.core.somaxconn shall be 512, but sysctl --system would obey /etc/sysctl.conf:2, which says 1024; nothing was touched";
    assert!(refused.err.contains(message), "{}", refused.err);
    assert!(
        refused.err.contains("no name of ours would win"),
        "{}",
        refused.err
    );
}

#[test]
fn a_file_that_would_win_is_refused_with_a_name_that_wins() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/zzz.conf",
        "# app\nnet.core.somaxconn = 1024\n",
    );
    let before = sandbox.all();
    let refused = sandbox.tcptune("apply high-traffic --persist").exits(3);
    let message = "net.core.somaxconn shall be at least 16384, but systemd-sysctl would obey /etc/sysctl.d/zzz.conf:2, which says 1024";
    assert!(refused.err.contains(message), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("`--drop-in zzz_tcptune.conf` would win"),
        "{}",
        refused.err
    );
    assert_eq!(sandbox.all(), before);
    sandbox.sh(&format!(
        "test ! -e {DROP_IN} -a ! -e /var/lib/tcptune/journal/1.json"
    ));
    let allowed = sandbox
        .tcptune("apply high-traffic --persist --allow-shadowed")
        .exits(0);
    assert!(
        allowed.out.contains(
            "survives a reboot: no\nnext boot: somaxconn 1024 (/etc/sysctl.d/zzz.conf:2)"
        ),
        "{}",
        allowed.out
    );
    // The drop-in moves in one step, keeps its name, and goes back in one step.
    sandbox
        .tcptune("apply high-traffic --persist --drop-in zzz_tcptune.conf")
        .exits(0);
    sandbox.sh(&format!(
        "test ! -e {DROP_IN} -a -e /etc/sysctl.d/zzz_tcptune.conf"
    ));
    let again = sandbox
        .tcptune("apply high-traffic --persist --json")
        .exits(0)
        .json();
    assert_eq!(again["changed"], false);
    sandbox.restart(1);
    assert_eq!(sandbox.sysctl(SOMAXCONN), "16384");
    sandbox.tcptune("rollback").exits(0);
    sandbox.sh(&format!(
        "test -e {DROP_IN} -a ! -e /etc/sysctl.d/zzz_tcptune.conf"
    ));
    // Equal, or enough, is no conflict.
    for text in [
        "net.core.somaxconn = 16384\n",
        "net.core.somaxconn = 65535\n",
    ] {
        sandbox.file("/etc/sysctl.d/zzz.conf", text);
        sandbox.tcptune("diff high-traffic --scope boot").exits(1);
    }
}

#[test]
fn the_loaders_disagree_and_that_is_said() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/etc/sysctl.d/zzz.conf", "-net.core.somaxconn\n");
    let refused = sandbox.tcptune("apply high-traffic --persist").exits(3);
    assert!(
        refused
            .err
            .contains("systemd-sysctl would obey /etc/sysctl.d/zzz.conf:1, which excludes it"),
        "{}",
        refused.err
    );
    sandbox.sh("rmdir /run/systemd/system");
    let applied = sandbox.tcptune("apply high-traffic --persist").exits(0);
    assert!(applied.err.contains("warning: `systemd-sysctl` would leave net.core.somaxconn alone (/etc/sysctl.d/zzz.conf:1)"), "{}", applied.err);
    let which = sandbox.tcptune("where somaxconn").exits(1);
    assert!(which.out.contains("the loaders disagree"), "{}", which.out);
}

#[test]
fn other_writers_that_say_something_else_are_named() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /etc/ufw /etc/tuned; printf 'net/ipv4/tcp_syncookies=0\nnet/ipv4/tcp_sack=1\n' > /etc/ufw/sysctl.conf; echo balanced > /etc/tuned/active_profile");
    let live = sandbox.tcptune("apply high-traffic").exits(0);
    assert!(!live.err.contains("ufw"), "{}", live.err);
    let persisted = sandbox.tcptune("persist").exits(0);
    let ufw = "warning: ufw (/etc/ufw/sysctl.conf) loads this file whenever the firewall starts: net.ipv4.tcp_syncookies = 0 in line 1\n";
    assert!(persisted.err.contains(ufw), "{}", persisted.err);
    assert!(persisted.err.contains("warning: tuned (/etc/tuned/active_profile) applies the sysctls of its profile when it starts"), "{}", persisted.err);
}

/// A credential is read after every file: the machine's own, or one that the service finds in a store.
#[test]
fn a_credential_wins_over_every_file() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh(
        "mkdir -p /etc/credstore; echo 'net.core.somaxconn = 77' > /etc/credstore/sysctl.extra",
    );
    let refused = sandbox.tcptune("apply high-traffic --persist").exits(3);
    assert!(
        refused
            .err
            .contains("systemd-sysctl would obey /etc/credstore/sysctl.extra:1, which says 77"),
        "{}",
        refused.err
    );
    let told = sandbox.tcptune("where somaxconn").exits(1);
    let named = "credential: systemd-sysctl reads /etc/credstore/sysctl.extra last\n";
    assert!(told.out.contains(named), "{}", told.out);
}

/// Parameters of the kernel's command line are the machine's: they set nothing in a container. What they do on a machine
/// is tried in a real boot.
#[test]
fn the_kernels_own_parameters_set_nothing_in_a_container() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("echo 'quiet sysctl.net.core.somaxconn=1024' > /run/cmdline; mount --bind /run/cmdline /proc/cmdline");
    let applied = sandbox.tcptune("apply high-traffic").exits(0);
    let next = "next boot: somaxconn 4096, synack_retries 5 (the kernel's default)\n";
    assert!(applied.out.contains(next), "{}", applied.out);
    assert!(
        !sandbox
            .tcptune("where somaxconn")
            .exits(0)
            .out
            .contains("cmdline")
    );
}

/// That a key was left out because another file was enough says nothing once that file is gone.
#[test]
fn what_was_left_out_is_looked_at_again() {
    let sandbox = Sandbox::with_systemd();
    let profile = format!("[sysctl]\n{TTL} = {{ at_least = 70 }}\n");
    sandbox.file("/etc/tcptune/profiles/ttl.toml", &profile);
    sandbox.file("/etc/sysctl.d/50-o.conf", &format!("{TTL} = 80\n"));
    sandbox.restart(1);
    sandbox.tcptune("apply ttl --persist").exits(0);
    sandbox.tcptune("verify").exits(0);
    sandbox.sh("rm /etc/sysctl.d/50-o.conf");
    let verify = sandbox.tcptune("verify").exits(1);
    assert!(verify.out.contains("  unknown  "), "{}", verify.out);
}

/// A file that may not be read may say anything: whoever cannot read it is not told that all is well.
#[test]
fn a_file_that_may_not_be_read_leaves_doubt() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.file("/etc/sysctl.d/99-z.conf", "net.core.somaxconn = 7\n");
    sandbox.sh("chmod 600 /etc/sysctl.d/99-z.conf");
    assert!(sandbox.tcptune("verify").exits(1).out.contains("  lost  "));
    let doubt = sandbox.as_nobody(&[], "verify").exits(1);
    assert!(
        doubt
            .out
            .contains("unless /etc/sysctl.d/99-z.conf does, which cannot be read"),
        "{}",
        doubt.out
    );
    assert!(
        doubt.out.contains("survives a reboot: not surely"),
        "{}",
        doubt.out
    );
    // Nor is a drop-in gone that may not be read.
    sandbox.sh(&format!("rm /etc/sysctl.d/99-z.conf; chmod 600 {DROP_IN}"));
    let doubt = sandbox.as_nobody(&[], "verify").exits(1);
    assert!(
        !doubt.err.contains("no drop-in of tcptune any more"),
        "{}",
        doubt.err
    );
    sandbox.tcptune("verify").exits(0);
    // In a closed store of credentials there need not be one.
    sandbox.sh("mkdir -p -m 700 /etc/credstore");
    let told = sandbox.as_nobody(&[], "where synack_retries");
    assert!(!told.out.contains("credstore"), "{}", told.out);
}

/// Where tcptune never wrote a drop-in, nobody is kept from looking by a directory that only root may list.
#[test]
fn a_directory_that_only_root_may_list_keeps_nobody_from_looking() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("chmod 700 /etc/sysctl.d");
    let looked = sandbox.as_nobody(&[], "diff high-traffic").exits(1);
    assert!(
        looked.out.contains("+net.core.somaxconn = 16384"),
        "{}",
        looked.out
    );
    sandbox.as_nobody(&[], "status").exits(0);
    sandbox
        .as_nobody(&[], "apply high-traffic --dry-run")
        .exits(0);
}

/// What may be the drop-in, and may not be read, is no proof that there is none: neither on this host, nor where its facts
/// are looked at.
#[test]
fn a_drop_in_that_may_not_be_read_is_not_called_missing() {
    let sandbox = Sandbox::with_systemd();
    for name in ["99-tcptune.conf", "98-mine.conf"] {
        let path = format!("/etc/sysctl.d/{name}");
        sandbox
            .tcptune(&format!(
                "apply high-traffic --persist --drop-in {name} --yes"
            ))
            .exits(0);
        for (closed, unread) in [
            (format!("chmod 600 {path}"), path.as_str()),
            ("chmod 700 /etc/sysctl.d".to_owned(), "/etc/sysctl.d"),
        ] {
            sandbox.sh(&closed);
            is_not_called_missing(&sandbox, unread);
            sandbox.sh(&format!("chmod 755 /etc/sysctl.d; chmod 644 {path}"));
            sandbox.as_nobody(&[], "status").exits(0);
        }
    }
    // What a later boot began with nobody can say without it.
    sandbox.restart(1);
    sandbox.sh("chmod 600 /etc/sysctl.d/98-mine.conf");
    let status = sandbox.as_nobody(&[], "status").exits(3);
    assert!(status.err.contains("not permitted"), "{}", status.err);
}

fn is_not_called_missing(sandbox: &Sandbox, unread: &str) {
    let why = format!("read {unread}: not permitted");
    let status = sandbox.as_nobody(&[], "status").exits(1);
    let told = format!("{}{}", status.out, status.err);
    assert!(
        !told.contains("LIVE ONLY") && !told.contains("as tcptune left it"),
        "{told}"
    );
    assert!(
        told.contains("next boot: the drop-in cannot be read"),
        "{told}"
    );
    assert!(
        status.err.contains(&why) && status.err.contains("hint: run it as root"),
        "{told}"
    );
    assert!(!told.contains("no drop-in of tcptune any more"), "{told}");
    let boot = &sandbox.as_nobody(&[], "status --json").exits(1).json()["namespaces"][0]["boot"];
    assert_eq!(
        (&boot["intact"], &boot["clean"]),
        (&serde_json::Value::Null, &false.into())
    );
    let verify = sandbox.as_nobody(&[], "verify").exits(1);
    assert!(
        verify.out.contains("the drop-in cannot be read"),
        "{}",
        verify.out
    );
    let metrics = sandbox.as_nobody(&[], "metrics").exits(0).out;
    assert!(
        metrics.contains("tcptune_clean{netns=\"container\"} 0\n"),
        "{metrics}"
    );
    for unknown in ["axis=\"boot\"", "drop_in_intact{"] {
        assert!(!metrics.contains(unknown), "{metrics}");
    }
    let persists = sandbox.as_nobody(&[], "diff fail-fast --persist").exits(3);
    assert!(persists.err.contains(&why), "{}", persists.err);
    let live = sandbox.as_nobody(&[], "diff fail-fast").exits(1);
    assert!(!live.out.contains("nothing is on disk"), "{}", live.out);
    assert!(
        live.out.contains("survives a reboot: not surely\n"),
        "{}",
        live.out
    );
    let facts = sandbox.as_nobody(&[], "snapshot").exits(0).out;
    sandbox.file("/run/host.json", &facts);
    let there = sandbox
        .tcptune("diff fail-fast --persist --against /run/host.json")
        .exits(3);
    assert!(there.err.contains(&why), "{}", there.err);
}

/// An answer with something odd in it is not clean, and whoever asks learns that from the exit code and from the help.
#[test]
fn a_key_twice_in_one_file_is_not_clean_although_the_loaders_agree() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/50-o.conf",
        "net.core.somaxconn=5\nnet.core.somaxconn=6\n",
    );
    let told = sandbox.tcptune("where somaxconn --json").exits(1).json();
    assert_eq!(told["keys"][0]["agree"], true);
    assert_eq!(told["remarks"].as_array().unwrap().len(), 1);
    let help = sandbox
        .tcptune("where --help")
        .exits(0)
        .out
        .replace('\n', " ");
    assert!(
        help.contains(
            "exit 1 if they disagree, a line is odd, or another key's line changes it later"
        ),
        "{help}"
    );
}

/// Networks have managers: they are named, too.
#[test]
fn managers_of_interfaces_are_named_where_that_matters() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /etc/NetworkManager /run/systemd/netif; touch /etc/NetworkManager/NetworkManager.conf /run/systemd/netif/state");
    let told = sandbox.tcptune("where somaxconn").exits(0);
    for name in ["NetworkManager", "systemd-networkd"] {
        assert!(
            told.out.contains(&format!("also writes: {name} (/")),
            "{}",
            told.out
        );
    }
    assert!(
        !sandbox
            .tcptune("apply high-traffic --persist")
            .exits(0)
            .err
            .contains("Network")
    );
    let set = sandbox
        .tcptune("set net.ipv4.conf.lo.rp_filter=1 --persist")
        .exits(0);
    assert!(
        set.err.contains("warning: NetworkManager (")
            && set.err.contains("warning: systemd-networkd ("),
        "{}",
        set.err
    );
}

/// Where the drop-in declares the same, but another file wins, that is what is wrong; nobody is sent to persist it.
#[test]
fn a_shadowed_drop_in_is_not_said_to_declare_something_else() {
    let sandbox = Sandbox::with_systemd();
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.file(
        "/etc/sysctl.d/zzz.conf",
        "net.core.somaxconn = 128\nnet.ipv4.tcp_synack_retries = 3\n",
    );
    sandbox.stranger(SOMAXCONN, "128");
    let applied = sandbox.tcptune("apply high-traffic").exits(0);
    let told = "survives a reboot: no, although the drop-in declares it\nnext boot: somaxconn 128 (/etc/sysctl.d/zzz.conf:1)\nundo:";
    assert!(applied.out.contains(told), "{}", applied.out);
    // Equal to what is wanted is no conflict; what wins is not beaten.
    let allowed = sandbox
        .tcptune("apply high-traffic --set keepalive_time=300 --persist --allow-shadowed")
        .exits(0);
    assert!(!allowed.out.contains("beats"), "{}", allowed.out);
    assert!(!allowed.err.contains("synack_retries"), "{}", allowed.err);
}

/// What somebody wrote to the kernel by hand is no default: a reboot does not give it.
#[test]
fn a_runtime_writers_value_is_not_said_to_survive() {
    let sandbox = Sandbox::with_systemd();
    sandbox.stranger(SOMAXCONN, "65535");
    sandbox.stranger(SYNACK, "3");
    let applied = sandbox.tcptune("apply high-traffic").exits(0);
    let next = "next boot: somaxconn 4096, synack_retries 5 (the kernel's default)\n";
    assert!(applied.out.contains("LIVE ONLY"), "{}", applied.out);
    assert!(applied.out.contains(next), "{}", applied.out);
    let boot = &sandbox
        .tcptune("set synack_retries=4 --dry-run --json")
        .json()["namespaces"][0]["next_boot"];
    assert_eq!(
        (&boot[0]["value"], &boot[0]["right"]),
        (&"4096".into(), &false.into())
    );
}

/// Without a default that anybody knows, a value that only the kernel holds is not said to survive, and a bound that
/// only it satisfies is written.
#[test]
fn a_default_that_nobody_knows_is_not_guessed() {
    let sandbox = Sandbox::with_systemd();
    let profile = |bound: &str| {
        let text = format!("[sysctl]\n{TTL} = {{ {bound} }}\n");
        sandbox.file("/etc/tcptune/profiles/ttl.toml", &text);
    };
    profile("at_least = 70");
    sandbox.stranger(TTL, "99");
    let applied = sandbox.tcptune("apply ttl").exits(0);
    let next = format!("next boot: {TTL} unknown (no file says so)\n");
    assert!(applied.out.contains(&next), "{}", applied.out);
    let verify = sandbox.tcptune("verify").exits(1);
    let because = format!(
        "survives a reboot: not surely, because the next boot gives {TTL} unknown (no file says so)\n"
    );
    assert!(verify.out.contains(&because), "{}", verify.out);
    assert!(verify.out.contains("  unknown  "), "{}", verify.out);
    let json = sandbox.tcptune("verify --json").json()["namespaces"][0].clone();
    assert_eq!(
        (&json["survives"], &json["keys"][0]["verdict"]),
        (&serde_json::Value::Null, &"unknown".into())
    );
    let persisted = sandbox.tcptune("persist").exits(0);
    let all = "the next boot gives all of it\n";
    assert!(persisted.out.contains(all), "{}", persisted.out);
    let written = |value: &str| sandbox.sh(&format!("grep -qx '{TTL} = {value}' {DROP_IN}"));
    written("99");
    sandbox.restart(1);
    assert_eq!(sandbox.sysctl(TTL), "99");
    sandbox.tcptune("verify").exits(0);
    // A value of our own is not what was found.
    sandbox.tcptune("off --persist").exits(0);
    sandbox.stranger(TTL, "64");
    profile("at_least = 90");
    sandbox.tcptune("apply ttl --persist").exits(0);
    written("90");
    profile("at_least = 80");
    sandbox.tcptune("apply ttl --persist").exits(0);
    written("80");
    assert_eq!(sandbox.sysctl(TTL), "80");
}

/// What a runtime writer holds now is no forecast, whether it suits or not; what was just read back is one.
#[test]
fn only_what_is_known_is_said_of_keys_outside_the_catalogue() {
    let sandbox = Sandbox::with_systemd();
    sandbox.stranger(TTL, "99");
    let verify = sandbox.tcptune(&format!("verify --set {TTL}=64")).exits(1);
    let unknown = format!(
        "survives a reboot: not surely, because the next boot gives {TTL} unknown (no file says so)\n"
    );
    assert!(verify.out.contains(&unknown), "{}", verify.out);
    let dry = sandbox
        .tcptune(&format!("set {TTL}=65 --persist --dry-run"))
        .exits(0);
    assert!(
        dry.out.contains("survives a reboot: not surely\n"),
        "{}",
        dry.out
    );
    let set = sandbox.tcptune(&format!("set {TTL}=65 --persist")).exits(0);
    assert!(set.out.contains("survives a reboot: yes\n"), "{}", set.out);
}

/// Of a key outside the catalogue only the kernel knows what it takes.
#[test]
fn a_value_that_the_kernel_never_took_is_not_promised() {
    let sandbox = Sandbox::with_systemd();
    let set = sandbox
        .tcptune("set net.ipv4.tcp_early_retrans=99 --scope boot")
        .exits(0);
    let next = "survives a reboot: not surely\nnext boot: net.ipv4.tcp_early_retrans 99 (/etc/sysctl.d/99-tcptune.conf:6, if the kernel takes it)\n";
    assert!(set.out.contains(next), "{}", set.out);
    sandbox.tcptune("status").exits(0);
    let verify = sandbox.tcptune("verify --scope boot").exits(1);
    assert!(verify.out.contains("  unknown  "), "{}", verify.out);
}

#[test]
fn where_says_who_wins_what_is_shadowed_and_what_is_odd() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/etc/sysctl.d/10-a.conf", "net.core.somaxconn = 010\nnet.core.somaxconn = 2048 # enough\nnet.core/somaxconn = 1\nnet.ipv4.no_such_key = 1\njunk\n");
    sandbox.file("/etc/sysctl.conf", "net.core.somaxconn=\"12\"\n");
    sandbox.sh("mkdir -p /etc/ufw; echo 'net/core/somaxconn=128' > /etc/ufw/sysctl.conf");
    let run = sandbox.as_nobody(&[], "where");
    let expected = "
net.core.somaxconn, holds 4096
 * systemd-sysctl    2048 (written \"2048 # enough\")  /etc/sysctl.d/10-a.conf:2
   sysctl --system   2048 (written \"2048 # enough\")  /etc/sysctl.d/10-a.conf:2
   shadowed          010  /etc/sysctl.d/10-a.conf:1
   refused           \"12\"  /etc/sysctl.conf:1
";
    assert!(
        run.out
            .starts_with("next boot of this machine, read by systemd-sysctl\n"),
        "{}",
        run.out
    );
    assert!(run.out.contains(expected), "{}", run.out);
    for line in [
        "also writes: ufw (/etc/ufw/sysctl.conf) loads this file whenever the firewall starts: net.core.somaxconn = 128 in line 1",
        "/etc/sysctl.conf:1: the quotes of \"12\" are part of the value  [quotes]",
        "/etc/sysctl.d/10-a.conf:1: `010` is octal or hexadecimal to the kernel  [octal]",
        "/etc/sysctl.d/10-a.conf:3: `net.core/somaxconn` names the file net/core.somaxconn: the first separator decides  [separators]",
        "/etc/sysctl.d/10-a.conf:4: this kernel has no key `net.ipv4.no_such_key`  [absent-key]",
        "/etc/sysctl.d/10-a.conf:5: `junk` is no assignment: it is passed over  [malformed]",
    ] {
        assert!(run.out.contains(line), "{line}\n{}", run.out);
    }
    run.exits(1);
    let one = sandbox
        .tcptune("where synack_retries --json")
        .exits(0)
        .json();
    assert_eq!(
        (
            &one["keys"][0]["systemd"],
            one["remarks"].as_array().unwrap().len()
        ),
        (&serde_json::Value::Null, 0)
    );
    let unknown = sandbox.tcptune("where synack_retrys").exits(2);
    assert!(
        unknown.err.contains("did you mean `synack_retries`?"),
        "{}",
        unknown.err
    );
}

/// What explains why a key is not as somebody meant is said, whichever key was asked for.
#[test]
fn where_says_why_a_line_has_no_effect() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        "net.core.somaxconn 4096\nnet.core/somaxconn = 4096\nnet.core.somaxcon = 4096\nnet.ipv4.conf.*.rp_filter = 2\n",
    );
    let one = sandbox.tcptune("where somaxconn").exits(1);
    for code in ["malformed", "separators", "absent-key"] {
        assert!(
            one.out.contains(&format!("[{code}]")),
            "{code}: {}",
            one.out
        );
    }
    assert!(
        !sandbox
            .tcptune("where syn_retries")
            .exits(0)
            .out
            .contains('[')
    );
    let all = sandbox.tcptune("where").exits(1);
    let pattern = "\npattern: net.ipv4.conf.*.rp_filter = 2  /etc/sysctl.d/10-a.conf:4\n";
    assert!(all.out.contains(pattern), "{}", all.out);
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        "net.core.somaxconn = 14k\nnet.ipv4.tcp_ecn =\n-net.ipv4.tcp_sack = 5,4\n",
    );
    let refused = sandbox.tcptune("where somaxconn ecn").exits(1);
    for line in [
        "   refused           14k  /etc/sysctl.d/10-a.conf:1\n",
        "   refused           (empty)  /etc/sysctl.d/10-a.conf:2\n",
        "/etc/sysctl.d/10-a.conf:1: the kernel does not take `14k` for `net.core.somaxconn`  [refused]\n",
    ] {
        assert!(refused.out.contains(line), "{line}\n{}", refused.out);
    }
    let long = format!(
        "head -c 1048576 /dev/zero | tr '\\0' '#' > /etc/sysctl.d/10-a.conf; echo >> /etc/sysctl.d/10-a.conf; echo '{SOMAXCONN} = 1' >> /etc/sysctl.d/10-a.conf"
    );
    sandbox.sh(&long);
    let long = sandbox.tcptune("where somaxconn").exits(1);
    assert!(long.out.contains("the loaders disagree"), "{}", long.out);
    assert!(long.out.contains("[long-line]"), "{}", long.out);
}

/// The value of a secret is in no output, live or in a file.
#[test]
fn where_shows_no_secret() {
    let sandbox = Sandbox::with_systemd();
    let (live, file) = (
        "1111111a-22222222-33333333-44444444",
        "5555555a-66666666-77777777-88888888",
    );
    sandbox.stranger("net.ipv4.tcp_fastopen_key", live);
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        &format!("net.ipv4.tcp_fastopen_key = {file} # old\nnet.ipv4.tcp_fastopen_key = {file}\nnet.core.somaxconn = 5000\n"),
    );
    sandbox.sh("mkdir -p /etc/ufw; cp /etc/sysctl.d/10-a.conf /etc/ufw/sysctl.conf");
    for words in [
        "where",
        "where fastopen_key",
        "where --json",
        "import --managed",
        "import /etc/sysctl.d/10-a.conf",
        "import --managed --json",
    ] {
        let told = sandbox.tcptune(words);
        for part in ["1111111a", "5555555a"] {
            assert!(
                !told.out.contains(part) && !told.err.contains(part),
                "{words}: {}",
                told.out
            );
        }
    }
    for line in [
        "net.ipv6.conf.*.stable_secret = 5555555a",
        "net.ipv4.tcp_fastopen_* = 5555555a",
        "net.ipv4.tcp_fastopen_key 5555555a",
        "net.ipv4.tcp_fastopen_ke = 5555555a",
        "net.ipv4/tcp_fastopen_key = 5555555a",
        "# net.ipv4.tcp_fastopen_key = 5555555a",
    ] {
        sandbox.file(
            "/etc/sysctl.d/10-a.conf",
            &format!("{line}\nnet.core.somaxconn = 5000\n"),
        );
        for words in [
            "where",
            "where --json",
            "import --managed",
            "import /etc/sysctl.d/10-a.conf",
        ] {
            let told = sandbox.tcptune(words);
            assert!(
                !told.out.contains("5555555a"),
                "{line}: {words}: {}",
                told.out
            );
        }
    }
    // The patch shows nothing but what it takes out, and fits all the same.
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        &format!("net.ipv4.tcp_fastopen_key = {file}\nnet.core.somaxconn = 5000\n# end\n"),
    );
    let managed = sandbox.tcptune("import --managed").exits(0);
    sandbox.file("/run/mine.toml", &managed.out);
    sandbox.sh("sed -n 's/^#| //p' /run/mine.toml | patch -p0 -d /");
    assert_eq!(
        sandbox.sh("cat /etc/sysctl.d/10-a.conf"),
        format!("net.ipv4.tcp_fastopen_key = {file}\n# end")
    );
}
