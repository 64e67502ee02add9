//! `watch` in a real terminal: tmux, in a sandbox.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tcptune::model::memory::hex;

use crate::docs::on_a_host;
use crate::sandbox::{Sandbox, binary};

/// A full listener on 8080, and one on 8443 that accepts what comes.
const TRAFFIC: &str = include_str!("../watch/traffic.py");

/// A terminal with a shell in it.
struct Terminal {
    sandbox: Sandbox,
}

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        Self::on(Sandbox::new(), columns, rows)
    }

    fn on(sandbox: Sandbox, columns: u16, rows: u16) -> Self {
        sandbox.file("/run/traffic.py", TRAFFIC);
        sandbox.sh("ln -s $(python3 -c 'import sys; print(sys.executable)') /run/api");
        sandbox.sh("setsid /run/api /run/traffic.py >/dev/null 2>&1 </dev/null &");
        let shell = "env -i LLVM_PROFILE_FILE=/dev/null PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=screen-256color PS1='$ ' sh";
        sandbox.sh("timeout 10 sh -c 'while ! ss -Hltn | grep -q :8443; do sleep 0.1; done'");
        sandbox.sh(&format!(
            "tmux -S /run/tmux -f /dev/null new-session -d -x {columns} -y {rows} \"{shell}\""
        ));
        let terminal = Self { sandbox };
        terminal.shows("$");
        terminal
    }

    fn tmux(&self, words: &str) -> String {
        self.sandbox.sh(&format!("tmux -S /run/tmux {words}"))
    }

    fn types(&self, line: &str) {
        self.tmux(&format!("send-keys -l '{line}'"));
        self.tmux("send-keys Enter");
    }

    /// A shell command, with `tcptune` for the binary.
    fn runs(&self, line: &str) {
        let binary = binary();
        self.types(&line.replace("tcptune", binary.to_str().unwrap()));
    }

    fn screen(&self) -> String {
        self.tmux("capture-pane -p")
    }

    /// Waits for a text.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        self.waits(text, |screen| screen.contains(text))
    }

    #[track_caller]
    fn waits(&self, what: &str, until: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if until(&screen) {
                return screen;
            }
            let late = begun.elapsed() > Duration::from_secs(15);
            assert!(!late, "{what} is not to be seen:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }

    /// The state of the terminal: its modes, its screen and whether the cursor shows.
    fn state(&self) -> String {
        let tty = self.tmux("display-message -p '#{pane_tty}'");
        let modes = self.sandbox.sh(&format!("stty -a -F {tty}"));
        // The size is somebody else's.
        let modes: String = modes.lines().skip(1).collect();
        let flags = "'#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag}'";
        format!(
            "{modes}\n{}",
            self.tmux(&format!("display-message -p {flags}"))
        )
    }

    /// `tcptune watch` is over, and the terminal is as it was.
    #[track_caller]
    fn is_as_before(&self, before: &str) {
        self.waits("the shell", |screen| {
            !screen.contains("listeners") && !screen.contains("LISTENERS")
        });
        self.types("echo over-$((20 + 3))");
        self.shows("over-23");
        assert_eq!(self.state(), before);
    }
}

#[test]
fn three_sizes_and_every_key() {
    for (columns, rows) in [(60, 15), (80, 24), (140, 50)] {
        let terminal = Terminal::new(columns, rows);
        let before = terminal.state();
        terminal.runs("clear; tcptune watch --every 300ms");
        let screen = terminal.shows("CRITICAL");
        for text in [
            "tcptune watch",
            "127.0.0.1:8080",
            "9/9!",
            "api[",
            "nothing declared",
        ] {
            assert!(
                screen.contains(text),
                "{text} at {columns}x{rows}:\n{screen}"
            );
        }
        assert_eq!(screen.contains("[== FULL ==]"), columns >= 72, "{screen}");
        assert!(screen.lines().last().unwrap().starts_with("? help"));
        assert_ne!(terminal.state(), before);
        terminal.tmux("send-keys p");
        let paused = terminal.shows("PAUSED");
        sleep(Duration::from_secs(1));
        assert_eq!(terminal.screen(), paused, "it stands still");
        terminal.tmux("send-keys p");
        terminal.shows("every 300ms");
        terminal.tmux("send-keys s");
        terminal.shows("sort: drops");
        terminal.tmux("send-keys /");
        terminal.tmux("send-keys -l 8443");
        terminal.waits("one listener", |screen| {
            screen.contains("127.0.0.1:8443") && !screen.contains("127.0.0.1:8080 ")
        });
        terminal.tmux("send-keys Enter");
        terminal.shows("/8443 (Esc: all)");
        terminal.tmux("send-keys Escape");
        terminal.shows("127.0.0.1:8080");
        terminal.tmux("send-keys ?");
        terminal.shows("? or Esc: away");
        terminal.tmux("send-keys ?");
        terminal.tmux("send-keys Tab");
        terminal.shows("FINDINGS");
        terminal.tmux("send-keys q");
        terminal.is_as_before(&before);
    }
}

#[test]
fn a_terminal_that_changes_its_size() {
    let terminal = Terminal::new(140, 50);
    // A window that follows no client has the size that it is given.
    terminal.tmux("set-option -g window-size manual");
    terminal.runs("tcptune watch --every 300ms");
    terminal.shows("CRITICAL");
    for (columns, rows) in [(60, 15), (30, 8), (100, 30)] {
        terminal.tmux(&format!("resize-window -x {columns} -y {rows}"));
        let small = columns < 40;
        terminal.waits("another size", |screen| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            let fits = last.starts_with("? help") && screen.lines().count() == rows;
            screen.contains("too small") == small && fits != small
        });
    }
}

/// However it ends, the terminal is left as it was found.
#[test]
fn every_way_to_end() {
    let terminal = Terminal::new(80, 24);
    let before = terminal.state();
    let end = |how: &str| {
        terminal.runs("clear; tcptune watch --every 1h");
        terminal.shows("127.0.0.1:8080");
        assert_ne!(terminal.state(), before, "{how}");
        match how.strip_prefix('-') {
            Some(_) => drop(terminal.sandbox.sh(&format!("pkill {how} -x tcptune"))),
            None => drop(terminal.tmux(&format!("send-keys {how}"))),
        }
        terminal.is_as_before(&before);
        let code = terminal.tmux("capture-pane -p");
        assert!(!code.contains("panicked"), "{code}");
    };
    for how in ["q", "C-c", "-TERM", "-HUP", "-INT", "-QUIT"] {
        end(how);
    }
    // A signal ends it as it ends any program.
    terminal.runs("clear; tcptune watch; echo code-$?");
    terminal.shows("127.0.0.1:8080");
    terminal.sandbox.sh("pkill -TERM -x tcptune");
    terminal.shows("code-143");
    // Suspended, the shell has the terminal; continued, the screen is back.
    terminal.runs("set -m; clear; tcptune watch");
    terminal.shows("127.0.0.1:8080");
    terminal.tmux("send-keys C-z");
    terminal.is_as_before(&before);
    terminal.runs("clear; fg");
    terminal.shows("127.0.0.1:8080");
    assert_ne!(terminal.state(), before);
    terminal.tmux("send-keys q");
    terminal.is_as_before(&before);
}

/// A panic is told on the screen of before. The test program itself is what panics: the binary has no way to do it.
#[test]
fn after_a_panic() {
    let terminal = Terminal::new(80, 24);
    let before = terminal.state();
    let program = std::env::current_exe().unwrap();
    terminal.types(&format!(
        "clear; {} --ignored --exact --nocapture watch::panics",
        program.display()
    ));
    terminal.shows("on purpose");
    terminal.shows("test result: FAILED");
    terminal.is_as_before(&before);
}

#[test]
#[ignore = "run by `after_a_panic`, in a terminal"]
fn panics() {
    let mut screen = tcptune::host::terminal::Screen::open(false).unwrap();
    screen.draw(|_| ()).unwrap();
    panic!("on purpose");
}

/// Nobody looks any more: it ends, and does not spin.
#[test]
fn a_terminal_that_goes_away() {
    let terminal = Terminal::new(80, 24);
    terminal.runs("tcptune watch");
    terminal.shows("127.0.0.1:8080");
    terminal.sandbox.sh("tmux -S /run/tmux kill-server");
    let begun = Instant::now();
    // Nobody in the sandbox waits for dead processes.
    while !terminal
        .sandbox
        .sh("pgrep -x -r R,S,D,T tcptune || true")
        .is_empty()
    {
        assert!(begun.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn colour_only_where_it_is_wanted() {
    let terminal = Terminal::new(80, 24);
    // SGR with a colour: 30 to 37, 38 or 39 among its numbers.
    let colored = |terminal: &Terminal| {
        let screen = terminal.tmux("capture-pane -p -e");
        screen.split("\u{1b}[").skip(1).any(|rest| {
            let numbers = rest.split('m').next().unwrap_or_default();
            let mut numbers = numbers.split([';', ':']);
            numbers.any(|number| (30..39).any(|color| number == color.to_string()))
        })
    };
    for (words, wanted) in [
        ("tcptune watch", true),
        ("NO_COLOR=1 tcptune watch", false),
        ("tcptune watch --color never", false),
        ("NO_COLOR=1 tcptune watch --color always", true),
    ] {
        terminal.runs(&format!("clear; {words} --every 200ms"));
        terminal.shows("CRITICAL");
        assert_eq!(colored(&terminal), wanted, "{words}");
        terminal.tmux("send-keys q");
        terminal.waits("the shell", |screen| !screen.contains("CRITICAL"));
    }
}

#[test]
fn one_look_as_text_and_as_json() {
    let terminal = Terminal::new(80, 24);
    let sandbox = &terminal.sandbox;
    sandbox.tcptune("set synack_retries=3").exits(0);
    sandbox.stranger("net.ipv4.tcp_synack_retries", "7");
    let files =
        sandbox.sh("find /var/lib/tcptune /run/tcptune* -printf '%p %T@\n' 2>/dev/null || true");
    let text = sandbox.tcptune("watch --once --every 1s").exits(0).out;
    assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    for part in [
        "DRIFT synack_retries 7, wants 3",
        "[== FULL ==] 9/9!",
        "within 1s",
        "CRITICAL",
        "somaxconn 4096",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let run = sandbox
        .tcptune("watch --once --every 500ms --json --profile high-traffic")
        .exits(0);
    let json = run.json();
    assert_eq!(json["command"], "watch");
    assert_eq!(json["values"]["net.ipv4.tcp_synack_retries"], "7");
    assert_eq!(json["declared"]["drift"][0]["want"], "3");
    assert_eq!(json["findings"][0]["listener"]["port"], 8080);
    assert_eq!(json["namespaces"][0]["findings"], json["findings"]);
    let after =
        sandbox.sh("find /var/lib/tcptune /run/tcptune* -printf '%p %T@\n' 2>/dev/null || true");
    assert_eq!(files, after, "it writes nothing");
}

#[test]
fn wrong_words() {
    let sandbox = Sandbox::new();
    for (words, code) in [
        ("watch", "terminal"),
        ("watch --every 1s", "terminal"),
        ("watch --once --netns all --netns pid:1", "one-namespace"),
        ("watch --once --profile none-such", "unknown-profile"),
        ("watch --once --every 0s", "usage"),
    ] {
        let run = sandbox.tcptune(&format!("{words} --json")).exits(2);
        assert_eq!(run.json()["error"]["code"], code, "{words}");
    }
    let run = sandbox.tcptune("watch").exits(2);
    assert!(run.err.contains("`tcptune watch --once`"), "{}", run.err);
}

#[test]
fn another_namespace() {
    let sandbox = Sandbox::new();
    sandbox.sh("ip netns add web; ip netns exec web sysctl -q -w net.ipv4.tcp_synack_retries=2");
    let run = sandbox
        .tcptune("watch --once --every 200ms --netns web")
        .exits(0);
    assert!(run.out.contains("web namespace"), "{}", run.out);
    assert!(run.out.contains("synack_retries 2"), "{}", run.out);
    assert!(
        run.out.contains("no listener in this namespace"),
        "{}",
        run.out
    );
}

/// The picture of the README shows `packaging/watch.txt`, and that is what an operator sees, but for the figures.
#[test]
fn the_picture_of_the_readme_is_what_an_operator_sees() {
    let terminal = Terminal::on(on_a_host(), 100, 24);
    terminal.sandbox.tcptune("apply high-traffic").exits(0);
    terminal
        .sandbox
        .stranger("net.ipv4.tcp_synack_retries", "7");
    terminal.runs("clear; tcptune watch");
    let update = std::env::var_os("UPDATE").is_some();
    // For the picture the bars have to get somewhere.
    sleep(Duration::from_secs(if update { 30 } else { 0 }));
    terminal.waits("the finding", |screen| {
        screen.contains("CRITICAL") && screen.contains("application-slow")
    });
    let seen = terminal.tmux("capture-pane -p -e");
    // The sandbox is a container to the program; the bar above all is as long all the same.
    let seen = seen.replace(
        "container namespace, web-17, Linux 6.18.44",
        "host namespace, web-17, Linux 6.18.44     ",
    );
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let text = packaging.join("watch.txt");
    if update {
        fs::write(&text, format!("{seen}\n")).unwrap();
    }
    let kept = fs::read_to_string(text).unwrap();
    assert_eq!(
        words(&kept),
        words(&seen),
        "`UPDATE=1 cargo test --test it watch` mends it, then `tests/watch/picture`"
    );
    let picture = fs::read_to_string(packaging.join("watch.svg")).unwrap();
    assert!(
        picture.contains(&hex(&Sha256::digest(kept))),
        "`tests/watch/picture` draws it again"
    );
}

/// What a screen says, without styles, figures and bars; of the findings their rules.
fn words(screen: &str) -> Vec<String> {
    let mut pieces = screen.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    let plain = pieces.fold(first, |text, piece| {
        text + piece
            .split_once(|c: char| c.is_ascii_alphabetic())
            .map_or("", |(_, text)| text)
    });
    let words = |line: &str| {
        let line = line.replace(
            |c: char| !(c.is_ascii_alphabetic() || "-/?: ".contains(c)),
            "",
        );
        let words = line
            .split_whitespace()
            .filter(|word| *word != "-" && *word != "k");
        words.collect::<Vec<_>>().join(" ")
    };
    let told = |line: &&str| !line.starts_with("  ");
    plain.lines().filter(told).map(words).collect()
}
