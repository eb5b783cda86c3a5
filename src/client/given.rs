//! Blocks and envelopes as one branch gives them, not verified: for a caller that does all of it again itself, as the
//! repair of a node's files does.

use crate::{branch::Target, error::ClientError, group::Group, sync::handed_over};
use std::{collections::BTreeMap, sync::Arc};
use wardline_ledger::{Chain, RecordId, StateProof};
use wardline_wire::{Block, Envelopes, EnvelopesQuery, HEADERS_PER_REPLY_MAX, RouteId};

/// A page of headers that nobody verified.
#[derive(Default)]
pub struct GivenHeaders {
    /// Header and certificate from the asked height on.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// By epoch: the validators that an end of an epoch hands over to, and their proof.
    pub handovers: BTreeMap<u64, (Vec<u8>, StateProof)>,
}

impl Group {
    /// Headers from a height on, as this branch gives them; empty behind its newest.
    ///
    /// # Errors
    /// When the branch is not known, refuses or does not answer.
    pub async fn given_headers(
        &self,
        branch: u16,
        chain: Chain,
        from: u64,
    ) -> Result<GivenHeaders, ClientError> {
        let branch = self.known(branch)?;
        let page = self.inner.headers_of(branch, chain, from, HEADERS_PER_REPLY_MAX).await?;
        let one = |one: wardline_wire::CertifiedHeader| (one.header.0, one.certificate.map(|bytes| bytes.0));
        let handovers = handed_over(branch, page.handovers)?;
        Ok(GivenHeaders { headers: page.headers.into_iter().map(one).collect(), handovers })
    }

    /// The body at a height, as this branch gives it.
    ///
    /// # Errors
    /// When the branch is not known, refuses or does not answer. Bodies of the side chain need role auditor.
    pub async fn given_body(&self, branch: u16, chain: Chain, height: u64) -> Result<Vec<u8>, ClientError> {
        let branch = self.known(branch)?;
        let route = match chain {
            Chain::Main => RouteId::MainBlock,
            Chain::Side => RouteId::SideBlock,
        };
        let block: Result<Block, _> = branch.get(Target::with(route, height)).await;
        Ok(block.map_err(|error| branch.failed(error))?.body.0)
    }

    /// A record's sealed envelope, as this branch gives it; nothing when it has none.
    ///
    /// # Errors
    /// When the branch is not known, refuses or does not answer.
    pub async fn given_envelope(
        &self,
        branch: u16,
        record: RecordId,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let branch = self.known(branch)?;
        let query = EnvelopesQuery { records: vec![record] };
        let reply: Result<Envelopes, _> = branch.ask(Target::of(RouteId::Envelopes), &query).await;
        let reply = reply.map_err(|error| branch.failed(error))?;
        Ok(reply.envelopes.into_iter().next().flatten().map(|bytes| bytes.0))
    }

    fn known(&self, id: u16) -> Result<&Arc<crate::branch::Branch>, ClientError> {
        self.inner.in_session()?;
        self.inner.branch(id).ok_or(ClientError::UnknownBranch(id))
    }
}
