//! Listeners that a `somaxconn` of before still caps: a listener takes the value that holds when it calls `listen()`,
//! and keeps it until it calls again (`__inet_listen_sk` in net/ipv4/af_inet.c).

use std::collections::BTreeSet;

use super::observation::{Listener, Owner};
use super::sorted;

/// The key.
pub const SOMAXCONN: &str = "net.core.somaxconn";

/// Why a listener's limit is below `somaxconn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cap {
    /// It equals an earlier `somaxconn`: it must listen again before it can get more.
    Stale,
    /// It equals none: the program asked for so much, and `somaxconn` changes nothing about it.
    Application,
}

/// A listener whose limit is below `somaxconn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped {
    /// Which.
    pub listener: Listener,
    /// Why.
    pub cap: Cap,
    /// Its process, where that may be known.
    pub owner: Option<Owner>,
}

/// The listeners whose limit is below `to`, the stale ones first: those whose limit is one of the values that
/// `somaxconn` had before. Whether a program asked for just as much by itself cannot be told.
pub fn capped(listeners: &[Listener], former: &BTreeSet<u32>, to: u32) -> Vec<(Listener, Cap)> {
    let below = listeners.iter().filter(|listener| listener.limit < to);
    let cap = |listener: &Listener| {
        if former.contains(&listener.limit) {
            Cap::Stale
        } else {
            Cap::Application
        }
    };
    let mut capped: Vec<(Listener, Cap)> = below.map(|one| (*one, cap(one))).collect();
    sorted::by_key(&mut capped, |(listener, cap)| {
        (*cap, listener.address, listener.cookie)
    });
    capped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(port: u16, limit: u32) -> Listener {
        Listener {
            cookie: u64::from(port),
            address: ([127, 0, 0, 1], port).into(),
            v6_only: false,
            queued: 0,
            limit,
            drops: 0,
            inode: u32::from(port),
        }
    }

    #[test]
    fn a_limit_that_is_a_somaxconn_of_before_is_stale() {
        let all = [
            listener(1, 511),
            listener(2, 4096),
            listener(3, 16384),
            listener(4, 128),
        ];
        let capped = capped(&all, &[128, 4096].into(), 16384);
        let told: Vec<_> = capped
            .iter()
            .map(|(one, cap)| (one.address.port(), *cap))
            .collect();
        assert_eq!(
            told,
            [(2, Cap::Stale), (4, Cap::Stale), (1, Cap::Application)]
        );
    }

    #[test]
    fn who_listened_again_is_listed_no_longer() {
        assert_eq!(capped(&[listener(2, 16384)], &[4096].into(), 16384), []);
    }
}
