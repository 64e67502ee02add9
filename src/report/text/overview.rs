//! `explain` alone, for people: the handshake in one screen.

use crate::model::handshake::{Timeline, View, seconds};
use crate::model::observation::Listener;
use crate::model::sorted;
use crate::report::{Overview, STEPS, printable};

use super::explain::{WIDTH, broken};
use super::{BAD, Page, STRONG, glossary};

/// Listeners that have room on the screen; the fullest come first.
const LISTENERS: usize = 5;

/// Columns of the address of a listener.
const ADDRESS: usize = 30;

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
        for step in STEPS.iter().filter(|step| !step.counters.is_empty()) {
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
            for line in broken(step.remark, WIDTH - 18) {
                if !line.is_empty() {
                    self.line(format!("{:18}{line}", ""));
                }
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
        sorted::by_key(&mut fullest, |(listener, _)| {
            std::cmp::Reverse((listener.is_full(), listener.fill()))
        });
        let head = ["waiting", "limit", "half-open", "dropped"];
        let [waiting, limit, half_open, dropped] = head;
        self.line(format!(
            "{:32}{waiting:>9}{limit:>11}{half_open:>11}{dropped:>11}",
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
            let mut address = address.to_string();
            if address.len() > ADDRESS {
                // An address that is too wide for its column has a line of its own.
                self.line(format!("  {address}"));
                address.clear();
            }
            let row =
                format!("  {address:ADDRESS$}{queued:>9}{limit:>11}{half_open:>11}{drops:>11}");
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
    line.map_or("after ? s".to_owned(), |line| {
        format!("after {} s", seconds(line.give_up_ms))
    })
}

/// What the SYN-ACK does, and what becomes of a request that nobody completes.
fn half_open(view: View<'_>) -> String {
    if view.only_cookies() {
        "a cookie, sent once; nothing is kept".to_owned()
    } else if view.never_forgets() {
        "repeated; by its source, maybe for ever".to_owned()
    } else {
        format!("repeated, forgotten {}", end(view.synack()))
    }
}

/// The path of a connection: what the client does, and what the server does beside it.
fn path(view: View<'_>) -> Vec<(String, String)> {
    let is = |name: &str| set(view, name);
    let cookies = view.number("net.ipv4.tcp_syncookies");
    let no_room = match cookies {
        // Without the key this kernel has no cookies.
        Some(0) | None => "SYN queue full: dropped",
        Some(2) => "always: SYN cookie, no queue",
        Some(_) => "SYN queue full: SYN cookie",
    };
    let late = match view.number("net.ipv4.tcp_abort_on_overflow") {
        _ if view.only_cookies() => "full: ACK dropped".to_owned(),
        abort => {
            let late = match abort {
                Some(0) => "full: ACK dropped",
                Some(_) => "full: RST",
                None => "full: ?",
            };
            format!("{late} ({})", is("net.ipv4.tcp_abort_on_overflow"))
        }
    };
    let backlog = match cookies {
        Some(0) => format!("  {}", is("net.ipv4.tcp_max_syn_backlog")),
        _ => String::new(),
    };
    let most = |count: Option<i128>| count.map_or("?".to_owned(), |count| count.to_string());
    let (accept, syn) = view.queues().unzip();
    let (requests, retries) = if view.only_cookies() {
        ("no SYN_RECV, no SYN queue".to_owned(), String::new())
    } else {
        (
            format!("SYN_RECV, SYN queue: {} at most", most(syn)),
            format!("  {}", is("net.ipv4.tcp_synack_retries")),
        )
    };
    [
        ("CLIENT".to_owned(), "SERVER".to_owned()),
        (
            "connect()".to_owned(),
            format!("LISTEN limit min(backlog, {})", is("net.core.somaxconn")),
        ),
        (
            "SYN_SENT     ---- SYN ------>".to_owned(),
            format!("{no_room} ({})", is("net.ipv4.tcp_syncookies")),
        ),
        (
            format!(" ETIMEDOUT {}", end(view.syn())),
            "accept queue full: SYN dropped".to_owned(),
        ),
        (format!(" {}", is("net.ipv4.tcp_syn_retries")), requests),
        (
            format!(" {}", is("net.ipv4.tcp_syn_linear_timeouts")),
            backlog,
        ),
        ("ESTABLISHED  <--- SYN-ACK ---".to_owned(), half_open(view)),
        (" connect() returns, and the".to_owned(), retries),
        (" client sends before the".to_owned(), String::new()),
        (" server agrees".to_owned(), late),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::key::Key;
    use crate::model::value::Value;

    fn drawn(values: &[(&str, i128)]) -> String {
        let values: BTreeMap<Key, Value> = values
            .iter()
            .map(|(key, value)| (key.parse().unwrap(), Value::from(*value)))
            .collect();
        let rows = path(View(&values)).into_iter();
        let rows = rows.map(|(client, server)| format!("  {client:CLIENT$}{server}\n"));
        rows.collect()
    }

    #[test]
    fn the_overview_fits_the_screen_whatever_the_values_are() {
        const LARGEST: i128 = 2_147_483_647;
        let mut all = vec![drawn(&[])];
        for cookies in [0, 1, 2, 255] {
            for somaxconn in [0, 1, LARGEST] {
                for retries in [1, 127, 255] {
                    all.push(drawn(&[
                        ("net.ipv4.tcp_syncookies", cookies),
                        ("net.core.somaxconn", somaxconn),
                        ("net.ipv4.tcp_max_syn_backlog", LARGEST),
                        ("net.ipv4.tcp_syn_retries", retries),
                        ("net.ipv4.tcp_synack_retries", retries),
                        ("net.ipv4.tcp_syn_linear_timeouts", 127),
                        ("net.ipv4.tcp_abort_on_overflow", 255),
                    ]));
                }
            }
        }
        for overview in all {
            for line in overview.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
                // The sides do not run into each other.
                let (client, server) = line.split_at(line.len().min(CLIENT + 2));
                let apart = client.ends_with([' ', '>', '-']) || server.starts_with(' ');
                assert!(apart || server.is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn a_cookie_is_not_repeated_and_nothing_is_kept_of_it() {
        let always = drawn(&[
            ("net.ipv4.tcp_syncookies", 2),
            ("net.ipv4.tcp_synack_retries", 5),
            ("net.ipv4.tcp_abort_on_overflow", 1),
        ]);
        assert!(always.contains("sent once; nothing is kept"), "{always}");
        for wrong in ["forgotten", "repeated", "RST", " SYN_RECV,"] {
            assert!(
                !always.replace("no SYN_RECV", "").contains(wrong),
                "{wrong}\n{always}"
            );
        }
    }

    #[test]
    fn a_key_that_is_not_there_has_no_value() {
        let without = drawn(&[("net.core.somaxconn", 16)]);
        assert!(without.contains("SYN queue full: dropped (tcp_syncookies absent)"));
        assert!(without.contains("full: ? (tcp_abort_on_overflow absent)"));
        assert!(!without.contains("RST") && !without.contains("cookie,"));
    }

    #[test]
    fn requests_that_are_never_forgotten_have_no_end() {
        let never = drawn(&[("net.ipv4.tcp_synack_retries", 255)]);
        assert!(
            never.contains("repeated; by its source, maybe for ever"),
            "{never}"
        );
    }
}
