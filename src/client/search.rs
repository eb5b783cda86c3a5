//! Patients by name, number or birth date: all trusted branches at once, identities opened and compared.

use crate::{
    branch::{Branch, Target},
    enrol::next,
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    history::{BranchAnswer, LATE},
    keep::GRACE,
    race::none_of,
    session::Session,
    tally::Tally,
};
use futures::stream::FuturesUnordered;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use wardline_crypto::{Content, Digest, Held, ReleaseContext, accept, open};
use wardline_ledger::{Chain, NetworkId, PatientId};
use wardline_record::{Identity, query_terms};
use wardline_wire::{Found, FoundPatient, RouteId, Search};

/// What the branches found.
#[derive(Clone, Debug)]
pub struct SearchOutcome {
    /// Patients that match every term, by name; each once.
    pub candidates: Vec<Candidate>,
    /// Some branch found more than it returned: narrow the search.
    pub more: bool,
    /// What every trusted branch answered. Silence is never "nothing there".
    pub branches: Vec<BranchAnswer>,
}

/// One patient whose sealed identity was opened here.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The patient.
    pub patient: PatientId,
    /// Who it is.
    pub identity: Identity,
    /// Branches that gave this very identity, ascending.
    pub from: Vec<u16>,
}

/// An identity as one branch gave it.
struct Opened {
    patient: PatientId,
    envelope: Digest,
    identity: Identity,
}

impl Group {
    /// Asks all trusted branches at once for the patients that match every word of `query`: beginnings of names,
    /// whole numbers, a birth date. What a branch gives is opened here and compared with what the others give.
    ///
    /// # Errors
    /// When there is nothing to search for, or a word is too short to find anybody by, or no branch gave a usable answer. Silence of some is in the outcome.
    pub async fn search(&self, query: &str) -> Result<SearchOutcome, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        inner.home()?;
        let terms = query_terms(query);
        if terms.is_empty() || terms.iter().any(|term| is_too_short(term)) {
            return Err(ClientError::NothingToSearch);
        }
        let search = &Search { terms };
        let branches = inner.on(Chain::Side);
        let tally = &Tally::of(inner, &branches, Instant::now());
        let mut unheard: BTreeMap<u16, bool> =
            branches.iter().map(|branch| (branch.id(), branch.is_silent())).collect();
        let mut asked: FuturesUnordered<_> = branches
            .iter()
            .map(|branch| async move {
                tally.asked(branch.id(), 1);
                let found: Result<Found, _> = branch.ask(Target::of(RouteId::SearchPatients), search).await;
                (branch, found)
            })
            .collect();
        let (mut opened, mut failures, mut more) = (Vec::new(), Vec::new(), false);
        // A branch that was silent before is hardly waited for again once somebody has answered, and no branch for long
        // once most have.
        let limit = |unheard: &BTreeMap<u16, bool>, answers: usize| {
            let all_were_silent = unheard.values().all(|was_silent| *was_silent);
            let most = answers * 2 > branches.len();
            (answers > 0 && all_were_silent).then_some(GRACE).or(most.then_some(LATE))
        };
        while let Some((branch, found)) = next(&mut asked, limit(&unheard, opened.len())).await {
            unheard.remove(&branch.id());
            match found {
                Ok(found) => {
                    more |= found.more;
                    opened.push((branch.id(), inner.open_identities(branch, found, tally).await?));
                }
                Err(error) => {
                    tally.failed(branch, &error);
                    failures.push((branch.name().to_owned(), branch.failed(error)));
                }
            }
        }
        for branch in branches.iter().filter(|branch| unheard.contains_key(&branch.id())) {
            branch.suspect();
            tally.silent(branch);
        }
        if opened.is_empty() {
            return Err(none_of(failures));
        }
        let candidates = merge(opened, tally, &locked(&inner.identities));
        let mut identities = locked(&inner.identities);
        for (candidate, envelope) in &candidates {
            identities.insert(candidate.patient, (candidate.identity.clone(), *envelope));
        }
        drop(identities);
        let candidates = candidates.into_iter().map(|(candidate, _)| candidate).collect();
        Ok(SearchOutcome { candidates, more, branches: tally.lines() })
    }
}

impl Inner {
    async fn open_identities(
        &self,
        branch: &Arc<Branch>,
        found: Found,
        tally: &Tally,
    ) -> Result<Vec<Opened>, ClientError> {
        let (main_height, side_height) = (found.main_height, found.side_height);
        tally.answered(branch.id(), found.patients.len());
        let (session, network, id) = (self.session.clone(), self.network, branch.id());
        let opened = heavy(move || {
            let open = |patient| open_identity(&session, network, id, (main_height, side_height), patient);
            found.patients.into_iter().map(open).collect::<Vec<_>>()
        })
        .await?;
        let all = opened.len();
        let opened: Vec<Opened> = opened.into_iter().flatten().collect();
        tally.verified(id, opened.len());
        if opened.len() < all {
            tally.invalid(id, format!("{} of {all} identities do not open", all - opened.len()));
        }
        Ok(opened)
    }
}

fn open_identity(
    session: &Session,
    network: NetworkId,
    branch: u16,
    (main_height, side_height): (u64, u64),
    found: FoundPatient,
) -> Option<Opened> {
    let envelope = Digest::of(&found.envelope.0);
    let context = ReleaseContext {
        network,
        branch,
        object: *found.patient.bytes(),
        pointer: envelope,
        session: session.agreement_public(),
        main_height,
        side_height,
        audit: found.audit,
    };
    let Ok(Held::Whole(key)) = accept(&found.release.0, session.agreement(), &context) else { return None };
    let (header, plain) = open(&key, &found.envelope.0).ok()?;
    let right = header.content == Content::Identity && header.object == *found.patient.bytes();
    let identity = Identity::from_bytes(plain.expose()).ok().filter(|_| right)?;
    Some(Opened { patient: found.patient, envelope, identity })
}

/// One candidate for each patient. Where branches give different identities, the one that a history proved or that
/// most of them give stands, and the others' answers are invalid.
fn merge(
    opened: Vec<(u16, Vec<Opened>)>,
    tally: &Tally,
    known: &BTreeMap<PatientId, (Identity, Digest)>,
) -> Vec<(Candidate, Digest)> {
    let mut versions: BTreeMap<PatientId, BTreeMap<Digest, (Identity, Vec<u16>)>> = BTreeMap::new();
    for (branch, patients) in opened {
        for one in patients {
            let version = versions.entry(one.patient).or_default().entry(one.envelope);
            version.or_insert_with(|| (one.identity, Vec::new())).1.push(branch);
        }
    }
    let mut candidates = Vec::with_capacity(versions.len());
    for (patient, versions) in versions {
        let known = known.get(&patient).map(|(_, envelope)| *envelope);
        let best = versions
            .iter()
            .max_by_key(|(envelope, (_, from))| (from.len(), known == Some(**envelope)))
            .map(|(envelope, _)| *envelope);
        for (envelope, (identity, mut from)) in versions {
            if Some(envelope) == best {
                from.sort_unstable();
                from.dedup();
                candidates.push((Candidate { patient, identity, from }, envelope));
            } else {
                for branch in from {
                    tally.invalid(branch, "it gave another identity of a patient than the others".to_owned());
                }
            }
        }
    }
    candidates.sort_by_key(|(candidate, _)| name(&candidate.identity));
    candidates
}

/// Whether a name that goes on after this beginning is not found by it: one letter, where a letter is not yet a word.
fn is_too_short(term: &str) -> bool {
    let Some(word) = term.strip_prefix("name:").filter(|word| word.chars().count() == 1) else {
        return false;
    };
    let longer = Identity { family: word.repeat(3).as_str().into(), ..Identity::default() };
    !longer.search_terms().iter().any(|found_by| found_by == term)
}

fn name(identity: &Identity) -> (String, String) {
    (identity.family.to_lowercase(), identity.given.to_lowercase())
}
