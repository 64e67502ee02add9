//! Files of `/proc`: as long as they are when they are read, and given out by the page.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// What most of them fit in, in bytes: the kernel gives out so much at a time.
const PAGE: usize = 4096;

/// What a file says, in as few reads as there are pages, and one that finds its end.
///
/// # Errors
/// What the kernel answers; [`ErrorKind::InvalidData`] where it is not UTF-8.
pub fn text(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(PAGE);
    // Unlike the file itself, this asks for no size, which would be 0.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|why| io::Error::new(ErrorKind::InvalidData, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_files_are_read_whole() {
        let limits = text("/proc/self/limits").unwrap();
        assert_eq!(
            limits,
            std::fs::read_to_string("/proc/self/limits").unwrap()
        );
        let mappings = text("/proc/self/smaps").unwrap();
        assert!(mappings.len() > 2 * PAGE && mappings.ends_with('\n'));
        assert!(text("/proc/nothing").is_err());
    }
}
