//! How sysctl.d is read at boot: which files, in which order, which line wins, for each of the programs that do it.
//!
//! Rules: sysctl.d(5) and src/sysctl/sysctl.c of systemd 252, sysctl.conf(5) and src/sysctl.c of procps 4.0.2. Random
//! trees are compared with what both of them leave in the kernel (`tests/it/loaders.rs`).
//!
//! Lines that set other keys along, as those of `net.ipv4.ip_forward` do, are named and no more: what they do depends on the
//! kernel and its interfaces ([`Along`]).

use serde::{Deserialize, Serialize};

mod about;
mod cmdline;
mod essence;
mod forecast;
mod leading;
mod lint;
mod order;
mod pattern;
mod sequence;
mod statement;
mod win;

pub use forecast::{Forecast, NextBoot};
pub use leading::Along;
pub use lint::{Remark, remarks};
pub use order::{Content, Found, NOT_PERMITTED, Tree};
pub use pattern::{braces, matches};
pub use sequence::{Outcome, Placed, Sequence, Winner};
pub use statement::{Line, Statement, lines, shown};
pub use win::Win;

/// A program that reads sysctl configuration and writes it to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// `systemd-sysctl`, at boot where systemd runs.
    Systemd,
    /// `sysctl --system` of procps, at boot elsewhere, and whenever somebody runs it.
    Procps,
    /// `sysctl -p` of procps: `/etc/sysctl.conf` alone.
    SysctlP,
}

impl Loader {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Loader::Systemd => "systemd-sysctl",
            Loader::Procps => "sysctl --system",
            Loader::SysctlP => "sysctl -p",
        }
    }
}

/// Directories of fragments, the strongest first; a file hides those of the same name in weaker ones.
pub const DIRECTORIES: [&str; 5] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];

/// Where the kernel's own parameters are: what they set, any loader may change.
pub const COMMAND_LINE: &str = "/proc/cmdline";

/// The file that procps reads last, and systemd only where a link in a directory leads to it.
pub const SYSCTL_CONF: &str = "/etc/sysctl.conf";

#[cfg(test)]
mod tests {
    use super::*;

    /// They are in JSON, and in what people type.
    #[test]
    fn names_of_loaders_stay() {
        let names = [Loader::Systemd, Loader::Procps, Loader::SysctlP].map(Loader::name);
        assert_eq!(names, ["systemd-sysctl", "sysctl --system", "sysctl -p"]);
    }
}
