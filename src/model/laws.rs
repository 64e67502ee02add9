//! The laws of the pure rooms, on random input.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::catalogue::{self, KEYS, Raw, Shape, TABLE};
use super::change::{Cause, Change};
use super::dropin::{DropIn, installed};
use super::key::Key;
use super::memory::{ActiveSet, Memory, Settings, desired_hash};
use super::plan::{Place, plan};
use super::problem::Source;
use super::profile;
use super::setting::{Origin, Part, Setting};
use super::snapshot::{Reading, Snapshot};
use super::stack;
use super::sysctld::{Content, Forecast, Loader, Sequence, Tree, remarks};
use super::undo::retrace;
use super::value::Value;

const HOST: Place = Place {
    first_namespace: true,
};

/// Catalogued keys with a number in them, few enough that random sets meet.
fn keys() -> Vec<Key> {
    let numeric = TABLE
        .iter()
        .zip(KEYS.iter())
        .filter(|(entry, _)| matches!(entry.shape, Shape::Integer { .. }));
    numeric.map(|(_, key)| key.clone()).take(6).collect()
}

fn part<T>(value: T, place: usize) -> Part<T> {
    let origin = Origin {
        profile: format!("p{place}").into(),
        file: "p.toml".into(),
        line: Some(place + 1),
    };
    Part {
        value,
        origin,
        why: None,
    }
}

prop_compose! {
    fn settings()(wishes in proptest::collection::btree_map(
        0..6usize,
        (proptest::option::of(0..20i128), proptest::option::of(0..20i128), proptest::option::of(0..20i128), any::<bool>(), 0..3usize),
        0..6,
    )) -> Settings {
        let keys = keys();
        wishes.into_iter().filter_map(|(index, (exact, low, high, optional, place))| {
            let setting = Setting {
                exact: exact.map(|n| part(Value::from(n), place)),
                at_least: low.map(|n| part(n, place)),
                at_most: high.map(|n| part(n, place)),
                optional,
            };
            let empty = exact.is_none() && low.is_none() && high.is_none();
            (!empty).then(|| (keys[index].clone(), setting))
        }).collect()
    }
}

/// Settings without a contradiction, as they leave the resolver.
fn sound() -> impl Strategy<Value = Settings> {
    settings().prop_map(|settings| {
        settings
            .into_iter()
            .filter(|(_, setting)| setting.contradiction().is_none())
            .collect()
    })
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    proptest::collection::vec(0..20i128, 6).prop_map(|values| {
        let readings = values.into_iter().map(|n| Reading::Value(Value::from(n)));
        Snapshot(keys().into_iter().zip(readings).collect())
    })
}

fn active(settings: Settings) -> ActiveSet {
    ActiveSet {
        profiles: vec!["p".into()],
        profiles_hash: String::new(),
        settings,
    }
}

fn key_text() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z0-9_]{1,6}([./][a-z0-9_]{1,4})?", 2..6)
        .prop_map(|parts| parts.join("."))
}

/// Any value at all, as TOML or a command line may bring it.
fn raw_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,12}",
        "-?[0-9]{1,4}( [0-9]{1,8}){0,3}",
        "[a-z,+-]{0,20}",
        "[0-9,-]{0,20}",
        any::<String>()
    ]
}

proptest! {
    #[test]
    fn a_key_survives_its_own_spelling(text in key_text()) {
        if let Ok(key) = text.parse::<Key>() {
            prop_assert_eq!(&key.to_string().parse::<Key>().unwrap(), &key);
            prop_assert_eq!(&key.path().parse::<Key>().unwrap().path(), &key.path());
        }
    }

    #[test]
    fn a_checked_value_is_its_own_canonical_form(index in 0..TABLE.len(), text in raw_text()) {
        let key = &KEYS[index];
        if let Ok(value) = catalogue::parse_value(key, &Raw::Text(&text)) {
            let again = catalogue::parse_value(key, &Raw::Text(value.as_str()));
            prop_assert_eq!(again.unwrap(), value.clone());
            let name = matches!(TABLE[index].shape, Shape::Word | Shape::Words);
            prop_assert!(name || !super::value::misread_by_the_kernel(value.as_str()));
            prop_assert!(!value.as_str().contains(['\n', '\0']));
        }
    }

    #[test]
    fn stacking_is_associative(a in settings(), b in settings(), c in settings()) {
        let left = stack::stack(stack::stack(a.clone(), b.clone()), c.clone());
        let right = stack::stack(a, stack::stack(b, c));
        prop_assert_eq!(left, right);
    }

    #[test]
    fn a_later_stack_never_loosens_a_bound(a in settings(), b in settings()) {
        let both = stack::stack(a.clone(), b);
        for (key, setting) in a {
            if let Some(low) = setting.at_least {
                prop_assert!(both[&key].at_least.as_ref().unwrap().value >= low.value);
            }
            if let Some(high) = setting.at_most {
                prop_assert!(both[&key].at_most.as_ref().unwrap().value <= high.value);
            }
        }
    }

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(first in sound(), second in sound(), kernel in snapshot()) {
        let mut memory = Memory::default();
        let mut kernel = kernel;
        for settings in [first, second] {
            let wanted = active(settings);
            let done = plan(&wanted, None, &memory, &kernel, HOST).unwrap();
            kernel = done.applied_to(&kernel);
            memory = done.after;
            for (key, setting) in &wanted.settings {
                prop_assert!(setting.accepts(kernel.get(key).value().unwrap()), "{key}");
            }
            let again = plan(&wanted, None, &memory, &kernel, HOST).unwrap();
            prop_assert!(again.is_empty(), "{again:?}");
        }
    }

    /// Whatever was declared on the way, `off` gives the first snapshot back.
    #[test]
    fn the_machine_depends_on_what_is_declared(steps in proptest::collection::vec(sound(), 1..5), first in snapshot()) {
        let mut memory = Memory::default();
        let mut kernel = first.clone();
        for settings in steps.iter().cloned().chain([Settings::new()]) {
            let done = plan(&active(settings), None, &memory, &kernel, HOST).unwrap();
            kernel = done.applied_to(&kernel);
            memory = done.after;
        }
        prop_assert_eq!(&kernel, &first);
        prop_assert!(memory.held.is_empty());
        // And the last step alone leads to the same machine as all of them.
        let last = steps.last().cloned().unwrap_or_default();
        let mut walked = (Memory::default(), first.clone());
        for settings in &steps {
            let done = plan(&active(settings.clone()), None, &walked.0, &walked.1, HOST).unwrap();
            walked = (done.after.clone(), done.applied_to(&walked.1));
        }
        let direct = plan(&active(last), None, &Memory::default(), &first, HOST).unwrap();
        prop_assert_eq!(direct.applied_to(&first), walked.1);
    }

    #[test]
    fn the_inverse_gives_the_first_snapshot_back(steps in proptest::collection::vec(sound(), 1..5), first in snapshot()) {
        let mut memory = Memory::default();
        let mut kernel = first.clone();
        let mut journal: Vec<Change> = Vec::new();
        for settings in steps {
            let done = plan(&active(settings), None, &memory, &kernel, HOST).unwrap();
            kernel = done.applied_to(&kernel);
            journal.extend(done.live.clone());
            memory = done.after;
        }
        let back: Vec<Change> = journal.iter().rev().map(Change::undone).collect();
        let undo = retrace(&back, &memory, Memory::default(), &kernel, false).unwrap();
        prop_assert!(undo.live.iter().all(|change| change.cause == Cause::Restored));
        // And forth again.
        let redo = retrace(&journal, &Memory::default(), memory, &undo.applied_to(&kernel), false).unwrap();
        prop_assert_eq!(redo.applied_to(&undo.applied_to(&kernel)), kernel.clone());
        prop_assert_eq!(undo.applied_to(&kernel), first);
        prop_assert_eq!(undo.after, Memory::default());
    }

    #[test]
    fn a_bound_never_lowers_a_machine(kernel in snapshot(), bound in 0..20i128) {
        let settings = keys().into_iter().map(|key| (key, Setting { at_least: Some(part(bound, 0)), ..Setting::default() }));
        let done = plan(&active(settings.collect()), None, &Memory::default(), &kernel, HOST).unwrap();
        for change in done.live {
            prop_assert!(change.to.integer() > change.from.integer());
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in any::<String>()) {
        let source = Source::new("p", &text);
        let _any_answer = (profile::parse("p", &source), stack::by_hand(&text), text.parse::<Key>(), catalogue::key_named(&text));
    }

    #[test]
    fn no_profile_makes_a_panic(
        table in "(profile|tcp|sysctl)",
        lines in proptest::collection::vec(
            ("[a-z_.\"/]{1,24}", prop_oneof!["[0-9a-fxo+-]{1,20}", r#""[^"\n]{0,12}""#, r"\{ ?(value|at_least|why|optional) = [0-9]{1,3} ?\}", r"\[[0-9, ]{0,9}\]"]),
            0..6,
        ),
    ) {
        let lines: String = lines.into_iter().map(|(key, value)| key + " = " + &value + "\n").collect();
        let text = format!("[{table}]\n{lines}");
        for problem in profile::parse("p", &Source::new("p", &text)).err().into_iter().flatten() {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
            prop_assert!(problem.excerpt.get(problem.mark).is_some());
        }
    }

    #[test]
    fn a_profile_that_was_written_reads_back(settings in sound(), why in any::<String>()) {
        // Keys of which every number is in range: one of the table, and others.
        let names = ["net.core.somaxconn", "net.test.a", "net.test.b/c", "kernel.d-e", "net.test.f", "net.test.g"];
        let settings: Settings = settings.into_iter().zip(names).map(|((_, mut setting), name)| {
            let key: Key = name.parse().unwrap();
            for part in [&mut setting.at_least, &mut setting.at_most].into_iter().flatten() {
                part.why = Some(why.clone());
            }
            (key, setting)
        }).collect();
        let text = profile::write(&why, &settings);
        let read = profile::parse("p", &Source::new("p", &text)).unwrap();
        prop_assert_eq!(&read.description, &why);
        let read: Settings = read.settings.into_iter().map(|(key, (setting, _))| (key, setting)).collect();
        prop_assert_eq!(desired_hash(&read), desired_hash(&settings));
        for (key, setting) in &settings {
            prop_assert!(setting.exact.is_some() || read[key].why() == setting.why());
        }
    }

    #[test]
    fn a_drop_in_says_everything_about_itself(settings in sound(), values in proptest::collection::vec(any::<bool>(), 6), name in any::<String>()) {
        let assigned = settings.keys().zip(values).filter(|(_, written)| *written).map(|(key, _)| (key.clone(), Value::from(7)));
        let mut active = active(settings.clone());
        active.profiles = vec![name];
        let drop_in = DropIn { assigned: assigned.collect(), active };
        let text = drop_in.render();
        let tree = Tree::default().with("/etc/sysctl.d/x.conf", Some(&text));
        let found = installed(&tree).unwrap().unwrap();
        prop_assert_eq!(&found.drop_in, &drop_in);
        prop_assert_eq!(&found.text, &found.drop_in.render());
        // And a loader reads the assignments, and nothing else.
        for loader in [Loader::Systemd, Loader::Procps] {
            let sequence = Sequence::read(&tree, loader);
            prop_assert_eq!(sequence.keys(), drop_in.assigned.keys().cloned().collect());
            prop_assert_eq!(sequence.statements().len(), drop_in.assigned.len());
        }
    }

    #[test]
    fn no_text_of_a_fragment_makes_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), words in "[a-z.*\\[\\]{},=/ #;\n\r-]{0,80}") {
        let key: Key = "net.core.somaxconn".parse().unwrap();
        for text in [bytes, words.into_bytes()] {
            let mut tree = Tree::default().with("/etc/sysctl.d/x.conf", Some(""));
            tree.fragments[0].content = Content::Text(text);
            let _any_answer = (Forecast::of(&tree, Loader::Systemd).next_boot(&key), remarks(&tree.fragments[0]), installed(&tree));
        }
    }

    #[test]
    fn what_may_leave_the_machine_boots_it_in_the_same_way(
        lines in proptest::collection::vec("[ \t]?[#;-]?(net[./]core[./](somaxconn|rmem_\\*)|net.ipv4.tcp_fastopen_key)?[ =]{0,2}[0-9\r\u{0}#;]{0,3}", 0..12),
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut tree = Tree::default().with("/etc/sysctl.d/x.conf", Some("")).with("/etc/sysctl.d/y.conf", Some(""));
        tree.fragments[0].content = Content::Text(lines.join("\n").into_bytes());
        tree.fragments[1].content = Content::Text(bytes);
        let several = tree.fragments.iter().any(|found| found.text().contains(&b'\r'));
        let told = tree.essence(|_| String::new());
        prop_assert_eq!(&told.essence(|_| String::new()), &told);
        let text = serde_json::to_string(&told).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Tree>(&text).unwrap(), &told);
        for loader in [Loader::Systemd, Loader::Procps] {
            let (all, told) = (Forecast::of(&tree, loader), Forecast::of(&told, loader));
            for key in all.keys().iter().filter(|key| !catalogue::may_be_secret(key.as_str())) {
                let (all, told) = (all.next_boot(key), told.next_boot(key));
                // A line that is several to one loader may be a value with a secret or a comment in it to another.
                if !several {
                    prop_assert_eq!(all, told, "{}", key);
                }
            }
        }
    }

    #[test]
    fn memory_survives_the_journal(settings in sound(), kernel in snapshot()) {
        let done = plan(&active(settings), None, &Memory::default(), &kernel, HOST).unwrap();
        let text = serde_json::to_string(&done.after).unwrap();
        prop_assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), done.after);
    }
}

/// The strategies above reach what they are meant to reach.
#[test]
fn the_random_sets_meet() {
    assert_eq!(keys().len(), 6);
    let values: BTreeMap<Key, Value> = keys()
        .into_iter()
        .map(|key| (key, Value::from(1)))
        .collect();
    assert_eq!(values.len(), 6);
}
