//! How far one name is from another: who misspells a name wants to hear of the one that was meant.

/// A name that others are held against.
#[derive(Debug)]
pub struct Name<'a> {
    text: &'a str,
    /// How often it has each letter; nothing where they are not all of ASCII.
    letters: Option<[u8; 128]>,
}

impl<'a> Name<'a> {
    /// Counts its letters, once for all comparisons.
    pub fn new(text: &'a str) -> Self {
        let mut letters = [0_u8; 128];
        for byte in text.bytes() {
            if let Some(count) = letters.get_mut(usize::from(byte)) {
                *count = count.saturating_add(1);
            }
        }
        Self {
            text,
            letters: text.is_ascii().then_some(letters),
        }
    }

    /// The number of letters to change, add, drop or exchange with the next one, if there are at most so many.
    pub fn distance(&self, other: &str, most: usize) -> Option<usize> {
        if self.lacks_more(other, most) {
            return None;
        }
        Some(strsim::damerau_levenshtein(self.text, other)).filter(|distance| *distance <= most)
    }

    /// Whether more letters of another name are surely missing here than that: each needs a step of its own, wherever it
    /// stands.
    fn lacks_more(&self, other: &str, most: usize) -> bool {
        let Some(letters) = self.letters.as_ref().filter(|_| other.is_ascii()) else {
            return false;
        };
        if self.text.len().abs_diff(other.len()) > most {
            return true;
        }
        let mut left = *letters;
        let missing = other.bytes().filter(|byte| {
            let count = left.get_mut(usize::from(*byte)).filter(|count| **count > 0);
            count.map(|count| *count -= 1).is_none()
        });
        missing.take(most + 1).count() > most
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_near_is_missed(one in "[abcö_]{0,9}", other in "[abcö_]{0,9}", most in 0_usize..4) {
            let distance = strsim::damerau_levenshtein(&one, &other);
            prop_assert_eq!(super::Name::new(&one).distance(&other, most), Some(distance).filter(|far| *far <= most));
        }
    }
}
