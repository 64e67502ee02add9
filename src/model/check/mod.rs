//! What a profile asks for that the kernel allows, and that still does not do what its author probably wants.
//!
//! Every rule looks at settings beside the values that the kernel will hold; it speaks only where the profile itself
//! asks for one of the keys. Sources are named in each reason; all were measured on Linux 6.18.

mod rules;

use std::collections::BTreeMap;

use super::catalogue;
use super::finding::Finding;
use super::key::Key;
use super::memory::Settings;
use super::sorted;
use super::value::Value;

use rules::{Case, Found};
pub use rules::{RULES, Rule};

/// The findings about settings, beside the values that the kernel will hold, of which those of the catalogue are looked
/// at; ordered by key, then by rule.
pub fn check(settings: &Settings, values: &BTreeMap<Key, Value>) -> Vec<Finding> {
    findings(settings, values, |rule| !rule.of_text)
}

/// The same about the text of a profile, for no host in particular: the kernel's defaults stand for its values.
pub fn check_text(settings: &Settings) -> Vec<Finding> {
    let mut values = catalogue::defaults();
    for (key, setting) in settings {
        if let Some(value) = setting
            .nearest(values.get(key))
            .or_else(|| setting.nearest(None))
        {
            values.insert(key.clone(), value);
        }
    }
    let mut all = findings(settings, &values, |_| true);
    all.extend(unexplained(settings));
    sorted::by(&mut all, |a, b| (&a.key, a.code).cmp(&(&b.key, b.code)));
    all
}

fn findings(
    settings: &Settings,
    values: &BTreeMap<Key, Value>,
    counts: impl Fn(&Rule) -> bool,
) -> Vec<Finding> {
    let case = Case { settings, values };
    let each = RULES.iter().filter(|rule| counts(rule)).flat_map(|rule| {
        let found = (rule.find)(&case).into_iter();
        found.filter_map(|found| finding(rule, settings, found))
    });
    let mut all: Vec<Finding> = each.collect();
    sorted::by(&mut all, |a, b| a.key.cmp(&b.key));
    all
}

fn finding(rule: &Rule, settings: &Settings, found: Found) -> Option<Finding> {
    let (key, setting) = settings.get_key_value(found.key)?;
    Some(Finding {
        code: rule.code,
        severity: rule.severity,
        key: key.clone(),
        message: found.message,
        reason: rule.reason,
        hint: found.hint.map(str::to_owned),
        origin: setting.origin().cloned(),
    })
}

/// Settings without a reason.
fn unexplained(settings: &Settings) -> impl Iterator<Item = Finding> {
    let rule = RULES.iter().find(|rule| rule.code == "no-why");
    let silent = settings
        .iter()
        .filter(|(_, setting)| setting.why().is_none());
    rule.into_iter().flat_map(move |rule| {
        silent.clone().map(|(key, setting)| Finding {
            code: rule.code,
            severity: rule.severity,
            key: key.clone(),
            message: "nobody says why".to_owned(),
            reason: rule.reason,
            hint: Some("`{ value = …, why = \"…\" }`".to_owned()),
            origin: setting.origin().cloned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::problem::Source;
    use super::super::profile;
    use super::*;

    /// The codes that a profile gets, without `no-why`, and the first message.
    fn told(text: &str) -> (Vec<&'static str>, String) {
        let profile = profile::parse("p", &Source::new("p.toml", text)).unwrap();
        let settings = profile
            .settings
            .into_iter()
            .map(|(key, (setting, _))| (key, setting))
            .collect();
        let mut all = check_text(&settings);
        all.retain(|finding| finding.code != "no-why");
        assert!(all.iter().all(|finding| finding.origin.is_some()));
        let message = all.first().map(|first| first.message.clone());
        let codes = all.into_iter().map(|finding| finding.code).collect();
        (codes, message.unwrap_or_default())
    }

    #[test]
    fn every_rule_finds_its_case_and_leaves_its_neighbour() {
        let cases: [(&str, &[&str], &str); 19] = [
            ("syncookies = 0", &["cookies-off"], "a full SYN queue drops"),
            (
                "synack_retries = 0",
                &["synack-brittle"],
                "a half-open request lives 1 s",
            ),
            (
                "tw_reuse = 1\ntimestamps = 0\nsyncookies = 0",
                &["cookies-off", "tw-reuse-inert"],
                "a full",
            ),
            ("rmem_max = { at_least = 1000000 }", &[], ""),
            (
                "fastopen = 2",
                &["fastopen-no-client", "fastopen-option"],
                "without 0x1",
            ),
            (
                "abort_on_overflow = true",
                &["abort-on-overflow"],
                "clients of a burst",
            ),
            (
                "max_syn_backlog = 9000",
                &["backlog-unused"],
                "no effect while tcp_syncookies is 1",
            ),
            (
                "somaxconn = { at_least = 1000 }",
                &["bound-below-default", "listen-again"],
                "at least 1000 is no change: the default is 4096",
            ),
            (
                "syn_retries = 1",
                &["connect-brittle"],
                "connect() fails after 3 s",
            ),
            ("syncookies = 2", &["cookies-always"], "2 answers every SYN"),
            (
                "timestamps = \"off\"",
                &["cookies-without-timestamps"],
                "with tcp_timestamps = 0",
            ),
            (
                "fastopen = 1025",
                &["fastopen-inert"],
                "0x400 does nothing without 0x2",
            ),
            (
                "fastopen = 5",
                &["fastopen-without-cookie"],
                "0x4 sends data",
            ),
            (
                "fastopen = 514",
                &[
                    "fastopen-no-client",
                    "fastopen-option",
                    "fastopen-without-cookie",
                ],
                "without 0x1",
            ),
            (
                "fastopen = [\"client\", \"server\"]",
                &["fastopen-option"],
                "listeners accept",
            ),
            (
                "rto_max_ms = 5000",
                &["rto-max-shortens"],
                "connect() fails after 31 s instead of 131, an established connection is given up after ",
            ),
            (
                "netdev_max_backlog = 4000\nsyncookies = 1",
                &["global-key"],
                "one value",
            ),
            (
                "netdev_max_backlog = { value = 4000, optional = true }\nsyncookies = 1",
                &[],
                "",
            ),
            ("netdev_max_backlog = 4000", &[], ""),
        ];
        for (text, codes, message) in cases {
            let (found, first) = told(&format!("[tcp]\n{text}\n"));
            assert_eq!(found, codes, "{text}");
            assert!(first.starts_with(message), "{text}: {first}");
        }
    }

    #[test]
    fn what_the_profile_does_not_ask_for_is_none_of_its_faults() {
        let none = "syncookies = 1\nsyn_retries = 2\nrto_max_ms = 120000\nsynack_retries = 3\nfastopen = 1";
        assert_eq!(told(&format!("[tcp]\n{none}\n")).0, [""; 0]);
    }

    #[test]
    fn rules_are_sorted_and_a_reason_is_a_sentence() {
        assert!(RULES.is_sorted_by_key(|rule| rule.code));
        assert!(
            RULES
                .iter()
                .all(|rule| rule.reason.len() > 40 && !rule.reason.ends_with('.'))
        );
    }
}
