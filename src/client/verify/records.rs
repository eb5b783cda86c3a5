//! Sealed records against the pointers of a replayed main chain: every copy that was asked for, hashed here.
//!
//! It must not open anything: size and SHA-256 are all that a pointer says.

use super::{Verdict, VerifyProgress, millis};
use crate::{
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
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, RecordEntry, RecordId};
use wardline_wire::{Base64, Envelopes, EnvelopesQuery, RouteId};

/// Branches that are asked at once: each has one page of sealed records in memory.
const AT_ONCE: usize = 4;

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
    /// Copies that it was not heard about.
    pub unchecked: u64,
    /// Why not, for people.
    pub why: Option<String>,
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
    let of = known.iter().map(|(_, wanted)| count(wanted.len())).sum();
    let tally = Tally { done: Mutex::new(0), of, progress };
    let holders: Arc<BTreeMap<RecordId, Vec<BranchId>>> =
        Arc::new(kept.iter().map(|one| (one.id, one.holders.clone())).collect());
    let asking = known.into_iter().map(|(branch, wanted)| copies_of(branch, wanted, &holders, &tally));
    let mut branches: Vec<Copies> = stream::iter(asking).buffered(AT_ONCE).try_collect().await?;
    branches.extend(gone.into_iter().map(|(branch, count)| Copies {
        branch: inner.name_of(branch),
        asked: count,
        unchecked: count,
        why: Some("it is no active branch any more; --all-copies compares the others' copies".to_owned()),
        ..Copies::default()
    }));
    Ok(RecordsReport { skipped: None, all_copies, records, branches, took_ms: millis(began) })
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn wanted(one: &Kept) -> Wanted {
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
    branch: Arc<Branch>,
    wanted: Vec<Wanted>,
    holders: &Arc<BTreeMap<RecordId, Vec<BranchId>>>,
    tally: &Tally<'_>,
) -> Result<Copies, ClientError> {
    let mut copies =
        Copies { branch: branch.name().to_owned(), asked: count(wanted.len()), ..Copies::default() };
    let mut left = copies.asked;
    for page in pages(&wanted) {
        let bytes = page.iter().map(|one| u64::from(one.size)).sum();
        let query = EnvelopesQuery { records: page.iter().map(|one| one.record).collect() };
        let reply: Result<Envelopes, _> = branch.ask_for(Target::of(RouteId::Envelopes), &query, bytes).await;
        let envelopes = match reply {
            Ok(reply) if reply.envelopes.len() == page.len() => reply.envelopes,
            Ok(_) => {
                copies.why = Some("it left records out of its answer".to_owned());
                break;
            }
            Err(error) => {
                copies.why = Some(error.to_string());
                break;
            }
        };
        let done = count(page.len());
        let (id, holders) = (branch.participant.id, holders.clone());
        copies = heavy(move || judge(copies, id, &page, &envelopes, &holders)).await?;
        left -= done;
        tally.add(done);
    }
    copies.unchecked = left;
    tally.add(left);
    Ok(copies)
}

fn judge(
    mut copies: Copies,
    branch: BranchId,
    page: &[Wanted],
    envelopes: &[Option<Base64>],
    holders: &BTreeMap<RecordId, Vec<BranchId>>,
) -> Copies {
    for (one, envelope) in page.iter().zip(envelopes) {
        let bad = |what: String| BadCopy { record: one.record, version: one.version, what };
        match envelope {
            None if holders.get(&one.record).is_some_and(|holders| holders.contains(&branch)) => {
                copies.lost.push(bad("it signed a receipt for it and does not have it".to_owned()));
            }
            None => copies.absent += 1,
            Some(envelope) if u32::try_from(envelope.0.len()) != Ok(one.size) => {
                copies.altered.push(bad(format!("{} bytes instead of {}", envelope.0.len(), one.size)));
            }
            Some(envelope) if Digest::of(&envelope.0) != one.pointer => {
                copies.altered.push(bad("its SHA-256 is not the chain's pointer".to_owned()));
            }
            Some(_) => {
                copies.good += 1;
                copies.bytes += u64::from(one.size);
            }
        }
    }
    copies
}
