//! How far a verification came, in a file: the next one goes on from there.
//!
//! The file need not be believed for what comes after it: its block must be certified from the pinned genesis on, and its
//! state must be the one that this block's header commits to. That the blocks before were checked is this terminal's
//! own memory, and is told as such, with its date (`docs/decisions/0014-verify-resumes.md`). It must not know where
//! blocks come from.

use super::chain::{ChainCheck, Depth};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read as _, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use wardline_crypto::{Digest, Hasher};
use wardline_ledger::{
    BranchId, Canonical, Chain, DecodeError, Genesis, HEADER_LEN, NetworkId, Reader, RecordId, Step, Writer,
};

/// First line of the file.
const TITLE: &[u8] = b"WARDLINE VERIFICATION v1\n";
/// Most bytes of the file: a state that is larger is not kept, and verified from the genesis every time.
const FILE_MAX: u64 = 1024 * 1024 * 1024;
/// The least time between two writings.
const EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(10) };
/// Writing may take so great a share of the time: one part of so many.
const SHARE: u32 = 20;
/// Days that are told apart; older ones are told as one.
const DAYS: usize = 16;
const DAY_S: u64 = 24 * 60 * 60;
/// Most changes of validators, bytes of a certificate or a set, kinds of transactions: more than there can be.
const STEPS_MAX: usize = 1 << 20;
const PART_MAX: usize = 64 * 1024;
const KINDS_MAX: usize = 64;
/// Most records and holders of one, keys and bytes of a value.
const COUNT_MAX: usize = 1 << 28;
const VALUE_MAX: usize = 1 << 20;

/// Blocks that an earlier run of this terminal verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Up to this height, from the one after the part before.
    pub to: u64,
    /// When that was, Unix seconds.
    pub at_s: u64,
}

/// What is kept of a chain's check at a height that has a certificate of its own.
pub(super) struct Progress {
    /// Which blocks were checked when, ascending.
    pub(super) runs: Vec<Earlier>,
    pub(super) steps: Vec<Step>,
    pub(super) header: Vec<u8>,
    pub(super) certificate: Vec<u8>,
    pub(super) transactions: BTreeMap<String, u64>,
    pub(super) holders: BTreeMap<RecordId, Vec<BranchId>>,
    pub(super) values: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Where the progress of one chain's check is kept, and what was there.
pub(super) struct Keeper {
    path: PathBuf,
    network: NetworkId,
    chain: Chain,
    depth: Depth,
    /// What earlier runs verified.
    earlier: Vec<Earlier>,
    /// Why what was kept is not gone on from, for people.
    restarted: Option<String>,
    written: Instant,
    took: Duration,
    kept: u64,
}

impl Keeper {
    /// A check that goes on from what is kept in `folder`, or begins at the genesis.
    ///
    /// # Errors
    /// When not even the genesis' state can be made.
    pub(super) fn open(
        folder: &Path,
        genesis: &Genesis,
        chain: Chain,
        depth: Depth,
        from_genesis: bool,
    ) -> Result<(Self, ChainCheck), wardline_ledger::TreeError> {
        let name = match depth {
            Depth::Headers => "headers",
            Depth::Bodies => "bodies",
            Depth::Replay => "replay",
        };
        let mut keeper = Self {
            path: folder.join(format!("{chain}.{name}.verified")),
            network: genesis.network(),
            chain,
            depth,
            earlier: Vec::new(),
            restarted: None,
            written: Instant::now(),
            took: Duration::ZERO,
            kept: 0,
        };
        if !from_genesis {
            match keeper.resumed(genesis) {
                Ok(Some(check)) => {
                    keeper.kept = check.head().0;
                    return Ok((keeper, check));
                }
                Ok(None) => {}
                Err(why) => keeper.restarted = Some(why),
            }
        }
        let check = ChainCheck::begin(genesis, chain, depth, 0..=u64::MAX)?;
        Ok((keeper, check))
    }

    fn resumed(&mut self, genesis: &Genesis) -> Result<Option<ChainCheck>, String> {
        let Some(progress) = self.read()? else { return Ok(None) };
        let earlier = progress.runs.clone();
        let check = ChainCheck::resume(genesis, self.chain, self.depth, progress)?;
        if earlier.last().map(|last| last.to) != Some(check.head().0) {
            return Err("it does not say when its blocks were verified".to_owned());
        }
        self.earlier = earlier;
        Ok(Some(check))
    }

    fn read(&self) -> Result<Option<Progress>, String> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(file) => {
                // One byte more than may be there tells a file that is too large.
                file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let damaged = || "it is damaged".to_owned();
        let (rest, sum) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_MAX
            || Digest::of(rest) != Digest::from_bytes(*sum)
        {
            return Err(damaged());
        }
        let rest = rest.strip_prefix(TITLE).ok_or("it is of another version of this program")?;
        self.decode(rest).map_err(|error| match error {
            DecodeError::OutOfRange("network") => "it is of another network or chain".to_owned(),
            error => format!("it is malformed: {error}"),
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Option<Progress>, DecodeError> {
        let mut r = Reader::new(bytes);
        if NetworkId::read(&mut r)? != self.network || Chain::read(&mut r)? != self.chain {
            return Err(DecodeError::OutOfRange("network"));
        }
        let mut runs = Vec::new();
        for _ in 0..r.len(DAYS, "runs")? {
            runs.push(Earlier { to: r.u64("height")?, at_s: r.u64("time")? });
        }
        let steps = r.list(STEPS_MAX, "steps")?;
        let header = r.take(HEADER_LEN, "header")?.to_vec();
        let certificate = r.bytes(PART_MAX, "certificate")?.to_vec();
        let mut transactions = BTreeMap::new();
        for _ in 0..r.len(KINDS_MAX, "kinds")? {
            transactions.insert(r.text(PART_MAX, "kind")?, r.u64("count")?);
        }
        let mut holders = BTreeMap::new();
        for _ in 0..r.len(COUNT_MAX, "records")? {
            holders.insert(RecordId::read(&mut r)?, r.list(COUNT_MAX, "holders")?);
        }
        let mut values = BTreeMap::new();
        for _ in 0..r.len(COUNT_MAX, "values")? {
            let key = r.bytes(PART_MAX, "key")?.to_vec();
            values.insert(key, r.bytes(VALUE_MAX, "value")?.to_vec());
        }
        r.finish()?;
        Ok(Some(Progress { runs, steps, header, certificate, transactions, holders, values }))
    }

    /// What earlier runs verified, and why that is not gone on from.
    pub(super) fn before(&self) -> (Vec<Earlier>, Option<String>) {
        (self.earlier.clone(), self.restarted.clone())
    }

    /// Whether the last writing is long enough ago.
    pub(super) fn is_due(&self) -> bool {
        self.written.elapsed() >= EVERY.max(self.took * SHARE)
    }

    /// Keeps how far `check` is, if there is something new and the last writing is long enough ago. `last` for the end
    /// of a run. What cannot be kept is only verified again.
    pub(super) fn keep(&mut self, check: &ChainCheck, now_s: u64, last: bool) {
        let height = check.head().0;
        if !(last || self.is_due()) || height <= self.kept {
            return;
        }
        let Some((header, certificate)) = check.newest() else { return };
        let began = Instant::now();
        let runs = with_today(&self.earlier, Earlier { to: height, at_s: now_s });
        // A full disk costs nothing but the time to verify again.
        if self.write(check, &runs, header, certificate).is_ok() {
            self.kept = height;
        }
        self.took = began.elapsed();
        self.written = Instant::now();
    }

    fn write(
        &self,
        check: &ChainCheck,
        runs: &[Earlier],
        header: &[u8],
        certificate: &[u8],
    ) -> io::Result<()> {
        write_private(&self.path, |file| {
            let mut out = Summed { file, sum: Hasher::default(), written: 0 };
            out.write_all(TITLE)?;
            let mut w = Writer::default();
            self.network.write(&mut w);
            self.chain.write(&mut w);
            w.len(runs.len());
            for run in runs {
                w.u64(run.to);
                w.u64(run.at_s);
            }
            w.list(check.steps());
            w.fixed(header);
            w.bytes(certificate);
            w.len(check.transactions.len());
            for (kind, count) in &check.transactions {
                w.text(kind);
                w.u64(*count);
            }
            w.len(check.holders.len());
            out.part(&mut w)?;
            for (record, holders) in &check.holders {
                record.write(&mut w);
                w.list(holders);
                out.part(&mut w)?;
            }
            let values = check.values();
            w.len(values.as_ref().map_or(0, ExactSizeIterator::len));
            out.part(&mut w)?;
            for (key, value) in values.into_iter().flatten() {
                w.bytes(key);
                w.bytes(value);
                out.part(&mut w)?;
            }
            let sum = out.sum.clone().finish();
            out.write_all(sum.as_ref())
        })
    }
}

/// The runs with the one that goes on now: one part for each day, and the oldest together when there are many.
fn with_today(earlier: &[Earlier], now: Earlier) -> Vec<Earlier> {
    let mut runs: Vec<Earlier> = earlier.to_vec();
    if runs.last().is_some_and(|last| last.at_s / DAY_S == now.at_s / DAY_S) {
        runs.pop();
    }
    if runs.len() + 1 >= DAYS {
        // The first two become one, with the later one's day: everything in it was verified by then.
        runs.remove(0);
    }
    runs.push(now);
    runs
}

/// A file that sums up what is written to it, and refuses to become too large.
struct Summed<'a> {
    file: &'a mut BufWriter<File>,
    sum: Hasher,
    written: u64,
}

impl Summed<'_> {
    /// Writes what the writer has, and empties it.
    fn part(&mut self, w: &mut Writer) -> io::Result<()> {
        self.write_all(&std::mem::take(w).into_bytes())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written = self.written.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.written > FILE_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }
}

/// Writes a file that only its owner may read: after a crash either the old or the new one is there, whole.
fn write_private(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}", std::process::id()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = (|| {
        let mut file = BufWriter::new(options.open(&draft)?);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&draft);
    }
    written
}
