//! Lines that set other keys along with the one that they name.

use super::super::along::{insists, is_zero, set_along, variables};
use super::super::catalogue::Taken;
use super::super::key::Key;
use super::super::value::Value;
use super::Loader;
use super::sequence::Sequence;
use super::win::Win;

/// When something is written at boot: whether by a file, as the kernel's parameters come first, and its place there.
pub(super) type When = (bool, usize);

/// A line that sets a key along with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Along {
    /// The key that the line names.
    pub leader: Key,
    /// The line, and what becomes of the key that it sets along.
    pub win: Win,
}

/// What sets keys along while a loader reads.
#[derive(Debug, Clone)]
pub(super) struct Leading {
    /// Of each key that does, the last line that makes it 0, the last one that does not, and the last one of which nobody
    /// knows: what comes before makes no difference to any follower.
    lines: Vec<(When, &'static Key, Win)>,
}

impl Leading {
    /// Looks for them in the kernel's own parameters, and in what a loader reads. A key that is told to stay what it is sets
    /// nothing along but where the kernel insists; and systemd-sysctl does not write what is there already.
    pub(super) fn of(kernel: &Sequence, files: &Sequence, loader: Loader) -> Self {
        let mut lines = Vec::new();
        for variable in variables() {
            let mut writes = Vec::new();
            for leader in variable {
                for (of_files, sequence) in [(false, kernel), (true, files)] {
                    for winner in sequence.writes(leader) {
                        writes.push(((of_files, winner.at), leader, Win::won(winner)));
                    }
                }
            }
            writes.sort_by_key(|(when, ..)| *when);
            let mut holds = Some(Value::from(0));
            let mut last: Vec<(When, &'static Key, Win)> = Vec::new();
            for (when, leader, win) in writes {
                let becomes = win.taken.value().cloned();
                let changes = becomes.is_none() || becomes != holds;
                let rewrites = !(when.0 && loader == Loader::Systemd) && insists(leader);
                holds = becomes;
                if changes || rewrites {
                    last.retain(|(_, other, old)| *other != leader || is_off(old) != is_off(&win));
                    last.push((when, leader, win));
                }
            }
            lines.extend(last);
        }
        Self { lines }
    }

    /// The last line that sets a key along, and when that is written.
    pub(super) fn last(&self, key: &Key) -> Option<(When, Along)> {
        let all = self.lines.iter().filter_map(|(when, leader, win)| {
            let taken = match win.taken.value() {
                Some(value) => Taken::Value(set_along(leader, value, key)?),
                None => set_along(leader, &Value::from(0), key).map(|_| Taken::Unknown)?,
            };
            let win = Win {
                taken,
                ..win.clone()
            };
            let leader = (*leader).clone();
            Some((*when, Along { leader, win }))
        });
        all.max_by_key(|(when, _)| *when)
    }
}

/// Whether a line makes its leader 0; nothing where nobody knows.
fn is_off(win: &Win) -> Option<bool> {
    win.taken.value().map(is_zero)
}

#[cfg(test)]
mod tests {
    use super::super::Forecast;
    use super::super::order::{Content, Found, Tree};
    use super::super::statement::HIDDEN;
    use super::*;

    const LO: &str = "net.ipv4.conf.lo.forwarding";
    const LO_OFF: (&str, &str) = ("b", "net.ipv4.conf.lo.forwarding = 0\n");
    const LO_ON: (&str, &str) = ("b", "net.ipv4.conf.lo.forwarding = 1\n");
    const ON: &str = "net.ipv4.ip_forward = 1\n";
    const OFF: &str = "net.ipv4.ip_forward = 0\n";

    fn tree(parameters: &str, files: &[(&str, &str)]) -> Tree {
        let found = |path: String, text: &str| Found {
            path,
            leads_to: None,
            content: Content::Text(text.as_bytes().to_vec()),
        };
        let files = files
            .iter()
            .map(|(name, text)| found(format!("/etc/sysctl.d/{name}.conf"), text));
        Tree {
            fragments: files.collect(),
            command_line: Some(found("/proc/cmdline".to_owned(), parameters)),
            ..Tree::default()
        }
    }

    /// Who sets a key along, and to what: `c 1`.
    fn along(key: &str, loader: Loader, parameters: &str, files: &[(&str, &str)]) -> String {
        let forecast = Forecast::of(&tree(parameters, files), loader);
        let Some(Along { win, .. }) = forecast.along(&key.parse().unwrap()) else {
            return "nobody".to_owned();
        };
        let path = win.path.trim_start_matches("/etc/sysctl.d/");
        let value = win.taken.value();
        let value = value.map_or_else(|| "?".to_owned(), Value::to_string);
        format!("{} {value}", path.trim_end_matches(".conf"))
    }

    /// Under both loaders.
    fn both(key: &str, files: &[(&str, &str)]) -> [String; 2] {
        [Loader::Systemd, Loader::Procps].map(|loader| along(key, loader, "", files))
    }

    const NOBODY: [&str; 2] = ["nobody"; 2];

    #[test]
    fn a_later_line_that_says_something_else_sets_a_key_along() {
        let all_off = ("d", "net.ipv4.conf.all.forwarding = 0\n");
        for files in [
            &[LO_OFF][..],
            &[("a", ON), LO_OFF],
            &[LO_OFF, ("c", OFF)],
            // The last of them counts.
            &[LO_OFF, ("c", ON), all_off],
        ] {
            assert_eq!(both(LO, files), NOBODY, "{files:?}");
        }
        assert_eq!(both(LO, &[LO_OFF, ("c", ON)]), ["c 1"; 2]);
        assert_eq!(both(LO, &[("c", ON)]), ["c 1"; 2]);
        let unshown = format!("net.ipv4.ip_forward = {HIDDEN}\n");
        assert_eq!(both(LO, &[LO_OFF, ("c", &unshown)]), ["c ?"; 2]);
        let redirects = "net.ipv4.conf.all.accept_redirects";
        let files = [("b", "net.ipv4.conf.all.accept_redirects = 1\n"), ("c", ON)];
        assert_eq!(both(redirects, &files), ["c 0"; 2]);
    }

    /// Measured on Linux 6.18 with systemd 252 and procps 4.0.
    #[test]
    fn what_a_leader_holds_already_sets_nothing_along_but_for_procps_in_ipv6() {
        assert_eq!(both(LO, &[LO_ON, ("c", OFF)]), NOBODY);
        // To systemd-sysctl it is one line, and 0 is there already.
        assert_eq!(both(LO, &[("a", ON), LO_ON, ("c", OFF)]), ["nobody", "c 0"]);
        assert_eq!(both(LO, &[("a", ON), LO_OFF, ("c", ON)]), NOBODY);
        // Two names of one thing.
        let all = |value: u8| format!("net.ipv4.conf.all.forwarding = {value}\n");
        assert_eq!(both(LO, &[("a", ON), LO_OFF, ("c", &all(1))]), NOBODY);
        assert_eq!(both(LO, &[("a", &all(1)), LO_ON, ("c", OFF)]), ["c 0"; 2]);
        let files = [
            ("b", "net.ipv6.conf.lo.forwarding = 1\n"),
            ("c", "net.ipv6.conf.all.forwarding = 0\n"),
        ];
        let procps_alone = ["nobody", "c 0"];
        assert_eq!(both("net.ipv6.conf.lo.forwarding", &files), procps_alone);
        let forced = [
            ("b", "net.ipv6.conf.lo.force_forwarding = 1\n"),
            ("c", "net.ipv6.conf.all.force_forwarding = 0\n"),
        ];
        assert_eq!(both("net.ipv6.conf.lo.force_forwarding", &forced), NOBODY);
    }

    /// Measured with both loaders, as glob(3) sorts.
    #[test]
    fn a_pattern_writes_what_it_matches_in_the_order_of_names() {
        let redirects = "net.ipv4.conf.all.accept_redirects";
        let names = ("b", "net.ipv4.conf.all.[af]*[gs] = 1\n");
        assert_eq!(both(redirects, &[names]), ["b 0"; 2]);
        let each = ("b", "net.ipv4.conf.*.forwarding = 1\n");
        assert_eq!(both(LO, &[each]), NOBODY);
    }

    #[test]
    fn a_later_line_may_only_clear_a_key() {
        let key = "net.ipv6.conf.lo.force_forwarding";
        let own = ("b", "net.ipv6.conf.lo.force_forwarding = 1\n");
        let all = |value: u8| format!("net.ipv6.conf.all.forwarding = {value}\n");
        assert_eq!(both(key, &[own, ("c", &all(1))]), NOBODY);
        assert_eq!(both(key, &[own, ("c", &all(0))]), ["nobody", "c 0"]);
        let files = [own, ("c", &all(0)), ("d", &all(1))];
        assert_eq!(both(key, &files), ["nobody", "c 0"]);
        // What nobody knows may have cleared it.
        let unshown = format!("net.ipv6.conf.all.forwarding = {HIDDEN}\n");
        let files = [own, ("c", &unshown), ("d", &all(1))];
        assert_eq!(both(key, &files), ["nobody", "c ?"]);
    }

    #[test]
    fn what_the_kernels_parameters_set_along_comes_first() {
        let by = |parameters: &str, files: &[_]| along(LO, Loader::Procps, parameters, files);
        assert_eq!(by("sysctl.net.ipv4.ip_forward=1", &[LO_OFF]), "nobody");
        let parameters = "sysctl.net.ipv4.conf.lo.forwarding=0";
        assert_eq!(by(parameters, &[("c", ON)]), "c 1");
        let both = format!("{parameters} sysctl.net.ipv4.ip_forward=1");
        assert_eq!(by(&both, &[]), "/proc/cmdline 1");
    }

    #[test]
    fn loaders_disagree_where_only_one_sets_a_key_along() {
        let files = [("a", ON), LO_ON, ("c", OFF)];
        let next = Forecast::of(&tree("", &files), Loader::Systemd).next_boot(&LO.parse().unwrap());
        assert!(!next.agree());
        let lead = |loader| next.along_under(loader).map(|along| along.leader.as_str());
        assert_eq!(lead(Loader::Systemd), None);
        assert_eq!(lead(Loader::Procps), Some("net.ipv4.ip_forward"));
        let hidden = next.hidden();
        assert!(hidden.along.iter().all(|(_, along)| along.win.is_hidden()));
    }
}
