//! Everything that a loader reads, in its order, and which line wins for a key.

use std::collections::{BTreeMap, BTreeSet};

use super::super::catalogue::Taken;
use super::super::key::Key;
use super::super::sorted;
use super::Loader;
use super::cmdline;
use super::order::Tree;
use super::pattern;
use super::statement::{Line, Statement, lines, made_of, walked};

/// A statement and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The file, as the loader names it.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What it says.
    pub statement: Statement,
}

impl Placed {
    /// `/etc/sysctl.d/60-app.conf:4`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// A line that is written: the last one is what the kernel holds afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winner<'s> {
    /// Its place among the statements; they are written in this order.
    pub at: usize,
    /// The line.
    pub placed: &'s Placed,
    /// What the kernel makes of it.
    pub taken: Taken,
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'s> {
    /// Nothing if no line writes the key: it keeps what it holds.
    pub winner: Option<Winner<'s>>,
    /// Every line that speaks of the key, in the order of reading, the winner included.
    pub chain: Vec<&'s Placed>,
}

/// Everything that a loader reads, in its order.
#[derive(Debug, Clone)]
pub struct Sequence {
    loader: Loader,
    statements: Vec<Placed>,
    /// Places in `statements` by path, in order, for those that are no patterns: as systemd and procps compare them.
    explicit: BTreeMap<String, Vec<usize>>,
    /// The same by the path that the kernel would walk, for procps.
    walked: BTreeMap<String, Vec<usize>>,
    /// Those that are patterns.
    patterns: Vec<usize>,
}

impl Sequence {
    fn empty(loader: Loader) -> Self {
        Self {
            loader,
            statements: Vec::new(),
            explicit: BTreeMap::new(),
            walked: BTreeMap::new(),
            patterns: Vec::new(),
        }
    }

    /// Reads a tree as a loader does.
    pub fn read(tree: &Tree, loader: Loader) -> Self {
        let mut sequence = Self::empty(loader);
        for found in tree.read_by(loader) {
            for (line, said) in lines(found.text(), loader) {
                if let Line::Statement(statement) = said {
                    let path = found.path.clone();
                    sequence.add(Placed {
                        path,
                        line,
                        statement,
                    });
                }
            }
        }
        sequence
    }

    /// What the kernel's own parameters set, one after the other, as procps would.
    pub fn of_kernel(tree: &Tree) -> Self {
        let mut sequence = Self::empty(Loader::Procps);
        let Some(found) = &tree.command_line else {
            return sequence;
        };
        for statement in cmdline::statements(&String::from_utf8_lossy(found.text())) {
            let path = found.path.clone();
            sequence.add(Placed {
                path,
                line: 1,
                statement,
            });
        }
        sequence
    }

    fn add(&mut self, placed: Placed) {
        let index = self.statements.len();
        let path = &placed.statement.path;
        if placed.statement.is_pattern() {
            self.patterns.push(index);
        } else {
            self.explicit.entry(path.clone()).or_default().push(index);
            if let Some(path) = walked(path) {
                self.walked.entry(path).or_default().push(index);
            }
        }
        self.statements.push(placed);
    }

    /// Every statement, in the order of reading.
    pub fn statements(&self) -> &[Placed] {
        &self.statements
    }

    /// Keys that are named in full, as far as they can be keys at all.
    pub fn keys(&self) -> BTreeSet<Key> {
        let paths = self.walked.keys().filter(|path| path.contains('/'));
        sorted::set(paths.filter_map(|path| path.parse().ok()))
    }

    /// What becomes of a key.
    pub fn outcome(&self, key: &Key) -> Outcome<'_> {
        let (writes, mut chain) = self.speaking(&key.path());
        sorted::by(&mut chain, Ord::cmp);
        chain.dedup();
        let placed = |index: &usize| self.statements.get(*index);
        let mut last_first = writes.iter().rev();
        Outcome {
            winner: last_first.find_map(|index| self.taken(*index, key)),
            chain: chain.iter().filter_map(placed).collect(),
        }
    }

    /// Everything that is written to a key and taken by the kernel, in the order of writing.
    pub fn writes(&self, key: &Key) -> Vec<Winner<'_>> {
        let (writes, _) = self.speaking(&key.path());
        let taken = writes
            .into_iter()
            .filter_map(|index| self.taken(index, key));
        taken.collect()
    }

    /// A statement as the kernel takes it for a key.
    fn taken(&self, at: usize, key: &Key) -> Option<Winner<'_>> {
        let placed = self.statements.get(at)?;
        let taken = made_of(key, placed.statement.value.as_deref()?);
        (taken != Taken::Refused).then_some(Winner { at, placed, taken })
    }

    /// Which statements write a path, in that order, and which speak of it.
    fn speaking(&self, path: &str) -> (Vec<usize>, Vec<usize>) {
        match self.loader {
            Loader::Systemd => self.systemd(path),
            Loader::Procps | Loader::SysctlP => self.procps(path),
        }
    }

    /// systemd keeps one entry for each name. Another value replaces it, and moves it to the end; a bare `-key`
    /// replaces it too. A name that has an entry is out of reach for patterns.
    fn systemd(&self, path: &str) -> (Vec<usize>, Vec<usize>) {
        let own = self.explicit.get(path).map_or(&[][..], Vec::as_slice);
        let matching = self
            .patterns
            .iter()
            .copied()
            .filter(|index| self.reaches(*index, path));
        let matching: Vec<usize> = matching.collect();
        let chain = [own, &matching].concat();
        let writes = if own.is_empty() {
            self.entries(&matching)
        } else {
            self.entries(own)
        };
        (writes, chain)
    }

    /// The entries that are left of some statements, in the order of writing.
    fn entries(&self, indices: &[usize]) -> Vec<usize> {
        let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
        let value = |index: usize| Some(&self.statements.get(index)?.statement.value);
        for index in indices {
            let Some(Placed { statement, .. }) = self.statements.get(*index) else {
                continue;
            };
            let entry = entries.entry(&statement.path).or_insert(*index);
            if value(*entry) != Some(&statement.value) {
                *entry = *index;
            }
        }
        let mut entries: Vec<usize> = entries.into_values().collect();
        sorted::by(&mut entries, Ord::cmp);
        entries
    }

    fn reaches(&self, index: usize, path: &str) -> bool {
        let Some(Placed { statement, .. }) = self.statements.get(index) else {
            return false;
        };
        match self.loader {
            Loader::Systemd => pattern::reaches(&statement.path, path),
            Loader::Procps | Loader::SysctlP => {
                !statement.path.ends_with('/') && pattern::matches(&statement.path, path)
            }
        }
    }

    /// procps writes line by line. A name that stands anywhere, letter for letter, is out of reach for patterns.
    fn procps(&self, path: &str) -> (Vec<usize>, Vec<usize>) {
        let own = self.walked.get(path).map_or(&[][..], Vec::as_slice);
        let matching = self
            .patterns
            .iter()
            .copied()
            .filter(|index| self.reaches(*index, path));
        let mut chain = [own, &matching.collect::<Vec<_>>()].concat();
        sorted::by(&mut chain, Ord::cmp);
        let named = self.explicit.contains_key(path);
        let is_own = |index: &usize| own.binary_search(index).is_ok();
        let writes = chain
            .iter()
            .copied()
            .filter(|index| is_own(index) || !named);
        (writes.collect(), chain)
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::{Content, Found};
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let found = |(name, text): &(&str, &str)| Found {
            path: format!("/etc/sysctl.d/{name}.conf"),
            leads_to: None,
            content: Content::Text(text.as_bytes().to_vec()),
        };
        Tree {
            fragments: files.iter().map(found).collect(),
            ..Tree::default()
        }
    }

    /// The winner under both loaders: `b:1 = 2`.
    fn winners(files: &[(&str, &str)], key: &str) -> [String; 2] {
        let tree = tree(files);
        let key: Key = key.parse().unwrap();
        [Loader::Systemd, Loader::Procps].map(|loader| {
            let sequence = Sequence::read(&tree, loader);
            match sequence.outcome(&key).winner {
                Some(Winner {
                    placed,
                    taken: Taken::Value(value),
                    ..
                }) => {
                    let name = placed
                        .path
                        .trim_start_matches("/etc/sysctl.d/")
                        .trim_end_matches(".conf");
                    format!("{name}:{} = {value}", placed.line)
                }
                Some(Winner { placed, taken, .. }) => format!("{} {taken:?}", placed.place()),
                None => "none".to_owned(),
            }
        })
    }

    const KEY: &str = "net.core.somaxconn";

    #[test]
    fn the_last_assignment_wins() {
        let files = [
            ("a", "net.core.somaxconn = 1\n"),
            ("b", "# x\nnet/core/somaxconn=2"),
        ];
        assert_eq!(winners(&files, KEY), ["b:2 = 2", "b:2 = 2"]);
    }

    #[test]
    fn a_bare_exclusion_cancels_an_assignment_in_systemd_only() {
        let files = [
            ("a", "net.core.somaxconn = 1\n"),
            ("b", "-net.core.somaxconn"),
        ];
        assert_eq!(winners(&files, KEY), ["none", "a:1 = 1"]);
        let files = [
            ("a", "-net.core.somaxconn\n"),
            ("b", "net.core.somaxconn = 2"),
        ];
        assert_eq!(winners(&files, KEY), ["b:1 = 2", "b:1 = 2"]);
    }

    #[test]
    fn a_name_beats_every_pattern_wherever_it_stands() {
        let files = [
            ("a", "net.core.somaxconn = 1\n"),
            ("b", "net.core.soma* = 2"),
        ];
        assert_eq!(winners(&files, KEY), ["a:1 = 1", "a:1 = 1"]);
        let files = [("a", "net.core.soma* = 2\n"), ("b", "-net.core.somaxconn")];
        assert_eq!(winners(&files, KEY), ["none", "none"]);
    }

    #[test]
    fn a_pattern_with_its_old_value_keeps_its_place_in_systemd() {
        let files = [(
            "a",
            "net.core.soma* = 1\nnet.core.*conn = 2\nnet.core.soma* = 1\n",
        )];
        assert_eq!(winners(&files, KEY), ["a:2 = 2", "a:3 = 1"]);
    }

    /// A value that the kernel refuses leaves what an earlier line wrote, where that line was written at all.
    #[test]
    fn a_refused_value_wins_nothing() {
        let files = [
            ("a", "net.core.somaxconn = 1\n"),
            ("b", "net.core.somaxconn = many"),
        ];
        assert_eq!(winners(&files, KEY), ["none", "a:1 = 1"]);
    }

    #[test]
    fn what_the_kernel_reads_is_not_what_a_person_reads() {
        let files = [("a", "net.core.somaxconn = 010 # ten\n")];
        assert_eq!(winners(&files, KEY), ["a:1 = 8", "a:1 = 8"]);
    }

    #[test]
    fn a_pattern_that_does_not_match_says_nothing_of_a_key() {
        let files = [
            ("a", "net.core.soma* = 1\n"),
            ("b", "net.core.rmem_* = 2\n"),
        ];
        assert_eq!(winners(&files, KEY), ["a:1 = 1", "a:1 = 1"]);
    }

    /// To systemd it is the same name without the slash.
    #[test]
    fn a_pattern_that_ends_as_a_directory_does_reaches_no_key_in_procps() {
        let files = [("a", "net/core/soma*/ = 1\n")];
        assert_eq!(winners(&files, KEY), ["a:1 = 1", "none"]);
    }

    /// Letter for letter: to procps a name with two slashes is another one, although it leads to the same key.
    #[test]
    fn a_name_beats_patterns_as_it_is_spelled() {
        let files = [
            ("a", "net//core/somaxconn = 1\n"),
            ("b", "net.core.soma* = 2"),
        ];
        assert_eq!(winners(&files, KEY), ["a:1 = 1", "b:1 = 2"]);
        assert_eq!(
            winners(&files[..1], KEY),
            ["a:1 = 1", "a:1 = 1"],
            "it leads there all the same"
        );
    }

    #[test]
    fn every_line_that_speaks_of_a_key_is_in_its_chain_in_the_order_of_reading() {
        let files = [
            ("a", "net.core.soma* = 1\nnet.core.rmem_max = 1\n"),
            ("b", "-net.core.somaxconn\nnet.core.somaxconn = 2"),
        ];
        let tree = tree(&files);
        for loader in [Loader::Systemd, Loader::Procps] {
            let sequence = Sequence::read(&tree, loader);
            let outcome = sequence.outcome(&KEY.parse().unwrap());
            let places: Vec<_> = outcome.chain.iter().map(|placed| placed.place()).collect();
            let expected = ["a.conf:1", "b.conf:1", "b.conf:2"];
            assert_eq!(
                places,
                expected.map(|place| format!("/etc/sysctl.d/{place}"))
            );
        }
    }
}
