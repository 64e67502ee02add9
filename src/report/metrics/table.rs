//! The families: names, types, labels and what each says. The README's table is made of this one.

/// What a family's values do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They go up and down.
    Gauge,
    /// They only go up, until what they count begins anew.
    Counter,
}

impl Kind {
    /// The word of the text format.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        }
    }
}

/// One family of samples.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its values do.
    pub kind: Kind,
    /// Its labels, in order. Those of single listeners have the labels that were asked for as well.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    let kind = Kind::Gauge;
    Family {
        name,
        kind,
        labels,
        help,
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    let kind = Kind::Counter;
    Family {
        name,
        kind,
        labels,
        help,
    }
}

macro_rules! families {
    ($($constant:ident = $kind:ident($name:literal, [$($label:literal),*], $help:literal);)*) => {
        $(pub(super) const $constant: Family = $kind(concat!("tcptune_", $name), &[$($label),*], $help);)*

        /// Every family, in the order in which they are printed.
        pub static TABLE: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD_INFO = gauge("build_info", ["version"], "Which tcptune wrote this.");
    LAST_RUN = gauge("last_run_timestamp_seconds", [], "When this was written; a run that fails leaves the file as it was.");
    CLEAN = gauge("clean", ["netns"], "Whether `tcptune status` would exit with 0.");
    DECLARED_KEYS = gauge("declared_keys", ["netns", "axis"], "How many keys are declared.");
    DRIFT_KEYS = gauge("drift_keys", ["netns", "axis"], "How many declared keys do not hold what is declared, or will not after the next boot.");
    UNKNOWN_KEYS = gauge("unknown_keys", ["netns", "axis"], "Of how many declared keys nobody knows what the next boot gives.");
    LEFT_KEYS = gauge("left_keys", ["netns"], "How many keys are not declared any more, but still as tcptune wrote them.");
    OUTDATED = gauge("outdated", ["netns", "axis"], "Whether the profiles say something else by now than what was applied; absent where they cannot be read.");
    PROFILE_INFO = gauge("profile_info", ["netns", "axis", "profile"], "A profile that is declared.");
    DROP_IN_INTACT = gauge("drop_in_intact", ["netns"], "Whether the drop-in for the next boot is as tcptune left it.");
    FORGOTTEN = gauge("forgotten", ["netns"], "Whether an earlier boot had declared something that this one does not know.");
    UNCONFIRMED = gauge("unconfirmed", ["netns"], "Whether an entry waits to be confirmed.");
    UNCONFIRMED_DEADLINE = gauge("unconfirmed_deadline_timestamp_seconds", ["netns"], "When the entry that waits is taken back unless it is confirmed.");
    INTERRUPTED = gauge("interrupted", ["netns"], "Whether an entry was never finished, and nobody is at work on it.");
    HOLD = gauge("hold", [], "Whether somebody asked that nothing be applied.");
    HOLD_UNTIL = gauge("hold_until_timestamp_seconds", [], "When the hold ends; absent where it ends only with `tcptune unhold`.");
    ENTRY_ID = gauge("entry_id", ["netns"], "The entry of the journal that is in effect, 0 for none.");
    ENTRY_TIME = gauge("entry_timestamp_seconds", ["netns"], "When the entry in effect began.");
    LAST_ENTRY_ID = gauge("last_entry_id", ["netns"], "The newest entry of the journal, whatever became of it.");
    LAST_ENTRY_INFO = gauge("last_entry_info", ["netns", "verb", "result"], "What the newest entry was, and what became of it, in the words of `tcptune history`.");
    LAST_ENTRY_TIME = gauge("last_entry_timestamp_seconds", ["netns"], "When the newest entry began.");
    SYSCTL_VALUE = gauge("sysctl_value", ["netns", "key"], "What a key of the handshake holds, where that is one number; keys of the whole machine only in its first namespace.");
    SYSCTL_WANTED = gauge("sysctl_wanted", ["netns", "key", "bound"], "What is declared for a key, exactly where `bound` is empty, else `at_least` or `at_most`.");
    LISTENERS = gauge("listeners", ["netns"], "How many sockets listen.");
    LISTENERS_FULL = gauge("listeners_full", ["netns"], "How many listeners take no more, as their accept queue is full.");
    ACCEPT_QUEUED = gauge("accept_queued_connections", ["netns"], "How many connections wait for accept(), on all listeners.");
    FILL_RATIO = gauge("accept_queue_fill_max_ratio", ["netns"], "How full the fullest accept queue is, 0 to 1: 1 also where more wait than its limit lets in by now.");
    HALF_OPEN = gauge("half_open_connections", ["netns"], "How many handshakes wait for the last ACK (SYN-RECV).");
    CONNECTING = gauge("connecting_sockets", ["netns"], "How many connects are under way (SYN-SENT).");
    TIME_WAIT = gauge("time_wait_sockets", ["netns"], "How many connections are in TIME-WAIT.");
    ORPHANS = gauge("orphaned_sockets", [], "How many connections no process has any more, on the whole machine.");
    LISTENER_QUEUE = gauge("listener_accept_queue", ["netns"], "How many connections wait for accept() on one of the fullest listeners (Recv-Q of ss).");
    LISTENER_LIMIT = gauge("listener_accept_queue_limit", ["netns"], "The limit of its queue (Send-Q of ss); those of listeners with the same labels are added up.");
    LISTENER_HALF_OPEN = gauge("listener_half_open", ["netns"], "How many of its handshakes wait for the last ACK.");
    LISTENER_DROPS = gauge("listener_drops", ["netns"], "How many segments the listeners there now have dropped since each began; less once one of them goes.");
    NETSTAT = counter("netstat_total", ["netns", "name"], "What the kernel counted, by its own names; the node exporter tells some of them as well, of its own namespace alone.");
}
