//! The JSON Schema of profiles, for editors and linters of TOML: made from the catalogue.
//!
//! Whatever the parser takes, the schema takes. What it cannot say (contradictions, order within a vector, ranges within
//! a text) the parser says.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use super::catalogue::{Entry, Shape, TABLE};
use super::profile::LONGEST_TEXT;

/// A text of one line.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// The same for a value, whose fields may be set apart by tabs.
const FIELDS_TEXT: &str = r"^[^\u0000-\u0008\u000a-\u001f\u007f-\u009f]*$";

/// A decimal number in quotes, without what the kernel would read as octal.
const DIGITS: &str = "^(0|-?[1-9][0-9]*)$";

/// The document, the same bytes for the same tcptune.
pub fn schema() -> String {
    // What the linters of TOML know; they do not all know later drafts.
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    if let Some(definitions) = schema.get_mut("definitions").and_then(Json::as_object_mut) {
        definitions.extend(managed().map(|entry| (entry.name.to_owned(), setting(entry))));
    }
    format!("{schema:#}\n")
}

/// A tcptune profile: what somebody wants of the kernel, and why.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form counts")]
struct Document {
    /// What the profile is for, and what it stands on.
    profile: Option<Head>,
    /// Keys of the TCP handshake, by short name.
    tcp: Option<Tcp>,
    /// Any sysctl by its full name, in quotes or not.
    sysctl: Option<Sysctl>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form counts")]
struct Head {
    /// What it is for, in one line.
    #[schemars(length(max = LONGEST_TEXT), regex(pattern = LINE))]
    description: Option<String>,
    /// Profiles to build on, left to right, later wins: names, or paths below this file's directory.
    extends: Option<Vec<String>>,
}

/// The table `[tcp]`.
struct Tcp;

impl JsonSchema for Tcp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tcp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties: Map<String, Json> = Map::new();
        for entry in managed() {
            let setting = refer(entry);
            let prefixed = entry
                .name
                .strip_prefix("net.ipv4.")
                .filter(|name| name.starts_with("tcp_"));
            for name in [Some(entry.short), Some(entry.name), prefixed]
                .into_iter()
                .flatten()
            {
                properties.insert(name.to_owned(), setting.clone());
            }
        }
        properties.extend(nested(false));
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// The table `[sysctl]`.
struct Sysctl;

impl JsonSchema for Sysctl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sysctl".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let any = generator.subschema_for::<AnySetting>();
        let mut properties: Map<String, Json> = Map::new();
        for entry in managed() {
            properties.insert(entry.name.to_owned(), refer(entry));
            properties.insert(entry.name.replace('.', "/"), refer(entry));
        }
        properties.extend(nested(true));
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": any })
    }
}

/// A setting of a key that the catalogue does not have, or a table on the way to one.
struct AnySetting;

impl JsonSchema for AnySetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnySetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({ "type": "string", "pattern": FIELDS_TEXT });
        let scalar = json!([{ "type": "integer" }, { "type": "boolean" }, text]);
        let value = json!({ "anyOf": [
            { "type": "integer" }, { "type": "boolean" }, text,
            { "type": "array", "items": { "anyOf": scalar } },
        ] });
        let digits = json!({ "type": "string", "pattern": DIGITS });
        let bound = json!({ "anyOf": [{ "type": "integer" }, digits] });
        let table = table(&value, Some(&bound));
        let deeper = json!({
            "type": "object",
            "minProperties": 1,
            "not": { "anyOf": FIELDS.map(|field| json!({ "required": [field] })) },
            "additionalProperties": { "$ref": "#/definitions/AnySetting" },
        });
        json_schema!({ "anyOf": [value, table, deeper] })
    }
}

/// The fields by which the parser knows the table of a setting.
const FIELDS: [&str; 5] = ["value", "at_least", "at_most", "why", "optional"];

/// Keys that may be set.
fn managed() -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().filter(|entry| entry.shape.accepts().is_some())
}

/// Full names without quotes: tables in tables.
fn nested(others: bool) -> Map<String, Json> {
    #[derive(Default)]
    struct Tree(BTreeMap<&'static str, Tree>, Option<&'static Entry>);

    fn told(tree: &Tree, others: bool) -> Json {
        let Tree(below, entry) = tree;
        if let Some(entry) = entry {
            return refer(entry);
        }
        let below = below.iter();
        let mut properties = Map::new();
        properties.extend(below.map(|(name, tree)| ((*name).to_owned(), told(tree, others))));
        let more = if others {
            json!({ "$ref": "#/definitions/AnySetting" })
        } else {
            json!(false)
        };
        json!({ "type": "object", "minProperties": 1, "properties": properties, "additionalProperties": more })
    }

    let mut root = Tree::default();
    for entry in managed() {
        let mut at = &mut root;
        for part in entry.name.split('.') {
            at = at.0.entry(part).or_default();
        }
        at.1 = Some(entry);
    }
    let each = root.0.iter();
    let mut all = Map::new();
    all.extend(each.map(|(name, tree)| ((*name).to_owned(), told(tree, others))));
    all
}

/// Each key is described once.
fn refer(entry: &Entry) -> Json {
    json!({ "$ref": format!("#/definitions/{}", entry.name) })
}

/// A setting: a value, or a table.
fn setting(entry: &Entry) -> Json {
    let value = value(&entry.shape);
    let bound = matches!(entry.shape, Shape::Integer { .. }).then_some(&value);
    json!({
        "title": entry.name,
        "description": format!("{} Default: {}.", entry.summary, entry.default),
        "anyOf": [value, table(&value, bound)],
    })
}

fn table(value: &Json, bound: Option<&Json>) -> Json {
    let mut properties = json!({
        "value": value,
        "why": { "type": "string", "maxLength": LONGEST_TEXT, "pattern": LINE, "description": "the reason, for whoever reads it in an incident" },
        "optional": { "type": "boolean", "description": "pass it over where the kernel has no such key" },
    });
    let mut wishes = vec![json!({ "required": ["value"] })];
    if let (Some(bound), Some(properties)) = (bound, properties.as_object_mut()) {
        for (field, description) in [
            ("at_least", "never lower a machine"),
            ("at_most", "never raise it"),
        ] {
            let mut bound = bound.clone();
            if let Some(bound) = bound.as_object_mut() {
                bound.insert("description".to_owned(), json!(description));
            }
            properties.insert(field.to_owned(), bound);
            wishes.push(json!({ "required": [field] }));
        }
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false, "anyOf": wishes })
}

/// What a key takes.
fn value(shape: &Shape) -> Json {
    let number = |min: i128, max: i128| json!({ "type": "integer", "minimum": small(min), "maximum": small(max) });
    let digits = json!({ "type": "string", "pattern": DIGITS });
    let texts = |names: &[(i128, &'static str)]| {
        names
            .iter()
            .map(|(_, name)| json!(name))
            .collect::<Vec<_>>()
    };
    let name = json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,15}$" });
    match shape {
        Shape::Integer { min, max, .. } => json!({ "anyOf": [number(*min, *max), digits] }),
        Shape::Switch => {
            json!({ "enum": [0, 1, false, true, "0", "1", "off", "on", "false", "true"] })
        }
        Shape::Choice(names) => {
            let numbers = names
                .iter()
                .flat_map(|(n, _)| [json!(small(*n)), json!(n.to_string())]);
            json!({ "enum": numbers.chain(texts(names)).collect::<Vec<_>>() })
        }
        Shape::Bits(names) => {
            let all = names.iter().fold(0, |sum, (bit, _)| sum | bit);
            let list = json!({ "type": "array", "items": { "enum": texts(names) } });
            let text = json!({ "type": "string", "pattern": "^[\\sa-z0-9+,-]+$" });
            json!({ "anyOf": [list, number(0, all), text] })
        }
        Shape::Vector {
            count, min, max, ..
        } => {
            let items = json!({ "anyOf": [number(*min, *max), digits] });
            let text = json!({ "type": "string", "pattern": "^[\\s0-9]+$" });
            json!({ "anyOf": [
                { "type": "array", "items": items, "minItems": count, "maxItems": count }, text,
            ] })
        }
        Shape::Word => name,
        Shape::Words => json!({ "anyOf": [
            { "type": "array", "items": name, "minItems": 1 },
            { "type": "string", "pattern": "^[A-Za-z0-9_. -]+$" },
        ] }),
        Shape::Ports => {
            let range = json!({ "type": "string", "pattern": "^[0-9]+(-[0-9]+)?$" });
            let port = number(0, 65_535);
            json!({ "anyOf": [
                { "type": "array", "items": { "anyOf": [port, range] } },
                port,
                { "type": "string", "pattern": "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$" },
            ] })
        }
        Shape::Secret | Shape::ReadOnly | Shape::Removed(_) => json!(false),
    }
}

/// No range of the table is beyond what JSON has.
fn small(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
