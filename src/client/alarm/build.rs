//! Making evidence: what a finding has, and what the network has to add for somebody who has nothing but the genesis.
//!
//! Whatever is fetched here is checked by the offline checker, as a stranger would, before it is shown to anybody.

use super::{Certified, Finding};
use crate::{
    answer::{Given, SignedBody},
    branch::{Branch, Target},
    error::ClientError,
    group::{Inner, heavy, locked},
    race::first_good,
    sync::handed_over,
};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    sync::Arc,
};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{
    Body, BranchId, Canonical, Chain, Header, Key, RecordId, StaffEntry, Step, Transaction, body_matches,
    decode_body, epoch_of,
    evidence::{Answered, Entry, Evidence, FinalBlock, Included, Kind, Member, Part, Verdict},
};
use wardline_wire::{
    Block, Envelopes, EnvelopesQuery, HEADERS_PER_REPLY_MAX, Links, Proofs, ProofsQuery, RouteId, evidence,
};

/// Evidence and what the checker says of it.
pub(crate) struct Built {
    pub(crate) file: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// A block's transactions.
pub(crate) struct Whole {
    pub(crate) transactions: Vec<Vec<u8>>,
}

impl Whole {
    /// A transaction of it with its inclusion proof.
    pub(crate) fn included(&self, index: usize) -> Option<Included> {
        let transaction = self.transactions.get(index)?.clone();
        let leaves: Vec<Digest> = self.transactions.iter().map(|one| merkle::leaf_hash(one)).collect();
        Some(Included {
            transaction,
            index: u64::try_from(index).ok()?,
            inclusion: merkle::inclusion_proof(&leaves, index),
        })
    }
}

impl From<&SignedBody> for Answered {
    fn from(proof: &SignedBody) -> Self {
        Self {
            answer: proof.answer.encode(),
            request: proof.request.clone(),
            asked: proof.asked.clone(),
            body: proof.body.clone(),
        }
    }
}

impl Inner {
    /// The evidence of a finding, signed by this session, and what the checker says of it.
    ///
    /// # Errors
    /// When what is missing cannot be fetched.
    pub(super) async fn evidence_of(&self, finding: &Finding, seen_s: u64) -> Result<Built, ClientError> {
        let chain = finding.chain();
        let final_block = |certified: &Certified| Part::Block(certified.clone().into());
        let (kind, parts) = match finding {
            Finding::Fork { ours, theirs, .. } => (Kind::Fork, vec![final_block(ours), final_block(theirs)]),
            Finding::Contradiction { block, tip, .. } => {
                (Kind::Contradiction, vec![final_block(block), Part::Tip(tip.encode())])
            }
            Finding::Rollback { earlier, later, .. } => {
                (Kind::Rollback, vec![Part::Tip(earlier.encode()), Part::Tip(later.encode())])
            }
            Finding::Forged { proof, .. } => (Kind::Forged, vec![Part::Answer(proof.as_ref().into())]),
            Finding::Altered { record, proof } => {
                (Kind::Altered, self.stored_and_answered(*record, proof).await?)
            }
            Finding::Missing { record, proof } => {
                (Kind::Missing, self.stored_and_answered(*record, proof).await?)
            }
            Finding::Omission { proof } => {
                let links: Links = serde_json::from_slice(&proof.body)
                    .map_err(|_| ClientError::NoEvidence("the answer is malformed".to_owned()))?;
                let header = Header::decode(&links.header.0)
                    .map_err(|error| ClientError::NoEvidence(error.to_string()))?;
                let block = self.final_block(chain, header.height).await?;
                (Kind::Omission, vec![Part::Block(block), Part::Answer(proof.as_ref().into())])
            }
        };
        let branches = accused(&parts);
        let members = self.members(chain, &branches).await?;
        self.build(chain, kind, members, parts, Some(seen_s)).await
    }

    /// Puts evidence together and has it checked.
    pub(crate) async fn build(
        &self,
        chain: Chain,
        kind: Kind,
        members: Vec<Member>,
        parts: Vec<Part>,
        seen_s: Option<u64>,
    ) -> Result<Built, ClientError> {
        let genesis = &self.alarms.genesis;
        let mut evidence = Evidence {
            kind,
            network: self.network,
            chain,
            genesis: genesis.encode(),
            steps: Vec::new(),
            members,
            parts,
            witness: None,
        };
        let epochs = epochs(&evidence, genesis.epoch_length);
        evidence.steps = self.steps(chain, &epochs, kind == Kind::Forged).await?;
        let (session, network) = (self.session.clone(), self.network);
        heavy(move || {
            let file = evidence::write(&evidence, |sum| Some(session.witness(sum, seen_s?)));
            let verdict = evidence::check(&file, &network);
            Built { file, verdict }
        })
        .await
    }

    /// The block and the storage transaction of a record, and what a branch answered about it.
    async fn stored_and_answered(
        &self,
        record: RecordId,
        proof: &Arc<SignedBody>,
    ) -> Result<Vec<Part>, ClientError> {
        let (block, included) = self.stored(record).await?;
        let pointer = match Transaction::decode(&included.transaction).map(|transaction| transaction.body) {
            Ok(Body::Storage(storage)) => Some(storage.pointer),
            _ => None,
        };
        let alone = self.asked_alone(record, proof, pointer).await;
        let answer = Part::Answer(alone.as_ref().unwrap_or(proof).as_ref().into());
        Ok(vec![Part::Block(block), Part::Transaction(included), answer])
    }

    /// The same wrong answer to a question for this record alone, if the branch gives it again: a patient's other
    /// records are nobody's business who reads the evidence.
    async fn asked_alone(
        &self,
        record: RecordId,
        proof: &SignedBody,
        pointer: Option<Digest>,
    ) -> Option<Arc<SignedBody>> {
        let asked: EnvelopesQuery = serde_json::from_slice(&proof.asked).ok()?;
        let place = asked.records.iter().position(|one| *one == record)?;
        if asked.records.len() == 1 {
            return None;
        }
        let said: Envelopes = serde_json::from_slice(&proof.body).ok()?;
        let was_missing = said.envelopes.get(place)?.is_none();
        let query = EnvelopesQuery { records: vec![record] };
        let branch = self.branch(proof.answer.answer.branch.0)?;
        let again: Given<Envelopes> = branch.ask_kept(Target::of(RouteId::Envelopes), &query).await.ok()?;
        let same = match again.value.envelopes.as_slice() {
            [None] => was_missing,
            [Some(envelope)] => !was_missing && Some(Digest::of(&envelope.0)) != pointer,
            _ => false,
        };
        same.then_some(again.proof)
    }

    /// Where the newest version of a record is on the main chain.
    ///
    /// # Errors
    /// When it is not there, or nobody gives its block.
    pub(crate) async fn stored(&self, record: RecordId) -> Result<(FinalBlock, Included), ClientError> {
        let pointers = self.pointers(&[(record, BranchId(0))]).await?;
        let entry = pointers
            .entries
            .get(&record)
            .ok_or_else(|| ClientError::NoEvidence(format!("record `{record}` is not on the main chain")))?;
        let is_it = |transaction: &Transaction| match &transaction.body {
            Body::Storage(storage) => storage.record == record && storage.version == entry.version,
            _ => false,
        };
        self.find(Chain::Main, entry.height, is_it).await
    }

    /// The final block of a height, and the transaction in it that is meant.
    pub(crate) async fn find(
        &self,
        chain: Chain,
        height: u64,
        is_it: impl Fn(&Transaction) -> bool,
    ) -> Result<(FinalBlock, Included), ClientError> {
        let whole = self.whole_block(chain, height).await?;
        let index = whole
            .transactions
            .iter()
            .position(|bytes| Transaction::decode(bytes).is_ok_and(|transaction| is_it(&transaction)));
        let included = index.and_then(|index| whole.included(index)).ok_or_else(|| {
            ClientError::NoEvidence(format!("the transaction is not in block {height} of the {chain} chain"))
        })?;
        Ok((self.final_block(chain, height).await?, included))
    }

    /// A verified block's transactions, from whoever gives those that its header commits to.
    pub(crate) async fn whole_block(&self, chain: Chain, height: u64) -> Result<Whole, ClientError> {
        let known = self.walk_back(chain, height, height, None).await?.pop();
        let digest = known.ok_or(ClientError::NoBlock { chain, height })?.digest;
        let route = match chain {
            Chain::Main => RouteId::MainBlock,
            Chain::Side => RouteId::SideBlock,
        };
        let (_, whole) = first_good(self.on(chain), |branch| async move {
            let block: Block =
                branch.get(Target::with(route, height)).await.map_err(|error| branch.failed(error))?;
            let fits = Digest::of(&block.header.0) == digest
                && body_matches(&block.header.0, &block.body.0).is_some();
            if !fits {
                return Err(branch.unverified(format!("another block than the verified one at {height}")));
            }
            let transactions =
                decode_body(&block.body.0).map_err(|error| branch.unverified(error.to_string()))?;
            Ok(Whole { transactions })
        })
        .await?;
        Ok(whole)
    }

    /// A verified block's header and those after it up to the first with a certificate.
    pub(crate) async fn final_block(&self, chain: Chain, height: u64) -> Result<FinalBlock, ClientError> {
        let known = self.walk_back(chain, height, height, None).await?.pop();
        let digest = known.ok_or(ClientError::NoBlock { chain, height })?.digest;
        let (_, block) = first_good(self.on(chain), |branch| async move {
            let run = self.run(&branch, chain, height).await?;
            match run.headers.first() {
                Some(header) if Digest::of(header) == digest => Ok(run),
                _ => Err(branch.unverified(format!("another block than the verified one at {height}"))),
            }
        })
        .await?;
        Ok(block)
    }

    async fn run(&self, branch: &Arc<Branch>, chain: Chain, height: u64) -> Result<FinalBlock, ClientError> {
        let epoch_length = self.alarms.genesis.epoch_length;
        let epoch_end = (epoch_of(height, epoch_length) + 1) * epoch_length - 1;
        let mut headers = Vec::new();
        let mut from = height;
        while from <= epoch_end {
            let limit = HEADERS_PER_REPLY_MAX.min(epoch_end - from + 1);
            let page = self.headers_of(branch, chain, from, limit).await?;
            if page.headers.is_empty() {
                break;
            }
            for one in page.headers {
                headers.push(one.header.0);
                if let Some(certificate) = one.certificate {
                    return Ok(FinalBlock { headers, certificate: certificate.0 });
                }
                from += 1;
            }
        }
        Err(branch.unverified(format!("no certificate for block {height} of the {chain} chain")))
    }

    /// The changes of validators on the way to these epochs; with `exact` the validators of these very epochs too, which a
    /// certificate that does not hold is held against.
    async fn steps(
        &self,
        chain: Chain,
        epochs: &BTreeSet<u64>,
        exact: bool,
    ) -> Result<Vec<(u64, Step)>, ClientError> {
        let epoch_length = self.alarms.genesis.epoch_length;
        let proven = self.trust(chain)?.proven_head();
        let newest = epochs.last().copied().unwrap_or_default();
        let leads_to = |step: Step| {
            let epoch = Header::decode(&step.header).ok()?.epoch.saturating_add(1);
            (epoch <= newest).then_some((epoch, step))
        };
        let mut steps: BTreeMap<u64, Step> = proven.steps.into_iter().filter_map(leads_to).collect();
        let head = epoch_of(self.trust(chain)?.head().header.height.saturating_add(1), epoch_length);
        for epoch in epochs.iter().copied().filter(|epoch| exact && (1..=head).contains(epoch)) {
            if let btree_map::Entry::Vacant(place) = steps.entry(epoch) {
                let last = epoch * epoch_length - 1;
                let ask = |branch| async move { self.step_of(&branch, chain, last).await };
                place.insert(first_good(self.on(chain), ask).await?.1);
            }
        }
        Ok(steps.into_iter().collect())
    }

    async fn step_of(&self, branch: &Arc<Branch>, chain: Chain, last: u64) -> Result<Step, ClientError> {
        let page = self.headers_of(branch, chain, last, 1).await?;
        let left_out = || branch.unverified(format!("it left the end of the epoch at {last} out"));
        let header = page.headers.into_iter().next().ok_or_else(left_out)?;
        let (_, (set, proof)) =
            handed_over(branch, page.handovers)?.into_iter().next().ok_or_else(left_out)?;
        let certificate = header.certificate.ok_or_else(left_out)?;
        let (header, proof) = (header.header.0, proof.bytes().to_vec());
        Ok(Step { header, certificate: certificate.0, set, proof })
    }

    /// The registry entries that are not as in the genesis: those of branches, and of this session's owner.
    async fn members(&self, chain: Chain, branches: &BTreeSet<BranchId>) -> Result<Vec<Member>, ClientError> {
        let genesis = &self.alarms.genesis;
        let signing = |id: &BranchId| {
            let participants = &locked(&self.registry).participants;
            participants.iter().find(|one| one.id == *id).map(|one| one.signing)
        };
        let as_began =
            |id: &BranchId| genesis.participants.iter().find(|one| one.id == *id).map(|one| one.signing);
        let mut keys: Vec<Key> = branches
            .iter()
            .filter(|id| signing(id) != as_began(id))
            .map(|id| Key::Participant(*id))
            .collect();
        let staff = self.session.staff();
        let known = |entry: &&StaffEntry| {
            entry.id == staff.staff && entry.signing == staff.signing && entry.key_epoch == staff.key_epoch
        };
        if !genesis.staff.iter().any(|entry| known(&entry)) {
            keys.push(Key::Staff(staff.staff));
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (_, members) = first_good(self.on(chain), |branch| {
            let keys = keys.clone();
            async move { self.members_by(&branch, chain, &keys).await }
        })
        .await?;
        Ok(members)
    }

    async fn members_by(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        keys: &[Key],
    ) -> Result<Vec<Member>, ClientError> {
        let route = match chain {
            Chain::Main => RouteId::MainProofs,
            Chain::Side => RouteId::SideProofs,
        };
        let query = ProofsQuery { keys: keys.iter().map(|key| key.bytes().into()).collect() };
        let reply: Proofs =
            branch.ask(Target::of(route), &query).await.map_err(|error| branch.failed(error))?;
        let certificate = reply.certificate.as_ref().map(|bytes| bytes.0.as_slice());
        let known = self.verified(chain, &reply.header.0, certificate, branch).await?;
        let block = match reply.certificate {
            Some(certificate) => FinalBlock { headers: vec![reply.header.0], certificate: certificate.0 },
            None => self.run(branch, chain, known.header.height).await?,
        };
        let mut members = Vec::with_capacity(keys.len());
        for (key, entry) in keys.iter().zip(reply.entries) {
            let value = entry.value.ok_or_else(|| branch.unverified("it has no such registry entry"))?.0;
            let entry_of = match key {
                Key::Staff(_) => Entry::Staff(value),
                _ => Entry::Participant(value),
            };
            members.push(Member { entry: entry_of, block: block.clone(), proof: entry.proof.0 });
        }
        Ok(members)
    }
}

/// The branches whose signatures are in the parts.
fn accused(parts: &[Part]) -> BTreeSet<BranchId> {
    let branch = |part: &Part| match part {
        Part::Tip(bytes) => wardline_ledger::SignedTip::decode(bytes).ok().map(|tip| tip.branch),
        Part::Answer(answered) => {
            wardline_ledger::SignedAnswer::decode(&answered.answer).ok().map(|signed| signed.answer.branch)
        }
        Part::Block(_) | Part::Transaction(_) => None,
    };
    parts.iter().filter_map(branch).collect()
}

/// The epochs that something in the evidence is of.
fn epochs(evidence: &Evidence, epoch_length: u64) -> BTreeSet<u64> {
    let of_parts = evidence.parts.iter().flat_map(|part| match part {
        Part::Block(block) => block.headers.clone(),
        Part::Answer(answered) => evidence::headers_in(answered),
        Part::Transaction(_) | Part::Tip(_) => Vec::new(),
    });
    let of_members = evidence.members.iter().flat_map(|member| member.block.headers.clone());
    let headers = of_parts.chain(of_members).filter_map(|bytes| Header::decode(&bytes).ok());
    headers.map(|header| epoch_of(header.height, epoch_length)).collect()
}
