//! `metrics`: what Prometheus is told of drift, the journal and the queues.

use serde_json::Value as Json;

use crate::sandbox::{Run, Sandbox};

/// The value of a series, as it is written in the text.
fn of(run: &Run, series: &str) -> Option<String> {
    let mut lines = run.out.lines();
    lines.find_map(|line| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned()))
}

/// What is in a series of the sandbox's own namespace.
fn here(run: &Run, family: &str) -> Option<String> {
    of(run, &format!("tcptune_{family}{{netns=\"container\"}}"))
}

#[test]
fn drift_a_hold_and_what_waits_are_told_and_the_exit_is_0() {
    let sandbox = Sandbox::with_systemd();
    let blank = sandbox.tcptune("metrics").exits(0);
    assert_eq!(here(&blank, "clean").as_deref(), Some("1"));
    assert_eq!(here(&blank, "entry_id").as_deref(), Some("0"));
    assert_eq!(here(&blank, "last_entry_id"), None);
    assert!(!blank.out.contains("rmem_max"), "it is the machine's");

    sandbox.tcptune("apply high-traffic --persist").exits(0);
    sandbox.stranger("net.core.somaxconn", "77");
    let drifted = sandbox.tcptune("metrics").exits(0);
    assert_eq!(here(&drifted, "clean").as_deref(), Some("0"));
    let axis = |axis| format!("tcptune_drift_keys{{netns=\"container\",axis=\"{axis}\"}}");
    assert_eq!(of(&drifted, &axis("live")).as_deref(), Some("1"));
    assert_eq!(of(&drifted, &axis("boot")).as_deref(), Some("0"));
    let key = r#"{netns="container",key="net.core.somaxconn"#;
    let value = of(&drifted, &format!("tcptune_sysctl_value{key}\"}}"));
    assert_eq!(value.as_deref(), Some("77"));
    let wanted = of(
        &drifted,
        &format!("tcptune_sysctl_wanted{key}\",bound=\"at_least\"}}"),
    );
    assert_eq!(wanted.as_deref(), Some("16384"));
    assert_eq!(here(&drifted, "drop_in_intact").as_deref(), Some("1"));

    sandbox.tcptune("rollback --force").exits(0);
    sandbox.tcptune("hold --for 2h").exits(0);
    sandbox
        .tcptune("set synack_retries=4 --confirm-within=5m")
        .exits(0);
    let waits = sandbox.tcptune("metrics").exits(0);
    assert_eq!(of(&waits, "tcptune_hold").as_deref(), Some("1"));
    assert_eq!(here(&waits, "unconfirmed").as_deref(), Some("1"));
    let number = |text: Option<String>| text.unwrap().parse::<u64>().unwrap();
    let now = number(of(&waits, "tcptune_last_run_timestamp_seconds"));
    let until = number(here(&waits, "unconfirmed_deadline_timestamp_seconds"));
    assert!((now + 200..=now + 300).contains(&until), "{now} {until}");
    assert!(number(of(&waits, "tcptune_hold_until_timestamp_seconds")) > now + 7000);
    let last = r#"tcptune_last_entry_info{netns="container",verb="set",result="unconfirmed"}"#;
    assert_eq!(of(&waits, last).as_deref(), Some("1"));
    sandbox.tcptune("rollback").exits(0);
    let back = sandbox.tcptune("metrics").exits(0);
    let last = r#"tcptune_last_entry_info{netns="container",verb="set",result="reverted"}"#;
    assert_eq!(of(&back, last).as_deref(), Some("1"), "{}", back.out);
}

#[test]
fn an_entry_that_was_interrupted_is_told() {
    let sandbox = Sandbox::new();
    sandbox.killed_at_write(4, "apply high-traffic");
    let run = sandbox.tcptune("metrics").exits(0);
    assert_eq!(here(&run, "interrupted").as_deref(), Some("1"));
    let last = r#"tcptune_last_entry_info{netns="container",verb="apply",result="interrupted"}"#;
    assert_eq!(of(&run, last).as_deref(), Some("1"));
}

#[test]
fn a_listener_that_is_full_and_the_process_that_has_it() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/listen.py",
        r#"
import socket, time
open("/proc/self/comm", "w").write('a"b\\c')
listener = socket.create_server(("127.0.0.1", 8080), backlog=1)
idle = socket.create_server(("127.0.0.1", 8081), backlog=7)
clients = []
for _ in range(2):
    clients.append(socket.create_connection(("127.0.0.1", 8080)))
open("/run/ready", "w").close()
time.sleep(600)
"#,
    );
    sandbox.sh("setsid python3 /run/listen.py >/dev/null 2>&1 & while [ ! -e /run/ready ]; do sleep 0.1; done");
    let run = sandbox.tcptune("metrics").exits(0);
    assert_eq!(here(&run, "listeners").as_deref(), Some("2"));
    assert_eq!(here(&run, "listeners_full").as_deref(), Some("1"));
    assert_eq!(
        here(&run, "accept_queued_connections").as_deref(),
        Some("2")
    );
    let at = r#"{netns="container",address="127.0.0.1",port="8080"}"#;
    for (family, value) in [("queue", "2"), ("queue_limit", "1")] {
        let series = format!("tcptune_listener_accept_{family}{at}");
        assert_eq!(of(&run, &series).as_deref(), Some(value), "{}", run.out);
    }
    let run = sandbox
        .tcptune("metrics --listeners 1 --label process")
        .exits(0);
    let own = r#"tcptune_listener_accept_queue{netns="container",process="a\"b\\c"}"#;
    assert_eq!(of(&run, own).as_deref(), Some("2"), "{}", run.out);
    let run = sandbox.tcptune("metrics --listeners 0").exits(0);
    assert!(!run.out.contains("tcptune_listener_"));
}

#[test]
fn every_namespace_once_however_it_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add blue; ip netns add green");
    let run = sandbox
        .tcptune("metrics --netns blue --netns green --netns blue")
        .exits(0);
    let clean = run
        .out
        .lines()
        .filter(|line| line.starts_with("tcptune_clean{"));
    assert_eq!(
        clean.collect::<Vec<_>>(),
        [
            r#"tcptune_clean{netns="blue"} 1"#,
            r#"tcptune_clean{netns="green"} 1"#
        ]
    );
    let gone = sandbox.tcptune("metrics --netns blue --netns red").exits(2);
    assert_eq!(gone.out, "", "half an answer is none");
}

#[test]
fn an_entry_that_cannot_be_read_is_warned_of() {
    let sandbox = Sandbox::new();
    for retries in [3, 4, 2] {
        sandbox
            .tcptune(&format!("set synack_retries={retries}"))
            .exits(0);
    }
    let whole = sandbox.tcptune("metrics").exits(0);
    assert_eq!(whole.err, "");
    sandbox.sh("for id in 1 3; do echo '{' >/var/lib/tcptune/journal/$id.json; done");
    let run = sandbox
        .tcptune("metrics --write /run/tcptune.prom")
        .exits(0);
    for id in [1, 3] {
        let warning = format!("/var/lib/tcptune/journal/{id}.json");
        assert_eq!(run.err.matches(&warning).count(), 1, "{}", run.err);
    }
    sandbox.sh("rm /var/lib/tcptune/state.json");
    let run = sandbox.tcptune("metrics").exits(0);
    assert_eq!(run.err.matches("warning: ").count(), 2, "{}", run.err);
}

#[test]
fn a_namespace_without_a_name_is_not_called_by_a_process() {
    let sandbox = Sandbox::new();
    sandbox.sh("unshare --net sleep 600 >/dev/null 2>&1 & echo $! >/run/pid
                while [ \"$(readlink /proc/$!/ns/net)\" = \"$(readlink /proc/1/ns/net)\" ]; do sleep 0.1; done");
    let pid = sandbox.sh("cat /run/pid");
    let inode = sandbox.sh("readlink /proc/$(cat /run/pid)/ns/net");
    for words in ["all", &format!("pid:{}", pid.trim())] {
        let run = sandbox
            .tcptune(&format!("metrics --netns {words}"))
            .exits(0);
        let clean = format!("tcptune_clean{{netns=\"{}\"}}", inode.trim());
        assert_eq!(of(&run, &clean).as_deref(), Some("1"), "{}", run.out);
        assert!(!run.out.contains("pid:"), "{}", run.out);
    }
}

#[test]
fn a_file_is_replaced_whole_and_only_if_it_is_ours() {
    let sandbox = Sandbox::new();
    sandbox.sh("umask 077; mkdir /run/node; chmod 755 /run/node");
    let write = |name: &str| sandbox.tcptune(&format!("metrics --write /run/node/{name}"));
    for _ in 0..2 {
        let run = write("tcptune.prom").exits(0);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    }
    assert_eq!(
        sandbox.sh("stat -c %a /run/node/*; ls -A /run/node"),
        "644\ntcptune.prom"
    );
    sandbox.sh("cd /run/node; ln -s tcptune.prom link.prom; echo '# HELP node_x y' > other.prom");
    let before = sandbox.sh("cd /run/node; sha256sum *");
    for name in ["link.prom", "other.prom"] {
        let refused = write(name).exits(3);
        assert!(
            refused.err.contains("hint: move it away"),
            "{}",
            refused.err
        );
    }
    write("tcptune.txt").exits(2);
    write("none/tcptune.prom").exits(4);
    let words = "metrics --netns red --write /run/node/tcptune.prom";
    sandbox.tcptune(words).exits(2);
    sandbox.sh("mkdir -p /var/lib/tcptune; echo { > /var/lib/tcptune/hold.json");
    write("tcptune.prom").exits(4);
    assert_eq!(
        sandbox.sh("cd /run/node; sha256sum *"),
        before,
        "the file goes stale"
    );
    assert!(
        sandbox
            .sh("ls -A /run/node")
            .lines()
            .all(|name| !name.starts_with('.'))
    );
}

#[test]
fn whoever_reads_while_several_write_reads_a_whole_file() {
    let sandbox = Sandbox::new();
    let binary = crate::sandbox::binary();
    sandbox.sh(&format!(
        "mkdir /run/node; write() {{ {} metrics --write /run/node/a.prom; }}; write
         for one in 1 2 3 4; do (for again in 1 2 3 4 5; do write || touch /run/failed; done; touch /run/done-$one) & done
         until [ -e /run/done-1 -a -e /run/done-2 -a -e /run/done-3 -a -e /run/done-4 ]; do
             cp /run/node/a.prom /run/copy
             head -n 1 /run/copy | grep -q '^# Written by'
             tail -n 1 /run/copy | grep -q '^tcptune_netstat_total.* [0-9]*$'
         done
         wait; [ ! -e /run/failed ]; [ \"$(ls -A /run/node)\" = a.prom ]",
        binary.display()
    ));
}

#[test]
fn whoever_may_read_gets_the_same_without_root() {
    let sandbox = Sandbox::new();
    sandbox.tcptune("apply high-traffic").exits(0);
    let timeless = |run: Run| {
        let lines = run.exits(0).out;
        let lines = lines
            .lines()
            .filter(|line| !line.starts_with("tcptune_last_run_"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let root = timeless(sandbox.tcptune("metrics"));
    assert_eq!(root, timeless(sandbox.as_nobody(&[], "metrics")));
    assert_eq!(
        root,
        timeless(sandbox.tcptune("metrics")),
        "nothing else moved"
    );
    let denied = sandbox
        .as_nobody(&[], "metrics --write /run/tcptune.prom")
        .exits(3);
    assert!(
        denied.err.contains("hint: run it as root"),
        "{}",
        denied.err
    );
}

#[test]
fn owners_that_cannot_be_seen_are_warned_of() {
    let sandbox = Sandbox::new();
    sandbox.sh("setsid python3 -c 'import socket, time; s = socket.create_server((\"127.0.0.1\", 8080)); open(\"/run/ready\", \"w\"); time.sleep(600)' \
                >/dev/null 2>&1 & while [ ! -e /run/ready ]; do sleep 0.1; done");
    let root = sandbox.tcptune("metrics --label process,port").exits(0);
    assert_eq!(root.err, "");
    assert_eq!(
        sandbox.as_nobody(&[], "metrics --label port").exits(0).err,
        ""
    );
    for label in ["process", "pid"] {
        let words = format!("metrics --label {label}");
        let nobody = sandbox.as_nobody(&[], &words).exits(0);
        assert!(
            nobody.err.contains("who has 1 listener cannot be seen")
                && nobody.err.contains("hint: run it as root"),
            "{}",
            nobody.err
        );
    }
    let document = sandbox
        .as_nobody(&[], "metrics --label pid --json")
        .exits(0)
        .json();
    assert_eq!(document["warnings"][0]["code"], "owners");
}

#[test]
fn the_document_has_the_same_samples() {
    let sandbox = Sandbox::new();
    let document = sandbox
        .tcptune("metrics --json --write /run/a.prom")
        .exits(0)
        .json();
    assert_eq!(
        (&document["schema"], &document["command"]),
        (&1.into(), &"metrics".into())
    );
    assert_eq!(document["written"], "/run/a.prom");
    let families = document["metrics"].as_array().unwrap();
    let samples = families
        .iter()
        .flat_map(|one| one["samples"].as_array().unwrap());
    let text = sandbox.sh("cat /run/a.prom");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(samples.count(), lines.count());
    let clean = families
        .iter()
        .find(|one| one["name"] == "tcptune_clean")
        .unwrap();
    assert_eq!(clean["samples"][0]["labels"]["netns"], "container");
    assert_eq!(clean["samples"][0]["value"], Json::from(1));
    assert!(clean["help"].is_string() && clean["type"] == "gauge");
}
