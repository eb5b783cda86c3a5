//! Each branch's highest signed tip, kept between runs beside the checkpoints: a branch that
//! went back while no console looked is found all the same.
//!
//! Every tip is signed by its branch, so the file needs no trust: what does not verify is passed over, and a lost file
//! loses a finding, never invents one. Format: `docs/format/tips.md`.

use crate::{
    branch::Branch,
    group::{Inner, heavy},
    trust::{alone, write_whole},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use wardline_ledger::{BranchId, Canonical, Chain, MAX_PARTICIPANTS, NetworkId, Reader, SignedTip, Writer};

/// First line of the file.
const TITLE: &[u8] = b"WARDLINE TIPS v1\n";
/// Longest file that is read: a tip of every participant.
const FILE_MAX: u64 = 256 * 1024;

/// Where a chain's tips are kept.
pub(crate) fn place(folder: &Path, chain: Chain) -> PathBuf {
    folder.join(format!("{chain}.tips"))
}

/// The kept tips that their branches signed for this chain.
pub(crate) fn load(
    path: &Path,
    network: NetworkId,
    chain: Chain,
    branches: &[Arc<Branch>],
) -> Vec<SignedTip> {
    let stands = |tip: &SignedTip| {
        let branch = branches.iter().find(|branch| branch.participant.id == tip.branch);
        tip.network == network
            && tip.chain == chain
            && branch.is_some_and(|branch| tip.verify(&branch.participant.signing))
    };
    read(path).unwrap_or_default().into_iter().filter(stands).collect()
}

/// Keeps tips, and of those that are there already (another console's) the higher ones that stand.
fn save(
    path: &Path,
    tips: Vec<SignedTip>,
    network: NetworkId,
    chain: Chain,
    branches: &[Arc<Branch>],
) -> io::Result<()> {
    // The checkpoints' folder and its lock.
    let _alone = alone(path, false)?;
    let mut by_branch: BTreeMap<BranchId, SignedTip> = BTreeMap::new();
    for tip in load(path, network, chain, branches).into_iter().chain(tips) {
        let higher = by_branch.get(&tip.branch).is_none_or(|kept| kept.height < tip.height);
        if higher {
            by_branch.insert(tip.branch, tip);
        }
    }
    let mut writer = Writer::default();
    for tip in by_branch.values() {
        tip.write(&mut writer);
    }
    write_whole(path, &[TITLE, &writer.into_bytes()].concat())
}

fn read(path: &Path) -> Option<Vec<SignedTip>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
    let mut reader = Reader::new(bytes.strip_prefix(TITLE)?);
    let mut tips = Vec::new();
    while !reader.rest().is_empty() && tips.len() < MAX_PARTICIPANTS {
        tips.push(SignedTip::read(&mut reader).ok()?);
    }
    Some(tips)
}

impl Inner {
    /// Keeps every branch's highest tip. A full disk loses nothing but the memory of this run.
    pub(crate) async fn keep_tips(&self, chain: Chain) {
        let tips = self.with_table(chain, |table, now| table.take_highest(now));
        let path = place(&self.watch.folder, chain);
        if tips.is_empty() {
            return;
        }
        let (network, branches) = (self.network, self.on(chain));
        if let Ok(Err(error)) = heavy(move || save(&path, tips, network, chain, &branches)).await {
            tracing::info!(%error, "tips not kept");
        }
    }
}
