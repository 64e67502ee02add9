//! What a boot in which tcptune has not written yet begins with.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::model::dropin::{self, DropIn, Unfit};
use crate::model::key::Key;
use crate::model::memory::{ActiveSet, Held, Memory};
use crate::model::persist::otherwise;
use crate::model::sysctld::Forecast;
use crate::model::value::Value;

use super::{Scene, refused};

impl Scene<'_> {
    /// The memory of a boot in which tcptune has not written yet: what the drop-in declares was done by the loader.
    pub(super) fn woken(&mut self) -> Result<Memory, Error> {
        let Some(boot) = &self.boot else {
            return Ok(Memory::default());
        };
        if let Err(unfit @ Unfit::Unread(..)) = &boot.ours {
            // What this boot began with cannot be told, and must not be guessed.
            return Err(refused(vec![unfit.clone().into()]));
        }
        let gone = self
            .gone
            .as_ref()
            .and_then(|gone| DropIn::recorded(&gone.text));
        let Some(drop_in) = boot.recorded.as_ref().or(gone.as_ref()) else {
            return Ok(Memory::default());
        };
        let others = Forecast::of(&dropin::without(&boot.tree), boot.loader);
        let fresh = self.world.fresh(drop_in.assigned.keys())?;
        let (mut held, mut recorded) = (BTreeMap::new(), BTreeMap::new());
        for (key, wrote) in &drop_in.assigned {
            let baseline = otherwise(&others, &fresh, key);
            let baseline = baseline.or_else(|| {
                let (baseline, note) = self.earlier(key)?;
                recorded.insert(key.clone(), note);
                Some(baseline)
            });
            let wrote = wrote.clone();
            held.insert(key.clone(), Held::new(baseline, wrote));
        }
        let mut active = drop_in.active.clone();
        if self.gone.is_some() {
            // Whether this boot began with it, its values tell.
            let now = self.snapshot(held.keys());
            held.retain(|key, held| now.get(key).value() == Some(&held.wrote));
            if held
                .values()
                .all(|held| held.baseline.as_ref() == Some(&held.wrote))
            {
                active = ActiveSet::default();
            }
        }
        self.recorded = recorded;
        Ok(Memory { active, held })
    }

    /// A baseline that one of the entries recorded which made the drop-in what it is, the newest that has one, and how
    /// old it is.
    fn earlier(&self, key: &Key) -> Option<(Value, String)> {
        let entries = self
            .persisted
            .iter()
            .filter_map(|id| self.world.store.entry(*id).ok());
        let mut recorded = entries.filter_map(|entry| {
            let held = entry.after.held.get(key);
            let baseline = held.and_then(|held| held.baseline.as_ref());
            let baseline = baseline.or(entry.found.get(key))?.clone();
            let note = format!("as it was at {}, on Linux {}", entry.time, entry.kernel);
            Some((baseline, note))
        });
        recorded.next()
    }
}
