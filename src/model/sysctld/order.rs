//! Which files each loader reads, and in which order.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Loader;

/// Why a file is not read that may not be.
pub const NOT_PERMITTED: &str = "not permitted";

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Bytes: empty for an empty file, and for `/dev/null`.
    Text(#[serde(serialize_with = "told", deserialize_with = "heard")] Vec<u8>),
    /// A link that leads nowhere: it hides weaker files of its name all the same.
    Dangling,
    /// A directory, which no loader can read, but which hides weaker files too.
    Directory,
    /// We may not read it: it belongs to somebody else, and what it says is unknown.
    Forbidden,
    /// Something that is not read: a pipe, or more than anybody would write. What it says is unknown.
    Strange(String),
    /// It could not be read, and why. It may be anybody's, and what it says is unknown.
    Unreadable(String),
}

/// A text as a text, where it is one.
fn told<S: Serializer>(bytes: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    match str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => bytes.serialize(serializer),
    }
}

fn heard<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Text(String),
        Bytes(Vec<u8>),
    }
    Told::deserialize(deserializer).map(|told| match told {
        Told::Text(text) => text.into_bytes(),
        Told::Bytes(bytes) => bytes,
    })
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its path, as a loader names it.
    pub path: String,
    /// Where that leads, if it is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<String>,
    /// What is there.
    pub content: Content,
}

impl Found {
    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The bytes, if there are any.
    pub fn text(&self) -> &[u8] {
        match &self.content {
            Content::Text(bytes) => bytes,
            _ => &[],
        }
    }
}

/// Everything that a loader of this machine, or of an image, would look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Whatever ends in `.conf` below [`super::DIRECTORIES`], directories from the strongest to the weakest.
    pub fragments: Vec<Found>,
    /// [`super::SYSCTL_CONF`].
    pub sysctl_conf: Option<Found>,
    /// The credential `sysctl.extra` of systemd-sysctl (systemd.system-credentials(7)), if the machine was given one.
    pub credential: Option<Found>,
    /// [`super::COMMAND_LINE`]; nothing in an image.
    pub command_line: Option<Found>,
}

impl Tree {
    /// The files that a loader reads, first one first.
    pub fn read_by(&self, loader: Loader) -> Vec<&Found> {
        let last = match loader {
            Loader::Systemd => &self.credential,
            // Only a regular file is read, wherever a link to it leads.
            Loader::Procps | Loader::SysctlP => &self.sysctl_conf,
        };
        let fragments = match loader {
            Loader::SysctlP => BTreeMap::new(),
            Loader::Systemd => self.survivors(|name| !name.starts_with('.')),
            Loader::Procps => self.survivors(|_| true),
        };
        fragments.into_values().chain(last).collect()
    }

    /// The strongest file of each name, in the order of the names' bytes, whatever the directories.
    fn survivors(&self, counts: impl Fn(&str) -> bool) -> BTreeMap<&[u8], &Found> {
        let mut survivors = BTreeMap::new();
        for found in &self.fragments {
            if counts(found.name()) {
                survivors.entry(found.name().as_bytes()).or_insert(found);
            }
        }
        survivors
    }

    /// The tree as it will be once a file says `text`; without a text, once the file is gone.
    #[must_use]
    pub fn with(&self, path: &str, text: Option<&str>) -> Self {
        let mut tree = self.clone();
        tree.fragments.retain(|found| found.path != path);
        if let Some(text) = text {
            let content = Content::Text(text.as_bytes().to_vec());
            let found = Found {
                path: path.to_owned(),
                leads_to: None,
                content,
            };
            // Ours lie in the strongest directory.
            tree.fragments.insert(0, found);
        }
        tree
    }

    /// Files whose content is unknown, which makes every winner uncertain, and why.
    pub fn unknown(&self) -> impl Iterator<Item = (&Found, &str)> {
        let all = self
            .fragments
            .iter()
            .chain(&self.sysctl_conf)
            .chain(&self.credential);
        all.filter_map(|found| match &found.content {
            Content::Forbidden => Some((found, NOT_PERMITTED)),
            Content::Strange(why) | Content::Unreadable(why) => Some((found, why.as_str())),
            Content::Text(_) | Content::Dangling | Content::Directory => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let found = |path: &&str| Found {
            path: (*path).to_owned(),
            leads_to: None,
            content: Content::Text(Vec::new()),
        };
        Tree {
            fragments: paths.iter().map(found).collect(),
            sysctl_conf: Some(found(&super::super::SYSCTL_CONF)),
            ..Tree::default()
        }
    }

    #[test]
    fn one_file_per_name_in_the_order_of_bytes() {
        let tree = tree(&[
            "/etc/sysctl.d/50-x.conf",
            "/etc/sysctl.d/.h.conf",
            "/etc/sysctl.d/9-a.conf",
            "/usr/lib/sysctl.d/10-b.conf",
            "/usr/lib/sysctl.d/50-x.conf",
            "/usr/lib/sysctl.d/90-x.conf",
        ]);
        let read = |loader| {
            tree.read_by(loader)
                .iter()
                .map(|found| found.path.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(Loader::Systemd),
            [
                "/usr/lib/sysctl.d/10-b.conf",
                "/etc/sysctl.d/50-x.conf",
                "/etc/sysctl.d/9-a.conf",
                "/usr/lib/sysctl.d/90-x.conf"
            ]
        );
        assert_eq!(
            read(Loader::Procps),
            [
                "/etc/sysctl.d/.h.conf",
                "/usr/lib/sysctl.d/10-b.conf",
                "/etc/sysctl.d/50-x.conf",
                "/etc/sysctl.d/9-a.conf",
                "/usr/lib/sysctl.d/90-x.conf",
                "/etc/sysctl.conf"
            ]
        );
        assert_eq!(read(Loader::SysctlP), ["/etc/sysctl.conf"]);
    }

    #[test]
    fn a_file_that_is_written_takes_the_place_of_the_one_before_and_one_that_goes_hides_nothing() {
        let (ours, other) = ("/etc/sysctl.d/60-x.conf", "/etc/sysctl.d/50-y.conf");
        let read = |tree: &Tree| {
            let files = tree.read_by(Loader::Systemd).into_iter();
            let said = files.map(|found| (found.name().to_owned(), found.text().to_vec()));
            said.collect::<Vec<_>>()
        };
        let other_alone = Tree::default().with(other, Some("a.b = 1\n"));
        let first = other_alone.with(ours, Some("a.b = 2\n"));
        let second = first.with(ours, Some("a.b = 3\n"));
        let said = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        assert_eq!(
            read(&second),
            [
                said("50-y.conf", "a.b = 1\n"),
                said("60-x.conf", "a.b = 3\n")
            ]
        );
        assert_eq!(second.with(ours, None), other_alone);
    }
}
