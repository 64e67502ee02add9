//! What was seen of one network namespace: listeners, half-open requests, counters, in samples some time apart.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use super::counters::Counters;
use super::key::Key;
use super::sorted;
use super::value::Value;

/// One socket in state LISTEN, as the kernel's socket monitor tells (sock_diag(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Tells it from every other socket for as long as the machine runs (`sock_gen_cookie`).
    pub cookie: u64,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether a wildcard IPv6 address leaves IPv4 to others.
    pub v6_only: bool,
    /// Connections that wait for `accept()`: Recv-Q of ss(8).
    pub queued: u32,
    /// `min(backlog, somaxconn)` at its last `listen()`: Send-Q of ss(8). One more than this can wait.
    pub limit: u32,
    /// Segments that it dropped since it exists (`sk_drops`): its share of `ListenDrops`.
    pub drops: u64,
    /// Who may be asked for its owner; 0 for a socket without a file.
    pub inode: u32,
}

impl Listener {
    /// Whether its accept queue takes no more: `sk_acceptq_is_full` compares with `>`.
    pub fn is_full(&self) -> bool {
        self.queued > self.limit
    }

    /// How full its accept queue is, in percent of what it holds.
    pub fn fill(&self) -> u32 {
        let holds = u64::from(self.limit) + 1;
        u32::try_from(u64::from(self.queued) * 100 / holds).unwrap_or(u32::MAX)
    }

    /// Whether connections to this address come to it.
    pub fn hears(&self, to: IpAddr, port: u16) -> bool {
        let own = self.address.ip();
        let everywhere = own.is_unspecified() && (own.is_ipv4() == to.is_ipv4() || self.is_dual());
        self.address.port() == port && (own == to || everywhere)
    }

    fn is_dual(&self) -> bool {
        self.address.is_ipv6() && !self.v6_only
    }
}

/// The half-open requests at one local address: state SYN-RECV.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HalfOpen {
    /// How many.
    pub count: u32,
    /// How many of them have had their SYN-ACK sent again.
    pub again: u32,
    /// From how many different addresses.
    pub peers: BTreeSet<IpAddr>,
}

/// Connects of this namespace that are under way to one destination: state SYN-SENT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialling {
    /// How many.
    pub count: u32,
    /// How many of them have sent their SYN again.
    pub again: u32,
}

/// Connections between one local address and one destination, which share the range of local ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// From.
    pub from: IpAddr,
    /// To.
    pub to: SocketAddr,
}

/// Local ports of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// Of connections that are there.
    pub held: u32,
    /// Of connections in TIME-WAIT.
    pub waiting: u32,
}

/// `/proc/net/sockstat`, and the count of sockets in `sockstat6`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sockets {
    /// TCP sockets that are neither closed nor in TIME-WAIT, listeners included, IPv4 and IPv6.
    pub in_use: u64,
    /// Connections in TIME-WAIT.
    pub time_wait: u64,
    /// Connections that no process has any more.
    pub orphans: u64,
    /// Memory of all TCP buffers of the machine, in pages.
    pub pages: u64,
}

/// What was seen at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// When: milliseconds since boot.
    pub at_ms: u64,
    /// Totals of the namespace.
    pub counters: Counters,
    /// Its listeners, by address.
    pub listeners: Vec<Listener>,
    /// Its half-open requests, by local port and address.
    pub half_open: BTreeMap<(u16, IpAddr), HalfOpen>,
    /// Its connects under way, by destination.
    pub dialling: BTreeMap<SocketAddr, Dialling>,
    /// How many sockets it has.
    pub sockets: Sockets,
    /// Local ports in use by route, where so many sockets exist that a route could run out of them.
    pub routes: BTreeMap<Route, Ports>,
}

impl Sample {
    /// The half-open requests of a listener. Listeners that share an address share its requests evenly: which of
    /// them a request belongs to is not told.
    pub fn half_open(&self, listener: &Listener) -> u32 {
        match self.half_open_at(listener).0 {
            0 => 0,
            count => count / self.sharers(listener),
        }
    }

    /// The half-open requests of several listeners together; with all that share an address, all of that address.
    pub fn half_open_together(&self, listeners: &[&Listener]) -> u64 {
        let mut shares: BTreeMap<SocketAddr, (&Listener, u64)> = BTreeMap::new();
        for listener in listeners {
            shares.entry(listener.address).or_insert((listener, 0)).1 += 1;
        }
        let share = |(listener, some): (&Listener, u64)| {
            u64::from(self.half_open_at(listener).0) * some / u64::from(self.sharers(listener))
        };
        shares.into_values().map(share).sum()
    }

    /// Those among them whose SYN-ACK was sent again.
    pub fn half_open_again(&self, listener: &Listener) -> u32 {
        match self.half_open_at(listener).1 {
            0 => 0,
            again => again / self.sharers(listener),
        }
    }

    /// The half-open requests at the address of a listener, and those whose SYN-ACK was sent again: of all that share it.
    pub fn half_open_at(&self, listener: &Listener) -> (u32, u32) {
        let sum = |(count, again), open: &HalfOpen| (count + open.count, again + open.again);
        self.requests(listener).fold((0, 0), sum)
    }

    /// From how many addresses the half-open requests of a listener come, those of its sharers included.
    pub fn half_open_peers(&self, listener: &Listener) -> usize {
        let open = self.requests(listener);
        sorted::set(open.flat_map(|open| &open.peers)).len()
    }

    /// All half-open requests.
    pub fn all_half_open(&self) -> u32 {
        self.half_open.values().map(|open| open.count).sum()
    }

    /// Connections that wait for `accept()` on any listener.
    pub fn all_queued(&self) -> u64 {
        self.listeners.iter().map(|one| u64::from(one.queued)).sum()
    }

    /// The listener with this cookie.
    pub fn listener(&self, cookie: u64) -> Option<&Listener> {
        self.listeners.iter().find(|one| one.cookie == cookie)
    }

    fn requests(&self, listener: &Listener) -> impl Iterator<Item = &HalfOpen> {
        let listener = *listener;
        let port = listener.address.port();
        let lowest = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        self.half_open
            .range((port, lowest)..)
            .take_while(move |((at, _), _)| *at == port)
            .filter(move |((_, to), _)| listener.hears(*to, port))
            .map(|(_, open)| open)
    }

    /// How many listeners have the same address, this one included.
    fn sharers(&self, listener: &Listener) -> u32 {
        let same = self
            .listeners
            .iter()
            .filter(|one| one.address == listener.address);
        u32::try_from(same.count()).unwrap_or(u32::MAX).max(1)
    }
}

/// The process that accepts from a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its process id; the lowest, where several share the socket.
    pub pid: u32,
    /// What it calls itself (`comm`, at most 15 bytes).
    pub process: String,
    /// Whether it is a Go program: those read `somaxconn` once, when they first listen (`maxListenerBacklog` in
    /// net/sock_linux.go).
    pub go: bool,
    /// The files of that process which shares the socket and has least left, where that may be read.
    pub files: Option<Files>,
}

/// Open files of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// The process.
    pub pid: u32,
    /// How many are open.
    pub open: u64,
    /// How many it may have (`RLIMIT_NOFILE`).
    pub soft: u64,
    /// How far it may raise that by itself.
    pub hard: u64,
}

/// Another namespace whose counters were read, but that was not entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// How `--netns` names it.
    pub name: String,
    /// A process in it.
    pub process: String,
    /// What it counted during the window.
    pub deltas: Counters,
}

/// Everything that a diagnosis looks at.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// At least one, oldest first. With a single one there are no differences, and nothing is said about overflows.
    pub samples: Vec<Sample>,
    /// Values of the keys in [`super::diagnose::KEYS`].
    pub values: BTreeMap<Key, Value>,
    /// Owners by inode, of the listeners that a finding may name.
    pub owners: BTreeMap<u32, Owner>,
    /// Values that `somaxconn` had before, as far as that is known: listeners may still have them as their limit.
    pub former: BTreeSet<u32>,
    /// The namespace's own addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Other namespaces, where they were looked at from outside.
    pub neighbours: Vec<Neighbour>,
}
