//! What namespaces may be called, and what else lies where their names are.

use crate::sandbox::{Run, Sandbox, binary};

const SOMAXCONN: &str = "net.core.somaxconn";

/// tcptune in a namespace whose name has blanks.
fn inside(sandbox: &Sandbox, name: &str, words: &[&str]) -> Run {
    let words = [words, &["--netns", name]].concat();
    sandbox.run(binary().to_str().expect("UTF-8"), &words)
}

/// What is printed to be pasted means the same to a shell, whatever a namespace is called.
#[test]
fn a_name_that_a_shell_would_take_apart_is_quoted_where_it_is_pasted() {
    let sandbox = Sandbox::new();
    for (name, quoted) in [
        ("we ird", "'we ird'"),
        ("a\"b\\c", "'a\"b\\c'"),
        ("it's", "'it'\\''s'"),
        ("$(id)", "'$(id)'"),
        ("plain-1.x", "plain-1.x"),
    ] {
        sandbox.sh(&format!("ip netns add {quoted}"));
        let set = inside(&sandbox, name, &["set", "somaxconn=99"]).exits(0);
        let undo = format!("tcptune rollback --netns {quoted}");
        assert!(set.out.contains(&format!("undo: {undo}\n")), "{}", set.out);
        let pasted = undo.replace("tcptune", binary().to_str().expect("UTF-8"));
        sandbox.sh(&pasted);
        let again = inside(&sandbox, name, &["status"]).exits(0);
        assert!(again.out.contains(": nothing"), "{}", again.out);
        inside(
            &sandbox,
            name,
            &["set", "somaxconn=99", "--confirm-within=1h"],
        )
        .exits(0);
        let waits = sandbox.tcptune("confirm").exits(3);
        let confirm = format!("`tcptune confirm --netns {quoted}`");
        assert!(waits.err.contains(&confirm), "{}", waits.err);
        inside(&sandbox, name, &["confirm"]).exits(0);
    }
    assert_eq!(sandbox.sysctl(SOMAXCONN), "4096");
}

/// One stale name keeps nobody from the namespaces that are there.
#[test]
fn a_stale_name_is_passed_over_and_named() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web");
    for (make, name, remove) in [
        ("touch /run/netns/stale", "stale", "ip netns del stale"),
        (
            "mkdir /run/netns/cni-old",
            "cni-old",
            "rmdir /run/netns/cni-old",
        ),
        (
            "ln -s /nowhere '/run/netns/gone there'",
            "gone there",
            "ip netns del 'gone there'",
        ),
    ] {
        let words = |words: &str| sandbox.tcptune(&format!("{words} --netns all"));
        let without = (
            words("history").exits(0).out,
            words("status").exits(0).out,
            words("doctor --window 0s").code,
        );
        sandbox.sh(make);
        let warning = format!(
            "warning: `{name}` is no network namespace: it is passed over\nhint: remove it: {remove}\n"
        );
        let named = |run: Run| {
            assert_eq!(run.err.matches(&warning).count(), 1, "{}", run.err);
            run.out
        };
        assert_eq!(named(words("history").exits(0)), without.0);
        assert_eq!(named(words("status").exits(0)), without.1);
        let doctor = words("doctor --window 0s");
        assert_eq!(doctor.code, without.2);
        assert!(!named(doctor).contains("not examined"));
        sandbox.sh("rm -f /run/m.prom");
        named(words("metrics --write /run/m.prom").exits(0));
        sandbox.sh("grep -q 'netns=\"web\"' /run/m.prom");
        named(words("set somaxconn=99 --reason x").exits(0));
        assert!(!words("diff high-traffic").err.contains("of a pod"));
        named(words("rollback").exits(0));
        let asked = inside(&sandbox, name, &["status"]).exits(2);
        assert!(asked.err.contains("network namespace"), "{}", asked.err);
        assert!(
            asked.err.contains(&format!("hint: remove it: {remove}")),
            "{}",
            asked.err
        );
        sandbox.sh(remove);
    }
}
