//! tcptune: see the library for the map.

use std::process::ExitCode;

/// That of musl is slow, and the static binary is for those who do not wait.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    ExitCode::from(tcptune::cli::run(std::env::args_os()).code())
}
