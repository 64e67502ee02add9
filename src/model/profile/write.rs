//! A set of settings as the text of a profile, for version control and for editors.

use super::super::catalogue::{Entry, Shape};
use super::super::key::Key;
use super::super::memory::Settings;
use super::super::setting::Setting;

/// The text of a profile that wants exactly these settings. What its reader says of it is [`super::parse`]'s business;
/// it does not say where the settings came from.
pub fn write(description: &str, settings: &Settings) -> String {
    let mut text = format!("[profile]\ndescription = {}\n", quoted(description));
    let (known, others): (Vec<_>, Vec<_>) = settings
        .iter()
        .partition(|(key, _)| Entry::of(key).is_some());
    for (table, settings) in [("tcp", known), ("sysctl", others)] {
        if !settings.is_empty() {
            text += &format!("\n[{table}]\n");
        }
        for (key, setting) in settings {
            text += &format!("{} = {}\n", name(key), wish(key, setting));
        }
    }
    text
}

/// The short name of a key that has one; else the full one, in quotes.
fn name(key: &Key) -> String {
    Entry::of(key).map_or_else(|| quoted(key.as_str()), |entry| entry.short.to_owned())
}

fn wish(key: &Key, setting: &Setting) -> String {
    let shape = Entry::of(key).map(|entry| entry.shape);
    let names = matches!(shape, Some(Shape::Word | Shape::Words));
    let exact = setting
        .exact
        .as_ref()
        .map(|part| match part.value.as_str().parse::<i64>() {
            // `+1` is a text: the kernel takes no such number.
            Ok(number) if !names && number.to_string() == part.value.as_str() => number.to_string(),
            _ => quoted(part.value.as_str()),
        });
    let bounds = [
        ("at_least", &setting.at_least),
        ("at_most", &setting.at_most),
    ];
    let bounds = bounds
        .into_iter()
        .filter_map(|(word, part)| Some((word, part.as_ref()?.value.to_string())));
    let why = setting.why().map(|why| ("why", quoted(why)));
    let optional = setting.optional.then(|| ("optional", "true".to_owned()));
    let rest: Vec<(&str, String)> = bounds.chain(optional).chain(why).collect();
    match exact {
        Some(value) if rest.is_empty() => value,
        exact => {
            let fields = exact.map(|value| ("value", value)).into_iter().chain(rest);
            let fields: Vec<String> = fields
                .map(|(word, value)| format!("{word} = {value}"))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let inside = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", inside.collect::<String>())
}
