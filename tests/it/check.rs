//! `check`, `schema`, and the outputs for reviews.

use std::path::Path;

use serde_json::Value as Json;

use crate::sandbox::Sandbox;

const DOUBTFUL: &str = "[tcp]\nabort_on_overflow = true\nsomaxconn = { at_least = 16384, why = \"| @all <b> `x` ]]\" }\n";

#[test]
fn every_built_in_profile_is_beyond_doubt() {
    let sandbox = Sandbox::new();
    let names = "fail-fast fast-open high-traffic patient syn-flood kernel-defaults";
    let json = sandbox.tcptune(&format!("check {names} --fail-on warning --json"));
    let json = json.exits(0).json();
    let codes: std::collections::BTreeSet<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    // Nobody gives reasons for what is computed.
    assert_eq!(codes, ["fastopen-option", "listen-again", "no-why"].into());
}

#[test]
fn what_fails_is_a_matter_of_taste_but_an_error_always_does() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/p.toml", DOUBTFUL);
    sandbox.file("/run/bad.toml", "[tcp]\nsomaxconn = -1\ntw_recycle = 1\n");
    sandbox.tcptune("check /run/p.toml").exits(0);
    sandbox
        .tcptune("check /run/p.toml --fail-on warning")
        .exits(1);
    let told = sandbox
        .tcptune("check /run/p.toml /run/bad.toml")
        .exits(1)
        .out;
    for said in [
        "/run/p.toml:2: warning: abort_on_overflow: clients of a burst",
        "  hint: leave it 0",
        "--> /run/bad.toml:2:13",
        "no current kernel has this key",
        "2 profiles: 2 errors, 1 warning, 2 notes\n",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    let json = sandbox
        .tcptune("check /run/bad.toml --json")
        .exits(1)
        .json();
    assert_eq!(json["problems"].as_array().unwrap().len(), 2);
    assert_eq!(json["problems"][1]["code"], "removed-key");
    sandbox.tcptune("check /run/none.toml").exits(2);
    sandbox.tcptune("check").exits(2);
}

#[test]
fn every_problem_is_an_annotation_and_a_result() {
    let sandbox = Sandbox::new();
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad/many-problems.toml");
    sandbox.sh(&format!("cp {} /run/many.toml", bad.display()));
    let json = sandbox
        .tcptune("check /run/many.toml --json")
        .exits(1)
        .json();
    let problems = json["problems"].as_array().unwrap();
    assert!(problems.len() > 3);
    let github = sandbox
        .tcptune("check /run/many.toml --output github")
        .exits(1)
        .out;
    let sarif = sandbox
        .tcptune("check /run/many.toml --output sarif")
        .exits(1)
        .json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(github.lines().count(), problems.len());
    assert_eq!(results.len(), problems.len());
    for (problem, result) in problems.iter().zip(results) {
        let place = format!(
            "::error file=/run/many.toml,line={},col={},",
            problem["line"], problem["column"]
        );
        assert!(github.contains(&place), "{place}\n{github}");
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], problem["line"]);
        assert_eq!(result["ruleId"], problem["code"]);
    }
}

/// What the bytes say was found out, and is wrong: it is no matter of how the file was named.
#[test]
fn a_profile_that_is_not_utf8_fails_the_check_as_any_other() {
    let sandbox = Sandbox::new();
    sandbox.sh("printf '[tcp]\\n# \\377\\n' > /run/bytes.toml; mkfifo /run/fifo.toml");
    let told = sandbox.tcptune("check /run/bytes.toml").exits(1);
    let told = format!("{}{}", told.out, told.err);
    assert!(
        told.contains("/run/bytes.toml:2:3: the text is not UTF-8"),
        "{told}"
    );
    sandbox
        .tcptune("check /run/bytes.toml /run/nope.toml")
        .exits(2);
    sandbox.tcptune("check /run/fifo.toml").exits(4);
    sandbox.tcptune("diff /run/bytes.toml").exits(2);
}

/// A file that the command line names, and that is not there, is a slip of the command line, whatever it should have been.
#[test]
fn a_named_file_that_is_not_there_is_wrong_usage() {
    let sandbox = Sandbox::new();
    for words in [
        "check ./nope.toml",
        "diff ./nope.toml",
        "import nope.conf",
        "diff high-traffic --against nope.json",
    ] {
        let told = sandbox.tcptune(words).exits(2);
        let told = format!("{}{}", told.out, told.err);
        assert!(
            told.contains("No such file or directory"),
            "{words}: {told}"
        );
        sandbox.tcptune(&format!("{words} --json")).exits(2).json();
    }
    sandbox.sh("mkdir /run/dir.json");
    sandbox
        .tcptune("diff high-traffic --against /run/dir.json")
        .exits(4);
}

/// As the README has it: all problems of all files in one go, but for what stands behind a file with problems.
#[test]
fn problems_of_all_files_are_told_in_one_go_and_those_behind_them_next() {
    let sandbox = Sandbox::new();
    let bases = "[profile]\nextends = [\"./gone.toml\", \"./bad.toml\"]\n";
    sandbox.file("/run/bad.toml", "[tcp]\nsomaxconn = -1\nnonesuch = 1\n");
    sandbox.file("/run/right.toml", bases);
    let count = |words: &str| {
        let json = sandbox
            .tcptune(&format!("check {words} --json"))
            .exits(1)
            .json();
        json["problems"].as_array().unwrap().len()
    };
    assert_eq!(count("/run/right.toml"), 3);
    sandbox.file(
        "/run/wrong.toml",
        &format!("{bases}[tcp]\nsyncookies = 3\n"),
    );
    assert_eq!(count("/run/wrong.toml"), 1);
    assert_eq!(count("/run/wrong.toml /run/bad.toml"), 3);
}

/// What is asked of files alone is answered wherever files are, `/proc` or not.
#[test]
fn what_needs_no_host_needs_no_proc() {
    let sandbox = Sandbox::new();
    sandbox.file("/run/p.toml", DOUBTFUL);
    let binary = crate::sandbox::binary();
    let without_proc = |words: &str| {
        let script = format!(
            "mount -t tmpfs tmpfs /proc; exec {} {words}",
            binary.display()
        );
        sandbox.run("unshare", &["--mount", "sh", "-c", &script])
    };
    for (words, code) in [
        ("list", 0),
        ("schema", 0),
        ("check /run/p.toml high-traffic", 0),
        ("diff /run/p.toml --against high-traffic", 1),
    ] {
        let with = sandbox.tcptune(words).exits(code);
        let without = without_proc(words).exits(code);
        assert_eq!((with.out, with.err), (without.out, without.err), "{words}");
    }
    let facts = sandbox.tcptune("snapshot").exits(0).out;
    sandbox.file("/run/host.json", &facts);
    without_proc("diff fail-fast --against /run/host.json").exits(1);
    for words in ["status", "diff high-traffic", "apply high-traffic"] {
        without_proc(words).exits(4);
    }
}

#[test]
fn a_plan_is_told_in_every_form() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/run/p.toml", DOUBTFUL);
    sandbox.sh(&format!(
        "{} snapshot > /run/host.json",
        crate::sandbox::binary().display()
    ));
    let words = "diff /run/p.toml --scope both --against /run/host.json";
    let comment = sandbox
        .tcptune(&format!("{words} --output markdown"))
        .exits(1)
        .out;
    for said in [
        "<!-- tcptune diff /run/p.toml -->\n### tcptune diff `/run/p.toml`\n",
        "**`/run/host.json`: 3 changes**",
        "| `net.core.somaxconn` | `4096` | `16384` (at least 16384) | `/run/p.toml:3` | \\| `@all` &lt;b&gt; `x` \\]\\] |",
        "Next boot: create `/etc/sysctl.d/99-tcptune.conf`",
        "<details><summary>Diff</summary>\n\n```diff\n--- live",
        "- **warning** `abort_on_overflow` (`/run/p.toml:2`): clients of a burst",
        "<br>was: a final ACK that meets a full accept queue is dropped",
        "`apply --expect ",
    ] {
        assert!(comment.contains(said), "{said}\n{comment}");
    }
    let github = sandbox
        .tcptune(&format!("{words} --output github"))
        .exits(1)
        .out;
    for said in [
        "::warning file=/run/p.toml,line=2,title=tcptune abort-on-overflow::",
        "::notice file=/run/p.toml,line=3,title=tcptune change::net.core.somaxconn: 4096 -> 16384 on /run/host.json\n",
        "::notice title=tcptune drop-in::create /etc/sysctl.d/99-tcptune.conf on /run/host.json\n",
    ] {
        assert!(github.contains(said), "{said}\n{github}");
    }
    let sarif = sandbox
        .tcptune(&format!("{words} --output sarif"))
        .exits(1)
        .json();
    let levels = |level: &str| {
        let results = sarif["runs"][0]["results"].as_array().unwrap().iter();
        results.filter(|result| result["level"] == level).count()
    };
    assert_eq!(
        (levels("error"), levels("warning"), levels("note")),
        (0, 1, 3)
    );
    let notes = &sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notes[0]["descriptor"]["id"], "drop-in");
    let json = sandbox.tcptune(&format!("{words} --json")).exits(1).json();
    assert_eq!(json["namespaces"][0]["findings"][0]["code"], "listen-again");
    // The same words give the same bytes, and no clock or host is in them.
    for form in ["json", "markdown", "github", "sarif"] {
        let told = || {
            sandbox
                .tcptune(&format!("{words} --output {form}"))
                .exits(1)
                .out
        };
        let first = told();
        assert_eq!(first, told());
        assert!(!first.contains("web-17"), "{form}: {first}");
    }
}

#[test]
fn a_refused_plan_is_told_in_every_form() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/etc/sysctl.d/zz.conf", "net.core.somaxconn = 1\n");
    sandbox.sh(&format!(
        "{} snapshot > /run/host.json",
        crate::sandbox::binary().display()
    ));
    let words = "diff high-traffic --scope both --against /run/host.json --output";
    let comment = sandbox.tcptune(&format!("{words} markdown")).exits(3).out;
    assert!(
        comment.contains("**`/run/host.json`: refused**"),
        "{comment}"
    );
    assert!(comment.contains("**Refused**: "), "{comment}");
    let github = sandbox.tcptune(&format!("{words} github")).exits(3).out;
    assert!(
        github.starts_with("::error title=tcptune shadowed::/run/host.json: "),
        "{github}"
    );
    let sarif = sandbox.tcptune(&format!("{words} sarif")).exits(3).json();
    let run = &sarif["runs"][0]["invocations"][0];
    assert_eq!(run["executionSuccessful"], false);
    assert_eq!(run["toolExecutionNotifications"][0]["level"], "error");
    for form in ["markdown", "github", "sarif"] {
        let run = sandbox
            .tcptune(&format!("diff nonesuch --output {form}"))
            .exits(2);
        assert!(run.out.contains("there is no profile"), "{run:?}");
        sandbox.tcptune(&format!("status --output {form}")).exits(2);
    }
}

#[test]
fn a_doubtful_wish_is_a_warning_of_the_verbs_that_write() {
    let sandbox = Sandbox::new();
    let run = sandbox.tcptune("apply --set abort_on_overflow=1").exits(0);
    assert!(
        run.err
            .contains("warning: abort_on_overflow: clients of a burst get ECONNRESET"),
        "{}",
        run.err
    );
    assert!(run.err.contains("hint: leave it 0"), "{}", run.err);
    let run = sandbox.tcptune("apply high-traffic").exits(0);
    assert!(!run.err.contains("somaxconn"), "{}", run.err);
}

#[test]
fn the_schema_beside_the_profiles_is_the_one_of_this_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/tcptune.schema.json");
    let told = Sandbox::new().tcptune("schema").exits(0).out;
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == told,
        "`UPDATE=1 cargo test schema` mends it"
    );
    let schema: Json = serde_json::from_str(&told).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|is| is == "toml") {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(
                text.starts_with("#:schema ./tcptune.schema.json\n"),
                "{}",
                file.display()
            );
        }
    }
}
