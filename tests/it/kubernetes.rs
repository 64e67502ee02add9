//! Pods: the output for their manifests, and their namespaces, which are not those of the machine.

use crate::sandbox::{Run, Sandbox};

#[test]
fn a_profile_is_printed_for_a_manifest() {
    let sandbox = Sandbox::new();
    let run = sandbox.tcptune("show high-traffic --output kubernetes");
    let told = run.exits(0);
    assert_eq!(told.err, "");
    assert!(told.out.starts_with("# high-traffic (built in), desired "));
    assert!(told.out.contains(
        "\nsecurityContext:\n  sysctls:\n    # unsafe; at least 16384, as a pod takes no bounds\n"
    ));
    sandbox
        .sh("hostname other; ip netns add web; ip netns exec web sysctl -qw net.core.somaxconn=9");
    for netns in ["", "--netns web"] {
        let words = format!("show high-traffic {netns} --output kubernetes");
        let again = sandbox.tcptune(&words).exits(0);
        assert_eq!(again.out, told.out, "neither host nor namespace is in it");
    }
    let quiet = "show high-traffic --output kubernetes --quiet";
    assert_eq!(sandbox.tcptune(quiet).exits(0).out, "");
}

#[test]
fn what_was_tried_live_is_printed_for_a_manifest() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    for verb in ["apply high-traffic", "set synack_retries=2"] {
        sandbox.tcptune(&format!("{verb} --netns web")).exits(0);
    }
    let words = "show --active --netns web --output kubernetes";
    let told = sandbox.tcptune(words).exits(0).out;
    assert!(
        told.starts_with("# high-traffic + 1 set by hand, desired "),
        "{told}"
    );
    assert!(
        told.contains("- name: net.ipv4.tcp_synack_retries\n      value: \"2\"\n"),
        "{told}"
    );
    let here = sandbox
        .tcptune("show --active --output kubernetes")
        .exits(0);
    assert!(here.out.ends_with("\n  sysctls: []\n"), "{}", here.out);
}

#[test]
fn only_show_speaks_to_kubernetes() {
    let sandbox = Sandbox::new();
    for words in ["diff high-traffic", "apply high-traffic", "status", "list"] {
        let run = sandbox
            .tcptune(&format!("{words} --output kubernetes"))
            .exits(2);
        assert_eq!(run.out, "");
        assert!(
            run.err.starts_with(
                "error: only `show` has an output for Kubernetes\nhint: `tcptune show PROFILE... "
            ),
            "{}",
            run.err
        );
    }
    let reviews = sandbox.tcptune("show high-traffic --output sarif").exits(2);
    assert!(reviews.err.contains("only `diff` and `check`"));
    let missing = sandbox.tcptune("show nope --output kubernetes").exits(2);
    assert_eq!(missing.out, "", "what went wrong is no YAML");
    assert!(missing.err.contains("no profile `nope`"));
}

const SYNACK: &str = "net.ipv4.tcp_synack_retries";

/// What a namespace holds for a key that `high-traffic` sets to 3.
fn holds(sandbox: &Sandbox, name: &str) -> String {
    sandbox.sh(&format!("ip netns exec {name} sysctl -n {SYNACK}"))
}

/// The namespaces that a report speaks of.
fn namespaces(run: &Run) -> Vec<String> {
    let all = run.json()["namespaces"].as_array().unwrap().clone();
    let name = |one: &serde_json::Value| one["netns"].as_str().unwrap().to_owned();
    all.iter().map(name).collect()
}

/// The codes of its warnings about pods.
fn warnings(run: &Run) -> Vec<String> {
    let all = run.json()["warnings"].as_array().unwrap().clone();
    let codes = all
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned());
    codes.filter(|code| code.starts_with("pod")).collect()
}

/// A process in a namespace, in a control group as `/proc` would tell it.
fn process(sandbox: &Sandbox, name: &str, cgroups: &str) -> String {
    sandbox.file("/run/cgroup", cgroups);
    sandbox.sh(&format!(
        "ip netns exec {name} sleep 1000 >/dev/null 2>&1 & pid=$!
         while [ \"$(cat /proc/$pid/comm)\" != sleep ]; do sleep 0.01; done
         cp /run/cgroup /run/cgroup-$pid; mount --bind /run/cgroup-$pid /proc/$pid/cgroup; echo $pid"
    ))
}

const V1: &str = "4:pids:/kubepods/burstable/pod7b8e/3f1c\n0::/\n";
const V2: &str = "0::/kubepods.slice/kubepods-pod7b8e.slice/cri-containerd-3f1c.scope\n";
const SERVICE: &str = "0::/system.slice/nginx.service\n";

/// A node: a namespace of its own, one that containerd made for a pod, two that only their processes tell.
fn node() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sh("for name in web cni-1 crio anon; do ip netns add $name; done");
    process(&sandbox, "web", SERVICE);
    process(&sandbox, "crio", SERVICE);
    process(&sandbox, "crio", V2);
    process(&sandbox, "anon", V1);
    sandbox
}

#[test]
fn writing_verbs_leave_pods_alone() {
    let sandbox = node();
    let applied = sandbox
        .tcptune("apply high-traffic --netns all --json")
        .exits(0);
    assert_eq!(namespaces(&applied).len(), 2, "{}", applied.out);
    assert_eq!(warnings(&applied), ["pods-left-alone"]);
    for (name, value) in [("web", "3"), ("cni-1", "5"), ("crio", "5"), ("anon", "5")] {
        assert_eq!(holds(&sandbox, name), value, "{name}");
    }
    assert_eq!(sandbox.sysctl(SYNACK), "3", "its own");
    for verb in [
        "apply fail-fast --dry-run",
        "set synack_retries=4",
        "off",
        "rollback",
    ] {
        let run = sandbox.tcptune(&format!("{verb} --netns all")).exits(0);
        assert!(
            run.err.contains(
                "warning: left alone: 3 namespaces of pods\nhint: `--include-pods` takes them too;"
            ),
            "{verb}: {}",
            run.err
        );
        assert!(!run.out.contains("cni-1"), "{verb}: {}", run.out);
    }
    assert_eq!(holds(&sandbox, "cni-1"), "5");
}

#[test]
fn reading_verbs_see_pods() {
    let sandbox = node();
    for (verb, code) in [("status", 0), ("verify", 0), ("doctor --window 0s", 0)] {
        let run = sandbox.tcptune(&format!("{verb} --netns all --json"));
        let run = run.exits(code);
        assert_eq!(namespaces(&run).len(), 5, "{verb}: {}", run.out);
        assert_eq!(warnings(&run), [""; 0], "{verb}");
    }
    let diff = sandbox
        .tcptune("diff high-traffic --netns all --json")
        .exits(1);
    assert_eq!(namespaces(&diff).len(), 5);
    assert_eq!(warnings(&diff), ["pods-left-alone"]);
    let diff = sandbox.tcptune("diff high-traffic --netns all").exits(1);
    assert!(
        diff.err
            .contains("`apply` would leave alone 3 namespaces of pods that this shows"),
        "{}",
        diff.err
    );
    let words = "diff high-traffic --netns all --include-pods --json";
    assert_eq!(warnings(&sandbox.tcptune(words).exits(1)), [""; 0]);
}

#[test]
fn pods_that_were_included_are_rolled_back_too() {
    let sandbox = node();
    let words = "apply high-traffic --netns all --include-pods --json";
    let applied = sandbox.tcptune(words).exits(0);
    assert_eq!(namespaces(&applied).len(), 5);
    assert_eq!(warnings(&applied), ["pod"], "once for all");
    for name in ["web", "cni-1", "crio", "anon"] {
        assert_eq!(holds(&sandbox, name), "3", "{name}");
    }
    sandbox.tcptune("rollback --netns all").exits(0);
    assert_eq!(holds(&sandbox, "web"), "5");
    assert_eq!(holds(&sandbox, "crio"), "3", "left alone");
    sandbox.tcptune("rollback --netns crio").exits(0);
    assert_eq!(holds(&sandbox, "crio"), "5");
    sandbox
        .tcptune("rollback --netns all --include-pods")
        .exits(0);
    for name in ["cni-1", "anon"] {
        assert_eq!(holds(&sandbox, name), "5", "{name}");
    }
}

#[test]
fn whoever_names_a_pod_means_it() {
    let sandbox = node();
    let run = sandbox.tcptune("apply high-traffic --netns cni-1").exits(0);
    assert!(
        run.err.contains(
            "warning: cni-1 is the namespace of a pod: a new pod, or a new sandbox of this one, forgets what is set here\n\
             hint: `tcptune show --active --netns cni-1 --output kubernetes` prints it for the manifest\n"
        ),
        "{}",
        run.err
    );
    assert_eq!(holds(&sandbox, "cni-1"), "3");
    let pid = process(&sandbox, "crio", SERVICE);
    for target in [format!("pid:{pid}"), "/run/netns/crio".to_owned()] {
        let words = format!("set synack_retries=4 --netns {target} --json");
        let run = sandbox.tcptune(&words).exits(0);
        assert_eq!(warnings(&run), ["pod"], "{target}");
    }
    let both = sandbox
        .tcptune("off --netns all --netns cni-1 --json")
        .exits(0);
    assert_eq!(namespaces(&both).len(), 3);
    assert_eq!(warnings(&both), ["pod", "pods-left-alone"]);
    assert!(both.out.contains("left alone: 2 namespaces of pods"));
    assert_eq!(holds(&sandbox, "cni-1"), "5");
    let web = sandbox.tcptune("apply high-traffic --netns web --json");
    assert_eq!(warnings(&web.exits(0)), [""; 0]);
}

/// A pod with host network is in the namespace of process 1, and a tcptune that runs in a pod is in the pod's.
#[test]
fn the_own_namespace_is_never_taken_for_that_of_a_pod() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add other; touch /run/netns/cni-host; mount --bind /proc/1/ns/net /run/netns/cni-host");
    sandbox.file("/run/cgroup", V2);
    sandbox.sh("mount --bind /run/cgroup /proc/1/cgroup");
    let run = sandbox
        .tcptune("apply high-traffic --netns all --json")
        .exits(0);
    assert_eq!(namespaces(&run).len(), 2, "{}", run.out);
    assert_eq!(warnings(&run), [""; 0]);
    let inside = format!(
        "ip netns exec other {} apply high-traffic --netns all --json",
        crate::sandbox::binary().display()
    );
    process(&sandbox, "other", V2);
    let run = sandbox.run("sh", &["-c", &inside]).exits(0);
    assert_eq!(namespaces(&run).len(), 2, "{}", run.out);
    assert_eq!(warnings(&run), [""; 0]);
    let outside = sandbox.tcptune("off --netns all --json").exits(0);
    assert_eq!(warnings(&outside), ["pods-left-alone"]);
}

#[test]
fn include_pods_belongs_to_all() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add cni-1");
    for words in ["apply high-traffic", "apply high-traffic --netns cni-1"] {
        let run = sandbox.tcptune(&format!("{words} --include-pods")).exits(2);
        assert!(
            run.err
                .contains("`--include-pods` belongs to `--netns all`\nhint: a namespace that is named needs no flag"),
            "{}",
            run.err
        );
    }
    let lone = "apply high-traffic --netns all --dry-run --json";
    let plan = sandbox.tcptune(lone).exits(0).json()["hashes"]["plan"].clone();
    let expect = format!(
        "apply high-traffic --netns all --expect {}",
        plan.as_str().unwrap()
    );
    sandbox.tcptune(&expect).exits(0);
}

#[test]
fn a_namespace_that_cri_o_pins_is_a_pods_also_without_a_process() {
    let sandbox = Sandbox::new();
    let id = "2d4c8a8e-6f6b-4a50-9d3c-0e9a4b6b7a11";
    sandbox.sh(&format!(
        "ip netns add {id}; mkdir -p /run/ipcns; touch /run/ipcns/{id}"
    ));
    let run = sandbox.tcptune("set synack_retries=3 --netns all").exits(0);
    assert!(
        run.err.contains("left alone: 1 namespace of a pod"),
        "{run:?}"
    );
    assert_eq!(
        sandbox
            .sh(&format!(
                "ip netns exec {id} sysctl -n net.ipv4.tcp_synack_retries"
            ))
            .trim(),
        "5"
    );
}
