//! `where` for people.

use crate::model::sysctld::{Loader, Win};
use crate::report::{KeyWinner, Winners, printable};

use super::{BAD, PLACE, Page, STRONG};

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
        if winners.keys.is_empty() {
            self.line("no file names any key");
        }
        for key in &winners.keys {
            self.winner(key, winners.loader);
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
        let differ = if key.next.agree() {
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
        }
        for win in &key.next.shadowed {
            let text = if win.text.is_empty() {
                "(excluded)".to_owned()
            } else {
                printable(&win.text)
            };
            let place = self.styled(PLACE, &printable(&win.place()));
            self.line(format!("   {:<17} {text}  {place}", "shadowed"));
        }
    }
}

/// What a winner leaves in the kernel; where that is not what its line says, both.
fn value(win: &Win) -> String {
    match win.taken.value() {
        Some(value) if value.as_str() == win.text => value.to_string(),
        Some(value) => format!("{value} (written {:?})", win.text),
        None => format!("{:?}, as the kernel reads it", win.text),
    }
}
