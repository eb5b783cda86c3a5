//! What this console has verified of one chain: a head that proves itself, kept in two places, and the newest headers
//! in memory.
//!
//! The *checkpoint* is where the next start goes on. The *memory* is the same of the person at this machine, outside
//! of the checkpoint's folder, so that a checkpoint that was put back to an older one is noticed. Both are read by
//! their proof alone. It must not know how headers are fetched.

mod conflict;
mod error;
mod file;

pub use conflict::Conflict;
pub use error::{Refused, TrustError};
pub(crate) use file::{alone, write_whole};

use crate::{
    alarm::Certified,
    branch::MinHeights,
    cores::{check, read},
};
use file::{Found, Place, Proved};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{
    Advanced, Canonical, Certificates, Chain, Checkpoint, Genesis, Given, NetworkId, ProvenHead, StateProof,
    TrustPath, ValidatorSet, VerifiedHeader, light,
};

/// A header that is in the verified chain.
pub(crate) type Known = VerifiedHeader;

/// Headers kept in memory: a reply may be older than the newest block by some.
const RECENT: usize = 4096;
/// Older headers kept in memory, one for each page that was walked over, so that going on from there is one step.
const STONES: usize = 1024;
/// How often the checkpoint's file is written while blocks come in.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// One chain as far as it is verified.
pub struct Trust {
    pub(crate) chain: Chain,
    pub(crate) network: NetworkId,
    /// The pinned genesis.
    start: Checkpoint,
    /// The checkpoint's file first, then the memory's.
    places: Vec<Place>,
    verified: RwLock<Verified>,
    /// Held while headers are fetched, so that many questions at once fetch them once.
    pub(crate) advancing: tokio::sync::Mutex<()>,
    heights: RwLock<Option<Arc<MinHeights>>>,
}

struct Verified {
    checkpoint: Checkpoint,
    /// What proves the checkpoint.
    proof: ProvenHead,
    /// Who signs in which epoch, as far as the next block.
    path: TrustPath,
    recent: BTreeMap<u64, Known>,
    /// Headers below those, each linked to them.
    stones: BTreeMap<u64, Known>,
    /// What the memory has above the checkpoint: the chain must lead through it.
    ahead: Option<Box<Proved>>,
    /// A head below the checkpoint that was verified here before: not replaced before this chain has its block.
    behind: Option<Box<Proved>>,
    /// Blocks of this chain that are or were in the files.
    joined: BTreeMap<u64, Digest>,
    /// What is to be told of the files, for people.
    told: Vec<String>,
    conflict: Option<Conflict>,
    saved_height: u64,
    saved_at: Option<Instant>,
}

impl Trust {
    /// Reads what was kept, or begins at the genesis when there is nothing. `folder` has the checkpoints, `memory` what
    /// this person's consoles remember of every network.
    ///
    /// # Errors
    /// When a file is damaged, of another network, or does not prove itself: it is never silently replaced.
    pub fn open(
        genesis: &Genesis,
        chain: Chain,
        folder: &Path,
        memory: Option<&Path>,
    ) -> Result<Self, TrustError> {
        let network = genesis.network();
        let kept = Place { path: folder.join(format!("{chain}.checkpoint")), private: false };
        let remembered =
            memory.map(|memory| Place { path: memory.join(format!("{network}.{chain}")), private: true });
        let start =
            Checkpoint::genesis(genesis, chain).map_err(|error| TrustError::Genesis(error.to_string()))?;

        let found = kept.load(&start)?;
        let other = remembered.as_ref().filter(|place| !place.is_same_as(&kept));
        let (before, forgotten) = match other.map(|place| place.load(&start)).transpose()? {
            Some(Found::Head(before)) => (Some(before), None),
            Some(Found::OtherVersion) => (None, other),
            Some(Found::Nothing) | None => (None, None),
        };
        let at = |proved: &Proved| proved.checkpoint.header.height;
        let height = if let Found::Head(head) = &found { at(head) } else { 0 };
        let ahead = before.as_ref().map(|before| at(before)).filter(|before| *before > height);
        let path = kept.path.display();
        let mut told = Vec::new();
        told.extend(match (&found, ahead) {
            (Found::Head(_), Some(ahead)) => Some(format!(
                "OLDER COPY: `{path}` ends at block {height} of the {chain} chain, and block {ahead} was verified here \
                 before: it was put back, or another folder was used meanwhile. Only a chain that leads through that \
                 very block is followed"
            )),
            (Found::OtherVersion, _) => Some(format!(
                "`{path}` is of another version of this program and was not taken: the {chain} chain is verified \
                 again from its genesis, and the file kept as `{path}.old`"
            )),
            _ => None,
        });
        told.extend(forgotten.map(|place| {
            let path = place.path.display();
            format!(
                "`{path}` is of another version of this program: what was verified of the {chain} chain here before \
                 is not compared with it, and the file kept as `{path}.old`"
            )
        }));
        let conflict = match (&found, &before) {
            (Found::Head(kept), Some(before)) if at(kept) == at(before) => {
                conflict::of_heads(before, &kept.head)
            }
            _ => None,
        };
        let proved = match found {
            Found::Head(proved) => *proved,
            Found::Nothing | Found::OtherVersion => Proved {
                head: ProvenHead::genesis(network, chain),
                path: TrustPath::of(&start),
                checkpoint: start.clone(),
            },
        };
        let (ahead, behind) = match before {
            Some(before) if at(&before) > height => (Some(before), None),
            Some(before) if (1..height).contains(&at(&before)) => (None, Some(before)),
            _ => (None, None),
        };
        let verified = Verified {
            recent: BTreeMap::from([(height, known(&proved.checkpoint))]),
            stones: BTreeMap::new(),
            ahead,
            behind,
            joined: BTreeMap::from([(height, proved.checkpoint.digest)]),
            told,
            conflict,
            saved_height: height,
            saved_at: None,
            checkpoint: proved.checkpoint,
            proof: proved.head,
            path: proved.path,
        };
        Ok(Self {
            chain,
            network,
            start,
            places: std::iter::once(kept).chain(remembered).collect(),
            verified: RwLock::new(verified),
            advancing: tokio::sync::Mutex::default(),
            heights: RwLock::default(),
        })
    }

    /// From now on every new height is demanded of the branches, and never less than what is remembered.
    pub(crate) fn share_height(&self, heights: &Arc<MinHeights>) {
        let remembered = self.read().ahead.as_ref().map_or(0, |ahead| ahead.checkpoint.header.height);
        heights.raise(self.chain, self.head().header.height.max(remembered));
        *self.heights.write().unwrap_or_else(PoisonError::into_inner) = Some(heights.clone());
    }

    /// The newest verified header.
    pub fn head(&self) -> Known {
        known(&self.read().checkpoint)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.read().checkpoint.clone()
    }

    /// The newest verified header with everything that proves it from the genesis: the changes of validators too.
    pub fn proven_head(&self) -> ProvenHead {
        self.read().proof.clone()
    }

    /// A block of this chain that is not the one which was verified here before.
    pub fn conflict(&self) -> Option<Conflict> {
        self.read().conflict.clone()
    }

    /// What is to be told of this chain while the clock says `now_s`, for people.
    pub fn notices(&self, now_s: u64) -> Vec<String> {
        let verified = self.read();
        let chain = self.chain;
        let conflict = verified.conflict.as_ref().map(|conflict| conflict.error().to_string());
        let header = &verified.checkpoint.header;
        let ahead = light::ahead_s(header, now_s).map(|ahead| {
            format!(
                "CLOCK: block {} of the {chain} chain is {ahead} s ahead of this machine's clock: set the clock, or ask \
                 your administrators if it is right",
                header.height
            )
        });
        let through = verified.ahead.as_ref().filter(|_| verified.told.is_empty()).map(|ahead| {
            let height = ahead.checkpoint.header.height;
            format!("block {height} of the {chain} chain was verified here before: only a chain through it is followed")
        });
        let behind = verified.behind.as_ref().filter(|_| conflict.is_none()).map(|behind| {
            let height = behind.checkpoint.header.height;
            format!(
                "NOT COMPARED: block {height} of the {chain} chain was verified here before, and nobody has shown yet \
                 that it is in the chain which is followed now"
            )
        });
        let told = verified.told.iter().cloned();
        conflict.into_iter().chain(told).chain(through).chain(behind).chain(ahead).collect()
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
        let mut verified = self.write();
        verified.stones.insert(stone.header.height, stone);
        while verified.stones.len() > STONES {
            verified.stones.pop_last();
        }
    }

    /// Who signs the blocks of an epoch, up to that of the next block.
    pub(crate) fn validators(&self, epoch: u64) -> Option<ValidatorSet> {
        let verified = self.read();
        let known = epoch <= verified.checkpoint.next_epoch();
        verified.path.validators(epoch).filter(|_| known).cloned()
    }

    /// Takes headers that follow the checkpoint, each with its certificate if it has one. Those that it already has
    /// are passed over. Heavy work on up to `cores` threads: not for those that serve the network.
    ///
    /// # Errors
    /// The first thing that does not hold; nothing is taken then.
    pub fn extend(
        &self,
        headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        next_sets: &BTreeMap<u64, (Vec<u8>, StateProof)>,
        cores: usize,
    ) -> Result<(), Refused> {
        self.may_go_on()?;
        let from = self.checkpoint();
        let given = read(headers, cores);
        let is_new = |given: &Given| given.height().is_none_or(|height| height > from.header.height);
        let new = given.iter().position(is_new).unwrap_or(given.len());
        let given = given.get(new..).unwrap_or_default();
        let prepared = light::prepare(&from, given, next_sets, Certificates::Needed)?;
        let advanced = prepared.believe(|jobs| check(jobs, cores))?;
        if advanced.headers.is_empty() {
            return Ok(());
        }
        let reached = advanced.checkpoint.header.height;
        self.write().take(&from, advanced, given);
        self.may_go_on()?;
        if let Some(heights) = &*self.heights.read().unwrap_or_else(PoisonError::into_inner) {
            heights.raise(self.chain, reached);
        }
        Ok(())
    }

    fn may_go_on(&self) -> Result<(), TrustError> {
        self.read().conflict.as_ref().map_or(Ok(()), |conflict| Err(conflict.error()))
    }

    /// Whether the file should be written by now.
    pub(crate) fn is_due(&self) -> bool {
        let verified = self.read();
        verified.checkpoint.header.height > verified.saved_height
            && verified.saved_at.is_none_or(|at| at.elapsed() >= SAVE_EVERY)
    }

    /// Keeps the checkpoint in its file and in the memory, each unless it already has a newer one of this network
    /// (another console's). Until the chain has reached what the memory has, and until it has shown the block of an
    /// older one, that file stays as it is.
    ///
    /// # Errors
    /// When a file cannot be written, or blocks contradict each other: the files then stay as they are.
    pub fn save(&self) -> Result<(), TrustError> {
        self.may_go_on()?;
        let (proof, height, digest) = {
            let verified = self.read();
            (verified.proof.clone(), verified.checkpoint.header.height, verified.checkpoint.digest)
        };
        if height > 0 {
            let passed = |at| if at == height { Some(digest) } else { self.read().passed(at) };
            // Both are tried: one full disk is not the other.
            let saved: Vec<_> =
                self.places.iter().map(|place| place.save(&proof, &self.start, passed)).collect();
            for other in saved.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                let mut state = self.write();
                if other.checkpoint.header.height == height {
                    state.conflict = conflict::of_heads(&other, &proof);
                } else {
                    state.behind = Some(other);
                }
            }
            self.may_go_on()?;
        }
        let mut state = self.write();
        state.joined.insert(height, digest);
        state.saved_height = state.saved_height.max(height);
        state.saved_at = Some(Instant::now());
        Ok(())
    }

    /// The block below the head that was verified here before and was not found in this chain yet.
    pub(crate) fn behind(&self) -> Option<(u64, Digest)> {
        let verified = self.read();
        let checkpoint = verified.behind.as_ref().map(|behind| &behind.checkpoint)?;
        Some((checkpoint.header.height, checkpoint.digest))
    }

    /// Holds that block against this chain's one of its height. `shown` is what certifies this one, where somebody has
    /// it: without it a difference is told, and proven to nobody else.
    pub(crate) fn compare_behind(&self, own: &Known, shown: Option<Certified>) {
        let mut verified = self.write();
        let height = own.header.height;
        let Some(behind) = verified.behind.take_if(|behind| behind.checkpoint.header.height == height) else {
            return;
        };
        verified.joined.insert(height, own.digest);
        if behind.checkpoint.digest != own.digest {
            let bare = Certified { headers: vec![own.header.encode()], certificate: Vec::new() };
            verified.conflict = conflict::of_blocks(&behind, shown.unwrap_or(bare));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Verified> {
        self.verified.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Verified> {
        self.verified.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verified {
    /// The digest of this chain's block at a height, if it is in memory.
    fn passed(&self, height: u64) -> Option<Digest> {
        let header = self.recent.get(&height).or_else(|| self.stones.get(&height));
        header.map(|known| known.digest).or_else(|| self.joined.get(&height).copied())
    }

    /// Believes what was verified from a checkpoint, unless it leads past what is remembered, or past what another
    /// question has brought meanwhile.
    fn take(&mut self, from: &Checkpoint, advanced: Advanced, given: &[Given]) {
        let is_current = |known: &Known| known.digest == self.checkpoint.digest;
        if from.digest != self.checkpoint.digest && !advanced.headers.iter().any(is_current) {
            return;
        }
        if let Some(ahead) = &self.ahead {
            let at = &ahead.checkpoint;
            let crossing = advanced.headers.iter().position(|known| known.header.height == at.header.height);
            if let Some(index) = crossing {
                if advanced.headers.get(index).is_some_and(|known| known.digest != at.digest) {
                    self.conflict = conflict::of_chain(ahead, given.get(index..).unwrap_or_default());
                    return;
                }
                self.ahead = None;
            }
        }
        for step in advanced.steps {
            // Proven just now: it is refused only when another question has brought it already.
            if self.path.step(&step).is_ok() {
                self.proof.steps.push(step);
            }
        }
        if let Some(certificate) = advanced.certificate {
            self.proof.head = Some((advanced.checkpoint.header.encode(), certificate));
        }
        self.checkpoint = advanced.checkpoint;
        let few = advanced.headers.len().saturating_sub(RECENT);
        let newest = advanced.headers.into_iter().skip(few);
        self.recent.extend(newest.map(|known| (known.header.height, known)));
        while self.recent.len() > RECENT {
            self.recent.pop_first();
        }
    }
}

fn known(checkpoint: &Checkpoint) -> Known {
    Known { header: checkpoint.header.clone(), digest: checkpoint.digest }
}
