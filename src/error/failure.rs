//! Why a transaction failed, and which keys are not as they should be.

use std::fmt;
use std::path::PathBuf;

use crate::model::change::Change;
use crate::model::key::Key;
use crate::model::value::Value;

use super::{Error, denied};

/// Why a transaction failed.
#[derive(Debug)]
pub enum Failure {
    /// The kernel refused a value.
    Write {
        /// The key.
        key: Key,
        /// What was written.
        to: Value,
        /// Its answer.
        source: std::io::Error,
    },
    /// The kernel took a value, but holds another one.
    ReadBack {
        /// The key.
        key: Key,
        /// What was written.
        to: Value,
        /// What it holds, or why that cannot be read.
        holds: String,
    },
    /// Writing one key changed another that is declared too.
    SideEffect {
        /// The declared key.
        key: Key,
        /// What is wanted.
        wanted: String,
        /// What it holds at the end.
        holds: String,
    },
    /// A key changed under the transaction.
    Moved {
        /// The key.
        key: Key,
        /// What the plan saw.
        planned: Value,
        /// What it held.
        holds: String,
    },
    /// The journal could not be written.
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the boot axis could not be changed.
    DropIn {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// What nobody confirmed could not all be taken back.
    TakeBack {
        /// Its entry in the journal.
        entry: u64,
    },
    /// A process died in the middle, and its keys could not all be put back.
    Interrupted {
        /// Its entry in the journal.
        entry: u64,
    },
}

/// What is not as it should be after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// A key.
    Key {
        /// The key.
        key: Key,
        /// What it holds; nothing if that cannot be read.
        value: Option<Value>,
        /// What it should hold.
        wanted: Value,
        /// Why it could not be put back, or read.
        why: Option<String>,
    },
    /// A file that could not be put back.
    File {
        /// Its path.
        path: String,
        /// Why.
        why: String,
    },
}

impl Left {
    /// A key that should go back, and that nobody could read.
    pub fn unread((change, why): (Change, String)) -> Self {
        Self::Key {
            key: change.key,
            value: None,
            wanted: change.from,
            why: Some(why),
        }
    }

    /// The key, if it is one.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Left::Key { key, .. } => Some(key),
            Left::File { .. } => None,
        }
    }

    /// The path, if it is a file.
    pub fn path(&self) -> Option<&str> {
        match self {
            Left::File { path, .. } => Some(path),
            Left::Key { .. } => None,
        }
    }
}

/// What is left, in one line. It is never cut: the list must be exact.
pub fn list(left: &[Left]) -> String {
    left.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Key {
                key,
                value: Some(value),
                wanted,
                ..
            } => write!(f, "{key} holds {value}, not {wanted}")?,
            Left::Key {
                key,
                value: None,
                wanted,
                ..
            } => {
                write!(f, "{key} cannot be read, it should hold {wanted}")?;
            }
            Left::File { path, why } => return write!(f, "{path} could not be put back ({why})"),
        }
        match self {
            Left::Key { why: Some(why), .. } => write!(f, " ({why})"),
            _ => Ok(()),
        }
    }
}

impl Failure {
    /// The journal could not be written.
    pub fn of_journal(error: Error) -> Self {
        match error {
            Error::File { path, source, .. } => Failure::Journal { path, source },
            other => Failure::Journal {
                path: "the journal".into(),
                source: std::io::Error::other(other.to_string()),
            },
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Failure::Write { key, source, .. }
                if key.as_str() == "net.ipv4.tcp_congestion_control" =>
            {
                let namespace = "in a network namespace, only what tcp_allowed_congestion_control lists may be chosen";
                let kernel = "this kernel has only what tcp_available_congestion_control lists";
                Some(if denied(source) { namespace } else { kernel }.to_owned())
            }
            Failure::Write { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => {
                Some("EINVAL: the kernel does not accept this value".to_owned())
            }
            Failure::Journal { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("make room on the file system of /var/lib/tcptune".to_owned())
            }
            Failure::DropIn { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("make room on the file system of /etc".to_owned())
            }
            Failure::Write { .. }
            | Failure::ReadBack { .. }
            | Failure::Journal { .. }
            | Failure::DropIn { .. } => None,
            Failure::SideEffect { .. } => {
                Some("two settings of the profile work against each other, or somebody else is writing sysctls".to_owned())
            }
            Failure::Moved { .. } => Some(
                "somebody else is writing sysctls: look with `tcptune status`, then try again"
                    .to_owned(),
            ),
            Failure::Interrupted { .. } | Failure::TakeBack { .. } => Some(
                "look with `tcptune history` and `tcptune status`, then decide key by key"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Write { key, to, source } => write!(f, "write {key} = {to}: {source}"),
            Failure::ReadBack { key, to, holds } => {
                write!(f, "wrote {key} = {to}, but it reads back {holds}")
            }
            Failure::SideEffect { key, wanted, holds } => {
                write!(
                    f,
                    "{key} shall be {wanted}, but holds {holds} once the other keys are written"
                )
            }
            Failure::Moved {
                key,
                planned,
                holds,
            } => write!(f, "{key} was {planned} in the plan, but holds {holds}"),
            Failure::Journal { path, source } => write!(f, "write {}: {source}", path.display()),
            Failure::DropIn { path, source } => write!(f, "write {path}: {source}"),
            Failure::TakeBack { entry } => write!(f, "take back entry {entry}"),
            Failure::Interrupted { entry } => write!(f, "entry {entry} was interrupted"),
        }
    }
}
