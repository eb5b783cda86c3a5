//! Saying, for good, whose history is wanted, for what purpose and why.

use crate::{error::ClientError, group::Group};
use wardline_crypto::OsEntropy;
use wardline_ledger::{Body, Chain, Lookup, LookupId, MAX_REASON, PatientId};
use wardline_policy::Purpose;

/// A lookup that is final on the side chain, verified here. Everything about the patient is asked under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalLookup {
    /// Its id.
    pub id: LookupId,
    /// Its block.
    pub height: u64,
}

impl Group {
    /// Puts a lookup on the side chain and waits until it is final and verified.
    ///
    /// # Errors
    /// When the reason is empty, longer than 200 bytes or has control characters, when the rules refuse it, or when
    /// it is not final in time.
    pub async fn look_up(
        &self,
        patient: PatientId,
        purpose: Purpose,
        reason: &str,
    ) -> Result<FinalLookup, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        inner.home()?;
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(ClientError::Refused(format!("a reason has 1 to {MAX_REASON} bytes on one line")));
        }
        let id = LookupId::draw(&mut OsEntropy);
        let body = Body::Lookup(Lookup { lookup: id, patient, purpose, reason: reason.to_owned() });
        let transaction = inner.session.transaction(inner.network, body);
        let settled = inner.settle(Chain::Side, &transaction).await?;
        inner.keep_lookup(id, &transaction);
        Ok(FinalLookup { id, height: settled.height })
    }
}
