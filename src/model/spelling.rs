//! How far one name is from another: who misspells a name wants to hear of the one that was meant.

/// A name that is held against others.
#[derive(Debug)]
pub struct Name<'a> {
    text: &'a str,
    /// Its letters; nothing where they are not all of ASCII.
    letters: Option<Letters>,
}

/// How often there is each letter, and which there are.
#[derive(Debug)]
struct Letters {
    counts: [u8; 128],
    some: u128,
}

impl<'a> Name<'a> {
    /// Counts its letters, once for all comparisons.
    pub fn new(text: &'a str) -> Self {
        let mut letters = Letters {
            counts: [0; 128],
            some: 0,
        };
        for byte in text.bytes() {
            if let Some(count) = letters.counts.get_mut(usize::from(byte)) {
                *count = count.saturating_add(1);
                letters.some |= 1 << byte;
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
        let Some((ours, theirs)) = self.letters.as_ref().zip(other.letters.as_ref()) else {
            return false;
        };
        if self.text.len().abs_diff(other.text.len()) > most
            || (theirs.some & !ours.some).count_ones() as usize > most
        {
            return true;
        }
        let each = ours.counts.iter().zip(&theirs.counts);
        let missing = each.map(|(ours, theirs)| usize::from(theirs.saturating_sub(*ours)));
        missing.sum::<usize>() > most
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
