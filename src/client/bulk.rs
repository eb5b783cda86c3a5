//! Many records at once: sealed in turn, and left, linked and agreed a batch at a time, each with its own outcome.
//!
//! Safe to repeat with the same identifiers: what an earlier attempt has done is proven and taken as done, the rest
//! goes on. What is proven of a patient is read under a lookup, as everything about a patient is.

use crate::{
    branch::Branch,
    copies::Trouble,
    error::ClientError,
    finalities::{LINK_EXISTS, STORAGE_VERSION, Settled},
    group::{Group, Inner, heavy, locked},
    history::{RowState, Wholeness},
    keep::{Added, RecordDraft, Sealer, stopped},
    seal::FIRST_VERSION,
};
use futures::{Stream, StreamExt, stream};
use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
    sync::{Arc, Mutex},
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc::UnboundedSender},
    task::JoinSet,
};
use wardline_crypto::Digest;
use wardline_ledger::{Chain, PatientId, RecordId, StaffId, Transaction};
use wardline_policy::Purpose;
use wardline_record::Record;

/// Records of one batch, which go through every step together.
const BATCH: usize = 96;
/// Sealed bytes after which a batch is full.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Batches under way at once: while one waits for a chain, others are sealed and copied.
const BATCHES: usize = 4;
/// Sealed bytes under way at once, in KiB: a record of the largest size and several ordinary batches.
const ROOM_KIB: usize = 48 * 1024;
/// The reason of the lookups under which an earlier attempt's records are proven.
const REASON: &str = "records handed in again: what is kept already";

/// One record to be kept in bulk.
#[derive(Clone, Debug)]
pub struct NewRecord {
    /// Whose it is.
    pub patient: PatientId,
    /// Its temporary ID, chosen by the caller, so that a run that broke off goes on with the same ones.
    pub id: RecordId,
    /// 1, or the agreed version + 1 to replace its content.
    pub version: u32,
    /// The record.
    pub record: Record,
}

type Outcome = (usize, Result<Added, ClientError>);

/// A record of a batch.
struct Item {
    place: usize,
    patient: PatientId,
    draft: RecordDraft,
}

/// Sealed records that go through every step together.
struct Batch {
    items: Vec<Item>,
    failed: Vec<Outcome>,
    room: OwnedSemaphorePermit,
}

/// A record as an earlier attempt left it.
struct Found {
    branch: u16,
    /// Version, author, height and content of what the main chain has.
    agreed: Option<(u32, StaffId, u64, Option<Digest>)>,
}

/// What is proven of the patients whose records were there before, each asked for once.
#[derive(Default)]
struct Before(Mutex<BTreeMap<PatientId, Known>>);

/// One patient's records, once they are proven.
type Known = Arc<OnceCell<BTreeMap<RecordId, Found>>>;

impl Group {
    /// Keeps many records, in batches that go through every step together: sealed, durable at the home branch and as
    /// many others as the policy wants, linked and agreed, all verified here; results in the order given. `progress`
    /// is sent how many records were agreed since the last message.
    ///
    /// Safe to repeat with the same identifiers. A link that is there already is proven, and taken as done; a record
    /// that is agreed in this version with the same content is done, with another one it is
    /// [`ClientError::Conflict`]. A version above 1 replaces the content of the version before it, which must be
    /// agreed and of this session's owner.
    ///
    /// Memory is bounded by a few batches of 4 MiB, or one record of the largest size and its copies.
    pub async fn keep_all(
        &self,
        records: Vec<NewRecord>,
        progress: UnboundedSender<usize>,
    ) -> Vec<Result<Added, ClientError>> {
        let count = records.len();
        let mut results: Vec<_> = (0..count).map(|_| Err(ClientError::Worker)).collect();
        let home = match self.inner.in_session().and_then(|()| self.inner.home().cloned()) {
            Ok(home) => home,
            Err(error) => return results.iter().map(|_| Err(error.clone())).collect(),
        };
        let queue: VecDeque<(usize, NewRecord)> = records.into_iter().enumerate().collect();
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        let batches = stream::unfold(queue, |queue| self.inner.next_batch(queue, room.clone()));
        let before = Arc::new(Before::default());
        let keep = |batch| {
            let (group, home, before) = (self.clone(), home.clone(), before.clone());
            async move { group.keep_batch(batch, &home, &before).await }
        };
        some_at_once(batches, keep, |batch: Vec<Outcome>| {
            let agreed = batch.iter().filter(|(_, outcome)| outcome.is_ok()).count();
            // Nobody has to listen.
            let _ = progress.send(agreed);
            for (place, outcome) in batch {
                if let Some(result) = results.get_mut(place) {
                    *result = outcome;
                }
            }
        })
        .await;
        results
    }

    async fn keep_batch(&self, batch: Batch, home: &Arc<Branch>, before: &Before) -> Vec<Outcome> {
        let Batch { items, failed: mut outcomes, room } = batch;
        let places: Vec<usize> = items.iter().map(|item| item.place).collect();
        let copied = match self.copy_batch(items, home, before, &mut outcomes).await {
            Ok(copied) => copied,
            Err(error) => {
                outcomes.extend(places.into_iter().map(|place| (place, Err(error.clone()))));
                return outcomes;
            }
        };
        // The envelopes are with the branches; from here on only their names are needed.
        drop(room);
        let linked = self.link_batch(copied, home, before, &mut outcomes).await;
        self.store_batch(linked, home, before, &mut outcomes).await;
        outcomes
    }

    /// Leaves the batch with the branches; what a branch says is there already is looked up.
    async fn copy_batch(
        &self,
        items: Vec<Item>,
        home: &Arc<Branch>,
        before: &Before,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<Vec<Item>, ClientError> {
        let inner = &self.inner;
        let (names, mut drafts): (Vec<_>, Vec<_>) =
            items.into_iter().map(|item| ((item.place, item.patient), item.draft)).unzip();
        let troubles = inner.copy(&mut drafts, home, &mut |_| {}).await?;
        let mut copied = Vec::with_capacity(drafts.len());
        for (((place, patient), mut draft), trouble) in names.into_iter().zip(drafts).zip(troubles) {
            draft.sealed.envelope = Arc::default();
            let item = Item { place, patient, draft };
            match inner.copied(&item.draft, &trouble, home) {
                Ok(()) => copied.push(item),
                Err(_) if Trouble::is_conflict(&trouble) => {
                    outcomes.push((place, self.agreed_before(&item, before).await));
                }
                Err(error) => outcomes.push((place, Err(error))),
            }
        }
        Ok(copied)
    }

    /// Links what is new, each with the block of its link; later versions are linked already.
    async fn link_batch(
        &self,
        items: Vec<Item>,
        home: &Arc<Branch>,
        before: &Before,
        outcomes: &mut Vec<Outcome>,
    ) -> Vec<(Item, Option<u64>)> {
        let is_new = |item: &Item| item.draft.sealed.version == FIRST_VERSION;
        let (new, old): (Vec<Item>, Vec<Item>) = items.into_iter().partition(is_new);
        let links: Vec<Transaction> =
            new.iter().map(|item| self.inner.link(item.draft.record, item.patient)).collect();
        let settled = self.inner.settle_all(Chain::Side, &links).await;
        let mut linked: Vec<_> = old.into_iter().map(|item| (item, None)).collect();
        for (item, settled) in new.into_iter().zip(settled) {
            let known = match settled {
                Settled::Final(settled) => Ok(Some(settled.height)),
                Settled::Refused { code, .. } if code == LINK_EXISTS => {
                    self.linked_before(&item, before).await.map(|()| None)
                }
                Settled::Refused { message, .. } => Err(ClientError::Refused(message)),
                Settled::Failed(error) => Err(error),
            };
            match known {
                Ok(height) => linked.push((item, height)),
                Err(error @ ClientError::Conflict(_)) => outcomes.push((item.place, Err(error))),
                Err(error) => {
                    let error = stopped("kept, not linked", &error, home, "not yet linked to the patient");
                    outcomes.push((item.place, Err(error)));
                }
            }
        }
        linked
    }

    async fn store_batch(
        &self,
        items: Vec<(Item, Option<u64>)>,
        home: &Arc<Branch>,
        before: &Before,
        outcomes: &mut Vec<Outcome>,
    ) {
        let storages: Vec<Transaction> =
            items.iter().map(|(item, _)| self.inner.storage(&item.draft)).collect();
        let settled = self.inner.settle_all(Chain::Main, &storages).await;
        for ((item, side_height), settled) in items.into_iter().zip(settled) {
            let added = match settled {
                Settled::Final(settled) => Ok(item.draft.added(side_height, settled.height)),
                Settled::Refused { code, .. } if code == STORAGE_VERSION => {
                    self.agreed_before(&item, before).await
                }
                Settled::Refused { message, .. } => {
                    let error = ClientError::Refused(message);
                    Err(stopped("linked, not agreed", &error, home, "not yet agreed"))
                }
                Settled::Failed(error) => Err(stopped("linked, not agreed", &error, home, "not yet agreed")),
            };
            outcomes.push((item.place, added));
        }
    }

    /// A record that is agreed already counts as added when it is this one.
    async fn agreed_before(&self, item: &Item, before: &Before) -> Result<Added, ClientError> {
        let sealed = &item.draft.sealed;
        let known = self.before(item.patient, before).await?;
        let found = known.get().and_then(|known| known.get(&item.draft.record));
        let agreed = found.filter(|found| found.branch == self.inner.session.branch().0);
        let same_place = agreed.and_then(|found| found.agreed).filter(|(version, author, ..)| {
            (*version, *author) == (sealed.version, self.inner.session.staff().staff)
        });
        match same_place {
            Some((_, _, height, Some(content))) if content == sealed.content => Ok(Added {
                record: item.draft.record,
                receipts: Vec::new(),
                side_height: None,
                main_height: height,
            }),
            Some((.., None)) => Err(ClientError::NoneUsable(
                "what is agreed under this identifier cannot be opened now, so nobody knows whether it is the same"
                    .to_owned(),
            )),
            _ => Err(ClientError::Conflict(item.draft.record)),
        }
    }

    /// A link that is there already counts as made when it is to this patient and of this branch.
    async fn linked_before(&self, item: &Item, before: &Before) -> Result<(), ClientError> {
        let known = self.before(item.patient, before).await?;
        let found = known.get().and_then(|known| known.get(&item.draft.record));
        match found {
            Some(found) if found.branch == self.inner.session.branch().0 => Ok(()),
            _ => Err(ClientError::Conflict(item.draft.record)),
        }
    }

    /// What the chains have of a patient, proven whole, under a lookup of its own.
    async fn before(&self, patient: PatientId, before: &Before) -> Result<Known, ClientError> {
        let cell = locked(&before.0).entry(patient).or_default().clone();
        cell.get_or_try_init(|| async {
            let lookup = self.look_up(patient, Purpose::Treatment, REASON).await?;
            let history = self.history(patient, &lookup).await?;
            if let Wholeness::NotProven { reason } = history.whole {
                return Err(ClientError::NoneUsable(reason));
            }
            let rows = history.rows.into_iter().map(|row| {
                let content = row.opened.map(|record| Digest::of(&record.to_bytes()));
                let agreed = match (row.version, row.author, row.main_height) {
                    (Some(version), Some(author), Some(height)) if row.state != RowState::Mismatch => {
                        Some((version, author, height, content))
                    }
                    _ => None,
                };
                (row.record, Found { branch: row.branch, agreed })
            });
            Ok(rows.collect())
        })
        .await?;
        Ok(cell)
    }
}

/// Works on some batches at once, each in a task of its own, which goes on while the next batch is made. What began is
/// waited for, however the batches end: it may be agreed already. A task that fails has no outcome.
pub(crate) async fn some_at_once<B, T, W>(
    batches: impl Stream<Item = B>,
    work: impl Fn(B) -> W,
    mut done: impl FnMut(T),
) where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let mut batches = pin!(batches.fuse());
    let mut running = JoinSet::new();
    loop {
        if running.len() < BATCHES
            && let Some(batch) = batches.next().await
        {
            running.spawn(work(batch));
            continue;
        }
        match running.join_next().await {
            Some(Ok(outcome)) => done(outcome),
            Some(Err(_)) => {}
            None => return,
        }
    }
}

impl Inner {
    /// The next batch, sealed, once there is room for it; nothing when the queue is empty or sealing failed.
    async fn next_batch(
        &self,
        queue: VecDeque<(usize, NewRecord)>,
        room: Arc<Semaphore>,
    ) -> Option<(Batch, VecDeque<(usize, NewRecord)>)> {
        if queue.is_empty() {
            return None;
        }
        let sealer = self.sealer();
        let (items, failed, queue) = heavy(move || seal_some(&sealer, queue)).await.ok()?;
        let bytes: usize = items.iter().map(|item| item.draft.sealed.envelope.len()).sum();
        let permits = u32::try_from(bytes.div_ceil(1024).min(ROOM_KIB)).unwrap_or(u32::MAX);
        let room = room.acquire_many_owned(permits).await.ok()?;
        Some((Batch { items, failed, room }, queue))
    }
}

/// Seals records until a batch is full. What cannot be sealed fails by itself.
fn seal_some(
    sealer: &Sealer,
    mut queue: VecDeque<(usize, NewRecord)>,
) -> (Vec<Item>, Vec<Outcome>, VecDeque<(usize, NewRecord)>) {
    let (mut items, mut failed, mut bytes) = (Vec::new(), Vec::new(), 0);
    while items.len() < BATCH && bytes < BATCH_BYTES {
        let Some((place, NewRecord { patient, id, version, record })) = queue.pop_front() else { break };
        let errors = record.check();
        if !errors.is_empty() {
            failed.push((place, Err(ClientError::Fields(errors))));
            continue;
        }
        match sealer.seal((id, version), &record) {
            Ok(sealed) => {
                bytes += sealed.envelope.len();
                items.push(Item { place, patient, draft: RecordDraft::new(id, sealed) });
            }
            Err(error) => failed.push((place, Err(error))),
        }
    }
    (items, failed, queue)
}
