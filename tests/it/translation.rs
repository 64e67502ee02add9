//! The Chinese README keeps step with the English one, paragraph by paragraph. `UPDATE=1` copies what is not translated.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use crate::docs::{self, README};

const CHINESE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.zh-CN.md");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With its level.
    Heading(usize),
    /// Or one item of a list.
    Paragraph,
    /// A fence, or what stands between two marks: in English everywhere.
    Block,
    Blank,
}

/// A piece of a document; all pieces together are the document, byte for byte.
struct Part {
    kind: Kind,
    line: usize,
    text: String,
}

fn parts(document: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut block_ends = None;
    for (index, line) in document.split_inclusive('\n').enumerate() {
        let word = line.trim();
        let mut goes_on = block_ends.is_some();
        let kind = if let Some(end) = &block_ends {
            if word == end {
                block_ends = None;
            }
            Kind::Block
        } else if word.starts_with("```") {
            block_ends = Some("```".to_owned());
            Kind::Block
        } else if let Some(mark) = word.strip_prefix("<!-- ") {
            block_ends = Some(format!("<!-- /{mark}"));
            Kind::Block
        } else if word.is_empty() {
            Kind::Blank
        } else if word.starts_with('#') {
            Kind::Heading(word.len() - word.trim_start_matches('#').len())
        } else {
            goes_on = !word.starts_with("- ");
            Kind::Paragraph
        };
        match parts.last_mut() {
            Some(last) if goes_on && last.kind == kind => last.text += line,
            _ => parts.push(Part {
                kind,
                line: index + 1,
                text: line.to_owned(),
            }),
        }
    }
    assert_eq!(block_ends, None, "a block has no end");
    parts
}

impl Part {
    /// What stands in backticks, and the rest without it.
    fn code_and_prose(&self) -> (BTreeSet<String>, String) {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut code = BTreeSet::new();
        let mut prose = String::new();
        for (index, piece) in text.split('`').enumerate() {
            if index % 2 == 1 {
                code.insert(format!("`{piece}`"));
            } else {
                prose += piece;
                prose.push(' ');
            }
        }
        (code, prose)
    }

    fn links(&self) -> Vec<String> {
        let (_, prose) = self.code_and_prose();
        let targets = prose.split("](").skip(1);
        targets
            .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
            .collect()
    }

    /// The numbers in its words, not those in code or addresses.
    fn figures(&self) -> BTreeSet<String> {
        let (_, mut prose) = self.code_and_prose();
        for target in self.links() {
            prose = prose.replace(&format!("]({target})"), " ");
        }
        let runs = prose.split(|c: char| !c.is_ascii_digit() && c != '.');
        runs.map(|run| run.trim_matches('.').to_owned())
            .filter(|run| !run.is_empty())
            .collect()
    }
}

/// The anchors that GitHub gives the headings, in their order.
fn anchors(parts: &[Part]) -> Vec<String> {
    let mut slugs = Vec::new();
    let mut anchors = Vec::new();
    for part in parts {
        if !matches!(part.kind, Kind::Heading(_)) {
            continue;
        }
        let words = part.text.trim().trim_start_matches('#').trim_start();
        let letters = words.to_lowercase();
        let letters = letters
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug = letters.collect::<String>().replace(' ', "-");
        let before = slugs.iter().filter(|other| **other == slug).count();
        anchors.push(match before {
            0 => format!("#{slug}"),
            _ => format!("#{slug}-{before}"),
        });
        slugs.push(slug);
    }
    anchors
}

/// Where a part leads, in words that are the same in both languages; a heading by its number.
fn targets(part: &Part, anchors: &[String]) -> BTreeSet<String> {
    let target = |link: String| match anchors.iter().position(|anchor| *anchor == link) {
        Some(index) => format!("a link to heading {}", index + 1),
        None if link.starts_with('#') => format!("a link to {link}, which is no heading"),
        None => format!("a link to {}", link.replace("README.zh-CN.md", "README.md")),
    };
    part.links().into_iter().map(target).collect()
}

/// Headings, each with what stands below it.
fn sections(parts: &[Part]) -> Vec<Vec<&Part>> {
    let mut sections: Vec<Vec<&Part>> = vec![Vec::new()];
    for part in parts.iter().filter(|part| part.kind != Kind::Blank) {
        if matches!(part.kind, Kind::Heading(_)) {
            sections.push(Vec::new());
        }
        sections.last_mut().unwrap().push(part);
    }
    sections.retain(|section| !section.is_empty());
    sections
}

/// A document and its anchors.
struct Document {
    parts: Vec<Part>,
    anchors: Vec<String>,
}

impl Document {
    fn of(text: &str) -> Self {
        let parts = parts(text);
        let anchors = anchors(&parts);
        Self { parts, anchors }
    }
}

/// What one part or the other lacks.
fn differences(english: (&Part, &Document), chinese: (&Part, &Document)) -> Vec<String> {
    let ((from, whole), (to, translated)) = (english, chinese);
    if from.kind == Kind::Block {
        let other = "has another block; `UPDATE=1 cargo test docs` copies it".to_owned();
        return (from.text != to.text)
            .then_some(other)
            .into_iter()
            .collect();
    }
    let same = |part: &Part, document: &Document| -> BTreeSet<String> {
        let code = part.code_and_prose().0;
        code.union(&targets(part, &document.anchors))
            .cloned()
            .collect()
    };
    let (wanted, has) = (same(from, whole), same(to, translated));
    let lacks = wanted.difference(&has).map(|what| format!("lacks {what}"));
    let old = has.difference(&wanted);
    let old = old.map(|what| format!("has {what}, the original has not"));
    // A figure may stand for a word of the original, but not the other way round.
    let (wanted, has) = (from.figures(), to.figures());
    let figures = wanted.difference(&has);
    let figures = figures.map(|what| format!("lacks the figure {what}"));
    lacks.chain(old).chain(figures).collect()
}

/// In what the translation is not in step, a line for each.
fn out_of_step(english: &str, chinese: &str) -> Vec<String> {
    let (english, chinese) = (Document::of(english), Document::of(chinese));
    let mut wrong = Vec::new();
    for (name, document) in [("README.md", &english), ("README.zh-CN.md", &chinese)] {
        for part in document
            .parts
            .iter()
            .filter(|part| part.kind != Kind::Block)
        {
            let links = part
                .links()
                .into_iter()
                .filter(|link| link.starts_with('#'));
            let nowhere = links.filter(|link| !document.anchors.contains(link));
            wrong.extend(
                nowhere.map(|link| {
                    format!("{name}:{} leads to {link}, which is no heading", part.line)
                }),
            );
        }
    }
    let kinds = |section: &[&Part]| -> Vec<Kind> { section.iter().map(|part| part.kind).collect() };
    let heads = |sections: &[Vec<&Part>]| -> (Vec<Kind>, String) {
        let heads = sections.iter().map(|section| section[0]);
        heads.map(|head| (head.kind, head.text.as_str())).unzip()
    };
    let (sections, translated) = (sections(&english.parts), sections(&chinese.parts));
    let ((levels, outline), (chinese_levels, chinese_outline)) =
        (heads(&sections), heads(&translated));
    if levels != chinese_levels {
        wrong.push(format!(
            "other headings:\n{outline}\nin translation:\n{chinese_outline}"
        ));
        return wrong;
    }
    for (section, translated) in sections.iter().zip(&translated) {
        let name = section[0].text.trim();
        let mut compare = |from: &Part, to: &Part| {
            for what in differences((from, &english), (to, &chinese)) {
                wrong.push(format!(
                    "{name}: README.zh-CN.md:{} {what} (README.md:{})",
                    to.line, from.line
                ));
            }
        };
        if kinds(section) == kinds(translated) {
            for (from, to) in section.iter().zip(translated) {
                compare(from, to);
            }
        } else {
            compare(&prose_of(section), &prose_of(translated));
            wrong.push(format!(
                "{name}: {} paragraphs and blocks, in translation {}, or in another order (README.md:{})",
                section.len() - 1,
                translated.len() - 1,
                section[0].line
            ));
        }
    }
    wrong
}

/// A section as one paragraph, without its blocks.
fn prose_of(section: &[&Part]) -> Part {
    let prose = section.iter().filter(|part| part.kind != Kind::Block);
    Part {
        kind: Kind::Paragraph,
        line: section[0].line,
        text: prose.map(|part| part.text.as_str()).collect(),
    }
}

/// Copies the blocks of the README into its translation, when there are as many; the caller holds [`README`].
pub(crate) fn follow(readme: &str) {
    let english = parts(readme);
    let mut chinese = parts(&fs::read_to_string(CHINESE).unwrap());
    let is_block = |part: &&Part| part.kind == Kind::Block;
    let blocks: Vec<&Part> = english.iter().filter(is_block).collect();
    if blocks.len() != chinese.iter().filter(is_block).count() {
        return;
    }
    let places = chinese.iter_mut().filter(|part| part.kind == Kind::Block);
    for (place, block) in places.zip(blocks) {
        place.text.clone_from(&block.text);
    }
    let text: String = chinese.iter().map(|part| part.text.as_str()).collect();
    fs::write(CHINESE, text).unwrap();
}

#[test]
fn the_chinese_readme_keeps_step() {
    let _one_at_a_time = README.lock();
    let english = docs::document("README.md");
    if std::env::var_os("UPDATE").is_some() {
        follow(&english);
    }
    let wrong = out_of_step(&english, &docs::document("README.zh-CN.md"));
    let wrong = wrong.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    });
    assert!(
        wrong.is_empty(),
        "README.zh-CN.md is not in step with README.md:\n{wrong}"
    );
}

#[test]
fn whatever_falls_out_of_step_is_named() {
    let english = "# A\n\nSee [b](#b-c), `x` and 26 `rules`.\n\n```sh\nx\n```\n\n## B, c\n\n- [d](d.md)\n- `--e`\n";
    let chinese = "# 甲\n\n参见[乙](#乙丙)、`x` 和 26 条 `rules`。\n\n```sh\nx\n```\n\n## 乙，丙\n\n- [丁](d.md)\n- `--e`\n";
    assert_eq!(out_of_step(english, chinese), [""; 0]);
    for (from, to, named) in [
        (
            "`x` 和",
            "和",
            "# A: README.zh-CN.md:3 lacks `x` (README.md:3)",
        ),
        ("`x` 和", "`x`、`y` 和", "has `y`, the original has not"),
        ("26 条", "25 条", "lacks the figure 26"),
        (
            "(#乙丙)",
            "(#乙-丙)",
            "leads to #乙-丙, which is no heading",
        ),
        ("(#乙丙)", "(#甲)", "lacks a link to heading 2"),
        (
            "d.md",
            "e.md",
            "## B, c: README.zh-CN.md:11 lacks a link to d.md (README.md:11)",
        ),
        ("sh\nx", "sh\ny", "# A: README.zh-CN.md:5 has another block"),
        (
            "- `--e`\n",
            "",
            "## B, c: 2 paragraphs and blocks, in translation 1",
        ),
        (
            "- `--e`\n",
            "",
            "## B, c: README.zh-CN.md:9 lacks `--e` (README.md:9)",
        ),
        ("## 乙", "### 乙", "other headings"),
    ] {
        assert!(chinese.contains(from), "{from}");
        let wrong = out_of_step(english, &chinese.replace(from, to));
        assert!(
            wrong.iter().any(|line| line.contains(named)),
            "{named}: {wrong:#?}"
        );
    }
}
