//! `list` and `show` for people.

use crate::model::catalogue::{self, Entry};
use crate::model::stack::Listed;
use crate::report::review::flat;
use crate::report::{Show, Want, printable};

use super::{PLACE, Page, STRONG, plural_of, short};

impl Page {
    pub(super) fn profiles(&mut self, profiles: &[Listed]) {
        let width = profiles
            .iter()
            .map(|profile| profile.name.len())
            .max()
            .unwrap_or(0);
        for profile in profiles {
            let description = profile.description.as_deref().unwrap_or("(cannot be read)");
            let name = self.styled(STRONG, &format!("{:width$}", profile.name));
            self.line(format!(
                "{name}  {}  ({})",
                printable(description),
                printable(&profile.file)
            ));
        }
    }

    pub(super) fn show(&mut self, show: &Show) {
        if show.flat {
            for (key, setting) in &show.settings {
                self.line(printable(&flat(key, setting)));
            }
            return;
        }
        for profile in &show.profiles {
            let name = self.styled(STRONG, &printable(&profile.name));
            self.line(format!(
                "{name} ({}): {}",
                printable(&profile.file),
                printable(&profile.description)
            ));
        }
        let consequences = catalogue::consequences(&show.values);
        for (key, setting) in &show.settings {
            let uncatalogued = if Entry::of(key).is_none() {
                ", uncatalogued"
            } else {
                ""
            };
            let place = setting
                .origin()
                .map(|origin| printable(&origin.place()))
                .unwrap_or_default();
            let key_text = self.styled(STRONG, key.as_str());
            let place = self.styled(PLACE, &place);
            self.line(format!(
                "\n{key_text}: {}{uncatalogued}  [{place}]",
                setting.in_full(key)
            ));
            for sentence in consequences.get(key).into_iter().flatten() {
                self.line(format!("  {sentence}"));
            }
            if let Some(entry) = Entry::of(key) {
                if self.manner.verbose {
                    self.line(format!("  what: {}", entry.summary));
                    self.line(format!(
                        "  default: {}; the key is there since about Linux {}",
                        entry.default, entry.since
                    ));
                }
                self.line(format!("  takes effect {}", entry.effect.words()));
                if !entry.risk.is_empty() {
                    self.line(format!("  risk: {}", entry.risk));
                }
            }
            if let Some(why) = setting.why() {
                self.line(format!("  why: {}", printable(why)));
            }
        }
        let want = Want::new("", &show.settings);
        let count = show.settings.len();
        let netns = printable(&show.netns);
        self.line(format!(
            "\n{count} {}, desired {}; seconds and sizes are those of the {netns} namespace",
            plural_of(count, "setting"),
            short(&want.hash)
        ));
        self.verified(&show.kernel, show.verified);
    }
}
