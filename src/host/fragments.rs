//! The directories of sysctl.d, and who else is known to write sysctls.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::errno::Errno;

use crate::model::sysctld::{Content, DIRECTORIES, Found, Loader, SYSCTL_CONF, Tree};

use super::root::{Root, opened};

/// Most bytes of one file that are looked at.
const LARGEST: u64 = 16 << 20;

/// Where the credential of systemd-sysctl lies: while it runs, and as the machine was given it (systemd.exec(5)).
const CREDENTIALS: [&str; 2] = [
    "/run/credentials/systemd-sysctl.service/sysctl.extra",
    "/run/credentials/@system/sysctl.extra",
];

/// Reads everything that any loader would look at. What cannot be read is part of the answer.
pub fn read(root: &Root) -> Tree {
    let mut tree = Tree::default();
    let mut seen = BTreeSet::new();
    for directory in DIRECTORIES {
        let Ok(open) = root.open(directory) else {
            continue;
        };
        // Where /lib is a link to /usr/lib, both are one directory.
        if open
            .metadata()
            .is_ok_and(|found| !seen.insert((found.dev(), found.ino())))
        {
            continue;
        }
        let mut links_and_names: Vec<(String, bool)> = fs::read_dir(opened(&open))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| {
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                (entry.file_name().to_string_lossy().into_owned(), is_link)
            })
            .filter(|(name, _)| name.ends_with(".conf"))
            .collect();
        links_and_names.sort();
        for (name, is_link) in links_and_names {
            let path = format!("{directory}/{name}");
            tree.fragments.push(found(root, path, is_link));
        }
    }
    tree.sysctl_conf = root
        .has(SYSCTL_CONF)
        .then(|| found(root, SYSCTL_CONF.to_owned(), false))
        .filter(|found| found.content != Content::Directory);
    let credential = CREDENTIALS.iter().find(|path| root.has(path));
    tree.credential = credential.map(|path| found(root, (*path).to_owned(), false));
    tree
}

fn found(root: &Root, path: String, is_link: bool) -> Found {
    match root.open(&path) {
        Ok(file) => Found {
            leads_to: is_link.then(|| root.real_path(&file)).flatten(),
            content: content(&file).unwrap_or_else(|why| Content::Unreadable(why.to_string())),
            path,
        },
        Err(why) => {
            let nowhere = is_link
                && (why.kind() == ErrorKind::NotFound
                    || why.raw_os_error() == Some(Errno::ELOOP as i32));
            let content = if nowhere {
                Content::Dangling
            } else {
                Content::Unreadable(why.to_string())
            };
            Found {
                path,
                leads_to: None,
                content,
            }
        }
    }
}

fn content(file: &File) -> io::Result<Content> {
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Ok(Content::Directory);
    }
    if kind.is_char_device() {
        // `/dev/null`, the usual mask. Nobody else's device is read.
        return Ok(Content::Text(Vec::new()));
    }
    if !kind.is_file() {
        return Ok(Content::Unreadable("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Ok(Content::Unreadable(format!("more than {LARGEST} bytes")));
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
            found: path
                .ends_with("sysctl.conf")
                .then(|| found(root, path.to_owned(), false)),
        })
        .collect()
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
        assert!(told[4].contains("fifo.conf None Unreadable(\"not a regular file\")"));
        assert!(tree.sysctl_conf.is_some() && tree.credential.is_none());
        assert_eq!(loader(&root), Loader::Procps);
    }
}
