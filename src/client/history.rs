//! A patient's history: links proven whole, pointers proven agreed, envelopes compared, records opened.

use crate::{
    alarm::Finding,
    branch::Branch,
    envelopes::Wanted,
    error::ClientError,
    group::{Group, Inner, locked},
    keep::GRACE,
    keys::Asker,
    links::{Claim, Pointers},
    lookup::FinalLookup,
    opening::Outcome,
    race::{first_good, none_of},
    tally::Tally,
    verdict::{Check, RecordVerdict},
};
use futures::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Chain, PatientId, RecordEntry, RecordId, StaffId};
use wardline_policy::RecordKind;
use wardline_record::{Identity, Record};

/// How long branches that still have not answered are waited for once everything else is there.
pub(crate) const LATE: Duration = Duration::from_millis(750);

/// What could be proven, fetched and opened.
#[derive(Clone, Debug)]
pub struct History {
    /// The patient.
    pub patient: PatientId,
    /// Who it is, when a search of this session opened it and the side chain holds the same. `None`: not proven, and
    /// whoever a search showed may be somebody else.
    pub identity: Option<Identity>,
    /// The lookup under which everything was asked.
    pub lookup: FinalLookup,
    /// Newest first; those without a date, because they are not open, before the others.
    pub rows: Vec<Row>,
    /// Records that the side chain has for the patient.
    pub total_links: u64,
    /// Whether the list is proven to be whole.
    pub whole: Wholeness,
    /// Verified height of the main chain that the pointers were proven at.
    pub main_height: u64,
    /// Verified height of the side chain that the links were proven at.
    pub side_height: u64,
    /// What every trusted branch answered.
    pub branches: Vec<BranchAnswer>,
    /// Time from question to result, milliseconds.
    pub took_ms: u64,
}

/// Whether a list of links is all there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wholeness {
    /// Count and root are those of the patient's entry in the verified side chain.
    Proven {
        /// The height of that state.
        side_height: u64,
    },
    /// Records may be missing.
    NotProven {
        /// Why, for people.
        reason: String,
    },
}

impl Wholeness {
    /// The same as a check of each of its records. It is made in every history: a list that no branch proves fails it.
    fn check(&self) -> Check {
        match self {
            Self::Proven { .. } => Check::Holds,
            Self::NotProven { reason } => Check::Fails(reason.clone()),
        }
    }
}

/// One record of the history.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its temporary ID.
    pub record: RecordId,
    /// The branch that it was made at; 0 while unknown.
    pub branch: u16,
    /// That branch's name.
    pub branch_name: String,
    /// What it is, from the main chain.
    pub kind: Option<RecordKind>,
    /// How far it could be trusted and opened.
    pub state: RowState,
    /// The checks that this rests on, each as it was made for this answer.
    pub verdict: RecordVerdict,
    /// The record.
    pub opened: Option<Record>,
    /// SHA-256 of its envelope, from the main chain.
    pub pointer: Option<Digest>,
    /// Height at which the main chain took it.
    pub main_height: Option<u64>,
    /// Which version of it the main chain has; above 1 it was replaced.
    pub version: Option<u32>,
    /// Whose session stored it, from the main chain.
    pub author: Option<StaffId>,
    /// The branch whose copy was opened.
    pub opened_from: Option<u16>,
    /// What else is to be known, for people.
    pub notes: Vec<String>,
}

impl Row {
    /// The one word on it: VERIFIED only where every check was made and holds.
    pub fn word(&self) -> &'static str {
        let made = self.verdict.checks().iter().all(|(_, check)| **check != Check::NotChecked);
        match self.state {
            RowState::Verified if self.verdict.holds() => self.state.text(),
            RowState::Verified if made => "NOT WHOLE",
            RowState::Verified => "NOT CHECKED",
            _ => self.state.text(),
        }
    }

    /// Whether every check was made and holds, and no branch gave anything else.
    pub fn is_verified(&self) -> bool {
        self.state == RowState::Verified && self.verdict.holds()
    }
}

/// What may be said of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Agreed on the main chain, the envelope is the agreed one, and it opened.
    Verified,
    /// A branch served other bytes than the agreed ones; opened from another copy if there was one.
    Altered,
    /// The branches refuse the key.
    Withheld,
    /// Linked, and not on the main chain yet.
    NotAgreed,
    /// No branch that answers gave the envelope and a key, and some did not answer.
    Unreachable,
    /// Every branch answered, and none has the envelope.
    Lost,
    /// Agreed and fetched, and it does not open into what the chain says, or no branch has a key that still opens.
    Damaged,
    /// The side chain links it as made at one branch and the main chain has it from another: it may be another
    /// patient's.
    Mismatch,
}

impl RowState {
    /// The word in capitals, as shown.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Verified => "VERIFIED",
            Self::Altered => "ALTERED",
            Self::Withheld => "WITHHELD",
            Self::NotAgreed => "NOT AGREED",
            Self::Unreachable => "UNREACHABLE",
            Self::Lost => "LOST",
            Self::Damaged => "DAMAGED",
            Self::Mismatch => "MISMATCH",
        }
    }
}

/// One branch's part in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchAnswer {
    /// Its number.
    pub branch: u16,
    /// Its name.
    pub name: String,
    /// Things asked of it: patients in a search, records in a history.
    pub asked: u32,
    /// Things that it gave.
    pub answered: u32,
    /// Things that it gave and that hold.
    pub verified: u32,
    /// Things whose key it refused.
    pub withheld: u32,
    /// Things that it does not have, though the main chain has its receipt for them.
    pub lacking: u32,
    /// How it answered.
    pub state: AnswerState,
}

/// How a branch answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerState {
    /// It answered everything in time.
    Answered,
    /// It did not answer within the deadline.
    Silent {
        /// When it answered last in this run, Unix seconds.
        since_s: Option<u64>,
    },
    /// What it gave holds, and another branch proved a newer state.
    Behind {
        /// What it lacks.
        reason: String,
    },
    /// It refused.
    Refused {
        /// Its reason.
        reason: String,
    },
    /// Something that it said is not true.
    Invalid {
        /// What.
        reason: String,
    },
}

impl std::fmt::Display for AnswerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered => f.write_str("answered"),
            Self::Silent { since_s: None } => f.write_str("SILENT: did not answer in time"),
            Self::Silent { since_s: Some(at) } => {
                write!(f, "SILENT: did not answer in time, last answer at {at} (Unix seconds)")
            }
            Self::Behind { reason } => write!(f, "BEHIND: {reason}"),
            Self::Refused { reason } => write!(f, "REFUSED: {reason}"),
            Self::Invalid { reason } => write!(f, "INVALID: {reason}"),
        }
    }
}

impl Group {
    /// A patient's whole history, under a final lookup of this session's owner.
    ///
    /// All trusted branches are asked at once. What a branch made that does not answer is fetched and keyed from the
    /// others, and once all is there nobody is waited for any longer than a grace: a hung branch must not delay care.
    ///
    /// # Errors
    /// When no branch gives a list of the patient's records that is as new as the chain verified before, or nobody
    /// proves what the main chain has of them.
    /// Everything less is told in the rows.
    pub async fn history(&self, patient: PatientId, lookup: &FinalLookup) -> Result<History, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        inner.home()?;
        let began = Instant::now();
        let branches = inner.on(Chain::Side);
        let tally = &Tally::of(inner, &branches, began);
        let least = inner.least_side_height(lookup)?;
        let mut claims: FuturesUnordered<_> = branches
            .iter()
            .map(|branch| inner.claim(branch.clone(), patient, lookup, least, tally))
            .collect();
        let mut unheard: BTreeMap<u16, _> = branches.iter().map(|branch| (branch.id(), branch)).collect();

        let listing = inner.listing(&mut claims, &mut unheard, tally).await;
        inner.raised(tally.raising()).await;
        let mut listing = listing?;
        let mut pointers = inner.pointers(&listing.links).await?;
        // A branch that was slow before is hardly waited for again.
        let late = if unheard.values().all(|branch| branch.is_silent()) { GRACE } else { LATE };
        let wanted: Vec<Wanted> =
            listing.links.iter().filter_map(|(record, _)| wanted_of(*record, &pointers)).collect();
        let mut others = Vec::new();
        let hear = async {
            // One that let a whole deadline pass is not waited for at all: it is asked, and its answer counts if it comes
            // before the others'.
            while unheard.values().any(|branch| !branch.is_hung())
                && let Some((branch, claim)) = claims.next().await
            {
                unheard.remove(&branch.id());
                others.extend(claim);
            }
        };
        let asker = Asker { patient, lookup, tally };
        let mut outcomes = alongside(inner.open_all(asker, &wanted), hear, late).await?;
        for branch in unheard.into_values() {
            branch.suspect();
            tally.silent(branch);
        }
        let added = listing.settle(others, tally);
        if !added.is_empty() {
            // What a branch with a newer state has more: links are only ever appended.
            let more = inner.pointers(&added).await?;
            pointers.height = pointers.height.min(more.height);
            pointers.entries.extend(more.entries);
            let wanted: Vec<Wanted> =
                added.iter().filter_map(|(record, _)| wanted_of(*record, &pointers)).collect();
            outcomes.extend(inner.open_all(asker, &wanted).await?);
        }
        let mut rows = inner.rows(&listing.links, &pointers, outcomes);
        listing.doubt(&rows);
        for row in &mut rows {
            row.verdict.history = listing.whole.check();
        }
        inner.raised(tally.raising()).await;
        Ok(History {
            patient,
            identity: inner.identity_of(patient, &listing.identity),
            lookup: *lookup,
            total_links: listing.counted,
            rows,
            whole: listing.whole,
            main_height: pointers.height,
            side_height: listing.side_height,
            branches: tally.lines(),
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Who a patient is, if a search of this session opened the very identity that the side chain has: for those who
    /// are about to write, and need not read.
    ///
    /// # Errors
    /// When no branch proves what the side chain has of the patient.
    pub async fn proven_identity(
        &self,
        patient: PatientId,
        lookup: &FinalLookup,
    ) -> Result<Option<Identity>, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        inner.home()?;
        let branches = inner.on(Chain::Side);
        let tally = &Tally::of(inner, &branches, Instant::now());
        let least = inner.least_side_height(lookup)?;
        let claim = first_good(branches, |branch| async move {
            inner.claim(branch, patient, lookup, least, tally).await.1
        })
        .await;
        inner.raised(tally.raising()).await;
        let (_, claim) = claim?;
        Ok(inner.identity_of(patient, &claim.entry.identity))
    }
}

/// Runs both; once `work` is done, `rest` is waited for as long as `limit`.
async fn alongside<T>(work: impl Future<Output = T>, rest: impl Future<Output = ()>, limit: Duration) -> T {
    match select(pin!(work), pin!(rest)).await {
        Either::Left((done, rest)) => {
            // Whoever does not make it is told to be silent.
            let _ = tokio::time::timeout(limit, rest).await;
            done
        }
        Either::Right(((), work)) => work.await,
    }
}

/// The list that the rest of the history is made from.
struct Listing {
    /// The branch whose proven list it is.
    from: Option<u16>,
    links: Vec<(RecordId, BranchId)>,
    /// Records that the side chain counts.
    counted: u64,
    side_height: u64,
    identity: Digest,
    whole: Wholeness,
}

impl Listing {
    fn of(claim: Claim, whole: Wholeness) -> Self {
        let (side_height, identity) = (claim.header.header.height, claim.entry.identity);
        let from = matches!(whole, Wholeness::Proven { .. }).then(|| claim.branch.id());
        Self { from, counted: claim.entry.links.size(), links: claim.links, side_height, identity, whole }
    }

    /// Holds the other branches' lists against this one and takes the one that is proven at the greatest height;
    /// gives back the links that it has more.
    fn settle(&mut self, others: Vec<Claim>, tally: &Tally) -> Vec<(RecordId, BranchId)> {
        let before = self.links.len();
        let mut whole = Vec::with_capacity(others.len());
        for claim in others {
            let agree = claim.links.iter().zip(&self.links).all(|(theirs, ours)| theirs == ours);
            if agree && claim.is_whole() {
                whole.push(claim);
            } else {
                tally.invalid(claim.branch.id(), NOT_WHOLE.to_owned());
                tally.found(Finding::Omission { proof: claim.proof });
            }
        }
        let given: Vec<(u16, usize)> = self
            .from
            .into_iter()
            .map(|from| (from, self.links.len()))
            .chain(whole.iter().map(|claim| (claim.branch.id(), claim.links.len())))
            .collect();
        let newest = whole.into_iter().max_by_key(|claim| claim.header.header.height);
        if let Some(claim) = newest.filter(|claim| claim.header.header.height > self.side_height) {
            let side_height = claim.header.header.height;
            *self = Self::of(claim, Wholeness::Proven { side_height });
        }
        let all = self.links.len();
        for (branch, count) in given.into_iter().filter(|(_, count)| *count < all) {
            tally.behind(branch, format!("its list has {count} of the patient's {all} records"));
        }
        self.links.get(before..).unwrap_or_default().to_vec()
    }

    /// A list on whose records the two chains disagree is not known to be this patient's.
    fn doubt(&mut self, rows: &[Row]) {
        let count = rows.iter().filter(|row| row.state == RowState::Mismatch).count();
        if count > 0 && matches!(self.whole, Wholeness::Proven { .. }) {
            let reason = format!("the two chains name different branches for {count} of the records");
            self.whole = Wholeness::NotProven { reason };
        }
    }
}

/// Said of a branch whose list is not the patient's entry.
const NOT_WHOLE: &str = "its list of the patient's records leaves out, adds or moves some";

impl Inner {
    /// What a list must be as new as: the lookup, and what is verified by now.
    fn least_side_height(&self, lookup: &FinalLookup) -> Result<u64, ClientError> {
        Ok(self.trust(Chain::Side)?.head().header.height.max(lookup.height))
    }

    /// The first list that is proven whole; if there is none, the one of the newest entry, and the longest of those,
    /// with the reason why it is not.
    async fn listing(
        &self,
        claims: &mut FuturesUnordered<impl Future<Output = (Arc<Branch>, Result<Claim, ClientError>)>>,
        unheard: &mut BTreeMap<u16, &Arc<Branch>>,
        tally: &Tally,
    ) -> Result<Listing, ClientError> {
        let mut failures = Vec::new();
        let mut longest: Option<Claim> = None;
        while let Some((branch, claim)) = claims.next().await {
            unheard.remove(&branch.id());
            let claim = match claim {
                Ok(claim) => claim,
                Err(error) => {
                    failures.push((branch.name().to_owned(), error));
                    continue;
                }
            };
            if claim.is_whole() {
                let side_height = claim.header.header.height;
                return Ok(Listing::of(claim, Wholeness::Proven { side_height }));
            }
            tally.invalid(branch.id(), NOT_WHOLE.to_owned());
            tally.found(Finding::Omission { proof: claim.proof.clone() });
            let told = |claim: &Claim| (claim.entry.links.size(), claim.links.len());
            if longest.as_ref().is_none_or(|longest| told(longest) < told(&claim)) {
                longest = Some(claim);
            }
        }
        let Some(claim) = longest else { return Err(none_of(failures)) };
        let reason = format!(
            "no branch gave the {} records that the side chain counts for this patient: some may be missing",
            claim.entry.links.size()
        );
        Ok(Listing::of(claim, Wholeness::NotProven { reason }))
    }

    /// The identity that a search opened, if it is the one that the side chain has.
    fn identity_of(&self, patient: PatientId, proven: &Digest) -> Option<Identity> {
        let identities = locked(&self.identities);
        identities
            .get(&patient)
            .filter(|(_, envelope)| envelope == proven)
            .map(|(identity, _)| identity.clone())
    }

    /// Newest first.
    pub(crate) fn rows(
        &self,
        links: &[(RecordId, BranchId)],
        pointers: &Pointers,
        mut outcomes: BTreeMap<RecordId, Outcome>,
    ) -> Vec<Row> {
        let mut rows: Vec<Row> = links
            .iter()
            .map(|(record, branch)| {
                let entry = pointers.entries.get(record);
                let mut row = Row {
                    record: *record,
                    branch: branch.0,
                    branch_name: self.name_of(branch.0),
                    kind: entry.map(|entry| entry.kind),
                    state: RowState::NotAgreed,
                    verdict: RecordVerdict { pointer: pointer_check(entry), ..RecordVerdict::default() },
                    opened: None,
                    pointer: entry.map(|entry| entry.pointer),
                    main_height: entry.map(|entry| entry.height),
                    version: entry.map(|entry| entry.version),
                    author: entry.map(|entry| entry.author),
                    opened_from: None,
                    notes: Vec::new(),
                };
                if let Some(outcome) = outcomes.remove(record) {
                    self.judge_row(&mut row, outcome);
                }
                if let Some(stored) = entry.filter(|entry| entry.branch != *branch) {
                    let (linked, made) = (self.name_of(branch.0), self.name_of(stored.branch.0));
                    let note = format!("linked at {linked}, and the main chain has it from {made}");
                    row.verdict.pointer = Check::Fails(note.clone());
                    row.notes.push(note);
                    row.state = RowState::Mismatch;
                }
                row
            })
            .collect();
        // The list is in the order of linking; a stable sort keeps it among rows of one date.
        rows.reverse();
        rows.sort_by_key(|row| row.opened.as_ref().map(|record| Reverse(record.occurred_sort_key())));
        rows
    }

    fn judge_row(&self, row: &mut Row, outcome: Outcome) {
        let names = |branches: &[u16]| listed(branches.iter().map(|id| self.name_of(*id)).collect());
        let all_of = |branches: &[u16]| self.on(Chain::Side).iter().all(|one| branches.contains(&one.id()));
        let Outcome { copy, key_from, withheld, keyless, opened } = outcome;
        let from = copy.good.as_ref().map(|(branch, _)| *branch);
        if !copy.altered.is_empty() {
            row.notes.push(format!("{} served other bytes than the agreed ones", names(&copy.altered)));
        }
        if !copy.absent.is_empty() {
            let verb = if copy.absent.len() == 1 { "does" } else { "do" };
            row.notes.push(format!("{} {verb} not have it", names(&copy.absent)));
        }
        if let Some(from) = from.filter(|from| *from != row.branch) {
            row.notes.push(format!("fetched from {}", self.name_of(from)));
        }
        for (branch, reason) in &withheld {
            row.notes.push(format!("{} withholds the key: {reason}", self.name_of(*branch)));
        }
        if !key_from.is_empty() && key_from != [row.branch] {
            row.notes.push(format!("key from {}", names(&key_from)));
        }
        row.verdict.ciphertext = match from {
            Some(_) => Check::Holds,
            None if !copy.altered.is_empty() => {
                Check::Fails(format!("{} served other bytes than the agreed ones", names(&copy.altered)))
            }
            None if all_of(&copy.absent) => {
                Check::CannotBe("every branch answers that it does not have it".to_owned())
            }
            None => Check::CannotBe("no branch that answers gave it".to_owned()),
        };
        row.verdict.opened = match (from, &opened, withheld.first()) {
            (None, ..) => Check::NotChecked,
            (Some(_), Some(Ok(_)), _) => Check::Holds,
            (Some(_), Some(Err(damage)), _) => Check::Fails(damage.to_string()),
            (Some(_), None, Some((branch, reason))) => {
                Check::CannotBe(format!("{} withholds the key: {reason}", self.name_of(*branch)))
            }
            (Some(_), None, None) => Check::CannotBe("no branch that answers released a key".to_owned()),
        };
        row.state = match (from, opened) {
            (None, _) if !copy.altered.is_empty() => RowState::Altered,
            (None, _) if all_of(&copy.absent) => RowState::Lost,
            (None, _) => RowState::Unreachable,
            (Some(_), None) if !withheld.is_empty() => RowState::Withheld,
            (Some(_), None) if !all_of(&keyless) => {
                row.notes.push("no branch that answers released a key".to_owned());
                RowState::Unreachable
            }
            (Some(_), None) => {
                row.notes.push("every branch answered, and none has a key that opens it".to_owned());
                RowState::Damaged
            }
            (Some(_), Some(Err(damage))) => {
                row.notes.push(damage.to_string());
                RowState::Damaged
            }
            (Some(from), Some(Ok(record))) => {
                row.opened = Some(record);
                row.opened_from = Some(from);
                if copy.altered.is_empty() { RowState::Verified } else { RowState::Altered }
            }
        };
    }
}

/// The entry was proven under a verified header, or proven not to be there.
fn pointer_check(entry: Option<&RecordEntry>) -> Check {
    match entry {
        Some(_) => Check::Holds,
        None => Check::CannotBe("the main chain does not have it yet".to_owned()),
    }
}

/// "North, South and West".
pub(crate) fn listed(mut names: Vec<String>) -> String {
    match (names.pop(), names.is_empty()) {
        (Some(last), false) => format!("{} and {last}", names.join(", ")),
        (only, _) => only.unwrap_or_default(),
    }
}

fn wanted_of(record: RecordId, pointers: &Pointers) -> Option<Wanted> {
    let entry = pointers.entries.get(&record)?;
    Some(Wanted {
        record,
        home: entry.branch.0,
        kind: entry.kind,
        pointer: entry.pointer,
        size: entry.size,
        version: entry.version,
    })
}
