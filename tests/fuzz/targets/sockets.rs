//! Any bytes as an answer of the socket monitor (sock_diag(7)): no panic, no more sockets than the bytes have room for, and
//! each of them says what `struct inet_diag_msg` has at its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptune::host::sockets::{Part, listener, read};

/// `struct nlmsghdr`, and `struct inet_diag_msg` behind it (include/uapi/linux).
const HEADER: usize = 16;
const MESSAGE: usize = 72;

fuzz_target!(|bytes: &[u8]| {
    let mut found = Vec::new();
    let answer = read(bytes, &mut |socket| found.push(listener(socket)));
    assert!(
        found.len() <= bytes.len() / (HEADER + MESSAGE),
        "{} sockets",
        found.len()
    );
    for one in &found {
        assert!(one.fill() <= 100 || one.is_full(), "{one:?}");
        assert!(one.hears(one.address.ip(), one.address.port()));
    }
    let Ok(Part { .. }) = answer else { return };
    // The first one, as a reader sees it who knows nothing but where things are.
    // SOCK_DIAG_BY_FAMILY of AF_INET or AF_INET6: sockets of another kind are passed over.
    let inet = half(bytes, 4) == Some(20) && matches!(bytes.get(HEADER), Some(2 | 10));
    if let (Some(first), true) = (found.first(), inet) {
        let at = |place| word(bytes, HEADER + place).expect("it was read");
        assert_eq!(first.queued, at(56));
        assert_eq!(first.limit, at(60));
        assert_eq!(first.inode, at(68));
        assert_eq!(first.cookie.to_ne_bytes(), bytes[HEADER + 44..HEADER + 52]);
        assert_eq!(
            first.address.port().to_be_bytes(),
            bytes[HEADER + 4..HEADER + 6]
        );
    }
});

fn half(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(
        bytes.get(place..place + 2)?.try_into().ok()?,
    ))
}

fn word(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(
        bytes.get(place..place + 4)?.try_into().ok()?,
    ))
}
