//! What a branch says, judged: taken into the verified chain, or kept as what it is.
//!
//! It must not decide by a single branch's word: a block is verified by its certificate, a fork by two, a lie by the
//! liar's own signature.

use super::{
    Cell,
    table::{Other, Table},
};
use crate::{
    alarm::{Certified, Finding},
    answer::SignedBody,
    branch::Branch,
    error::ClientError,
    group::{Inner, heavy, locked},
    race::first_good,
    stream::Streamed,
    sync::handed_over,
};
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};
use tokio::time::Instant;
use wardline_crypto::Digest;
use wardline_ledger::{
    Canonical, Chain, DecodeError, HEADER_VERSION, Header, StateProof, ValidatorSet, certificate, epoch_of,
    namespace,
};
use wardline_wire::{HEADERS_PER_REPLY_MAX, StreamBlock};

/// Blocks below the head that each branch is asked to begin with.
const BEGIN: u64 = 32;

/// Where a branch's stream is.
pub(crate) struct Position {
    /// The height that is due.
    pub(crate) next: u64,
    /// Headers since its last certificate.
    pending: Vec<Linked>,
}

/// A header that a branch gave.
#[derive(Clone)]
struct Linked {
    header: Header,
    digest: Digest,
    bytes: Vec<u8>,
}

impl Position {
    pub(crate) const fn at(next: u64) -> Self {
        Self { next, pending: Vec::new() }
    }
}

/// Why a header or its certificate cannot be of this chain.
struct Forged(String);

impl Inner {
    /// Rows for what is verified already; where a branch's stream begins.
    pub(crate) async fn begin(&self, chain: Chain) -> Result<u64, ClientError> {
        let trust = self.trust(chain)?;
        let begun = self.watch.begun(chain);
        let _ = begun
            .get_or_try_init(|| async {
                let head = trust.head();
                let low = head.header.height.saturating_sub(BEGIN - 1);
                let known = self.walk_back(chain, low, head.header.height, None).await?;
                self.with_table(chain, |table, now| {
                    for known in &known {
                        table.verify(known, now);
                    }
                });
                Ok::<(), ClientError>(())
            })
            .await;
        self.catch_up(chain).await;
        Ok(trust.head().header.height.saturating_sub(BEGIN - 1))
    }

    /// Judges one item of a branch's stream.
    ///
    /// # Errors
    /// Why the stream is of no more use, for people.
    pub(crate) async fn take_said(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        position: &mut Position,
        said: Streamed,
    ) -> Result<(), String> {
        self.catch_up(chain).await;
        let id = branch.id();
        let now_s = self.clock.now_s();
        let taken = match said.block {
            Some(block) => self.take_block(branch, chain, position, block, &said.proof).await,
            None => Ok(()),
        };
        // After the block: a tip is held against what its own block has just proven.
        let clashes = self.with_table(chain, |table, now| {
            let clashes = table.tip(id, said.tip, now);
            table.heard(id, now, now_s);
            clashes
        });
        self.tell(chain, clashes.into_iter().map(|clash| (id, clash)).collect());
        let head = self.trust(chain).map_or(0, |trust| trust.head().header.height);
        if self.with_table(chain, |table, now| table.settle(head, now, now_s)) {
            self.watch.changed();
        }
        self.keep_tips(chain).await;
        taken
    }

    async fn take_block(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        position: &mut Position,
        block: StreamBlock,
        proof: &Arc<SignedBody>,
    ) -> Result<(), String> {
        let StreamBlock { header: bytes, certificate, handover } = block;
        let (bytes, certificate) = (bytes.0, certificate.map(|certificate| certificate.0));
        let judged = self.judge_header(branch, chain, &bytes, certificate.as_deref(), position.next).await;
        let (given, height) = match judged {
            Ok(Judged::Stands(given)) => (given, position.next),
            Ok(Judged::OtherHeight(height)) => {
                return Err(format!("its stream has block {height} where {} was due", position.next));
            }
            Ok(Judged::Unknown(why)) => return Err(why),
            Err(Forged(why)) => {
                self.refuse(branch, chain, position.next, why.clone(), proof).await;
                return Err(why);
            }
        };
        position.next = position.next.saturating_add(1);
        let Some(certificate) = certificate else {
            self.give(branch, chain, &given, None);
            position.pending.push(given);
            if position.pending.len() as u64 > HEADERS_PER_REPLY_MAX {
                return Err(format!("no certificate for block {height} of the {chain} chain"));
            }
            return Ok(());
        };
        let certified = Certified { headers: vec![given.bytes.clone()], certificate: certificate.clone() };
        let pending = std::mem::take(&mut position.pending);
        let stands = match handed_over(branch, handover.into_iter().collect()) {
            Ok(sets) => self.extend_by(chain, &pending, &given, &certificate, sets).await.is_ok(),
            Err(_) => false,
        };
        self.catch_up(chain).await;
        self.give(branch, chain, &given, Some(certified));
        self.give_pending(branch, chain, &pending, &given, &certificate);
        if stands {
            self.with_table(chain, |table, _| {
                if table.verified(height).is_some_and(|known| known.digest == given.digest) {
                    table.keep_certificate(height, certificate);
                }
            });
            return Ok(());
        }
        self.find_fork(branch, chain, height).await
    }

    /// Takes a certified header, with those before it that had no certificate, into the verified chain. What is
    /// verified already is passed over, and is compared by the table.
    async fn extend_by(
        &self,
        chain: Chain,
        pending: &[Linked],
        given: &Linked,
        certificate: &[u8],
        sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
    ) -> Result<(), String> {
        let trust = self.trust_arc(chain).map_err(|error| error.to_string())?;
        let head = trust.head().header.height;
        if given.header.height <= head {
            return Ok(());
        }
        let waiting = pending.iter().filter(|linked| linked.header.height > head);
        let mut headers: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            waiting.map(|linked| (linked.bytes.clone(), None)).collect();
        headers.push((given.bytes.clone(), Some(certificate.to_vec())));
        let extended = heavy(move || trust.extend(headers, &sets, 1)).await;
        extended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// A certified block that does not follow the verified chain: either this console is behind, or there are two
    /// chains.
    async fn find_fork(&self, branch: &Arc<Branch>, chain: Chain, height: u64) -> Result<(), String> {
        let error = |error: ClientError| error.to_string();
        let head = self.trust(chain).map_err(error)?.head();
        let below = self.certified_by(branch, chain, head.header.height).await;
        if let Ok((linked, theirs)) = below
            && linked.digest != head.digest
        {
            self.give(branch, chain, &linked, Some(theirs));
            return Err(format!("its {chain} chain is another one from block {} on", linked.header.height));
        }
        // Its handover may be wrong, or blocks between may have come another way.
        self.follow(chain, height, None).await.map_err(error)?;
        self.catch_up(chain).await;
        Ok(())
    }

    /// The digest of the block of a height as a branch proves it now, with its proof.
    pub(crate) async fn certified_at(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        height: u64,
    ) -> Result<(Digest, Certified), ClientError> {
        let (linked, certified) = self.certified_by(branch, chain, height).await?;
        Ok((linked.digest, certified))
    }

    /// The block of a height as a branch proves it now: its header and those after it up to a certificate that stands.
    async fn certified_by(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        height: u64,
    ) -> Result<(Linked, Certified), ClientError> {
        let epoch_length = self.trust(chain)?.checkpoint().epoch_length;
        let left = epoch_length.saturating_sub(height.checked_rem(epoch_length).unwrap_or(0));
        let limit = left.clamp(1, HEADERS_PER_REPLY_MAX);
        let page = self.headers_at_any_height(branch, chain, height, limit).await?.value;
        let mut headers: Vec<Linked> = Vec::new();
        for one in page.headers {
            let due = height.saturating_add(headers.len() as u64);
            let certificate = one.certificate.map(|bytes| bytes.0);
            let judged = self.judge_header(branch, chain, &one.header.0, certificate.as_deref(), due).await;
            let given = match judged {
                Ok(Judged::Stands(given)) => given,
                Ok(Judged::OtherHeight(_)) => return Err(branch.unverified("headers out of their order")),
                Ok(Judged::Unknown(why)) | Err(Forged(why)) => return Err(branch.unverified(why)),
            };
            if headers.last().is_some_and(|before| before.digest != given.header.parent) {
                return Err(branch.unverified("headers that are not linked"));
            }
            headers.push(given);
            if let (Some(certificate), Some(first)) = (certificate, headers.first().cloned()) {
                let headers = headers.into_iter().map(|linked| linked.bytes).collect();
                return Ok((first, Certified { headers, certificate }));
            }
        }
        Err(branch.unverified(format!("no certificate for block {height} of the {chain} chain")))
    }

    /// Whether a header of a height, and the certificate beside it, can be of this chain.
    async fn judge_header(
        &self,
        branch: &Branch,
        chain: Chain,
        bytes: &[u8],
        certificate: Option<&[u8]>,
        due: u64,
    ) -> Result<Judged, Forged> {
        let Ok(trust) = self.trust(chain) else { return Ok(Judged::Unknown("not on this chain".to_owned())) };
        let header = match Header::decode(bytes) {
            Ok(header) => header,
            // Of a network that was upgraded before this console: no lie.
            Err(DecodeError::UnknownCode { what: "header version", code })
                if code > u32::from(HEADER_VERSION) =>
            {
                return Ok(Judged::Unknown(format!(
                    "block {due} of {} has a header of version {code}, which this console cannot read",
                    branch.name()
                )));
            }
            Err(error) => return Err(Forged(format!("a {chain}-chain header that is malformed: {error}"))),
        };
        if header.network != self.network || header.chain != chain {
            return Err(Forged("a header of another network or chain".to_owned()));
        }
        if header.epoch != epoch_of(header.height, trust.checkpoint().epoch_length) {
            return Err(Forged(format!(
                "a header of block {} with another epoch than its own",
                header.height
            )));
        }
        if header.height != due {
            return Ok(Judged::OtherHeight(header.height));
        }
        let digest = Digest::of(bytes);
        if let Some(certificate) = certificate {
            let checked = self.with_table(chain, |table, _| {
                table.verified(due).is_some_and(|known| known.digest == digest)
                    && table.has_certificate(due, certificate)
            });
            if !checked {
                let Some(set) = trust.validators(header.epoch) else {
                    return Ok(Judged::Unknown(format!(
                        "block {due} of {} cannot be checked: who signs epoch {} is not known yet",
                        branch.name(),
                        header.epoch
                    )));
                };
                let stands = self.certifies(chain, certificate.to_vec(), set, digest, header.epoch).await;
                match stands {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        return Err(Forged(format!("block {due} of the {chain} chain: {error}")));
                    }
                    Err(error) => return Ok(Judged::Unknown(error.to_string())),
                }
            }
        }
        Ok(Judged::Stands(Linked { header, digest, bytes: bytes.to_vec() }))
    }

    /// Checks a certificate, some tens of signatures, off the threads that serve the streams.
    async fn certifies(
        &self,
        chain: Chain,
        bytes: Vec<u8>,
        set: ValidatorSet,
        digest: Digest,
        epoch: u64,
    ) -> Result<Result<(), certificate::CertificateError>, ClientError> {
        let namespace = namespace(&self.network, chain);
        heavy(move || certificate::verify(&bytes, &namespace, &set, &digest, epoch).map(|_| ())).await
    }

    /// Puts a header that stands into the table, and tells what cannot stand beside it.
    fn give(&self, branch: &Branch, chain: Chain, given: &Linked, certified: Option<Certified>) {
        let (id, height) = (branch.id(), given.header.height);
        let clash = self.with_table(chain, |table, now| table.give(id, height, given.digest, certified, now));
        self.tell(chain, clash.into_iter().map(|clash| (id, clash)).collect());
    }

    /// Headers without a certificate of their own are certified by the one that leads back to them.
    fn give_pending(
        &self,
        branch: &Branch,
        chain: Chain,
        pending: &[Linked],
        given: &Linked,
        certificate: &[u8],
    ) {
        let mut after = vec![given.clone()];
        for linked in pending.iter().rev() {
            let follows = after.first().is_some_and(|next| {
                next.header.parent == linked.digest && next.header.epoch == linked.header.epoch
            });
            if !follows {
                return;
            }
            after.insert(0, linked.clone());
            let headers = after.iter().map(|linked| linked.bytes.clone()).collect();
            let certified = Certified { headers, certificate: certificate.to_vec() };
            self.give(branch, chain, linked, Some(certified));
        }
    }

    /// What a branch signed at a height cannot be of this chain.
    async fn refuse(&self, branch: &Branch, chain: Chain, height: u64, why: String, proof: &Arc<SignedBody>) {
        let other = Other { cell: Cell::Invalid, digest: None, why, certified: None, righted: false };
        let new = self.with_table(chain, |table, now| table.refuse(branch.id(), height, other, now));
        if new {
            self.raise(Finding::Forged { chain, proof: proof.clone() }).await;
        }
    }

    /// Puts into the table what was verified since, by whichever question.
    pub(crate) async fn catch_up(&self, chain: Chain) {
        let Ok(trust) = self.trust(chain) else { return };
        let head = trust.head();
        let clashes = self.with_table(chain, |table, now| {
            let from = match table.top() {
                Some(top) if top >= head.header.height => return Vec::new(),
                Some(top) => top + 1,
                None => head.header.height,
            };
            let from = from.max(head.header.height.saturating_sub(super::table::HEIGHTS as u64));
            let known = (from..=head.header.height).filter_map(|height| trust.recent(height));
            known.flat_map(|known| table.verify(&known, now)).collect()
        });
        self.tell(chain, clashes);
        if trust.is_due() {
            self.keep_checkpoint_or_warn(chain).await;
        }
    }

    /// The verified block of a height with its proof.
    pub(super) async fn ours(&self, chain: Chain, height: u64) -> Option<Certified> {
        let (kept, digest) = self.with_table(chain, |table, _| {
            (table.proof(height), table.verified(height).map(|known| known.digest))
        });
        if kept.is_some() {
            return kept;
        }
        let digest = digest?;
        let (_, certified) = first_good(self.on(chain), |branch| async move {
            let (linked, certified) = self.certified_by(&branch, chain, height).await?;
            if linked.digest == digest { Ok(certified) } else { Err(branch.unverified("another block")) }
        })
        .await
        .ok()?;
        Some(certified)
    }

    /// The newest of these heights that can be asked for at once, with rows for them; nothing when there are none.
    pub(crate) async fn checkable(
        &self,
        chain: Chain,
        heights: RangeInclusive<u64>,
    ) -> Option<RangeInclusive<u64>> {
        let high = (*heights.end()).min(self.trust(chain).ok()?.head().header.height);
        let low = (*heights.start()).max(high.saturating_sub(HEADERS_PER_REPLY_MAX - 1));
        if low > high {
            return None;
        }
        self.catch_up(chain).await;
        let known = self.walk_back(chain, low, high, None).await.ok()?;
        let clashes = self.with_table(chain, |table, now| {
            known.iter().flat_map(|known| table.verify(known, now)).collect()
        });
        self.tell(chain, clashes);
        Some(low..=high)
    }

    /// Asks one branch for headers and compares them.
    pub(crate) async fn check_heights(
        &self,
        branch: &Arc<Branch>,
        chain: Chain,
        heights: RangeInclusive<u64>,
    ) {
        let id = branch.id();
        let (low, high) = (*heights.start(), *heights.end());
        let mark = |asking| {
            self.with_table(chain, |table, now| {
                (low..=high).for_each(|height| table.fetch(id, height, asking, now));
            });
            self.watch.changed();
        };
        mark(true);
        let page = self.headers_at_any_height(branch, chain, low, high - low + 1).await;
        if let Ok(page) = page {
            let (proof, mut pending) = (page.proof, Vec::new());
            for (due, one) in (low..=high).zip(page.value.headers) {
                let certificate = one.certificate.map(|bytes| bytes.0);
                let given = match self
                    .judge_header(branch, chain, &one.header.0, certificate.as_deref(), due)
                    .await
                {
                    Ok(Judged::Stands(given)) => given,
                    Ok(Judged::OtherHeight(_) | Judged::Unknown(_)) => break,
                    Err(Forged(why)) => {
                        self.refuse(branch, chain, due, why, &proof).await;
                        break;
                    }
                };
                let Some(certificate) = certificate else {
                    self.give(branch, chain, &given, None);
                    pending.push(given);
                    continue;
                };
                let headers = vec![given.bytes.clone()];
                let certified = Certified { headers, certificate: certificate.clone() };
                self.give(branch, chain, &given, Some(certified));
                self.give_pending(branch, chain, &std::mem::take(&mut pending), &given, &certificate);
            }
        }
        mark(false);
    }

    /// Does something with a chain's table; every chain that this session follows has one.
    pub(crate) fn with_table<T: Default>(
        &self,
        chain: Chain,
        work: impl FnOnce(&mut Table, Instant) -> T,
    ) -> T {
        self.watch.table(chain).map(|table| work(&mut locked(table), Instant::now())).unwrap_or_default()
    }
}

/// How a header that a branch gave stands by itself.
enum Judged {
    Stands(Linked),
    OtherHeight(u64),
    /// It cannot be checked now; why, for people.
    Unknown(String),
}
