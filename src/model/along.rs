//! Leaders, the keys that set others along when they are written, and what becomes of those, their followers.

use std::sync::LazyLock;

use super::change::{Cause, Change};
use super::key::Key;
use super::snapshot::{Reading, Snapshot};
use super::sorted;
use super::value::Value;

/// Of `net.ipv6.conf.all`, what sets the same for every interface, those to come included.
const OF_ALL_IN_IPV6: [&str; 5] = [
    "addr_gen_mode",
    "disable_ipv6",
    "force_forwarding",
    "forwarding",
    "ignore_routes_with_linkdown",
];

/// The same thing as `net.ipv4.conf.all.forwarding`.
const FORWARD: &str = "net.ipv4.ip_forward";

/// Every leader, with its followers.
static LEADERS: LazyLock<Vec<(Key, Family)>> = LazyLock::new(|| {
    let of_ipv4 = [FORWARD, "net.ipv4.conf.all.forwarding"].map(str::to_owned);
    let of_ipv6 = OF_ALL_IN_IPV6.map(|name| format!("net.ipv6.conf.all.{name}"));
    let all = of_ipv4.into_iter().chain(of_ipv6);
    let keys = all.filter_map(|name| name.parse::<Key>().ok());
    keys.filter_map(|leader| {
        let family = Family::of(&leader)?;
        Some((leader, family))
    })
    .collect()
});

/// Of `net.ipv6.conf.INTERFACE`: an interface forwards nothing where nothing shall forward.
const FORCED: &str = "force_forwarding";

/// A host takes redirects, a router does not: the kernel sets this to the opposite of forwarding.
const REDIRECTS: &str = "net.ipv4.conf.all.accept_redirects";

/// The followers of a leader: `DIRECTORY.INTERFACE.NAME`.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Where the kernel has a directory for each interface, and for `all` and `default`.
    pub directory: &'static str,
    name: &'static str,
    /// Another name of the leader.
    alias: Option<&'static str>,
    /// One more, which is set to the opposite.
    opposite: Option<&'static str>,
    /// Another name below interfaces, but not below `all` and `default`: becomes 0 where the leader does, and else stays.
    cleared: Option<&'static str>,
}

/// What a follower becomes.
enum Way {
    /// What its leader becomes.
    Same,
    /// 1 where that becomes 0, else 0.
    Opposite,
    /// 0 where that becomes 0; else it stays.
    Cleared,
}

impl Family {
    /// The followers that a key has, if it leads. Every key of `*.conf.all` and of its alias was written on Linux 6.18, and
    /// the others looked at (`inet_forward_change` in net/ipv4/devinet.c, `addrconf_fixup_forwarding` and its neighbours in
    /// net/ipv6/addrconf.c): with 1 where they held 0, and with 0 where they held 1.
    pub fn of(leader: &Key) -> Option<Self> {
        match leader.as_str() {
            forwarding @ (FORWARD | "net.ipv4.conf.all.forwarding") => Some(Self {
                directory: "net.ipv4.conf",
                name: "forwarding",
                alias: (forwarding != FORWARD).then_some(FORWARD),
                opposite: Some(REDIRECTS),
                cleared: None,
            }),
            other => {
                let name = other.strip_prefix("net.ipv6.conf.all.")?;
                Some(Self {
                    directory: "net.ipv6.conf",
                    name: OF_ALL_IN_IPV6.into_iter().find(|known| *known == name)?,
                    alias: None,
                    opposite: None,
                    cleared: (name == "forwarding").then_some(FORCED),
                })
            }
        }
    }

    /// How a key follows a leader of this family, if it does.
    fn way(self, leader: &Key, key: &Key) -> Option<Way> {
        let name = key.as_str();
        if self.alias == Some(name) {
            return Some(Way::Same);
        }
        if self.opposite == Some(name) {
            return Some(Way::Opposite);
        }
        let below = name.strip_prefix(self.directory)?.strip_prefix('.')?;
        let (interface, which) = below.split_once('.')?;
        if self.cleared == Some(which) && is_interface(interface) {
            return Some(Way::Cleared);
        }
        (which == self.name && key != leader).then_some(Way::Same)
    }

    /// Those that are no key of an interface.
    fn others(self) -> impl Iterator<Item = String> {
        self.alias
            .into_iter()
            .chain(self.opposite)
            .map(str::to_owned)
    }

    /// The keys, where these are the names in the directory.
    pub fn followers(self, names: &[String]) -> Vec<Key> {
        let Self {
            directory, name, ..
        } = self;
        let each = names
            .iter()
            .map(|interface| format!("{directory}.{interface}.{name}"));
        let cleared = self.cleared.iter().flat_map(|name| {
            let interfaces = names.iter().filter(|name| is_interface(name));
            interfaces.map(move |interface| format!("{directory}.{interface}.{name}"))
        });
        let all = each.chain(cleared).chain(self.others());
        all.filter_map(|text| text.parse().ok()).collect()
    }
}

/// Every leader, those together that are two names of one variable of the kernel. All of them are 0 when it starts.
pub fn variables() -> impl Iterator<Item = impl Iterator<Item = &'static Key>> {
    let variable = |family: &Family| (family.directory, family.name);
    let each = LEADERS.chunk_by(move |(_, one), (_, other)| variable(one) == variable(other));
    each.map(|names| names.iter().map(|(leader, _)| leader))
}

/// Whether the kernel sets the followers of a leader again that is told to stay what it is: those in IPv6, but for one.
pub fn insists(leader: &Key) -> bool {
    let below = leader.as_str().strip_prefix("net.ipv6.conf.all.");
    below.is_some_and(|name| name != FORCED)
}

fn is_interface(name: &str) -> bool {
    !["all", "default"].contains(&name)
}

/// Whether a leader that becomes this turns something off.
pub fn is_zero(value: &Value) -> bool {
    value.as_str() == "0"
}

/// Whether a key sets others along.
pub fn leads(key: &Key) -> bool {
    Family::of(key).is_some()
}

/// The followers that a leader sets when it becomes `value`, as sysctl.d writes them; nothing where a key leads none.
pub fn patterns(leader: &Key, value: &Value) -> Option<Vec<String>> {
    let family = Family::of(leader)?;
    let cleared = family.cleared.filter(|_| is_zero(value));
    let names = [Some(family.name), cleared].into_iter().flatten();
    let each = names.map(|name| format!("{}.*.{name}", family.directory));
    Some(each.chain(family.others()).collect())
}

/// What the kernel sets a key to when a leader becomes `value`; nothing where it leaves it as it is.
pub fn set_along(leader: &Key, value: &Value, key: &Key) -> Option<Value> {
    match Family::of(leader)?.way(leader, key)? {
        Way::Same => Some(value.clone()),
        Way::Opposite => Some(Value::from(i128::from(is_zero(value)))),
        Way::Cleared => is_zero(value).then(|| value.clone()),
    }
}

/// The keys that set this one along when they are written.
pub fn leaders_of(key: &Key) -> impl Iterator<Item = &Key> {
    let lead = |(leader, family): &&(Key, Family)| family.way(leader, key).is_some();
    LEADERS.iter().filter(lead).map(|(leader, _)| leader)
}

/// What the kernel sets a key to along with changes, if it does.
pub fn led_to(changes: &[Change], key: &Key) -> Option<Value> {
    let mut last_first = changes.iter().rev();
    last_first.find_map(|change| set_along(&change.key, &change.to, key))
}

/// Whether the kernel sets a key along with changes, or on their way back.
pub fn touch(changes: &[Change], key: &Key) -> bool {
    changes.iter().any(|change| {
        let mut values = [&change.to, &change.from].into_iter();
        values.any(|value| set_along(&change.key, value, key).is_some())
    })
}

/// Whether nobody asked for a change, but its leader is written: where the interface is gone by then, nothing is lost.
pub fn follows(changes: &[Change], change: &Change) -> bool {
    change.cause != Cause::Set && touch(changes, &change.key)
}

/// Brings leaders before all others: what shall differ from its leader is written after it.
pub fn leaders_first<T>(items: &mut [T], key: impl Fn(&T) -> &Key) {
    if items.iter().any(|item| leads(key(item))) {
        sorted::by_key(items, |item| !leads(key(item)));
    }
}

/// What becomes of followers that no change names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Led {
    /// Those that go back to what is on record, as their leader does.
    pub restored: Vec<Change>,
    /// The others. Those that are held at what they hold are changed from it to the same; the kernel sees to the rest.
    pub along: Vec<Change>,
}

/// What was looked at because something is to be done with it: without followers whose leaders stay as they are.
#[must_use]
pub fn at_stake(
    mut before: Snapshot,
    changes: &[Change],
    is_spoken_of: impl Fn(&Key) -> bool,
) -> Snapshot {
    let idle = |key: &&Key| leads(key) && changes.iter().all(|change| change.key != **key);
    let idle: Vec<Key> = before.0.keys().filter(idle).cloned().collect();
    let nothing = Value::from(0);
    let is_idle = |key: &Key| {
        let mut leaders = idle.iter();
        leaders.any(|leader| set_along(leader, &nothing, key).is_some())
    };
    before.0.retain(|key, _| {
        idle.is_empty() || is_spoken_of(key) || led_to(changes, key).is_some() || !is_idle(key)
    });
    before
}

/// Followers that cannot be read, and why, where their leader is to be written: what they hold would be lost.
pub fn unreadable<'s>(
    changes: &'s [Change],
    snapshot: &'s Snapshot,
) -> impl Iterator<Item = (&'s Key, &'s str)> {
    let leaders = changes.iter().filter(|change| leads(&change.key));
    leaders.flat_map(|leader| {
        let unreadable = snapshot
            .0
            .iter()
            .filter_map(|(key, reading)| match reading {
                Reading::Unreadable(why) => Some((key, why.as_str())),
                Reading::Value(_) | Reading::Absent => None,
            });
        unreadable.filter(|(key, _)| set_along(&leader.key, &leader.to, key).is_some())
    })
}

/// The followers that are held at what they hold, and what that is.
pub fn still(along: &[Change]) -> impl Iterator<Item = (&Key, &Value)> {
    let still = along.iter().filter(|change| change.from == change.to);
    still.map(|change| (&change.key, &change.to))
}

/// Decides what becomes of followers; the snapshot holds those that there are. One that holds what a record begins with
/// becomes what it ends with. The others follow where their leader `sets`. Where it goes back, they stay if somebody else
/// wrote them since; the rest (an interface that came since has no record) are the kernel's.
pub fn led(
    changes: &[Change],
    records: &[Change],
    snapshot: &Snapshot,
    sets: impl Fn(&Key) -> bool,
) -> Led {
    let mut led = Led::default();
    if !changes.iter().any(|change| leads(&change.key)) {
        return led;
    }
    let mut settled = sorted::set(changes.iter().map(|change| change.key.clone()));
    for leader in changes {
        for (key, reading) in &snapshot.0 {
            let [followed, follows] =
                [&leader.from, &leader.to].map(|value| set_along(&leader.key, value, key));
            let Some(holds) = reading.value().cloned() else {
                continue;
            };
            if followed.is_none() && follows.is_none() || settled.contains(key) {
                continue;
            }
            let mut records = records.iter();
            let record = records.find(|record| record.key == *key && record.from == holds);
            let (to, cause) = match (record, follows) {
                (Some(record), _) if leader.cause == Cause::Set => {
                    (record.to.clone(), Cause::Restored)
                }
                (Some(record), _) => (record.to.clone(), leader.cause),
                // Left alone this way, and what it will be on the way back.
                (None, None) if followed.as_ref() == Some(&holds) => continue,
                (None, Some(follows)) if sets(&leader.key) || followed.as_ref() == Some(&holds) => {
                    (follows, Cause::Along)
                }
                (None, _) => (holds.clone(), Cause::Along),
            };
            settled.insert(key.clone());
            let change = Change {
                key: key.clone(),
                from: holds,
                to,
                cause,
            };
            if cause == Cause::Along || change.from == change.to {
                led.along.push(Change {
                    cause: Cause::Along,
                    ..change
                });
            } else {
                led.restored.push(change);
            }
        }
    }
    led
}

#[cfg(test)]
mod tests {
    use super::super::literals::holding;
    use super::*;

    const ALL: &str = "net.ipv6.conf.all.forwarding";
    const LO: &str = "net.ipv6.conf.lo.forwarding";

    fn change(key: &str, from: &str, to: &str, cause: Cause) -> Change {
        Change {
            key: key.parse().unwrap(),
            from: Value::new(from),
            to: Value::new(to),
            cause,
        }
    }

    #[test]
    fn the_key_of_all_interfaces_sets_each_and_that_of_one_does_not() {
        let one = Value::new("1");
        let along = |key: &str| patterns(&key.parse().unwrap(), &one).unwrap_or_default();
        assert_eq!(
            along("net.ipv6.conf.all.disable_ipv6"),
            ["net.ipv6.conf.*.disable_ipv6"]
        );
        assert_eq!(along("net.ipv4.ip_forward").len(), 2);
        for alone in [
            "net.ipv6.conf.all.accept_ra",
            "net.ipv6.conf.lo.forwarding",
            "net.ipv4.conf.all.rp_filter",
        ] {
            assert!(along(alone).is_empty(), "{alone}");
        }
    }

    #[test]
    fn what_forwarding_clears_is_told_of_where_it_becomes_0() {
        let along = |value: &str| patterns(&ALL.parse().unwrap(), &Value::new(value)).unwrap();
        let each = "net.ipv6.conf.*.forwarding";
        assert_eq!(along("1"), [each]);
        assert_eq!(along("0"), [each, "net.ipv6.conf.*.force_forwarding"]);
    }

    #[test]
    fn a_router_takes_no_redirects_and_a_leader_does_not_follow_itself() {
        let set = |leader: &str, value: &str, key: &str| {
            let value = Value::new(value);
            set_along(&leader.parse().unwrap(), &value, &key.parse().unwrap())
                .map(|value| value.to_string())
        };
        let forward = "net.ipv4.ip_forward";
        assert_eq!(set(forward, "1", REDIRECTS).as_deref(), Some("0"));
        assert_eq!(set(forward, "0", REDIRECTS).as_deref(), Some("1"));
        assert_eq!(set(ALL, "1", REDIRECTS), None);
        let tagged = "net.ipv4.conf.eth0/100.forwarding";
        assert_eq!(set(forward, "2", tagged).as_deref(), Some("2"));
        assert_eq!(set(ALL, "1", ALL), None);
        assert_eq!(set(ALL, "1", "net.ipv6.conf.lo.accept_ra"), None);
        assert_eq!(set("net.ipv4.tcp_ecn", "1", LO), None);
    }

    #[test]
    fn every_leader_of_a_key_is_known() {
        let of = |key: &str| -> Vec<String> {
            let key = key.parse().unwrap();
            leaders_of(&key).map(Key::to_string).collect()
        };
        let [one, other] = [FORWARD, "net.ipv4.conf.all.forwarding"];
        assert_eq!(of(one), [other]);
        assert_eq!(of(other), [one]);
        assert_eq!(of(REDIRECTS), [one, other]);
        assert_eq!(of("net.ipv4.conf.eth0/100.forwarding"), [one, other]);
        assert_eq!(of(LO), [ALL]);
        assert_eq!(of(ALL).len() + of("net.ipv6.conf.lo.accept_ra").len(), 0);
    }

    #[test]
    fn leaders_that_are_one_variable_are_together_and_all_of_them_lead() {
        let variables: Vec<Vec<&Key>> = variables().map(Iterator::collect).collect();
        assert_eq!(variables.iter().map(Vec::len).max(), Some(2));
        assert_eq!(variables.len(), 1 + OF_ALL_IN_IPV6.len());
        assert!(variables.into_iter().flatten().all(leads));
        let insists = |key: &str| insists(&key.parse().unwrap());
        assert!(insists(ALL) && !insists(FORWARD));
        assert!(!insists("net.ipv6.conf.all.force_forwarding"));
    }

    #[test]
    fn where_nothing_forwards_no_interface_is_forced_to() {
        let all: Key = ALL.parse().unwrap();
        let set = |value: &str, key: &str| {
            let becomes = set_along(&all, &Value::new(value), &key.parse().unwrap());
            becomes.map(|value| value.to_string())
        };
        let lo = "net.ipv6.conf.lo.force_forwarding";
        assert_eq!(set("0", lo).as_deref(), Some("0"));
        assert_eq!(set("1", lo), None);
        for other in ["all", "default"] {
            assert_eq!(
                set("0", &format!("net.ipv6.conf.{other}.force_forwarding")),
                None
            );
        }
        let names = ["all", "default", "lo"].map(str::to_owned);
        let followers = Family::of(&all).unwrap().followers(&names);
        let forced = followers
            .iter()
            .filter(|key| key.as_str().ends_with(FORCED));
        assert_eq!(forced.count(), 1);
    }

    #[test]
    fn followers_are_what_there_is() {
        let forward: Key = "net.ipv4.ip_forward".parse().unwrap();
        let names = ["all", "eth0/100"].map(str::to_owned);
        let keys = Family::of(&forward).unwrap().followers(&names);
        let keys: Vec<&str> = keys.iter().map(Key::as_str).collect();
        let expected = [
            "net.ipv4.conf.all.forwarding",
            "net.ipv4.conf.eth0/100.forwarding",
            REDIRECTS,
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_leader_is_written_first() {
        let mut keys: Vec<Key> = [LO, "net.core.somaxconn", ALL, "net.ipv4.ip_forward"]
            .map(|name| name.parse().unwrap())
            .into();
        leaders_first(&mut keys, |key| key);
        let names: Vec<&str> = keys.iter().map(Key::as_str).collect();
        assert_eq!(
            names,
            [ALL, "net.ipv4.ip_forward", LO, "net.core.somaxconn"]
        );
    }

    #[test]
    fn followers_follow_what_is_set_but_for_those_that_are_declared() {
        let set = [change(ALL, "0", "1", Cause::Set)];
        let there = holding(&[(ALL, "0"), (LO, "0"), ("net.ipv6.conf.a.forwarding", "7")]);
        let led = |records: &[Change]| led(&set, records, &there, |_| true).along;
        let a = |to| change("net.ipv6.conf.a.forwarding", "7", to, Cause::Along);
        let lo = |to| change(LO, "0", to, Cause::Along);
        assert_eq!(led(&[]), [a("1"), lo("1")]);
        assert_eq!(led(&[lo("0")]), [a("1"), lo("0")]);
    }

    #[test]
    fn followers_go_back_to_what_is_on_record_unless_somebody_wrote_them() {
        let back = [change(ALL, "1", "0", Cause::Restored)];
        let record = [change(LO, "1", "7", Cause::Along)];
        let led = |lo: &str| {
            let led = led(&back, &record, &holding(&[(ALL, "1"), (LO, lo)]), |_| false);
            (led.restored, led.along)
        };
        assert_eq!(
            led("1"),
            (vec![change(LO, "1", "7", Cause::Restored)], vec![])
        );
        assert_eq!(led("3"), (vec![], vec![change(LO, "3", "3", Cause::Along)]));
        let came_since = |holds| {
            let there = holding(&[(ALL, "1"), ("net.ipv6.conf.new.forwarding", holds)]);
            super::led(&back, &record, &there, |_| false).along
        };
        let new = |from, to| {
            [change(
                "net.ipv6.conf.new.forwarding",
                from,
                to,
                Cause::Along,
            )]
        };
        assert_eq!(came_since("1"), new("1", "0"));
        assert_eq!(came_since("5"), new("5", "5"));
    }

    #[test]
    fn what_is_on_record_goes_back_as_its_leader_does_and_is_not_declared_by_that() {
        let there = holding(&[(ALL, "0"), (LO, "0")]);
        let record = [change(LO, "0", "7", Cause::Along)];
        let back = |cause| {
            let leader = [change(ALL, "0", "1", cause)];
            led(&leader, &record, &there, |_| true).restored
        };
        let lo = |cause| vec![change(LO, "0", "7", cause)];
        assert_eq!(back(Cause::Set), lo(Cause::Restored));
        assert_eq!(back(Cause::Restored), lo(Cause::Restored));
        assert_eq!(back(Cause::Released), lo(Cause::Released));
    }

    #[test]
    fn what_only_the_way_back_would_clear_is_held_at_what_it_holds() {
        let forced = "net.ipv6.conf.lo.force_forwarding";
        let set = [change(ALL, "0", "1", Cause::Set)];
        let along = |holds| led(&set, &[], &holding(&[(forced, holds)]), |_| true).along;
        assert_eq!(along("1"), [change(forced, "1", "1", Cause::Along)]);
        assert_eq!(along("0"), []);
    }

    #[test]
    fn followers_are_at_stake_where_their_leader_changes_or_somebody_speaks_of_them() {
        let [ecn, forced] = ["net.ipv4.tcp_ecn", "net.ipv6.conf.lo.force_forwarding"];
        let there = holding(&[(ALL, "0"), (LO, "0"), (forced, "1"), (ecn, "2")]);
        let stays = |changes: &[Change], spoken_of: &[&str]| -> Vec<String> {
            let stays = at_stake(there.clone(), changes, |key| {
                spoken_of.contains(&key.as_str())
            });
            stays.0.keys().map(Key::to_string).collect()
        };
        let lead = [change(ALL, "0", "1", Cause::Set)];
        let other = [change(ecn, "2", "0", Cause::Set)];
        assert_eq!(stays(&[], &[]), [ecn, ALL]);
        assert_eq!(stays(&other, &[]), [ecn, ALL]);
        assert_eq!(stays(&other, &[LO]), [ecn, ALL, LO]);
        assert_eq!(stays(&lead, &[]), [ecn, ALL, forced, LO]);
    }
}
