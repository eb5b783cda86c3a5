//! Everything again from the genesis: both chains and every sealed record, with nothing believed of a branch and nothing
//! taken from kept checkpoints. It says what was checked, what was not and why, and every fault with its place.
//!
//! What a kept checkpoint is good for is comparing: blocks that this terminal verified before must still be there.

mod archive;
mod audit;
mod chain;
mod each;
mod records;
mod resume;
mod source;

pub use archive::{ArchiveError, ExportRequest, Exported, verify_archive};
pub use audit::{Audit, Auditor};
pub use chain::Depth;
pub use each::{BranchChain, Standing};
pub use records::{BadCopy, Copies, RecordsReport};
pub use resume::Earlier;

use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    race::none_of,
    standing::chain_status,
};
use futures::future::join_all;
use records::Kept;
use resume::Keeper;
use source::{Claim, Keeping, Shared, Source, Walk, Walked, walk};
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
    /// Compare every trusted branch's copy of each record, not the home branch's alone. The main chain is then replayed
    /// from the genesis: who signed for a copy only its blocks prove.
    pub all_copies: bool,
    /// Fetch and compare every branch's own headers, certificates and bodies too, from the genesis.
    pub each: bool,
    /// Go on from nothing that an earlier run kept. So it is too when blocks are taken from one branch alone.
    pub from_genesis: bool,
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
    /// Blocks of all branches were compared.
    Compared {
        /// So many.
        done: u64,
        /// Of so many.
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
    /// Blocks that earlier runs of this terminal verified and this one did not fetch again, ascending. Their end is
    /// certified and the state after it is what the next blocks were checked on.
    pub earlier: Vec<Earlier>,
    /// Why what an earlier run kept was not gone on from, for people.
    pub restarted: Option<String>,
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
            earlier: Vec::new(),
            restarted: None,
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
    /// Every branch's own blocks, where they were asked for.
    pub each: Vec<BranchChain>,
}

impl Verification {
    /// The worst of all.
    pub fn verdict(&self) -> Verdict {
        let whole = self.records.verdict().max(self.main.verdict()).max(self.side.verdict());
        self.each.iter().map(BranchChain::verdict).fold(whole, Verdict::max)
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
        let start = |chain, depth| inner.begin_check(genesis, chain, depth, request);
        let main = async {
            let started = start(Chain::Main, Depth::Replay).await?;
            let report = inner.chain(&heads, &started, Depth::Replay, None, &progress).await?;
            Ok::<_, ClientError>((started, report))
        };
        let side = inner.side_chain(genesis, &heads, request, &progress);
        let (main, side) = tokio::join!(main, side);
        let ((begun, mut main), (side_begun, side)) = (main?, side?);
        let check = &begun.check;
        let each = match request.each {
            true => {
                let side = side_begun.as_ref().ok_or_else(|| side.skipped.clone().unwrap_or_default());
                each::compare(inner, &heads, &begun, side, &progress).await?
            }
            false => Vec::new(),
        };
        let records = match inner.refusal(Operation::FetchEnvelopes) {
            Some(why) => RecordsReport { skipped: Some(why), ..RecordsReport::default() },
            None => {
                let kept = match kept(check) {
                    Ok(kept) => kept,
                    Err(what) => {
                        main.faults.push(Fault { branch: None, height: main.height, what });
                        Vec::new()
                    }
                };
                // Every request names the light client's height: a branch that answers at it knows all of these.
                let _ = inner.follow(Chain::Main, main.height, None).await;
                let mut records = records::compare(inner, kept, request.all_copies, &progress).await?;
                if main.height < main.goal {
                    records.skipped = Some(format!("records after block {} of the main chain", main.height));
                }
                records
            }
        };
        Ok(Verification { main, side, records, each })
    }
}

/// A chain's check, and where its progress is kept.
struct Begun {
    check: Shared,
    keeper: Option<Keeping>,
    genesis: Arc<Genesis>,
}

/// The records that the replayed chain has, with who signed for each.
fn kept(check: &Shared) -> Result<Vec<Kept>, String> {
    let check = locked(check);
    let records = check.records().map_err(|error| error.to_string())?;
    let kept = |(id, entry)| Kept { id, entry, holders: check.holders.get(&id).cloned().unwrap_or_default() };
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
        request: &VerifyRequest,
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<(Option<Begun>, ChainReport), ClientError> {
        let skipped = |why: String| Ok((None, ChainReport::skipped(Chain::Side, why)));
        if self.trust(Chain::Side).is_err() {
            return skipped("your branch is not on the side chain".to_owned());
        }
        if let Some(why) = self.refusal(Operation::ReadSideChain) {
            return skipped(why);
        }
        let on_it = |(branch, _): &&Head| branch.participant.trusted;
        let heads: Vec<Head> = heads.iter().filter(on_it).cloned().collect();
        if heads.is_empty() {
            return skipped("the branch that you named is not on the side chain".to_owned());
        }
        let (depth, skipped) = match self.refusal(Operation::ReadSideBlocks) {
            None => (Depth::Replay, None),
            Some(why) => (Depth::Headers, Some(format!("bodies: {why}"))),
        };
        let begun = self.begin_check(genesis, Chain::Side, depth, request).await?;
        let report = self.chain(&heads, &begun, depth, skipped, progress).await?;
        Ok((Some(begun), report))
    }

    /// Begins a chain's check where an earlier one ended, unless the request says otherwise.
    async fn begin_check(
        &self,
        genesis: &Genesis,
        chain: Chain,
        depth: Depth,
        request: &VerifyRequest,
    ) -> Result<Begun, ClientError> {
        let signers = request.all_copies && chain == Chain::Main;
        let (folder, anew) =
            (self.state.clone(), request.from_genesis || request.branch.is_some() || signers);
        let genesis = Arc::new(genesis.clone());
        let pinned = genesis.clone();
        let opened = heavy(move || Keeper::open(&folder, &pinned, chain, depth, anew)).await?;
        let (keeper, mut check) = opened.map_err(|error| crate::TrustError::Genesis(error.to_string()))?;
        let (height, digest) = check.head();
        // From the genesis on, they are known as the blocks come.
        check.digests = (request.each && height == 0).then(|| vec![digest]);
        // What one branch alone gave is no state to go on from for all.
        let keeper = request.branch.is_none().then(|| Arc::new(Mutex::new(keeper)));
        Ok(Begun { check: Arc::new(Mutex::new(check)), keeper, genesis })
    }

    /// Walks a chain to the newest block that any of `heads` claims and compares all claims with it.
    async fn chain(
        &self,
        heads: &[Head],
        begun: &Begun,
        depth: Depth,
        skipped: Option<String>,
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<ChainReport, ClientError> {
        let (began, check) = (Instant::now(), &begun.check);
        let (chain, resumed) = {
            let check = locked(check);
            (check.chain, check.head())
        };
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

        let on_the_way =
            Walk { inner: self, check: check.clone(), keeper: begun.keeper.clone(), goal, progress };
        let walked = walk(&on_the_way, &sources).await?;
        let old = self.passed(chain, resumed, &claims).await;
        if old.is_empty() {
            let what = "what it verified by headers is another chain than what it replayed".to_owned();
            faults.push(Fault { branch: Some(THIS_TERMINAL.to_owned()), height: resumed.0, what });
        }
        faults.extend(walked.faults.iter().cloned());
        unheard.extend(walked.unheard.iter().cloned());
        let check = locked(check);
        let (height, digest) = check.checked();
        let mut agreeing = Vec::new();
        for claim in claims {
            match check.marked(claim.height).or_else(|| old.get(&claim.height).copied()) {
                Some(digest) if digest == claim.digest => agreeing.push(claim.name),
                Some(_) => faults.push(Fault {
                    branch: Some(claim.name),
                    height: claim.height,
                    what: "it shows another block than the verified one".to_owned(),
                }),
                None if is_told(&walked, &faults, &claim.name) => {}
                None => unheard.push(Unheard {
                    branch: claim.name,
                    why: match claim.height < resumed.0 {
                        true => format!(
                            "it claims block {} only, and nobody shows what that one was",
                            claim.height
                        ),
                        false => {
                            format!("it claims block {}, and nobody proves more than {height}", claim.height)
                        }
                    },
                }),
            }
        }
        faults.sort_by_key(|fault| fault.height);
        let (earlier, restarted) = match &begun.keeper {
            Some(keeper) => locked(keeper).before(),
            None => (Vec::new(), None),
        };
        Ok(ChainReport {
            chain,
            depth: Some(depth),
            skipped,
            earlier,
            restarted,
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

impl Inner {
    /// The digests at heights that were verified before, for comparing what somebody behind them claims. Nothing when
    /// this terminal's own light client stands on another chain.
    async fn passed(
        &self,
        chain: Chain,
        (height, digest): (u64, Digest),
        claims: &[Claim],
    ) -> BTreeMap<u64, Digest> {
        let mut found = BTreeMap::from([(height, digest)]);
        let below: Vec<u64> =
            claims.iter().map(|claim| claim.height).filter(|claimed| *claimed < height).collect();
        if below.is_empty() || self.follow(chain, height, None).await.is_err() {
            return found;
        }
        let at = |height| async move {
            let known = self.walk_back(chain, height, height, None).await.ok()?;
            known.first().map(|known| known.digest)
        };
        match at(height).await {
            Some(same) if same == digest => {}
            Some(_) => return BTreeMap::new(),
            None => return found,
        }
        for height in below {
            found.extend(at(height).await.map(|digest| (height, digest)));
        }
        found
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
