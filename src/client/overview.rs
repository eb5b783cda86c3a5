//! Where every branch stands, held against the verified chains.

use crate::{
    auditors::AuditorVerdict,
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner, locked},
    standing::{Judged, chain_status, claim_digest},
    trust::{Known, Trust, TrustError},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::Chain;
use wardline_wire::{ChainStatus, RouteId, Status};

/// How often participants and rules are proven anew while the chain grows.
const REGISTRY_EVERY: Duration = Duration::from_secs(60);

/// What is known of the network by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The main chain as far as this console has verified it.
    pub main: Head,
    /// The side chain; absent when this session's branch is not on it.
    pub side: Option<Head>,
    /// Every branch, own branch first.
    pub branches: Vec<BranchView>,
    /// Branches are being asked: what is here may change within the deadline.
    pub asking: bool,
    /// What every auditor said last of the sealed records, newest first; nothing while that was not proven.
    pub verdicts: Option<Vec<AuditorVerdict>>,
    /// What is wrong at this machine, for people: what it verified cannot be kept, was put back to an older copy, or
    /// contradicts what the branches show; its clock is behind the chain's.
    pub warning: Option<String>,
}

/// The newest verified block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Blocks before it.
    pub height: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// The block's time, Unix seconds.
    pub time_s: u64,
}

/// One branch as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Whether it is this session's own branch.
    pub own: bool,
    /// What comparing it with the verified chains gave.
    pub word: BranchWord,
    /// Height of the main chain that it claims.
    pub main_height: Option<u64>,
    /// Height of the side chain that it claims.
    pub side_height: Option<u64>,
    /// Digest of its newest main-chain header.
    pub head: Option<Digest>,
    /// Blocks between it and the verified head, of the chain where they are more.
    pub behind: u64,
    /// Time that its last answer took, milliseconds.
    pub round_trip_ms: Option<u64>,
    /// When it answered last in this run, Unix seconds.
    pub last_answer_s: Option<u64>,
    /// Highest main-chain height at which its header was the verified one.
    pub verified_main: Option<u64>,
    /// The same on the side chain.
    pub verified_side: Option<u64>,
    /// Whether a quorum's signed tips say now that it is not behind; both chains where it is on both.
    pub fresh: Option<bool>,
    /// Transactions that wait there to become final, both chains.
    pub waiting: Option<u64>,
    /// Sealed records that it keeps.
    pub envelopes: Option<u64>,
    /// More on the word, for people.
    pub detail: Option<String>,
}

/// What may be said of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BranchWord {
    /// Nothing was asked in this run.
    NotAsked,
    /// The first answer is being waited for.
    Asking,
    /// Its head is in the verified chains; checked in this run.
    Verified,
    /// Its head is in the verified chains and is not their newest.
    Behind,
    /// Its head is in the verified chains, and it says itself that it is not well.
    Unwell,
    /// It did not answer within the deadline.
    Silent,
    /// Its head is another block than the verified one of the same height.
    Conflict,
    /// It gave a certified block that is not the verified one: a quorum signed both.
    Forked,
    /// It signed a lower newest block after a higher one.
    RolledBack,
    /// Its answer is malformed or fails verification.
    Invalid,
    /// It answers and refuses.
    Refused,
}

impl BranchWord {
    /// The word in capitals, as shown.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotAsked => "NOT ASKED",
            Self::Asking => "ASKING",
            Self::Verified => "VERIFIED",
            Self::Behind => "BEHIND",
            Self::Unwell => "UNWELL",
            Self::Silent => "SILENT",
            Self::Conflict => "CONFLICT",
            Self::Forked => "FORKED",
            Self::RolledBack => "ROLLED BACK",
            Self::Invalid => "INVALID",
            Self::Refused => "REFUSED",
        }
    }
}

impl Overview {
    /// Before anything was asked: the checkpoints, and no word on any branch.
    pub(crate) fn before(main: &Trust, side: Option<&Trust>, branches: &[Arc<Branch>]) -> Self {
        Self {
            main: Head::of(&main.head()),
            side: side.map(|side| Head::of(&side.head())),
            branches: branches.iter().map(|branch| BranchView::before(branch)).collect(),
            asking: false,
            verdicts: None,
            warning: None,
        }
    }
}

impl Head {
    pub(crate) fn of(known: &Known) -> Self {
        Self { height: known.header.height, digest: known.digest, time_s: known.header.time_s }
    }
}

impl BranchView {
    pub(crate) fn before(branch: &Branch) -> Self {
        Self {
            id: branch.id(),
            name: branch.name().to_owned(),
            own: branch.own,
            word: BranchWord::NotAsked,
            main_height: None,
            side_height: None,
            head: None,
            behind: 0,
            round_trip_ms: None,
            last_answer_s: None,
            verified_main: None,
            verified_side: None,
            fresh: None,
            waiting: None,
            envelopes: None,
            detail: None,
        }
    }

    /// A word that says more than the one before stays: a conflict is not hidden by a later lag.
    pub(crate) fn say(&mut self, word: BranchWord, detail: impl Into<String>) {
        if severity(word) > severity(self.word) {
            self.word = word;
            self.detail = Some(detail.into()).filter(|detail| !detail.is_empty());
        }
    }
}

const fn severity(word: BranchWord) -> u8 {
    match word {
        BranchWord::NotAsked | BranchWord::Asking => 0,
        BranchWord::Verified => 1,
        BranchWord::Behind => 2,
        BranchWord::Unwell => 2,
        BranchWord::Silent => 3,
        BranchWord::Refused => 4,
        BranchWord::Invalid => 5,
        BranchWord::Conflict => 6,
        BranchWord::RolledBack => 7,
        BranchWord::Forked => 8,
    }
}

impl Group {
    /// The overview as last known; asks nobody.
    pub fn overview(&self) -> Overview {
        self.inner.overview_now()
    }

    /// Asks every branch at once, follows the chains, holds every head against them and keeps the checkpoints. While
    /// nothing changes that is one request to each branch; while [`Group::watch`] hears a branch, one in ten seconds.
    /// Takes at most the deadline for each of asking and following; meanwhile [`Group::overview`] has every branch
    /// that has answered.
    pub async fn refresh(&self) -> Overview {
        let inner = &self.inner;
        {
            let mut overview = locked(&inner.overview);
            overview.asking = true;
            for view in &mut overview.branches {
                if view.word == BranchWord::NotAsked {
                    view.word = BranchWord::Asking;
                }
            }
        }
        let due = inner.branches.iter().filter(|branch| inner.is_to_be_asked(branch));
        let asked = due.map(|branch| async move {
            let began = Instant::now();
            let status: Result<Status, BranchError> = branch.look(Target::of(RouteId::Status)).await;
            if status.is_ok() {
                inner.has_answered(branch);
            }
            let answer = (branch, status, began.elapsed());
            // Shown before slower branches have answered, and held against what those prove once they have.
            inner.follow_and_show(std::slice::from_ref(&answer)).await;
            answer
        });
        let answers = futures::future::join_all(asked).await;
        inner.follow_and_show(&answers).await;
        let mut warnings = Vec::new();
        for chain in Chain::ALL {
            let Ok(trust) = inner.trust(chain) else { continue };
            inner.compare_memory(chain).await;
            warnings.extend(trust.notices(inner.clock.now_s()));
            if let Some(conflict) = trust.conflict() {
                inner.raise(conflict.finding(inner.session.branch().0)).await;
            }
            // A full disk does not make the branches' words less true. An alarm is told by the notices.
            match inner.keep_checkpoint(chain).await {
                Ok(()) | Err(ClientError::Trust(TrustError::Conflict { .. })) => {}
                Err(error) => warnings.push(not_kept(&error)),
            }
        }
        warnings.extend(inner.rekeyed());
        inner.refresh_verdicts_when_due().await;
        {
            let mut overview = locked(&inner.overview);
            overview.asking = false;
            overview.warning = joined(warnings);
        }
        inner.refresh_registry_when_due().await;
        inner.overview_now()
    }
}

/// Warnings as one text, each once.
pub(crate) fn joined(mut warnings: Vec<String>) -> Option<String> {
    warnings.dedup();
    Some(warnings.join("; ")).filter(|text| !text.is_empty())
}

/// That checkpoints are not kept, for people.
fn not_kept(error: &ClientError) -> String {
    tracing::warn!(%error, "checkpoint not kept");
    format!("NOT KEPT: what was verified will be forgotten with this session: {error}")
}

type Answer<'a> = (&'a Arc<Branch>, Result<Status, BranchError>, Duration);

impl Inner {
    /// Follows the chains as far as these answers prove, and puts their branches' rows into the overview.
    async fn follow_and_show(&self, answers: &[Answer<'_>]) {
        for chain in Chain::ALL {
            self.follow_highest(chain, answers).await;
        }
        let mut views = Vec::with_capacity(answers.len());
        for (branch, status, took) in answers {
            views.push(self.view(branch, status, *took).await);
        }
        let mut overview = locked(&self.overview);
        for mut view in views {
            if let Some(before) = overview.branches.iter_mut().find(|before| before.id == view.id) {
                view.verified_main = view.verified_main.max(before.verified_main);
                view.verified_side = view.verified_side.max(before.verified_side);
                *before = view;
            }
        }
        self.set_heads(&mut overview);
    }

    /// Keeps a chain's checkpoint beside other work, which does not fail with it.
    pub(crate) async fn keep_checkpoint_or_warn(&self, chain: Chain) {
        if let Err(error) = self.keep_checkpoint(chain).await {
            locked(&self.overview).warning = Some(not_kept(&error));
        }
    }

    pub(crate) fn set_heads(&self, overview: &mut Overview) {
        if let Ok(main) = self.trust(Chain::Main) {
            overview.main = Head::of(&main.head());
        }
        overview.side = self.trust(Chain::Side).ok().map(|side| Head::of(&side.head()));
    }

    /// Follows a chain to the highest height that some branch can prove; a branch that claims more than it can prove
    /// is found out when its head is judged.
    async fn follow_highest(&self, chain: Chain, answers: &[Answer<'_>]) {
        let Ok(trust) = self.trust(chain) else { return };
        let mut claims: Vec<(&ChainStatus, &Arc<Branch>)> = answers
            .iter()
            .filter_map(|(branch, status, _)| Some((chain_status(status.as_ref().ok()?, chain)?, *branch)))
            .collect();
        claims.sort_by_key(|(claim, branch)| (std::cmp::Reverse(claim.height), branch.id()));
        for (claim, branch) in claims {
            let head = trust.head().header.height;
            if claim.height <= head {
                break;
            }
            let unproven = Judged::Unproven { claim: claim_digest(claim), head };
            if self.is_judged(branch, chain, &unproven) {
                continue;
            }
            match self.follow_from(chain, claim.height, branch).await {
                Ok(()) => break,
                // Silence says nothing of the claim, which may be proven the next time.
                Err(ClientError::Unverified { .. }) => self.keep_judged(branch, chain, unproven),
                Err(_) => {}
            }
        }
    }

    /// Proves the registry after the first refresh and then when the main chain has grown and some time has passed.
    async fn refresh_registry_when_due(&self) {
        let height = match self.trust(Chain::Main) {
            Ok(trust) => trust.head().header.height,
            Err(_) => return,
        };
        {
            let mut asked = locked(&self.registry_asked);
            let known = locked(&self.registry).height;
            if height <= known || asked.is_some_and(|at| at.elapsed() < REGISTRY_EVERY) {
                return;
            }
            *asked = Some(Instant::now());
        }
        if let Err(error) = self.refresh_registry().await {
            tracing::info!(%error, "registry not refreshed");
        }
    }
}
