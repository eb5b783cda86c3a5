//! A branch's signed word on how far its ledger reaches: what a quorum of shows that nobody is behind.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{BranchId, Chain, NetworkId};
use wardline_crypto::{Digest, Domain, PublicKey, Signature, SigningKey};

/// "At this time my newest applied block was this one."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTip {
    /// The network.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// Who says it.
    pub branch: BranchId,
    /// Height of its newest applied block.
    pub height: u64,
    /// That block's header digest.
    pub digest: Digest,
    /// When it was said, Unix seconds.
    pub time_s: u64,
    /// By the participant's signing key, [`Domain::Tip`] over everything before it.
    pub signature: Signature,
}

impl SignedTip {
    /// Signs a tip with the branch's signing key.
    pub fn sign(
        key: &SigningKey,
        network: NetworkId,
        chain: Chain,
        branch: BranchId,
        height: u64,
        digest: Digest,
        time_s: u64,
    ) -> Self {
        let mut tip = Self {
            network,
            chain,
            branch,
            height,
            digest,
            time_s,
            signature: Signature::from_bytes([0; 64]),
        };
        tip.signature = key.sign(Domain::Tip, &tip.signed_bytes());
        tip
    }

    /// Whether `key`, the participant's registered signing key, signed it. Freshness is the caller's to judge.
    pub fn verify(&self, key: &PublicKey) -> bool {
        key.verify(Domain::Tip, &self.signed_bytes(), &self.signature)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        self.network.write(w);
        self.chain.write(w);
        self.branch.write(w);
        w.u64(self.height);
        self.digest.write(w);
        w.u64(self.time_s);
    }
}

impl Canonical for SignedTip {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        self.signature.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: NetworkId::read(r)?,
            chain: Chain::read(r)?,
            branch: BranchId::read(r)?,
            height: r.u64("height")?,
            digest: Digest::read(r)?,
            time_s: r.u64("time")?,
            signature: Signature::read(r)?,
        })
    }
}
