//! The shapes of values: what is accepted for a key, and its canonical spelling.

use super::super::value::Value;
use super::Entry;
use super::parse::{bits, choice, integer, ports, sorted, vector, word, words};

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

/// What values a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A number from `min` to `max`, in `unit` (which may be empty).
    Integer {
        /// Smallest accepted.
        min: i128,
        /// Largest accepted.
        max: i128,
        /// Plural unit, or nothing.
        unit: &'static str,
    },
    /// Off or on: 0 or 1, `false` or `true`.
    Switch,
    /// One of a few numbers with names.
    Choice(&'static [(i128, &'static str)]),
    /// Any sum of named bits.
    Bits(&'static [(i128, &'static str)]),
    /// A fixed count of numbers that must not decrease.
    Vector {
        /// How many.
        count: usize,
        /// Smallest accepted.
        min: i128,
        /// Largest accepted.
        max: i128,
        /// Plural unit.
        unit: &'static str,
    },
    /// One name.
    Word,
    /// Names separated by blanks.
    Words,
    /// Port ranges, `8080,9000-9010`; may be empty.
    Ports,
    /// Not managed at all: it may not enter a file, a journal or an output.
    Secret,
    /// The kernel does not let anybody write it.
    ReadOnly,
    /// The kernel no longer has it; the text says why nobody should miss it.
    Removed(&'static str),
}

impl Shape {
    /// What is accepted, in words, if anything is.
    pub fn accepts(&self) -> Option<String> {
        let space = |unit: &str| {
            if unit.is_empty() {
                String::new()
            } else {
                format!(" {unit}")
            }
        };
        Some(match self {
            Shape::Integer { min, max, unit } => format!("{min} to {max}{}", space(unit)),
            Shape::Switch => "0 or 1, false or true".to_owned(),
            Shape::Choice(names) => names
                .iter()
                .map(|(n, name)| format!("{n} (\"{name}\")"))
                .collect::<Vec<_>>()
                .join(", "),
            Shape::Bits(names) => {
                let names: Vec<_> = names
                    .iter()
                    .map(|(bit, name)| format!("{bit:#x} (\"{name}\")"))
                    .collect();
                format!("a list or the sum of {}", names.join(", "))
            }
            Shape::Vector {
                count,
                min,
                max,
                unit,
            } => {
                format!(
                    "{count} numbers from {min} to {max}{}, none smaller than the one before",
                    space(unit)
                )
            }
            Shape::Word => "one name of letters, digits, `_`, `-`, `.`".to_owned(),
            Shape::Words => "names separated by blanks".to_owned(),
            Shape::Ports => {
                "ports and ranges separated by commas, as in \"8080,9000-9010\", or \"\"".to_owned()
            }
            Shape::Secret | Shape::ReadOnly | Shape::Removed(_) => return None,
        })
    }

    /// The canonical value, or why not.
    pub fn parse(&self, raw: &Raw<'_>) -> Result<Value, Complaint> {
        match self {
            Shape::Integer { min, max, .. } => integer(raw, *min, *max).map(Value::from),
            Shape::Switch => match raw {
                Raw::Bool(on) => Ok(Value::from(i128::from(*on))),
                Raw::Text("off" | "false") => Ok(Value::from(0)),
                Raw::Text("on" | "true") => Ok(Value::from(1)),
                raw => integer(raw, 0, 1).map(Value::from),
            },
            Shape::Choice(names) => choice(raw, names).map(Value::from),
            Shape::Bits(names) => bits(raw, names).map(Value::from),
            Shape::Vector { count, min, max, .. } => vector(raw, *count, *min, *max),
            Shape::Word => word(raw),
            Shape::Words => words(raw),
            Shape::Ports => ports(raw),
            Shape::Secret => Err(Complaint::new("secret", "a secret is not managed by tcptune")
                .hint("a profile, a journal and a diff would all show it, and an all-zero key means that there is none yet; load it from your secret store")),
            Shape::ReadOnly => Err(Complaint::new("read-only", "the kernel computes this value; nobody can write it")),
            Shape::Removed(why) => Err(Complaint::new("removed-key", "no current kernel has this key").hint(*why)),
        }
    }

    /// What the kernel printed, as a value that can be compared.
    pub fn stored(&self, text: &str) -> Value {
        match self {
            Shape::Words => sorted(text),
            _ => Value::new(text),
        }
    }

    /// The word for a value, if the shape has words.
    pub fn word(&self, value: &Value) -> Option<String> {
        let number = value.integer()?;
        match self {
            Shape::Choice(names) => names
                .iter()
                .find(|(n, _)| *n == number)
                .map(|(_, name)| (*name).to_owned()),
            Shape::Bits(names) if number != 0 => {
                let set: Vec<_> = names
                    .iter()
                    .filter(|(bit, _)| number & bit != 0)
                    .map(|(_, name)| *name)
                    .collect();
                Some(set.join(" + "))
            }
            Shape::Switch | Shape::Bits(_) => match number {
                0 => Some("off".to_owned()),
                1 => Some("on".to_owned()),
                _ => None,
            },
            _ => None,
        }
    }
}
