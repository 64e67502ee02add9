//! Files that root may trust, and files that are replaced whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, umask};

use crate::error::Error;
use crate::model::printable::shell_word;

use super::machine;
use super::root::place;

/// Most symbolic links on one path, as in the kernel (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Reads a small text file. Root reads only what no other user can write: the file, every directory above it and
/// every link on the way belong to root and are writable by root alone.
///
/// # Errors
/// [`Error::Untrusted`], or [`Error::File`] where it cannot be read, is no regular file, or is larger than `limit`.
pub fn read_trusted(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    // The walked descriptor is held until the file is open.
    let walked = if machine::is_root() {
        Some(walk(path)?)
    } else {
        None
    };
    let target = walked.as_ref().map_or(path.to_owned(), |found| {
        format!("/proc/self/fd/{}", found.as_raw_fd()).into()
    });
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(target);
    read_opened(path, opened(path, file)?, limit)
}

/// Reads a small text file, whoever may have written it: only to look at it. Whoever wrote it shall not choose what else
/// is looked at, so no link is followed out of the directory that we are in, or out of the file's own where the path
/// leads elsewhere.
///
/// # Errors
/// [`Error::File`] where it cannot be read, is no regular file, or is larger than `limit`.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !is_inside(path) => open_below(parent, Path::new(name)),
        _ => open_below(Path::new("."), path),
    };
    read_opened(path, opened(path, file)?, limit)
}

/// Reads a small text file of a directory that somebody named: what root may trust, and what lies in there, or in the
/// directory that we are in, where that leads to it. No link is followed further, as in [`read`].
///
/// # Errors
/// As [`read_trusted`], and [`Error::File`] for such a link.
pub fn read_staged(directory: &Path, name: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let path = directory.join(name);
    let file = if is_inside(&path) {
        open_below(Path::new("."), &path)
    } else {
        open_below(directory, name)
    };
    let file = opened(&path, file)?;
    if machine::is_root() {
        // Where only root could put something else meanwhile, nobody does.
        return read_trusted(&path, limit);
    }
    read_opened(&path, file, limit)
}

fn opened(path: &Path, file: io::Result<File>) -> Result<File, Error> {
    file.map_err(|source| Error::File {
        doing: "read",
        path: path.to_owned(),
        source,
    })
}

/// Whether a path leads down from the directory that we are in, but for links.
fn is_inside(path: &Path) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    path.components().all(inside)
}

/// From here on what this process makes may be read by everybody, whatever the caller's umask.
pub fn share() {
    umask(Mode::from_bits_truncate(0o022));
}

/// Opens a file below a directory, wherever links on the way would like to go (openat2(2), Linux 5.6).
fn open_below(directory: &Path, name: &Path) -> io::Result<File> {
    let directory = File::open(directory)?;
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match openat2(&directory, name, how) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::EXDEV | Errno::ELOOP) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a link leads out of its directory, and in a review nobody follows it",
        )),
        // Without it, no link at all.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let file = openat(&directory, name, flags | OFlag::O_NOFOLLOW, Mode::empty())?;
            Ok(File::from(file))
        }
        Err(errno) => Err(errno.into()),
    }
}

fn read_opened(path: &Path, file: File, limit: u64) -> Result<Vec<u8>, Error> {
    let error = |source| Error::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let found = file.metadata().map_err(error)?;
    if !found.is_file() {
        return Err(error(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    // A file may claim any length.
    let length = usize::try_from(found.len().min(limit)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    if bytes.len() as u64 > limit {
        return Err(error(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes"),
        )));
    }
    Ok(bytes)
}

/// Whether root may keep its state in a directory.
///
/// # Errors
/// [`Error::Untrusted`], or [`Error::File`] where there is none.
pub fn trust_directory(path: &Path) -> Result<(), Error> {
    if machine::is_root() {
        walk(path).map(drop)
    } else {
        Ok(())
    }
}

/// Walks a path from the root of the file system, one descriptor at a time, so that nothing can be exchanged
/// between the check and the use. The descriptor that comes back stands for the file, but does not open it.
fn walk(path: &Path) -> Result<File, Error> {
    let error = |source| Error::File {
        doing: "open",
        path: path.to_owned(),
        source,
    };
    let mut rest = components(&std::path::absolute(path).map_err(error)?);
    let mut at = PathBuf::from("/");
    let root = File::open("/").map_err(error)?;
    check(&root, &at)?;
    let mut parents = vec![root];
    let mut links = 0;
    while let (Some(name), Some(parent)) = (rest.pop(), parents.last()) {
        if name == ".." {
            // Above the root there is only the root.
            if parents.len() > 1 {
                parents.pop();
            }
            at.pop();
            continue;
        }
        let here = at.join(&name);
        let found = place(parent, &name, OFlag::O_NOFOLLOW).map_err(error)?;
        if check(&found, &here)?.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(error(nix::Error::ELOOP.into()));
            }
            let to = PathBuf::from(
                readlinkat(&found, OsStr::new("")).map_err(|errno| error(errno.into()))?,
            );
            if to.is_absolute() {
                parents.truncate(1);
                at = PathBuf::from("/");
            }
            rest.extend(components(&to));
        } else {
            parents.push(found);
            at = here;
        }
    }
    parents
        .pop()
        .ok_or_else(|| error(io::ErrorKind::NotFound.into()))
}

/// Components in reverse, so that the next one is popped off the end; `.` vanishes.
fn components(path: &Path) -> Vec<OsString> {
    let named = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let mut named: Vec<_> = named.collect();
    named.reverse();
    named
}

/// Whether only root can change what an open descriptor stands for.
fn check(file: &File, path: &Path) -> Result<fs::Metadata, Error> {
    let found = file.metadata().map_err(|source| Error::File {
        doing: "stat",
        path: path.to_owned(),
        source,
    })?;
    let untrusted = |why: String, cure: Option<&str>| Error::Untrusted {
        path: path.to_owned(),
        why,
        cure: cure.map(|cure| format!("{cure} {}", shell_word(&path.display().to_string()))),
    };
    if found.uid() != 0 && Some(found.uid()) != machine::outsider() {
        let cure = if found.is_symlink() {
            "chown -h root:"
        } else {
            "chown root:"
        };
        let why = format!("it belongs to user {}", found.uid());
        return Err(untrusted(why, Some(cure)));
    }
    // In a sticky directory others cannot replace what is root's; the mode of a link means nothing.
    let sticky = found.is_dir() && found.mode() & 0o1000 != 0;
    if found.mode() & 0o022 != 0 && !sticky && !found.is_symlink() {
        let mode = found.mode() & 0o7777;
        let why = format!("its mode {mode:04o} lets others write it");
        return Err(untrusted(why, Some("chmod go-w")));
    }
    if found.is_file() && found.nlink() > 1 {
        let count = found.nlink();
        let why = format!("it has {count} hard links, of which others may hold one");
        return Err(untrusted(why, None));
    }
    Ok(found)
}

/// Makes a directory for state, 0755, with its parents, where it is missing.
///
/// # Errors
/// [`Error::File`].
pub fn make_directory(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|source| Error::File {
            doing: "create",
            path: path.to_owned(),
            source,
        })
}

/// Replaces a file by `bytes`, mode 0644: a reader, and a machine that loses power, finds the old or the new one.
/// That a machine which loses power finds the new one takes [`sync_directory`] as well.
///
/// # Errors
/// [`Error::File`]; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let put = write_beside(path, bytes).and_then(|temporary| put_in_place(&temporary, path));
    put.map_err(|source| Error::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

/// Writes `bytes` to a file beside `path`, mode 0644, and makes them last. No loader reads a file of that name.
///
/// # Errors
/// What the kernel answers; nothing is left then.
pub fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let temporary = beside(path);
    let create = || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&temporary)
    };
    let write = || {
        let mut file = match create() {
            // A killed run left it, or it leads elsewhere: whatever it is, nothing is written through it.
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&temporary)?;
                create()?
            }
            created => created?,
        };
        file.write_all(bytes)?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(temporary),
        Err(why) => {
            let _gone_or_harmless = fs::remove_file(&temporary);
            Err(why)
        }
    }
}

/// What a file is called until it is complete.
pub fn beside(path: &Path) -> PathBuf {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    directory.join(format!(".{name}.new"))
}

/// Gives a complete file its name.
///
/// # Errors
/// What the kernel answers; the file is gone then.
pub fn put_in_place(temporary: &Path, path: &Path) -> io::Result<()> {
    fs::rename(temporary, path).inspect_err(|_| {
        let _gone_or_harmless = fs::remove_file(temporary);
    })
}

/// Removes a file.
///
/// # Errors
/// [`Error::File`], also where there is none.
pub fn remove(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(|source| Error::File {
        doing: "remove",
        path: path.to_owned(),
        source,
    })
}

/// Makes the names in a directory last.
///
/// # Errors
/// [`Error::File`].
pub fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| Error::File {
            doing: "sync",
            path: directory.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn nothing_is_written_through_what_lies_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let other = directory.path().join("other");
        fs::write(&other, "other").unwrap();
        let temporary = beside(&path);
        let plants: [fn(&Path, &Path); 4] = [
            |at, _| fs::write(at, "what a killed run left").unwrap(),
            |at, other| fs::hard_link(other, at).unwrap(),
            |at, other| symlink(other, at).unwrap(),
            // Who opens it waits for a reader.
            |at, _| nix::unistd::mkfifo(at, Mode::S_IRWXU).unwrap(),
        ];
        for plant in plants {
            plant(&temporary, &other);
            replace(&path, b"ours").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"ours");
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert_eq!(fs::read(&other).unwrap(), b"other");
        }
    }

    #[test]
    fn limits_and_kinds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.toml");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_trusted(&path, 5).unwrap(), b"12345");
        assert!(
            read_trusted(&path, 4)
                .unwrap_err()
                .to_string()
                .contains("more than 4 bytes")
        );
        assert!(read_trusted(directory.path(), 4).is_err());
        nix::unistd::mkfifo(&directory.path().join("fifo"), Mode::S_IRUSR).unwrap();
        assert!(
            read_trusted(&directory.path().join("fifo"), 4).is_err(),
            "and does not wait for a writer"
        );
    }

    #[test]
    fn root_does_not_read_what_others_can_write() {
        assert!(
            machine::is_root(),
            "only root can try this, as the whole suite"
        );
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = directory.path().join(name);
            fs::write(&path, "x").unwrap();
            path
        };
        let why = |path: &Path| read_trusted(path, 9).unwrap_err().to_string();
        assert!(read_trusted(&file("good"), 9).is_ok());

        let foreign = file("foreign");
        std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
        assert!(why(&foreign).contains("belongs to user 12345"));

        let open = file("open");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o646)).unwrap();
        assert!(why(&open).contains("its mode 0646"));

        let linked = file("linked");
        fs::hard_link(&linked, directory.path().join("other")).unwrap();
        assert!(why(&linked).contains("2 hard links"));

        let link = directory.path().join("link");
        symlink("foreign", &link).unwrap();
        assert!(
            why(&link).contains("belongs to user 12345"),
            "a link is followed, and judged by where it leads"
        );

        let planted = directory.path().join("planted");
        symlink("good", &planted).unwrap();
        std::os::unix::fs::lchown(&planted, Some(12345), None).unwrap();
        assert!(
            why(&planted).contains("belongs to user 12345"),
            "a link of somebody else is not"
        );

        let round = directory.path().join("round");
        symlink("round", &round).unwrap();
        assert!(why(&round).contains("symbolic links"));

        let shared = directory.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::write(shared.join("p"), "x").unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(why(&shared.join("p")).contains("its mode 0777"));
        assert!(
            read_trusted(&directory.path().join("shared/../good"), 9).is_err(),
            "even in passing"
        );
    }
}
