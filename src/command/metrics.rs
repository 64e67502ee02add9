//! `metrics`: what is declared, whether it holds, and the queues of the handshake, for Prometheus.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::change::journal::Entry;
use crate::change::state::State;
use crate::change::store::{Known, is_gone};
use crate::error::Error;
use crate::exit::Exit;
use crate::host::netns::Namespace;
use crate::host::{machine, owners, textfile};
use crate::model::catalogue::{self, KEYS};
use crate::model::handshake::plural;
use crate::model::key::Key;
use crate::model::sorted;
use crate::report::metrics::{Choice, Found, Label, MARK, Measured};
use crate::report::{Body, Metrics as Told, Report, Warning};

use super::status::PROFILE_UNREADABLE;
use super::{World, failed, history, judged, observe, status, told, told_unreadable};

/// The words of `metrics`.
#[derive(Debug, Clone, Args)]
pub struct Metrics {
    /// Replace this file, which ends in `.prom`, for the node exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Tell so many listeners of each namespace one by one, the fullest; all of them are always counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    listeners: usize,
    /// What tells listeners apart; those with the same labels are added up
    #[arg(long, value_name = "LABEL", value_delimiter = ',', default_value = "address,port",
          value_parser = labels())]
    label: Vec<Label>,
}

fn labels() -> impl TypedValueParser<Value = Label> {
    let label = |word: String| Label::ALL.into_iter().find(|label| label.name() == word);
    PossibleValuesParser::new(Label::ALL.map(Label::name))
        .try_map(move |word| label(word).ok_or("no such label"))
}

/// Runs `metrics`. That something drifted is in the answer, and not in how the run ends.
pub fn run(world: &World, request: &Metrics) -> Report {
    match measure(world, request) {
        Ok(report) => report,
        Err(error) => failed("metrics", error),
    }
}

fn measure(world: &World, request: &Metrics) -> Result<Report, Error> {
    let file = request.write.as_deref();
    if let Some(file) = file.filter(|file| file.extension().is_none_or(|end| end != "prom")) {
        return Err(Error::Usage {
            code: "not-prom",
            message: format!("`{}` does not end in `.prom`", file.display()),
            hint: Some("the node exporter reads no other file".to_owned()),
        });
    }
    let Known {
        state, unreadable, ..
    } = super::known(world)?;
    let (entries, unreadable) = newest_first(world, unreadable)?;
    let mut warnings = told_unreadable(unreadable);
    let hold = super::hold_in_force(world)?;
    let namespaces = world.look(|namespace, label| match namespace {
        Ok(namespace) => Measured {
            found: find(world, request, &state, &entries, &namespace, &mut warnings),
            netns: series_of(&namespace),
        },
        Err(error) => Measured {
            netns: label,
            found: Err(error),
        },
    });
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut metrics = Told {
        at: since_1970.unwrap_or_default().as_secs(),
        hold,
        choice: Choice {
            most: request.listeners,
            labels: request.label.clone(),
        },
        namespaces,
        written: None,
    };
    let errors = metrics.namespaces.iter();
    let exit = judged(errors.filter_map(|one| one.found.as_ref().err()), true);
    if let Some(file) = file.filter(|_| exit == Exit::Done) {
        textfile::publish(file, &metrics.text(), MARK)?;
        metrics.written = Some(file.display().to_string());
    }
    Ok(Report {
        exit,
        ..told("metrics", Body::Metrics(metrics), warnings)
    })
}

/// The entries of the journal, newest first; those that cannot be read join the others of which that is known.
fn newest_first(
    world: &World,
    unreadable: Vec<String>,
) -> Result<(Vec<Entry>, Vec<String>), Error> {
    let mut unreadable = sorted::set(unreadable);
    let mut entries = Vec::new();
    for id in world.store.ids()?.into_iter().rev() {
        match world.store.entry(id) {
            Ok(entry) => entries.push(entry),
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                unreadable.insert(error.to_string());
            }
        }
    }
    Ok((entries, unreadable.into_iter().collect()))
}

/// The keys of the catalogue; those that the machine has once are told of its first namespace alone.
fn keys(first: bool) -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
        .filter(move |key| first || !catalogue::is_global(key))
}

/// What samples call a namespace: the id of a process is soon that of another one, in another namespace.
fn series_of(namespace: &Namespace) -> String {
    if namespace.lasts() {
        namespace.label.clone()
    } else {
        format!("net:[{}]", namespace.id.inode)
    }
}

fn find(
    world: &World,
    request: &Metrics,
    state: &State,
    entries: &[Entry],
    namespace: &Namespace,
    warnings: &mut Vec<Warning>,
) -> Result<Found, Error> {
    let mut own = Vec::new();
    let status = status::one(world, state, namespace, &mut own)?;
    let profiles_known = own.iter().all(|one| one.code != PROFILE_UNREADABLE);
    warnings.extend(own);
    let seen = observe::sample(false)?;
    let of_owner = request.label.iter().any(|label| label.is_of_owner());
    let inodes = sorted::set(seen.listeners.iter().map(|one| one.inode));
    let owners = if of_owner {
        owners::of(&inodes)
    } else {
        BTreeMap::new()
    };
    if of_owner {
        let with_file = inodes.iter().filter(|inode| **inode > 0);
        let unseen = with_file.filter(|inode| !owners.contains_key(inode));
        warnings.extend(owners_unseen(unseen.count()));
    }
    let in_effect = entries.iter().find(|entry| entry.id == status.head);
    Ok(Found {
        profiles_known,
        declared: in_effect.map(|entry| entry.time.clone()),
        newest: history::newest(world, state, entries, namespace.id),
        values: world.snapshot(keys(namespace.first)).values(),
        owners,
        seen,
        status,
    })
}

/// Without root the owners of others' sockets do not show. Root sees all that there are: the kernel's own have none.
fn owners_unseen(listeners: usize) -> Option<Warning> {
    let count = i128::try_from(listeners).unwrap_or(i128::MAX);
    (listeners > 0 && !machine::is_root()).then(|| Warning {
        code: "owners",
        message: format!(
            "who has {listeners} {} cannot be seen: such labels are empty",
            plural(count, "listener")
        ),
        hint: Some("run it as root".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_whole_machine_are_told_of_its_first_namespace_alone() {
        let told = |first, name: &str| keys(first).any(|key| key.as_str() == name);
        for (name, elsewhere) in [
            ("fs.file-max", false),
            ("net.core.rmem_max", false),
            ("net.ipv4.tcp_max_orphans", false),
            ("net.netfilter.nf_conntrack_max", false),
            ("net.core.somaxconn", true),
        ] {
            assert!(told(true, name), "{name}");
            assert_eq!(told(false, name), elsewhere, "{name}");
        }
    }
}
