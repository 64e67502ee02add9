//! What a run may touch.

use std::path::PathBuf;

use crate::change::locked::Locked;
use crate::error::Error;
use crate::report::Depth;

use super::World;
use super::draft::Manner;

/// What may be done in this run.
pub(super) enum Hands {
    /// Only looking was asked for.
    Still,
    /// Files of an image, which has no state.
    Image,
    /// Anything; the state is locked.
    Free(Locked),
    /// Nothing, because the state may not be locked.
    Tied(Tied),
}

impl Hands {
    /// Locks the state, where that is needed.
    ///
    /// # Errors
    /// [`Error::Locked`]; that the state may not be locked at all is another answer.
    pub(super) fn of(world: &World, manner: &Manner) -> Result<Self, Error> {
        match manner.depth {
            Depth::Question | Depth::DryRun => return Ok(Hands::Still),
            Depth::Deed if world.root.is_image() => return Ok(Hands::Image),
            Depth::Deed => {}
        }
        match world.store.lock(manner.verb, world.wait) {
            Ok(locked) => Ok(Hands::Free(locked)),
            Err(Error::File {
                doing,
                path,
                source,
            }) if source.raw_os_error().is_some() => Ok(Hands::Tied(Tied {
                doing,
                path,
                errno: source.raw_os_error().unwrap_or_default(),
            })),
            Err(error) => Err(error),
        }
    }
}

/// Why the state may not be locked; every namespace is told.
pub(super) struct Tied {
    doing: &'static str,
    path: PathBuf,
    errno: i32,
}

impl Tied {
    pub(super) fn error(&self) -> Error {
        let source = std::io::Error::from_raw_os_error(self.errno);
        Error::File {
            doing: self.doing,
            path: self.path.clone(),
            source,
        }
    }
}
