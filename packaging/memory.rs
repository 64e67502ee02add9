//! How the static binary copies and compares memory.
//!
//! musl copies with `rep movsq`, which takes some thirty cycles to begin, and compares byte by byte. Nearly all that
//! tcptune copies is shorter than a hundred bytes: a third of the time of a long `apply` went there. What stands here is
//! linked before the C library's, by `packaging/static`; nothing else in the project is unsafe.
//!
//! `rustc --test` makes its tests, which `tests/static/run` runs.

#![cfg_attr(not(test), no_std, no_builtins)]

use core::mem::size_of;

type Word = u64;
/// What one register of SSE2 holds, which each x86-64 has.
type Block = core::arch::x86_64::__m128i;
/// What is copied in one turn.
type Chunk = [Block; 4];

/// Reads the first and the last of `count` bytes, then writes both: they may overlap, and so may the two places.
///
/// # Safety
/// As [`memmove`], and `count` is at least the size of `T` and at most twice that.
#[inline(always)]
unsafe fn ends<T>(to: *mut u8, from: *const u8, count: usize) {
    unsafe {
        let last = count - size_of::<T>();
        let (head, tail) = (
            from.cast::<T>().read_unaligned(),
            from.add(last).cast::<T>().read_unaligned(),
        );
        to.cast::<T>().write_unaligned(head);
        to.add(last).cast::<T>().write_unaligned(tail);
    }
}

/// Copies `count` bytes; the two places may overlap (ISO C, 7.24.2.2).
///
/// # Safety
/// `from` can be read and `to` written for so many bytes.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    unsafe {
        match count {
            0 => {}
            1 => to.write(from.read()),
            2..4 => ends::<u16>(to, from, count),
            4..8 => ends::<u32>(to, from, count),
            8..16 => ends::<Word>(to, from, count),
            16..32 => ends::<Block>(to, from, count),
            32..64 => ends::<[Block; 2]>(to, from, count),
            64..=128 => ends::<Chunk>(to, from, count),
            _ => long(to, from, count),
        }
    }
    to
}

/// The same for more than two chunks.
///
/// # Safety
/// As [`memmove`].
#[cold]
unsafe fn long(to: *mut u8, from: *const u8, count: usize) {
    const STEP: usize = size_of::<Chunk>();
    let last = count - STEP;
    unsafe {
        let head = from.cast::<Chunk>().read_unaligned();
        let tail = from.add(last).cast::<Chunk>().read_unaligned();
        let copy = |at| {
            to.add(at)
                .cast::<Chunk>()
                .write_unaligned(from.add(at).cast::<Chunk>().read_unaligned())
        };
        // Where the target begins within the source, the end has to go first.
        if to.addr().wrapping_sub(from.addr()) >= count {
            let mut at = STEP;
            while at < last {
                copy(at);
                at += STEP;
            }
        } else {
            let mut at = last;
            while at > STEP {
                at -= STEP;
                copy(at);
            }
        }
        to.cast::<Chunk>().write_unaligned(head);
        to.add(last).cast::<Chunk>().write_unaligned(tail);
    }
}

/// Copies `count` bytes from a place to another that does not overlap with it (ISO C, 7.24.2.1).
///
/// # Safety
/// As [`memmove`].
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    unsafe { memmove(to, from, count) }
}

/// Compares `count` bytes as numbers from 0 to 255: less than, equal to or more than 0 (ISO C, 7.24.4.1).
///
/// # Safety
/// Both can be read for so many bytes.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    const STEP: usize = size_of::<Word>();
    unsafe {
        let word = |of: *const u8, at| Word::from_be(of.add(at).cast::<Word>().read_unaligned());
        let mut at = 0;
        while at < count {
            let (a, b) = if count < STEP {
                (one.add(at).read().into(), other.add(at).read().into())
            } else {
                // Of the last word, the first bytes may be known to be equal.
                at = at.min(count - STEP);
                (word(one, at), word(other, at))
            };
            if a != b {
                return if a < b { -1 } else { 1 };
            }
            at += if count < STEP { 1 } else { STEP };
        }
    }
    0
}

/// Whether `count` bytes differ: not 0 if so. LLVM calls it where no order is asked for.
///
/// # Safety
/// As [`memcmp`].
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
    unsafe { memcmp(one, other, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every length around each case, at each alignment, and every distance at which the two places may overlap.
    const LENGTHS: [usize; 24] = [
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 192, 193, 500,
    ];

    fn bytes() -> Vec<u8> {
        (0..1500_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect()
    }

    #[test]
    fn what_is_moved_is_what_was_there_and_nothing_beside_it_changes() {
        for count in LENGTHS {
            for (from, to) in (0..17).flat_map(|one| (0..600).map(move |other| (one, other))) {
                for (from, to) in [(from, to), (to, from)] {
                    let (mut ours, mut wanted) = (bytes(), bytes());
                    let start = ours.as_mut_ptr();
                    let end = unsafe { memmove(start.add(to), start.add(from), count) };
                    assert_eq!(end, unsafe { start.add(to) });
                    wanted.copy_within(from..from + count, to);
                    assert!(ours == wanted, "{count} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn the_order_is_that_of_bytes() {
        for count in LENGTHS {
            let one = bytes();
            for at in 0..count {
                for (a, b) in [(0_u8, 255), (127, 128), (1, 0), (200, 199)] {
                    let (mut one, mut other) = (one.clone(), one.clone());
                    (one[at], other[at]) = (a, b);
                    // What comes later does not matter.
                    other[at + 1..].reverse();
                    let told = unsafe { memcmp(one.as_ptr(), other.as_ptr(), count) };
                    assert_eq!(told.cmp(&0), a.cmp(&b), "byte {at} of {count}");
                }
            }
            assert_eq!(
                unsafe { memcmp(one.as_ptr(), one.clone().as_ptr(), count) },
                0
            );
        }
    }
}
