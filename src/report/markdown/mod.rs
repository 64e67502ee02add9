//! A comment for a pull request, in GitHub Flavored Markdown, which GitLab reads as well.
//!
//! The first line is a hidden marker, so that a bot finds its comment again. Nothing in it depends on the clock or on
//! this host, and nothing that comes from outside is obeyed as markup.

mod changes;
mod words;

use crate::exit::Exit;
use crate::model::memory::Settings;
use crate::model::setting::Setting;

use super::remark::{Remark, remarks};
use super::text::{same, unified};
use super::{
    Body, Changes, Checked, Compared, NamespaceChanges, Report, Review, Reviewed, Want, printable,
};

use words::{code, escaped, fence, marker};

/// As many hosts of a group as a comment names.
const NAMED: usize = 20;

/// As many groups of hosts as a comment has.
const GROUPS: usize = 200;

/// Most lines of a folded part.
const LONGEST: usize = 200;

/// Most characters of a comment that still has folded parts: GitHub takes 65,536.
const LARGEST: usize = 60_000;

/// The whole comment.
pub fn render(report: &Report) -> String {
    let rooms = [Room::All, Room::Tables].into_iter();
    let mut pages = rooms.map(|room| page(report, room));
    let fits = pages.find(|page| page.chars().count() <= LARGEST);
    fits.unwrap_or_else(|| page(report, Room::Headings))
}

/// How much there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    /// What each group of hosts comes to.
    Headings,
    /// That, and tables and sentences.
    Tables,
    /// That, and parts to open.
    All,
}

fn page(report: &Report, room: Room) -> String {
    let mut page = Page {
        text: String::new(),
        room,
    };
    match &report.body {
        Body::Checked(checked) => page.checked(checked, report),
        Body::Review(review) => page.review(review),
        Body::Changes(changes) => page.here(changes),
        Body::Compared(compared) => page.compared(compared),
        _ => page.head(report.command, ""),
    }
    if let Some(error) = &report.error {
        page.line(format!("**Failed**: {}", escaped(&error.to_string())));
        page.line("");
        for remark in &remarks(report) {
            page.remark(remark);
        }
    }
    for warning in &report.warnings {
        page.line(format!("- **warning** {}", escaped(&warning.message)));
    }
    page.text.trim_end().to_owned() + "\n"
}

struct Page {
    text: String,
    room: Room,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text += line.as_ref();
        self.text += "\n";
    }

    /// The hidden marker, and a heading.
    fn head(&mut self, verb: &str, what: &str) {
        self.line(format!(
            "<!-- {} -->",
            marker(&format!("tcptune {verb} {what}"))
        ));
        let what = if what.is_empty() {
            String::new()
        } else {
            format!(" {}", code(what))
        };
        self.line(format!("### tcptune {verb}{what}\n"));
    }

    /// Something to open, of one kind or another.
    fn folded(&mut self, summary: &str, language: &str, text: &str) {
        if self.room < Room::All {
            return self.line(format!("{summary}: too long for a comment\n"));
        }
        let count = text.lines().count();
        let shown: Vec<String> = text.lines().take(LONGEST).map(printable).collect();
        let more = match count.saturating_sub(LONGEST) {
            0 => String::new(),
            more => format!("\n… and {more} lines more"),
        };
        let fence = fence(text, 3);
        self.line(format!("<details><summary>{summary}</summary>\n"));
        self.line(format!(
            "{fence}{language}\n{}{more}\n{fence}\n",
            shown.join("\n")
        ));
        self.line("</details>\n");
    }

    fn review(&mut self, review: &Review) {
        self.head("diff", &title(review.hosts().map(|host| &host.changes)));
        if self.room == Room::Headings {
            self.line("The tables are too long for a comment.\n");
        }
        for group in review.groups.iter().take(GROUPS) {
            let Some(first) = group.first() else { continue };
            let hosts = match group.as_slice() {
                [one] => format!("{}: {}", code(&one.name), one.outcome()),
                many => same(many),
            };
            self.line(format!("**{hosts}**\n"));
            if self.room > Room::Headings {
                self.taken(group);
            }
            for one in &first.changes.namespaces {
                self.namespace(&first.changes, one);
            }
        }
        if review.groups.len() > GROUPS {
            self.line(format!(
                "… and {} groups more\n",
                review.groups.len() - GROUPS
            ));
        }
        self.hashes(review.hosts().flat_map(|host| &host.changes.namespaces));
    }

    /// How old what is known of the hosts is.
    fn taken(&mut self, group: &[Reviewed]) {
        let host =
            |host: &Reviewed| format!("- {} as of {}", code(&host.name), escaped(&host.taken));
        let mut lines: Vec<String> = group.iter().take(NAMED).map(host).collect();
        if group.len() > NAMED {
            lines.push(format!("- and {} more", group.len() - NAMED));
        }
        let lines = lines.join("\n");
        if group.len() > 1 {
            self.line(format!(
                "<details><summary>{} hosts</summary>\n\n{lines}\n\n</details>\n",
                group.len()
            ));
        } else {
            self.line(format!("{lines}\n"));
        }
    }

    fn here(&mut self, changes: &Changes) {
        self.head("diff", &title([changes].into_iter()));
        for one in &changes.namespaces {
            self.line(format!("**{}**\n", one.outcome()));
            self.namespace(changes, one);
        }
        self.hashes(changes.namespaces.iter());
    }

    fn remark(&mut self, remark: &Remark) {
        let place = remark.place.as_ref().map(|place| {
            let column = place
                .column
                .map(|column| format!(":{column}"))
                .unwrap_or_default();
            format!(
                " {}",
                code(&format!("{}:{}{column}", place.file, place.line))
            )
        });
        let more = remark
            .more
            .iter()
            .map(|more| format!("<br>{}", escaped(more)));
        self.line(format!(
            "- **{}**{}: {}{}",
            remark.severity.word(),
            place.unwrap_or_default(),
            escaped(&remark.message),
            more.collect::<String>()
        ));
    }

    fn hashes<'c>(&mut self, all: impl Iterator<Item = &'c NamespaceChanges>) {
        let mut all = all.peekable();
        let desired = all
            .peek()
            .and_then(|one| one.want.as_ref().map(|want| want.hash.clone()));
        let plans: Vec<String> = all.filter_map(|one| one.plan_hash.clone()).collect();
        if let Some(desired) = desired {
            self.line(format!(
                "\nApprove what is wanted: `apply --expect {desired}`"
            ));
        }
        if let [plan] = plans.as_slice() {
            self.line(format!(
                "<br>or this plan alone, on this host in this boot: `--expect {plan}`"
            ));
        }
        self.line("");
    }

    fn compared(&mut self, compared: &Compared) {
        let title = |want: &Want| want.title.clone();
        self.head("diff", &title(&compared.to));
        let count = match compared.rows.len() {
            0 => "the same settings".to_owned(),
            1 => "1 setting differs".to_owned(),
            more => format!("{more} settings differ"),
        };
        self.line(format!(
            "**{count}** from {}\n",
            code(&title(&compared.from))
        ));
        if compared.rows.is_empty() {
            return;
        }
        self.line("| key | before | after | why |");
        self.line("|---|---|---|---|");
        for row in &compared.rows {
            let told = |setting: &Option<Setting>| {
                setting.as_ref().map_or_else(String::new, |setting| {
                    let optional = if setting.optional { ", optional" } else { "" };
                    format!("{}{optional}", code(&setting.words()))
                })
            };
            let why = row
                .to
                .as_ref()
                .and_then(|setting| setting.why())
                .map(escaped);
            let cells = [
                &code(row.key.as_str()),
                &told(&row.from),
                &told(&row.to),
                &why.unwrap_or_default(),
            ];
            self.line(words::row(&cells.map(String::as_str)));
        }
        self.line("");
        let diff = unified(compared, &title(&compared.from), &title(&compared.to));
        self.folded("Diff", "diff", &diff);
        let desired = &compared.to.hash;
        self.line(format!(
            "Approve what is wanted: `apply --expect {desired}`"
        ));
    }

    fn checked(&mut self, checked: &Checked, report: &Report) {
        self.head("check", "");
        let verdict = match report.exit {
            Exit::Done => "passed",
            _ => "failed",
        };
        let told = checked.summary();
        self.line(format!("**{verdict}**: {told}\n"));
        for remark in &remarks(report) {
            self.remark(remark);
        }
        self.line("");
        for file in &checked.files {
            let desired = file.settings.as_ref().map(|settings: &Settings| {
                format!(
                    ": {} settings, desired `{}`",
                    settings.len(),
                    Want::new("", settings).hash
                )
            });
            self.line(format!(
                "- {}{}",
                code(&file.name),
                desired.unwrap_or_else(|| " cannot be applied".to_owned())
            ));
        }
    }
}

/// What all of them want.
fn title<'c>(mut all: impl Iterator<Item = &'c Changes>) -> String {
    let want = all.find_map(|changes| changes.namespaces.iter().find_map(|one| one.want.clone()));
    want.map(|want| want.title).unwrap_or_default()
}
