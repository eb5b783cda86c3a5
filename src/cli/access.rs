//! What every command that talks to the branches needs: configuration, key file, passphrase.

use super::Result;
use clap::Args;
use std::{
    fs,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use wardline_client::{Clock as _, Group, Settings, SystemClock};
use wardline_crypto::{OsEntropy, SecretBytes};
use wardline_ledger::Genesis;

/// Options of every command that signs as a person.
#[derive(Debug, Args)]
pub struct Access {
    /// console.toml of the group
    #[arg(long, env = "WARDLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Your key file
    #[arg(long, env = "WARDLINE_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// File whose first line is the passphrase (else WARDLINE_PASSPHRASE, else a prompt)
    #[arg(long, env = "WARDLINE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Access {
    /// Unlocks the key file and opens the group; no network traffic yet.
    pub fn open(&self) -> Result<Group> {
        let settings = settings(self.config.as_deref())?;
        let genesis = settings.read_genesis()?;
        let key = self
            .key
            .as_deref()
            .ok_or("no key file given: pass --key FILE or set WARDLINE_KEY to your key file")?;
        let text = read(key)?;
        // a wrong file should be told before a passphrase is asked for
        wardline_client::read_staff_file(&text)
            .map_err(|error| format!("{} is not a staff key file: {error}", key.display()))?;
        let passphrase = passphrase(self.passphrase_file.as_deref())?;
        let clock = Arc::new(SystemClock);
        let length_s = wardline_client::session_length_s(&settings, &genesis)?;
        let now_s = clock.now_s();
        let session = wardline_client::unlock(&text, &passphrase, now_s, length_s, &mut OsEntropy)?;
        Ok(Group::open(settings, genesis, session, clock)?)
    }
}

impl Access {
    /// The genesis document that the configuration pins; neither key file nor network is needed for it.
    pub fn genesis(&self) -> Result<Genesis> {
        Ok(settings(self.config.as_deref())?.read_genesis()?)
    }
}

/// Reads console.toml from where it was said to be, else from the user's configuration folder.
pub fn settings(path: Option<&Path>) -> Result<Settings> {
    let settings = Settings::load(&settings_path(path)?)?;
    let memory = settings.memory.or_else(home_memory);
    Ok(Settings { memory, ..settings })
}

/// Where this person's consoles remember what they verified when console.toml does not say: with the person, not with
/// the group's files.
fn home_memory() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "wardline")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("verified"))
}

/// Where console.toml is.
pub fn settings_path(path: Option<&Path>) -> Result<PathBuf> {
    match path {
        Some(path) => Ok(path.to_path_buf()),
        None => Ok(directories::ProjectDirs::from("", "", "wardline")
            .map(|dirs| dirs.config_dir().join("console.toml"))
            .filter(|path| path.exists())
            .ok_or("no configuration given: pass --config FILE or set WARDLINE_CONFIG to the group's console.toml")?),
    }
}

/// A passphrase from a file, the environment or a prompt; never from an argument.
pub fn passphrase(file: Option<&Path>) -> Result<SecretBytes> {
    if let Some(file) = file {
        let text = SecretBytes::new(
            fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        );
        let line = text.expose().split(|byte| *byte == b'\n').next().unwrap_or_default();
        return Ok(SecretBytes::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()));
    }
    if let Ok(text) = std::env::var("WARDLINE_PASSPHRASE") {
        return Ok(SecretBytes::new(text.into_bytes()));
    }
    if !std::io::stdin().is_terminal() {
        return Err("no passphrase: there is no terminal to ask at; pass --passphrase-file FILE or set WARDLINE_PASSPHRASE".into());
    }
    Ok(SecretBytes::new(rpassword::prompt_password("Passphrase: ")?.into_bytes()))
}

/// Reads a text file, naming it when that fails.
pub fn read(path: &Path) -> Result<String> {
    Ok(fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?)
}
