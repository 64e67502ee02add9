//! A TOML value as the catalogue takes it.

use toml::de::DeValue;

use super::super::catalogue::{Complaint, Raw};

/// Only decimal numbers, without a sign in front that says nothing.
pub(super) fn raw<'a>(value: &'a DeValue<'_>) -> Result<Raw<'a>, Complaint> {
    Ok(match value {
        DeValue::String(text) => Raw::Text(text),
        DeValue::Boolean(on) => Raw::Bool(*on),
        DeValue::Integer(number) if number.radix() != 10 => {
            return Err(
                Complaint::new("octal", format!("`{number}` is not decimal"))
                    .hint("write the decimal number"),
            );
        }
        DeValue::Integer(number) => match number.as_str().parse::<i128>() {
            Ok(_) if number.as_str().starts_with('+') => {
                return Err(Complaint::new(
                    "not-a-number",
                    "a number has no `+` in front",
                ));
            }
            Ok(number) => Raw::Integer(number),
            Err(_) => {
                return Err(Complaint::new(
                    "not-a-number",
                    "a number of too many digits",
                ));
            }
        },
        DeValue::Array(items) => Raw::List(
            items
                .iter()
                .map(|item| raw(item.get_ref()))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Float(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "a whole number is wanted, not a fraction",
            ));
        }
        DeValue::Datetime(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "a number or a text is wanted, not a date",
            ));
        }
        DeValue::Table(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "a number or a text is wanted, not a table",
            ));
        }
    })
}
