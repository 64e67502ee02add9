//! Which combinations of TCP Fast Open work: bits of the client, bits of the server, and the listener's option.
//!
//! The rules are those of net/ipv4/tcp_fastopen.c (`tcp_try_fastopen`, `tcp_fastopen_cookie_check`) and of
//! `tcp_sendmsg_fastopen` in net/ipv4/tcp.c, tried out on Linux 6.18.

/// `TFO_CLIENT_ENABLE`.
const CLIENT: i128 = 0x1;
/// `TFO_SERVER_ENABLE`.
const SERVER: i128 = 0x2;
/// `TFO_CLIENT_NO_COOKIE`.
const CLIENT_NO_COOKIE: i128 = 0x4;
/// `TFO_SERVER_COOKIE_NOT_REQD`.
const SERVER_NO_COOKIE: i128 = 0x200;
/// `TFO_SERVER_WO_SOCKOPT1`.
const ALL_LISTENERS: i128 = 0x400;

/// What a client does that asks for Fast Open (`MSG_FASTOPEN`, or `TCP_FASTOPEN_CONNECT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// It is told `EOPNOTSUPP`.
    Off,
    /// It asks for a cookie, and sends data in the SYN once it has one.
    Cookie,
    /// It sends data in the SYN at once.
    Bold,
}

/// What a listener does with a SYN that has data or asks for a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// It answers as if Fast Open did not exist.
    Plain,
    /// It gives cookies, and takes data that comes with a right one.
    Cookie,
    /// It takes data from anybody, and gives no cookies.
    Open,
}

/// What becomes of the data of a client's connections to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The client cannot send it.
    Refused,
    /// It never goes into a SYN.
    Never,
    /// It goes into the SYN from the second connection on.
    FromSecond,
    /// It goes into the SYN of the first connection already.
    FromFirst,
    /// It goes into every SYN, is not taken there, and is sent once more after the handshake.
    SentTwice,
}

/// What a client with these bits of `tcp_fastopen` does.
pub fn client(bits: i128) -> Client {
    match (bits & CLIENT != 0, bits & CLIENT_NO_COOKIE != 0) {
        (false, _) => Client::Off,
        (true, false) => Client::Cookie,
        (true, true) => Client::Bold,
    }
}

/// What a listener with these bits of `tcp_fastopen` does, with or without the socket option `TCP_FASTOPEN`.
pub fn server(bits: i128, option: bool) -> Server {
    let listens = bits & SERVER != 0 && (option || bits & ALL_LISTENERS != 0);
    match (listens, bits & SERVER_NO_COOKIE != 0) {
        (false, _) => Server::Plain,
        (true, false) => Server::Cookie,
        (true, true) => Server::Open,
    }
}

/// What comes of the two.
pub fn outcome(client: Client, server: Server) -> Outcome {
    match (client, server) {
        (Client::Off, _) => Outcome::Refused,
        (Client::Cookie, Server::Cookie) => Outcome::FromSecond,
        (Client::Cookie, Server::Plain | Server::Open) => Outcome::Never,
        (Client::Bold, Server::Open) => Outcome::FromFirst,
        (Client::Bold, Server::Plain | Server::Cookie) => Outcome::SentTwice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row that was measured on 6.18, over loopback: bits, option, outcome.
    #[test]
    fn every_measured_row() {
        for (bits, option, comes) in [
            (0x0, true, Outcome::Refused),
            (0x2, true, Outcome::Refused),
            (0x402, false, Outcome::Refused),
            (0x1, true, Outcome::Never),
            (0x3, false, Outcome::Never),
            (0x401, false, Outcome::Never),
            (0x3, true, Outcome::FromSecond),
            (0x403, false, Outcome::FromSecond),
            (0x5, true, Outcome::SentTwice),
            (0x7, true, Outcome::SentTwice),
            (0x205, false, Outcome::SentTwice),
            (0x203, true, Outcome::Never),
            (0x603, false, Outcome::Never),
            (0x207, true, Outcome::FromFirst),
            (0x607, false, Outcome::FromFirst),
        ] {
            let is = outcome(client(bits), server(bits, option));
            assert_eq!(is, comes, "{bits:#x}, option {option}");
        }
    }
}
