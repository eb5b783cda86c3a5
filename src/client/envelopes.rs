//! Sealed records: from the branch that made them, else from another that keeps a copy; compared with the chain's
//! pointer, whoever gave them.

use crate::{
    alarm::Finding,
    answer::{Given, SignedBody},
    branch::{Branch, BranchError, Target},
    group::Inner,
    race::HEDGE,
    tally::Tally,
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use wardline_crypto::{Digest, peek};
use wardline_ledger::{Canonical, Chain, Key, RecordEntry, RecordId};
use wardline_policy::RecordKind;
use wardline_wire::{Envelopes, EnvelopesQuery, KEYS_PER_REQUEST_MAX, RECORDS_PER_REQUEST_MAX, RouteId};

/// Most bytes of envelopes that one request asks for.
const PAGE_BYTES: u64 = 8 * 1024 * 1024;

/// A record that the main chain has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) record: RecordId,
    pub(crate) home: u16,
    pub(crate) kind: RecordKind,
    pub(crate) pointer: Digest,
    pub(crate) size: u32,
    pub(crate) version: u32,
}

/// What the branches gave of one record's envelope.
#[derive(Default)]
pub(crate) struct Copy {
    /// The agreed bytes, and who gave them.
    pub(crate) good: Option<(u16, Vec<u8>)>,
    /// Who gave other bytes.
    pub(crate) altered: Vec<u16>,
    /// Who answered and does not have it.
    pub(crate) absent: Vec<u16>,
}

/// Another envelope than the pointer's, which says of itself that it is of a newer version.
#[derive(Clone)]
struct Doubt {
    one: Wanted,
    /// Its version and SHA-256.
    given: (u32, Digest),
    proof: Arc<SignedBody>,
}

type Answer = (Arc<Branch>, Vec<Wanted>, Result<Given<Envelopes>, BranchError>);

impl Inner {
    /// The envelopes of all records: every home branch at once, others where one fails or is slow.
    pub(crate) async fn envelopes(&self, wanted: &[Wanted], tally: &Tally) -> BTreeMap<RecordId, Copy> {
        let groups = by_home(wanted).into_iter().map(|(home, group)| self.envelopes_of(home, group, tally));
        futures::future::join_all(groups).await.into_iter().flatten().collect()
    }

    async fn envelopes_of(&self, home: u16, wanted: Vec<Wanted>, tally: &Tally) -> BTreeMap<RecordId, Copy> {
        let mut copies: BTreeMap<RecordId, Copy> =
            wanted.iter().map(|one| (one.record, Copy::default())).collect();
        let mut next: VecDeque<Arc<Branch>> = self.home_first(home).into();
        let mut running = FuturesUnordered::new();
        let mut under_way: BTreeMap<u16, (Arc<Branch>, usize)> = BTreeMap::new();
        let mut start = next.pop_front();
        let mut doubts = Vec::new();
        loop {
            let missing = missing_from(&wanted, &copies);
            if missing.is_empty() {
                break;
            }
            if let Some(branch) = start.take() {
                tally.asked(branch.id(), missing.len());
                let pages = pages(&missing);
                under_way.insert(branch.id(), (branch.clone(), pages.len()));
                running.extend(pages.into_iter().map(|page| fetch(branch.clone(), page)));
            }
            if running.is_empty() {
                start = next.pop_front();
                if start.is_none() {
                    break;
                }
                continue;
            }
            tokio::select! {
                Some((branch, asked, reply)) = running.next() => {
                    if let Some((_, pages)) = under_way.get_mut(&branch.id()) {
                        *pages = pages.saturating_sub(1);
                    }
                    let doubted = absorb(&branch, &asked, reply, &mut copies, tally);
                    doubts.push((branch, doubted));
                }
                () = tokio::time::sleep(HEDGE), if !next.is_empty() => start = next.pop_front(),
            }
        }
        // Others were enough: whoever still has not answered then is not waited for.
        for (branch, _) in under_way.values().filter(|(_, pages)| *pages > 0) {
            tally.overtaken(branch);
        }
        for (branch, doubts) in doubts {
            for doubt in self.not_replaced(&branch, doubts).await {
                let copy = copies.entry(doubt.one.record).or_default();
                altered(&branch, &doubt.one, doubt.proof, copy, tally);
            }
        }
        copies
    }

    /// Those of a branch's other envelopes that are not the ones of a newer version, as the branch proves the main
    /// chain to have it by now.
    async fn not_replaced(&self, branch: &Arc<Branch>, doubts: Vec<Doubt>) -> Vec<Doubt> {
        let mut left = Vec::new();
        for doubts in doubts.chunks(KEYS_PER_REQUEST_MAX) {
            let keys: Vec<Vec<u8>> =
                doubts.iter().map(|doubt| Key::Record(doubt.one.record).bytes()).collect();
            // Its own state, which it answered from: another branch may be behind it.
            let proven = self.proven_by(branch, Chain::Main, &keys, 0).await;
            let values = proven.map(|(_, values)| values).unwrap_or_default();
            let entries = values.into_iter().map(|value| RecordEntry::decode(&value?).ok());
            let wrong = doubts.iter().zip(entries.chain(std::iter::repeat(None))).filter(|(doubt, entry)| {
                entry.as_ref().is_none_or(|entry| {
                    entry.version <= doubt.one.version || (entry.version, entry.pointer) != doubt.given
                })
            });
            left.extend(wrong.map(|(doubt, _)| doubt.clone()));
        }
        left
    }

    /// Trusted branches in the order in which to ask for what `home` made.
    pub(crate) fn home_first(&self, home: u16) -> Vec<Arc<Branch>> {
        let mut branches = self.on(Chain::Side);
        branches.sort_by_key(|branch| branch.is_silent() || branch.id() != home);
        branches
    }
}

/// Records by the branch that made them.
pub(crate) fn by_home(wanted: &[Wanted]) -> BTreeMap<u16, Vec<Wanted>> {
    let mut groups: BTreeMap<u16, Vec<Wanted>> = BTreeMap::new();
    for one in wanted {
        groups.entry(one.home).or_default().push(*one);
    }
    groups
}

fn missing_from(wanted: &[Wanted], copies: &BTreeMap<RecordId, Copy>) -> Vec<Wanted> {
    let missing = |one: &&Wanted| copies.get(&one.record).is_none_or(|copy| copy.good.is_none());
    wanted.iter().filter(missing).copied().collect()
}

/// Requests of at most so many records and bytes; one record at least.
pub(crate) fn pages(wanted: &[Wanted]) -> Vec<Vec<Wanted>> {
    let mut pages: Vec<Vec<Wanted>> = Vec::new();
    let mut bytes = 0;
    for one in wanted {
        let size = u64::from(one.size);
        match pages.last_mut() {
            Some(page) if page.len() < RECORDS_PER_REQUEST_MAX && bytes + size <= PAGE_BYTES => {
                page.push(*one);
                bytes += size;
            }
            _ => {
                pages.push(vec![*one]);
                bytes = size;
            }
        }
    }
    pages
}

async fn fetch(branch: Arc<Branch>, page: Vec<Wanted>) -> Answer {
    let query = EnvelopesQuery { records: page.iter().map(|one| one.record).collect() };
    let reply = branch.ask_kept(Target::of(RouteId::Envelopes), &query).await;
    (branch, page, reply)
}

fn absorb(
    branch: &Branch,
    asked: &[Wanted],
    reply: Result<Given<Envelopes>, BranchError>,
    copies: &mut BTreeMap<RecordId, Copy>,
    tally: &Tally,
) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let (reply, proof) = match reply {
        Ok(given) if given.value.envelopes.len() == asked.len() => (given.value, given.proof),
        Ok(_) => {
            tally.invalid(branch.id(), "it left envelopes out".to_owned());
            return doubts;
        }
        Err(error) => {
            tally.failed(branch, &error);
            return doubts;
        }
    };
    for (one, envelope) in asked.iter().zip(reply.envelopes) {
        let Some(copy) = copies.get_mut(&one.record) else { continue };
        match envelope {
            None => {
                copy.absent.push(branch.id());
                // The chain takes no record without its home branch's receipt; whose the others are it does not keep.
                if one.home == branch.id() {
                    tally.lacking(branch.id(), 1);
                    tally.found(Finding::Missing { record: one.record, proof: proof.clone() });
                }
            }
            Some(envelope) => {
                tally.answered(branch.id(), 1);
                let digest = Digest::of(&envelope.0);
                let version = peek(&envelope.0).map_or(0, |header| header.version);
                if digest == one.pointer {
                    tally.verified(branch.id(), 1);
                    copy.good.get_or_insert((branch.id(), envelope.0));
                } else if version > one.version {
                    doubts.push(Doubt { one: *one, given: (version, digest), proof: proof.clone() });
                } else {
                    altered(branch, one, proof.clone(), copy, tally);
                }
            }
        }
    }
    doubts
}

fn altered(branch: &Branch, one: &Wanted, proof: Arc<SignedBody>, copy: &mut Copy, tally: &Tally) {
    copy.altered.push(branch.id());
    tally.invalid(branch.id(), "it served altered records".to_owned());
    tally.found(Finding::Altered { record: one.record, proof });
}
