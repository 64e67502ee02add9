//! How far one name is from another: who misspells a name wants to hear of the one that was meant.

/// A name that is held against others.
#[derive(Debug)]
pub struct Name<'a> {
    text: &'a str,
    /// How often there is each letter, where those with the same last five bits are one; nothing where not all are of ASCII.
    letters: Option<[u8; 32]>,
}

impl<'a> Name<'a> {
    /// Counts its letters, once for all comparisons.
    pub fn new(text: &'a str) -> Self {
        let mut letters = [0_u8; 32];
        for byte in text.bytes() {
            if let Some(count) = letters.get_mut(usize::from(byte % 32)) {
                *count = count.saturating_add(1);
            }
        }
        Self {
            text,
            letters: text.is_ascii().then_some(letters),
        }
    }

    /// The name itself.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The number of letters to change, add, drop or exchange with the next one, if there are at most so many.
    pub fn distance(&self, other: &Name<'_>, most: usize) -> Option<usize> {
        if self.lacks_more(other, most) {
            return None;
        }
        let distance = strsim::damerau_levenshtein(self.text, other.text);
        Some(distance).filter(|distance| *distance <= most)
    }

    /// Whether more letters of another name are surely missing here than that: each needs a step of its own, wherever it
    /// stands.
    fn lacks_more(&self, other: &Name<'_>, most: usize) -> bool {
        let Some((ours, theirs)) = self.letters.zip(other.letters) else {
            return false;
        };
        let each = ours.iter().zip(theirs);
        let missing = each.map(|(ours, theirs)| u16::from(theirs.saturating_sub(*ours)));
        self.text.len().abs_diff(other.text.len()) > most
            || usize::from(missing.sum::<u16>()) > most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Name;

    proptest! {
        #[test]
        fn nothing_near_is_missed(one in "[abcö_]{0,9}", other in "[abcö_]{0,9}", most in 0_usize..4) {
            let distance = strsim::damerau_levenshtein(&one, &other);
            prop_assert_eq!(Name::new(&one).distance(&Name::new(&other), most), Some(distance).filter(|far| *far <= most));
        }
    }
}
