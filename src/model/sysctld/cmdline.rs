//! Parameters of the kernel's command line that set sysctls, before any loader runs.
//!
//! Rule: `process_sysctl_arg` in fs/proc/proc_sysctl.c, `next_arg` in lib/cmdline.c of Linux 6.18; since 5.8.

use super::statement::{Statement, is_blank};

/// What the parameters `sysctl.KEY=VALUE` say, in their order.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    arguments(text).filter_map(said).collect()
}

/// Those parameters alone, without secret ones.
pub(super) fn parameters(text: &str) -> String {
    let shown = |argument: &&str| said(argument).is_some_and(|said| !said.is_secret());
    arguments(text).filter(shown).collect::<Vec<_>>().join(" ")
}

fn arguments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_matches(is_blank);
    let next = move || {
        let (argument, behind) = next_argument(rest);
        rest = behind.trim_start_matches(is_blank);
        // Behind `--` is init's business.
        (!argument.is_empty() && argument != "--").then_some(argument)
    };
    std::iter::from_fn(next)
}

/// Up to a blank that is not between quotes.
fn next_argument(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        is_blank(c) && !quoted
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// Quotes around all of it, or around its value, are no part of it; others are.
fn said(argument: &str) -> Option<Statement> {
    let (name, value) = unquoted(argument).split_once('=')?;
    let name = name.strip_prefix("sysctl")?.strip_prefix(['.', '/'])?;
    let value = unquoted(value);
    // The kernel refuses an empty value.
    (!value.is_empty()).then(|| Statement {
        name: name.to_owned(),
        // Every dot is a slash here, whichever separator comes first.
        path: name.replace('.', "/"),
        value: Some(value.to_owned()),
        optional: false,
    })
}

fn unquoted(text: &str) -> &str {
    match text.strip_prefix('"') {
        Some(text) => text.strip_suffix('"').unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_kernel() {
        for (text, expected) in [
            (
                "quiet sysctl.net.core.somaxconn=1024 x",
                "net/core/somaxconn=1024",
            ),
            (
                "sysctl/net/ipv4/tcp_rmem=\"1 2 3\"\n",
                "net/ipv4/tcp_rmem=1 2 3",
            ),
            ("\"sysctl.a.b=4 5\" y", "a/b=4 5"),
            ("sysctl.a.b=c\"d e\"f", "a/b=c\"d e\"f"),
            ("sysctl.a.b= sysctlx.a=1 sysctl.c -- sysctl.d=1", ""),
        ] {
            let said = statements(text);
            let said = said
                .iter()
                .map(|one| format!("{}={}", one.path, one.value.as_deref().unwrap_or_default()));
            assert_eq!(said.collect::<Vec<_>>().join(" "), expected, "{text}");
        }
    }

    #[test]
    fn parameters_end_where_the_kernel_sees_a_blank_and_nowhere_else() {
        for (text, expected) in [
            ("sysctl.a.b=1\x0b\nx", "sysctl.a.b=1"),
            ("sysctl.a.b=1\x0bsysctl.a.c=2", "sysctl.a.b=1 sysctl.a.c=2"),
            ("sysctl.a.b=1\u{85}\n", "sysctl.a.b=1\u{85}"),
        ] {
            let told = parameters(text);
            assert_eq!(told, expected, "{text:?}");
            assert_eq!(statements(text), statements(&told), "{text:?}");
        }
    }
}
