//! What the next boot gives for what is declared, and how surely.

use std::collections::BTreeMap;

use super::catalogue;
use super::dropin::DropIn;
use super::key::Key;
use super::plan::Place;
use super::setting::Setting;
use super::snapshot::{Reading, Snapshot};
use super::sysctld::{Along, Forecast};
use super::value::Value;

/// What the next boot gives for a declared key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The key.
    pub key: Key,
    /// What it will hold, as far as anybody knows.
    pub value: Option<Value>,
    /// Who says so: `/etc/sysctl.d/60-app.conf:4`, or the kernel.
    pub by: String,
    /// Whether that is what is declared; nothing where nobody knows.
    pub right: Option<bool>,
    /// Whether that is because a file cannot be read.
    pub doubted: bool,
}

impl Expected {
    /// Whether it surely is what is declared.
    pub fn is_right(&self) -> bool {
        self.right == Some(true)
    }

    /// Whether it surely is something else.
    pub fn is_wrong(&self) -> bool {
        self.right == Some(false)
    }
}

/// Whether all of them are as declared; nothing where nobody knows.
pub fn all_right(all: &[&Expected]) -> Option<bool> {
    if all.iter().any(|one| one.is_wrong()) {
        return Some(false);
    }
    all.iter().all(|one| one.is_right()).then_some(true)
}

/// What can be known of the next boot.
#[derive(Debug)]
pub struct Outlook<'a> {
    /// What the files say, and the kernel's own parameters.
    pub forecast: &'a Forecast,
    /// The drop-in among them.
    pub drop_in: Option<&'a DropIn>,
    /// What the kernel gives where nothing says anything, as far as that is known.
    pub defaults: &'a BTreeMap<Key, Value>,
    /// What it holds now; nothing in an image, which has no kernel.
    pub live: Option<&'a Snapshot>,
    /// Where they are declared.
    pub place: Place,
}

impl Outlook<'_> {
    /// What a key will be, beside what is wanted for it.
    pub fn of(&self, key: &Key, setting: &Setting) -> Expected {
        let (value, mut by, mut right) = self.judged(key, setting);
        let doubt = self.forecast.doubt(key);
        if let Some(unread) = doubt {
            by = format!("{by}, unless {unread} does, which cannot be read");
            right = None;
        }
        if let Some(along) = self.along(key, setting, right) {
            by = format!("{by}, unless {} sets it along", along.win.place());
            right = None;
        }
        Expected {
            key: key.clone(),
            value,
            by,
            right,
            doubted: doubt.is_some(),
        }
    }

    /// What sets a key along that is there, unless that is as right or as wrong.
    fn along(&self, key: &Key, setting: &Setting, right: Option<bool>) -> Option<Along> {
        let is_there = self
            .live
            .is_none_or(|live| *live.get(key) != Reading::Absent);
        let along = self.forecast.along(key).filter(|_| is_there)?;
        let value = along.win.taken.value();
        let same = value.is_some_and(|value| right == Some(setting.accepts(value)));
        (!same).then_some(along)
    }

    fn judged(&self, key: &Key, setting: &Setting) -> (Option<Value>, String, Option<bool>) {
        let live = self.live.map(|live| live.get(key));
        if let Some(win) = self.forecast.winner(key) {
            let (value, place) = (win.value(), win.place());
            if win.is_hidden() {
                return (None, format!("{place}, which is not shown"), None);
            }
            let right = setting.accepts(&value);
            let now = live.and_then(Reading::value);
            // Of keys outside the catalogue only the kernel knows what they take.
            let untried =
                catalogue::Entry::of(key).is_none() && now.is_some_and(|now| *now != value);
            return if right && untried {
                (
                    Some(value),
                    format!("{place}, if the kernel takes it"),
                    None,
                )
            } else {
                (Some(value), place, Some(right))
            };
        }
        let (value, by, right) = match (self.defaults.get(key), live) {
            (Some(value), _) => (
                Some(value),
                "the kernel's default",
                Some(setting.accepts(value)),
            ),
            // The drop-in was written when the default could be asked for.
            _ if is_constant(key) && self.drop_in.is_some_and(|ours| ours.leaves_out(key)) => {
                (None, "enough without the drop-in", Some(true))
            }
            _ if self.place.passes_over(key, setting) => {
                (None, "not this namespace's to set", Some(true))
            }
            (None, Some(Reading::Absent)) if setting.optional => {
                (None, "this kernel does not have it", Some(true))
            }
            // What is there without us may be the default, or a runtime writer's.
            _ => (None, "no file says so", None),
        };
        (value.cloned(), by.to_owned(), right)
    }
}

fn is_constant(key: &Key) -> bool {
    catalogue::Entry::of(key).is_some_and(catalogue::Entry::is_constant)
}

#[cfg(test)]
mod tests {
    use super::super::literals::holding;
    use super::super::setting::{Origin, Part};
    use super::super::sysctld::{Loader, Tree};
    use super::*;

    /// Catalogued, with a default that a fresh namespace shows; and one of which nothing is known.
    const KNOWN: &str = "net.core.somaxconn";
    const UNKNOWN: &str = "net.ipv4.ip_default_ttl";

    fn at_least(value: i128) -> Setting {
        let origin = Origin {
            profile: "p".into(),
            file: "p.toml".into(),
            line: Some(1),
        };
        Setting {
            at_least: Some(Part {
                value,
                origin,
                why: None,
            }),
            ..Setting::default()
        }
    }

    fn told(name: &str, file: Option<&str>, live: &str) -> (String, Option<bool>) {
        let key: Key = name.parse().unwrap();
        let text = file.map(|value| format!("{name} = {value}\n"));
        let tree = Tree::default().with("/etc/sysctl.d/a.conf", text.as_deref());
        let outlook = Outlook {
            forecast: &Forecast::of(&tree, Loader::Systemd),
            drop_in: None,
            defaults: &[(KNOWN.parse().unwrap(), Value::from(4096))].into(),
            live: Some(&holding(&[(name, live)])),
            place: Place {
                first_namespace: true,
            },
        };
        let Expected {
            value, by, right, ..
        } = outlook.of(&key, &at_least(100));
        let value = value.map_or_else(|| "?".to_owned(), |value| value.to_string());
        (format!("{value} {by}"), right)
    }

    #[test]
    fn what_a_file_or_the_kernel_says_is_known() {
        let by_file = |value: &str| format!("{value} /etc/sysctl.d/a.conf:1");
        assert_eq!(told(KNOWN, Some("99"), "200"), (by_file("99"), Some(false)));
        assert_eq!(
            told(KNOWN, Some("100"), "200"),
            (by_file("100"), Some(true))
        );
        assert_eq!(
            told(KNOWN, None, "7"),
            ("4096 the kernel's default".to_owned(), Some(true))
        );
    }

    #[test]
    fn what_only_the_kernel_holds_now_proves_nothing() {
        for live in ["200", "64"] {
            let unsaid = ("? no file says so".to_owned(), None);
            assert_eq!(told(UNKNOWN, None, live), unsaid);
        }
    }

    #[test]
    fn what_another_line_sets_along_makes_it_unknown_where_it_would_be_wrong() {
        let lo: Key = "net.ipv4.conf.lo.forwarding".parse().unwrap();
        let told = |said: &str, live: &[(&str, &str)]| {
            let tree = Tree::default().with("/etc/sysctl.d/a.conf", Some(said));
            let outlook = Outlook {
                forecast: &Forecast::of(&tree, Loader::Procps),
                drop_in: None,
                defaults: &BTreeMap::new(),
                live: Some(&holding(live)),
                place: Place {
                    first_namespace: true,
                },
            };
            let expected = outlook.of(&lo, &at_least(1));
            (expected.by, expected.right)
        };
        let there = [("net.ipv4.conf.lo.forwarding", "1")];
        let lines = |own: u8, all: u8| {
            format!(
                "net.ipv4.ip_forward = 2\nnet.ipv4.conf.lo.forwarding = {own}\nnet.ipv4.ip_forward = {all}\n"
            )
        };
        let place = "/etc/sysctl.d/a.conf:2";
        let unless = format!("{place}, unless /etc/sysctl.d/a.conf:3 sets it along");
        assert_eq!(told(&lines(1, 0), &there), (unless.clone(), None));
        assert_eq!(told(&lines(0, 1), &there), (unless, None));
        assert_eq!(told(&lines(1, 2), &there), (place.to_owned(), Some(true)));
        assert_eq!(told(&lines(0, 0), &there), (place.to_owned(), Some(false)));
    }

    #[test]
    fn a_value_that_the_kernel_never_took_is_not_promised() {
        let place = "200 /etc/sysctl.d/a.conf:1";
        assert_eq!(
            told(UNKNOWN, Some("200"), "200"),
            (place.to_owned(), Some(true))
        );
        let untried = format!("{place}, if the kernel takes it");
        assert_eq!(told(UNKNOWN, Some("200"), "64"), (untried, None));
    }
}
