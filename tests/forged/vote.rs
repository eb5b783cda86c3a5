//! The finality certificate taken apart (`docs/format/certificate.md`), to be changed field by field.

use ed25519_dalek::Signer as _;
use wardline_crypto::{Digest, SigningKey};

/// A certificate's fields as they are written.
#[derive(Clone)]
pub struct Vote {
    /// Epoch, view and parent view; varints of one byte as the honest history has them.
    pub epoch: Vec<u8>,
    pub view: Vec<u8>,
    pub parent: Vec<u8>,
    pub payload: [u8; 32],
    pub members: u64,
    pub bitmap: Vec<u8>,
    pub count: Vec<u8>,
    pub signatures: Vec<[u8; 64]>,
    /// What follows the last signature.
    pub rest: Vec<u8>,
}

impl Vote {
    pub fn unsigned(epoch: u64, payload: Digest, members: usize) -> Self {
        Self {
            epoch: vec![u8::try_from(epoch).unwrap()],
            view: vec![9],
            parent: vec![8],
            payload: *payload.bytes(),
            members: members as u64,
            bitmap: vec![0; members.div_ceil(8)],
            count: vec![0],
            signatures: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// Takes apart a certificate of the honest history.
    pub fn read(bytes: &[u8]) -> Self {
        let (proposal, rest) = bytes.split_at(35);
        let (members, rest) = rest.split_first_chunk().unwrap();
        let (signatures, rest) = rest[2..].as_chunks();
        Self {
            epoch: vec![proposal[0]],
            view: vec![proposal[1]],
            parent: vec![proposal[2]],
            payload: proposal[3..].try_into().unwrap(),
            members: u64::from_be_bytes(*members),
            bitmap: vec![bytes[43]],
            count: vec![bytes[44]],
            signatures: signatures.to_vec(),
            rest: rest.to_vec(),
        }
    }

    fn proposal(&self) -> Vec<u8> {
        [&self.epoch[..], &self.view, &self.parent, &self.payload].concat()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.proposal();
        out.extend(self.members.to_be_bytes());
        out.extend(&self.bitmap);
        out.extend(&self.count);
        self.signatures.iter().for_each(|signature| out.extend(signature));
        out.extend(&self.rest);
        out
    }

    /// Replaces bitmap, count and signatures by those of `signers` over what the vote says.
    pub fn sign<'k>(
        &mut self,
        namespace: &[u8],
        suffix: &str,
        signers: &[usize],
        key: impl Fn(usize) -> &'k SigningKey,
    ) {
        let domain = [namespace, suffix.as_bytes()].concat();
        let message = [&[u8::try_from(domain.len()).unwrap()][..], &domain, &self.proposal()].concat();
        self.bitmap.fill(0);
        signers.iter().for_each(|signer| self.bitmap[signer / 8] |= 1 << (signer % 8));
        self.count = vec![u8::try_from(signers.len()).unwrap()];
        self.signatures = signers.iter().map(|signer| raw_sign(key(*signer), &message)).collect();
    }
}

/// Plain Ed25519, as the engine signs.
pub fn raw_sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    ed25519_dalek::SigningKey::from_bytes(key.seed()).sign(message).to_bytes()
}
