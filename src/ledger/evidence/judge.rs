//! The judgement: what the parts prove, or why they do not.

use super::answer::{Bodies, GivenLinks, HeadersIn, Said};
use super::error::{Fault, NotEvidence, Refuted, is_wrong_for_all};
use super::ground::Ground;
use super::{Evidence, Included, Kind, Part, Witness};
use crate::body::Storage;
use crate::certificate::{self, CertificateError};
use crate::codec::{Canonical, DecodeError};
use crate::genesis::namespace;
use crate::grant::Grant;
use crate::header::{Header, epoch_of};
use crate::id::{BranchId, Chain, NetworkId, PatientId, RecordId, StaffId, TxId};
use crate::light::VerifiedHeader;
use crate::registry::MAX_GRANT_S;
use crate::state::{Key, PatientEntry};
use crate::tip::SignedTip;
use crate::transaction::{Body, Transaction};
use crate::tree::{ProofError, StateProof};
use std::collections::BTreeMap;
use wardline_crypto::{Content, Digest, Domain, Signature, merkle, peek};

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It shows what it claims.
    Holds(Box<Proven>),
    /// What is in it is authentic, and does not show what it claims.
    Refuted(Refuted),
    /// It is damaged, or of another network.
    NotEvidence(NotEvidence),
}

/// What is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The network.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// What.
    pub claim: Claim,
    /// The final blocks in it, and by whose signatures they are final.
    pub blocks: Vec<SignedBy>,
    /// Who saw it; nobody in an inclusion.
    pub seen: Option<Seen>,
    /// The participants' names.
    pub names: BTreeMap<BranchId, String>,
}

/// A final block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// Blocks before it.
    pub height: u64,
    /// Its digest.
    pub digest: Digest,
    /// The block's time, Unix seconds.
    pub time_s: u64,
    /// The branches whose validators signed it, or a later one that leads back to it.
    pub signers: Vec<BranchId>,
}

/// Whose console saw it, and when: that person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Who.
    pub staff: StaffId,
    /// At which branch.
    pub branch: BranchId,
    /// Unix seconds.
    pub at_s: u64,
}

/// What a piece of evidence shows. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The transaction is in the block.
    Inclusion {
        /// SHA-256 of its bytes.
        transaction: TxId,
        /// Its place in the block.
        index: u64,
        /// What it says, if this program can read it.
        says: Option<Box<Transaction>>,
    },
    /// Two blocks of one height are final.
    Fork {
        /// The branches whose validators signed both.
        branches: Vec<BranchId>,
    },
    /// The branch signed another block than the final one.
    Contradiction {
        /// Which branch.
        branch: BranchId,
        /// What it signed.
        signed: Digest,
        /// When, by its own clock.
        time_s: u64,
    },
    /// The branch's word went back.
    Rollback {
        /// Which branch.
        branch: BranchId,
        /// Height and time of the first tip.
        earlier: (u64, u64),
        /// Height and time of the second tip.
        later: (u64, u64),
    },
    /// The branch answered with what no valid chain has.
    Forged {
        /// Which branch.
        branch: BranchId,
        /// When, by its own clock.
        time_s: u64,
        /// The first thing that is wrong.
        what: Forged,
    },
    /// The branch answered with another envelope than the agreed one.
    Altered {
        /// Which branch.
        branch: BranchId,
        /// When, by its own clock.
        time_s: u64,
        /// The record.
        record: RecordId,
        /// Its version.
        version: u32,
        /// The agreed envelope's SHA-256.
        agreed: Digest,
        /// The given one's.
        given: Digest,
    },
    /// The branch answered that it has not what it signed for.
    Missing {
        /// Which branch.
        branch: BranchId,
        /// When, by its own clock.
        time_s: u64,
        /// The record.
        record: RecordId,
        /// Its version.
        version: u32,
    },
    /// The branch answered with a list that is not the whole one.
    Omission {
        /// Which branch.
        branch: BranchId,
        /// When, by its own clock.
        time_s: u64,
        /// The patient.
        patient: PatientId,
        /// Records in the list that it gave.
        given: u64,
        /// Records in the certified state; nothing when the entry that it gave is not that state's.
        held: Option<u64>,
    },
}

impl Claim {
    /// The kind of evidence.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Inclusion { .. } => Kind::Inclusion,
            Self::Fork { .. } => Kind::Fork,
            Self::Contradiction { .. } => Kind::Contradiction,
            Self::Rollback { .. } => Kind::Rollback,
            Self::Forged { .. } => Kind::Forged,
            Self::Altered { .. } => Kind::Altered,
            Self::Missing { .. } => Kind::Missing,
            Self::Omission { .. } => Kind::Omission,
        }
    }

    /// The branches that it is evidence against.
    pub fn branches(&self) -> Vec<BranchId> {
        match self {
            Self::Inclusion { .. } => Vec::new(),
            Self::Fork { branches } => branches.clone(),
            Self::Contradiction { branch, .. }
            | Self::Rollback { branch, .. }
            | Self::Forged { branch, .. }
            | Self::Altered { branch, .. }
            | Self::Missing { branch, .. }
            | Self::Omission { branch, .. } => vec![*branch],
        }
    }
}

/// What is wrong with a header or its certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The header cannot be one.
    #[error("a header that is malformed: {0}")]
    Malformed(DecodeError),
    /// It is of another network or chain.
    #[error("a header of another network or chain at height `{0}`")]
    Elsewhere(u64),
    /// It is of another epoch than its height.
    #[error("a header of height `{0}` that names another epoch than its own")]
    Epoch(u64),
    /// Its certificate does not certify it.
    #[error("a header of height `{height}` with a certificate that does not certify it: {error}")]
    Certificate {
        /// The header's height.
        height: u64,
        /// What is wrong.
        error: CertificateError,
    },
}

/// Judges evidence. `told` is the network that the reader has from elsewhere: nothing else is believed.
pub fn judge(evidence: &Evidence, told: &NetworkId, bodies: &dyn Bodies) -> Verdict {
    let (ground, case, seen) = match authentic(evidence, told) {
        Ok(authentic) => authentic,
        Err(error) => return Verdict::NotEvidence(error),
    };
    let blocks = case.blocks();
    match case.claim(&ground, bodies) {
        Ok(claim) => Verdict::Holds(Box::new(Proven {
            network: ground.network,
            chain: ground.chain,
            claim,
            blocks,
            seen,
            names: ground.names(),
        })),
        Err(error) => Verdict::Refuted(error),
    }
}

/// Everything but the kind's own condition.
fn authentic<'a>(
    evidence: &'a Evidence,
    told: &NetworkId,
) -> Result<(Ground, Case<'a>, Option<Seen>), NotEvidence> {
    let ground = Ground::of(evidence, told)?;
    let case = Case::of(evidence, &ground)?;
    let seen = match (&evidence.witness, evidence.kind) {
        (None, Kind::Inclusion) => None,
        (Some(witness), kind) if kind != Kind::Inclusion => Some(seen(witness, &ground)?),
        _ => return Err(Fault::Witness.into()),
    };
    Ok((ground, case, seen))
}

fn seen(witness: &Witness, ground: &Ground) -> Result<Seen, NotEvidence> {
    let grant = Grant::decode(&witness.grant).map_err(NotEvidence::GrantMalformed)?;
    let staff = ground.staff(grant.staff)?;
    grant.verify(&ground.network, staff, witness.seen_s, MAX_GRANT_S).map_err(NotEvidence::Grant)?;
    let signed = Witness::signed_bytes(&witness.sum, witness.seen_s);
    let holds = Signature::decode(&witness.signature)
        .is_ok_and(|signature| grant.session.verify(Domain::Evidence, &signed, &signature));
    if !holds {
        return Err(NotEvidence::WitnessSignature);
    }
    Ok(Seen { staff: staff.id, branch: staff.branch, at_s: witness.seen_s })
}

/// A final block with its signers.
struct Final {
    known: VerifiedHeader,
    signers: Vec<BranchId>,
}

impl Final {
    fn of(block: &super::FinalBlock, ground: &Ground) -> Result<Self, NotEvidence> {
        let (known, signers) = ground.block(block)?;
        Ok(Self { known, signers: signers.0 })
    }

    fn height(&self) -> u64 {
        self.known.header.height
    }

    fn has(&self, included: &Included) -> Result<(), NotEvidence> {
        let header = &self.known.header;
        let (leaf, size) = (merkle::leaf_hash(&included.transaction), u64::from(header.transactions));
        let root = &header.transaction_root;
        if merkle::verify_inclusion(&leaf, included.index, size, &included.inclusion, root) {
            Ok(())
        } else {
            Err(NotEvidence::NotIncluded)
        }
    }
}

fn tip(bytes: &[u8], ground: &Ground) -> Result<SignedTip, NotEvidence> {
    let tip = SignedTip::decode(bytes).map_err(NotEvidence::TipMalformed)?;
    if tip.network != ground.network || tip.chain != ground.chain {
        return Err(NotEvidence::TipElsewhere);
    }
    if !tip.verify(&ground.branch(tip.branch)?.signing) {
        return Err(NotEvidence::TipSignature(tip.branch));
    }
    Ok(tip)
}

/// The parts of a kind, each authentic by itself.
enum Case<'a> {
    Inclusion { block: Final, included: &'a Included },
    Fork { left: Final, right: Final },
    Contradiction { block: Final, tip: SignedTip },
    Rollback { earlier: SignedTip, later: SignedTip },
    Forged { said: Said<'a> },
    Altered { block: Final, included: &'a Included, said: Said<'a> },
    Missing { block: Final, included: &'a Included, said: Said<'a> },
    Omission { block: Final, said: Said<'a> },
}

impl<'a> Case<'a> {
    fn of(evidence: &'a Evidence, ground: &Ground) -> Result<Self, NotEvidence> {
        let within = |block, included: &'a Included| -> Result<Final, NotEvidence> {
            let block = Final::of(block, ground)?;
            block.has(included)?;
            Ok(block)
        };
        Ok(match (evidence.kind, evidence.parts.as_slice()) {
            (Kind::Inclusion, [Part::Block(block), Part::Transaction(included)]) => {
                Self::Inclusion { block: within(block, included)?, included }
            }
            (Kind::Fork, [Part::Block(left), Part::Block(right)]) => {
                Self::Fork { left: Final::of(left, ground)?, right: Final::of(right, ground)? }
            }
            (Kind::Contradiction, [Part::Block(block), Part::Tip(bytes)]) => {
                Self::Contradiction { block: Final::of(block, ground)?, tip: tip(bytes, ground)? }
            }
            (Kind::Rollback, [Part::Tip(earlier), Part::Tip(later)]) => {
                Self::Rollback { earlier: tip(earlier, ground)?, later: tip(later, ground)? }
            }
            (Kind::Forged, [Part::Answer(answer)]) => Self::Forged { said: Said::of(answer, ground)? },
            (Kind::Altered, [Part::Block(block), Part::Transaction(included), Part::Answer(answer)]) => {
                let block = within(block, included)?;
                Self::Altered { block, included, said: Said::of(answer, ground)? }
            }
            (Kind::Missing, [Part::Block(block), Part::Transaction(included), Part::Answer(answer)]) => {
                let block = within(block, included)?;
                Self::Missing { block, included, said: Said::of(answer, ground)? }
            }
            (Kind::Omission, [Part::Block(block), Part::Answer(answer)]) => {
                Self::Omission { block: Final::of(block, ground)?, said: Said::of(answer, ground)? }
            }
            _ => return Err(NotEvidence::Parts),
        })
    }

    fn blocks(&self) -> Vec<SignedBy> {
        let blocks = match self {
            Self::Inclusion { block, .. }
            | Self::Contradiction { block, .. }
            | Self::Altered { block, .. }
            | Self::Missing { block, .. }
            | Self::Omission { block, .. } => vec![block],
            Self::Fork { left, right } => vec![left, right],
            Self::Rollback { .. } | Self::Forged { .. } => Vec::new(),
        };
        let signed = |block: &Final| SignedBy {
            height: block.height(),
            digest: block.known.digest,
            time_s: block.known.header.time_s,
            signers: block.signers.clone(),
        };
        blocks.into_iter().map(signed).collect()
    }

    /// The kind's own condition.
    fn claim(&self, ground: &Ground, bodies: &dyn Bodies) -> Result<Claim, Refuted> {
        match self {
            Self::Inclusion { included, .. } => Ok(Claim::Inclusion {
                transaction: Digest::of(&included.transaction),
                index: included.index,
                says: Transaction::decode(&included.transaction).ok().map(Box::new),
            }),
            Self::Fork { left, right } => fork(left, right),
            Self::Contradiction { block, tip } => contradiction(block, tip),
            Self::Rollback { earlier, later } => rollback(earlier, later),
            Self::Forged { said } => forged(said, ground, bodies),
            Self::Altered { block, included, said } => {
                Copies::of(ground, bodies, block, included, said)?.altered(said)
            }
            Self::Missing { block, included, said } => {
                Copies::of(ground, bodies, block, included, said)?.missing(said)
            }
            Self::Omission { block, said } => omission(ground, bodies, block, said),
        }
    }
}

fn fork(left: &Final, right: &Final) -> Result<Claim, Refuted> {
    if left.height() != right.height() {
        return Err(Refuted::ForkHeights(left.height(), right.height()));
    }
    if left.known.digest == right.known.digest {
        return Err(Refuted::ForkSame);
    }
    let both = left.signers.iter().filter(|branch| right.signers.contains(branch));
    let mut branches: Vec<BranchId> = both.copied().collect();
    branches.sort_unstable();
    Ok(Claim::Fork { branches })
}

fn contradiction(block: &Final, tip: &SignedTip) -> Result<Claim, Refuted> {
    if tip.height != block.height() {
        return Err(Refuted::ContradictionHeights { tip: tip.height, block: block.height() });
    }
    if tip.digest == block.known.digest {
        return Err(Refuted::ContradictionSame);
    }
    Ok(Claim::Contradiction { branch: tip.branch, signed: tip.digest, time_s: tip.time_s })
}

fn rollback(earlier: &SignedTip, later: &SignedTip) -> Result<Claim, Refuted> {
    if earlier.branch != later.branch {
        return Err(Refuted::RollbackBranches(earlier.branch, later.branch));
    }
    if later.time_s <= earlier.time_s {
        return Err(Refuted::RollbackTime);
    }
    if later.height >= earlier.height {
        return Err(Refuted::RollbackHeight);
    }
    Ok(Claim::Rollback {
        branch: earlier.branch,
        earlier: (earlier.height, earlier.time_s),
        later: (later.height, later.time_s),
    })
}

fn forged(said: &Said<'_>, ground: &Ground, bodies: &dyn Bodies) -> Result<Claim, Refuted> {
    let place = said.headers_in(ground.chain).ok_or(Refuted::OtherQuestion)?;
    if said.is_part() != (place == HeadersIn::Stream) {
        return Err(Refuted::OtherPart);
    }
    let headers = bodies.headers(place, said.body).ok_or(Refuted::Unreadable("answer"))?;
    let wrong = |(header, certificate): &(Vec<u8>, Option<Vec<u8>>)| {
        what_is_wrong(ground, header, certificate.as_deref())
    };
    let later = || headers.iter().find_map(|(header, _)| Header::later_version(header));
    let nothing = || later().map_or(Refuted::ForgedNothing, Refuted::LaterVersion);
    let what = headers.iter().find_map(wrong).ok_or_else(nothing)?;
    Ok(Claim::Forged { branch: said.branch, time_s: said.time_s, what })
}

fn what_is_wrong(ground: &Ground, bytes: &[u8], certificate: Option<&[u8]>) -> Option<Forged> {
    let header = match Header::decode(bytes) {
        Ok(header) => header,
        // It may be right by rules that came after this program.
        Err(_) if Header::later_version(bytes).is_some() => return None,
        Err(error) => return Some(Forged::Malformed(error)),
    };
    let height = header.height;
    if header.network != ground.network || header.chain != ground.chain {
        return Some(Forged::Elsewhere(height));
    }
    if header.epoch != epoch_of(height, ground.epoch_length) {
        return Some(Forged::Epoch(height));
    }
    let namespace = namespace(&ground.network, ground.chain);
    let set = ground.path.validators(header.epoch)?;
    let error = certificate::verify(certificate?, &namespace, set, &Digest::of(bytes), header.epoch).err()?;
    // Whoever reports could have left out the change of validators by which the certificate holds.
    let counts = ground.path.validators_of(header.epoch).is_some() || is_wrong_for_all(&error);
    counts.then_some(Forged::Certificate { height, error })
}

/// What a branch that had to know a storage transaction gave of its record.
struct Copies {
    storage: Storage,
    given: Vec<Option<Vec<u8>>>,
}

impl Copies {
    fn of(
        ground: &Ground,
        bodies: &dyn Bodies,
        block: &Final,
        included: &Included,
        said: &Said<'_>,
    ) -> Result<Self, Refuted> {
        if ground.chain != Chain::Main {
            return Err(Refuted::OtherChain(Chain::Main));
        }
        let storage = match Transaction::decode(&included.transaction).map(|transaction| transaction.body) {
            Ok(Body::Storage(storage)) => storage,
            _ => return Err(Refuted::NotStorage),
        };
        if !said.is_about("/v1/records/envelopes") {
            return Err(Refuted::OtherQuestion);
        }
        if said.is_part() {
            return Err(Refuted::OtherPart);
        }
        if said.min_main < block.height() {
            return Err(Refuted::MayNotKnow { block: block.height(), demanded: said.min_main });
        }
        let asked = bodies.records(said.asked).ok_or(Refuted::Unreadable("question"))?;
        let envelopes = bodies.envelopes(said.body).ok_or(Refuted::Unreadable("answer"))?;
        if asked.len() != envelopes.len() {
            return Err(Refuted::Uneven);
        }
        let of_it = asked.iter().zip(envelopes).filter(|(record, _)| **record == storage.record);
        let given: Vec<_> = of_it.map(|(_, envelope)| envelope).collect();
        if given.is_empty() {
            return Err(Refuted::NotAsked);
        }
        Ok(Self { storage, given })
    }

    fn altered(self, said: &Said<'_>) -> Result<Claim, Refuted> {
        let Self { storage, given } = self;
        let is_altered = |envelope: &&Vec<u8>| {
            Digest::of(envelope) != storage.pointer
                && peek(envelope).map_or(true, |header| {
                    header.content != Content::Record
                        || header.object != *storage.record.bytes()
                        || header.version == storage.version
                })
        };
        let envelope = given.iter().flatten().find(is_altered).ok_or(Refuted::NotAltered)?;
        Ok(Claim::Altered {
            branch: said.branch,
            time_s: said.time_s,
            record: storage.record,
            version: storage.version,
            agreed: storage.pointer,
            given: Digest::of(envelope),
        })
    }

    fn missing(self, said: &Said<'_>) -> Result<Claim, Refuted> {
        let Self { storage, given } = self;
        if given.iter().all(Option::is_some) {
            return Err(Refuted::NotMissing);
        }
        if storage.branch != said.branch {
            return Err(Refuted::NotHome(said.branch));
        }
        if storage.receipts.iter().all(|receipt| receipt.branch != said.branch) {
            return Err(Refuted::NoReceipt(said.branch));
        }
        let (record, version) = (storage.record, storage.version);
        Ok(Claim::Missing { branch: said.branch, time_s: said.time_s, record, version })
    }
}

fn omission(ground: &Ground, bodies: &dyn Bodies, block: &Final, said: &Said<'_>) -> Result<Claim, Refuted> {
    if ground.chain != Chain::Side {
        return Err(Refuted::OtherChain(Chain::Side));
    }
    if !said.is_about("/v1/patients/links") {
        return Err(Refuted::OtherQuestion);
    }
    if said.is_part() {
        return Err(Refuted::OtherPart);
    }
    let patient = bodies.patient(said.asked).ok_or(Refuted::Unreadable("question"))?;
    let links = bodies.links(said.body).ok_or(Refuted::Unreadable("answer"))?;
    if Digest::of(&links.header) != block.known.digest {
        return Err(Refuted::OtherHeader);
    }
    let held = match proven_entry(block, patient, &links) {
        Err(_) => None,
        Ok(()) => Some(held(&links)?),
    };
    Ok(Claim::Omission {
        branch: said.branch,
        time_s: said.time_s,
        patient,
        given: u64::try_from(links.records.len()).unwrap_or(u64::MAX),
        held,
    })
}

fn proven_entry(block: &Final, patient: PatientId, links: &GivenLinks) -> Result<(), ProofError> {
    let (root, key) = (&block.known.header.state_root, Key::Patient(patient).bytes());
    StateProof::from_bytes(&links.proof)?.verify(root, &key, links.value.as_deref())
}

/// How many records the proven entry has, when the list is not the entry's.
fn held(links: &GivenLinks) -> Result<u64, Refuted> {
    let pairs: Vec<(RecordId, BranchId)> =
        links.records.iter().copied().zip(links.branches.iter().copied().map(BranchId)).collect();
    let even = links.records.len() == links.branches.len();
    let (whole, held) = match &links.value {
        None => (pairs.is_empty(), 0),
        Some(value) => {
            let entry = PatientEntry::decode(value).map_err(Refuted::EntryMalformed)?;
            (entry.proves_whole(&pairs), entry.links.size())
        }
    };
    if even && whole { Err(Refuted::NothingOmitted) } else { Ok(held) }
}
