//! A profile as it was written: TOML in, settings and problems out, all problems in one go.

mod raw;
mod reader;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::key::Key;
use super::problem::{Problem, Source};
use super::setting::Setting;

use reader::Reader;
pub use write::write;

/// Longest `why` or `description`, in bytes.
pub const LONGEST_TEXT: usize = 2_000;

/// Most bytes of one profile.
pub const LARGEST: u64 = 1 << 20;

/// Longest name of a profile, in bytes.
const LONGEST_NAME: usize = 64;

/// One profile, checked, but not yet stacked on those that it extends.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What it is for.
    pub description: String,
    /// What it stands on, left to right, each with the bytes where it is said.
    pub extends: Vec<(String, Range<usize>)>,
    /// Its settings, each with the bytes of its name.
    pub settings: BTreeMap<Key, (Setting, Range<usize>)>,
}

/// Whether a text can be the name of a profile: letters, digits and `- _ .`, starting with a letter or digit,
/// no `..`, at most 64 bytes; so that a name is never a path.
pub fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !text.contains("..")
}

/// Whether a text says where a profile is, rather than what it is called: it has a `/`, or ends in `.toml`.
pub fn is_path(text: &str) -> bool {
    text.contains('/') || text.strip_suffix(".toml").is_some()
}

/// Reads a profile.
///
/// `name` is what origins will say; `source` what problems will point into.
///
/// # Errors
/// Every problem of the text, ordered by place.
pub fn parse(name: &str, source: &Source<'_>) -> Result<Profile, Vec<Problem>> {
    let mut reader = Reader::new(name, source);
    let (document, errors) = DeTable::parse_recoverable(source.text);
    for error in errors {
        let end = source.text.len();
        reader.syntax(&error.span().unwrap_or(end..end), error.message());
    }
    // A half-read document would only repeat the syntax error in other words.
    if reader.is_clean() {
        reader.document(document.get_ref());
    }
    reader.finish()
}

#[cfg(test)]
mod tests {
    use super::super::stack::by_hand;
    use super::*;

    fn read(text: &str) -> Result<Profile, Vec<Problem>> {
        parse("p", &Source::new("p.toml", text))
    }

    fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
        read(text)
            .unwrap_err()
            .iter()
            .map(|p| (p.code, p.line, p.column))
            .collect()
    }

    fn wish(profile: &Profile, key: &str) -> String {
        profile.settings.get(key).unwrap().0.words()
    }

    #[test]
    fn what_only_looks_like_a_number_is_written_as_a_text() {
        for said in [
            "default_qdisc=1",
            "allowed_congestion_control=1",
            "net.ipv4.ip_default_ttl=+64",
            "ip_local_reserved_ports=80",
        ] {
            let (key, setting) = by_hand(said).unwrap();
            let settings = [(key.clone(), setting.clone())].into();
            let text = write("d", &settings);
            let (again, _) = &read(&text).unwrap().settings[&key];
            assert!(again.wants_the_same(&setting), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_key() {
        let profile = read(
            "[profile]\ndescription = \"d\"\nextends = [\"base\", \"./more.toml\"]\n\
             [tcp]\nsynack_retries = { value = 3, why = \"15 s\" }\nsyncookies = \"when-full\"\n\
             abort_on_overflow = false\nsomaxconn = { at_least = 16384 }\ntcp_fastopen = [\"client\", \"server\"]\n\
             net.ipv4.tcp_sack = 1\n\"net.ipv4.tcp_ecn\" = 2\n\
             [sysctl]\nnet.core.netdev_max_backlog = { at_least = 4096, optional = true }\n\
             \"net/ipv4/conf/eth0.100/rp_filter\" = 1\nnet.ipv4.conf.\"eth1/7\".rp_filter = 2\n\
             net.ipv4.conf.\"eth2.8\".rp_filter = 0\n",
        )
        .unwrap();
        assert_eq!(
            profile
                .extends
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            ["base", "./more.toml"]
        );
        for (key, words) in [
            ("net.ipv4.tcp_synack_retries", "3"),
            ("net.ipv4.tcp_syncookies", "1"),
            ("net.ipv4.tcp_abort_on_overflow", "0"),
            ("net.core.somaxconn", "at least 16384"),
            ("net.ipv4.tcp_fastopen", "3"),
            ("net.ipv4.tcp_sack", "1"),
            ("net.ipv4.tcp_ecn", "2"),
            ("net.core.netdev_max_backlog", "at least 4096"),
            ("net.ipv4.conf.eth0/100.rp_filter", "1"),
            ("net.ipv4.conf.eth1/7.rp_filter", "2"),
            ("net.ipv4.conf.eth2/8.rp_filter", "0"),
        ] {
            assert_eq!(wish(&profile, key), words);
        }
        assert_eq!(
            profile
                .settings
                .get("net.ipv4.tcp_synack_retries")
                .unwrap()
                .0
                .why(),
            Some("15 s")
        );
    }

    #[test]
    fn all_problems_in_one_go_in_order() {
        let text = "[tcp]\nsynack_retries = 300\nsynack_retires = 1\nsyncookies = 3\n[sysctl]\nnet.core.x = \"010\"\n";
        assert_eq!(
            codes(text),
            [
                ("out-of-range", 2, 18),
                ("unknown-key", 3, 1),
                ("out-of-range", 4, 14),
                ("octal", 6, 14)
            ]
        );
    }

    #[test]
    fn two_spellings_of_one_key_are_a_duplicate() {
        assert_eq!(
            codes("[tcp]\nsomaxconn = 1\n[sysctl]\nnet.core.somaxconn = 2\n"),
            [("duplicate-key", 4, 10)]
        );
    }

    #[test]
    fn names_that_would_be_paths_elsewhere() {
        for name in [
            "../base",
            "/etc/passwd",
            "a/../b.toml",
            "",
            ".hidden",
            "a..b",
            "a\\u0000",
        ] {
            let text = format!("[profile]\nextends = [\"{name}\"]\n");
            assert_eq!(codes(&text), [("bad-name", 2, 12)], "{name}");
        }
    }
}
