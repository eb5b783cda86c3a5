//! Bodies of requests and replies.

use crate::{Base64, text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wardline_crypto::Digest;
use wardline_ledger::{LookupId, PatientId, RecordId};

/// Records or transactions that one request may hand in, and transactions whose finality it may ask for.
pub const BATCH_MAX: usize = 256;
/// Most records that one request may name.
pub const RECORDS_PER_REQUEST_MAX: usize = 256;
/// Most headers in one reply.
pub const HEADERS_PER_REPLY_MAX: u64 = 512;
/// Most state keys that one request may name.
pub const KEYS_PER_REQUEST_MAX: usize = 512;
/// Longest time that a finality request is held open, milliseconds.
pub const FINALITY_WAIT_MS_MAX: u64 = 20_000;

/// Who answers, told to anyone on the hospital's network.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub network: Digest,
    pub branch: u16,
    pub name: String,
    /// Drawn at this start of the node; signed into every request.
    pub boot: Base64,
    /// The node's clock, Unix seconds.
    pub time_s: u64,
    pub version: String,
}

/// The network's genesis document in canonical bytes; its SHA-256 is the network's identity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GenesisDocument {
    pub genesis: Base64,
}

/// A node's own account of itself; the client checks what can be checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    pub hello: Hello,
    pub main: ChainStatus,
    /// Absent at participants that are not on the side chain.
    pub side: Option<ChainStatus>,
    pub envelopes: u64,
    pub envelope_bytes: u64,
    pub audit_entries: u64,
}

/// One chain at one node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChainStatus {
    pub height: u64,
    /// Canonical header of the highest applied block.
    pub header: Base64,
    /// Its certificate, when the node has it by now.
    pub certificate: Option<Base64>,
    /// Transactions that wait to become final.
    pub waiting: u64,
    /// The last signed tip heard from each voting participant.
    pub tips: Vec<Base64>,
    /// Whether those tips say, now, that this node is not behind a quorum.
    pub fresh: bool,
    /// False when the engine of this chain has stopped.
    pub healthy: bool,
}

/// Headers in height order without gaps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Headers {
    pub headers: Vec<CertifiedHeader>,
    /// For each of these headers that ends an epoch: the next epoch's validators.
    #[serde(default)]
    pub handovers: Vec<Handover>,
}

/// The validators of an epoch, proven under the state root of the last block before it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Handover {
    pub epoch: u64,
    /// Canonical bytes of the validator set.
    pub set: Base64,
    pub proof: Base64,
}

/// A header and the engine's certificate for it; a height may have none of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CertifiedHeader {
    pub header: Base64,
    pub certificate: Option<Base64>,
}

/// `from`: first height wanted; `limit`: at most [`HEADERS_PER_REPLY_MAX`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HeadersQuery {
    pub from: u64,
    pub limit: u64,
}

/// From which height on a stream begins.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StreamQuery {
    pub from: u64,
}

/// One item of a stream of blocks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StreamItem {
    /// The next block; absent when there is no new one.
    pub block: Option<StreamBlock>,
    /// The branch's own signed tip at this moment.
    pub tip: Base64,
}

/// A final block as a stream tells it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StreamBlock {
    pub header: Base64,
    /// Absent where the block has none of its own; a later one's speaks for it.
    pub certificate: Option<Base64>,
    /// The next epoch's validators, where this block ends an epoch.
    pub handover: Option<Handover>,
}

/// One block.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    pub header: Base64,
    pub body: Base64,
    pub certificate: Option<Base64>,
}

/// State keys whose values are wanted with proofs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProofsQuery {
    pub keys: Vec<Base64>,
}

/// Values at one height, each proven present or absent under that header's state root.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Proofs {
    pub header: Base64,
    pub certificate: Option<Base64>,
    pub entries: Vec<ProvenValue>,
}

/// A state value or its absence, with the proof.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProvenValue {
    pub value: Option<Base64>,
    pub proof: Base64,
}

/// A transaction in canonical bytes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Submission {
    pub transaction: Base64,
}

/// The transaction is stored durably and goes out; it is not final yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Submitted {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub id: Digest,
    /// False when the node knew it already.
    pub new: bool,
}

/// Transactions in canonical bytes, at most [`BATCH_MAX`]. Each is taken or refused by itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Submissions {
    pub transactions: Vec<Base64>,
}

/// What became of each transaction, in the order in which they were handed in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubmissionsTaken {
    pub outcomes: Vec<SubmissionOutcome>,
}

/// Whether a transaction waits now, durably.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SubmissionOutcome {
    Taken {
        /// False when the node knew it already.
        new: bool,
    },
    Refused {
        code: String,
        message: String,
    },
}

/// `wait_ms`: how long to hold the request open for finality, at most [`FINALITY_WAIT_MS_MAX`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FinalityQuery {
    #[serde(default)]
    pub wait_ms: u64,
}

/// Where a transaction stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Finality {
    Final {
        header: Base64,
        certificate: Option<Base64>,
        /// Index of the transaction in its block.
        index: u32,
        /// RFC 6962 inclusion proof of its leaf hash.
        #[serde(with = "text::list")]
        #[schemars(with = "Vec<String>")]
        inclusion: Vec<Digest>,
    },
    Waiting,
    Unknown,
    /// It was waiting and the rules of the ledger refuse it by now.
    Refused {
        code: String,
        message: String,
    },
}

/// Transactions whose finality is wanted, at most [`BATCH_MAX`], and how long to hold the request open until all of
/// them are final or refused, at most [`FINALITY_WAIT_MS_MAX`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FinalitiesQuery {
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<String>")]
    pub ids: Vec<Digest>,
    #[serde(default)]
    pub wait_ms: u64,
}

/// Where transactions stand, in the order asked, and the blocks that some of them are in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finalities {
    pub blocks: Vec<FinalBlock>,
    pub outcomes: Vec<FinalityOutcome>,
}

/// A block with the RFC 6962 leaf hashes of all its transactions: what many of them are proven by at once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FinalBlock {
    pub header: Base64,
    pub certificate: Option<Base64>,
    /// 32 bytes for each transaction.
    pub leaves: Base64,
}

/// Where one transaction stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FinalityOutcome {
    Final {
        /// Its block, by its place in the answer.
        block: u32,
        /// Index of the transaction in the block.
        index: u32,
    },
    /// Final in a block that this answer has no room for: to be asked for again. An answer with one of these has
    /// transactions that are final too.
    Later,
    Waiting,
    Unknown,
    /// It was waiting and the rules of the ledger refuse it by now.
    Refused {
        code: String,
        message: String,
    },
}

/// Search by folded terms (the client folds; the node keeps only keyed tokens of them).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// Every term must match.
    pub terms: Vec<String>,
}

/// Patients found at this branch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    pub patients: Vec<FoundPatient>,
    /// More matched than were returned: the search should be narrowed.
    pub more: bool,
    pub main_height: u64,
    pub side_height: u64,
}

/// A patient's sealed identity with its key, re-wrapped to the session.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FoundPatient {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub patient: PatientId,
    pub envelope: Base64,
    pub release: Base64,
    /// Digest of the audit entry that was durable before this release.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub audit: Digest,
}

/// A sealed identity to keep; its enrolment must be, or become, final on the side chain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeepIdentity {
    pub envelope: Base64,
    pub stanza: Base64,
    pub terms: Vec<String>,
}

/// Kept durably.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IdentityKept {
    /// False when the same envelope was here already.
    pub new: bool,
}

/// A patient's temporary IDs, under a lookup of the asker that is final on the side chain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LinksQuery {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub patient: PatientId,
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub lookup: LookupId,
}

/// The patient's whole list: its RFC 6962 root and count are in the proven patient entry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    pub header: Base64,
    pub certificate: Option<Base64>,
    /// The patient's state entry and its proof under that header.
    pub patient: ProvenValue,
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<String>")]
    pub records: Vec<RecordId>,
    /// The branch at which each of them was made: with it, a leaf of the patient's list.
    #[serde(default)]
    pub branches: Vec<u16>,
}

/// A sealed record to keep.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeepRecord {
    /// The branch at which the record was made; it gets the data key whole.
    pub home: u16,
    pub version: u32,
    pub envelope: Base64,
    /// This branch's stanza: the whole key or a share of it.
    pub stanza: Base64,
}

/// The record is durable here; the receipt is for the storage transaction.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordKept {
    pub new: bool,
    /// Canonical bytes of the custody receipt.
    pub receipt: Base64,
}

/// Sealed records to keep, at most [`BATCH_MAX`]. Each is kept or refused by itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeepRecords {
    pub records: Vec<NamedRecord>,
}

/// A sealed record and its temporary ID.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NamedRecord {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub record: RecordId,
    pub keep: KeepRecord,
}

/// What became of each record, in the order sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordsKept {
    pub outcomes: Vec<KeepOutcome>,
}

/// Whether a record is durable here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum KeepOutcome {
    Kept(RecordKept),
    Refused(Problem),
}

/// Sealed records wanted, at most [`RECORDS_PER_REQUEST_MAX`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EnvelopesQuery {
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<String>")]
    pub records: Vec<RecordId>,
}

/// In the order asked; `None`: this branch does not keep it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Envelopes {
    pub envelopes: Vec<Option<Base64>>,
}

/// Data keys wanted under a final lookup of the asker, at most [`RECORDS_PER_REQUEST_MAX`] records.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeysQuery {
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub lookup: LookupId,
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub patient: PatientId,
    #[serde(with = "text::list")]
    #[schemars(with = "Vec<String>")]
    pub records: Vec<RecordId>,
}

/// What the branch releases, in the order asked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Keys {
    /// Heights at which the decision was made; bound into every release.
    pub main_height: u64,
    pub side_height: u64,
    /// Digest of the audit entry that was durable before anything was released.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub audit: Digest,
    pub releases: Vec<KeyRelease>,
}

/// The branch's answer for one record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum KeyRelease {
    /// A data key or a share of it, sealed to the session key.
    Released { sealed: Base64 },
    /// The policy refuses, and says why.
    Withheld { reasons: Vec<String> },
    /// This branch holds no key for it.
    Absent,
}

/// `from`: first sequence number; `limit`: at most 512.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditQuery {
    pub from: u64,
    pub limit: u64,
}

/// Audit entries in canonical bytes, and the size and RFC 6962 root of the whole log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditLog {
    pub size: u64,
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub root: Digest,
    pub entries: Vec<Base64>,
}

/// Every refusal has this shape.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Stable, for programs.
    pub code: String,
    /// For people: what is wrong and what to do; never patient data.
    pub message: String,
    /// To find the event in the node's log.
    pub id: String,
}
