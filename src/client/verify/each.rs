//! Every branch's own blocks against those that were verified: header by header, certificate by certificate, body by
//! body, and what each branch's chain is worth.
//!
//! Nothing is replayed here: bytes with the digest of a block that holds are that block. In memory are the digests of
//! the verified chain (32 bytes a block) and a few bodies of each branch that is being asked.

use super::{Begun, Fault, Head, Unheard, Verdict, VerifyProgress, source::Claim};
use crate::{
    alarm::{Certified, Finding},
    answer::SignedBody,
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Inner, heavy, locked},
    standing::chain_status,
};
use futures::{StreamExt as _, future::join_all, stream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Header, TrustPath, body_matches};
use wardline_wire::{Block, HEADERS_PER_REPLY_MAX, Headers, RouteId, Status};

/// Branches that are asked at once.
const AT_ONCE: usize = 4;
/// Bodies of one branch that are fetched at once: at most so many MiB, twice.
const BATCH: usize = 16;
/// Faults of one branch that are named one by one.
const NAMED: usize = 64;
/// How long a branch that is behind is waited for: the newest block may be on its way.
const CATCH_UP: Duration = Duration::from_millis(1500);
/// How often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What one branch's own copy of a chain is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has every verified block as it must be.
    Whole,
    /// What it has is as it must be; so many of the newest blocks it has not.
    Behind(u64),
    /// Its chain is another one from this block on.
    Differs {
        /// The first block that is another one.
        height: u64,
        /// The digest of its header.
        theirs: Digest,
        /// The digest of the verified one.
        verified: Digest,
    },
    /// Its blocks are those of the chain, and some of what it keeps of them is damaged or left out: see the faults.
    Damaged,
    /// It gave no answer, for people.
    Silent(String),
    /// It is not to be asked, for people.
    NotAllowed(String),
}

/// One branch's own copy of a chain, compared with the verified one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchChain {
    /// The branch's name.
    pub branch: String,
    /// Which chain.
    pub chain: Chain,
    /// What it is worth.
    pub standing: Standing,
    /// Blocks whose header was compared, the genesis not counted.
    pub headers: u64,
    /// Certificates that were checked: a branch need not have one for every block.
    pub certificates: u64,
    /// Bodies that were compared; none where this person may not read them.
    pub bodies: u64,
    /// What is wrong, the first 64.
    pub faults: Vec<Fault>,
}

impl BranchChain {
    fn of(branch: &str, chain: Chain, standing: Standing) -> Self {
        let branch = branch.to_owned();
        Self { branch, chain, standing, headers: 0, certificates: 0, bodies: 0, faults: Vec::new() }
    }

    /// What may be said of it. That somebody may not be asked is no lack of this check.
    pub fn verdict(&self) -> Verdict {
        match self.standing {
            Standing::Whole | Standing::NotAllowed(_) => Verdict::Holds,
            Standing::Behind(_) | Standing::Silent(_) => Verdict::NotWhole,
            Standing::Differs { .. } | Standing::Damaged => Verdict::Wrong,
        }
    }

    fn fault(&mut self, height: u64, what: impl Into<String>) {
        self.standing = Standing::Damaged;
        if self.faults.len() < NAMED {
            self.faults.push(Fault { branch: Some(self.branch.clone()), height, what: what.into() });
        }
    }
}

/// What every branch's blocks are held against.
struct Yardstick {
    chain: Chain,
    /// By height, from the genesis to the newest block that holds.
    digests: Vec<Digest>,
    path: TrustPath,
    with_bodies: bool,
}

impl Yardstick {
    fn newest(&self) -> u64 {
        u64::try_from(self.digests.len()).unwrap_or_default().saturating_sub(1)
    }

    fn at(&self, height: u64) -> Option<Digest> {
        usize::try_from(height).ok().and_then(|height| self.digests.get(height)).copied()
    }
}

struct Tally<'a> {
    done: AtomicU64,
    of: u64,
    progress: &'a UnboundedSender<VerifyProgress>,
}

impl Tally<'_> {
    fn add(&self, count: u64) {
        let done = self.done.fetch_add(count, Ordering::Relaxed) + count;
        // Nobody may be looking.
        let _ = self.progress.send(VerifyProgress::Compared { done, of: self.of.max(done) });
    }
}

/// Compares every branch's main chain and, where it was begun, side chain.
pub(super) async fn compare(
    inner: &Inner,
    heads: &[Head],
    main: &Begun,
    side: Result<&Begun, String>,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<Vec<BranchChain>, ClientError> {
    let mut all = chain(inner, heads, main, progress).await?;
    match side {
        Ok(side) => all.extend(chain(inner, heads, side, progress).await?),
        Err(why) => all.extend(heads.iter().map(|(branch, _)| {
            BranchChain::of(branch.name(), Chain::Side, Standing::NotAllowed(why.clone()))
        })),
    }
    Ok(all)
}

async fn chain(
    inner: &Inner,
    heads: &[Head],
    begun: &Begun,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<Vec<BranchChain>, ClientError> {
    let which = locked(&begun.check).chain;
    let (on_it, others): (Vec<_>, Vec<_>) =
        heads.iter().partition(|(branch, _)| which == Chain::Main || branch.participant.trusted);
    let digests = match digests(inner, &on_it, begun).await? {
        Ok(digests) => digests,
        Err(unheard) => {
            let silent = |one: Unheard| BranchChain::of(&one.branch, which, Standing::Silent(one.why));
            return Ok(unheard.into_iter().map(silent).collect());
        }
    };
    let mut path = TrustPath::begin(&begun.genesis, which);
    let with_bodies = {
        let check = locked(&begun.check);
        for step in check.steps() {
            // Each was proven when it was taken.
            path.step(step).map_err(|error| ClientError::Refused(error.to_string()))?;
        }
        check.needs_body(1)
    };
    let yard = Arc::new(Yardstick { chain: which, digests, path, with_bodies });
    let of = yard.newest().saturating_mul(u64::try_from(on_it.len()).unwrap_or_default());
    let tally = Tally { done: AtomicU64::new(0), of, progress };
    let asking = on_it.into_iter().map(|(branch, status)| {
        let (yard, tally) = (yard.clone(), &tally);
        async move {
            let before = BranchChain::of(branch.name(), yard.chain, Standing::Whole);
            match status {
                Ok(status) => Asked { inner, branch, yard, tally, told: before }.compare(status).await,
                Err(error) => Ok(BranchChain { standing: Standing::Silent(error.to_string()), ..before }),
            }
        }
    });
    let asked: Vec<Result<BranchChain, ClientError>> = stream::iter(asking).buffered(AT_ONCE).collect().await;
    let mut all = asked.into_iter().collect::<Result<Vec<_>, _>>()?;
    all.extend(others.into_iter().map(|(branch, _)| {
        let why = Standing::NotAllowed("it is not on the side chain".to_owned());
        BranchChain::of(branch.name(), which, why)
    }));
    Ok(all)
}

/// The verified chain's digests. Those of blocks that an earlier run verified are those of headers, each naming the one
/// before, that lead to the certified block which that run ended at.
async fn digests(
    inner: &Inner,
    heads: &[&Head],
    begun: &Begun,
) -> Result<Result<Vec<Digest>, Vec<Unheard>>, ClientError> {
    let (chain, first, taken) = {
        let mut check = locked(&begun.check);
        if let Some(digests) = check.digests.take() {
            return Ok(Ok(digests));
        }
        (check.chain, check.first(), check.head())
    };
    let mut unheard = Vec::new();
    for (branch, status) in heads {
        let why = match status {
            Ok(_) => match spine(inner, branch, chain, first, taken).await {
                Ok(digests) => return Ok(Ok(digests)),
                Err(why) => why,
            },
            Err(error) => error.to_string(),
        };
        unheard.push(Unheard { branch: branch.name().to_owned(), why });
    }
    Ok(Err(unheard))
}

/// A branch's headers from the genesis to a verified block, if they lead there.
async fn spine(
    inner: &Inner,
    branch: &Arc<Branch>,
    chain: Chain,
    first: Digest,
    (height, digest): (u64, Digest),
) -> Result<Vec<Digest>, String> {
    let mut digests = vec![first];
    loop {
        let from = u64::try_from(digests.len()).unwrap_or(u64::MAX);
        if from > height {
            break;
        }
        let limit = HEADERS_PER_REPLY_MAX.min(height + 1 - from);
        let page = match inner.headers_of(branch, chain, from, limit).await {
            Ok(page) if page.headers.is_empty() => return Err(format!("it has no block {from}")),
            Ok(page) => page,
            Err(error) => return Err(error.to_string()),
        };
        for one in page.headers {
            let parent = Header::decode(&one.header.0).ok().map(|header| header.parent);
            if parent.as_ref() != digests.last() {
                return Err(format!("its block {} does not follow", digests.len()));
            }
            digests.push(Digest::of(&one.header.0));
        }
    }
    match digests.last() == Some(&digest) {
        true => Ok(digests),
        false => Err(format!("its headers do not lead to the verified block {height}")),
    }
}

/// One branch on its way.
struct Asked<'a> {
    inner: &'a Inner,
    branch: &'a Arc<Branch>,
    yard: Arc<Yardstick>,
    tally: &'a Tally<'a>,
    told: BranchChain,
}

/// Why a branch is not asked further.
enum End {
    /// It is told already, or there is no more.
    Told,
    /// It gave nothing.
    Gave(BranchError),
    /// Something failed here.
    Failed(ClientError),
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Branch { error, .. } => Self::Gave(error),
            other => Self::Failed(other),
        }
    }
}

impl Asked<'_> {
    async fn compare(mut self, status: &Status) -> Result<BranchChain, ClientError> {
        let mut ended = self.walk(status).await;
        if let (Ok(()), Ok(claim)) = (&ended, self.claims(status))
            && self.yard.at(claim.height).is_some_and(|verified| verified != claim.digest)
        {
            self.told.fault(claim.height, "it shows another newest block than the one in its list");
            ended = Err(End::Told);
        }
        match ended {
            Ok(()) | Err(End::Told) => {}
            // What was wrong before the silence stays said.
            Err(End::Gave(error)) if self.told.faults.is_empty() => {
                self.told.standing = Standing::Silent(error.to_string());
            }
            Err(End::Gave(error)) => {
                let next = self.told.headers + 1;
                self.told.fault(next, format!("then no answer: {error}"));
            }
            Err(End::Failed(error)) => return Err(error),
        }
        let left = self.yard.newest().saturating_sub(self.told.headers);
        self.tally.add(left);
        Ok(self.told)
    }

    async fn walk(&mut self, status: &Status) -> Result<(), End> {
        let mut claims = self.claims(status)?.height;
        let (newest, mut since) = (self.yard.newest(), Instant::now());
        while self.told.headers < newest {
            let from = self.told.headers + 1;
            if claims < from {
                if since.elapsed() > CATCH_UP {
                    if self.told.standing == Standing::Whole {
                        self.told.standing = Standing::Behind(newest - self.told.headers);
                    }
                    return Ok(());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
                let status =
                    self.branch.look::<Status>(Target::of(RouteId::Status)).await.map_err(End::Gave)?;
                claims = self.claims(&status)?.height;
                continue;
            }
            let limit = HEADERS_PER_REPLY_MAX.min(newest.min(claims) + 1 - from);
            let route = match self.yard.chain {
                Chain::Main => RouteId::MainHeaders,
                Chain::Side => RouteId::SideHeaders,
            };
            let target = Target::of(route).query(&[("from", from), ("limit", limit)]);
            let given = self.branch.get_kept::<Headers>(target).await.map_err(End::Gave)?;
            let (page, proof) = (given.value, given.proof);
            if page.headers.is_empty() {
                self.told.fault(
                    from,
                    format!("it says that its newest block is {claims} and leaves this one out"),
                );
                return Err(End::Told);
            }
            let headers: Vec<_> = page
                .headers
                .into_iter()
                .map(|one| (one.header.0, one.certificate.map(|bytes| bytes.0)))
                .collect();
            let count = self.headers(headers, &proof).await?;
            if self.yard.with_bodies {
                self.bodies(from, count).await?;
            } else {
                self.tally.add(count);
            }
            if matches!(self.told.standing, Standing::Differs { .. }) {
                return Err(End::Told);
            }
            since = Instant::now();
        }
        Ok(())
    }

    /// The newest block that the branch claims.
    fn claims(&mut self, status: &Status) -> Result<Claim, End> {
        let Some(status) = chain_status(status, self.yard.chain) else {
            self.told.standing = Standing::Silent(format!("it shows no {} chain", self.yard.chain));
            return Err(End::Told);
        };
        Claim::of(self.branch.name(), self.inner.network, self.yard.chain, status).map_err(|what| {
            self.told.fault(status.height, what);
            End::Told
        })
    }

    /// Compares the next headers. Returns how many of them are the verified ones.
    async fn headers(
        &mut self,
        headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        proof: &Arc<SignedBody>,
    ) -> Result<u64, End> {
        let (yard, first) = (self.yard.clone(), self.told.headers + 1);
        let judged = heavy(move || judge(&yard, first, headers)).await?;
        self.told.headers += judged.same;
        self.told.certificates += judged.certificates;
        if judged.forged {
            self.inner.raise(Finding::Forged { chain: self.yard.chain, proof: proof.clone() }).await;
        }
        if let Some(theirs) = judged.fork {
            let (chain, from) = (self.yard.chain, self.branch.id());
            // When nobody shows the verified block's certificate now, there is still the difference in the table.
            if let Some((height, _, verified)) = judged.differs
                && let Some(ours) = self.ours(height, verified).await
            {
                self.inner.raise(Finding::Fork { chain, ours, theirs, from }).await;
            }
        }
        for (height, what) in judged.bad {
            self.told.fault(height, what);
        }
        if let Some((height, theirs, verified)) = judged.differs {
            self.told.fault(height, format!("it has block {theirs}, and the verified one is {verified}"));
            self.told.standing = Standing::Differs { height, theirs, verified };
        }
        Ok(judged.same)
    }

    /// The verified block of a height with its certificate, from another branch.
    async fn ours(&self, height: u64, verified: Digest) -> Option<Certified> {
        for branch in self.inner.on(self.yard.chain) {
            if branch.id() == self.branch.id() {
                continue;
            }
            match self.inner.certified_at(&branch, self.yard.chain, height).await {
                Ok((digest, certified)) if digest == verified => return Some(certified),
                _ => {}
            }
        }
        None
    }

    /// Compares the bodies of `count` blocks, fetching the next ones while those before are hashed.
    async fn bodies(&mut self, from: u64, count: u64) -> Result<(), End> {
        let heights: Vec<u64> = (from..from.saturating_add(count)).collect();
        let mut batches = heights.chunks(BATCH);
        let mut ready = Vec::new();
        loop {
            let next = async {
                match batches.next() {
                    Some(batch) => Some(join_all(batch.iter().map(|height| self.block(*height))).await),
                    None => None,
                }
            };
            let (yard, done) = (self.yard.clone(), ready.len());
            let (checked, next) = tokio::join!(heavy(move || hold(&yard, ready)), next);
            for (height, what) in checked? {
                match what {
                    None => self.told.bodies += 1,
                    Some(what) => self.told.fault(height, what),
                }
            }
            self.tally.add(u64::try_from(done).unwrap_or_default());
            let Some(next) = next else { return Ok(()) };
            ready = Vec::with_capacity(next.len());
            for (height, block) in next {
                match block {
                    Ok(block) => ready.push((height, block)),
                    Err(BranchError::Refused(problem)) if problem.status == 404 => {
                        self.told.fault(height, "it has the header of this block and not its body");
                    }
                    Err(error) => return Err(End::Gave(error)),
                }
            }
        }
    }

    async fn block(&self, height: u64) -> (u64, Result<Block, BranchError>) {
        let route = match self.yard.chain {
            Chain::Main => RouteId::MainBlock,
            Chain::Side => RouteId::SideBlock,
        };
        (height, self.branch.get::<Block>(Target::with(route, height)).await)
    }
}

/// What came of a page of headers.
#[derive(Default)]
struct Judged {
    /// So many are the verified ones.
    same: u64,
    /// So many certificates certify their block.
    certificates: u64,
    /// Where a certificate does not, and why.
    bad: Vec<(u64, String)>,
    /// The first header that is another one: theirs and the verified one.
    differs: Option<(u64, Digest, Digest)>,
    /// A certificate certifies nothing, and the branch signed it.
    forged: bool,
    /// The first header that is another one, certified all the same.
    fork: Option<Certified>,
}

/// A header and its certificate, if it has one of its own.
type Given = (Vec<u8>, Option<Vec<u8>>);

impl Judged {
    /// What another header than the verified one proves, by the first certificate that covers it.
    fn convict(&mut self, yard: &Yardstick, first: Given, after: impl Iterator<Item = Given>) {
        let mut headers = Vec::new();
        for (header, certificate) in std::iter::once(first).chain(after) {
            headers.push(header);
            let Some(certificate) = certificate else { continue };
            match yard.path.certified(&headers, &certificate) {
                Ok(_) => self.fork = Some(Certified { headers, certificate }),
                Err(_) => self.forged = true,
            }
            return;
        }
    }
}

fn judge(yard: &Yardstick, first: u64, headers: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Judged {
    let mut judged = Judged::default();
    let mut headers = (first..).zip(headers);
    while let Some((height, (header, certificate))) = headers.next() {
        let Some(verified) = yard.at(height) else { break };
        let theirs = Digest::of(&header);
        if theirs != verified {
            judged.differs = Some((height, theirs, verified));
            judged.convict(yard, (header, certificate), headers.map(|(_, one)| one));
            break;
        }
        judged.same += 1;
        let Some(certificate) = certificate else { continue };
        match yard.path.certified(&[header], &certificate) {
            Ok(_) => judged.certificates += 1,
            Err(error) => {
                judged.forged = true;
                judged.bad.push((height, error.to_string()));
            }
        }
    }
    judged
}

/// Whether blocks are the verified ones, body and all; what is wrong where they are not.
fn hold(yard: &Yardstick, blocks: Vec<(u64, Block)>) -> Vec<(u64, Option<String>)> {
    let one = |(height, block): (u64, Block)| {
        let what = if Some(Digest::of(&block.header.0)) != yard.at(height) {
            Some("its block has another header than its list")
        } else if body_matches(&block.header.0, &block.body.0).is_none() {
            Some("its body is not the one that the certified header commits to")
        } else {
            None
        };
        (height, what.map(str::to_owned))
    };
    blocks.into_iter().map(one).collect()
}
