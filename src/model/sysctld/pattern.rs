//! glob(3) on paths below `/proc/sys`, as the loaders call it.

/// Whether a loader takes a path for a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    // One by one: std looks for a single letter eight bytes at a time, and whole files are asked as well.
    path.contains('*') || path.contains('?') || path.contains('[')
}

/// Whether a pattern matches a path. Neither `*` nor `?` nor a class matches a slash, or a dot that begins a component.
pub fn matches(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut parts = path.split('/');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            // Most are no patterns at all.
            (Some(pattern), Some(part)) if !pattern.contains(['*', '?', '[', '\\']) => {
                if pattern != part {
                    return false;
                }
            }
            (Some(pattern), Some(part)) if component(&tokens(pattern), part) => {}
            _ => return false,
        }
    }
}

/// What a component of a pattern consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// Brackets.
    Class { negated: bool, members: Vec<Member> },
    /// Itself.
    Letter(char),
}

/// What a class holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Range(char, char),
    /// `[:alpha:]`
    Named(String),
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Any | Token::One => true,
            Token::Class { negated, members } => {
                *negated != members.iter().any(|member| member.holds(c))
            }
            Token::Letter(letter) => *letter == c,
        }
    }
}

impl Member {
    /// As in the locale that programs have at boot, which knows ASCII.
    fn holds(&self, c: char) -> bool {
        match self {
            Member::Range(low, high) => (*low..=*high).contains(&c),
            Member::Named(name) => match name.as_str() {
                "alnum" => c.is_ascii_alphanumeric(),
                "alpha" => c.is_ascii_alphabetic(),
                "blank" => matches!(c, ' ' | '\t'),
                "cntrl" => c.is_ascii_control(),
                "digit" => c.is_ascii_digit(),
                "graph" => c.is_ascii_graphic(),
                "lower" => c.is_ascii_lowercase(),
                "print" => c == ' ' || c.is_ascii_graphic(),
                "punct" => c.is_ascii_punctuation(),
                "space" => c.is_ascii_whitespace() || c == '\x0b',
                "upper" => c.is_ascii_uppercase(),
                "xdigit" => c.is_ascii_hexdigit(),
                _ => false,
            },
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut rest = pattern.as_slice();
    let mut tokens = Vec::new();
    loop {
        let (token, behind) = match rest {
            [] => return tokens,
            ['*', behind @ ..] => (Token::Any, behind),
            ['?', behind @ ..] => (Token::One, behind),
            // Without an end it is no class, but a bracket.
            ['[', behind @ ..] => class(behind).unwrap_or((Token::Letter('['), behind)),
            ['\\', letter, behind @ ..] | [letter, behind @ ..] => (Token::Letter(*letter), behind),
        };
        tokens.push(token);
        rest = behind;
    }
}

/// Of all stars only the last one that was met has to try again: what those before it took is as good as anything.
fn component(tokens: &[Token], text: &str) -> bool {
    if text.starts_with('.') && tokens.first() != Some(&Token::Letter('.')) {
        return false;
    }
    let (mut tokens, mut text) = (tokens, text.chars());
    let mut star = None;
    loop {
        let here = text.clone();
        match (tokens, text.next()) {
            ([Token::Any, behind @ ..], _) => {
                star = Some((behind, here.clone()));
                (tokens, text) = (behind, here);
            }
            ([], None) => return true,
            ([token, behind @ ..], Some(c)) if token.takes(c) => tokens = behind,
            (_, None) => return false,
            _ => match &mut star {
                Some((behind, skipped)) => {
                    skipped.next();
                    (tokens, text) = (*behind, skipped.clone());
                }
                None => return false,
            },
        }
    }
}

/// Reads a class from behind its opening bracket; the rest stands behind its closing one.
fn class(text: &[char]) -> Option<(Token, &[char])> {
    let (negated, mut rest) = match text {
        ['!' | '^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut members = Vec::new();
    loop {
        // A closing bracket that comes first is a member.
        if let ([']', behind @ ..], false) = (rest, members.is_empty()) {
            return Some((Token::Class { negated, members }, behind));
        }
        let (member, behind) = member(rest)?;
        members.push(member);
        rest = behind;
    }
}

/// One member of a class, and what stands behind it (XBD 9.3.5 of POSIX).
fn member(text: &[char]) -> Option<(Member, &[char])> {
    if let ['[', ':', rest @ ..] = text {
        let length = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
        if let (name, [':', ']', behind @ ..]) = rest.split_at(length) {
            return Some((Member::Named(name.iter().collect()), behind));
        }
    }
    if let ['[', '=', c, '=', ']', behind @ ..] = text {
        return Some((Member::Range(*c, *c), behind));
    }
    let (low, rest) = bound(text)?;
    match rest {
        ['-', end @ ..] if !end.starts_with(&[']']) => {
            let (high, behind) = bound(end)?;
            Some((Member::Range(low, high), behind))
        }
        _ => Some((Member::Range(low, low), rest)),
    }
}

/// One letter: as it is, behind a backslash, or as `[.x.]`.
fn bound(text: &[char]) -> Option<(char, &[char])> {
    match text {
        ['\\'] | [] => None,
        ['[', '.', c, '.', ']', behind @ ..] | ['\\', c, behind @ ..] | [c, behind @ ..] => {
            Some((*c, behind))
        }
    }
}

/// Alternatives of one pattern that are looked at, and bytes of one that has any: whoever writes more means harm.
const MOST: usize = 256;
const LONGEST: usize = 4096;

/// `a{b,c}d` as `abd` and `acd` (GLOB_BRACE, which systemd asks for and procps does not); nothing where that is too much.
pub fn braces(pattern: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut left = vec![pattern.to_owned()];
    let mut steps = 0;
    while let Some(next) = left.pop() {
        let Some((before, choices, after)) = first_braces(&next) else {
            found.push(next);
            continue;
        };
        steps += 1;
        if found.len() + left.len() + choices.len() > MOST || steps > MOST || next.len() > LONGEST {
            return None;
        }
        let one = |choice: &str| format!("{before}{choice}{after}");
        left.extend(choices.into_iter().rev().map(one));
    }
    Some(found)
}

/// Whether a pattern reaches a path once its braces are gone. One with too many is taken for one that reaches nothing.
pub(super) fn reaches(pattern: &str, path: &str) -> bool {
    let mut all = braces(pattern).into_iter().flatten();
    all.any(|one| matches(&one, path))
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
            ("net/core/soma[x-]conn", "net/core/somaxconn", true),
            ("net/core/soma[w-]conn", "net/core/soma-conn", true),
            ("net/core", "net/core/somaxconn", false),
            ("net/core/somaxconn/*", "net/core/somaxconn", false),
            ("net//core/./s*", "net/core/somaxconn", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    /// glob(3) would look at what is there; to us the number of ways must not matter.
    #[test]
    fn many_stars_take_no_longer_than_few() {
        let path = format!("net/{}", "a".repeat(250));
        let pattern = format!("net/{}b", "*a".repeat(120));
        assert!(!matches(&pattern, &path));
        assert!(matches(&pattern.replace('b', "*"), &path));
        let classes = format!("net/{}b", "*[a-z]".repeat(120));
        assert!(!matches(&classes, &path));
    }

    #[test]
    fn classes_of_letters_by_name() {
        for (pattern, path, expected) in [
            ("net/[[:alpha:]]ore", "net/core", true),
            ("net/[![:alpha:]]ore", "net/core", false),
            ("net/[[:digit:]_]ore", "net/_ore", true),
            ("net/[[=c=]]ore", "net/core", true),
            ("net/[[.a.]-d]ore", "net/core", true),
            (r"net/[\]c]ore", "net/core", true),
            (r"net/[a-\d]ore", "net/core", true),
            (r"net/\.core", "net/.core", true),
            ("net/[.]core", "net/.core", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    /// Those of the C library, and none that others have.
    #[test]
    fn each_class_of_letters_holds_its_own() {
        let letters = "aZ5_! \t\u{b}\u{7f}";
        for (name, members) in [
            ("alnum", "aZ5"),
            ("alpha", "aZ"),
            ("blank", " \t"),
            ("cntrl", "\t\u{b}\u{7f}"),
            ("digit", "5"),
            ("graph", "aZ5_!"),
            ("lower", "a"),
            ("print", "aZ5_! "),
            ("punct", "_!"),
            ("space", " \t\u{b}"),
            ("upper", "Z"),
            ("xdigit", "a5"),
            ("word", ""),
        ] {
            let class = format!("[[:{name}:]]");
            let held = letters.chars().filter(|c| matches(&class, &c.to_string()));
            assert_eq!(held.collect::<String>(), members, "{name}");
        }
    }

    #[test]
    fn braces_that_multiply_too_often_are_none() {
        assert_eq!(braces(&"{a,b}".repeat(8)).map(|all| all.len()), Some(256));
        assert_eq!(braces(&"{a,b}".repeat(40)), None);
        assert_eq!(braces(&"{a}".repeat(400_000)), None);
        assert_eq!(braces(&"{".repeat(400_000)).map(|all| all.len()), Some(1));
    }

    #[test]
    fn braces_have_as_many_alternatives_and_bytes_as_anybody_writes() {
        let choices = |count: usize| format!("{{{}}}", vec!["a"; count].join(","));
        let found = |pattern: &str| braces(pattern).map(|all| all.len());
        assert_eq!(found(&choices(256)), Some(256));
        assert_eq!(found(&choices(257)), None);
        assert_eq!(found(&(choices(128) + "{a,b}")), Some(256));
        assert_eq!(found(&(choices(129) + "{a,b}")), None);
        assert_eq!(found(&"{a}".repeat(256)), Some(1));
        assert_eq!(found(&"{a}".repeat(257)), None);
        let long = |bytes: usize| "x".repeat(bytes - 5) + "{a,b}";
        assert_eq!(found(&long(4096)), Some(2));
        assert_eq!(found(&long(4097)), None);
        // Without braces there is nothing to multiply.
        assert_eq!(found(&"x".repeat(4097)), Some(1));
    }

    #[test]
    fn braces_multiply() {
        let all = |pattern| braces(pattern).unwrap();
        assert_eq!(all("a{b,c{d,e}}f"), ["abf", "acdf", "acef"]);
        assert_eq!(all("a{b"), ["a{b"]);
        assert_eq!(all("plain"), ["plain"]);
        assert_eq!(all("a},{b,c}"), ["a},b", "a},c"]);
    }
}
