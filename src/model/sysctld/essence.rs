//! What of a tree may leave the machine: what the loaders obey, without comments, and without what secrets say.
//!
//! Line numbers stay, and so does what every loader makes of the rest: a forecast of the essence is one of the tree.

use super::super::catalogue;
use super::Loader;
use super::cmdline;
use super::order::{Content, Found, Tree};
use super::statement::{HIDDEN, Line, TOO_LONG, lines};

impl Tree {
    /// The same tree with nothing in it that a loader does not look at; of the files that `whole` names, comments too.
    #[must_use]
    pub fn essence(&self, whole: impl Fn(&Found) -> bool) -> Self {
        let file = |found: &Found| rewritten(found, |text| essence(text, whole(found)));
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

fn essence(text: &[u8], with_comments: bool) -> Vec<u8> {
    let lines = text.split(|byte| *byte == b'\n');
    let essence = lines.map(|line| match kind(line) {
        Kind::Comment if !with_comments => b"#".to_vec(),
        // Where a loader gives up, it must go on doing so.
        Kind::Secret if line.len() >= TOO_LONG => b"#".repeat(line.len()),
        Kind::Secret => hidden(line),
        Kind::Comment | Kind::Other => line.to_vec(),
    });
    essence.collect::<Vec<_>>().join(&b'\n')
}

enum Kind {
    Comment,
    Secret,
    Other,
}

fn kind(line: &[u8]) -> Kind {
    let says_nothing = said(line).next().is_none();
    if says_nothing && !line.is_empty() && line.len() < TOO_LONG {
        Kind::Comment
    } else if is_secret(line) {
        Kind::Secret
    } else {
        Kind::Other
    }
}

/// What any loader makes of a line.
fn said(line: &[u8]) -> impl Iterator<Item = Line> {
    let loaders = [Loader::Systemd, Loader::Procps].into_iter();
    loaders.flat_map(move |loader| lines(line, loader).into_iter().map(|(_, said)| said))
}

fn is_secret(line: &[u8]) -> bool {
    let secret = |said: Line| matches!(said, Line::Statement(said) if said.is_secret());
    said(line).any(secret) || catalogue::may_be_secret(&String::from_utf8_lossy(line))
}

/// A line without what its secrets say. To some loaders it is several lines, which are told apart by a CR or a NUL.
fn hidden(line: &[u8]) -> Vec<u8> {
    let parts = line.split_inclusive(|byte| matches!(byte, b'\r' | 0));
    let shown = parts.map(|part| {
        let end = part.iter().rposition(|byte| !matches!(byte, b'\r' | 0));
        let (text, end) = part.split_at(end.map_or(0, |last| last + 1));
        if !is_secret(text) {
            return part.to_vec();
        }
        let name = text.iter().position(|byte| *byte == b'=');
        let name = name.and_then(|at| text.get(..=at)).unwrap_or_default();
        [name, b" ", HIDDEN.as_bytes(), end].concat()
    });
    shown.collect::<Vec<_>>().concat()
}

/// The parameters of the kernel that set sysctls.
fn parameters(text: &[u8]) -> Vec<u8> {
    cmdline::parameters(&String::from_utf8_lossy(text)).into()
}

#[cfg(test)]
mod tests {
    use super::super::super::key::Key;
    use super::super::Forecast;
    use super::*;

    #[test]
    fn comments_and_secrets_stay_at_home() {
        let text = "# my secret\n\nnet.core.somaxconn = 1\n ; x\nnet/ipv4/tcp_fastopen_key=ab\nnet.ipv4.tcp_* = cd\r\nfastopen_key\n";
        let essence = String::from_utf8(essence(text.as_bytes(), false)).unwrap();
        let wanted = "#\n\nnet.core.somaxconn = 1\n#\nnet/ipv4/tcp_fastopen_key= (not shown)\nnet.ipv4.tcp_* = (not shown)\r\n (not shown)\n";
        assert_eq!(essence, wanted);
        assert_eq!(super::essence(wanted.as_bytes(), false), wanted.as_bytes());
    }

    #[test]
    fn a_secret_stays_at_home_however_long_its_line_is() {
        let line = format!("fastopen_key = {}", "s".repeat(TOO_LONG));
        let told = essence(line.as_bytes(), true);
        assert!(told.len() == line.len() && told.iter().all(|byte| *byte == b'#'));
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
        assert_eq!(told(&tree), told(&tree.essence(|_| false)));
    }
}
