//! What comes from outside before anybody checked it, and why it is refused.

use super::Entry;

/// A value as it came from outside, before anybody checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw<'a> {
    /// A decimal number.
    Integer(i128),
    /// `true` or `false`.
    Bool(bool),
    /// Text, also everything from the command line.
    Text(&'a str),
    /// A list.
    List(Vec<Raw<'a>>),
}

/// Why a value or a name is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Complaint {
    /// A complaint without a hint.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts the name of the key in front and, where there is no better hint, what it accepts behind.
    pub(super) fn about(mut self, entry: &Entry) -> Self {
        self.message = format!("{}: {}", entry.short, self.message);
        self.hint = self
            .hint
            .or_else(|| entry.shape.accepts().map(|what| format!("it takes {what}")));
        self
    }
}
