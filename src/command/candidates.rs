//! What a shell offers for the words of a command line: profiles, keys with their values, entries of the journal,
//! namespaces. Asked at every press of the key, so that it is what there is now; whatever cannot be read is not offered.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate as Candidate, PathCompleter, ValueCompleter,
};

use crate::change::journal::Stage;
use crate::change::store::Store;
use crate::host::{library, netns};
use crate::model::catalogue::{Entry, TABLE};
use crate::model::printable::printable;
use crate::model::profile::is_path;

/// Profiles by name, and files that may be some.
pub(super) fn profiles() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        if current.to_str().is_some_and(is_path) {
            return files(current, "toml");
        }
        let named = library::list().into_iter();
        let named = named.filter(|listed| begins(&listed.name, current));
        named
            .map(|listed| with(listed.name, listed.description))
            .chain(files(current, "toml"))
            .collect()
    })
}

/// Profiles, and snapshots of other hosts.
pub(super) fn others() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut offered = profiles().complete(current);
        offered.extend(files(current, "json"));
        // Directories come with both.
        let mut seen = BTreeSet::new();
        offered.retain(|one| seen.insert(one.get_value().to_owned()));
        offered
    })
}

/// Keys of the catalogue: the full name for whoever begins with that, the short one for everybody else.
pub(super) fn keys() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| named(current, ""))
}

/// Keys, and behind the `=` the values that have names.
pub(super) fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some((key, begun)) = current.to_str().and_then(|text| text.split_once('=')) else {
            return named(current, "=");
        };
        let words = Entry::named(key).map(|entry| entry.shape.words());
        let words = words.into_iter().flatten();
        words
            .filter(|word| word.starts_with(begun))
            .map(|word| Candidate::new(format!("{key}={word}")))
            .collect()
    })
}

/// Each key in the first of its spellings that begins so: short, as its file is called, in full.
fn named(current: &OsStr, end: &str) -> Vec<Candidate> {
    let managed = TABLE.iter().filter(|entry| entry.shape.accepts().is_some());
    let offered = managed.filter_map(|entry| {
        let file = entry.name.strip_prefix("net.ipv4.").unwrap_or(entry.short);
        let name = [entry.short, file, entry.name]
            .into_iter()
            .find(|name| begins(name, current))?;
        Some(with(format!("{name}{end}"), Some(entry.summary.to_owned())))
    });
    offered.collect()
}

/// Entries of the journal, and 0, which is before the first one.
pub(super) fn entries() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let (entries, _) = Store::default().entries().unwrap_or_default();
        // What was taken back already is nothing to go back to.
        let entries = entries
            .into_iter()
            .filter(|entry| entry.state == Stage::Committed);
        let told = entries.rev().map(|entry| {
            let what = format!("{} {}, {}", entry.verb, entry.declared(), entry.time);
            (entry.id, what)
        });
        told.chain([(0, "before the first entry".to_owned())])
            .map(|(id, what)| (id.to_string(), what))
            .filter(|(id, _)| begins(id, current))
            .enumerate()
            .map(|(place, (id, what))| with(id, Some(what)).display_order(Some(place)))
            .collect()
    })
}

/// Network namespaces with a name, and `all`.
pub fn namespaces() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut names = netns::names();
        names.push("all".to_owned());
        names
            .into_iter()
            .filter(|name| begins(name, current))
            .map(Candidate::new)
            .collect()
    })
}

/// Directories, and files with this ending.
fn files(current: &OsStr, ending: &'static str) -> Vec<Candidate> {
    PathCompleter::any()
        .filter(move |path| path.is_dir() || path.extension().is_some_and(|end| end == ending))
        .complete(current)
}

fn begins(name: &str, current: &OsStr) -> bool {
    current
        .to_str()
        .is_some_and(|begun| name.starts_with(begun))
}

fn with(value: String, help: Option<String>) -> Candidate {
    // Shells show it on one line, and a file of a profile may say anything.
    let help = help.map(|help| printable(&help));
    Candidate::new(value).help(help.map(Into::into))
}
