//! `console.toml`: which network, where its genesis and the verified checkpoints lie, how long to wait.
//!
//! It must not know any secret: key files and passphrases are given by the caller.

use serde::Deserialize;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Genesis};

/// Longest time that one request to one branch may take, when the file says nothing: milliseconds.
pub const DEADLINE_MS: u64 = 3000;

/// What the console needs to know before it asks anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The network's name, for people.
    pub network_name: String,
    /// The network's identity: SHA-256 of the genesis document. Nothing of another network is accepted.
    pub network: Digest,
    /// The genesis document.
    pub genesis: PathBuf,
    /// Folder in which verified checkpoints are kept.
    pub state: PathBuf,
    /// Folder in which this person's consoles remember how far every network was verified, so that a checkpoint that
    /// was put back is noticed; nothing is remembered without one.
    pub memory: Option<PathBuf>,
    /// Addresses by branch number, where they differ from the registry's.
    pub urls: BTreeMap<u16, String>,
    /// Longest time that one request to one branch may take, milliseconds: 100 to 60000.
    pub deadline_ms: u64,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("settings `{path}` cannot be read: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's word.
        cause: io::Error,
    },
    /// The file cannot be written.
    #[error("settings `{path}` cannot be written: {cause}")]
    Unwritable {
        /// The file.
        path: String,
        /// The system's word.
        cause: io::Error,
    },
    /// A line is wrong.
    #[error("settings `{path}`, line {line}: {what}")]
    Line {
        /// The file.
        path: String,
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The genesis document cannot be read.
    #[error("genesis `{path}` cannot be read: {cause}")]
    GenesisUnreadable {
        /// The file.
        path: String,
        /// The system's word.
        cause: io::Error,
    },
    /// The genesis document is no genesis.
    #[error("genesis `{path}` is not a genesis document: {what}")]
    GenesisMalformed {
        /// The file.
        path: String,
        /// The first thing that is wrong.
        what: String,
    },
    /// The genesis document is another network's.
    #[error(
        "genesis `{path}` is of network `{found}`, the settings say `{wanted}`: use this network's document"
    )]
    GenesisOtherNetwork {
        /// The file.
        path: String,
        /// The document's network, short.
        found: String,
        /// The settings' network, short.
        wanted: String,
    },
}

/// The file as it is written; positions are kept for the errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    network_name: toml::Spanned<String>,
    network: toml::Spanned<String>,
    genesis: PathBuf,
    state: PathBuf,
    memory: Option<PathBuf>,
    deadline_ms: Option<toml::Spanned<u64>>,
    #[serde(default)]
    urls: BTreeMap<toml::Spanned<String>, toml::Spanned<String>>,
}

impl Settings {
    /// Reads the file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// The first line that is wrong, with its number.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|cause| SettingsError::Unreadable { path: name.clone(), cause })?;
        let settings = Self::parse(&text, &name)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self {
            genesis: folder.join(&settings.genesis),
            state: folder.join(&settings.state),
            memory: settings.memory.as_ref().map(|memory| folder.join(memory)),
            ..settings
        })
    }

    /// Reads the file's text; `name` is for the errors, and paths stay as written.
    ///
    /// # Errors
    /// The first line that is wrong, with its number.
    pub fn parse(text: &str, name: &str) -> Result<Self, SettingsError> {
        let wrong = |at: usize, what: String| SettingsError::Line {
            path: name.to_owned(),
            line: line_of(text, at),
            what,
        };
        let file: File = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;

        let network = file.network.as_ref().parse().map_err(|_| {
            wrong(file.network.span().start, "`network` must be 64 lower-case hexadecimal digits".to_owned())
        })?;
        if file.network_name.as_ref().trim().is_empty() {
            return Err(wrong(file.network_name.span().start, "`network_name` must not be empty".to_owned()));
        }
        let deadline_ms = match file.deadline_ms {
            None => DEADLINE_MS,
            Some(given) if (100..=60_000).contains(given.as_ref()) => given.into_inner(),
            Some(given) => {
                return Err(wrong(given.span().start, "`deadline_ms` must be 100 to 60000".to_owned()));
            }
        };
        let mut urls = BTreeMap::new();
        for (branch, url) in file.urls {
            let id: u16 = branch.as_ref().parse().map_err(|_| {
                wrong(branch.span().start, format!("`{}` is not a branch number", branch.as_ref()))
            })?;
            if !is_https(url.as_ref()) {
                return Err(wrong(
                    url.span().start,
                    format!("`{}` must be like `https://host:port`", url.as_ref()),
                ));
            }
            urls.insert(id, url.into_inner());
        }
        Ok(Self {
            network_name: file.network_name.into_inner(),
            network,
            genesis: file.genesis,
            state: file.state,
            memory: file.memory,
            urls,
            deadline_ms,
        })
    }

    /// Writes the file with its comments, whole or not at all. Paths are written as they are.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SettingsError> {
        crate::trust::write_whole(path, self.to_text().as_bytes())
            .map_err(|cause| SettingsError::Unwritable { path: path.display().to_string(), cause })
    }

    /// The file's text, commented.
    pub fn to_text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut out = format!(
            "# Wardline console: which network, and where things lie. Paths are relative to this file.\n\
             \n\
             # The network's name, for people.\n\
             network_name = {}\n\
             \n\
             # The network's identity: SHA-256 of its genesis document, 64 hexadecimal digits. Compare it with the\n\
             # number that your administrators publish: everything is verified from here.\n\
             network = {}\n\
             \n\
             # The genesis document.\n\
             genesis = {}\n\
             \n\
             # Folder in which the console keeps the checkpoints that it has verified. Each person or terminal its own.\n\
             state = {}\n\
             \n\
             # Folder in which this person's consoles remember how far each network was verified, outside of the folder\n\
             # above: a checkpoint that was put back to an older copy is noticed. Without this line it lies in the home\n\
             # folder.\n\
             {}\n\
             \n\
             # Longest time that one request to one branch may take, milliseconds: 100 to 60000.\n\
             deadline_ms = {}\n\
             \n\
             # Addresses by branch number, where this terminal must use others than the registry's. The branch's key is\n\
             # checked all the same, so that a wrong address can be silent but cannot lie.\n\
             [urls]\n",
            quoted(&self.network_name),
            quoted(&self.network.to_string()),
            quoted(&self.genesis.display().to_string()),
            quoted(&self.state.display().to_string()),
            match &self.memory {
                Some(memory) => format!("memory = {}", quoted(&memory.display().to_string())),
                None => "# memory = \"memory\"".to_owned(),
            },
            self.deadline_ms,
        );
        if self.urls.is_empty() {
            out.push_str("# 2 = \"https://10.0.0.2:7443\"\n");
        }
        for (branch, url) in &self.urls {
            out.push_str(&format!("{branch} = {}\n", quoted(url)));
        }
        out
    }

    /// Reads the genesis document and holds it against the network that the settings name.
    ///
    /// # Errors
    /// When it cannot be read, is malformed, breaks its own rules or is another network's.
    pub fn read_genesis(&self) -> Result<Genesis, SettingsError> {
        let path = self.genesis.display().to_string();
        let bytes = std::fs::read(&self.genesis)
            .map_err(|cause| SettingsError::GenesisUnreadable { path: path.clone(), cause })?;
        let malformed = |what: String| SettingsError::GenesisMalformed { path: path.clone(), what };
        let genesis = Genesis::decode(&bytes).map_err(|error| malformed(error.to_string()))?;
        if genesis.network() != self.network {
            return Err(SettingsError::GenesisOtherNetwork {
                path: path.clone(),
                found: genesis.network().short(),
                wanted: self.network.short(),
            });
        }
        genesis.check().map_err(|error| malformed(error.to_string()))?;
        Ok(genesis)
    }
}

/// An address is scheme, host and port, without a path: routes are appended to it.
pub(crate) fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@']))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../config/console.toml");

    fn settings() -> Settings {
        Settings {
            network_name: "Sunrise \"East\" Hospitals".to_owned(),
            network: Digest::of(b"network"),
            genesis: PathBuf::from("network.genesis"),
            state: PathBuf::from("state"),
            memory: None,
            urls: BTreeMap::from([
                (2, "https://10.0.0.2:7443".to_owned()),
                (11, "https://[::1]:7443".to_owned()),
            ]),
            deadline_ms: 1500,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_with_paths_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        settings().save(&path).unwrap();
        let loaded = Settings::load(&path).unwrap();
        let beside = |name: &str| folder.path().join(name);
        assert_eq!(
            loaded,
            Settings { genesis: beside("network.genesis"), state: beside("state"), ..settings() }
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left over");
    }

    #[test]
    fn the_example_is_what_save_writes() {
        let example = Settings::parse(EXAMPLE, "console.toml").unwrap();
        assert_eq!(example.to_text(), EXAMPLE);
    }

    #[test]
    fn errors_name_file_and_line() {
        let good = settings().to_text();
        assert_eq!(Settings::parse(&good, "f").unwrap(), settings());
        let cases = [
            ("deadline_ms = 1500", "deadline_ms = 99", "deadline_ms"),
            ("deadline_ms = 1500", "deadline_ms = \"soon\"", "invalid type"),
            ("deadline_ms = 1500", "deadlin_ms = 1500", "unknown field"),
            ("2 = ", "two = ", "`two` is not a branch number"),
            ("https://10.0.0.2:7443", "http://10.0.0.2:7443", "must be like"),
            ("https://10.0.0.2:7443", "https://10.0.0.2:7443/v1", "must be like"),
        ];
        for (from, to, message) in cases {
            let text = good.replace(from, to);
            let line = text.lines().position(|line| line.contains(to)).unwrap() + 1;
            let error = Settings::parse(&text, "console.toml").unwrap_err().to_string();
            assert!(error.starts_with(&format!("settings `console.toml`, line {line}: ")), "{error}");
            assert!(error.contains(message), "{error}");
        }
        let short = good.replace(&settings().network.to_string(), "abc");
        assert!(Settings::parse(&short, "f").unwrap_err().to_string().contains("64 lower-case"));
        let missing = good.replace("state = ", "# state = ");
        assert!(Settings::parse(&missing, "f").unwrap_err().to_string().contains("missing field `state`"));
        assert!(matches!(
            Settings::load(Path::new("/nowhere/console.toml")),
            Err(SettingsError::Unreadable { .. })
        ));
    }

    #[test]
    fn the_genesis_must_be_the_networks() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { genesis: folder.path().join("genesis"), ..settings() };
        assert!(matches!(settings.read_genesis(), Err(SettingsError::GenesisUnreadable { .. })));
        std::fs::write(&settings.genesis, b"no genesis").unwrap();
        assert!(matches!(settings.read_genesis(), Err(SettingsError::GenesisMalformed { .. })));

        let genesis = Genesis {
            name: "Empty".to_owned(),
            created_s: 0,
            epoch_length: 512,
            participants: Vec::new(),
            staff: Vec::new(),
            suites_writable: 7,
            policy: Default::default(),
        };
        std::fs::write(&settings.genesis, genesis.encode()).unwrap();
        assert!(matches!(settings.read_genesis(), Err(SettingsError::GenesisOtherNetwork { .. })));
        settings.network = genesis.network();
        let broken = settings.read_genesis();
        assert!(matches!(broken, Err(SettingsError::GenesisMalformed { .. })), "it breaks its own rules");
    }
}
