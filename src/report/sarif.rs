//! SARIF 2.1.0: remarks for code scanning (OASIS Standard, "Static Analysis Results Interchange Format Version 2.1.0").

use serde_json::{Value as Json, json};

use crate::exit::Exit;
use crate::model::check::RULES;
use crate::model::finding::Severity;
use crate::model::sorted;

use super::Report;
use super::remark::{Place, Remark, remarks};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One document with one run.
pub fn render(report: &Report) -> String {
    let remarks = remarks(report);
    // Code scanning wants a place for every result; what has none is about the run.
    let (results, notes): (Vec<&Remark>, Vec<&Remark>) =
        remarks.iter().partition(|remark| remark.place.is_some());
    // §3.19.23: each rule once.
    let rules = sorted::map(results.iter().map(|one| (one.code.as_str(), *one)));
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tcptune",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|one| rule(one)).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": report.exit <= Exit::NotClean,
                "exitCode": report.exit.code(),
                "toolExecutionNotifications": notes.iter().map(|one| note(one)).collect::<Vec<_>>(),
            }],
            // §3.14.17: columns count characters, not bytes.
            "columnKind": "unicodeCodePoints",
            "results": results.iter().map(|one| result(one)).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

/// §3.49: what a remark of that code means.
fn rule(remark: &Remark) -> Json {
    let known = RULES.iter().find(|rule| rule.code == remark.code);
    let (summary, reason) = match (known, remark.severity) {
        (Some(rule), _) => (rule.summary.to_owned(), rule.reason),
        (None, Severity::Error) => (
            format!(
                "The profile cannot be applied: {}",
                remark.code.replace('-', " ")
            ),
            "whatever the kernel would refuse, or would read differently from a person, is refused before anything is touched",
        ),
        (None, _) => (
            "A host would hold something else".to_owned(),
            "the plan for a host: what its kernel holds, beside what the profile wants of it",
        ),
    };
    json!({
        "id": remark.code,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": format!("{summary}: {reason}.") },
        "help": { "text": format!("{reason}.") },
        "defaultConfiguration": { "level": remark.severity.word() },
    })
}

/// §3.58: what is about no line of any file.
fn note(remark: &Remark) -> Json {
    json!({
        "descriptor": { "id": remark.code },
        "level": remark.severity.word(),
        "message": { "text": remark.text() },
    })
}

/// §3.27.
fn result(remark: &Remark) -> Json {
    let places: Vec<Json> = remark.place.iter().map(location).collect();
    json!({
        "ruleId": remark.code,
        "level": remark.severity.word(),
        "message": { "text": remark.text() },
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
