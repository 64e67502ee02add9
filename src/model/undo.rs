//! Back: the plan that walks entries of the journal back, and what becomes of one that was interrupted.

use std::collections::BTreeMap;
use std::slice;

use super::along::{leaders_first, led, led_to, set_along, still, unreadable};
use super::change::{Cause, Change};
use super::dropin;
use super::key::Key;
use super::memory::Memory;
use super::persist::FileChange;
use super::plan::{Plan, gone};
use super::refusal::Refusal;
use super::snapshot::{Reading, Snapshot};
use super::value::Value;

/// The plan that takes `steps` in one go: changes of the journal, undone or done again, each from what the one
/// before left. Afterwards `after` is remembered.
///
/// A key changes when it holds what the first of its steps expects; one that holds already what the last of them
/// leads to stays. With `force` it changes whatever it holds. Keys that were only set along go with those that set them.
///
/// # Errors
/// Every key that has moved, unless forced: the plan is refused as a whole.
pub fn retrace(
    steps: &[Change],
    memory: &Memory,
    after: Memory,
    snapshot: &Snapshot,
    force: bool,
) -> Result<Plan, Vec<Refusal>> {
    let mut plan = Plan {
        remembers: !after.declares_the_same(memory),
        after,
        ..Plan::default()
    };
    let mut refusals = Vec::new();
    let mut along = Vec::new();
    for Course { change, unbroken } in compose(steps) {
        if change.cause == Cause::Along || change.from == change.to {
            along.push(change);
            continue;
        }
        let Change {
            key,
            from,
            to,
            cause,
        } = change;
        match snapshot.get(&key) {
            Reading::Value(live) if *live == to => {}
            Reading::Value(live) if (*live == from && unbroken) || force => {
                plan.live.push(Change {
                    key,
                    from: live.clone(),
                    to,
                    cause,
                });
            }
            Reading::Value(live) if *live == from => refusals.push(Refusal::WrittenBetween(key)),
            Reading::Value(live) => {
                refusals.push(Refusal::Moved {
                    key,
                    holds: live.clone(),
                    wrote: from,
                    from: to,
                });
            }
            Reading::Absent => plan.skipped.push(gone(&key)),
            Reading::Unreadable(why) => refusals.push(Refusal::Unreadable(key, why.clone())),
        }
    }
    leaders_first(&mut plan.live, |change| &change.key);
    let led = led(&plan.live, &along, snapshot, |_| false);
    let unreadable = unreadable(&plan.live, snapshot);
    refusals.extend(unreadable.map(|(key, why)| Refusal::Unreadable(key.clone(), why.to_owned())));
    plan.live.extend(led.restored);
    plan.along = led.along;
    // Those of a key that comes back to where it was, and so is not written.
    for course in along.into_iter().filter(|course| course.from != course.to) {
        let settled = plan.live.iter().any(|change| change.key == course.key);
        if !settled && snapshot.get(&course.key).value() == Some(&course.from) {
            plan.live.push(Change {
                cause: Cause::Restored,
                ..course
            });
        }
    }
    if refusals.is_empty() {
        Ok(plan)
    } else {
        Err(refusals)
    }
}

/// All steps of one key as one change.
struct Course {
    change: Change,
    /// Whether every step starts from what the one before left: else somebody wrote in between, and their value
    /// would be lost.
    unbroken: bool,
}

/// The courses in the order in which their keys first appear. That of a key which was only set along ends where somebody
/// else wrote in between.
fn compose(steps: &[Change]) -> Vec<Course> {
    let mut courses: Vec<Course> = Vec::new();
    let mut places: BTreeMap<&Key, usize> = BTreeMap::new();
    for step in steps {
        let known = places
            .get(&step.key)
            .and_then(|place| courses.get_mut(*place));
        if let Some(course) = known {
            let unbroken = course.unbroken && course.change.to == step.from;
            course.unbroken = unbroken;
            if step.cause != Cause::Along {
                course.change.cause = Cause::Restored;
            }
            if unbroken || course.change.cause != Cause::Along {
                course.change.to = step.to.clone();
            }
        } else {
            places.insert(&step.key, courses.len());
            let change = Change {
                cause: match step.cause {
                    Cause::Along => Cause::Along,
                    _ => Cause::Restored,
                },
                ..step.clone()
            };
            courses.push(Course {
                change,
                unbroken: true,
            });
        }
    }
    courses
}

/// What files say, by path; nothing for a file that is not there.
pub type Files = BTreeMap<String, Option<String>>;

/// The files that take `steps` in one go, from what they say `now`.
///
/// # Errors
/// Every file that is neither as the first of its steps expects nor as the last leaves it, unless forced; and, forced or
/// not, every file that is not ours.
pub fn retrace_files(
    steps: &[FileChange],
    now: &Files,
    force: bool,
) -> Result<Vec<FileChange>, Vec<Refusal>> {
    let mut courses: Vec<FileChange> = Vec::new();
    for step in steps {
        match courses.iter_mut().find(|course| course.path == step.path) {
            Some(course) => course.to.clone_from(&step.to),
            None => courses.push(step.clone()),
        }
    }
    courses.retain(|course| course.from != course.to);
    let mut files = Vec::new();
    let mut refusals = Vec::new();
    for course in courses {
        let holds = now.get(&course.path).cloned().flatten();
        if holds == course.to {
            continue;
        }
        let ours = holds
            .as_ref()
            .is_none_or(|text| dropin::is_ours(text.as_bytes()));
        if holds == course.from || (force && ours) {
            files.push(FileChange {
                from: holds,
                ..course
            });
        } else if ours {
            refusals.push(Refusal::FileMoved(course.path));
        } else {
            refusals.push(Refusal::NotOurs(course.path));
        }
    }
    if refusals.is_empty() {
        Ok(files)
    } else {
        Err(refusals)
    }
}

/// What an entry did, or was about to do.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'e> {
    /// What was written, in order.
    pub changes: &'e [Change],
    /// What the kernel set along.
    pub along: &'e [Change],
    /// Files that were written.
    pub files: &'e [FileChange],
    /// Whether somebody may have died between two writes, on the way there or back.
    pub torn: bool,
}

/// Whether an entry whose writer died between its intent and its commit did happen: every key and file is as was intended,
/// and what was not to follow did not.
/// Keys that are gone do not count, nor does the kernel of an earlier boot: nothing stands for its snapshot. Of a key that
/// cannot be read nobody knows.
pub fn happened(deed: Deed<'_>, snapshot: Option<&Snapshot>, now: &Files) -> bool {
    let Deed {
        changes,
        along,
        files,
        ..
    } = deed;
    if !unread(changes, snapshot).is_empty() {
        return false;
    }
    let held = held(changes, snapshot);
    // Without a change there is nothing that could show that it happened.
    let shows = !held.is_empty() || !files.is_empty();
    shows
        && held.iter().all(|(change, live)| change.to == **live)
        && still(along).all(|(key, value)| {
            snapshot.is_none_or(|there| match there.get(key) {
                Reading::Value(live) => live == value,
                Reading::Absent => true,
                Reading::Unreadable(_) => false,
            })
        })
        && files.iter().all(|file| said(file, now) == file.to)
}

/// What is done to take back an entry that did not happen, or shall not have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// Keys that still hold what the entry wrote, in reverse order of writing, but keys that set others along first.
    pub changes: Vec<Change>,
    /// Keys that those set along; see [`Plan::along`].
    pub along: Vec<Change>,
    /// Files that still say what it wrote.
    pub files: Vec<FileChange>,
    /// Keys and files that are not as they were, and stay as they are, in words: somebody else changed them since, or the
    /// key is not there any more.
    pub others: Vec<String>,
    /// Changes whose keys are there but could not be read, and why: whether they should go back, nobody knows. And those that
    /// set others along which could not be read.
    pub unread: Vec<(Change, String)>,
}

/// Decides what goes back from what the kernel holds and the files say now.
pub fn put_back(deed: Deed<'_>, snapshot: Option<&Snapshot>, now: &Files) -> PutBack {
    let Deed {
        changes,
        files,
        torn,
        ..
    } = deed;
    let nothing = Snapshot::default();
    let there = snapshot.unwrap_or(&nothing);
    let differ = held(changes, snapshot).into_iter().rev();
    let differ = differ.filter(|(change, live)| change.from != **live);
    let (ours, theirs): (Vec<_>, Vec<_>) = differ.partition(|(change, live)| {
        change.to == **live || torn && is_led(change, live, changes, there)
    });
    let mut unread = unread(changes, snapshot);
    let back = ours.into_iter().filter_map(|(change, live)| {
        let back = Change {
            from: live.clone(),
            ..change.undone()
        };
        let blind = unreadable(slice::from_ref(&back), there).next();
        // Rather not, and try again, than lose what others hold.
        unread.extend(blind.map(|(key, why)| (change.clone(), format!("{key}: {why}"))));
        blind.is_none().then_some(back)
    });
    let mut back: Vec<Change> = back.collect();
    leaders_first(&mut back, |change| &change.key);
    let led = led(&back, &ways_back(deed, there), there, |_| false);
    back.extend(led.restored);
    back.extend(left_behind(deed, there).filter(|_| torn));
    let keys = theirs
        .into_iter()
        .map(|(change, live)| wrote_since(&change.key, live));
    let texts = files
        .iter()
        .filter(|file| said(file, now) != file.to && said(file, now) != file.from)
        .map(|file| format!("{} says something else (another writer)", file.path));
    let gone = changes
        .iter()
        .filter(|change| snapshot.is_some_and(|now| *now.get(&change.key) == Reading::Absent))
        .map(|change| format!("{} is not there any more", change.key));
    let written = files.iter().rev().filter(|file| said(file, now) == file.to);
    PutBack {
        changes: back,
        along: led.along,
        files: written.map(FileChange::undone).collect(),
        others: keys.chain(texts).chain(gone).collect(),
        unread,
    }
}

/// Whether a key holds what others of the entry set it along to, there, or on a way back that somebody did not get to the
/// end of.
fn is_led(Change { key, .. }: &Change, live: &Value, changes: &[Change], there: &Snapshot) -> bool {
    led_to(changes, key).as_ref() == Some(live) || is_led_back(key, live, changes, there)
}

/// Whether a key holds what one that is back already set it along to, or left it at.
fn is_led_back(key: &Key, live: &Value, changes: &[Change], there: &Snapshot) -> bool {
    let mut back = changes
        .iter()
        .filter(|change| there.get(&change.key).value() == Some(&change.from));
    back.any(
        |Change {
             key: leader,
             from,
             to,
             ..
         }| {
            let led = set_along(leader, from, key).or_else(|| set_along(leader, to, key));
            led.as_ref() == Some(live)
        },
    )
}

/// Where followers go as the keys go back that set them along: those that the entry itself wrote have their own way, and
/// stay for that; those that should not have followed did so until their turn came.
fn ways_back(deed: Deed<'_>, there: &Snapshot) -> Vec<Change> {
    let Deed {
        changes,
        along,
        torn,
        ..
    } = deed;
    let own = changes
        .iter()
        .filter_map(|change| Some(Change::still(&change.key, there.get(&change.key).value()?)));
    let followed = along.iter().map(Change::undone);
    let not_yet_held = still(along).filter(|_| torn).filter_map(|(key, value)| {
        Some(Change {
            key: key.clone(),
            from: led_to(changes, key)?,
            to: value.clone(),
            cause: Cause::Along,
        })
    });
    own.chain(followed).chain(not_yet_held).collect()
}

/// Followers that did not go back with a key that is back already: whoever took that back died before it came to them.
fn left_behind(deed: Deed<'_>, there: &Snapshot) -> impl Iterator<Item = Change> {
    deed.along.iter().filter_map(|Change { key, from, .. }| {
        let live = there.get(key).value()?;
        let left = live != from && is_led_back(key, live, deed.changes, there);
        left.then(|| Change {
            key: key.clone(),
            from: live.clone(),
            to: from.clone(),
            cause: Cause::Restored,
        })
    })
}

/// What somebody else wrote, in words.
pub fn wrote_since(key: &Key, holds: &Value) -> String {
    format!("{key} holds {holds} (another writer)")
}

/// Keys that are there, with what they hold.
fn held<'a>(changes: &'a [Change], snapshot: Option<&'a Snapshot>) -> Vec<(&'a Change, &'a Value)> {
    let held = changes
        .iter()
        .filter_map(|change| Some((change, snapshot?.get(&change.key).value()?)));
    held.collect()
}

/// Changes whose keys are there but could not be read, and why.
fn unread(changes: &[Change], snapshot: Option<&Snapshot>) -> Vec<(Change, String)> {
    let unread = changes
        .iter()
        .filter_map(|change| match snapshot?.get(&change.key) {
            Reading::Unreadable(why) => Some((change.clone(), why.clone())),
            Reading::Value(_) | Reading::Absent => None,
        });
    unread.collect()
}

/// What a file says now.
fn said(file: &FileChange, now: &Files) -> Option<String> {
    now.get(&file.path).cloned().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::dropin::DropIn;
    use super::super::literals::{changes, holding};
    use super::super::memory::ActiveSet;
    use super::*;

    const A: &str = "net.core.somaxconn";
    const B: &str = "net.ipv4.tcp_synack_retries";

    fn wrote(name: &str, from: &str, to: &str) -> Change {
        Change {
            key: name.parse().unwrap(),
            from: Value::new(from),
            to: Value::new(to),
            cause: Cause::Set,
        }
    }

    fn retraced(
        steps: &[Change],
        kernel: &Snapshot,
        force: bool,
    ) -> Result<Vec<String>, Vec<Refusal>> {
        retrace(steps, &Memory::default(), Memory::default(), kernel, force)
            .map(|plan| changes(&plan))
    }

    #[test]
    fn an_undo_refuses_what_has_moved() {
        let undo = [wrote(A, "4096", "100").undone()];
        let holding = |value| holding(&[(A, value)]);
        assert_eq!(
            retraced(&undo, &holding("100"), false).unwrap(),
            ["net.core.somaxconn 100 -> 4096 Restored"]
        );
        assert_eq!(
            retraced(&undo, &holding("4096"), false).unwrap(),
            Vec::<String>::new(),
            "already back"
        );
        assert!(matches!(
            retraced(&undo, &holding("7"), false)
                .unwrap_err()
                .as_slice(),
            [Refusal::Moved { .. }]
        ));
        assert_eq!(
            retraced(&undo, &holding("7"), true).unwrap(),
            ["net.core.somaxconn 7 -> 4096 Restored"]
        );
    }

    #[test]
    fn steps_compose_unless_somebody_wrote_in_between() {
        let kernel = holding(&[(A, "3"), (B, "5")]);
        let steps = [wrote(A, "2", "3").undone(), wrote(A, "1", "2").undone()];
        assert_eq!(
            retraced(&steps, &kernel, false).unwrap(),
            ["net.core.somaxconn 3 -> 1 Restored"]
        );
        let broken = [wrote(A, "9", "3").undone(), wrote(A, "1", "2").undone()];
        assert!(retraced(&broken, &kernel, false).is_err());
    }

    /// A key that the steps lead back to where it was is none of their business, whatever it holds by now.
    #[test]
    fn a_round_trip_is_no_change() {
        let there_and_back = [wrote(A, "1", "2").undone(), wrote(A, "1", "2")];
        assert_eq!(
            retraced(&there_and_back, &holding(&[(A, "77")]), false).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(
            retraced(&there_and_back, &holding(&[(A, "77")]), true).unwrap(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_dead_writer_leaves_all_or_nothing() {
        let done = [wrote(A, "1", "2"), wrote(B, "5", "3")];
        let none = Files::new();
        let deed = Deed {
            changes: &done,
            along: &[],
            files: &[],
            torn: true,
        };
        let happens = |values: &[(&str, &str)]| happened(deed, Some(&holding(values)), &none);
        assert!(happens(&[(A, "2"), (B, "3")]));
        assert!(happens(&[(A, "2")]), "a vanished key does not count");
        assert!(!happens(&[]), "nothing shows it");
        let counts = |values: &[(&str, &str)]| {
            assert!(!happens(values));
            let back = put_back(deed, Some(&holding(values)), &none);
            (back.changes.len(), back.others.len())
        };
        assert_eq!(counts(&[(A, "2"), (B, "5")]), (1, 0));
        assert_eq!(counts(&[(A, "2"), (B, "77")]), (1, 1));
    }

    /// Whoever takes it back may die after the key that sets the others along, and before them.
    #[test]
    fn what_was_set_along_goes_back_from_wherever_somebody_died() {
        let (all, a, b) = (
            "net.ipv6.conf.all.forwarding",
            "net.ipv6.conf.a.forwarding",
            "net.ipv6.conf.b.forwarding",
        );
        let along = Change {
            cause: Cause::Along,
            ..wrote(a, "2", "1")
        };
        // The second was declared to be 3.
        let deed = Deed {
            changes: &[wrote(all, "0", "1"), wrote(b, "2", "3")],
            along: &[along],
            files: &[],
            torn: true,
        };
        let back = |values: [&str; 3]| {
            let [one, two, three] = values;
            let there = holding(&[(all, one), (a, two), (b, three)]);
            let back = put_back(deed, Some(&there), &Files::new());
            let words = |change: &Change| format!("{} {}", change.key, change.to);
            let changes: Vec<String> = back.changes.iter().map(words).collect();
            let held: Vec<String> = back.along.iter().map(words).collect();
            (changes, held, back.others.len())
        };
        let line = |key: &str, value: &str| format!("{key} {value}");
        let everything = vec![line(all, "0"), line(b, "2"), line(a, "2")];
        assert_eq!(back(["1", "1", "3"]), (everything.clone(), vec![], 0));
        assert_eq!(
            back(["1", "1", "1"]),
            (everything, vec![], 0),
            "before its turn"
        );
        let behind = vec![line(b, "2"), line(a, "2")];
        for b in ["0", "3"] {
            let found = back(["0", "0", b]);
            assert_eq!(found, (behind.clone(), vec![], 0), "they are not back");
        }
        assert_eq!(
            back(["0", "2", "2"]),
            (vec![], vec![], 0),
            "before the first write"
        );
        // What somebody else wrote stays, while the key that sets it along goes back.
        let (changes, held, others) = back(["1", "7", "8"]);
        assert_eq!((changes, others), (vec![line(all, "0")], 1));
        assert_eq!(held, [line(a, "7"), line(b, "8")]);
    }

    /// A power cut takes the live values, but not the file.
    #[test]
    fn a_file_of_an_earlier_boot_is_all_or_nothing_too() {
        let file = FileChange {
            path: "f".into(),
            from: None,
            to: Some("new".into()),
        };
        let (changes, files) = ([wrote(A, "1", "2")], [file]);
        let now = |text: Option<&str>| Files::from([("f".to_owned(), text.map(str::to_owned))]);
        let deed = Deed {
            changes: &changes,
            along: &[],
            files: &files,
            torn: true,
        };
        assert!(happened(deed, None, &now(Some("new"))));
        let counts = |text: Option<&str>| {
            assert!(!happened(deed, None, &now(text)));
            let back = put_back(deed, None, &now(text));
            (back.files.len(), back.others.len())
        };
        assert_eq!(counts(None), (0, 0));
        assert_eq!(counts(Some("a stranger's")), (0, 1));
    }

    #[test]
    fn files_go_back_unless_somebody_edited_them() {
        let [one, two] = ["one", "two"].map(|name| {
            let active = ActiveSet {
                profiles: vec![name.to_owned()],
                ..ActiveSet::default()
            };
            let drop_in = DropIn {
                active,
                ..DropIn::default()
            };
            drop_in.render()
        });
        let file = |from: Option<&str>, to: Option<&str>| FileChange {
            path: "f".into(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let now = |text: &str| Files::from([("f".to_owned(), Some(text.to_owned()))]);
        let steps = [file(Some(&two), Some(&one)), file(Some(&one), None)];
        assert_eq!(
            retrace_files(&steps, &now(&two), false),
            Ok(vec![file(Some(&two), None)])
        );
        let steps = [file(Some(&one), None)];
        assert_eq!(
            retrace_files(&steps, &now(&two), false),
            Err(vec![Refusal::FileMoved("f".into())])
        );
        assert_eq!(
            retrace_files(&steps, &now(&two), true),
            Ok(vec![file(Some(&two), None)])
        );
        for force in [false, true] {
            assert_eq!(
                retrace_files(&steps, &now("a stranger's"), force),
                Err(vec![Refusal::NotOurs("f".into())])
            );
        }
    }
}
