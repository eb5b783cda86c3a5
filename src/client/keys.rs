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
    whole: Option<(u16, DataKey)>,
    shares: Vec<(u16, Share)>,
    /// Who refused, and why.
    pub(crate) withheld: Vec<(u16, String)>,
}

impl Holding {
    fn is_enough(&self) -> bool {
        self.whole.is_some() || self.shares.len() >= SHARES_NEEDED
    }

    /// Whether only shares are there, of which one could be wrong.
    pub(crate) fn rests_on_shares(&self) -> bool {
        self.whole.is_none() && !self.shares.is_empty()
    }

    /// The branches that the key came from.
    pub(crate) fn from(&self) -> Vec<u16> {
        match &self.whole {
            Some((branch, _)) => vec![*branch],
            None => self.shares.iter().map(|(branch, _)| *branch).collect(),
        }
    }

    /// Every key that can be made of it: the whole one, or one of each pair of shares, since a wrong share spoils
    /// only the pairs that it is in.
    pub(crate) fn keys(self) -> Vec<DataKey> {
        if let Some((_, key)) = self.whole {
            return vec![key];
        }
        let mut shares: Vec<Share> = self.shares.into_iter().map(|(_, share)| share).collect();
        let mut keys = Vec::new();
        for a in 0..shares.len() {
            for b in a + 1..shares.len() {
                shares.swap(0, a);
                shares.swap(1, b);
                keys.extend(shares.get(..SHARES_NEEDED).and_then(|pair| combine(pair).ok()));
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
                    absorb(&mut ring, &branch, released, asker.tally);
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

    /// Shares of records from every branch that has one, for keys that were spoilt by a wrong share.
    pub(crate) async fn all_shares(
        &self,
        asker: Asker<'_>,
        wanted: &[Wanted],
    ) -> BTreeMap<RecordId, Holding> {
        let mut ring: BTreeMap<RecordId, Holding> =
            wanted.iter().map(|one| (one.record, Holding::default())).collect();
        let branches = self.on(wardline_ledger::Chain::Side);
        let asked = branches.iter().flat_map(|branch| {
            wanted
                .chunks(RECORDS_PER_REQUEST_MAX)
                .map(|page| self.release(asker, branch.clone(), page.to_vec()))
        });
        for (branch, released) in futures::future::join_all(asked).await {
            absorb(&mut ring, &branch, released, asker.tally);
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
                    KeyRelease::Released { sealed } => {
                        Some(Released::Held(accept(&sealed.0, session.agreement(), &context).ok()?))
                    }
                    KeyRelease::Withheld { reasons } => {
                        Some(Released::Withheld(crate::error::clean(&reasons.join("; "))))
                    }
                    KeyRelease::Absent => Some(Released::Nothing),
                };
                released.map(|released| (one.record, released))
            };
            wanted.into_iter().zip(reply.releases).map(accepted).collect::<Vec<_>>()
        });
        let opened = opened.await.unwrap_or_default();
        if opened.iter().any(Option::is_none) {
            asker.tally.invalid(id, "keys that it released do not open".to_owned());
        }
        (branch, opened.into_iter().flatten().collect())
    }
}

fn absorb(
    ring: &mut BTreeMap<RecordId, Holding>,
    branch: &Branch,
    released: Vec<(RecordId, Released)>,
    tally: &Tally,
) {
    for (record, released) in released {
        let Some(holding) = ring.get_mut(&record) else { continue };
        match released {
            Released::Held(Held::Whole(key)) => drop(holding.whole.get_or_insert((branch.id(), key))),
            Released::Held(Held::Share(share)) => holding.shares.push((branch.id(), share)),
            Released::Withheld(reason) => {
                tally.withheld(branch.id(), 1);
                holding.withheld.push((branch.id(), reason));
            }
            Released::Nothing => {}
        }
    }
}
