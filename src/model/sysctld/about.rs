//! What of a tree may have to do with some keys, found without making sense of the rest.

use super::super::along::leaders_of;
use super::super::key::Key;
use super::order::{Content, Tree};
use super::pattern::is_pattern;
use super::statement::TOO_LONG;

impl Tree {
    /// The same tree with only those lines that may speak of some of the keys, or of what sets them along, or were perhaps
    /// meant to: the names in them are at most one slip away. Lines keep their numbers, and a file that is odd as a whole stays whole.
    #[must_use]
    pub fn about<'k>(mut self, keys: impl IntoIterator<Item = &'k Key>) -> Self {
        let keys = keys.into_iter();
        let keys = keys.flat_map(|key| leaders_of(key).chain([key]));
        let parts: Vec<&str> = keys.flat_map(parts).collect();
        let mentions = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            is_pattern(&line) || parts.iter().any(|part| line.contains(part))
        };
        let files = self.fragments.iter_mut().chain(&mut self.sysctl_conf);
        for found in files.chain(&mut self.credential) {
            if let Content::Text(text) = &mut found.content {
                let odd = text.len() >= TOO_LONG || text.starts_with("\u{feff}".as_bytes());
                if odd {
                    continue;
                }
                if mentions(text) {
                    let lines = text.split(|byte| *byte == b'\n');
                    let kept = lines.map(|line| if mentions(line) { line } else { &[] });
                    *text = kept.collect::<Vec<_>>().join(&b'\n');
                } else {
                    text.clear();
                }
            }
        }
        self
    }
}

/// The last component of a key in three parts: one slip, even of two letters that were exchanged, leaves one of them
/// as it is. Parts of a short name are in every line.
fn parts(key: &Key) -> Vec<&str> {
    let name = key.as_str().rsplit(['.', '/']).next().unwrap_or_default();
    let third = name.len() / 3;
    let (one, rest) = name.split_at(third);
    let (two, three) = rest.split_at(third);
    vec![one, two, three]
}

#[cfg(test)]
mod tests {
    use super::super::order::Found;
    use super::*;

    #[test]
    fn lines_of_a_key_and_its_slips_stay_where_they_are() {
        let text = "net.core.a = 1\nnet/core/somaxconn = 2\n# somaxcon\nnet.core.b = 3\nnet.core.soamxconn = 4\nnet.core.* = 5\nc = 6";
        let found = |path: &str, text: &str| Found {
            path: path.to_owned(),
            leads_to: None,
            content: Content::Text(text.into()),
        };
        let tree = Tree {
            fragments: vec![
                found("a", text),
                found("b", "net.ipv4.ip_forward = 1\n"),
                found("c", "\u{feff}net.core.somaxconn = 1\nnet.core.a = 1\n"),
            ],
            ..Tree::default()
        };
        let key: Key = "net.core.somaxconn".parse().unwrap();
        let told: Vec<String> = tree
            .about([&key])
            .fragments
            .iter()
            .map(|found| String::from_utf8_lossy(found.text()).into_owned())
            .collect();
        assert_eq!(
            told,
            [
                "\nnet/core/somaxconn = 2\n# somaxcon\n\nnet.core.soamxconn = 4\nnet.core.* = 5\n",
                "",
                "\u{feff}net.core.somaxconn = 1\nnet.core.a = 1\n",
            ]
        );
    }
}
