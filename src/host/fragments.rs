//! The directories of sysctl.d, and who else is known to write sysctls.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::errno::Errno;

use crate::model::key::Key;
use crate::model::sorted;
use crate::model::sysctld::{
    COMMAND_LINE, Content, DIRECTORIES, Found, Line, Loader, SYSCTL_CONF, Tree, lines,
};
use crate::model::value::Value;

use super::netns;
use super::root::{Root, opened};

/// Most bytes of one file that are looked at.
pub(super) const LARGEST: u64 = 16 << 20;

/// Where the credential of systemd-sysctl lies: while it runs, while our own unit does (which asks for it as well, and
/// sees nothing of the other places), as the machine was given it, and where its unit looks otherwise, in this order
/// (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS: [&str; 7] = [
    "/run/credentials/systemd-sysctl.service/sysctl.extra",
    "/run/credentials/tcptune-verify.service/sysctl.extra",
    "/run/credentials/@system/sysctl.extra",
    "/etc/credstore/sysctl.extra",
    "/run/credstore/sysctl.extra",
    "/usr/local/lib/credstore/sysctl.extra",
    "/usr/lib/credstore/sysctl.extra",
];

/// Reads everything that any loader would look at. What cannot be read is part of the answer.
pub fn read(root: &Root) -> Tree {
    let mut tree = Tree::default();
    let mut seen = BTreeSet::new();
    for directory in DIRECTORIES {
        match list(root, directory, &mut seen) {
            Ok(names) => {
                let each = |(name, is_link)| found(root, format!("{directory}/{name}"), is_link);
                tree.fragments.extend(names.into_iter().filter_map(each));
            }
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            Err(why) => tree.fragments.push(Found {
                path: directory.to_owned(),
                leads_to: None,
                content: unread(&why),
            }),
        }
    }
    tree.sysctl_conf = found(root, SYSCTL_CONF.to_owned(), false)
        .filter(|found| found.content != Content::Directory);
    // In a store that nobody else may look into, there need not be one.
    let there = |path: &&&str| root.has(path);
    tree.credential = CREDENTIALS
        .iter()
        .filter(there)
        .find_map(|path| found(root, (*path).to_owned(), false));
    // What they set is the machine's, and no container's.
    if !root.is_image() && netns::is_first() {
        tree.command_line = found(root, COMMAND_LINE.to_owned(), false);
    }
    tree
}

/// Names in a directory that end in `.conf`, in order, and whether they are links. A directory that was seen already
/// is empty: where /lib is a link to /usr/lib, both are one.
fn list(
    root: &Root,
    directory: &str,
    seen: &mut BTreeSet<(u64, u64)>,
) -> io::Result<Vec<(String, bool)>> {
    let open = root.open(directory)?;
    let itself = open.metadata()?;
    if !seen.insert((itself.dev(), itself.ino())) {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(opened(&open))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(".conf").is_some() {
            names.push((name, entry.file_type()?.is_symlink()));
        }
    }
    sorted::by(&mut names, Ord::cmp);
    Ok(names)
}

/// What is at a path; nothing where nothing is.
fn found(root: &Root, path: String, is_link: bool) -> Option<Found> {
    if path.contains(char::REPLACEMENT_CHARACTER) {
        // The name is not UTF-8, so the path does not lead there.
        let content = Content::Strange("its name is not UTF-8".to_owned());
        return Some(Found {
            path,
            leads_to: None,
            content,
        });
    }
    let (leads_to, content) = match root.open(&path) {
        Ok(file) => {
            let leads_to = is_link.then(|| root.real_path(&file)).flatten();
            (leads_to, content(&file).unwrap_or_else(|why| unread(&why)))
        }
        Err(why) if is_link && leads_nowhere(&why) => (None, Content::Dangling),
        Err(why) if why.kind() == ErrorKind::NotFound => return None,
        Err(why) => (None, unread(&why)),
    };
    Some(Found {
        path,
        leads_to,
        content,
    })
}

fn leads_nowhere(why: &io::Error) -> bool {
    why.kind() == ErrorKind::NotFound || why.raw_os_error() == Some(Errno::ELOOP as i32)
}

fn unread(why: &io::Error) -> Content {
    match why.kind() {
        ErrorKind::PermissionDenied => Content::Forbidden,
        _ => Content::Unreadable(why.to_string()),
    }
}

fn content(file: &File) -> io::Result<Content> {
    let found = file.metadata()?;
    let kind = found.file_type();
    if kind.is_dir() {
        return Ok(Content::Directory);
    }
    if kind.is_char_device() {
        // `/dev/null`, the usual mask. Nobody else's device is read.
        return Ok(Content::Text(Vec::new()));
    }
    if !kind.is_file() {
        return Ok(Content::Strange("not a regular file".to_owned()));
    }
    let length = usize::try_from(found.len().min(LARGEST)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Ok(Content::Strange(format!("more than {LARGEST} bytes")));
    }
    Ok(Content::Text(bytes))
}

/// The program that reads these files at boot.
pub fn loader(root: &Root) -> Loader {
    let systemd = if root.is_image() {
        [
            "/usr/lib/systemd/systemd-sysctl",
            "/lib/systemd/systemd-sysctl",
        ]
        .iter()
        .any(|path| root.has(path))
    } else {
        // sd_booted(3)
        root.has("/run/systemd/system")
    };
    if systemd {
        Loader::Systemd
    } else {
        Loader::Procps
    }
}

/// A program that is there and writes sysctls by itself, out of sight of every loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its name.
    pub name: &'static str,
    /// The file that shows that it is there.
    pub path: &'static str,
    /// What it does, and when.
    pub does: &'static str,
    /// The file itself, where that is in the format of sysctl.conf.
    pub found: Option<Found>,
}

impl Writer {
    /// What its file sets, with the lines, as far as it has one.
    pub fn says(&self) -> Vec<(usize, Key, Value)> {
        let said = self
            .found
            .iter()
            .flat_map(|found| lines(found.text(), Loader::SysctlP));
        let set = said.filter_map(|(line, said)| match said {
            Line::Statement(statement) => {
                let shown = !statement.is_secret();
                let key = statement.path.parse().ok()?;
                shown.then_some((line, key, Value::new(&statement.value?)))
            }
            _ => None,
        });
        set.collect()
    }
}

/// Those that are known.
const WRITERS: [(&str, &str, &str); 4] = [
    (
        "ufw",
        "/etc/ufw/sysctl.conf",
        "loads this file whenever the firewall starts",
    ),
    (
        "tuned",
        "/etc/tuned/active_profile",
        "applies the sysctls of its profile when it starts",
    ),
    (
        "NetworkManager",
        "/etc/NetworkManager/NetworkManager.conf",
        "writes keys of the interfaces that it manages",
    ),
    (
        "systemd-networkd",
        "/run/systemd/netif/state",
        "writes keys of the interfaces that it manages, and forwarding",
    ),
];

/// Those that are there. What they would write is not predicted.
pub fn writers(root: &Root) -> Vec<Writer> {
    let there = WRITERS.into_iter().filter(|(_, path, _)| root.has(path));
    there
        .map(|(name, path, does)| Writer {
            name,
            path,
            does,
            found: Some(path)
                .filter(|path| path.ends_with("sysctl.conf"))
                .and_then(|path| found(root, path.to_owned(), false)),
        })
        .collect()
}

/// The known one of that name, on a machine where its file was found.
pub fn writer(name: &str, found: Option<Found>) -> Option<Writer> {
    let (name, path, does) = WRITERS.into_iter().find(|(known, ..)| *known == name)?;
    Some(Writer {
        name,
        path,
        does,
        found,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_kind_of_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir_all(at("etc/sysctl.d/dir.conf")).unwrap();
        fs::create_dir_all(at("usr/lib/sysctl.d")).unwrap();
        symlink("usr/lib", at("lib")).unwrap();
        fs::write(at("etc/sysctl.conf"), "net.core.somaxconn = 1\n").unwrap();
        symlink("../sysctl.conf", at("etc/sysctl.d/99-sysctl.conf")).unwrap();
        symlink("/nowhere", at("etc/sysctl.d/gone.conf")).unwrap();
        fs::write(at("usr/lib/sysctl.d/50-x.conf"), "").unwrap();
        fs::write(at("usr/lib/sysctl.d/README"), "").unwrap();
        nix::unistd::mkfifo(
            &at("usr/lib/sysctl.d/fifo.conf"),
            nix::sys::stat::Mode::S_IRUSR,
        )
        .unwrap();
        let root = Root::image(Path::new(directory.path())).unwrap();
        let tree = read(&root);
        let told: Vec<String> = tree
            .fragments
            .iter()
            .map(|found| format!("{} {:?} {:?}", found.path, found.leads_to, found.content))
            .collect();
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(
            told[0].starts_with("/etc/sysctl.d/99-sysctl.conf Some(\"/etc/sysctl.conf\") Text(")
        );
        assert!(told[1].ends_with("dir.conf None Directory"));
        assert!(told[2].ends_with("gone.conf None Dangling"));
        assert!(told[4].contains("fifo.conf None Strange(\"not a regular file\")"));
        assert!(tree.sysctl_conf.is_some() && tree.credential.is_none());
        assert_eq!(loader(&root), Loader::Procps);
    }
}
