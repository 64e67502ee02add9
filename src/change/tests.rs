//! The steps of a transaction one by one, on both axes: a fake kernel, and the files of an image.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Failure, Left};
use crate::host::fake::FakeKernel;
use crate::host::kernel::{Kernel, Open};
use crate::host::machine::Machine;
use crate::host::netns::{Id, Namespace};
use crate::host::root::Root;
use crate::model::change::{Cause, Change};
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Held, Memory};
use crate::model::persist::{BootPlan, FileChange};
use crate::model::plan::Plan;
use crate::model::setting::{Origin, Part, Setting};
use crate::model::value::Value;

use super::back::put_files_back;
use super::confirm::take_back;
use super::execute::{Target, execute, execute_image, give_up};
use super::journal::{Confirm, Entry, Stage};
use super::laws::{entry, in_a_store, key, stage, values};
use super::locked::Locked;
use super::recover::settle;
use super::store::Store;

/// A kernel with something that happens just before each write.
struct Busy<'k> {
    kernel: &'k FakeKernel,
    before: &'k dyn Fn(&Key, &Value),
    /// How often keys were opened.
    opened: Cell<usize>,
}

impl<'k> Busy<'k> {
    fn new(kernel: &'k FakeKernel, before: &'k dyn Fn(&Key, &Value)) -> Self {
        Self {
            kernel,
            before,
            opened: Cell::new(0),
        }
    }
}

struct OpenBusy<'k> {
    open: Rc<dyn Open + 'k>,
    key: Key,
    before: &'k dyn Fn(&Key, &Value),
}

impl Kernel for Busy<'_> {
    fn read(&self, key: &Key) -> io::Result<Value> {
        self.kernel.read(key)
    }

    fn names(&self, directory: &str) -> io::Result<Vec<String>> {
        self.kernel.names(directory)
    }

    fn open(&self, key: &Key) -> io::Result<Rc<dyn Open + '_>> {
        self.opened.update(|opened| opened + 1);
        Ok(Rc::new(OpenBusy {
            open: self.kernel.open(key)?,
            key: key.clone(),
            before: self.before,
        }))
    }
}

impl Open for OpenBusy<'_> {
    fn read(&self) -> io::Result<Value> {
        self.open.read()
    }

    fn write(&self, value: &Value) -> io::Result<()> {
        (self.before)(&self.key, value);
        self.open.write(value)
    }
}

/// Keys that hold their numbers.
fn kernel(keys: usize) -> FakeKernel {
    let values = (0..keys).map(|n| (key(n), number(n)));
    FakeKernel::holding(values.collect())
}

fn number(n: usize) -> Value {
    Value::new(&n.to_string())
}

/// A plan that adds a hundred to the first keys.
fn raising(keys: usize) -> Plan {
    let change = |n| Change {
        key: key(n),
        from: number(n),
        to: number(n + 100),
        cause: Cause::Set,
    };
    Plan {
        live: (0..keys).map(change).collect(),
        ..Plan::default()
    }
}

fn put(kernel: &FakeKernel, n: usize, value: usize) {
    kernel.values.borrow_mut().insert(key(n), number(value));
}

fn run(kernel: &dyn Kernel, root: &Root, state: &Locked, plan: &Plan) -> Result<(), Error> {
    execute(Target { kernel, root }, state, plan, entry(1, &plan.live))
}

/// Without files.
fn run_live(kernel: &dyn Kernel, state: &Locked, plan: &Plan) -> Result<(), Error> {
    run(kernel, &Root::default(), state, plan)
}

#[test]
fn the_intent_is_on_disk_before_the_first_write() {
    let kernel = kernel(2);
    in_a_store(|state| {
        let seen = RefCell::new(Vec::new());
        let look = |_: &Key, _: &Value| seen.borrow_mut().push(stage(state));
        let busy = Busy::new(&kernel, &look);
        run_live(&busy, state, &raising(2)).unwrap();
        assert_eq!(seen.into_inner(), [Stage::Pending, Stage::Pending]);
        assert_eq!(stage(state), Stage::Committed);
    });
}

/// A key that goes back with another, and nobody asked for, goes with its interface; one that somebody asked for is missed.
#[test]
fn a_follower_that_goes_with_its_interface_stops_nothing() {
    let all: Key = "net.ipv6.conf.all.forwarding".parse().unwrap();
    let one: Key = "net.ipv6.conf.a.forwarding".parse().unwrap();
    let change = |key: &Key, cause| Change {
        key: key.clone(),
        from: number(0),
        to: number(1),
        cause,
    };
    for cause in [Cause::Restored, Cause::Set] {
        let both = [&all, &one].map(|key| (key.clone(), number(0)));
        let kernel = FakeKernel::holding(both.into());
        let goes = |_: &Key, _: &Value| drop(kernel.values.borrow_mut().remove(&one));
        let plan = Plan {
            live: vec![change(&all, Cause::Set), change(&one, cause)],
            ..Plan::default()
        };
        let done = in_a_store(|state| run_live(&Busy::new(&kernel, &goes), state, &plan));
        assert_eq!(done.is_ok(), cause == Cause::Restored, "{done:?}");
        // It may have gone before.
        kernel.values.borrow_mut().insert(all.clone(), number(0));
        let done = in_a_store(|state| run_live(&kernel, state, &plan));
        assert_eq!(done.is_ok(), cause == Cause::Restored, "{done:?}");
    }
}

#[test]
fn a_follower_that_stays_is_not_written() {
    let all: Key = "net.ipv6.conf.all.forwarding".parse().unwrap();
    let forced: Key = "net.ipv6.conf.a.force_forwarding".parse().unwrap();
    let both = [(all.clone(), number(0)), (forced.clone(), number(1))];
    let kernel = FakeKernel::holding(both.into());
    let set = Change {
        key: all.clone(),
        from: number(0),
        to: number(1),
        cause: Cause::Set,
    };
    let plan = Plan {
        live: vec![set],
        along: vec![Change::still(&forced, &number(1))],
        ..Plan::default()
    };
    in_a_store(|state| run_live(&kernel, state, &plan).unwrap());
    assert_eq!(kernel.writes.into_inner(), [(all, number(1))]);
}

/// So that nothing is opened twice, and what was opened with the right to write is what is written.
#[test]
fn a_key_stays_open_from_the_check_of_rights_to_the_last_look() {
    let kernel = kernel(3);
    let busy = Busy::new(&kernel, &|_, _| ());
    in_a_store(|state| run_live(&busy, state, &raising(3)).unwrap());
    assert_eq!(busy.opened.get(), 3);
}

#[test]
fn what_waits_for_a_confirmation_is_not_committed() {
    let kernel = kernel(1);
    let plan = raising(1);
    in_a_store(|state| {
        let mut entry = entry(1, &plan.live);
        entry.confirm = Some(Confirm {
            deadline: 1,
            until: String::new(),
            boot: None,
        });
        let root = Root::default();
        let target = Target {
            kernel: &kernel,
            root: &root,
        };
        execute(target, state, &plan, entry).unwrap();
        assert_eq!(stage(state), Stage::Unconfirmed);
    });
}

/// The second key follows the first one, and a bystander the third one.
#[test]
fn a_key_that_the_one_before_set_right_is_put_back_as_well() {
    let kernel = kernel(4);
    let before = values(&kernel);
    let mut plan = raising(3);
    let origin = Origin {
        profile: "p".into(),
        file: "p.toml".into(),
        line: None,
    };
    let exact = Some(Part {
        value: number(3),
        origin,
        why: None,
    });
    let setting = Setting {
        exact,
        ..Setting::default()
    };
    plan.after.active.settings = [(key(3), setting)].into();
    in_a_store(|state| {
        let follow = |written: &Key, value: &Value| {
            if (written, value) == (&key(0), &number(100)) {
                put(&kernel, 1, 101);
            }
            if (written, value) == (&key(2), &number(102)) {
                put(&kernel, 3, 77);
            }
        };
        let busy = Busy::new(&kernel, &follow);
        let failed = run_live(&busy, state, &plan).unwrap_err();
        assert!(
            matches!(&failed, Error::PutBack(Failure::SideEffect { key: dragged, .. }) if *dragged == key(3)),
            "{failed}"
        );
        assert_eq!(values(&kernel), before);
    });
}

/// As `net.ipv4.ip_forward` does with others: they move when it is written, and again when it goes back.
#[test]
fn nothing_was_touched_is_only_said_where_nothing_was_written() {
    let kernel = kernel(2);
    let before = values(&kernel);
    in_a_store(|state| {
        let follow = |written: &Key, value: &Value| {
            if *written == key(0) {
                put(&kernel, 1, if *value == number(100) { 77 } else { 1 });
            }
        };
        let busy = Busy::new(&kernel, &follow);
        let failed = run_live(&busy, state, &raising(2)).unwrap_err();
        assert!(
            matches!(&failed, Error::PutBack(Failure::Moved { key: moved, .. }) if *moved == key(1)),
            "{failed}"
        );
        assert_eq!(values(&kernel), before);
    });
}

#[test]
fn a_plan_whose_first_key_moved_touches_nothing_and_says_so() {
    let kernel = kernel(2);
    put(&kernel, 0, 77);
    in_a_store(|state| {
        let failed = run_live(&kernel, state, &raising(2)).unwrap_err();
        assert!(matches!(failed, Error::MovedSince { key: moved, .. } if moved == key(0)));
        assert_eq!(stage(state), Stage::Reverted);
        assert!(kernel.writes.borrow().is_empty());
    });
}

/// An image with a directory for drop-ins, and the files that are in it.
fn in_an_image(files: &[(&str, &str)], test: impl FnOnce(&Root)) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("etc/sysctl.d");
    fs::create_dir_all(&place).unwrap();
    for (name, text) in files {
        fs::write(place.join(name), text).unwrap();
    }
    test(&Root::image(directory.path()).unwrap());
}

fn path(name: &str) -> String {
    format!("/etc/sysctl.d/{name}")
}

fn file(name: &str, from: Option<&str>, to: Option<&str>) -> FileChange {
    FileChange {
        path: path(name),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    }
}

/// What is in the directory: `name=text`.
fn files(root: &Root) -> Vec<String> {
    let directory = root.path().unwrap().join("etc/sysctl.d");
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            format!("{name}={}", fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// One file is made, one gets another text, one goes.
const THERE: [(&str, &str); 2] = [("b", "1"), ("c", "1")];

fn three() -> Vec<FileChange> {
    vec![
        file("a", None, Some("2")),
        file("b", Some("1"), Some("2")),
        file("c", Some("1"), None),
    ]
}

fn on_both_axes(keys: usize, files: Vec<FileChange>) -> Plan {
    let boot = BootPlan {
        files,
        ..BootPlan::default()
    };
    Plan {
        boot: Some(boot),
        ..raising(keys)
    }
}

#[test]
fn both_axes_are_written() {
    let kernel = kernel(1);
    in_an_image(&THERE, |root| {
        in_a_store(|state| {
            run(&kernel, root, state, &on_both_axes(1, three())).unwrap();
            assert_eq!(files(root), ["a=2", "b=2"]);
            assert_eq!(values(&kernel)[&key(0)], number(100));
        });
    });
}

/// A container that is started again has another namespace of the same name, the same boot id, and its files.
#[test]
fn files_outlive_the_namespace_that_they_were_written_in() {
    let machine = Machine {
        name: "web-17".into(),
        kernel: "6.18".into(),
        boot: "boot".into(),
    };
    let again = Namespace {
        label: "host".into(),
        id: Id {
            inode: 3,
            socket: 4,
        },
        init: true,
        first: false,
    };
    let long_ago = Confirm {
        deadline: 1,
        until: String::new(),
        boot: None,
    };
    let kernel = kernel(1);
    let cases = [
        (Stage::Pending, None, "2", Stage::Committed, "b=2"),
        (Stage::Pending, None, "0", Stage::Reverted, "b=1"),
        (
            Stage::Unconfirmed,
            Some(long_ago),
            "2",
            Stage::Committed,
            "b=2",
        ),
    ];
    for (was, confirm, from, becomes, left) in cases {
        // Of two files one is as intended, or both are.
        in_an_image(&[("b", "2"), ("c", from)], |root| {
            in_a_store(|state| {
                let mut entry = entry(1, &raising(1).live);
                entry.state = was;
                entry.confirm = confirm;
                entry.files = vec![
                    file("b", Some("1"), Some("2")),
                    file("c", Some("0"), Some("2")),
                ];
                state.write(&entry).unwrap();
                let known = state.load().unwrap();
                let target = Target {
                    kernel: &kernel,
                    root,
                };
                let settled = settle(target, state, &known.state, &machine, &again).unwrap();
                assert_eq!(settled.len(), 1);
                assert_eq!(stage(state), becomes);
                assert_eq!(files(root).first().unwrap(), left);
                assert_eq!(values(&kernel)[&key(0)], number(0));
            });
        });
    }
}

/// Whatever is written back is looked at just before.
#[test]
fn what_somebody_writes_while_an_entry_is_taken_back_is_theirs() {
    let kernel = kernel(2);
    in_a_store(|state| {
        let plan = raising(2);
        let waits = Confirm::new(Duration::from_secs(60), None);
        let waiting = Entry {
            confirm: Some(waits),
            ..entry(1, &plan.live)
        };
        let root = Root::default();
        let on = |kernel| Target {
            kernel,
            root: &root,
        };
        execute(on(&kernel), state, &plan, waiting).unwrap();
        let other = |_: &Key, _: &Value| put(&kernel, 0, 9);
        let busy = Busy::new(&kernel, &other);
        let entry = state.store().entry(1).unwrap();
        let taken = take_back(on(&busy), state, entry, "rejected").unwrap();
        assert_eq!(values(&kernel)[&key(0)], number(9));
        assert_eq!(values(&kernel)[&key(1)], number(1));
        assert_eq!(taken.changes.len(), 1);
        assert_eq!(taken.others, ["net.test.key0 holds 9 (another writer)"]);
        let why = state.store().entry(1).unwrap().error.unwrap();
        assert_eq!(why, "rejected, but net.test.key0 holds 9 (another writer)");
    });
}

#[test]
fn a_file_that_moved_takes_keys_and_files_back_and_stays_as_it_is() {
    let kernel = kernel(1);
    in_an_image(&[("b", "theirs"), ("c", "1")], |root| {
        in_a_store(|state| {
            let failed = run(&kernel, root, state, &on_both_axes(1, three())).unwrap_err();
            assert!(
                matches!(&failed, Error::PutBack(Failure::DropIn { path: moved, .. }) if *moved == path("b")),
                "{failed}"
            );
            assert_eq!(files(root), ["b=theirs", "c=1"]);
            assert_eq!(values(&kernel)[&key(0)], number(0));
            assert_eq!(stage(state), Stage::Reverted);
        });
    });
}

/// The journal is gone at the moment of the commit: the last step of all fails.
#[test]
fn a_commit_that_fails_takes_both_axes_back() {
    let kernel = kernel(1);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(directory.path());
    let state = store.lock("test", Duration::ZERO).unwrap();
    let lose = |_: &Key, value: &Value| {
        if *value == number(100) {
            fs::remove_dir_all(directory.path().join("journal")).unwrap();
        }
    };
    let busy = Busy::new(&kernel, &lose);
    in_an_image(&THERE, |root| {
        let failed = run(&busy, root, &state, &on_both_axes(1, three())).unwrap_err();
        assert!(
            matches!(failed, Error::PutBack(Failure::Journal { .. })),
            "{failed}"
        );
        assert_eq!(files(root), ["b=1", "c=1"]);
        assert_eq!(values(&kernel)[&key(0)], number(0));
    });
}

#[test]
fn a_file_without_a_place_is_refused_before_anything_is_touched() {
    let kernel = kernel(1);
    let nowhere = FileChange {
        path: "/etc/none/none/a".into(),
        ..file("a", None, Some("2"))
    };
    in_an_image(&THERE, |root| {
        in_a_store(|state| {
            let plan = on_both_axes(1, vec![nowhere.clone()]);
            let refused = run(&kernel, root, state, &plan).unwrap_err();
            assert!(matches!(refused, Error::File { .. }), "{refused}");
            assert!(kernel.writes.borrow().is_empty());
            assert!(state.store().entry(1).is_err(), "not even an entry");
        });
        let refused = execute_image(root, &[nowhere]).unwrap_err();
        assert!(matches!(refused, Error::File { .. }), "{refused}");
    });
}

#[test]
fn an_image_is_changed_as_a_whole_or_not_at_all() {
    in_an_image(&THERE, |root| {
        execute_image(root, &three()).unwrap();
        assert_eq!(files(root), ["a=2", "b=2"]);
    });
    in_an_image(&[("b", "1"), ("c", "theirs")], |root| {
        let failed = execute_image(root, &three()).unwrap_err();
        assert!(
            matches!(&failed, Error::PutBack(Failure::DropIn { path: moved, .. }) if *moved == path("c")),
            "{failed}"
        );
        assert_eq!(files(root), ["b=1", "c=theirs"]);
    });
}

#[test]
fn files_go_back_but_not_over_those_of_others() {
    in_an_image(&[("a", "1"), ("b", "2"), ("c", "theirs")], |root| {
        let back = ["a", "b", "c"].map(|name| file(name, Some("2"), Some("1")));
        let left = put_files_back(root, back);
        let paths: Vec<_> = left.iter().map(Left::path).collect();
        assert_eq!(paths, [Some(path("c").as_str())]);
        assert_eq!(files(root), ["a=1", "b=1", "c=theirs"]);
    });
}

/// A key that was tcptune's before keeps its baseline; of the others that is what was there.
#[test]
fn what_is_given_up_stays_remembered_as_ours_and_nothing_else_does() {
    let plan = raising(3);
    let held = |baseline: usize, wrote: usize| Held::new(Some(number(baseline)), number(wrote));
    in_a_store(|state| {
        let mut entry = entry(1, &plan.live);
        entry.before.held = [(key(1), held(7, 1))].into();
        entry.after = Memory {
            active: ActiveSet {
                profiles: vec!["p".into()],
                ..ActiveSet::default()
            },
            held: plan
                .live
                .iter()
                .map(|c| (c.key.clone(), held(7, 8)))
                .collect(),
        };
        entry.files = three();
        entry.persisted = Some(vec![1]);
        entry.back_to = Some(0);
        let left = |n| Left::Key {
            key: key(n),
            value: None,
            wanted: number(n),
            why: None,
        };
        give_up(state, entry.clone(), &[left(1), left(2)], "why".into());
        let given_up = state.store().entry(1).unwrap();
        assert_eq!(given_up.state, Stage::Committed);
        assert_eq!(given_up.error.as_deref(), Some("why"));
        assert_eq!(given_up.changes, plan.live[1..]);
        assert!(given_up.files.is_empty());
        assert_eq!((given_up.persisted, given_up.back_to), (None, None));
        assert_eq!(given_up.after.active, ActiveSet::default());
        assert_eq!(
            given_up.after.held,
            [(key(1), held(7, 101)), (key(2), held(2, 102))].into()
        );

        let file_left = Left::File {
            path: path("b"),
            why: String::new(),
        };
        give_up(state, entry.clone(), &[file_left], "why".into());
        let given_up = state.store().entry(1).unwrap();
        assert_eq!(given_up.files, entry.files[1..2]);
        assert_eq!(given_up.persisted, entry.persisted);
        assert_eq!(given_up.after, entry.before);
    });
}
