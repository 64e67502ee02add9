//! A line of a file, and what the kernel makes of it.

use super::super::catalogue::Taken;
use super::super::key::Key;
use super::super::value::Value;
use super::sequence::{Placed, Winner};
use super::statement::{hides, made_of};

/// A line that speaks of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Win {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What the line says; nothing for an exclusion.
    pub text: Option<String>,
    /// What the kernel makes of that.
    pub taken: Taken,
}

impl Win {
    fn new(placed: &Placed, taken: Taken) -> Self {
        Self {
            path: placed.path.clone(),
            line: placed.line,
            text: placed.statement.value.clone(),
            taken,
        }
    }

    /// A line that is written.
    pub(super) fn won(Winner { placed, taken, .. }: Winner<'_>) -> Self {
        Self::new(placed, taken)
    }

    /// A line as it speaks of a key, whoever wins.
    pub(super) fn of(key: &Key, placed: &Placed) -> Self {
        let text = placed.statement.value.as_deref();
        Self::new(
            placed,
            text.map_or(Taken::Refused, |text| made_of(key, text)),
        )
    }

    /// A line that keeps a loader from writing a key.
    pub fn excluding(placed: &Placed) -> Self {
        Self::new(placed, Taken::Refused)
    }

    /// `/etc/sysctl.d/60-app.conf:4`
    pub fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }

    /// Whether what it says is hidden, and so unknown.
    pub fn is_hidden(&self) -> bool {
        self.text.as_deref().is_some_and(hides)
    }

    /// What the key will hold, as far as that can be told: else what the line says, folded like a value.
    pub fn value(&self) -> Value {
        self.taken
            .value()
            .cloned()
            .unwrap_or_else(|| Value::new(self.text.as_deref().unwrap_or_default()))
    }
}
