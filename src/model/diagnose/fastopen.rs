//! TCP Fast Open (RFC 7413): asked for in vain, more than allowed, refused.

use super::finding::{Finding, Remedy, Severity};
use super::view::View;

/// Bits of `tcp_fastopen` (Documentation/networking/ip-sysctl.rst).
const SERVER: i128 = 0x2;
const WITHOUT_COOKIE: i128 = 0x4;

pub(super) fn findings(view: &View<'_>) -> Vec<Finding> {
    let all = [
        unused(view),
        full(view),
        refused(view),
        swallowed(view),
        wrong_cookie(view),
    ];
    all.into_iter().flatten().collect()
}

fn bits(view: &View<'_>) -> i128 {
    view.number("net.ipv4.tcp_fastopen").unwrap_or(0)
}

fn unused(view: &View<'_>) -> Option<Finding> {
    let asked = view.moved("TCPFastOpenCookieReqd");
    let worked = view.moved("TCPFastOpenActive") + view.moved("TCPFastOpenPassive");
    if bits(view) & SERVER == 0 || asked == 0 || worked > 0 {
        return None;
    }
    let finding = Finding::new(
        "fastopen-unused",
        Severity::Info,
        format!("{asked} clients asked for a Fast Open cookie, and no connection used one"),
        "a listener takes part only with the socket option TCP_FASTOPEN; tcp_fastopen alone gives it to nobody, and bit \
         0x400 only to listeners that begin afterwards",
    );
    Some(
        finding
            .moved(view, &["TCPFastOpenCookieReqd"])
            .remedy([Remedy::action(
                "the option TCP_FASTOPEN on the listener, with a queue length above 0",
            )]),
    )
}

fn full(view: &View<'_>) -> Option<Finding> {
    let over = view.moved("TCPFastOpenListenOverflow");
    if over == 0 {
        return None;
    }
    let finding = Finding::new(
        "fastopen-queue-full",
        Severity::Warning,
        format!("{over} Fast Open requests fell back to an ordinary handshake"),
        "as many requests with data as the listener's TCP_FASTOPEN allows wait for their final ACK",
    );
    Some(
        finding
            .moved(view, &["TCPFastOpenListenOverflow", "TCPFastOpenPassive"])
            .remedy([Remedy::action(
                "a larger queue length in the listener's TCP_FASTOPEN option",
            )]),
    )
}

fn refused(view: &View<'_>) -> Option<Finding> {
    let refused = view.moved("TCPFastOpenActiveFail");
    if refused == 0 {
        return None;
    }
    let bare = bits(view) & WITHOUT_COOKIE != 0;
    let (cause, step) = if bare {
        (
            "bit 0x4 of tcp_fastopen sends data without a cookie, which only a server with 0x200 accepts",
            Remedy::exactly("net.ipv4.tcp_fastopen", bits(view) & !WITHOUT_COOKIE),
        )
    } else {
        (
            "the server did not accept the cookie or the data, and both were sent again",
            Some(Remedy::action(
                "look at the server: its key may have changed",
            )),
        )
    };
    let message = format!("{refused} times the data in a SYN was not accepted and went again");
    let finding = Finding::new("fastopen-refused", Severity::Warning, message, cause);
    Some(finding.moved(view, &["TCPFastOpenActiveFail"]).remedy(step))
}

fn swallowed(view: &View<'_>) -> Option<Finding> {
    let holes = view.moved("TCPFastOpenBlackhole");
    if holes == 0 {
        return None;
    }
    let finding = Finding::new(
        "fastopen-refused",
        Severity::Warning,
        format!("{holes} times a path swallowed connections that used Fast Open"),
        "a middlebox drops what it does not know; tcp_fastopen_blackhole_timeout_sec keeps clients from it for a while",
    );
    let pause = Remedy::at_least("net.ipv4.tcp_fastopen_blackhole_timeout_sec", 3600);
    Some(finding.moved(view, &["TCPFastOpenBlackhole"]).remedy(pause))
}

fn wrong_cookie(view: &View<'_>) -> Option<Finding> {
    let wrong = view.moved("TCPFastOpenPassiveFail");
    if wrong == 0 {
        return None;
    }
    let finding = Finding::new(
        "fastopen-refused",
        Severity::Warning,
        format!("{wrong} clients came with a cookie that this host did not make"),
        "servers behind one address that have different keys, or a client that makes cookies up",
    );
    Some(
        finding
            .moved(view, &["TCPFastOpenPassiveFail"])
            .remedy([Remedy::action(
                "the same tcp_fastopen_key on every server behind the address",
            )]),
    )
}
