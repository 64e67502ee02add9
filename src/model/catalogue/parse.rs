//! From what somebody wrote to the canonical value, shape by shape.

use super::super::key::Key;
use super::super::sorted;
use super::super::value::{self, Value};
use super::complaint::{Complaint, Raw};
use super::is_secret;
use super::shape::Shape;

impl Shape {
    /// The canonical value, or why not.
    pub fn parse(&self, raw: &Raw<'_>) -> Result<Value, Complaint> {
        match self {
            Shape::Integer { min, max, .. } => integer(raw, *min, *max).map(Value::from),
            Shape::Switch => match raw {
                Raw::Bool(on) => Ok(Value::from(i128::from(*on))),
                Raw::Text("off" | "false") => Ok(Value::from(0)),
                Raw::Text("on" | "true") => Ok(Value::from(1)),
                raw => integer(raw, 0, 1).map(Value::from),
            },
            Shape::Choice(names) => choice(raw, names).map(Value::from),
            Shape::Bits(names) => bits(raw, names).map(Value::from),
            Shape::Vector { count, min, max, .. } => vector(raw, *count, *min, *max),
            Shape::Word => word(raw),
            Shape::Words => words(raw),
            Shape::Ports => ports(raw),
            Shape::Secret => Err(Complaint::new("secret", "a secret is not managed by tcptune")
                .hint("a profile, a journal and a diff would all show it, and an all-zero key means that there is none yet; load it from your secret store")),
            Shape::ReadOnly => Err(Complaint::new("read-only", "the kernel computes this value; nobody can write it")),
            Shape::Removed(why) => Err(Complaint::new("removed-key", "no current kernel has this key").hint(*why)),
        }
    }

    /// What the kernel printed, as a value that can be compared.
    pub fn stored(&self, text: &str) -> Value {
        match self {
            Shape::Words => in_order(text),
            _ => Value::new(text),
        }
    }
}

/// A decimal number without sign games: what the kernel stores is what the reader read.
fn decimal(text: &str) -> Result<i128, Complaint> {
    if value::misread_by_the_kernel(text) {
        let digits = text.trim_start_matches(['-', '0']);
        let complaint = Complaint::new(
            "octal",
            format!("`{text}` is octal or hexadecimal to the kernel"),
        );
        return Err(match digits.parse::<u64>() {
            Ok(number) => complaint.hint(format!(
                "write {number}, or the decimal number that you mean"
            )),
            Err(_) => complaint.hint("write the decimal number"),
        });
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty()
        || digits.len() > 30
        || !digits.chars().all(|c| c.is_ascii_digit())
        || text == "-0"
    {
        return Err(Complaint::new(
            "not-a-number",
            format!("`{}` is not a decimal number", text.escape_debug()),
        ));
    }
    text.parse()
        .map_err(|_| Complaint::new("not-a-number", format!("`{text}` is too long a number")))
}

fn integer(raw: &Raw<'_>, min: i128, max: i128) -> Result<i128, Complaint> {
    let number = match raw {
        Raw::Integer(number) => *number,
        Raw::Text(text) => decimal(text)?,
        Raw::Bool(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "a number is wanted, not true or false",
            ));
        }
        Raw::List(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "one number is wanted, not a list",
            ));
        }
    };
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Complaint::new(
            "out-of-range",
            format!("{number} is out of range, {min} to {max}"),
        ))
    }
}

fn choice(raw: &Raw<'_>, names: &[(i128, &str)]) -> Result<i128, Complaint> {
    let number = match raw {
        Raw::Text(text) => match names.iter().find(|(_, name)| name == text) {
            Some((number, _)) => *number,
            None if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                return Err(Complaint::new(
                    "unknown-word",
                    format!("`{}` is no word for it", text.escape_debug()),
                ));
            }
            None => decimal(text)?,
        },
        raw => integer(raw, i128::MIN, i128::MAX)?,
    };
    if names.iter().any(|(known, _)| *known == number) {
        Ok(number)
    } else {
        Err(Complaint::new(
            "out-of-range",
            format!("{number} has no meaning, although the kernel may accept it"),
        ))
    }
}

fn bits(raw: &Raw<'_>, names: &[(i128, &str)]) -> Result<i128, Complaint> {
    let bit = |word: &str| {
        names
            .iter()
            .find(|(_, name)| *name == word.trim())
            .map(|(bit, _)| *bit)
            .ok_or_else(|| {
                Complaint::new(
                    "unknown-word",
                    format!("`{}` is no name of a bit", word.trim().escape_debug()),
                )
            })
    };
    let number = match raw {
        Raw::List(items) => items.iter().try_fold(0, |sum, item| match item {
            Raw::Text(name) => Ok(sum | bit(name)?),
            _ => Err(Complaint::new(
                "wrong-type",
                "a list of bits holds names in quotes",
            )),
        })?,
        Raw::Text("off") => 0,
        Raw::Text(text)
            if text.contains(|c: char| c.is_ascii_alphabetic())
                && !value::misread_by_the_kernel(text) =>
        {
            text.split(['+', ','])
                .try_fold(0, |sum, name| bit(name).map(|bit| sum | bit))?
        }
        raw => integer(raw, i128::MIN, i128::MAX)?,
    };
    if number < 0 {
        return Err(Complaint::new(
            "out-of-range",
            format!("{number} is no set of bits"),
        ));
    }
    let known = names.iter().fold(0, |sum, (bit, _)| sum | bit);
    if number & !known == 0 {
        Ok(number)
    } else {
        Err(Complaint::new(
            "unknown-bit",
            format!(
                "{number:#x} has bits without a meaning: {:#x}",
                number & !known
            ),
        ))
    }
}

fn vector(raw: &Raw<'_>, count: usize, min: i128, max: i128) -> Result<Value, Complaint> {
    let numbers: Vec<i128> = match raw {
        Raw::List(items) => items
            .iter()
            .map(|item| integer(item, min, max))
            .collect::<Result<_, _>>()?,
        Raw::Text(text) => text
            .split_whitespace()
            .map(|field| integer(&Raw::Text(field), min, max))
            .collect::<Result<_, _>>()?,
        raw => vec![integer(raw, min, max)?],
    };
    if numbers.len() != count {
        return Err(Complaint::new(
            "wrong-count",
            format!("{count} numbers are wanted, here are {}", numbers.len()),
        ));
    }
    if numbers.windows(2).any(|pair| pair.first() > pair.last()) {
        return Err(Complaint::new(
            "wrong-order",
            "each number must be at least as large as the one before",
        ));
    }
    Ok(Value::new(
        &numbers
            .iter()
            .map(i128::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    ))
}

fn is_name(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

fn word(raw: &Raw<'_>) -> Result<Value, Complaint> {
    match raw {
        Raw::Text(text) if is_name(text) => Ok(Value::new(text)),
        Raw::Text(text) => Err(Complaint::new(
            "bad-name",
            format!("`{}` is not a name", text.escape_debug()),
        )),
        _ => Err(Complaint::new("wrong-type", "a name in quotes is wanted")),
    }
}

fn words(raw: &Raw<'_>) -> Result<Value, Complaint> {
    let names: Vec<Value> = match raw {
        Raw::List(items) => items.iter().map(word).collect::<Result<_, _>>()?,
        Raw::Text(text) => text
            .split(' ')
            .map(|name| word(&Raw::Text(name)))
            .collect::<Result<_, _>>()?,
        raw => vec![word(raw)?],
    };
    if names.is_empty() {
        return Err(Complaint::new("wrong-count", "at least one name is wanted"));
    }
    Ok(in_order(
        &names
            .iter()
            .map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" "),
    ))
}

/// A set of names has no order, whatever the kernel prints.
fn in_order(text: &str) -> Value {
    let mut names: Vec<&str> = text.split_whitespace().collect();
    sorted::by(&mut names, Ord::cmp);
    Value::new(&names.join(" "))
}

/// `proc_do_large_bitmap` in kernel/sysctl.c prints merged, ascending ranges; so do we.
fn ports(raw: &Raw<'_>) -> Result<Value, Complaint> {
    let mut ranges = Vec::new();
    let mut add = |text: &str| -> Result<(), Complaint> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| integer(&Raw::Text(text), 0, 65535);
        let (low, high) = (port(low)?, port(high)?);
        if low > high {
            return Err(Complaint::new(
                "wrong-order",
                format!("`{}` runs backwards", text.escape_debug()),
            ));
        }
        ranges.push((low, high));
        Ok(())
    };
    match raw {
        Raw::Text("") => {}
        Raw::Text(text) => text.split(',').try_for_each(&mut add)?,
        Raw::Integer(port) => add(&port.to_string())?,
        Raw::List(items) => items.iter().try_for_each(|item| match item {
            Raw::Text(text) => add(text),
            Raw::Integer(port) => add(&port.to_string()),
            _ => Err(Complaint::new(
                "wrong-type",
                "a list of ports holds numbers and ranges in quotes",
            )),
        })?,
        Raw::Bool(_) => {
            return Err(Complaint::new(
                "wrong-type",
                "ports are wanted, not true or false",
            ));
        }
    }
    sorted::by(&mut ranges, Ord::cmp);
    let mut merged: Vec<(i128, i128)> = Vec::new();
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1 + 1 => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    let text: Vec<_> = merged
        .iter()
        .map(|(low, high)| {
            if low == high {
                low.to_string()
            } else {
                format!("{low}-{high}")
            }
        })
        .collect();
    Ok(Value::new(&text.join(",")))
}

/// The rules for a key that the table does not have: nothing that the kernel would read differently from a
/// person, nothing that would end the line, nothing too long for one write.
pub(super) fn uncatalogued(key: &Key, raw: &Raw<'_>) -> Result<Value, Complaint> {
    if is_secret(key) {
        return Shape::Secret.parse(raw);
    }
    if key.as_str() == "vm.stat_refresh" {
        return Err(Complaint::new(
            "action",
            "vm.stat_refresh is an action, not a setting",
        ));
    }
    let text = match raw {
        Raw::Integer(number) => number.to_string(),
        Raw::Bool(on) => i128::from(*on).to_string(),
        Raw::Text(text) => (*text).to_owned(),
        Raw::List(items) => {
            let fields = items.iter().map(|item| match item {
                Raw::List(_) => Err(Complaint::new("wrong-type", "a list of lists is no value")),
                item => uncatalogued(key, item).map(|value| value.as_str().to_owned()),
            });
            fields.collect::<Result<Vec<_>, _>>()?.join(" ")
        }
    };
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Complaint::new(
            "control-character",
            "a value may not hold a newline, NUL or other control character",
        ));
    }
    if !text.is_ascii() {
        return Err(Complaint::new("not-ascii", "a value may hold ASCII only"));
    }
    if value::misread_by_the_kernel(&text) {
        return Err(Complaint::new(
            "octal",
            format!("`{text}` holds a number that is octal or hexadecimal to the kernel"),
        )
        .hint("write the decimal number"));
    }
    let value = Value::new(&text);
    if value.as_str().is_empty() {
        return Err(Complaint::new(
            "empty",
            "an empty value changes nothing in the kernel",
        ));
    }
    if value.as_str().len() > value::LONGEST {
        return Err(Complaint::new(
            "too-long",
            format!("a value of more than {} bytes", value::LONGEST),
        ));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::key_named;
    use super::*;

    fn parse(name: &str, raw: &Raw<'_>) -> Result<String, &'static str> {
        let key = key_named(name).unwrap();
        super::super::parse_value(&key, raw)
            .map(|v| v.as_str().to_owned())
            .map_err(|c| c.code)
    }

    fn text(name: &str, value: &str) -> Result<String, &'static str> {
        parse(name, &Raw::Text(value))
    }

    #[test]
    fn stricter_than_the_kernel() {
        assert_eq!(text("max_syn_backlog", "-1"), Err("out-of-range"));
        assert_eq!(text("syncookies", "3"), Err("out-of-range"));
        assert_eq!(text("rmem", "16384 8192 4096"), Err("wrong-order"));
        assert_eq!(text("fastopen", "8"), Err("unknown-bit"));
        assert_eq!(text("fastopen", "-1"), Err("out-of-range"));
        assert_eq!(text("synack_retries", "010"), Err("octal"));
        assert_eq!(text("synack_retries", "0x10"), Err("octal"));
        assert_eq!(text("synack_retries", "+5"), Err("not-a-number"));
        assert_eq!(text("synack_retries", "5 6"), Err("not-a-number"));
        assert_eq!(text("synack_retries", ""), Err("not-a-number"));
        assert_eq!(text("fastopen_key", "1-2-3-4"), Err("secret"));
        assert_eq!(text("tw_recycle", "1"), Err("removed-key"));
    }

    #[test]
    fn words_and_numbers_are_one_value() {
        assert_eq!(text("syncookies", "when-full").unwrap(), "1");
        assert_eq!(parse("syncookies", &Raw::Integer(1)).unwrap(), "1");
        assert_eq!(parse("abort_on_overflow", &Raw::Bool(false)).unwrap(), "0");
        assert_eq!(
            parse(
                "fastopen",
                &Raw::List(vec![Raw::Text("client"), Raw::Text("server")])
            )
            .unwrap(),
            "3"
        );
        assert_eq!(text("fastopen", "client+server").unwrap(), "3");
        assert_eq!(text("fastopen", "3").unwrap(), "3");
        let key = key_named("fastopen").unwrap();
        assert_eq!(
            super::super::word(&key, &Value::from(3)).unwrap(),
            "client + server"
        );
    }

    #[test]
    fn ports_are_merged_like_the_kernel_prints_them() {
        assert_eq!(
            text("ip_local_reserved_ports", "8082,8080,8081").unwrap(),
            "8080-8082"
        );
        assert_eq!(text("ip_local_reserved_ports", "").unwrap(), "");
        assert_eq!(text("ip_local_reserved_ports", "9-5"), Err("wrong-order"));
        assert_eq!(
            text("ip_local_reserved_ports", "70000"),
            Err("out-of-range")
        );
    }

    #[test]
    fn what_is_of_another_type_is_told_so() {
        let list = |items: &[Raw<'static>]| Raw::List(items.to_vec());
        let wrong = [
            ("fastopen", list(&[Raw::Bool(true)])),
            ("ip_local_reserved_ports", Raw::Bool(true)),
            ("ip_local_reserved_ports", list(&[Raw::Bool(true)])),
            ("allowed_congestion_control", list(&[Raw::Integer(1)])),
        ];
        for (name, raw) in wrong {
            assert_eq!(parse(name, &raw), Err("wrong-type"), "{name}");
        }
        let ports = list(&[Raw::Text("80-81"), Raw::Integer(82)]);
        assert_eq!(parse("ip_local_reserved_ports", &ports).unwrap(), "80-82");
        let one = Raw::Integer(80);
        assert_eq!(parse("ip_local_reserved_ports", &one).unwrap(), "80");
        let none = parse("allowed_congestion_control", &list(&[]));
        assert_eq!(none, Err("wrong-count"));
        let long = "x".repeat(value::LONGEST + 1);
        assert_eq!(text("kernel.hostname", &long), Err("too-long"));
    }

    #[test]
    fn any_other_key() {
        assert_eq!(text("net.core.rmem_default", "212992").unwrap(), "212992");
        assert_eq!(
            text("kernel.sem", "250\t32000  32 128").unwrap(),
            "250 32000 32 128"
        );
        assert_eq!(text("kernel.panic", "010"), Err("octal"));
        assert_eq!(text("kernel.hostname", "a\nb"), Err("control-character"));
        assert_eq!(text("kernel.hostname", "a\0b"), Err("control-character"));
        assert_eq!(text("kernel.hostname", " "), Err("empty"));
        assert_eq!(text("vm.stat_refresh", "1"), Err("action"));
    }
}
