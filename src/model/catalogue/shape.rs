//! The shapes of values: what is accepted for a key, in words.

use super::super::value::Value;

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
