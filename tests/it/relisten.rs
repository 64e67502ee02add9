//! Listeners that a plan does not reach: those that an earlier `somaxconn` caps, and those with a backlog of their own.

use serde_json::Value as Json;

use crate::doctor::Lab;
use crate::sandbox::Sandbox;

/// The listeners that a report names: port, limit, state.
fn listeners(document: &Json) -> Vec<(u64, u64, String)> {
    let all = document["namespaces"][0]["listeners"]
        .as_array()
        .expect("a list");
    let one = |one: &Json| {
        let state = one["state"].as_str().expect("a word").to_owned();
        (
            one["port"].as_u64().expect("a port"),
            one["limit"].as_u64().expect("a limit"),
            state,
        )
    };
    all.iter().map(one).collect()
}

#[test]
fn who_must_listen_again_is_named_until_it_has() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.script(&[
        "listen web 10.0.0.1:80 backlog=100000",
        "listen api 10.0.0.1:81 backlog=511",
    ]);
    let stale = (80, 4096, "must-listen-again".to_owned());
    let own = (81, 511, "limited-by-application".to_owned());
    let plan = sandbox.tcptune("diff high-traffic --json").exits(1).json();
    assert_eq!(listeners(&plan), [stale.clone(), own.clone()]);
    let text = sandbox.tcptune("diff high-traffic").exits(1).out;
    let pid = sandbox.sh("pgrep -x web");
    for line in [
        format!(
            "must listen again: web[{pid}] 10.0.0.1:80 keeps its limit of 4096 until then: restart it"
        ),
        "no effect on api[".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let markdown = sandbox
        .tcptune("diff high-traffic --output markdown")
        .exits(1)
        .out;
    assert!(markdown.contains("must listen again"), "{markdown}");
    let done = sandbox.tcptune("apply high-traffic --json").exits(0).json();
    assert_eq!(listeners(&done), [stale.clone(), own]);
    // Nothing to change any more, and still it has not listened.
    let after = sandbox.tcptune("diff high-traffic --json").exits(0).json();
    assert_eq!(listeners(&after), [stale]);
    lab.say("relisten web");
    let heard = sandbox.tcptune("diff high-traffic --json").exits(0).json();
    assert_eq!(listeners(&heard), []);
    // A plan that does not speak of somaxconn says nothing of listeners.
    let other = sandbox
        .tcptune("diff fail-fast --set somaxconn=16384 --json")
        .json();
    assert_eq!(listeners(&other), []);
}

/// Two changes: a limit of each of the earlier values is stale.
#[test]
fn every_somaxconn_of_this_boot_is_remembered() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.say("listen first 10.0.0.1:80 backlog=100000");
    sandbox.tcptune("set somaxconn=8192").exits(0);
    lab.say("listen second 10.0.0.1:81 backlog=100000");
    sandbox.tcptune("set somaxconn=16384").exits(0);
    let after = sandbox
        .tcptune("set somaxconn=16384 --json")
        .exits(0)
        .json();
    let ports: Vec<u64> = listeners(&after)
        .into_iter()
        .map(|(port, ..)| port)
        .collect();
    assert_eq!(ports, [80, 81]);
}

/// A Go program takes somaxconn for its backlog, and reads it once: to have it listen again is not enough.
#[test]
fn a_go_program_must_be_restarted() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/listen.py",
        "import socket, time\ns = socket.create_server(('127.0.0.1', 82), backlog=100000)\nprint('ready', flush=True)\ntime.sleep(60)\n",
    );
    // What tells a Go program is a section of its file.
    sandbox.sh("echo buildinf > /run/section
         python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
         objcopy --add-section .go.buildinfo=/run/section \"$python\" /run/server
         export PYTHONHOME=$(python3 -c 'import sys; print(sys.prefix)')
         /run/server /run/listen.py > /run/out 2>&1 &
         timeout 10 sh -c 'until grep -q ready /run/out; do sleep 0.1; done'");
    let text = sandbox.tcptune("diff high-traffic").exits(1).out;
    assert!(
        text.contains("restart it: a Go program takes somaxconn for its backlog"),
        "{text}"
    );
}

#[test]
fn an_image_and_a_snapshot_have_no_listeners() {
    let sandbox = Sandbox::new();
    let mut lab = Lab::new(&sandbox);
    lab.say("listen web 10.0.0.1:80 backlog=100000");
    sandbox.sh(&format!(
        "{} snapshot > /run/web.json",
        crate::sandbox::binary().display()
    ));
    let elsewhere = sandbox
        .tcptune("diff high-traffic --against /run/web.json")
        .exits(1)
        .out;
    assert!(!elsewhere.contains("must listen again"), "{elsewhere}");
}
