//! What this console has verified of one chain: a checkpoint on disk, the newest headers in memory.
//!
//! The checkpoint's file is written whole or not at all and never replaced by an older one. It must not know how
//! headers are fetched.

use crate::{branch::MinHeights, error::clean};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{
    Canonical, Chain, Checkpoint, Genesis, Invalid, NetworkId, StateProof, ValidatorSet, VerifiedHeader,
    light,
};

/// A header that is in the verified chain.
pub(crate) type Known = VerifiedHeader;

/// Headers kept in memory: a reply may be older than the newest block by some.
const RECENT: usize = 4096;
/// Older headers kept in memory, one for each page that was walked over, so that going on from there is one step.
const STONES: usize = 1024;
/// How often the checkpoint's file is written while blocks come in.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// First line of a checkpoint's file.
const TITLE: &[u8] = b"WARDLINE CHECKPOINT v1\n";

/// Why kept checkpoints cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read or written.
    #[error("the checkpoint `{path}` cannot be used: {cause}")]
    File {
        /// The file.
        path: String,
        /// The system's word.
        cause: String,
    },
    /// The file is damaged.
    #[error(
        "the checkpoint `{path}` is damaged: delete it, and everything is verified again from the genesis"
    )]
    Damaged {
        /// The file.
        path: String,
    },
    /// The file is of another network or chain.
    #[error("the checkpoint `{path}` is of another network: give each network a folder of its own")]
    OtherNetwork {
        /// The file.
        path: String,
    },
    /// The genesis block cannot be made.
    #[error("the genesis block cannot be made: {0}")]
    Genesis(String),
}

/// One chain as far as it is verified.
pub(crate) struct Trust {
    pub(crate) chain: Chain,
    pub(crate) network: NetworkId,
    path: PathBuf,
    verified: RwLock<Verified>,
    /// Held while headers are fetched, so that many questions at once fetch them once.
    pub(crate) advancing: tokio::sync::Mutex<()>,
    heights: RwLock<Option<Arc<MinHeights>>>,
}

struct Verified {
    checkpoint: Checkpoint,
    recent: BTreeMap<u64, Known>,
    /// Headers below those, each linked to them.
    stones: BTreeMap<u64, Known>,
    /// Who signs in an epoch: from the genesis, or proven.
    validators: BTreeMap<u64, ValidatorSet>,
    saved_height: u64,
    saved_at: Option<Instant>,
}

impl Trust {
    /// Reads the kept checkpoint, or begins at the genesis when there is none.
    ///
    /// # Errors
    /// When the file is damaged or of another network: it is never silently replaced.
    pub(crate) fn open(genesis: &Genesis, chain: Chain, folder: &Path) -> Result<Self, TrustError> {
        let network = genesis.network();
        let path = folder.join(format!("{chain}.checkpoint"));
        let start =
            Checkpoint::genesis(genesis, chain).map_err(|error| TrustError::Genesis(error.to_string()))?;
        let kept = load(&path, &start)?;
        let saved_height = kept.as_ref().map_or(0, |checkpoint| checkpoint.header.height);
        let checkpoint = kept.unwrap_or(start);
        let recent = BTreeMap::from([(checkpoint.header.height, known(&checkpoint))]);
        let validators = BTreeMap::from([
            (0, genesis.validators(chain)),
            (checkpoint.next_epoch(), checkpoint.validators.clone()),
        ]);
        let stones = BTreeMap::new();
        let verified = Verified { checkpoint, recent, stones, validators, saved_height, saved_at: None };
        Ok(Self {
            chain,
            network,
            path,
            verified: RwLock::new(verified),
            advancing: tokio::sync::Mutex::default(),
            heights: RwLock::default(),
        })
    }

    /// From now on every new height is demanded of the branches.
    pub(crate) fn share_height(&self, heights: &Arc<MinHeights>) {
        heights.raise(self.chain, self.head().header.height);
        *self.heights.write().unwrap_or_else(PoisonError::into_inner) = Some(heights.clone());
    }

    /// The newest verified header.
    pub(crate) fn head(&self) -> Known {
        known(&self.read().checkpoint)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.read().checkpoint.clone()
    }

    /// The verified header at a height, if it is in memory.
    pub(crate) fn recent(&self, height: u64) -> Option<Known> {
        self.read().recent.get(&height).cloned()
    }

    /// The lowest header in memory from which a walk back to `height` may begin: every one above it is not needed.
    pub(crate) fn nearest(&self, height: u64) -> Known {
        let verified = self.read();
        let lowest = verified.recent.first_key_value().map(|(_, lowest)| lowest);
        let stone = verified.stones.range(height..).next().map(|(_, stone)| stone);
        let lower = lowest.into_iter().chain(stone).min_by_key(|known| known.header.height);
        lower.map_or_else(|| known(&verified.checkpoint), Known::clone)
    }

    /// Keeps the lowest header of a page that is linked to what is verified.
    pub(crate) fn keep_stone(&self, stone: Known) {
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        verified.stones.insert(stone.header.height, stone);
        while verified.stones.len() > STONES {
            verified.stones.pop_last();
        }
    }

    /// Who signs the blocks of an epoch, if that is in memory.
    pub(crate) fn validators(&self, epoch: u64) -> Option<ValidatorSet> {
        self.read().validators.get(&epoch).cloned()
    }

    /// Keeps the validators of an epoch that were proven.
    pub(crate) fn keep_validators(&self, epoch: u64, set: ValidatorSet) {
        self.verified.write().unwrap_or_else(PoisonError::into_inner).validators.insert(epoch, set);
    }

    /// Takes headers that follow the checkpoint, each with its certificate if it has one. Those that it already has
    /// are passed over. Many signatures: not for the threads that serve the network.
    ///
    /// # Errors
    /// The first thing that does not hold; nothing is taken then.
    pub(crate) fn extend(
        &self,
        headers: &[(Vec<u8>, Option<Vec<u8>>)],
        next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
    ) -> Result<(), Invalid> {
        let from = self.checkpoint();
        let height =
            |bytes: &[u8]| wardline_ledger::Header::decode(bytes).map_or(u64::MAX, |header| header.height);
        let new =
            headers.iter().position(|(bytes, _)| height(bytes) > from.header.height).unwrap_or(headers.len());
        let (checkpoint, verified) =
            light::advance(&from, headers.get(new..).unwrap_or_default(), next_sets)?;
        if verified.is_empty() {
            return Ok(());
        }
        let reached = checkpoint.header.height;
        let mut state = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        // Another question may have come further meanwhile.
        if reached > state.checkpoint.header.height {
            state.validators.insert(checkpoint.next_epoch(), checkpoint.validators.clone());
            state.checkpoint = checkpoint;
        }
        state.recent.extend(verified.into_iter().map(|known| (known.header.height, known)));
        while state.recent.len() > RECENT {
            state.recent.pop_first();
        }
        drop(state);
        if let Some(heights) = &*self.heights.read().unwrap_or_else(PoisonError::into_inner) {
            heights.raise(self.chain, reached);
        }
        Ok(())
    }

    /// Whether the file should be written by now.
    pub(crate) fn is_due(&self) -> bool {
        let verified = self.read();
        verified.checkpoint.header.height > verified.saved_height
            && verified.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY)
    }

    /// Keeps the checkpoint, unless the file already has a newer one of this network (another console's).
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self) -> Result<(), TrustError> {
        let checkpoint = self.checkpoint();
        let height = checkpoint.header.height;
        let kept = load(&self.path, &checkpoint).ok().flatten();
        if kept.is_none_or(|kept| kept.header.height < height) {
            write_whole(&self.path, &to_file(&checkpoint)).map_err(|cause| file_error(&self.path, &cause))?;
        }
        let mut state = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        state.saved_height = state.saved_height.max(height);
        state.saved_at = Some(Instant::now());
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Verified> {
        self.verified.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known(checkpoint: &Checkpoint) -> Known {
    Known { header: checkpoint.header.clone(), digest: checkpoint.digest }
}

/// Title, SHA-256 of the rest, the checkpoint's canonical bytes.
fn to_file(checkpoint: &Checkpoint) -> Vec<u8> {
    let bytes = checkpoint.encode();
    [TITLE, Digest::of(&bytes).as_ref(), &bytes].concat()
}

/// The checkpoint in a file, if there is one; `like` says of which network, chain and epochs it must be.
fn load(path: &Path, like: &Checkpoint) -> Result<Option<Checkpoint>, TrustError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(path, &error)),
    };
    let damaged = || TrustError::Damaged { path: path.display().to_string() };
    let rest = bytes.strip_prefix(TITLE).ok_or_else(damaged)?;
    let (sum, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    if Digest::of(rest) != Digest::from_bytes(*sum) {
        return Err(damaged());
    }
    let checkpoint = Checkpoint::decode(rest).map_err(|_| damaged())?;
    let same = checkpoint.network == like.network
        && checkpoint.chain == like.chain
        && checkpoint.epoch_length == like.epoch_length;
    if same {
        Ok(Some(checkpoint))
    } else {
        Err(TrustError::OtherNetwork { path: path.display().to_string() })
    }
}

fn file_error(path: &Path, cause: &io::Error) -> TrustError {
    TrustError::File { path: path.display().to_string(), cause: clean(&cause.to_string()) }
}

/// Writes a file so that after a crash either the old or the new one is there, whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&draft);
    }
    written?;
    // The rename is durable once the folder is; systems that cannot sync a folder keep it anyway.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
