//! One branch's blocks as they come: each line signed, each tip its own.
//!
//! It must not judge whether a block is one; whoever reads the stream does.

use crate::{
    answer::{Asked, SignedBody},
    branch::{Branch, BranchError, Target, parse},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use wardline_ledger::{Canonical, Chain, SignedTip};
use wardline_wire::{RouteId, StreamBlock, StreamItem};

/// How long a branch may say nothing: three of its heartbeats.
pub(crate) const SILENCE: Duration = Duration::from_secs(6);
/// Longest line: a header, a certificate of fifty signatures and a set of validators with its proof.
const LINE_MAX: usize = 256 * 1024;

/// One thing that a branch said.
#[derive(Clone, Debug)]
pub(crate) struct Streamed {
    /// A block, or nothing new.
    pub(crate) block: Option<StreamBlock>,
    /// The branch's own word on how far it is.
    pub(crate) tip: SignedTip,
    /// The line as the branch signed it.
    pub(crate) proof: Arc<SignedBody>,
}

/// A stream of blocks that a branch is sending.
pub(crate) struct BlockStream {
    branch: Arc<Branch>,
    chain: Chain,
    response: reqwest::Response,
    asked: Asked,
    part: u32,
    pending: Vec<u8>,
}

impl Branch {
    /// The blocks of a chain from a height on.
    pub(crate) async fn stream(
        self: &Arc<Self>,
        chain: Chain,
        from: u64,
    ) -> Result<BlockStream, BranchError> {
        let route = match chain {
            Chain::Main => RouteId::MainStream,
            Chain::Side => RouteId::SideStream,
        };
        let (response, asked) =
            self.lines(Target::of(route).query(&[("from", from)]).at_any_height()).await?;
        Ok(BlockStream { branch: self.clone(), chain, response, asked, part: 0, pending: Vec::new() })
    }
}

impl BlockStream {
    /// What the branch says next; nothing when it has ended the stream, as it does after some minutes.
    ///
    /// # Errors
    /// Silence, a broken connection, or a line that is not signed or does not parse. The stream is of no use then.
    pub(crate) async fn next(&mut self) -> Result<Option<Streamed>, BranchError> {
        let line = match timeout(SILENCE, self.line()).await {
            Ok(line) => line?,
            Err(_) => {
                return Err(BranchError::Silent(u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX)));
            }
        };
        line.map(|line| self.read(&line)).transpose()
    }

    async fn line(&mut self) -> Result<Option<Vec<u8>>, BranchError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let rest = self.pending.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.pending, rest);
                line.pop();
                return Ok(Some(line));
            }
            if self.pending.len() > LINE_MAX {
                return Err(BranchError::Malformed("with a line without end".to_owned()));
            }
            match self.response.chunk().await.map_err(|error| self.branch.transport(&error))? {
                Some(chunk) => self.pending.extend_from_slice(&chunk),
                None if self.pending.is_empty() => return Ok(None),
                None => return Err(BranchError::Unreachable),
            }
        }
    }

    fn read(&mut self, line: &[u8]) -> Result<Streamed, BranchError> {
        let malformed = || BranchError::Malformed("a line that does not parse".to_owned());
        let space = line.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let (signature, item) = line.split_at_checked(space).ok_or_else(malformed)?;
        let item = item.strip_prefix(b" ").ok_or_else(malformed)?;
        let signature = std::str::from_utf8(signature).map_err(|_| malformed())?;
        self.part = self.part.saturating_add(1);
        let proof = self.asked.signed(signature, self.part, item.to_vec())?;
        let StreamItem { block, tip } = parse(item)?;
        let tip = SignedTip::decode(&tip.0).map_err(|_| malformed())?;
        let participant = &self.branch.participant;
        let own = tip.network == self.asked.network
            && tip.chain == self.chain
            && tip.branch == participant.id
            && tip.verify(&participant.signing);
        if !own {
            return Err(BranchError::Malformed("without its own signed tip".to_owned()));
        }
        Ok(Streamed { block, tip, proof: Arc::new(proof) })
    }
}
