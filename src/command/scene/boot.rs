//! The files of the next boot, and what has become of the drop-in.

use std::collections::BTreeMap;

use crate::change::state::State;
use crate::error::Error;
use crate::model::dropin::{self, DropIn, Installed, Unfit, installed};
use crate::model::persist::{FileChange, Ground};
use crate::model::sysctld::{Loader, Tree};

use super::super::World;
use super::{Scene, refused};

/// The files of the next boot.
pub(in crate::command) struct Boot {
    pub(super) tree: Tree,
    pub(in crate::command) loader: Loader,
    pub(in crate::command) ours: Result<Option<Installed>, Unfit>,
    /// What the drop-in says of itself, whatever was done to it.
    pub(in crate::command) recorded: Option<DropIn>,
}

impl Boot {
    pub(super) fn read(world: &World, state: &State) -> Option<Self> {
        let (tree, loader) = world.boot()?;
        let was = || Some(written(world, &state.persisted)?.1.0);
        let tree = dropin::doubted(tree, was);
        Some(Self {
            ours: installed(&tree),
            recorded: dropin::recorded(&tree),
            loader,
            tree,
        })
    }

    /// The files themselves.
    pub(in crate::command) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What the drop-in declares, as far as there is one that nobody edited.
    pub(in crate::command) fn declared(&self) -> Option<&Installed> {
        self.ours.as_ref().ok()?.as_ref()
    }

    pub(super) fn ground(&self) -> Result<Ground, Error> {
        let ours = self
            .ours
            .clone()
            .map_err(|unfit| refused(vec![unfit.into()]))?;
        Ok(Ground {
            tree: self.tree.clone(),
            loader: self.loader,
            ours,
            defaults: BTreeMap::new(),
            live: None,
            held: BTreeMap::new(),
        })
    }

    /// Whether a file may be made at a path.
    ///
    /// # Errors
    /// As [`dropin::is_free`].
    pub(in crate::command) fn is_free(&self, path: &str) -> Result<(), Unfit> {
        dropin::is_free(&self.tree, path)
    }

    /// The files once a plan has changed them.
    pub(in crate::command) fn after(&self, files: &[FileChange]) -> Tree {
        files.iter().fold(self.tree.clone(), |tree, file| {
            tree.with(&file.path, file.to.as_deref())
        })
    }
}

/// A drop-in that is not there any more, although no entry took it away; perhaps something else is in its place.
pub(in crate::command) struct Gone {
    /// The entry that wrote it.
    pub(in crate::command) entry: u64,
    /// Where it was.
    pub(in crate::command) path: String,
    pub(super) text: String,
}

impl Scene<'_> {
    /// The drop-in that the newest entry left, where there is none now.
    pub(super) fn gone(&self) -> Option<Gone> {
        let boot = self.boot.as_ref().filter(|boot| boot.ours == Ok(None))?;
        let (entry, left) = written(self.world, &self.persisted)?;
        let unread = |path: &str| boot.tree.unknown().any(|(found, _)| found.path == path);
        let (path, text) = Some(left).filter(|(path, _)| !unread(path))?;
        Some(Gone { entry, path, text })
    }
}

/// The newest of the entries that made the drop-in what it is, with the file that it wrote, and what that said.
fn written(world: &World, persisted: &[u64]) -> Option<(u64, (String, String))> {
    let entry = world.store.entry(*persisted.first()?).ok()?;
    let mut files = entry.files.into_iter();
    let wrote = files.find_map(|file| Some((file.path, file.to?)))?;
    Some((entry.id, wrote))
}
