//! All or nothing, on a kernel that fails on demand: random plans, random faults.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::error::{Error, Left};
use crate::host::fake::FakeKernel;
use crate::host::netns::Id;
use crate::host::root::Root;
use crate::model::change::{Cause, Change};
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Memory};
use crate::model::plan::Plan;
use crate::model::setting::{Origin, Part, Setting};
use crate::model::value::Value;

use super::execute::{Target, execute};
use super::journal::{Entry, SCHEMA, Stage, Who};
use super::locked::Locked;
use super::store::Store;

pub(super) fn key(number: usize) -> Key {
    format!("net.test.key{number}").parse().unwrap()
}

pub(super) fn entry(id: u64, changes: &[Change]) -> Entry {
    Entry {
        schema: SCHEMA,
        id,
        time: "2026-01-01T00:00:00Z".into(),
        verb: "apply".into(),
        who: Who {
            uid: 0,
            sudo_user: None,
        },
        reason: None,
        boot: "boot".into(),
        kernel: "6.18".into(),
        netns: "host".into(),
        netns_id: Id {
            inode: 1,
            socket: 2,
        },
        pid: 1,
        started: 1,
        state: Stage::Pending,
        error: None,
        parent: 0,
        back_to: None,
        before: Memory::default(),
        after: Memory::default(),
        changes: changes.to_vec(),
        along: Vec::new(),
        files: Vec::new(),
        found: std::collections::BTreeMap::new(),
        confirm: None,
        persisted: None,
    }
}

/// A kernel of six keys, and a plan that changes some of them.
fn scene() -> impl Strategy<Value = (FakeKernel, Plan)> {
    proptest::collection::vec((0..9i128, proptest::option::of(10..19i128)), 6).prop_map(|wishes| {
        let values = wishes
            .iter()
            .enumerate()
            .map(|(n, (from, _))| (key(n), Value::from(*from)));
        let kernel = FakeKernel::holding(values.collect());
        let live = wishes.iter().enumerate().filter_map(|(n, (from, to))| {
            Some(Change {
                key: key(n),
                from: Value::from(*from),
                to: Value::from((*to)?),
                cause: Cause::Set,
            })
        });
        // Keys that stay are declared as well, so that somebody minds when they are dragged along.
        let kept = wishes
            .iter()
            .enumerate()
            .filter(|(_, (_, to))| to.is_none())
            .map(|(n, (from, _))| {
                let origin = Origin {
                    profile: "p".into(),
                    file: "p.toml".into(),
                    line: Some(1),
                };
                let exact = Some(Part {
                    value: Value::from(*from),
                    origin,
                    why: None,
                });
                (
                    key(n),
                    Setting {
                        exact,
                        ..Setting::default()
                    },
                )
            });
        let active = ActiveSet {
            settings: kept.collect(),
            ..ActiveSet::default()
        };
        let after = Memory {
            active,
            ..Memory::default()
        };
        let plan = Plan {
            live: live.collect(),
            after,
            remembers: true,
            ..Plan::default()
        };
        (kernel, plan)
    })
}

pub(super) fn in_a_store<T>(test: impl FnOnce(&Locked) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    let locked = Store::at(directory.path())
        .lock("test", Duration::ZERO)
        .unwrap();
    test(&locked)
}

/// On the live axis alone.
fn carry_out(kernel: &FakeKernel, state: &Locked, plan: &Plan) -> Result<(), Error> {
    let root = Root::default();
    let target = Target {
        kernel,
        root: &root,
    };
    execute(target, state, plan, entry(1, &plan.live))
}

/// The key that is left, with what is wanted.
fn wanted(left: &Left) -> (Key, Value) {
    match left {
        Left::Key { key, wanted, .. } => (key.clone(), wanted.clone()),
        Left::File { path, .. } => panic!("no plan here has the file {path}"),
    }
}

fn key_of(left: &Left) -> Key {
    wanted(left).0
}

pub(super) fn values(kernel: &FakeKernel) -> BTreeMap<Key, Value> {
    kernel.values.borrow().clone()
}

pub(super) fn stage(state: &Locked) -> Stage {
    state.store().entry(1).unwrap().state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn without_faults_every_key_is_written_once_and_read_back((kernel, plan) in scene()) {
        in_a_store(|state| {
            carry_out(&kernel, state, &plan).unwrap();
            let now = values(&kernel);
            assert!(plan.live.iter().all(|change| now[&change.key] == change.to));
            assert_eq!(kernel.writes.borrow().len(), plan.live.len());
            assert_eq!(stage(state), Stage::Committed);
        });
    }

    #[test]
    fn a_key_that_refuses_or_lies_takes_everything_back((mut kernel, plan) in scene(), at in 0..6usize, lies in any::<bool>()) {
        let before = values(&kernel);
        if lies {
            kernel.twisted.insert(key(at));
        } else {
            kernel.refusing.insert(key(at));
        }
        let hit = plan.live.iter().any(|change| change.key == key(at));
        in_a_store(|state| {
            let outcome = carry_out(&kernel, state, &plan);
            match outcome {
                Ok(()) => assert!(!hit),
                // What lies once lies again: that key cannot be put back, and it is the only one.
                Err(Error::Mixed(_, left)) => {
                    assert!(hit && lies);
                    assert_eq!(left.iter().map(key_of).collect::<Vec<_>>(), [key(at)]);
                    assert_eq!(wanted(&left[0]).1, before[&key(at)]);
                    let mut now = values(&kernel);
                    now.insert(key(at), before[&key(at)].clone());
                    assert_eq!(now, before);
                    assert_eq!(stage(state), Stage::Pending);
                }
                Err(Error::PutBack(_)) => {
                    assert!(hit && !lies);
                    assert_eq!(values(&kernel), before);
                    assert_eq!(stage(state), Stage::Reverted);
                }
                Err(other) => panic!("{other}"),
            }
        });
    }

    /// A key wears out after so many writes: whatever cannot be put back is listed, and nothing else is.
    #[test]
    fn what_cannot_be_put_back_is_listed_exactly((mut kernel, plan) in scene(), worn in proptest::collection::btree_map(0..6usize, 0..2usize, 0..6), at in 0..6usize) {
        let before = values(&kernel);
        kernel.refusing.insert(key(at));
        *kernel.worn.borrow_mut() = worn.into_iter().map(|(n, writes)| (key(n), writes)).collect();
        in_a_store(|state| {
            let outcome = carry_out(&kernel, state, &plan);
            let now = values(&kernel);
            let differ: Vec<Key> = before.iter().filter(|(key, value)| now[*key] != **value).map(|(key, _)| key.clone()).collect();
            match outcome {
                Ok(()) => assert!(plan.live.iter().all(|change| now[&change.key] == change.to)),
                Err(Error::PutBack(_)) => assert_eq!(differ, []),
                Err(Error::Mixed(_, left)) => {
                    let mut left: Vec<Key> = left.iter().map(key_of).collect();
                    left.sort();
                    assert_eq!(left, differ);
                }
                Err(other) => panic!("{other}"),
            }
        });
    }

    #[test]
    fn a_key_that_drags_another_along_is_noticed((mut kernel, plan) in scene(), cause in 0..6usize, effect in 0..6usize) {
        let before = values(&kernel);
        prop_assume!(cause != effect);
        kernel.coupled = Some((key(cause), key(effect), Value::from(77)));
        let drags = plan.live.iter().any(|change| change.key == key(cause));
        in_a_store(|state| {
            let outcome = carry_out(&kernel, state, &plan);
            let now = values(&kernel);
            match outcome {
                Ok(()) => assert!(!drags),
                Err(Error::PutBack(_)) => assert_eq!(now, before),
                // It is dragged again when the cause goes back; before its own turn it is not ours to write.
                Err(Error::Mixed(_, left)) => {
                    assert_eq!(left.iter().map(key_of).collect::<Vec<_>>(), [key(effect)]);
                    assert_eq!((&now[&key(effect)], wanted(&left[0]).1), (&Value::from(77), before[&key(effect)].clone()));
                }
                Err(other) => panic!("{other}"),
            }
            assert!(!drags || stage(state) != Stage::Committed);
        });
    }

    #[test]
    fn a_key_that_the_one_before_set_right_needs_no_write((mut kernel, plan) in scene()) {
        prop_assume!(plan.live.len() >= 2);
        let (one, two) = (&plan.live[0], &plan.live[1]);
        kernel.coupled = Some((one.key.clone(), two.key.clone(), two.to.clone()));
        in_a_store(|state| {
            carry_out(&kernel, state, &plan).unwrap();
            assert!(plan.live.iter().all(|change| values(&kernel)[&change.key] == change.to));
        });
    }

    #[test]
    fn a_key_that_moved_since_the_plan_is_left_and_named((kernel, plan) in scene(), at in 0..6usize) {
        prop_assume!(plan.live.iter().any(|change| change.key == key(at)));
        kernel.values.borrow_mut().insert(key(at), Value::from(55));
        let before = values(&kernel);
        in_a_store(|state| {
            match carry_out(&kernel, state, &plan) {
                Err(Error::MovedSince { key: moved, .. }) => assert_eq!((&moved, &moved), (&key(at), &plan.live[0].key)),
                Err(Error::Mixed(_, left)) => assert_eq!((left.len(), key_of(&left[0])), (1, key(at))),
                other => panic!("{other:?}"),
            }
            assert_eq!(values(&kernel), before);
        });
    }
}

#[test]
fn a_vanished_key_is_refused_before_anything_is_touched() {
    let kernel = FakeKernel::holding([(key(0), Value::from(1))].into());
    let live = vec![
        Change {
            key: key(0),
            from: Value::from(1),
            to: Value::from(2),
            cause: Cause::Set,
        },
        Change {
            key: key(9),
            from: Value::from(1),
            to: Value::from(2),
            cause: Cause::Set,
        },
    ];
    let plan = Plan {
        live,
        ..Plan::default()
    };
    in_a_store(|state| {
        let refused = carry_out(&kernel, state, &plan).unwrap_err();
        assert!(matches!(refused, Error::Denied(keys) if keys.len() == 1));
        assert_eq!(kernel.read_value(0), "1");
        assert!(state.store().entry(1).is_err(), "not even an entry");
    });
}

impl FakeKernel {
    fn read_value(&self, number: usize) -> String {
        self.values.borrow()[&key(number)].to_string()
    }
}
