//! The binary: arguments in, exit code out. Everything else is in the rooms.

mod cli;

use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};
use wardline_record::sanitise;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        // whoever read our output has read enough
        Err(error) if cli::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // nobody may be left to tell, as after a closed terminal
            let _ = writeln!(std::io::stderr(), "wardline: {}", sanitise::line(&cli::chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}
