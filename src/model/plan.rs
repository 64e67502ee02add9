//! What would change: the comparison of what is wanted, what is remembered and what the kernel holds.

use std::collections::BTreeSet;

use super::along::{Led, leaders_first, led, set_along, still, unreadable};
use super::catalogue;
use super::change::{Cause, Change};
use super::key::Key;
use super::memory::{ActiveSet, Held, Leaders, Memory, led_by};
use super::persist::{BootPlan, FileChange};
use super::refusal::Refusal;
use super::setting::{Origin, Setting};
use super::snapshot::{Reading, Snapshot};
use super::sorted;
use super::value::{self, Value};

/// A declared key, or one that was declared, that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The key.
    pub key: Key,
    /// What it holds.
    pub value: Value,
    /// Why nothing is written.
    pub why: KeptWhy,
}

/// Why a key stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptWhy {
    /// It holds what is wanted.
    Right,
    /// It is no longer declared, but somebody wrote over what tcptune wrote; this is what tcptune had written.
    OtherWriter(Value),
    /// It is no longer declared, but the drop-in had set it at boot, and nobody knows what it would be without that.
    NoBaseline,
}

/// An optional key that this kernel or namespace does not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The key.
    pub key: Key,
    /// Why.
    pub reason: String,
}

/// What would change, in the order in which it is done: released keys first, last one first; then settings by key; but
/// keys that set others along before all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Keys to write.
    pub live: Vec<Change>,
    /// Keys that the kernel sets along with those, with what they hold and will hold. One that is changed to what it holds
    /// is held there: it is written after the key that sets it. The others are the kernel's to change.
    pub along: Vec<Change>,
    /// Keys that stay.
    pub kept: Vec<Kept>,
    /// Keys that are passed over.
    pub skipped: Vec<Skipped>,
    /// What will be remembered.
    pub after: Memory,
    /// Whether that differs from what is remembered now.
    pub remembers: bool,
    /// The same for the next boot; nothing where that is not asked for.
    pub boot: Option<BootPlan>,
    /// Whether the live axis was not asked for.
    pub only_boot: bool,
}

impl Plan {
    /// A plan that leaves the live axis as it is.
    pub fn still(memory: &Memory) -> Self {
        Self {
            after: memory.clone(),
            only_boot: true,
            ..Self::default()
        }
    }

    /// Nothing to write and nothing new to remember.
    pub fn is_empty(&self) -> bool {
        !self.writes() && !self.remembers
    }

    /// Whether any key or file is written.
    pub fn writes(&self) -> bool {
        !self.live.is_empty() || !self.files().is_empty()
    }

    /// What will be declared: on the live axis, or where nothing is, or the plan does not speak of it, on the boot axis.
    pub fn declared(&self) -> &ActiveSet {
        match &self.boot {
            Some(boot) if self.only_boot || self.after.active.is_empty() => &boot.active,
            _ => &self.after.active,
        }
    }

    /// Files to write.
    pub fn files(&self) -> &[FileChange] {
        self.boot.as_ref().map_or(&[], |boot| &boot.files)
    }

    /// The setting that asks for a change, if it is still declared after the plan.
    pub fn setting(&self, key: &Key) -> Option<&Setting> {
        self.after.active.settings.get(key)
    }

    /// Who asks for a change, if anybody but the past does.
    pub fn origin(&self, change: &Change) -> Option<&Origin> {
        (change.cause == Cause::Set)
            .then(|| self.setting(&change.key)?.origin())
            .flatten()
    }

    /// How many keys go back to their baseline.
    pub fn released(&self) -> usize {
        self.live
            .iter()
            .filter(|change| change.cause == Cause::Released)
            .count()
    }

    /// The keys that are written, each with what it will hold.
    pub fn writing(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.live.iter().map(|change| (&change.key, &change.to))
    }

    /// The values of a snapshot as they will be afterwards.
    pub fn applied_to(&self, snapshot: &Snapshot) -> Snapshot {
        let mut snapshot = snapshot.clone();
        for change in &self.live {
            snapshot
                .0
                .insert(change.key.clone(), Reading::Value(change.to.clone()));
        }
        snapshot
    }
}

/// Where a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whether this is the machine's first network namespace, the only one that may write global keys.
    pub first_namespace: bool,
}

impl Place {
    /// Whether a key is not this namespace's to write.
    fn is_foreign(self, key: &Key) -> bool {
        !self.first_namespace && catalogue::is_global(key)
    }

    /// Whether a setting is none of this namespace's business, and that is fine.
    pub fn passes_over(self, key: &Key, setting: &Setting) -> bool {
        setting.optional && self.is_foreign(key)
    }
}

/// Compares what is wanted with what is remembered and what the kernel holds.
///
/// With `only`, nothing but those keys is planned, and the rest of the memory stays as it is.
///
/// # Errors
/// Every reason to refuse, when there is one.
pub fn plan(
    wanted: &ActiveSet,
    only: Option<&BTreeSet<Key>>,
    memory: &Memory,
    snapshot: &Snapshot,
    place: Place,
) -> Result<Plan, Vec<Refusal>> {
    let mut plan = Plan {
        after: Memory {
            active: wanted.clone(),
            held: memory.held.clone(),
        },
        ..Plan::default()
    };
    let mut refusals = Vec::new();
    // In the reverse of the order in which they were written.
    for (key, held) in memory.held.iter().rev() {
        if only.is_none() && !wanted.settings.contains_key(key) {
            refusals.extend(release(&mut plan, key, held, snapshot.get(key)));
        }
    }
    let leaders = memory.leaders();
    for (key, setting) in &wanted.settings {
        if only.is_none_or(|only| only.contains(key)) {
            let reading = snapshot.get(key);
            let behind = |live: &Value| memory.behind(&leaders, key, live);
            if let Err(refusal) = set(&mut plan, key, setting, &behind, reading, place) {
                refusals.push(refusal);
            }
        }
    }
    follow(&mut plan, memory, &leaders, snapshot);
    for (key, why) in unreadable(&plan.live, snapshot) {
        let refusal = Refusal::Unreadable(key.clone(), why.to_owned());
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }
    plan.remembers = !plan.after.declares_the_same(memory);
    if refusals.is_empty() {
        Ok(plan)
    } else {
        Err(refusals)
    }
}

/// Sees to the keys that the kernel sets along with those that are written.
fn follow(plan: &mut Plan, memory: &Memory, leaders: &Leaders<'_>, snapshot: &Snapshot) {
    if leaders.is_empty() && plan.after.leaders().is_empty() {
        return;
    }
    let after = plan.after.clone();
    let remaining = after.leaders();
    fall_in(plan, memory, &remaining, snapshot);
    leaders_first(&mut plan.live, |change| &change.key);
    // By another name it may still be declared.
    let sets = |key: &Key| {
        remaining.iter().any(|(remains, _)| *remains == key) || led_by(&remaining, key).is_some()
    };
    // What is declared to be what it was before is as good as released.
    let back = leaders.iter().filter(|(key, _)| !sets(key));
    let stays = |key: &Key| Some(Change::still(key, snapshot.get(key).value()?));
    let declared = &after.active.settings;
    let kept = plan.kept.iter().map(|kept| &kept.key);
    let records: Vec<Change> = declared
        .keys()
        .chain(kept)
        .filter_map(stays)
        .chain(back.flat_map(|(key, held)| held.along_back(key)))
        .chain(let_go(leaders, &remaining))
        .collect();
    let Led { restored, along } = led(&plan.live, &records, snapshot, sets);
    for (leader, held) in remaining {
        let is_set = plan.live.iter().any(|change| change.key == *leader);
        if is_set || !memory.held.contains_key(leader) {
            let followers = snapshot.0.iter().filter_map(|(key, reading)| {
                set_along(leader, &held.wrote, key)?;
                Some((key.clone(), memory.behind(leaders, key, reading.value()?)?))
            });
            let held = Held {
                along: sorted::map(followers),
                ..held.clone()
            };
            plan.after.held.insert(leader.clone(), held);
        }
    }
    // What is held at what it holds, and declared, has that from us.
    for (key, value) in still(&along).filter(|(key, _)| declared.contains_key(*key)) {
        if !plan.after.held.contains_key(key) {
            let held = Held::new(memory.behind(leaders, key, value), value.clone());
            plan.after.held.insert(key.clone(), held);
        }
    }
    plan.live.extend(restored);
    plan.along = along;
}

/// How keys go back that a leader set along, and with what it is to be does not any more.
fn let_go(leaders: &Leaders<'_>, remaining: &Leaders<'_>) -> Vec<Change> {
    let each = leaders.iter().flat_map(|(leader, held)| {
        let then = remaining.iter().find(|(remains, _)| remains == leader);
        let freed = move |change: &Change| {
            then.is_some_and(|(_, then)| set_along(leader, &then.wrote, &change.key).is_none())
        };
        held.along_back(leader).into_iter().filter(freed)
    });
    each.collect()
}

/// A released key goes where one that sets it along, and is still declared, sets it.
fn fall_in(plan: &mut Plan, memory: &Memory, leaders: &Leaders<'_>, snapshot: &Snapshot) {
    for (key, held) in &memory.held {
        let is_ours = snapshot.get(key).value() == Some(&held.wrote);
        if plan.after.held.contains_key(key) || !is_ours {
            continue;
        }
        let Some(to) = led_by(leaders, key) else {
            continue;
        };
        plan.live.retain(|change| change.key != *key);
        plan.live.extend((to != held.wrote).then(|| Change {
            key: key.clone(),
            from: held.wrote.clone(),
            to,
            cause: Cause::Released,
        }));
    }
}

fn release(plan: &mut Plan, key: &Key, held: &Held, reading: &Reading) -> Option<Refusal> {
    let live = match reading {
        Reading::Value(live) => live,
        Reading::Absent => {
            plan.after.held.remove(key);
            plan.skipped.push(gone(key));
            return None;
        }
        Reading::Unreadable(why) => return Some(Refusal::Unreadable(key.clone(), why.clone())),
    };
    let why = match &held.baseline {
        _ if *live != held.wrote => KeptWhy::OtherWriter(held.wrote.clone()),
        // It stays ours: its value is nobody else's wish.
        None => KeptWhy::NoBaseline,
        Some(baseline) => {
            plan.after.held.remove(key);
            if live != baseline {
                plan.live.push(Change {
                    key: key.clone(),
                    from: live.clone(),
                    to: baseline.clone(),
                    cause: Cause::Released,
                });
            }
            return None;
        }
    };
    if why != KeptWhy::NoBaseline {
        plan.after.held.remove(key);
    }
    plan.kept.push(Kept {
        key: key.clone(),
        value: live.clone(),
        why,
    });
    None
}

/// A key that is passed over, as the kernel has it no more.
pub fn gone(key: &Key) -> Skipped {
    Skipped {
        key: key.clone(),
        reason: "the kernel no longer has it".to_owned(),
    }
}

fn set(
    plan: &mut Plan,
    key: &Key,
    setting: &Setting,
    behind: &dyn Fn(&Value) -> Option<Value>,
    reading: &Reading,
    place: Place,
) -> Result<(), Refusal> {
    if place.passes_over(key, setting) {
        plan.skipped.push(Skipped {
            key: key.clone(),
            reason: "global: not this namespace's to set".into(),
        });
        return Ok(());
    }
    if place.is_foreign(key) {
        return Err(Refusal::Global(key.clone()));
    }
    let live = match reading {
        Reading::Value(live) => live,
        Reading::Absent if setting.optional => {
            plan.skipped.push(Skipped {
                key: key.clone(),
                reason: "this kernel does not have it".into(),
            });
            return Ok(());
        }
        Reading::Absent => return Err(Refusal::Absent(key.clone())),
        Reading::Unreadable(why) => return Err(Refusal::Unreadable(key.clone(), why.clone())),
    };
    // A bound keeps a stranger's value, but a value of our own is no reason to keep it.
    let found = behind(live);
    let to = setting
        .nearest(found.as_ref())
        .ok_or_else(|| Refusal::NoNumber(key.clone(), found.clone().unwrap_or(live.clone())))?;
    if to == *live {
        if found.as_ref() != Some(live) && !plan.after.held.contains_key(key) {
            // It has that from a key of ours that sets it along, which may go.
            plan.after
                .held
                .insert(key.clone(), Held::new(found, live.clone()));
        }
        plan.kept.push(Kept {
            key: key.clone(),
            value: to,
            why: KeptWhy::Right,
        });
        return Ok(());
    }
    if live.as_str().len() > value::LONGEST {
        return Err(Refusal::OneWay(key.clone()));
    }
    let baseline = match plan.after.held.get(key) {
        Some(held) => held.baseline.clone(),
        None => found,
    };
    plan.after
        .held
        .insert(key.clone(), Held::new(baseline, to.clone()));
    plan.live.push(Change {
        key: key.clone(),
        from: live.clone(),
        to,
        cause: Cause::Set,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::literals::{changes, holding};
    use super::super::setting::Part;
    use super::*;

    const HOST: Place = Place {
        first_namespace: true,
    };

    fn key(name: &str) -> Key {
        name.parse().unwrap()
    }

    fn origin() -> Origin {
        Origin {
            profile: "p".into(),
            file: "p.toml".into(),
            line: Some(2),
        }
    }

    fn exactly(value: &str) -> Setting {
        let part = Part {
            value: Value::new(value),
            origin: origin(),
            why: None,
        };
        Setting {
            exact: Some(part),
            ..Setting::default()
        }
    }

    fn at_least(value: i128) -> Setting {
        Setting {
            at_least: Some(Part {
                value,
                origin: origin(),
                why: None,
            }),
            ..Setting::default()
        }
    }

    fn wanting(settings: &[(&str, Setting)]) -> ActiveSet {
        let settings = settings
            .iter()
            .map(|(name, setting)| (key(name), setting.clone()))
            .collect();
        ActiveSet {
            profiles: vec!["p".into()],
            profiles_hash: String::new(),
            settings,
        }
    }

    const A: &str = "net.core.somaxconn";
    const B: &str = "net.ipv4.tcp_synack_retries";

    #[test]
    fn a_released_key_goes_back_unless_somebody_else_wrote_it() {
        let kernel = holding(&[(A, "4096"), (B, "5")]);
        let first = plan(
            &wanting(&[(A, exactly("100")), (B, exactly("5"))]),
            None,
            &Memory::default(),
            &kernel,
            HOST,
        )
        .unwrap();
        assert_eq!(changes(&first), ["net.core.somaxconn 4096 -> 100 Set"]);
        assert_eq!(first.kept.len(), 1, "a key that is right is not written");

        let kernel = first.applied_to(&kernel);
        let off = plan(&ActiveSet::default(), None, &first.after, &kernel, HOST).unwrap();
        assert_eq!(changes(&off), ["net.core.somaxconn 100 -> 4096 Released"]);

        let stranger = holding(&[(A, "200"), (B, "5")]);
        let off = plan(&ActiveSet::default(), None, &first.after, &stranger, HOST).unwrap();
        assert!(off.live.is_empty());
        assert_eq!(
            off.kept.first().unwrap().why,
            KeptWhy::OtherWriter(Value::new("100"))
        );
        assert!(off.after.held.is_empty(), "it is no longer ours");
    }

    #[test]
    fn a_bound_keeps_a_strangers_value_and_looks_behind_our_own() {
        let bound = wanting(&[(A, at_least(16384))]);
        let none = Memory::default();
        let kept = plan(&bound, None, &none, &holding(&[(A, "65535")]), HOST).unwrap();
        assert!(kept.live.is_empty() && kept.after.held.is_empty());

        let ours = Held::new(Some(Value::new("4096")), Value::new("65535"));
        let memory = Memory {
            active: ActiveSet::default(),
            held: [(key(A), ours)].into(),
        };
        let lowered = plan(&bound, None, &memory, &holding(&[(A, "65535")]), HOST).unwrap();
        assert_eq!(changes(&lowered), ["net.core.somaxconn 65535 -> 16384 Set"]);
        let baseline = &lowered.after.held.get(A).unwrap().baseline;
        assert_eq!(*baseline, Some(Value::new("4096")));
    }

    const ALL: &str = "net.ipv6.conf.all.forwarding";
    const LO: &str = "net.ipv6.conf.lo.forwarding";

    #[test]
    fn a_follower_that_cannot_be_read_is_named_once_and_whether_it_is_declared_or_not() {
        let mut kernel = holding(&[(ALL, "0")]);
        let denied = Reading::Unreadable("denied".to_owned());
        kernel.0.insert(key(LO), denied);
        let set = (ALL, exactly("1"));
        for wanted in [
            wanting(std::slice::from_ref(&set)),
            wanting(&[set.clone(), (LO, exactly("0"))]),
        ] {
            let refused = plan(&wanted, None, &Memory::default(), &kernel, HOST).unwrap_err();
            assert_eq!(refused, [Refusal::Unreadable(key(LO), "denied".to_owned())]);
        }
    }

    #[test]
    fn what_a_leader_set_along_is_recorded_when_that_is_set_and_then_no_more() {
        let set = |all: &str, memory: &Memory, kernel: &Snapshot, more: &[(&str, Setting)]| {
            let settings = [&[(ALL, exactly(all))], more].concat();
            plan(&wanting(&settings), None, memory, kernel, HOST).unwrap()
        };
        let kernel = holding(&[(ALL, "0"), (LO, "7"), (A, "4096")]);
        let first = set("1", &Memory::default(), &kernel, &[]);
        let record = |plan: &Plan| {
            let along = &plan.after.held.get(ALL).unwrap().along;
            along.get(LO).map(Value::to_string)
        };
        assert_eq!(record(&first).as_deref(), Some("7"));
        // Somebody else writes it.
        let kernel = holding(&[(ALL, "1"), (LO, "3"), (A, "4096")]);
        let other = set("1", &first.after, &kernel, &[(A, exactly("100"))]);
        assert_eq!(record(&other).as_deref(), Some("7"));
        let again = set("2", &first.after, &kernel, &[]);
        assert_eq!(record(&again).as_deref(), Some("3"));
    }

    #[test]
    fn a_declared_follower_that_stays_has_that_from_us() {
        let both = wanting(&[(ALL, exactly("1")), (LO, exactly("0"))]);
        let kernel = holding(&[(ALL, "0"), (LO, "0")]);
        let first = plan(&both, None, &Memory::default(), &kernel, HOST).unwrap();
        let zero = Value::from(0);
        let held = |plan: &Plan| plan.after.held.get(LO).cloned();
        let ours = Held::new(Some(zero.clone()), zero.clone());
        assert_eq!(held(&first), Some(ours));
        // One that was ours before stays as it was.
        let before = Held::new(Some(Value::from(5)), zero);
        let memory = Memory {
            active: ActiveSet::default(),
            held: [(key(LO), before.clone())].into(),
        };
        let next = plan(&both, None, &memory, &kernel, HOST).unwrap();
        assert_eq!(held(&next), Some(before));
    }

    #[test]
    fn a_released_follower_goes_where_its_leader_sets_it() {
        let released = |lo: &str| {
            let plan = |settings: &[_], memory: &Memory, kernel: &[_]| {
                plan(&wanting(settings), None, memory, &holding(kernel), HOST).unwrap()
            };
            let lead = (ALL, exactly("1"));
            let both = [lead.clone(), (LO, exactly(lo))];
            let declared = plan(&both, &Memory::default(), &[(ALL, "0"), (LO, "0")]);
            changes(&plan(&[lead], &declared.after, &[(ALL, "1"), (LO, lo)]))
        };
        let goes = format!("{LO} 0 -> 1 Released");
        assert_eq!(released("0"), [goes]);
        assert!(released("1").is_empty());
    }

    #[test]
    fn set_touches_nothing_but_the_named_keys() {
        let memory = plan(
            &wanting(&[(A, exactly("100"))]),
            None,
            &Memory::default(),
            &holding(&[(A, "4096")]),
            HOST,
        )
        .unwrap()
        .after;
        let kernel = holding(&[(A, "drifted"), (B, "5")]);
        let wanted = wanting(&[(A, exactly("100")), (B, exactly("3"))]);
        let only = [key(B)].into();
        let plan = plan(&wanted, Some(&only), &memory, &kernel, HOST).unwrap();
        assert_eq!(changes(&plan), ["net.ipv4.tcp_synack_retries 5 -> 3 Set"]);
        assert_eq!(plan.after.held.len(), 2);
    }

    #[test]
    fn absent_global_and_odd_keys_are_refused_together() {
        let wanted = wanting(&[
            ("fs.file-max", exactly("1")),
            (A, exactly("1")),
            ("net.ipv4.tcp_rmem", at_least(5)),
        ]);
        let kernel = holding(&[("fs.file-max", "9"), ("net.ipv4.tcp_rmem", "1 2 3")]);
        let inside = Place {
            first_namespace: false,
        };
        let refusals = plan(&wanted, None, &Memory::default(), &kernel, inside).unwrap_err();
        assert_eq!(
            refusals,
            [
                Refusal::Global(key("fs.file-max")),
                Refusal::Absent(key(A)),
                Refusal::NoNumber(key("net.ipv4.tcp_rmem"), Value::new("1 2 3"))
            ]
        );
    }
    fn remembering(name: &str, baseline: Option<&str>, wrote: &str) -> Memory {
        let held = Held::new(baseline.map(Value::new), Value::new(wrote));
        Memory {
            active: wanting(&[(name, exactly(wrote))]),
            held: [(key(name), held)].into(),
        }
    }

    fn off(memory: &Memory, kernel: &Snapshot) -> Result<Plan, Vec<Refusal>> {
        plan(&ActiveSet::default(), None, memory, kernel, HOST)
    }

    #[test]
    fn a_still_plan_writes_nothing_and_forgets_nothing() {
        let memory = remembering(A, Some("4096"), "100");
        let still = Plan::still(&memory);
        assert!(still.only_boot && still.is_empty() && !still.writes());
        assert_eq!(still.after, memory);
    }

    #[test]
    fn a_plan_is_empty_if_it_writes_nothing_and_remembers_nothing_new() {
        let new = Plan {
            remembers: true,
            ..Plan::default()
        };
        assert!(!new.is_empty() && !new.writes());
        let change = Change {
            key: key(A),
            from: Value::from(1),
            to: Value::from(2),
            cause: Cause::Set,
        };
        let live = Plan {
            live: vec![change],
            ..Plan::default()
        };
        assert!(!live.is_empty() && live.writes());
        let file = FileChange {
            path: "/etc/sysctl.d/x.conf".into(),
            from: None,
            to: Some(String::new()),
        };
        let boot = |files| Plan {
            boot: Some(BootPlan {
                files,
                ..BootPlan::default()
            }),
            ..Plan::default()
        };
        assert!(boot(Vec::new()).is_empty() && !boot(Vec::new()).writes());
        let file = [file];
        let boot = boot(file.to_vec());
        assert!(!boot.is_empty() && boot.writes());
        assert_eq!(boot.files(), file);
    }

    #[test]
    fn the_boot_axis_says_what_is_declared_where_the_live_axis_does_not() {
        let (here, at_boot) = (wanting(&[(A, exactly("1"))]), wanting(&[(B, exactly("2"))]));
        let declared = |live: &ActiveSet, boot: Option<&ActiveSet>, only_boot| {
            let boot = boot.map(|active| BootPlan {
                active: active.clone(),
                ..BootPlan::default()
            });
            let after = Memory {
                active: live.clone(),
                ..Memory::default()
            };
            let plan = Plan {
                after,
                boot,
                only_boot,
                ..Plan::default()
            };
            plan.declared().clone()
        };
        assert_eq!(declared(&here, None, false), here);
        assert_eq!(declared(&here, Some(&at_boot), false), here);
        assert_eq!(declared(&here, Some(&at_boot), true), at_boot);
        assert_eq!(
            declared(&ActiveSet::default(), Some(&at_boot), false),
            at_boot
        );
    }

    #[test]
    fn somebody_asks_for_what_is_set_and_only_the_past_for_what_is_released() {
        let memory = remembering(A, Some("4096"), "100");
        let kernel = holding(&[(A, "100"), (B, "5")]);
        let wanted = wanting(&[(B, exactly("3"))]);
        let mut plan = plan(&wanted, None, &memory, &kernel, HOST).unwrap();
        assert_eq!(
            changes(&plan),
            [
                "net.core.somaxconn 100 -> 4096 Released",
                "net.ipv4.tcp_synack_retries 5 -> 3 Set"
            ]
        );
        let origins: Vec<_> = plan.live.iter().map(|c| plan.origin(c)).collect();
        assert_eq!(origins, [None, Some(&origin())]);
        assert_eq!(plan.setting(&key(B)), Some(&exactly("3")));
        assert_eq!(plan.released(), 1);
        let writing: Vec<_> = plan.writing().collect();
        let (a, b) = (key(A), key(B));
        assert_eq!(writing, [(&a, &Value::new("4096")), (&b, &Value::new("3"))]);
        // As it would be for a rollback to this declaration.
        for change in &mut plan.live {
            change.cause = Cause::Restored;
        }
        assert!(plan.live.iter().all(|c| plan.origin(c).is_none()));
        assert_eq!(plan.released(), 0);
    }

    #[test]
    fn an_optional_key_that_is_not_there_or_not_ours_to_set_is_passed_over() {
        let optional = Setting {
            optional: true,
            ..exactly("1")
        };
        let wanted = wanting(&[("fs.file-max", optional.clone()), (A, optional.clone())]);
        let kernel = holding(&[("fs.file-max", "9")]);
        let inside = Place {
            first_namespace: false,
        };
        let passed = plan(&wanted, None, &Memory::default(), &kernel, inside).unwrap();
        let skipped = |plan: &Plan| -> Vec<_> {
            let skipped = plan.skipped.iter();
            skipped
                .map(|one| (one.key.clone(), one.reason.clone()))
                .collect()
        };
        let absent = (key(A), "this kernel does not have it".to_owned());
        let foreign = "global: not this namespace's to set".to_owned();
        assert!(passed.live.is_empty());
        assert_eq!(
            skipped(&passed),
            [(key("fs.file-max"), foreign), absent.clone()]
        );
        let at_home = plan(&wanted, None, &Memory::default(), &kernel, HOST).unwrap();
        assert_eq!(changes(&at_home), ["fs.file-max 9 -> 1 Set"]);
        assert_eq!(skipped(&at_home), [absent]);
        // A key of this namespace is not passed over, optional or not.
        let kernel = holding(&[(A, "9")]);
        let wanted = wanting(&[(A, optional)]);
        let ours = plan(&wanted, None, &Memory::default(), &kernel, inside).unwrap();
        assert_eq!(changes(&ours), ["net.core.somaxconn 9 -> 1 Set"]);
    }

    #[test]
    fn a_released_key_that_is_gone_is_forgotten_and_one_that_cannot_be_read_is_not() {
        let memory = remembering(A, Some("4096"), "100");
        let gone = off(&memory, &holding(&[])).unwrap();
        assert!(gone.live.is_empty() && gone.after.held.is_empty());
        let skipped: Vec<_> = gone.skipped.iter().map(|one| &one.key).collect();
        assert_eq!(skipped, [&key(A)]);

        let unreadable = Snapshot([(key(A), Reading::Unreadable("why".into()))].into());
        let refusal = Refusal::Unreadable(key(A), "why".into());
        assert_eq!(off(&memory, &unreadable), Err(vec![refusal.clone()]));
        let wanted = wanting(&[(A, exactly("100"))]);
        let again = plan(&wanted, None, &memory, &unreadable, HOST);
        assert_eq!(again, Err(vec![refusal]));
    }

    #[test]
    fn a_released_key_that_holds_its_baseline_is_not_written() {
        let memory = remembering(A, Some("100"), "100");
        let released = off(&memory, &holding(&[(A, "100")])).unwrap();
        assert!(!released.writes() && released.kept.is_empty());
        assert!(released.after.held.is_empty());
    }

    #[test]
    fn a_key_that_the_drop_in_set_stays_ours_until_somebody_else_writes_it() {
        let memory = remembering(A, None, "100");
        let kept = off(&memory, &holding(&[(A, "100")])).unwrap();
        let why: Vec<_> = kept.kept.iter().map(|one| &one.why).collect();
        assert_eq!(why, [&KeptWhy::NoBaseline]);
        assert_eq!(kept.after.held, memory.held);
        assert!(!kept.writes());

        let theirs = off(&memory, &holding(&[(A, "200")])).unwrap();
        assert!(theirs.after.held.is_empty() && !theirs.writes());
    }

    #[test]
    fn what_could_not_be_put_back_in_one_write_is_not_replaced() {
        let set = |length: usize| {
            let kernel = holding(&[(A, &"1".repeat(length))]);
            let wanted = wanting(&[(A, exactly("2"))]);
            plan(&wanted, None, &Memory::default(), &kernel, HOST)
        };
        assert!(set(4000).unwrap().writes());
        assert_eq!(set(4001), Err(vec![Refusal::OneWay(key(A))]));
    }
}
