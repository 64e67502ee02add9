//! How far long work has come, for the operator who waits.

use std::time::{Duration, Instant};

use super::World;

/// Work that takes no longer is not worth a word.
const SOON: Duration = Duration::from_secs(1);

/// How often it is said again.
const PACE: Duration = Duration::from_millis(200);

/// Work that may take long, until it is dropped.
pub(super) struct Progress {
    show: Option<fn(&str)>,
    since: Instant,
    said: Option<Instant>,
}

impl Progress {
    /// Begins.
    pub(super) fn begin(world: &World) -> Self {
        Self {
            show: world.progress,
            since: Instant::now(),
            said: None,
        }
    }

    /// So far, in a few words: said after a second, and then five times a second at most.
    pub(super) fn say(&mut self, words: impl FnOnce() -> String) {
        let due = match self.said {
            Some(said) => said.elapsed() >= PACE,
            None => self.since.elapsed() >= SOON,
        };
        if let Some(show) = self.show.filter(|_| due) {
            show(&words());
            self.said = Some(Instant::now());
        }
    }
}

/// What was said is taken away.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(show) = self.show.filter(|_| self.said.is_some()) {
            show("");
        }
    }
}
