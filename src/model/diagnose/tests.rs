//! Every rule from literals, and every pair of rules that could be taken for each other.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use super::{Cure, RULES, Remedy, Severity, diagnose};
use crate::model::counters::Counters;
use crate::model::observation::{
    Dialling, Files, HalfOpen, Listener, Neighbour, Observation, Owner, Ports, Route, Sample,
    Sockets,
};
use crate::model::stack::by_hand;
use crate::model::value::Value;

/// A second look at a quiet host, six samples in five seconds, for the test to trouble.
struct Scene(Observation);

const PORT: u16 = 8080;

fn listener(limit: u32) -> Listener {
    Listener {
        cookie: 1,
        address: ([10, 0, 0, 1], PORT).into(),
        v6_only: false,
        queued: 0,
        limit,
        drops: 0,
        inode: 77,
    }
}

impl Scene {
    /// A listener of this limit, below these values.
    fn new(limit: u32, values: &[(&str, &str)]) -> Self {
        let sample = |round: u64| Sample {
            at_ms: 1000 + round * 1000,
            listeners: vec![listener(limit)],
            ..Sample::default()
        };
        let mut defaults = BTreeMap::from([
            ("net.core.somaxconn", "4096"),
            ("net.ipv4.ip_local_port_range", "32768 60999"),
            ("net.ipv4.tcp_abort_on_overflow", "0"),
            ("net.ipv4.tcp_fastopen", "1"),
            ("net.ipv4.tcp_max_syn_backlog", "2048"),
            ("net.ipv4.tcp_max_tw_buckets", "131072"),
            ("net.ipv4.tcp_migrate_req", "0"),
            ("net.ipv4.tcp_syn_retries", "6"),
            ("net.ipv4.tcp_syncookies", "1"),
            ("net.ipv4.tcp_timestamps", "1"),
        ]);
        defaults.extend(values.iter().copied());
        let values = defaults.into_iter();
        Self(Observation {
            samples: (0..6).map(sample).collect(),
            addresses: [IpAddr::from([10, 0, 0, 1])].into(),
            values: values
                .map(|(key, value)| (key.parse().unwrap(), Value::new(value)))
                .collect(),
            ..Observation::default()
        })
    }

    fn every(mut self, change: impl Fn(usize, &mut Sample)) -> Self {
        for (round, sample) in self.0.samples.iter_mut().enumerate() {
            change(round, sample);
        }
        self
    }

    /// Counters that moved by so much between the first and the last sample.
    fn moved(self, counts: &[(&str, u64)]) -> Self {
        self.every(|round, sample| {
            for (name, count) in counts {
                sample.counters.put(name, 1000 + count * round as u64 / 5);
            }
        })
    }

    /// The accept queue in each sample, and what the listener dropped in all.
    fn queue(self, queued: [u32; 6], drops: u64) -> Self {
        self.every(|round, sample| {
            sample.listeners[0].queued = queued[round];
            sample.listeners[0].drops = 50 + drops * round as u64 / 5;
        })
    }

    fn half_open(self, count: u32, again: u32, peers: u8) -> Self {
        self.every(|_, sample| {
            let peers = (1..=peers)
                .map(|last| IpAddr::from([10, 1, 0, last]))
                .collect();
            let at = (PORT, IpAddr::from([10, 0, 0, 1]));
            sample.half_open.insert(
                at,
                HalfOpen {
                    count,
                    again,
                    peers,
                },
            );
        })
    }

    fn owner(mut self, process: &str, go: bool, files: Option<(u64, u64)>) -> Self {
        let owner = Owner {
            pid: 871,
            process: process.to_owned(),
            go,
            files: files.map(|(open, soft)| Files {
                pid: 871,
                open,
                soft,
                hard: 4096,
            }),
        };
        self.0.owners.insert(77, owner);
        self
    }

    fn rules(&self) -> Vec<&'static str> {
        diagnose(&self.0).into_iter().map(|one| one.rule).collect()
    }

    #[track_caller]
    fn finds(&self, rules: &[&str]) {
        assert_eq!(self.rules(), rules, "{:#?}", diagnose(&self.0));
    }
}

const OVERFLOW: &[(&str, u64)] = &[("ListenOverflows", 100), ("ListenDrops", 100)];
const BURSTS: [u32; 6] = [0, 12, 3, 12, 0, 2];
const FULL: [u32; 6] = [12; 6];

#[test]
fn nothing_is_found_on_a_quiet_host() {
    Scene::new(511, &[]).finds(&[]);
    Scene::new(511, &[])
        .queue([0, 3, 0, 200, 0, 1], 0)
        .moved(&[("TcpPassiveOpens", 5000)])
        .finds(&[]);
}

#[test]
fn whose_limit_an_overflow_is() {
    let own = Scene::new(11, &[]).queue(BURSTS, 100).moved(OVERFLOW);
    own.finds(&["accept-queue-app-backlog"]);
    let capped = Scene::new(11, &[("net.core.somaxconn", "11")])
        .queue(BURSTS, 100)
        .moved(OVERFLOW);
    capped.finds(&["accept-queue-somaxconn"]);
    let mut stale = Scene::new(11, &[]).queue(BURSTS, 100).moved(OVERFLOW);
    stale.0.former.insert(11);
    stale.finds(&["listener-stale"]);
    let go = Scene::new(11, &[])
        .queue(BURSTS, 100)
        .moved(OVERFLOW)
        .owner("server", true, None);
    go.finds(&["listener-stale"]);
    let default = Scene::new(4096, &[("net.core.somaxconn", "16384")])
        .queue([0, 4097, 0, 0, 0, 0], 9)
        .moved(OVERFLOW);
    default.finds(&["listener-stale"]);
}

#[test]
fn a_queue_that_is_always_full_is_a_slow_application() {
    let slow = Scene::new(11, &[]).queue(FULL, 100).moved(OVERFLOW);
    slow.finds(&["application-slow"]);
    assert_eq!(diagnose(&slow.0)[0].severity, Severity::Critical);
    let near = Scene::new(11, &[]).queue([11, 10, 11, 10, 11, 10], 0);
    near.finds(&["application-slow"]);
    assert_eq!(diagnose(&near.0)[0].severity, Severity::Warning);
    let files =
        Scene::new(11, &[])
            .queue(FULL, 100)
            .moved(OVERFLOW)
            .owner("web", false, Some((64, 64)));
    files.finds(&["descriptors"]);
    let room =
        Scene::new(11, &[])
            .queue(FULL, 100)
            .moved(OVERFLOW)
            .owner("web", false, Some((63, 64)));
    room.finds(&["application-slow"]);
}

#[test]
fn the_remedy_for_nginx_is_known() {
    let nginx = Scene::new(11, &[])
        .queue(BURSTS, 100)
        .moved(OVERFLOW)
        .owner("nginx", false, None);
    let found = diagnose(&nginx.0);
    let Remedy::Action { what, command } = &found[0].remedy[0] else {
        panic!("{found:#?}")
    };
    assert!(
        what.starts_with("`listen 10.0.0.1:8080 backlog=4096;`"),
        "{what}"
    );
    assert_eq!(command.as_deref(), Some("nginx -s reload"));
}

#[test]
fn an_overflow_of_the_past_is_history() {
    let past = Scene::new(11, &[]).moved(&[("ListenOverflows", 0), ("ListenDrops", 0)]);
    past.finds(&["overflow-past"]);
    assert_eq!(diagnose(&past.0)[0].severity, Severity::Info);
    assert_eq!(
        diagnose(&past.0)[0].remedy,
        [],
        "nothing is recommended from totals"
    );
    Scene::new(11, &[])
        .queue(BURSTS, 100)
        .moved(OVERFLOW)
        .finds(&["accept-queue-app-backlog"]);
}

#[test]
fn who_pays_for_a_full_queue() {
    let resets = [
        ("ListenOverflows", 100),
        ("ListenDrops", 100),
        ("EmbryonicRsts", 30),
        ("TcpOutRsts", 30),
    ];
    let abort = Scene::new(11, &[("net.ipv4.tcp_abort_on_overflow", "1")])
        .queue(FULL, 100)
        .moved(&resets);
    abort.finds(&["application-slow", "abort-on-overflow"]);
    // Clients and scanners reset half-open requests, too.
    Scene::new(11, &[("net.ipv4.tcp_abort_on_overflow", "1")])
        .moved(&[("EmbryonicRsts", 30)])
        .finds(&[]);
    Scene::new(11, &[])
        .queue(FULL, 100)
        .moved(&resets)
        .finds(&["application-slow"]);
    let again = [
        ("ListenOverflows", 100),
        ("ListenDrops", 100),
        ("TCPSynRetrans", 9),
    ];
    let phantoms = Scene::new(11, &[])
        .queue(FULL, 100)
        .moved(&again)
        .half_open(4, 4, 4);
    phantoms.finds(&["application-slow", "phantom-clients"]);
    // The SYNs of clients in this namespace are sent again as well.
    Scene::new(11, &[])
        .queue(FULL, 100)
        .moved(&again)
        .finds(&["application-slow"]);
}

#[test]
fn a_syn_queue_without_cookies() {
    let off = ("net.ipv4.tcp_syncookies", "0");
    let drops = [("ListenDrops", 39), ("TCPReqQFullDrop", 39)];
    Scene::new(8, &[off])
        .moved(&drops)
        .half_open(9, 0, 9)
        .finds(&["syn-queue-full"]);
    let kept = ("net.ipv4.tcp_max_syn_backlog", "64");
    let only_drops = [("ListenDrops", 39)];
    let quarter = Scene::new(400, &[off, kept])
        .moved(&only_drops)
        .half_open(49, 0, 49);
    quarter.finds(&["syn-backlog-three-quarters"]);
    // Dropped for another reason, with room left.
    Scene::new(400, &[off, kept])
        .moved(&only_drops)
        .half_open(20, 0, 20)
        .finds(&[]);
    Scene::new(400, &[kept])
        .moved(&only_drops)
        .half_open(49, 0, 49)
        .finds(&[]);
    // The drops of an accept queue are not those of a SYN queue.
    Scene::new(11, &[off, kept])
        .queue(BURSTS, 100)
        .moved(OVERFLOW)
        .half_open(49, 0, 49)
        .finds(&["accept-queue-app-backlog"]);
}

#[test]
fn cookies_of_clients_and_of_nobody() {
    let cookies = |sent, answered| {
        [
            ("SyncookiesSent", sent),
            ("TCPReqQFullDoCookies", sent),
            ("SyncookiesRecv", answered),
        ]
    };
    let clients = Scene::new(8, &[])
        .moved(&cookies(40, 38))
        .half_open(9, 0, 9);
    clients.finds(&["syn-queue-cookies-legitimate"]);
    let flood = Scene::new(8, &[])
        .moved(&cookies(183, 0))
        .half_open(9, 0, 9);
    flood.finds(&["syn-flood"]);
    let both = Scene::new(8, &[])
        .moved(&cookies(183, 40))
        .half_open(9, 0, 9);
    both.finds(&["syn-flood"]);
    // One lost answer is no flood.
    let lost = Scene::new(8, &[]).moved(&cookies(1, 0)).half_open(9, 0, 9);
    lost.finds(&["syn-queue-cookies-legitimate"]);
    let always = ("net.ipv4.tcp_syncookies", "2");
    Scene::new(8, &[always])
        .moved(&cookies(40, 40))
        .finds(&["cookies-always"]);
    Scene::new(8, &[always])
        .moved(&cookies(183, 0))
        .finds(&["syn-flood", "cookies-always"]);
    let bare = ("net.ipv4.tcp_timestamps", "0");
    Scene::new(8, &[bare])
        .moved(&cookies(40, 38))
        .finds(&["syn-queue-cookies-legitimate", "cookies-without-timestamps"]);
    Scene::new(8, &[bare]).finds(&[]);
}

#[test]
fn acks_that_answer_no_cookie() {
    Scene::new(8, &[])
        .moved(&[("SyncookiesFailed", 40), ("SyncookiesSent", 0)])
        .finds(&["cookie-acks-bogus"]);
    let late = [
        ("SyncookiesFailed", 4),
        ("SyncookiesSent", 40),
        ("SyncookiesRecv", 36),
    ];
    Scene::new(8, &[])
        .moved(&late)
        .finds(&["syn-queue-cookies-legitimate"]);
}

#[test]
fn syn_acks_that_nobody_answers() {
    let again = [("TCPSynRetrans", 40), ("ListenDrops", 0)];
    Scene::new(128, &[])
        .moved(&again)
        .half_open(20, 20, 20)
        .finds(&["synack-unanswered"]);
    // A scanner is no finding, and requests on their first SYN-ACK are young.
    Scene::new(128, &[])
        .moved(&again)
        .half_open(3, 3, 3)
        .finds(&[]);
    Scene::new(128, &[])
        .moved(&again)
        .half_open(20, 0, 20)
        .finds(&[]);
}

#[test]
fn connects_that_nobody_answers() {
    let dial = |to: SocketAddr, again| {
        move |_, sample: &mut Sample| {
            sample.dialling.insert(
                to,
                Dialling {
                    count: again,
                    again,
                },
            );
        }
    };
    let away: SocketAddr = ([10, 9, 9, 9], 80).into();
    let counts = [("TCPSynRetrans", 10), ("TcpActiveOpens", 5)];
    let silent = Scene::new(11, &[]).every(dial(away, 5)).moved(&counts);
    silent.finds(&["client-side"]);
    assert_eq!(diagnose(&silent.0)[0].severity, Severity::Warning);
    let one = Scene::new(11, &[]).every(dial(away, 1)).moved(&counts);
    assert_eq!(diagnose(&one.0)[0].severity, Severity::Info);
    // Clients of a full listener in this very namespace: the cause is here.
    let here: SocketAddr = ([10, 0, 0, 1], PORT).into();
    let full = Scene::new(11, &[])
        .every(dial(here, 5))
        .queue(FULL, 100)
        .moved(OVERFLOW);
    full.finds(&["application-slow"]);
    let refused = Scene::new(11, &[]).moved(&[("TcpAttemptFails", 50), ("TcpActiveOpens", 60)]);
    refused.finds(&["client-side"]);
    assert_eq!(diagnose(&refused.0)[0].severity, Severity::Info);
}

#[test]
fn fast_open_in_vain() {
    let server = ("net.ipv4.tcp_fastopen", "3");
    let asked = ("TCPFastOpenCookieReqd", 4);
    Scene::new(8, &[server])
        .moved(&[asked])
        .finds(&["fastopen-unused"]);
    Scene::new(8, &[server])
        .moved(&[asked, ("TCPFastOpenPassive", 2)])
        .finds(&[]);
    Scene::new(8, &[]).moved(&[asked]).finds(&[]);
    let over = [("TCPFastOpenPassive", 2), ("TCPFastOpenListenOverflow", 4)];
    Scene::new(8, &[server])
        .moved(&over)
        .finds(&["fastopen-queue-full"]);
    for refused in [
        "TCPFastOpenActiveFail",
        "TCPFastOpenPassiveFail",
        "TCPFastOpenBlackhole",
    ] {
        Scene::new(8, &[server])
            .moved(&[(refused, 2)])
            .finds(&["fastopen-refused"]);
    }
}

#[test]
fn a_listener_that_closed_with_connections() {
    let restart = |migrate, resets| {
        Scene::new(64, &[("net.ipv4.tcp_migrate_req", migrate)])
            .every(|round, sample| {
                let mut old = listener(64);
                (old.cookie, old.queued) = (2, 12);
                if round < 3 {
                    sample.listeners.push(old);
                }
            })
            .moved(&[("TcpEstabResets", resets), ("TcpOutRsts", resets)])
    };
    restart("0", 12).finds(&["listener-restart-loss"]);
    // Handed over, or accepted before the close.
    restart("1", 0).finds(&[]);
    restart("0", 0).finds(&[]);
    let failed = [("TCPMigrateReqFailure", 2)];
    Scene::new(64, &[("net.ipv4.tcp_migrate_req", "1")])
        .moved(&failed)
        .finds(&["listener-restart-loss"]);
}

#[test]
fn ports_and_time_waits() {
    let route = Route {
        from: [10, 0, 0, 1].into(),
        to: ([10, 0, 0, 2], 80).into(),
    };
    let taken = |count| {
        Scene::new(8, &[("net.ipv4.ip_local_port_range", "40000 40003")]).every(move |_, sample| {
            sample.routes.insert(
                route,
                Ports {
                    held: count,
                    waiting: 0,
                },
            );
        })
    };
    taken(4).finds(&["port-exhaustion"]);
    assert_eq!(diagnose(&taken(4).0)[0].severity, Severity::Critical);
    taken(3).finds(&[]);
    let reserved = ("net.ipv4.ip_local_reserved_ports", "40000-40000");
    let range = ("net.ipv4.ip_local_port_range", "40000 40003");
    let three = Scene::new(8, &[range, reserved]).every(move |_, sample| {
        sample.routes.insert(
            route,
            Ports {
                held: 3,
                waiting: 0,
            },
        );
    });
    three.finds(&["port-exhaustion"]);
    let cut = Scene::new(8, &[("net.ipv4.tcp_max_tw_buckets", "5")])
        .moved(&[("TCPTimeWaitOverflow", 11)]);
    cut.finds(&["time-wait-overflow"]);
}

#[test]
fn what_never_reaches_tcp() {
    for counter in [
        "conntrack_drop",
        "conntrack_insert_failed",
        "softnet_dropped",
        "IPReversePathFilter",
    ] {
        Scene::new(8, &[])
            .moved(&[(counter, 7)])
            .finds(&["drops-before-tcp"]);
    }
    let full = [
        ("net.netfilter.nf_conntrack_count", "100"),
        ("net.netfilter.nf_conntrack_max", "100"),
    ];
    let tracked = Scene::new(8, &full).moved(&[("conntrack_drop", 7)]);
    let Remedy::Key { value, .. } = &diagnose(&tracked.0)[0].remedy[0] else {
        panic!("a key")
    };
    assert_eq!(value.as_str(), "200");
}

#[test]
fn memory_and_orphans() {
    Scene::new(8, &[])
        .moved(&[("TCPAbortOnMemory", 3)])
        .finds(&["memory-pressure"]);
    let orphans = Scene::new(8, &[("net.ipv4.tcp_max_orphans", "100")])
        .moved(&[("TCPAbortOnMemory", 3)])
        .every(|_, sample| {
            sample.sockets = Sockets {
                orphans: 100,
                ..Sockets::default()
            }
        });
    let Remedy::Key { key, .. } = &diagnose(&orphans.0)[0].remedy[0] else {
        panic!("a key")
    };
    assert_eq!(key.as_str(), "net.ipv4.tcp_max_orphans");
}

#[test]
fn trouble_next_door() {
    let mut deltas = Counters::default();
    deltas.put("ListenOverflows", 40);
    deltas.put("ListenDrops", 40);
    let neighbour = Neighbour {
        name: "pid:4711".to_owned(),
        process: "web".to_owned(),
        deltas,
    };
    let mut quiet = Scene::new(8, &[]);
    quiet.0.neighbours.push(neighbour.clone());
    quiet.finds(&["wrong-namespace"]);
    let mut busy = Scene::new(11, &[]).queue(BURSTS, 100).moved(OVERFLOW);
    busy.0.neighbours.push(neighbour);
    busy.finds(&["accept-queue-app-backlog"]);
}

#[test]
fn one_look_has_no_differences() {
    let mut one = Scene::new(11, &[]).queue(FULL, 100).moved(OVERFLOW);
    one.0.samples.truncate(1);
    one.finds(&[]);
    let mut always = Scene::new(11, &[("net.ipv4.tcp_syncookies", "2")]);
    always.0.samples.truncate(1);
    always.finds(&["cookies-always"]);
}

/// On a kernel that does not have a counter, nothing is said that would need it.
#[test]
fn counters_that_are_not_there() {
    let read = |text: &str| Counters::parse(text);
    for text in [
        include_str!("../../../tests/data/counters/linux-2.6.18"),
        include_str!("../../../tests/data/counters/linux-3.10"),
    ] {
        let quiet = Scene::new(11, &[("net.ipv4.tcp_syncookies", "0")])
            .half_open(9, 9, 9)
            .every(|_, sample| sample.counters = read(text));
        quiet.finds(&["overflow-past"]);
    }
}

#[test]
fn what_a_profile_would_do_about_it() {
    let capped = Scene::new(11, &[("net.core.somaxconn", "11")])
        .queue(BURSTS, 100)
        .moved(OVERFLOW);
    let finding = &diagnose(&capped.0)[0];
    let cure = |setting: &str| {
        let settings = [by_hand(setting).unwrap()].into();
        finding.cure(&settings, &capped.0.values)
    };
    assert_eq!(
        cure("somaxconn=16384"),
        Cure::InPart,
        "it must listen again as well"
    );
    assert_eq!(cure("somaxconn=64"), Cure::No);
    assert_eq!(cure("syncookies=2"), Cure::No);
    let off = Scene::new(8, &[("net.ipv4.tcp_syncookies", "0")])
        .moved(&[("TCPReqQFullDrop", 9), ("ListenDrops", 9)]);
    let settings = [by_hand("syncookies=1").unwrap()].into();
    assert_eq!(
        diagnose(&off.0)[0].cure(&settings, &off.0.values),
        Cure::Cured
    );
}

#[test]
fn rules_are_told_apart_by_name() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 26);
}

#[test]
fn a_wildcard_listener_hides_no_dead_upstream_on_its_port() {
    let away: SocketAddr = ([10, 9, 9, 9], PORT).into();
    let mut proxy = Scene::new(511, &[])
        .every(|_, sample| {
            sample.listeners[0].address = ([0, 0, 0, 0], PORT).into();
            sample
                .dialling
                .insert(away, Dialling { count: 5, again: 5 });
        })
        .moved(&[("TcpActiveOpens", 5)]);
    proxy.finds(&["client-side"]);
    // The same address as our own would be another matter.
    proxy.0.addresses.insert(away.ip());
    proxy.finds(&[]);
}

#[test]
fn a_port_in_time_wait_is_free_where_it_may_be_used_again() {
    let range = ("net.ipv4.ip_local_port_range", "40000 40003");
    let waiting = |to: [u8; 4], reuse: &'static str| {
        let route = Route {
            from: to.into(),
            to: (to, 80).into(),
        };
        Scene::new(8, &[range, ("net.ipv4.tcp_tw_reuse", reuse)]).every(move |_, sample| {
            sample.routes.insert(
                route,
                Ports {
                    held: 0,
                    waiting: 4,
                },
            );
        })
    };
    waiting([10, 0, 0, 2], "0").finds(&["port-exhaustion"]);
    waiting([10, 0, 0, 2], "1").finds(&[]);
    waiting([10, 0, 0, 2], "2").finds(&["port-exhaustion"]);
    waiting([127, 0, 0, 1], "2").finds(&[]);
}

#[test]
fn a_wider_range_takes_no_port_from_a_listener() {
    let route = Route {
        from: [10, 0, 0, 1].into(),
        to: ([10, 0, 0, 2], 80).into(),
    };
    let full = |port: u16| {
        let scene = Scene::new(8, &[("net.ipv4.ip_unprivileged_port_start", "1024")]).every(
            move |_, sample| {
                sample.listeners[0].address.set_port(port);
                sample.routes.insert(
                    route,
                    Ports {
                        held: 28_232,
                        waiting: 0,
                    },
                );
            },
        );
        let found = diagnose(&scene.0);
        match &found[0].remedy[0] {
            Remedy::Key { value, .. } => value.to_string(),
            Remedy::Action { what, .. } => what.clone(),
        }
    };
    assert_eq!(full(80), "1024 65535");
    assert_eq!(full(8080), "8081 65535");
    assert_eq!(full(61_000), "1024 60999");
    assert!(full(32_767).starts_with("32768 65535"));
}

/// Resets of half-open requests count among a listener's drops, and in no counter of listeners.
#[test]
fn a_listener_that_only_met_resets_is_not_accused() {
    let reset = Scene::new(128, &[])
        .every(|round, sample| {
            let full = Listener {
                cookie: 2,
                queued: BURSTS[round],
                limit: 11,
                drops: 5 * round as u64,
                ..listener(11)
            };
            sample.listeners.push(full);
        })
        .queue([0; 6], 90)
        .moved(&[("ListenOverflows", 25), ("ListenDrops", 25)]);
    let found = diagnose(&reset.0);
    let named: Vec<_> = found
        .iter()
        .map(|one| one.listener.map(|listener| listener.cookie))
        .collect();
    assert_eq!(named, [Some(2)], "{found:#?}");
    // What happened in the past is named only where it adds up.
    let past = Scene::new(128, &[])
        .queue([0; 6], 2000)
        .moved(&[("ListenOverflows", 0), ("ListenDrops", 0)]);
    let past = Observation {
        samples: past.0.samples,
        ..past.0
    };
    assert_eq!(diagnose(&past)[0].listener, None);
}

#[test]
fn an_overflow_that_nobody_claims_is_told_all_the_same() {
    let missed = Scene::new(11, &[]).moved(&[("ListenOverflows", 28), ("ListenDrops", 40)]);
    missed.finds(&["overflow-past"]);
    assert_eq!(diagnose(&missed.0)[0].severity, Severity::Warning);
}

#[test]
fn a_syn_without_a_way_back_is_told() {
    Scene::new(128, &[])
        .moved(&[("ListenDrops", 40), ("IpOutNoRoutes", 40)])
        .finds(&["synack-unanswered"]);
}

#[test]
fn the_full_syn_queue_is_named_rather_than_the_longer_one() {
    let off = ("net.ipv4.tcp_syncookies", "0");
    let scene = Scene::new(8, &[off])
        .half_open(9, 0, 9)
        .every(|_, sample| {
            let api = Listener {
                cookie: 2,
                address: ([10, 0, 0, 1], 81).into(),
                ..listener(4096)
            };
            sample.listeners.push(api);
            let at = (81, IpAddr::from([10, 0, 0, 1]));
            sample.half_open.insert(
                at,
                HalfOpen {
                    count: 30,
                    ..HalfOpen::default()
                },
            );
        })
        .moved(&[("TCPReqQFullDrop", 144), ("ListenDrops", 144)]);
    let found = diagnose(&scene.0);
    assert_eq!(
        found[0].listener.map(|one| one.cookie),
        Some(1),
        "{found:#?}"
    );
}

#[test]
fn a_worker_that_drained_before_it_closed_lost_nothing() {
    let drained = Scene::new(64, &[])
        .every(|round, sample| {
            let mut old = listener(64);
            (old.cookie, old.queued) = (2, [12, 4, 0, 0, 0, 0][round]);
            if round < 3 {
                sample.listeners.push(old);
            }
        })
        .moved(&[("TcpOutRsts", 33)]);
    drained.finds(&[]);
    // Nobody else listened: there is nothing that could take its queue over.
    let alone = Scene::new(64, &[])
        .every(|round, sample| {
            sample.listeners[0].cookie = if round < 3 { 2 } else { 3 };
            sample.listeners[0].queued = if round < 3 { 12 } else { 0 };
        })
        .moved(&[("TcpEstabResets", 12)]);
    alone.finds(&["listener-restart-loss"]);
    assert!(matches!(
        diagnose(&alone.0)[0].remedy[0],
        Remedy::Action { .. }
    ));
}

#[test]
fn connects_that_gave_up_within_the_window() {
    let gave_up = [
        ("TcpActiveOpens", 50),
        ("TcpAttemptFails", 50),
        ("TCPAbortOnTimeout", 50),
    ];
    let scene = Scene::new(8, &[]).moved(&gave_up);
    scene.finds(&["client-side"]);
    assert_eq!(diagnose(&scene.0)[0].severity, Severity::Warning);
    // A few slow ones among many are ordinary.
    let busy = [
        ("TcpActiveOpens", 6500),
        ("TcpAttemptFails", 4),
        ("TCPAbortOnTimeout", 4),
    ];
    assert_eq!(
        diagnose(&Scene::new(8, &[]).moved(&busy).0)[0].severity,
        Severity::Info
    );
}

#[test]
fn a_limit_is_not_taken_for_stale_without_a_doubt() {
    let asked = Scene::new(4096, &[("net.core.somaxconn", "65535")])
        .queue([0, 4097, 0, 0, 0, 0], 9)
        .moved(OVERFLOW);
    assert!(diagnose(&asked.0)[0].cause.contains("probably"));
}

#[test]
fn a_queue_that_is_full_of_one_accuses_no_slow_application_of_a_loss() {
    let debug = Scene::new(0, &[])
        .queue([1; 6], 0)
        .moved(&[("ListenOverflows", 15), ("ListenDrops", 15)]);
    assert_eq!(
        diagnose(&debug.0)[0].severity,
        Severity::Warning,
        "{:#?}",
        diagnose(&debug.0)
    );
}

#[test]
fn time_waits_are_never_advised_to_be_fewer() {
    let low = Scene::new(8, &[("net.ipv4.tcp_max_tw_buckets", "5000")])
        .moved(&[("TCPTimeWaitOverflow", 11)]);
    let Remedy::Key { value, .. } = &diagnose(&low.0)[0].remedy[0] else {
        panic!("a key")
    };
    assert!(value.integer() >= Some(10_000), "{value}");
}

#[test]
fn a_flood_takes_a_second_to_be_told() {
    let mut short = Scene::new(8, &[]).moved(&[("SyncookiesSent", 51), ("SyncookiesRecv", 0)]);
    for (round, sample) in short.0.samples.iter_mut().enumerate() {
        sample.at_ms = 1000 + 80 * round as u64;
    }
    short.finds(&["syn-queue-cookies-legitimate"]);
}
