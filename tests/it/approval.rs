//! `--expect`: what was approved is done, and nothing else.

use crate::sandbox::Sandbox;

/// The desired and the plan hash of a dry run of `words`.
fn hashes(sandbox: &Sandbox, words: &str) -> (String, String) {
    let json = sandbox
        .tcptune(&format!("{words} --dry-run --json"))
        .exits(0)
        .json();
    let hash = |name: &str| json["hashes"][name].as_str().unwrap().to_owned();
    (hash("desired"), hash("plan"))
}

#[track_caller]
fn is_refused(sandbox: &Sandbox, words: &str, hash: &str, moved: &str) {
    let before = sandbox.all();
    let run = sandbox.tcptune(&format!("{words} --expect {hash} --json"));
    let json = run.exits(3).json();
    assert_eq!(json["error"]["code"], "not-approved");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(
        message.contains(&format!(": {moved} moved since")),
        "{message}"
    );
    assert_eq!(sandbox.all(), before);
}

#[test]
fn what_was_approved_is_done() {
    for by_wish in [true, false] {
        let sandbox = Sandbox::with_systemd();
        let words = "apply high-traffic --persist";
        let (desired, plan) = hashes(&sandbox, words);
        let asked = sandbox
            .tcptune("diff high-traffic --persist --json")
            .exits(1)
            .json();
        assert_eq!(asked["hashes"]["plan"], plan.as_str());
        let hash = if by_wish { &desired } else { &plan };
        sandbox
            .tcptune(&format!("{words} --expect {hash}"))
            .exits(0);
        assert_eq!(sandbox.sysctl("net.core.somaxconn"), "16384");
    }
}

#[test]
fn a_stale_hash_of_each_kind_is_refused_and_says_what_moved() {
    let words = "apply /run/p.toml --persist";
    let profile = "[tcp]\nsynack_retries = 3\nsomaxconn = { at_least = 1000 }\n";
    let with = |name: &str, change: &dyn Fn(&Sandbox)| {
        let sandbox = Sandbox::with_systemd();
        sandbox.file("/run/p.toml", profile);
        let (_, plan) = hashes(&sandbox, words);
        change(&sandbox);
        is_refused(&sandbox, words, &plan, name);
    };
    with("a live value", &|sandbox| {
        sandbox.stranger("net.ipv4.tcp_synack_retries", "4");
    });
    with("a live value", &|sandbox| {
        sandbox.stranger("net.core.somaxconn", "5000");
    });
    with("another file of sysctl.d", &|sandbox| {
        sandbox.file(
            "/etc/sysctl.d/60-app.conf",
            "net.ipv4.tcp_fin_timeout = 9\n",
        );
    });
    with("the boot", &|sandbox| sandbox.new_boot(7));
    with("what is wanted", &|sandbox| {
        sandbox.file("/run/p.toml", &profile.replace('3', "2"));
    });
    with("a live value, the drop-in", &|sandbox| {
        sandbox.tcptune("apply /run/p.toml --persist").exits(0);
    });
    with("the kernel", &|sandbox| {
        sandbox
            .sh("echo 6.1.0 > /run/release; mount --bind /run/release /proc/sys/kernel/osrelease");
    });
}

#[test]
fn the_hash_of_a_plan_is_told_and_is_good_for_once() {
    let sandbox = Sandbox::new();
    let hash = sandbox.tcptune("diff fail-fast --plan-hash").exits(1).out;
    let hash = hash.trim_end();
    assert_eq!(hash, hashes(&sandbox, "apply fail-fast").1);
    let text = sandbox.tcptune("apply fail-fast --dry-run").exits(0).out;
    let title = format!("(built in), desired 8a1aca2, plan {}\n", &hash[..7]);
    assert!(text.contains(&title), "{text}");
    let expect = format!("apply fail-fast --expect {hash}");
    sandbox.tcptune(&expect).exits(0);
    // Who approved this did not approve that it is done twice.
    sandbox.tcptune(&expect).exits(3);
}

#[test]
fn two_profiles_with_the_same_first_digits_are_two() {
    let sandbox = Sandbox::new();
    let good = "[tcp]\nsomaxconn = 35613\nabort_on_overflow = false\nsynack_retries = 3\n";
    sandbox.file("/run/p.toml", good);
    let (desired, _) = hashes(&sandbox, "apply /run/p.toml");
    let evil = "[tcp]\nmax_tw_buckets = 101322\nsyncookies = 0\nabort_on_overflow = true\n";
    sandbox.file("/run/p.toml", evil);
    let (other, _) = hashes(&sandbox, "apply /run/p.toml");
    assert_eq!(desired[..7], other[..7]);
    sandbox
        .tcptune(&format!("apply /run/p.toml --expect {}", &desired[..7]))
        .exits(2);
    sandbox
        .tcptune(&format!("apply /run/p.toml --expect {desired}"))
        .exits(3);
}

#[test]
fn a_plan_hash_is_none_of_several_namespaces() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add blue; ip netns add red");
    let (_, plan) = hashes(&sandbox, "apply fail-fast --netns blue");
    let both = format!("apply fail-fast --netns blue --netns red --expect {plan}");
    sandbox.tcptune(&both).exits(2);
    assert_eq!(
        sandbox.sh("ip netns exec blue sysctl -n net.ipv4.tcp_syn_retries"),
        "6"
    );
}

#[test]
fn a_plan_that_reaches_less_far_is_another_one() {
    let sandbox = Sandbox::with_systemd();
    let (_, plan) = hashes(&sandbox, "apply high-traffic --persist");
    let moved = "what the run speaks of, or what tcptune remembers";
    is_refused(&sandbox, "apply high-traffic", &plan, moved);
}

#[test]
fn a_plan_of_one_namespace_is_none_of_another() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add blue; ip netns add red");
    let (_, plan) = hashes(&sandbox, "apply high-traffic --netns blue");
    is_refused(
        &sandbox,
        "apply high-traffic --netns red",
        &plan,
        "the network namespace",
    );
    sandbox
        .tcptune(&format!("apply high-traffic --netns blue --expect {plan}"))
        .exits(0);
}

#[test]
fn an_edited_profile_is_not_the_approved_wish() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/p.toml", "[tcp]\nsynack_retries = 3 # a remark\n");
    let (desired, _) = hashes(&sandbox, "apply /run/p.toml");
    sandbox.file("/run/p.toml", "[tcp]\nsynack_retries = 2\n");
    let run = sandbox.tcptune(&format!("apply /run/p.toml --expect {desired}"));
    let run = run.exits(3);
    assert!(
        run.err
            .contains("not what was approved; now it is desired "),
        "{}",
        run.err
    );
    sandbox.file(
        "/run/p.toml",
        "[tcp]\nsynack_retries = { value = 3, why = \"x\" }\n",
    );
    sandbox
        .tcptune(&format!("apply /run/p.toml --expect {desired}"))
        .exits(0);
    sandbox
        .tcptune("apply high-traffic --expect nonsense")
        .exits(2);
}
