//! Parameters of the kernel's command line that set sysctls, before any loader runs.
//!
//! Rule: `process_sysctl_arg` in fs/proc/proc_sysctl.c, `next_arg` in lib/cmdline.c of Linux 6.18; since 5.8.

use super::statement::Statement;

/// What the parameters `sysctl.KEY=VALUE` say, in their order.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    arguments(text)
        .iter()
        .filter_map(|argument| said(argument))
        .collect()
}

fn said(argument: &str) -> Option<Statement> {
    let (name, value) = argument.split_once('=')?;
    let name = name.strip_prefix("sysctl")?.strip_prefix(['.', '/'])?;
    Some(Statement {
        name: name.to_owned(),
        // Every dot is a slash here, whichever separator comes first.
        path: name.replace('.', "/"),
        value: Some(value.to_owned()),
        optional: false,
    })
}

/// Words, without the quotes that keep blanks in them.
fn arguments(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.trim_end().chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_ascii_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    // Behind two dashes it is init's business.
    let ours = words.into_iter().take_while(|word| word != "--");
    ours.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_kernel() {
        let text = "quiet sysctl.net.core.somaxconn=1024 sysctl/net/ipv4/tcp_rmem=\"1 2 3\" \"sysctl.a.b=4 5\" sysctlx=1 sysctl.c -- sysctl.d=1\n";
        let said: Vec<String> = statements(text)
            .into_iter()
            .map(|one| format!("{}={}", one.path, one.value.unwrap_or_default()))
            .collect();
        assert_eq!(
            said,
            [
                "net/core/somaxconn=1024",
                "net/ipv4/tcp_rmem=1 2 3",
                "a/b=4 5"
            ]
        );
    }
}
