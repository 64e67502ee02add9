//! The drop-in: the one file of sysctl.d that is tcptune's. It is also all that tcptune remembers of the boot axis, so it
//! says everything about itself: a copy of the machine, or an image, needs no other memory.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::along::leaders_first;
use super::key::Key;
use super::memory::{ActiveSet, hex};
use super::printable::printable;
use super::setting::{Origin, Setting};
use super::sysctld::{Content, Found, NOT_PERMITTED, Tree};
use super::value::Value;

/// Where the drop-in lies.
pub const DIRECTORY: &str = "/etc/sysctl.d";

/// What it is called unless somebody wants another name. Debian's `99-sysctl.conf` must come before it.
pub const NAME: &str = "99-tcptune.conf";

const HEADER: &str =
    "# Written by tcptune. An edit by hand is refused: change the profile, and apply it again.";
const CONTENT: &str = "# content: sha256 ";
const FOR_US: &str = "# From here on for tcptune itself.";
const RECORD: &str = "#: ";

/// What a drop-in declares, and which of it is written for the loader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DropIn {
    /// The active set of the boot axis.
    pub active: ActiveSet,
    /// The assignments. A bound that the machine satisfies by itself has none.
    pub assigned: BTreeMap<Key, Value>,
}

#[derive(Serialize, Deserialize)]
struct Profiles {
    profiles: Vec<String>,
    profiles_hash: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    key: Key,
    setting: Setting,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<Value>,
}

impl DropIn {
    /// The text of the file: the same declarations give the same bytes, at any time and on any host.
    pub fn render(&self) -> String {
        let body = self.body();
        let content = content_hash(&body);
        format!("{HEADER}\n{CONTENT}{content}\n{body}")
    }

    /// Whether a key is declared, but not written.
    pub fn leaves_out(&self, key: &Key) -> bool {
        self.active.settings.contains_key(key) && !self.assigned.contains_key(key)
    }

    fn body(&self) -> String {
        let mut text = format!("# declares: {}\n", printable(&self.active.name()));
        // A loader writes one line after the other.
        let mut settings: Vec<(&Key, &Setting)> = self.active.settings.iter().collect();
        leaders_first(&mut settings, |(key, _)| key);
        for (key, setting) in settings {
            let place = setting.origin().map(Origin::place).unwrap_or_default();
            text += &format!("\n# {} [{}]\n", setting.words(), printable(&place));
            if let Some(why) = setting.why() {
                text += &format!("# why: {}\n", printable(why));
            }
            let minus = if setting.optional { "-" } else { "" };
            text += &match self.assigned.get(key) {
                Some(value) => format!("{minus}{}\n", format!("{key} = {value}").trim_end()),
                None => format!("# {key} is left out: this machine boots with enough without it\n"),
            };
        }
        text += &format!("\n{FOR_US}\n");
        let ActiveSet {
            profiles,
            profiles_hash,
            settings,
        } = &self.active;
        text += &record(&Profiles {
            profiles: profiles.clone(),
            profiles_hash: profiles_hash.clone(),
        });
        for (key, setting) in settings {
            text += &record(&Record {
                key: key.clone(),
                setting: setting.clone(),
                written: self.assigned.get(key).cloned(),
            });
        }
        text
    }

    /// What the records of a text say, whatever else was done to it.
    pub fn recorded(text: &str) -> Option<Self> {
        let records = text.lines().filter_map(|line| line.strip_prefix(RECORD));
        // From bytes, as all JSON here: what reads strings would be there a second time.
        let mut records = records.map(str::as_bytes);
        let Profiles {
            profiles,
            profiles_hash,
        } = serde_json::from_slice(records.next()?).ok()?;
        let mut drop_in = Self::default();
        for line in records {
            let Record {
                key,
                setting,
                written,
            } = serde_json::from_slice(line).ok()?;
            let exact = setting.exact.iter().map(|part| &part.value);
            let mut values = exact.chain(&written);
            // What ends a line would be an assignment of its own to a loader.
            if values.any(|value| value.as_str().contains(char::is_control)) {
                return None;
            }
            drop_in
                .assigned
                .extend(written.map(|value| (key.clone(), value)));
            drop_in.active.settings.insert(key, setting);
        }
        drop_in.active.profiles = profiles;
        drop_in.active.profiles_hash = profiles_hash;
        Some(drop_in)
    }
}

fn record(record: &impl Serialize) -> String {
    // Strings, numbers and maps by string: nothing in a record can fail.
    let text = serde_json::to_string(record).unwrap_or_default();
    format!("{RECORD}{text}\n")
}

fn content_hash(body: &str) -> String {
    hex(&Sha256::digest(body))
}

/// A drop-in that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its path.
    pub path: String,
    /// Its bytes.
    pub text: String,
    /// What it declares.
    pub drop_in: DropIn,
}

/// Why the drop-in cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It was changed by hand: its path, what tcptune had written, what is there.
    Edited {
        /// The file.
        path: String,
        /// What tcptune had written, if that can still be told.
        wrote: Option<String>,
        /// What is there.
        holds: String,
    },
    /// Whether this is the drop-in cannot be told: the file, or the directory, cannot be read, and why.
    Unread(String, String),
    /// Two files say that they are the drop-in.
    Twice(String, String),
    /// Something else is where the drop-in should be: its path, and what it is.
    InTheWay(String, String),
    /// A drop-in at the first path would keep the loaders from reading the second one.
    Hides(String, String),
}

impl Unfit {
    /// Whether somebody with more rights could tell.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Unfit::Unread(_, why) if why == NOT_PERMITTED)
    }
}

/// A tree in which no drop-in shows, with what may well be it as unreadable, where we may not read it: files of its usual
/// name or where it `was` last, and, where it was anywhere, its directory. Of these nobody can say that they are somebody
/// else's.
#[must_use]
pub fn doubted(mut tree: Tree, was: impl FnOnce() -> Option<String>) -> Tree {
    let forbidden =
        |found: &Found| found.content == Content::Forbidden && found.path.starts_with(DIRECTORY);
    let shows = tree.fragments.iter().any(|found| claim(found).is_some());
    if shows || !tree.fragments.iter().any(forbidden) {
        return tree;
    }
    let usual = format!("{DIRECTORY}/{NAME}");
    let was = was();
    let directory = was.as_ref().map(|_| DIRECTORY);
    let ours = [directory, Some(&usual), was.as_deref()];
    for found in &mut tree.fragments {
        if forbidden(found) && ours.contains(&Some(&found.path)) {
            found.content = Content::Unreadable(NOT_PERMITTED.to_owned());
        }
    }
    tree
}

/// Finds the drop-in by what it says of itself, whatever it is called.
///
/// # Errors
/// [`Unfit`] where there is one that somebody else has had in hand.
pub fn installed(tree: &Tree) -> Result<Option<Installed>, Unfit> {
    let unread = tree
        .fragments
        .iter()
        .find_map(|found| match &found.content {
            Content::Unreadable(why) if found.path.starts_with(DIRECTORY) => {
                Some((found.path.clone(), why.clone()))
            }
            _ => None,
        });
    if let Some((path, why)) = unread {
        return Err(Unfit::Unread(path, why));
    }
    let mut claims = tree.fragments.iter().filter_map(claim);
    let Some((found, text)) = claims.next() else {
        return Ok(None);
    };
    if let Some((other, _)) = claims.next() {
        return Err(Unfit::Twice(found.path.clone(), other.path.clone()));
    }
    if found.leads_to.is_some() {
        return Err(Unfit::InTheWay(found.path.clone(), "a link".to_owned()));
    }
    let (path, text) = (found.path.clone(), text.into_owned());
    match (is_intact(&text), DropIn::recorded(&text)) {
        (true, Some(drop_in)) => Ok(Some(Installed {
            path,
            text,
            drop_in,
        })),
        (_, recorded) => Err(Unfit::Edited {
            path,
            wrote: recorded.map(|drop_in| drop_in.render()),
            holds: text,
        }),
    }
}

/// What the drop-in declares, whatever somebody did to it or beside it. Of several, a boot obeys the last.
pub fn recorded(tree: &Tree) -> Option<DropIn> {
    let claims = tree.fragments.iter().rev().filter_map(claim);
    let mut recorded = claims.filter_map(|(_, text)| DropIn::recorded(&text));
    recorded.next()
}

/// A tree without anything that says that it is the drop-in.
pub fn without(tree: &Tree) -> Tree {
    let claims = tree.fragments.iter().filter_map(claim);
    claims.fold(tree.clone(), |tree, (found, _)| {
        tree.with(&found.path, None)
    })
}

/// What says that it is the drop-in, and the others; of both what may leave the machine, see [`essence`].
pub fn apart(tree: &Tree) -> (Vec<Found>, Tree) {
    let told = essence(tree);
    let ours = told.fragments.iter().filter_map(claim);
    let ours = ours.map(|(found, _)| found.clone()).collect();
    (ours, without(&told))
}

/// What of a tree may leave the machine: of the drop-in what tcptune wrote, of all else what the loaders obey. What has
/// left one machine may leave the next one as it is.
pub fn essence(tree: &Tree) -> Tree {
    let edited = Cell::new(false);
    let essence = |tree: &Tree| {
        tree.essence(|found| {
            let Some((_, text)) = claim(found) else {
                return String::new();
            };
            let wrote = DropIn::recorded(&text).map(|ours| ours.render());
            let wrote = wrote.unwrap_or_default();
            edited.set(edited.get() || wrote != text);
            wrote
        })
    };
    let mut told = essence(tree);
    // Of records that somebody edited, what is left may say less than they did.
    while edited.take() {
        let again = essence(&told);
        if again == told {
            break;
        }
        told = again;
    }
    told
}

/// A file of our directory that says that it is ours.
fn claim(found: &Found) -> Option<(&Found, Cow<'_, str>)> {
    let (directory, _) = found.path.rsplit_once('/')?;
    let ours = directory == DIRECTORY && is_ours(found.text());
    ours.then(|| (found, String::from_utf8_lossy(found.text())))
}

/// Whether a text says that tcptune wrote it. Somebody may have edited it since.
pub fn is_ours(text: &[u8]) -> bool {
    text.starts_with(HEADER.as_bytes())
}

/// Whether nobody has touched it since. Another version may have written it.
fn is_intact(text: &str) -> bool {
    let mut lines = text.splitn(3, '\n');
    let (_, content, body) = (lines.next(), lines.next(), lines.next());
    let claimed = content.and_then(|line| line.strip_prefix(CONTENT));
    claimed
        .zip(body)
        .is_some_and(|(claimed, body)| claimed == content_hash(body))
}

/// Whether a drop-in may be made at a path.
///
/// # Errors
/// [`Unfit::InTheWay`] where something of somebody else is there already, [`Unfit::Hides`] where a file of that name in
/// another directory would no longer be read.
pub fn is_free(tree: &Tree, path: &str) -> Result<(), Unfit> {
    let name = path.rsplit('/').next();
    let same_name = tree
        .fragments
        .iter()
        .find(|found| Some(found.name()) == name);
    match same_name {
        None => Ok(()),
        Some(found) if found.path == path => Err(Unfit::InTheWay(path.to_owned(), what(found))),
        Some(found) => Err(Unfit::Hides(path.to_owned(), found.path.clone())),
    }
}

/// What is there instead of a drop-in.
fn what(found: &Found) -> String {
    match (&found.leads_to, &found.content) {
        (Some(to), _) => format!("a link to {to}"),
        (None, Content::Dangling) => "a link to nothing".to_owned(),
        (None, Content::Directory) => "a directory".to_owned(),
        (None, Content::Strange(why) | Content::Unreadable(why)) => {
            format!("something that cannot be read ({why})")
        }
        (None, Content::Text(_) | Content::Forbidden) => {
            "a file that tcptune did not write".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::setting::Part;
    use super::*;

    fn drop_in() -> DropIn {
        let origin = Origin {
            profile: "web".into(),
            file: "/etc/tcptune/profiles/web.toml".into(),
            line: Some(3),
        };
        let exact = Some(Part {
            value: Value::from(3),
            origin,
            why: Some("two\nlines".into()),
        });
        let setting = Setting {
            exact,
            optional: true,
            ..Setting::default()
        };
        let key: Key = "net.ipv4.tcp_synack_retries".parse().unwrap();
        DropIn {
            active: ActiveSet {
                profiles: vec!["web".into()],
                profiles_hash: "abc".into(),
                settings: [(key.clone(), setting)].into(),
            },
            assigned: [(key, Value::from(3))].into(),
        }
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().fold(Tree::default(), |tree, (path, text)| {
            tree.with(path, Some(text))
        })
    }

    #[test]
    fn it_says_everything_about_itself() {
        let text = drop_in().render();
        assert!(text.contains("\n# 3 [/etc/tcptune/profiles/web.toml:3]\n# why: two\\nlines\n-net.ipv4.tcp_synack_retries = 3\n"), "{text}");
        let found = installed(&tree(&[("/etc/sysctl.d/50-x.conf", &text)]))
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.path.as_str(), found.drop_in),
            ("/etc/sysctl.d/50-x.conf", drop_in())
        );
        assert_eq!(
            installed(&tree(&[("/usr/lib/sysctl.d/50-x.conf", &text)])),
            Ok(None),
            "only ours counts"
        );
        assert_eq!(
            installed(&tree(&[("/etc/sysctl.d/50-x.conf", "# mine\n")])),
            Ok(None)
        );
    }

    #[test]
    fn an_edit_is_noticed_and_can_be_shown() {
        let text = drop_in().render();
        let holds = text.replace("retries = 3\n", "retries = 4\n");
        let unfit = installed(&tree(&[("/etc/sysctl.d/a.conf", &holds)])).unwrap_err();
        let path = "/etc/sysctl.d/a.conf".to_owned();
        assert_eq!(
            unfit,
            Unfit::Edited {
                path,
                wrote: Some(text.clone()),
                holds
            }
        );
        let twice = tree(&[
            ("/etc/sysctl.d/a.conf", &text),
            ("/etc/sysctl.d/b.conf", &text),
        ]);
        assert!(matches!(installed(&twice), Err(Unfit::Twice(..))));
    }

    /// Somebody's image may hold anything.
    #[test]
    fn a_record_with_a_line_of_its_own_is_none() {
        for end in ["\n", "\r", "\0"] {
            let bad = Value::from(format!("3{end}kernel.panic = 1"));
            let mut written = drop_in();
            written
                .assigned
                .values_mut()
                .for_each(|value| *value = bad.clone());
            assert_eq!(DropIn::recorded(&written.render()), None, "{end:?}");
            let mut wanted = drop_in();
            for setting in wanted.active.settings.values_mut() {
                setting.exact.as_mut().unwrap().value = bad.clone();
            }
            assert_eq!(DropIn::recorded(&wanted.render()), None, "{end:?}");
        }
    }

    #[test]
    fn the_essence_of_an_edited_drop_in_is_its_own() {
        let text = drop_in().render();
        for (from, to) in [
            ("\"profiles\":[\"web\"],", "\"x\":1,\"profiles\":[\"web\"],"),
            ("\"why\":", "\"x\":1,\"why\":"),
            ("retries = 3", "retries = 4"),
        ] {
            let edited = text.replace(from, to);
            assert_ne!(edited, text);
            let told = essence(&tree(&[("/etc/sysctl.d/a.conf", &edited)]));
            assert_eq!(essence(&told), told, "{from}");
        }
    }

    #[test]
    fn nobody_elses_file_is_replaced() {
        let theirs = tree(&[("/etc/sysctl.d/99-tcptune.conf", "net.core.somaxconn = 1\n")]);
        assert!(matches!(
            is_free(&theirs, "/etc/sysctl.d/99-tcptune.conf"),
            Err(Unfit::InTheWay(..))
        ));
        assert_eq!(is_free(&theirs, "/etc/sysctl.d/98-tcptune.conf"), Ok(()));
    }
}
