//! Keeping a record: seal, copy, link, agree. Nothing is called kept before it is durable and verified here.

use crate::{
    branch::Branch,
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    seal::{FIRST_VERSION, Sealed, seal_record},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::{AgreementPublic, Digest, OsEntropy, Suite};
use wardline_ledger::{
    Assent, Body, Chain, Link, NetworkId, PatientId, Receipt, RecordId, Storage, Transaction,
};
use wardline_record::Record;

/// How long branches that have not answered are waited for once enough have.
pub(crate) const GRACE: Duration = Duration::from_millis(300);
/// Enrolments under way at once when there are many.
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
    /// Block of its link; nothing when it was linked before.
    pub side_height: Option<u64>,
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
    pub(crate) record: RecordId,
    pub(crate) sealed: Sealed,
    pub(crate) receipts: BTreeMap<u16, Receipt>,
    link: Option<Transaction>,
    linked: Option<u64>,
    storage: Option<Transaction>,
    added: Option<Added>,
}

impl RecordDraft {
    pub(crate) fn new(record: RecordId, sealed: Sealed) -> Self {
        Self {
            record,
            sealed,
            receipts: BTreeMap::new(),
            link: None,
            linked: None,
            storage: None,
            added: None,
        }
    }

    /// Whether its home branch and as many branches as wanted hold it.
    pub(crate) fn is_copied(&self, home: u16, wanted: usize) -> bool {
        self.receipts.contains_key(&home) && self.receipts.len() >= wanted
    }

    /// What came of it, once it is agreed.
    pub(crate) fn added(&self, side_height: Option<u64>, main_height: u64) -> Added {
        Added {
            record: self.record,
            receipts: self.receipts.keys().copied().collect(),
            side_height,
            main_height,
        }
    }
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
            None => slot.insert(self.draft(record).await?),
        };
        if let Some(added) = &draft.added {
            return Ok(added.clone());
        }
        tell(Progress::Sealed);
        let wanted = self.rules().policy.copies_min;
        let (mut told_kept, mut told) = (false, 0);
        let mut heard = |drafts: &[RecordDraft]| {
            let Some(draft) = drafts.first().filter(|draft| draft.receipts.contains_key(&home.id())) else {
                return;
            };
            if !told_kept {
                told_kept = true;
                tell(Progress::Kept { branch: home.id() });
            }
            if draft.receipts.len() > told.max(1) {
                told = draft.receipts.len();
                tell(Progress::Copied { receipts: u8::try_from(told).unwrap_or(u8::MAX), wanted });
            }
        };
        let troubles = self.copy(std::slice::from_mut(draft), &home, &mut heard).await?;
        let trouble = troubles.into_iter().next().unwrap_or_default();
        self.copied(draft, &trouble, &home)?;

        let linked = match draft.linked {
            Some(height) => height,
            None => {
                let link = draft.link.get_or_insert_with(|| self.link(draft.record, patient));
                let settled = self.settle(Chain::Side, link).await;
                settled
                    .map_err(|error| {
                        stopped("kept, not linked", &error, &home, "not yet linked to the patient")
                    })?
                    .height
            }
        };
        draft.linked = Some(linked);
        tell(Progress::Linked { height: linked });

        if draft.storage.is_none() {
            draft.storage = Some(self.storage(draft));
        }
        let Some(storage) = &draft.storage else { return Err(ClientError::Worker) };
        let settled = self.settle(Chain::Main, storage).await;
        let agreed =
            settled.map_err(|error| stopped("linked, not agreed", &error, &home, "not yet agreed"))?;
        tell(Progress::Agreed { height: agreed.height });

        let receipts = match &storage.body {
            Body::Storage(storage) => storage.receipts.iter().map(|receipt| receipt.branch.0).collect(),
            _ => Vec::new(),
        };
        let added = Added { receipts, ..draft.added(Some(linked), agreed.height) };
        draft.added = Some(added.clone());
        Ok(added)
    }

    /// Draws the temporary ID and seals; both stay the same over every attempt.
    async fn draft(&self, record: Record) -> Result<RecordDraft, ClientError> {
        let id = RecordId::draw(&mut OsEntropy);
        let sealer = self.sealer();
        let sealed = heavy(move || sealer.seal((id, FIRST_VERSION), &record)).await??;
        Ok(RecordDraft::new(id, sealed))
    }

    /// What sealing needs to know, to be taken to another thread.
    pub(crate) fn sealer(&self) -> Sealer {
        let holders =
            self.on(Chain::Side).iter().map(|branch| (branch.id(), branch.participant.wrap)).collect();
        Sealer { network: self.network, suite: self.rules().suite(), home: self.session.branch().0, holders }
    }

    pub(crate) fn link(&self, record: RecordId, patient: PatientId) -> Transaction {
        let body = Body::Link(Link { record, patient, branch: self.session.branch() });
        self.session.transaction(self.network, body)
    }

    pub(crate) fn storage(&self, draft: &RecordDraft) -> Transaction {
        let sealed = &draft.sealed;
        let body = Body::Storage(Storage {
            record: draft.record,
            branch: self.session.branch(),
            kind: sealed.kind,
            pointer: sealed.pointer,
            size: sealed.size,
            version: sealed.version,
            assent: Assent::NetworkDefault(self.rules().policy.version),
            receipts: draft.receipts.values().copied().collect(),
        });
        self.session.transaction(self.network, body)
    }
}

/// Network, suite and holders that records are sealed for.
pub(crate) struct Sealer {
    network: NetworkId,
    suite: Suite,
    home: u16,
    holders: Vec<(u16, AgreementPublic)>,
}

impl Sealer {
    pub(crate) fn seal(&self, name: (RecordId, u32), record: &Record) -> Result<Sealed, ClientError> {
        seal_record(self.network, self.suite, name, record, self.home, &self.holders, &mut OsEntropy)
    }
}

pub(crate) fn stopped(step: &'static str, error: &ClientError, home: &Branch, lacks: &str) -> ClientError {
    ClientError::Stopped { step, why: error.to_string(), safe: safe(home, lacks) }
}

pub(crate) fn safe(home: &Branch, lacks: &str) -> String {
    format!(
        "The record is kept at {}, sealed, but {lacks}; trying again before this session is locked or closed makes no \
         second one, later look at the history first",
        home.name()
    )
}
