//! A chain's blocks in a file, for verifiers that are not this one (`docs/format/export.md`): written from checked blocks
//! alone, read with the same checks.
//!
//! It must not know file names: callers bring what to write to and what to read from.

use super::{
    ChainReport, Fault, Unheard, VerifyProgress,
    chain::{Certified, ChainCheck, Depth, place},
    source::{Claim, Source, Walk, walk},
};
use crate::{
    error::{ClientError, clean},
    group::{Group, Inner, locked},
    race::none_of,
    standing::chain_status,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read as _, Write},
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::{Digest, Hasher};
use wardline_ledger::{Canonical, Chain, DecodeError, Genesis, Header, Invalid, StateProof, ends_epoch};
use wardline_policy::Operation;
use wardline_wire::{Base64, text};

/// What the first line calls itself.
const TITLE: &str = "chain export";
/// The format of this build.
const VERSION: u32 = 1;
/// Most bytes of one line with its end: a body of 1 MiB in base64, or a genesis of the largest network.
const LINE_MAX: u64 = 4 * 1024 * 1024;
/// Most bytes of blocks that wait for a certificate while a file is read.
const WAITING_MAX: usize = 256 * 1024 * 1024;
/// What keeping a block costs beside its bytes.
const BLOCK_COST: usize = 256;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    wardline: String,
    version: u32,
    #[serde(with = "text")]
    network: Digest,
    chain: String,
    genesis: Base64,
    from: u64,
    to: u64,
}

/// Every other line.
enum Line {
    Block(BlockLine),
    Handover(HandoverLine),
    End(EndLine),
}

impl Line {
    /// By the name that only one of the three has, to say what is wrong with it.
    fn read(line: &[u8]) -> Result<Self, String> {
        let names = |name: &[u8]| line.windows(name.len()).any(|part| part == name);
        if names(b"\"height\"") {
            read(line, "a block's line").map(Self::Block)
        } else if names(b"\"epoch\"") {
            read(line, "a handover's line").map(Self::Handover)
        } else if names(b"\"blocks\"") {
            read(line, "the last line").map(Self::End)
        } else {
            // Its names may be spelled with escapes.
            let block = || read(line, "").map(Self::Block);
            let handover = |_| read(line, "").map(Self::Handover);
            let end = |_| read(line, "").map(Self::End);
            let none = |_: String| "a line is neither a block, nor a handover, nor the end".to_owned();
            block().or_else(handover).or_else(end).map_err(none)
        }
    }
}

/// A line's value, spelled as an object: a list of its values in their order would be read too.
fn read<T: DeserializeOwned>(line: &[u8], what: &str) -> Result<T, String> {
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(format!("{what} is no object"));
    }
    serde_json::from_slice(line).map_err(|error| {
        // It always is line 1 for the parser, which sees no other.
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        format!("{what} cannot be read: {}", clean(why))
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockLine {
    height: u64,
    header: Base64,
    #[serde(deserialize_with = "there")]
    body: Option<Base64>,
    #[serde(deserialize_with = "there")]
    certificate: Option<Base64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandoverLine {
    epoch: u64,
    set: Base64,
    proof: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    blocks: u64,
    #[serde(with = "text")]
    sha256: Digest,
}

/// `null` or a value, and never left out.
fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Which blocks to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// Of which chain. The side chain's are for auditors only.
    pub chain: Chain,
    /// The first block whose body is wanted; the headers before it come too, since they prove it.
    pub from: u64,
    /// The last one; else the newest.
    pub to: Option<u64>,
    /// Take blocks from the branch of this name alone.
    pub branch: Option<String>,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The last block whose body is in it.
    pub to: u64,
    /// Lines of blocks: every header from the genesis to the certificate that proves the last one.
    pub blocks: u64,
    /// SHA-256 of everything before the last line.
    pub sha256: Digest,
    /// Where the blocks came from.
    pub sources: Vec<String>,
    /// What some branches gave and did not hold; others gave what is in the file.
    pub faults: Vec<Fault>,
    /// Branches that were not heard.
    pub unheard: Vec<Unheard>,
}

struct Writer<W> {
    out: W,
    sum: Hasher,
    blocks: u64,
    /// The last block whose body is wanted.
    to: u64,
    /// Whether that block is proven: blocks come in lists, and those above its certificate are nobody's business.
    proven: bool,
}

impl<W: Write> Writer<W> {
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.sum.update(&line);
        self.out.write_all(&line)
    }

    /// Writes a block, unless the file has all that it needs.
    fn block(&mut self, block: &Certified, body: Option<&[u8]>) -> io::Result<()> {
        if self.proven {
            return Ok(());
        }
        self.proven = block.header.height >= self.to && block.certificate.is_some();
        self.blocks += 1;
        self.line(&BlockLine {
            height: block.header.height,
            header: block.bytes.clone().into(),
            body: body.map(Into::into),
            certificate: block.certificate.clone().map(Into::into),
        })?;
        match &block.handover {
            Some((epoch, set, proof)) => self.line(&HandoverLine {
                epoch: *epoch,
                set: set.clone().into(),
                proof: proof.bytes().into(),
            }),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<Digest> {
        let sha256 = self.sum.clone().finish();
        self.line(&EndLine { blocks: self.blocks, sha256 })?;
        self.out.flush()?;
        Ok(sha256)
    }
}

impl Group {
    /// Writes a chain's blocks to `out`: links, certificates and transaction roots are checked on the way, and nothing
    /// else is written.
    ///
    /// # Errors
    /// When the person may not, nobody has all of it, or `out` fails. What was written by then is worth nothing.
    pub async fn export(
        &self,
        genesis: &Genesis,
        request: &ExportRequest,
        out: impl Write + Send + 'static,
        progress: UnboundedSender<VerifyProgress>,
    ) -> Result<Exported, ClientError> {
        let (inner, chain) = (&self.inner, request.chain);
        inner.trust(chain)?;
        let operation = match chain {
            Chain::Main => Operation::ReadMainChain,
            Chain::Side => Operation::ReadSideBlocks,
        };
        if let Some(why) = inner.refusal(operation) {
            return Err(ClientError::Refused(why));
        }
        let (mut sources, mut unheard) = (Vec::new(), Vec::new());
        for (branch, status) in inner.heads(genesis, request.branch.as_deref()).await? {
            let why = match status.as_ref().map(|status| chain_status(status, chain)) {
                Ok(Some(status)) => match Claim::of(branch.name(), inner.network, chain, status) {
                    Ok(claim) => {
                        sources.push(Source { branch, claims: claim.height });
                        continue;
                    }
                    Err(why) => why,
                },
                Ok(None) => continue,
                Err(error) => error.to_string(),
            };
            unheard.push(Unheard { branch: branch.name().to_owned(), why });
        }
        if sources.is_empty() {
            return Err(ClientError::NoneUsable(format!("nobody who was asked shows the {chain} chain")));
        }
        let newest = sources.iter().map(|source| source.claims).max().unwrap_or_default();
        let to = match request.to {
            Some(to) => to,
            None => inner.provable(chain, &sources).await?.min(newest),
        };
        if to > newest || request.from > to {
            return Err(ClientError::NoSuchBlocks { chain, newest });
        }
        let output = |error: io::Error| ClientError::Output(error.to_string());
        let writer = Arc::new(Mutex::new(begin(genesis, chain, (request.from, to), out).map_err(output)?));
        let mut check = ChainCheck::begin(genesis, chain, Depth::Bodies, request.from..=to).map_err(tree)?;
        let sink = writer.clone();
        check.on_block = Some(Box::new(move |block, body| locked(&sink).block(block, body)));
        let check = Arc::new(Mutex::new(check));
        let on_the_way = Walk { inner, check: check.clone(), keeper: None, goal: to, progress: &progress };
        let walked = walk(&on_the_way, &sources).await?;
        if !locked(&check).reached(to) {
            let told = walked.faults.iter().map(|fault| {
                let who = fault.branch.as_deref().unwrap_or("every branch");
                format!("{who}, block {}: {}", fault.height, fault.what)
            });
            let silent = walked.unheard.iter().map(|one| format!("{}: {}", one.branch, one.why));
            let told: Vec<String> = told.chain(silent).collect();
            return Err(ClientError::NoneUsable(told.join("; ")));
        }
        unheard.extend(walked.unheard);
        let mut writer = locked(&writer);
        let sha256 = writer.end().map_err(output)?;
        let (blocks, sources) = (writer.blocks, walked.sources);
        Ok(Exported { to, blocks, sha256, sources, faults: walked.faults, unheard })
    }
}

impl Inner {
    /// The newest height that anybody proves: one who claims more must not keep everybody from the rest.
    async fn provable(&self, chain: Chain, sources: &[Source]) -> Result<u64, ClientError> {
        let mut failures = Vec::new();
        for Source { branch, claims } in sources {
            if let Err(error) = self.follow_from(chain, *claims, branch).await {
                failures.push((branch.name().to_owned(), error));
            }
        }
        let height = self.trust(chain)?.head().header.height;
        if height == 0 && failures.len() == sources.len() { Err(none_of(failures)) } else { Ok(height) }
    }
}

fn tree(error: wardline_ledger::TreeError) -> ClientError {
    crate::TrustError::Genesis(error.to_string()).into()
}

/// The first line and the genesis block.
fn begin<W: Write>(genesis: &Genesis, chain: Chain, (from, to): (u64, u64), out: W) -> io::Result<Writer<W>> {
    // The genesis block needs no certificate.
    let mut writer = Writer { out, sum: Hasher::default(), blocks: 1, to, proven: to == 0 };
    writer.line(&Head {
        wardline: TITLE.to_owned(),
        version: VERSION,
        network: genesis.network(),
        chain: chain.name().to_owned(),
        genesis: genesis.encode().into(),
        from,
        to,
    })?;
    let first = genesis.block(chain).map_err(io::Error::other)?;
    writer.line(&BlockLine {
        height: 0,
        header: first.header_bytes.into(),
        body: Some(first.body.into()),
        certificate: None,
    })?;
    Ok(writer)
}

/// Why a file cannot be verified at all. Everything else that is wrong with one is a [`Fault`].
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It does not begin as an export of this format.
    #[error("the file is no export that this version reads: {0}")]
    NotAnExport(String),
    /// It is of another network than the settings pin.
    #[error("the export is of network `{0}`, not of the one that your configuration names")]
    OtherNetwork(String),
    /// It names the network and brings another genesis document.
    #[error("the export's genesis document is not the network's own")]
    OtherGenesis,
}

/// Verifies an export without any network, by the same checks, from the genesis that the caller pins.
///
/// An export from block 0 or 1 on is replayed; of one that begins later, bodies are held against their headers only,
/// and the report says so. Heights in faults are those of blocks.
///
/// # Errors
/// When it is no export, or of another network.
pub fn verify_archive(
    genesis: &Genesis,
    file: &mut dyn BufRead,
    progress: &mut dyn FnMut(VerifyProgress),
) -> Result<ChainReport, ArchiveError> {
    let malformed = |what: String| ArchiveError::NotAnExport(what);
    let mut sum = Hasher::default();
    let line = next_line(file)?.ok_or_else(|| malformed("it is empty".to_owned()))?;
    sum.update(&line);
    let head: Head = read(&line, "the first line").map_err(malformed)?;
    if (head.wardline.as_str(), head.version) != (TITLE, VERSION) {
        return Err(malformed(format!("it says `{}` {}", clean(&head.wardline), head.version)));
    }
    if head.network != genesis.network() {
        return Err(ArchiveError::OtherNetwork(head.network.short()));
    }
    if head.genesis.0 != genesis.encode() {
        return Err(ArchiveError::OtherGenesis);
    }
    let chain = Chain::ALL.into_iter().find(|chain| chain.name() == head.chain);
    let chain = chain.ok_or_else(|| malformed("it names no chain".to_owned()))?;
    if head.from > head.to {
        return Err(malformed(format!("its bodies begin at block {} and end at {}", head.from, head.to)));
    }
    let depth = if head.from <= 1 { Depth::Replay } else { Depth::Bodies };
    let check = ChainCheck::begin(genesis, chain, depth, head.from..=head.to)
        .map_err(|error| malformed(error.to_string()))?;
    let mut reading = Reading {
        genesis,
        check,
        to: head.to,
        page: Vec::new(),
        bodies: Vec::new(),
        sets: BTreeMap::new(),
        waiting: 0,
        blocks: 0,
    };
    let fault = reading.all(file, sum, progress)?;
    let (height, digest) = reading.check.checked();
    let skipped = (depth < Depth::Replay)
        .then(|| format!("transactions: bodies begin at block {}, not at the genesis", head.from));
    Ok(ChainReport {
        depth: Some(depth),
        skipped,
        height,
        digest,
        goal: head.to,
        transactions: reading.check.transactions.clone(),
        faults: fault.into_iter().collect(),
        ..ChainReport::before(chain)
    })
}

/// The next line with its newline; the last one may lack it.
fn next_line(file: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    file.take(LINE_MAX).read_until(b'\n', &mut line)?;
    Ok((!line.is_empty()).then_some(line))
}

/// A file as far as it is read.
struct Reading<'a> {
    genesis: &'a Genesis,
    check: ChainCheck,
    to: u64,
    /// Headers that wait for a certificate, and their bodies.
    page: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bodies: Vec<Option<Vec<u8>>>,
    sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
    waiting: usize,
    blocks: u64,
}

impl Reading<'_> {
    /// Reads to the end; the first thing that is wrong, if anything is.
    fn all(
        &mut self,
        file: &mut dyn BufRead,
        mut sum: Hasher,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> io::Result<Option<Fault>> {
        loop {
            let Some(line) = next_line(file)? else {
                return Ok(Some(self.fault("the file ends here: it was cut")));
            };
            if line.last() != Some(&b'\n') {
                return Ok(Some(self.fault("the file ends within a line: it was cut")));
            }
            let step = match Line::read(&line) {
                Ok(Line::Block(block)) => self.block(block),
                Ok(Line::Handover(handover)) => self.handover(handover),
                Ok(Line::End(end)) => {
                    let wrong = self.end(&end, sum.finish()).err();
                    let more = next_line(file)?.map(|_| self.fault("lines follow the last one"));
                    return Ok(wrong.or(more));
                }
                Err(what) => Err(self.fault(what)),
            };
            if let Err(fault) = step {
                return Ok(Some(fault));
            }
            sum.update(&line);
            let height = self.check.head().0;
            progress(VerifyProgress::Chain { chain: self.check.chain, height, of: self.to.max(height) });
        }
    }

    /// The height of the next block line.
    fn next(&self) -> u64 {
        self.blocks
    }

    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { branch: None, height: self.next(), what: what.into() }
    }

    fn block(&mut self, block: BlockLine) -> Result<(), Fault> {
        let height = self.next();
        if height > self.to && self.check.reached(self.to) {
            return Err(self.fault(format!("blocks follow the one that proves block {}, its last", self.to)));
        }
        if block.height != height {
            return Err(self.fault(format!("block `{}` stands in its place", block.height)));
        }
        if height == 0 {
            let first =
                self.genesis.block(self.check.chain).map_err(|error| self.fault(error.to_string()))?;
            let same = block.header.0 == first.header_bytes
                && block.body.as_ref().is_some_and(|body| body.0 == first.body)
                && block.certificate.is_none();
            if !same {
                return Err(self.fault("it is not the block that the genesis document leads to"));
            }
        } else {
            match (self.check.needs_body(height), &block.body) {
                (true, None) => return Err(self.fault("its body is missing")),
                (false, Some(_)) => {
                    return Err(self.fault("its body is not among those that the first line names"));
                }
                _ => {}
            }
            // Kept until a certificate comes, so nothing that can be no header is.
            if let Err(error) = Header::decode(&block.header.0) {
                let after = height.saturating_sub(1);
                return Err(self.fault(Invalid::Header { after, error }.to_string()));
            }
            let size = |bytes: &Option<Base64>| bytes.as_ref().map_or(0, |bytes| bytes.0.len());
            self.waiting += BLOCK_COST + block.header.0.len() + size(&block.body) + size(&block.certificate);
            if self.waiting > WAITING_MAX {
                return Err(self.fault("too many blocks without a certificate"));
            }
            self.page.push((block.header.0, block.certificate.map(|bytes| bytes.0)));
            self.bodies.push(block.body.map(|bytes| bytes.0));
        }
        self.blocks += 1;
        let certified = self.page.last().is_some_and(|(_, certificate)| certificate.is_some());
        // The last block of an epoch is checked with the handover that follows it.
        if certified && !ends_epoch(height, self.check.epoch_length()) { self.flush() } else { Ok(()) }
    }

    fn handover(&mut self, handover: HandoverLine) -> Result<(), Fault> {
        let last = self.next().saturating_sub(1);
        if self.page.is_empty() || !ends_epoch(last, self.check.epoch_length()) {
            return Err(self.fault("validators are handed over where no epoch ends"));
        }
        let unproven =
            |error: DecodeError| Invalid::ValidatorsUnproven { epoch: handover.epoch, error: error.into() };
        let proof = StateProof::from_bytes(&handover.proof.0).map_err(|error| Fault {
            branch: None,
            height: last,
            what: unproven(error).to_string(),
        })?;
        self.sets.insert(handover.epoch, (handover.set.0, proof));
        self.flush()
    }

    /// Checks what waited for the certificate that is there now.
    fn flush(&mut self) -> Result<(), Fault> {
        self.waiting = 0;
        let (page, sets) = (std::mem::take(&mut self.page), std::mem::take(&mut self.sets));
        self.check.headers(page, sets).map_err(|error| {
            let height = place(&error, self.check.epoch_length());
            Fault { branch: None, height, what: error.to_string() }
        })?;
        for body in std::mem::take(&mut self.bodies) {
            self.check.take(body.as_deref()).map_err(|wrong| {
                let height = self.check.head().0.saturating_add(1);
                Fault { branch: None, height, what: wrong.text() }
            })?;
        }
        Ok(())
    }

    fn end(&mut self, end: &EndLine, sum: Digest) -> Result<(), Fault> {
        if !self.page.is_empty() {
            let last = self.next().saturating_sub(1);
            let certified = self.page.last().is_some_and(|(_, certificate)| certificate.is_some());
            let (height, what) = match certified {
                // Else it would have been checked.
                true => (last, "it ends an epoch, and the handover to the next validators is missing"),
                false => (self.check.next_header(), "it and those after it have no certificate"),
            };
            let what = what.to_owned();
            return Err(Fault { branch: None, height, what });
        }
        if end.blocks != self.blocks || end.sha256 != sum {
            return Err(self.fault("the last line does not sum up the file: it was cut or changed"));
        }
        if !self.check.reached(self.to) {
            return Err(self.fault(format!("it says that it goes up to block {}", self.to)));
        }
        Ok(())
    }
}
