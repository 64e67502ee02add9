//! Every bad profile under `tests/data/bad` gives its exact message, and touches nothing.
//!
//! A case is a file `NAME.toml` with the expected output beside it, `NAME.err`; a new case is a new file. Files
//! without an `.err` are there for others to extend. `UPDATE=1` writes what is missing or has changed.

use std::fs;
use std::path::Path;

use crate::sandbox::{Run, Sandbox, binary};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/bad");

/// Fewer would mean that the directory was not found.
const AT_LEAST: usize = 40;

#[test]
fn every_bad_profile_has_its_message_and_touches_nothing() {
    let sandbox = Sandbox::new();
    // Root reads only what is root's, whoever checked the project out.
    sandbox.sh(&format!(
        "mkdir /run/bad; cp {CASES}/*.toml /run/bad; chown -R 0:0 /run/bad; chmod 644 /run/bad/*"
    ));
    let before = sandbox.all();
    let mut failures = Vec::new();
    let mut count = 0;
    let mut names: Vec<_> = fs::read_dir(CASES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    for case in names.iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    }) {
        let expected = case.with_extension("err");
        let name = case.file_name().unwrap().to_str().unwrap();
        if name.starts_with("ok-") {
            continue;
        }
        count += 1;
        let mut command = sandbox.command(binary().to_str().unwrap());
        let run: Run = command
            .current_dir("/")
            .args(["apply", &format!("/run/bad/{name}")])
            .output()
            .unwrap()
            .into();
        let text = format!("exit {}\n{}{}", run.code.unwrap_or(-1), run.out, run.err);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &text).unwrap();
        }
        failures.extend(difference(&expected, &text));
    }
    assert!(count >= AT_LEAST, "{count} cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(sandbox.all(), before);
    sandbox.sh("test ! -e /var/lib/tcptune");
}

fn difference(expected: &Path, text: &str) -> Option<String> {
    let wanted = fs::read_to_string(expected).unwrap_or_default();
    (wanted != text).then(|| {
        let diff = similar::TextDiff::from_lines(&wanted, text)
            .unified_diff()
            .to_string();
        format!("{}:\n{diff}", expected.display())
    })
}

#[test]
fn limits_are_told_not_felt() {
    let sandbox = Sandbox::new();
    let big = "# ".to_owned() + &"x".repeat(1 << 20) + "\n";
    sandbox.file("/run/big.toml", &big);
    let refused = sandbox.tcptune("diff /run/big.toml").exits(4);
    assert!(
        refused
            .err
            .contains("read /run/big.toml: more than 1048576 bytes"),
        "{}",
        refused.err
    );

    sandbox.file(
        "/run/deep.toml",
        &format!(
            "[sysctl]\na.b = {}1{}\n",
            "[".repeat(5000),
            "]".repeat(5000)
        ),
    );
    let refused = sandbox.tcptune("diff /run/deep.toml").exits(2);
    assert!(
        refused.err.contains("max recursion depth met"),
        "{}",
        refused.err
    );

    let many = (0..10_001).fold(String::new(), |text, n| text + &format!("net.x.k{n} = 1\n"));
    sandbox.file("/run/many.toml", &format!("[sysctl]\n{many}"));
    let refused = sandbox.tcptune("diff /run/many.toml").exits(2);
    assert!(
        refused.err.contains("more than 10000 settings"),
        "{}",
        refused.err
    );

    let absent = (0..5000).fold(String::new(), |text, n| text + &format!("net.x.k{n} = 1\n"));
    sandbox.file("/run/absent.toml", &format!("[sysctl]\n{absent}"));
    let refused = sandbox.tcptune("diff /run/absent.toml").exits(3);
    assert!(
        refused.err.contains("; and 4990 more; nothing was touched"),
        "{}",
        refused.err
    );

    sandbox.sh("mkdir /run/chain");
    for n in 0..40 {
        sandbox.file(
            &format!("/run/chain/c{n}.toml"),
            &format!("[profile]\nextends = [\"./c{}.toml\"]\n", n + 1),
        );
    }
    let refused = sandbox.tcptune("diff /run/chain/c0.toml").exits(2);
    assert!(
        refused.err.contains("more than 16 levels of `extends`"),
        "{}",
        refused.err
    );

    sandbox.sh("mkfifo /run/fifo.toml");
    let refused = sandbox.tcptune("diff /run/fifo.toml").exits(4);
    assert!(
        refused.err.contains("not a regular file"),
        "{}",
        refused.err
    );
    sandbox.tcptune("diff /dev/zero.toml").exits(2);
    sandbox.sh("ln -s /dev/zero /run/zero.toml");
    sandbox.tcptune("diff /run/zero.toml").exits(3);
}
