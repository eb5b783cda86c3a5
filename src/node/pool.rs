//! What is known in memory of the waiting transactions, which lie durably in the store: their names, and why some of
//! them will never be in a block.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use wardline_ledger::{Refusal, TxId};

/// Refusals that are remembered, newest last.
const REFUSALS_MAX: usize = 4096;
/// How long a transaction may wait for what it needs before it is dropped, seconds.
const PATIENCE_S: u64 = 60;

/// Names of waiting and of refused transactions.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    waiting: BTreeSet<TxId>,
    /// Waiting transactions that do not hold yet, with the time at which that was first seen.
    early: BTreeMap<TxId, u64>,
    refused: BTreeMap<TxId, (String, String)>,
    order: VecDeque<TxId>,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a waiting transaction; `false` when it was known.
    pub fn insert(&self, id: TxId) -> bool {
        let mut inner = self.lock();
        inner.refused.remove(&id);
        inner.waiting.insert(id)
    }

    pub fn contains(&self, id: &TxId) -> bool {
        self.lock().waiting.contains(id)
    }

    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Forgets transactions that are in a block.
    pub fn applied(&self, ids: &[TxId]) {
        let mut inner = self.lock();
        for id in ids {
            inner.waiting.remove(id);
            inner.early.remove(id);
        }
    }

    /// Sorts out what no block takes at `now_s`: returns those that are to be dropped from the store. What may still
    /// hold later is kept for a while.
    pub fn refuse(&self, refused: &[(TxId, Refusal)], now_s: u64) -> Vec<TxId> {
        let mut inner = self.lock();
        let mut dropped = Vec::new();
        for (id, refusal) in refused {
            if refusal.may_hold_later() {
                let since = *inner.early.entry(*id).or_insert(now_s);
                if now_s.saturating_sub(since) < PATIENCE_S {
                    continue;
                }
            }
            inner.early.remove(id);
            inner.waiting.remove(id);
            inner.remember(*id, refusal);
            dropped.push(*id);
        }
        dropped
    }

    /// Why a transaction was dropped: the rule's code and a sentence.
    pub fn refusal(&self, id: &TxId) -> Option<(String, String)> {
        self.lock().refused.get(id).cloned()
    }
}

impl Inner {
    fn remember(&mut self, id: TxId, refusal: &Refusal) {
        if self.refused.insert(id, (refusal.code().to_owned(), refusal.to_string())).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > REFUSALS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.refused.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::Digest;

    fn id(n: u32) -> TxId {
        Digest::of(&n.to_be_bytes())
    }

    #[test]
    fn what_may_hold_later_is_kept_for_a_while() {
        let pool = Pool::default();
        pool.insert(id(1));
        pool.insert(id(2));
        let refused = [(id(1), Refusal::LookupPatient), (id(2), Refusal::LinkExists)];
        assert_eq!(pool.refuse(&refused, 100), [id(2)]);
        assert_eq!(pool.refusal(&id(2)).unwrap().0, "link.exists");
        assert!(pool.contains(&id(1)));
        assert!(pool.refuse(&refused[..1], 100 + PATIENCE_S - 1).is_empty());
        assert_eq!(pool.refuse(&refused[..1], 100 + PATIENCE_S), [id(1)]);
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn refusals_are_remembered_in_bounded_number() {
        let pool = Pool::default();
        for n in 0..5000 {
            pool.refuse(&[(id(n), Refusal::LinkExists)], 0);
        }
        assert!(pool.refusal(&id(4999)).is_some());
        assert!(pool.refusal(&id(0)).is_none());
        assert_eq!(pool.lock().refused.len(), REFUSALS_MAX);
        assert!(pool.insert(id(4999)));
        assert!(pool.refusal(&id(4999)).is_none(), "it waits again");
    }
}
