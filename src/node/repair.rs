//! A stopped node's damaged files made anew: blocks from its own files where they hold, from peers where they do not,
//! each verified from the genesis; envelopes that the chain names from whoever has them; all else carried over as far
//! as it can be proven. New files lie beside until they are whole and change places with the damaged ones, which are
//! kept.
//!
//! Never touches `engine/`: a validator must not forget its votes. It believes no peer, and must not know how peers are
//! asked.

mod chain;
mod vault;

use crate::check::{
    CheckError, CheckProgress, CheckReport, CheckVerdict, Known, VAULT_FILE, asked_branch, check_locked,
    look_around, trusted,
};
use crate::node::CHAIN_FILES;
use std::{
    collections::BTreeMap,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use wardline_ledger::{BranchId, Chain, Genesis, RecordId, StateProof};
use wardline_store::{FileKind, StoppedFile, StoppedLock, StoreError, finish_swap, settle, swap};

/// Where new files are made, in the node's directory: on the same disk, so that they can change places.
const FOLDER: &str = "repair.new";

/// Headers from a height on, each with its certificate, and the validators that ends of epochs hand over to.
#[derive(Default)]
pub struct PeerHeaders {
    /// Header and certificate, ascending without a gap.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// By epoch: validators and their proof.
    pub handovers: BTreeMap<u64, (Vec<u8>, StateProof)>,
}

/// Other branches, numbered from 0. What they give is verified here; an error is a sentence for people.
pub trait Peers {
    /// Their names, for people.
    fn names(&self) -> Vec<String>;
    /// A page of headers from a height on; empty behind the newest.
    ///
    /// # Errors
    /// Why it gives none.
    fn headers(&mut self, peer: usize, chain: Chain, from: u64) -> Result<PeerHeaders, String>;
    /// The body at a height.
    ///
    /// # Errors
    /// Why it gives none.
    fn body(&mut self, peer: usize, chain: Chain, height: u64) -> Result<Vec<u8>, String>;
    /// A record's sealed envelope as that branch has it.
    ///
    /// # Errors
    /// Why it gives none.
    fn envelope(&mut self, peer: usize, record: RecordId) -> Result<Option<Vec<u8>>, String>;
}

/// Why nothing was repaired. The files are as they were, but where a swap could not be ended: then the same command
/// ends it.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The files cannot be read.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Files cannot be written, or a node runs on them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files are another branch's.
    #[error("these are the files of branch `{found}`, not of branch `{wanted}`")]
    OtherBranch {
        /// As the audit log says.
        found: BranchId,
        /// As was said.
        wanted: BranchId,
    },
    /// A chain cannot be made anew as far as it was.
    #[error("the {chain} chain could be made anew up to block {height} of {wanted} only: {why}")]
    Short {
        /// Which.
        chain: Chain,
        /// How far.
        height: u64,
        /// How far it was.
        wanted: u64,
        /// What the peers said.
        why: String,
    },
}

/// How a chain was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainRepaired {
    /// Which.
    pub chain: Chain,
    /// Its newest block.
    pub height: u64,
    /// Blocks of which a part came from a peer.
    pub from_peers: u64,
}

/// What a repair did.
#[derive(Debug)]
pub struct RepairReport {
    /// What was wrong.
    pub before: CheckReport,
    /// What the files are now; nothing when nothing was wrong.
    pub after: Option<CheckReport>,
    /// Chains that were made anew.
    pub chains: Vec<ChainRepaired>,
    /// Envelopes that came from peers, or from the side chain's blocks.
    pub envelopes: u64,
    /// What exists nowhere else and is lost, for people: which records it concerns and what that means.
    pub lost: Vec<String>,
    /// The names of the files that were set aside.
    pub set_aside: Vec<String>,
}

/// Checks and repairs the files of branch `own` in `directory`. `stamp` names the files that are set aside.
///
/// # Errors
/// When nothing could be repaired; see [`RepairError`].
pub fn repair(
    genesis: &Genesis,
    directory: &Path,
    own: BranchId,
    peers: &mut dyn Peers,
    stamp: &str,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<RepairReport, RepairError> {
    let names: Vec<&str> = CHAIN_FILES.iter().map(|(_, name)| *name).chain([VAULT_FILE]).collect();
    // Before lock files are made in it: it may be anybody's.
    look_around(directory, &mut CheckReport::new(genesis))?;
    let _lock = StoppedLock::make(directory, &names)?;
    finish_swap(directory)?;
    let room = Room::make(directory)?;
    let before = check_locked(genesis, directory, Some(own), &room.0, progress)?;
    let mut report = RepairReport {
        before,
        after: None,
        chains: Vec::new(),
        envelopes: 0,
        lost: Vec::new(),
        set_aside: Vec::new(),
    };
    if report.before.verdict() != CheckVerdict::Wrong {
        return Ok(report);
    }
    let vault = StoppedFile::open(&directory.join(VAULT_FILE), FileKind::Vault)?;
    if let Some(found) =
        vault.as_ref().and_then(|vault| named_branch(vault, &report.before)).filter(|found| *found != own)
    {
        return Err(RepairError::OtherBranch { found, wanted: own });
    }
    let mut known: BTreeMap<Chain, Known> = BTreeMap::new();
    let decided = vault.as_ref().map(heights_in).unwrap_or_default();
    let mut fresh = Vec::new();
    for (chain, name) in &CHAIN_FILES {
        if *chain == Chain::Side && trusted(genesis, &known, own)? != Some(true) {
            continue;
        }
        let file = StoppedFile::open(&directory.join(name), FileKind::Chain)?;
        let at_least = decided.get(chain).copied().unwrap_or_default();
        let from = chain::From { file: file.as_ref(), at_least };
        let (made, repaired) =
            chain::again(genesis, *chain, own, &from, &room.0.join(name), peers, progress)?;
        chain::waiting(file.as_ref(), &made.store, &mut report.lost)?;
        if wrong_in(&report.before, name) {
            report.chains.push(repaired);
            fresh.push(*name);
        }
        known.insert(*chain, made);
    }
    // Once more: of what the damaged chains did not tell, nothing was known to be missing.
    let mut again = CheckReport::new(genesis);
    again.branch = Some(own);
    if let Some(file) = &vault {
        crate::check::check_vault(file, &known, &mut again, progress)?;
    }
    if vault.is_none() || wrong_in(&again, VAULT_FILE) {
        let path = room.0.join(VAULT_FILE);
        vault::again(vault.as_ref(), &known, &path, peers, &mut report, progress)?;
        fresh.push(VAULT_FILE);
    }
    drop(known);
    for name in fresh.iter().filter(|name| **name != VAULT_FILE) {
        settle(&room.0.join(name))?;
    }
    for name in &fresh {
        for ending in ["", "-wal"] {
            if directory.join(format!("{name}{ending}")).exists() {
                report.set_aside.push(format!("{name}{ending}.damaged-{stamp}"));
            }
        }
    }
    swap(directory, &room.0, &fresh, stamp)?;
    let room = Room::make(directory)?;
    report.after = Some(check_locked(genesis, directory, Some(own), &room.0, progress)?);
    Ok(report)
}

/// Whether something is wrong in a file, its log or because it is missing.
fn wrong_in(report: &CheckReport, name: &str) -> bool {
    report.more > 0 || report.faults.iter().any(|fault| !fault.doubt && fault.file.starts_with(name))
}

/// The heights that the audit log was written at: no chain's file may end before.
fn heights_in(vault: &StoppedFile) -> BTreeMap<Chain, u64> {
    use wardline_ledger::Canonical;
    let mut heights = BTreeMap::new();
    for row in vault.rows("audit") {
        let Ok(entry) = wardline_wire::AuditEntry::decode(row.bytes("entry")) else { continue };
        for (chain, at) in [(Chain::Main, entry.main_height), (Chain::Side, entry.side_height)] {
            let newest: &mut u64 = heights.entry(chain).or_default();
            *newest = at.max(*newest);
        }
    }
    heights
}

fn named_branch(vault: &StoppedFile, report: &CheckReport) -> Option<BranchId> {
    use wardline_ledger::Canonical;
    let entry = |bytes: &[u8]| wardline_wire::AuditEntry::decode(bytes).ok();
    vault
        .rows("audit")
        .take(64)
        .find_map(|row| asked_branch(&entry(row.bytes("entry"))?.request_line, &report.network))
}

/// The folder of the new files; what an interrupted repair left in it is made again.
struct Room(PathBuf);

impl Room {
    fn make(directory: &Path) -> Result<Self, CheckError> {
        let path = directory.join(FOLDER);
        let failed = |source| CheckError::Directory { path: path.clone(), source };
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // After a swap it is gone already; before one, nothing in it is needed.
        if !self.0.with_file_name(wardline_store::SWAP_MARK).exists() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
