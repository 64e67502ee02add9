//! What Kubernetes makes of sysctls: which of them a pod may set, and which control groups are those of pods.
//!
//! Sources: "Using sysctls in a Kubernetes Cluster" in its documentation; its code, `safeSysctls` in
//! `pkg/kubelet/sysctl/safe_sysctls.go`, `NamespacedBy` in `pkg/kubelet/sysctl/namespace.go`, and
//! `ValidatePodSpec` in `pkg/apis/core/validation`.

use super::catalogue::{self, Entry};
use super::key::Key;

/// A sysctl that every kubelet lets a pod set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safe {
    /// Full name.
    pub name: &'static str,
    /// The first version of Kubernetes that calls it safe; nothing for those that were safe from the beginning.
    pub since: Option<&'static str>,
    /// The first Linux on which a pod has its own copy, where Kubernetes says so.
    pub kernel: Option<&'static str>,
}

const fn safe(
    name: &'static str,
    since: Option<&'static str>,
    kernel: Option<&'static str>,
) -> Safe {
    Safe {
        name,
        since,
        kernel,
    }
}

/// Every safe sysctl, as of Kubernetes 1.37. The kubelet does not ask for the kernel of `tcp_syncookies`; the
/// documentation names it.
pub const SAFE: &[Safe] = &[
    safe("kernel.shm_rmid_forced", None, None),
    safe("net.ipv4.ip_local_port_range", None, None),
    safe("net.ipv4.tcp_syncookies", None, Some("4.6")),
    safe("net.ipv4.ping_group_range", Some("1.18"), None),
    safe("net.ipv4.ip_unprivileged_port_start", Some("1.22"), None),
    safe(
        "net.ipv4.ip_local_reserved_ports",
        Some("1.27"),
        Some("3.16"),
    ),
    safe("net.ipv4.tcp_keepalive_time", Some("1.29"), Some("4.5")),
    safe("net.ipv4.tcp_fin_timeout", Some("1.29"), Some("4.6")),
    safe("net.ipv4.tcp_keepalive_intvl", Some("1.29"), Some("4.5")),
    safe("net.ipv4.tcp_keepalive_probes", Some("1.29"), Some("4.5")),
    safe("net.ipv4.tcp_rmem", Some("1.32"), Some("4.15")),
    safe("net.ipv4.tcp_wmem", Some("1.32"), Some("4.15")),
    safe(
        "net.ipv4.tcp_slow_start_after_idle",
        Some("1.37"),
        Some("4.15"),
    ),
    safe("net.ipv4.tcp_notsent_lowat", Some("1.37"), Some("4.6")),
];

impl Safe {
    /// From which versions on it is safe: `safe`, `safe since Kubernetes 1.29 and Linux 4.5`.
    pub fn words(&self) -> String {
        let kubernetes = self.since.map(|since| format!("Kubernetes {since}"));
        let linux = self.kernel.map(|kernel| format!("Linux {kernel}"));
        let since: Vec<String> = kubernetes.into_iter().chain(linux).collect();
        if since.is_empty() {
            "safe".to_owned()
        } else {
            format!("safe since {}", since.join(" and "))
        }
    }
}

/// Who may set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Every pod.
    Safe(&'static Safe),
    /// Pods on nodes whose kubelet allows it.
    Unsafe,
    /// The same, as far as Kubernetes knows: the catalogue does not say whether each namespace has its own copy.
    Unknown,
    /// Only the node: there is one for all of its pods.
    Node,
    /// Nobody through a manifest: no pod can name it.
    Unnamed,
}

/// Who may set this key.
pub fn permission(key: &Key) -> Permission {
    if let Some(safe) = SAFE.iter().find(|safe| safe.name == key.as_str()) {
        return Permission::Safe(safe);
    }
    let namespaced = match Entry::of(key) {
        Some(_) => !catalogue::is_global(key),
        None => is_namespaced(key),
    };
    match (namespaced, takes_name(key), Entry::of(key)) {
        (false, ..) => Permission::Node,
        (true, false, _) => Permission::Unnamed,
        (true, true, Some(_)) => Permission::Unsafe,
        (true, true, None) => Permission::Unknown,
    }
}

/// Whether a kubelet takes a key for one that pods have for themselves, in their network or IPC namespace.
fn is_namespaced(key: &Key) -> bool {
    let groups = ["net.", "kernel.shm", "kernel.msg", "fs.mqueue."];
    let name = key.as_str();
    name == "kernel.sem" || groups.iter().any(|group| name.starts_with(group))
}

/// Whether a manifest can name it (`SysctlSegmentFmt` of Kubernetes), and a runtime then finds it: runc and its like
/// take every dot for a `/`, so that none finds the interface `eth0.100`.
fn takes_name(key: &Key) -> bool {
    let name = key.as_str();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part =
        |part: &str| part.starts_with(plain) && part.ends_with(plain) && part.chars().all(fits);
    name.len() <= LONGEST_NAME && name.split('.').all(part)
}

fn fits(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)
}

/// `SysctlMaxLength` of Kubernetes, in bytes.
const LONGEST_NAME: usize = 253;

/// Whether a process is in a pod, by its `/proc/PID/cgroup` (cgroups(7)): the kubelet keeps all pods below one control
/// group, `kubepods`, or `kubepods.slice` with the systemd driver (`pkg/kubelet/cm` of Kubernetes). A `--cgroup-root`
/// comes before it, in the name of a slice as well, as in kind: `kubelet-kubepods.slice`.
pub fn is_in_pod(cgroups: &str) -> bool {
    let paths = cgroups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2));
    let mut groups = paths.flat_map(|path| path.split('/'));
    groups.any(|group| {
        let slice = group.split_once(".slice").map(|(slice, _)| slice);
        group == KUBEPODS
            || is_of_a_pod(group)
            || slice.is_some_and(|slice| slice.split('-').any(|part| part == KUBEPODS))
    })
}

/// The control group of one pod, which is all that is seen of it from within another, where paths begin with `/..`:
/// `pod`, and its UID (RFC 9562).
fn is_of_a_pod(group: &str) -> bool {
    let uid = group.strip_prefix("pod").filter(|uid| uid.len() == 36);
    uid.is_some_and(|uid| uid.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
}

/// The name of that control group.
const KUBEPODS: &str = "kubepods";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_seen_from_within_another_too() {
        assert!(is_in_pod(
            "8:pids:/../../pod8a7c9f5e-1b2d-4e3f-9a4b-5c6d7e8f9a0b/c1\n"
        ));
        assert!(!is_in_pod("8:pids:/../../podman-1234/c1\n"));
        assert!(!is_in_pod("0::/../podsystem.slice/x\n"));
    }

    fn of(key: &str) -> Permission {
        permission(&key.parse().unwrap())
    }

    #[test]
    fn the_catalogue_decides_and_then_the_groups_of_kubernetes() {
        assert!(matches!(of("net.ipv4.tcp_syncookies"), Permission::Safe(_)));
        assert!(matches!(of("kernel.shm_rmid_forced"), Permission::Safe(_)));
        for (key, permission) in [
            ("net.core.somaxconn", Permission::Unsafe),
            ("net.core.netdev_max_backlog", Permission::Node),
            ("net.core.rmem_max", Permission::Node),
            ("net.netfilter.nf_conntrack_max", Permission::Node),
            ("fs.file-max", Permission::Node),
            ("vm.swappiness", Permission::Node),
            ("kernel.semaphore", Permission::Node),
            ("kernel.sem", Permission::Unknown),
            ("kernel.msgmax", Permission::Unknown),
            ("fs.mqueue.msg_max", Permission::Unknown),
            ("net.ipv4.ip_default_ttl", Permission::Unknown),
            ("net.ipv4.conf.eth0.rp_filter", Permission::Unknown),
            ("net/ipv4/conf/eth0.100/rp_filter", Permission::Unnamed),
            ("net.ipv4.conf.Eth0.rp_filter", Permission::Unnamed),
            ("net.ipv4.conf.eth0-.rp_filter", Permission::Unnamed),
            ("net.ipv4.conf.a@b.rp_filter", Permission::Unnamed),
        ] {
            assert_eq!(of(key), permission, "{key}");
        }
    }

    #[test]
    fn what_is_safe_is_a_key_of_a_pod_for_both() {
        for safe in SAFE {
            let key: Key = safe.name.parse().unwrap();
            assert!(is_namespaced(&key) && takes_name(&key), "{key}");
            if Entry::of(&key).is_some() {
                assert!(!catalogue::is_global(&key), "{key}");
            }
        }
    }

    #[test]
    fn control_groups_of_pods() {
        for cgroups in [
            // v2: cgroupfs; systemd with containerd, then CRI-O; kind; as seen from a control group beside them.
            "0::/kubepods/besteffort/pod7b8e9d1c-2f4a-4d7e-9a3b-1c2d3e4f5a6b/3f1c9ad2",
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7b8e9d1c_2f4a.slice/cri-containerd-3f1c.scope",
            "0::/kubepods.slice/kubepods-pod7b8e9d1c_2f4a.slice/crio-3f1c9ad2.scope/container",
            "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/cri-containerd-3f1c.scope",
            "0::/../../kubepods-besteffort-pod7b8e9d1c_2f4a.slice/cri-containerd-3f1c.scope",
            // v1: cgroupfs; systemd; a runtime with the other driver than its kubelet.
            "12:cpu,cpuacct:/kubepods/burstable/pod7b8e9d1c/3f1c9ad2\n1:name=systemd:/kubepods/burstable/pod7b8e9d1c/3f1c9ad2\n",
            "11:memory:/\n1:name=systemd:/kubepods.slice/kubepods-pod7b8e9d1c.slice/crio-3f1c9ad2.scope\n0::/\n",
            "4:pids:/system.slice/containerd.service/kubepods-burstable-pod7b8e9d1c.slice:cri-containerd:3f1c9ad2",
        ] {
            assert!(is_in_pod(cgroups), "{cgroups}");
        }
        for cgroups in [
            "",
            "0::/",
            "0::/init.scope",
            "0::/system.slice/kubelet.service",
            "0::/system.slice/kubepods-exporter.service",
            "0::/system.slice/docker-3f1c9ad2.scope",
            "0::/user.slice/user-1000.slice/user@1000.service/my-kubepods",
            "1:name=kubepods:/system.slice/sshd.service",
            "0::/machine.slice/libpod-3f1c9ad2.scope/container",
        ] {
            assert!(!is_in_pod(cgroups), "{cgroups}");
        }
    }

    #[test]
    fn the_versions_are_told_in_words() {
        let words = |name| SAFE.iter().find(|safe| safe.name == name).map(Safe::words);
        let told = [
            ("kernel.shm_rmid_forced", "safe"),
            ("net.ipv4.tcp_syncookies", "safe since Linux 4.6"),
            ("net.ipv4.ping_group_range", "safe since Kubernetes 1.18"),
            (
                "net.ipv4.tcp_rmem",
                "safe since Kubernetes 1.32 and Linux 4.15",
            ),
        ];
        for (name, said) in told {
            assert_eq!(words(name).as_deref(), Some(said));
        }
    }
}
