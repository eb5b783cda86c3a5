//! One chain checked block by block from its genesis: links, certificates, bodies, rules, state roots.
//!
//! It must not know where blocks come from: a branch and a file go through the same checks.

use super::resume::Progress;
use crate::cores::{self, cores};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
};
use wardline_crypto::Digest;
use wardline_ledger::{
    Advanced, Body, BodyError, BranchId, Canonical, Certificates, Chain, Checkpoint, DecodeError, Genesis,
    Header, Invalid, RecordEntry, RecordId, Replay, StateProof, Step, Transaction, TreeError, TrustPath,
    ValidatorSet, VerifiedHeader, committed_body, decode_body, ends_epoch, light, state,
};

/// How deep the blocks of a chain are checked. Each contains the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Headers: links, heights, times, epochs, certificates.
    Headers,
    /// That each body is the one that its header commits to, and decodes.
    Bodies,
    /// Every transaction again by every rule over a state of our own, and the state root.
    Replay,
}

/// A header that a quorum agreed on, with what proves it.
pub(super) struct Certified {
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) certificate: Option<Vec<u8>>,
    /// At the end of an epoch: the next epoch, its validators and their proof.
    pub(super) handover: Option<(u64, Vec<u8>, StateProof)>,
}

/// What is wrong with a block whose header is certified.
pub(super) enum Wrong {
    /// The body is not the header's: whoever gave it altered it, and others may have the true one.
    Body(BodyError),
    /// The quorum's own block breaks the rules.
    Rules(String),
    /// What was checked could not be written.
    Output(io::Error),
}

impl Wrong {
    /// For people.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Body(why) => format!("its body is not the one that the certified header commits to: {why}"),
            Self::Rules(what) => what.clone(),
            Self::Output(error) => error.to_string(),
        }
    }
}

/// Takes every block that holds, with its body where that was checked.
pub(super) type OnBlock = Box<dyn FnMut(&Certified, Option<&[u8]>) -> io::Result<()> + Send>;

/// One chain as far as it is checked.
pub(super) struct ChainCheck {
    pub(super) chain: Chain,
    depth: Depth,
    /// The bodies that are checked, by height.
    bodies: std::ops::RangeInclusive<u64>,
    checkpoint: Checkpoint,
    /// Certified, and not taken yet.
    pending: VecDeque<Certified>,
    replay: Replay,
    /// The changes of validators on the way.
    steps: Vec<Step>,
    taken: u64,
    digest: Digest,
    first: Digest,
    /// Header and certificate of the newest block that was taken, if that has a certificate of its own.
    newest: Option<(Vec<u8>, Vec<u8>)>,
    /// Every block's digest by height, where they are wanted.
    pub(super) digests: Option<Vec<Digest>>,
    /// The newest block of which everything was checked that is checked of any.
    checked: (u64, Digest),
    pub(super) transactions: BTreeMap<&'static str, u64>,
    /// Who signed for each record's newest version.
    pub(super) holders: BTreeMap<RecordId, Vec<BranchId>>,
    /// Heights whose digest is wanted.
    marks: BTreeMap<u64, Option<Digest>>,
    pub(super) on_block: Option<OnBlock>,
}

impl ChainCheck {
    /// At the genesis, which the caller pins. Replaying begins there too, so `bodies` must then begin at 0 or 1.
    pub(super) fn begin(
        genesis: &Genesis,
        chain: Chain,
        depth: Depth,
        bodies: std::ops::RangeInclusive<u64>,
    ) -> Result<Self, TreeError> {
        let checkpoint = Checkpoint::genesis(genesis, chain)?;
        Ok(Self {
            chain,
            depth,
            bodies,
            digest: checkpoint.digest,
            first: checkpoint.digest,
            checked: (0, checkpoint.digest),
            checkpoint,
            pending: VecDeque::new(),
            replay: Replay::genesis(genesis, chain)?,
            steps: Vec::new(),
            taken: 0,
            newest: None,
            digests: None,
            transactions: BTreeMap::new(),
            holders: BTreeMap::new(),
            marks: BTreeMap::new(),
            on_block: None,
        })
    }

    /// Where an earlier check stood. Everything that the next blocks are checked by is proven again: the header is
    /// certified from the genesis on, and the state is the one that it commits to.
    ///
    /// # Errors
    /// Why it proves nothing, for people.
    pub(super) fn resume(
        genesis: &Genesis,
        chain: Chain,
        depth: Depth,
        kept: Progress,
    ) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut path = TrustPath::begin(genesis, chain);
        for step in &kept.steps {
            path.step(step).map_err(|error| text(&error))?;
        }
        let header = std::slice::from_ref(&kept.header);
        let VerifiedHeader { header, digest } =
            path.certified(header, &kept.certificate).map_err(|error| text(&error))?;
        let mut check = Self::begin(genesis, chain, depth, 0..=u64::MAX).map_err(|error| text(&error))?;
        check.checkpoint.header = header.clone();
        check.checkpoint.digest = digest;
        let epoch = check.checkpoint.next_epoch();
        check.checkpoint.validators =
            path.validators(epoch).cloned().ok_or("it names no validators of the next block")?;
        let height = header.height;
        if depth == Depth::Replay {
            check.replay = Replay::resume(header, kept.values).map_err(|error| text(&error))?;
            let next: Option<ValidatorSet> =
                state::validators(check.replay.state(), epoch).map_err(|error| text(&error))?;
            if next.as_ref() != Some(&check.checkpoint.validators) {
                return Err("it leaves out a change of validators".to_owned());
            }
        }
        check.steps = kept.steps;
        (check.taken, check.digest, check.checked) = (height, digest, (height, digest));
        check.newest = Some((kept.header, kept.certificate));
        let named = |(name, count): (&String, &u64)| {
            Body::NAMES.into_iter().find(|known| known == name).map(|known| (known, *count))
        };
        check.transactions = kept.transactions.iter().filter_map(named).collect();
        check.holders = kept.holders;
        check.signed_for()?;
        Ok(check)
    }

    /// Whether each record has as many signers as the rules demand, its home branch among them: who else signed, the
    /// state does not say, and a record of nobody would be looked at nowhere.
    fn signed_for(&self) -> Result<(), String> {
        if self.depth < Depth::Replay {
            return Ok(());
        }
        let policy = state::policy(self.replay.state()).map_err(|error| error.to_string())?;
        for (id, entry) in self.records().map_err(|error| error.to_string())? {
            let signed: BTreeSet<BranchId> = self.holders.get(&id).into_iter().flatten().copied().collect();
            if signed.len() < usize::from(policy.copies_min) || !signed.contains(&entry.branch) {
                return Err("it leaves out who signed for a record".to_owned());
            }
        }
        Ok(())
    }

    /// The changes of validators up to the newest header.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Header and certificate of the newest block that was taken, if it has a certificate of its own.
    pub(super) fn newest(&self) -> Option<(&[u8], &[u8])> {
        self.newest.as_ref().map(|(header, certificate)| (header.as_slice(), certificate.as_slice()))
    }

    /// The state after the newest block that was taken, where it is replayed.
    pub(super) fn values(&self) -> Option<impl ExactSizeIterator<Item = (&[u8], &[u8])>> {
        (self.depth == Depth::Replay).then(|| self.replay.values())
    }

    /// Remembers the digest at a height that is not taken yet.
    pub(super) fn mark(&mut self, height: u64) {
        let known = (height == self.taken).then_some(self.digest);
        self.marks.insert(height, known);
    }

    /// The digest at a marked height, if it was reached.
    pub(super) fn marked(&self, height: u64) -> Option<Digest> {
        self.marks.get(&height).copied().flatten()
    }

    /// The newest block of which body and all were checked, or the header where no body is. Headers may go on above it.
    pub(super) const fn checked(&self) -> (u64, Digest) {
        self.checked
    }

    /// The genesis block's digest.
    pub(super) const fn first(&self) -> Digest {
        self.first
    }

    /// The newest block that was taken.
    pub(super) const fn head(&self) -> (u64, Digest) {
        (self.taken, self.digest)
    }

    /// Whether everything up to a height holds, proven by a certificate at or above it.
    pub(super) const fn reached(&self, height: u64) -> bool {
        self.taken >= height && (self.taken == 0 || self.newest.is_some())
    }

    /// The first height whose header is not there yet.
    pub(super) const fn next_header(&self) -> u64 {
        self.checkpoint.header.height + 1
    }

    /// The next blocks that are certified and not taken: their header bytes and whether the body is needed.
    pub(super) fn due(&self, most: usize) -> Vec<(u64, Vec<u8>, bool)> {
        let one = |block: &Certified| {
            let height = block.header.height;
            (height, block.bytes.clone(), self.needs_body(height))
        };
        self.pending.iter().take(most).map(one).collect()
    }

    /// Whether the body at a height is checked.
    pub(super) fn needs_body(&self, height: u64) -> bool {
        self.depth >= Depth::Bodies && self.bodies.contains(&height)
    }

    /// Takes headers that follow, as the light client does. Returns how many are certified.
    pub(super) fn headers(
        &mut self,
        page: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        mut sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
    ) -> Result<usize, Invalid> {
        let given = cores::read(page, cores());
        // An audit: every certificate, not only those that are needed.
        let prepared = light::prepare(&self.checkpoint, &given, &sets, Certificates::All)?;
        let Advanced { checkpoint, headers, .. } = prepared.believe(|jobs| cores::check(jobs, cores()))?;
        let count = headers.len();
        let mut set = self.checkpoint.validators.clone();
        for (known, given) in headers.into_iter().zip(given) {
            let (bytes, certificate) = given.into_parts();
            let next = known.header.epoch.saturating_add(1);
            let handover = ends_epoch(known.header.height, checkpoint.epoch_length)
                .then(|| sets.remove(&next).map(|(set, proof)| (next, set, proof)))
                .flatten();
            if let (Some((_, value, proof)), Some(certificate)) = (&handover, &certificate) {
                self.steps.extend(step(&mut set, &bytes, certificate, value, proof));
            }
            let (header, digest) = (known.header, known.digest);
            self.pending.push_back(Certified { header, bytes, digest, certificate, handover });
        }
        self.checkpoint = checkpoint;
        Ok(count)
    }

    /// Takes the next certified block, with its body where [`Self::needs_body`] says so. One that does not hold stays
    /// the next.
    pub(super) fn take(&mut self, body: Option<&[u8]>) -> Result<(), Wrong> {
        let Some(block) = self.pending.front() else { return Ok(()) };
        let height = block.header.height;
        let needed = self.needs_body(height);
        if needed {
            let body = body.unwrap_or_default();
            // Told apart from the rules: a body under another header is its giver's doing, not the quorum's.
            committed_body(&block.header, body).map_err(Wrong::Body)?;
            let transactions = if self.depth == Depth::Replay {
                self.replay.block(&block.bytes, body).map_err(|refusal| Wrong::Rules(refusal.to_string()))?
            } else {
                decoded(body)?
            };
            self.count(&transactions);
        }
        let Some(block) = self.pending.pop_front() else { return Ok(()) };
        if let Some(on_block) = &mut self.on_block {
            on_block(&block, body.filter(|_| needed)).map_err(Wrong::Output)?;
        }
        (self.taken, self.digest) = (height, block.digest);
        if let Some(digests) = &mut self.digests {
            digests.push(block.digest);
        }
        self.newest = block.certificate.map(|certificate| (block.bytes, certificate));
        if needed || self.depth == Depth::Headers {
            self.checked = (height, block.digest);
        }
        if let Some(mark) = self.marks.get_mut(&height) {
            *mark = Some(block.digest);
        }
        Ok(())
    }

    fn count(&mut self, transactions: &[Transaction]) {
        for transaction in transactions {
            *self.transactions.entry(transaction.body.name()).or_default() += 1;
            if let Body::Storage(storage) = &transaction.body {
                let holders = storage.receipts.iter().map(|receipt| receipt.branch).collect();
                self.holders.insert(storage.record, holders);
            }
        }
    }

    /// The records of the state that the replayed blocks lead to.
    pub(super) fn records(&self) -> Result<Vec<(RecordId, RecordEntry)>, DecodeError> {
        self.replay.records().collect()
    }

    /// Blocks of an epoch.
    pub(super) const fn epoch_length(&self) -> u64 {
        self.checkpoint.epoch_length
    }
}

/// The step to validators that a header hands over, if they are others than those before.
fn step(
    before: &mut ValidatorSet,
    header: &[u8],
    certificate: &[u8],
    value: &[u8],
    proof: &StateProof,
) -> Option<Step> {
    let next = ValidatorSet::decode(value).ok().filter(|next| next != before)?;
    *before = next;
    Some(Step {
        header: header.to_vec(),
        certificate: certificate.to_vec(),
        set: value.to_vec(),
        proof: proof.bytes().to_vec(),
    })
}

fn decoded(body: &[u8]) -> Result<Vec<Transaction>, Wrong> {
    let transactions = decode_body(body).map_err(|error| Wrong::Rules(error.to_string()))?;
    let decode = |(index, bytes): (usize, &Vec<u8>)| {
        Transaction::decode(bytes).map_err(|error| Wrong::Rules(format!("transaction `{index}`: {error}")))
    };
    transactions.iter().enumerate().map(decode).collect()
}

/// The height that a refusal of headers is about.
pub(super) fn place(error: &Invalid, epoch_length: u64) -> u64 {
    match error {
        Invalid::Header { after, .. } | Invalid::Link { after, .. } => after.saturating_add(1),
        Invalid::Certificate { height, .. }
        | Invalid::EpochEndUncertified(height)
        | Invalid::OtherChain(height)
        | Invalid::OtherEpoch(height)
        | Invalid::NotEpochEnd(height) => *height,
        Invalid::NoHeader => 0,
        Invalid::ValidatorsMissing(epoch)
        | Invalid::StepOrder(epoch)
        | Invalid::StepAbove(epoch)
        | Invalid::ValidatorsUnproven { epoch, .. }
        | Invalid::ValidatorsMalformed { epoch, .. } => epoch.saturating_mul(epoch_length).saturating_sub(1),
    }
}
