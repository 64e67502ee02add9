//! What somebody approved, by its hash, and what has moved since.
//!
//! Two hashes go with every plan. The **desired** hash ([`desired_hash`](super::memory::desired_hash)) is that of the
//! wish: the same for all hosts. The **plan** hash is that of one plan on one host in one boot: a SHA-256 over
//! everything that the plan stands on, and behind a dot a short mark of each part, so that a plan which is not the
//! approved one can say which part moved. The marks only explain; what counts is the SHA-256.

use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::change::Change;
use super::dropin;
use super::memory::hex;
use super::persist::FileChange;
use super::plan::Plan;
use super::snapshot::Snapshot;
use super::sysctld::Tree;

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// Hexadecimal digits of the mark of a part.
const MARK: usize = 4;

/// What the parts are called, in the order of their marks.
const PARTS: [&str; 8] = [
    "the kernel",
    "the boot",
    "the network namespace",
    "what is wanted",
    "a live value",
    "the drop-in",
    "another file of sysctl.d",
    "what the run speaks of, or what tcptune remembers",
];

/// What a plan stands on.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// Kernel release.
    pub kernel: &'a str,
    /// Random id of the boot.
    pub boot: &'a str,
    /// Which network namespace.
    pub namespace: &'a str,
    /// The desired hash.
    pub desired: &'a str,
    /// What the keys hold of which the plan speaks.
    pub values: &'a Snapshot,
    /// The files of the next boot, where that is this namespace's business.
    pub tree: Option<&'a Tree>,
    /// What follows from all that.
    pub plan: &'a Plan,
}

impl Grounds<'_> {
    /// The plan hash.
    pub fn hash(&self) -> String {
        let values = self.values.0.iter();
        let values = values.map(|(key, reading)| format!("{key}: {reading:?}\n"));
        let change = |change: &Change| {
            let Change { key, from, to, .. } = change;
            format!("{key}: {from} -> {to}\n")
        };
        let file = |file: &FileChange| {
            let FileChange { path, from, to } = file;
            format!("{path}: {from:?} -> {to:?}\n")
        };
        let changes = self.plan.live.iter().map(change);
        let files = self.plan.files().iter().map(file);
        let (ours, others) = self.tree.map(dropin::apart).unzip();
        let parts: [String; PARTS.len()] = [
            self.kernel.to_owned(),
            self.boot.to_owned(),
            self.namespace.to_owned(),
            self.desired.to_owned(),
            values.collect(),
            format!("{ours:?}"),
            format!("{others:?}"),
            changes.chain(files).collect(),
        ]
        .map(|part| hex(&Sha256::digest(part)));
        let whole = hex(&Sha256::digest(parts.join("\n")));
        let marks = parts.iter().filter_map(|part| part.get(..MARK));
        format!("{whole}.{}", marks.collect::<String>())
    }
}

/// A hash that somebody approved, whole: whoever may choose two profiles finds two with the same first digits in no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    digits: String,
    /// Only a plan hash has marks.
    marks: Option<String>,
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, marks) = match text.split_once('.') {
            Some((digits, marks)) => (digits, Some(marks)),
            None => (text, None),
        };
        let is_hex = |text: &str, length: usize| {
            let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            text.len() == length && text.bytes().all(digit)
        };
        let marked = marks.is_none_or(|marks| is_hex(marks, MARK * PARTS.len()));
        if is_hex(digits, DIGITS) && marked {
            Ok(Self {
                digits: digits.to_owned(),
                marks: marks.map(str::to_owned),
            })
        } else {
            Err("a whole hash is wanted, in lower case: `tcptune check` tells the desired hash of a profile, `tcptune diff --plan-hash` that of a plan".to_owned())
        }
    }
}

impl Approval {
    /// Whether it is that of a plan, which is one in one namespace.
    pub fn is_of_plan(&self) -> bool {
        self.marks.is_some()
    }

    /// Whether this is what was approved.
    pub fn covers(&self, desired: &str, plan: &str) -> bool {
        match &self.marks {
            Some(marks) => plan == format!("{}.{marks}", self.digits),
            None => desired == self.digits,
        }
    }

    /// Which parts of an approved plan have moved; empty where only a wish was approved.
    pub fn moved(&self, plan: &str) -> Vec<&'static str> {
        let marks = plan.split_once('.').map(|(_, marks)| marks);
        let (Some(approved), Some(now)) = (self.marks.as_deref(), marks) else {
            return Vec::new();
        };
        let mark =
            |marks: &str, part: usize| marks.get(part * MARK..(part + 1) * MARK).map(str::to_owned);
        let differs = |part: &usize| mark(approved, *part) != mark(now, *part);
        let (causes, outcome) = (0..PARTS.len() - 1, PARTS.len() - 1);
        let mut moved: Vec<usize> = causes.filter(differs).collect();
        // What follows says nothing where a cause is known.
        if moved.is_empty() {
            moved.push(outcome);
        }
        moved
            .into_iter()
            .filter_map(|part| PARTS.get(part).copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::dropin::DropIn;
    use super::super::literals::holding;
    use super::*;

    const KEY: &str = "net.core.somaxconn";

    /// A plan hash, as if one thing were different.
    fn told(different: &str) -> String {
        let file = match different {
            "the drop-in" => Some(DropIn::default().render()),
            "another file of sysctl.d" => Some("a = 1\n".to_owned()),
            _ => None,
        };
        let tree = Tree::default().with("/etc/sysctl.d/a.conf", file.as_deref());
        let or = |name, there, usual| if different == name { there } else { usual };
        Grounds {
            kernel: or("the kernel", "6.18.45", "6.18.44"),
            boot: or("the boot", "c", "b"),
            namespace: or("the network namespace", "2", "1"),
            desired: or("what is wanted", "1111111", "0b051a7"),
            values: &holding(&[(KEY, or("a live value", "128", "4096"))]),
            tree: Some(&tree),
            plan: &Plan::default(),
        }
        .hash()
    }

    fn approval(text: &str) -> Approval {
        text.parse().unwrap()
    }

    #[test]
    fn what_moved_is_named() {
        let before = told("nothing");
        let approved = approval(&before);
        assert!(approved.covers("0b051a7", &before));
        for name in &PARTS[..PARTS.len() - 1] {
            let now = told(name);
            assert!(!approved.covers("0b051a7", &now), "{name}");
            assert_eq!(approved.moved(&now), [*name]);
        }
    }

    #[test]
    fn only_a_whole_hash_will_do() {
        let plan = told("nothing");
        let desired = &plan[..DIGITS];
        assert!(approval(desired).covers(desired, &plan) && !approval(desired).is_of_plan());
        assert!(!approval(&told("the boot")).covers(desired, &plan));
        let short = [&desired[..7], &desired[..63], &plan[..70], &plan[..=DIGITS]];
        for slip in short.into_iter().chain(["", &desired.to_uppercase()]) {
            assert!(slip.parse::<Approval>().is_err(), "{slip}");
        }
        assert!(approval(desired).moved(&plan).is_empty());
    }
}
