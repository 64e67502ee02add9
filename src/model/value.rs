//! A sysctl's value in the one form in which values are compared, shown and written.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// Longest value that is accepted, in bytes: what the kernel takes in one write to any key, a page with some room.
pub const LONGEST: usize = 4000;

/// A value as the kernel prints it, fields separated by single blanks (the kernel itself separates vectors by tabs).
///
/// Two values are equal exactly when the kernel stores the same thing: numbers are decimal without leading
/// zeros, because everything that enters from a profile or a command line was put in that form first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Value(Arc<str>);

impl Value {
    /// Takes what was read from `/proc/sys` (or any text) and folds every run of white space into one blank.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let single = |c: char| !c.is_whitespace() || c == ' ';
        if text.chars().all(single) && !text.contains("  ") {
            return Self(text.into());
        }
        Self(text.split_whitespace().collect::<Vec<_>>().join(" ").into())
    }

    /// The text as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as one decimal number, if it is one.
    pub fn integer(&self) -> Option<i128> {
        self.0.parse().ok()
    }
}

impl From<i128> for Value {
    fn from(number: i128) -> Self {
        Self(number.to_string().into())
    }
}

/// As it is, from where it was put in its form before.
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A number whose spelling the kernel would read differently from a person: `010` is stored as 8, `0x10` as 16
/// (`simple_strtoul` in kernel/sysctl.c takes C prefixes).
pub fn misread_by_the_kernel(text: &str) -> bool {
    text.split([' ', '\t', ',']).any(|field| {
        let digits = field.strip_prefix('-').unwrap_or(field);
        if field == "-0" {
            return true;
        }
        digits.len() > 1
            && digits.starts_with('0')
            && (digits.chars().all(|c| c.is_ascii_digit())
                || digits.starts_with("0x")
                || digits.starts_with("0X"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_runs_of_blanks_are_one_blank() {
        assert_eq!(
            Value::new("4096\t131072\t6291456\n").as_str(),
            "4096 131072 6291456"
        );
        assert_eq!(Value::new(" 1  2 "), Value::new("1\t2"));
    }

    #[test]
    fn octal_and_hex_are_recognised() {
        for text in ["010", "-07", "-0", "0x10", "0X1f", "4096 010 1", "00"] {
            assert!(misread_by_the_kernel(text), "{text}");
        }
        for text in ["0", "10", "-1", "cubic", "0-1", "100 200", ""] {
            assert!(!misread_by_the_kernel(text), "{text}");
        }
    }
}
