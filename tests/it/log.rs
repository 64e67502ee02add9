//! What the system's log hears.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// Records that came in, without the empty ones that only try the door.
fn records(socket: &UnixDatagram) -> Vec<String> {
    let mut records = Vec::new();
    let mut buffer = vec![0; 65536];
    while let Ok(count) = socket.recv(&mut buffer) {
        records.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    records.retain(|record| !record.is_empty());
    records
}

fn listen(sandbox: &Sandbox, path: &str) -> UnixDatagram {
    let socket = UnixDatagram::bind(sandbox.path(path)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    socket
}

#[test]
fn every_transaction_leaves_one_record_in_the_journal_of_systemd() {
    let sandbox = Sandbox::new();
    sandbox.sh("mkdir -p /run/systemd/journal");
    let socket = listen(&sandbox, "/run/systemd/journal/socket");
    sandbox
        .run(
            crate::sandbox::binary().to_str().unwrap(),
            &["apply", "high-traffic", "--reason", "launch day"],
        )
        .exits(0);
    let told = records(&socket);
    assert_eq!(told.len(), 1, "{told:?}");
    for field in [
        "SYSLOG_IDENTIFIER\ntcptune\n",
        "TCPTUNE_ENTRY",
        "TCPTUNE_STATE",
        "committed",
        "TCPTUNE_PROFILES",
        "high-traffic",
        "TCPTUNE_CHANGES",
        "TCPTUNE_WHO",
        "uid 0",
        "TCPTUNE_REASON",
        "launch day",
    ] {
        let field = field.replace("SYSLOG_IDENTIFIER\ntcptune\n", "SYSLOG_IDENTIFIER");
        assert!(told[0].contains(&field), "{field}: {told:?}");
    }
    sandbox.tcptune("apply high-traffic").exits(0);
    sandbox.tcptune("status").exits(0);
    assert_eq!(records(&socket), Vec::<String>::new(), "nothing was done");
    sandbox.tcptune("rollback").exits(0);
    let told = records(&socket);
    assert!(told.len() == 1 && told[0].contains("restored"), "{told:?}");
    // Refused by the kernel in the middle, and put back.
    sandbox
        .tcptune("apply high-traffic --set net.ipv4.tcp_congestion_control=nonesuch")
        .exits(4);
    let told = records(&socket);
    assert!(
        told.len() == 1 && told[0].contains("reverted") && told[0].contains("TCPTUNE_ERROR"),
        "{told:?}"
    );
    sandbox
        .tcptune("apply high-traffic --confirm-within=1s")
        .exits(0);
    assert!(records(&socket)[0].contains("unconfirmed"));
    std::thread::sleep(Duration::from_secs(3));
    let told = records(&socket);
    assert!(
        told.len() == 1 && told[0].contains("not confirmed in time"),
        "{told:?}"
    );
}

#[test]
fn without_it_syslog_hears_the_same() {
    let sandbox = Sandbox::new();
    // The sandbox shares the machine's /dev, where a log may be: it gets its own.
    sandbox.sh("mkdir -p /run/dev; touch /run/dev/log; mount -t tmpfs tmpfs /run/dev; cp -a /dev/null /dev/zero /dev/urandom /dev/tty /run/dev; mount --bind /run/dev /dev");
    let socket = listen(&sandbox, "/dev/log");
    sandbox.tcptune("apply high-traffic").exits(0);
    let told = records(&socket);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].matches("tcptune").count(), 1, "{told:?}");
    assert!(told[0].contains(": entry 1 committed: apply of high-traffic in container, 2 changes, by uid 0 TCPTUNE_ENTRY=\"1\""), "{told:?}");
}

/// Who confirms, who rejects, and what could not be put back are heard of as well.
#[test]
fn every_end_leaves_its_record() {
    let sandbox = Sandbox::new();
    sandbox.sh("mkdir -p /run/systemd/journal");
    let socket = listen(&sandbox, "/run/systemd/journal/socket");
    let one = |state: &str| {
        let told = records(&socket);
        assert!(
            told.len() == 1 && told[0].contains(state),
            "{state}: {told:?}"
        );
    };
    for (verb, state) in [("confirm", "committed"), ("rollback", "reverted")] {
        sandbox
            .tcptune(&format!(
                "set syn_retries={} --confirm-within=1h",
                verb.len()
            ))
            .exits(0);
        one("unconfirmed");
        sandbox.tcptune(verb).exits(0);
        one(state);
    }
    sandbox.killed_at_write(4, "set syn_retries=3 synack_retries=3");
    let refusing = format!(
        "strace -o /dev/null -P /proc/sys/net/ipv4/tcp_syn_retries -e inject=write:error=EIO {} off",
        crate::sandbox::binary().display()
    );
    sandbox.run("sh", &["-c", &refusing]).exits(5);
    one("failed");
}

/// A log that nobody reads delays nothing for long, least of all what has to go back.
#[test]
fn a_log_that_is_stuck_holds_nothing_up() {
    for log in ["/run/systemd/journal/socket", "/dev/log"] {
        let sandbox = Sandbox::new();
        sandbox.sh("mkdir -p /run/systemd/journal /run/dev; mount -t tmpfs tmpfs /run/dev; cp -a /dev/null /dev/zero /dev/urandom /dev/tty /run/dev; mount --bind /run/dev /dev");
        let _never_read = UnixDatagram::bind(sandbox.path(log)).unwrap();
        let full = |n: usize| {
            let since = Instant::now();
            sandbox
                .tcptune(&format!("set synack_retries={}", 2 + n % 2))
                .exits(0);
            since.elapsed() > Duration::from_millis(900)
        };
        assert!((0..1000).any(full), "{log} is full at last");
        sandbox
            .tcptune("set syn_retries=3 --confirm-within=1s")
            .exits(0);
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(sandbox.sysctl("net.ipv4.tcp_syn_retries"), "6", "{log}");
    }
}
