//! `explain`, as its users meet it.

use crate::sandbox::Sandbox;

#[test]
fn a_key_its_value_and_a_plan() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.tcp_synack_retries", "3");
    let words = "explain tcp_synack_retries --set tcp_synack_retries=2";
    let told = sandbox.tcptune(words).exits(0).out;
    for line in [
        "  holds       3; the kernel's default is 5",
        "  planned     with tcp_synack_retries=2 it holds 2",
        "  takes       0 to 255 retransmissions",
        "  beside      somaxconn (4096), tcp_abort_on_overflow (0), tcp_syncookies (1)",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    assert_eq!(
        sandbox.sysctl("net.ipv4.tcp_synack_retries"),
        "3",
        "nothing is written"
    );

    let json = sandbox.tcptune(&format!("{words} --json")).exits(0).json();
    let key = &json["keys"][0];
    assert_eq!((&key["value"], &key["default"]), (&"3".into(), &"5".into()));
    assert_eq!(key["timeline"]["give_up_s"], 15);
    assert_eq!(key["planned"]["value"], "2");
    assert_eq!(
        key["planned"]["timeline"]["at_s"],
        serde_json::json!([1, 3])
    );
    assert_eq!(
        (&key["scope"], &key["takes_effect"]),
        (&"namespace".into(), &"in-progress".into())
    );
    assert!(
        key["interacts"]
            .as_array()
            .unwrap()
            .contains(&"net.core.somaxconn".into())
    );
}

#[test]
fn keys_that_nobody_knows_and_keys_that_only_the_kernel_knows() {
    let sandbox = Sandbox::new();
    let slip = sandbox.tcptune("explain tcp_synack_retires").exits(2);
    assert!(
        slip.err.contains("did you mean `synack_retries`?"),
        "{}",
        slip.err
    );
    let absent = sandbox.tcptune("explain net.ipv4.ip_defualt_ttl").exits(2);
    assert!(
        absent
            .err
            .contains("did you mean `net.ipv4.ip_default_ttl`?"),
        "{}",
        absent.err
    );
    let other = sandbox
        .tcptune("explain net.ipv4.ip_default_ttl")
        .exits(0)
        .out;
    assert!(other.contains("holds       64\n"), "{other}");
    assert!(
        other.contains("tcptune knows nothing more about it"),
        "{other}"
    );
    sandbox.tcptune("explain --set synack_retries=256").exits(2);
    sandbox
        .tcptune("explain synack_retries --root /run")
        .exits(2);
    let global = sandbox.tcptune("explain mem").exits(0).out;
    assert!(global.contains("has no such key"), "{global}");
}

#[test]
fn a_secret_is_never_shown() {
    let sandbox = Sandbox::new();
    let none = sandbox.tcptune("explain fastopen_key").exits(0).out;
    assert!(none.contains("no secret yet"), "{none}");
    sandbox.stranger(
        "net.ipv4.tcp_fastopen_key",
        "0badcafe-0badcafe-0badcafe-0badcafe",
    );
    for words in [
        "explain fastopen_key",
        "explain fastopen_key --json",
        "explain -v fastopen",
    ] {
        let told = sandbox.tcptune(words).exits(0).out;
        assert!(!told.contains("badcafe"), "{told}");
    }
    let json = sandbox
        .tcptune("explain fastopen_key --json")
        .exits(0)
        .json();
    let key = &json["keys"][0];
    assert_eq!(
        (&key["value"], &key["word"]),
        (&serde_json::Value::Null, &"set".into())
    );
    let nobody = sandbox.as_nobody(&[], "explain fastopen_key").exits(0).out;
    assert!(nobody.contains("may not be read"), "{nobody}");
}

#[test]
fn the_handshake_in_one_screen() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.core.somaxconn", "16");
    sandbox.sh("python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); socket.create_connection(s.getsockname())'");
    let told = sandbox.tcptune("explain").exits(0).out;
    for part in [
        "min(backlog, somaxconn 16)",
        "accept queue: 17 at most",
        "TcpPassiveOpens 1",
        "nobody listens",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let verbose = sandbox.tcptune("explain -v").exits(0).out;
    assert!(
        verbose.lines().all(|line| line.chars().count() <= 80),
        "{verbose}"
    );
    assert!(told.lines().count() <= 45, "{told}");

    let json = sandbox.tcptune("explain --json").exits(0).json();
    let stages = json["stages"].as_array().unwrap();
    let names: Vec<_> = stages
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["connect", "syn-queue", "accept-queue", "accepted"]);
    assert_eq!(stages[2]["limit"], 17);
    assert_eq!(stages[2]["counters"][0]["total"], 1);
    assert_eq!(stages[3]["counters"], serde_json::json!([]));
    assert_eq!(json["listeners"], serde_json::json!([]));
}

#[test]
fn a_plan_of_another_key_that_changes_the_picture_is_said() {
    let sandbox = Sandbox::new();
    let told = |words: &str| sandbox.tcptune(words).exits(0).out;
    let capped = told("explain tcp_syn_linear_timeouts --set tcp_rto_max_ms=1000");
    assert!(capped.contains("every SYN interval is 1 s"), "{capped}");
    assert!(!capped.contains("changes nothing"), "{capped}");
    let queue = told("explain somaxconn --set tcp_synack_retries=1");
    let said = "tcp_synack_retries=1 changes what it does, as the picture shows";
    assert!(queue.contains(said), "{queue}");
    assert!(queue.contains("|  forgotten after 3 s\n"), "{queue}");
    let other = told("explain somaxconn --set tcp_fin_timeout=30");
    assert!(
        other.contains("tcp_fin_timeout=30 changes nothing about it"),
        "{other}"
    );
}

#[test]
fn reserved_ports_are_taken_off_and_an_empty_list_is_called_so() {
    let sandbox = Sandbox::new();
    let words = "explain ip_local_port_range --set ip_local_reserved_ports=40000-40009";
    let told = sandbox.tcptune(words).exits(0).out;
    for part in [
        "28232 connections from one source",
        "28222 connections from one source",
        "ip_local_reserved_ports (empty)",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!told.contains(" ()"), "{told}");
}

#[test]
fn a_key_that_is_gone_claims_neither_scope_nor_effect() {
    let sandbox = Sandbox::new();
    let told = sandbox.tcptune("explain tw_recycle").exits(0).out;
    assert!(told.contains("silently dropped SYNs"), "{told}");
    assert!(
        !told.contains("takes effect") && !told.contains("namespace has its own"),
        "{told}"
    );
    let json = sandbox.tcptune("explain tw_recycle --json").exits(0).json();
    assert!(json["keys"][0]["scope"].is_null() && json["keys"][0]["takes_effect"].is_null());
}

#[test]
fn bits_that_nobody_knows_are_named() {
    let sandbox = Sandbox::new();
    sandbox.stranger("net.ipv4.tcp_fastopen", "2048");
    let told = sandbox.tcptune("explain tcp_fastopen").exits(0).out;
    assert!(
        told.contains("holds       2048 (0x800 without a meaning)"),
        "{told}"
    );
}
