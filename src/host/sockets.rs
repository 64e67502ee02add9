//! Asks the kernel's socket monitor for the sockets of the network namespace that the process is in (sock_diag(7)).
//!
//! Only here are a listener's limit and its drops told: `/proc/net/tcp` has neither.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, IPPROTO_TCP, TCP_SYN_RECV, TCP_SYN_SENT, TCP_TIME_WAIT,
};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, Timer,
};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr as Netlink};

use crate::error::Error;
use crate::model::observation::{Dialling, HalfOpen, Listener, Ports, Route};
use crate::model::sorted;

/// How often a dump is asked for again, if sockets came and went so that it has holes.
const TRIES: usize = 5;

/// Bytes of one answer: the kernel fills as much as the reader offers, up to 32 kB (`netlink_dump`).
const ANSWER: usize = 32 * 1024;

/// Every socket in state LISTEN, by address.
///
/// # Errors
/// Where the kernel has no socket monitor for TCP.
pub fn listeners() -> Result<Vec<Listener>, Error> {
    let mut found = Vec::new();
    dump(
        &StateFlags::LISTEN,
        &ExtensionFlags::SKMEMINFO,
        &mut |socket| match socket {
            None => found.clear(),
            Some(socket) => found.push(listener(socket)),
        },
    )?;
    sorted::by_key(&mut found, |one: &Listener| (one.address, one.cookie));
    Ok(found)
}

/// What the monitor says of a socket in state LISTEN.
pub fn listener(socket: &InetResponse) -> Listener {
    let InetResponse { header, nlas } = socket;
    let drops = nlas.iter().find_map(|nla| match nla {
        Nla::MemInfo(memory) => Some(memory.drops),
        _ => None,
    });
    Listener {
        cookie: cookie(&header.socket_id),
        address: source(&header.socket_id),
        v6_only: nlas.iter().any(|nla| matches!(nla, Nla::SkV6Only(true))),
        queued: header.recv_queue,
        limit: header.send_queue,
        drops: u64::from(drops.unwrap_or(0)),
        inode: header.inode,
    }
}

/// Handshakes under way: half-open requests by local port and address, and connects by destination.
#[derive(Debug, Default)]
pub struct Handshakes {
    /// State SYN-RECV.
    pub half_open: BTreeMap<(u16, IpAddr), HalfOpen>,
    /// State SYN-SENT.
    pub dialling: BTreeMap<SocketAddr, Dialling>,
}

/// The handshakes of this namespace.
///
/// # Errors
/// Where the kernel has no socket monitor for TCP.
pub fn handshakes() -> Result<Handshakes, Error> {
    let mut found = Handshakes::default();
    let states = StateFlags::SYN_RECV | StateFlags::SYN_SENT;
    dump(
        &states,
        &ExtensionFlags::empty(),
        &mut |socket| match socket {
            None => found = Handshakes::default(),
            Some(InetResponse { header, .. }) => {
                let again = matches!(header.timer, Some(Timer::Retransmit(_, times)) if times > 0);
                let (local, peer) = (source(&header.socket_id), destination(&header.socket_id));
                if header.state == TCP_SYN_RECV {
                    let open = found
                        .half_open
                        .entry((local.port(), local.ip()))
                        .or_default();
                    open.count += 1;
                    open.again += u32::from(again);
                    open.peers.insert(peer.ip());
                } else if header.state == TCP_SYN_SENT {
                    let dialling = found.dialling.entry(peer).or_default();
                    dialling.count += 1;
                    dialling.again += u32::from(again);
                }
            }
        },
    )?;
    Ok(found)
}

/// How many local ports each route takes, of the ports from `low` to `high`.
///
/// # Errors
/// Where the kernel has no socket monitor for TCP.
pub fn routes(low: u16, high: u16) -> Result<BTreeMap<Route, Ports>, Error> {
    let mut found: BTreeMap<Route, Ports> = BTreeMap::new();
    let quiet = StateFlags::LISTEN | StateFlags::SYN_RECV | StateFlags::CLOSE;
    dump(
        &(StateFlags::all() - quiet),
        &ExtensionFlags::empty(),
        &mut |socket| match socket {
            None => found.clear(),
            Some(InetResponse { header, .. }) => {
                let (local, to) = (source(&header.socket_id), destination(&header.socket_id));
                if (low..=high).contains(&local.port()) {
                    let route = Route {
                        from: local.ip(),
                        to,
                    };
                    let ports = found.entry(route).or_default();
                    if header.state == TCP_TIME_WAIT {
                        ports.waiting += 1;
                    } else {
                        ports.held += 1;
                    }
                }
            }
        },
    )?;
    Ok(found)
}

fn cookie(id: &SocketId) -> u64 {
    u64::from_ne_bytes(id.cookie)
}

/// An IPv4 address in IPv6 clothes is an IPv4 address.
fn source(id: &SocketId) -> SocketAddr {
    SocketAddr::new(id.source_address.to_canonical(), id.source_port)
}

fn destination(id: &SocketId) -> SocketAddr {
    SocketAddr::new(id.destination_address.to_canonical(), id.destination_port)
}

/// Hands every TCP socket in these states to `each`, IPv4 first; `None` means that all is told again from the start.
fn dump(
    states: &StateFlags,
    extensions: &ExtensionFlags,
    each: &mut dyn FnMut(Option<&InetResponse>),
) -> Result<(), Error> {
    let error = |source| Error::Sockets { source };
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(error)?;
    socket.bind_auto().map_err(error)?;
    socket.connect(&Netlink::new(0, 0)).map_err(error)?;
    for _ in 0..TRIES {
        each(None);
        let ask = |family| ask(&socket, &request(family, states, extensions), each);
        let whole = [AF_INET, AF_INET6]
            .into_iter()
            .map(ask)
            .collect::<io::Result<Vec<bool>>>();
        if whole.map_err(error)?.into_iter().all(|whole| whole) {
            break;
        }
        // Sockets that come and go all the time leave holes every time: then the last answer has to do.
    }
    Ok(())
}

fn request(family: u8, states: &StateFlags, extensions: &ExtensionFlags) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(
        header,
        NetlinkPayload::InnerMessage(SockDiagMessage::InetRequest(InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: extensions.clone(),
            states: states.clone(),
            socket_id: if family == AF_INET {
                SocketId::new_v4()
            } else {
                SocketId::new_v6()
            },
        })),
    );
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// One dump, and whether it is without holes.
fn ask(
    socket: &Socket,
    request: &[u8],
    each: &mut dyn FnMut(Option<&InetResponse>),
) -> io::Result<bool> {
    socket.send(request, 0)?;
    let mut answer = Vec::with_capacity(ANSWER);
    let mut whole = true;
    loop {
        answer.clear();
        socket.recv(&mut answer, 0)?;
        let part = read(&answer, &mut |socket| each(Some(socket)))?;
        whole &= part.whole;
        if part.last {
            return Ok(whole);
        }
    }
}

/// How much of a dump one answer of the kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Whether nothing came or went while it was made.
    pub whole: bool,
    /// Whether no other one follows.
    pub last: bool,
}

/// Hands every socket of one answer to `each`.
///
/// # Errors
/// What the kernel answers instead of sockets; [`io::ErrorKind::InvalidData`] for what is no netlink message.
pub fn read(answer: &[u8], each: &mut dyn FnMut(&InetResponse)) -> io::Result<Part> {
    let mut whole = true;
    let mut rest = answer;
    while !rest.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why.to_string()))?;
        whole &= message.header.flags & NLM_F_DUMP_INTR == 0;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                each(&response);
            }
            NetlinkPayload::Done(_) => return Ok(Part { whole, last: true }),
            NetlinkPayload::Error(error) => {
                let code = error.raw_code().saturating_abs();
                return Err(io::Error::from_raw_os_error(code));
            }
            _ => {}
        }
        // The kernel pads messages to four bytes (`NLMSG_ALIGN`).
        let length = (message.header.length as usize).next_multiple_of(4).max(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(Part { whole, last: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct nlmsghdr` of an error, and its code.
    fn refusal(code: i32) -> Vec<u8> {
        let (length, kind) = (20_u32, 2_u16);
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(code.to_ne_bytes());
        bytes
    }

    #[test]
    fn an_answer_may_be_an_error_whatever_its_code() {
        for (code, told) in [(-95, 95), (i32::MIN, i32::MAX)] {
            let error = read(&refusal(code), &mut |_| ()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(told), "{code}");
        }
    }
}
