//! Blocks for people to look at: the list of a chain, one block with its transactions and who signed it.
//!
//! Every line hangs on the verified chain. Signers are those whose signatures were checked for this very answer, with
//! the validators of the block's epoch; a body counts when its Merkle root is the verified header's. What a branch gives
//! that does not fit is told as an alarm and never shown as the block. It must not judge whether a transaction is
//! allowed: the branches that signed have executed it.

use crate::{
    branch::{Branch, BranchError, Target},
    error::ClientError,
    group::{Group, Inner, heavy, locked},
    race::first_good,
    trust::Known,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{Arc, Mutex},
};
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Chain, Transaction, TxId, certificate, decode_body, namespace, transaction_root,
};
use wardline_policy::{Operation, Request, decide};
use wardline_wire::{Block, HEADERS_PER_REPLY_MAX, RouteId};

/// A block of the verified chain, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLine {
    /// Blocks before it.
    pub height: u64,
    /// The block's time, Unix seconds.
    pub time_s: u64,
    /// The epoch, whose validators sign it.
    pub epoch: u64,
    /// SHA-256 of its header.
    pub digest: Digest,
    /// Transactions in it, as its header says.
    pub transactions: u32,
    /// By whose signatures it is final.
    pub certified: Certified,
}

/// Why a block of the verified chain is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certified {
    /// It is the genesis, which this console has from its own files.
    Genesis,
    /// By a certificate of its own. Each of these signatures was checked for this answer.
    Own {
        /// The branches that signed, by name.
        signers: Vec<String>,
        /// Validators of its epoch.
        of: usize,
    },
    /// It was given without a certificate; a later block that is certified leads back to it.
    ByLater,
    /// It is the newest, this console has verified it, and the branch that was asked now gives no certificate.
    Before,
}

/// All of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDetail {
    /// Which chain's.
    pub chain: Chain,
    /// What the list shows of it.
    pub line: BlockLine,
    /// Digest of the header before; zero in the genesis block.
    pub parent: Digest,
    /// RFC 6962 root over its transactions.
    pub transaction_root: Digest,
    /// Root of the state after them.
    pub state_root: Digest,
    /// The transactions, or why they are not here.
    pub body: BlockBody,
    /// What branches gave that does not fit the verified header, for people. Empty is good.
    pub alarms: Vec<String>,
    /// The participants by number, for people.
    pub names: BTreeMap<u16, String>,
}

/// What became of the question for a block's transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockBody {
    /// A body whose root is the verified header's.
    Whole(GivenBody),
    /// This person may not see it; the reasons, for people.
    Refused(String),
    /// Only bodies that are not this block's were given: see the alarms.
    Alarm,
    /// Nobody gave one; why, for people.
    Unavailable(String),
}

/// A body that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBody {
    /// The branch that gave it, by name.
    pub from: String,
    /// Bytes of header and body.
    pub size: usize,
    /// In the block's order.
    pub transactions: Vec<TransactionView>,
}

/// A transaction as it stands in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionView {
    /// SHA-256 of its bytes.
    pub id: TxId,
    /// Its bytes' number.
    pub size: usize,
    /// What it says; absent when it does not decode.
    pub transaction: Option<Box<Transaction>>,
    /// What is wrong with it although it was agreed, for people.
    pub alarm: Option<String>,
}

impl Group {
    /// The newest verified blocks of a chain, newest first. At most 512.
    ///
    /// # Errors
    /// When the session ended, this branch is not on the chain, or no branch gives headers that fit the verified ones.
    pub async fn recent_blocks(&self, chain: Chain, count: u64) -> Result<Vec<BlockLine>, ClientError> {
        let head = self.inner.trust(chain)?.head().header.height;
        self.blocks(chain, head.saturating_sub(count.saturating_sub(1))..=head).await
    }

    /// The verified blocks of these heights, newest first: as many as there are, and of more than 512 the newest.
    ///
    /// # Errors
    /// As [`Group::recent_blocks`].
    pub async fn blocks(
        &self,
        chain: Chain,
        heights: RangeInclusive<u64>,
    ) -> Result<Vec<BlockLine>, ClientError> {
        self.inner.in_session()?;
        let mut lines: Vec<_> =
            self.inner.lines(chain, heights).await?.into_iter().map(|(_, line)| line).collect();
        lines.reverse();
        Ok(lines)
    }

    /// One verified block with its transactions, where this person may see them.
    ///
    /// # Errors
    /// When the session ended, this branch is not on the chain, the chain is not verified as far, or the header cannot
    /// be had. A body that is refused, missing or wrong is no error: it is told in the answer.
    pub async fn block(&self, chain: Chain, height: u64) -> Result<BlockDetail, ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let found = inner.lines(chain, height..=height).await?.pop();
        let (known, line) = found.ok_or(ClientError::NoBlock { chain, height })?;
        let (body, alarms) = inner.body(chain, &known).await?;
        let names = locked(&inner.registry)
            .participants
            .iter()
            .map(|participant| (participant.id.0, participant.name.clone()))
            .collect();
        let header = known.header;
        Ok(BlockDetail {
            chain,
            line,
            parent: header.parent,
            transaction_root: header.transaction_root,
            state_root: header.state_root,
            body,
            alarms,
            names,
        })
    }
}

/// A header that was given for a verified one, and its certificate.
type Given = (Known, Option<Vec<u8>>);

impl Inner {
    /// Verified headers of these heights, ascending, each with who signed it.
    async fn lines(
        &self,
        chain: Chain,
        heights: RangeInclusive<u64>,
    ) -> Result<Vec<(Known, BlockLine)>, ClientError> {
        let head = self.trust(chain)?.head().header.height;
        let high = (*heights.end()).min(head);
        let low = (*heights.start()).max(high.saturating_sub(HEADERS_PER_REPLY_MAX - 1));
        if low > high {
            return Ok(Vec::new());
        }
        let known = self.walk_back(chain, low, high, None).await?;
        if known.first().is_none_or(|known| known.header.height != low) {
            return Err(ClientError::NoBlock { chain, height: low });
        }
        let (_, signers) = first_good(self.on(chain), |branch| {
            let known = known.clone();
            async move { self.signers_by(&branch, chain, known).await }
        })
        .await?;
        let lines = known.into_iter().zip(signers).map(|(known, signers)| {
            let certified = match signers {
                _ if known.header.height == 0 => Certified::Genesis,
                Some(own) => own,
                None if known.header.height < head => Certified::ByLater,
                None => Certified::Before,
            };
            let header = &known.header;
            let line = BlockLine {
                height: header.height,
                time_s: header.time_s,
                epoch: header.epoch,
                digest: known.digest,
                transactions: header.transactions,
                certified,
            };
            (known, line)
        });
        Ok(lines.collect())
    }

    /// Who signed each of these verified headers, by the certificates that one branch has.
    async fn signers_by(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        known: Vec<Known>,
    ) -> Result<Vec<Option<Certified>>, ClientError> {
        let Some(low) = known.first().map(|known| known.header.height) else { return Ok(Vec::new()) };
        let page = self.headers_of(branch, chain, low, known.len() as u64).await?;
        if page.headers.len() != known.len() {
            return Err(branch.unverified("it left headers out"));
        }
        let mut given = Vec::with_capacity(known.len());
        for (known, one) in known.into_iter().zip(page.headers) {
            if Digest::of(&one.header.0) != known.digest {
                return Err(another(branch, known.header.height));
            }
            given.push((known, one.certificate.map(|bytes| bytes.0)));
        }
        self.check_signers(branch, chain, given).await
    }

    /// Checks the certificates that a branch gave; some tens of signatures for each, so on a thread of their own.
    async fn check_signers(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        given: Vec<Given>,
    ) -> Result<Vec<Option<Certified>>, ClientError> {
        let trust = self.trust(chain)?;
        let mut sets = BTreeMap::new();
        let certified = given.iter().filter(|(_, certificate)| certificate.is_some());
        for epoch in certified.map(|(known, _)| known.header.epoch).collect::<BTreeSet<_>>() {
            let set = trust.validators(epoch);
            sets.insert(
                epoch,
                set.ok_or_else(|| branch.unverified(format!("epoch {epoch} is not verified yet")))?,
            );
        }
        let namespace = namespace(&self.network, chain);
        let checked = heavy(move || {
            let check = |(known, given): Given| -> Result<_, (u64, certificate::CertificateError)> {
                let epoch = known.header.epoch;
                let (Some(bytes), Some(set)) = (given, sets.get(&epoch)) else { return Ok(None) };
                let signers = certificate::verify(&bytes, &namespace, set, &known.digest, epoch)
                    .map_err(|error| (known.header.height, error))?;
                Ok(Some((signers.0, set.members.len())))
            };
            given.into_iter().map(check).collect::<Result<Vec<_>, _>>()
        })
        .await?
        .map_err(|(height, error)| branch.unverified(format!("block {height}: {error}")))?;
        let named = |(signers, of): (Vec<BranchId>, usize)| {
            let mut signers = signers;
            signers.sort_unstable();
            Certified::Own { signers: signers.into_iter().map(|id| self.name_of(id.0)).collect(), of }
        };
        Ok(checked.into_iter().map(|own| own.map(named)).collect())
    }

    /// The transactions of a verified block, from whichever branch has those that its header commits to, and what does
    /// not fit in other branches' answers.
    async fn body(&self, chain: Chain, known: &Known) -> Result<(BlockBody, Vec<String>), ClientError> {
        if let Some(why) = self.why_not(chain) {
            return Ok((BlockBody::Refused(why), Vec::new()));
        }
        let (alarms, refusals) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let liars = Mutex::new(Vec::new());
        let asked = first_good(self.on(chain), |branch| {
            let (known, alarms, refusals, liars) = (known.clone(), &alarms, &refusals, &liars);
            async move {
                let given = self.body_by(&branch, chain, known).await;
                match &given {
                    Err(error @ ClientError::Unverified { .. }) => {
                        locked(alarms).push(error.to_string());
                        locked(liars).push(branch.clone());
                    }
                    Err(ClientError::Branch { error: BranchError::Refused(problem), .. })
                        if problem.status == 403 =>
                    {
                        locked(refusals).push(problem.message.clone());
                    }
                    _ => {}
                }
                given
            }
        })
        .await;
        let liars = std::mem::take(&mut *locked(&liars));
        for liar in &liars {
            self.have_it_signed(liar, chain, known.header.height).await;
        }
        let alarms = std::mem::take(&mut *locked(&alarms));
        let refusal = locked(&refusals).pop();
        let body = match (asked, refusal) {
            (Ok((_, given)), _) => BlockBody::Whole(given),
            (Err(_), _) if !alarms.is_empty() => BlockBody::Alarm,
            (Err(_), Some(why)) => BlockBody::Refused(why),
            (Err(error), None) => BlockBody::Unavailable(error.to_string()),
        };
        Ok((body, alarms))
    }

    /// Why this session may not see the chain's transactions, or nothing. The branches decide again, and write it down.
    fn why_not(&self, chain: Chain) -> Option<String> {
        let operation = match chain {
            Chain::Main => Operation::ReadMainChain,
            Chain::Side => Operation::ReadSideBlocks,
        };
        let decision = decide(&Request {
            own_branch: true,
            trusted_branch: self.trust(Chain::Side).is_ok(),
            ..Request::new(operation, self.session.roles())
        });
        (!decision.allowed).then(|| decision.to_string())
    }

    async fn body_by(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        known: Known,
    ) -> Result<GivenBody, ClientError> {
        let route = match chain {
            Chain::Main => RouteId::MainBlock,
            Chain::Side => RouteId::SideBlock,
        };
        let height = known.header.height;
        let block: Block =
            branch.get(Target::with(route, height)).await.map_err(|error| branch.failed(error))?;
        if Digest::of(&block.header.0) != known.digest {
            return Err(another(branch, height));
        }
        let header = known.header.clone();
        self.check_signers(branch, chain, vec![(known, block.certificate.map(|bytes| bytes.0))]).await?;
        let transactions = decode_body(&block.body.0)
            .map_err(|error| branch.unverified(format!("the body of block {height}: {error}")))?;
        if u32::try_from(transactions.len()) != Ok(header.transactions) {
            return Err(branch.unverified(format!(
                "a body of {} transactions for block {height}, whose header says {}",
                transactions.len(),
                header.transactions
            )));
        }
        if transaction_root(&transactions) != header.transaction_root {
            return Err(branch.unverified(format!(
                "a body for block {height} whose root is not the one that the header commits to"
            )));
        }
        let size = block.header.0.len() + block.body.0.len();
        let transactions = transactions.iter().map(|bytes| self.transaction(chain, bytes)).collect();
        Ok(GivenBody { from: branch.name().to_owned(), size, transactions })
    }

    fn transaction(&self, chain: Chain, bytes: &[u8]) -> TransactionView {
        let (transaction, alarm) = match Transaction::decode(bytes) {
            Ok(transaction) => {
                let here = transaction.network == self.network && transaction.scope.covers(chain);
                let alarm = (!here).then(|| "it is for another network or chain".to_owned());
                (Some(Box::new(transaction)), alarm)
            }
            Err(error) => (None, Some(format!("it does not decode: {error}"))),
        };
        TransactionView { id: Digest::of(bytes), size: bytes.len(), transaction, alarm }
    }
}

/// The error for a header that is not the verified one.
fn another(branch: &Branch, height: u64) -> ClientError {
    branch.unverified(format!("another block than the verified one at height {height}"))
}
