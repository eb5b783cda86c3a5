//! State values with their proofs: asked of any branch, believed under a verified header alone.

use crate::{
    branch::{Branch, Target},
    error::ClientError,
    group::Inner,
    race::first_good,
    trust::Known,
};
use std::sync::Arc;
use wardline_ledger::{Chain, StateProof};
use wardline_wire::{KEYS_PER_REQUEST_MAX, Proofs, ProofsQuery, ProvenValue, RouteId};

/// Values of one state, proven.
pub(crate) struct Proven {
    /// The lowest of the headers that the values were proven under.
    pub(crate) height: u64,
    /// In the order asked; `None`: proven absent.
    pub(crate) values: Vec<Option<Vec<u8>>>,
}

impl Inner {
    /// Values at a height that this console has verified by now, or above.
    pub(crate) async fn proven(&self, chain: Chain, keys: &[Vec<u8>]) -> Result<Proven, ClientError> {
        let least = self.trust(chain)?.head().header.height;
        let mut proven = Proven { height: u64::MAX, values: Vec::with_capacity(keys.len()) };
        let pages = keys.chunks(KEYS_PER_REQUEST_MAX).map(|page| {
            first_good(self.on(chain), move |branch| async move {
                self.proven_by(&branch, chain, page, least).await
            })
        });
        for page in futures::future::try_join_all(pages).await? {
            let (_, (header, values)) = page;
            proven.height = proven.height.min(header.header.height);
            proven.values.extend(values);
        }
        if keys.is_empty() {
            proven.height = least;
        }
        Ok(proven)
    }

    /// Values by one branch, at `least` or above.
    pub(crate) async fn proven_by(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        keys: &[Vec<u8>],
        least: u64,
    ) -> Result<(Known, Vec<Option<Vec<u8>>>), ClientError> {
        let route = match chain {
            Chain::Main => RouteId::MainProofs,
            Chain::Side => RouteId::SideProofs,
        };
        let query = ProofsQuery { keys: keys.iter().map(|key| key.as_slice().into()).collect() };
        let reply: Proofs =
            branch.ask(Target::of(route), &query).await.map_err(|error| branch.failed(error))?;
        let certificate = reply.certificate.as_ref().map(|bytes| bytes.0.as_slice());
        let header = self.verified(chain, &reply.header.0, certificate, branch).await?;
        if header.header.height < least {
            return Err(branch.unverified("its state is older than what was verified before"));
        }
        if reply.entries.len() != keys.len() {
            return Err(branch.unverified("it left values out"));
        }
        let values = keys
            .iter()
            .zip(reply.entries)
            .map(|(key, entry)| checked(branch, &header, key, entry))
            .collect::<Result<_, _>>()?;
        Ok((header, values))
    }
}

/// The value, if the proof leads from key and value to the header's state root.
pub(crate) fn checked(
    branch: &Branch,
    header: &Known,
    key: &[u8],
    entry: ProvenValue,
) -> Result<Option<Vec<u8>>, ClientError> {
    let value = entry.value.map(|value| value.0);
    StateProof::from_bytes(&entry.proof.0)
        .map_err(|error| branch.unverified(error.to_string()))?
        .verify(&header.header.state_root, key, value.as_deref())
        .map_err(|error| branch.unverified(error.to_string()))?;
    Ok(value)
}
