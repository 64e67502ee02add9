//! Refusals of the planner, in words.

use std::fmt;

use crate::model::plan::Refusal;

/// A stable word for programs.
pub(super) fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Absent(_) => "absent-key",
        Refusal::Unreadable(..) => "unreadable-key",
        Refusal::Global(_) => "global-key",
        Refusal::NoNumber(..) => "no-number",
        Refusal::OneWay(_) => "one-way",
        Refusal::WrittenBetween(_) | Refusal::Moved { .. } => "moved",
    }
}

/// What the reader can do, if anything.
pub(super) fn hint(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::Absent(_) => {
            "set `optional = true` if kernels without it shall be passed over".to_owned()
        }
        Refusal::Unreadable(..) | Refusal::OneWay(_) => return None,
        Refusal::Global(_) => "run it in the host's namespace, or set `optional = true`".to_owned(),
        Refusal::NoNumber(..) => "give it an exact value instead of a bound".to_owned(),
        Refusal::WrittenBetween(_) => "go back one entry at a time, or use `--force`".to_owned(),
        Refusal::Moved { .. } => {
            "somebody else wrote it since; `--force` puts back what tcptune found all the same"
                .to_owned()
        }
    })
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
