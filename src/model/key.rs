//! The name of a sysctl: one canonical spelling, and the file under `/proc/sys` that it stands for.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// Longest key that is accepted, in bytes (`/proc/sys` itself has none that is half as long).
const LONGEST: usize = 255;

/// A sysctl key in its canonical spelling: components joined by dots, a dot inside a component written `/`
/// (`net.ipv4.conf.eth0/100.rp_filter`), which is what `sysctl -a` of procps prints.
///
/// To clone one copies nothing: plans, memories and reports all speak of the same keys.
///
/// A `Key` is safe to turn into a path: it has no empty component, no `.` or `..`, no blank, no control
/// character and no glob.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(Arc<str>);

impl Key {
    /// The canonical dotted name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below `/proc/sys`, relative, components joined by `/`.
    pub fn path(&self) -> String {
        swap(&self.0)
    }

    /// Whether the key lives below `net.`, the only part of `/proc/sys` that a network namespace has its own copy of.
    pub fn is_net(&self) -> bool {
        self.0.starts_with("net.")
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No text, or nothing between two separators.
    #[error("a key needs a name in every component")]
    Empty,
    /// Only one component: the kernel has no sysctl directly below `/proc/sys`.
    #[error("a key needs at least two components, as in `net.core.somaxconn`")]
    Short,
    /// More than 255 bytes.
    #[error("a key of more than 255 bytes")]
    Long,
    /// `.` or `..` as a component.
    #[error("a key may not climb (`.` or `..` as a component)")]
    Climbs,
    /// `*`, `?`, `[` or `]`.
    #[error("a key may not be a pattern (`*`, `?`, `[`, `]`)")]
    Pattern,
    /// A blank, a control character, a character outside ASCII, or one of `= # ; \ " '`.
    #[error("a key may hold letters, digits and `_ - . / : @ + , %` only")]
    Character,
}

/// Accepts both spellings; the first separator decides which one it is (sysctl.d(5)).
impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() > LONGEST {
            return Err(KeyError::Long);
        }
        let pattern = |byte: u8| matches!(byte, b'*' | b'?' | b'[' | b']');
        if text.bytes().any(pattern) {
            return Err(KeyError::Pattern);
        }
        let sign = |byte: u8| {
            matches!(
                byte,
                b'_' | b'-' | b'.' | b'/' | b':' | b'@' | b'+' | b',' | b'%'
            )
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || sign(byte);
        if !text.bytes().all(fits) {
            return Err(KeyError::Character);
        }
        let slashes = text.bytes().find(|byte| matches!(byte, b'.' | b'/')) == Some(b'/');
        // Between the separators of its spelling, a component may hold the other one.
        let (separator, other) = if slashes { (b'/', b'.') } else { (b'.', b'/') };
        let mut components = 0;
        for component in text.as_bytes().split(|byte| *byte == separator) {
            if component.is_empty() {
                return Err(KeyError::Empty);
            }
            if component.len() < 3 && component.iter().all(|byte| *byte == other) {
                return Err(KeyError::Climbs);
            }
            components += 1;
        }
        if components < 2 {
            return Err(KeyError::Short);
        }
        Ok(Self(if slashes {
            swap(text).into()
        } else {
            text.into()
        }))
    }
}

/// Maps from keys can be asked with a literal name.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The order of the bytes, as that of `str`, eight at a time: keys begin alike, maps of them compare and compare, and the
/// C library of the static binary would do it byte by byte.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut one, mut other) = (self.0.as_bytes(), other.0.as_bytes());
        while let (Some((a, rest)), Some((b, others_rest))) =
            (one.split_first_chunk(), other.split_first_chunk())
        {
            match u64::from_be_bytes(*a).cmp(&u64::from_be_bytes(*b)) {
                Ordering::Equal => (one, other) = (rest, others_rest),
                unequal => return unequal,
            }
        }
        one.cmp(other)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Exchanges dots and slashes: the same rule leads from name to path and back.
fn swap(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in &mut bytes {
        *byte = match *byte {
            b'.' => b'/',
            b'/' => b'.',
            other => other,
        };
    }
    // One letter of ASCII for another: UTF-8 stays UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> Result<String, KeyError> {
        text.parse::<Key>().map(|key| key.path())
    }

    #[test]
    fn the_first_separator_decides() {
        assert_eq!(path("net.core.somaxconn").unwrap(), "net/core/somaxconn");
        assert_eq!(path("net/core/somaxconn").unwrap(), "net/core/somaxconn");
        assert_eq!(
            path("net.ipv4.conf.eth0/100.rp_filter").unwrap(),
            "net/ipv4/conf/eth0.100/rp_filter"
        );
        assert_eq!(
            path("net/ipv4/conf/eth0.100/rp_filter").unwrap(),
            "net/ipv4/conf/eth0.100/rp_filter"
        );
        assert_eq!(path("net.core/somaxconn").unwrap(), "net/core.somaxconn");
    }

    #[test]
    fn both_spellings_are_one_key() {
        let dotted: Key = "net.ipv4.conf.eth0/100.rp_filter".parse().unwrap();
        let slashed: Key = "net/ipv4/conf/eth0.100/rp_filter".parse().unwrap();
        assert_eq!(dotted, slashed);
        assert_eq!(slashed.to_string(), "net.ipv4.conf.eth0/100.rp_filter");
    }

    #[test]
    fn what_is_no_key() {
        for (text, why) in [
            ("", KeyError::Empty),
            ("somaxconn", KeyError::Short),
            ("net..somaxconn", KeyError::Empty),
            ("/proc/sys/net", KeyError::Empty),
            ("net/../kernel/panic", KeyError::Climbs),
            ("net.//.kernel", KeyError::Climbs),
            ("net.ipv4.conf.*.rp_filter", KeyError::Pattern),
            ("net.core.somax conn", KeyError::Character),
            ("net.core.som\naxconn", KeyError::Character),
            ("net.core.som\0axconn", KeyError::Character),
            ("net.core.\u{1b}[31m", KeyError::Pattern),
        ] {
            assert_eq!(path(text), Err(why), "{text:?}");
        }
        assert_eq!(
            path(&format!("net.{}", "a".repeat(300))),
            Err(KeyError::Long)
        );
    }

    proptest! {
        #[test]
        fn keys_are_in_the_order_of_their_texts(
            one in "net\\.[a-c_/.-]{1,20}x", other in "net\\.[a-c_/.-]{1,20}x",
        ) {
            if let (Ok(one), Ok(other)) = (one.parse::<Key>(), other.parse::<Key>()) {
                prop_assert_eq!(one.cmp(&other), one.as_str().cmp(other.as_str()));
            }
        }
    }
}
