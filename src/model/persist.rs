//! The boot axis: what the drop-in would say, and whether it would be heard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalogue::Taken;
use super::dropin::{self, DIRECTORY, DropIn, Installed, Unfit, is_free};
use super::key::Key;
use super::memory::{ActiveSet, Held, Settings};
use super::refusal::{Refusal, Shadow};
use super::setting::Setting;
use super::snapshot::{Reading, Snapshot};
use super::sorted;
use super::sysctld::{Content, DIRECTORIES, Forecast, Loader, Tree, Win};
use super::value::Value;

/// One file, as it is written and recorded in the journal. Nothing stands for no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path, as seen from the root of the machine or image.
    pub path: String,
    /// What is there.
    pub from: Option<String>,
    /// What will be there.
    pub to: Option<String>,
}

impl FileChange {
    /// What happens to the file, in a word.
    pub fn does(&self) -> &'static str {
        match (&self.from, &self.to) {
            (None, _) => "create",
            (_, None) => "remove",
            _ => "replace",
        }
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn undone(&self) -> Self {
        Self {
            path: self.path.clone(),
            from: self.to.clone(),
            to: self.from.clone(),
        }
    }
}

/// What would change on the boot axis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootPlan {
    /// Where the drop-in is, or will be.
    pub path: String,
    /// Files to write: none if everything is as wanted, two if the drop-in moves.
    pub files: Vec<FileChange>,
    /// What will be declared.
    pub active: ActiveSet,
    /// Keys that the machine boots with as wanted, without us.
    pub left_out: Vec<Key>,
    /// What the keys that are written hold now, without us.
    pub found: BTreeMap<Key, Value>,
    /// Lines of others that say something else, and that this machine's loader will not obey.
    pub beats: Vec<Shadow>,
    /// Lines that this machine's loader would obey instead; only where that was allowed.
    pub shadowed: Vec<Shadow>,
    /// Lines that only other loaders would obey.
    pub elsewhere: Vec<Shadow>,
    /// Files of others that may not be read: whether they win is unknown. With the reasons.
    pub unknown: Vec<(String, String)>,
}

/// What happens to the drop-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It says already what it should.
    None,
    /// There was none.
    Create,
    /// It says something else.
    Replace,
    /// It gets another name.
    Move,
    /// Nothing is declared any more.
    Remove,
}

impl BootPlan {
    /// What happens to the drop-in.
    pub fn action(&self) -> Action {
        match self.files.as_slice() {
            [] => Action::None,
            [FileChange { from: None, .. }] => Action::Create,
            [FileChange { to: None, .. }] => Action::Remove,
            [_] => Action::Replace,
            _ => Action::Move,
        }
    }
}

/// What the next boot stands on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Every file of sysctl.d, ours included.
    pub tree: Tree,
    /// Who reads them.
    pub loader: Loader,
    /// Our drop-in, as it is now.
    pub ours: Option<Installed>,
    /// What a boot gives where no file says anything, as far as that is known.
    pub defaults: BTreeMap<Key, Value>,
    /// What the kernel holds; nothing in an image, which has no kernel.
    pub live: Option<Snapshot>,
    /// The keys of which that is tcptune's doing.
    pub held: BTreeMap<Key, Held>,
}

impl Ground {
    /// What this machine boots with, were it not for us.
    pub fn without_us(&self) -> Forecast {
        Forecast::of(&dropin::without(&self.tree), self.loader)
    }

    /// What the boot axis declares now.
    pub fn declared(&self) -> ActiveSet {
        self.ours
            .as_ref()
            .map(|ours| ours.drop_in.active.clone())
            .unwrap_or_default()
    }

    /// What a key holds without us.
    fn found(&self, key: &Key) -> Option<&Value> {
        let live = self.live.as_ref()?.get(key).value()?;
        Held::behind(self.held.get(key), live)
    }
}

/// What a boot gives for a key without us, as far as that is known: what the forecast of that says, else the default.
pub fn otherwise(others: &Forecast, defaults: &BTreeMap<Key, Value>, key: &Key) -> Option<Value> {
    match others.winner(key) {
        Some(win) => win.taken.value().cloned(),
        None => defaults.get(key).cloned(),
    }
}

/// Plans the drop-in for what is wanted at boot. `name` moves it; `allow_shadowed` goes on although another file wins.
///
/// # Errors
/// Every reason to refuse, when there is one.
pub fn persist(
    wanted: &ActiveSet,
    ground: &Ground,
    name: Option<&str>,
    allow_shadowed: bool,
) -> Result<BootPlan, Vec<Refusal>> {
    let before = ground.ours.as_ref();
    let path = match (name, before) {
        (Some(name), _) if !wanted.is_empty() => format!("{DIRECTORY}/{name}"),
        (_, Some(ours)) => ours.path.clone(),
        (_, None) => format!("{DIRECTORY}/{}", dropin::NAME),
    };
    let unread = ground
        .tree
        .unknown()
        .find(|(found, _)| matches!(found.content, Content::Unreadable(_)));
    if let Some((found, why)) = unread {
        // Who wins cannot be told.
        return Err(vec![
            Unfit::Unread(found.path.clone(), why.to_owned()).into(),
        ]);
    }
    let others = ground.without_us();
    let (assigned, left_out) = assign(wanted, ground, &others)?;
    let found = assigned
        .keys()
        .filter_map(|key| Some((key.clone(), ground.found(key)?.clone())));
    let found = sorted::map(found);
    let drop_in = DropIn {
        active: wanted.clone(),
        assigned,
    };
    let text = (!wanted.is_empty()).then(|| drop_in.render());
    let moves = before.is_some_and(|ours| ours.path != path);
    if text.is_some() && (moves || before.is_none()) {
        is_free(&ground.tree, &path).map_err(|unfit| vec![Refusal::Unfit(unfit)])?;
    }
    let mut files = Vec::new();
    let there = before.filter(|_| !moves).map(|ours| ours.text.clone());
    if there != text {
        files.push(FileChange {
            path: path.clone(),
            from: there,
            to: text.clone(),
        });
    }
    if let Some(ours) = before.filter(|_| moves) {
        files.push(FileChange {
            path: ours.path.clone(),
            from: Some(ours.text.clone()),
            to: None,
        });
    }
    let mut plan = BootPlan {
        path: path.clone(),
        files,
        active: wanted.clone(),
        left_out,
        found,
        ..BootPlan::default()
    };
    if let Some(text) = &text {
        let shadows = shadows(&wanted.settings, ground, &path, text);
        let (ours, elsewhere): (Vec<_>, Vec<_>) = shadows
            .into_iter()
            .partition(|shadow| shadow.loader == ground.loader);
        if !ours.is_empty() && !allow_shadowed {
            let wins_as = better_name(&wanted.settings, ground, text, &ours);
            let refusal = |shadow| Refusal::Shadowed {
                shadow: Box::new(shadow),
                wins_as: wins_as.clone(),
            };
            return Err(ours.into_iter().map(refusal).collect());
        }
        plan.beats = beats(&drop_in, ground, &others);
        plan.beats
            .retain(|beaten| ours.iter().all(|shadow| shadow.key != beaten.key));
        plan.shadowed = ours;
        plan.elsewhere = elsewhere;
        let unknown = ground
            .tree
            .unknown()
            .map(|(found, why)| (found.path.clone(), why.to_owned()));
        plan.unknown = unknown.collect();
    }
    Ok(plan)
}

/// The value for each key, and the keys that need none.
type Assignments = (BTreeMap<Key, Value>, Vec<Key>);

/// What is written for each setting.
fn assign(
    wanted: &ActiveSet,
    ground: &Ground,
    others: &Forecast,
) -> Result<Assignments, Vec<Refusal>> {
    let (mut assigned, mut left_out, mut refusals) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (key, setting) in &wanted.settings {
        let live = ground.live.as_ref().map(|live| live.get(key));
        if live == Some(&Reading::Absent) && !setting.optional {
            refusals.push(Refusal::Absent(key.clone()));
            continue;
        }
        let known = otherwise(others, &ground.defaults, key);
        match value(setting, known.as_ref(), ground.found(key)) {
            Ok(Some(value)) => drop(assigned.insert(key.clone(), value)),
            Ok(None) => left_out.push(key.clone()),
            Err(found) => refusals.push(Refusal::NoNumber(key.clone(), found)),
        }
    }
    if refusals.is_empty() {
        Ok((assigned, left_out))
    } else {
        Err(refusals)
    }
}

/// What is written for a setting where a boot would otherwise give `known`; nothing if that is enough.
///
/// Where nobody knows what it would give, what was `found` without us counts: a bound is not left to luck, and does not
/// lower a machine.
fn value(
    setting: &Setting,
    known: Option<&Value>,
    found: Option<&Value>,
) -> Result<Option<Value>, Value> {
    let start = known.or(found);
    match (setting.nearest(start), start) {
        (Some(nearest), _) if setting.exact.is_none() && known == Some(&nearest) => Ok(None),
        (None, Some(start)) => Err(start.clone()),
        (nearest, _) => Ok(nearest),
    }
}

/// Lines that would be obeyed instead of what is wanted, once the drop-in says `text` at `path`.
fn shadows(settings: &Settings, ground: &Ground, path: &str, text: &str) -> Vec<Shadow> {
    let mut tree = ground.tree.clone();
    if let Some(ours) = &ground.ours {
        tree = tree.with(&ours.path, None);
    }
    let forecast = Forecast::of(&tree.with(path, Some(text)), ground.loader);
    let mut shadows = Vec::new();
    for (key, setting) in settings {
        for loader in [Loader::Systemd, Loader::Procps, Loader::SysctlP] {
            let outcome = forecast.sequence(loader).outcome(key);
            let written = outcome.chain.iter().any(|placed| placed.path == path);
            let win = match forecast.line_under(loader, key) {
                Some(win) => (win.path != path && !suits(setting, &win)).then_some(win),
                // A bare `-key` behind our line cancels it.
                None if written => outcome.chain.last().map(|placed| Win::excluding(placed)),
                None => None,
            };
            let wanted = setting.words();
            shadows.extend(win.map(|win| Shadow {
                key: key.clone(),
                wanted,
                win,
                loader,
            }));
        }
    }
    shadows
}

/// Lines that would win if it were not for the drop-in.
fn beats(drop_in: &DropIn, ground: &Ground, others: &Forecast) -> Vec<Shadow> {
    let beaten = |(key, value): (&Key, &Value)| {
        let win = others.winner(key).filter(|win| win.value() != *value)?;
        Some(Shadow {
            key: key.clone(),
            wanted: value.to_string(),
            win,
            loader: ground.loader,
        })
    };
    drop_in.assigned.iter().filter_map(beaten).collect()
}

/// Whether a line of somebody else leaves what is wanted.
fn suits(setting: &Setting, win: &Win) -> bool {
    match &win.taken {
        Taken::Value(value) => setting.accepts(value),
        // The same text leads to the same value, whatever the kernel makes of it.
        Taken::Unknown => setting.accepts(&win.value()),
        Taken::Refused => false,
    }
}

/// A name for the drop-in that comes behind every file which shadows it, if that helps.
fn better_name(
    settings: &Settings,
    ground: &Ground,
    text: &str,
    shadows: &[Shadow],
) -> Option<String> {
    let names = shadows.iter().filter_map(|shadow| {
        let (directory, name) = shadow.win.path.rsplit_once('/')?;
        DIRECTORIES.contains(&directory).then_some(name)
    });
    let last = names.max()?;
    // In the order of bytes, `_` comes behind the dot of `.conf`.
    let name = format!("{}_tcptune.conf", last.strip_suffix(".conf")?);
    let path = format!("{DIRECTORY}/{name}");
    let wins = self::shadows(settings, ground, &path, text)
        .iter()
        .all(|shadow| shadow.loader != ground.loader);
    (wins && is_free(&ground.tree, &path).is_ok()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::dropin::installed;
    use super::super::setting::{Origin, Part};
    use super::*;

    const KEY: &str = "net.core.somaxconn";

    fn origin() -> Origin {
        Origin {
            profile: "p".into(),
            file: "p.toml".into(),
            line: Some(1),
        }
    }

    fn exactly(value: i128) -> ActiveSet {
        let exact = Some(Part {
            value: Value::from(value),
            origin: origin(),
            why: None,
        });
        declaring(Setting {
            exact,
            ..Setting::default()
        })
    }

    fn at_least(bound: i128) -> ActiveSet {
        let at_least = Some(Part {
            value: bound,
            origin: origin(),
            why: None,
        });
        declaring(Setting {
            at_least,
            ..Setting::default()
        })
    }

    fn declaring(setting: Setting) -> ActiveSet {
        ActiveSet {
            profiles: vec!["p".into()],
            profiles_hash: String::new(),
            settings: [(KEY.parse().unwrap(), setting)].into(),
        }
    }

    fn ground(files: &[(&str, &str)], default: Option<i128>) -> Ground {
        let tree = files.iter().fold(Tree::default(), |tree, (path, text)| {
            tree.with(path, Some(text))
        });
        Ground {
            ours: installed(&tree).unwrap(),
            tree,
            loader: Loader::Systemd,
            defaults: default
                .map(|value| (KEY.parse().unwrap(), Value::from(value)))
                .into_iter()
                .collect(),
            live: None,
            held: BTreeMap::new(),
        }
    }

    fn assignment(plan: &BootPlan) -> Option<String> {
        let text = plan.files.first()?.to.clone()?;
        text.lines()
            .find(|line| line.starts_with(KEY))
            .map(str::to_owned)
    }

    #[test]
    fn the_same_again_is_no_change() {
        let first = persist(&exactly(7), &ground(&[], None), None, false).unwrap();
        let text = first.files[0].to.clone().unwrap();
        assert_eq!(
            assignment(&first).as_deref(),
            Some("net.core.somaxconn = 7")
        );
        let again = persist(
            &exactly(7),
            &ground(&[("/etc/sysctl.d/99-tcptune.conf", &text)], None),
            None,
            false,
        )
        .unwrap();
        assert_eq!(again.action(), Action::None);
        let gone = persist(
            &ActiveSet::default(),
            &ground(&[("/etc/sysctl.d/99-tcptune.conf", &text)], None),
            None,
            false,
        )
        .unwrap();
        assert_eq!(
            (gone.files[0].from.as_ref(), gone.files[0].to.as_ref()),
            (Some(&text), None)
        );
    }

    #[test]
    fn a_bound_is_written_only_where_the_boot_needs_it() {
        let others = [("/etc/sysctl.d/50-app.conf", "net.core.somaxconn = 65535\n")];
        let plan = persist(&at_least(16384), &ground(&others, Some(4096)), None, false).unwrap();
        assert_eq!(
            (assignment(&plan), plan.left_out.len()),
            (None, 1),
            "never lowers a machine"
        );
        let plan = persist(&at_least(16384), &ground(&[], Some(4096)), None, false).unwrap();
        assert_eq!(
            assignment(&plan).as_deref(),
            Some("net.core.somaxconn = 16384")
        );
        let plan = persist(&at_least(1000), &ground(&[], Some(4096)), None, false).unwrap();
        assert_eq!(assignment(&plan), None);
    }

    #[test]
    fn a_file_that_wins_is_named_with_a_name_that_beats_it() {
        let others = [("/etc/sysctl.d/zzz.conf", "# x\nnet.core.somaxconn = 1\n")];
        let refused = persist(&exactly(7), &ground(&others, None), None, false).unwrap_err();
        let [Refusal::Shadowed { shadow, wins_as }] = refused.as_slice() else {
            panic!("{refused:?}");
        };
        assert_eq!(shadow.win.place(), "/etc/sysctl.d/zzz.conf:2");
        assert_eq!(wins_as.as_deref(), Some("zzz_tcptune.conf"));
        assert!(
            persist(
                &exactly(7),
                &ground(&others, None),
                wins_as.as_deref(),
                false
            )
            .is_ok()
        );
        assert_eq!(
            persist(&exactly(7), &ground(&others, None), None, true)
                .unwrap()
                .shadowed
                .len(),
            1
        );
        let equal = [("/etc/sysctl.d/zzz.conf", "net.core.somaxconn = 7\n")];
        assert!(
            persist(&exactly(7), &ground(&equal, None), None, false).is_ok(),
            "equal is no conflict"
        );
        let enough = [("/etc/sysctl.d/zzz.conf", "net.core.somaxconn = 70\n")];
        assert!(
            persist(&at_least(7), &ground(&enough, None), None, false).is_ok(),
            "enough neither"
        );
    }

    #[test]
    fn an_exclusion_shadows_under_systemd_only() {
        let others = [("/etc/sysctl.d/zzz.conf", "-net.core.somaxconn\n")];
        assert!(persist(&exactly(7), &ground(&others, None), None, false).is_err());
        let procps = Ground {
            loader: Loader::Procps,
            ..ground(&others, None)
        };
        let plan = persist(&exactly(7), &procps, None, false).unwrap();
        assert_eq!(
            plan.elsewhere
                .iter()
                .map(|shadow| shadow.loader)
                .collect::<Vec<_>>(),
            [Loader::Systemd]
        );
    }

    #[test]
    fn moving_is_one_step() {
        let text = persist(&exactly(7), &ground(&[], None), None, false)
            .unwrap()
            .files[0]
            .to
            .clone()
            .unwrap();
        let there = ground(&[("/etc/sysctl.d/99-tcptune.conf", &text)], None);
        let plan = persist(&exactly(7), &there, Some("zz.conf"), false).unwrap();
        let files: Vec<_> = plan
            .files
            .iter()
            .map(|file| (file.path.as_str(), file.from.is_some(), file.to.is_some()))
            .collect();
        assert_eq!(
            files,
            [
                ("/etc/sysctl.d/zz.conf", false, true),
                ("/etc/sysctl.d/99-tcptune.conf", true, false)
            ]
        );
    }
}
