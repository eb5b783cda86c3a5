//! A patient's list of records: asked of all trusted branches, proven whole under the verified side chain.

use crate::{
    alarm::Finding,
    answer::{Given, SignedBody},
    branch::{Branch, Target},
    error::ClientError,
    group::Inner,
    lookup::FinalLookup,
    proof::{Proven, checked},
    tally::Tally,
    trust::Known,
};
use std::{collections::BTreeMap, sync::Arc};
use wardline_ledger::{BranchId, Canonical, Chain, Key, PatientEntry, PatientId, RecordEntry, RecordId};
use wardline_wire::{Links, LinksQuery, RouteId};

/// What one branch says a patient's records are, with the state entry that they are held against.
pub(crate) struct Claim {
    pub(crate) branch: Arc<Branch>,
    pub(crate) header: Known,
    pub(crate) entry: PatientEntry,
    pub(crate) links: Vec<(RecordId, BranchId)>,
    /// The branch's signature under all of it.
    pub(crate) proof: Arc<SignedBody>,
}

impl Claim {
    /// Whether the list is exactly the patient's entry: none missing, none added, none moved.
    pub(crate) fn is_whole(&self) -> bool {
        self.entry.proves_whole(&self.links)
    }
}

/// The main chain's word on records.
pub(crate) struct Pointers {
    /// Verified height of the main chain.
    pub(crate) height: u64,
    /// What is not here was proven not to be there.
    pub(crate) entries: BTreeMap<RecordId, RecordEntry>,
}

impl Inner {
    /// One branch's list, of height `least` or above. The patient's entry is proven; whether the list is the entry's
    /// is not looked at yet.
    pub(crate) async fn claim(
        &self,
        branch: Arc<Branch>,
        patient: PatientId,
        lookup: &FinalLookup,
        least: u64,
        tally: &Tally,
    ) -> (Arc<Branch>, Result<Claim, ClientError>) {
        let query = LinksQuery { patient, lookup: lookup.id };
        let reply: Given<Links> = match branch.ask_kept(Target::of(RouteId::Links), &query).await {
            Ok(reply) => reply,
            Err(error) => {
                tally.failed(&branch, &error);
                let failed = branch.failed(error);
                return (branch, Err(failed));
            }
        };
        let proof = reply.proof.clone();
        let claim = self.check_claim(&branch, patient, least, reply).await;
        if let Err(ClientError::Unverified { what, .. }) = &claim {
            tally.invalid(branch.id(), what.clone());
            // Whether it is a lie, and not a list from before, is for the evidence to show.
            tally.found(Finding::Omission { proof });
        }
        (branch, claim)
    }

    async fn check_claim(
        &self,
        branch: &Arc<Branch>,
        patient: PatientId,
        least: u64,
        reply: Given<Links>,
    ) -> Result<Claim, ClientError> {
        let Given { value: reply, proof } = reply;
        let certificate = reply.certificate.as_ref().map(|bytes| bytes.0.as_slice());
        let header = self.verified(Chain::Side, &reply.header.0, certificate, branch).await?;
        if header.header.height < least {
            return Err(
                branch.unverified("its list of the patient's records is older than what was verified before")
            );
        }
        let value = checked(branch, &header, &Key::Patient(patient).bytes(), reply.patient)?;
        let value =
            value.ok_or_else(|| ClientError::Refused("the side chain has no such patient".to_owned()))?;
        let entry = PatientEntry::decode(&value).map_err(|error| branch.unverified(error.to_string()))?;
        if reply.records.len() != reply.branches.len() {
            return Err(branch.unverified("its list of the patient's records is malformed"));
        }
        let links = reply.records.into_iter().zip(reply.branches.into_iter().map(BranchId)).collect();
        Ok(Claim { branch: branch.clone(), header, entry, links, proof })
    }

    /// Proves what the main chain has of records.
    pub(crate) async fn pointers(&self, links: &[(RecordId, BranchId)]) -> Result<Pointers, ClientError> {
        let keys: Vec<Vec<u8>> = links.iter().map(|(record, _)| Key::Record(*record).bytes()).collect();
        let Proven { height, values } = self.proven(Chain::Main, &keys).await?;
        let mut entries = BTreeMap::new();
        for ((record, _), value) in links.iter().zip(values) {
            if let Some(bytes) = value {
                let entry = RecordEntry::decode(&bytes).map_err(|error| {
                    ClientError::NoneUsable(format!("a record's entry is malformed: {error}"))
                })?;
                entries.insert(*record, entry);
            }
        }
        Ok(Pointers { height, entries })
    }
}
