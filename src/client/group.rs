//! The group: one session and every branch of its network, over two verified chains.
//!
//! This file holds what all questions share; each question is a file of its own.

use crate::{
    alarm::Alarms,
    branch::{Branch, MinHeights, Shared},
    clock::Clock,
    enrol::EnrolDraft,
    error::ClientError,
    keep::{Drafts, RecordDraft},
    overview::{Overview, joined},
    registry::{Registry, Rules},
    session::Session,
    settings::{Settings, is_https},
    standing::Judged,
    trust::{Conflict, Trust},
    watch::Watch,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{Chain, Genesis, LookupId, NetworkId, PatientId};
use wardline_record::Identity;

/// A branch as this console reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchInfo {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Its API.
    pub url: String,
    /// Whether it is on the side chain.
    pub trusted: bool,
    /// Whether it is this session's own branch.
    pub own: bool,
}

/// A session with all branches of its network. Clones share everything; every method may be called concurrently.
#[derive(Clone)]
pub struct Group {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// For what goes on by itself.
    pub(crate) me: Weak<Inner>,
    pub(crate) network: NetworkId,
    /// The folder of everything that this terminal keeps of the network.
    pub(crate) state: PathBuf,
    pub(crate) session: Arc<Session>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Own branch first, then by number.
    pub(crate) branches: Vec<Arc<Branch>>,
    pub(crate) infos: Vec<BranchInfo>,
    main: Arc<Trust>,
    side: Option<Arc<Trust>>,
    pub(crate) registry: Mutex<Registry>,
    pub(crate) registry_asked: Mutex<Option<Instant>>,
    pub(crate) overview: Mutex<Overview>,
    /// When the auditors' verdicts were proven last, and at which height.
    pub(crate) verdicts_at: Mutex<Option<(u64, Instant)>>,
    /// Identities that searches of this session opened, with the digest of their envelope.
    pub(crate) identities: Mutex<BTreeMap<PatientId, (Identity, Digest)>>,
    pub(crate) judged: Mutex<BTreeMap<(u16, Chain), Judged>>,
    /// Branches one of whose engines has stopped, by their own word.
    pub(crate) stopped: Mutex<BTreeMap<u16, String>>,
    pub(crate) watch: Watch,
    pub(crate) drafts: Drafts<RecordDraft>,
    pub(crate) enrolments: Drafts<EnrolDraft>,
    pub(crate) alarms: Alarms,
    /// This session's lookups: transactions whose bytes no branch gives back to their maker.
    pub(crate) lookups: Mutex<BTreeMap<LookupId, Vec<u8>>>,
}

impl Group {
    /// Prepares to ask the network: reads the kept checkpoints, opens no connection.
    ///
    /// # Errors
    /// When session, settings and genesis are not of one network, an address is malformed, or a kept checkpoint
    /// cannot be used.
    pub fn open(
        settings: Settings,
        genesis: Genesis,
        session: Session,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let network = genesis.network();
        if settings.network != network {
            return Err(ClientError::OtherNetwork("genesis document"));
        }
        if session.staff().network != network {
            return Err(ClientError::OtherNetwork("key file"));
        }
        if clock.now_s() > session.expires_s() {
            return Err(ClientError::SessionOver);
        }
        let trust = |chain| Trust::open(&genesis, chain, &settings.state, settings.memory.as_deref());
        let main = Arc::new(trust(Chain::Main)?);
        let registry = Registry::open(&genesis, &settings.state)?;
        let participants = &registry.participants;
        let own = participants
            .iter()
            .find(|participant| participant.id == session.branch())
            .ok_or(ClientError::UnknownBranch(session.branch().0))?;
        let side = match own.trusted {
            true => Some(Arc::new(trust(Chain::Side)?)),
            false => None,
        };

        let session = Arc::new(session);
        let heights = Arc::new(MinHeights::default());
        let deadline = Duration::from_millis(settings.deadline_ms);
        let shared = Shared { network, session: session.clone(), heights, clock: clock.clone(), deadline };
        let mut branches = Vec::new();
        for participant in participants.iter().filter(|participant| participant.active) {
            let id = participant.id.0;
            let url = settings.urls.get(&id).unwrap_or(&participant.api).clone();
            if !is_https(url.trim_end_matches('/')) {
                return Err(ClientError::Address { branch: id });
            }
            let own = participant.id == session.branch();
            let branch = Branch::new(participant.clone(), own, url, &shared).map_err(ClientError::Tls)?;
            branches.push(Arc::new(branch));
        }
        branches.sort_by_key(|branch| (!branch.own, branch.id()));
        main.share_height(&shared.heights);
        if let Some(side) = &side {
            side.share_height(&shared.heights);
        }

        let infos = branches.iter().map(|branch| info(branch)).collect();
        let mut overview = Overview::before(&main, side.as_deref(), &branches);
        let notices = std::iter::once(&main).chain(&side).flat_map(|trust| trust.notices(clock.now_s()));
        overview.warning = joined(notices.collect());
        let watch = Watch::of(network, &branches, side.is_some(), &settings.state);
        let alarms = Alarms::open(&settings.state, &genesis, clock.now_s());
        let inner = Arc::new_cyclic(|me| Inner {
            me: me.clone(),
            network,
            state: settings.state,
            session,
            clock,
            branches,
            infos,
            main,
            side,
            registry: Mutex::new(registry),
            registry_asked: Mutex::default(),
            overview: Mutex::new(overview),
            verdicts_at: Mutex::default(),
            identities: Mutex::default(),
            judged: Mutex::default(),
            stopped: Mutex::default(),
            watch,
            drafts: Drafts::default(),
            enrolments: Drafts::default(),
            alarms,
            lookups: Mutex::default(),
        });
        Ok(Self { inner })
    }

    /// Every active branch, own branch first.
    pub fn branches(&self) -> &[BranchInfo] {
        &self.inner.infos
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.inner.session
    }

    /// Forgets whom searches found, and ends the making of evidence after a moment. For the end of a session while
    /// records are still on their way under it.
    pub fn forget_people(&self) {
        self.inner.end_raising();
        locked(&self.inner.identities).clear();
    }

    /// A certified block that is not the one which was verified here before, if a chain has shown one.
    pub fn conflict(&self, chain: Chain) -> Option<Conflict> {
        self.inner.trust(chain).ok()?.conflict()
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.inner.network
    }
}

fn info(branch: &Branch) -> BranchInfo {
    BranchInfo {
        id: branch.id(),
        name: branch.name().to_owned(),
        url: branch.url().to_owned(),
        trusted: branch.participant.trusted,
        own: branch.own,
    }
}

impl Inner {
    /// A chain's trust; an error at branches that are not on the side chain.
    pub(crate) fn trust(&self, chain: Chain) -> Result<&Trust, ClientError> {
        match chain {
            Chain::Main => Ok(&self.main),
            Chain::Side => self.side.as_deref().ok_or(ClientError::NoSideChain),
        }
    }

    /// The same, to be taken to another thread.
    pub(crate) fn trust_arc(&self, chain: Chain) -> Result<Arc<Trust>, ClientError> {
        match chain {
            Chain::Main => Ok(self.main.clone()),
            Chain::Side => self.side.clone().ok_or(ClientError::NoSideChain),
        }
    }

    /// Branches that are on a chain, in the order in which to ask: those that lately answered, own branch first.
    pub(crate) fn on(&self, chain: Chain) -> Vec<Arc<Branch>> {
        let mut branches: Vec<_> = self
            .branches
            .iter()
            .filter(|branch| chain == Chain::Main || branch.participant.trusted)
            .cloned()
            .collect();
        branches.sort_by_key(|branch| branch.is_silent());
        branches
    }

    pub(crate) fn branch(&self, id: u16) -> Option<&Arc<Branch>> {
        self.branches.iter().find(|branch| branch.id() == id)
    }

    /// The name of a branch, for people.
    pub(crate) fn name_of(&self, id: u16) -> String {
        self.branch(id).map_or_else(|| format!("branch {id}"), |branch| branch.name().to_owned())
    }

    /// Branches whose keys the proven registry has otherwise than when this session began, for people: nothing that they
    /// answer holds before the keys are taken, at the next unlocking.
    pub(crate) fn rekeyed(&self) -> Vec<String> {
        let registry = locked(&self.registry);
        let changed = |branch: &&Arc<Branch>| {
            let known = &branch.participant;
            registry
                .participants
                .iter()
                .any(|now| now.id == known.id && (&now.signing, &now.tls) != (&known.signing, &known.tls))
        };
        let told = |branch: &Arc<Branch>| {
            format!("NEW KEYS: those of {} were changed in the registry: unlock again", branch.name())
        };
        self.branches.iter().filter(changed).map(told).collect()
    }

    /// The session's own branch, which must be on the side chain.
    pub(crate) fn home(&self) -> Result<&Arc<Branch>, ClientError> {
        let own = self.branches.iter().find(|branch| branch.own);
        own.filter(|branch| branch.participant.trusted).ok_or(ClientError::NoSideChain)
    }

    /// Refuses to begin anything after the session's end.
    pub(crate) fn in_session(&self) -> Result<(), ClientError> {
        if self.clock.now_s() > self.session.expires_s() { Err(ClientError::SessionOver) } else { Ok(()) }
    }

    /// The rules in force as far as this console has verified them.
    pub(crate) fn rules(&self) -> Rules {
        locked(&self.registry).rules
    }
}

/// A lock that a panic elsewhere does not take away: what it guards is replaced whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs heavy work (ciphers, many signatures) off the threads that serve the network.
pub(crate) async fn heavy<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ClientError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ClientError::Worker)
}
