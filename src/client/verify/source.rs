//! Blocks from branches, one branch after the other, until the newest block that any of them claims is checked.
//!
//! It must not judge a block: `chain` does.

use super::{
    Fault, Unheard, VerifyProgress,
    chain::{ChainCheck, Wrong, place},
    resume::Keeper,
};
use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Inner, heavy, locked},
    sync::handed_over,
};
use futures::future::join_all;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Header, Invalid, NetworkId};
use wardline_wire::{Block, ChainStatus, HEADERS_PER_REPLY_MAX, Headers, RouteId};

/// Blocks that are fetched at once, while those before are checked: at most twice so many MiB of bodies are in memory
/// for each chain.
const BATCH: usize = 16;
/// Headers that are checked at once, where bodies are not.
const HEADERS: usize = 512;
/// How long to wait for the certificate of a block that was just made.
const CERTIFY: Duration = Duration::from_millis(1500);
/// How often to look for it.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What somebody says is a chain's newest block.
pub(super) struct Claim {
    /// For people.
    pub(super) name: String,
    pub(super) height: u64,
    pub(super) digest: Digest,
}

impl Claim {
    /// A branch's word on a chain.
    pub(super) fn of(
        name: &str,
        network: NetworkId,
        chain: Chain,
        status: &ChainStatus,
    ) -> Result<Self, String> {
        let header = Header::decode(&status.header.0)
            .map_err(|error| format!("the header of its newest block is malformed: {error}"))?;
        if header.network != network || header.chain != chain {
            return Err("its newest block is of another chain".to_owned());
        }
        let digest = Digest::of(&status.header.0);
        Ok(Self { name: name.to_owned(), height: header.height, digest })
    }
}

/// A branch to take blocks from, and the newest height that it claims.
pub(super) struct Source {
    pub(super) branch: Arc<Branch>,
    pub(super) claims: u64,
}

/// What came of walking a chain.
#[derive(Default)]
pub(super) struct Walked {
    /// Who gave blocks that hold.
    pub(super) sources: Vec<String>,
    pub(super) faults: Vec<Fault>,
    pub(super) unheard: Vec<Unheard>,
    /// The chain itself breaks the rules: nobody has a better one.
    pub(super) broken: bool,
}

/// Why a branch's blocks are not followed further.
enum Stop {
    /// It gave what does not hold.
    Lied { height: u64, what: String },
    /// It gave nothing.
    Gave(BranchError),
    /// A certified block breaks the rules.
    Broken { height: u64, what: String },
    /// Something failed here.
    Failed(ClientError),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Branch { error, .. } => Self::Gave(error),
            other => Self::Failed(other),
        }
    }
}

/// A chain's check, shared with the threads that do the heavy part.
pub(super) type Shared = Arc<Mutex<ChainCheck>>;

/// Where a check's progress is kept.
pub(super) type Keeping = Arc<Mutex<Keeper>>;

/// A chain on its way.
pub(super) struct Walk<'a> {
    pub(super) inner: &'a Inner,
    pub(super) check: Shared,
    pub(super) keeper: Option<Keeping>,
    pub(super) goal: u64,
    pub(super) progress: &'a UnboundedSender<VerifyProgress>,
}

/// Follows the chain to `goal` from the sources in their order: the next one goes on where one fails or ends.
pub(super) async fn walk(walk: &Walk<'_>, sources: &[Source]) -> Result<Walked, ClientError> {
    let (check, mut walked) = (&walk.check, Walked::default());
    for source in sources {
        let before = locked(check).head().0;
        if locked(check).reached(walk.goal) {
            break;
        }
        let stopped = walk.follow(source).await;
        let name = source.branch.name().to_owned();
        if locked(check).head().0 > before {
            walked.sources.push(name.clone());
        }
        match stopped {
            Ok(()) => {}
            Err(Stop::Lied { height, what }) => {
                walked.faults.push(Fault { branch: Some(name), height, what })
            }
            Err(Stop::Gave(error)) => walked.unheard.push(Unheard { branch: name, why: error.to_string() }),
            Err(Stop::Broken { height, what }) => {
                walked.faults.push(Fault { branch: None, height, what });
                walked.broken = true;
                break;
            }
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    walk.keep(true).await?;
    Ok(walked)
}

/// Reads several things of a check under one lock.
fn with<T>(check: &Shared, read: impl FnOnce(&ChainCheck) -> T) -> T {
    read(&locked(check))
}

enum Page {
    Certified,
    /// With the end of an epoch, if that is what lacks a certificate.
    Uncertified(Option<u64>),
    End,
}

/// A certified block that is next: its height, its header and whether its body is checked.
type Due = (u64, Vec<u8>, bool);

impl Walk<'_> {
    async fn follow(&self, source: &Source) -> Result<(), Stop> {
        let mut waiting_since = None;
        // The headers after those whose bodies are on their way.
        let mut ahead = None;
        while !locked(&self.check).reached(self.goal) {
            let due = locked(&self.check).due(HEADERS);
            if !due.is_empty() {
                let next = async {
                    let more = ahead.is_none() && locked(&self.check).next_header() <= source.claims;
                    if more { Some(self.page(source).await) } else { ahead.take() }
                };
                let (done, next) = tokio::join!(self.blocks(source, &due), next);
                done?;
                ahead = next;
                continue;
            }
            let page = match ahead.take() {
                Some(page) => page,
                None => self.page(source).await,
            };
            match self.headers(source, page?).await? {
                Page::End => return Ok(()),
                Page::Certified => waiting_since = None,
                // The newest block gets its certificate in a moment.
                Page::Uncertified(end) => {
                    let since = *waiting_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > CERTIFY {
                        // Nothing follows the end of an epoch before that has a certificate of its own.
                        return match end.filter(|height| source.claims > *height) {
                            None => Ok(()),
                            Some(height) => {
                                let what = Invalid::EpochEndUncertified(height).to_string();
                                Err(Stop::Lied { height, what })
                            }
                        };
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
        Ok(())
    }

    /// Fetches the next headers.
    async fn page(&self, source: &Source) -> Result<Headers, Stop> {
        let (chain, from) = with(&self.check, |check| (check.chain, check.next_header()));
        Ok(self.inner.headers_of(&source.branch, chain, from, HEADERS_PER_REPLY_MAX).await?)
    }

    /// Checks the next headers.
    async fn headers(&self, source: &Source, page: Headers) -> Result<Page, Stop> {
        let (from, epoch_length) = with(&self.check, |check| (check.next_header(), check.epoch_length()));
        let lied = |what: String| Stop::Lied { height: from, what };
        if page.headers.is_empty() {
            return if source.claims < from {
                Ok(Page::End)
            } else {
                Err(lied(format!(
                    "it says that its newest block is {} and leaves this one out",
                    source.claims
                )))
            };
        }
        let sets = handed_over(&source.branch, page.handovers).map_err(|error| match error {
            ClientError::Unverified { what, .. } => lied(what),
            other => Stop::Failed(other),
        })?;
        let page = page
            .headers
            .into_iter()
            .map(|one| (one.header.0, one.certificate.map(|bytes| bytes.0)))
            .collect();
        let work = self.check.clone();
        match heavy(move || locked(&work).headers(page, sets)).await? {
            Ok(0) => Ok(Page::Uncertified(None)),
            Err(Invalid::EpochEndUncertified(height)) => Ok(Page::Uncertified(Some(height))),
            Ok(_) => Ok(Page::Certified),
            Err(error) => Err(Stop::Lied { height: place(&error, epoch_length), what: error.to_string() }),
        }
    }

    /// Fetches and checks blocks, the next ones while those before are checked. What is before the first that fails is
    /// taken.
    async fn blocks(&self, source: &Source, due: &[Due]) -> Result<(), Stop> {
        let with_bodies = due.iter().any(|(_, _, needed)| *needed);
        let mut batches = due.chunks(if with_bodies { BATCH } else { HEADERS });
        let mut ready = Bodies::default();
        let chain = with(&self.check, |check| check.chain);
        loop {
            let next = async {
                match (&ready.stop, batches.next()) {
                    (None, Some(batch)) => Some(fetch(source, chain, batch).await),
                    _ => None,
                }
            };
            let (taken, next) = tokio::join!(self.take(std::mem::take(&mut ready.bodies)), next);
            taken?;
            match (next, ready.stop) {
                (_, Some(stop)) => return Err(stop),
                (None, None) => return Ok(()),
                (Some(next), None) => ready = next,
            }
        }
    }

    /// Checks blocks with the bodies that came for them.
    async fn take(&self, bodies: Vec<(u64, Option<Vec<u8>>)>) -> Result<(), Stop> {
        if bodies.is_empty() {
            return Ok(());
        }
        let work = self.check.clone();
        heavy(move || {
            let mut check = locked(&work);
            for (height, body) in bodies {
                check.take(body.as_deref()).map_err(|wrong| match wrong {
                    Wrong::Body(_) => Stop::Lied { height, what: wrong.text() },
                    Wrong::Rules(what) => Stop::Broken { height, what },
                    Wrong::Output(error) => Stop::Failed(ClientError::Output(error.to_string())),
                })?;
            }
            Ok::<(), Stop>(())
        })
        .await??;
        self.keep(false).await?;
        let (chain, (height, _)) = with(&self.check, |check| (check.chain, check.head()));
        // Nobody may be looking.
        let _ = self.progress.send(VerifyProgress::Chain { chain, height, of: self.goal.max(height) });
        Ok(())
    }

    /// Keeps how far the check is, if it is time to.
    async fn keep(&self, last: bool) -> Result<(), ClientError> {
        let Some(keeper) = self.keeper.clone() else { return Ok(()) };
        let (check, now_s) = (self.check.clone(), self.inner.clock.now_s());
        if !last && !locked(&keeper).is_due() {
            return Ok(());
        }
        heavy(move || locked(&keeper).keep(&locked(&check), now_s, last)).await
    }
}

/// Bodies in the order of their blocks, and why there are no more.
#[derive(Default)]
struct Bodies {
    bodies: Vec<(u64, Option<Vec<u8>>)>,
    stop: Option<Stop>,
}

/// Fetches the bodies of blocks that need one.
async fn fetch(source: &Source, chain: Chain, batch: &[Due]) -> Bodies {
    let route = match chain {
        Chain::Main => RouteId::MainBlock,
        Chain::Side => RouteId::SideBlock,
    };
    let one = |(height, header, needed): &Due| {
        let (height, header, needed) = (*height, header.clone(), *needed);
        async move {
            if !needed {
                return (height, Ok(None));
            }
            let body = match source.branch.get::<Block>(Target::with(route, height)).await {
                Ok(block) if block.header.0 == header => Ok(Some(block.body.0)),
                Ok(_) => {
                    Err(Stop::Lied { height, what: "its block has another header than its list".to_owned() })
                }
                Err(BranchError::Refused(problem)) if problem.status == 404 && height <= source.claims => {
                    Err(Stop::Lied { height, what: "it has no such block and claims newer ones".to_owned() })
                }
                Err(error) => Err(Stop::Gave(error)),
            };
            (height, body)
        }
    };
    let mut fetched = Bodies::default();
    for (height, body) in join_all(batch.iter().map(one)).await {
        match body {
            Ok(body) => fetched.bodies.push((height, body)),
            Err(stop) => {
                fetched.stop = Some(stop);
                break;
            }
        }
    }
    fetched
}
