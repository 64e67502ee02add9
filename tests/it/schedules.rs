//! Random schedules against a model: after each step every key, the drop-in and the journal are what the model says.
//!
//! `SCHEDULES=1000 cargo test --test it random_schedules` runs more of them, `SEED=7` begins with that one. One that
//! fails prints its seed and its steps, and then as few of them as still fail.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sandbox::{Run, Sandbox, binary};
use crate::tally::{number, tally};

/// The keys that take part, with the kernel's defaults.
const KEYS: [(&str, &str); 4] = [
    ("net.core.somaxconn", "4096"),
    ("net.ipv4.tcp_keepalive_time", "7200"),
    ("net.ipv4.tcp_syn_retries", "6"),
    ("net.ipv4.tcp_synack_retries", "5"),
];

/// Profiles that overlap; one of them asks for a default.
const PROFILES: [(&str, &[(&str, &str)]); 3] = [
    (
        "one",
        &[
            ("net.core.somaxconn", "100"),
            ("net.ipv4.tcp_syn_retries", "3"),
        ],
    ),
    (
        "two",
        &[
            ("net.ipv4.tcp_syn_retries", "2"),
            ("net.ipv4.tcp_synack_retries", "5"),
        ],
    ),
    (
        "three",
        &[
            ("net.ipv4.tcp_keepalive_time", "100"),
            ("net.ipv4.tcp_synack_retries", "3"),
        ],
    ),
];

/// How many steps a schedule has.
const STEPS: usize = 14;

type Values = BTreeMap<&'static str, String>;

/// What is declared on an axis.
#[derive(Debug, Clone, Default, PartialEq)]
struct Declared {
    profiles: Vec<&'static str>,
    settings: Values,
    /// The keys that somebody set by hand: the drop-in says so, but it makes no difference to what is wanted.
    by_hand: BTreeSet<&'static str>,
}

/// A key that tcptune wrote: what was there before, and what it wrote last.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    baseline: String,
    wrote: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Memory {
    active: Declared,
    held: BTreeMap<&'static str, Held>,
}

impl Memory {
    /// Whether both want and hold the same.
    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (&self.active, &other.active);
        self.held == other.held && one.profiles == two.profiles && one.settings == two.settings
    }
}

/// An entry that a rollback can take back.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    before: Memory,
    after: Memory,
    /// Key, what it held, what was written.
    changes: Vec<(&'static str, String, String)>,
    /// What the drop-in declared before and after, if it was changed.
    file: Option<(Declared, Declared)>,
}

/// A network namespace in a boot.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    kernel: Values,
    memory: Memory,
    /// What is in effect, oldest first.
    line: Vec<Entry>,
    /// What waits to be confirmed, and what it wants of the next boot.
    waiting: Option<(Entry, Option<Declared>)>,
}

impl Place {
    fn fresh() -> Self {
        Self {
            kernel: KEYS.map(|(key, value)| (key, value.to_owned())).into(),
            memory: Memory::default(),
            line: Vec::new(),
            waiting: None,
        }
    }
}

/// The machine as it should be.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    /// The first namespace, and the one of that name.
    host: Place,
    web: Place,
    /// What the next boot gets; nothing declared is no file.
    drop_in: Declared,
    /// What entries of earlier boots made of it, oldest first.
    earlier: Vec<(Declared, Declared)>,
    held: bool,
    boots: u32,
    /// Entries that were written, committed or not.
    entries: usize,
}

/// What one run of a verb may ask for.
#[derive(Debug, Clone, PartialEq)]
enum Verb {
    Apply {
        profile: usize,
        persist: bool,
        confirm: bool,
    },
    Set {
        key: usize,
        value: u32,
        persist: bool,
    },
    Off {
        persist: bool,
    },
    Persist,
    Confirm,
    Rollback,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// A verb, in the namespace `web` or not, perhaps killed at the N-th call of a kind.
    Run {
        verb: Verb,
        web: bool,
        kill: Option<(&'static str, u32)>,
    },
    Hold,
    Unhold,
    /// Somebody else writes a key.
    Stranger {
        key: usize,
        value: u32,
        web: bool,
    },
    Reboot,
    /// The namespace `web` is deleted and made again.
    Remake,
}

/// What a run should have done.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    /// Refused with this code, nothing touched.
    Refused(i32),
    /// Nothing to do.
    Nothing,
    /// One more entry.
    Done,
    /// The entry that waits, committed or reverted.
    Ended,
}

/// xorshift64*: good enough to choose, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % end
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn verb(&mut self) -> Verb {
        match self.below(11) {
            0..=2 => Verb::Apply {
                profile: self.below(PROFILES.len()),
                persist: self.chance(3),
                confirm: self.chance(4),
            },
            3..=4 => Verb::Set {
                key: self.below(KEYS.len()),
                value: 2 + u32::try_from(self.below(4)).unwrap(),
                persist: self.chance(3),
            },
            5 => Verb::Off {
                persist: self.chance(2),
            },
            6 => Verb::Persist,
            7..=8 => Verb::Confirm,
            _ => Verb::Rollback,
        }
    }

    fn step(&mut self) -> Step {
        match self.below(16) {
            0 => Step::Hold,
            1 => Step::Unhold,
            2..=3 => Step::Stranger {
                key: self.below(KEYS.len()),
                value: 2 + u32::try_from(self.below(4)).unwrap(),
                web: self.chance(3),
            },
            4 => Step::Reboot,
            5 => Step::Remake,
            _ => {
                let mut verb = self.verb();
                let web = self.chance(4);
                if web {
                    verb = verb.live_only();
                }
                let calls = ["write", "rename", "fsync", "openat", "unlink"];
                let kill = self.chance(4).then(|| {
                    let call = calls[self.below(calls.len())];
                    let many = if call == "openat" { 60 } else { 9 };
                    (call, 1 + u32::try_from(self.below(many)).unwrap())
                });
                Step::Run { verb, web, kill }
            }
        }
    }
}

fn netns(web: bool) -> &'static str {
    if web { " --netns web" } else { "" }
}

impl Verb {
    /// The same without the boot axis, which no namespace but the first has.
    fn live_only(self) -> Self {
        match self {
            Verb::Apply { profile, .. } => Verb::Apply {
                profile,
                persist: false,
                confirm: false,
            },
            Verb::Set { key, value, .. } => Verb::Set {
                key,
                value,
                persist: false,
            },
            Verb::Off { .. } | Verb::Persist => Verb::Off { persist: false },
            Verb::Confirm | Verb::Rollback => Verb::Rollback,
        }
    }

    /// The words for the network namespace `web`, or for the host.
    fn words_in(&self, web: bool) -> String {
        self.words() + netns(web)
    }

    fn words(&self) -> String {
        let flag = |given: bool, flag: &str| {
            if given {
                format!(" {flag}")
            } else {
                String::new()
            }
        };
        match self {
            Verb::Apply {
                profile,
                persist,
                confirm,
            } => format!(
                "apply {} --yes{}{}",
                PROFILES[*profile].0,
                flag(*persist, "--persist"),
                flag(*confirm, "--confirm-within=1h")
            ),
            Verb::Set {
                key,
                value,
                persist,
            } => {
                format!(
                    "set {}={value}{}",
                    KEYS[*key].0,
                    flag(*persist, "--persist")
                )
            }
            Verb::Off { persist } => format!("off{}", flag(*persist, "--persist")),
            Verb::Persist => "persist".to_owned(),
            Verb::Confirm => "confirm".to_owned(),
            Verb::Rollback => "rollback".to_owned(),
        }
    }
}

/// What a plan writes on the live axis, and what is remembered then.
fn plan(place: &Place, wanted: &Declared, only: Option<&str>) -> Entry {
    let before = place.memory.clone();
    let mut after = Memory {
        active: wanted.clone(),
        held: before.held.clone(),
    };
    let mut changes = Vec::new();
    for (key, held) in before.held.iter().rev() {
        if wanted.settings.contains_key(key) {
            continue;
        }
        after.held.remove(key);
        let live = &place.kernel[key];
        // What somebody else wrote since is left.
        if *live == held.wrote && *live != held.baseline {
            changes.push((*key, live.clone(), held.baseline.clone()));
        }
    }
    for (key, value) in &wanted.settings {
        let live = &place.kernel[key];
        if only.is_some_and(|only| only != *key) || live == value {
            continue;
        }
        let baseline = before
            .held
            .get(key)
            .map_or(live, |held| &held.baseline)
            .clone();
        after.held.insert(
            key,
            Held {
                baseline,
                wrote: value.clone(),
            },
        );
        changes.push((*key, live.clone(), value.clone()));
    }
    Entry {
        before,
        after,
        changes,
        file: None,
    }
}

/// What a verb would do on the live axis, what it wants of the next boot, and whether it asks to be confirmed.
fn wish(place: &Place, drop_in: &Declared, verb: &Verb) -> (Entry, Option<Declared>, bool) {
    match verb {
        Verb::Apply {
            profile,
            persist,
            confirm,
        } => {
            let (name, settings) = PROFILES[*profile];
            let settings = settings
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()));
            let wanted = Declared {
                profiles: vec![name],
                settings: settings.collect(),
                by_hand: BTreeSet::new(),
            };
            (
                plan(place, &wanted, None),
                persist.then_some(wanted),
                *confirm,
            )
        }
        Verb::Set {
            key,
            value,
            persist,
        } => {
            let key = KEYS[*key].0;
            let with = |declared: &Declared| {
                let mut declared = declared.clone();
                declared.settings.insert(key, value.to_string());
                declared.by_hand.insert(key);
                declared
            };
            let wanted = with(&place.memory.active);
            (
                plan(place, &wanted, Some(key)),
                persist.then(|| with(drop_in)),
                false,
            )
        }
        Verb::Off { persist } => {
            let nothing = Declared::default();
            (
                plan(place, &nothing, None),
                persist.then_some(nothing),
                false,
            )
        }
        Verb::Persist | Verb::Confirm | Verb::Rollback => {
            let memory = place.memory.clone();
            let boot = memory.active.clone();
            let entry = Entry {
                before: memory.clone(),
                after: memory,
                changes: Vec::new(),
                file: None,
            };
            (entry, Some(boot), false)
        }
    }
}

fn write(kernel: &mut Values, changes: &[(&'static str, String, String)]) {
    for (key, _, to) in changes {
        kernel.insert(key, to.clone());
    }
}

/// Whether a key holds neither what was there before nor what was written.
fn moved(kernel: &Values, changes: &[(&'static str, String, String)]) -> bool {
    changes
        .iter()
        .any(|(key, from, to)| kernel[key] != *from && kernel[key] != *to)
}

impl Model {
    fn new() -> Self {
        Self {
            host: Place::fresh(),
            web: Place::fresh(),
            drop_in: Declared::default(),
            earlier: Vec::new(),
            held: false,
            boots: 0,
            entries: 0,
        }
    }

    /// The machine after a verb, and how that ends.
    fn run(&mut self, verb: &Verb, web: bool) -> Outcome {
        let drop_in = self.drop_in.clone();
        let held = self.held;
        let place = if web { &mut self.web } else { &mut self.host };
        if held && matches!(verb, Verb::Apply { .. } | Verb::Off { .. } | Verb::Persist) {
            return Outcome::Refused(3);
        }
        if place.waiting.is_some() && matches!(verb, Verb::Confirm | Verb::Rollback) {
            self.end(*verb == Verb::Confirm);
            return Outcome::Ended;
        }
        let (mut entry, boot, confirm) = match verb {
            Verb::Confirm => return Outcome::Refused(3),
            Verb::Rollback => return self.rollback(web),
            verb => wish(place, &drop_in, verb),
        };
        if let Some((_, wish)) = &place.waiting {
            // The same again is nothing to do, and anything else is refused; `persist` wants the files now.
            let same = *verb != Verb::Persist
                && entry.changes.is_empty()
                && entry.before.is_like(&entry.after)
                && boot == *wish;
            return if same {
                Outcome::Nothing
            } else {
                Outcome::Refused(3)
            };
        }
        if confirm && !entry.changes.is_empty() {
            write(&mut place.kernel, &entry.changes);
            place.memory = entry.after.clone();
            place.waiting = Some((entry, boot));
            return Outcome::Done;
        }
        entry.file = boot
            .filter(|boot| *boot != drop_in)
            .map(|boot| (drop_in, boot));
        if entry.changes.is_empty() && entry.file.is_none() && entry.before.is_like(&entry.after) {
            return Outcome::Nothing;
        }
        write(&mut place.kernel, &entry.changes);
        place.memory = entry.after.clone();
        if let Some((_, to)) = &entry.file {
            self.drop_in = to.clone();
        }
        let place = if web { &mut self.web } else { &mut self.host };
        place.line.push(entry);
        Outcome::Done
    }

    /// What waits is kept, or put back as far as it still stands.
    fn end(&mut self, kept: bool) {
        let place = &mut self.host;
        let Some((entry, wish)) = place.waiting.take() else {
            return;
        };
        if kept {
            let to = wish.unwrap_or(self.drop_in.clone());
            let from = std::mem::replace(&mut self.drop_in, to.clone());
            let file = Some((from, to)).filter(|(from, to)| from != to);
            place.line.push(Entry { file, ..entry });
            return;
        }
        for (key, from, to) in &entry.changes {
            if place.kernel[key] == *to {
                place.kernel.insert(key, from.clone());
            }
        }
        place.memory = entry.before;
    }

    /// Takes back what an earlier boot did to the drop-in, and what this boot has from it.
    fn rollback_across(&mut self) -> Outcome {
        let Some((from, _)) = self.earlier.last().cloned() else {
            return Outcome::Nothing;
        };
        let place = &mut self.host;
        let mut supposed = place.clone();
        for (key, held) in &place.memory.held {
            supposed.kernel.insert(key, held.wrote.clone());
        }
        let Entry { changes, after, .. } = plan(&supposed, &from, None);
        if moved(&place.kernel, &changes) {
            return Outcome::Refused(3);
        }
        write(&mut place.kernel, &changes);
        place.memory = after;
        self.drop_in = from;
        self.earlier.pop();
        Outcome::Done
    }

    fn rollback(&mut self, web: bool) -> Outcome {
        let place = if web { &mut self.web } else { &mut self.host };
        let Some(entry) = place.line.last().cloned() else {
            return if web {
                Outcome::Nothing
            } else {
                self.rollback_across()
            };
        };
        if moved(&place.kernel, &entry.changes) {
            return Outcome::Refused(3);
        }
        for (key, from, _) in &entry.changes {
            place.kernel.insert(key, from.clone());
        }
        place.memory = entry.before;
        place.line.pop();
        if let Some((from, _)) = entry.file {
            self.drop_in = from;
        }
        Outcome::Done
    }

    /// A new boot begins with what the drop-in declares.
    fn reboot(&mut self) {
        let held = |(key, value): (&&'static str, &String)| {
            let default = KEYS.iter().find(|(one, _)| one == key).unwrap().1;
            (
                *key,
                Held {
                    baseline: default.to_owned(),
                    wrote: value.clone(),
                },
            )
        };
        let files = self.host.line.iter().filter_map(|entry| entry.file.clone());
        self.earlier.extend(files);
        self.host = Place::fresh();
        self.host.kernel.extend(self.drop_in.settings.clone());
        self.host.memory = Memory {
            active: self.drop_in.clone(),
            held: self.drop_in.settings.iter().map(held).collect(),
        };
        self.web = Place::fresh();
        self.boots += 1;
    }
}

/// A sandbox, and what the model says of it.
struct Scene {
    sandbox: Sandbox,
    model: Model,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::with_systemd();
        for (name, settings) in PROFILES {
            let lines = settings
                .iter()
                .map(|(key, value)| format!("\"{}\" = {value}\n", key.replace('.', "/")));
            let text = format!("[sysctl]\n{}", lines.collect::<String>());
            sandbox.file(&format!("/etc/tcptune/profiles/{name}.toml"), &text);
        }
        sandbox.sh("ip netns add web");
        let scene = Self {
            sandbox,
            model: Model::new(),
        };
        scene.agrees();
        scene
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run {
                verb,
                web,
                kill: None,
            } => {
                let run = self.sandbox.tcptune(&verb.words_in(*web));
                self.ended(verb, *web, &run);
            }
            Step::Run {
                verb,
                web,
                kill: Some((call, n)),
            } => self.killed(verb, *web, call, *n),
            Step::Hold => {
                self.sandbox.tcptune("hold").exits(0);
                self.model.held = true;
            }
            Step::Unhold => {
                self.sandbox.tcptune("unhold").exits(0);
                self.model.held = false;
            }
            Step::Stranger { key, value, web } => {
                let (key, value) = (KEYS[*key].0, value.to_string());
                let there = if *web { "ip netns exec web" } else { "" };
                self.sandbox
                    .sh(&format!("{there} sysctl -q -w {key}={value}"));
                let place = if *web {
                    &mut self.model.web
                } else {
                    &mut self.model.host
                };
                place.kernel.insert(key, value);
            }
            Step::Reboot => {
                self.model.reboot();
                self.sandbox.sh(
                    "pkill -KILL -f '[g]uard [0-9]' || true; ip netns delete web; ip netns add web",
                );
                self.sandbox.restart(self.model.boots);
            }
            Step::Remake => {
                self.sandbox.sh("ip netns delete web; ip netns add web");
                self.model.web = Place::fresh();
            }
        }
        self.agrees();
    }

    /// A verb that came to its end did what the model says.
    fn ended(&mut self, verb: &Verb, web: bool, run: &Run) {
        let before = self.model.clone();
        let outcome = self.model.run(verb, web);
        let code = match outcome {
            Outcome::Refused(code) => code,
            _ => 0,
        };
        let words = verb.words_in(web);
        assert_eq!(run.code, Some(code), "{words}: {outcome:?}\n{run:?}");
        match outcome {
            Outcome::Refused(_) => self.model = before,
            Outcome::Done => self.model.entries += 1,
            Outcome::Nothing | Outcome::Ended => {}
        }
    }

    /// A verb that is killed has happened or not, once the next one has settled it. Neither is a third thing.
    fn killed(&mut self, verb: &Verb, web: bool, call: &str, n: u32) {
        let kill = format!("{call}:signal=KILL:when={n}");
        let run = self.sandbox.with_faults(&[&kill], &verb.words_in(web));
        if run.code.is_some() {
            return self.ended(verb, web, &run);
        }
        let settling = format!("rollback --to 4000000000{}", netns(web));
        self.sandbox.tcptune(&settling);
        let before = self.model.clone();
        let outcome = self.model.run(verb, web);
        let entries = self.entries();
        let more = entries - before.entries;
        assert!(more <= 1, "{}: {more} entries more", verb.words_in(web));
        self.model.entries = entries;
        if matches!(outcome, Outcome::Refused(_)) || self.differs().is_some() {
            self.model = Model { entries, ..before };
        }
    }

    fn entries(&self) -> usize {
        let count = self
            .sandbox
            .sh("ls /var/lib/tcptune/journal 2>/dev/null | wc -l");
        count.parse().unwrap()
    }

    fn agrees(&self) {
        if let Some(what) = self.differs() {
            panic!("{what}\nthe model says {:#?}", self.model);
        }
    }

    /// Where the machine and the model differ.
    fn differs(&self) -> Option<String> {
        let keys = KEYS.map(|(key, _)| key).join(" ");
        let binary = binary();
        let tcptune = binary.display();
        let seen = self.sandbox.sh(&format!(
            "sysctl -n {keys}; echo ==; {tcptune} status --json || test $? = 1; echo ==
             ip netns exec web sysctl -n {keys}; echo ==
             {tcptune} status --json --netns web || test $? = 1; echo ==
             cat /etc/sysctl.d/*.conf 2>/dev/null || true; ls -A /etc/sysctl.d; echo ==
             ls /var/lib/tcptune/journal 2>/dev/null | wc -l"
        ));
        let parts: Vec<&str> = seen.split("==\n").collect();
        let [host, status, web, web_status, files, entries] = parts[..] else {
            panic!("{seen}");
        };
        let host = self.place(&self.model.host, host, status);
        let web = self.place(&self.model.web, web, web_status);
        let entries = (entries.trim() != self.model.entries.to_string())
            .then(|| format!("the journal has {entries} entries"));
        host.or(web).or_else(|| self.files(files)).or(entries)
    }

    fn place(&self, place: &Place, values: &str, status: &str) -> Option<String> {
        let keys = KEYS.map(|(key, _)| key);
        let kernel: Values = keys
            .into_iter()
            .zip(values.lines().map(str::to_owned))
            .collect();
        if kernel != place.kernel {
            return Some(format!("the keys are {kernel:?}"));
        }
        let status: serde_json::Value = serde_json::from_str(status).unwrap();
        let rows = status["live"]["settings"].as_array().unwrap();
        let word = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
        let declared: BTreeMap<_, _> = rows
            .iter()
            .filter(|row| row["state"] != "forgotten")
            .map(|row| (word(row, "key"), word(row, "want")))
            .collect();
        let wanted = owned(&place.memory.active.settings);
        let drift = wanted
            .iter()
            .any(|(key, value)| kernel[key.as_str()] != *value);
        let agrees = declared == wanted
            && drift == rows.iter().any(|row| row["state"] == "drift")
            && status["unconfirmed"].is_null() == place.waiting.is_none()
            && status["pending"].is_null()
            && status["hold"].is_null() != self.model.held;
        (!agrees).then(|| format!("the status is {status:#}"))
    }

    fn files(&self, seen: &str) -> Option<String> {
        let lines = seen
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let (pairs, names): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.contains(" = "));
        let pairs: BTreeMap<_, _> = pairs
            .iter()
            .filter_map(|line| line.split_once(" = "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let wanted = &self.model.drop_in;
        let expected: &[&str] = if *wanted == Declared::default() {
            &[]
        } else {
            &["99-tcptune.conf"]
        };
        (pairs != owned(&wanted.settings) || names != expected)
            .then(|| format!("the files are {seen}"))
    }
}

fn owned(settings: &Values) -> BTreeMap<String, String> {
    let pair = |(key, value): (&&str, &String)| ((*key).to_owned(), value.clone());
    settings.iter().map(pair).collect()
}

/// Runs steps; why they failed, and after how many.
fn fails(steps: &[Step]) -> Option<(usize, String)> {
    let mut scene = Scene::new();
    for (done, step) in steps.iter().enumerate() {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| scene.step(step))) {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            return Some((done + 1, why));
        }
    }
    None
}

/// As few of the steps as still fail.
fn shrunk(mut steps: Vec<Step>) -> Vec<Step> {
    let mut place = 0;
    while place < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(place);
        match fails(&fewer) {
            Some((count, _)) => {
                fewer.truncate(count);
                steps = fewer;
            }
            None => place += 1,
        }
    }
    steps
}

#[test]
fn random_schedules() {
    let (first, count) = (number("SEED", 1), number("SCHEDULES", 50));
    let mut runs = 0;
    for seed in first..first + count {
        let mut random = Random::new(seed as u64);
        let mut steps: Vec<Step> = (0..STEPS).map(|_| random.step()).collect();
        if let Some((failed, why)) = fails(&steps) {
            steps.truncate(failed);
            eprintln!("SEED={seed}: {why}\nafter {steps:#?}");
            let steps = shrunk(steps);
            let why = fails(&steps).map(|(_, why)| why);
            panic!("SEED={seed}, as few steps as fail: {steps:#?}\n{why:?}");
        }
        runs += STEPS;
    }
    eprintln!("{count} schedules, {runs} steps");
    tally(
        "random schedules of verbs, kills, strangers, reboots, deleted namespaces",
        "against a model",
        count,
    );
}
