//! tcptune: see the library for the map.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tcptune::cli::run(std::env::args_os()).code())
}
