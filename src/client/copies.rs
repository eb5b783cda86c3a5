//! Leaving sealed records with the trusted branches, and taking their custody receipts: for one record or for many,
//! each of which has enough receipts or a failure of its own.

use crate::{
    branch::{Branch, BranchError, Target},
    enrol::next,
    error::{ClientError, ProblemDetail},
    group::{Inner, heavy},
    keep::{GRACE, RecordDraft, safe},
};
use futures::stream::FuturesUnordered;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wardline_ledger::{BranchId, Canonical, Chain, Custody, Receipt, RecordId};
use wardline_wire::{
    BATCH_MAX, KeepOutcome, KeepRecord, KeepRecords, NamedRecord, RecordKept, RecordsKept, RouteId,
};

/// Most bytes of envelopes in one request, unless one alone is larger.
const REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Why a record has too few receipts.
#[derive(Default)]
pub(crate) struct Trouble {
    home: Option<ClientError>,
    others: Vec<String>,
}

impl Trouble {
    /// Whether the home branch says that something else is kept or agreed under the record's name.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(&self.home, Some(ClientError::Branch { error: BranchError::Refused(problem), .. })
            if problem.code == "conflict")
    }
}

/// One record on its way to one branch, by its place among the drafts.
struct Errand {
    place: usize,
    record: RecordId,
    envelope: Arc<Vec<u8>>,
    stanza: Vec<u8>,
    custody: Custody,
    version: u32,
}

type Receipts = Vec<(usize, Result<Receipt, ClientError>)>;

impl Inner {
    /// Leaves records with all trusted branches at once; the home branch and enough others must give a receipt for
    /// each. `heard` is told after every answer. What went wrong comes back in the drafts' order.
    pub(crate) async fn copy(
        &self,
        drafts: &mut [RecordDraft],
        home: &Arc<Branch>,
        heard: &mut (dyn FnMut(&[RecordDraft]) + Send),
    ) -> Result<Vec<Trouble>, ClientError> {
        self.may_write(home.id())?;
        let wanted = usize::from(self.rules().policy.copies_min);
        let mut troubles: Vec<Trouble> = drafts.iter().map(|_| Trouble::default()).collect();
        let mut running = FuturesUnordered::new();
        let large = drafts.iter().any(|draft| draft.sealed.envelope.len() > REQUEST_BYTES);
        // Large bodies go out one after the other: all at once they would need the memory of all.
        let room = Arc::new(Semaphore::new(if large { 1 } else { Semaphore::MAX_PERMITS }));
        for branch in self.on(Chain::Side) {
            if let Err(error) = self.may_write(branch.id()) {
                let why = format!("{}: {error}", branch.name());
                troubles.iter_mut().for_each(|trouble| trouble.others.push(why.clone()));
                continue;
            }
            for errands in self.errands(drafts, &branch, home) {
                // A task of its own, so that slow branches still get it after the others were enough.
                running.push(tokio::spawn(run(branch.clone(), home.id(), errands, room.clone())));
            }
        }
        heard(drafts);
        loop {
            let settled = |(draft, trouble): (&RecordDraft, &Trouble)| {
                trouble.home.is_some() || draft.is_copied(home.id(), wanted)
            };
            let enough = drafts.iter().zip(&troubles).all(settled);
            let Some(answer) = next(&mut running, enough.then_some(GRACE)).await else { break };
            let (branch, receipts): (Arc<Branch>, Receipts) = answer.map_err(|_| ClientError::Worker)?;
            for (place, receipt) in receipts {
                let (Some(draft), Some(trouble)) = (drafts.get_mut(place), troubles.get_mut(place)) else {
                    continue;
                };
                match receipt {
                    Ok(receipt) => drop(draft.receipts.insert(branch.id(), receipt)),
                    Err(error) if branch.id() == home.id() => trouble.home = Some(error),
                    Err(error) => trouble.others.push(error.to_string()),
                }
            }
            heard(drafts);
        }
        Ok(troubles)
    }

    /// The requests that one branch is to get.
    fn errands(&self, drafts: &[RecordDraft], branch: &Branch, home: &Branch) -> Vec<Vec<Errand>> {
        let mut requests: Vec<Vec<Errand>> = Vec::new();
        let mut bytes = 0;
        for (place, draft) in drafts.iter().enumerate() {
            let sealed = &draft.sealed;
            let Some(stanza) = sealed.stanzas.get(&branch.id()) else { continue };
            if draft.receipts.contains_key(&branch.id()) {
                continue;
            }
            let errand = Errand {
                place,
                record: draft.record,
                envelope: sealed.envelope.clone(),
                stanza: stanza.clone(),
                custody: Custody {
                    network: self.network,
                    record: draft.record,
                    version: sealed.version,
                    home: BranchId(home.id()),
                    pointer: sealed.pointer,
                    size: sealed.size,
                },
                version: sealed.version,
            };
            let size = sealed.envelope.len();
            match requests.last_mut() {
                Some(request) if request.len() < BATCH_MAX && bytes + size <= REQUEST_BYTES => {
                    request.push(errand);
                    bytes += size;
                }
                _ => {
                    requests.push(vec![errand]);
                    bytes = size;
                }
            }
        }
        requests
    }

    /// Whether a record is with its home branch and enough others; the error names the step that was not reached.
    pub(crate) fn copied(
        &self,
        draft: &RecordDraft,
        trouble: &Trouble,
        home: &Branch,
    ) -> Result<(), ClientError> {
        let wanted = usize::from(self.rules().policy.copies_min);
        if draft.is_copied(home.id(), wanted) {
            return Ok(());
        }
        if !draft.receipts.contains_key(&home.id()) {
            return Err(ClientError::Stopped {
                step: "not kept",
                why: trouble.home.as_ref().map(ToString::to_string).unwrap_or_default(),
                safe: "Nothing is on the chains; try again".to_owned(),
            });
        }
        let (held, others) = (draft.receipts.len(), trouble.others.join("; "));
        Err(ClientError::Stopped {
            step: "kept, not copied",
            why: format!("{held} of {wanted} branches hold it ({others})"),
            safe: safe(home, "not yet agreed"),
        })
    }
}

/// Brings records to one branch: its receipts, each verified to be for exactly that record.
async fn run(
    branch: Arc<Branch>,
    home: u16,
    errands: Vec<Errand>,
    room: Arc<Semaphore>,
) -> (Arc<Branch>, Receipts) {
    let places: Vec<usize> = errands.iter().map(|errand| errand.place).collect();
    let failed = |error: ClientError| -> Receipts {
        places.iter().map(|place| (*place, Err(error.clone()))).collect()
    };
    let Ok(_one) = room.acquire().await else { return (branch, failed(ClientError::Worker)) };
    let (custodies, kept) = match deliver(&branch, home, errands).await {
        Ok(delivered) => delivered,
        Err(error) => {
            let receipts = failed(error);
            return (branch, receipts);
        }
    };
    let checked = {
        let branch = branch.clone();
        heavy(move || {
            let check = |(custody, kept): (&Custody, Result<RecordKept, ClientError>)| {
                kept.and_then(|kept| receipt(&branch, custody, &kept))
            };
            custodies.iter().zip(kept).map(check).collect::<Vec<_>>()
        })
        .await
    };
    let receipts = match checked {
        Ok(checked) => places.into_iter().zip(checked).collect(),
        Err(error) => failed(error),
    };
    (branch, receipts)
}

type Delivered = (Vec<Custody>, Vec<Result<RecordKept, ClientError>>);

async fn deliver(branch: &Arc<Branch>, home: u16, errands: Vec<Errand>) -> Result<Delivered, ClientError> {
    let custodies: Vec<Custody> = errands.iter().map(|errand| errand.custody).collect();
    let ids: Vec<RecordId> = errands.iter().map(|errand| errand.record).collect();
    let body = move |errand: Errand| KeepRecord {
        home,
        version: errand.version,
        envelope: errand.envelope.as_slice().into(),
        stanza: errand.stanza.into(),
    };
    if let [id] = ids.as_slice() {
        let (target, errand) = (Target::with(RouteId::KeepRecord, id), errands.into_iter().next());
        // Made off the threads that serve the network: one record may have many megabytes.
        let bytes = heavy(move || Branch::body(&errand.map(body))).await?;
        let kept = branch.send(target, bytes).await.map_err(|error| branch.failed(error));
        return Ok((custodies, vec![kept]));
    }
    let records = move || {
        let named =
            errands.into_iter().map(|errand| NamedRecord { record: errand.record, keep: body(errand) });
        Branch::body(&KeepRecords { records: named.collect() })
    };
    let bytes = heavy(records).await?;
    let kept: RecordsKept =
        branch.send(Target::of(RouteId::KeepRecords), bytes).await.map_err(|error| branch.failed(error))?;
    if kept.outcomes.len() != ids.len() {
        return Err(branch.unverified("it left records out"));
    }
    let outcomes = kept.outcomes.into_iter().map(|outcome| match outcome {
        KeepOutcome::Kept(kept) => Ok(kept),
        KeepOutcome::Refused(problem) => {
            Err(branch.failed(BranchError::Refused(ProblemDetail::new(REFUSED, problem))))
        }
    });
    Ok((custodies, outcomes.collect()))
}

/// The status that is told for one record of a list: the list as a whole was answered.
const REFUSED: u16 = 409;

/// The branch's receipt, if it signed for exactly this envelope.
fn receipt(branch: &Branch, custody: &Custody, kept: &RecordKept) -> Result<Receipt, ClientError> {
    let receipt = Receipt::decode(&kept.receipt.0).map_err(|error| branch.unverified(error.to_string()))?;
    if receipt.branch.0 == branch.id() && receipt.verify(custody, &branch.participant.signing) {
        Ok(receipt)
    } else {
        Err(branch.unverified("its custody receipt is not for this record"))
    }
}
