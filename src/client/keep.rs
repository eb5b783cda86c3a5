//! Keeping a record: seal, copy, link, agree. Nothing is called kept before it is durable and verified here.

use crate::{
    branch::{Branch, Target},
    enrol::next,
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    seal::{Sealed, seal_record},
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::{Digest, OsEntropy};
use wardline_ledger::{
    Assent, Body, BranchId, Canonical, Chain, Custody, Link, PatientId, Receipt, RecordId, Storage,
    Transaction,
};
use wardline_record::Record;
use wardline_wire::{KeepRecord, RecordKept, RouteId};

/// How long branches that have not answered are waited for once enough have.
pub(crate) const GRACE: Duration = Duration::from_millis(300);
/// Records or enrolments under way at once when there are many.
pub(crate) const IN_FLIGHT: usize = 64;

/// How far a record has come; sent in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Sealed on this machine.
    Sealed,
    /// Durable at the home branch.
    Kept {
        /// The home branch.
        branch: u16,
    },
    /// Durable at more branches.
    Copied {
        /// Branches whose custody receipt was verified, with the home branch.
        receipts: u8,
        /// Branches that must hold it.
        wanted: u8,
    },
    /// The link to the patient is final on the side chain, verified here.
    Linked {
        /// Its block.
        height: u64,
    },
    /// The record is final on the main chain, verified here.
    Agreed {
        /// Its block.
        height: u64,
    },
}

/// A record that is kept, linked and agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its temporary ID.
    pub record: RecordId,
    /// Branches whose receipts are in the storage transaction, ascending.
    pub receipts: Vec<u16>,
    /// Block of its link.
    pub side_height: u64,
    /// Block of its storage transaction.
    pub main_height: u64,
}

/// What is under way, by the digest of what was asked: a second attempt in the same session finds the first one's
/// draft, goes on where it stopped and makes no second record.
pub(crate) struct Drafts<T>(Mutex<BTreeMap<Digest, Slot<T>>>);

/// One draft; whoever holds the lock works on it.
pub(crate) type Slot<T> = Arc<tokio::sync::Mutex<Option<T>>>;

impl<T> Default for Drafts<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Drafts<T> {
    pub(crate) fn slot(&self, name: Digest) -> Slot<T> {
        locked(&self.0).entry(name).or_default().clone()
    }

    pub(crate) fn forget(&self, name: &Digest) {
        locked(&self.0).remove(name);
    }
}

/// A record under way.
pub(crate) struct RecordDraft {
    record: RecordId,
    sealed: Sealed,
    receipts: BTreeMap<u16, Receipt>,
    link: Transaction,
    linked: Option<u64>,
    storage: Option<Transaction>,
    added: Option<Added>,
}

impl Group {
    /// Keeps a record of a patient and tells how far it has come. It returns when the record is durable at the home
    /// branch and as many others as the policy wants, linked to the patient and agreed, all verified here. The same
    /// record tried again after an error goes on where it stopped and makes no second one, as long as this session
    /// lasts: the draft is in memory alone.
    ///
    /// # Errors
    /// When the form has errors, or a step fails: the error names the step and what is safe.
    pub async fn add_record(
        &self,
        patient: PatientId,
        record: Record,
        progress: UnboundedSender<Progress>,
    ) -> Result<Added, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let errors = record.check();
        if !errors.is_empty() {
            return Err(ClientError::Fields(errors));
        }
        let name = Digest::of_parts(&[patient.bytes(), &record.to_bytes()]);
        let draft = inner.drafts.slot(name);
        let mut slot = draft.lock().await;
        let added = inner.add_record(patient, record, &mut slot, &progress).await;
        if added.is_ok() {
            inner.drafts.forget(&name);
        }
        added
    }

    /// Keeps many records, several at once, so that many become final in one block; results in the order given.
    pub async fn add_records(&self, records: Vec<(PatientId, Record)>) -> Vec<Result<Added, ClientError>> {
        let numbered = records.into_iter().enumerate();
        let mut results: Vec<_> = futures::stream::iter(numbered)
            .map(|(index, (patient, record))| async move {
                let (progress, _) = tokio::sync::mpsc::unbounded_channel();
                (index, self.add_record(patient, record, progress).await)
            })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await;
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

impl Inner {
    async fn add_record(
        &self,
        patient: PatientId,
        record: Record,
        slot: &mut Option<RecordDraft>,
        progress: &UnboundedSender<Progress>,
    ) -> Result<Added, ClientError> {
        let tell = |step| {
            // Nobody has to listen.
            let _ = progress.send(step);
        };
        let home = self.home()?.clone();
        let draft = match slot {
            Some(draft) => draft,
            None => slot.insert(self.draft(patient, record, &home).await?),
        };
        if let Some(added) = &draft.added {
            return Ok(added.clone());
        }
        tell(Progress::Sealed);
        self.copy(draft, &home, &tell).await?;

        let linked = match draft.linked {
            Some(height) => height,
            None => {
                let settled = self.settle(Chain::Side, &draft.link).await;
                settled
                    .map_err(|error| {
                        stopped("kept, not linked", &error, &home, "not yet linked to the patient")
                    })?
                    .height
            }
        };
        draft.linked = Some(linked);
        tell(Progress::Linked { height: linked });

        let storage = draft
            .storage
            .get_or_insert_with(|| self.storage(&draft.sealed, draft.record, &home, &draft.receipts));
        let settled = self.settle(Chain::Main, storage).await;
        let agreed =
            settled.map_err(|error| stopped("linked, not agreed", &error, &home, "not yet agreed"))?.height;
        tell(Progress::Agreed { height: agreed });

        let receipts = match &storage.body {
            Body::Storage(storage) => storage.receipts.iter().map(|receipt| receipt.branch.0).collect(),
            _ => Vec::new(),
        };
        let added = Added { record: draft.record, receipts, side_height: linked, main_height: agreed };
        draft.added = Some(added.clone());
        Ok(added)
    }

    /// Draws the temporary ID, seals, and signs the link, all of which stay the same over every attempt.
    async fn draft(
        &self,
        patient: PatientId,
        record: Record,
        home: &Arc<Branch>,
    ) -> Result<RecordDraft, ClientError> {
        let id = RecordId::draw(&mut OsEntropy);
        let holders: Vec<_> =
            self.on(Chain::Side).iter().map(|branch| (branch.id(), branch.participant.wrap)).collect();
        let (network, suite, home_id) = (self.network, self.rules().suite(), home.id());
        let sealed =
            heavy(move || seal_record(network, suite, id, &record, home_id, &holders, &mut OsEntropy))
                .await??;
        let body = Body::Link(Link { record: id, patient, branch: BranchId(home.id()) });
        let link = self.session.transaction(self.network, body);
        Ok(RecordDraft {
            record: id,
            sealed,
            receipts: BTreeMap::new(),
            link,
            linked: None,
            storage: None,
            added: None,
        })
    }

    /// Leaves the record with all trusted branches at once; the home branch and enough others must give a receipt.
    async fn copy(
        &self,
        draft: &mut RecordDraft,
        home: &Arc<Branch>,
        tell: &impl Fn(Progress),
    ) -> Result<(), ClientError> {
        let wanted = self.rules().policy.copies_min;
        let copied = |receipts: &BTreeMap<u16, Receipt>| Progress::Copied {
            receipts: u8::try_from(receipts.len()).unwrap_or(u8::MAX),
            wanted,
        };
        let mut home_failed = String::new();
        let mut failures = Vec::new();
        let mut running = FuturesUnordered::new();
        for branch in self.on(Chain::Side) {
            let id = branch.id();
            if let Some(stanza) = draft.sealed.stanzas.get(&id).filter(|_| !draft.receipts.contains_key(&id))
            {
                let body = KeepRecord {
                    home: home.id(),
                    version: draft.sealed.version,
                    envelope: draft.sealed.envelope.as_slice().into(),
                    stanza: stanza.as_slice().into(),
                };
                // A task of its own, so that slow branches still get it after the others were enough.
                running.push(tokio::spawn(keep_at(branch, draft.record, body)));
            }
        }
        let (mut told_kept, mut told) = (false, 0);
        loop {
            if draft.receipts.contains_key(&home.id()) {
                if !told_kept {
                    told_kept = true;
                    tell(Progress::Kept { branch: home.id() });
                }
                if draft.receipts.len() > told.max(1) {
                    told = draft.receipts.len();
                    tell(copied(&draft.receipts));
                }
            }
            let enough = told_kept && draft.receipts.len() >= usize::from(wanted);
            let Some(result) = next(&mut running, enough.then_some(GRACE)).await else { break };
            let (branch, result) = result.map_err(|_| ClientError::Worker)?;
            match result.and_then(|kept| self.receipt(&branch, draft, &kept)) {
                Ok(receipt) => drop(draft.receipts.insert(branch.id(), receipt)),
                Err(error) if branch.id() == home.id() => home_failed = error.to_string(),
                Err(error) => failures.push(error.to_string()),
            }
        }
        if !told_kept {
            return Err(ClientError::Stopped {
                step: "not kept",
                why: home_failed,
                safe: "Nothing is on the chains; try again".to_owned(),
            });
        }
        if draft.receipts.len() < usize::from(wanted) {
            let why =
                format!("{} of {wanted} branches hold it ({})", draft.receipts.len(), failures.join("; "));
            return Err(ClientError::Stopped {
                step: "kept, not copied",
                why,
                safe: safe(home, "not yet agreed"),
            });
        }
        Ok(())
    }

    /// The branch's receipt, if it signed for exactly this envelope.
    fn receipt(
        &self,
        branch: &Branch,
        draft: &RecordDraft,
        kept: &RecordKept,
    ) -> Result<Receipt, ClientError> {
        let receipt =
            Receipt::decode(&kept.receipt.0).map_err(|error| branch.unverified(error.to_string()))?;
        let custody = Custody {
            network: self.network,
            record: draft.record,
            version: draft.sealed.version,
            home: self.session.branch(),
            pointer: draft.sealed.pointer,
            size: draft.sealed.size,
        };
        if receipt.branch.0 == branch.id() && receipt.verify(&custody, &branch.participant.signing) {
            Ok(receipt)
        } else {
            Err(branch.unverified("its custody receipt is not for this record"))
        }
    }

    fn storage(
        &self,
        sealed: &Sealed,
        record: RecordId,
        home: &Branch,
        receipts: &BTreeMap<u16, Receipt>,
    ) -> Transaction {
        let body = Body::Storage(Storage {
            record,
            branch: BranchId(home.id()),
            kind: sealed.kind,
            pointer: sealed.pointer,
            size: sealed.size,
            version: sealed.version,
            assent: Assent::NetworkDefault(self.rules().policy.version),
            receipts: receipts.values().copied().collect(),
        });
        self.session.transaction(self.network, body)
    }
}

async fn keep_at(
    branch: Arc<Branch>,
    record: RecordId,
    body: KeepRecord,
) -> (Arc<Branch>, Result<RecordKept, ClientError>) {
    let kept = branch.ask(Target::with(RouteId::KeepRecord, record), &body).await;
    let kept = kept.map_err(|error| branch.failed(error));
    (branch, kept)
}

fn stopped(step: &'static str, error: &ClientError, home: &Branch, lacks: &str) -> ClientError {
    ClientError::Stopped { step, why: error.to_string(), safe: safe(home, lacks) }
}

fn safe(home: &Branch, lacks: &str) -> String {
    format!(
        "The record is kept at {}, sealed, but {lacks}; trying again before this session is locked or closed makes no \
         second one, later look at the history first",
        home.name()
    )
}
