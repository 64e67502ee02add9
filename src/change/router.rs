//! The laws of keys that set others along, on a kernel that does so: a host that becomes a router, and is none again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::error::{Error, Left};
use crate::host::fake::FakeKernel;
use crate::host::kernel::{Kernel, snapshot_with_followers};
use crate::host::root::Root;
use crate::model::change::Change;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Memory};
use crate::model::plan::{Place, Plan, plan};
use crate::model::setting::{Origin, Part, Setting};
use crate::model::snapshot::Snapshot;
use crate::model::undo::{Files, happened, put_back, retrace};
use crate::model::value::Value;

use super::back::change_back;
use super::execute::{Target, execute};
use super::journal::Entry;
use super::laws::{entry, in_a_store, values};

/// Of each family the keys of a router. The first sets the others along, and in IPv4 the second does, too: it is the same.
const KEYS: [[&str; 4]; 3] = [
    [
        "net.ipv4.ip_forward",
        "net.ipv4.conf.all.forwarding",
        "net.ipv4.conf.a.forwarding",
        "net.ipv4.conf.default.forwarding",
    ],
    [
        "net.ipv6.conf.all.forwarding",
        "net.ipv6.conf.a.forwarding",
        "net.ipv6.conf.b.forwarding",
        "net.ipv6.conf.default.forwarding",
    ],
    // Two of these are only cleared.
    [
        "net.ipv6.conf.all.forwarding",
        "net.ipv6.conf.a.forwarding",
        "net.ipv6.conf.a.force_forwarding",
        "net.ipv6.conf.b.force_forwarding",
    ],
];

fn forwarding(family: usize, number: usize) -> Key {
    KEYS[family][number].parse().unwrap()
}

/// Settings of some of them.
fn declaring(family: usize, wishes: &[Option<i128>]) -> ActiveSet {
    let mut wishes = wishes.to_vec();
    if family == 0 && wishes[0].is_some() && wishes[1].is_some() {
        // Two names of one thing.
        wishes[1] = wishes[0];
    }
    let settings = wishes.iter().enumerate().filter_map(|(n, wish)| {
        let origin = Origin {
            profile: "p".into(),
            file: "p.toml".into(),
            line: Some(n),
        };
        let exact = Part {
            value: Value::from((*wish)?),
            origin,
            why: None,
        };
        let setting = Setting {
            exact: Some(exact),
            ..Setting::default()
        };
        Some((forwarding(family, n), setting))
    });
    ActiveSet {
        settings: settings.collect(),
        ..ActiveSet::default()
    }
}

fn forwardings() -> impl Strategy<Value = Vec<Option<i128>>> {
    proptest::collection::vec(proptest::option::of(0..3i128), 4)
}

/// A host that keys with followers are declared on, step by step.
struct Router {
    family: usize,
    kernel: FakeKernel,
    memory: Memory,
    journal: Vec<Entry>,
}

impl Router {
    fn holding(family: usize, values: &[i128]) -> Self {
        let value = |n: usize| values[if family == 0 { n.max(1) } else { n }];
        let values = (0..values.len()).map(|n| (forwarding(family, n), Value::from(value(n))));
        Self {
            family,
            kernel: FakeKernel::holding(values.collect()),
            memory: Memory::default(),
            journal: Vec::new(),
        }
    }

    fn look(&self) -> Snapshot {
        let keys: Vec<Key> = (0..4).map(|n| forwarding(self.family, n)).collect();
        snapshot_with_followers(&self.kernel, &keys)
    }

    fn declare(&mut self, wishes: &[Option<i128>]) {
        let plan = self.plan(wishes);
        self.carry_out(&plan);
        for (key, setting) in &plan.after.active.settings {
            assert!(setting.accepts(&values(&self.kernel)[key]), "{key}");
        }
    }

    fn plan(&self, wishes: &[Option<i128>]) -> Plan {
        let place = Place {
            first_namespace: true,
        };
        plan(
            &declaring(self.family, wishes),
            None,
            &self.memory,
            &self.look(),
            place,
        )
        .unwrap()
    }

    fn carry_out(&mut self, plan: &Plan) {
        let entry = self.execute(plan).unwrap();
        self.journal.push(entry);
        self.memory = plan.after.clone();
    }

    fn execute(&self, plan: &Plan) -> Result<Entry, Error> {
        let entry = Entry {
            along: plan.along.clone(),
            ..entry(1, &plan.live)
        };
        let root = Root::default();
        let target = Target {
            kernel: &self.kernel,
            root: &root,
        };
        in_a_store(|state| execute(target, state, plan, entry.clone()))?;
        Ok(entry)
    }

    /// The same host where whoever writes dies after so many writes.
    fn dying(
        family: usize,
        before: &BTreeMap<Key, Value>,
        writes: &[(Key, Value)],
        after: usize,
    ) -> Self {
        let mut host = Self::holding(1, &[]);
        host.family = family;
        host.kernel = FakeKernel::holding(before.clone());
        for (key, value) in writes.iter().take(after) {
            host.kernel.open(key).unwrap().write(value).unwrap();
        }
        host
    }

    /// Takes back an entry, whether it came to its end or not. What was written for that.
    fn take_back(&self, entry: &Entry) -> Vec<(Key, Value)> {
        let back = put_back(entry.deed(), Some(&self.look()), &Files::new());
        assert_eq!(back.others, [""; 0]);
        let keys: BTreeSet<&Key> = back.changes.iter().map(|change| &change.key).collect();
        assert_eq!(keys.len(), back.changes.len(), "each key once");
        let written = self.kernel.writes.borrow().len();
        let (left, moved) = change_back(&self.kernel, &back.changes, &back.along);
        assert!(left.is_empty() && moved.is_empty(), "{left:?} {moved:?}");
        self.kernel.writes.borrow()[written..].to_vec()
    }

    /// Undoes everything in one go.
    fn roll_back(&mut self) {
        let plan = self.way_back();
        self.carry_out(&plan);
    }

    fn way_back(&self) -> Plan {
        let steps = self.journal.iter().rev();
        let steps = steps.flat_map(|entry| entry.changes.iter().chain(&entry.along).rev());
        let steps: Vec<Change> = steps.map(Change::undone).collect();
        let back = retrace(&steps, &self.memory, Memory::default(), &self.look(), false);
        back.unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the kernel set along, and whatever was declared of that.
    #[test]
    fn what_was_set_along_goes_back_too(family in 0..KEYS.len(), first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4)) {
        let mut off = Router::holding(family, &first);
        let before = values(&off.kernel);
        let mut back = Router::holding(family, &first);
        for step in &steps {
            off.declare(step);
            back.declare(step);
        }
        let there = values(&off.kernel);
        off.declare(&[None; 4]);
        prop_assert_eq!(values(&off.kernel), before.clone());
        prop_assert!(off.memory.held.is_empty());
        back.roll_back();
        prop_assert_eq!(values(&back.kernel), before);
        // And that rollback is undone like everything else.
        back.journal.drain(..steps.len());
        back.roll_back();
        prop_assert_eq!(values(&back.kernel), there);
    }

    /// The machine depends on what is declared, not on the way there.
    #[test]
    fn what_is_set_along_depends_on_what_is_declared(family in 0..KEYS.len(), first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4)) {
        let mut walked = Router::holding(family, &first);
        for step in &steps {
            walked.declare(step);
        }
        let mut direct = Router::holding(family, &first);
        direct.declare(steps.last().unwrap());
        prop_assert_eq!(values(&direct.kernel), values(&walked.kernel));
    }

    /// Whoever writes, or takes back, may die at any write.
    #[test]
    fn wherever_somebody_dies_followers_are_as_before_or_as_declared(
        family in 0..KEYS.len(), first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4),
        dies in 0..6usize, dies_again in 0..6usize,
    ) {
        let mut host = Router::holding(family, &first);
        let (last, steps) = steps.split_last().unwrap();
        for step in steps {
            host.declare(step);
        }
        let before = values(&host.kernel);
        host.kernel.writes.borrow_mut().clear();
        host.declare(last);
        let after = values(&host.kernel);
        let entry = host.journal.last().unwrap();
        let writes = host.kernel.writes.borrow().clone();

        let died = Router::dying(family, &before, &writes, dies);
        if happened(entry.deed(), Some(&died.look()), &Files::new()) {
            prop_assert_eq!(values(&died.kernel), after.clone());
        } else {
            died.take_back(entry);
            prop_assert_eq!(values(&died.kernel), before.clone());
        }
        let back = host.take_back(entry);
        prop_assert_eq!(values(&host.kernel), before.clone());
        let died = Router::dying(family, &after, &back, dies_again);
        died.take_back(entry);
        prop_assert_eq!(values(&died.kernel), before);
    }

    /// One that refuses can be dragged along all the same, and then stays behind alone.
    #[test]
    fn followers_are_as_before_where_a_plan_fails(
        family in 0..KEYS.len(), first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..3),
        at in 0..4usize, back in any::<bool>(),
    ) {
        let mut host = Router::holding(family, &first);
        let (last, steps) = steps.split_last().unwrap();
        for step in steps {
            host.declare(step);
        }
        let before = values(&host.kernel);
        let plan = if back { host.way_back() } else { host.plan(last) };
        host.kernel.refusing.insert(forwarding(family, at));
        match host.execute(&plan) {
            Ok(_) => {}
            Err(Error::PutBack(_)) => prop_assert_eq!(values(&host.kernel), before),
            Err(Error::Mixed(_, left)) => {
                let left: Vec<&Key> = left.iter().filter_map(Left::key).collect();
                prop_assert_eq!(left, [&forwarding(family, at)]);
                let mut now = values(&host.kernel);
                now.insert(forwarding(family, at), before[&forwarding(family, at)].clone());
                prop_assert_eq!(now, before);
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// What somebody else wrote since is theirs, and stays so while the key that sets it along goes back.
    #[test]
    fn a_follower_that_somebody_else_wrote_stays_theirs(family in 0..KEYS.len(), first in proptest::collection::vec(0..3i128, 4), to in 0..3i128, at in 2..4usize) {
        let mut host = Router::holding(family, &first);
        host.declare(&[Some(to), None, None, None]);
        host.kernel.values.borrow_mut().insert(forwarding(family, at), Value::from(9));
        let mut expected = Router::holding(family, &first).kernel.values.into_inner();
        expected.insert(forwarding(family, at), Value::from(9));
        if host.journal[0].changes.is_empty() {
            // Nothing was set.
            return Ok(());
        }
        host.roll_back();
        prop_assert_eq!(values(&host.kernel), expected);
    }
}
