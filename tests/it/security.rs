//! What SECURITY.md promises: a test for each line of its threat model, and those that no other file has.

use std::cell::RefCell;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::docs::document;
use crate::sandbox::{Run, Sandbox, binary};

/// Names in the last column of the table: `a_test`.
fn tests_of_the_threat_model() -> Vec<String> {
    let document = document("SECURITY.md");
    let rows = document
        .lines()
        .skip_while(|line| !line.starts_with("| who "))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let last = row.trim_end_matches(['|', ' ']).rsplit(" | ").next();
        let named: Vec<String> = last
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        assert!(!named.is_empty(), "no test: {row}");
        named
    })
    .collect()
}

/// All Rust below a directory, as one text.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn every_test_of_the_threat_model_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = sources(&root.join("src")) + &sources(&root.join("tests/it"));
    let named = tests_of_the_threat_model();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        // A program that `./tests/run` starts.
        if name.contains('/') {
            assert!(root.join(&name).is_file(), "SECURITY.md names {name}");
            continue;
        }
        let (before, _) = text
            .split_once(&format!("fn {name}("))
            .unwrap_or_else(|| panic!("SECURITY.md names {name}, which is nowhere"));
        // In a `proptest!` other attributes may stand between.
        let head = before.rsplit("\n\n").next().unwrap();
        assert!(head.contains("#[test]"), "{name} is no test: {head}");
    }
}

/// Whatever our code or a crate that is linked reads (`env::var` in their sources), with a value that would change something.
/// What only the C library and the loader read is theirs: sudo and services take it away.
const ENVIRONMENT: [(&str, &str); 28] = [
    ("NO_COLOR", ""),
    ("SUDO_USER", "somebody"),
    ("COMPLETE", "bash"),
    ("_CLAP_COMPLETE_INDEX", "1"),
    ("_CLAP_COMPLETE_COMP_TYPE", "9"),
    ("_CLAP_COMPLETE_SPACE", "false"),
    ("_CLAP_IFS", "x"),
    ("CLICOLOR", "0"),
    ("CLICOLOR_FORCE", "1"),
    ("TERM", "dumb"),
    ("COLORTERM", "truecolor"),
    ("CI", "1"),
    ("COLUMNS", "20"),
    ("LINES", "5"),
    ("HOME", "/run/nowhere"),
    ("SHELL", "/run/nowhere/fish"),
    ("TMPDIR", "/run/nowhere"),
    ("JOURNAL_STREAM", "8:1"),
    ("RUST_BACKTRACE", "full"),
    ("RUST_LIB_BACKTRACE", "1"),
    ("RUST_MIN_STACK", "18446744073709551615"),
    ("RUST_LOG", "trace"),
    ("PATH", "/run/fake"),
    ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/nowhere"),
    ("SYSTEMD_LOG_LEVEL", "debug"),
    ("SYSCTL_BIN", "/run/nowhere"),
    ("LANG", "tr_TR.UTF-8"),
    ("TZ", "Asia/Tokyo"),
];

fn with_environment(sandbox: &Sandbox, hostile: bool, words: &str) -> Run {
    let binary = binary();
    // What `./tests/run --coverage` measures has to go somewhere.
    let measured = std::env::var("LLVM_PROFILE_FILE").unwrap_or("/dev/null".to_owned());
    let mut args = vec!["-i".to_owned(), format!("LLVM_PROFILE_FILE={measured}")];
    if hostile {
        let all = ENVIRONMENT.iter();
        args.extend(all.map(|(name, value)| format!("{name}={value}")));
    }
    args.push(binary.to_str().unwrap().to_owned());
    args.extend(words.split_whitespace().map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    sandbox.run("/usr/bin/env", &args)
}

/// Programs that say that they were started, where only the caller's `PATH` leads.
fn with_traps(sandbox: &Sandbox) {
    sandbox.sh(
        "mkdir -p /run/fake
         for name in systemd-run wall unshare grep nsenter ip sysctl; do
             printf '#!/bin/sh\\n: > /run/trapped-%s\\n' $name > /run/fake/$name; chmod 755 /run/fake/$name
         done",
    );
}

/// The hash of a plan knows its namespace, and here are two.
fn without_plan(text: &str) -> String {
    let mut parts = text.split(", plan ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| all + ", plan" + &part[7..])
}

/// The times of day are those of two moments.
fn without_time(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for end in 9..bytes.len() {
        if bytes[end] == b'Z' && bytes[end - 9] == b'T' {
            bytes[end - 8..end].copy_from_slice(b"00:00:00");
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_environment_variable_changes_what_is_said_or_done() {
    let (plain, hostile) = (Sandbox::with_systemd(), Sandbox::with_systemd());
    with_traps(&hostile);
    for sandbox in [&plain, &hostile] {
        sandbox.file("/run/bad.toml", "[tcp]\nsomaxcon = 1\n");
    }
    for words in [
        "--help",
        "apply --help",
        "no-such-verb",
        "list",
        "show high-traffic",
        "diff high-traffic",
        "diff no-such-profile",
        "check /run/bad.toml",
        "check /run/bad.toml --output github",
        "diff kernel-defaults",
        "where",
        "explain",
        "explain synack_retries --set synack_retries=3",
        "schema",
        "apply high-traffic --persist",
        "status",
        "verify",
        "rollback",
        "apply fail-fast",
        "set syn_retries=4 --reason incident",
        "history",
        "persist",
        "apply high-traffic --confirm-within=1h",
        "confirm",
        "hold --reason incident",
        "unhold",
        "import --managed",
        "doctor --window=0s",
        "watch --once",
        "off --persist",
    ] {
        let wanted = with_environment(&plain, false, words);
        let is = with_environment(&hostile, true, words);
        // Who sudo says that it was is told, and decides nothing.
        let said =
            |out: &str| without_time(&without_plan(out)).replace("by somebody (uid 0)", "by uid 0");
        assert_eq!(
            (is.code, said(&is.out), is.err),
            (wanted.code, said(&wanted.out), wanted.err),
            "{words}"
        );
        assert_eq!(hostile.all(), plain.all(), "{words}");
        let drop_in = "cat /etc/sysctl.d/99-tcptune.conf 2>/dev/null || true";
        assert_eq!(hostile.sh(drop_in), plain.sh(drop_in), "{words}");
    }
    assert_eq!(hostile.sh("ls /run | grep trapped || true"), "");
}

/// What stands in [`ENVIRONMENT`] is what is read.
#[test]
fn every_environment_variable_that_is_read_is_known() {
    let text = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let read: Vec<&str> = ["env::var(", "env::var_os("]
        .iter()
        .flat_map(|call| text.split(call).skip(1))
        .map(|rest| rest.split(')').next().unwrap().trim_matches('"'))
        .collect();
    assert!(read.contains(&"NO_COLOR"), "{read:?}");
    for name in read {
        assert!(
            ENVIRONMENT.iter().any(|(known, _)| *known == name),
            "{name}"
        );
    }
    for call in ["env::vars", "environ"] {
        assert!(!text.contains(&format!("{call}(")), "{call}");
    }
}

#[test]
fn the_callers_path_names_no_program_that_is_started() {
    let sandbox = Sandbox::with_systemd();
    with_traps(&sandbox);
    with_environment(&sandbox, true, "apply high-traffic --confirm-within=1s").exits(0);
    let nobody = ["env", "PATH=/run/fake"];
    sandbox.as_nobody(&nobody, "diff kernel-defaults");
    crate::confirm::comes_true("it goes back", || crate::confirm::is_back(&sandbox));
    assert_eq!(sandbox.sh("ls /run | grep trapped || true"), "");
}

const SECRET: &str = "5ec2e7aa-5ec2e7bb-5ec2e7cc-5ec2e7dd";

/// Planted wherever it could be met, then looked for in whatever is said and written.
#[test]
fn a_planted_secret_is_in_no_output_log_journal_or_snapshot() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("mkdir -p /run/systemd/journal /run/metrics /etc/ufw; ip netns add one");
    let log = UnixDatagram::bind(sandbox.path("/run/systemd/journal/socket")).unwrap();
    log.set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    sandbox.stranger("net.ipv4.tcp_fastopen_key", SECRET);
    sandbox.sh(&format!(
        "ip netns exec one sysctl -q -w net.ipv4.tcp_fastopen_key={SECRET}"
    ));
    let line = format!("net.ipv4.tcp_fastopen_key = {SECRET}\n");
    sandbox.file("/etc/sysctl.d/50-key.conf", &line);
    sandbox.file("/etc/ufw/sysctl.conf", &line);
    sandbox.file(
        "/run/p.toml",
        &format!("[tcp]\nfastopen_key = \"{SECRET}\"\n"),
    );
    sandbox.file(
        "/etc/tcptune/profiles/long.toml",
        &format!("[sysctl]\n\"net/ipv4/tcp_fastopen_key\" = {{ value = \"{SECRET}\" }}\n"),
    );
    let mut said = String::new();
    let mut tell = |words: &str| {
        let run = sandbox.tcptune(words);
        for part in [&run.out, &run.err] {
            assert!(!part.contains("5ec2e7"), "{words}: {part}");
        }
        said += &run.out;
    };
    for words in [
        "apply high-traffic fast-open --persist --reason launch",
        "apply kernel-defaults --yes --netns all",
        "set somaxconn=77",
        "rollback",
        "persist",
        "hold --reason incident",
        "unhold",
        "apply /run/p.toml",
        "apply long",
    ] {
        tell(words);
    }
    tell(&format!("set fastopen_key={SECRET}"));
    tell(&format!("set net.ipv4.tcp_fastopen_key={SECRET}"));
    tell(&format!("diff fast-open --set fastopen_key={SECRET}"));
    for form in ["text", "json", "markdown", "github", "sarif"] {
        for words in [
            "list",
            "show high-traffic fast-open",
            "show --active",
            "show /run/p.toml",
            "diff fast-open --scope both",
            "diff fast-open --netns all",
            "diff long",
            "verify",
            "status -v",
            "history",
            "where",
            "where fastopen_key",
            "explain",
            "explain fastopen -v",
            "explain fastopen_key",
            "doctor --window=0s",
            "check /run/p.toml",
            "check /etc/tcptune/profiles/long.toml",
            "import --managed",
            "import /etc/sysctl.d/50-key.conf",
            "snapshot",
            "metrics",
            "watch --once",
        ] {
            tell(&format!("{words} --output {form}"));
        }
    }
    tell("metrics --write /run/metrics/tcptune.prom");
    assert!(said.contains("high-traffic"), "something was said");
    let kept =
        "grep -rl 5ec2e7 /var/lib/tcptune /run/metrics /etc/sysctl.d/99-tcptune.conf || true";
    assert_eq!(sandbox.sh(kept), "");
    let (mut records, mut buffer) = (0, vec![0; 65536]);
    while let Ok(count) = log.recv(&mut buffer) {
        let record = String::from_utf8_lossy(&buffer[..count]);
        assert!(!record.contains("5ec2e7"), "{record}");
        records += usize::from(count > 0);
    }
    assert!(records > 3, "transactions were told: {records}");
}

/// Colours are ours alone: what an argument would do is shown, on a terminal too.
#[test]
fn a_terminal_obeys_no_argument() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/said",
        "tcptune=$1; \"$tcptune\" \"$(printf 'x\\033[2J')\"; \"$tcptune\" diff --scope \"$(printf '\\033[2J')\"; true\n",
    );
    let said = sandbox.sh(&format!(
        "script -qec 'sh /run/said {}' /dev/null",
        binary().display()
    ));
    assert!(said.matches("error").count() >= 2, "{said:?}");
    assert!(!said.contains("\u{1b}[2J"), "{said:?}");
}

/// Whoever wants no colour gets none, also where the rest of the command line makes no sense; and the other way round.
#[test]
fn a_command_line_that_makes_no_sense_has_the_colour_that_it_asks_for() {
    let sandbox = Sandbox::new();
    let binary = binary();
    let on_a_terminal = |words: &str| {
        sandbox.sh(&format!(
            "script -qec '{} {words}' /dev/null || true",
            binary.display()
        ))
    };
    for words in [
        "bogus",
        "diff --bogus",
        "diff high-traffic --confirm-within 5m",
        "status --output sarif",
    ] {
        let plain = sandbox.tcptune(words).exits(2).err;
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert!(on_a_terminal(words).contains('\u{1b}'), "{words}");
        for never in ["--color never", "--color=never"] {
            let told = on_a_terminal(&format!("{words} {never}"));
            assert!(
                told.contains("error: ") && !told.contains('\u{1b}'),
                "{words} {never}: {told:?}"
            );
        }
        let always = sandbox
            .tcptune(&format!("{words} --color always"))
            .exits(2)
            .err;
        assert!(always.contains('\u{1b}'), "{words}: {always:?}");
    }
}

/// It clears the screen, colours what follows, and turns around what stands behind it.
const EVIL: &str = "x\u{1b}[2J\u{1b}[31m\u{202e}y";

/// A machine on which somebody has put escape sequences wherever they may put text.
fn with_escapes() -> Sandbox {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh("printf 'web\\033[31m' | (mount -o remount,bind,rw /proc/sys; cat > /proc/sys/kernel/hostname)");
    sandbox.sh("n=$(printf 'n\\033[31m'); ip netns add \"$n\"");
    sandbox.sh("ip link add \"$(printf 'e\\033[7m')\" type veth peer name other");
    sandbox.file(
        "/run/evil.toml",
        "[profile]\ndescription = \"x\\u001b[2J\\u202ey\"\n[tcp]\nsynack_retries = { value = 3, why = \"x\\u001b[2J\\u202ey\" }\n",
    );
    sandbox.sh("cp /run/evil.toml \"/etc/tcptune/profiles/$(printf 'evil\\033[31m').toml\"");
    sandbox.file(
        "/run/worse.toml",
        &format!("[tcp]\nsomaxconn = \"{EVIL}\" # {EVIL}\n"),
    );
    sandbox.file(
        "/run/odd.toml",
        "[sysctl]\n\"net/ipv4/conf/e\\u001b[7m/rp_filter\" = 1\n",
    );
    let fragment = format!(
        "# {EVIL}\nnet.core.somaxconn = {EVIL}\nnet.{EVIL} = 1\nnet.core.somaxconn = 7\n{EVIL}\nnet.ipv4.conf.e\u{1b}[7m.rp_filter = 1\n"
    );
    sandbox.file("/run/fragment", &fragment);
    sandbox.sh("cp /run/fragment \"/etc/sysctl.d/$(printf '98-a\\033[2J').conf\"; cp /run/fragment /etc/sysctl.conf");
    // A listener with a name of its own.
    sandbox.sh(
        "python3 -c 'import socket, time
open(\"/proc/self/comm\", \"w\").write(\"a\\x1b[31mb\")
server = socket.socket(); server.bind((\"127.0.0.1\", 8080)); server.listen(0)
clients = []
for _ in range(4):
    one = socket.socket(); one.setblocking(False); one.connect_ex((\"127.0.0.1\", 8080)); clients.append(one)
open(\"/run/listens\", \"w\").close()
time.sleep(1000)' >/dev/null 2>&1 &
         until [ -e /run/listens ]; do sleep 0.05; done",
    );
    sandbox
}

/// Verbs that say something of it, in every form.
const SAYING: [&str; 40] = [
    "list",
    "show /run/evil.toml",
    "show --active",
    "show --flat /run/evil.toml",
    "show evil\u{1b}[31m",
    "diff /run/evil.toml --scope both",
    "diff /run/odd.toml --scope both",
    "diff high-traffic --netns all",
    "diff high-traffic --netns n\u{1b}[31m",
    "diff /run/worse.toml",
    "diff \u{1b}[2J",
    "apply high-traffic --dry-run --persist",
    "apply /run/odd.toml --netns all",
    "verify",
    "status",
    "status -v",
    "history",
    "rollback --dry-run",
    "where",
    "where -v",
    "where net.core.somaxconn",
    "explain",
    "explain -v",
    "explain somaxconn",
    "explain net.ipv4.conf.e\u{1b}[7m.rp_filter",
    "doctor --window=0s",
    "doctor --window=0s -v",
    "check /run/evil.toml",
    "check /run/worse.toml",
    "check /run/odd.toml",
    "check /etc/tcptune/profiles/evil\u{1b}[31m.toml",
    "import /run/fragment",
    "import --managed",
    "snapshot",
    "metrics",
    "watch --once",
    "set net.ipv4.conf.e\u{1b}[7m.rp_filter=5",
    "set \u{1b}[2J=\u{1b}[2J",
    "\u{1b}[2J",
    "list --\u{1b}[2J",
];

/// None comes out as it is.
#[test]
fn escape_sequences_are_shown_in_every_output() {
    let sandbox = with_escapes();
    let said = RefCell::new(String::new());
    let tell = |words: &str| {
        let binary = binary();
        let mut args = vec!["SUDO_USER=s\u{1b}[31m", binary.to_str().unwrap()];
        args.extend(words.split(' '));
        let run = sandbox.run("env", &args);
        let structured = ["json", "sarif", "snapshot"].iter();
        let structured = structured.clone().any(|form| words.contains(form));
        for text in [&run.out, &run.err] {
            // In JSON a sign that turns the line around is data; whoever shows it must know.
            let acts = |c: char| (c.is_control() && c != '\n') || (c == '\u{202e}' && !structured);
            if let Some(line) = text.split('\n').find(|line| line.contains(acts)) {
                panic!("{words}: {line:?}");
            }
            said.borrow_mut().push_str(text);
        }
        run
    };
    let reason = format!("--reason={}", EVIL.replace(' ', ""));
    tell(&format!("apply /run/evil.toml --persist {reason}")).exits(2);
    tell(&format!("hold {reason}")).exits(2);
    tell("apply /run/evil.toml").exits(2);
    tell("apply fail-fast --persist").exits(0);
    tell("set syn_retries=4 --confirm-within=60s").exits(0);
    tell("status");
    tell("confirm").exits(0);
    tell("hold").exits(0);
    tell("apply high-traffic").exits(3);
    // By hand.
    sandbox.sh("printf '# \\033[2J\\nnet.x\\033[31m = 1\\n' >> /etc/sysctl.d/99-tcptune.conf");
    for form in ["text", "json", "markdown", "github", "sarif"] {
        for words in SAYING {
            tell(&format!("{words} --output {form}"));
        }
    }
    tell("show --output kubernetes /run/odd.toml");
    tell("unhold").exits(0);
    tell("off --persist");
    tell("rollback");
    sandbox.sh("rm /etc/sysctl.d/99-tcptune.conf");
    tell("off --persist").exits(0);
    tell("where net.core.somaxconn");
    // The file, the process, the interface, the namespace, the host and the profile were spoken of.
    for seen in ["98-a", "a", "e", "n", "web", "evil"] {
        let seen = format!("{seen}\\u{{1b}}[");
        assert!(said.borrow().contains(&seen), "{seen}");
    }
}

#[test]
fn escape_sequences_are_shown_on_the_live_screen_and_in_no_completion() {
    let sandbox = with_escapes();
    let binary = binary();
    let completed = [
        "COMPLETE=bash",
        "_CLAP_COMPLETE_INDEX=2",
        binary.to_str().unwrap(),
        "--",
        "tcptune",
        "show",
        "",
    ];
    let run = sandbox.run("env", &completed);
    assert!(
        run.out.contains("fail-fast") && !run.out.contains('\u{1b}'),
        "{run:?}"
    );
    sandbox.sh(&format!(
        "tmux -S /run/tmux -f /dev/null new-session -d -x 140 -y 40 '{} watch'",
        binary.display()
    ));
    crate::confirm::comes_true("the live screen shows the name as it is", || {
        sandbox
            .sh("tmux -S /run/tmux capture-pane -p")
            .contains("a\\u{1b}[31mb")
    });
}

/// What is larger or deeper than anything real is refused with a limit, quickly and in little memory.
#[test]
fn giant_and_deep_input_is_refused_with_its_limit() {
    let sandbox = Sandbox::with_systemd();
    sandbox.sh(
        "truncate -s 3G /run/giant; ln -s giant /run/giant.json; cp --sparse=always /run/giant /run/giant.toml
         python3 -c 'print(\"[\" * 1000000)' > /run/deep.json
         python3 -c 'print(\"{\\\"memory\\\":\" * 100000)' > /run/deeper.json
         python3 -c 'print(\"a.\" * 100000 + \"b = 1\")' > /run/long.conf
         cp --sparse=always /run/giant /etc/sysctl.d/50-giant.conf
         cp /run/long.conf /etc/sysctl.d/51-long.conf",
    );
    let limited = |words: &str| {
        let script = format!(
            "ulimit -v 400000; exec timeout 20 {} {words}",
            binary().display()
        );
        sandbox.run("sh", &["-c", &script])
    };
    for (words, code, why) in [
        ("check /run/giant.toml", 4, "more than 1048576 bytes"),
        ("apply /run/giant.toml", 4, "more than 1048576 bytes"),
        ("import /run/giant", 4, "more than"),
        ("import - < /dev/zero", 4, "more than"),
        (
            "diff high-traffic --against /run/giant.json",
            4,
            "more than",
        ),
        (
            "diff high-traffic --against /run/deep.json",
            2,
            "/run/deep.json",
        ),
        (
            "diff high-traffic --against /run/deeper.json",
            2,
            "not a snapshot",
        ),
        ("where somaxconn", 1, "50-giant.conf"),
    ] {
        let run = limited(words);
        let said = format!("{}{}", run.out, run.err);
        assert_eq!(run.code, Some(code), "{words}: {said:.2000}");
        assert!(said.contains(why), "{words}: {said:.2000}");
        assert!(said.len() < 20_000, "{words}: {} bytes", said.len());
    }
    // Of somebody who is root already, but perhaps of a broken disk.
    sandbox.tcptune("apply high-traffic").exits(0);
    for giant in ["journal/9.json", "state.json"] {
        sandbox.sh(&format!(
            "cd /var/lib/tcptune; cp {giant} /run/kept 2>/dev/null || true; truncate -s 3G {giant}"
        ));
        let run = limited("status");
        let said = format!("{}{}", run.out, run.err);
        assert!(run.code.is_some_and(|code| code < 5), "{said:.2000}");
        // The state is made again from the journal.
        let told = said.contains("more than") || giant == "state.json";
        assert!(told && said.len() < 20_000, "{giant}: {said:.2000}");
        sandbox.sh(&format!(
            "cd /var/lib/tcptune; rm {giant}; mv /run/kept {giant} 2>/dev/null || true"
        ));
    }
    limited("status").exits(0);
}

#[test]
fn what_acts_and_holds_no_value_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "/run/acts.toml",
        "[tcp]\nsynack_retries = 3\n[sysctl]\nvm.stat_refresh = 1\n",
    );
    let before = sandbox.all();
    for verb in ["apply /run/acts.toml", "set vm.stat_refresh=1"] {
        let refused = sandbox.tcptune(verb).exits(2);
        let why = "vm.stat_refresh is an action, not a setting";
        assert!(refused.err.contains(why), "{verb}: {}", refused.err);
    }
    // One that the table does not know shows itself, as it cannot be read.
    let unreadable = sandbox.tcptune("set net.ipv4.route.flush=1").exits(4);
    assert!(
        unreadable.err.contains("cannot be read back"),
        "{}",
        unreadable.err
    );
    assert_eq!(sandbox.all(), before);
}

/// To know what a released key gets, it looks into a fresh namespace; where it cannot come back from there, it is nowhere.
#[test]
fn a_process_that_is_lost_between_namespaces_does_nothing_more() {
    let sandbox = Sandbox::with_systemd();
    let state = "find /var/lib/tcptune /etc/sysctl.d -type f ! -name lock | xargs -r sha256sum";
    let before = (sandbox.all(), sandbox.sh(state));
    let tcptune = binary();
    let inject = "inject=setns:error=EPERM:when=1";
    let lost = ["-o", "/run/trace", "-e", inject, tcptune.to_str().unwrap()];
    let verb = ["apply", "high-traffic", "--persist"];
    let lost = sandbox.run("strace", &[&lost[..], &verb].concat());
    let trace = sandbox.sh("sed -n '/^setns.*INJECTED/,$p' /run/trace");
    assert!(!trace.is_empty(), "it went nowhere: {lost:?}");
    assert!(
        lost.err.contains("return to this network namespace"),
        "{}",
        lost.err
    );
    assert_eq!(lost.code, Some(3), "{}", lost.err);
    assert!(!trace.contains("/proc/sys"), "{trace}");
    assert_eq!((sandbox.all(), sandbox.sh(state)), before);
}
