//! Plain text with a little markup, as a page of the manual.
//!
//! Paragraphs are separated by empty lines, words between backquotes are bold, lines that begin with four blanks are
//! shown as they are, and a paragraph that begins with `TERM ::` explains the term.

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Most bytes of a line.
const WIDTH: usize = 74;

/// A page of the manual.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its file, as in `tcptune.8`.
    pub(crate) file: String,
    /// What is in the file.
    pub(crate) text: String,
    roff: Roff,
}

impl Page {
    /// A page with its head: `about` is what whatis(1) says.
    pub(crate) fn new(name: &str, section: char, date: &str, about: &str) -> Self {
        let mut roff = Roff::new();
        let title = name.to_uppercase();
        let source = concat!("tcptune ", env!("CARGO_PKG_VERSION"));
        let section_name = match section {
            '5' => "File Formats",
            '7' => "Profiles of tcptune",
            _ => "System Administration",
        };
        roff.control(
            "TH",
            [&title, &section.to_string(), date, source, section_name],
        );
        let page = Self {
            file: format!("{name}.{section}"),
            text: String::new(),
            roff,
        };
        page.section("NAME", &format!("{name} - {}", about.replace('`', "")))
    }

    /// One more section.
    #[must_use]
    pub(crate) fn section(mut self, title: &str, text: &str) -> Self {
        self.roff.control("SH", [title]);
        let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
        for (place, paragraph) in paragraphs.enumerate() {
            self.paragraph(paragraph.trim_matches('\n'), place == 0);
        }
        self
    }

    fn paragraph(&mut self, text: &str, first: bool) {
        if let Some((term, meaning)) = text.split_once(" ::") {
            self.roff.control("TP", []);
            self.roff.text(marked(term));
            self.roff.text(marked(&meaning.trim().replace('\n', " ")));
        } else if text.starts_with("    ") {
            self.verbatim(text);
        } else {
            if !first {
                self.roff.control("PP", []);
            }
            self.roff.text(marked(&text.replace('\n', " ")));
        }
    }

    fn verbatim(&mut self, text: &str) {
        self.roff.control("PP", []);
        self.roff.control("RS", ["4"]);
        self.roff.control("nf", []);
        for line in text.lines() {
            let line = line.strip_prefix("    ").unwrap_or(line);
            self.roff.text([roman(line)]);
        }
        self.roff.control("fi", []);
        self.roff.control("RE", []);
    }

    /// The options of a command, below its headings.
    #[must_use]
    pub(crate) fn options(mut self, command: &clap::Command) -> Self {
        let mut options = Vec::new();
        let _memory_takes_it = Man::new(command.clone()).render_options_section(&mut options);
        self.flush();
        let options = String::from_utf8_lossy(&options);
        let body = options.find(".SH").map_or("", |start| &options[start..]);
        let body = body.replace(".br\n\n.br\n", ".sp\n");
        self.text.push_str(&backquotes(&body));
        self
    }

    /// The page as a whole.
    #[must_use]
    pub(crate) fn done(mut self) -> Self {
        self.flush();
        self.text = wrapped(&self.text);
        self
    }

    fn flush(&mut self) {
        let part = std::mem::take(&mut self.roff);
        let text = if self.text.is_empty() {
            part.render()
        } else {
            part.to_roff()
        };
        self.text.push_str(&text);
    }
}

/// What is between backquotes in bold.
fn marked(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    let parts = parts.filter(|(_, part)| !part.is_empty());
    let inlines = parts.map(|(place, part)| match place % 2 {
        1 => bold(part),
        _ => roman(part),
    });
    inlines.collect()
}

/// The same in text that is roff already.
fn backquotes(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(place, part)| match place % 2 {
        1 => format!("\\fB{part}\\fR"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Lines as the source of a page should have them. What is shown as it is, and the term that a paragraph explains, stay.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let (mut verbatim, mut term) = (false, false);
    for line in text.lines() {
        if line.starts_with('.') || verbatim || term {
            out += line;
            out.push('\n');
        } else {
            fill(&mut out, line);
        }
        verbatim = line == ".nf" || (verbatim && line != ".fi");
        term = line == ".TP";
    }
    out
}

fn fill(out: &mut String, line: &str) {
    let mut width = 0;
    for word in line.split(' ') {
        if width > 0 && width + 1 + word.len() > WIDTH {
            out.push('\n');
            width = 0;
            // It would be taken for a request.
            if word.starts_with(['.', '\'']) {
                out.push_str("\\&");
            }
        } else if width > 0 {
            out.push(' ');
        }
        out.push_str(word);
        width += 1 + word.len();
    }
    out.push('\n');
}
