//! What `explain` answers.

use std::collections::BTreeMap;

use crate::model::counters::Counters;
use crate::model::handshake::View;
use crate::model::key::Key;
use crate::model::observation::Listener;
use crate::model::value::Value;

use super::Site;

/// Keys, what they do, and what their values mean.
#[derive(Debug)]
pub struct Explained {
    /// Where.
    pub site: Site,
    /// The namespace that values and consequences speak of.
    pub netns: String,
    /// Each key that was asked for.
    pub keys: Vec<ExplainedKey>,
    /// What the kernel holds: these keys, and all that give them their meaning. No secret is among them.
    pub values: BTreeMap<Key, Value>,
    /// What it would hold with `--set`, and those words; nothing without.
    pub planned: Option<Planned>,
}

/// A supposition.
#[derive(Debug)]
pub struct Planned {
    /// `tcp_syn_retries=3`.
    pub title: String,
    /// Values, as if the kernel held them.
    pub values: BTreeMap<Key, Value>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedKey {
    /// The key.
    pub key: Key,
    /// What was read of it.
    pub holds: Holds,
    /// What this kernel gives a fresh network namespace, as far as that can be told.
    pub default: Option<Value>,
}

/// What was read of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Its value.
    Value(Value),
    /// It is a secret. Whether one is set, as far as that is known; never which.
    Secret(Option<bool>),
    /// This kernel, or this namespace, has no such key.
    Absent,
    /// It is there, but could not be read, and why.
    Unreadable(String),
}

/// The handshake in one screen.
#[derive(Debug)]
pub struct Overview {
    /// Where.
    pub site: Site,
    /// The namespace.
    pub netns: String,
    /// Values of the keys of the table, no secret among them.
    pub values: BTreeMap<Key, Value>,
    /// Totals since the namespace began; nothing where they could not be read.
    pub counters: Option<Counters>,
    /// Its listeners, with how many half-open requests each has; nothing where they could not be asked for.
    pub listeners: Option<Vec<(Listener, u32)>>,
}

/// One step on the path of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// A stable word for programs.
    pub name: &'static str,
    /// What people are shown.
    pub title: &'static str,
    /// Where it is.
    pub what: &'static str,
    /// Full names of the keys that govern it.
    pub keys: &'static [&'static str],
    /// What the application says about it, if anything.
    pub argument: Option<&'static str>,
    /// What counts there.
    pub counters: &'static [&'static str],
    /// What else those count, or when; nothing where their names say it.
    pub remark: &'static str,
}

impl Step {
    /// How much fits, where the application asks for as much as the keys allow; nothing where that has no meaning.
    pub fn limit(&self, view: View<'_>) -> Option<i128> {
        let (accept, syn) = view.queues()?;
        match self.name {
            "syn-queue" => Some(syn),
            "accept-queue" => Some(accept),
            _ => None,
        }
    }
}

/// The path of a connection, client first.
pub const STEPS: [Step; 4] = [
    Step {
        name: "connect",
        title: "connect()",
        what: "the client sends its SYN until somebody answers",
        keys: &[
            "net.ipv4.tcp_syn_retries",
            "net.ipv4.tcp_syn_linear_timeouts",
            "net.ipv4.tcp_rto_max_ms",
        ],
        argument: Some("TCP_SYNCNT, TCP_USER_TIMEOUT"),
        counters: &[
            "TcpActiveOpens",
            "TcpAttemptFails",
            "TCPAbortOnTimeout",
            "TCPSynRetrans",
        ],
        remark: "TCPSynRetrans counts SYNs and SYN-ACKs sent again, TcpAttemptFails also half-open requests of a \
                 server that met a RST",
    },
    Step {
        name: "syn-queue",
        title: "SYN queue",
        what: "the server keeps a half-open request and sends its SYN-ACK",
        keys: &[
            "net.core.somaxconn",
            "net.ipv4.tcp_max_syn_backlog",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.tcp_synack_retries",
        ],
        argument: Some("the backlog of listen()"),
        counters: &[
            "TCPReqQFullDoCookies",
            "TCPReqQFullDrop",
            "SyncookiesSent",
            "SyncookiesRecv",
            "SyncookiesFailed",
            "ListenDrops",
            "EmbryonicRsts",
            "TCPSynRetrans",
            "TcpAttemptFails",
        ],
        remark: "EmbryonicRsts counts half-open requests that met a RST, or were reset by tcp_abort_on_overflow; \
                 TCPSynRetrans and TcpAttemptFails are those of connect() too",
    },
    Step {
        name: "accept-queue",
        title: "accept queue",
        what: "the connection stands, and waits for the application",
        keys: &["net.core.somaxconn", "net.ipv4.tcp_abort_on_overflow"],
        argument: Some("the backlog of listen()"),
        counters: &[
            "TcpPassiveOpens",
            "ListenOverflows",
            "ListenDrops",
            "EmbryonicRsts",
        ],
        remark: "TcpPassiveOpens counts when the handshake is complete, not at accept(); ListenDrops counts every drop of a \
                 listener, those of the SYN queue too",
    },
    Step {
        name: "accepted",
        title: "accept()",
        what: "the application has the connection",
        keys: &[],
        argument: Some("how fast it calls accept()"),
        counters: &[],
        remark: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(counter: &str) -> Vec<&'static str> {
        let there = STEPS.iter().filter(|step| step.counters.contains(&counter));
        there.map(|step| step.name).collect()
    }

    #[test]
    fn counters_stand_at_the_step_that_counts_them() {
        assert_eq!(steps("TcpPassiveOpens"), ["accept-queue"]);
        for counter in ["TCPSynRetrans", "TcpAttemptFails"] {
            assert_eq!(steps(counter), ["connect", "syn-queue"], "{counter}");
        }
        for counter in ["EmbryonicRsts", "ListenDrops"] {
            assert_eq!(steps(counter), ["syn-queue", "accept-queue"], "{counter}");
        }
    }

    #[test]
    fn a_counter_of_two_steps_has_a_remark_at_each() {
        for step in STEPS {
            let shared = step.counters.iter().any(|name| steps(name).len() > 1);
            assert!(!shared || !step.remark.is_empty(), "{}", step.name);
        }
    }
}
