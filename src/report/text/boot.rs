//! `where`, `verify` and `import` for people.

use crate::model::catalogue::Taken;
use crate::model::import::ByHand;
use crate::model::sysctld::{Along, Loader, Win};
use crate::model::value::Value;
use crate::report::{Imported, KeyWinner, Verified, Winners, diff, printable};

use super::changes::{next, survives};
use super::{BAD, GOOD, PLACE, Page, STRONG, short};

impl Page {
    pub(super) fn winners(&mut self, winners: &Winners) {
        let machine = match &winners.root {
            Some(root) => format!("the image {}", printable(root)),
            None => "this machine".to_owned(),
        };
        self.line(format!(
            "next boot of {machine}, read by {}",
            winners.loader.name()
        ));
        if winners.keys.is_empty() && winners.patterns.is_empty() {
            self.line("no file names any key");
        }
        for key in &winners.keys {
            self.winner(key, winners.loader);
        }
        if !winners.patterns.is_empty() {
            self.line("");
        }
        for (said, place) in &winners.patterns {
            let place = self.styled(PLACE, &printable(place));
            self.line(format!("pattern: {}  {place}", printable(said)));
        }
        if let Some(path) = &winners.credential {
            self.line(format!(
                "credential: systemd-sysctl reads {} last",
                printable(path)
            ));
        }
        for writer in &winners.writers {
            self.line(format!("also writes: {}", printable(writer)));
        }
        for remark in &winners.remarks {
            let line = if remark.line > 0 {
                format!(":{}", remark.line)
            } else {
                String::new()
            };
            let place = self.styled(PLACE, &printable(&format!("{}{line}", remark.path)));
            self.line(format!(
                "{place}: {}  [{}]",
                printable(&remark.message),
                remark.code
            ));
        }
    }

    fn winner(&mut self, key: &KeyWinner, loader: Loader) {
        let name = self.styled(STRONG, key.key.as_str());
        let live = key
            .live
            .as_ref()
            .map(|value| format!(", holds {}", printable(value.as_str())));
        let differ = if key.agree {
            String::new()
        } else {
            format!("  {}", self.styled(BAD, "the loaders disagree"))
        };
        self.line(format!("\n{name}{}{differ}", live.unwrap_or_default()));
        for one in [Loader::Systemd, Loader::Procps, Loader::SysctlP] {
            let win = key.next.under(one);
            let said = match win {
                // Whoever does not have the file will not miss it.
                None if one == Loader::SysctlP => continue,
                None => "no file sets it".to_owned(),
                Some(win) => format!(
                    "{}  {}",
                    value(win),
                    self.styled(PLACE, &printable(&win.place()))
                ),
            };
            let mark = if one == loader { "*" } else { " " };
            self.line(format!(" {mark} {:<17} {said}", one.name()));
            if let Some(Along { leader, win }) = key.next.along_under(one) {
                let place = self.styled(PLACE, &printable(&win.place()));
                let value = value(win);
                self.line(format!(
                    "   {:<17} {value}  {place}, with {leader}",
                    "set along"
                ));
            }
        }
        for win in &key.next.shadowed {
            let text = match win.text.as_deref() {
                None => "(excluded)".to_owned(),
                Some("") => "(empty)".to_owned(),
                Some(text) => printable(text),
            };
            let what = match win.taken {
                Taken::Refused if win.text.is_some() => "refused",
                _ => "shadowed",
            };
            let place = self.styled(PLACE, &printable(&win.place()));
            self.line(format!("   {what:<17} {text}  {place}"));
        }
    }
}

impl Page {
    /// A profile, and in its comments what is not in it.
    pub(super) fn imported(&mut self, imported: &Imported) {
        self.text += &imported.text;
        if !imported.dropped.is_empty() {
            self.line("\n# Left out:");
        }
        for dropped in &imported.dropped {
            let line = format!(
                "# {}: {}: {}",
                dropped.place(),
                dropped.text,
                dropped.reason
            );
            self.line(printable(&line));
        }
        if !imported.by_hand.is_empty() {
            self.line("\n# Once this is persisted, old lines can go, by hand:");
        }
        for ByHand { path, lines, why } in &imported.by_hand {
            let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
            let line = format!("# {path}: line {}: {why}", lines.join(", "));
            self.line(printable(&line));
        }
        if !imported.files.is_empty() {
            self.line("\n# Once this is persisted, the old lines can go: sed -n 's/^#| //p' THIS-FILE | patch -p0 -d /");
            for line in diff::files(&imported.files, 0).lines() {
                // Tabs stay: the patch has to fit.
                let line: Vec<String> = line.split('\t').map(printable).collect();
                self.line(format!("#| {}", line.join("\t")));
            }
        }
    }

    /// The auditor's table.
    pub(super) fn verified_in(&mut self, verified: &Verified) {
        let netns = self.styled(STRONG, &printable(&verified.netns));
        let Some(want) = &verified.want else {
            let failed = self.styled(BAD, "cannot be looked at");
            return self.line(format!("{netns}: {failed}"));
        };
        self.line(format!(
            "{netns}: {}, desired {}",
            printable(&want.title),
            short(&want.hash)
        ));
        let cells = verified.rows.iter().map(|row| {
            let want = row
                .word
                .as_ref()
                .map_or_else(|| row.want.clone(), |word| format!("{} ({word})", row.want));
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "-".to_owned(), |value| printable(value.as_str()))
            };
            let next = row.next.as_ref();
            let by = next.map_or_else(|| "-".to_owned(), |next| printable(&next.by));
            [
                row.verdict().to_owned(),
                row.key.to_string(),
                want,
                shown(row.live.as_ref()),
                shown(next.and_then(|next| next.value.as_ref())),
                by,
            ]
        });
        let head = ["verdict", "key", "wanted", "live", "next boot", "says"].map(str::to_owned);
        let table: Vec<[String; 6]> = [head].into_iter().chain(cells).collect();
        if table.len() > 1 {
            self.table(&table);
        }
        if let Some(misfit) = misfit(verified.intact) {
            let misfit = self.styled(BAD, misfit);
            self.line(misfit);
        }
        match verified.lost() {
            _ if verified.rows.is_empty() => self.line("nothing is declared"),
            None => {}
            Some(lost) if lost.is_empty() => self.line("survives a reboot: yes"),
            Some(lost) => self.line(format!(
                "survives a reboot: {}, because the next boot gives {}",
                survives(&lost),
                next(&lost)
            )),
        }
    }

    fn table(&mut self, rows: &[[String; 6]]) {
        let mut widths = [0; 6];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in rows {
            let cells = row
                .iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    let padded = format!("{cell:width$}");
                    match (column, cell.as_str()) {
                        (0, "ok") => self.styled(GOOD, &padded),
                        (0, "drift" | "lost" | "wrong" | "unknown") => self.styled(BAD, &padded),
                        _ => padded,
                    }
                });
            let line = cells.collect::<Vec<_>>().join("  ");
            self.line(format!("  {}", line.trim_end()));
        }
    }
}

/// What is wrong with the drop-in itself, if anything.
pub(super) fn misfit(intact: Option<bool>) -> Option<&'static str> {
    match intact {
        None => Some("the drop-in cannot be read"),
        Some(false) => Some("the drop-in is not as tcptune left it"),
        Some(true) => None,
    }
}

/// What a winner leaves in the kernel; where that is not what its line says, both.
fn value(win: &Win) -> String {
    let text = win.text.as_deref().unwrap_or_default();
    match win.taken.value() {
        Some(value) if value.as_str() == text => value.to_string(),
        Some(value) => format!("{value} (written {text:?})"),
        None => format!("{text:?}, as the kernel reads it"),
    }
}
