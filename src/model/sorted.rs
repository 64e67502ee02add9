//! Sorting, and filling maps and sets, in little code.
//!
//! Each type that `[T]::sort_by` sorts gets a sort of its own, of 4 KB, and so does each map or set that `collect` makes.
//! Here one sort serves all types, and maps and sets are filled one by one.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;

/// Sorts as `[T]::sort_by` does: equal ones stay in their order.
pub fn by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let places = |one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    };
    for (one, other) in swaps(items.len(), &places) {
        items.swap(one, other);
    }
}

/// Sorts as `[T]::sort_by_cached_key` does: equal ones stay in their order, and each key is asked for once.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    let keys: Vec<K> = items.iter().map(key).collect();
    let compare = |one, other| keys.get(one).cmp(&keys.get(other));
    for (one, other) in swaps(keys.len(), &compare) {
        items.swap(one, other);
    }
}

/// A map of all pairs; of those with one key the last counts, as with `collect`.
pub fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}

/// A set of all items.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// Which places to swap, one pair after the other, until all are in order.
fn swaps(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|one, other| compare(*one, *other));
    let mut swaps = Vec::new();
    for start in 0..count {
        let mut here = start;
        // What belongs here is there, and what was here goes there: along the circle, each place once.
        while let Some(place) = order.get_mut(here) {
            let there = mem::replace(place, here);
            if there == start {
                break;
            }
            swaps.push((here, there));
            here = there;
        }
    }
    swaps
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_asked_for_once() {
        let asked = Cell::new(0);
        by_key(&mut [3, 1, 2, 5, 4], |one| {
            asked.set(asked.get() + 1);
            *one
        });
        assert_eq!(asked.get(), 5);
    }

    proptest! {
        #[test]
        fn everything_is_as_std_sorts_and_collects_it(items in prop::collection::vec((0u8..9, any::<u16>()), 0..99)) {
            let mut ours = items.clone();
            let mut theirs = items.clone();
            by_key(&mut ours, |one| one.0);
            theirs.sort_by_key(|one| one.0);
            prop_assert_eq!(&ours, &theirs);
            by_key(&mut ours, |one| std::cmp::Reverse(one.1));
            theirs.sort_by_key(|one| std::cmp::Reverse(one.1));
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(map(items.clone()), items.iter().copied().collect::<BTreeMap<_, _>>());
            prop_assert_eq!(set(items.clone()), items.iter().copied().collect::<BTreeSet<_>>());
        }
    }
}
