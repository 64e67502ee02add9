//! What the next boot will give, and who wrote what is there now.

use crate::error::Error;
use crate::model::catalogue::Entry;
use crate::model::change::Change;
use crate::model::dropin::installed;
use crate::model::expected::{Expected, Outlook};
use crate::model::key::Key;
use crate::model::memory::Settings;
use crate::model::persist::FileChange;
use crate::model::snapshot::Snapshot;
use crate::model::sysctld::Forecast;
use crate::model::value::Value;

use super::Scene;

impl Scene<'_> {
    /// What the next boot gives for declared keys, once these files and these keys are changed; nothing where that is not
    /// this namespace's business. What the keys held `before` is not asked again.
    ///
    /// # Errors
    /// Only where the process was lost on its way to ask the kernel for its defaults.
    pub(in crate::command) fn expected(
        &self,
        settings: &Settings,
        files: &[FileChange],
        keys: &[Change],
        before: &Snapshot,
    ) -> Result<Option<Vec<Expected>>, Error> {
        let Some(boot) = &self.boot else {
            return Ok(None);
        };
        let tree = boot.after(files);
        let forecast = Forecast::of(&tree, boot.loader);
        let ours = installed(&tree).ok().flatten();
        let image = self.world.root.is_image();
        // Of no other key is the default known.
        let constant = |key: &Key| Entry::of(key).is_some_and(Entry::is_constant);
        let silent = settings
            .keys()
            .filter(|key| !image && constant(key) && forecast.winner(key).is_none());
        let defaults = self.world.fresh(silent)?;
        let done = keys.iter().map(|change| (&change.key, &change.to));
        let live = (!image).then(|| {
            let unread = settings.keys().filter(|key| !before.0.contains_key(*key));
            let mut live = before.clone();
            live.0.extend(self.snapshot(unread).0);
            live.supposing(done)
        });
        let outlook = Outlook {
            forecast: &forecast,
            drop_in: ours.as_ref().map(|ours| &ours.drop_in),
            defaults: &defaults,
            live: live.as_ref(),
            place: self.place(),
        };
        let each = settings
            .iter()
            .map(|(key, setting)| outlook.of(key, setting));
        Ok(Some(each.collect()))
    }

    /// Who seems to have written what a key holds now, if tcptune did not.
    ///
    /// # Errors
    /// Only where the process was lost on its way to ask the kernel for its default.
    pub(in crate::command) fn holder(&self, key: &Key, holds: &Value) -> Result<String, Error> {
        let lines = self
            .boot
            .as_ref()
            .map(|boot| Forecast::of(&boot.tree, boot.loader).next_boot(key));
        let lines = lines.map(|next| {
            let along = next.along.iter().map(|(_, along)| &along.win);
            let mut along = along.filter(|win| win.taken.value() == Some(holds));
            if let Some(win) = along.next() {
                return Some(format!("as {} sets it along", win.place()));
            }
            let wins = [next.systemd, next.procps, next.sysctl_p]
                .into_iter()
                .flatten();
            wins.chain(next.shadowed)
                .find(|win| win.value() == *holds)
                .map(|win| format!("as {} says", win.place()))
        });
        if let Some(said) = lines.flatten() {
            return Ok(said);
        }
        Ok(match self.memory.held.get(key) {
            Some(held) if held.baseline.as_ref() == Some(holds) => {
                "as it was before tcptune".to_owned()
            }
            _ if self.world.fresh([key])?.get(key) == Some(holds) => {
                "as the kernel's default".to_owned()
            }
            _ => "a runtime writer: no file and no entry says so".to_owned(),
        })
    }
}
