//! One chain's file: headers and certificates by the light client, bodies by the rules, everything that follows from
//! them by building it again beside and comparing row by row.

use super::{CheckError, CheckProgress, CheckReport, Known, OwnBlocks};
use crate::{ChainFound, application::Problem};
use std::{collections::BTreeMap, path::Path};
use wardline_crypto::Digest;
use wardline_ledger::{
    Body, BranchId, Canonical, Chain, Checkpoint, Genesis, Header, Invalid, StateProof, Transaction,
    body_matches, certificate, decode_body, ends_epoch, follows, light, namespace, replay_block,
};
use wardline_store::{AppliedBlock, ChainStore, Fault, StoppedFile, StoredRow};

/// What follows from the blocks alone, and is compared with a chain that was built again.
const DERIVED: [&str; 6] = ["tx", "state", "tree", "stale", "handover", "link"];
/// How often progress is told, blocks.
const EVERY: u64 = 64;

/// A chain that is built again from its blocks.
pub(crate) struct Rebuilt {
    pub store: ChainStore,
    header: Header,
}

impl Rebuilt {
    /// Begins a new file with the genesis block.
    pub fn begin(genesis: &Genesis, chain: Chain, path: &Path) -> Result<Self, CheckError> {
        let store = ChainStore::open_scratch(path)?;
        let first = genesis.block(chain)?;
        store.apply(AppliedBlock {
            height: 0,
            digest: first.header.digest(),
            header: first.header_bytes,
            body: first.body,
            transactions: Vec::new(),
            changes: first.changes,
            tree: first.tree,
        })?;
        Ok(Self { store, header: first.header })
    }

    /// The newest height that was built.
    pub const fn height(&self) -> u64 {
        self.header.height
    }

    /// Does the next block again and puts it into the file; its transactions.
    pub fn apply(&mut self, header: &[u8], body: &[u8]) -> Result<Vec<Transaction>, Problem> {
        let done = self.store.view(|view| Ok(replay_block(view, &self.header, header, body)))?;
        let (changes, tree) = done?;
        let bytes = decode_body(body).map_err(|error| Problem::Block(error.into()))?;
        let decoded: Result<Vec<_>, _> = bytes.iter().map(|bytes| Transaction::decode(bytes)).collect();
        let decoded = decoded.map_err(|error| Problem::Block(error.into()))?;
        let next = Header::decode(header).map_err(|error| Problem::Block(error.into()))?;
        self.store.apply(AppliedBlock {
            height: next.height,
            digest: Digest::of(header),
            header: header.to_vec(),
            body: body.to_vec(),
            transactions: bytes.iter().map(|bytes| Digest::of(bytes)).collect(),
            changes,
            tree,
        })?;
        self.header = next;
        Ok(decoded)
    }
}

/// What blocks say about one branch's vault.
#[derive(Default)]
pub(crate) struct Gathered {
    /// What it signed custody for: record, version, the pointer's first bytes.
    pub custody: Vec<([u8; 16], u32, [u8; 8])>,
    /// Size and root of each root of its audit log, ascending.
    pub published: Vec<(u64, Digest)>,
}

impl Gathered {
    /// Brings custody into the order in which it is looked up.
    pub fn sort(&mut self) {
        self.custody.sort_unstable();
    }

    pub fn note(&mut self, transaction: &Transaction, branch: BranchId) {
        match &transaction.body {
            Body::Storage(storage) if storage.receipts.iter().any(|receipt| receipt.branch == branch) => {
                let start = storage.pointer.bytes().first_chunk().copied().unwrap_or_default();
                self.custody.push((*storage.record.bytes(), storage.version, start));
            }
            Body::Access(access) if access.branch == branch => {
                self.published.push((access.size, access.root))
            }
            _ => {}
        }
    }
}

/// A header that is linked, and what its row says.
struct Linked<'a> {
    row: StoredRow<'a>,
    bytes: Vec<u8>,
    header: Header,
    /// Whether the row's digest is its header's.
    named: bool,
}

struct Walk<'a, 'r> {
    file: &'a StoppedFile,
    report: &'r mut CheckReport,
    own: OwnBlocks<'a>,
    light: Checkpoint,
    /// Linked, and not certified yet.
    waiting: Vec<Linked<'a>>,
    rebuilt: Rebuilt,
    /// Whether every block so far could be done again.
    replaying: bool,
    gathered: Gathered,
    transactions: u64,
}

/// Checks a chain's file against the genesis. The chain built again is at `scratch`.
pub(crate) fn check(
    genesis: &Genesis,
    chain: Chain,
    file: &StoppedFile,
    scratch: &Path,
    report: &mut CheckReport,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<Known, CheckError> {
    file.structure(&mut |fault| report.tell(fault));
    let mut walk = Walk {
        file,
        report,
        own: OwnBlocks::of(file),
        light: Checkpoint::genesis(genesis, chain)?,
        waiting: Vec::new(),
        rebuilt: Rebuilt::begin(genesis, chain, scratch)?,
        replaying: true,
        gathered: Gathered::default(),
        transactions: 0,
    };
    let top = walk.blocks(genesis, progress);
    let (proven, digest) = (walk.light.header.height, walk.light.digest);
    let (whole, replayed, transactions) =
        (walk.replaying && top.is_some(), walk.rebuilt.height(), walk.transactions);
    let Walk { rebuilt, mut gathered, .. } = walk;
    let height = top.unwrap_or(proven);
    report.chains.push(ChainFound { chain, height, proven, digest, replayed, transactions });
    let name = file.name();
    match top {
        Some(top) if proven < top => report.unchecked.push(format!(
            "{name}: blocks {} to {top} are linked, and no certificate here proves them yet",
            proven + 1
        )),
        Some(_) => {}
        None => report.unchecked.push(format!("{name}: what comes after block {proven}")),
    }
    if whole {
        let right = beside(&rebuilt, scratch)?;
        for table in DERIVED {
            file.compare(&right, table, None, &mut |fault| report.tell(fault));
        }
    } else {
        report.unchecked.push(format!("{name}: state, tree, links and index after block {replayed}"));
    }
    waiting(file, report);
    gathered.sort();
    Ok(Known { store: rebuilt.store, whole, gathered })
}

/// The chain built again, as a file to compare with: its log is carried over first.
fn beside(rebuilt: &Rebuilt, scratch: &Path) -> Result<StoppedFile, CheckError> {
    rebuilt.store.carry_log()?;
    let opened = StoppedFile::open(scratch, wardline_store::FileKind::Chain)?;
    opened.ok_or_else(|| CheckError::NotANode(scratch.to_owned()))
}

impl<'a> Walk<'a, '_> {
    fn tell(&mut self, fault: Fault) {
        self.report.tell(fault);
    }

    /// Every block, until one does not follow. Returns the newest height, when all of the file was walked.
    fn blocks(&mut self, genesis: &Genesis, progress: &mut dyn FnMut(CheckProgress)) -> Option<u64> {
        let chain = self.light.chain;
        if !self.first(genesis, chain) {
            return None;
        }
        let mut height = 0;
        while let Some(row) = self.own.header(height + 1) {
            height += 1;
            if height.is_multiple_of(EVERY) {
                progress(CheckProgress::Blocks(chain, height));
            }
            if !self.header(row, height) {
                return None;
            }
        }
        progress(CheckProgress::Blocks(chain, height));
        let left = std::mem::take(&mut self.waiting);
        left.iter().for_each(|one| self.body(one));
        if let Some(place) = self.own.next_header().map(StoredRow::page) {
            let what =
                "the header is missing, and later ones are there; it would be in this page or the one before";
            let row = Some(format!("height {}", height + 1));
            let fault = self.file.fault("header", row, Some(place), what);
            self.tell(fault);
            return None;
        }
        if let Some(fault) =
            self.own.next_body().map(|row| self.file.row_fault(row, None, "a body without a header"))
        {
            self.tell(fault);
        }
        Some(height)
    }

    /// The genesis block, of which everything is known.
    fn first(&mut self, genesis: &Genesis, chain: Chain) -> bool {
        let Ok(known) = genesis.block(chain) else { return false };
        let body = self.own.body(0);
        let Some(row) = self.own.header(0) else {
            let place = self.own.next_header().map(StoredRow::page);
            let fault =
                self.file.fault("header", Some("height 0".to_owned()), place, "the genesis block is missing");
            self.tell(fault);
            return false;
        };
        if row.bytes("bytes") != known.header_bytes {
            let fault = self.file.row_fault(
                &row,
                Some("bytes"),
                "the first block is not that of this network's genesis",
            );
            self.tell(fault);
            return false;
        }
        if row.bytes("digest") != known.header.digest().bytes() {
            let fault = self.file.row_fault(&row, Some("digest"), "the digest is not the header's");
            self.tell(fault);
        }
        let fault = match &body {
            None => Some(self.file.fault("body", Some("height 0".to_owned()), None, "the body is missing")),
            Some(row) if row.bytes("bytes") != known.body => {
                Some(self.file.row_fault(row, Some("bytes"), "the genesis block has no transactions"))
            }
            Some(_) => None,
        };
        if let Some(fault) = fault {
            self.tell(fault);
        }
        true
    }

    /// Takes the next header; `false` when nothing after it can be judged.
    fn header(&mut self, row: StoredRow<'a>, height: u64) -> bool {
        let bytes = row.bytes("bytes").to_vec();
        let digest = Digest::of(&bytes);
        let named = row.bytes("digest") == digest.bytes();
        let (before, before_digest) = match self.waiting.last() {
            Some(last) => (&last.header, Digest::of(&last.bytes)),
            None => (&self.light.header, self.light.digest),
        };
        let linked = Header::decode(&bytes).map_err(|error| error.to_string()).and_then(|header| {
            let follows = follows(before, &before_digest, &header, self.light.epoch_length);
            follows.map(|()| header).map_err(|error| error.to_string())
        });
        let header = match linked {
            Ok(header) => header,
            Err(what) => {
                // Where the one before does not bear its own digest, it is that one that was altered.
                let altered = self.waiting.last().filter(|last| !last.named && named);
                let (at, what) = match altered {
                    Some(last) => {
                        (&last.row, "the header is not what its digest and the next header name".to_owned())
                    }
                    None => (&row, what),
                };
                let fault = self.file.row_fault(at, Some("bytes"), what);
                self.tell(fault);
                return false;
            }
        };
        self.waiting.push(Linked { row, bytes, header, named });
        let certificate = self.own.certificate(height);
        let ends = ends_epoch(height, self.light.epoch_length);
        match certificate {
            Some(certificate) => self.certified(&certificate, height, ends),
            None if ends => {
                let what = "the certificate is missing, and the last block of an epoch needs one";
                let fault = self.file.fault("certificate", Some(format!("height {height}")), None, what);
                self.tell(fault);
                false
            }
            None => true,
        }
    }

    /// Takes what a certificate proves.
    fn certified(&mut self, certificate: &StoredRow<'a>, height: u64, ends: bool) -> bool {
        let bytes = certificate.bytes("bytes");
        let epoch = self.light.next_epoch();
        let handover = if ends { self.own.handover(epoch + 1) } else { None };
        let mut sets = BTreeMap::new();
        if let Some(row) = &handover {
            match StateProof::from_bytes(row.bytes("proof")) {
                Ok(proof) => drop(sets.insert(epoch + 1, (row.bytes("value").to_vec(), proof))),
                Err(error) => {
                    let fault = self.file.row_fault(row, Some("proof"), format!("not a proof: {error}"));
                    self.tell(fault);
                    return false;
                }
            }
        }
        let last = self.waiting.len().saturating_sub(1);
        let of =
            |(index, one): (usize, &Linked<'_>)| (one.bytes.clone(), (index == last).then(|| bytes.to_vec()));
        let headers: Vec<_> = self.waiting.iter().enumerate().map(of).collect();
        match light::advance(&self.light, &headers, &sets) {
            Ok((checkpoint, _)) => {
                self.light = checkpoint;
                for one in std::mem::take(&mut self.waiting) {
                    if !one.named {
                        let fault =
                            self.file.row_fault(&one.row, Some("digest"), "the digest is not the header's");
                        self.tell(fault);
                    }
                    self.body(&one);
                }
                true
            }
            Err(Invalid::Certificate { error, .. }) => {
                let Some(newest) = self.waiting.last() else { return false };
                // Either the certificate was altered, or the header is not the one that was signed.
                let another = self.certifies_another(bytes, &newest.bytes, epoch);
                if another || !newest.named {
                    let what = format!("the header is not the one that the validators signed: {error}");
                    let fault = self.file.row_fault(&newest.row, Some("bytes"), what);
                    self.tell(fault);
                    return false;
                }
                let fault = self.file.row_fault(certificate, Some("bytes"), error.to_string());
                self.tell(fault);
                !ends
            }
            Err(error) => {
                let fault = match &handover {
                    Some(row) => self.file.row_fault(row, None, error.to_string()),
                    None => {
                        let row = Some(format!("epoch {}", epoch + 1));
                        let what = format!("the row is missing: {error}, which block {height} hands over to");
                        self.file.fault("handover", row, None, what)
                    }
                };
                self.tell(fault);
                false
            }
        }
    }

    /// Whether a certificate holds, of another header than this one.
    fn certifies_another(&self, certificate_bytes: &[u8], header: &[u8], epoch: u64) -> bool {
        let namespace = namespace(&self.light.network, self.light.chain);
        let own = Digest::of(header);
        // Three short numbers stand before the digest that was signed.
        certificate_bytes.windows(32).take(32).any(|window| {
            let signed = window.first_chunk().map_or(Digest::ZERO, |bytes| Digest::from_bytes(*bytes));
            signed != own
                && certificate::verify(certificate_bytes, &namespace, &self.light.validators, &signed, epoch)
                    .is_ok()
        })
    }

    /// Checks a block's body against its header and does it again.
    fn body(&mut self, block: &Linked<'_>) {
        let height = block.header.height;
        let Some(row) = self.own.body(height) else {
            let near = self.own.next_body().map(StoredRow::page);
            let fault =
                self.file.fault("body", Some(format!("height {height}")), near, "the body is missing");
            self.tell(fault);
            self.replaying = false;
            return;
        };
        let body = row.bytes("bytes");
        if body_matches(&block.bytes, body).is_none() {
            let what = "the body is not the one that the header commits to";
            let fault = self.file.row_fault(&row, Some("bytes"), what);
            self.tell(fault);
            self.replaying = false;
        }
        if !self.replaying {
            return;
        }
        match self.rebuilt.apply(&block.bytes, body) {
            Ok(transactions) => {
                self.transactions += transactions.len() as u64;
                if let Some(branch) = self.report.branch {
                    transactions.iter().for_each(|one| self.gathered.note(one, branch));
                }
            }
            Err(problem) => {
                let fault = self.file.row_fault(
                    &row,
                    Some("bytes"),
                    format!("done again, it breaks a rule: {problem}"),
                );
                self.tell(fault);
                self.replaying = false;
            }
        }
    }
}

/// The durable queue: each transaction under its own digest, and one at all.
fn waiting(file: &StoppedFile, report: &mut CheckReport) {
    for row in file.rows("waiting") {
        let bytes = row.bytes("bytes");
        if Digest::of(bytes).bytes() != row.bytes("id") {
            report.tell(file.row_fault(&row, Some("bytes"), "its bytes are not those that its id names"));
        } else if let Err(error) = Transaction::decode(bytes) {
            report.tell(file.row_fault(&row, Some("bytes"), format!("not a transaction: {error}")));
        }
    }
}
