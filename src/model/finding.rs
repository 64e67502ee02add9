//! What is wrong, how bad it is, why, and what would mend it.

use serde::Serialize;

use super::key::Key;
use super::setting::Origin;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// It probably does not do what its author wants.
    Warning,
    /// It cannot be applied.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing that is wrong with what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, a stable word.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The key that it is about.
    pub key: Key,
    /// What is wrong, with the values that say so.
    pub message: String,
    /// What the kernel does, and where that is written.
    pub reason: &'static str,
    /// What would mend it.
    pub hint: Option<String>,
    /// Who wants it so.
    pub origin: Option<Origin>,
}
