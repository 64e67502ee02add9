//! Answers about the next boot.

use crate::model::key::Key;
use crate::model::sysctld::{Loader, NextBoot, Remark};
use crate::model::value::Value;

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
}

/// What the next boot gives for a declared key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The key.
    pub key: Key,
    /// What it will hold, if a file says so.
    pub value: Option<Value>,
    /// Who says so: `/etc/sysctl.d/60-app.conf:4`, or the kernel.
    pub by: String,
    /// Whether that is what is declared.
    pub right: bool,
}
