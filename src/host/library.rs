//! Where profiles come from: a path, `/etc/tcptune/profiles`, `/usr/share/tcptune/profiles`, the program itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::model::catalogue::{Complaint, KEYS, Raw, parse_value};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::problem::{Problem, Source};
use crate::model::profile::{self, LARGEST};
use crate::model::setting::{BUILT_IN, COMPUTED, Origin, Part, Setting};
use crate::model::sorted;
use crate::model::spelling;
use crate::model::stack::{self, Desired, Listed, Loaded};
use crate::model::value::Value;

use super::{defaults, files};

/// Where names are looked for, first match wins; the built-in ones come last.
const DIRECTORIES: [&str; 2] = ["/etc/tcptune/profiles", "/usr/share/tcptune/profiles"];

/// How a profile becomes one that root reads.
const INSTALL: &str =
    "root reads only what no other user can write: `install -m 0644 FILE /etc/tcptune/profiles/`";

/// The profiles that are part of the program.
const PROFILES: [(&str, &str); 5] = [
    ("fail-fast", include_str!("../../profiles/fail-fast.toml")),
    ("fast-open", include_str!("../../profiles/fast-open.toml")),
    (
        "high-traffic",
        include_str!("../../profiles/high-traffic.toml"),
    ),
    ("patient", include_str!("../../profiles/patient.toml")),
    ("syn-flood", include_str!("../../profiles/syn-flood.toml")),
];

/// The profile that is not written anywhere.
const KERNEL_DEFAULTS: &str = "kernel-defaults";

/// What `list` says of it.
const KERNEL_DEFAULTS_DESCRIPTION: &str = "what this kernel gives a fresh network namespace: neither a rollback nor your \
     distribution's defaults; keys sized by memory are left out";

/// How profiles are looked for.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// A directory whose files stand for those of the first of [`DIRECTORIES`], before anybody copies them there.
    staged: Option<PathBuf>,
    /// Whether files may be anybody's, because they are only looked at.
    any_owner: bool,
    /// Whether names mean what is part of the program, whatever this machine has.
    only_built_in: bool,
    /// The defaults of another kernel, for `kernel-defaults`.
    defaults: Option<BTreeMap<Key, Value>>,
}

impl Library {
    /// For a review: nothing will be written, so that root reads anybody's files.
    pub fn for_review() -> Self {
        Self {
            any_owner: true,
            ..Self::default()
        }
    }

    /// For what must not depend on this machine.
    pub fn of_built_ins() -> Self {
        Self {
            only_built_in: true,
            ..Self::default()
        }
    }

    /// The same, as if the files of a directory were installed already.
    #[must_use]
    pub fn with_staged(self, directory: Option<PathBuf>) -> Self {
        Self {
            staged: directory,
            ..self
        }
    }

    /// The same, on a host whose kernel has these defaults.
    #[must_use]
    pub fn with_defaults(self, defaults: BTreeMap<Key, Value>) -> Self {
        Self {
            defaults: Some(defaults),
            ..self
        }
    }

    /// Resolves profiles in the order in which they are named; see [`stack::resolve`].
    ///
    /// # Errors
    /// As there: every problem of every file.
    pub fn resolve(&self, names: &[String], by_hand: &Settings) -> Result<Desired, Vec<Problem>> {
        let mut load = |reference: &str, from: Option<&str>| self.load(reference, from);
        stack::resolve(names, by_hand, &mut load)
    }

    /// Finds what a name or path leads to; `from` is the file of the profile that says it. A file outside of the
    /// directories of profiles finds names beside itself first: its directory stands for them.
    ///
    /// # Errors
    /// A complaint: unknown name (with the nearest one), unreadable or untrusted file, text that is not UTF-8.
    pub fn load(&self, reference: &str, from: Option<&str>) -> Result<Loaded, Complaint> {
        if reference.chars().any(char::is_control) {
            let message = format!("`{}` holds control characters", reference.escape_debug());
            return Err(Complaint::new("bad-name", message));
        }
        if profile::is_path(reference) {
            return match from {
                None => self.read(Path::new(reference)),
                Some(BUILT_IN) => Err(Complaint::new(
                    "bad-name",
                    "a built-in profile extends others by name only",
                )),
                Some(file) => self.read(&beside(file, reference)),
            };
        }
        if !profile::is_name(reference) {
            let message = format!("`{}` is not a name of a profile", reference.escape_debug());
            return Err(Complaint::new("bad-name", message)
                .hint("a file is meant by a path: it has a `/` or ends in `.toml`"));
        }
        if let Some(path) = self.find(reference, from) {
            return self.read(&path);
        }
        if let Some((name, text)) = PROFILES.iter().find(|(name, _)| *name == reference) {
            return Ok(Loaded::Text {
                name: (*name).into(),
                file: BUILT_IN.into(),
                text: (*text).into(),
            });
        }
        if reference == KERNEL_DEFAULTS {
            return self.computed().map_err(|error| Complaint {
                code: "no-fresh-namespace",
                message: format!("compute {KERNEL_DEFAULTS}: {error}"),
                hint: error.hint(),
            });
        }
        let asked = spelling::Name::new(reference);
        let names = list().into_iter().filter_map(|listed| {
            let most = 1 + listed.name.len() / 4;
            let distance = asked.distance(&spelling::Name::new(&listed.name), most)?;
            Some((distance, listed.name))
        });
        let near = names.min();
        let hint = near.map_or_else(
            || "`tcptune list` shows what there is".to_owned(),
            |(_, name)| format!("did you mean `{name}`?"),
        );
        Err(Complaint::new(
            "unknown-profile",
            format!("there is no profile `{reference}`"),
        )
        .hint(hint))
    }

    /// Asks this kernel, with a fresh namespace, unless it is about another one.
    fn computed(&self) -> Result<Loaded, Error> {
        let defaults = match &self.defaults {
            Some(defaults) => defaults.clone(),
            None => defaults::read(KEYS.iter())?,
        };
        Ok(computed(defaults))
    }

    fn find(&self, name: &str, from: Option<&str>) -> Option<PathBuf> {
        if self.only_built_in {
            return None;
        }
        let file = format!("{name}.toml");
        let elsewhere = from.filter(|from| {
            *from != BUILT_IN && !DIRECTORIES.iter().any(|known| from.starts_with(known))
        });
        let beside = elsewhere.map(|from| beside(from, &file));
        let installed = DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join(&file));
        // Whatever has the name counts, even a broken link: it was put there to win.
        let exists =
            |path: &PathBuf| self.staged(path).is_some() || fs::symlink_metadata(path).is_ok();
        beside.into_iter().chain(installed).find(exists)
    }

    /// Where a file is that will be at a path: the staged directory, and its place in there.
    fn staged<'p>(&self, path: &'p Path) -> Option<(&Path, &'p Path)> {
        let [installed, _] = DIRECTORIES;
        let staged = self.staged.as_deref()?;
        let name = path.strip_prefix(installed).ok()?;
        let is_there = fs::symlink_metadata(staged.join(name)).is_ok();
        is_there.then_some((staged, name))
    }

    fn read(&self, path: &Path) -> Result<Loaded, Complaint> {
        let staged = self.staged(path);
        let place = staged.map_or_else(|| path.to_owned(), |(staged, name)| staged.join(name));
        // What is installed is the administrator's, links included.
        let installed = DIRECTORIES.iter().any(|known| place.starts_with(known));
        let bytes = match staged {
            _ if self.any_owner && !installed => files::read(&place, LARGEST),
            Some((staged, name)) if !installed => files::read_staged(staged, name, LARGEST),
            _ => files::read_trusted(&place, LARGEST),
        };
        loaded(path, bytes).map(as_built_in)
    }
}

/// The package brings the built-in profiles as files too, to be read and copied. As long as they say the same, where they
/// lie makes no difference: plans and drop-ins are the same bytes with the package and without.
fn as_built_in(loaded: Loaded) -> Loaded {
    let Loaded::Text { name, file, text } = loaded else {
        return loaded;
    };
    let [_, vendor] = DIRECTORIES;
    let same = PROFILES.contains(&(&name, &text)) && Path::new(&file).starts_with(vendor);
    let file = if same { BUILT_IN.to_owned() } else { file };
    Loaded::Text { name, file, text }
}

/// A path relative to the directory of a file, without `.` in the middle, so that one file has one name.
fn beside(file: &str, reference: &str) -> PathBuf {
    let directory = Path::new(file).parent().unwrap_or(Path::new(""));
    directory
        .join(reference.trim_start_matches("./"))
        .components()
        .collect()
}

fn loaded(path: &Path, bytes: Result<Vec<u8>, Error>) -> Result<Loaded, Complaint> {
    let bytes = bytes.map_err(|error| {
        let code = match error {
            Error::Untrusted { .. } => "untrusted",
            Error::File { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "unknown-profile"
            }
            _ => "unreadable",
        };
        let hint = match error {
            Error::Untrusted { .. } => Some(INSTALL.to_owned()),
            _ => error.hint(),
        };
        let message = error.to_string();
        Complaint {
            code,
            message,
            hint,
        }
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let (valid, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = valid.split(|byte| *byte == b'\n').count();
        let column = valid
            .rsplit(|byte| *byte == b'\n')
            .next()
            .map_or(1, |last| last.len() + 1);
        let message = format!("{}:{line}:{column}: the text is not UTF-8", path.display());
        Complaint::new("not-utf8", message)
    })?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Loaded::Text {
        name,
        file: path.display().to_string(),
        text,
    })
}

/// `kernel-defaults`, made of the defaults of a kernel.
fn computed(defaults: BTreeMap<Key, Value>) -> Loaded {
    let mut settings = Settings::new();
    for (key, value) in defaults {
        // A value outside the table's range would be a surprise of a future kernel: leave it alone.
        if let Ok(value) = parse_value(&key, &Raw::Text(value.as_str())) {
            let origin = Origin {
                profile: KERNEL_DEFAULTS.into(),
                file: COMPUTED.into(),
                line: None,
            };
            let exact = Some(Part {
                value,
                origin,
                why: None,
            });
            settings.insert(
                key,
                Setting {
                    exact,
                    optional: true,
                    ..Setting::default()
                },
            );
        }
    }
    Loaded::Computed {
        name: KERNEL_DEFAULTS.into(),
        description: KERNEL_DEFAULTS_DESCRIPTION.into(),
        settings,
    }
}

/// The profiles that are part of the program, and the computed one, whatever this machine has.
pub fn built_in() -> Vec<Listed> {
    let written = PROFILES.iter().map(|(name, text)| Listed {
        name: (*name).to_owned(),
        file: BUILT_IN.to_owned(),
        description: described(text, BUILT_IN),
    });
    let computed = Listed {
        name: KERNEL_DEFAULTS.to_owned(),
        file: COMPUTED.to_owned(),
        description: Some(KERNEL_DEFAULTS_DESCRIPTION.to_owned()),
    };
    written.chain([computed]).collect()
}

/// What a profile is for; nothing where it cannot be read.
fn described(text: &str, file: &str) -> Option<String> {
    profile::parse("", &Source::new(file, text))
        .map(|profile| profile.description)
        .ok()
}

/// Every profile that a name leads to, by name.
pub fn list() -> Vec<Listed> {
    let known = built_in().into_iter();
    let mut found = sorted::map(known.map(|listed| (listed.name.clone(), listed)));
    for directory in DIRECTORIES.iter().rev() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = name
                .strip_suffix(".toml")
                .filter(|name| profile::is_name(name))
            else {
                continue;
            };
            let path = entry.path();
            let (file, description) = match Library::default().read(&path) {
                Ok(Loaded::Text { text, file, .. }) => (file.clone(), described(&text, &file)),
                _ => (path.display().to_string(), None),
            };
            let name = name.to_owned();
            let listed = Listed {
                name: name.clone(),
                file,
                description,
            };
            found.insert(name, listed);
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalogue::{Entry, near};

    #[test]
    fn every_built_in_profile_gives_a_reason_for_every_setting() {
        for (name, _) in PROFILES {
            let desired = Library::default()
                .resolve(&[name.to_owned()], &Settings::new())
                .unwrap();
            assert!(
                !desired.profiles.first().unwrap().description.is_empty(),
                "{name}"
            );
            assert!(!desired.settings.is_empty(), "{name}");
            for (key, setting) in &desired.settings {
                assert!(
                    setting.why().is_some_and(|why| why.len() > 20),
                    "{name}: {key} needs a why"
                );
            }
        }
    }

    #[test]
    fn any_two_built_in_profiles_stack_unless_they_mean_the_opposite() {
        for (one, _) in PROFILES {
            for (two, _) in PROFILES {
                let stacked =
                    Library::default().resolve(&[one.to_owned(), two.to_owned()], &Settings::new());
                let opposite = one != two
                    && [one, two]
                        .iter()
                        .all(|name| ["fail-fast", "patient"].contains(name));
                assert_eq!(stacked.is_err(), opposite, "{one} {two}: {stacked:?}");
            }
        }
    }

    #[test]
    fn no_key_of_this_kernel_counts_as_a_slip() {
        let keys: Vec<Key> = sysctl::CtlIter::root()
            .filter_map(|ctl| sysctl::Sysctl::name(&ctl.ok()?).ok()?.parse().ok())
            .collect();
        assert!(keys.len() > 500, "{}", keys.len());
        for key in keys.iter().filter(|key| Entry::of(key).is_none()) {
            assert_eq!(near(key.as_str()), None, "{key}");
        }
    }

    #[test]
    fn unknown_names_have_neighbours() {
        let complaint = Library::default().load("hihg-traffic", None).unwrap_err();
        assert_eq!(
            (complaint.code, complaint.hint.as_deref()),
            ("unknown-profile", Some("did you mean `high-traffic`?"))
        );
        assert_eq!(
            Library::default()
                .load("a\u{1b}[2J", None)
                .unwrap_err()
                .code,
            "bad-name"
        );
        assert_eq!(
            Library::default()
                .load("/no/such/file.toml", None)
                .unwrap_err()
                .code,
            "unknown-profile"
        );
    }
}
