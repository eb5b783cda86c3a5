//! The binary: arguments in, exit code out. Everything else is in the rooms.

mod cli;

use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        // whoever read our output has read enough
        Err(error) if cli::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // nobody may be left to tell, as after a closed terminal
            let _ = writeln!(std::io::stderr(), "wardline: {}", cli::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
