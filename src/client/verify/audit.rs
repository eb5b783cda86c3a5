//! An auditor at work: the main chain replayed, every sealed record's digest recomputed at two of the branches that
//! signed custody of it, and what came of it said on the main chain, for every console to show.
//!
//! No key opens anything here: ciphertext and digests are all that an auditor sees. Which two branches are asked about a
//! record is drawn anew for every auditor and every round, so that a branch cannot know which copies will be looked at.

use super::{
    Begun, ChainReport, VerifyProgress, VerifyRequest,
    chain::Depth,
    kept,
    records::{Copies, Kept, compare_at, count, wanted},
};
use crate::{
    branch::Branch,
    envelopes::Wanted,
    error::ClientError,
    finality::Final,
    group::{Group, locked},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::mpsc::UnboundedSender;
use wardline_crypto::{Digest, Entropy as _, OsEntropy};
use wardline_ledger::{
    Body, BranchId, Canonical as _, Chain, Genesis, Key, Lack, MAX_NAMED, Named, RecordId, Verdict,
    VerdictEntry,
};
use wardline_policy::Operation;

/// Copies of each record that are looked at.
const COPIES: usize = 2;

/// What one round gave.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The main chain, replayed.
    pub main: ChainReport,
    /// What this auditor says after the round, of all records up to [`Verdict::height`].
    pub verdict: Verdict,
    /// Every copy that is missing, altered or unanswered: the verdict names 64 of them.
    pub named: Vec<Named>,
    /// Records whose copies were fetched in this round.
    pub fetched: u64,
    /// Where the verdict is on the main chain; absent when there was nothing new to say.
    pub settled: Option<Final>,
}

impl Audit {
    /// What may be said of chain and records together.
    pub fn verdict(&self) -> super::Verdict {
        super::Verdict::of(self.verdict.bad > 0, self.verdict.unheard > 0).max(self.main.verdict())
    }
}

/// An auditor of the sealed records; goes on from the last verdict with every round.
pub struct Auditor {
    group: Group,
    genesis: Genesis,
    begun: Begun,
    said: Option<Verdict>,
}

impl Group {
    /// Prepares to audit: the main chain from the genesis, since who signed custody of a record only its blocks prove.
    ///
    /// # Errors
    /// When this person may not, nobody answers, or the session is over.
    pub async fn auditor(&self, genesis: &Genesis) -> Result<Auditor, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        for operation in [Operation::SubmitVerdict, Operation::FetchEnvelopes] {
            if let Some(why) = inner.refusal(operation) {
                return Err(ClientError::Refused(why));
            }
        }
        let anew = VerifyRequest { from_genesis: true, ..VerifyRequest::default() };
        let begun = inner.begin_check(genesis, Chain::Main, Depth::Replay, &anew).await?;
        Ok(Auditor { group: self.clone(), genesis: genesis.clone(), begun, said: None })
    }
}

impl Auditor {
    /// Follows the main chain, fetches two copies of every record that is new since the last verdict or was bad in it,
    /// or of `all`, and says what came of it on the main chain. When `quiet`, nothing is said as long as there is no new
    /// record and nothing changed: a verdict makes a block, which another auditor would answer with a verdict.
    ///
    /// # Errors
    /// When nobody answers, the verdict does not become final, or the session is over.
    pub async fn round(
        &mut self,
        all: bool,
        quiet: bool,
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<Audit, ClientError> {
        let inner = self.group.inner.clone();
        let heads = inner.heads(&self.genesis, None).await?;
        let main = inner.chain(&heads, &self.begun, Depth::Replay, None, progress).await?;
        // Every request names the light client's height: a branch that answers at it knows all of these.
        inner.follow(Chain::Main, main.height, None).await?;
        self.said = self.last().await?.or(self.said.take());
        let records = kept(&self.begun.check).map_err(ClientError::Refused)?;
        let total = count(records.len());

        let before = self.said.as_ref().filter(|said| !all && said.height <= main.height);
        // Beyond what a verdict names nobody remembers which copies were bad.
        let before = before.filter(|said| count(said.named.len()) == said.bad.saturating_add(said.unheard));
        let named: BTreeSet<RecordId> =
            before.iter().flat_map(|said| &said.named).map(|one| one.record).collect();
        let due =
            |one: &&Kept| before.is_none_or(|said| one.entry.height > said.height || named.contains(&one.id));
        let due: Vec<&Kept> = records.iter().filter(due).collect();
        let fetched = count(due.len());
        let found = self.look(&due, before, progress).await?;

        let bad = count(found.iter().filter(|one| one.lack.is_bad()).count());
        let verdict = Verdict {
            since: before.map_or(main.height, |said| said.since),
            height: main.height,
            digest: main.digest,
            records: total,
            bad,
            unheard: count(found.len()).saturating_sub(bad),
            named: first(&found),
        };
        let settled = if self.is_news(&verdict, quiet, all) {
            let body = Body::Verdict(verdict.clone());
            let transaction = inner.session.transaction(inner.network, body);
            let settled = inner.settle(Chain::Main, &transaction).await?;
            self.said = Some(verdict.clone());
            Some(settled)
        } else {
            None
        };
        Ok(Audit { main, verdict, named: found, fetched, settled })
    }

    /// This auditor's newest verdict on the chain.
    async fn last(&self) -> Result<Option<Verdict>, ClientError> {
        let inner = &self.group.inner;
        let key = Key::Verdict(inner.session.staff().staff).bytes();
        let values = inner.proven(Chain::Main, &[key]).await?.values;
        let Some(value) = values.into_iter().next().flatten() else { return Ok(None) };
        VerdictEntry::decode(&value)
            .map(|entry| Some(entry.verdict))
            .map_err(|error| ClientError::NoneUsable(format!("a proven verdict is malformed: {error}")))
    }

    fn is_news(&self, verdict: &Verdict, quiet: bool, all: bool) -> bool {
        let Some(said) = &self.said else { return true };
        let changed = said.records != verdict.records
            || said.named != verdict.named
            || (said.bad, said.unheard) != (verdict.bad, verdict.unheard);
        verdict.height > said.height && (changed || all || !quiet || self.has_new_versions(said.height))
    }

    fn has_new_versions(&self, since: u64) -> bool {
        kept(&self.begun.check).is_ok_and(|records| records.iter().any(|one| one.entry.height > since))
    }

    /// Two copies of each record, and again the copies that were bad before.
    async fn look(
        &self,
        due: &[&Kept],
        before: Option<&Verdict>,
        progress: &UnboundedSender<VerifyProgress>,
    ) -> Result<Vec<Named>, ClientError> {
        let inner = &self.group.inner;
        let mut seed = [0; 32];
        OsEntropy.fill(&mut seed);
        let (mut at, mut found) = (BTreeMap::<BranchId, Vec<Wanted>>::new(), Vec::new());
        for one in due {
            let again = before.iter().flat_map(|said| &said.named).filter(|bad| bad.record == one.id);
            let drawn = drawn(&seed, one, again.map(|bad| bad.branch));
            found.extend(undrawn(one, &drawn));
            for branch in drawn {
                at.entry(branch).or_default().push(wanted(one));
            }
        }
        let mut asked = Vec::<(Arc<Branch>, Vec<Wanted>)>::new();
        for (id, wanted) in at {
            match inner.branch(id.0) {
                Some(branch) => asked.push((branch.clone(), wanted)),
                // It is no active participant any more: nobody can be asked about its copies.
                None => found.extend(wanted.iter().map(|one| named(one.record, id, Lack::Unanswered))),
            }
        }
        let branches: Vec<BranchId> = asked.iter().map(|(branch, _)| branch.participant.id).collect();
        let holders = due.iter().map(|one| (one.id, one.holders.clone())).collect();
        let copies = compare_at(inner, asked, holders, progress).await?;
        for (id, copies) in branches.into_iter().zip(&copies) {
            found.extend(lacks(id, copies));
        }
        found.sort();
        Ok(found)
    }

    /// How far the main chain is replayed.
    pub fn height(&self) -> u64 {
        locked(&self.begun.check).head().0
    }
}

/// Whose copies of a record are looked at: those that were bad before, the home's, and of the others who signed as
/// chance has it.
fn drawn(seed: &[u8; 32], one: &Kept, again: impl Iterator<Item = BranchId>) -> BTreeSet<BranchId> {
    let mut drawn: BTreeSet<BranchId> =
        again.filter(|branch| one.holders.contains(branch)).take(COPIES).collect();
    let lot =
        |branch: &BranchId| Digest::of(&[seed, one.id.bytes().as_slice(), &branch.0.to_be_bytes()].concat());
    let mut holders = one.holders.clone();
    // The home's copy is what everybody reads first; which other one is looked at is chance.
    holders.sort_by_key(|holder| (*holder != one.entry.branch, lot(holder)));
    let missing = COPIES.saturating_sub(drawn.len());
    let others: Vec<BranchId> =
        holders.into_iter().filter(|holder| !drawn.contains(holder)).take(missing).collect();
    drawn.extend(others);
    drawn
}

/// What two copies lack of two: nobody is known to have signed for them, so nobody is asked, and a copy that was not
/// looked at is not whole. Named after the record's home branch, or the first number that was not drawn.
fn undrawn(one: &Kept, drawn: &BTreeSet<BranchId>) -> Vec<Named> {
    std::iter::once(one.entry.branch)
        .chain((1..).map(BranchId).filter(|other| *other != one.entry.branch))
        .filter(|branch| !drawn.contains(branch))
        .take(COPIES.saturating_sub(drawn.len()))
        .map(|branch| named(one.id, branch, Lack::Unanswered))
        .collect()
}

fn named(record: RecordId, branch: BranchId, lack: Lack) -> Named {
    Named { record, branch, lack }
}

/// What is wrong with a branch's copies.
fn lacks(id: BranchId, copies: &Copies) -> impl Iterator<Item = Named> + '_ {
    let altered = copies.altered.iter().map(move |bad| named(bad.record, id, Lack::Altered));
    let lost = copies.lost.iter().map(move |bad| named(bad.record, id, Lack::Missing));
    let unanswered = copies.unanswered.iter().map(move |record| named(*record, id, Lack::Unanswered));
    altered.chain(lost).chain(unanswered)
}

/// As many as a verdict names, bad ones before unanswered ones, in a verdict's order.
fn first(found: &[Named]) -> Vec<Named> {
    let (bad, unheard): (Vec<Named>, Vec<Named>) = found.iter().copied().partition(|one| one.lack.is_bad());
    let mut named: Vec<Named> = bad.into_iter().chain(unheard).take(MAX_NAMED).collect();
    named.sort();
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_ledger::RecordEntry;
    use wardline_policy::RecordKind;

    #[test]
    fn a_copy_that_nobody_is_asked_for_is_not_heard_of() {
        let home = BranchId(2);
        let record = |holders: &[u16]| Kept {
            id: RecordId::from_bytes([7; 16]),
            entry: RecordEntry {
                branch: home,
                kind: RecordKind::Allergy,
                author: wardline_ledger::StaffId::from_bytes([1; 16]),
                pointer: Digest::ZERO,
                size: 1,
                version: 1,
                height: 1,
            },
            holders: holders.iter().copied().map(BranchId).collect(),
        };
        for (holders, lacking) in [
            (&[][..], &[2, 1][..]),
            (&[2], &[1]),
            (&[1], &[2]),
            (&[5], &[2]),
            (&[2, 3], &[]),
            (&[1, 2, 3], &[]),
        ] {
            let one = record(holders);
            let lacks = undrawn(&one, &drawn(&[0; 32], &one, std::iter::empty()));
            let expected: Vec<Named> =
                lacking.iter().map(|branch| named(one.id, BranchId(*branch), Lack::Unanswered)).collect();
            assert_eq!(lacks, expected, "{holders:?}");
        }
    }
}
