//! Answers about the next boot.

use crate::error::Error;
use crate::model::expected::{Expected, all_right};
use crate::model::key::Key;
use crate::model::memory::ActiveSet;
use crate::model::sysctld::{Loader, NextBoot, Remark};
use crate::model::value::Value;

use super::Want;

/// `where`: who wins at the next boot.
#[derive(Debug)]
pub struct Winners {
    /// The loader that this machine, or image, boots with.
    pub loader: Loader,
    /// The image, if it is one.
    pub root: Option<String>,
    /// A credential that systemd-sysctl reads last, if there is one.
    pub credential: Option<String>,
    /// One for each key.
    pub keys: Vec<KeyWinner>,
    /// Patterns: what they say, and where; only where no key was asked for.
    pub patterns: Vec<(String, String)>,
    /// What is odd in the files.
    pub remarks: Vec<Remark>,
    /// Programs that write sysctls by themselves, in words.
    pub writers: Vec<String>,
}

/// Who wins for one key.
#[derive(Debug)]
pub struct KeyWinner {
    /// The key.
    pub key: Key,
    /// What the kernel holds now, where there is one to ask.
    pub live: Option<Value>,
    /// The winners.
    pub next: NextBoot,
    /// Whether systemd-sysctl and `sysctl --system` leave the same value.
    pub agree: bool,
}

/// What is declared for the next boot, and whether it will hold.
#[derive(Debug)]
pub struct BootStatus {
    /// The drop-in, if there is one.
    pub path: Option<String>,
    /// Whether nobody has touched it; nothing where it cannot be read.
    pub intact: Option<bool>,
    /// What it declares.
    pub active: ActiveSet,
    /// What the next boot gives for each of its keys.
    pub expected: Vec<Expected>,
    /// Whether the profiles say something else by now.
    pub outdated: bool,
}

impl BootStatus {
    /// Whether the next boot will be as declared, as far as anybody knows.
    pub fn is_clean(&self) -> bool {
        self.intact == Some(true) && !self.outdated && !self.expected.iter().any(Expected::is_wrong)
    }
}

/// `verify`: whether one namespace complies.
#[derive(Debug)]
pub struct Verified {
    /// What outputs call the namespace.
    pub netns: String,
    /// What is wanted.
    pub want: Option<Want>,
    /// Key by key.
    pub rows: Vec<Compliance>,
    /// Whether the drop-in is as tcptune left it, as far as that was asked for; nothing where it cannot be read.
    pub intact: Option<bool>,
    /// Why it could not be found out.
    pub error: Option<Error>,
}

/// Whether one key complies.
#[derive(Debug)]
pub struct Compliance {
    /// The key.
    pub key: Key,
    /// What is wanted.
    pub want: String,
    /// The word for it, where the key has words.
    pub word: Option<String>,
    /// What the kernel holds; nothing if it has no such key, or there is no kernel to ask.
    pub live: Option<Value>,
    /// Whether that is right; nothing where it was not asked for.
    pub live_right: Option<bool>,
    /// What the next boot gives; nothing where it was not asked for.
    pub next: Option<Expected>,
}

impl Compliance {
    /// A stable word: `ok`, `drift` (wrong now), `lost` (wrong after the next boot), `wrong` (both), `unknown` (right
    /// now, and after the next boot nobody knows).
    pub fn verdict(&self) -> &'static str {
        let now = self.live_right.unwrap_or(true);
        let then = self.next.as_ref().map_or(Some(true), |next| next.right);
        match (now, then) {
            (true, Some(true)) => "ok",
            (true, Some(false)) => "lost",
            (true, None) => "unknown",
            (false, Some(false)) => "wrong",
            (false, _) => "drift",
        }
    }
}

impl Verified {
    /// Nothing is known yet.
    pub fn blank(netns: String) -> Self {
        Self {
            netns,
            want: None,
            rows: Vec::new(),
            intact: Some(true),
            error: None,
        }
    }

    /// Whether everything that was asked for is right.
    pub fn is_clean(&self) -> bool {
        let right = self.rows.iter().all(|row| row.verdict() == "ok");
        right && self.intact == Some(true) && self.error.is_none()
    }

    /// Whether all of it survives a reboot; nothing where nobody knows, or it was not asked for.
    pub fn survives(&self) -> Option<bool> {
        all_right(&self.lost()?)
    }

    /// What the next boot does not surely give as wanted; nothing where that was not asked for.
    pub fn lost(&self) -> Option<Vec<&Expected>> {
        let next: Vec<&Expected> = self
            .rows
            .iter()
            .filter_map(|row| row.next.as_ref())
            .collect();
        (!next.is_empty()).then(|| next.into_iter().filter(|one| !one.is_right()).collect())
    }
}
