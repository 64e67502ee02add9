//! The local ports that connect() chooses from: `ip_local_port_range`, less `ip_local_reserved_ports`.

use std::collections::BTreeMap;

use super::key::Key;
use super::sorted;
use super::value::Value;

/// The range, and how many of it are free to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalPorts {
    /// The lowest.
    pub low: u16,
    /// The highest.
    pub high: u16,
    /// How many, without the reserved ones.
    pub count: u32,
}

impl LocalPorts {
    /// The keys that tell.
    pub const KEYS: [&str; 2] = [
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
    ];

    /// What these values come to; nothing where they do not tell the range. The kernel prints reserved ports as merged
    /// ranges in order (`8080,9000-9003`); from where they are not, each counts once all the same.
    pub fn of(values: &BTreeMap<Key, Value>) -> Option<Self> {
        let [range, reserved] = Self::KEYS.map(|key| values.get(key).map_or("", Value::as_str));
        let (low, high) = pair(range.split_once(' ')?)?;
        let all = (u32::from(high) + 1)
            .checked_sub(low.into())
            .filter(|all| *all > 0)?;
        let parts = reserved
            .split(',')
            .filter_map(|part| pair(part.split_once('-').unwrap_or((part, part))));
        let mut parts: Vec<(u16, u16)> = parts.collect();
        sorted::by(&mut parts, Ord::cmp);
        let (mut next, mut taken) = (u32::from(low), 0);
        for (from, to) in parts {
            let behind = u32::from(to.min(high)) + 1;
            taken += behind.saturating_sub(next.max(from.into()));
            next = next.max(behind);
        }
        Some(Self {
            low,
            high,
            count: all - taken,
        })
    }
}

fn pair((low, high): (&str, &str)) -> Option<(u16, u16)> {
    Some((low.parse().ok()?, high.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(range: &str, reserved: &str) -> Option<(u16, u16, u32)> {
        let values = LocalPorts::KEYS.into_iter().zip([range, reserved]);
        let values = values.map(|(key, value)| (key.parse().unwrap(), Value::new(value)));
        LocalPorts::of(&values.collect()).map(|ports| (ports.low, ports.high, ports.count))
    }

    #[test]
    fn reserved_ones_are_no_local_ports() {
        assert_eq!(ports("1024 2023", ""), Some((1024, 2023, 1000)));
        assert_eq!(
            ports("1024 2023", "80,1000-1033,1100,2000-3000"),
            Some((1024, 2023, 965))
        );
        assert_eq!(ports("1024 65535", "1-65535"), Some((1024, 65535, 0)));
        assert_eq!(
            ports("1024 2023", "1024-1033,1030-1040,1024"),
            Some((1024, 2023, 983))
        );
        assert_eq!(
            ports("1024 65535", "0-65535,0-65535"),
            Some((1024, 65535, 0))
        );
        assert_eq!(ports("2023 1024", ""), None);
        assert_eq!(ports("", "80"), None);
    }
}
