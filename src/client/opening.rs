//! Opening what a history found: envelopes and keys from the branches, ciphers on all of this machine's cores.

use crate::{
    envelopes::{Copy, Wanted},
    error::ClientError,
    group::{Inner, heavy},
    keys::Asker,
};
use std::collections::BTreeMap;
use wardline_crypto::{Content, DataKey, open};
use wardline_ledger::RecordId;
use wardline_record::Record;

/// What became of one agreed record.
pub(crate) struct Outcome {
    /// What the branches gave of its envelope; the bytes are taken out.
    pub(crate) copy: Copy,
    /// Branches that the key came from.
    pub(crate) key_from: Vec<u16>,
    /// Branches that refused the key, and why.
    pub(crate) withheld: Vec<(u16, String)>,
    /// Nothing while envelope or key are missing.
    pub(crate) opened: Option<Result<Record, Damage>>,
}

/// Why an agreed envelope is not the record that the chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the sealed record does not open with the released key")]
    Sealed,
    #[error("the sealed record is another one than the chain says")]
    Other,
    #[error("the record inside is not one that this version can read")]
    Unreadable,
}

/// One record to open.
struct Job {
    wanted: Wanted,
    envelope: Vec<u8>,
    keys: Vec<DataKey>,
}

impl Inner {
    /// Fetches, keys and opens everything that is agreed.
    pub(crate) async fn open_all(
        &self,
        asker: Asker<'_>,
        wanted: &[Wanted],
    ) -> Result<BTreeMap<RecordId, Outcome>, ClientError> {
        let (mut copies, mut holdings) =
            tokio::join!(self.envelopes(wanted, asker.tally), self.keys(asker, wanted));
        let mut outcomes = BTreeMap::new();
        let mut jobs = Vec::new();
        let mut on_shares = Vec::new();
        for one in wanted {
            let mut copy = copies.remove(&one.record).unwrap_or_default();
            let holding = holdings.remove(&one.record).unwrap_or_default();
            let withheld = holding.withheld.clone();
            let key_from = holding.from();
            if holding.rests_on_shares() {
                on_shares.push(one.record);
            }
            let keys = holding.keys();
            let envelope = copy.good.as_mut().map(|(_, envelope)| std::mem::take(envelope));
            if let Some(envelope) = envelope.filter(|_| !keys.is_empty()) {
                jobs.push(Job { wanted: *one, envelope, keys });
            }
            outcomes.insert(one.record, Outcome { copy, key_from, withheld, opened: None });
        }
        let unopened = open_jobs(jobs, &mut outcomes).await?;

        // A wrong share from one branch must not hide a record that the others' shares open.
        let (again, _): (Vec<Job>, Vec<Job>) =
            unopened.into_iter().partition(|job| on_shares.contains(&job.wanted.record));
        if !again.is_empty() {
            let records: Vec<Wanted> = again.iter().map(|job| job.wanted).collect();
            let mut ring = self.all_shares(asker, &records).await;
            let more = |job: Job| {
                let keys = ring.remove(&job.wanted.record).unwrap_or_default().keys();
                Job { keys, ..job }
            };
            open_jobs(again.into_iter().map(more).collect(), &mut outcomes).await?;
        }
        Ok(outcomes)
    }
}

/// Opens on as many threads as the machine has; gives back the jobs that no key opened.
async fn open_jobs(
    jobs: Vec<Job>,
    outcomes: &mut BTreeMap<RecordId, Outcome>,
) -> Result<Vec<Job>, ClientError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut shares: Vec<Vec<Job>> = (0..threads).map(|_| Vec::new()).collect();
    for (index, job) in jobs.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(index % threads) {
            share.push(job);
        }
    }
    let open_share = |share: Vec<Job>| {
        heavy(move || share.into_iter().map(|job| (open_job(&job), job)).collect::<Vec<_>>())
    };
    let mut unopened = Vec::new();
    for share in
        futures::future::try_join_all(shares.into_iter().filter(|share| !share.is_empty()).map(open_share))
            .await?
    {
        for (opened, job) in share {
            if let Some(outcome) = outcomes.get_mut(&job.wanted.record) {
                let sealed_shut = opened.as_ref().is_err_and(|damage| *damage == Damage::Sealed);
                outcome.opened = Some(opened);
                if sealed_shut {
                    unopened.push(job);
                }
            }
        }
    }
    Ok(unopened)
}

fn open_job(job: &Job) -> Result<Record, Damage> {
    let (header, plain) =
        job.keys.iter().find_map(|key| open(key, &job.envelope).ok()).ok_or(Damage::Sealed)?;
    let as_agreed = header.content == Content::Record
        && header.object == *job.wanted.record.bytes()
        && header.version == job.wanted.version;
    if !as_agreed {
        return Err(Damage::Other);
    }
    let record = Record::from_bytes(plain.expose()).map_err(|_| Damage::Unreadable)?;
    if record.kind() == job.wanted.kind { Ok(record) } else { Err(Damage::Other) }
}
