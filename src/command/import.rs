//! `import`: a sysctl.conf, or what this machine boots with, as a profile.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::Args;

use crate::error::Error;
use crate::host::fragments;
use crate::host::kernel::snapshot;
use crate::model::dropin::installed;
use crate::model::import::{Facts, Text, import, keys, without};
use crate::model::key::Key;
use crate::model::printable::printable;
use crate::model::profile;
use crate::model::snapshot::Reading;
use crate::model::sysctld::{Forecast, Found, Loader, Tree};
use crate::report::{Body, Imported, Report, Warning};

use super::scene::fresh;
use super::{World, failed, told};

/// Most bytes of one text.
const LARGEST: u64 = 16 << 20;

/// The words of `import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// Files in the format of sysctl.conf, read one after the other; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "managed")]
    files: Vec<String>,
    /// From what this machine boots with, as far as files in /etc say so, with the diff that takes it out of them
    #[arg(long, conflicts_with = "files")]
    managed: bool,
}

/// Runs `import`.
pub fn run(world: &World, request: &Import) -> Report {
    let imported = if request.managed {
        managed(world)
    } else {
        named(world, &request.files)
    };
    match imported {
        Ok((imported, warnings)) => told("import", Body::Imported(imported), warnings),
        Err(error) => failed("import", error),
    }
}

fn named(world: &World, files: &[String]) -> Result<(Imported, Vec<Warning>), Error> {
    let texts = files.iter().map(|file| {
        Ok(Text {
            file: file.clone(),
            bytes: read(file)?,
        })
    });
    let texts = texts.collect::<Result<Vec<_>, Error>>()?;
    let loader = fragments::loader(&world.root);
    let facts = facts(world, &keys(&texts, loader))?;
    let import = import(&texts, loader, &facts);
    let description = printable(&format!("imported from {}", files.join(", ")));
    let imported = Imported {
        text: profile::write(&description, &import.settings),
        settings: import.settings,
        dropped: import.dropped,
        files: Vec::new(),
    };
    Ok((imported, Vec::new()))
}

fn read(file: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let outcome = if file == "-" {
        io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    let error = |source| Error::File {
        doing: "read",
        path: file.into(),
        source,
    };
    outcome.map_err(error)?;
    if bytes.len() as u64 > LARGEST {
        return Err(error(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {LARGEST} bytes"),
        )));
    }
    Ok(bytes)
}

/// What this kernel says of the keys. An image has none to ask.
fn facts(world: &World, keys: &BTreeSet<Key>) -> Result<Facts, Error> {
    if world.root.is_image() {
        return Ok(Facts::default());
    }
    let now = snapshot(&world.kernel, keys);
    let absent = keys.iter().filter(|key| *now.get(key) == Reading::Absent);
    Ok(Facts {
        absent: absent.cloned().collect(),
        defaults: fresh(keys)?,
    })
}

/// From the lines in /etc that win at the next boot, and from no other: what packages bring is not this machine's wish.
fn managed(world: &World) -> Result<(Imported, Vec<Warning>), Error> {
    let tree = fragments::read(&world.root);
    let loader = fragments::loader(&world.root);
    let tree = match installed(&tree) {
        Ok(Some(ours)) => tree.with(&ours.path, None),
        _ => tree,
    };
    let forecast = Forecast::of(&tree, loader);
    let texts: Vec<Text> = theirs(&tree, loader)
        .iter()
        .map(|found| Text {
            file: found.path.clone(),
            bytes: found.text().to_vec(),
        })
        .collect();
    let all = keys(&texts, loader);
    let facts = facts(world, &all)?;
    let mut import = import(&texts, loader, &facts);
    // A line of a package may win all the same.
    let wins = |key: &Key| {
        forecast
            .winner(key)
            .is_some_and(|win| win.path.starts_with("/etc/"))
    };
    import.settings.retain(|key, _| wins(key));
    let taken: BTreeSet<Key> = import.settings.keys().cloned().collect();
    let mut files = theirs(&tree, loader);
    files.extend(tree.sysctl_conf.clone());
    // A link leads to a text that is there once.
    for found in &mut files {
        if let Some(real) = found.leads_to.take() {
            found.path = real;
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    let warnings = tree.unknown().map(|(found, why)| Warning {
        code: "unknown-fragment",
        message: format!(
            "{} cannot be read ({why}): what it says is not in the profile",
            found.path
        ),
        hint: None,
    });
    let imported = Imported {
        text: profile::write("what the files in /etc said at boot", &import.settings),
        settings: import.settings,
        dropped: import.dropped,
        files: without(&files, &taken),
    };
    Ok((imported, warnings.collect()))
}

/// Files in /etc that a loader reads, in its order.
fn theirs(tree: &Tree, loader: Loader) -> Vec<Found> {
    let read = tree.read_by(loader).into_iter();
    read.filter(|found| Path::new(&found.path).starts_with("/etc"))
        .cloned()
        .collect()
}
