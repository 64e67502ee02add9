//! Facts about the machine and about who runs tcptune.

use nix::sys::resource::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use crate::error::Error;

use super::procfs;

/// What identifies a machine and its current boot; nothing in it where no machine is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub name: String,
    /// Kernel release, as in `6.18.44`.
    pub kernel: String,
    /// Random id of this boot (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
}

impl Machine {
    /// Asks the kernel.
    ///
    /// # Errors
    /// Where `/proc` is missing.
    pub fn here() -> Result<Self, Error> {
        let read = |path: &str| match procfs::text(path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(source) => Err(Error::File {
                doing: "read",
                path: path.into(),
                source,
            }),
        };
        let name = nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Self {
            name,
            kernel: read("/proc/sys/kernel/osrelease")?,
            boot: read("/proc/sys/kernel/random/boot_id")?,
        })
    }

    /// Major and minor version of the kernel.
    pub fn version(&self) -> (u32, u32) {
        let mut numbers = self
            .kernel
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// Whether we are root: only then do other users' files matter.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// In a user namespace, the id that stands for owners outside of it, unless somebody inside has it too: their
/// files are no more in the reach of other users in here than root's are (user_namespaces(7)).
pub fn outsider() -> Option<u32> {
    let overflow = procfs::text("/proc/sys/kernel/overflowuid").ok()?;
    outsider_in(&overflow, &procfs::text("/proc/self/uid_map").ok()?)
}

/// The same, from what `kernel.overflowuid` and `/proc/self/uid_map` say.
pub fn outsider_in(overflow: &str, map: &str) -> Option<u32> {
    let overflow: u32 = overflow.trim().parse().ok()?;
    let mut ranges = map.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        Some((fields.next()?.ok()?, fields.nth(1)?.ok()?))
    });
    let inside = |(first, count): (u64, u64)| {
        (first..first.saturating_add(count)).contains(&u64::from(overflow))
    };
    (!ranges.any(inside)).then_some(overflow)
}

/// How many files this process may have open at a time (`RLIMIT_NOFILE`, getrlimit(2)).
pub fn descriptors() -> usize {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    limit.try_into().unwrap_or(usize::MAX)
}

/// When a process was started, in clock ticks since boot (field 22 of proc_pid_stat(5)): with its id, this says
/// which process it is. Nothing if it does not exist.
pub fn started(pid: u32) -> Option<u64> {
    started_in(&procfs::text(format!("/proc/{pid}/stat")).ok()?)
}

/// The same, from what `/proc/PID/stat` says.
pub fn started_in(stat: &str) -> Option<u64> {
    // The second field is a name in parentheses, which may hold anything.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_distributions() {
        let version = |kernel: &str| {
            Machine {
                name: String::new(),
                kernel: kernel.into(),
                boot: String::new(),
            }
            .version()
        };
        assert_eq!(version("6.18.44-fc-v669"), (6, 18));
        assert_eq!(version("5.14.0-427.el9.x86_64"), (5, 14));
        assert_eq!(version("7"), (7, 0));
    }

    #[test]
    fn who_is_outside_of_a_user_namespace() {
        let outsider = |map| outsider_in("65534\n", map);
        assert_eq!(outsider("0 0 4294967295\n"), None);
        assert_eq!(outsider("0 100000 65534\n"), Some(65534));
        assert_eq!(outsider("0 1000 1\n65534 100000 1\n"), None);
        assert_eq!(outsider("18446744073709551615 0 2\n"), Some(65534));
    }

    #[test]
    fn a_process_is_told_from_its_successor() {
        assert!(started(std::process::id()).is_some_and(|ticks| ticks > 0));
        assert_eq!(started(u32::MAX), None);
    }
}
