//! Profiles stacked: `extends` left to right, then the profile itself, then the next one on the command line.

use std::collections::BTreeMap;
use std::ops::Range;

use super::catalogue::{self, Complaint};
use super::key::Key;
use super::memory::{BY_HAND, Settings, desired_hash};
use super::problem::{Problem, Source};
use super::profile::{self, Profile};
use super::setting::{COMPUTED, Origin, Part, Setting};
use super::sorted;

/// Deepest nesting of `extends`.
const DEEPEST: usize = 16;

/// Most profiles in one stack, each counted once.
const MOST: usize = 128;

/// What a name or path led to.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A text to parse.
    Text {
        /// The name of the profile.
        name: String,
        /// Where it is: a path, or `built in`. Together with the name it says which profile this is.
        file: String,
        /// The text.
        text: String,
    },
    /// Settings that are not written anywhere: `kernel-defaults`.
    Computed {
        /// The name of the profile.
        name: String,
        /// What it is for.
        description: String,
        /// Its settings.
        settings: Settings,
    },
}

/// A profile that was asked for by name, for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name or path that it was asked for by.
    pub reference: String,
    /// Its name.
    pub name: String,
    /// A path, `built in` or `computed`.
    pub file: String,
    /// What it is for.
    pub description: String,
}

/// One profile that can be asked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its file, `built in` or `computed`.
    pub file: String,
    /// What it is for; nothing if it cannot be read.
    pub description: Option<String>,
}

/// A stack of profiles, resolved: what is wanted, before anybody looked at a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// The profiles that were asked for.
    pub profiles: Vec<Named>,
    /// What they want together.
    pub settings: Settings,
    /// [`desired_hash`] of the profiles, before anything was set by hand.
    pub profiles_hash: String,
}

/// Finds what a reference leads to; the second argument is the file of the profile that makes it.
pub type Load<'a> = dyn FnMut(&str, Option<&str>) -> Result<Loaded, Complaint> + 'a;

/// Resolves profiles in the order in which they are named.
///
/// `load` is asked for each reference, with the file of the profile that says it (none for the command line). The
/// keys of `by_hand` will be replaced anyway: what the profiles say of them may contradict itself.
///
/// # Errors
/// Every problem of every file: syntax, values, missing profiles, cycles, contradictions. What a file with problems extends
/// is looked at once it is mended.
pub fn resolve(
    names: &[String],
    by_hand: &Settings,
    load: &mut Load<'_>,
) -> Result<Desired, Vec<Problem>> {
    let mut resolver = Resolver {
        load,
        texts: BTreeMap::new(),
        done: BTreeMap::new(),
        problems: Vec::new(),
    };
    let mut desired = Desired::default();
    for name in names {
        if let Some((found, settings)) = resolver.visit(name, None, &mut Vec::new()) {
            desired.profiles.push(found);
            desired.settings = stack(desired.settings, settings);
        }
    }
    resolver.contradictions(
        desired
            .settings
            .iter()
            .filter(|(key, _)| !by_hand.contains_key(*key)),
    );
    if resolver.problems.is_empty() {
        desired.profiles_hash = desired_hash(&desired.settings);
        Ok(desired)
    } else {
        resolver.problems.dedup();
        Err(resolver.problems)
    }
}

/// Puts `above` on top of `below`, key by key.
pub fn stack(mut below: Settings, above: Settings) -> Settings {
    if below.is_empty() {
        return above;
    }
    for (key, later) in above {
        let merged = match below.remove(&key) {
            Some(earlier) => earlier.stack(later),
            None => later,
        };
        below.insert(key, merged);
    }
    below
}

/// Reads `KEY=VALUE` of a command line. The key may be a short name.
///
/// # Errors
/// One problem, with the argument as its excerpt.
pub fn by_hand(argument: &str) -> Result<(Key, Setting), Problem> {
    let source = Source::new(BY_HAND, argument);
    let problem = |span: Range<usize>, complaint: Complaint| {
        source.problem(&span, complaint.code, complaint.message, complaint.hint)
    };
    let Some((name, value)) = argument.split_once('=') else {
        let complaint = Complaint::new("no-value", "a key and a value are wanted")
            .hint("write KEY=VALUE, as in `somaxconn=16384`");
        return Err(problem(0..argument.len(), complaint));
    };
    let (name, text) = (name.trim(), value.trim());
    let key = catalogue::key_named(name).map_err(|complaint| problem(0..name.len(), complaint))?;
    let start = argument.len() - value.trim_start().len();
    let value = catalogue::parse_value(&key, &catalogue::Raw::Text(text))
        .map_err(|complaint| problem(start..start + text.len(), complaint))?;
    let origin = Origin {
        profile: BY_HAND.into(),
        file: "command line".into(),
        line: None,
    };
    Ok((
        key,
        Setting {
            exact: Some(Part {
                value,
                origin,
                why: None,
            }),
            ..Setting::default()
        },
    ))
}

struct Resolver<'a> {
    load: &'a mut Load<'a>,
    /// Texts by file and name, for carets under contradictions.
    texts: BTreeMap<(String, String), String>,
    /// Profiles that were resolved already, so that a diamond costs nothing.
    done: BTreeMap<(String, String), (Named, Settings)>,
    problems: Vec<Problem>,
}

/// One step of `extends`: who we are in, and which bytes of it said so.
struct Step {
    file: String,
    name: String,
    span: Range<usize>,
}

impl Resolver<'_> {
    fn visit(
        &mut self,
        reference: &str,
        from: Option<&str>,
        chain: &mut Vec<Step>,
    ) -> Option<(Named, Settings)> {
        let loaded = match (self.load)(reference, from) {
            Ok(loaded) => loaded,
            Err(complaint) => {
                self.complain(chain, reference, complaint);
                return None;
            }
        };
        let (name, file, text) = match loaded {
            Loaded::Text { name, file, text } => (name, file, text),
            Loaded::Computed {
                name,
                description,
                settings,
            } => {
                let reference = reference.to_owned();
                return Some((
                    Named {
                        reference,
                        name,
                        file: COMPUTED.to_owned(),
                        description,
                    },
                    settings,
                ));
            }
        };
        let id = (file.clone(), name.clone());
        if let Some(done) = self.done.get(&id) {
            return Some(done.clone());
        }
        if let Some(start) = chain
            .iter()
            .position(|step| step.file == file && step.name == name)
        {
            let mut names: Vec<&str> = chain
                .iter()
                .skip(start)
                .map(|step| step.name.as_str())
                .collect();
            names.push(&name);
            let message = format!("a cycle of `extends`: {}", names.join(" -> "));
            self.complain(chain, reference, Complaint::new("cycle", message));
            return None;
        }
        if chain.len() >= DEEPEST || self.done.len() >= MOST {
            let message =
                format!("more than {DEEPEST} levels of `extends`, or more than {MOST} profiles");
            self.complain(chain, reference, Complaint::new("too-many", message));
            return None;
        }
        self.texts.insert(id.clone(), text);
        let text = self.texts.get(&id).map_or("", String::as_str);
        let profile = match profile::parse(&name, &Source::new(&file, text)) {
            Ok(profile) => profile,
            Err(problems) => {
                self.problems.extend(problems);
                return None;
            }
        };
        let settings = self.bases(&profile, &file, &name, chain);
        let own = profile
            .settings
            .into_iter()
            .map(|(key, (setting, _))| (key, setting));
        let own = sorted::map(own);
        let named = Named {
            reference: reference.to_owned(),
            name,
            file,
            description: profile.description,
        };
        let done = (named, stack(settings, own));
        self.done.insert(id, done.clone());
        Some(done)
    }

    fn bases(
        &mut self,
        profile: &Profile,
        file: &str,
        name: &str,
        chain: &mut Vec<Step>,
    ) -> Settings {
        let mut settings = Settings::new();
        for (base, span) in &profile.extends {
            chain.push(Step {
                file: file.to_owned(),
                name: name.to_owned(),
                span: span.clone(),
            });
            if let Some((_, base)) = self.visit(base, Some(file), chain) {
                settings = stack(settings, base);
            }
            chain.pop();
        }
        settings
    }

    /// Complains where the reference was made: in a profile, or on the command line.
    fn complain(&mut self, chain: &[Step], reference: &str, complaint: Complaint) {
        let problem = match chain.last() {
            Some(step) => {
                let text = self
                    .texts
                    .get(&(step.file.clone(), step.name.clone()))
                    .map_or("", String::as_str);
                let source = Source::new(&step.file, text);
                source.problem(
                    &step.span,
                    complaint.code,
                    complaint.message,
                    complaint.hint,
                )
            }
            None => Problem {
                file: reference.to_owned(),
                line: 0,
                column: 0,
                code: complaint.code,
                message: complaint.message,
                hint: complaint.hint,
                excerpt: String::new(),
                mark: 0..0,
            },
        };
        self.problems.push(problem);
    }

    /// Looks for wishes that exclude each other, once, after all stacking.
    fn contradictions<'s>(&mut self, settings: impl Iterator<Item = (&'s Key, &'s Setting)>) {
        for (key, setting) in settings {
            let (Some(why), Some(origin)) = (setting.contradiction(), setting.origin()) else {
                continue;
            };
            let text = self
                .texts
                .get(&(origin.file.to_string(), origin.profile.to_string()))
                .map_or("", String::as_str);
            let source = Source::new(&origin.file, text);
            let line = source.line_span(origin.line.unwrap_or(1));
            let hint =
                Some("a later profile cannot loosen a bound; `--set` replaces it".to_owned());
            let problem = source.problem(&line, "contradiction", format!("`{key}`: {why}"), hint);
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library<'a>(
        files: &'a [(&'a str, &'a str)],
    ) -> impl FnMut(&str, Option<&str>) -> Result<Loaded, Complaint> + 'a {
        move |name, _| match files.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Ok(Loaded::Text {
                name: (*name).into(),
                file: format!("{name}.toml"),
                text: (*text).into(),
            }),
            None => Err(Complaint::new(
                "unknown-profile",
                format!("no profile `{name}`"),
            )),
        }
    }

    fn resolved(
        files: &[(&str, &str)],
        names: &[&str],
    ) -> Result<Desired, Vec<(&'static str, String, usize)>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        resolve(&names, &Settings::new(), &mut library(files)).map_err(|problems| {
            problems
                .iter()
                .map(|p| (p.code, p.message.clone(), p.line))
                .collect()
        })
    }

    #[test]
    fn later_wins_and_bounds_stay() {
        let files = [
            (
                "base",
                "[tcp]\nsynack_retries = 5\nsomaxconn = { at_least = 1000 }\n",
            ),
            (
                "web",
                "[profile]\nextends = [\"base\"]\n[tcp]\nsynack_retries = 3\nsomaxconn = { at_least = 10 }\n",
            ),
        ];
        let desired = resolved(&files, &["web"]).unwrap();
        assert_eq!(
            desired
                .settings
                .get("net.ipv4.tcp_synack_retries")
                .unwrap()
                .words(),
            "3"
        );
        assert_eq!(
            desired.settings.get("net.core.somaxconn").unwrap().words(),
            "at least 1000"
        );
        assert_eq!(
            desired,
            Desired {
                profiles: desired.profiles.clone(),
                ..resolved(&files, &["base", "web"]).unwrap()
            }
        );
    }

    #[test]
    fn a_cycle_is_named() {
        let files = [
            ("a", "[profile]\nextends = [\"b\"]\n"),
            ("b", "[profile]\nextends = [\"c\"]\n"),
            ("c", "[profile]\nextends = [\"b\"]\n"),
        ];
        let problems = resolved(&files, &["a"]).unwrap_err();
        assert_eq!(
            problems,
            [("cycle", "a cycle of `extends`: b -> c -> b".to_owned(), 2)]
        );
    }

    #[test]
    fn a_contradiction_is_found_after_stacking_and_names_both() {
        let files = [
            ("low", "[tcp]\nsomaxconn = 128\n"),
            ("high", "[tcp]\nsomaxconn = { at_least = 1000 }\n"),
        ];
        let problems = resolved(&files, &["low", "high"]).unwrap_err();
        let message =
            "`net.core.somaxconn`: high.toml:2 asks for at least 1000, low.toml:2 for exactly 128";
        assert_eq!(problems, [("contradiction", message.to_owned(), 2)]);
    }

    #[test]
    fn every_missing_profile_is_told_at_once() {
        let files = [("a", "[profile]\nextends = [\"nope\"]\n")];
        let problems = resolved(&files, &["a", "gone"]).unwrap_err();
        assert_eq!(
            problems.iter().map(|p| (p.0, p.2)).collect::<Vec<_>>(),
            [("unknown-profile", 2), ("unknown-profile", 0)]
        );
    }

    #[test]
    fn a_setting_of_the_command_line() {
        let (key, setting) = by_hand("somaxconn = 16384").unwrap();
        assert_eq!(
            (key.as_str(), setting.words().as_str()),
            ("net.core.somaxconn", "16384")
        );
        let problem = by_hand("syncookies=3").unwrap_err();
        assert_eq!((problem.code, problem.column), ("out-of-range", 12));
        assert_eq!(by_hand("somaxconn").unwrap_err().code, "no-value");
    }
}
