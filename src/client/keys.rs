//! Data keys: whole from the branch that made the record, else two shares from others. Each branch decides for itself.

use crate::{
    branch::{Branch, Target},
    envelopes::{Wanted, by_home},
    group::{Inner, heavy},
    lookup::FinalLookup,
    race::HEDGE,
    tally::Tally,
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{collections::BTreeMap, sync::Arc};
use wardline_crypto::{DataKey, Held, ReleaseContext, Share, accept, combine};
use wardline_ledger::{PatientId, RecordId};
use wardline_wire::{KeyRelease, Keys, KeysQuery, RECORDS_PER_REQUEST_MAX, RouteId};

/// Shares that give a key back.
const SHARES_NEEDED: usize = 2;

/// What the branches released of one record's key.
#[derive(Default)]
pub(crate) struct Holding {
    /// Whoever says to hold the key may be lying, so that one whole key hides neither others nor shares.
    wholes: Vec<(u16, DataKey)>,
    shares: Vec<(u16, Share)>,
    /// Who refused, and why.
    pub(crate) withheld: Vec<(u16, String)>,
    /// Who answered and has nothing of it that opens.
    keyless: Vec<u16>,
}

impl Holding {
    fn is_enough(&self) -> bool {
        !self.wholes.is_empty() || self.shares.len() >= SHARES_NEEDED
    }

    /// Who answered, where all of that is not enough for a key: with nothing that opens, or with a share alone.
    pub(crate) fn without_key(&self) -> Vec<u16> {
        self.keyless.iter().copied().chain(self.shares.iter().map(|(branch, _)| *branch)).collect()
    }

    /// Every key that can be made of it, each with the branches that it comes from: the whole ones, then one of each
    /// pair of shares, since a wrong share spoils only the pairs that it is in.
    pub(crate) fn keys(self) -> Vec<(Vec<u16>, DataKey)> {
        let mut keys: Vec<_> = self.wholes.into_iter().map(|(branch, key)| (vec![branch], key)).collect();
        let (from, mut shares): (Vec<u16>, Vec<Share>) = self.shares.into_iter().unzip();
        for (a, first) in from.iter().enumerate() {
            for (b, second) in from.iter().enumerate().skip(a + 1) {
                shares.swap(0, a);
                shares.swap(1, b);
                let key = shares.get(..SHARES_NEEDED).and_then(|pair| combine(pair).ok());
                keys.extend(key.map(|key| (vec![*first, *second], key)));
                shares.swap(1, b);
                shares.swap(0, a);
            }
        }
        keys
    }
}

/// What a branch released for one record.
enum Released {
    Held(Held),
    Withheld(String),
    Spoilt,
    Nothing,
}

type Answer = (Arc<Branch>, Vec<(RecordId, Released)>);

/// For whom and under which lookup keys are asked.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) patient: PatientId,
    pub(crate) lookup: &'a FinalLookup,
    pub(crate) tally: &'a Tally,
}

impl Inner {
    /// The keys of all records: every home branch at once, the others where one fails, refuses or is slow.
    pub(crate) async fn keys(&self, asker: Asker<'_>, wanted: &[Wanted]) -> BTreeMap<RecordId, Holding> {
        let groups = by_home(wanted).into_iter().map(|(home, group)| self.keys_of(asker, home, group));
        futures::future::join_all(groups).await.into_iter().flatten().collect()
    }

    async fn keys_of(&self, asker: Asker<'_>, home: u16, wanted: Vec<Wanted>) -> BTreeMap<RecordId, Holding> {
        let mut ring: BTreeMap<RecordId, Holding> =
            wanted.iter().map(|one| (one.record, Holding::default())).collect();
        let (first, mut others): (Vec<_>, Vec<_>) =
            self.home_first(home).into_iter().partition(|branch| branch.id() == home && !branch.is_silent());
        let mut running = FuturesUnordered::new();
        let mut under_way: BTreeMap<u16, (Arc<Branch>, usize)> = BTreeMap::new();
        let mut start = first;
        loop {
            let missing: Vec<Wanted> = wanted
                .iter()
                .filter(|one| ring.get(&one.record).is_some_and(|held| !held.is_enough()))
                .copied()
                .collect();
            if missing.is_empty() {
                break;
            }
            for branch in start.drain(..) {
                for page in missing.chunks(RECORDS_PER_REQUEST_MAX) {
                    under_way.entry(branch.id()).or_insert_with(|| (branch.clone(), 0)).1 += 1;
                    running.push(self.release(asker, branch.clone(), page.to_vec()));
                }
            }
            if running.is_empty() {
                if others.is_empty() {
                    break;
                }
                start.append(&mut others);
                continue;
            }
            tokio::select! {
                Some((branch, released)) = running.next() => {
                    if let Some((_, pages)) = under_way.get_mut(&branch.id()) {
                        *pages = pages.saturating_sub(1);
                    }
                    absorb(&mut ring, &branch, released);
                }
                () = tokio::time::sleep(HEDGE), if !others.is_empty() => start.append(&mut others),
            }
        }
        // Others were enough: whoever still has not answered then is not waited for.
        for (branch, _) in under_way.values().filter(|(_, pages)| *pages > 0) {
            asker.tally.overtaken(branch);
        }
        ring
    }

    /// Whatever every branch holds of the keys, for records that no key opened: some branch gave a wrong one.
    pub(crate) async fn all_keys(&self, asker: Asker<'_>, wanted: &[Wanted]) -> BTreeMap<RecordId, Holding> {
        let mut ring: BTreeMap<RecordId, Holding> =
            wanted.iter().map(|one| (one.record, Holding::default())).collect();
        let branches = self.on(wardline_ledger::Chain::Side);
        let asked = branches.iter().flat_map(|branch| {
            wanted
                .chunks(RECORDS_PER_REQUEST_MAX)
                .map(|page| self.release(asker, branch.clone(), page.to_vec()))
        });
        for (branch, released) in futures::future::join_all(asked).await {
            absorb(&mut ring, &branch, released);
        }
        ring
    }

    async fn release(&self, asker: Asker<'_>, branch: Arc<Branch>, wanted: Vec<Wanted>) -> Answer {
        let records = wanted.iter().map(|one| one.record).collect();
        let query = KeysQuery { lookup: asker.lookup.id, patient: asker.patient, records };
        let reply: Keys = match branch.ask(Target::of(RouteId::ReleaseKeys), &query).await {
            Ok(reply) => reply,
            Err(error) => {
                asker.tally.failed(&branch, &error);
                return (branch, Vec::new());
            }
        };
        if reply.releases.len() != wanted.len() || reply.side_height < asker.lookup.height {
            asker.tally.invalid(branch.id(), "its release is not for what was asked".to_owned());
            return (branch, Vec::new());
        }
        let (session, network, id) = (self.session.clone(), self.network, branch.id());
        let opened = heavy(move || {
            let (main_height, side_height, audit) = (reply.main_height, reply.side_height, reply.audit);
            let accepted = |(one, release): (Wanted, KeyRelease)| {
                let context = ReleaseContext {
                    network,
                    branch: id,
                    object: *one.record.bytes(),
                    pointer: one.pointer,
                    session: session.agreement_public(),
                    main_height,
                    side_height,
                    audit,
                };
                let released = match release {
                    KeyRelease::Released { sealed } => accept(&sealed.0, session.agreement(), &context)
                        .map_or(Released::Spoilt, Released::Held),
                    KeyRelease::Withheld { reasons } => {
                        Released::Withheld(crate::error::clean(&reasons.join("; ")))
                    }
                    KeyRelease::Absent => Released::Nothing,
                };
                (one.record, released)
            };
            wanted.into_iter().zip(reply.releases).map(accepted).collect::<Vec<_>>()
        });
        let opened = opened.await.unwrap_or_default();
        if opened.iter().any(|(_, released)| matches!(released, Released::Spoilt)) {
            asker.tally.invalid(id, "keys that it released do not open".to_owned());
        }
        (branch, opened)
    }
}

fn absorb(ring: &mut BTreeMap<RecordId, Holding>, branch: &Branch, released: Vec<(RecordId, Released)>) {
    for (record, released) in released {
        let Some(holding) = ring.get_mut(&record) else { continue };
        match released {
            Released::Held(Held::Whole(key)) => holding.wholes.push((branch.id(), key)),
            Released::Held(Held::Share(share)) => holding.shares.push((branch.id(), share)),
            Released::Withheld(reason) => holding.withheld.push((branch.id(), reason)),
            Released::Spoilt | Released::Nothing => holding.keyless.push(branch.id()),
        }
    }
}
