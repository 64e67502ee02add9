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

    /// The words that a profile may say instead of numbers.
    pub fn words(&self) -> Vec<&'static str> {
        match self {
            Shape::Choice(names) | Shape::Bits(names) => {
                names.iter().map(|(_, name)| *name).collect()
            }
            Shape::Switch => vec!["false", "true"],
            _ => Vec::new(),
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
                let mut set: Vec<String> = names
                    .iter()
                    .filter(|(bit, _)| number & bit != 0)
                    .map(|(_, name)| (*name).to_owned())
                    .collect();
                // The kernel keeps 32 bits, also those that nobody has given a meaning.
                let known = names.iter().fold(0, |sum, (bit, _)| sum | bit);
                let unknown = number & !known & 0xffff_ffff;
                if unknown != 0 {
                    set.push(format!("{unknown:#x} without a meaning"));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_without_a_meaning_are_named_too() {
        let bits = Shape::Bits(&[(0x1, "client"), (0x2, "server")]);
        let word = |number| bits.word(&Value::from(number)).unwrap();
        assert_eq!(word(3), "client + server");
        assert_eq!(word(2048), "0x800 without a meaning");
        assert_eq!(word(2049), "client + 0x800 without a meaning");
        assert_eq!(word(-1), "client + server + 0xfffffffc without a meaning");
        assert_eq!(word(0), "off");
    }
}
