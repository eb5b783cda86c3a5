//! `wardline screenshots DIR`: every screen as SVG.

use super::Result;
use clap::Args;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub struct Options {
    /// Folder to write to
    directory: PathBuf,
}

pub fn run(options: Options) -> Result<ExitCode> {
    fs::create_dir_all(&options.directory)?;
    for name in wardline_console::screenshot_names() {
        let path = options.directory.join(format!("{name}.svg"));
        fs::write(&path, wardline_console::screenshot(name))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
