//! One small row of the SYN timeline, measured on the running kernel.

use crate::sandbox::Sandbox;

/// `connect()` to a peer that never answers: a veth pair whose other end has no address.
#[test]
fn a_connect_fails_when_show_says_so() {
    let sandbox = Sandbox::new();
    sandbox.sh(
        "ip link add v0 type veth peer name v1
         ip link set v0 arp off; ip addr add 192.0.2.1/24 dev v0; ip link set v0 up; ip link set v1 up",
    );
    sandbox.tcptune("set syn_retries=1").exits(0);
    sandbox.file("/run/p.toml", "[tcp]\nsyn_retries = 1\n");
    let shown = sandbox.tcptune("show /run/p.toml --json").exits(0).json();
    let line = &shown["settings"][0]["timeline"];
    let linear = sandbox.sh("cat /proc/sys/net/ipv4/tcp_syn_linear_timeouts 2>/dev/null || echo 0");
    assert_eq!(
        (linear.as_str(), line["give_up_s"].as_f64()),
        ("4", Some(3.0)),
        "the figures are those of Linux 6.5 and later"
    );

    let retransmissions = || -> u64 {
        let table = sandbox.sh("cat /proc/net/netstat");
        let mut rows = table
            .lines()
            .filter(|row| row.starts_with("TcpExt:"))
            .map(str::split_whitespace);
        let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
        names
            .zip(values)
            .find(|(name, _)| *name == "TCPSynRetrans")
            .unwrap()
            .1
            .parse()
            .unwrap()
    };
    let before = retransmissions();
    let script = "s=$(date +%s%N); bash -c 'echo > /dev/tcp/192.0.2.2/9' 2>/dev/null && exit 1; e=$(date +%s%N); echo $(( (e - s) / 1000000 ))";
    let took_ms: f64 = sandbox.sh(script).parse().unwrap();
    let ideal_ms = line["give_up_s"].as_f64().unwrap() * 1000.0;
    // The timer wheel is late, never early: by 4 % and a tick or two. The rest is for a busy machine, which has to
    // start a shell in that time.
    assert!(
        (ideal_ms..ideal_ms * 1.04 + 1500.0).contains(&took_ms),
        "{took_ms} ms, not {ideal_ms}"
    );
    assert_eq!(
        Some(retransmissions() - before),
        line["retransmissions"].as_u64()
    );
}

/// Linear timeouts, cap and retries of the kernel, as `show` turns them into seconds.
#[test]
fn show_reproduces_every_measured_row() {
    let sandbox = Sandbox::new();
    for (retries, linear, rto_max_ms, count, give_up_s) in [
        (1, 0, 120_000, 1, 3),
        (1, 1, 120_000, 2, 4),
        (1, 2, 120_000, 2, 3),
        (1, 4, 120_000, 2, 3),
        (2, 0, 120_000, 2, 7),
        (2, 1, 120_000, 3, 8),
        (2, 2, 120_000, 4, 9),
        (2, 4, 120_000, 5, 7),
        (2, 10, 120_000, 6, 7),
        (3, 0, 120_000, 3, 15),
        (3, 4, 120_000, 7, 19),
        (3, 10, 120_000, 12, 17),
        (4, 4, 120_000, 8, 35),
        (5, 0, 120_000, 5, 63),
        (5, 4, 120_000, 9, 67),
        (6, 0, 120_000, 6, 127),
        (6, 4, 120_000, 10, 131),
        (7, 0, 120_000, 7, 247),
        (6, 4, 1_000, 6, 7),
        (6, 0, 5_000, 6, 27),
        (6, 4, 5_000, 10, 31),
    ] {
        sandbox.sh(&format!(
            "cd /proc/sys/net/ipv4; echo {linear} > tcp_syn_linear_timeouts; echo {rto_max_ms} > tcp_rto_max_ms
             printf '[tcp]\\nsyn_retries = {retries}\\n' > /run/p.toml"
        ));
        let shown = sandbox.tcptune("show /run/p.toml --json").exits(0).json();
        let line = &shown["settings"][0]["timeline"];
        let row = (line["retransmissions"].as_u64(), line["give_up_s"].as_u64());
        assert_eq!(
            row,
            (Some(count), Some(give_up_s)),
            "N={retries} L={linear} M={rto_max_ms}"
        );
    }
}
