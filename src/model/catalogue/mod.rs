//! What is known about each handshake key: one table that parsing, help, consequences and checks all read.

mod complaint;
mod parse;
mod shape;
mod table;
mod taken;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use complaint::{Complaint, Raw};
pub use shape::Shape;
pub use table::TABLE;
pub use taken::{Taken, taken};

use super::handshake::{Consequence, View};
use super::key::{Key, KeyError};
use super::sorted;
use super::spelling;
use super::value::Value;

/// When a new value is felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// At once, also by connections and requests in progress.
    InProgress,
    /// By connections in progress too, when they next arm the timer that it is for.
    NextTimer,
    /// By the next handshake or connect, also on listeners that exist.
    NextHandshake,
    /// By sockets created afterwards.
    NewSockets,
    /// By the next `setsockopt()` of what it limits, also on sockets that exist.
    Setsockopt,
    /// When a listener next calls `listen()`.
    Listen,
}

impl Effect {
    /// The effect in words.
    pub fn words(self) -> &'static str {
        match self {
            Effect::InProgress => "at once, also on connections in progress",
            Effect::NextTimer => "on connections in progress too, when they next start that timer",
            Effect::NextHandshake => "with the next handshake",
            Effect::NewSockets => "for what is created from now on",
            Effect::Setsockopt => "at the next setsockopt(), also on sockets that exist",
            Effect::Listen => "at each listener's next listen(); until then it keeps its limit",
        }
    }
}

/// Which network namespaces have a copy of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace has its own.
    PerNamespace,
    /// One for the whole machine; a network namespace must not write it.
    Global,
    /// One for the whole machine, visible read-only in a namespace.
    ReadOnlyInNamespace,
}

/// What the kernel gives a fresh network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// A constant of the kernel.
    Constant,
    /// Computed from the size of memory.
    Sized,
    /// A copy of the first namespace's value, or of something that is not a default at all.
    Inherited,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Canonical full name.
    pub name: &'static str,
    /// The name in the `[tcp]` table of a profile.
    pub short: &'static str,
    /// What values it takes.
    pub shape: Shape,
    /// Whether the kernel stores values that the shape refuses, such as `-1` or unknown bits.
    pub stricter: bool,
    /// The default and its history, for readers.
    pub default: &'static str,
    /// Where `kernel-defaults` may take its value from.
    pub fresh: Fresh,
    /// Which namespaces have it.
    pub scope: Scope,
    /// When a change is felt.
    pub effect: Effect,
    /// First kernel that has it, to the best of our knowledge; whether this kernel has it is asked of this kernel.
    pub since: &'static str,
    /// What can go wrong, or nothing.
    pub risk: &'static str,
    /// Two sentences.
    pub summary: &'static str,
    /// Where the rules about it stand: file and function of the kernel, its documentation, or the RFC.
    pub source: &'static str,
    /// Short names of the keys that change what its value does.
    pub with: &'static [&'static str],
    /// What its value means beside the other values.
    pub consequence: Consequence,
}

/// What marks a figure that was read in the source and not measured.
pub const BY_SOURCE: &str = "by its source";

/// What marks a version of the kernel that is known from its history and was not tried.
pub const SINCE: &str = "since about";

impl Entry {
    /// Finds a key by full name, short name, or short name with `tcp_` in front.
    pub fn named(name: &str) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| {
            entry.name == name
                || entry.short == name
                || (entry.name.starts_with("net.ipv4.tcp_")
                    && name.strip_prefix("tcp_") == Some(entry.short))
        })
    }

    /// The name as a key.
    ///
    /// # Errors
    /// None that a test of the table would not have found.
    pub fn key(&self) -> Result<Key, Complaint> {
        self.name
            .parse()
            .map_err(|why: KeyError| Complaint::new("bad-key", why.to_string()))
    }

    /// Whether a new network namespace shows the default.
    pub fn is_constant(&self) -> bool {
        self.fresh == Fresh::Constant && self.scope == Scope::PerNamespace
    }

    /// Whether each namespace has its own copy, so that a test can write it and harm nobody.
    pub fn is_testable(&self) -> bool {
        self.scope == Scope::PerNamespace && !self.is_removed()
    }

    /// Whether no current kernel has it.
    pub fn is_removed(&self) -> bool {
        matches!(self.shape, Shape::Removed(_))
    }

    /// What values it takes, in words, and how far the kernel goes beyond them.
    pub fn range(&self) -> String {
        let Some(accepts) = self.shape.accepts() else {
            return match self.shape {
                Shape::Removed(why) => format!("nothing: {why}"),
                Shape::Secret => "a secret, which is not managed".to_owned(),
                _ => "nothing: nobody can write it".to_owned(),
            };
        };
        match (self.is_testable(), self.stricter) {
            (true, true) => format!("{accepts} (the kernel takes more, which means nothing new)"),
            (true, false) => accepts,
            (false, false) => format!("{accepts}, {BY_SOURCE}"),
            (false, true) => {
                format!("{accepts}, {BY_SOURCE} (the kernel takes more, which is of no use)")
            }
        }
    }

    /// The default and its history, with a mark where no test can look it up in a namespace of its own.
    pub fn default_words(&self) -> String {
        let told =
            self.is_testable() || self.default.contains(SINCE) || self.default.contains(BY_SOURCE);
        let figures = self.default.contains(|c: char| c.is_ascii_digit());
        if figures && !told {
            format!("{}, {BY_SOURCE}", self.default)
        } else {
            self.default.to_owned()
        }
    }

    /// The default of current kernels, where that is one number that is the same on every machine.
    pub fn default_number(&self) -> Option<i128> {
        let first = self.default.split([' ', ',']).next()?;
        let of_all = self.fresh == Fresh::Constant && !self.default.contains("older kernels");
        first.parse().ok().filter(|_| of_all)
    }

    /// Finds a key of the table by key.
    pub fn of(key: &Key) -> Option<&'static Entry> {
        BY_NAME.get(key.as_str()).copied()
    }
}

/// The table by full name: it is asked several times for each key.
static BY_NAME: LazyLock<BTreeMap<&str, &Entry>> =
    LazyLock::new(|| sorted::map(TABLE.iter().map(|entry| (entry.name, entry))));

/// Keys of the table, in the table's order.
pub static KEYS: LazyLock<Vec<Key>> =
    LazyLock::new(|| TABLE.iter().filter_map(|entry| entry.key().ok()).collect());

/// The defaults of current kernels, as far as the table knows them by number.
pub fn defaults() -> BTreeMap<Key, Value> {
    let known = TABLE
        .iter()
        .filter_map(|entry| Some((entry.key().ok()?, entry.default_number()?.into())));
    sorted::map(known)
}

/// A name from outside, as a key: a short name of the table, or any full name.
///
/// # Errors
/// A complaint with the nearest names of the table where it is neither.
pub fn key_named(name: &str) -> Result<Key, Complaint> {
    if let Some(entry) = Entry::named(name) {
        return entry.key();
    }
    // Behind the sign may stand a secret, and a key has none.
    if let Some((key, _)) = name.split_once('=') {
        let message = format!(
            "`{}=…` is a setting, and a key is wanted",
            key.escape_debug()
        );
        return Err(Complaint::new("unknown-key", message)
            .hint("leave out the value; `--set KEY=VALUE` plans with one"));
    }
    if !name.contains(['.', '/']) {
        return Err(Complaint::new(
            "unknown-key",
            format!("`{}` is no key that tcptune knows", name.escape_debug()),
        )
        .hint(near(name).map_or_else(
            || "other keys need their full name, as in `net.core.rmem_default`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        )));
    }
    name.parse::<Key>()
        .map_err(|why| Complaint::new("bad-key", format!("`{}`: {why}", name.escape_debug())))
}

/// Keys of the kernel that look like a slip of one in the table, but are their own.
const SIBLINGS: [&str; 3] = [
    "net.ipv4.tcp_dsack",
    "net.ipv4.tcp_fack",
    "net.ipv4.udp_mem",
];

/// Names of the table, short and full, for those who misspell them.
static NAMES: LazyLock<Vec<spelling::Name<'_>>> = LazyLock::new(|| {
    let names = TABLE.iter().flat_map(|entry| [entry.short, entry.name]);
    names.map(spelling::Name::new).collect()
});

/// The name of the table that a misspelt one probably means.
pub fn near(name: &str) -> Option<&'static str> {
    if SIBLINGS.contains(&name) {
        return None;
    }
    let name = name.strip_prefix("tcp_").unwrap_or(name);
    let (length, most) = (name.chars().count(), 2);
    let word = spelling::Name::new(name);
    let mut slips = Vec::new();
    for known in NAMES.iter() {
        let text = known.text();
        if text.len().abs_diff(length) <= most {
            let most = most.min(text.len().min(name.len()) / 6 + 1);
            slips.extend(word.distance(known, most).map(|distance| (distance, text)));
        }
    }
    let slips = slips.into_iter().filter(|(distance, _)| *distance > 0);
    slips.min().map(|(_, known)| known)
}

/// Why a full name that the table does not have is probably a slip of one that it has.
pub fn slip(key: &Key) -> Option<Complaint> {
    let near = near(key.as_str()).filter(|_| Entry::of(key).is_none())?;
    let message = format!("`{key}` is nearly `{near}`, but not quite");
    Some(Complaint::new("unknown-key", message).hint(format!("did you mean `{near}`?")))
}

/// Checks and canonicalises a value for a key: by its shape where the table has the key, else by the few rules
/// that keep the kernel from storing something else than what was written.
///
/// # Errors
/// A complaint that names the range or the rule.
pub fn parse_value(key: &Key, raw: &Raw<'_>) -> Result<Value, Complaint> {
    match Entry::of(key) {
        Some(entry) => entry
            .shape
            .parse(raw)
            .map_err(|complaint| complaint.about(entry)),
        None => parse::uncatalogued(key, raw),
    }
}

/// What the kernel printed for a key, as a value that can be compared.
pub fn stored(key: &Key, text: &str) -> Value {
    Entry::of(key).map_or_else(|| Value::new(text), |entry| entry.shape.stored(text))
}

/// The word for a value, where its shape has one: `1` of `tcp_syncookies` is `when-full`.
pub fn word(key: &Key, value: &Value) -> Option<String> {
    Entry::of(key).and_then(|entry| entry.shape.word(value))
}

/// What every value means beside the others, for the keys that are in `values`.
pub fn consequences(values: &BTreeMap<Key, Value>) -> BTreeMap<Key, Vec<String>> {
    let view = View(values);
    let told = values
        .keys()
        .filter_map(|key| Some((key.clone(), (Entry::of(key)?.consequence)(view))));
    sorted::map(told.filter(|(_, sentences)| !sentences.is_empty()))
}

/// Whether a text, a name or a whole line, is perhaps about a secret, well or badly spelt: no output shows what it says.
pub fn may_be_secret(text: &str) -> bool {
    ["secret", "fastopen_k"]
        .iter()
        .any(|part| text.contains(part))
}

/// Whether a key holds a secret, which is not managed.
pub fn is_secret(key: &Key) -> bool {
    match Entry::of(key) {
        Some(entry) => matches!(entry.shape, Shape::Secret),
        None => key.as_str().ends_with(".stable_secret"),
    }
}

/// Whether the key has one value for the whole machine, so that a network namespace must not write it.
pub fn is_global(key: &Key) -> bool {
    Entry::of(key).map_or(!key.is_net(), |entry| entry.scope != Scope::PerNamespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_complete_and_unambiguous() {
        assert_eq!(KEYS.len(), TABLE.len(), "every name is a key");
        let mut names = BTreeSet::new();
        for entry in TABLE {
            assert!(names.insert(entry.name), "{} twice", entry.name);
            assert!(names.insert(entry.short), "{} twice", entry.short);
            assert_eq!(Entry::named(entry.name).map(|e| e.name), Some(entry.name));
            assert_eq!(Entry::named(entry.short).map(|e| e.name), Some(entry.name));
            assert_eq!(
                entry.summary.matches(". ").count() + usize::from(entry.summary.ends_with('.')),
                2,
                "{}",
                entry.name
            );
            assert!(
                !entry.default.is_empty() && !entry.since.is_empty(),
                "{}",
                entry.name
            );
            assert!(
                entry
                    .name
                    .parse::<Key>()
                    .is_ok_and(|key| key.as_str() == entry.name),
                "{}",
                entry.name
            );
        }
        assert!(TABLE.len() >= 45);
    }

    #[test]
    fn every_row_names_its_source_and_keys_of_the_table() {
        for entry in TABLE {
            assert!(!entry.source.is_empty(), "{}", entry.name);
            for other in entry.with {
                let short = Entry::named(other).map(|other| other.short);
                assert_eq!(short, Some(*other), "{} is with {other}", entry.name);
                assert_ne!(*other, entry.short);
            }
        }
    }

    #[test]
    fn what_no_test_can_write_is_marked() {
        let words = |name| Entry::named(name).map(|entry| (entry.range(), entry.default_words()));
        let backlog = words("netdev_max_backlog").unwrap();
        assert_eq!(
            backlog.0,
            "1 to 2147483647 packets, by its source (the kernel takes more, which is of no use)"
        );
        assert_eq!(backlog.1, "1000, by its source");
        let retries = words("synack_retries").unwrap();
        assert_eq!(retries.0, "0 to 255 retransmissions");
        assert_eq!(retries.1, "5");
    }

    #[test]
    fn every_secret_is_one_to_a_careful_reader() {
        let secrets = TABLE
            .iter()
            .filter(|entry| matches!(entry.shape, Shape::Secret));
        assert!(secrets.clone().count() > 0);
        assert!(secrets.clone().all(|entry| may_be_secret(entry.name)));
        assert!(
            may_be_secret("net.ipv6.conf.*.stable_secret = 1")
                && !may_be_secret("net.ipv4.tcp_fastopen = 3")
        );
    }

    #[test]
    fn a_slip_finds_its_neighbour() {
        assert_eq!(near("synack_retires"), Some("synack_retries"));
        assert_eq!(near("net.core.somaxcon"), Some("net.core.somaxconn"));
        assert_eq!(near("tcp_synack_retires"), Some("synack_retries"));
        assert_eq!(near("banana"), None);
    }

    #[test]
    fn names_and_aliases() {
        for name in ["syn_retries", "tcp_syn_retries", "net.ipv4.tcp_syn_retries"] {
            assert_eq!(
                key_named(name).unwrap().as_str(),
                "net.ipv4.tcp_syn_retries"
            );
        }
        assert_eq!(
            key_named("net/core/somaxconn").unwrap().as_str(),
            "net.core.somaxconn"
        );
        assert!(
            key_named("tcp_somaxconn").is_err(),
            "no such key was ever called so"
        );
    }
}
