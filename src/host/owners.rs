//! Which process accepts from a listener: found by the inode of its socket, where `/proc` lets us look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::ReadCache;
use object::read::elf::{FileHeader, SectionHeader};

use crate::model::observation::{Files, Owner};
use crate::model::sorted;

use super::procfs;

/// The owners of sockets by inode: those that this process may see. Every process is looked at, so ask once for all.
pub fn of(inodes: &BTreeSet<u32>) -> BTreeMap<u32, Owner> {
    let mut owners: BTreeMap<u32, Owner> = BTreeMap::new();
    if inodes.is_empty() {
        return owners;
    }
    for pid in processes() {
        let files = fs::read_dir(format!("/proc/{pid}/fd"));
        let files = files.into_iter().flatten().flatten();
        let links = files.filter_map(|file| socket(&fs::read_link(file.path()).ok()?));
        let held = sorted::set(links.filter(|inode| inodes.contains(inode)));
        if held.is_empty() {
            continue;
        }
        let files = self::files(pid);
        let mut found = None;
        for inode in held {
            if let Some(owner) = owners.get_mut(&inode) {
                owner.files = scarcer(owner.files, files);
            } else {
                let owner = found.get_or_insert_with(|| owner(pid, files));
                owners.insert(inode, owner.clone());
            }
        }
    }
    owners
}

/// The files of that process which has fewer left.
fn scarcer(one: Option<Files>, other: Option<Files>) -> Option<Files> {
    let left = |files: &Files| files.soft.saturating_sub(files.open);
    one.into_iter().chain(other).min_by_key(left)
}

/// Every process, lowest first: a parent that opened a socket before the workers that share it.
pub fn processes() -> Vec<u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    sorted::by(&mut pids, Ord::cmp);
    pids
}

/// What a process calls itself, or nothing once it is gone.
pub fn name(pid: u32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}

/// The inode of a socket, from where a link of `/proc/PID/fd` leads.
pub fn socket(link: &Path) -> Option<u32> {
    link.to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

fn owner(pid: u32, files: Option<Files>) -> Owner {
    Owner {
        pid,
        process: name(pid).unwrap_or_default(),
        go: fs::File::open(format!("/proc/{pid}/exe"))
            .and_then(|program| is_go(BufReader::new(program)))
            .unwrap_or(false),
        files,
    }
}

/// Open files of a process, and its limits.
fn files(pid: u32) -> Option<Files> {
    let (soft, hard) = limits_in(&procfs::text(format!("/proc/{pid}/limits")).ok()?)?;
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Files {
        pid,
        open: open.try_into().ok()?,
        soft,
        hard,
    })
}

/// The soft and the hard limit of open files, from what `/proc/PID/limits` says; `unlimited` is the largest number.
pub fn limits_in(text: &str) -> Option<(u64, u64)> {
    let limits = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let mut limits = limits
        .split_whitespace()
        .map(|limit| limit.parse().unwrap_or(u64::MAX));
    Some((limits.next()?, limits.next()?))
}

/// Sections and bytes of names that a program of the Go toolchain stays far below. What is executed may be a stranger's,
/// and made to say anything.
const SECTIONS: (u16, u64) = (512, 64 * 1024);

/// Whether a program was made by the Go toolchain, which leaves a section of that name (debug/buildinfo). Only the
/// headers are read, as such programs are large.
///
/// # Errors
/// Where it cannot be read, or is no ELF file of 64 bits.
pub fn is_go(program: impl Read + Seek) -> Result<bool, std::io::Error> {
    let wrong = |why: object::Error| std::io::Error::new(ErrorKind::InvalidData, why.to_string());
    let cache = ReadCache::new(program);
    let header = FileHeader64::<Endianness>::parse(&cache).map_err(wrong)?;
    let endian = header.endian().map_err(wrong)?;
    let (most, longest) = SECTIONS;
    if !(1..=most).contains(&header.e_shnum(endian)) {
        return Ok(false);
    }
    let headers = header.section_headers(endian, &cache).map_err(wrong)?;
    let index = header.shstrndx(endian, &cache).map_err(wrong)?;
    let names = headers.get(usize::try_from(index).unwrap_or(usize::MAX));
    if names.is_none_or(|names| names.sh_size(endian) > longest) {
        return Ok(false);
    }
    let sections = header.sections(endian, &cache).map_err(wrong)?;
    Ok(sections.section_by_name(endian, b".go.buildinfo").is_some())
}
