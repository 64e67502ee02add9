//! Which process accepts from a listener: found by the inode of its socket, where `/proc` lets us look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use object::Object;
use object::read::ReadCache;

use crate::model::observation::Owner;

/// The owners of sockets by inode: those that this process may see. Every process is looked at, so ask once for all.
pub fn of(inodes: &BTreeSet<u32>) -> BTreeMap<u32, Owner> {
    let mut owners = BTreeMap::new();
    if inodes.is_empty() {
        return owners;
    }
    for pid in processes() {
        let mut found = None;
        let files = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        for file in files {
            let Some(inode) = fs::read_link(file.path())
                .ok()
                .and_then(|link| socket(&link))
            else {
                continue;
            };
            if inodes.contains(&inode) && !owners.contains_key(&inode) {
                let owner = found.get_or_insert_with(|| owner(pid));
                owners.insert(inode, owner.clone());
            }
        }
        if owners.len() == inodes.len() {
            break;
        }
    }
    owners
}

/// Every process, lowest first: a parent that opened a socket before the workers that share it.
pub fn processes() -> Vec<u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// What a process calls itself, or nothing once it is gone.
pub fn name(pid: u32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}

fn socket(link: &Path) -> Option<u32> {
    link.to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

fn owner(pid: u32) -> Owner {
    Owner {
        pid,
        process: name(pid).unwrap_or_default(),
        go: is_go(pid).unwrap_or(false),
        files: files(pid),
    }
}

/// Open files of a process, and its soft limit.
fn files(pid: u32) -> Option<(u64, u64)> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let limit = limit.split_whitespace().next()?.parse().ok()?;
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((open.try_into().ok()?, limit))
}

/// Whether a program was made by the Go toolchain, which leaves a section of that name (debug/buildinfo). Only the
/// headers are read, as such programs are large.
fn is_go(pid: u32) -> Result<bool, std::io::Error> {
    let program = fs::File::open(format!("/proc/{pid}/exe"))?;
    let cache = ReadCache::new(BufReader::new(program));
    let file = object::File::parse(&cache)
        .map_err(|why| std::io::Error::new(ErrorKind::InvalidData, why.to_string()))?;
    Ok(file.section_by_name(".go.buildinfo").is_some())
}
