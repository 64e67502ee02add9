//! Network namespaces: which one we are in, which others there are, and how to get there.
//!
//! tcptune has one thread, but for one of `watch` that waits for signals and does nothing else, so entering a namespace
//! moves whatever looks at it; `/proc/sys/net` follows at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::kubernetes::is_in_pod;
use crate::model::memory::{CONTAINER, HOST};
use crate::model::printable::shell_word;
use crate::model::sorted;

use super::{owners, procfs};

/// Where `ip netns add` keeps names.
const NAMES: &str = "/run/netns";

/// How containerd begins the names of namespaces that it makes for pods (`NewNetNS` in its `pkg/netns`).
const CNI: &str = "cni-";

/// A network namespace as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A name of `ip netns`.
    Name(String),
    /// A file that stands for a namespace.
    Path(PathBuf),
    /// The namespace of a process.
    Pid(u32),
    /// Every namespace that can be seen, each once.
    All,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("a name, a path, `pid:N` or `all` is wanted".to_owned());
        }
        if let Some(pid) = text.strip_prefix("pid:") {
            return pid
                .parse()
                .map(Target::Pid)
                .map_err(|_| format!("`{pid}` is no process id"));
        }
        match text {
            "all" => Ok(Target::All),
            "." | ".." => Err(format!("`{text}` is no name of a namespace")),
            // So that it means the same to whoever reads it later, elsewhere.
            _ if text.contains('/') => std::path::absolute(text)
                .map(Target::Path)
                .map_err(|why| why.to_string()),
            _ => Ok(Target::Name(text.to_owned())),
        }
    }
}

impl Target {
    fn path(&self) -> PathBuf {
        match self {
            Target::Name(name) => PathBuf::from(NAMES).join(name),
            Target::Path(path) => path.clone(),
            Target::Pid(pid) => PathBuf::from(format!("/proc/{pid}/ns/net")),
            Target::All => PathBuf::from(NAMES),
        }
    }

    fn inode(&self) -> Option<u64> {
        fs::metadata(self.path()).ok().map(|found| found.ino())
    }

    /// What outputs call it.
    pub fn label(&self) -> String {
        match self {
            Target::Name(name) => name.clone(),
            Target::Path(path) => path.display().to_string(),
            Target::Pid(pid) => format!("pid:{pid}"),
            Target::All => "all".to_owned(),
        }
    }
}

/// Which namespace it is, for as long as the machine runs.
///
/// The inode of a namespace is used again after it is gone, and the times of that inode are made up whenever it is
/// looked at. The inode of the kernel's own rtnetlink socket in the namespace lives exactly as long as the
/// namespace, and such inodes come from a counter: together they tell a namespace from its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id {
    /// Inode on nsfs, as in `net:[4026531840]`.
    pub inode: u64,
    /// Inode of its rtnetlink socket.
    pub socket: u64,
}

/// The namespace that the process is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// What outputs call it: `host`, `container`, the name that was asked for, or `net:[INODE]`.
    pub label: String,
    /// Which one it is.
    pub id: Id,
    /// Whether it is that of process 1, in which the loaders of sysctl.d run.
    pub init: bool,
    /// Whether it is the machine's first one, which alone has the global keys (`tcp_mem` exists only there).
    pub first: bool,
}

impl Namespace {
    /// Where we are. `label` is how the user called it, if at all.
    ///
    /// # Errors
    /// Where `/proc` does not tell.
    pub fn here(label: Option<String>) -> Result<Self, Error> {
        let error = |source| Error::Namespace {
            doing: "identify",
            name: "this network namespace".to_owned(),
            source,
        };
        let inode = fs::metadata("/proc/thread-self/ns/net")
            .map_err(error)?
            .ino();
        let socket = |process: &str| {
            let sockets = procfs::text(format!("/proc/{process}/net/netlink"))?;
            Ok(rtnetlink_inode(&sockets).unwrap_or(0))
        };
        let id = Id {
            inode,
            socket: socket("thread-self").map_err(error)?,
        };
        let first = is_first();
        // Everybody may see the sockets of process 1, while its namespace shows only to root.
        let host = match Target::Pid(1).inode() {
            Some(of_init) => of_init == inode,
            None => socket("1").map_or(first, |of_init| of_init == id.socket),
        };
        let own = match (first, host) {
            (true, _) => HOST.to_owned(),
            (false, true) => CONTAINER.to_owned(),
            (false, false) => format!("net:[{inode}]"),
        };
        // Whoever names a process learns when that means the host.
        let label = label
            .filter(|label| !(host && label.starts_with("pid:")))
            .unwrap_or(own);
        Ok(Self {
            label,
            id,
            init: host,
            first,
        })
    }
}

impl Namespace {
    /// Whether it can be found again by what it is called. A process may end before its namespace does.
    pub fn lasts(&self) -> bool {
        self.init || !(self.label.starts_with("net:[") || self.label.starts_with("pid:"))
    }

    /// What stands for an image, which has no kernel and so no namespaces.
    pub fn of_image(path: &Path) -> Self {
        Self {
            label: path.display().to_string(),
            id: Id {
                inode: 0,
                socket: 0,
            },
            init: true,
            first: true,
        }
    }
}

/// The addresses of the interfaces of the namespace that the process is in (getifaddrs(3)).
pub fn addresses() -> BTreeSet<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let four = address.as_sockaddr_in().map(|address| address.ip().into());
        four.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
    });
    sorted::set(addresses)
}

/// Whether the process is in the machine's first namespace.
pub fn is_first() -> bool {
    fs::exists("/proc/sys/net/ipv4/tcp_mem").unwrap_or(false)
}

/// In `/proc/net/netlink`, the inode (last column) of the socket of protocol 0 that belongs to process 0.
pub fn rtnetlink_inode(table: &str) -> Option<u64> {
    let rows = table
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let row = rows
        .into_iter()
        .find(|row| row.get(1..3) == Some(&["0", "0"]))?;
    row.last()?.parse().ok()
}

/// Moves the process into a namespace.
///
/// # Errors
/// If there is none, or it may not be entered (that takes `CAP_SYS_ADMIN`).
pub fn enter(target: &Target) -> Result<Namespace, Error> {
    let error = |source| Error::Namespace {
        doing: "enter",
        name: format!("the network namespace {}", target.label()),
        source,
    };
    let file = File::open(target.path()).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => none_there(target),
        _ => error(source),
    })?;
    setns(&file, CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        Errno::EINVAL => none_there(target),
        _ => error(errno.into()),
    })?;
    Namespace::here(Some(target.label()))
}

/// Nothing is there, or something else.
fn none_there(target: &Target) -> Error {
    let label = target.label();
    let stranger = match target {
        Target::Name(name) => strangers().into_iter().find(|one| one.name == *name),
        _ => None,
    };
    let hint = stranger.map_or_else(
        || "`ip netns list` shows the named ones".to_owned(),
        |stranger| stranger.remedy(),
    );
    Error::Usage {
        code: "no-namespace",
        message: format!(
            "there is no network namespace `{}` ({})",
            label.escape_debug(),
            target.path().display()
        ),
        hint: Some(hint),
    }
}

/// Every target, `all` replaced by the namespaces that it stands for: named ones by name, others by their lowest
/// process, each once.
pub fn expand(targets: &[Target], all: impl Fn() -> BTreeMap<u64, Visible>) -> Vec<Target> {
    let mut expanded = Vec::new();
    for target in targets {
        match target {
            Target::All => expanded.extend(all().into_values().map(|one| one.target)),
            other => expanded.push(other.clone()),
        }
    }
    expanded
}

/// A namespace that can be seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// How to enter it: by its name, if it has one, else by its lowest process.
    pub target: Target,
    /// Its lowest process, if it has one: it can be looked at through that without being entered.
    pub pid: Option<u32>,
}

/// Every namespace that can be seen, by its inode, each once. Namespaces of other users' processes show only to root.
pub fn visible() -> BTreeMap<u64, Visible> {
    let mut seen: BTreeMap<u64, Visible> = BTreeMap::new();
    for pid in owners::processes() {
        let target = Target::Pid(pid);
        if let Some(inode) = target.inode() {
            let pid = Some(pid);
            seen.entry(inode).or_insert(Visible { target, pid });
        }
    }
    let nsfs = nsfs();
    for name in names() {
        if let Some(inode) = named(&name, nsfs) {
            let target = Target::Name(name);
            let pid = seen.get(&inode).and_then(|one| one.pid);
            seen.insert(inode, Visible { target, pid });
        }
    }
    seen
}

/// The file system of namespaces, as a device.
fn nsfs() -> Option<u64> {
    Some(fs::metadata("/proc/thread-self/ns/net").ok()?.dev())
}

/// The namespace that a name stands for, if it stands for one.
fn named(name: &str, nsfs: Option<u64>) -> Option<u64> {
    let found = fs::metadata(Path::new(NAMES).join(name)).ok()?;
    (Some(found.dev()) == nsfs).then(|| found.ino())
}

/// Something that is no namespace, where only names of namespaces should be: what an `ip netns` left that was killed, or
/// whose mount is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// What it is called.
    pub name: String,
    is_directory: bool,
}

impl Stranger {
    /// How to be rid of it.
    pub fn remedy(&self) -> String {
        let name = &self.name;
        if self.is_directory {
            let path = format!("{NAMES}/{name}");
            format!("remove it: rmdir {}", shell_word(&path))
        } else {
            format!("remove it: ip netns del {}", shell_word(name))
        }
    }
}

/// What lies among the names, and is no namespace.
pub fn strangers() -> Vec<Stranger> {
    let nsfs = nsfs();
    let stranger = |name: String| {
        let path = Path::new(NAMES).join(&name);
        let found = match fs::metadata(&path) {
            Ok(found) if Some(found.dev()) == nsfs => return None,
            Ok(found) => found,
            // A link that leads nowhere; else it has gone since.
            Err(_) => fs::symlink_metadata(&path).ok()?,
        };
        let is_directory = found.is_dir();
        Some(Stranger { name, is_directory })
    };
    names().into_iter().filter_map(stranger).collect()
}

/// The names of `ip netns`, sorted.
pub fn names() -> Vec<String> {
    let names = fs::read_dir(NAMES).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    sorted::by(&mut names, Ord::cmp);
    names
}

/// The namespaces of pods among the visible ones, by inode: those with a process in a pod, and those that containerd
/// or CRI-O made for one. Pods with host network are no reason to take the namespace of process 1, or the one that we are in.
pub fn of_pods() -> BTreeSet<u64> {
    let here = fs::metadata("/proc/thread-self/ns/net").map(|found| found.ino());
    let ours = [here.ok(), Target::Pid(1).inode()];
    let mut pods = BTreeSet::new();
    for pid in owners::processes() {
        let inode = Target::Pid(pid).inode();
        let Some(inode) = inode.filter(|inode| !ours.contains(&Some(*inode))) else {
            continue;
        };
        let cgroups = || procfs::text(format!("/proc/{pid}/cgroup"));
        if !pods.contains(&inode) && cgroups().is_ok_and(|text| is_in_pod(&text)) {
            pods.insert(inode);
        }
    }
    // CRI-O pins the other namespaces of a pod under the same name (`pinns`).
    let pinned = |name: &String| {
        ["/run/ipcns", "/run/utsns"]
            .iter()
            .any(|kind| Path::new(kind).join(name).exists())
    };
    let made = names()
        .into_iter()
        .filter(|name| name.starts_with(CNI) || pinned(name));
    let nsfs = nsfs();
    let made = made.filter_map(|name| named(&name, nsfs));
    pods.extend(made.filter(|inode| !ours.contains(&Some(*inode))));
    pods
}

/// Runs `look` in a new, empty network namespace, and comes back.
///
/// # Errors
/// Where making one is not allowed (that takes `CAP_SYS_ADMIN`).
pub fn in_a_fresh_one<T>(look: impl FnOnce() -> T) -> Result<T, Error> {
    let error = |doing, name: &str, source| Error::Namespace {
        doing,
        name: name.to_owned(),
        source,
    };
    let failed = |errno: nix::Error| error("make", "a fresh network namespace", errno.into());
    let home = File::open("/proc/thread-self/ns/net")
        .map_err(|source| error("open", "this network namespace", source))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(failed)?;
    let seen = look();
    let lost = |errno: nix::Error| error(RETURN, "this network namespace", errno.into());
    setns(&home, CloneFlags::CLONE_NEWNET).map_err(lost)?;
    Ok(seen)
}

/// What was tried when [`in_a_fresh_one`] could not come back.
const RETURN: &str = "return to";

/// Whether the process is now in a namespace that nobody asked for.
pub fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Namespace { doing: RETURN, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        assert_eq!("web".parse(), Ok(Target::Name("web".into())));
        let here = std::env::current_dir().unwrap();
        assert_eq!("./web".parse(), Ok(Target::Path(here.join("web"))));
        assert_eq!("pid:7".parse(), Ok(Target::Pid(7)));
        assert_eq!("all".parse(), Ok(Target::All));
        for bad in ["", "..", "pid:x", "a\nb"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_kernels_socket_is_the_one_of_process_zero() {
        let table = "sk       Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n\
                     0000 0   1234       00000000 0        0        0     2        0        99\n\
                     0000 0   0          00000000 0        0        0     2        0        8254\n\
                     0000 4   0          00000000 0        0        0     2        0        560\n";
        assert_eq!(rtnetlink_inode(table), Some(8254));
        assert_eq!(rtnetlink_inode(""), None);
    }

    #[test]
    fn we_are_somewhere_and_it_stays_the_same() {
        let here = Namespace::here(None).unwrap();
        assert_eq!(here, Namespace::here(None).unwrap());
        assert!(here.id.socket > 0);
    }
}
