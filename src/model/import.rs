//! The text of a sysctl.conf as settings: what it means to the kernel, why, and what of it is junk.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{self, Complaint, Raw, Taken};
use super::key::Key;
use super::memory::Settings;
use super::persist::FileChange;
use super::profile::LONGEST_TEXT;
use super::setting::{Origin, Part, Setting};
use super::sorted;
use super::sysctld::{Found, Line, Loader, Statement, lines, shown};
use super::value::{Value, misread_by_the_kernel};

/// A text and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// How reports name it.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What this kernel says of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Keys that are not there.
    pub absent: BTreeSet<Key>,
    /// Whether they were looked for in the machine's first network namespace, which has every one that the kernel has.
    pub first_namespace: bool,
    /// Keys that nobody may read: to write one is an action.
    pub actions: BTreeSet<Key>,
    /// Its defaults, as far as they are known, and no other file changes them.
    pub defaults: BTreeMap<Key, Value>,
}

/// A line that is no setting, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
    /// Why it is left out.
    pub reason: String,
}

/// Lines that a patch cannot take out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The file.
    pub path: String,
    /// The lines, from 1.
    pub lines: Vec<usize>,
    /// Why not.
    pub why: &'static str,
}

/// What became of the texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// What they set.
    pub settings: Settings,
    /// The other lines that say something, in order.
    pub dropped: Vec<Dropped>,
}

/// Keys that the texts name in full.
pub fn keys(texts: &[Text], loader: Loader) -> BTreeSet<Key> {
    let said = texts.iter().flat_map(|text| lines(&text.bytes, loader));
    let named = said.filter_map(|(_, said)| match said {
        Line::Statement(statement) => statement.path.parse().ok(),
        _ => None,
    });
    sorted::set(named)
}

/// Reads the texts one after the other, as a loader does.
pub fn import(texts: &[Text], loader: Loader, facts: &Facts) -> Import {
    let mut import = Import::default();
    // Where each key was last assigned, so that the line can still be dropped.
    let mut last: BTreeMap<Key, Dropped> = BTreeMap::new();
    for text in texts {
        let above: Vec<&[u8]> = text.bytes.split(|byte| *byte == b'\n').collect();
        for (line, said) in lines(&text.bytes, loader) {
            let mut dropped = Dropped {
                file: text.file.clone(),
                line,
                text: String::new(),
                reason: String::new(),
            };
            let statement = match said {
                Line::Statement(statement) => statement,
                Line::Malformed(said) => {
                    (dropped.text, dropped.reason) =
                        (shown(&said).to_owned(), "it is no assignment".to_owned());
                    import.dropped.push(dropped);
                    continue;
                }
                Line::TooLong => {
                    dropped.reason += "too long: no more is read of this file";
                    import.dropped.push(dropped);
                    continue;
                }
            };
            dropped.text = statement.shown();
            let reasons = comments(above.get(..line.saturating_sub(1)).unwrap_or_default());
            let place = (text.file.as_str(), line);
            match setting(&statement, reasons, place, facts) {
                Ok((key, setting)) => {
                    if let Some(mut earlier) = last.insert(key.clone(), dropped.clone()) {
                        earlier.reason =
                            format!("{} says it again: the last one counts", dropped.place());
                        import.dropped.push(earlier);
                    }
                    import.settings.insert(key, setting);
                }
                Err((key, reason)) => {
                    dropped.reason = reason;
                    if let Some(key) = key.filter(|key| is_last_word(key, &statement, loader)) {
                        if let Some(mut earlier) = last.remove(&key) {
                            earlier.reason = format!(
                                "{} is the last word on it, and is left out itself",
                                dropped.place()
                            );
                            import.dropped.push(earlier);
                        }
                        import.settings.remove(&key);
                    }
                    import.dropped.push(dropped);
                }
            }
        }
    }
    sorted::by_key(&mut import.dropped, |dropped| {
        let file = texts.iter().position(|text| text.file == dropped.file);
        (file, dropped.line)
    });
    import
}

/// Whether a line that is no setting undoes those before it: under systemd the last line counts whatever it says, under
/// procps unless the kernel refuses it, or it says nothing.
fn is_last_word(key: &Key, statement: &Statement, loader: Loader) -> bool {
    let text = statement.value.as_deref();
    loader == Loader::Systemd
        || text.is_some_and(|text| catalogue::taken(key, text) != Taken::Refused)
}

impl Dropped {
    /// A line whose setting is left out all the same.
    pub fn setting(key: &Key, setting: &Setting, reason: String) -> Option<Self> {
        let part = setting.exact.as_ref()?;
        Some(Self {
            file: part.origin.file.to_string(),
            line: part.origin.line?,
            text: format!("{key} = {}", part.value),
            reason,
        })
    }

    /// `sysctl.conf:12`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// The setting of a line, or why it is none, with its key where that is known.
fn setting(
    statement: &Statement,
    mut reasons: Vec<String>,
    (file, line): (&str, usize),
    facts: &Facts,
) -> Result<(Key, Setting), (Option<Key>, String)> {
    if statement.is_pattern() {
        return Err((None, "a pattern: a profile names its keys".to_owned()));
    }
    let key: Key = statement
        .path
        .parse()
        .map_err(|why| (None, format!("{why}")))?;
    let because = |reason: String| (Some(key.clone()), reason);
    let Some(text) = &statement.value else {
        return Err(because("an exclusion is no setting".to_owned()));
    };
    if let Some(slip) = catalogue::slip(&key) {
        return Err(because(slip.message));
    }
    if facts.actions.contains(&key) {
        return Err(because(
            "an action, not a setting: it cannot be read back".to_owned(),
        ));
    }
    let (text, comment) = without_comment(text);
    reasons.extend(comment.map(str::to_owned));
    if misread_by_the_kernel(text) {
        return Err(because(format!(
            "`{text}` is octal or hexadecimal to the kernel: say which number is meant"
        )));
    }
    let value = catalogue::parse_value(&key, &Raw::Text(text));
    let value = value.map_err(|Complaint { message, hint, .. }| {
        because(hint.map_or_else(|| message.clone(), |hint| format!("{message} ({hint})")))
    })?;
    if facts.defaults.get(&key) == Some(&value) {
        return Err(because("it equals the kernel's default".to_owned()));
    }
    let absent = facts.absent.contains(&key);
    if absent {
        reasons.push(lacking(&key, facts).to_owned());
    }
    let origin = Origin {
        profile: "import".into(),
        file: file.into(),
        line: Some(line),
    };
    // On one line, as a profile has it.
    let words = reasons.join(" ").replace(char::is_control, " ");
    let why = Some(within_a_profile(Value::new(&words).as_str())).filter(|why| !why.is_empty());
    let setting = Setting {
        exact: Some(Part { value, origin, why }),
        optional: statement.optional || absent,
        ..Setting::default()
    };
    Ok((key, setting))
}

/// Why a key is not there, as far as that is known.
fn lacking(key: &Key, facts: &Facts) -> &'static str {
    let known = catalogue::Entry::of(key).is_some();
    match (facts.first_namespace || !key.is_net(), known) {
        (false, true) if catalogue::is_global(key) => {
            "global: only the machine's first network namespace has it, if the kernel does"
        }
        (false, false) => "this network namespace does not have it",
        _ => "this kernel does not have it",
    }
}

/// Numbers without what their author took for a comment: the kernel reads them the same with it and without it.
fn without_comment(text: &str) -> (&str, Option<&str>) {
    let at = [" #", "\t#", " ;", "\t;"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    match at.map(|at| text.split_at(at)) {
        Some((value, comment))
            if value
                .chars()
                .all(|c| c.is_ascii_digit() || " \t-".contains(c)) =>
        {
            (
                value.trim(),
                Some(comment.trim_matches(['#', ';', ' ', '\t'])),
            )
        }
        _ => (text, None),
    }
}

/// Lines of a comment that are looked at.
const MOST_COMMENTS: usize = 100;

/// What of a reason a profile takes: its beginning.
fn within_a_profile(text: &str) -> String {
    const MORE: &str = " …";
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(at, _)| at);
    let end = ends
        .take_while(|at| *at <= LONGEST_TEXT - MORE.len())
        .last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned() + MORE
}

/// The comment that ends the lines above one, without its marks and without assignments that were commented out.
fn comments(above: &[&[u8]]) -> Vec<String> {
    let block = above.iter().rev().take(MOST_COMMENTS).map_while(|line| {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        line.starts_with(['#', ';']).then(|| {
            line.trim_start_matches(['#', ';', '!', ' ', '\t'])
                .trim()
                .to_owned()
        })
    });
    let is_words = |line: &String| {
        let name = line.split(['=', ' ']).next().unwrap_or_default();
        let assignment = line.contains('=') && name.contains(['.', '/']);
        !line.is_empty() && !assignment && line.chars().any(char::is_alphanumeric)
    };
    let mut words: Vec<String> = block.filter(is_words).collect();
    words.reverse();
    words
}

/// What files would say without the lines that name these keys in full, as far as a patch can do it.
pub fn without(files: &[Found], keys: &BTreeSet<Key>) -> (Vec<FileChange>, Vec<ByHand>) {
    let (mut changes, mut by_hand) = (Vec::new(), Vec::new());
    for found in files {
        let said = lines(found.text(), Loader::Systemd);
        let statements = said.iter().filter_map(|(line, said)| match said {
            Line::Statement(statement) => Some((*line, statement)),
            _ => None,
        });
        let named = |statement: &Statement| {
            let key = statement.path.parse::<Key>();
            statement.value.is_some() && key.is_ok_and(|key| keys.contains(&key))
        };
        let ours = statements
            .clone()
            .filter_map(|(line, statement)| named(statement).then_some(line));
        let ours = sorted::set(ours);
        if ours.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(found.text());
        let why = match text {
            Err(_) => Some("the file is not UTF-8"),
            Ok(text) if text.contains(|c: char| c.is_control() && !"\n\t".contains(c)) => {
                Some("the file has carriage returns or other control characters")
            }
            Ok(_) => None,
        };
        let path = found.path.clone();
        match (text, why) {
            (Ok(text), None) => {
                let kept = text.split_inclusive('\n').enumerate();
                let kept = kept.filter(|(index, _)| !ours.contains(&(index + 1)));
                changes.push(FileChange {
                    path,
                    from: Some(text.to_owned()),
                    to: Some(kept.map(|(_, line)| line).collect()),
                });
            }
            (_, why) => by_hand.push(ByHand {
                path,
                lines: ours.into_iter().collect(),
                why: why.unwrap_or_default(),
            }),
        }
    }
    (changes, by_hand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(text: &str, loader: Loader) -> (Vec<String>, Vec<String>) {
        let texts = [Text {
            file: "f".into(),
            bytes: text.into(),
        }];
        let facts = Facts {
            absent: ["net.ipv4.gone".parse().unwrap()].into(),
            first_namespace: true,
            actions: BTreeSet::new(),
            defaults: [("net.ipv4.tcp_sack".parse().unwrap(), Value::from(1))].into(),
        };
        let Import { settings, dropped } = import(&texts, loader, &facts);
        let settings = settings.iter().map(|(key, setting)| {
            let optional = if setting.optional { "?" } else { "" };
            format!(
                "{key}{optional} = {} {}",
                setting.words(),
                setting.why().unwrap_or("-")
            )
        });
        let dropped = dropped
            .iter()
            .map(|dropped| format!("{} {}: {}", dropped.line, dropped.text, dropped.reason));
        (settings.collect(), dropped.collect())
    }

    #[test]
    fn comments_become_reasons() {
        let text = "# net.core.somaxconn = 1\n# Our proxies\n# accept in bursts.\nnet.core.somaxconn = 4096 # twice the peak\n\n# not this one\n\n-net.ipv4.ip_default_ttl=65\nnet.ipv4.gone = 1\n";
        let (settings, dropped) = imported(text, Loader::Systemd);
        assert_eq!(
            settings,
            [
                "net.core.somaxconn = 4096 Our proxies accept in bursts. twice the peak",
                "net.ipv4.gone? = 1 this kernel does not have it",
                "net.ipv4.ip_default_ttl? = 65 -",
            ]
        );
        assert_eq!(dropped, Vec::<String>::new());
    }

    #[test]
    fn a_long_comment_ends_where_a_reason_of_a_profile_does() {
        let comment = "# each ä word\n".repeat(400);
        let texts = [Text {
            file: "f".into(),
            bytes: format!("{comment}net.core.somaxconn = 1\n").into(),
        }];
        let settings = import(&texts, Loader::Procps, &Facts::default()).settings;
        let why = settings["net.core.somaxconn"].why().unwrap();
        assert!(
            why.starts_with("each ä word each") && why.len() <= LONGEST_TEXT,
            "{why}"
        );
        let one = format!("# {}\nnet.core.somaxconn = 1\n", "ä".repeat(2000));
        let why = imported(&one, Loader::Procps).0.concat();
        assert!(
            why.ends_with("ä …") && why.len() < LONGEST_TEXT + 30,
            "{why}"
        );
    }

    #[test]
    fn junk_has_its_reason() {
        let text = "net.ipv4.tcp_tw_recycle = 1\nnet.core.somaxconn = 010\nnet.ipv4.tcp_max_syn_backlog = -1\nnet.ipv4.tcp_sack = 1\nnet.ipv4.conf.*.rp_filter = 1\njunk\nnet.ipv4.tcp_syn_retries = 2\nnet.ipv4.tcp_syn_retries = 3\nn.core.somaxconn = 1\n";
        let (settings, dropped) = imported(text, Loader::Procps);
        assert_eq!(settings, ["net.ipv4.tcp_syn_retries = 3 -"]);
        let starts = [
            "1 net.ipv4.tcp_tw_recycle = 1: tcp_tw_recycle: no current kernel has this key",
            "2 net.core.somaxconn = 010: `010` is octal or hexadecimal to the kernel",
            "3 net.ipv4.tcp_max_syn_backlog = -1: max_syn_backlog: -1 is out of range",
            "4 net.ipv4.tcp_sack = 1: it equals the kernel's default",
            "5 net.ipv4.conf.*.rp_filter = 1: a pattern",
            "6 junk: it is no assignment",
            "7 net.ipv4.tcp_syn_retries = 2: f:8 says it again: the last one counts",
            "9 n.core.somaxconn = 1: `n.core.somaxconn` is nearly `net.core.somaxconn`, but not quite",
        ];
        assert_eq!(dropped.len(), starts.len(), "{dropped:#?}");
        for (dropped, start) in dropped.iter().zip(starts) {
            let start = start.replace(": tcp_tw_recycle: ", ": tw_recycle: ");
            assert!(dropped.starts_with(&start), "{dropped}");
        }
    }

    #[test]
    fn a_cancelled_line_is_no_setting_under_systemd() {
        let text = "net.core.somaxconn = 1\n-net.core.somaxconn\n";
        assert_eq!(imported(text, Loader::Systemd).0, Vec::<String>::new());
        assert_eq!(
            imported(text, Loader::Procps).0,
            ["net.core.somaxconn = 1 -"]
        );
    }
}
