//! One short file per verb: the words of its command line in, a report out.

pub mod apply;
mod approval;
mod cautions;
pub mod confirm;
pub mod diff;
mod draft;
pub mod guard;
pub mod history;
pub mod hold;
pub mod import;
pub mod list;
pub mod off;
pub mod persist;
mod reach;
pub mod rollback;
mod scene;
pub mod set;
pub mod show;
pub mod status;
mod transaction;
pub mod verify;
pub mod whence;
mod wish;

use std::time::Duration;

use crate::change::execute;
use crate::change::hold::Hold;
use crate::change::store::{Known, Store};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::kernel::Proc;
use crate::host::machine::Machine;
use crate::host::netns::{self, Namespace, Target};
use crate::host::root::Root;
use crate::report::{Body, Report, Warning};

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
    /// How long to wait for another tcptune.
    pub wait: Duration,
    /// Asks the operator yes or no; nothing where there is nobody to ask.
    pub ask: Option<fn(&str) -> bool>,
}

impl World {
    /// Where plans are carried out.
    fn target(&self) -> execute::Target<'_> {
        execute::Target {
            kernel: &self.kernel,
            root: &self.root,
        }
    }

    /// Looks at each namespace in turn, or at the image in their place.
    fn look<T>(&self, mut look: impl FnMut(Result<Namespace, Error>, String) -> T) -> Vec<T> {
        match self.root.path() {
            Some(path) => {
                let image = Namespace::of_image(path);
                let label = image.label.clone();
                vec![look(Ok(image), label)]
            }
            None => self.visit(look),
        }
    }

    /// Visits each namespace in turn. One that cannot be entered is an answer too, with its name.
    fn visit<T>(&self, mut look: impl FnMut(Result<Namespace, Error>, String) -> T) -> Vec<T> {
        if self.netns.is_empty() {
            let here = Namespace::here(None);
            let label = here
                .as_ref()
                .map_or_else(|_| "this".to_owned(), |here| here.label.clone());
            return vec![look(here, label)];
        }
        let visit = |target: Target| look(netns::enter(&target), target.label());
        netns::expand(&self.netns).into_iter().map(visit).collect()
    }
}

/// What is remembered. Of an image nothing is.
fn known(world: &World) -> Result<Known, Error> {
    if world.root.is_image() {
        return Ok(Known::default());
    }
    world.store.load()
}

/// The hold that is in force. An image has none.
fn hold_in_force(world: &World) -> Result<Option<Hold>, Error> {
    if world.root.is_image() {
        return Ok(None);
    }
    world.store.hold()
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
