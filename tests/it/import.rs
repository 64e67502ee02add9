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
        "\"net.netfilter.no_such_key\" = { value = 7, optional = true, why = \"this kernel does not have it\" }",
        "# /run/blog.conf:4: net.ipv4.tcp_tw_recycle = 1: tw_recycle: no current kernel has this key",
        "# /run/blog.conf:5: net.ipv4.tcp_syncookies = 1: it equals the kernel's default",
        "# /run/blog.conf:7: net/ipv4/tcp_fin_timeout = 015: `015` is octal or hexadecimal to the kernel",
        "# /run/blog.conf:9: net.ipv4.conf.*.rp_filter = 1: a pattern: a profile names its keys",
        "# /run/blog.conf:11: net.ipv4.tcp_fastopen_key = 0-0-0-0: fastopen_key: a secret is not managed by tcptune",
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
    let missing = sandbox.tcptune("import /run/nothing.conf").exits(4);
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
