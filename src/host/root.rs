//! The directory that stands for `/`: that of this machine, or that of an image.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use crate::error::Error;

/// Where absolute paths begin.
#[derive(Debug, Clone, Default)]
pub struct Root(Option<Image>);

#[derive(Debug, Clone)]
struct Image {
    path: PathBuf,
    directory: Arc<File>,
}

impl Root {
    /// The file system of an image, unpacked in a directory. Links in it never lead out of it.
    ///
    /// # Errors
    /// [`Error::File`] where that is no directory, [`Error::Usage`] where it is the machine's own root: that has a journal.
    pub fn image(path: &Path) -> Result<Self, Error> {
        let directory =
            place(AT_FDCWD, path, OFlag::O_DIRECTORY).map_err(|source| Error::File {
                doing: "open",
                path: path.to_owned(),
                source,
            })?;
        let is = |found: fs::Metadata| (found.dev(), found.ino());
        if directory.metadata().ok().map(is) == fs::metadata("/").ok().map(is) {
            return Err(Error::Usage {
                code: "image",
                message: format!("{} is this machine itself, and no image", path.display()),
                hint: Some(
                    "leave out `--root`; `--scope boot` speaks of the drop-in alone".to_owned(),
                ),
            });
        }
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self(Some(Image {
            path,
            directory: Arc::new(directory),
        })))
    }

    /// Whether it is an image: then there is no kernel to ask, and no state to keep.
    pub fn is_image(&self) -> bool {
        self.0.is_some()
    }

    /// Its path, for outputs; nothing for the machine itself.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_ref().map(|image| image.path.as_path())
    }

    /// Opens a file or directory for reading, without waiting for anybody. Links are followed, in an image inside of it.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn open(&self, path: &str) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        match &self.0 {
            None => OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits())
                .open(path),
            Some(image) => {
                let how = OpenHow::new()
                    .flags(flags)
                    .resolve(ResolveFlag::RESOLVE_IN_ROOT);
                Ok(openat2(&*image.directory, path, how)?.into())
            }
        }
    }

    /// Whether something is there, wherever links lead.
    pub fn has(&self, path: &str) -> bool {
        match &self.0 {
            None => fs::exists(path).unwrap_or(false),
            Some(image) => {
                let how = OpenHow::new()
                    .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
                    .resolve(ResolveFlag::RESOLVE_IN_ROOT);
                openat2(&*image.directory, path, how).is_ok()
            }
        }
    }

    /// Where an open file really lies, as seen from this root.
    pub fn real_path(&self, file: &File) -> Option<String> {
        let path = opened(file);
        let real = fs::read_link(path).ok()?;
        match &self.0 {
            None => Some(real.display().to_string()),
            Some(image) => Some(format!(
                "/{}",
                real.strip_prefix(&image.path).ok()?.display()
            )),
        }
    }
}

/// Opens a place to look at it and to go on from it, which takes no right to read it. With `O_NOFOLLOW` a link is such a place.
///
/// # Errors
/// What the kernel answers.
pub(super) fn place(parent: impl AsFd, name: impl AsRef<Path>, flags: OFlag) -> io::Result<File> {
    // Not as std opens files, which on musl takes O_PATH for a mode of access, and leaves it out.
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | flags;
    Ok(openat(parent, name.as_ref(), flags, Mode::empty())?.into())
}

/// A path that leads to an open file or directory, whatever becomes of its name.
pub fn opened(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_of_an_image_stay_in_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        fs::write(directory.path().join("etc/inside"), "inside").unwrap();
        symlink("/etc/inside", directory.path().join("absolute")).unwrap();
        symlink(
            "../../../../etc/inside",
            directory.path().join("etc/climbing"),
        )
        .unwrap();
        let root = Root::image(directory.path()).unwrap();
        for path in ["/absolute", "/etc/climbing", "etc/inside"] {
            let mut file = root.open(path).unwrap();
            assert_eq!(root.real_path(&file).as_deref(), Some("/etc/inside"));
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "inside");
        }
        assert!(root.has("/absolute") && !root.has("/etc/passwd"));
        assert!(Root::image(Path::new("/etc/passwd")).is_err());
    }
}
