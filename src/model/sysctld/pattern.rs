//! glob(3) on paths below `/proc/sys`, as the loaders call it.

/// Whether a loader takes a path for a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether a pattern matches a path. Neither `*` nor `?` nor a class matches a slash, or a dot that begins a component.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/').filter(|part| !part.is_empty());
    let mut parts = path.split('/');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let pattern: Vec<char> = pattern.chars().collect();
                let part: Vec<char> = part.chars().collect();
                let hidden = part.first() == Some(&'.') && pattern.first() != Some(&'.');
                if hidden || !component(&pattern, &part) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn component(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skipped| {
            text.get(skipped..)
                .is_some_and(|text| component(rest, text))
        }),
        ['?', rest @ ..] => match text {
            [_, text @ ..] => component(rest, text),
            [] => false,
        },
        ['[', rest @ ..] => match (class(rest), text) {
            (Some((holds, rest)), [first, text @ ..]) => {
                holds.contains(*first) && component(rest, text)
            }
            // Without an end it is no class, but a bracket.
            (None, ['[', text @ ..]) => component(rest, text),
            _ => false,
        },
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => match text {
            [first, text @ ..] => first == literal && component(rest, text),
            [] => false,
        },
    }
}

/// What stands between brackets.
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn contains(&self, c: char) -> bool {
        self.negated
            != self
                .ranges
                .iter()
                .any(|(low, high)| (*low..=*high).contains(&c))
    }
}

/// Reads a class from behind its opening bracket; the rest stands behind its closing one.
fn class(text: &[char]) -> Option<(Class, &[char])> {
    let (negated, mut rest) = match text {
        ['!' | '^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut ranges = Vec::new();
    loop {
        match rest {
            [] => return None,
            // A closing bracket that comes first is a member.
            [']', behind @ ..] if !ranges.is_empty() => {
                return Some((Class { negated, ranges }, behind));
            }
            [low, '-', high, behind @ ..] if *high != ']' => {
                ranges.push((*low, *high));
                rest = behind;
            }
            [one, behind @ ..] => {
                ranges.push((*one, *one));
                rest = behind;
            }
        }
    }
}

/// `a{b,c}d` as `abd` and `acd` (GLOB_BRACE, which systemd asks for and procps does not).
pub(super) fn braces(pattern: &str) -> Vec<String> {
    let Some((before, choices, after)) = first_braces(pattern) else {
        return vec![pattern.to_owned()];
    };
    let one = |choice: &str| braces(&format!("{before}{choice}{after}"));
    choices.into_iter().flat_map(one).collect()
}

/// The first complete pair of braces: what stands before, its alternatives, what stands behind.
fn first_braces(pattern: &str) -> Option<(&str, Vec<&str>, &str)> {
    let open = pattern.find('{')?;
    let (mut depth, mut start, mut choices) = (0, open + 1, Vec::new());
    for (at, c) in pattern.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(pattern.get(start..at)?);
                start = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    choices.push(pattern.get(start..at)?);
                    return Some((pattern.get(..open)?, choices, pattern.get(at + 1..)?));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_glob_of_the_c_library() {
        for (pattern, path, expected) in [
            ("net/*/somaxconn", "net/core/somaxconn", true),
            ("net/*", "net/core/somaxconn", false),
            ("net/core/soma?con[n]", "net/core/somaxconn", true),
            ("net/core/soma?con[!n]", "net/core/somaxconn", false),
            ("net/core/soma[a-w]conn", "net/core/somaxconn", false),
            ("net/core/soma[a-x]conn", "net/core/somaxconn", true),
            ("net/core/soma[a-z]conn", "net/core/somaxconn", true),
            ("net/core/*x*n", "net/core/somaxconn", true),
            ("net/[]c]ore/somaxconn", "net/core/somaxconn", true),
            ("net/c[ore/somaxconn", "net/c[ore/somaxconn", true),
            (r"net/cor\e/somaxcon?", "net/core/somaxconn", true),
            ("net/*/x", "net/.hidden/x", false),
            ("net/.*/x", "net/.hidden/x", true),
            ("net//core/s*", "net/core/somaxconn", true),
            ("net/core/soma[x-]conn", "net/core/somaxconn", true),
            ("net/core/soma[w-]conn", "net/core/soma-conn", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn braces_multiply() {
        assert_eq!(braces("a{b,c{d,e}}f"), ["abf", "acdf", "acef"]);
        assert_eq!(braces("a{b"), ["a{b"]);
        assert_eq!(braces("plain"), ["plain"]);
        assert_eq!(braces("a},{b,c}"), ["a},b", "a},c"]);
    }
}
