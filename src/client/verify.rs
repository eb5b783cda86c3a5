//! Everything again from the genesis: both chains and every sealed record, with nothing believed of a branch and nothing
//! taken from kept checkpoints. It says what was checked, what was not and why, and every fault with its place.
//!
//! What a kept checkpoint is good for is comparing: blocks that this terminal verified before must still be there.

mod archive;
mod chain;
mod records;
mod source;

pub use archive::{ArchiveError, ExportRequest, Exported, verify_archive};
pub use chain::Depth;
pub use records::{BadCopy, Copies, RecordsReport};

use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner, locked},
    race::none_of,
    standing::chain_status,
};
use chain::ChainCheck;
use futures::future::join_all;
use records::Kept;
use source::{Claim, Shared, Source, Walked, walk};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::Digest;
use wardline_ledger::{Chain, Genesis};
use wardline_policy::{Operation, Request, decide};
use wardline_wire::{RouteId, Status};

/// The name under which blocks that were verified before are compared.
const THIS_TERMINAL: &str = "this terminal's last verification";

/// What to verify.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyRequest {
    /// Take blocks from the branch of this name alone; else from whoever has them, own branch first.
    pub branch: Option<String>,
    /// Compare every trusted branch's copy of each record, not the home branch's alone.
    pub all_copies: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyProgress {
    /// Blocks of a chain hold up to a height.
    Chain {
        /// Which chain.
        chain: Chain,
        /// Up to this height.
        height: u64,
        /// Of this one.
        of: u64,
    },
    /// Copies of records were compared.
    Records {
        /// So many.
        done: u64,
        /// Of so many.
        of: u64,
    },
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who gave it; nobody when the chain itself breaks its rules.
    pub branch: Option<String>,
    /// The block.
    pub height: u64,
    /// What is wrong, for people.
    pub what: String,
}

/// Somebody who could not be checked or compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// Who.
    pub branch: String,
    /// Why not, for people.
    pub why: String,
}

/// One chain's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Which chain.
    pub chain: Chain,
    /// What was checked of every block up to `height`; nothing when absent.
    pub depth: Option<Depth>,
    /// What was not checked and why, for people.
    pub skipped: Option<String>,
    /// The newest block that holds, by everything that `depth` says.
    pub height: u64,
    /// Its digest.
    pub digest: Digest,
    /// The newest block that anybody claims.
    pub goal: u64,
    /// Transactions by kind, where bodies were checked.
    pub transactions: BTreeMap<&'static str, u64>,
    /// Where the blocks came from.
    pub sources: Vec<String>,
    /// Who shows this very chain: its newest block is in it.
    pub agreeing: Vec<String>,
    /// What is wrong, the first one first.
    pub faults: Vec<Fault>,
    /// Whose blocks or newest block could not be checked.
    pub unheard: Vec<Unheard>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

impl ChainReport {
    fn skipped(chain: Chain, why: String) -> Self {
        Self { skipped: Some(why), ..Self::before(chain) }
    }

    /// Of a chain of which nothing is checked.
    const fn before(chain: Chain) -> Self {
        Self {
            chain,
            depth: None,
            skipped: None,
            height: 0,
            digest: Digest::ZERO,
            goal: 0,
            transactions: BTreeMap::new(),
            sources: Vec::new(),
            agreeing: Vec::new(),
            faults: Vec::new(),
            unheard: Vec::new(),
            took_ms: 0,
        }
    }

    /// What may be said of the chain.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(!self.faults.is_empty(), self.skipped.is_some() || !self.unheard.is_empty())
    }
}

/// What may be said of everything that was to be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All of it was checked and holds.
    Holds,
    /// What was checked holds; not everything could be.
    NotWhole,
    /// Something is wrong.
    Wrong,
}

impl Verdict {
    const fn of(wrong: bool, lacking: bool) -> Self {
        match (wrong, lacking) {
            (true, _) => Self::Wrong,
            (false, true) => Self::NotWhole,
            (false, false) => Self::Holds,
        }
    }
}

/// The whole result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The main chain.
    pub main: ChainReport,
    /// The side chain.
    pub side: ChainReport,
    /// The sealed records.
    pub records: RecordsReport,
}

impl Verification {
    /// The worst of the three.
    pub fn verdict(&self) -> Verdict {
        self.records.verdict().max(self.main.verdict()).max(self.side.verdict())
    }
}

/// A branch and its account of itself.
type Head = (Arc<Branch>, Result<Status, BranchError>);

impl Group {
    /// Verifies both chains from `genesis`, which the caller's settings pin, and every record against its pointer, as
    /// far as this person's roles reach. Faults are results, not errors.
    ///
    /// # Errors
    /// When it could not begin: nobody answers, no branch of that name, the session is over.
    pub async fn verify(
        &self,
        genesis: &Genesis,
        request: &VerifyRequest,
        progress: UnboundedSender<VerifyProgress>,
    ) -> Result<Verification, ClientError> {
        let inner = &self.inner;
        let heads = inner.heads(genesis, request.branch.as_deref()).await?;
        let main = async {
            let check = begin(genesis, Chain::Main, Depth::Replay)?;
            let report = inner.chain(&heads, &check, Depth::Replay, None, &progress).await?;
            Ok::<_, ClientError>((check, report))
        };
        let (main, side) = tokio::join!(main, inner.side_chain(genesis, &heads, &progress));
        let ((check, mut main), side) = (main?, side?);
        let records = match inner.refusal(Operation::FetchEnvelopes) {
            Some(why) => RecordsReport { skipped: Some(why), ..RecordsReport::default() },
            None => {
                let kept = match kept(&check) {
                    Ok(kept) => kept,
                    Err(what) => {
                        main.faults.push(Fault { branch: None, height: main.height, what });
                        Vec::new()
                    }
                };
                let mut records = records::compare(inner, kept, request.all_copies, &progress).await?;
                if main.height < main.goal {
                    records.skipped = Some(format!("records after block {} of the main chain", main.height));
                }
                records
            }
        };
        Ok(Verification { main, side, records })
    }
}

fn begin(genesis: &Genesis, chain: Chain, depth: Depth) -> Result<Shared, ClientError> {
    let check = ChainCheck::begin(genesis, chain, depth, 0..=u64::MAX)
        .map_err(|error| crate::TrustError::Genesis(error.to_string()))?;
    Ok(Arc::new(Mutex::new(check)))
}

/// The records that the replayed chain has, with who signed for each.
fn kept(check: &Shared) -> Result<Vec<Kept>, String> {
    let mut check = locked(check);
    let mut holders = std::mem::take(&mut check.holders);
    let records = check.records().map_err(|error| error.to_string())?;
    let kept = |(id, entry)| Kept { id, entry, holders: holders.remove(&id).unwrap_or_default() };
    Ok(records.into_iter().map(kept).collect())
}

impl Inner {
    /// Why this session's person may not do something; the branches decide again.
    fn refusal(&self, operation: Operation) -> Option<String> {
        let asked = Request {
            trusted_branch: self.trust(Chain::Side).is_ok(),
            ..Request::new(operation, self.session.roles())
        };
        let decision = decide(&asked);
        (!decision.allowed).then(|| decision.to_string())
    }

    /// Asks branches, or the named one, for their newest blocks.
    async fn heads(&self, genesis: &Genesis, name: Option<&str>) -> Result<Vec<Head>, ClientError> {
        self.in_session()?;
        if genesis.network() != self.network {
            return Err(ClientError::OtherNetwork("genesis document"));
        }
        let named = |branch: &&Arc<Branch>| name.is_none_or(|name| branch.name().eq_ignore_ascii_case(name));
        let branches: Vec<_> = self.branches.iter().filter(named).cloned().collect();
        if let (Some(name), []) = (name, branches.as_slice()) {
            let known: Vec<&str> = self.infos.iter().map(|info| info.name.as_str()).collect();
            return Err(ClientError::NoSuchBranch { name: name.to_owned(), known: known.join(", ") });
        }
        let ask = |branch: Arc<Branch>| async move {
            let status = branch.look::<Status>(Target::of(RouteId::Status)).await;
            (branch, status)
        };
        let heads: Vec<Head> = join_all(branches.into_iter().map(ask)).await;
        if heads.iter().all(|(_, status)| status.is_err()) {
            let failed = |(branch, status): Head| {
                let error = status.err().map(|error| branch.failed(error));
                error.map(|error| (branch.name().to_owned(), error))
            };
            return Err(none_of(heads.into_iter().filter_map(failed).collect()));
        }
        Ok(heads)
    }

    /// The side chain as far as the person's roles reach.
    async fn side_chain(
        &self,
        genesis: &Genesis,
        heads: &[Head],
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<ChainReport, ClientError> {
        if self.trust(Chain::Side).is_err() {
            return Ok(ChainReport::skipped(Chain::Side, "your branch is not on the side chain".to_owned()));
        }
        if let Some(why) = self.refusal(Operation::ReadSideChain) {
            return Ok(ChainReport::skipped(Chain::Side, why));
        }
        let on_it = |(branch, _): &&Head| branch.participant.trusted;
        let heads: Vec<Head> = heads.iter().filter(on_it).cloned().collect();
        if heads.is_empty() {
            let why = "the branch that you named is not on the side chain";
            return Ok(ChainReport::skipped(Chain::Side, why.to_owned()));
        }
        let (depth, skipped) = match self.refusal(Operation::ReadSideBlocks) {
            None => (Depth::Replay, None),
            Some(why) => (Depth::Headers, Some(format!("bodies: {why}"))),
        };
        let check = begin(genesis, Chain::Side, depth)?;
        self.chain(&heads, &check, depth, skipped, progress).await
    }

    /// Walks a chain to the newest block that any of `heads` claims and compares all claims with it.
    async fn chain(
        &self,
        heads: &[Head],
        check: &Shared,
        depth: Depth,
        skipped: Option<String>,
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<ChainReport, ClientError> {
        let began = Instant::now();
        let chain = locked(check).chain;
        let (mut claims, mut sources) = (Vec::new(), Vec::new());
        let (mut faults, mut unheard) = (Vec::new(), Vec::new());
        for (branch, status) in heads {
            let name = branch.name().to_owned();
            match status.as_ref().map(|status| chain_status(status, chain)) {
                Err(error) => unheard.push(Unheard { branch: name, why: error.to_string() }),
                Ok(None) => unheard.push(Unheard { branch: name, why: format!("it shows no {chain} chain") }),
                Ok(Some(status)) => match Claim::of(branch.name(), self.network, chain, status) {
                    Ok(claim) => {
                        sources.push(Source { branch: branch.clone(), claims: claim.height });
                        claims.push(claim);
                    }
                    Err(what) => faults.push(Fault { branch: Some(name), height: status.height, what }),
                },
            }
        }
        let before = self.trust(chain)?.head();
        if before.header.height > 0 {
            let (height, digest) = (before.header.height, before.digest);
            claims.push(Claim { name: THIS_TERMINAL.to_owned(), height, digest });
        }
        let goal = claims.iter().map(|claim| claim.height).max().unwrap_or_default();
        claims.iter().for_each(|claim| locked(check).mark(claim.height));

        let walked = walk(self, &sources, check, goal, progress).await?;
        faults.extend(walked.faults.iter().cloned());
        unheard.extend(walked.unheard.iter().cloned());
        let check = locked(check);
        let (height, digest) = check.checked();
        let mut agreeing = Vec::new();
        for claim in claims {
            match check.marked(claim.height) {
                Some(digest) if digest == claim.digest => agreeing.push(claim.name),
                Some(_) => faults.push(Fault {
                    branch: Some(claim.name),
                    height: claim.height,
                    what: "it shows another block than the verified one".to_owned(),
                }),
                None if is_told(&walked, &faults, &claim.name) => {}
                None => unheard.push(Unheard {
                    branch: claim.name,
                    why: format!("it claims block {}, and nobody proves more than {height}", claim.height),
                }),
            }
        }
        faults.sort_by_key(|fault| fault.height);
        Ok(ChainReport {
            chain,
            depth: Some(depth),
            skipped,
            height,
            digest,
            goal,
            transactions: check.transactions.clone(),
            sources: walked.sources,
            agreeing,
            faults,
            unheard,
            took_ms: millis(began),
        })
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Whether it is said already why a claim could not be compared.
fn is_told(walked: &Walked, faults: &[Fault], name: &str) -> bool {
    walked.broken
        || faults.iter().any(|fault| fault.branch.as_deref() == Some(name))
        || walked.unheard.iter().any(|unheard| unheard.branch == name)
}
