//! `wardline console`.

use super::{Result, access};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use wardline_client::SystemClock;
use wardline_console::{StaffChoice, Start};

/// Minutes without a key after which the console locks itself.
const IDLE_LOCK_MINUTES: u64 = 5;

#[derive(Debug, Args)]
pub struct Options {
    /// console.toml of the group
    #[arg(long, env = "WARDLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Key files to choose from (may be given several times; else those beside console.toml)
    #[arg(long, env = "WARDLINE_KEY", value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Lock after this many minutes without a key
    #[arg(long, default_value_t = IDLE_LOCK_MINUTES, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "MINUTES")]
    lock_after: u64,
    /// Do not ring the terminal's bell when an alarm is raised
    #[arg(long, env = "WARDLINE_NO_BELL", value_parser = clap::builder::FalseyValueParser::new())]
    no_bell: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let config = access::settings_path(options.config.as_deref())?;
    let settings = access::settings(Some(&config))?;
    let genesis = settings.read_genesis()?;
    let keys = if options.key.is_empty() { keys_beside(&config)? } else { options.key };
    let staff_files = keys.into_iter().map(staff_choice).collect::<Result<_>>()?;
    let start = Start {
        settings,
        genesis,
        staff_files,
        passphrase_hint: None,
        prefilled_passphrase: None,
        idle_lock_s: options.lock_after * 60,
        bell: !options.no_bell,
        clock: Arc::new(SystemClock),
    };
    super::runtime()?.block_on(wardline_console::run(start))?;
    Ok(ExitCode::SUCCESS)
}

/// The key files beside console.toml and in the folder `staff` there.
fn keys_beside(config: &Path) -> Result<Vec<PathBuf>> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let mut keys = Vec::new();
    for folder in [folder.to_path_buf(), folder.join("staff")] {
        // a folder that is not there, or not for us, has nothing to offer
        let entries = fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder });
        let paths = entries.into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()));
        keys.extend(paths.filter(|path| path.extension().is_some_and(|ending| ending == "key")));
    }
    keys.sort();
    if keys.is_empty() {
        return Err(format!(
            "no key file given and none beside {}: pass --key FILE or set WARDLINE_KEY to your key file",
            config.display()
        )
        .into());
    }
    Ok(keys)
}

/// A line of the unlock screen's list: who the key file belongs to, read from its public part.
pub fn staff_choice(path: PathBuf) -> Result<StaffChoice> {
    let public = wardline_client::read_staff_file(&access::read(&path)?)
        .map_err(|error| format!("{} is not a staff key file: {error}", path.display()))?;
    Ok(StaffChoice { label: format!("{} ({})", public.name, public.roles), path })
}
