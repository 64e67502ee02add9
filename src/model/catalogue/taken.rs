//! What the kernel makes of a text that somebody writes to a key (kernel/sysctl.c of Linux 6.18).

use super::super::key::Key;
use super::super::value::{Value, misread_by_the_kernel};
use super::shape::Shape;
use super::{Entry, Raw};

/// What a key holds after a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// This value.
    Value(Value),
    /// What it held before: the kernel refuses the text.
    Refused,
    /// Something that cannot be told without asking the kernel.
    Unknown,
}

impl Taken {
    /// The value, if it is known.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Taken::Value(value) => Some(value),
            Taken::Refused | Taken::Unknown => None,
        }
    }
}

/// Keys for which the kernel takes more than makes sense, with all it takes. Measured on Linux 6.18.
const WIDER: [(&str, i128, i128); 6] = [
    ("net.ipv4.tcp_fin_timeout", -2_147_484, 2_147_484),
    ("net.ipv4.tcp_keepalive_intvl", -2_147_484, 2_147_484),
    ("net.ipv4.tcp_keepalive_probes", 0, 255),
    ("net.ipv4.tcp_keepalive_time", -2_147_484, 2_147_484),
    ("net.ipv4.tcp_max_syn_backlog", INT_MIN, INT_MAX),
    ("net.ipv4.tcp_max_tw_buckets", INT_MIN, INT_MAX),
];

/// Choices and switches that the kernel checks itself; the others are bytes to it.
const CHECKED: [&str; 3] = [
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_migrate_req",
    "net.ipv4.tcp_tw_reuse",
];

const INT_MIN: i128 = -2_147_483_648;
const INT_MAX: i128 = 2_147_483_647;

/// What a key holds once `text` was written to it.
pub fn taken(key: &Key, text: &str) -> Taken {
    let Some(entry) = Entry::of(key) else {
        return unknown_key(text);
    };
    match entry.shape {
        Shape::Vector { count, .. } => vector(entry, text, count),
        Shape::Word | Shape::Words | Shape::Ports => {
            let plain = entry.shape.parse(&Raw::Text(text));
            plain.map_or(Taken::Unknown, Taken::Value)
        }
        Shape::Secret | Shape::ReadOnly | Shape::Removed(_) => Taken::Unknown,
        _ => match (number(text), limits(entry)) {
            (Some((number, _)), Some((min, max))) if (min..=max).contains(&number) => {
                Taken::Value(Value::from(number))
            }
            _ => Taken::Refused,
        },
    }
}

/// The smallest and the largest number that the kernel takes for a key of one number.
fn limits(entry: &Entry) -> Option<(i128, i128)> {
    let wider = WIDER.iter().find(|(name, ..)| *name == entry.name);
    if let Some((_, min, max)) = wider {
        return Some((*min, *max));
    }
    match entry.shape {
        Shape::Integer { min, max, .. } => Some((min, max)),
        Shape::Bits(_) => Some((INT_MIN, INT_MAX)),
        Shape::Switch if CHECKED.contains(&entry.name) => Some((0, 1)),
        Shape::Choice(names) if CHECKED.contains(&entry.name) => {
            let numbers = names.iter().map(|(number, _)| *number);
            numbers.clone().min().zip(numbers.max())
        }
        Shape::Switch | Shape::Choice(_) => Some((0, 255)),
        _ => None,
    }
}

/// All numbers of a vector, or nothing that could be told: the kernel keeps what it understood of the first ones.
fn vector(entry: &Entry, text: &str, count: usize) -> Taken {
    let mut rest = text;
    let mut numbers = Vec::new();
    while let (true, Some((number, behind))) = (numbers.len() < count, number(rest)) {
        numbers.push(number.to_string());
        rest = behind;
    }
    if numbers.is_empty() {
        return Taken::Refused;
    }
    let fields = numbers.join(" ");
    let plain = entry.shape.parse(&Raw::Text(&fields));
    plain.map_or(Taken::Unknown, Taken::Value)
}

/// Without a shape, only what means the same for every key is known: one decimal number.
fn unknown_key(text: &str) -> Taken {
    let number = text.parse::<i64>().is_ok() && !text.starts_with('+');
    if number && !misread_by_the_kernel(text) {
        Taken::Value(Value::new(text))
    } else {
        Taken::Unknown
    }
}

/// The first number of a text as `proc_get_long` reads it, and what stands behind it: C prefixes, no plus sign, and
/// a blank or the end behind it.
fn number(text: &str) -> Option<(i128, &str)> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    let hexadecimal = hexadecimal.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    let is_end = rest.is_empty() || rest.starts_with([' ', '\t', '\n']);
    // `TMPBUFLEN`: the kernel looks at 21 characters at most.
    let fits = text.len() - rest.len() < 21;
    let number = i128::from_str_radix(digits, radix)
        .ok()
        .filter(|_| is_end && fits)?;
    Some((sign * number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(key: &str, text: &str) -> String {
        match taken(&key.parse().unwrap(), text) {
            Taken::Value(value) => value.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn numbers_as_the_kernel_reads_them() {
        for (text, expected) in [
            ("10", "10"),
            ("010", "8"),
            ("0x100", "256"),
            ("0x", "Refused"),
            ("08", "Refused"),
            ("10 20", "10"),
            ("222 # note", "222"),
            ("222# note", "Refused"),
            ("+12", "Refused"),
            ("1=2", "Refused"),
            ("\"333\"", "Refused"),
            ("", "Refused"),
            ("-1", "Refused"),
            ("2147483648", "Refused"),
            ("10\r", "Refused"),
        ] {
            assert_eq!(takes("net.core.somaxconn", text), expected, "{text:?}");
        }
        assert_eq!(takes("net.ipv4.tcp_max_syn_backlog", "-1"), "-1");
        assert_eq!(takes("net.ipv4.tcp_syncookies", "3"), "3");
        assert_eq!(takes("net.ipv4.tcp_syncookies", "256"), "Refused");
    }

    #[test]
    fn vectors_and_texts() {
        assert_eq!(
            takes("net.ipv4.tcp_rmem", "4096\t131072 6291456"),
            "4096 131072 6291456"
        );
        assert_eq!(
            takes("net.ipv4.tcp_rmem", "4096 131072 6291456 9"),
            "4096 131072 6291456"
        );
        assert_eq!(
            takes("net.ipv4.tcp_rmem", "4096"),
            "Unknown",
            "the other two stay"
        );
        assert_eq!(takes("net.ipv4.tcp_rmem", "x"), "Refused");
        assert_eq!(takes("net.ipv4.tcp_congestion_control", "cubic"), "cubic");
        assert_eq!(takes("kernel.core_pattern", "|/bin/x %p"), "Unknown");
        assert_eq!(takes("net.ipv4.ip_default_ttl", "64"), "64");
        assert_eq!(takes("net.ipv4.ip_default_ttl", "064"), "Unknown");
    }
}
