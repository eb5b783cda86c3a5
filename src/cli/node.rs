//! `wardline node`: one branch as a process of its own, until SIGTERM.

use super::{Result, access};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
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
}

/// node.toml: paths are relative to the file.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerFile {
    pub main: SocketAddr,
    pub side: Option<SocketAddr>,
}

pub fn run(options: Options) -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,wardline=info".into()),
        )
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let settings = settings(&options.config, false)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let node = Node::start(settings).await?;
        eprintln!("wardline: answering at https://{}", node.api_address());
        terminated().await?;
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
