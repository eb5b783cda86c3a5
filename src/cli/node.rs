//! `wardline node`: one branch as a process of its own, until SIGTERM.

use super::{Result, access, demo::lock, memory};
use clap::Args;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wardline_ledger::{BranchId, Canonical as _, Genesis};
use wardline_node::{BranchSecrets, Node, NodeSettings, PeerAddresses};

#[derive(Debug, Args)]
pub struct Options {
    /// node.toml of the branch
    #[arg(long, env = "WARDLINE_NODE_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Run a demo's branch, until the demo that holds this lock ends
    #[arg(long, value_name = "LOCK", hide = true)]
    of_demo: Option<PathBuf>,
}

/// node.toml: paths are relative to the file.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    pub genesis: PathBuf,
    pub branch: u16,
    pub directory: PathBuf,
    pub secrets: PathBuf,
    pub passphrase_file: PathBuf,
    pub api_listen: SocketAddr,
    pub main_listen: SocketAddr,
    pub side_listen: Option<SocketAddr>,
    /// Where peers are, when it is not where the registry says.
    #[serde(default)]
    pub addresses: BTreeMap<String, PeerFile>,
}

/// One peer's engine addresses.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerFile {
    pub main: SocketAddr,
    pub side: Option<SocketAddr>,
}

impl NodeFile {
    /// The file's text, commented.
    pub fn to_text(&self) -> String {
        let quoted = |path: &Path| toml::Value::from(path.display().to_string()).to_string();
        let mut out = format!(
            "# One branch's node. Paths are relative to this file. Start it with: wardline node --config node.toml\n\
             \n\
             # The network's genesis document: its SHA-256 is the network's identity.\n\
             genesis = {}\n\
             # This branch's number in the registry.\n\
             branch = {}\n\
             # Chains, records and audit log. Made with mode 0700; one process at a time. Its folder `engine` must\n\
             # never come from a backup.\n\
             directory = {}\n\
             # The branch's keys, sealed with a passphrase. Keep the passphrase on another disk than the data.\n\
             secrets = {}\n\
             passphrase_file = {}\n\
             # HTTPS for consoles.\n\
             api_listen = \"{}\"\n\
             # The engine's own encrypted network, one port a chain. A research participant has no side chain.\n\
             main_listen = \"{}\"\n",
            quoted(&self.genesis),
            self.branch,
            quoted(&self.directory),
            quoted(&self.secrets),
            quoted(&self.passphrase_file),
            self.api_listen,
            self.main_listen,
        );
        if let Some(side) = self.side_listen {
            out.push_str(&format!("side_listen = \"{side}\"\n"));
        }
        out.push_str("\n# Where a peer is, when it is not where the registry says.\n");
        if self.addresses.is_empty() {
            out.push_str("# [addresses.2]\n# main = \"10.2.0.10:7444\"\n# side = \"10.2.0.10:7445\"\n");
        }
        for (branch, peer) in &self.addresses {
            out.push_str(&format!("[addresses.{branch}]\nmain = \"{}\"\n", peer.main));
            if let Some(side) = peer.side {
                out.push_str(&format!("side = \"{side}\"\n"));
            }
        }
        out
    }
}

pub fn run(options: Options) -> Result<ExitCode> {
    memory::share();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,wardline=info".into()),
        )
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let demo = options.of_demo.as_deref().map(lock::held).transpose()?;
    let settings = settings(&options.config, demo.is_some())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let node = Node::start(settings).await?;
        // whoever started us may wait for this line, or not be there any more
        let _ = writeln!(std::io::stdout(), "wardline: answering at https://{}", node.api_address());
        let _until_stopped = match demo {
            None => terminated().await.map(|()| None)?,
            Some(demo) => tokio::select! {
                ended = terminated() => ended.map(|()| None)?,
                lock = lock::released(demo) => lock,
            },
        };
        node.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Reads node.toml and what it points to.
pub fn settings(path: &Path, allow_demo: bool) -> Result<NodeSettings> {
    let text = access::read(path)?;
    let file: NodeFile = toml::from_str(&text)
        .map_err(|error| format!("{}: {}", path.display(), error.to_string().trim_end()))?;
    let base = path.parent().unwrap_or(Path::new("."));
    let genesis_path = base.join(&file.genesis);
    let bytes = fs::read(&genesis_path)
        .map_err(|error| format!("cannot read the genesis file {}: {error}", genesis_path.display()))?;
    let genesis = Genesis::decode(&bytes)
        .map_err(|error| format!("{} is not a genesis file: {error}", genesis_path.display()))?;
    let passphrase = access::passphrase(Some(&base.join(&file.passphrase_file)))?;
    let secrets = BranchSecrets::open(&access::read(&base.join(&file.secrets))?, &passphrase)?;
    let mut addresses = BTreeMap::new();
    for (branch, peer) in file.addresses {
        let id: u16 = branch
            .parse()
            .map_err(|_| format!("{}: [addresses.{branch}]: expected a branch number", path.display()))?;
        addresses.insert(BranchId(id), PeerAddresses { main: peer.main, side: peer.side });
    }
    let mut settings = NodeSettings::new(
        genesis,
        BranchId(file.branch),
        base.join(file.directory),
        secrets,
        file.api_listen,
        file.main_listen,
        file.side_listen,
    );
    settings.addresses = addresses;
    settings.allow_demo = allow_demo;
    Ok(settings)
}

/// Returns on SIGTERM or SIGINT.
pub async fn terminated() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../config/node.toml");

    #[test]
    fn the_example_is_what_init_writes() {
        let example: NodeFile = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example.to_text(), EXAMPLE);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let address = |port| SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], port));
        let mut file = NodeFile {
            genesis: "a \"genesis\".bin".into(),
            branch: 7,
            directory: "data".into(),
            secrets: "branch.key".into(),
            passphrase_file: "/run/credentials/passphrase".into(),
            api_listen: address(1),
            main_listen: address(2),
            side_listen: None,
            addresses: BTreeMap::new(),
        };
        assert_eq!(toml::from_str::<NodeFile>(&file.to_text()).unwrap(), file);
        file.side_listen = Some(address(3));
        file.addresses.insert("2".into(), PeerFile { main: address(4), side: Some(address(5)) });
        file.addresses.insert("5".into(), PeerFile { main: address(6), side: None });
        assert_eq!(toml::from_str::<NodeFile>(&file.to_text()).unwrap(), file);
    }
}
