//! The voice: one report per run, rendered as text or as JSON. Never touches the host.

mod boot;
mod check;
mod diff;
pub(crate) mod doctor;
mod explain;
pub mod github;
pub mod json;
pub mod kubernetes;
pub mod markdown;
mod meaning;
pub mod metrics;
mod problem;
mod remark;
mod review;
pub mod sarif;
mod status;
pub mod text;
pub mod watch;

use std::collections::BTreeMap;
use std::rc::Rc;

pub use boot::{BootStatus, Compliance, KeyWinner, Verified, Winners};
pub use check::{Checked, CheckedFile};
pub use doctor::{Diagnosed, Doctor, Examined};
pub use explain::{Explained, ExplainedKey, Holds, Overview, Planned, STEPS, Step};
pub use metrics::Metrics;
pub use review::{Compared, Differs, Review, Reviewed};
pub use status::{KeyState, Status, StatusRow};

use crate::change::hold::Hold;
use crate::change::journal::Stage;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::expected::Expected;
use crate::model::finding::{Finding, Severity};
use crate::model::import::{ByHand, Dropped};
use crate::model::key::Key;
use crate::model::memory::{Settings, desired_hash};
use crate::model::persist::FileChange;
use crate::model::plan::Plan;
pub(crate) use crate::model::printable::printable;
use crate::model::relisten::{Cap, Capped};
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Listed, Named};
use crate::model::value::Value;

/// Something that the reader should know, but that stopped nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// A stable word for programs.
    pub code: &'static str,
    /// What it is.
    pub message: String,
    /// What to do, if anything.
    pub hint: Option<String>,
}

/// What a run found out or did.
#[derive(Debug)]
pub struct Report {
    /// The verb.
    pub command: &'static str,
    /// How it ended.
    pub exit: Exit,
    /// Whether any key was written, or would be, in a dry run.
    pub changed: bool,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
    /// Why it failed as a whole.
    pub error: Option<Error>,
    /// The answer itself.
    pub body: Body,
}

impl Report {
    /// What is wanted by plans although it does not do what it seems to; each once, and no mere notes.
    pub(crate) fn doubts(&self) -> Vec<&Finding> {
        let namespaces: Vec<&NamespaceChanges> = match &self.body {
            Body::Changes(changes) => changes.namespaces.iter().collect(),
            Body::Review(review) => {
                let all = review.hosts();
                all.flat_map(|host| &host.changes.namespaces).collect()
            }
            _ => Vec::new(),
        };
        let all = namespaces.into_iter().flat_map(|one| &one.findings);
        once(all.filter(|finding| finding.severity > Severity::Note))
    }

    /// What failed in single namespaces, or for single hosts, with what they are called.
    pub(crate) fn namespace_errors(&self) -> Vec<(String, &Error)> {
        let named =
            |netns: &str, error| Some((format!("{netns} namespace"), Option::as_ref(error)?));
        match &self.body {
            Body::Changes(changes) => {
                let all = changes.namespaces.iter();
                all.filter_map(|one| named(&one.netns, &one.error))
                    .collect()
            }
            Body::Review(review) => {
                let first = review.groups.iter().filter_map(|group| group.first());
                first.flat_map(Reviewed::errors).collect()
            }
            Body::Verified(all) => all
                .iter()
                .filter_map(|one| named(&one.netns, &one.error))
                .collect(),
            Body::Doctor(doctor) => doctor
                .namespaces
                .iter()
                .filter_map(|one| named(&one.netns, &one.error))
                .collect(),
            Body::Metrics(metrics) => metrics
                .namespaces
                .iter()
                .filter_map(|one| {
                    Some((
                        format!("{} namespace", one.netns),
                        one.found.as_ref().err()?,
                    ))
                })
                .collect(),
            Body::Status(all) => all
                .iter()
                .filter_map(|one| named(&one.netns, &one.error))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Each thing once, where it comes first.
fn once<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut once = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once
}

/// The answer of a verb.
#[derive(Debug)]
pub enum Body {
    /// None: it failed before there was one.
    Empty,
    /// `list`.
    Profiles(Vec<Listed>),
    /// `show`.
    Desired(Show),
    /// `diff`, `apply`, `set`, `off`, `rollback`.
    Changes(Changes),
    /// `status`, one for each namespace.
    Status(Vec<Status>),
    /// `history`, newest first.
    History(History),
    /// `where`.
    Winners(Winners),
    /// `hold`: the hold that is in force now, and the one before.
    Hold(Hold, Option<Hold>),
    /// `unhold`: the hold that was in force.
    Unhold(Option<Hold>),
    /// `import`.
    Imported(Imported),
    /// `show --active`.
    Active(Active),
    /// `verify`, one for each namespace.
    Verified(Vec<Verified>),
    /// `diff --against` snapshots.
    Review(Review),
    /// `diff --against` profiles.
    Compared(Compared),
    /// `check`.
    Checked(Checked),
    /// `explain KEY…`.
    Explained(Explained),
    /// `explain` alone.
    Overview(Overview),
    /// `doctor`.
    Doctor(Doctor),
    /// `metrics`.
    Metrics(Metrics),
    /// `watch --once`.
    Watch(Box<watch::Watch>),
    /// `schema`: the document.
    Schema(String),
    /// `snapshot`: the document.
    Snapshot(serde_json::Value),
}

/// A resolved stack of profiles.
#[derive(Debug)]
pub struct Show {
    /// The profiles that were asked for.
    pub profiles: Vec<Named>,
    /// What they want together.
    pub settings: Settings,
    /// The values that the kernel would hold, for consequences.
    pub values: BTreeMap<Key, Value>,
    /// Whether only `key = value` is wanted.
    pub flat: bool,
    /// The namespace that consequences speak of.
    pub netns: String,
    /// Its kernel.
    pub kernel: String,
    /// Whether the formulas are known to hold on it.
    pub verified: bool,
}

/// Texts of others, as a profile.
#[derive(Debug)]
pub struct Imported {
    /// The text of the profile.
    pub text: String,
    /// Its settings.
    pub settings: Settings,
    /// Lines that are not in it, and why.
    pub dropped: Vec<Dropped>,
    /// What would take the others out of the files that they come from.
    pub files: Vec<FileChange>,
    /// Files for which no patch can do that.
    pub by_hand: Vec<ByHand>,
}

/// What is declared, as a profile.
#[derive(Debug)]
pub struct Active {
    /// What it is called: `high-traffic + 1 set by hand`.
    pub name: String,
    /// The text of the profile.
    pub text: String,
    /// Its settings.
    pub settings: Settings,
    /// The profiles that it came from.
    pub profiles: Vec<String>,
    /// [`desired_hash`] of its settings.
    pub desired: String,
}

/// What is wanted, in a few words and a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// `high-traffic (built in)`, `nothing declared`, `as after entry 41: high-traffic`.
    pub title: String,
    /// [`desired_hash`] of the settings.
    pub hash: String,
}

impl Want {
    /// Names what is wanted.
    pub fn new(title: impl Into<String>, settings: &Settings) -> Self {
        Self {
            title: title.into(),
            hash: desired_hash(settings),
        }
    }
}

/// How far a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `diff`: only a question.
    Question,
    /// `--dry-run`: what would be done.
    DryRun,
    /// It was done.
    Deed,
}

/// The plans of all namespaces, and what became of them.
#[derive(Debug)]
pub struct Changes {
    /// How far it went.
    pub depth: Depth,
    /// Where.
    pub site: Site,
    /// One for each namespace.
    pub namespaces: Vec<NamespaceChanges>,
    /// Whether namespaces were asked for by name.
    pub named: bool,
    /// Whether people want nothing but the plan hash.
    pub only_hash: bool,
}

/// The machine or image that a report speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// What headers call it: host name and kernel.
    pub title: String,
    /// Kernel release.
    pub kernel: String,
    /// Whether the formulas of consequences are known to hold on it.
    pub verified: bool,
    /// Whether it is an image, which has neither kernel nor namespaces.
    pub image: bool,
}

/// The plan of one namespace.
#[derive(Debug)]
pub struct NamespaceChanges {
    /// What outputs call it.
    pub netns: String,
    /// What is wanted there; nothing if that could not be found out.
    pub want: Option<Want>,
    /// What would change or has changed.
    pub plan: Option<Rc<Plan>>,
    /// What the kernel held before.
    pub before: Snapshot,
    /// Remarks on single keys.
    pub notes: BTreeMap<Key, String>,
    /// What is wanted although it does not do what it seems to.
    pub findings: Vec<Finding>,
    /// Listeners whose limit stays below the `somaxconn` of the plan, the stale ones first.
    pub listeners: Vec<Capped>,
    /// The hash of the plan, on this host in this boot; a person is not told that of one that changes nothing.
    pub plan_hash: Option<String>,
    /// Whether the drop-in declares the same as the live axis; nothing where there is none.
    pub drop_in: Option<bool>,
    /// What the next boot gives for what is declared, where it is this namespace's business.
    pub expected: Option<Vec<Expected>>,
    /// The entry of the journal, and how far it came.
    pub journal: Option<(u64, Stage)>,
    /// What a rollback undoes, in words.
    pub undoes: Option<String>,
    /// What the next rollback would undo, in words.
    pub next_undo: Option<String>,
    /// When it is taken back unless it is confirmed, RFC 3339 UTC.
    pub until: Option<String>,
    /// Why it failed.
    pub error: Option<Error>,
}

impl NamespaceChanges {
    /// How many keys and files would change, or have changed.
    pub(crate) fn count(&self) -> usize {
        let plan = self.plan.as_ref();
        plan.map_or(0, |plan| plan.live.len() + plan.files().len())
    }

    /// The listeners that must listen again, or those that never get more.
    pub(crate) fn capped(&self, cap: Cap) -> Vec<&Capped> {
        self.listeners.iter().filter(|one| one.cap == cap).collect()
    }

    /// What it comes to, in a few words.
    pub(crate) fn outcome(&self) -> String {
        match (&self.error, self.count()) {
            (Some(_), _) => "refused".to_owned(),
            (None, 0) => "nothing to change".to_owned(),
            (None, 1) => "1 change".to_owned(),
            (None, more) => format!("{more} changes"),
        }
    }
}

/// The journal.
#[derive(Debug)]
pub struct History {
    /// Newest first.
    pub entries: Vec<Past>,
    /// How many lines of text are wanted at most; nothing for all.
    pub limit: Option<usize>,
}

/// One entry of the journal, as `history` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its id.
    pub id: u64,
    /// When.
    pub time: String,
    /// In which namespace.
    pub netns: String,
    /// `pending`, `in progress`, `committed`, `undone`, `reverted`, `forgotten`, `left`.
    pub state: &'static str,
    /// The verb.
    pub verb: String,
    /// What was declared after it.
    pub declared: String,
    /// Who asked for it.
    pub who: String,
    /// Why, if they said.
    pub reason: Option<String>,
    /// Why it came to nothing.
    pub error: Option<String>,
    /// For a rollback: as of which entry things stood again.
    pub back_to: Option<u64>,
    /// What was written: key, from, to.
    pub changes: Vec<(Key, Value, Value)>,
    /// Files that were written.
    pub files: Vec<String>,
}
