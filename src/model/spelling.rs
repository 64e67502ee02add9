//! How far one name is from another: who misspells a name wants to hear of the one that was meant.

/// The number of letters to change, add, drop or exchange with the next one, if there are at most so many. Names that
/// are further apart show it in the letters that they have, long before they are compared.
pub fn distance(one: &str, other: &str, most: usize) -> Option<usize> {
    let ascii = one.is_ascii() && other.is_ascii();
    if ascii && (one.len().abs_diff(other.len()) > most || letters_apart(one, other) > most) {
        return None;
    }
    Some(strsim::damerau_levenshtein(one, other)).filter(|distance| *distance <= most)
}

/// Letters that one name has and the other lacks: each needs a step of its own, wherever they stand.
fn letters_apart(one: &str, other: &str) -> usize {
    let mut unmatched = [0_u8; 256];
    for byte in one.bytes() {
        if let Some(count) = unmatched.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let mut shared = 0;
    for byte in other.bytes() {
        if let Some(count) = unmatched
            .get_mut(usize::from(byte))
            .filter(|count| **count > 0)
        {
            *count -= 1;
            shared += 1;
        }
    }
    one.len().max(other.len()) - shared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_near_is_missed(one in "[abcö_]{0,9}", other in "[abcö_]{0,9}", most in 0_usize..4) {
            let distance = strsim::damerau_levenshtein(&one, &other);
            prop_assert_eq!(super::distance(&one, &other, most), Some(distance).filter(|far| *far <= most));
        }
    }
}
