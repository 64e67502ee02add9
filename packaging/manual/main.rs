//! Writes the manual into a directory: `cargo run --example manual -- DIR`.

mod formats;
mod pages;
mod roff;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    for page in pages::all() {
        std::fs::write(directory.join(&page.file), page.text)?;
    }
    Ok(())
}
