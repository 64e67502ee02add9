//! A file that other programs read at any moment, and that several runs of tcptune may write: replaced whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::Error;

/// Puts `text`, which begins with `mark`, where nothing is yet, or a file that begins with `mark`; mode 0644, whatever
/// the umask. The directory may belong to somebody else, so the file that becomes it has a name that nobody can guess.
///
/// # Errors
/// [`Error::Foreign`] where something else is there, a symbolic link above all; [`Error::File`] where it cannot be
/// written. What was there is untouched then.
pub fn publish(path: &Path, text: &str, mark: &str) -> Result<(), Error> {
    check(path, mark)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let write = || {
        // The node exporter reads what ends in `.prom`.
        let mut file = tempfile::Builder::new()
            .prefix(".tcptune-")
            .suffix(".new")
            .tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error).map(drop)
    };
    write().map_err(|source| Error::File {
        doing: "write",
        path: path.to_owned(),
        source,
    })
}

/// Whether a file may be replaced.
fn check(path: &Path, mark: &str) -> Result<(), Error> {
    let foreign = |what| {
        let path = path.to_owned();
        Err(Error::Foreign { path, what })
    };
    let begins = || -> io::Result<Vec<u8>> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits())
            .open(path)?;
        let mut begin = Vec::new();
        let length = u64::try_from(mark.len()).unwrap_or(u64::MAX);
        file.take(length).read_to_end(&mut begin)?;
        Ok(begin)
    };
    let failed = |source| Error::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => foreign("a symbolic link"),
        Ok(found) if !found.is_file() => foreign("no regular file"),
        Ok(_) if begins().map_err(failed)? != mark.as_bytes() => {
            foreign("a file that tcptune did not write")
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const MARK: &str = "# ours";

    #[test]
    fn only_what_is_ours_is_replaced_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tcptune.prom");
        for text in ["# ours\none\n", "# ours\ntwo\n"] {
            publish(&path, text, MARK).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let names = fs::read_dir(directory.path()).unwrap();
        assert_eq!(names.count(), 1, "no temporary file stays");
    }

    #[test]
    fn what_is_not_ours_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("ours"), "# ours\n").unwrap();
        symlink("ours", at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::write(at("foreign"), "# HELP node_x y\n").unwrap();
        fs::write(at("empty"), "").unwrap();
        fs::create_dir(at("directory")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        for name in ["link", "dangling", "foreign", "empty", "directory", "fifo"] {
            let refused = publish(&at(name), "# ours\nnew\n", MARK).unwrap_err();
            assert_eq!(refused.code(), "foreign-file", "{name}");
        }
        assert_eq!(fs::read_to_string(at("ours")).unwrap(), "# ours\n");
        let gone = publish(&at("no/such.prom"), "# ours\n", MARK).unwrap_err();
        assert_eq!(gone.code(), "file");
    }
}
