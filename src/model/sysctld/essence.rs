//! What of a tree may leave the machine: what the loaders obey, without comments, and without what secrets say.
//!
//! Line numbers stay, and so does what every loader makes of the rest: a forecast of the essence is one of the tree.

use super::super::sorted;
use super::Loader;
use super::cmdline;
use super::order::{Content, Found, Tree};
use super::statement::{HIDDEN, Line, Statement, TOO_LONG, ends_a_line, hides, lines, walked};

impl Tree {
    /// The same tree with nothing in it that a loader does not obey. Lines of a file that `known` has of it stay.
    #[must_use]
    pub fn essence(&self, known: impl Fn(&Found) -> String) -> Self {
        let file = |found: &Found| {
            let known = known(found);
            rewritten(found, |text| essence(text, &known))
        };
        Self {
            fragments: self.fragments.iter().map(file).collect(),
            sysctl_conf: self.sysctl_conf.as_ref().map(file),
            credential: self.credential.as_ref().map(file),
            command_line: self
                .command_line
                .as_ref()
                .map(|found| rewritten(found, parameters)),
        }
    }
}

fn rewritten(found: &Found, essence: impl Fn(&[u8]) -> Vec<u8>) -> Found {
    let content = match &found.content {
        Content::Text(text) => Content::Text(essence(text)),
        other => other.clone(),
    };
    Found {
        content,
        ..found.clone()
    }
}

fn essence(text: &[u8], known: &str) -> Vec<u8> {
    let known = sorted::set(known.lines().map(str::as_bytes));
    let lines = text.split(|byte| *byte == b'\n');
    let essence = lines.map(|line| match line.len() {
        _ if known.contains(line) => line.to_vec(),
        // Where a loader gives up, it must go on doing so.
        TOO_LONG.. => b"#".repeat(line.len()),
        _ => told(line),
    });
    essence.collect::<Vec<_>>().join(&b'\n')
}

/// What may be told of a line. To some loaders it is several lines, which are told apart by a CR or a NUL.
fn told(line: &[u8]) -> Vec<u8> {
    let name = name_over_several_lines(line);
    // To procps, what follows in the same line is part of the value.
    let whole = lines(line, Loader::Procps);
    let mut is_secret = whole.iter().any(|(_, said)| match said {
        Line::Statement(said) => {
            let is_hidden = said.value.as_deref().is_some_and(hides);
            said.is_secret() && !is_hidden && !may_be_told(said)
        }
        Line::Malformed(_) | Line::TooLong => false,
    });
    let mut at = 0;
    let parts = line.split_inclusive(|byte| {
        at += 1;
        ends_a_line(*byte) && at > name
    });
    let told = parts.map(|part| {
        let end = part.iter().rposition(|byte| !ends_a_line(*byte));
        let (text, end) = part.split_at(end.map_or(0, |last| last + 1));
        let hide = text.contains(&b'=') && std::mem::take(&mut is_secret);
        [told_part(text, hide).as_slice(), end].concat()
    });
    told.collect::<Vec<_>>().concat()
}

/// The length of a name, up to its `=`, that procps reads as one and systemd as a line of its own, because of a CR among
/// the blanks that follow it; 0 where there is none.
fn name_over_several_lines(line: &[u8]) -> usize {
    let Some(length) = line.iter().position(|byte| *byte == b'=') else {
        return 0;
    };
    let read = lines(line.get(..=length).unwrap_or(line), Loader::Procps);
    match read.as_slice() {
        [(_, Line::Statement(statement))] if !statement.name.contains('\r') => length,
        _ => 0,
    }
}

fn told_part(text: &[u8], hide: bool) -> Vec<u8> {
    let loaders = [Loader::Systemd, Loader::Procps].into_iter();
    let said = loaders.flat_map(|loader| lines(text, loader));
    let statements: Vec<Option<Statement>> = said
        .map(|(_, said)| match said {
            Line::Statement(statement) => Some(statement),
            Line::Malformed(_) | Line::TooLong => None,
        })
        .collect();
    match statements.as_slice() {
        [] if text.iter().all(u8::is_ascii_whitespace) => text.to_vec(),
        [] => b"#".to_vec(),
        all if !hide
            && all.iter().flatten().all(may_be_told)
            && all.iter().any(Option::is_some) =>
        {
            text.to_vec()
        }
        _ => {
            let name = text.iter().position(|byte| *byte == b'=');
            let name = name.and_then(|at| text.get(..=at)).unwrap_or_default();
            [name, b" ", HIDDEN.as_bytes()].concat()
        }
    }
}

/// A number is no secret. What is none may be a list of ranges, or of the network, which plans are about, any text.
fn may_be_told(statement: &Statement) -> bool {
    let Some(value) = &statement.value else {
        return true;
    };
    let mut words = value.split([' ', '\t']).filter(|word| !word.is_empty());
    let ranges = |c: char| c.is_ascii_digit() || "- \t".contains(c);
    let network = || walked(&statement.path).is_some_and(|path| path.starts_with("net/"));
    words.all(|word| word.parse::<i64>().is_ok())
        || !statement.is_secret() && (value.chars().all(ranges) || network())
}

/// The parameters of the kernel that set sysctls.
fn parameters(text: &[u8]) -> Vec<u8> {
    cmdline::parameters(&String::from_utf8_lossy(text)).into()
}

#[cfg(test)]
mod tests {
    use super::super::super::catalogue::Taken;
    use super::super::super::key::Key;
    use super::super::Forecast;
    use super::*;

    fn told(text: &str) -> String {
        String::from_utf8(essence(text.as_bytes(), "")).unwrap()
    }

    #[test]
    fn comments_and_secrets_stay_at_home() {
        for (line, wanted) in [
            ("# my secret", "#"),
            (" ; x", "#"),
            ("", ""),
            (" \t", " \t"),
            ("\r", "\r"),
            ("net.core.somaxconn = 1", "net.core.somaxconn = 1"),
            ("net.ipv4.tcp_* = 7", "net.ipv4.tcp_* = 7"),
            ("net.ipv4.tcp_rmem = 1 2\t3", "net.ipv4.tcp_rmem = 1 2\t3"),
            ("-net.core.somaxconn", "-net.core.somaxconn"),
            (
                "net/ipv4/tcp_fastopen_key=ab",
                "net/ipv4/tcp_fastopen_key= (not shown)",
            ),
            ("net.ipv4.tcp_* = ab", "net.ipv4.tcp_* = (not shown)"),
            (
                "net.ipv6.conf.eth0.stable_* = ::1",
                "net.ipv6.conf.eth0.stable_* = (not shown)",
            ),
            (
                "net.ipv6.conf.e*.st*_se[c]ret = ::1",
                "net.ipv6.conf.e*.st*_se[c]ret = (not shown)",
            ),
            (
                "net.ipv6.conf.conf.stable_* = ::1",
                "net.ipv6.conf.conf.stable_* = (not shown)",
            ),
            (
                "/net/ipv6/conf/eth0/stable_s* = ::1",
                "/net/ipv6/conf/eth0/stable_s* = (not shown)",
            ),
            (
                "net/./ipv4/tcp_fast*_?ey = ab",
                "net/./ipv4/tcp_fast*_?ey = (not shown)",
            ),
            (
                "net/x/../ipv4/tcp_fast*_?ey = ab",
                "net/x/../ipv4/tcp_fast*_?ey = (not shown)",
            ),
            // To systemd, which multiplies braces.
            (
                "net.ipv4.tcp_fastopen_{k,x}e? = ab",
                "net.ipv4.tcp_fastopen_{k,x}e? = (not shown)",
            ),
            (
                "net.ipv6.{conf.eth0,x}.stable_{se,}* = ::1",
                "net.ipv6.{conf.eth0,x}.stable_{se,}* = (not shown)",
            ),
            (
                "kernel.core_pattern = |/x --token=y",
                "kernel.core_pattern = (not shown)",
            ),
            ("kernel.pid_max = 4", "kernel.pid_max = 4"),
            ("machine x password y", " (not shown)"),
            (
                "# pass\rnet.core.somaxconn = 5\r",
                "#\rnet.core.somaxconn = 5\r",
            ),
            ("# pass\r = 5", "#\r = 5"),
        ] {
            assert_eq!(told(line), wanted);
            assert_eq!(told(wanted), wanted);
        }
    }

    /// systemd keeps the first of two lines that say the same of one key: both are told, or none is.
    #[test]
    fn a_line_is_told_however_its_key_is_spelt() {
        for line in [
            "net.core.default_qdisc = fq",
            ".net.core.default_qdisc = fq",
            "net..core.default_qdisc = fq",
            "/net/./core/default_qdisc = fq",
            "kernel/../net/core/default_qdisc = fq",
        ] {
            assert_eq!(told(line), line);
        }
        let elsewhere = "net/../kernel/core_pattern = |/x";
        assert_eq!(told(elsewhere), "net/../kernel/core_pattern = (not shown)");
    }

    /// To procps one assignment, to systemd two lines.
    #[test]
    fn a_cr_before_the_equals_sign_hides_no_assignment() {
        for (line, wanted) in [
            ("net.core.somaxconn\r\r= 7", "net.core.somaxconn\r\r= 7"),
            (
                "\r net.core.somaxconn \r\t\r=7\r",
                "\r net.core.somaxconn \r\t\r=7\r",
            ),
            (
                "net.ipv4.tcp_fastopen_key\r=ab\rnet.core.somaxconn=7",
                "net.ipv4.tcp_fastopen_key\r= (not shown)\rnet.core.somaxconn=7",
            ),
            // Nobody reads the first of these lines, so it is no name.
            (
                "password\rnet.core.somaxconn = 7",
                " (not shown)\rnet.core.somaxconn = 7",
            ),
            ("password\0= 7", " (not shown)\0= 7"),
            ("\x0b# pass\r= 7", " (not shown)\r= 7"),
        ] {
            assert_eq!(told(line), wanted);
            assert_eq!(told(wanted), wanted);
        }
        let tree = Tree::default().with("/etc/sysctl.d/a.conf", Some("net.core.somaxconn\r=7\n"));
        let key: Key = "net.core.somaxconn".parse().unwrap();
        let next = |tree: &Tree| Forecast::of(tree, Loader::Systemd).next_boot(&key);
        assert!(next(&tree).procps.is_some());
        assert_eq!(next(&tree), next(&tree.essence(|_| String::new())));
    }

    /// The kernel reads `%x-%x-%x-%x` (net/ipv4/sysctl_net_ipv4.c): all of it may be digits.
    #[test]
    fn a_secret_of_digits_alone_stays_at_home() {
        let key = "00000000-11111111-22222222-33333333";
        for name in [
            "net.ipv4.tcp_fastopen_key",
            "net.ipv4.tcp_*",
            "-net/ipv4/tcp_f*",
        ] {
            let line = format!("{name} = {key}");
            assert_eq!(told(&line), format!("{name} = (not shown)"));
        }
        for line in ["net.ipv4.tcp_* = -7", "kernel.watchdog_cpumask = 0-3,7"] {
            assert_eq!(told(line), line.replace("0-3,7", "(not shown)"));
        }
        let list = "kernel.watchdog_cpumask = 0-3";
        assert_eq!(told(list), list);
    }

    /// To procps one value, of which systemd reads a number and another line.
    #[test]
    fn a_number_that_a_secret_begins_with_is_hidden() {
        let line = "net.ipv4.tcp_fastopen_key=1\rnet.core.somaxconn=7";
        let wanted = "net.ipv4.tcp_fastopen_key= (not shown)\rnet.core.somaxconn=7";
        assert_eq!(told(line), wanted);
        assert_eq!(told(wanted), wanted);
        for number in [
            "net.ipv4.tcp_fastopen_key=1\r",
            "net.ipv4.tcp_fastopen_key=1\0x",
        ] {
            assert_eq!(told(number), number.replace('x', " (not shown)"));
        }
        // Where nothing is left to hide, nothing changes.
        let hidden = "net.ipv4.tcp_fastopen_key=\r (not shown)";
        assert_eq!(told("net.ipv4.tcp_fastopen_key=\r0"), hidden);
        assert_eq!(told(hidden), hidden);
    }

    /// procps reads one value: neither that of the tree any longer, nor one of which anything is known.
    #[test]
    fn a_value_of_which_a_part_is_hidden_is_hidden() {
        for name in ["net.core.somaxconn", "net.ipv4.tcp_fastopen_key"] {
            let line = format!("{name}=7\rx=y");
            let tree = Tree::default().with("/etc/sysctl.d/a.conf", Some(&line));
            let essence = tree.essence(|_| String::new());
            let next = Forecast::of(&essence, Loader::Procps).next_boot(&name.parse().unwrap());
            let win = next.procps.unwrap();
            assert!(win.is_hidden() && win.taken == Taken::Unknown, "{win:?}");
        }
    }

    #[test]
    fn a_secret_stays_at_home_however_long_its_line_is() {
        for line in ["fastopen_key = ", "# "].map(|start| start.to_owned() + &"s".repeat(TOO_LONG))
        {
            let told = told(&line);
            assert!(told.len() == line.len() && told.bytes().all(|byte| byte == b'#'));
        }
    }

    #[test]
    fn of_the_kernels_parameters_only_sysctls_are_told() {
        let text = b"root=/dev/vda password=x sysctl.net.core.somaxconn=7 sysctl.net.ipv4.tcp_fastopen_key=s -- sysctl.a=1\n";
        assert_eq!(parameters(text), b"sysctl.net.core.somaxconn=7");
    }

    #[test]
    fn a_forecast_of_the_essence_is_one_of_the_tree() {
        let tree = Tree::default()
            .with(
                "/etc/sysctl.d/a.conf",
                Some("# a\nnet.core.somaxconn = 1\n"),
            )
            .with("/etc/sysctl.d/b.conf", Some(";\n-net.core.somaxconn = 2\n"));
        let key: Key = "net.core.somaxconn".parse().unwrap();
        let told = |tree: &Tree| Forecast::of(tree, Loader::Systemd).next_boot(&key);
        let essence = tree.essence(|_| String::new());
        assert_eq!(told(&tree), told(&essence));
        let texts: Vec<_> = essence.fragments.iter().map(Found::text).collect();
        let a = b"#\nnet.core.somaxconn = 1\n";
        assert_eq!(texts, [b"#\n-net.core.somaxconn = 2\n".as_slice(), a]);
    }

    #[test]
    fn what_is_known_of_a_file_is_told_and_the_rest_of_it_is_not() {
        let text = b"# by tcptune\n# by somebody\n# by tcptune, and me";
        assert_eq!(essence(text, "# by tcptune\n"), b"# by tcptune\n#\n#");
    }
}
