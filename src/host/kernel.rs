//! The kernel's keys: one open and one read, or one open for reading, writing and reading back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::rc::Rc;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use sysctl::{CtlIter, Sysctl};

use crate::model::along::{Family, leads};
use crate::model::catalogue;
use crate::model::key::Key;
use crate::model::snapshot::{Reading, Snapshot};
use crate::model::spelling;
use crate::model::value::Value;

/// Where sysctls are read and written: `/proc/sys`, or a fake for the laws that no kernel breaks on demand.
pub trait Kernel {
    /// The value of a key.
    ///
    /// # Errors
    /// What the kernel answers: `ENOENT`, `EACCES`, …
    fn read(&self, key: &Key) -> io::Result<Value>;

    /// Opens a key for reading and writing: the only true check of rights.
    ///
    /// # Errors
    /// What the kernel answers.
    fn open(&self, key: &Key) -> io::Result<Rc<dyn Open + '_>>;

    /// The names below a directory of keys (`net.ipv4.conf`), as they stand in keys.
    ///
    /// # Errors
    /// What the kernel answers.
    fn names(&self, directory: &str) -> io::Result<Vec<String>>;
}

/// A key that stays open while it is written.
pub trait Open {
    /// What it holds now.
    ///
    /// # Errors
    /// What the kernel answers: `ENOENT` once the key is gone.
    fn read(&self) -> io::Result<Value>;

    /// Writes a value, in one write. Success means only that the kernel took the bytes: read it back. Only the first
    /// write of an open key counts (`sysctl_writes_strict` in kernel/sysctl.c).
    ///
    /// # Errors
    /// What the kernel answers. A vector may have been written in part.
    fn write(&self, value: &Value) -> io::Result<()>;
}

/// The kernel below `/proc/sys`, in the network namespace that the process is in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proc;

/// Most bytes that are read of one key.
const LARGEST: usize = 16 * 1024;

/// Bytes that almost every value fits in.
const USUAL: usize = 256;

pub(super) fn path(key: &Key) -> PathBuf {
    ["/proc/sys/", &key.path()].concat().into()
}

/// As std opens files, in one system call: `open` of musl asks twice that a child shall not have it.
fn open(key: &Key, how: OFlag) -> io::Result<File> {
    let file = openat(AT_FDCWD, &path(key), how | OFlag::O_CLOEXEC, Mode::empty())?;
    Ok(file.into())
}

/// What a key holds. The kernel prints a whole sysctl into the first read, and cuts off what does not fit.
fn value(key: &Key, file: &File) -> io::Result<Value> {
    let value = match at_once::<USUAL>(key, file)? {
        None => at_once::<LARGEST>(key, file)?,
        value => value,
    };
    value.ok_or_else(|| {
        let why = format!("it holds {LARGEST} bytes or more");
        io::Error::new(ErrorKind::FileTooLarge, why)
    })
}

/// The same, if it is less than so many bytes.
fn at_once<const MOST: usize>(key: &Key, file: &File) -> io::Result<Option<Value>> {
    let mut buffer = [0; MOST];
    let count = file.read_at(&mut buffer, 0)?;
    let whole = buffer.get(..count).filter(|_| count < MOST);
    Ok(whole.map(|text| catalogue::stored(key, &String::from_utf8_lossy(text))))
}

impl Kernel for Proc {
    fn read(&self, key: &Key) -> io::Result<Value> {
        value(key, &open(key, OFlag::O_RDONLY)?)
    }

    fn open(&self, key: &Key) -> io::Result<Rc<dyn Open + '_>> {
        let file = open(key, OFlag::O_RDWR)?;
        let key = key.clone();
        Ok(Rc::new(OpenFile { key, file }))
    }

    fn names(&self, directory: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(["/proc/sys/", &directory.replace('.', "/")].concat())?;
        // A dot of a name is a slash in a key.
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().replace('.', "/");
        entries.map(|entry| Ok(name(entry?))).collect()
    }
}

struct OpenFile {
    key: Key,
    file: File,
}

impl Open for OpenFile {
    fn read(&self) -> io::Result<Value> {
        value(&self.key, &self.file)
    }

    fn write(&self, value: &Value) -> io::Result<()> {
        // The newline matters: an empty write changes nothing, a bare newline clears a list.
        let text = format!("{value}\n");
        match (&self.file).write(text.as_bytes())? {
            count if count == text.len() => Ok(()),
            count => Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the kernel took only the first {count} of {} bytes",
                    text.len()
                ),
            )),
        }
    }
}

/// Asks for one key and sorts the answer.
pub fn reading(kernel: &dyn Kernel, key: &Key) -> Reading {
    match kernel.read(key) {
        Ok(value) => Reading::Value(value),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Reading::Absent,
            ErrorKind::IsADirectory => {
                Reading::Unreadable("a directory of keys, not a key".to_owned())
            }
            _ => Reading::Unreadable(error.to_string()),
        },
    }
}

/// Whether a key can only be written: to write it does something, and leaves nothing that could be read back.
pub fn is_action(key: &Key) -> bool {
    fs::metadata(path(key)).is_ok_and(|found| found.is_file() && found.mode() & 0o444 == 0)
}

/// Asks for many keys, for each once.
pub fn snapshot<'a>(kernel: &dyn Kernel, keys: impl IntoIterator<Item = &'a Key>) -> Snapshot {
    let mut seen = BTreeMap::new();
    for key in keys {
        seen.entry(key.clone())
            .or_insert_with(|| reading(kernel, key));
    }
    Snapshot(seen)
}

/// Asks for many keys, and for those that the kernel sets along with them when they are written. Where nobody can tell
/// which those are, the one for interfaces to come counts as unreadable: there always is one.
pub fn snapshot_with_followers<'a>(
    kernel: &dyn Kernel,
    keys: impl IntoIterator<Item = &'a Key>,
) -> Snapshot {
    let mut there = snapshot(kernel, keys);
    let leaders: Vec<Key> = there.0.keys().filter(|key| leads(key)).cloned().collect();
    for leader in leaders.iter().filter_map(Family::of) {
        match kernel.names(leader.directory) {
            Ok(names) => {
                for key in leader.followers(&names) {
                    let ask = || reading(kernel, &key);
                    there.0.entry(key.clone()).or_insert_with(ask);
                }
            }
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            Err(why) => {
                let why = format!("list {}: {why}", leader.directory);
                let unknown = leader.followers(&["default".to_owned()]);
                let unknown = unknown.into_iter().take(1);
                there
                    .0
                    .extend(unknown.map(|key| (key, Reading::Unreadable(why.clone()))));
            }
        }
    }
    there
}

/// The key of this kernel that a name which it does not have probably means. Slow: walks the whole tree.
pub fn near(key: &Key) -> Option<String> {
    let limit = 1 + key.as_str().len() / 8;
    let name = spelling::Name::new(key.as_str());
    CtlIter::root()
        .filter_map(|ctl| ctl.ok()?.name().ok()?.parse::<Key>().ok())
        .filter_map(|known| {
            let distance = name.distance(&spelling::Name::new(known.as_str()), limit)?;
            Some((distance, known))
        })
        .min()
        .map(|(_, known)| known.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our mapping and the crate's agree on every key that has no dot inside a component.
    #[test]
    fn the_crate_sysctl_reads_what_we_read() {
        let mut compared = 0;
        for ctl in CtlIter::below(sysctl::Ctl::new("net.ipv4").unwrap()).flatten() {
            let (Ok(name), Ok(theirs)) = (ctl.name(), ctl.value_string()) else {
                continue;
            };
            let key: Key = name.parse().unwrap();
            // Some keys count while one looks; one that moved between two readings proves nothing.
            let Reading::Value(ours) = reading(&Proc, &key) else {
                panic!("{key} is readable")
            };
            let again = catalogue::stored(&key, &ctl.value_string().unwrap());
            if again == catalogue::stored(&key, &theirs) {
                assert_eq!(ours, again, "{key}");
                compared += 1;
            }
        }
        assert!(compared > 50, "{compared}");
    }

    #[test]
    fn answers_are_sorted() {
        let ask = |name: &str| reading(&Proc, &name.parse().unwrap());
        assert_eq!(ask("net.ipv4.no_such_key"), Reading::Absent);
        assert!(
            matches!(ask("net.ipv4.conf"), Reading::Unreadable(why) if why.contains("directory"))
        );
        assert!(
            matches!(ask("net.ipv4.tcp_rmem"), Reading::Value(value) if value.as_str().split(' ').count() == 3)
        );
    }

    #[test]
    fn a_slip_finds_the_kernels_key() {
        let near = near(&"net.ipv4.tcp_synack_retrys".parse().unwrap());
        assert_eq!(near.as_deref(), Some("net.ipv4.tcp_synack_retries"));
    }
}
