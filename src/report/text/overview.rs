//! `explain` alone, for people: the handshake in one screen.

use crate::model::handshake::{Timeline, View, seconds};
use crate::model::observation::Listener;
use crate::report::{Overview, STEPS, printable};

use super::explain::{WIDTH, broken};
use super::{BAD, Page, STRONG, glossary};

/// Listeners that have room on the screen; the fullest come first.
const LISTENERS: usize = 5;

/// Columns of the client's side.
const CLIENT: usize = 31;

impl Page {
    pub(super) fn overview(&mut self, overview: &Overview) {
        let title = format!(
            "the handshake in the {} namespace of {}",
            printable(&overview.netns),
            printable(&overview.site.title)
        );
        let title = self.styled(STRONG, &title);
        self.line(title);
        for (client, server) in path(View(&overview.values)) {
            let line = format!("  {client:CLIENT$}{server}");
            self.line(line.trim_end());
        }
        self.line("");
        self.totals(overview);
        self.all_listeners(overview);
        if self.manner.verbose {
            for line in glossary::LINES {
                self.line(line);
            }
        } else {
            self.line("-v adds a glossary; `tcptune explain KEY` tells all about one key");
        }
        self.verified(&overview.site.kernel, overview.site.verified);
    }

    fn totals(&mut self, overview: &Overview) {
        let Some(counters) = &overview.counters else {
            self.line("the counters could not be read");
            return;
        };
        self.line("totals since this namespace began, which say nothing about now");
        for step in STEPS {
            let told: Vec<String> = step
                .counters
                .iter()
                .map(|name| match counters.get(name) {
                    Some(total) => format!("{name} {total}"),
                    None => format!("{name} (absent)"),
                })
                .collect();
            for (index, line) in packed(&told, WIDTH - 16).iter().enumerate() {
                let place = if index == 0 { step.title } else { "" };
                self.line(format!("  {place:14}{line}"));
            }
        }
    }

    fn all_listeners(&mut self, overview: &Overview) {
        let Some(listeners) = &overview.listeners else {
            self.line("the listeners could not be asked for");
            return;
        };
        if listeners.is_empty() {
            self.line("nobody listens in this namespace");
            return;
        }
        let mut fullest: Vec<&(Listener, u32)> = listeners.iter().collect();
        fullest
            .sort_by_key(|(listener, _)| std::cmp::Reverse((listener.is_full(), listener.fill())));
        let head = ["waiting", "limit", "half-open", "dropped"];
        let [waiting, limit, half_open, dropped] = head;
        self.line(format!(
            "{:34}{waiting:>9}{limit:>11}{half_open:>11}{dropped:>11}",
            "listeners, the fullest first"
        ));
        for (listener, half_open) in fullest.iter().take(LISTENERS) {
            let Listener {
                address,
                queued,
                limit,
                drops,
                ..
            } = listener;
            let row = format!(
                "  {:32}{queued:>9}{limit:>11}{half_open:>11}{drops:>11}",
                address.to_string()
            );
            let row = if listener.is_full() {
                format!("{}  FULL", self.styled(BAD, &row))
            } else {
                row
            };
            self.line(row);
        }
        if let Some(more) = fullest
            .len()
            .checked_sub(LISTENERS)
            .filter(|more| *more > 0)
        {
            self.line(format!("  and {more} more"));
        }
    }
}

/// As many words on a line as have room.
fn packed(words: &[String], width: usize) -> Vec<String> {
    // A name and its number stay together.
    let glued: Vec<String> = words
        .iter()
        .map(|word| word.replace(' ', "\u{1f}"))
        .collect();
    let lines = broken(&glued.join(" "), width);
    lines
        .iter()
        .map(|line| line.replace('\u{1f}', " "))
        .collect()
}

/// A key with its value, or that it is not there.
fn set(view: View<'_>, name: &str) -> String {
    let short = super::picture::name(name);
    match view.number(name) {
        Some(value) => format!("{short} {value}"),
        None => format!("{short} absent"),
    }
}

/// When a timeline ends, in words.
fn end(line: Option<Timeline>) -> String {
    line.map_or("after an unknown time".to_owned(), |line| {
        format!("after {} s", seconds(line.give_up_ms))
    })
}

/// The path of a connection: what the client does, and what the server does beside it.
fn path(view: View<'_>) -> Vec<(String, String)> {
    let is = |name: &str| set(view, name);
    let cookies = view.number("net.ipv4.tcp_syncookies");
    let no_room = match cookies {
        Some(0) => "SYN queue full: SYN dropped",
        Some(2) => "always: SYN cookie, no queue",
        _ => "SYN queue full: SYN cookie",
    };
    let late = match view.number("net.ipv4.tcp_abort_on_overflow") {
        Some(0) => "full: ACK dropped",
        _ => "full: RST",
    };
    let backlog = match cookies {
        Some(0) => format!(", {}", is("net.ipv4.tcp_max_syn_backlog")),
        _ => String::new(),
    };
    let most = |count: Option<i128>| count.map_or("?".to_owned(), |count| count.to_string());
    let (accept, syn) = view.queues().unzip();
    [
        ("CLIENT".to_owned(), "SERVER".to_owned()),
        (
            "connect()".to_owned(),
            format!("LISTEN, limit min(backlog, {})", is("net.core.somaxconn")),
        ),
        (
            "SYN_SENT     ---- SYN ------>".to_owned(),
            format!("{no_room} ({})", is("net.ipv4.tcp_syncookies")),
        ),
        (
            format!(" ETIMEDOUT {}", end(view.syn())),
            "accept queue full: SYN dropped".to_owned(),
        ),
        (
            format!(" {}", is("net.ipv4.tcp_syn_retries")),
            format!("SYN_RECV, SYN queue: {} at most{backlog}", most(syn)),
        ),
        (
            format!(" {}", is("net.ipv4.tcp_syn_linear_timeouts")),
            String::new(),
        ),
        (
            "ESTABLISHED  <--- SYN-ACK ---".to_owned(),
            format!("repeated, forgotten {}", end(view.synack())),
        ),
        (
            " connect() returns, and the".to_owned(),
            format!("  {}", is("net.ipv4.tcp_synack_retries")),
        ),
        (" client sends before the".to_owned(), String::new()),
        (
            " server agrees".to_owned(),
            format!("{late} ({})", is("net.ipv4.tcp_abort_on_overflow")),
        ),
        (
            "             ---- ACK ------>".to_owned(),
            format!("ESTABLISHED, accept queue: {} at most", most(accept)),
        ),
        (
            String::new(),
            "  full is Recv-Q > Send-Q in `ss -lnt`".to_owned(),
        ),
        (
            "             <--- data ----->".to_owned(),
            "accept()".to_owned(),
        ),
    ]
    .to_vec()
}
