//! The keys that a plan writes, open from the check of rights to the last look at them.

use std::io::{self, ErrorKind};
use std::rc::Rc;

use crate::error::Error;
use crate::host::kernel::{Kernel, Open, reading};
use crate::host::machine;
use crate::model::along::follows;
use crate::model::change::Change;
use crate::model::snapshot::Reading;

/// Keys that may be written.
pub struct Keys<'k> {
    kernel: &'k dyn Kernel,
    changes: &'k [Change],
    /// The first of them, as many as may stay open.
    open: Vec<Option<Rc<dyn Open + 'k>>>,
}

impl<'k> Keys<'k> {
    /// Opens every key for writing: the only true check of rights.
    ///
    /// # Errors
    /// [`Error::Denied`] with every key that may not be written.
    pub fn open(kernel: &'k dyn Kernel, changes: &'k [Change]) -> Result<Self, Error> {
        let mut open = Vec::new();
        let mut denied = Vec::new();
        // The journal and the files want descriptors, too.
        let room = machine::descriptors() / 2;
        for change in changes {
            match kernel.open(&change.key) {
                Ok(key) if open.len() < room => open.push(Some(key)),
                Ok(_) => {}
                Err(why) if why.kind() == ErrorKind::NotFound && follows(changes, change) => {
                    open.push(None);
                }
                Err(why) => denied.push((change.key.clone(), why)),
            }
        }
        if !denied.is_empty() {
            return Err(Error::Denied(denied));
        }
        Ok(Self {
            kernel,
            changes,
            open,
        })
    }

    /// What is written, in order.
    pub(super) fn changes(&self) -> &'k [Change] {
        self.changes
    }

    /// Whether a key that only followed has gone with its interface.
    pub(super) fn is_gone(&self, change: &Change) -> bool {
        follows(self.changes, change) && reading(self.kernel, &change.key) == Reading::Absent
    }

    /// Every change with its key, open; or why the kernel does not open it any more.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'k Change, io::Result<Rc<dyn Open + 'k>>)> {
        self.changes.iter().enumerate().map(|(place, change)| {
            let open = match self.open.get(place) {
                Some(Some(open)) => Ok(open.clone()),
                Some(None) | None => self.kernel.open(&change.key),
            };
            (change, open)
        })
    }
}
