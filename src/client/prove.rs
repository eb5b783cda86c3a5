//! Proving to a stranger that something is on a chain: a transaction, a record, a lookup.
//!
//! What is made is checked as the stranger would check it before it is handed out.

use crate::{
    branch::{Branch, Target},
    error::ClientError,
    group::{Group, Inner, locked},
    race::first_good,
};
use bytes::Bytes;
use std::{io, path::Path, sync::Arc, time::Duration};
use wardline_crypto::Digest;
use wardline_ledger::{
    Body, Canonical, Chain, LookupId, NetworkId, RecordId, TxId,
    evidence::{FinalBlock, Included, Kind, Part, Proven, Verdict},
};
use wardline_policy::{Operation, Request, decide};
use wardline_wire::{Finality, RouteId, evidence::check};

/// What is to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToProve {
    /// A transaction of a chain, by its id.
    Transaction {
        /// The chain.
        chain: Chain,
        /// SHA-256 of its bytes.
        id: TxId,
    },
    /// The storage transaction of a record's newest version.
    Record(RecordId),
    /// A lookup, in the block that it became final in.
    Lookup {
        /// Its id.
        id: LookupId,
        /// Its block.
        height: u64,
    },
}

/// A proof that somebody else checks offline.
#[derive(Clone, Debug)]
pub struct MadeEvidence {
    /// The file's bytes (`docs/format/evidence.md`).
    pub file: Vec<u8>,
    /// What it shows.
    pub proven: Proven,
}

/// Checks an evidence file offline. `network` is SHA-256 of the genesis document, which the reader has from elsewhere.
pub fn check_evidence(file: &[u8], network: &NetworkId) -> Verdict {
    check(file, network)
}

/// Writes evidence into a new file that its owner alone may read, whole or not at all.
///
/// # Errors
/// When the file exists already, or cannot be written.
pub fn write_evidence(path: &Path, file: &[u8]) -> io::Result<()> {
    crate::alarm::write_new(path, file)
}

impl Group {
    /// Proves that something is final: the block with its certificate, the transaction, and the way between them.
    ///
    /// Of the side chain's transactions only auditors get the bytes; of a lookup that this very session made it has
    /// them itself.
    ///
    /// # Errors
    /// When this person may not see the transaction, it is not final, or nobody gives what proves it.
    pub async fn evidence(&self, what: ToProve) -> Result<MadeEvidence, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let (chain, (block, included)) = match what {
            ToProve::Record(record) => {
                inner.reach_head(Chain::Main).await?;
                (Chain::Main, inner.stored(record).await?)
            }
            ToProve::Transaction { chain, id } => (chain, inner.by_id(chain, id).await?),
            ToProve::Lookup { id, height } => (Chain::Side, inner.by_lookup(id, height).await?),
        };
        let parts = vec![Part::Block(block), Part::Transaction(included)];
        let built = inner.build(chain, Kind::Inclusion, Vec::new(), parts, None).await?;
        match built.verdict {
            Verdict::Holds(proven) => Ok(MadeEvidence { file: built.file, proven: *proven }),
            Verdict::Refuted(why) => Err(ClientError::NoEvidence(why.to_string())),
            Verdict::NotEvidence(why) => Err(ClientError::NoEvidence(why.to_string())),
        }
    }
}

impl Inner {
    /// Verifies the chain as far as a branch has it, so that what is final by now is found.
    async fn reach_head(&self, chain: Chain) -> Result<(), ClientError> {
        // The proof's header is followed on the way; nothing else of it is needed.
        self.proven(chain, &[wardline_ledger::Key::Policy.bytes()]).await.map(drop)
    }

    async fn by_id(&self, chain: Chain, id: TxId) -> Result<(FinalBlock, Included), ClientError> {
        self.may_read_blocks(chain)?;
        let (_, (height, index)) =
            first_good(self.on(chain), |branch| async move { self.place(&branch, chain, id).await }).await?;
        let whole = self.whole_block(chain, height).await?;
        let included = whole.included(index).filter(|included| Digest::of(&included.transaction) == id);
        let included = included.ok_or_else(|| {
            ClientError::NoEvidence(format!("the transaction is not in block {height} of the {chain} chain"))
        })?;
        Ok((self.final_block(chain, height).await?, included))
    }

    /// Block and index of a final transaction, by one branch's word; the block's content shows whether it is true.
    async fn place(&self, branch: &Arc<Branch>, chain: Chain, id: TxId) -> Result<(u64, usize), ClientError> {
        match self.finality_of(branch, chain, id).await? {
            Finality::Final { header, certificate, index, .. } => {
                let certificate = certificate.as_ref().map(|bytes| bytes.0.as_slice());
                let known = self.verified(chain, &header.0, certificate, branch).await?;
                let index =
                    usize::try_from(index).map_err(|_| branch.unverified("an index that cannot be"))?;
                Ok((known.header.height, index))
            }
            _ => {
                Err(ClientError::NoEvidence(format!("transaction `{id}` is not final on the {chain} chain")))
            }
        }
    }

    async fn finality_of(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        id: TxId,
    ) -> Result<Finality, ClientError> {
        let route = match chain {
            Chain::Main => RouteId::MainFinality,
            Chain::Side => RouteId::SideFinality,
        };
        let target = Target::with(route, id).query(&[("wait_ms", 0)]);
        branch.wait(target, Bytes::new(), Duration::ZERO).await.map_err(|error| branch.failed(error))
    }

    async fn by_lookup(&self, id: LookupId, height: u64) -> Result<(FinalBlock, Included), ClientError> {
        let own = locked(&self.lookups).get(&id).cloned();
        if let Some(transaction) = own {
            let (_, proof) = first_good(self.on(Chain::Side), |branch| {
                let transaction = transaction.clone();
                async move { self.own(&branch, transaction).await }
            })
            .await?;
            return Ok(proof);
        }
        self.may_read_blocks(Chain::Side)?;
        self.reach_head(Chain::Side).await?;
        let is_it = |transaction: &wardline_ledger::Transaction| matches!(&transaction.body, Body::Lookup(lookup) if lookup.lookup == id);
        self.find(Chain::Side, height, is_it).await
    }

    /// The proof of a transaction whose bytes this session has.
    async fn own(
        &self,
        branch: &Arc<Branch>,
        transaction: Vec<u8>,
    ) -> Result<(FinalBlock, Included), ClientError> {
        let chain = Chain::Side;
        match self.finality_of(branch, chain, Digest::of(&transaction)).await? {
            Finality::Final { header, certificate, index, inclusion } => {
                let bytes = certificate.as_ref().map(|bytes| bytes.0.as_slice());
                let known = self.verified(chain, &header.0, bytes, branch).await?;
                let block = self.final_block(chain, known.header.height).await?;
                let included = Included { transaction, index: index.into(), inclusion };
                // Here already: another branch may have the way to the root that this one has not.
                let parts = vec![Part::Block(block.clone()), Part::Transaction(included.clone())];
                let built = self.build(chain, Kind::Inclusion, Vec::new(), parts, None).await?;
                match built.verdict {
                    Verdict::Holds(_) => Ok((block, included)),
                    Verdict::Refuted(why) => Err(branch.unverified(why.to_string())),
                    Verdict::NotEvidence(why) => Err(branch.unverified(why.to_string())),
                }
            }
            _ => Err(ClientError::NoEvidence("the lookup is not final".to_owned())),
        }
    }

    /// Refuses before anything is asked what the branches would refuse, and would write down.
    fn may_read_blocks(&self, chain: Chain) -> Result<(), ClientError> {
        let operation = match chain {
            Chain::Main => Operation::ReadMainChain,
            Chain::Side => Operation::ReadSideBlocks,
        };
        let decision = decide(&Request {
            own_branch: true,
            trusted_branch: self.trust(Chain::Side).is_ok(),
            ..Request::new(operation, self.session.roles())
        });
        if decision.allowed {
            return Ok(());
        }
        Err(ClientError::Refused(format!(
            "whole blocks of the {chain} chain tell of other patients: {decision}; whoever made a lookup gets its \
             evidence with `wardline lookup --evidence`"
        )))
    }

    /// Keeps the bytes of a lookup of this session, which nobody else gives back to its maker.
    pub(crate) fn keep_lookup(&self, id: LookupId, transaction: &wardline_ledger::Transaction) {
        locked(&self.lookups).insert(id, transaction.encode());
    }
}
