//! Any bytes as the program of somebody's process: whether the Go toolchain made it is found in its headers, without a panic
//! and without more memory than they may take, as a reader finds it who only follows the table of sections.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tcptune::host::owners::is_go;

fuzz_target!(|bytes: &[u8]| {
    let told = is_go(Cursor::new(bytes));
    if let (Ok(told), Some(by_hand)) = (told, by_hand(bytes)) {
        assert_eq!(told, by_hand);
    }
});

/// By elf(5); nothing where a number leads out of the file, or is one of those that stand for another.
fn by_hand(bytes: &[u8]) -> Option<bool> {
    let little = bytes.get(5)? == &1;
    let number = |place: usize, length: usize| {
        let bytes = bytes.get(place..place.checked_add(length)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        let sum = if little {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        };
        usize::try_from(sum).ok()
    };
    let (table, each, count) = (number(40, 8)?, number(58, 2)?, number(60, 2)?);
    let names = number(62, 2).filter(|names| *names < count && each == 64)?;
    let header = |index: usize, field: usize| table.checked_add(index * each + field);
    // Only a table of strings (SHT_STRTAB) has bytes for names.
    number(header(names, 4)?, 4).filter(|kind| *kind == 3)?;
    let (start, size) = (
        number(header(names, 24)?, 8)?,
        number(header(names, 32)?, 8)?,
    );
    let names = bytes.get(start..start.checked_add(size)?)?;
    if !(1..=512).contains(&count) || size > 64 * 1024 {
        return Some(false);
    }
    let mut found = false;
    for index in 0..count {
        let name = names.get(number(header(index, 0)?, 4)?..)?;
        found |= name.starts_with(b".go.buildinfo\0");
    }
    Some(found)
}
