//! Refusals of the planner, in words.

use std::fmt;

use similar::ChangeTag;

use crate::model::dropin::Unfit;
use crate::model::lines::Lines;
use crate::model::refusal::{Refusal, Shadow};
use crate::model::sysctld::{Win, shown};

/// A stable word for programs.
pub(super) fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Absent(_) => "absent-key",
        Refusal::Unreadable(..) => "unreadable-key",
        Refusal::Global(_) => "global-key",
        Refusal::NoNumber(..) => "no-number",
        Refusal::OneWay(_) => "one-way",
        Refusal::Shadowed { .. } => "shadowed",
        Refusal::Unfit(_) => "drop-in",
        Refusal::WrittenBetween(_)
        | Refusal::Moved { .. }
        | Refusal::FileMoved(_)
        | Refusal::NotOurs(_) => "moved",
    }
}

/// What the reader can do, if anything.
pub(super) fn hint(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::Absent(_) => {
            "set `optional = true` if kernels without it shall be passed over".to_owned()
        }
        Refusal::Unfit(unfit) if unfit.is_forbidden() => "run it as root".to_owned(),
        Refusal::Unreadable(..) | Refusal::OneWay(_) | Refusal::Unfit(Unfit::Unread(..)) => {
            return None;
        }
        Refusal::Global(_) => "run it in the host's namespace, or set `optional = true`".to_owned(),
        Refusal::NoNumber(..) => "give it an exact value instead of a bound".to_owned(),
        Refusal::Shadowed {
            wins_as: Some(name),
            ..
        } => {
            format!("`--drop-in {name}` would win; `--allow-shadowed` goes on all the same")
        }
        Refusal::Shadowed { wins_as: None, .. } => {
            "no name of ours would win: change that line; `--allow-shadowed` goes on all the same"
                .to_owned()
        }
        Refusal::Unfit(Unfit::Edited { path, .. }) => {
            format!("put the edit into a profile, remove {path}, and apply again")
        }
        Refusal::Unfit(Unfit::Twice(..)) => "remove the copy".to_owned(),
        Refusal::Unfit(Unfit::Hides(..)) => "choose another name with `--drop-in NAME`".to_owned(),
        Refusal::Unfit(Unfit::InTheWay(..)) => {
            "move it away, or choose another name with `--drop-in NAME`".to_owned()
        }
        Refusal::FileMoved(_) => {
            "somebody else wrote it since; `--force` puts back what was there before all the same"
                .to_owned()
        }
        Refusal::NotOurs(_) => "move it away, and roll back again".to_owned(),
        Refusal::WrittenBetween(_) => "go back one entry at a time, or use `--force`".to_owned(),
        Refusal::Moved { .. } => {
            "somebody else wrote it since; `--force` puts back what tcptune found all the same"
                .to_owned()
        }
    })
}

/// The line that wins, and what it says.
fn obeyed(win: &Win) -> String {
    let said = match &win.text {
        None => "which excludes it".to_owned(),
        Some(text) => format!("which says {text}"),
    };
    format!("{}, {said}", win.place())
}

/// The lines that were edited, in one line.
fn edited(wrote: &str, holds: &str) -> String {
    let compared = Lines::compare(wrote, holds);
    // What the file says of itself follows from the rest.
    let lines = compared.all().filter(|(tag, line)| {
        *tag != ChangeTag::Equal && !line.starts_with("#: ") && !line.starts_with("# content: ")
    });
    let lines: Vec<String> = lines
        .map(|(tag, line)| format!("{tag}{}", shown(line.trim_end())))
        .collect();
    lines.join("; ")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Absent(key) => write!(f, "{key}: this kernel does not have it"),
            Refusal::Unreadable(key, why) => write!(f, "{key}: cannot be read back ({why})"),
            Refusal::Global(key) => write!(
                f,
                "{key}: global, a network namespace would change the whole machine"
            ),
            Refusal::NoNumber(key, value) => {
                write!(f, "{key}: a bound meets `{value}`, which is not one number")
            }
            Refusal::WrittenBetween(key) => {
                write!(
                    f,
                    "{key}: somebody else wrote it between two entries, and would lose their value"
                )
            }
            Refusal::Shadowed { shadow, .. } => {
                let Shadow {
                    key,
                    wanted,
                    win,
                    loader,
                } = &**shadow;
                write!(
                    f,
                    "{key} shall be {wanted}, but {} would obey {}",
                    loader.name(),
                    obeyed(win)
                )
            }
            Refusal::Unfit(Unfit::Edited { path, wrote, holds }) => {
                write!(f, "{path} was edited by hand")?;
                wrote
                    .as_ref()
                    .map_or(Ok(()), |wrote| write!(f, " ({})", edited(wrote, holds)))
            }
            Refusal::Unfit(Unfit::Twice(one, other)) => {
                write!(f, "{one} and {other} both say that they are tcptune's")
            }
            Refusal::Unfit(Unfit::InTheWay(path, what)) => write!(f, "{path} is {what}"),
            Refusal::Unfit(Unfit::Hides(path, other)) => {
                write!(f, "with {path}, no loader would read {other} any more")
            }
            Refusal::Unfit(Unfit::Unread(path, why)) => write!(f, "read {path}: {why}"),
            Refusal::FileMoved(path) => write!(f, "{path} has been changed since tcptune wrote it"),
            Refusal::NotOurs(path) => {
                write!(f, "{path} is somebody else's: tcptune did not write it")
            }
            Refusal::OneWay(key) => write!(
                f,
                "{key}: what it holds is too long to be put back in one write"
            ),
            Refusal::Moved {
                key,
                holds,
                wrote,
                from,
            } => {
                write!(
                    f,
                    "{key} has moved: tcptune wrote {wrote} over {from}, it holds {holds}"
                )
            }
        }
    }
}
