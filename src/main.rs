//! The binary: arguments in, exit code out. Everything else is in the rooms.

mod cli;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        // whoever read our output has read enough
        Err(error) if cli::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wardline: {}", cli::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
