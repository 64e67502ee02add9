//! `watch`: the handshake live. It reads what `doctor` and `status` read, writes nothing and takes no lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::crossterm::event::Event;

use crate::change::store::Known;
use crate::error::Error;
use crate::host::kernel::snapshot;
use crate::host::netns::{self, Namespace};
use crate::host::owners;
use crate::host::terminal::{self, Screen};
use crate::model::diagnose::KEYS;
use crate::model::observation::{Owner, Sample};
use crate::model::sorted;
use crate::report::watch::{Declared, Look, Subject, Watch as Shown, Wish};
use crate::report::{Body, Report};

use super::observe::{SAMPLES, sample};
use super::relisten::former;
use super::scene::Scene;
use super::status::holds;
use super::{World, candidates, doctor, failed, told};

/// How often, at most, is looked who owns new listeners, and what is declared; in milliseconds. Every process is looked
/// at for the one, and every file of the next boot is read for the other.
const SELDOM: u64 = 5000;

/// Columns of text that no terminal shows.
const COLUMNS: u16 = 100;

/// The words of `watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// Print one look, with what happened within `--every`, and end
    #[arg(long)]
    once: bool,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = every)]
    every: Duration,
    /// Say of each finding whether this profile would cure it; repeatable
    #[arg(long, value_name = "PROFILE", add = candidates::profiles())]
    profile: Vec<String>,
}

/// A tenth of a second to an hour.
fn every(text: &str) -> Result<Duration, String> {
    match super::doctor::window(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("between 100ms and 1h".to_owned()),
    }
}

/// Runs `watch`, until somebody quits.
pub fn run(world: &World, request: &Watch) -> Report {
    match watch(world, request) {
        Ok(body) => told("watch", body, Vec::new()),
        Err(error) => failed("watch", error),
    }
}

fn watch(world: &World, request: &Watch) -> Result<Body, Error> {
    if !request.once && world.screen.is_none() {
        return Err(Error::Usage {
            code: "terminal",
            message: "a live screen wants a terminal, and somebody who looks at it".to_owned(),
            hint: Some("`tcptune watch --once` prints one look, as JSON with `--json`".to_owned()),
        });
    }
    let settings = doctor::wanted(&request.profile)?;
    let profiles = settings.map(|settings| (request.profile.clone(), settings));
    let mut eye = Eye::on(world)?;
    let mut shown = Shown::new(Subject {
        title: world.site().title,
        netns: eye.namespace.label.clone(),
        enter: doctor::enter(&eye.namespace.label),
        every: request.every,
        profiles,
        columns: world
            .screen
            .and_then(|_| terminal::columns())
            .unwrap_or(COLUMNS),
    });
    if request.once {
        // As many looks as `doctor` takes, so that both tell what lasts from what passes.
        let mut looks = vec![eye.look()?];
        for _ in 1..SAMPLES {
            std::thread::sleep(request.every / (SAMPLES - 1));
            looks.push(eye.look()?);
        }
        shown.feed_window(looks);
        return Ok(Body::Watch(Box::new(shown)));
    }
    let color = world.screen.is_some_and(|screen| screen.color);
    show(&mut eye, &mut shown, request.every, color)?;
    Ok(Body::Empty)
}

/// Looks and draws, until somebody quits. A look that fails is shown, and the next one may not fail.
fn show(eye: &mut Eye<'_>, shown: &mut Shown, every: Duration, color: bool) -> Result<(), Error> {
    let mut screen = Screen::open(color)?;
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        if now >= next {
            shown.feed(eye.look().map_err(|error| error.to_string()));
            // Looks that were missed, as the process was stopped, are not made up for.
            next = (next + every).max(now);
        }
        screen.draw(|frame| shown.draw(frame, color))?;
        let left = next.saturating_duration_since(Instant::now());
        if let Some(Event::Key(key)) = screen.next(left)? {
            match shown.press(key) {
                Wish::Stay => {}
                Wish::Quit => return Ok(()),
                Wish::Suspend => screen.suspend()?,
            }
        }
    }
}

/// Looks at one namespace again and again, and remembers what is looked for seldom.
struct Eye<'a> {
    world: &'a World,
    namespace: Namespace,
    /// Owners by inode; nothing where nobody was found.
    owners: BTreeMap<u32, Option<Owner>>,
    /// When owners were looked for.
    searched: Option<u64>,
    /// When was looked what is declared.
    remembered: Option<u64>,
    former: BTreeSet<u32>,
    /// The newest entry of the journal that `former` knows.
    entry: Option<u64>,
    declared: Option<Declared>,
}

impl<'a> Eye<'a> {
    /// Enters the namespace, for good.
    fn on(world: &'a World) -> Result<Self, Error> {
        Ok(Self {
            world,
            namespace: world.place("watch")?,
            owners: BTreeMap::new(),
            searched: None,
            remembered: None,
            former: BTreeSet::new(),
            entry: None,
            declared: None,
        })
    }

    fn look(&mut self) -> Result<Look, Error> {
        let sample = sample(true)?;
        let values = snapshot(&self.world.kernel, KEYS.iter()).values();
        if self.remembered.is_none_or(|at| sample.at_ms >= at + SELDOM) {
            self.remembered = Some(sample.at_ms);
            self.remember();
        }
        self.find_owners(&sample);
        let owners = self.owners.iter();
        let owners = owners.filter_map(|(inode, owner)| Some((*inode, owner.clone()?)));
        Ok(Look {
            owners: sorted::map(owners),
            sample,
            values,
            former: self.former.clone(),
            addresses: netns::addresses(),
            declared: self.declared.clone(),
        })
    }

    /// What is declared, and the values that `somaxconn` had before. Where that cannot be read, nothing is known.
    fn remember(&mut self) {
        self.declared = None;
        let Ok(Known { state, .. }) = super::known(self.world) else {
            return;
        };
        if let Ok(scene) = Scene::look(self.world, &self.namespace, &state) {
            self.declared = Some(declared(&scene));
        }
        // All of the journal is read for that, so only where it has grown.
        if self.entry != Some(state.last) {
            let here = state.of(&self.world.machine, &self.namespace);
            let former = here.map(|here| former(Some(here), &here.memory));
            self.former = former.unwrap_or_default();
            self.entry = Some(state.last);
        }
    }

    /// Every process is looked at for that, so only where a listener is new.
    fn find_owners(&mut self, sample: &Sample) {
        let listening = sample.listeners.iter().map(|listener| listener.inode);
        let listening = sorted::set(listening.filter(|inode| *inode != 0));
        let owners = std::mem::take(&mut self.owners).into_iter();
        self.owners = sorted::map(owners.filter(|(inode, owner)| {
            let same = |owner: &Owner| owners::name(owner.pid).as_ref() == Some(&owner.process);
            listening.contains(inode) && owner.as_ref().is_none_or(same)
        }));
        // Of a full one the files are looked at again: it may have run out of them.
        let full = sample
            .listeners
            .iter()
            .filter(|listener| listener.is_full());
        let full = sorted::set(full.map(|listener| listener.inode));
        let new = listening.into_iter();
        let new = sorted::set(
            new.filter(|inode| !self.owners.contains_key(inode) || full.contains(inode)),
        );
        let now = sample.at_ms;
        if new.is_empty() || self.searched.is_some_and(|at| now < at + SELDOM) {
            return;
        }
        self.searched = Some(now);
        let found = owners::of(&new);
        self.owners.extend(
            new.into_iter()
                .map(|inode| (inode, found.get(&inode).cloned())),
        );
    }
}

/// What is declared, and what is not as declared.
fn declared(scene: &Scene<'_>) -> Declared {
    let active = &scene.memory.active;
    let now = scene.snapshot(active.settings.keys());
    let wrong = active
        .settings
        .iter()
        .filter(|(key, setting)| !holds(scene, key, setting, now.get(key)));
    Declared {
        name: active.name(),
        keys: active.settings.len(),
        drift: sorted::map(wrong.map(|(key, setting)| {
            let holds = now.get(key).value().cloned();
            (key.clone(), (holds, setting.words()))
        })),
    }
}
