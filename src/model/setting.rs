//! What is wanted for one key, and where each part of the wish was written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalogue;
use super::key::Key;
use super::value::Value;

/// Where a wish was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the profile, or `--set`.
    pub profile: Arc<str>,
    /// The file, `built in`, `computed`, or `command line`.
    pub file: Arc<str>,
    /// Line, from 1; absent where there are no lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

impl Origin {
    /// The place in words: `base.toml:3`, or `--set` for the command line.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) if *self.file == *BUILT_IN => {
                format!("{}:{line} ({BUILT_IN})", self.profile)
            }
            Some(line) => format!("{}:{line}", self.file),
            None => self.profile.to_string(),
        }
    }
}

/// The `file` of a profile that is part of the program.
pub const BUILT_IN: &str = "built in";

/// The `file` of a profile that is not written anywhere.
pub const COMPUTED: &str = "computed";

/// One part of a wish: a number or value, its origin, and the reason given for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part<T> {
    /// What is asked for.
    pub value: T,
    /// Who asks.
    pub origin: Origin,
    /// Why, if the profile says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What is wanted for one key: an exact value, bounds, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Setting {
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<Part<Value>>,
    /// A lower bound; never lowers a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Part<i128>>,
    /// An upper bound; never raises a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Part<i128>>,
    /// Whether a kernel without the key is skipped rather than refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl Setting {
    /// Whether both ask for the same; who said so, and why, makes no difference.
    pub fn wants_the_same(&self, other: &Self) -> bool {
        fn value<T>(part: Option<&Part<T>>) -> Option<&T> {
            part.map(|part| &part.value)
        }
        self.optional == other.optional
            && value(self.exact.as_ref()) == value(other.exact.as_ref())
            && value(self.at_least.as_ref()) == value(other.at_least.as_ref())
            && value(self.at_most.as_ref()) == value(other.at_most.as_ref())
    }

    /// Puts a later wish for the same key on top of this one: the later exact value wins, the larger lower
    /// bound, the smaller upper bound; optional only if both are. Associative, so that stacks can be nested.
    #[must_use]
    pub fn stack(self, later: Self) -> Self {
        Self {
            exact: later.exact.or(self.exact),
            at_least: tighter(self.at_least, later.at_least, |a, b| b >= a),
            at_most: tighter(self.at_most, later.at_most, |a, b| b <= a),
            optional: self.optional && later.optional,
        }
    }

    /// Why the parts exclude each other, if they do; both places are named.
    pub fn contradiction(&self) -> Option<String> {
        let number = self.exact.as_ref().map(|part| part.value.integer());
        if let (Some(None), Some(bound)) =
            (number, self.at_least.as_ref().or(self.at_most.as_ref()))
        {
            let exact = self
                .exact
                .as_ref()
                .map(|part| part.origin.place())
                .unwrap_or_default();
            return Some(format!(
                "{exact} asks for a text, {} for a bound on a number",
                bound.origin.place()
            ));
        }
        let low = self
            .at_least
            .as_ref()
            .map(|part| (part.value, "at least", &part.origin));
        let high = self
            .at_most
            .as_ref()
            .map(|part| (part.value, "at most", &part.origin));
        let exact = self
            .exact
            .as_ref()
            .zip(number.flatten())
            .map(|(part, n)| (n, "exactly", &part.origin));
        for (a, b) in [(low, high), (low, exact), (exact, high)] {
            if let (Some((a, asked, here)), Some((b, also, there))) = (a, b)
                && a > b
            {
                return Some(format!(
                    "{} asks for {asked} {a}, {} for {also} {b}",
                    here.place(),
                    there.place()
                ));
            }
        }
        None
    }

    /// Whether a value is what is wanted.
    pub fn accepts(&self, value: &Value) -> bool {
        self.exact.as_ref().is_none_or(|part| part.value == *value)
            && self
                .at_least
                .as_ref()
                .is_none_or(|part| value.integer().is_some_and(|n| n >= part.value))
            && self
                .at_most
                .as_ref()
                .is_none_or(|part| value.integer().is_some_and(|n| n <= part.value))
    }

    /// The value nearest to what was found that is wanted; where nobody knows what that was, the bound itself. Nothing
    /// if a bound meets a value that is not one number.
    pub fn nearest(&self, found: Option<&Value>) -> Option<Value> {
        if let Some(part) = &self.exact {
            return Some(part.value.clone());
        }
        let (low, high) = (self.at_least.as_ref(), self.at_most.as_ref());
        let Some(found) = found else {
            return low.or(high).map(|part| Value::from(part.value));
        };
        let number = found.integer()?;
        let raised = low.map_or(number, |part| number.max(part.value));
        Some(Value::from(
            high.map_or(raised, |part| raised.min(part.value)),
        ))
    }

    /// Whether a value is exactly what one of the bounds asks for.
    pub fn is_edge(&self, value: &Value) -> bool {
        let bounds = self.at_least.iter().chain(&self.at_most);
        bounds
            .map(|part| Some(part.value))
            .any(|bound| bound == value.integer())
    }

    /// The wish in words: `3`, `at least 16384`, `at least 4 and at most 9`.
    pub fn words(&self) -> String {
        if let Some(part) = &self.exact {
            return part.value.to_string();
        }
        let low = self
            .at_least
            .as_ref()
            .map(|part| format!("at least {}", part.value));
        let high = self
            .at_most
            .as_ref()
            .map(|part| format!("at most {}", part.value));
        low.into_iter()
            .chain(high)
            .collect::<Vec<_>>()
            .join(" and ")
    }

    /// The same with the word for it, and whether it is optional.
    pub fn in_full(&self, key: &Key) -> String {
        let word = self.word(key).map(|word| format!(" ({word})"));
        let optional = self.optional.then_some(", where the kernel has it");
        self.words() + &word.unwrap_or_default() + optional.unwrap_or_default()
    }

    /// The wish in words, if there is no exact value but only bounds.
    pub fn bound(&self) -> Option<String> {
        self.exact.is_none().then(|| self.words())
    }

    /// The word for the exact value, where the key has words.
    pub fn word(&self, key: &Key) -> Option<String> {
        catalogue::word(key, &self.exact.as_ref()?.value)
    }

    /// Whose wish it is in the first place: the exact value's, else the lower bound's, else the upper bound's.
    pub fn origin(&self) -> Option<&Origin> {
        let exact = self.exact.as_ref().map(|part| &part.origin);
        exact
            .or(self.at_least.as_ref().map(|part| &part.origin))
            .or(self.at_most.as_ref().map(|part| &part.origin))
    }

    /// The reason given by whoever [`Setting::origin`] names.
    pub fn why(&self) -> Option<&str> {
        let exact = self.exact.as_ref().map(|part| &part.why);
        let bound = || {
            self.at_least
                .as_ref()
                .map(|part| &part.why)
                .or(self.at_most.as_ref().map(|part| &part.why))
        };
        exact.or_else(bound)?.as_deref()
    }
}

fn tighter(
    a: Option<Part<i128>>,
    b: Option<Part<i128>>,
    later_wins: fn(i128, i128) -> bool,
) -> Option<Part<i128>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if later_wins(a.value, b.value) { b } else { a }),
        (a, b) => b.or(a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<T>(value: T) -> Part<T> {
        let origin = Origin {
            profile: "p".into(),
            file: "f.toml".into(),
            line: Some(1),
        };
        Part {
            value,
            origin,
            why: None,
        }
    }

    fn at_least(bound: i128) -> Setting {
        Setting {
            at_least: Some(part(bound)),
            ..Setting::default()
        }
    }

    #[test]
    fn a_later_file_cannot_loosen_a_bound() {
        let (strict, loose) = (at_least(100), at_least(50));
        assert_eq!(strict.clone().stack(loose.clone()).words(), "at least 100");
        assert_eq!(loose.stack(strict).words(), "at least 100");
    }

    #[test]
    fn contradictions_name_both_places() {
        let low = at_least(100);
        let exact = Setting {
            exact: Some(part(Value::from(7))),
            ..Setting::default()
        };
        let both = low.stack(exact);
        assert_eq!(
            both.contradiction().unwrap(),
            "f.toml:1 asks for at least 100, f.toml:1 for exactly 7"
        );
        let text = Setting {
            exact: Some(part(Value::new("cubic"))),
            ..at_least(100)
        };
        assert_eq!(
            text.contradiction().unwrap(),
            "f.toml:1 asks for a text, f.toml:1 for a bound on a number"
        );
    }

    #[test]
    fn a_bound_moves_a_value_as_little_as_it_must() {
        let range = Setting {
            at_most: Some(part(20)),
            ..at_least(10)
        };
        for (from, to) in [(5, 10), (15, 15), (25, 20)] {
            assert_eq!(
                range.nearest(Some(&Value::from(from))),
                Some(Value::from(to))
            );
            assert!(range.accepts(&Value::from(to)));
        }
        assert_eq!(range.nearest(Some(&Value::new("1 2 3"))), None);
    }
}
