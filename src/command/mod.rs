//! One short file per verb: the words of its command line in, a report out.

pub mod apply;
mod approval;
pub mod candidates;
mod cautions;
pub mod check;
pub mod confirm;
mod consent;
pub mod diff;
pub mod doctor;
mod draft;
pub mod explain;
pub mod facts;
pub mod guard;
mod hands;
pub mod history;
pub mod hold;
pub mod import;
pub mod list;
pub mod metrics;
mod observe;
pub mod off;
pub mod persist;
mod pods;
mod progress;
mod reach;
mod relisten;
pub mod rollback;
mod scene;
pub mod schema;
pub mod set;
pub mod show;
pub mod snapshot;
pub mod status;
mod transaction;
pub mod verify;
pub mod watch;
pub mod whence;
mod wish;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::change::execute;
use crate::change::hold::Hold;
use crate::change::store::{Known, Store};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::defaults;
use crate::host::fragments::{self, Writer};
use crate::host::kernel::{Proc, snapshot, snapshot_with_followers};
use crate::host::machine::Machine;
use crate::host::netns::{self, Namespace, Stranger, Target};
use crate::host::root::Root;
use crate::model::handshake::VERIFIED_FROM;
use crate::model::key::Key;
use crate::model::snapshot::Snapshot;
use crate::model::sysctld::{Loader, Tree};
use crate::model::value::Value;
use crate::report::{Body, Report, Site, Warning};

use progress::Progress;

use facts::{Boot, Facts};

/// What every verb works on.
#[derive(Debug)]
pub struct World {
    /// This machine.
    pub machine: Machine,
    /// What is remembered.
    pub store: Store,
    /// Its keys.
    pub kernel: Proc,
    /// Where its files are: its own, or those of an image.
    pub root: Root,
    /// The namespaces that were asked for; none for the one that we are in.
    pub netns: Vec<Target>,
    /// Whether a writing verb takes those of pods too, where all were asked for.
    pub include_pods: bool,
    /// How long to wait for another tcptune.
    pub wait: Duration,
    /// Asks the operator yes or no; nothing where there is nobody to ask.
    pub ask: Option<fn(&str) -> bool>,
    /// Shows how far long work has come, in place of what was shown before; nothing where nobody looks.
    pub progress: Option<fn(&str)>,
    /// The terminal that a person looks at; nothing where standard output is none, or a program reads it.
    pub screen: Option<Screen>,
    /// Whether a program reads the report, which may want what no person would miss.
    pub for_program: bool,
    /// Facts of another host, which are looked at in the place of this one's.
    pub elsewhere: Option<Box<Facts>>,
}

/// A terminal.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether colour is wanted on it.
    pub color: bool,
}

impl World {
    /// A machine and what is remembered of it, where no person waits for an answer.
    pub fn new(machine: Machine, store: Store) -> Self {
        Self {
            machine,
            store,
            kernel: Proc,
            root: Root::default(),
            netns: Vec::new(),
            include_pods: false,
            wait: Duration::ZERO,
            ask: None,
            progress: None,
            screen: None,
            for_program: true,
            elsewhere: None,
        }
    }

    /// Where plans are carried out.
    fn target(&self) -> execute::Target<'_> {
        execute::Target {
            kernel: &self.kernel,
            root: &self.root,
        }
    }

    /// The same, looking at another host.
    fn in_place_of(&self, facts: Facts) -> Self {
        let machine = facts.machine.clone();
        Self {
            wait: self.wait,
            for_program: self.for_program,
            elsewhere: Some(Box::new(facts)),
            ..Self::new(machine, self.store.clone())
        }
    }

    /// Looks at each namespace in turn, or at the image or the other host in their place.
    fn look<T>(&self, look: impl FnMut(Result<Namespace, Error>, String) -> T) -> Vec<T> {
        self.look_at(&netns::expand(&self.netns, netns::visible), look)
    }

    /// The same, with the namespaces that were asked for already found.
    fn look_at<T>(
        &self,
        targets: &[Target],
        mut look: impl FnMut(Result<Namespace, Error>, String) -> T,
    ) -> Vec<T> {
        let other = match (&self.elsewhere, self.root.path()) {
            (Some(facts), _) => Some(facts.namespace.clone()),
            (None, Some(path)) => Some(Namespace::of_image(path)),
            (None, None) => None,
        };
        match other {
            Some(namespace) => {
                let label = namespace.label.clone();
                vec![look(Ok(namespace), label)]
            }
            None => self.visit(targets, look),
        }
    }

    /// The one namespace that a verb speaks of.
    fn place(&self, verb: &str) -> Result<Namespace, Error> {
        let mut places = self.look(|namespace, _| namespace);
        match (places.pop(), places.len()) {
            (Some(place), 0) => place,
            _ => Err(Error::Usage {
                code: "one-namespace",
                message: format!("`{verb}` speaks of one namespace at a time"),
                hint: None,
            }),
        }
    }

    /// What keys hold, in the namespace that the process is in.
    fn snapshot<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        match &self.elsewhere {
            Some(facts) => facts.read_keys(keys),
            None if self.root.is_image() => Snapshot::default(),
            None => snapshot(&self.kernel, keys),
        }
    }

    /// The same for keys that may be written, and for those that the kernel sets along with them.
    fn snapshot_with_followers<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> Snapshot {
        if self.is_stateless() {
            return self.snapshot(keys);
        }
        snapshot_with_followers(&self.kernel, keys)
    }

    /// The kernel's own defaults, as far as they can be told.
    ///
    /// # Errors
    /// Only where the process was lost on its way.
    fn fresh<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<BTreeMap<Key, Value>, Error> {
        match &self.elsewhere {
            Some(facts) => Ok(facts.defaults(keys)),
            None => defaults::known(keys),
        }
    }

    /// Other programs that write sysctls.
    fn writers(&self) -> Vec<Writer> {
        match &self.elsewhere {
            Some(facts) => facts.boot.as_ref().map(Boot::writers).unwrap_or_default(),
            None => fragments::writers(&self.root),
        }
    }

    /// The files of the next boot, and who reads them.
    fn boot(&self) -> Option<(Tree, Loader)> {
        match &self.elsewhere {
            Some(facts) => {
                let Boot { loader, files, .. } = facts.boot.as_ref()?;
                Some((files.clone(), *loader))
            }
            None => Some((fragments::read(&self.root), fragments::loader(&self.root))),
        }
    }

    /// What outputs say of the machine or image.
    fn site(&self) -> Site {
        let Machine { name, kernel, .. } = &self.machine;
        Site {
            title: match self.root.path() {
                Some(path) => format!("image {}", path.display()),
                None => format!("{name}, Linux {kernel}"),
            },
            kernel: kernel.clone(),
            verified: self.machine.version() >= VERIFIED_FROM,
            image: self.root.is_image(),
        }
    }

    /// Whether nothing is remembered of what is looked at: an image has no state, and another host's is not here.
    fn is_stateless(&self) -> bool {
        self.elsewhere.is_some() || self.root.is_image()
    }

    /// Visits each namespace in turn. One that cannot be entered is an answer too, with its name.
    fn visit<T>(
        &self,
        targets: &[Target],
        mut look: impl FnMut(Result<Namespace, Error>, String) -> T,
    ) -> Vec<T> {
        if self.netns.is_empty() {
            let here = Namespace::here(None);
            let label = here
                .as_ref()
                .map_or_else(|_| "this".to_owned(), |here| here.label.clone());
            return vec![look(here, label)];
        }
        let mut progress = Progress::begin(self);
        let visit = |(before, target): (usize, &Target)| {
            progress.say(|| format!("{before} of {} namespaces", targets.len()));
            let place = netns::enter(target);
            // What was listed a moment ago may be gone by now; nobody asked for it by its name.
            let gone = matches!(
                place,
                Err(Error::Usage {
                    code: "no-namespace",
                    ..
                })
            );
            let listed = !self.netns.contains(target);
            (!(gone && listed)).then(|| look(place, target.label()))
        };
        targets.iter().enumerate().filter_map(visit).collect()
    }
}

/// What is remembered here. Of an image nothing is.
fn known(world: &World) -> Result<Known, Error> {
    if world.is_stateless() {
        return Ok(Known::default());
    }
    world.store.load()
}

/// The hold that is in force. An image has none.
fn hold_in_force(world: &World) -> Result<Option<Hold>, Error> {
    match &world.elsewhere {
        Some(facts) => Ok(facts.hold.clone()),
        None if world.root.is_image() => Ok(None),
        None => world.store.hold(),
    }
}

/// What was passed over because it is no namespace, where all were asked for.
pub fn passed_over(world: &World) -> Vec<Warning> {
    if !world.netns.contains(&Target::All) {
        return Vec::new();
    }
    let warning = |stranger: Stranger| Warning {
        code: "no-namespace",
        message: format!(
            "`{}` is no network namespace: it is passed over",
            stranger.name
        ),
        hint: Some(stranger.remedy()),
    };
    netns::strangers().into_iter().map(warning).collect()
}

/// A report about a failure of the whole run.
pub fn failed(command: &'static str, error: Error) -> Report {
    Report {
        command,
        exit: error.exit(),
        changed: false,
        warnings: Vec::new(),
        error: Some(error),
        body: Body::Empty,
    }
}

/// The files of the next boot belong to the whole machine.
fn no_boot(what: &str) -> Error {
    Error::Usage {
        code: "boot-scope",
        message: format!(
            "{what} speaks of the files in /etc/sysctl.d, which are read for the machine, not for a namespace"
        ),
        hint: Some("leave out `--netns`".to_owned()),
    }
}

/// How a verb ends that asks a question: what failed, else whether the answer is "clean".
fn judged<'e>(errors: impl Iterator<Item = &'e Error>, clean: bool) -> Exit {
    let answer = if clean { Exit::Done } else { Exit::NotClean };
    errors.map(Error::exit).max().unwrap_or(answer)
}

/// A report of a verb that only tells.
fn told(command: &'static str, body: Body, warnings: Vec<Warning>) -> Report {
    Report {
        command,
        exit: Exit::Done,
        changed: false,
        warnings,
        error: None,
        body,
    }
}

/// Warnings about files of the journal that could not be read.
fn told_unreadable(files: Vec<String>) -> Vec<Warning> {
    let warning = |message| Warning {
        code: "journal",
        message,
        hint: Some("this entry is passed over; the others stand".to_owned()),
    };
    files.into_iter().map(warning).collect()
}
