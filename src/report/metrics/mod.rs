//! Metrics for Prometheus: what was found as families of samples, and those in its text format.

mod listeners;
mod table;

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use prometheus::TextEncoder;
use prometheus::proto::{self, LabelPair, MetricFamily, MetricType};

pub use listeners::{Choice, Label};
pub use table::{Family, Kind, TABLE};

use crate::change::hold::Hold;
use crate::error::Error;
use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::memory::ActiveSet;
use crate::model::observation::{Owner, Sample as Seen};
use crate::model::value::Value;

use super::{BootStatus, KeyState, Past, Status, printable};

/// How every text begins, and what no file of anybody else begins with.
pub const MARK: &str = "# Written by `tcptune metrics`";

/// Counters of the handshake. The node exporter has some of them as well, but only of its own namespace.
const COUNTERS: [&str; 23] = [
    "EmbryonicRsts",
    "IPReversePathFilter",
    "ListenDrops",
    "ListenOverflows",
    "SyncookiesFailed",
    "SyncookiesRecv",
    "SyncookiesSent",
    "TCPMemoryPressures",
    "TCPReqQFullDoCookies",
    "TCPReqQFullDrop",
    "TCPSynRetrans",
    "TCPTimeWaitOverflow",
    "TCPTimeouts",
    "TcpActiveOpens",
    "TcpAttemptFails",
    "TcpEstabResets",
    "TcpOutRsts",
    "TcpPassiveOpens",
    "TcpRetransSegs",
    "conntrack_drop",
    "conntrack_early_drop",
    "conntrack_insert_failed",
    "softnet_dropped",
];

/// The same, by how their names begin: newer kernels have more of them.
const KINDS_OF_COUNTERS: [&str; 4] = ["PAWS", "TCPAbortOn", "TCPFastOpen", "TCPMigrateReq"];

/// `metrics`: what was found.
#[derive(Debug)]
pub struct Metrics {
    /// When, in seconds since 1970.
    pub at: u64,
    /// The hold that is in force.
    pub hold: Option<Hold>,
    /// Which listeners are told one by one, and how.
    pub choice: Choice,
    /// One for each namespace.
    pub namespaces: Vec<Measured>,
    /// The file that has the text, if one was asked for.
    pub written: Option<String>,
}

/// One namespace.
#[derive(Debug)]
pub struct Measured {
    /// What outputs call it.
    pub netns: String,
    /// What was found there.
    pub found: Result<Found, Error>,
}

/// What was found in one namespace.
#[derive(Debug)]
pub struct Found {
    /// What is declared, and whether it holds.
    pub status: Status,
    /// Whether it can be said that profiles changed.
    pub profiles_known: bool,
    /// When the entry in effect began, RFC 3339 UTC.
    pub declared: Option<String>,
    /// The newest entry.
    pub newest: Option<Past>,
    /// What the keys of the catalogue hold.
    pub values: BTreeMap<Key, Value>,
    /// Listeners, handshakes and counters.
    pub seen: Seen,
    /// Owners of listeners by inode, where they were asked for.
    pub owners: BTreeMap<u32, Owner>,
}

/// Names and values of labels, in a family's order. Another order would be another series to some readers.
type Labels = Vec<(&'static str, String)>;

/// One value of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// Samples by family and labels: no series twice, whatever was asked for, and always in the same order.
#[derive(Debug, Default)]
struct Sheet(BTreeMap<&'static str, BTreeMap<Labels, f64>>);

impl Sheet {
    fn put(&mut self, family: &Family, values: &[&str], value: impl Into<f64>) {
        let labels = family.labels.iter().zip(values);
        let labels = labels.map(|(name, value)| (*name, printable(value)));
        self.put_labelled(family, labels.collect(), value.into());
    }

    fn put_labelled(&mut self, family: &Family, labels: Labels, value: f64) {
        self.0.entry(family.name).or_default().insert(labels, value);
    }

    /// A time in RFC 3339, as seconds since 1970.
    fn put_time(&mut self, family: &Family, values: &[&str], time: Option<&str>) {
        let time = time.and_then(|time| humantime::parse_rfc3339(time).ok());
        if let Some(time) = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            self.put(family, values, count(time.as_secs()));
        }
    }
}

/// A whole number as Prometheus has it: above 2^53 not every one is told from its neighbours.
#[expect(clippy::cast_precision_loss)]
fn count(number: impl TryInto<i64>) -> f64 {
    number.try_into().unwrap_or(i64::MAX) as f64
}

impl Metrics {
    /// The families that have samples, each with them. Nothing where a namespace could not be read: half an answer looks
    /// like a whole one to whoever reads it.
    pub fn families(&self) -> Vec<(&'static Family, Vec<Sample>)> {
        let mut sheet = Sheet::default();
        sheet.put(
            &table::BUILD_INFO,
            &[env!("CARGO_PKG_VERSION")],
            count(1_u8),
        );
        sheet.put(&table::LAST_RUN, &[], count(self.at));
        sheet.put(&table::HOLD, &[], self.hold.is_some());
        let until = self.hold.as_ref().and_then(|hold| hold.until.as_deref());
        sheet.put_time(&table::HOLD_UNTIL, &[], until);
        for one in &self.namespaces {
            match &one.found {
                Ok(found) => self.found(&mut sheet, &one.netns, found),
                Err(_) => return Vec::new(),
            }
        }
        let with_samples = |family: &'static Family| {
            let samples = std::mem::take(sheet.0.get_mut(family.name)?).into_iter();
            let samples = samples.map(|(labels, value)| Sample { labels, value });
            Some((family, samples.collect()))
        };
        TABLE.iter().filter_map(with_samples).collect()
    }

    /// Whether every namespace could be read.
    pub fn is_whole(&self) -> bool {
        self.namespaces.iter().all(|one| one.found.is_ok())
    }

    /// The text format, version 0.0.4.
    pub fn text(&self) -> String {
        let mut text = format!("{MARK}, which replaces it whole.\n");
        let families = self.families();
        let families: Vec<MetricFamily> = families.iter().map(encoded).collect();
        // It refuses families without a name or a sample, of which there is none.
        let _cannot_fail = TextEncoder::new().encode_utf8(&families, &mut text);
        text
    }

    fn found(&self, sheet: &mut Sheet, netns: &str, found: &Found) {
        live(sheet, netns, found);
        if let Some(boot) = &found.status.boot {
            at_boot(sheet, netns, boot, found.profiles_known);
        }
        journal(sheet, netns, found);
        for (key, value) in &found.values {
            let number = value.integer().filter(|_| !catalogue::is_secret(key));
            if let Some(number) = number {
                sheet.put(&table::SYSCTL_VALUE, &[netns, key.as_str()], count(number));
            }
        }
        wanted(sheet, netns, &found.status.memory.active);
        kernel(sheet, netns, &found.seen);
        listeners::put(sheet, netns, found, &self.choice);
    }
}

fn live(sheet: &mut Sheet, netns: &str, found: &Found) {
    let status = &found.status;
    let rows = |state| status.rows.iter().filter(move |row| row.state == state);
    let active = &status.memory.active;
    sheet.put(&table::CLEAN, &[netns], status.is_clean());
    declared(sheet, netns, "live", active);
    sheet.put(
        &table::DRIFT_KEYS,
        &[netns, "live"],
        count(rows(KeyState::Drift).count()),
    );
    sheet.put(
        &table::LEFT_KEYS,
        &[netns],
        count(rows(KeyState::Left).count()),
    );
    if found.profiles_known {
        sheet.put(&table::OUTDATED, &[netns, "live"], status.outdated);
    }
    sheet.put(&table::FORGOTTEN, &[netns], status.forgotten.is_some());
    let interrupted = status.pending.is_some_and(|(_, in_progress)| !in_progress);
    sheet.put(&table::INTERRUPTED, &[netns], interrupted);
    sheet.put(&table::UNCONFIRMED, &[netns], status.unconfirmed.is_some());
    let until = status.unconfirmed.as_ref();
    let until = until.map(|(_, _, until)| until.as_str());
    sheet.put_time(&table::UNCONFIRMED_DEADLINE, &[netns], until);
}

fn declared(sheet: &mut Sheet, netns: &str, axis: &str, active: &ActiveSet) {
    let keys = count(active.settings.len());
    sheet.put(&table::DECLARED_KEYS, &[netns, axis], keys);
    for profile in &active.profiles {
        sheet.put(&table::PROFILE_INFO, &[netns, axis, profile], true);
    }
}

/// Of a drop-in that cannot be read nothing is told.
fn at_boot(sheet: &mut Sheet, netns: &str, boot: &BootStatus, profiles_known: bool) {
    let Some(intact) = boot.intact else {
        return;
    };
    let expected = |right| boot.expected.iter().filter(move |one| one.right == right);
    let place = [netns, "boot"];
    declared(sheet, netns, "boot", &boot.active);
    let wrong = count(expected(Some(false)).count());
    sheet.put(&table::DRIFT_KEYS, &place, wrong);
    let unknown = count(expected(None).count());
    sheet.put(&table::UNKNOWN_KEYS, &place, unknown);
    if profiles_known {
        sheet.put(&table::OUTDATED, &place, boot.outdated);
    }
    sheet.put(&table::DROP_IN_INTACT, &[netns], intact);
}

fn journal(sheet: &mut Sheet, netns: &str, found: &Found) {
    sheet.put(&table::ENTRY_ID, &[netns], count(found.status.head));
    sheet.put_time(&table::ENTRY_TIME, &[netns], found.declared.as_deref());
    if let Some(newest) = &found.newest {
        sheet.put(&table::LAST_ENTRY_ID, &[netns], count(newest.id));
        let what = [netns, &newest.verb, newest.state];
        sheet.put(&table::LAST_ENTRY_INFO, &what, true);
        sheet.put_time(&table::LAST_ENTRY_TIME, &[netns], Some(&newest.time));
    }
}

fn wanted(sheet: &mut Sheet, netns: &str, active: &ActiveSet) {
    for (key, setting) in &active.settings {
        let exact = setting.exact.as_ref();
        let exact = exact.and_then(|part| part.value.integer());
        let low = setting.at_least.as_ref().map(|part| part.value);
        let high = setting.at_most.as_ref().map(|part| part.value);
        for (bound, number) in [("", exact), ("at_least", low), ("at_most", high)] {
            if let Some(number) = number.filter(|_| !catalogue::is_secret(key)) {
                let labels = [netns, key.as_str(), bound];
                sheet.put(&table::SYSCTL_WANTED, &labels, count(number));
            }
        }
    }
}

fn kernel(sheet: &mut Sheet, netns: &str, seen: &Seen) {
    let dialling = seen.dialling.values().map(|one| u64::from(one.count));
    sheet.put(&table::HALF_OPEN, &[netns], seen.all_half_open());
    sheet.put(&table::CONNECTING, &[netns], count(dialling.sum::<u64>()));
    sheet.put(&table::TIME_WAIT, &[netns], count(seen.sockets.time_wait));
    sheet.put(&table::ORPHANS, &[], count(seen.sockets.orphans));
    let told = |name: &str| {
        let kind = KINDS_OF_COUNTERS.iter().any(|kind| name.starts_with(kind));
        kind || COUNTERS.contains(&name)
    };
    for (name, total) in seen.counters.iter().filter(|(name, _)| told(name)) {
        sheet.put(&table::NETSTAT, &[netns, name], count(total));
    }
}

fn encoded((family, samples): &(&'static Family, Vec<Sample>)) -> MetricFamily {
    let mut encoded = MetricFamily::default();
    encoded.set_name(family.name.to_owned());
    encoded.set_help(family.help.to_owned());
    encoded.set_field_type(match family.kind {
        Kind::Gauge => MetricType::GAUGE,
        Kind::Counter => MetricType::COUNTER,
    });
    let label = |(name, value): &(&'static str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    };
    let metric = |sample: &Sample| {
        let mut metric = proto::Metric::from_label(sample.labels.iter().map(label).collect());
        match family.kind {
            Kind::Gauge => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(sample.value);
                metric.set_gauge(gauge);
            }
            Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(sample.value);
                metric.set_counter(counter);
            }
        }
        metric
    };
    encoded.set_metric(samples.iter().map(metric).collect());
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::counters::Counters;
    use crate::model::observation::{HalfOpen, Listener};

    fn found(listeners: Vec<Listener>) -> Found {
        Found {
            status: Status::blank("host".to_owned()),
            profiles_known: true,
            declared: None,
            newest: None,
            values: BTreeMap::new(),
            seen: Seen {
                listeners,
                ..Seen::default()
            },
            owners: BTreeMap::new(),
        }
    }

    fn listener(address: &str, queued: u32, limit: u32) -> Listener {
        Listener {
            cookie: 0,
            address: address.parse().unwrap(),
            v6_only: false,
            queued,
            limit,
            drops: 1,
            inode: queued,
        }
    }

    fn metrics(found: Found, most: usize, labels: &[Label]) -> Metrics {
        Metrics {
            at: 1_764_021_600,
            hold: None,
            choice: Choice {
                most,
                labels: labels.to_vec(),
            },
            namespaces: vec![Measured {
                netns: "host".to_owned(),
                found: Ok(found),
            }],
            written: None,
        }
    }

    const PLACE: [Label; 2] = [Label::Address, Label::Port];

    /// The samples of one family, as they are written.
    fn lines(metrics: &Metrics, family: &str) -> Vec<String> {
        let text = metrics.text();
        let begin = format!("tcptune_{family}");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&begin));
        let lines = lines.filter(|rest| rest.starts_with(['{', ' ']));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn only_the_fullest_are_told_one_by_one_and_all_are_counted() {
        let all = (0..50).map(|port| listener(&format!("10.0.0.1:{}", 8000 + port), port % 7, 9));
        let found = found(all.collect());
        let metrics = metrics(found, 3, &PLACE);
        let host = |port| format!(r#"{{netns="host",address="10.0.0.1",port="{port}"}} 6"#);
        assert_eq!(
            lines(&metrics, "listener_accept_queue"),
            [host(8006), host(8013), host(8020)],
            "those that are as full come by their labels"
        );
        assert_eq!(lines(&metrics, "listeners"), [r#"{netns="host"} 50"#]);
        assert_eq!(
            lines(&metrics, "accept_queue_fill_max_ratio"),
            [r#"{netns="host"} 0.6"#]
        );
    }

    #[test]
    fn sharers_of_an_address_are_added_up() {
        let all = vec![
            listener("[::]:80", 4, 3),
            listener("[::]:80", 1, 3),
            listener("[::1]:90", 0, 5),
        ];
        let mut found = found(all);
        let requests = HalfOpen {
            count: 5,
            ..HalfOpen::default()
        };
        let to = (80, "192.0.2.1".parse().unwrap());
        found.seen.half_open.insert(to, requests);
        let metrics = metrics(found, 20, &PLACE);
        let first = |family| lines(&metrics, family).first().cloned().unwrap();
        let labels = r#"{netns="host",address="::",port="80"}"#;
        assert_eq!(first("listener_accept_queue"), format!("{labels} 5"));
        assert_eq!(first("listener_accept_queue_limit"), format!("{labels} 6"));
        assert_eq!(first("listener_half_open"), format!("{labels} 5"));
        assert_eq!(first("listener_drops"), format!("{labels} 2"));
        assert_eq!(lines(&metrics, "listeners_full"), [r#"{netns="host"} 1"#]);
    }

    #[test]
    fn drops_of_listeners_are_no_counter_as_they_fall_when_a_sharer_closes() {
        let sharers = |number| {
            let found = found(vec![listener("[::]:80", 4, 3); number]);
            lines(&metrics(found, 20, &PLACE), "listener_drops")
        };
        let labels = r#"{netns="host",address="::",port="80"}"#;
        assert_eq!(sharers(2), [format!("{labels} 2")]);
        assert_eq!(sharers(1), [format!("{labels} 1")]);
        assert_eq!(table::LISTENER_DROPS.kind, Kind::Gauge);
    }

    #[test]
    fn a_queue_is_no_more_than_full_where_its_limit_was_lowered() {
        let found = found(vec![listener("[::]:80", 100, 9)]);
        let ratio = lines(&metrics(found, 20, &PLACE), "accept_queue_fill_max_ratio");
        assert_eq!(ratio, [r#"{netns="host"} 1"#]);
    }

    #[test]
    fn a_process_may_call_itself_anything() {
        let mut found = found(vec![listener("0.0.0.0:80", 2, 3)]);
        let owner = Owner {
            pid: 7,
            process: "a\"b\\c\nd}\u{202e} 1".to_owned(),
            ..Owner::default()
        };
        found.owners.insert(2, owner);
        let metrics = metrics(found, 20, &[Label::Process]);
        assert_eq!(
            lines(&metrics, "listener_accept_queue"),
            [r#"{netns="host",process="a\"b\\c\\nd}\\u{202e} 1"} 2"#],
            "what would act is shown, and the format's own characters are escaped"
        );
    }

    #[test]
    fn a_newline_is_escaped_even_if_it_came_so_far() {
        let sample = Sample {
            labels: vec![("netns", "a\nb\"c\\d".to_owned())],
            value: 1.0,
        };
        let family = encoded(&(&table::LISTENERS, vec![sample]));
        let text = TextEncoder::new().encode_to_string(&[family]).unwrap();
        assert!(text.ends_with("{netns=\"a\\nb\\\"c\\\\d\"} 1\n"), "{text}");
    }

    #[test]
    fn a_counter_that_is_absent_is_not_zero_and_those_of_no_handshake_are_left_out() {
        let mut counted = found(Vec::new());
        counted.seen.counters =
            Counters::parse("TcpExt: TCPReqQFullDrop TCPAbortOnNews TCPPureAcks\nTcpExt: 0 7 9\n");
        let metrics = metrics(counted, 20, &PLACE);
        assert_eq!(
            lines(&metrics, "netstat_total"),
            [
                r#"{netns="host",name="TCPAbortOnNews"} 7"#,
                r#"{netns="host",name="TCPReqQFullDrop"} 0"#
            ]
        );
        let none = super::tests::metrics(found(Vec::new()), 20, &PLACE);
        assert!(lines(&none, "netstat_total").is_empty());
    }

    #[test]
    fn drops_of_listeners_cookies_and_retransmissions_are_told_of_every_namespace() {
        let names = "ListenOverflows ListenDrops SyncookiesSent SyncookiesRecv SyncookiesFailed TCPSynRetrans TCPTimeouts";
        let of_tcp = "ActiveOpens PassiveOpens RetransSegs OutRsts";
        let mut counted = found(Vec::new());
        counted.seen.counters = Counters::parse(&format!(
            "TcpExt: {names}\nTcpExt: 1 1 1 1 1 1 1\nTcp: {of_tcp}\nTcp: 1 1 1 1\n"
        ));
        let told = lines(&metrics(counted, 20, &PLACE), "netstat_total");
        let names = names.split(' ').map(str::to_owned);
        for name in names.chain(of_tcp.split(' ').map(|name| format!("Tcp{name}"))) {
            let line = format!(r#"{{netns="host",name="{name}"}} 1"#);
            assert!(told.contains(&line), "{name}: {told:?}");
        }
    }

    #[test]
    fn secrets_and_vectors_have_no_number() {
        let mut found = found(Vec::new());
        for (key, value) in [
            ("net.ipv4.tcp_fastopen_key", "7"),
            ("net.ipv4.tcp_mem", "1 2 3"),
            ("net.ipv4.tcp_syn_retries", "6"),
        ] {
            found.values.insert(key.parse().unwrap(), Value::new(value));
        }
        assert_eq!(
            lines(&metrics(found, 20, &PLACE), "sysctl_value"),
            [r#"{netns="host",key="net.ipv4.tcp_syn_retries"} 6"#]
        );
    }

    #[test]
    fn what_cannot_be_told_has_no_sample() {
        let mut found = found(Vec::new());
        found.profiles_known = false;
        found.status.unconfirmed = Some((3, None, "2026-11-24T22:00:00Z".to_owned()));
        let metrics = metrics(found, 20, &PLACE);
        assert!(lines(&metrics, "outdated").is_empty());
        assert!(lines(&metrics, "hold_until_timestamp_seconds").is_empty());
        assert_eq!(
            lines(&metrics, "unconfirmed_deadline_timestamp_seconds"),
            [r#"{netns="host"} 1795557600"#]
        );
    }

    #[test]
    fn half_an_answer_is_none_and_no_series_comes_twice() {
        let mut metrics = metrics(found(Vec::new()), 20, &PLACE);
        let once = metrics.text();
        metrics.namespaces.push(Measured {
            netns: "host".to_owned(),
            found: Ok(found(Vec::new())),
        });
        assert_eq!(metrics.text(), once);
        metrics.namespaces.push(Measured {
            netns: "gone".to_owned(),
            found: Err(Error::Declined),
        });
        assert!(metrics.families().is_empty() && !metrics.is_whole());
    }

    #[test]
    fn every_family_says_what_it_is() {
        for family in TABLE {
            assert!(family.help.ends_with('.') && !family.help.contains('\n'));
            let counts = family.kind == Kind::Counter;
            assert_eq!(counts, family.name.ends_with("_total"), "{}", family.name);
            let same = TABLE.iter().filter(|one| one.name == family.name);
            assert_eq!(same.count(), 1, "{}", family.name);
        }
    }
}
