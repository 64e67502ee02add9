//! What each key will be after the next boot, and who says so.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::super::along::leaders_of;
use super::super::catalogue::Taken;
use super::super::key::Key;
use super::super::sorted;
use super::super::value::Value;
use super::Loader;
use super::leading::{Along, Leading, When};
use super::order::Tree;
use super::sequence::{Outcome, Placed, Sequence};
use super::statement::HIDDEN;
use super::win::Win;

/// What all loaders make of a tree.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The loader that this machine boots with.
    pub loader: Loader,
    sequences: [Sequence; 3],
    /// What is there before any of them.
    kernel: Sequence,
    /// What sets keys along under systemd-sysctl, and under `sysctl --system`, once somebody asks.
    leading: OnceCell<[Leading; 2]>,
    /// The files that the loader which counts reads, first one first, and whether it is known what they say.
    files: Vec<(String, bool)>,
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextBoot {
    /// The line that wins under systemd-sysctl; nothing if none writes the key.
    pub systemd: Option<Win>,
    /// The same under `sysctl --system`.
    pub procps: Option<Win>,
    /// The same under `sysctl -p`.
    pub sysctl_p: Option<Win>,
    /// Lines that speak of the key and win under neither of the first two.
    pub shadowed: Vec<Win>,
    /// By loader, a line of another key that is written after the winner, if there is one, and sets this key along: to
    /// something else, or to what nobody knows. Whether it does depends on what the kernel and its interfaces are by then.
    pub along: Vec<(Loader, Along)>,
}

impl NextBoot {
    /// The winner under a loader.
    pub fn under(&self, loader: Loader) -> Option<&Win> {
        match loader {
            Loader::Systemd => self.systemd.as_ref(),
            Loader::Procps => self.procps.as_ref(),
            Loader::SysctlP => self.sysctl_p.as_ref(),
        }
    }

    /// The same without what the lines say.
    #[must_use]
    pub fn hidden(self) -> Self {
        let hide = |win: Win| Win {
            text: win.text.map(|_| HIDDEN.to_owned()),
            taken: Taken::Unknown,
            ..win
        };
        let hide_along = |(loader, along): (Loader, Along)| {
            let win = hide(along.win);
            (loader, Along { win, ..along })
        };
        Self {
            systemd: self.systemd.map(hide),
            procps: self.procps.map(hide),
            sysctl_p: self.sysctl_p.map(hide),
            shadowed: self.shadowed.into_iter().map(hide).collect(),
            along: self.along.into_iter().map(hide_along).collect(),
        }
    }

    /// Whether systemd-sysctl and `sysctl --system` leave the same value.
    pub fn agree(&self) -> bool {
        self.left(Loader::Systemd) == self.left(Loader::Procps)
    }

    /// What a loader leaves, if it writes the key or sets it along.
    fn left(&self, loader: Loader) -> Option<Value> {
        let along = self.along_under(loader).map(|along| &along.win);
        along.or(self.under(loader)).map(Win::value)
    }

    /// What sets the key along while a loader reads.
    pub fn along_under(&self, loader: Loader) -> Option<&Along> {
        let mut all = self.along.iter();
        all.find_map(|(one, along)| (*one == loader).then_some(along))
    }
}

impl Forecast {
    /// Reads a tree as every loader does; `loader` is the one that counts.
    pub fn of(tree: &Tree, loader: Loader) -> Self {
        let sequences = [Loader::Systemd, Loader::Procps, Loader::SysctlP];
        let unknown: Vec<&str> = tree
            .unknown()
            .map(|(found, _)| found.path.as_str())
            .collect();
        let read = tree.read_by(loader).into_iter();
        let files = read.map(|found| (found.path.clone(), !unknown.contains(&found.path.as_str())));
        Self {
            loader,
            files: files.collect(),
            sequences: sequences.map(|loader| Sequence::read(tree, loader)),
            kernel: Sequence::of_kernel(tree),
            leading: OnceCell::new(),
        }
    }

    /// What a loader reads.
    pub fn sequence(&self, loader: Loader) -> &Sequence {
        let [systemd, procps, sysctl_p] = &self.sequences;
        match loader {
            Loader::Systemd => systemd,
            Loader::Procps => procps,
            Loader::SysctlP => sysctl_p,
        }
    }

    /// The winner for a key under this machine's loader.
    pub fn winner(&self, key: &Key) -> Option<Win> {
        self.winner_under(self.loader, key)
    }

    /// The winner for a key under a loader; where the loader writes nothing, what the kernel's parameters set.
    pub fn winner_under(&self, loader: Loader, key: &Key) -> Option<Win> {
        self.outcome(loader, key).winner.map(Win::won)
    }

    /// The line of a file that wins for a key under a loader, whatever the kernel's parameters set before.
    pub fn line_under(&self, loader: Loader, key: &Key) -> Option<Win> {
        self.sequence(loader).outcome(key).winner.map(Win::won)
    }

    /// Every line that speaks of a key to the loader which counts, the kernel's parameters included.
    pub fn chain(&self, key: &Key) -> Vec<Win> {
        let Outcome { chain, .. } = self.outcome(self.loader, key);
        chain
            .into_iter()
            .map(|placed| Win::of(key, placed))
            .collect()
    }

    /// A file that nobody could read, and that may say something else of a key than the winner.
    pub fn doubt(&self, key: &Key) -> Option<&str> {
        let win = self.line_under(self.loader, key);
        let place = win.and_then(|win| self.files.iter().position(|(path, _)| *path == win.path));
        // The winner's own file is known: something in it won.
        let behind = self.files.iter().skip(place.unwrap_or_default());
        let mut unread = behind.filter(|(_, known)| !known);
        unread.next().map(|(path, _)| path.as_str())
    }

    /// What sets a key along with another at boot, under the loader that counts; see [`NextBoot::along`].
    pub fn along(&self, key: &Key) -> Option<Along> {
        self.along_under(self.loader, key)
    }

    fn along_under(&self, loader: Loader, key: &Key) -> Option<Along> {
        leaders_of(key).next()?;
        let [systemd, procps] = self.leading.get_or_init(|| {
            [Loader::Systemd, Loader::Procps]
                .map(|loader| Leading::of(&self.kernel, self.sequence(loader), loader))
        });
        let leading = match loader {
            Loader::Systemd => systemd,
            Loader::Procps => procps,
            // Nobody boots with it.
            Loader::SysctlP => return None,
        };
        let (when, along) = leading.last(key)?;
        let Some((own, said)) = self.written(loader, key) else {
            return Some(along);
        };
        let becomes = along.win.taken.value();
        let same = becomes.is_some() && said.taken.value() == becomes;
        // What one pattern matches is written in the order of names (glob(3)).
        let is_later = (own, key) < (when, &along.leader);
        (is_later && !same).then_some(along)
    }

    /// The winner for a key, and when it is written.
    fn written(&self, loader: Loader, key: &Key) -> Option<(When, Win)> {
        let won = |of_files: bool, sequence: &Sequence| {
            let winner = sequence.outcome(key).winner?;
            Some(((of_files, winner.at), Win::won(winner)))
        };
        won(true, self.sequence(loader)).or_else(|| won(false, &self.kernel))
    }

    fn outcome(&self, loader: Loader, key: &Key) -> Outcome<'_> {
        let said = self.sequence(loader).outcome(key);
        if loader == Loader::SysctlP {
            // Nobody boots with it.
            return said;
        }
        let before = self.kernel.outcome(key);
        Outcome {
            winner: said.winner.or(before.winner),
            chain: [before.chain, said.chain].concat(),
        }
    }

    /// Everything about a key.
    pub fn next_boot(&self, key: &Key) -> NextBoot {
        let loaders = [Loader::Systemd, Loader::Procps, Loader::SysctlP];
        let outcomes = loaders.map(|loader| self.outcome(loader, key));
        let winners: Vec<&Placed> = outcomes
            .iter()
            .take(2)
            .filter_map(|one| Some(one.winner.as_ref()?.placed))
            .collect();
        let mut shadowed: Vec<Win> = Vec::new();
        let mut seen = BTreeSet::new();
        for placed in outcomes.iter().take(2).flat_map(|one| &one.chain) {
            let place = (placed.line, &placed.path);
            let won = winners.iter().any(|win| (win.line, &win.path) == place);
            if !won && seen.insert((place, &placed.statement.value)) {
                shadowed.push(Win::of(key, placed));
            }
        }
        let along = [Loader::Systemd, Loader::Procps]
            .into_iter()
            .filter_map(|loader| Some((loader, self.along_under(loader, key)?)));
        let [systemd, procps, sysctl_p] = outcomes.map(|one| one.winner.map(Win::won));
        NextBoot {
            systemd,
            procps,
            sysctl_p,
            shadowed,
            along: along.collect(),
        }
    }

    /// What the kernel's own parameters say.
    pub fn of_kernel(&self) -> &Sequence {
        &self.kernel
    }

    /// Every key that is named in full.
    pub fn keys(&self) -> BTreeSet<Key> {
        let all = self.sequences.iter().chain([&self.kernel]);
        sorted::set(all.flat_map(Sequence::keys))
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::{Content, Found};
    use super::*;

    fn tree(command_line: &str, files: &[(&str, &str)]) -> Tree {
        let found = |path: &str, content| Found {
            path: path.to_owned(),
            leads_to: None,
            content,
        };
        let text = |text: &str| Content::Text(text.as_bytes().to_vec());
        let content = |said: &str| match said {
            "?" => Content::Forbidden,
            said => text(said),
        };
        Tree {
            fragments: files
                .iter()
                .map(|(name, said)| found(&format!("/etc/sysctl.d/{name}.conf"), content(said)))
                .collect(),
            command_line: Some(found("/proc/cmdline", text(command_line))),
            ..Tree::default()
        }
    }

    /// A file may have a million lines; none of them may be held against all others, or this takes many minutes.
    #[test]
    fn many_lines_about_one_key_are_looked_at_once_each() {
        let key = key();
        let line = |number: u32, name: &str| format!("{name}={number}\n");
        let one: String = (1..=60_000)
            .map(|n| line(n, "net.core.somaxconn"))
            .collect();
        let patterns = (1..=60_000).map(|n| line(n, &format!("net/core/[s{n}]omaxconn")));
        let patterns: String = patterns.collect();
        for text in [one, patterns] {
            let next = Forecast::of(&tree("", &[("a", &text)]), Loader::Systemd).next_boot(&key);
            assert_eq!(next.systemd.map(|win| win.line), Some(60_000));
            assert_eq!(next.procps.map(|win| win.line), Some(60_000));
            assert_eq!(next.shadowed.len(), 59_999);
        }
    }

    #[test]
    fn many_keys_that_many_lines_set_along_are_looked_at_once_each() {
        let lines = (0..20_000)
            .map(|n| format!("net.ipv4.conf.e{n}.forwarding = 1\nnet.ipv4.ip_forward = {n}\n"));
        let lines: String = lines.collect();
        let forecast = Forecast::of(&tree("", &[("a", &lines)]), Loader::Procps);
        let keys = forecast.keys();
        let followers = keys.iter().filter(|key| forecast.along(key).is_some());
        assert_eq!(followers.count(), 20_000);
    }

    const KEY: &str = "net.core.somaxconn";
    const LINE: &str = "net.core.somaxconn = 2\n";

    fn key() -> Key {
        KEY.parse().unwrap()
    }

    /// Any file beats the kernel's parameters; an exclusion leaves what they set.
    #[test]
    fn the_kernels_own_parameters_come_first() {
        let key = key();
        let wins = |files| {
            let forecast =
                Forecast::of(&tree("sysctl.net.core.somaxconn=1", files), Loader::Systemd);
            let win = forecast.winner(&key).unwrap();
            (win.place(), win.value().to_string())
        };
        let kernel = ("/proc/cmdline:1".to_owned(), "1".to_owned());
        assert_eq!(wins(&[]), kernel);
        assert_eq!(wins(&[("a", LINE)]).1, "2");
        assert_eq!(wins(&[("a", LINE), ("b", "-net.core.somaxconn\n")]), kernel);
    }

    #[test]
    fn a_file_that_nobody_can_read_makes_the_winners_before_it_doubtful() {
        let key = key();
        let doubt = |files| {
            let forecast = Forecast::of(&tree("", files), Loader::Systemd);
            forecast.doubt(&key).map(str::to_owned)
        };
        assert_eq!(doubt(&[("a", "?"), ("b", LINE)]), None);
        let unread = Some("/etc/sysctl.d/b.conf".to_owned());
        assert_eq!(doubt(&[("a", LINE), ("b", "?")]), unread);
        assert_eq!(doubt(&[("b", "?")]), unread);
    }

    /// Fragments, and `/etc/sysctl.conf` with another value.
    fn with_sysctl_conf(files: &[(&str, &str)], value: u8) -> Tree {
        let said = format!("{KEY} = {value}\n");
        Tree {
            sysctl_conf: Some(Found {
                path: "/etc/sysctl.conf".into(),
                leads_to: None,
                content: Content::Text(said.into()),
            }),
            ..tree("", files)
        }
    }

    #[test]
    fn each_loader_has_its_winner_and_what_wins_nowhere_is_shadowed() {
        let early = ("0", "net.core.somaxconn = 1\nnet.core.somaxconn = 9\n");
        let tree = with_sysctl_conf(&[early, ("a", LINE)], 3);
        let next = Forecast::of(&tree, Loader::Systemd).next_boot(&key());
        let place = |loader| next.under(loader).unwrap().place();
        assert_eq!(place(Loader::Systemd), "/etc/sysctl.d/a.conf:1");
        assert_eq!(place(Loader::Procps), "/etc/sysctl.conf:1");
        assert_eq!(place(Loader::SysctlP), "/etc/sysctl.conf:1");
        let shadowed: Vec<_> = next.shadowed.iter().map(Win::place).collect();
        assert_eq!(
            shadowed,
            ["/etc/sysctl.d/0.conf:1", "/etc/sysctl.d/0.conf:2"]
        );
    }

    #[test]
    fn loaders_agree_on_values_whichever_line_they_are_from() {
        let agree = |value| {
            let tree = with_sysctl_conf(&[("a", LINE)], value);
            let forecast = Forecast::of(&tree, Loader::Systemd);
            forecast.next_boot(&key()).agree()
        };
        assert!(agree(2));
        assert!(!agree(3));
    }

    #[test]
    fn what_is_hidden_keeps_its_place_and_an_exclusion_stays_one() {
        let files = [("a", LINE), ("b", "-net.core.somaxconn\n")];
        let tree = tree("", &files);
        let hidden = Forecast::of(&tree, Loader::Procps)
            .next_boot(&key())
            .hidden();
        let line = hidden.procps.unwrap();
        assert!(line.is_hidden());
        assert_eq!(line.place(), "/etc/sysctl.d/a.conf:1");
        assert_eq!(line.taken, Taken::Unknown);
        let texts: Vec<_> = hidden.shadowed.iter().map(|win| win.text.clone()).collect();
        assert_eq!(texts, [None]);
        let shown = Forecast::of(&tree, Loader::Procps).winner(&key()).unwrap();
        assert!(!shown.is_hidden());
    }

    #[test]
    fn a_chain_begins_with_the_kernels_parameters() {
        let files = [("a", LINE), ("b", "-net.core.somaxconn\n")];
        let forecast = Forecast::of(&tree("sysctl.net.core.somaxconn=1", &files), Loader::Procps);
        let chain = forecast.chain(&key());
        let texts: Vec<_> = chain.iter().map(|win| win.text.as_deref()).collect();
        assert_eq!(texts, [Some("1"), Some("2"), None]);
    }

    /// Who calls it does so when the kernel's parameters have been taken long since.
    #[test]
    fn sysctl_p_is_no_loader_of_the_kernels_parameters() {
        let tree = tree("sysctl.net.core.somaxconn=1", &[]);
        let forecast = Forecast::of(&tree, Loader::Systemd);
        let win = |loader| forecast.winner_under(loader, &key());
        assert_eq!(win(Loader::SysctlP), None);
        assert!(win(Loader::Procps).is_some() && win(Loader::Systemd).is_some());
    }

    #[test]
    fn every_key_that_any_loader_or_the_kernel_is_told_by_name_is_known() {
        let said = "net.core.a = 1\nnet.core.b* = 1\nnowhere = 1\n";
        let tree = Tree {
            command_line: tree("sysctl.net.core.c=1", &[]).command_line,
            ..with_sysctl_conf(&[("a", said)], 1)
        };
        let keys = Forecast::of(&tree, Loader::Systemd).keys();
        let names: Vec<_> = keys.iter().map(Key::as_str).collect();
        assert_eq!(names, ["net.core.a", "net.core.c", KEY]);
    }
}
