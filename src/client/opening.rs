//! Opening what a history found: envelopes and keys from the branches, ciphers on all of this machine's cores.

use crate::{
    envelopes::{Copy, Wanted},
    error::ClientError,
    group::{Inner, heavy},
    keys::Asker,
    tally::Tally,
};
use std::collections::{BTreeMap, BTreeSet};
use wardline_crypto::{Content, DataKey, Header, open};
use wardline_ledger::RecordId;
use wardline_record::Record;

/// What became of one agreed record.
pub(crate) struct Outcome {
    /// What the branches gave of its envelope; the bytes are taken out.
    pub(crate) copy: Copy,
    /// Branches that the key which opened it came from.
    pub(crate) key_from: Vec<u16>,
    /// Branches that refused the key, and why.
    pub(crate) withheld: Vec<(u16, String)>,
    /// Branches that answered, where all of them together have no key that opens.
    pub(crate) keyless: Vec<u16>,
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
    keys: Vec<(Vec<u16>, DataKey)>,
}

/// What became of a job.
struct Done {
    record: Result<Record, Damage>,
    key_from: Vec<u16>,
    /// Branches whose whole key is not the record's.
    wrong: BTreeSet<u16>,
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
        for one in wanted {
            let mut copy = copies.remove(&one.record).unwrap_or_default();
            let holding = holdings.remove(&one.record).unwrap_or_default();
            let withheld = holding.withheld.clone();
            let keyless = holding.without_key();
            let keys = holding.keys();
            let envelope = copy.good.as_mut().map(|(_, envelope)| std::mem::take(envelope));
            if let Some(envelope) = envelope.filter(|_| !keys.is_empty()) {
                jobs.push(Job { wanted: *one, envelope, keys });
            }
            let outcome = Outcome { copy, key_from: Vec::new(), withheld, keyless, opened: None };
            outcomes.insert(one.record, outcome);
        }
        let again = open_jobs(jobs, &mut outcomes, asker.tally).await?;

        // A wrong key or share from one branch must not hide a record that the others' open.
        if !again.is_empty() {
            let records: Vec<Wanted> = again.iter().map(|job| job.wanted).collect();
            let mut ring = self.all_keys(asker, &records).await;
            let mut jobs = Vec::with_capacity(again.len());
            for job in again {
                let holding = ring.remove(&job.wanted.record).unwrap_or_default();
                if let Some(outcome) = outcomes.get_mut(&job.wanted.record) {
                    outcome.withheld.clone_from(&holding.withheld);
                }
                jobs.push(Job { keys: holding.keys(), ..job });
            }
            open_jobs(jobs, &mut outcomes, asker.tally).await?;
        }
        for (branch, _) in outcomes.values().flat_map(|outcome| &outcome.withheld) {
            asker.tally.withheld(*branch, 1);
        }
        Ok(outcomes)
    }
}

/// Opens on as many threads as the machine has; gives back the jobs that no key opened.
async fn open_jobs(
    jobs: Vec<Job>,
    outcomes: &mut BTreeMap<RecordId, Outcome>,
    tally: &Tally,
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
        for (done, job) in share {
            for branch in done.wrong {
                tally.invalid(branch, "it released a wrong key".to_owned());
            }
            if let Some(outcome) = outcomes.get_mut(&job.wanted.record) {
                let sealed_shut = done.record.as_ref().is_err_and(|damage| *damage == Damage::Sealed);
                outcome.opened = Some(done.record);
                outcome.key_from = done.key_from;
                if sealed_shut {
                    unopened.push(job);
                }
            }
        }
    }
    Ok(unopened)
}

/// Tries each key until the envelope opens. Only then is it known which of those tried before were wrong.
fn open_job(job: &Job) -> Done {
    let mut wrong = BTreeSet::new();
    for (from, key) in &job.keys {
        match (open(key, &job.envelope), from.as_slice()) {
            (Ok((header, plain)), _) => {
                return Done { record: read(job, &header, plain.expose()), key_from: from.clone(), wrong };
            }
            (Err(_), [branch]) => drop(wrong.insert(*branch)),
            (Err(_), _) => {}
        }
    }
    Done { record: Err(Damage::Sealed), key_from: Vec::new(), wrong: BTreeSet::new() }
}

fn read(job: &Job, header: &Header, plain: &[u8]) -> Result<Record, Damage> {
    let as_agreed = header.content == Content::Record
        && header.object == *job.wanted.record.bytes()
        && header.version == job.wanted.version;
    if !as_agreed {
        return Err(Damage::Other);
    }
    let record = Record::from_bytes(plain).map_err(|_| Damage::Unreadable)?;
    if record.kind() == job.wanted.kind { Ok(record) } else { Err(Damage::Other) }
}
