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
