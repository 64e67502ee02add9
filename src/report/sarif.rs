//! SARIF 2.1.0: remarks for code scanning (OASIS Standard, "Static Analysis Results Interchange Format Version 2.1.0").

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::model::check::RULES;
use crate::model::finding::Severity;

use super::remark::{Place, Remark, remarks};
use super::{Report, printable};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One document with one run.
pub fn render(report: &Report) -> String {
    let remarks = remarks(report);
    // §3.19.23: each rule once.
    let mut rules: BTreeMap<&str, (Severity, String)> = BTreeMap::new();
    for remark in &remarks {
        let known = RULES.iter().find(|rule| rule.code == remark.code);
        let summary = known.map_or_else(
            || remark.code.replace('-', " "),
            |rule| rule.summary.to_owned(),
        );
        rules.insert(&remark.code, (remark.severity, summary));
    }
    let told = rules.iter().map(|(id, (severity, summary))| {
        json!({
            "id": id,
            "shortDescription": { "text": summary },
            "defaultConfiguration": { "level": severity.word() },
        })
    });
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tcptune",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": told.collect::<Vec<_>>(),
            } },
            // §3.14.17: columns count characters, not bytes.
            "columnKind": "unicodeCodePoints",
            "results": remarks.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

/// §3.27.
fn result(remark: &Remark) -> Json {
    let text: Vec<String> = std::iter::once(&remark.message)
        .chain(&remark.more)
        .map(|line| printable(line))
        .collect();
    let places: Vec<Json> = remark.place.iter().map(location).collect();
    json!({
        "ruleId": remark.code,
        "level": remark.severity.word(),
        "message": { "text": text.join("\n") },
        "locations": places,
    })
}

/// §3.28, §3.30.
fn location(place: &Place) -> Json {
    let region = match place.column {
        Some(column) => json!({ "startLine": place.line, "startColumn": column }),
        None => json!({ "startLine": place.line }),
    };
    json!({ "physicalLocation": {
        "artifactLocation": artifact(&place.file),
        "region": region,
    } })
}

/// §3.4: a relative path stands below the root of the sources.
fn artifact(file: &str) -> Json {
    if file.strip_prefix('/').is_some() {
        return json!({ "uri": format!("file://{}", encoded(file)) });
    }
    let relative = file.strip_prefix("./").unwrap_or(file);
    json!({ "uri": encoded(relative), "uriBaseId": "%SRCROOT%" })
}

/// A path as a URI has it (RFC 3986 §2.3, §3.3).
fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(artifact("./a b.toml")["uri"], "a%20b.toml");
        assert_eq!(artifact("/é#.toml")["uri"], "file:///%C3%A9%23.toml");
        assert!(artifact("/x")["uriBaseId"].is_null());
    }
}
