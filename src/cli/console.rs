//! `wardline console`.

use super::{Result, access};
use clap::Args;
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use wardline_client::SystemClock;
use wardline_console::{StaffChoice, Start};

/// Minutes without a key after which the console locks itself.
const IDLE_LOCK_MINUTES: u64 = 5;

#[derive(Debug, Args)]
pub struct Options {
    /// console.toml of the group
    #[arg(long, env = "WARDLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Key files to choose from (may be given several times)
    #[arg(long, env = "WARDLINE_KEY", value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Lock after this many minutes without a key
    #[arg(long, default_value_t = IDLE_LOCK_MINUTES, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "MINUTES")]
    lock_after: u64,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let settings = access::settings(options.config.as_deref())?;
    let genesis = settings.read_genesis()?;
    let staff_files = options.key.into_iter().map(staff_choice).collect::<Result<_>>()?;
    let start = Start {
        settings,
        genesis,
        staff_files,
        passphrase_hint: None,
        prefilled_passphrase: None,
        idle_lock_s: options.lock_after * 60,
        clock: Arc::new(SystemClock),
    };
    super::runtime()?.block_on(wardline_console::run(start))?;
    Ok(ExitCode::SUCCESS)
}

/// A line of the unlock screen's list: who the key file belongs to, read from its public part.
pub fn staff_choice(path: PathBuf) -> Result<StaffChoice> {
    let public = wardline_client::read_staff_file(&access::read(&path)?)
        .map_err(|error| format!("{} is not a staff key file: {error}", path.display()))?;
    Ok(StaffChoice { label: format!("{} ({})", public.name, public.roles), path })
}
