//! Sealed records against the pointers of a replayed main chain: every copy that was asked for, hashed here.
//!
//! It must not open anything: size and SHA-256 are all that a pointer says. A branch gives what its own state names, so
//! a record that is replaced meanwhile is another one than was asked for; whether it was is proven, not believed.

use super::{Verdict, VerifyProgress, millis};
use crate::{
    alarm::Finding,
    answer::SignedBody,
    branch::{Branch, Target},
    envelopes::{Wanted, pages},
    error::ClientError,
    group::{Inner, heavy, locked},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::{Digest, peek};
use wardline_ledger::{BranchId, Canonical, Chain, Key, RecordEntry, RecordId, check_copy};
use wardline_wire::{Base64, Envelopes, EnvelopesQuery, KEYS_PER_REQUEST_MAX, RouteId};

/// Branches that are asked at once: each has one page of sealed records in memory.
const AT_ONCE: usize = 4;

/// Alarms of each kind about one branch in one run; the report names all.
const ALARMS: usize = 3;

/// A copy of a record that is not as the chain says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCopy {
    /// The record's temporary ID.
    pub record: RecordId,
    /// Its version on the chain.
    pub version: u32,
    /// What is wrong, for people.
    pub what: String,
}

/// The copies of one branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// The branch's name.
    pub branch: String,
    /// Copies that were to be checked.
    pub asked: u64,
    /// Copies with exactly the chain's bytes.
    pub good: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Copies with other bytes.
    pub altered: Vec<BadCopy>,
    /// Copies that the branch signed a receipt for and does not have.
    pub lost: Vec<BadCopy>,
    /// Copies that it does not have and never signed for.
    pub absent: u64,
    /// Copies that it was not heard about, or that were replaced by a newer version meanwhile.
    pub unchecked: u64,
    /// Why not, for people.
    pub why: Option<String>,
    /// Of those, the records that it gave no answer about.
    pub unanswered: Vec<RecordId>,
}

/// What came of comparing the sealed records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordsReport {
    /// Which were not compared, or why none was, for people.
    pub skipped: Option<String>,
    /// Whether every branch's copy was asked for, or the home branch's alone.
    pub all_copies: bool,
    /// Records on the replayed main chain.
    pub records: u64,
    /// Branch by branch.
    pub branches: Vec<Copies>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

impl RecordsReport {
    /// Copies that are altered or lost.
    pub fn bad(&self) -> usize {
        self.branches.iter().map(|copies| copies.altered.len() + copies.lost.len()).sum()
    }

    /// What may be said of the records.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.bad() > 0, self.skipped.is_some() || self.unchecked() > 0)
    }

    /// Copies that were to be checked and could not be.
    pub fn unchecked(&self) -> u64 {
        self.branches.iter().map(|copies| copies.unchecked).sum()
    }
}

/// A record as the replayed chain has it.
pub(super) struct Kept {
    pub(super) id: RecordId,
    pub(super) entry: RecordEntry,
    pub(super) holders: Vec<BranchId>,
}

/// A copy that is not as the replayed chain says, and may be right all the same: of a newer version.
struct Doubt {
    bad: BadCopy,
    /// Version and SHA-256 of what was given instead, if anything was.
    given: Option<(u32, Digest)>,
}

struct Tally<'a> {
    done: Mutex<u64>,
    of: u64,
    progress: &'a UnboundedSender<VerifyProgress>,
}

impl Tally<'_> {
    fn add(&self, count: u64) {
        let done = {
            let mut done = locked(&self.done);
            *done += count;
            *done
        };
        // Nobody may be looking.
        let _ = self.progress.send(VerifyProgress::Records { done, of: self.of });
    }
}

/// Compares the home branch's copy of every record, or every trusted branch's.
pub(super) async fn compare(
    inner: &Inner,
    kept: Vec<Kept>,
    all_copies: bool,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<RecordsReport, ClientError> {
    let (began, records) = (Instant::now(), count(kept.len()));
    let (mut known, mut gone) = (Vec::new(), BTreeMap::<u16, u64>::new());
    let trusted: Vec<&Arc<Branch>> = inner.branches.iter().filter(|one| one.participant.trusted).collect();
    let kept = Arc::new(kept);
    for branch in &trusted {
        let own = |one: &&Kept| all_copies || one.entry.branch.0 == branch.id();
        let wanted: Vec<Wanted> = kept.iter().filter(own).map(wanted).collect();
        if !wanted.is_empty() {
            known.push(((*branch).clone(), wanted));
        }
    }
    if !all_copies {
        let home_is_gone = |one: &&Kept| !trusted.iter().any(|branch| branch.id() == one.entry.branch.0);
        for one in kept.iter().filter(home_is_gone) {
            *gone.entry(one.entry.branch.0).or_default() += 1;
        }
    }
    let holders = kept.iter().map(|one| (one.id, one.holders.clone())).collect();
    let mut branches = compare_at(inner, known, holders, progress).await?;
    branches.extend(gone.into_iter().map(|(branch, count)| Copies {
        branch: inner.name_of(branch),
        asked: count,
        unchecked: count,
        why: Some("it is no active branch any more; --all-copies compares the others' copies".to_owned()),
        ..Copies::default()
    }));
    Ok(RecordsReport { skipped: None, all_copies, records, branches, took_ms: millis(began) })
}

/// The copies of these records at these branches, in their order.
pub(super) async fn compare_at(
    inner: &Inner,
    known: Vec<(Arc<Branch>, Vec<Wanted>)>,
    holders: BTreeMap<RecordId, Vec<BranchId>>,
    progress: &UnboundedSender<VerifyProgress>,
) -> Result<Vec<Copies>, ClientError> {
    let of = known.iter().map(|(_, wanted)| count(wanted.len())).sum();
    let tally = Tally { done: Mutex::new(0), of, progress };
    let holders = Arc::new(holders);
    let asking = known.into_iter().map(|(branch, wanted)| copies_of(inner, branch, wanted, &holders, &tally));
    stream::iter(asking).buffered(AT_ONCE).try_collect().await
}

pub(super) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

pub(super) fn wanted(one: &Kept) -> Wanted {
    Wanted {
        record: one.id,
        home: one.entry.branch.0,
        kind: one.entry.kind,
        pointer: one.entry.pointer,
        size: one.entry.size,
        version: one.entry.version,
    }
}

/// One branch's copies, a page at a time. After a page without an answer the rest is not asked for.
async fn copies_of(
    inner: &Inner,
    branch: Arc<Branch>,
    wanted: Vec<Wanted>,
    holders: &Arc<BTreeMap<RecordId, Vec<BranchId>>>,
    tally: &Tally<'_>,
) -> Result<Copies, ClientError> {
    let mut copies =
        Copies { branch: branch.name().to_owned(), asked: count(wanted.len()), ..Copies::default() };
    let mut alarms = Alarms::default();
    let mut pages = pages(&wanted).into_iter();
    while let Some(page) = pages.next() {
        let bytes = page.iter().map(|one| u64::from(one.size)).sum();
        let query = EnvelopesQuery { records: page.iter().map(|one| one.record).collect() };
        let reply = branch.ask_for::<_, Envelopes>(Target::of(RouteId::Envelopes), &query, bytes).await;
        let (envelopes, proof) = match reply {
            Ok(given) if given.value.envelopes.len() == page.len() => (given.value.envelopes, given.proof),
            reply => {
                let why = reply.map(|_| "it left records out of its answer".to_owned());
                copies.why = Some(why.unwrap_or_else(|error| error.to_string()));
                let left = page.iter().chain(pages.as_slice().iter().flatten());
                copies.unanswered = left.map(|one| one.record).collect();
                break;
            }
        };
        let done = count(page.len());
        let (id, holders) = (branch.participant.id, holders.clone());
        let doubts;
        (copies, doubts) = heavy(move || judge(copies, id, &page, &envelopes, &holders)).await?;
        resolve(inner, &branch, doubts, &mut copies).await;
        alarms.raise(inner, &copies, &proof).await;
        tally.add(done);
    }
    let left = count(copies.unanswered.len());
    copies.unchecked += left;
    tally.add(left);
    Ok(copies)
}

/// Alarms that were raised about one branch's copies: the first few of each kind prove what it does.
#[derive(Default)]
struct Alarms {
    altered: usize,
    lost: usize,
}

impl Alarms {
    /// Raises those for copies that the branch's newest answer showed to be bad.
    async fn raise(&mut self, inner: &Inner, copies: &Copies, proof: &Arc<SignedBody>) {
        let altered = copies
            .altered
            .iter()
            .take(ALARMS)
            .skip(self.altered)
            .map(|bad| Finding::Altered { record: bad.record, proof: proof.clone() });
        let lost = copies
            .lost
            .iter()
            .take(ALARMS)
            .skip(self.lost)
            .map(|bad| Finding::Missing { record: bad.record, proof: proof.clone() });
        for finding in altered.chain(lost) {
            inner.raise(finding).await;
        }
        (self.altered, self.lost) = (copies.altered.len(), copies.lost.len());
    }
}

fn judge(
    mut copies: Copies,
    branch: BranchId,
    page: &[Wanted],
    envelopes: &[Option<Base64>],
    holders: &BTreeMap<RecordId, Vec<BranchId>>,
) -> (Copies, Vec<Doubt>) {
    let mut doubts = Vec::new();
    for (one, envelope) in page.iter().zip(envelopes) {
        let bad = |what: String| BadCopy { record: one.record, version: one.version, what };
        let Some(Base64(envelope)) = envelope else {
            if holders.get(&one.record).is_some_and(|holders| holders.contains(&branch)) {
                let bad = bad("it signed a receipt for it and does not have it".to_owned());
                doubts.push(Doubt { bad, given: None });
            } else {
                copies.absent += 1;
            }
            continue;
        };
        let bad = match check_copy(envelope, &one.pointer, one.size) {
            Err(error) => bad(error.to_string()),
            Ok(()) => {
                copies.good += 1;
                copies.bytes += u64::from(one.size);
                continue;
            }
        };
        match peek(envelope) {
            Ok(header) if header.version > one.version => {
                doubts.push(Doubt { bad, given: Some((header.version, Digest::of(envelope))) });
            }
            _ => copies.altered.push(bad),
        }
    }
    (copies, doubts)
}

/// Counts a copy as not checked where the branch proves that the main chain has a newer version by now, and gave just
/// that one or had none of it; as bad where it does not.
async fn resolve(inner: &Inner, branch: &Arc<Branch>, doubts: Vec<Doubt>, copies: &mut Copies) {
    for doubts in doubts.chunks(KEYS_PER_REQUEST_MAX) {
        let keys: Vec<Vec<u8>> = doubts.iter().map(|doubt| Key::Record(doubt.bad.record).bytes()).collect();
        // Its own state, which it answered from: another branch may be behind it.
        let proven = inner.proven_by(branch, Chain::Main, &keys, 0).await;
        let values = proven.map(|(_, values)| values).unwrap_or_default();
        let entries = values.into_iter().map(|value| RecordEntry::decode(&value?).ok());
        for (Doubt { bad, given }, entry) in doubts.iter().zip(entries.chain(std::iter::repeat(None))) {
            let newer = entry.filter(|entry| {
                entry.version > bad.version
                    && given.is_none_or(|given| given == (entry.version, entry.pointer))
            });
            match (newer, given) {
                (Some(entry), _) => {
                    copies.unchecked += 1;
                    let why = || format!("record `{}` has version {} by now", bad.record, entry.version);
                    copies.why.get_or_insert_with(why);
                }
                (None, Some(_)) => copies.altered.push(bad.clone()),
                (None, None) => copies.lost.push(bad.clone()),
            }
        }
    }
}
