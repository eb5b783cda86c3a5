//! Start and stop of a node.

use crate::{
    api::{body::BodyRoom, router::router, server, sessions::Sessions},
    application::{ApplicationSettings, ChainApplication, OpenError},
    audit,
    branch::{Branch, RunningChain},
    mirror::{self, Mirror},
    secrets::SecretsError,
    settings::NodeSettings,
    verified::Verified,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use wardline_consensus::{Application, ChainConfig, Engine};
use wardline_crypto::{OsEntropy, SigningKey, array};
use wardline_ledger::{BranchId, Canonical, Chain, Genesis, GenesisError, TreeError, body_matches, state};
use wardline_store::{ChainStore, SWAP_MARK, StoreError, Vault};
use wardline_wire::AuditEntry;

/// The name of networks for trying things out. Their keys lie open, so that nothing real may ever run on them.
pub const DEMO: &str = "DEMO";

/// Participants that may join while the node runs.
const PEERS_TO_COME: usize = 4;

/// The chains' files in a node's directory.
pub(crate) const CHAIN_FILES: [(Chain, &str); 2] =
    [(Chain::Main, "main.sqlite"), (Chain::Side, "side.sqlite")];

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The genesis document cannot stand.
    #[error("the genesis document is not valid: {0}")]
    Genesis(#[from] GenesisError),
    /// A demonstration network outside of a demonstration.
    #[error("the network is called `{DEMO}`: its keys are no secret, so it runs under `wardline demo` alone")]
    Demo,
    /// The branch is not in the genesis document or the registry.
    #[error("branch `{0}` is not a participant of this network")]
    NotAParticipant(BranchId),
    /// The directory is another branch's.
    #[error(
        "`{}` holds branch `{other}`'s data, and this node is branch `{branch}`: a branch that runs on another's data \
         has lost its own votes and could help to fork the chain; put every directory back to its own branch",
        directory.display()
    )]
    OtherBranch {
        /// Which directory.
        directory: PathBuf,
        /// This node's branch.
        branch: BranchId,
        /// Whose requests its audit log holds.
        other: BranchId,
    },
    /// The keys are not those of the registry.
    #[error(
        "the {what} of branch `{branch}` is not the one in the registry: wrong key file, or the keys were changed"
    )]
    OtherKeys {
        /// Which branch.
        branch: BranchId,
        /// Which key.
        what: &'static str,
    },
    /// A trusted branch needs an address for its side chain.
    #[error("branch `{0}` is on the side chain and needs an address to listen on for it")]
    NoSideAddress(BranchId),
    /// The keys cannot be used.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The directory cannot be made or made private.
    #[error("cannot use the directory `{}`: {source}", directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its files were about to be swapped.
    #[error("a repair of `{}` was interrupted while files changed places: run `wardline repair` again", .0.display())]
    Repairing(PathBuf),
    /// A store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A chain does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] wardline_consensus::Error),
    /// The API's address cannot be listened on.
    #[error("cannot listen on `{address}` for the API: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The TLS library refuses the branch's key.
    #[error("the API's TLS cannot be set up: {0}")]
    Tls(String),
    /// The start was interrupted.
    #[error("the start was interrupted")]
    Interrupted,
}

/// A running node. Dropping it stops it abruptly; [`Node::stop`] lets requests finish.
pub struct Node {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    tasks: Vec<JoinHandle<()>>,
    engine: Option<Engine>,
    pub(crate) branch: Arc<Branch>,
}

/// What is opened where blocking is allowed.
struct Opened {
    branch: Branch,
    engine: Engine,
    carried: Option<(wardline_consensus::Chain, mpsc::UnboundedReceiver<Vec<u8>>)>,
    tls: TlsAcceptor,
}

impl Node {
    /// Opens the stores, joins the chains' networks and serves the API. Answers as soon as requests can be made;
    /// the chains go on catching up.
    ///
    /// Needs a tokio runtime with time and network.
    ///
    /// # Errors
    /// The first thing that is amiss; nothing runs then.
    pub async fn start(settings: NodeSettings) -> Result<Self, StartError> {
        settings.genesis.check()?;
        if settings.genesis.name == DEMO && !settings.allow_demo {
            return Err(StartError::Demo);
        }
        let (api_listen, limits) = (settings.api_listen, settings.limits);
        let listener = TcpListener::bind(api_listen)
            .await
            .map_err(|source| StartError::Listen { address: api_listen, source })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address: api_listen, source })?;
        let (stop, stopping) = watch::channel(false);
        let told = stopping.clone();
        let opened = tokio::task::spawn_blocking(move || open(settings, told)).await;
        let Opened { branch, engine, carried, tls } = opened.map_err(|_| StartError::Interrupted)??;

        let branch = Arc::new(branch);
        let mut tasks = vec![tokio::spawn(audit::publish(Arc::clone(&branch), stopping.clone()))];
        tasks.extend(carried.map(|(side, carried)| tokio::spawn(mirror::run(side, carried))));
        let server =
            tokio::spawn(server::serve(listener, tls, router(Arc::clone(&branch)), limits, stopping));
        tracing::info!(branch = %branch.id, %address, "the branch's API is served");
        Ok(Self { address, stop, server, tasks, engine: Some(engine), branch })
    }

    /// Where the API is served.
    pub fn api_address(&self) -> SocketAddr {
        self.address
    }

    /// Applied heights of the main and, at trusted branches, of the side chain.
    pub fn heights(&self) -> (u64, Option<u64>) {
        (
            self.branch.main.application.height(),
            self.branch.side.as_ref().map(|side| side.application.height()),
        )
    }

    /// Stops accepting, lets running requests finish for two seconds, stops the engine and closes the stores. The
    /// same directory can be started again when this returns.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        // The server ends its connections by itself, within its limits.
        let _ = (&mut self.server).await;
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
        if let Some(engine) = self.engine.take() {
            let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
        }
        let branch = Arc::clone(&self.branch);
        drop(self);
        // Closing the stores waits for the disk.
        let _ = tokio::task::spawn_blocking(move || drop(branch)).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn open(settings: NodeSettings, stopping: watch::Receiver<bool>) -> Result<Opened, StartError> {
    let NodeSettings { genesis, branch: id, directory, secrets, .. } = settings;
    private_directory(&directory)?;
    if directory.join(SWAP_MARK).exists() {
        return Err(StartError::Repairing(directory));
    }
    let main_store = Arc::new(ChainStore::open(directory.join("main.sqlite"))?);
    // As the registry has it by now; a new store knows the genesis document alone.
    let known = state::participant(&*main_store, id).map_err(TreeError::from).map_err(OpenError::from)?;
    let in_genesis = || genesis.participants.iter().find(|participant| participant.id == id).cloned();
    let participant = known.or_else(in_genesis).ok_or(StartError::NotAParticipant(id))?;
    if let Some(what) = secrets.differs_from(&participant)? {
        return Err(StartError::OtherKeys { branch: id, what });
    }
    let tls = tls(&secrets, &participant.api)?;
    let peers = most_peers(&main_store, &genesis)?;

    let signing = Arc::new(secrets.signing);
    let verified = Arc::<Verified>::default();
    let chain_settings = |chain, mirror| ApplicationSettings {
        chain,
        branch: id,
        signing: Arc::clone(&signing),
        clock: Arc::clone(&settings.clock),
        addresses: settings.addresses.clone(),
        mirror,
        verified: Arc::clone(&verified),
    };
    let vault = Vault::open(directory.join("vault.sqlite"))?;
    if let Some(other) = asked_branch(&vault)?.filter(|other| *other != id) {
        return Err(StartError::OtherBranch { directory, branch: id, other });
    }
    let engine = Engine::start(directory.join("engine"), 1)?;
    let join = |chain: Chain, key: &SigningKey, listen, application: Arc<ChainApplication>| {
        let namespace = genesis.namespace(chain);
        let mut config = ChainConfig::new(chain.name(), namespace, *key.seed(), listen, body_matches);
        config.tip_interval = settings.tip_interval;
        config.limits.peers = peers;
        engine.open(config, application as Arc<dyn Application>)
    };

    let (side, mirror, carried) = match &secrets.side_validator {
        None => (None, Mirror::None, None),
        Some(key) => {
            let listen = settings.side_listen.ok_or(StartError::NoSideAddress(id))?;
            let store = Arc::new(ChainStore::open(directory.join("side.sqlite"))?);
            let from = Mirror::From { main: Arc::clone(&main_store) };
            let application =
                Arc::new(ChainApplication::open(store, &genesis, chain_settings(Chain::Side, from))?);
            let joined = join(Chain::Side, key, listen, Arc::clone(&application))?;
            let (wake, carried) = mpsc::unbounded_channel();
            let to = Mirror::To { side: Arc::clone(&application), wake };
            (Some(RunningChain { application, engine: joined.clone() }), to, Some((joined, carried)))
        }
    };
    let application =
        Arc::new(ChainApplication::open(main_store, &genesis, chain_settings(Chain::Main, mirror))?);
    let joined = join(Chain::Main, &secrets.main_validator, settings.main_listen, Arc::clone(&application))?;

    let branch = Branch {
        network: genesis.network(),
        id,
        name: participant.name.clone(),
        boot: array(&mut OsEntropy),
        genesis: genesis.encode(),
        main: RunningChain { application, engine: joined },
        side,
        vault,
        signing: Arc::clone(&signing),
        wrap: secrets.wrap,
        search: secrets.search,
        clock: Arc::clone(&settings.clock),
        limits: settings.limits,
        sessions: Sessions::default(),
        verified,
        stopping,
        damaged: AtomicBool::new(false),
        bodies: BodyRoom::new(&settings.limits),
    };
    Ok(Opened { branch, engine, carried, tls })
}

/// Queues are allocated for every peer there may be, so no more than the network can need: those of the registry by
/// now and some that may join. Before the first start the genesis document is all there is.
pub(crate) fn most_peers(main: &ChainStore, genesis: &Genesis) -> Result<usize, OpenError> {
    let registered = match main.applied()? {
        Some(_) => state::participants(main).map_err(TreeError::from)?.len(),
        None => genesis.participants.len(),
    };
    Ok(registered + PEERS_TO_COME)
}

/// The branch that the newest request in an audit log was signed for: whose log it is.
fn asked_branch(vault: &Vault) -> Result<Option<BranchId>, StoreError> {
    let (size, _) = vault.audit_root()?;
    let newest = vault.audit(size.saturating_sub(1), 1)?.pop();
    let entry = newest.and_then(|(_, bytes)| AuditEntry::decode(&bytes).ok());
    // The line begins with the network and the branch that is asked.
    let branch =
        entry.and_then(|entry| Some(u16::from_be_bytes(entry.request_line.get(32..34)?.try_into().ok()?)));
    Ok(branch.map(BranchId))
}

/// Makes the directory, readable to its owner only.
fn private_directory(directory: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Directory { directory: directory.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(failed)
}

/// TLS 1.3 with the branch's key. Consoles pin the key, so the certificate only carries it.
fn tls(secrets: &crate::BranchSecrets, api: &str) -> Result<TlsAcceptor, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Tls(error.to_string());
    let key = secrets.tls_key_pair()?;
    let host = api.trim_start_matches("https://").rsplit_once(':').map_or("branch", |(host, _)| host);
    let certificate = rcgen::CertificateParams::new(vec![host.to_owned()])
        .and_then(|parameters| parameters.self_signed(&key))
        .map_err(|error| failed(&error))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(secrets.tls.expose().to_vec()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
