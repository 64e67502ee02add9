//! The screen in a terminal of a test, and its keys.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::*;
use crate::model::counters::Counters;

/// A listener on a port, with a limit of 128.
fn listener(port: u16, queued: u32, drops: u64) -> Listener {
    Listener {
        cookie: port.into(),
        address: format!("10.0.0.1:{port}").parse().unwrap(),
        v6_only: false,
        queued,
        limit: 128,
        drops,
        inode: port.into(),
    }
}

/// What happens in the `n`th second: port 80 is full and drops, 443 is half full, 22 is idle.
fn look(n: u64) -> Look {
    let mut counters = Counters::default();
    for (name, each) in [
        ("TcpActiveOpens", 7),
        ("TcpPassiveOpens", 40),
        ("ListenOverflows", 3),
        ("ListenDrops", 3),
    ] {
        counters.put(name, each * n);
    }
    let values = [
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.tcp_syncookies", "1"),
        ("net.ipv4.tcp_synack_retries", "7"),
    ];
    let owner = |inode, pid, process: &str| {
        let process = process.to_owned();
        (
            inode,
            Owner {
                pid,
                process,
                ..Owner::default()
            },
        )
    };
    let drift = (Some(Value::new("7")), "3".to_owned());
    Look {
        sample: Sample {
            at_ms: 1000 * n,
            counters,
            listeners: vec![
                listener(22, 0, 0),
                listener(80, 129, 3 * n),
                listener(443, 60, 0),
            ],
            ..Sample::default()
        },
        values: values
            .map(|(key, value)| (key.parse().unwrap(), Value::new(value)))
            .into(),
        owners: [owner(80, 71, "app\u{1b}[2J"), owner(443, 72, "nginx")].into(),
        former: BTreeSet::new(),
        addresses: BTreeSet::new(),
        declared: Some(Declared {
            name: "high-traffic".to_owned(),
            keys: 4,
            drift: [("net.ipv4.tcp_synack_retries".parse().unwrap(), drift)].into(),
        }),
    }
}

fn watch(seconds: u64) -> Watch {
    let mut watch = Watch::new(Subject {
        title: "web-17, Linux 6.18.44".to_owned(),
        netns: "host".to_owned(),
        enter: None,
        every: Duration::from_secs(1),
        profiles: None,
        columns: 100,
    });
    (1..=seconds).for_each(|n| watch.feed(Ok(look(n))));
    watch
}

/// The screen in rows, and whether anything on it has a colour.
fn seen(watch: &Watch, (width, height): (u16, u16), color: bool) -> (Vec<String>, bool) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| watch.draw(frame, color)).unwrap();
    let buffer = terminal.backend().buffer();
    let colored = buffer.content.iter().any(|cell| cell.fg != Color::Reset);
    let rows = buffer.content.chunks(usize::from(width));
    let text = |row: &[ratatui::buffer::Cell]| {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        row.trim_end().to_owned()
    };
    (rows.map(text).collect(), colored)
}

fn rows(watch: &Watch) -> Vec<String> {
    seen(watch, (80, 24), true).0
}

/// The row that holds a text.
#[track_caller]
fn row(watch: &Watch, text: &str) -> usize {
    let rows = rows(watch);
    let found = rows.iter().position(|row| row.contains(text));
    found.unwrap_or_else(|| panic!("{text}:\n{}", rows.join("\n")))
}

#[track_caller]
fn press(watch: &mut Watch, keys: &str) -> Wish {
    let mut wish = Wish::Stay;
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            '>' => KeyCode::Down,
            '<' => KeyCode::Up,
            c => KeyCode::Char(c),
        };
        wish = watch.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    wish
}

#[test]
fn what_is_seen_in_terminals_of_three_sizes() {
    let watch = watch(8);
    for size in [(60, 15), (80, 24), (140, 50)] {
        let (rows, colored) = seen(&watch, size, true);
        let all = rows.join("\n");
        assert!(colored, "{all}");
        for text in [
            "tcptune watch  host namespace, web-17",
            "connects/s          7",
            "completed/s        40",
            "cookies sent/s      -",
            "overflows/s         3",
            "DRIFT synack_retries 7, wants 3",
            "10.0.0.1:80",
            "129/129!",
            "findings 2",
            "CRITICAL",
            "application-slow",
            "? help",
        ] {
            assert!(all.contains(text), "{text} in {size:?}:\n{all}");
        }
        assert_eq!(all.contains("[== FULL ==]"), size.0 >= 72, "{all}");
        assert!(all.contains("app\\u{1b}[2J[71"), "{all}");
        let (plain, colored) = seen(&watch, size, false);
        assert!(!colored);
        assert_eq!(plain, rows, "colour says nothing that is not said");
    }
    let (rows, _) = seen(&watch, (39, 11), true);
    assert_eq!(rows[0], "too small: 40x12 at least");
    for size in [(1, 1), (500, 3), (40, 12), (300, 100)] {
        seen(&watch, size, true);
    }
}

#[test]
fn listeners_in_every_order() {
    let mut watch = watch(8);
    let order = |watch: &Watch| [22, 80, 443].map(|port| row(watch, &format!("10.0.0.1:{port} ")));
    let [ssh, http, https] = order(&watch);
    assert!(http < https && https < ssh, "the fullest first");
    press(&mut watch, "s");
    row(&watch, "sort: drops");
    let [ssh, http, https] = order(&watch);
    assert!(http < https && https < ssh);
    press(&mut watch, "s");
    let [ssh, http, https] = order(&watch);
    assert!(ssh < http && http < https, "by address");
    press(&mut watch, "s>");
    row(&watch, "LISTENERS 2-3/3");
    press(&mut watch, ">>>>");
    row(&watch, "LISTENERS 3-3/3");
    press(&mut watch, "<<<<<<\t>");
    row(&watch, "FINDINGS 2-2/2");
}

#[test]
fn a_filter_is_a_port_or_a_part_of_a_name() {
    let mut watch = watch(8);
    let shown = |watch: &Watch| {
        let all = watch.listeners();
        all.iter().map(|one| one.address.port()).collect::<Vec<_>>()
    };
    press(&mut watch, "/80");
    row(&watch, "/80");
    assert_eq!(shown(&watch), [80]);
    press(&mut watch, "\u{8}\u{8}NGI\n");
    row(&watch, "/NGI (Esc: all)");
    assert_eq!(shown(&watch), [443]);
    assert_eq!(watch.findings().len(), 0, "it is about another one");
    press(&mut watch, "/q");
    assert_eq!(shown(&watch), [0; 0], "q is a letter of the filter");
    row(&watch, "no listener passes the filter");
    press(&mut watch, "\u{1b}");
    assert_eq!(shown(&watch).len(), 3);
}

#[test]
fn paused_it_stands_still_and_then_shows_what_happened() {
    let mut watch = watch(8);
    press(&mut watch, "p");
    row(&watch, "PAUSED");
    let before = rows(&watch);
    (9..20).for_each(|n| watch.feed(Ok(look(n))));
    assert_eq!(rows(&watch), before);
    press(&mut watch, " ");
    row(&watch, "CRITICAL 16 s");
}

#[test]
fn a_finding_that_is_over_stays_for_a_minute() {
    let mut watch = watch(8);
    let calm = |n: u64| {
        let mut look = look(8);
        look.sample.at_ms = 1000 * n;
        for listener in &mut look.sample.listeners {
            listener.queued = 0;
        }
        Ok(look)
    };
    (9..20).for_each(|n| watch.feed(calm(n)));
    let over = |watch: &Watch| {
        let told = watch.findings();
        let mut all = told.iter();
        all.any(|told| told.finding.rule == "application-slow" && watch.now.is_over(told))
    };
    assert!(over(&watch), "{:#?}", rows(&watch));
    row(&watch, "over ");
    assert!(
        watch
            .examined()
            .findings
            .iter()
            .all(|one| one.finding.rule != "application-slow")
    );
    (20..90).for_each(|n| watch.feed(calm(n)));
    assert!(!over(&watch));
}

#[test]
fn a_look_that_fails_takes_nothing_away() {
    let mut watch = watch(8);
    watch.feed(Err("no\u{1b}answer".to_owned()));
    row(&watch, "NO ANSWER");
    row(&watch, "no\\u{1b}answer");
    row(&watch, "10.0.0.1:80");
    watch.feed(Ok(look(9)));
    row(&watch, "every 1s");
}

#[test]
fn what_is_not_known_is_no_zero() {
    let watch = watch(1);
    row(&watch, "connects/s          -");
    row(&watch, "half-open           0");
    row(&watch, "max_syn_backlog -");
    let text = rows(&watch).join("\n");
    assert!(text.is_ascii(), "no bars of one figure:\n{text}");
    row(&Watch::new(Subject::default()), "nothing seen yet");
}

#[test]
fn keys_that_leave() {
    let mut watch = watch(2);
    assert_eq!(press(&mut watch, "?"), Wish::Stay);
    row(&watch, "? or Esc: away");
    assert_eq!(press(&mut watch, "\u{1b}x"), Wish::Stay);
    assert!(!watch.view.help);
    assert_eq!(press(&mut watch, "q"), Wish::Quit);
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    press(&mut watch, "/a");
    assert_eq!(watch.press(control('c')), Wish::Quit);
    assert_eq!(watch.press(control('z')), Wish::Suspend);
}

#[test]
fn as_text_all_of_it_is_said() {
    let mut watch = watch(2);
    let text = watch.text(false);
    assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    for text in ["within 1s", "10.0.0.1:22", "do: "] {
        assert!(watch.text(false).contains(text), "{text}");
    }
    assert!(!text.contains("? help"));
    let color = watch.text(true);
    assert!(color.contains("\u{1b}[31m"), "{color}");
    watch.subject.columns = 0;
    assert!(watch.text(false).lines().all(|line| line.len() <= 40));
}

#[test]
fn figures_find_room() {
    for (number, text) in [
        (None, "-"),
        (Some(0.0), "0"),
        (Some(0.04), "<0.1"),
        (Some(9.94), "9.9"),
        (Some(9.0), "9"),
        (Some(9.96), "10"),
        (Some(99_999.0), "99999"),
        (Some(100_000.0), "100k"),
        (Some(12_345_678.0), "12M"),
    ] {
        assert_eq!(stages::figure(number), text);
    }
}
