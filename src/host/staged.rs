//! Files of the boot axis, changed in two steps: everything that can fail for want of room or rights comes first.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::{AccessFlags, faccessat};

use crate::error::Error;
use crate::model::persist::FileChange;
use crate::model::undo::Files;

use super::files;
use super::fragments::LARGEST;
use super::root::{Root, opened, place};

/// A change whose new bytes are on disk, but not yet under their name.
#[derive(Debug)]
pub struct Staged<'c> {
    change: &'c FileChange,
    /// Open, so that nobody can exchange it.
    directory: File,
    temporary: Option<PathBuf>,
}

/// Whether files may be changed beside a path.
///
/// # Errors
/// What the kernel answers: `EROFS`, `EACCES`.
pub fn check_rights(root: &Root, change: &FileChange) -> io::Result<()> {
    let (directory, _) = split(&change.path);
    let open = match root.open(directory) {
        // It would be made.
        Err(why) if why.kind() == ErrorKind::NotFound => root.open(split(directory).0)?,
        open => open?,
    };
    faccessat(&open, ".", AccessFlags::W_OK, AtFlags::AT_EACCESS)?;
    Ok(())
}

/// What a file of the boot axis says; nothing if there is none.
///
/// # Errors
/// What the kernel answers; [`ErrorKind::InvalidData`] where it is no text, or no file at all.
pub fn read(root: &Root, path: &str) -> io::Result<Option<String>> {
    let (directory, name) = split(path);
    match root.open(directory) {
        Ok(directory) => text(&opened(&directory).join(name)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// What files say now.
///
/// # Errors
/// [`Error::File`] where one is there but cannot be read.
pub fn texts<'f>(
    root: &Root,
    files: impl IntoIterator<Item = &'f FileChange>,
) -> Result<Files, Error> {
    let mut texts = Files::new();
    for file in files {
        let text = match read(root, &file.path) {
            // Whatever it is, it is not what we wrote.
            Err(why) if why.kind() == ErrorKind::InvalidData => Ok(Some(String::new())),
            told => told,
        };
        let text = text.map_err(|source| Error::File {
            doing: "read",
            path: file.path.clone().into(),
            source,
        })?;
        texts.insert(file.path.clone(), text);
    }
    Ok(texts)
}

/// What is looked at is what is read, whoever may exchange names meanwhile: in an image, that is anybody.
fn text(path: &Path) -> io::Result<Option<String>> {
    let found = match place(AT_FDCWD, path, OFlag::O_NOFOLLOW) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let strange = |what| Err(io::Error::new(ErrorKind::InvalidData, what));
    if !found.metadata()?.is_file() {
        return strange("not a regular file".to_owned());
    }
    let mut text = String::new();
    File::open(opened(&found))?
        .take(LARGEST + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return strange(format!("more than {LARGEST} bytes"));
    }
    Ok(Some(text))
}

/// Puts the new bytes beside the place where they will be; makes the directory where that is missing.
///
/// # Errors
/// What the kernel answers; nothing has changed then.
pub fn stage<'c>(root: &Root, change: &'c FileChange) -> io::Result<Staged<'c>> {
    let (directory, name) = split(&change.path);
    let open = match root.open(directory) {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            let (parent, name) = split(directory);
            let parent = root.open(parent)?;
            DirBuilder::new()
                .mode(0o755)
                .create(opened(&parent).join(name))?;
            root.open(directory)?
        }
        open => open?,
    };
    let temporary = match &change.to {
        Some(text) => Some(files::write_beside(
            &opened(&open).join(name),
            text.as_bytes(),
        )?),
        None => None,
    };
    Ok(Staged {
        change,
        directory: open,
        temporary,
    })
}

impl Staged<'_> {
    /// Makes the change, if the file is still as it was, and makes that last.
    ///
    /// # Errors
    /// What the kernel answers; [`ErrorKind::StaleNetworkFileHandle`] where somebody else changed the file. Where only
    /// making it last failed, the change has been made.
    pub fn install(self) -> io::Result<()> {
        let (_, name) = split(&self.change.path);
        let path = opened(&self.directory).join(name);
        if text(&path)? != self.change.from {
            return Err(io::Error::new(
                ErrorKind::StaleNetworkFileHandle,
                "somebody else changed it",
            ));
        }
        match &self.temporary {
            Some(temporary) => files::put_in_place(temporary, &path)?,
            None => fs::remove_file(&path)?,
        }
        self.directory.sync_all()
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _gone_or_harmless = fs::remove_file(temporary);
        }
    }
}

/// Takes away what a killed run may have left beside a path.
pub fn sweep(root: &Root, path: &str) {
    let (directory, name) = split(path);
    if let Ok(directory) = root.open(directory) {
        let _mostly_absent = fs::remove_file(files::beside(&opened(&directory).join(name)));
    }
}

/// Directory and name.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(pair) => pair,
        None => ("/", path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::fcntl::{RenameFlags, renameat2};

    use super::*;

    fn change(from: Option<&str>, to: Option<&str>) -> FileChange {
        FileChange {
            path: "/etc/sysctl.d/99-tcptune.conf".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        }
    }

    #[test]
    fn only_a_regular_file_of_a_size_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let kind = |name: &str| text(&at(name)).unwrap_err().kind();
        fs::write(at("file"), "text").unwrap();
        assert_eq!(text(&at("file")).unwrap().as_deref(), Some("text"));
        assert_eq!(text(&at("none")).unwrap(), None);
        symlink("file", at("link")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(at("bytes"), [0xff]).unwrap();
        File::create(at("giant")).unwrap().set_len(1 << 40).unwrap();
        for name in ["link", "directory", "fifo", "bytes", "giant"] {
            assert_eq!(kind(name), ErrorKind::InvalidData, "{name}");
        }
    }

    /// Somebody exchanges the file for a link to another one, again and again: root never reads that one.
    #[test]
    fn a_file_that_becomes_a_link_while_it_is_read_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("secret"), "secret").unwrap();
        fs::write(at("file"), "text").unwrap();
        symlink("secret", at("link")).unwrap();
        let (file, link) = (at("file"), at("link"));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat2(
                        AT_FDCWD,
                        &file,
                        AT_FDCWD,
                        &link,
                        RenameFlags::RENAME_EXCHANGE,
                    )
                    .unwrap();
                }
            });
            let (mut read, mut refused) = (0, 0);
            for _ in 0..20_000 {
                match text(&at("file")).map_err(|why| why.kind()) {
                    Ok(Some(told)) if told == "text" => read += 1,
                    Err(ErrorKind::InvalidData) => refused += 1,
                    other => panic!("{other:?}"),
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
        });
    }

    #[test]
    fn a_file_comes_and_goes_whole() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        let root = Root::image(directory.path()).unwrap();
        let create = change(None, Some("one"));
        check_rights(&root, &create).unwrap();
        stage(&root, &create).unwrap().install().unwrap();
        assert_eq!(read(&root, &create.path).unwrap().as_deref(), Some("one"));
        let moved = change(Some("other"), Some("two"));
        assert!(stage(&root, &moved).unwrap().install().is_err());
        drop(stage(&root, &change(Some("one"), Some("two"))).unwrap());
        let names = fs::read_dir(directory.path().join("etc/sysctl.d"))
            .unwrap()
            .count();
        assert_eq!(
            (read(&root, &create.path).unwrap().as_deref(), names),
            (Some("one"), 1)
        );
        stage(&root, &create.undone()).unwrap().install().unwrap();
        assert_eq!(read(&root, &create.path).unwrap(), None);
    }
}
