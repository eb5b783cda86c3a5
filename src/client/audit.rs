//! Branches' audit logs, held against the roots that they put on the main chain.

use crate::{branch::Target, error::ClientError, group::Group};
use wardline_crypto::{Digest, merkle};
use wardline_ledger::{AccessEntry, BranchId, Canonical, Chain, Key};
use wardline_wire::{AuditEntry, AuditLog, RouteId};

/// A page of a branch's audit log.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// Whose log.
    pub branch: u16,
    /// Entries of the whole log.
    pub size: u64,
    /// RFC 6962 root over the whole log, as the branch says.
    pub root: Digest,
    /// The entries asked for, by their number.
    pub entries: Vec<AuditEntry>,
    /// The newest root of this log that is final on the main chain, proven.
    pub on_chain: Option<AccessEntry>,
    /// Whether the page is exactly what the root on the main chain commits to: told only for a page from 0 that
    /// reaches that far.
    pub matches_chain: Option<bool>,
}

impl Group {
    /// Entries of one branch's audit log from number `from`, at most `limit` (512).
    ///
    /// # Errors
    /// When the branch does not answer, refuses, or gives entries that do not decode.
    pub async fn audit(&self, branch: u16, from: u64, limit: u64) -> Result<AuditPage, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let asked = inner.branch(branch).ok_or(ClientError::UnknownBranch(branch))?;
        let target = Target::of(RouteId::Audit).query(&[("from", from), ("limit", limit)]);
        let key = Key::AccessRoot(BranchId(branch)).bytes();
        // The chain first: what it has by then must be in a log that is read later.
        let on_chain = match inner.proven(Chain::Main, &[key]).await?.values.into_iter().next().flatten() {
            Some(bytes) => {
                Some(AccessEntry::decode(&bytes).map_err(|error| asked.unverified(error.to_string()))?)
            }
            None => None,
        };
        let log: AuditLog = asked.get(target).await.map_err(|error| asked.failed(error))?;
        if on_chain.as_ref().is_some_and(|entry| entry.size > log.size) {
            return Err(asked.unverified("its audit log is shorter than what it put on the main chain"));
        }
        let leaves: Vec<Digest> = log.entries.iter().map(|bytes| merkle::leaf_hash(&bytes.0)).collect();
        let matches_chain = on_chain.as_ref().filter(|_| from == 0).and_then(|entry| {
            let covered = leaves.get(..usize::try_from(entry.size).ok()?)?;
            Some(merkle::root(covered) == entry.root)
        });
        let decoded = log.entries.iter().map(|bytes| AuditEntry::decode(&bytes.0));
        let entries =
            decoded.collect::<Result<_, _>>().map_err(|error| asked.unverified(error.to_string()))?;
        Ok(AuditPage { branch, size: log.size, root: log.root, entries, on_chain, matches_chain })
    }
}
