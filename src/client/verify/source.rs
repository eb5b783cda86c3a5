//! Blocks from branches, one branch after the other, until the newest block that any of them claims is checked.
//!
//! It must not judge a block: `chain` does.

use super::{
    Fault, Unheard, VerifyProgress,
    chain::{ChainCheck, Wrong, place},
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
use wardline_wire::{Block, ChainStatus, HEADERS_PER_REPLY_MAX, RouteId};

/// Blocks that are fetched at once: at most so many MiB of bodies are in memory for each chain.
const BATCH: usize = 16;
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
        let header = Header::decode(&status.header.0).map_err(|error| error.to_string())?;
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

/// Follows the chain to `goal` from the sources in their order: the next one goes on where one fails or ends.
pub(super) async fn walk(
    inner: &Inner,
    sources: &[Source],
    check: &Shared,
    goal: u64,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<Walked, ClientError> {
    let mut walked = Walked::default();
    for source in sources {
        let before = locked(check).head().0;
        if locked(check).reached(goal) {
            break;
        }
        let stopped = follow(inner, source, check, goal, progress).await;
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
    Ok(walked)
}

async fn follow(
    inner: &Inner,
    source: &Source,
    check: &Shared,
    goal: u64,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<(), Stop> {
    let mut waiting_since = None;
    while !locked(check).reached(goal) {
        let due = locked(check).due(BATCH);
        if !due.is_empty() {
            blocks(source, check, due).await?;
            let (chain, (height, _)) = with(check, |check| (check.chain, check.head()));
            // Nobody may be looking.
            let _ = progress.send(VerifyProgress::Chain { chain, height, of: goal.max(height) });
            continue;
        }
        match headers(inner, source, check).await? {
            Page::End => return Ok(()),
            Page::Certified => waiting_since = None,
            // The newest block gets its certificate in a moment.
            Page::Uncertified => {
                let since = *waiting_since.get_or_insert_with(Instant::now);
                if since.elapsed() > CERTIFY {
                    return Ok(());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
    Ok(())
}

/// Reads several things of a check under one lock.
fn with<T>(check: &Shared, read: impl FnOnce(&ChainCheck) -> T) -> T {
    read(&locked(check))
}

enum Page {
    Certified,
    Uncertified,
    End,
}

/// Fetches and checks the next headers.
async fn headers(inner: &Inner, source: &Source, check: &Shared) -> Result<Page, Stop> {
    let (chain, from, epoch_length) =
        with(check, |check| (check.chain, check.next_header(), check.epoch_length()));
    let lied = |what: String| Stop::Lied { height: from, what };
    let page = inner.headers_of(&source.branch, chain, from, HEADERS_PER_REPLY_MAX).await?;
    if page.headers.is_empty() {
        return if source.claims < from {
            Ok(Page::End)
        } else {
            Err(lied(format!("it says that its newest block is {} and leaves this one out", source.claims)))
        };
    }
    let sets = handed_over(&source.branch, page.handovers).map_err(|error| match error {
        ClientError::Unverified { what, .. } => lied(what),
        other => Stop::Failed(other),
    })?;
    let page =
        page.headers.into_iter().map(|one| (one.header.0, one.certificate.map(|bytes| bytes.0))).collect();
    let work = check.clone();
    match heavy(move || locked(&work).headers(page, sets)).await? {
        Ok(0) | Err(Invalid::EpochEndUncertified(_)) => Ok(Page::Uncertified),
        Ok(_) => Ok(Page::Certified),
        Err(error) => Err(Stop::Lied { height: place(&error, epoch_length), what: error.to_string() }),
    }
}

/// Fetches and checks the next blocks; those before the first that fails are taken.
async fn blocks(source: &Source, check: &Shared, due: Vec<(u64, Vec<u8>, bool)>) -> Result<(), Stop> {
    let route = match locked(check).chain {
        Chain::Main => RouteId::MainBlock,
        Chain::Side => RouteId::SideBlock,
    };
    let fetch = |(height, header, needed): (u64, Vec<u8>, bool)| async move {
        if !needed {
            return (height, Ok(None));
        }
        let block = source.branch.get::<Block>(Target::with(route, height)).await;
        let body = match block {
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
    };
    let mut bodies = Vec::new();
    let mut stop = None;
    for (height, body) in join_all(due.into_iter().map(fetch)).await {
        match body {
            Ok(body) => bodies.push((height, body)),
            Err(error) => {
                stop = Some(error);
                break;
            }
        }
    }
    let work = check.clone();
    heavy(move || {
        let mut check = locked(&work);
        for (height, body) in bodies {
            check.take(body.as_deref()).map_err(|wrong| match wrong {
                Wrong::Body => Stop::Lied {
                    height,
                    what: "its body is not the one that the certified header commits to".to_owned(),
                },
                Wrong::Rules(what) => Stop::Broken { height, what },
                Wrong::Output(error) => Stop::Failed(ClientError::Output(error.to_string())),
            })?;
        }
        Ok::<(), Stop>(())
    })
    .await??;
    stop.map_or(Ok(()), Err)
}
