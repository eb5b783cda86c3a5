//! A stopped node's files judged from the genesis: every block by its certificate and by the rules, the state and
//! its tree by building them again beside, every envelope by its digest and the chain's pointer, the audit log by
//! the roots that are published. Believes nothing in the files and changes no byte of them.
//!
//! Needs no key and no network, so it cannot tell whether a wrapped key opens, whether a search term is the
//! patient's, or what the engine keeps for itself; it says so.

pub(crate) mod chain;
mod own;
mod vault;

use crate::node::CHAIN_FILES;
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Canonical, Chain, Genesis, LookupId, NetworkId, TreeError, state};
use wardline_store::{ChainStore, Fault, FileKind, SWAP_MARK, StoppedFile, StoppedLock, StoreError};
use wardline_wire::AuditEntry;

pub(crate) use chain::{Gathered, Rebuilt};
pub(crate) use own::OwnBlocks;
pub(crate) use vault::{Standing, check as check_vault, envelope_fault, standing, stanza_fault};

/// The vault's file.
pub(crate) const VAULT_FILE: &str = "vault.sqlite";
/// Faults that are kept; more are counted.
const FAULTS_MAX: usize = 5_000;

/// Why a check cannot be made. Damage is no such reason: it is what a check tells.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The files cannot be read, a node runs on them, or the scratch files cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first state cannot be made.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The directory cannot be read, or a scratch directory not be made.
    #[error("cannot use `{}`: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Files were about to change places.
    #[error("a repair was interrupted while files changed places: run `wardline repair` again")]
    Interrupted,
    /// There is no node's directory.
    #[error("`{}` holds none of a node's files", .0.display())]
    NotANode(PathBuf),
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckProgress {
    /// Blocks of a chain.
    Blocks(Chain, u64),
    /// Sealed records and identities.
    Envelopes(u64),
    /// Entries of the audit log.
    Audit(u64),
}

/// What may be said of a node's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Everything that can be checked was, and holds.
    Whole,
    /// What was checked holds, and not everything could be.
    NotWhole,
    /// Something is wrong.
    Wrong,
}

/// A chain as its file shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainFound {
    /// Which.
    pub chain: Chain,
    /// The newest block whose header follows.
    pub height: u64,
    /// The newest block that a certificate proves.
    pub proven: u64,
    /// Its digest.
    pub digest: Digest,
    /// The newest block whose transactions were done again, and whose state was compared when nothing is wrong.
    pub replayed: u64,
    /// Transactions in them.
    pub transactions: u64,
}

/// What the vault holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VaultFound {
    /// Envelopes whose digest is the pointer that the chain names.
    pub agreed: u64,
    /// Envelopes of an earlier version of what the chain names now.
    pub earlier: u64,
    /// Envelopes that no block names: not agreed yet, or left by somebody and never agreed.
    pub open: u64,
    /// Their wrapped keys.
    pub stanzas: u64,
    /// Search tokens.
    pub tokens: u64,
    /// Entries of the audit log.
    pub audit: u64,
}

/// Everything that came of a check.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The network of the genesis.
    pub network: NetworkId,
    /// Whose files they are, when it was said or the audit log says it.
    pub branch: Option<BranchId>,
    /// The chains that there are files of.
    pub chains: Vec<ChainFound>,
    /// The vault.
    pub vault: VaultFound,
    /// What is wrong, by file and place in it; what need not be damage stands last.
    pub faults: Vec<Fault>,
    /// Faults beyond those that are kept.
    pub more: usize,
    /// What could not be checked, for people.
    pub unchecked: Vec<String>,
    /// What lies in the directory and is not a node's, or cannot be judged, for people.
    pub beside: Vec<String>,
}

impl CheckReport {
    /// What may be said of the files.
    pub fn verdict(&self) -> CheckVerdict {
        if self.more > 0 || self.faults.iter().any(|fault| !fault.doubt) {
            CheckVerdict::Wrong
        } else if self.faults.is_empty() && self.unchecked.is_empty() {
            CheckVerdict::Whole
        } else {
            CheckVerdict::NotWhole
        }
    }

    pub(crate) fn tell(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn new(genesis: &Genesis) -> Self {
        Self {
            network: genesis.network(),
            branch: None,
            chains: Vec::new(),
            vault: VaultFound::default(),
            faults: Vec::new(),
            more: 0,
            unchecked: Vec::new(),
            beside: Vec::new(),
        }
    }

    fn sort(&mut self) {
        let order = |file: &str| ["main", "side", "vault"].iter().position(|name| file.starts_with(name));
        self.faults
            .sort_by_key(|fault| (fault.doubt, order(&fault.file), fault.place.is_none(), fault.place));
    }
}

/// Checks the files of a stopped node in `directory`. `branch` says whose they are, where the audit log cannot.
/// Blocks are done again in files under `scratch`, which take as much room as the chains and are removed.
///
/// Memory does not grow with the chains, but for 32 bytes for each record that the branch signed custody for.
///
/// # Errors
/// When the files cannot be read at all, or a node runs on them.
pub fn check(
    genesis: &Genesis,
    directory: &Path,
    branch: Option<BranchId>,
    scratch: &Path,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<CheckReport, CheckError> {
    let names = CHAIN_FILES.map(|(_, name)| name);
    let _lock = StoppedLock::take(directory, &[names.as_slice(), &[VAULT_FILE]].concat())?;
    check_locked(genesis, directory, branch, scratch, progress)
}

/// The same by whoever holds the lock already.
pub(crate) fn check_locked(
    genesis: &Genesis,
    directory: &Path,
    branch: Option<BranchId>,
    scratch: &Path,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<CheckReport, CheckError> {
    if directory.join(SWAP_MARK).exists() {
        return Err(CheckError::Interrupted);
    }
    let mut report = CheckReport::new(genesis);
    look_around(directory, &mut report)?;
    let vault = StoppedFile::open(&directory.join(VAULT_FILE), FileKind::Vault)?;
    report.branch = branch.or_else(|| vault.as_ref().and_then(|vault| whose(vault, &report.network)));
    let room = Scratch::make(scratch)?;
    let mut known = BTreeMap::new();
    for (chain, name) in CHAIN_FILES {
        let path = directory.join(name);
        let trusted = report.branch.map(|own| trusted(genesis, &known, own)).transpose()?.flatten();
        match StoppedFile::open(&path, FileKind::Chain)? {
            Some(file) => {
                known.insert(
                    chain,
                    chain::check(genesis, chain, &file, &room.0.join(name), &mut report, progress)?,
                );
            }
            None if chain == Chain::Main || trusted == Some(true) => missing(name, &mut report),
            // A participant off the side chain has no such file; nobody said yet that this is one.
            None if trusted.is_none() => report.unchecked.push(format!("{name}: there is none")),
            None => {}
        }
    }
    match &vault {
        Some(file) => vault::check(file, &known, &mut report, progress)?,
        None => missing(VAULT_FILE, &mut report),
    }
    report.sort();
    Ok(report)
}

/// Whether a branch is trusted as the main chain has it by now, which comes first; else as it began.
pub(crate) fn trusted(
    genesis: &Genesis,
    known: &BTreeMap<Chain, Known>,
    branch: BranchId,
) -> Result<Option<bool>, CheckError> {
    let now = match known.get(&Chain::Main) {
        Some(main) => state::participant(&main.store, branch).map_err(TreeError::from)?,
        None => None,
    };
    let first = || genesis.participants.iter().find(|participant| participant.id == branch).cloned();
    Ok(now.or_else(first).map(|participant| participant.trusted))
}

/// What a chain's check leaves for that of the vault.
pub(crate) struct Known {
    /// The chain built again, as far as it could be.
    pub store: ChainStore,
    /// Whether that is as far as the file goes.
    pub whole: bool,
    /// What its blocks say about this branch's vault.
    pub gathered: Gathered,
}

fn missing(name: &str, report: &mut CheckReport) {
    let (file, what) = (name.to_owned(), "the file is missing".to_owned());
    report.tell(Fault { file, place: None, table: None, row: None, what, doubt: false });
}

/// Tells what else lies in the directory.
pub(crate) fn look_around(directory: &Path, report: &mut CheckReport) -> Result<(), CheckError> {
    let failed = |source| CheckError::Directory { path: directory.to_owned(), source };
    let mut files = 0;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in names {
        let of_ours = CHAIN_FILES.iter().map(|(_, name)| *name).chain([VAULT_FILE]);
        let known = of_ours.clone().any(|ours| {
            name.strip_prefix(ours).is_some_and(|rest| matches!(rest, "" | "-wal" | "-shm" | ".lock"))
        });
        if known {
            files += 1;
        } else if name == "repair.new" {
            // Where a repair that checks makes its files.
        } else if name == "engine" {
            report.beside.push("engine/: the engine's own files, which nothing here can judge".to_owned());
        } else if of_ours.clone().any(|ours| {
            name.starts_with(&format!("{ours}.damaged-")) || name.starts_with(&format!("{ours}-wal.damaged-"))
        }) {
            report.beside.push(format!("{name}: set aside by a repair, not checked"));
        } else {
            report.beside.push(format!("{name}: not a file of a node, not checked"));
        }
    }
    if files == 0 { Err(CheckError::NotANode(directory.to_owned())) } else { Ok(()) }
}

/// Whose files they are: the branch to which the requests of the audit log were sent.
fn whose(vault: &StoppedFile, network: &NetworkId) -> Option<BranchId> {
    vault.rows("audit").take(64).find_map(|row| {
        let entry = AuditEntry::decode(row.bytes("entry")).ok()?;
        asked_branch(&entry.request_line, network)
    })
}

/// The branch that a signed request line names.
pub(crate) fn asked_branch(line: &[u8], network: &NetworkId) -> Option<BranchId> {
    let rest = line.strip_prefix(network.bytes())?;
    rest.first_chunk().map(|bytes| BranchId(u16::from_be_bytes(*bytes)))
}

/// The file in a scratch directory that whoever uses it holds locked.
const SCRATCH_LOCK: &str = "in-use.lock";
const SCRATCH_NAME: &str = "wardline-check-";

/// A directory of our own, removed at the end; what processes that ended before left is removed at the next start.
pub struct Scratch(pub(crate) PathBuf, #[allow(dead_code, reason = "held, not read")] File);

impl Scratch {
    /// Makes one in `parent`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make(parent: &Path) -> Result<Self, CheckError> {
        use std::os::unix::fs::DirBuilderExt;
        let name = LookupId::from_bytes(wardline_crypto::array(&mut wardline_crypto::OsEntropy));
        let path = parent.join(format!("{SCRATCH_NAME}{name}"));
        let failed = |source| CheckError::Directory { path: path.clone(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let lock = File::create_new(path.join(SCRATCH_LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        let made = Self(path, lock);
        made.remove_abandoned(parent);
        Ok(made)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes this user's other scratch directories that nobody holds. Whatever cannot be, is not in the way.
    fn remove_abandoned(&self, parent: &Path) {
        use std::os::unix::fs::MetadataExt;
        let Ok(own) = self.0.symlink_metadata() else { return };
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let path = entry.path();
            // Not where a link leads to, and nothing that another user laid there.
            let ours = entry.file_name().to_string_lossy().starts_with(SCRATCH_NAME)
                && path.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == own.uid());
            if ours && File::open(path.join(SCRATCH_LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is a copy of what lies in the node's own files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Parts of a check for tests that judge one file many times.
#[cfg(test)]
pub(crate) fn chain_alone(
    genesis: &Genesis,
    chain: Chain,
    file: &StoppedFile,
    scratch: &Path,
    report: &mut CheckReport,
) -> Result<Known, CheckError> {
    let room = Scratch::make(scratch)?;
    chain::check(genesis, chain, file, &room.0.join("alone.sqlite"), report, &mut |_| {})
}

#[cfg(test)]
pub(crate) fn vault_alone(file: &StoppedFile, known: &BTreeMap<Chain, Known>, report: &mut CheckReport) {
    vault::check(file, known, report, &mut |_| {}).unwrap();
}

#[cfg(test)]
impl CheckReport {
    pub(crate) fn of(genesis: &Genesis, branch: BranchId) -> Self {
        Self { branch: Some(branch), ..Self::new(genesis) }
    }
}
