//! From a sysctl.conf, or a blog's list, to a profile.

use crate::sandbox::{Sandbox, binary};

const BLOG: &str = "\
# Increase the backlog for our proxies
net.core.somaxconn = 65535
net.ipv4.tcp_max_syn_backlog=65536   # enough
net.ipv4.tcp_tw_recycle = 1
net.ipv4.tcp_syncookies = 1
net.ipv4.tcp_rmem = 4096 87380 16777216
net/ipv4/tcp_fin_timeout = 015
net.ipv4.tcp_fin_timeout = 15
net.ipv4.conf.*.rp_filter = 1
net.netfilter.no_such_key = 7
net.ipv4.tcp_fastopen_key = 0-0-0-0
vm.swappiness 10
";

/// What a container's namespace lacks, the kernel may have.
#[test]
fn a_global_key_is_not_called_missing_in_the_kernel() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/list.conf",
        "net.core.default_qdisc = fq\nnet.core.no_such_key = 1\nvm.no_such_key = 1\n",
    );
    let profile = sandbox.tcptune("import /run/list.conf").exits(0).out;
    for line in [
        "optional = true, why = \"global: only the machine's first network namespace has it, if the kernel does\" }",
        "\"net.core.no_such_key\" = { value = 1, optional = true, why = \"this network namespace does not have it\" }",
        "\"vm.no_such_key\" = { value = 1, optional = true, why = \"this kernel does not have it\" }",
    ] {
        assert!(profile.contains(line), "{line}\n{profile}");
    }
}

#[test]
fn a_blogs_list_becomes_a_profile_in_one_command() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/blog.conf", BLOG);
    let profile = sandbox.tcptune("import /run/blog.conf").exits(0).out;
    for line in [
        "somaxconn = { value = 65535, why = \"Increase the backlog for our proxies\" }",
        "max_syn_backlog = { value = 65536, why = \"enough\" }",
        "rmem = \"4096 87380 16777216\"",
        "fin_timeout = 15",
        "\"net.netfilter.no_such_key\" = { value = 7, optional = true, why = \"this network namespace does not have it\" }",
        "# /run/blog.conf:4: net.ipv4.tcp_tw_recycle = 1: tw_recycle: no current kernel has this key",
        "# /run/blog.conf:5: net.ipv4.tcp_syncookies = 1: it equals the kernel's default",
        "# /run/blog.conf:7: net/ipv4/tcp_fin_timeout = 015: `015` is octal or hexadecimal to the kernel",
        "# /run/blog.conf:9: net.ipv4.conf.*.rp_filter = 1: a pattern: a profile names its keys",
        "# /run/blog.conf:11: net.ipv4.tcp_fastopen_key = (not shown): fastopen_key: a secret is not managed by tcptune",
        "# /run/blog.conf:12: vm.swappiness 10: it is no assignment",
    ] {
        assert!(profile.contains(line), "{line}\n{profile}");
    }
    sandbox.file("/run/blog.toml", &profile);
    sandbox.tcptune("apply /run/blog.toml").exits(0);
    assert_eq!(sandbox.sysctl("net.core.somaxconn"), "65535");
    // The same from standard input, without root, in JSON.
    let json = sandbox
        .run(
            "sh",
            &[
                "-c",
                &format!("{} import - --json < /run/blog.conf", binary().display()),
            ],
        )
        .exits(0)
        .json();
    assert_eq!(json["dropped"].as_array().unwrap().len(), 6);
    assert_eq!(
        json["hashes"]["desired"],
        sandbox.tcptune("diff /run/blog.toml --json").json()["hashes"]["desired"]
    );
    let missing = sandbox.tcptune("import /run/nothing.conf").exits(2);
    assert!(
        missing.err.contains("read /run/nothing.conf: No such file"),
        "{}",
        missing.err
    );
    sandbox.tcptune("import").exits(2);
}

#[test]
fn what_a_host_boots_with_becomes_a_profile_and_a_patch() {
    let sandbox = Sandbox::new();
    sandbox.sh("mkdir -p /run/systemd/system; rm -f /etc/sysctl.d/*; ln -s ../sysctl.conf /etc/sysctl.d/99-sysctl.conf");
    sandbox.file(
        "/etc/sysctl.conf",
        "# kept\n\n# for the proxies\nnet.core.somaxconn\t= 8192\n; kept too\n",
    );
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        "net.core.somaxconn = 1\nnet.ipv4.tcp_synack_retries = 3\nnet.ipv4.conf.*.rp_filter = 1",
    );
    sandbox
        .sh("/lib/systemd/systemd-sysctl --prefix=net/core --prefix=net/ipv4/tcp_synack_retries");
    let profile = sandbox.tcptune("import --managed").exits(0).out;
    assert!(
        profile.contains(
            "\n[tcp]\nsomaxconn = { value = 8192, why = \"for the proxies\" }\nsynack_retries = 3\n"
        ),
        "{profile}"
    );
    assert!(
        !profile.contains("pid_max"),
        "what packages bring is not this machine's wish: {profile}"
    );
    sandbox.file("/etc/tcptune/profiles/mine.toml", &profile);
    let before = sandbox.all();
    sandbox.tcptune("apply mine --persist").exits(0);
    assert_eq!(sandbox.all(), before, "it is what the host had");
    sandbox.sh("sed -n 's/^#| //p' /etc/tcptune/profiles/mine.toml | patch -p0 -d /");
    assert_eq!(
        sandbox.sh("cat /etc/sysctl.conf"),
        "# kept\n\n# for the proxies\n; kept too"
    );
    assert_eq!(
        sandbox.sh("cat /etc/sysctl.d/10-a.conf"),
        "net.ipv4.conf.*.rp_filter = 1"
    );
    sandbox.tcptune("verify").exits(0);
    let rest = sandbox.tcptune("import --managed --json").exits(0).json();
    assert_eq!(rest["diff"], serde_json::Value::Null);
}

fn managed(sandbox: &Sandbox) -> String {
    sandbox.tcptune("import --managed").exits(0).out
}

/// Every line that is not in the profile has a reason, also one that only loses.
#[test]
fn a_line_that_loses_is_said_to() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/sysctl.d; echo 'net.ipv4.tcp_max_syn_backlog = 888' > /run/sysctl.d/90-pack.conf");
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        "net.ipv4.tcp_max_syn_backlog = 777\nnet.ipv4.tcp_syn_retries = 3\n",
    );
    sandbox.file("/etc/sysctl.conf", "net.ipv4.tcp_syn_retries = 2\n");
    let profile = managed(&sandbox);
    for line in [
        "# /etc/sysctl.d/10-a.conf:1: net.ipv4.tcp_max_syn_backlog = 777: /run/sysctl.d/90-pack.conf:1 wins at the next boot, with 888\n",
        "# /etc/sysctl.conf:1: net.ipv4.tcp_syn_retries = 2: only `sysctl -p` and `sysctl --system` read this file\n",
    ] {
        assert!(profile.contains(line), "{line}\n{profile}");
    }
}

/// What tcptune's own drop-in declares stays its business: the profile that comes out would undo it.
#[test]
fn what_the_drop_in_declares_is_not_imported_from_the_lines_that_it_beats() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/60-app.conf",
        "net.core.somaxconn = 1024\nnet.ipv4.tcp_syn_retries = 3\n",
    );
    sandbox.tcptune("set somaxconn=8192 --persist").exits(0);
    let profile = managed(&sandbox);
    assert!(!profile.contains("\nsomaxconn ="), "{profile}");
    assert!(profile.contains("\nsyn_retries = 3\n"), "{profile}");
    let why = "# /etc/sysctl.d/60-app.conf:1: net.core.somaxconn = 1024: /etc/sysctl.d/99-tcptune.conf:6 wins at the next boot, with 8192\n";
    assert!(profile.contains(why), "{profile}");
}

/// Back to the kernel's default, against what a package says, is a wish.
#[test]
fn a_default_that_a_package_changes_is_a_wish() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/sysctl.d; echo 'net.ipv4.tcp_ecn = 1' > /run/sysctl.d/50-pack.conf");
    sandbox.file(
        "/etc/sysctl.d/60-a.conf",
        "net.ipv4.tcp_ecn = 2\nnet.ipv4.tcp_sack = 1\n",
    );
    let profile = managed(&sandbox);
    assert!(
        profile.contains("\necn = 2\n") && !profile.contains("\nsack ="),
        "{profile}"
    );
}

/// A patch that would not fit is not made: its lines are for hands.
#[test]
fn what_no_patch_can_take_out_is_said() {
    let sandbox = Sandbox::with_systemd();
    let files = [
        ("crlf", "# x\\r\\nnet.core.somaxconn = 5000\\r\\n", "2"),
        (
            "escape",
            "# \\033[1m\\nnet.ipv4.tcp_syn_retries = 3\\n",
            "2",
        ),
        ("latin", "# \\344\\nnet.ipv4.tcp_synack_retries = 3\\n", "2"),
    ];
    for (name, text, _) in files {
        sandbox.sh(&format!("printf '{text}' > /etc/sysctl.d/{name}.conf"));
    }
    sandbox.file(
        "/etc/sysctl.d/plain.conf",
        "net.ipv4.tcp_keepalive_time = 300\n",
    );
    let profile = managed(&sandbox);
    for (name, _, line) in files {
        let by_hand = format!("# /etc/sysctl.d/{name}.conf: line {line}: the file ");
        assert!(profile.contains(&by_hand), "{by_hand}\n{profile}");
    }
    for setting in [
        "somaxconn",
        "syn_retries",
        "synack_retries",
        "keepalive_time",
    ] {
        assert!(
            profile.contains(&format!("\n{setting} = ")),
            "{setting}\n{profile}"
        );
    }
    sandbox.file("/run/mine.toml", &profile);
    sandbox.sh("sed -n 's/^#| //p' /run/mine.toml | patch -p0 -d /");
    assert_eq!(
        sandbox.sh("cd /etc/sysctl.d; ls; cat plain.conf"),
        "crlf.conf\nescape.conf\nlatin.conf\nplain.conf"
    );
}

/// To write such a key does something; there is no value to keep.
#[test]
fn an_action_is_no_setting() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/run/list.conf",
        "net.ipv4.route.flush = 1\nnet.ipv4.tcp_syn_retries = 3\nkernel.core_pattern = |/bin/false # none\n",
    );
    let profile = sandbox.as_nobody(&[], "import /run/list.conf").exits(0).out;
    let action = "# /run/list.conf:1: net.ipv4.route.flush = 1: an action, not a setting: it cannot be read back\n";
    assert!(profile.contains(action), "{profile}");
    // Behind a text, nothing is a comment.
    assert!(
        profile.contains("\"kernel.core_pattern\" = \"|/bin/false # none\"\n"),
        "{profile}"
    );
}

/// Under procps a line that the kernel refuses leaves what an earlier one wrote.
#[test]
fn a_refused_line_undoes_nothing_under_procps() {
    let sandbox = Sandbox::new();
    let list = "net.ipv4.tcp_syn_retries = 3\nnet.ipv4.tcp_syn_retries = many\nnet.core.somaxconn = 5000\nnet.core.somaxconn = 010\n";
    sandbox.file("/run/list.conf", list);
    let profile = sandbox.tcptune("import /run/list.conf").exits(0).out;
    assert!(
        profile.contains("\nsyn_retries = 3\n") && !profile.contains("\nsomaxconn ="),
        "{profile}"
    );
    sandbox.sh("sysctl -q -p /run/list.conf || true");
    assert_eq!(sandbox.sysctl("net.ipv4.tcp_syn_retries"), "3");
    assert_eq!(sandbox.sysctl("net.core.somaxconn"), "8");
    sandbox.sh("mkdir -p /run/systemd/system");
    let profile = sandbox.tcptune("import /run/list.conf").exits(0).out;
    assert!(!profile.contains("\nsyn_retries ="), "{profile}");
}

/// The same line twice is one wish, whichever of the two the loader obeys.
#[test]
fn a_line_that_is_there_twice_is_kept() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/sysctl.d; echo 'net.ipv4.tcp_keepalive_time = 600' > /run/sysctl.d/10-pack.conf");
    sandbox.file(
        "/etc/sysctl.d/50-a.conf",
        "net.core.somaxconn = 5000\nnet.ipv4.tcp_syn_retries = 3\nnet/ipv4/tcp_syn_retries = 3\n",
    );
    sandbox.file(
        "/etc/sysctl.d/60-a.conf",
        "net.core.somaxconn = 5000\nnet.ipv4.tcp_keepalive_time = 600\n",
    );
    let profile = managed(&sandbox);
    for setting in [
        "somaxconn = 5000",
        "syn_retries = 3",
        "keepalive_time = 600",
    ] {
        assert!(
            profile.contains(&format!("\n{setting}\n")),
            "{setting}\n{profile}"
        );
    }
}

/// A default that holds back another line is a wish: without it, that line would win.
#[test]
fn a_default_that_another_line_contradicts_is_a_wish() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/sysctl.d/10-a.conf",
        "net.ipv4.tcp_synack_retries = 2\n",
    );
    sandbox.file(
        "/etc/sysctl.d/20-b.conf",
        "net.ipv4.tcp_synack_retries = 5\n",
    );
    let profile = managed(&sandbox);
    assert!(profile.contains("\nsynack_retries = 5\n"), "{profile}");
}
