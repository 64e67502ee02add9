//! Pods: the output for their manifests.

use crate::sandbox::Sandbox;

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
