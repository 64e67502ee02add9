//! The laws of keys that set others along, on a kernel that does so: a host that becomes a router, and is none again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::error::{Error, Left};
use crate::host::fake::FakeKernel;
use crate::host::kernel::{Kernel, snapshot_with_followers};
use crate::host::root::Root;
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Memory};
use crate::model::plan::{Change, Place, Plan, plan};
use crate::model::setting::{Origin, Part, Setting};
use crate::model::snapshot::Snapshot;
use crate::model::undo::{Files, happened, put_back, retrace};
use crate::model::value::Value;

use super::back::change_back;
use super::execute::{Target, execute};
use super::journal::Entry;
use super::laws::{entry, in_a_store, values};

/// `net.ipv6.conf.*.forwarding`, of which the first sets the others along.
fn forwarding(number: usize) -> Key {
    let interface = ["all", "a", "b", "default"][number];
    format!("net.ipv6.conf.{interface}.forwarding")
        .parse()
        .unwrap()
}

/// Settings of some of them.
fn declaring(wishes: &[Option<i128>]) -> ActiveSet {
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
        Some((forwarding(n), setting))
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
    kernel: FakeKernel,
    memory: Memory,
    journal: Vec<Entry>,
}

impl Router {
    fn holding(values: &[i128]) -> Self {
        let values = values.iter().enumerate();
        let values = values.map(|(n, value)| (forwarding(n), Value::from(*value)));
        Self {
            kernel: FakeKernel::holding(values.collect()),
            memory: Memory::default(),
            journal: Vec::new(),
        }
    }

    fn look(&self) -> Snapshot {
        let keys: Vec<Key> = (0..4).map(forwarding).collect();
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
        plan(&declaring(wishes), None, &self.memory, &self.look(), place).unwrap()
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
    fn dying(before: &BTreeMap<Key, Value>, writes: &[(Key, Value)], after: usize) -> Self {
        let mut host = Self::holding(&[]);
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
    fn what_was_set_along_goes_back_too(first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4)) {
        let mut off = Router::holding(&first);
        let before = values(&off.kernel);
        let mut back = Router::holding(&first);
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
    fn what_is_set_along_depends_on_what_is_declared(first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4)) {
        let mut walked = Router::holding(&first);
        for step in &steps {
            walked.declare(step);
        }
        let mut direct = Router::holding(&first);
        direct.declare(steps.last().unwrap());
        prop_assert_eq!(values(&direct.kernel), values(&walked.kernel));
    }

    /// Whoever writes, or takes back, may die at any write.
    #[test]
    fn wherever_somebody_dies_followers_are_as_before_or_as_declared(
        first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..4),
        dies in 0..6usize, dies_again in 0..6usize,
    ) {
        let mut host = Router::holding(&first);
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

        let died = Router::dying(&before, &writes, dies);
        if happened(entry.deed(), Some(&died.look()), &Files::new()) {
            prop_assert_eq!(values(&died.kernel), after.clone());
        } else {
            died.take_back(entry);
            prop_assert_eq!(values(&died.kernel), before.clone());
        }
        let back = host.take_back(entry);
        prop_assert_eq!(values(&host.kernel), before.clone());
        let died = Router::dying(&after, &back, dies_again);
        died.take_back(entry);
        prop_assert_eq!(values(&died.kernel), before);
    }

    /// One that refuses can be dragged along all the same, and then stays behind alone.
    #[test]
    fn followers_are_as_before_where_a_plan_fails(
        first in proptest::collection::vec(0..3i128, 4), steps in proptest::collection::vec(forwardings(), 1..3),
        at in 0..4usize, back in any::<bool>(),
    ) {
        let mut host = Router::holding(&first);
        let (last, steps) = steps.split_last().unwrap();
        for step in steps {
            host.declare(step);
        }
        let before = values(&host.kernel);
        let plan = if back { host.way_back() } else { host.plan(last) };
        host.kernel.refusing.insert(forwarding(at));
        match host.execute(&plan) {
            Ok(_) => {}
            Err(Error::PutBack(_)) => prop_assert_eq!(values(&host.kernel), before),
            Err(Error::Mixed(_, left)) => {
                let left: Vec<&Key> = left.iter().filter_map(Left::key).collect();
                prop_assert_eq!(left, [&forwarding(at)]);
                let mut now = values(&host.kernel);
                now.insert(forwarding(at), before[&forwarding(at)].clone());
                prop_assert_eq!(now, before);
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// What somebody else wrote since is theirs, and stays so while the key that sets it along goes back.
    #[test]
    fn a_follower_that_somebody_else_wrote_stays_theirs(first in proptest::collection::vec(0..3i128, 4), to in 0..3i128, at in 1..4usize) {
        let mut host = Router::holding(&first);
        host.declare(&[Some(to), None, None, None]);
        host.kernel.values.borrow_mut().insert(forwarding(at), Value::from(9));
        let mut expected = Router::holding(&first).kernel.values.into_inner();
        expected.insert(forwarding(at), Value::from(9));
        if host.journal[0].changes.is_empty() {
            // Nothing was set.
            return Ok(());
        }
        host.roll_back();
        prop_assert_eq!(values(&host.kernel), expected);
    }
}
