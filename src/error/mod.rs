//! Everything that can go wrong, in one place: what was tried, with what, why it failed, and who can act.

mod failure;
mod refusal;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use failure::{Failure, Left, list};

use crate::exit::Exit;
use crate::model::dropin::Unfit;
use crate::model::key::Key;
use crate::model::printable::shell_word;
use crate::model::problem::Problem;
use crate::model::refusal::Refusal;
use crate::model::value::Value;

/// A failed run, or the failed part of one namespace.
#[derive(Debug)]
pub enum Error {
    /// The command line asks for something that does not exist or does not fit together.
    Usage {
        /// A stable word.
        code: &'static str,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Profiles or settings with problems.
    Problems(Vec<Problem>),
    /// Root was to read a file that somebody else could write.
    Untrusted {
        /// The file or directory at fault.
        path: PathBuf,
        /// Why it is not trusted.
        why: String,
        /// The command that lets root trust it, if there is one.
        cure: Option<String>,
    },
    /// A file would be replaced that tcptune did not write.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A file could not be used.
    File {
        /// What was tried: "read", "write", "create".
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another tcptune is at work.
    Locked {
        /// Its process id and verb, as far as it told.
        holder: String,
        /// How long was waited.
        waited: Duration,
    },
    /// These keys may not be written.
    Denied(Vec<(Key, std::io::Error)>),
    /// The plan was refused as a whole.
    Refused {
        /// Every reason.
        refusals: Vec<Refusal>,
        /// The key that was probably meant, where one is absent.
        near: Option<String>,
    },
    /// A key changed between plan and write.
    MovedSince {
        /// The key.
        key: Key,
        /// What the plan saw.
        planned: Value,
        /// What it held a moment later.
        holds: String,
    },
    /// An entry waits to be confirmed: its id, and seconds until it is taken back.
    Unconfirmed(u64, u64),
    /// No entry waits to be confirmed here; how to ask for another namespace where one does.
    NothingToConfirm(Option<String>),
    /// An entry was confirmed too late, and has been taken back: its id.
    TooLate(u64),
    /// Nobody would take back what nobody confirms: the process for that does not start.
    Guard(std::io::Error),
    /// Somebody asked that nothing be applied: who, why, until when.
    Held(String),
    /// The plan is not the one that was approved.
    NotApproved {
        /// What has moved since, as far as the approved hash can tell.
        moved: Vec<&'static str>,
        /// The desired hash as it is now.
        desired: String,
        /// The plan hash as it is now.
        plan: String,
    },
    /// The operator said no.
    Declined,
    /// Keys would go back, with their values, that the operator was not asked about: something moved while they thought.
    Unasked(String),
    /// The state was written by a later tcptune.
    Later,
    /// A signal asked tcptune to end before it came to this namespace.
    Interrupted,
    /// A network namespace could not be used.
    Namespace {
        /// What was tried: "enter", "make", "identify".
        doing: &'static str,
        /// Its name.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The kernel did not tell about its TCP sockets.
    Sockets {
        /// Why not.
        source: std::io::Error,
    },
    /// A write failed, and every key that had been written was put back.
    PutBack(Failure),
    /// A write failed, and putting back failed as well for the keys of `left`.
    Mixed(Failure, Vec<Left>),
}

impl Error {
    /// The exit code: every error has one, and a new error does not compile without it.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage { .. } => Exit::Wrong,
            Error::Problems(problems) => problems
                .iter()
                .map(problem_exit)
                .max()
                .unwrap_or(Exit::Wrong),
            Error::Refused { refusals, .. }
                if refusals.iter().any(|r| match r {
                    Refusal::Unreadable(..) => true,
                    Refusal::Unfit(unfit @ Unfit::Unread(..)) => !unfit.is_forbidden(),
                    _ => false,
                }) =>
            {
                Exit::Failed
            }
            Error::File { source, .. } if rights(source) => Exit::Refused,
            Error::File { .. } | Error::Sockets { .. } | Error::PutBack(_) => Exit::Failed,
            Error::Untrusted { .. }
            | Error::Foreign { .. }
            | Error::Locked { .. }
            | Error::Denied(_)
            | Error::Refused { .. }
            | Error::MovedSince { .. }
            | Error::Unconfirmed(..)
            | Error::NothingToConfirm(_)
            | Error::TooLate(_)
            | Error::Guard(_)
            | Error::Held(_)
            | Error::NotApproved { .. }
            | Error::Declined
            | Error::Unasked(_)
            | Error::Later
            | Error::Interrupted
            | Error::Namespace { .. } => Exit::Refused,
            Error::Mixed(..) => Exit::Mixed,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Usage { code, .. } => code,
            Error::Problems(problems) => match problems.as_slice() {
                [problem] => problem.code,
                _ => "problems",
            },
            Error::Untrusted { .. } => "untrusted",
            Error::Foreign { .. } => "foreign-file",
            Error::File { .. } => "file",
            Error::Locked { .. } => "locked",
            Error::Denied(_) => "not-permitted",
            Error::Refused { refusals, .. } => refusals.first().map_or("refused", refusal::code),
            Error::MovedSince { .. } => "moved",
            Error::Unconfirmed(..) => "unconfirmed",
            Error::NothingToConfirm(_) => "nothing-to-confirm",
            Error::TooLate(_) => "too-late",
            Error::Guard(_) => "guard",
            Error::Held(_) => "held",
            Error::NotApproved { .. } => "not-approved",
            Error::Declined => "declined",
            Error::Unasked(_) => "not-agreed",
            Error::Later => "later-state",
            Error::Interrupted => "interrupted",
            Error::Namespace { .. } => "namespace",
            Error::Sockets { .. } => "sockets",
            Error::PutBack(_) => "put-back",
            Error::Mixed(..) => "mixed",
        }
    }

    /// The same about a file that the command line names: where it is not there, that is wrong usage.
    #[must_use]
    pub fn of_named_file(self) -> Self {
        match &self {
            Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Error::Usage {
                    code: "no-file",
                    message: self.to_string(),
                    hint: None,
                }
            }
            _ => self,
        }
    }

    /// What the reader can do, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } => hint.clone(),
            Error::Problems(problems) => match problems.as_slice() {
                [problem] => problem.hint.clone(),
                _ => None,
            },
            Error::Untrusted { cure, .. } => {
                Some(format!("root uses only what no other user can write: `{}`", cure.as_ref()?))
            }
            Error::Foreign { .. } => Some("move it away, or choose another name".into()),
            Error::File { source, .. } | Error::Namespace { source, .. } if denied(source) => {
                Some("run it as root".into())
            }
            Error::Sockets { .. } => Some("the module tcp_diag has it: `modprobe tcp_diag`".into()),
            Error::File { .. } | Error::Namespace { .. } | Error::Declined | Error::Interrupted => None,
            Error::Unconfirmed(..) => Some("`tcptune confirm` keeps it, `tcptune rollback` takes it back now".into()),
            Error::NothingToConfirm(Some(netns)) => Some(format!("an entry waits in another namespace: `tcptune confirm --netns {}`", shell_word(netns))),
            Error::NothingToConfirm(None) | Error::TooLate(_) => Some("`tcptune history` shows what became of it".into()),
            Error::Unasked(_) => Some("run it again, to be asked about this as well".into()),
            Error::Guard(_) => Some("without `--confirm-within` it can be applied".into()),
            Error::Held(_) => Some("`tcptune unhold` takes it away; `set`, `confirm` and `rollback` work all the same".into()),
            Error::NotApproved { .. } => Some("`tcptune diff` shows what would be done now; whoever agrees with it approves its hash".into()),
            Error::Locked { .. } => Some("wait for it with `--wait=1m`".into()),
            Error::Later => Some("use that tcptune, or move /var/lib/tcptune away".into()),
            Error::Denied(keys) if keys.iter().all(|(_, source)| source.kind() == std::io::ErrorKind::ReadOnlyFilesystem) => {
                Some("/proc/sys is read-only here, as in most containers: run it on the host, with `--netns pid:N`".into())
            }
            Error::Denied(_) if nix::unistd::geteuid().is_root() => Some("nobody may write it here: the kernel, or a namespace, has it read-only".into()),
            Error::Denied(_) => Some("run it as root".into()),
            Error::Refused { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Error::Refused { refusals, near: None } => refusals.first().and_then(refusal::hint),
            Error::MovedSince { .. } => Some("somebody else is writing sysctls: look with `tcptune status`, then try again".into()),
            Error::PutBack(failure) | Error::Mixed(failure, _) => failure.hint(),
        }
    }

    /// The keys that are not as they should be.
    pub fn left(&self) -> &[Left] {
        match self {
            Error::Mixed(_, left) => left,
            _ => &[],
        }
    }
}

fn denied(source: &std::io::Error) -> bool {
    source.kind() == std::io::ErrorKind::PermissionDenied
}

/// Whether it is a matter of rights rather than of luck.
fn rights(source: &std::io::Error) -> bool {
    denied(source) || source.kind() == std::io::ErrorKind::ReadOnlyFilesystem
}

/// Files that may not or cannot be read are no fault of the request's wording.
fn problem_exit(problem: &Problem) -> Exit {
    match problem.code {
        "untrusted" | "no-fresh-namespace" => Exit::Refused,
        "unreadable" => Exit::Failed,
        _ => Exit::Wrong,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage { message, .. } => f.write_str(message),
            Error::Problems(problems) => match problems.as_slice() {
                [problem] => f.write_str(&problem.message),
                problems => write!(f, "{} problems in the input", problems.len()),
            },
            Error::Untrusted { path, why, .. } => write!(f, "read {} as root: {why}", path.display()),
            Error::Foreign { path, what } => write!(f, "replace {}: it is {what}; nothing was touched", path.display()),
            Error::File {
                doing,
                path,
                source,
            } => write!(f, "{doing} {}: {source}", path.display()),
            Error::Locked { holder, waited } if waited.is_zero() => {
                write!(f, "another tcptune is at work: {holder}")
            }
            Error::Locked { holder, waited } => {
                write!(
                    f,
                    "another tcptune is still at work after {}: {holder}",
                    humantime::format_duration(*waited)
                )
            }
            Error::Denied(keys) => {
                let keys: Vec<_> = keys
                    .iter()
                    .map(|(key, source)| format!("{key} ({source})"))
                    .collect();
                write!(
                    f,
                    "open for writing: {}; nothing was touched",
                    enumerate(&keys, ", ")
                )
            }
            Error::Refused { refusals, .. } => {
                let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                write!(f, "{}; nothing was touched", enumerate(&refusals, "; "))
            }
            Error::MovedSince {
                key,
                planned,
                holds,
            } => {
                write!(
                    f,
                    "{key} was {planned} in the plan, but holds {holds}; nothing was touched"
                )
            }
            Error::Later => f.write_str("a later tcptune has been at work here, and this one does not know what it remembers; nothing was touched"),
            Error::Interrupted => f.write_str("not done: a signal came before its turn; nothing was touched"),
            Error::Unconfirmed(id, left) => write!(f, "entry {id} waits to be confirmed, for {left} s more; nothing was touched"),
            Error::NothingToConfirm(_) => f.write_str("nothing waits to be confirmed"),
            Error::TooLate(id) => write!(f, "too late: entry {id} was not confirmed in time, and has been taken back"),
            Error::Guard(source) => write!(f, "start the process that would take it back: {source}; nothing was touched"),
            Error::Held(words) => write!(f, "{words}; nothing was touched"),
            Error::NotApproved { moved, desired, plan } => {
                f.write_str("not what was approved")?;
                if !moved.is_empty() {
                    write!(f, ": {} moved since", moved.join(", "))?;
                }
                write!(f, "; now it is desired {desired}, plan {plan}; nothing was touched")
            }
            Error::Declined => f.write_str("declined; nothing was touched"),
            Error::Unasked(released) => write!(
                f,
                "this was not asked about, as it moved meanwhile: no longer declared, goes back: {released}; nothing was touched"
            ),
            Error::Namespace {
                doing,
                name,
                source,
            } => write!(f, "{doing} {name}: {source}"),
            Error::Sockets { source } => write!(f, "ask the kernel for its TCP sockets (sock_diag): {source}"),
            Error::PutBack(failure) => {
                write!(f, "{failure}; everything that was written was put back")
            }
            Error::Mixed(failure, left) => {
                write!(f, "{failure}; LEFT MIXED: {}", list(left))
            }
        }
    }
}

/// As many as a reader takes in at once.
fn enumerate(items: &[String], separator: &str) -> String {
    const SHOWN: usize = 10;
    let shown = items
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(separator);
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}{separator}and {more} more"),
    }
}

impl std::error::Error for Error {}
