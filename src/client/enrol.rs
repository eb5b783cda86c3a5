//! A new patient: identity sealed, kept at the trusted branches, enrolled on the side chain.

use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    keep::{GRACE, IN_FLIGHT},
};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use wardline_crypto::{
    AgreementPublic, Content, DataKey, Digest, Header, OsEntropy, SealError, Suite, WrapContext, seal,
    wrap_whole,
};
use wardline_ledger::{Body, Chain, Enrol, MAX_IDENTITY, NetworkId, PatientId, Transaction};
use wardline_record::Identity;
use wardline_wire::{IdentityKept, KeepIdentity, RouteId};

/// An enrolment under way: a second attempt goes on where the first one stopped.
pub(crate) struct EnrolDraft {
    patient: PatientId,
    identity: Identity,
    terms: Vec<String>,
    envelope: Vec<u8>,
    stanzas: BTreeMap<u16, Vec<u8>>,
    kept: BTreeSet<u16>,
    transaction: Option<Transaction>,
}

impl Group {
    /// Enrols a patient: seals the identity, leaves it with every trusted branch, and puts it on the side chain.
    /// Returns when that is final and verified. The same identity tried again in
    /// the same session is the same patient until it succeeds.
    ///
    /// # Errors
    /// When the form has errors, too few branches keep the identity, or the enrolment is refused or not final in
    /// time.
    pub async fn enrol(&self, identity: &Identity) -> Result<PatientId, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let errors = identity.check();
        if !errors.is_empty() {
            return Err(ClientError::Fields(errors));
        }
        let name = Digest::of_parts(&[b"identity", &identity.to_bytes()]);
        let draft = inner.enrolments.slot(name);
        let mut slot = draft.lock().await;
        let enrolled = inner.enrol(identity, &mut slot).await;
        if enrolled.is_ok() {
            inner.enrolments.forget(&name);
        }
        enrolled
    }

    /// Enrols many, several at once; results in the order given.
    pub async fn enrol_all(&self, identities: Vec<Identity>) -> Vec<Result<PatientId, ClientError>> {
        let numbered = identities.into_iter().enumerate();
        let mut results: Vec<_> = futures::stream::iter(numbered)
            .map(|(index, identity)| async move { (index, self.enrol(&identity).await) })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await;
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

impl Inner {
    async fn enrol(
        &self,
        identity: &Identity,
        slot: &mut Option<EnrolDraft>,
    ) -> Result<PatientId, ClientError> {
        let home = self.home()?.id();
        let holders: Vec<_> =
            self.on(Chain::Side).iter().map(|branch| (branch.id(), branch.participant.wrap)).collect();
        let draft = match slot {
            Some(draft) => draft,
            None => {
                let (network, suite, identity) = (self.network, self.rules().suite(), identity.clone());
                let sealed = heavy(move || seal_identity(network, suite, identity, &holders)).await??;
                slot.insert(sealed)
            }
        };
        self.keep_identity(draft, home).await?;

        let transaction = draft.transaction.get_or_insert_with(|| {
            let body = Body::Enrol(Enrol { patient: draft.patient, identity: draft.envelope.clone() });
            self.session.transaction(self.network, body)
        });
        self.settle(Chain::Side, transaction).await.map_err(|error| ClientError::Stopped {
            step: "kept, not enrolled",
            why: error.to_string(),
            safe: "The identity is kept, sealed; trying again before this session is locked or closed makes no second \
                   patient, later search for the patient first"
                .to_owned(),
        })?;
        locked(&self.identities).insert(draft.patient, (draft.identity.clone(), Digest::of(&draft.envelope)));
        Ok(draft.patient)
    }

    /// Leaves the identity with all trusted branches at once; the home branch and enough others must keep it.
    async fn keep_identity(&self, draft: &mut EnrolDraft, home: u16) -> Result<(), ClientError> {
        let wanted = usize::from(self.rules().policy.copies_min);
        let mut failures = Vec::new();
        let mut running = FuturesUnordered::new();
        self.may_write(home)?;
        for branch in self.on(Chain::Side) {
            if let Err(error) = self.may_write(branch.id()) {
                failures.push(format!("{}: {error}", branch.name()));
                continue;
            }
            let Some(stanza) = draft.stanzas.get(&branch.id()).filter(|_| !draft.kept.contains(&branch.id()))
            else {
                continue;
            };
            let body = KeepIdentity {
                envelope: draft.envelope.as_slice().into(),
                stanza: stanza.as_slice().into(),
                terms: draft.terms.clone(),
            };
            // A task of its own, so that slow branches still get it after the others were enough.
            running.push(tokio::spawn(keep_at(branch, draft.patient, body)));
        }
        let enough = |kept: &BTreeSet<u16>| kept.contains(&home) && kept.len() >= wanted;
        while let Some(result) = next(&mut running, enough(&draft.kept).then_some(GRACE)).await {
            let (branch, result) = result.map_err(|_| ClientError::Worker)?;
            match result {
                Ok(_) => drop(draft.kept.insert(branch.id())),
                Err(error) => failures.push(format!("{}: {error}", branch.name())),
            }
        }
        if enough(&draft.kept) {
            return Ok(());
        }
        Err(ClientError::Stopped {
            step: "not enrolled",
            why: format!(
                "{} of {wanted} branches keep the identity ({})",
                draft.kept.len(),
                failures.join("; ")
            ),
            safe: "Nothing is on the chain; try again".to_owned(),
        })
    }
}

async fn keep_at(
    branch: Arc<Branch>,
    patient: PatientId,
    body: KeepIdentity,
) -> (Arc<Branch>, Result<IdentityKept, BranchError>) {
    let kept = branch.ask(Target::with(RouteId::KeepIdentity, patient), &body).await;
    (branch, kept)
}

/// The next result; with a limit, nothing once it passes.
pub(crate) async fn next<F: Future>(
    running: &mut FuturesUnordered<F>,
    limit: Option<Duration>,
) -> Option<F::Output> {
    match limit {
        None => running.next().await,
        Some(limit) => tokio::time::timeout(limit, running.next()).await.ok().flatten(),
    }
}

fn seal_identity(
    network: NetworkId,
    suite: Suite,
    identity: Identity,
    holders: &[(u16, AgreementPublic)],
) -> Result<EnrolDraft, ClientError> {
    let failed = |error: SealError| ClientError::Seal(error.to_string());
    let mut entropy = OsEntropy;
    let patient = PatientId::draw(&mut entropy);
    let key = DataKey::generate(&mut entropy);
    let plain = wardline_crypto::SecretBytes::new(identity.to_bytes());
    let header = Header { suite, content: Content::Identity, object: *patient.bytes(), version: 1 };
    let envelope = seal(&key, &header, plain.expose(), &mut entropy).map_err(failed)?;
    if envelope.len() > MAX_IDENTITY {
        return Err(ClientError::Seal("the identity is too long: shorten it".to_owned()));
    }
    let context = |branch| WrapContext {
        network,
        object: *patient.bytes(),
        version: header.version,
        pointer: Digest::of(&envelope),
        branch,
    };
    let stanzas = holders
        .iter()
        .map(|(branch, to)| Ok((*branch, wrap_whole(&key, to, &context(*branch), &mut entropy)?.encode())))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let terms = identity.search_terms();
    Ok(EnrolDraft { patient, identity, terms, envelope, stanzas, kept: BTreeSet::new(), transaction: None })
}
