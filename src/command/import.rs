//! `import`: a sysctl.conf, or what this machine boots with, as a profile.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use clap::{Args, ValueHint};

use crate::error::Error;
use crate::host::fragments;
use crate::host::kernel::{self, snapshot};
use crate::host::netns;
use crate::model::dropin;
use crate::model::import::{Dropped, Facts, Text, import, keys, without};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::printable::printable;
use crate::model::profile;
use crate::model::snapshot::Reading;
use crate::model::sorted;
use crate::model::sysctld::{Forecast, Found, Loader, SYSCTL_CONF, Tree};
use crate::report::{Body, Imported, Report, Warning};

use super::{World, failed, told};

/// Most bytes of one text.
const LARGEST: u64 = 16 << 20;

/// The words of `import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// Files in the format of sysctl.conf, read one after the other; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "managed", value_hint = ValueHint::FilePath)]
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
        by_hand: Vec::new(),
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
    outcome.map_err(error).map_err(Error::of_named_file)?;
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
    let actions = keys.iter().filter(|key| kernel::is_action(key));
    Ok(Facts {
        absent: absent.cloned().collect(),
        first_namespace: netns::is_first(),
        actions: actions.cloned().collect(),
        defaults: world.fresh(keys)?,
    })
}

/// From the lines in /etc that win at the next boot, and from no other: what packages bring is not this machine's wish,
/// and what the drop-in declares is in a profile already.
fn managed(world: &World) -> Result<(Imported, Vec<Warning>), Error> {
    let tree = fragments::read(&world.root);
    let loader = fragments::loader(&world.root);
    let forecast = Forecast::of(&tree, loader);
    let without_us = dropin::without(&tree);
    let theirs = theirs(&without_us, loader);
    let texts: Vec<Text> = theirs
        .iter()
        .map(|found| Text {
            file: found.path.clone(),
            bytes: found.text().to_vec(),
        })
        .collect();
    let mut facts = facts(world, &keys(&texts, loader))?;
    // Back to a default that another line, or the kernel's own parameters, change is a wish.
    let others = Forecast::of(&without_us, loader);
    let defaults = facts.defaults.into_iter().filter(|(key, default)| {
        let said = others.chain(key);
        said.iter().all(|win| win.value() == *default)
    });
    facts.defaults = sorted::map(defaults);
    let mut import = import(&texts, loader, &facts);
    let mut settings = Settings::new();
    for (key, setting) in std::mem::take(&mut import.settings) {
        match forecast.winner(&key) {
            // Of lines that say the same, another one may be the winner.
            Some(win) if setting.accepts(&win.value()) => {
                settings.insert(key, setting);
            }
            win => {
                let reason = win.map_or_else(
                    || "no line of it is heard at the next boot".to_owned(),
                    |win| {
                        format!(
                            "{} wins at the next boot, with {}",
                            win.place(),
                            win.value()
                        )
                    },
                );
                import
                    .dropped
                    .extend(Dropped::setting(&key, &setting, reason));
            }
        }
    }
    let taken = sorted::set(settings.keys().cloned());
    let mut files = theirs;
    // What this loader does not read goes too, or else `sysctl -p` would bring it back.
    if let Some(unread) = unread(&tree, &files) {
        import.dropped.extend(unheard(unread, &settings));
        files.push(unread.clone());
    }
    // A link leads to a text that is there once.
    for found in &mut files {
        if let Some(real) = found.leads_to.take() {
            found.path = real;
        }
    }
    sorted::by(&mut files, |a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    let warnings = tree.unknown().map(|(found, why)| Warning {
        code: "unknown-fragment",
        message: format!(
            "{} cannot be read ({why}): what it says is not in the profile",
            found.path
        ),
        hint: None,
    });
    let (files, by_hand) = without(&files, &taken);
    let imported = Imported {
        text: profile::write("what the files in /etc said at boot", &settings),
        settings,
        dropped: import.dropped,
        files,
        by_hand,
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

/// /etc/sysctl.conf, where it is none of the files that are read.
fn unread<'t>(tree: &'t Tree, read: &[Found]) -> Option<&'t Found> {
    let is_it = |found: &Found| {
        let path = found.leads_to.as_ref().unwrap_or(&found.path);
        path == SYSCTL_CONF
    };
    tree.sysctl_conf
        .as_ref()
        .filter(|_| !read.iter().any(is_it))
}

/// Lines of a file that nobody reads at boot, about keys that are imported with other values.
fn unheard(found: &Found, settings: &Settings) -> Vec<Dropped> {
    let text = Text {
        file: found.path.clone(),
        bytes: found.text().to_vec(),
    };
    let said = import(&[text], Loader::SysctlP, &Facts::default()).settings;
    let other = said.iter().filter(|(key, said)| {
        settings
            .get(*key)
            .is_some_and(|setting| setting.words() != said.words())
    });
    let dropped = other.filter_map(|(key, said)| {
        let reason = "only `sysctl -p` and `sysctl --system` read this file".to_owned();
        Dropped::setting(key, said, reason)
    });
    dropped.collect()
}
