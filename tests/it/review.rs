//! Reviews without the host: snapshots, and profiles side by side.

use serde_json::Value as Json;

use crate::sandbox::Sandbox;

fn without_time(text: &str) -> Json {
    let mut document: Json = serde_json::from_str(text).unwrap();
    assert!(document["taken"].as_str().unwrap().ends_with('Z'));
    document["taken"] = Json::Null;
    document
}

#[test]
fn a_snapshot_is_the_same_twice_and_knows_no_secret() {
    let sandbox = Sandbox::with_systemd();
    let key = "0badcafe-00000000-00000000-00000001";
    sandbox.stranger("net.ipv4.tcp_fastopen_key", key);
    let line =
        format!("# password: {key}\nnet.ipv4.tcp_fastopen_key = {key}\nnet.ipv4.*_key={key}\n");
    sandbox.file("/etc/sysctl.d/50-key.conf", &line);
    sandbox.sh("mkdir -p /etc/ufw; cp /etc/sysctl.d/50-key.conf /etc/ufw/sysctl.conf");
    sandbox.tcptune("apply high-traffic --persist").exits(0);
    let first = sandbox.tcptune("snapshot").exits(0).out;
    assert!(
        !first.contains("0badcafe") && !first.contains("password"),
        "{first}"
    );
    let again = sandbox.tcptune("snapshot --json").exits(0).json();
    assert_eq!(
        without_time(&first),
        without_time(&again["snapshot"].to_string())
    );
}

#[test]
fn a_review_elsewhere_says_what_diff_says_on_the_host() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file("/etc/sysctl.d/60-app.conf", "net.core.somaxconn = 1024\n");
    sandbox.stranger("net.core.somaxconn", "1024");
    sandbox.tcptune("set synack_retries=4 --persist").exits(0);
    sandbox.sh("ip netns add blue");
    for (take, ask) in [
        ("snapshot", "diff high-traffic --scope both"),
        ("snapshot fail-fast", "diff fail-fast"),
        ("snapshot --netns blue", "diff high-traffic"),
    ] {
        let netns = take
            .strip_prefix("snapshot --netns")
            .map_or("", |_| "--netns blue");
        let here = sandbox
            .tcptune(&format!("{ask} {netns} --json"))
            .exits(1)
            .json();
        let taken = sandbox.tcptune(take).exits(0).out;
        sandbox.file("/run/host.json", &taken);
        sandbox.sh("chmod 644 /run/host.json");
        // On a machine that has nothing to do with it, without any right.
        let there = Sandbox::new();
        there.file("/run/host.json", &taken);
        there.sh("chmod 644 /run/host.json");
        there.stranger("net.ipv4.tcp_synack_retries", "9");
        let words = format!("{ask} --against /run/host.json");
        let told = there
            .as_nobody(&[], &format!("{words} --json"))
            .exits(1)
            .json();
        assert_eq!(told["hashes"], here["hashes"], "{take}");
        assert_eq!(told["namespaces"][0]["plan"], here["namespaces"][0]["plan"]);
        assert_eq!(
            told["namespaces"][0]["next_boot"],
            here["namespaces"][0]["next_boot"]
        );
        assert_eq!(told["warnings"], here["warnings"]);
        assert_eq!(told["namespaces"][0]["host"], "/run/host.json");
        let text = there.tcptune(&words).exits(1).out;
        assert!(text.starts_with("/run/host.json: taken 2"), "{text}");
        let hash = told["hashes"]["plan"].as_str().unwrap();
        let apply = format!("apply {} {netns} --expect {hash}", &ask[5..]);
        sandbox.tcptune(&format!("{apply} --dry-run")).exits(0);
    }
}

#[test]
fn hosts_with_the_same_answer_stand_together() {
    let sandbox = Sandbox::with_systemd();
    for host in 1..=8 {
        if host == 8 {
            sandbox.stranger("net.ipv4.tcp_synack_retries", "4");
        }
        sandbox.new_boot(host);
        sandbox.sh(&format!(
            "{} snapshot > /run/web-{host}.json",
            crate::sandbox::binary().display()
        ));
    }
    let hosts: String = (1..=8)
        .map(|host| format!(" /run/web-{host}.json"))
        .collect();
    let told = sandbox
        .tcptune(&format!("diff high-traffic --against{hosts}"))
        .exits(1)
        .out;
    assert!(
        told.starts_with("7 hosts: the same 2 changes\n/run/web-1.json: taken "),
        "{told}"
    );
    assert!(told.contains("and 2 more (`-v` names them)\n"), "{told}");
    assert!(told.contains("\n\n/run/web-8.json: taken "), "{told}");
    let json = sandbox
        .tcptune(&format!("diff high-traffic --json --against{hosts}"))
        .exits(1)
        .json();
    assert_eq!(json["groups"][0]["hosts"].as_array().unwrap().len(), 7);
    assert_eq!(json["groups"][1]["hosts"][0], "/run/web-8.json");
    assert_eq!(json["namespaces"].as_array().unwrap().len(), 8);
    assert!(json["hashes"]["desired"].is_string() && json["hashes"]["plan"].is_null());
}

#[test]
fn what_nobody_took_down_is_not_guessed() {
    let sandbox = Sandbox::new();
    let taken = sandbox.tcptune("snapshot").exits(0).out;
    sandbox.file("/run/a.json", &taken);
    sandbox.file("/run/b.json", "{}");
    sandbox.file(
        "/run/c.json",
        &taken.replace("tcptune snapshot", "tcptune dream"),
    );
    let set = "diff --set net.ipv4.ip_default_ttl=70 --against /run/a.json";
    let told = sandbox.tcptune(set).exits(4);
    assert!(
        told.err
            .contains("error: /run/a.json: net.ipv4.ip_default_ttl: cannot be read back (the snapshot does not have it"),
        "{}",
        told.err
    );
    for (other, says) in [
        ("/run/b.json", "not a snapshot: missing field"),
        ("/run/c.json", "not a `tcptune dream` of schema 1"),
        ("/run/none.json", "No such file"),
        (
            "/run/a.json fail-fast",
            "`fail-fast` is no snapshot, and the others are",
        ),
    ] {
        let run = sandbox.tcptune(&format!("diff high-traffic --against {other}"));
        assert!(matches!(run.code, Some(2 | 4)), "{run:?}");
        assert!(run.err.contains(says), "{}", run.err);
    }
    sandbox
        .tcptune("diff high-traffic --against /run/a.json --netns x")
        .exits(2);
}

#[test]
fn nothing_in_a_snapshot_reaches_the_terminal_as_it_is() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic fail-fast --persist")
        .exits(0);
    let mut document: Json =
        serde_json::from_str(&sandbox.tcptune("snapshot").exits(0).out).unwrap();
    let evil = "\u{1b}[2J\n::error::x <!-- `|";
    for place in [
        "/taken",
        "/machine/name",
        "/machine/kernel",
        "/machine/boot",
        "/namespace/label",
    ] {
        *document.pointer_mut(place).unwrap() = evil.into();
    }
    let held = document["memory"]["held"].as_object_mut().unwrap();
    for one in held.values_mut() {
        one["wrote"] = evil.into();
        one["baseline"] = evil.into();
    }
    // A drop-in that says of itself what it likes.
    let files = document["boot"]["files"]["fragments"]
        .as_array_mut()
        .unwrap();
    let ours = files
        .iter_mut()
        .find(|file| file["path"] == "/etc/sysctl.d/99-tcptune.conf")
        .unwrap();
    let text = ours["content"]["text"].as_str().unwrap();
    let body = text
        .splitn(3, '\n')
        .nth(2)
        .unwrap()
        .replace("# declares: ", "# declares: \u{1b}[2J");
    let hash: String = sha256(&sandbox, &body);
    let header = text.lines().next().unwrap();
    let text = format!("{header}\n# content: sha256 {hash}\n{body}net.a = \u{1b}[2J\n");
    ours["content"]["text"] = text.into();
    document["keys"]["net.core.somaxconn"] = evil.into();
    document["keys"]["net.ipv4.tcp_syn_retries"] = evil.into();
    sandbox.file("/run/evil.json", &document.to_string());
    for words in [
        "patient --scope both",
        "fail-fast",
        "patient --set somaxconn=7",
    ] {
        for form in ["text -v", "markdown", "github"] {
            let run = sandbox.tcptune(&format!(
                "diff {words} --against /run/evil.json --output {form}"
            ));
            let said = format!("{}{}", run.out, run.err);
            assert!(
                !said.contains('\u{1b}') && !said.contains("\n::error::x"),
                "{form}: {said:?}"
            );
        }
    }
}

fn sha256(sandbox: &Sandbox, text: &str) -> String {
    sandbox.file("/run/text", text);
    sandbox.sh("sha256sum < /run/text | cut -d ' ' -f 1")
}

/// A host in some state, and what is asked of it: here and elsewhere the answer is the same.
#[test]
fn whatever_state_a_host_is_in_a_review_elsewhere_says_the_same() {
    let fragment = |text: &str| format!("printf '{text}' > /etc/sysctl.d/99-zz.conf");
    let states = [
        (fragment("net.ipv4.tcp_* = 7\\n"), "high-traffic --persist --allow-shadowed"),
        (fragment("net.ipv4.tcp_* = 20\\n"), "--set syn_retries=7 --persist --allow-shadowed"),
        (fragment("net.core.somaxconn = 900 secret\\n"), "high-traffic"),
        (fragment("# pass\\rnet.core.somaxconn = 5\\r\\n"), "high-traffic"),
        ("$T apply /run/p.toml --persist".to_owned(), "/run/p.toml --persist"),
        ("$T apply fail-fast --persist; echo '# mine, tcp_fastopen_key = planted-word' >> /etc/sysctl.d/99-tcptune.conf".to_owned(), "fail-fast --persist"),
        ("$T apply fail-fast --persist; rm /etc/sysctl.d/99-tcptune.conf".to_owned(), "patient --persist"),
        ("$T apply fail-fast; echo 5 > /proc/sys/net/ipv4/tcp_syn_retries".to_owned(), "high-traffic"),
        ("$T hold --reason x".to_owned(), "high-traffic"),
        ("true".to_owned(), "kernel-defaults --scope both"),
    ];
    for (state, words) in states {
        let sandbox = Sandbox::with_systemd();
        sandbox.file("/run/p.toml", "[tcp]\nsyn_retries = 4\n");
        sandbox.sh(&format!(
            "T={}; {state}",
            crate::sandbox::binary().display()
        ));
        let taken = sandbox.tcptune("snapshot").exits(0).out;
        sandbox.file("/run/host.json", &taken);
        let here = sandbox.tcptune(&format!("diff {words} --json")).json();
        let there = sandbox
            .tcptune(&format!("diff {words} --json --against /run/host.json"))
            .json();
        let code = |document: &Json| document["error"]["code"].clone();
        assert_eq!(code(&here), code(&there), "{state}");
        for field in ["exit", "hashes", "warnings"] {
            assert_eq!(here[field], there[field], "{state}: {field}");
        }
        for field in ["plan", "next_boot", "findings"] {
            let (here, there) = (
                &here["namespaces"][0][field],
                &there["namespaces"][0][field],
            );
            assert_eq!(here, there, "{state}: {field}");
        }
        // The text of a comment stays at home.
        for document in [&taken, &there.to_string()] {
            assert!(!document.contains("planted-word"), "{state}: {document}");
        }
    }
}

#[test]
fn an_entry_that_waits_is_known_elsewhere() {
    let sandbox = Sandbox::with_systemd();
    sandbox
        .tcptune("apply high-traffic --persist --confirm-within=5m")
        .exits(0);
    let taken = sandbox.tcptune("snapshot").exits(0).out;
    sandbox.file("/run/host.json", &taken);
    for (words, code) in [("high-traffic --persist", 1), ("patient", 1)] {
        let here = sandbox
            .tcptune(&format!("diff {words} --json"))
            .exits(code)
            .json();
        let there = sandbox.tcptune(&format!("diff {words} --json --against /run/host.json"));
        let there = there.exits(code).json();
        assert_eq!(here["hashes"], there["hashes"]);
        assert_eq!(here["warnings"][0]["code"], there["warnings"][0]["code"]);
        let said = there["warnings"][0]["message"].as_str().unwrap();
        assert!(
            said.starts_with("entry 1 was unconfirmed: it goes back at 2"),
            "{said}"
        );
    }
    sandbox.tcptune("rollback").exits(0);
    sandbox.killed_at_write(3, "apply fail-fast");
    let taken = sandbox.tcptune("snapshot").exits(0).out;
    sandbox.file("/run/host.json", &taken);
    let there = sandbox.tcptune("diff fail-fast --against /run/host.json");
    assert!(there.err.contains("was interrupted"), "{}", there.err);
}

#[test]
fn what_a_kernel_gives_by_default_is_its_own() {
    let sandbox = Sandbox::new();
    let taken = sandbox.tcptune("snapshot").exits(0).out;
    let mut document: Json = serde_json::from_str(&taken).unwrap();
    for place in ["keys", "defaults"] {
        document[place]["net.core.somaxconn"] = "128".into();
    }
    sandbox.file("/run/old.json", &document.to_string());
    sandbox
        .tcptune("diff kernel-defaults --against /run/old.json")
        .exits(0);
}

#[test]
fn a_link_in_a_checkout_leads_nowhere_else() {
    let sandbox = Sandbox::new();
    sandbox.sh("mkdir -p /run/pr/profiles; printf 'password hunter2\\n' > /run/secret
                ln -s /run/secret /run/pr/profiles/x.toml; ln -s /run /run/pr/out;
                ln -s /proc/self/root/run/secret /run/pr/profiles/root.toml; ln -s /proc/self/fd/0 /run/pr/profiles/fd.toml
                ln -s /proc/self/root /run/pr/root; ln -s /proc/self/cwd /run/pr/cwd; ln -s a.toml /run/pr/profiles/b.toml
                printf '[tcp]\\nsyn_retries = 2\\n' > /run/pr/profiles/a.toml");
    let binary = crate::sandbox::binary();
    let check = |words: &str| {
        sandbox.run(
            "sh",
            &[
                "-c",
                &format!(
                    "cd /run/pr; {} check {words} < /run/secret",
                    binary.display()
                ),
            ],
        )
    };
    for words in [
        "profiles/x.toml",
        "/run/pr/profiles/x.toml",
        "out/secret.toml",
        "/proc/self/environ/x.toml",
        "profiles/root.toml",
        "profiles/fd.toml",
        "root/run/secret",
        "cwd/profiles/a.toml",
    ] {
        let run = check(words);
        assert!(
            run.code != Some(0) && !run.out.contains("hunter2") && !run.err.contains("hunter2"),
            "{run:?}"
        );
    }
    check("profiles/a.toml profiles/b.toml ./profiles/a.toml /run/pr/profiles/b.toml").exits(0);
    // What the administrator has installed is another matter.
    sandbox.sh("ln -s /run/pr/profiles/a.toml /etc/tcptune/profiles/linked.toml");
    check("linked").exits(0);
}

#[test]
fn git_shows_what_a_profile_wants_at_two_revisions() {
    let sandbox = Sandbox::new();
    sandbox.sh(&format!(
        "mkdir /run/repo; cd /run/repo; git init -q; git config user.email a@b; git config user.name a
         echo '*.toml diff=tcptune' > .gitattributes
         git config diff.tcptune.textconv '{} show --flat'
         printf '[tcp]\nsynack_retries = 3 # old\n' > web.toml; git add .; git commit -qm one
         printf '[profile]\nextends = [\"fail-fast\"]\n[tcp]\nsynack_retries = 2\n' > web.toml; git commit -qam two",
        crate::sandbox::binary().display()
    ));
    let told = sandbox.sh("cd /run/repo; git diff HEAD~ -- web.toml");
    let wanted = "-net.ipv4.tcp_synack_retries = 3\n+net.ipv4.tcp_syn_retries = 2\n+net.ipv4.tcp_synack_retries = 2";
    assert!(told.ends_with(wanted), "{told}");
}

#[test]
fn profiles_side_by_side() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/old.toml",
        "[tcp]\nsynack_retries = 3\nsomaxconn = { at_least = 100 }\n",
    );
    sandbox.file("/run/new.toml", "[tcp]\nsynack_retries = 2\nsomaxconn = { at_least = 100, why = \"x\" }\nsyn_linear_timeouts = { value = 4, optional = true }\n");
    let told = sandbox
        .tcptune("diff /run/new.toml --against /run/old.toml")
        .exits(1)
        .out;
    assert!(told.contains("-net.ipv4.tcp_synack_retries = 3\n+-net.ipv4.tcp_syn_linear_timeouts = 4\n+net.ipv4.tcp_synack_retries = 2\n"), "{told}");
    assert!(told.ends_with("2 settings differ\n"), "{told}");
    let json = sandbox
        .tcptune("diff /run/new.toml --against /run/old.toml --json")
        .exits(1)
        .json();
    assert_eq!(json["settings"][1]["to"], "net.ipv4.tcp_synack_retries = 2");
    sandbox
        .tcptune("diff fail-fast --against fail-fast")
        .exits(0);
    let flat = sandbox.tcptune("show --flat /run/new.toml").exits(0).out;
    assert_eq!(
        flat,
        "net.core.somaxconn at least 100\n-net.ipv4.tcp_syn_linear_timeouts = 4\nnet.ipv4.tcp_synack_retries = 2\n"
    );
}

#[test]
fn a_review_reads_anybodys_checkout_and_finds_bases_beside() {
    let sandbox = Sandbox::new();
    let taken = sandbox.tcptune("snapshot").exits(0).out;
    sandbox.sh("mkdir -m 777 /run/checkout");
    sandbox.file("/run/checkout/host.json", &taken);
    sandbox.file("/run/checkout/base.toml", "[tcp]\nsynack_retries = 3\n");
    sandbox.file(
        "/run/checkout/web.toml",
        "[profile]\nextends = [\"base\"]\n",
    );
    sandbox.sh("chown -R nobody /run/checkout");
    let words = "/run/checkout/web.toml --against /run/checkout/host.json";
    let told = sandbox.tcptune(&format!("diff {words}")).exits(1).out;
    assert!(
        told.contains("+net.ipv4.tcp_synack_retries = 3\n"),
        "{told}"
    );
    sandbox.tcptune("show /run/checkout/web.toml").exits(0);
    // What may be written is another matter.
    sandbox
        .tcptune("apply /run/checkout/web.toml --dry-run")
        .exits(3);
    sandbox.tcptune("diff /run/checkout/web.toml").exits(3);
}

/// Whoever wrote a staged profile does not choose what else is looked at.
#[test]
fn a_link_out_of_the_staged_directory_is_not_followed() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh(
        "mkdir -p /run/st/own; echo 'hidden = ' > /etc/hidden.toml
         ln -s /etc/hidden.toml /run/st/web.toml
         ln -s /etc /run/st/sub; printf '[profile]\nextends = [\"./sub/hidden.toml\"]\n' > /run/st/deep.toml
         printf '[tcp]\nsynack_retries = 3\n' > /run/st/own/base.toml; ln -s own/base.toml /run/st/inside.toml
         chown -R nobody /run/st",
    );
    for owner in ["nobody", "root"] {
        sandbox.sh(&format!(
            "chown -hR {owner} /run/st; chmod o+rx /etc/hidden.toml"
        ));
        for (directory, profile) in [
            ("/run/st", "web"),
            ("/run/st", "deep"),
            ("run/st", "web"),
            ("run/st/", "deep"),
        ] {
            for words in ["diff", "apply --dry-run"] {
                let words = format!("{words} {profile} --staged {directory}");
                for run in [sandbox.tcptune(&words), sandbox.as_nobody(&[], &words)] {
                    assert!(run.code > Some(1), "{words}: {run:?}");
                    let told = format!("{}{}", run.out, run.err);
                    assert!(!told.contains("hidden ="), "{words}: {told}");
                    let refused = told.contains("a link leads out of its directory")
                        || told.contains("as root:");
                    assert!(refused, "{words}: {told}");
                }
            }
        }
    }
    let inside = sandbox.tcptune("diff inside --staged /run/st").exits(1);
    assert!(
        inside.out.contains("+net.ipv4.tcp_synack_retries = 3\n"),
        "{}",
        inside.out
    );
}

#[test]
fn staged_profiles_count_as_installed_but_only_for_a_dry_run() {
    let sandbox = Sandbox::with_systemd();
    sandbox.file(
        "/etc/tcptune/profiles/base.toml",
        "[tcp]\nsynack_retries = 4\n",
    );
    sandbox.sh("mkdir /run/staged");
    sandbox.file("/run/staged/base.toml", "[tcp]\nsynack_retries = 3\n");
    sandbox.file("/run/staged/web.toml", "[profile]\nextends = [\"base\"]\n");
    let plan = |words: &str| {
        let json = sandbox.tcptune(&format!("apply web --persist --dry-run --json {words}"));
        json.exits(0).json()["namespaces"][0]["plan"].clone()
    };
    let staged = plan("--staged /run/staged");
    assert_eq!(staged["live"][0]["to"], "3");
    sandbox.tcptune("apply web --staged /run/staged").exits(2);
    sandbox.sh("cp /run/staged/* /etc/tcptune/profiles/");
    assert_eq!(plan(""), staged);
}
