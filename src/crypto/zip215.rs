//! The ZIP-215 rule of Ed25519 verification, as the consensus engine applies it.
//!
//! RFC 8032 leaves edge cases open, and libraries differ on them. Everything on a chain is
//! verified by this one rule, so that no two readers can disagree about a block: any encoding of
//! A and R that decompresses, a canonical s, and the equation multiplied by the cofactor.

use curve25519_dalek::{
    EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT, edwards::CompressedEdwardsY,
    traits::IsIdentity, traits::VartimeMultiscalarMul,
};
use sha2::{Digest as _, Sha512};
use std::collections::BTreeMap;

/// Whether `signature` is `key`'s signature of `message`.
#[must_use]
pub fn verify(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    equation_holds(key, signature, message).unwrap_or(false)
}

/// A signature with what it is said to be of.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The signer's key.
    pub key: &'a [u8; 32],
    /// The signature.
    pub signature: &'a [u8; 64],
    /// The signed bytes.
    pub message: &'a [u8],
}

impl Claim<'_> {
    /// Whether this signature holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        verify(self.key, self.signature, self.message)
    }
}

/// Whether every one of these signatures holds, for about half the work of asking each, or less where keys come again.
/// Nobody's signature is no objection.
///
/// The rule is the same: the equations, each with the cofactor, hold together under coefficients that nobody can choose.
/// They are hashed from all keys, signatures and messages, so that a set of bad signatures which cancel each other
/// needs 2^128 tries.
#[must_use]
pub fn verify_all(claims: &[Claim<'_>]) -> bool {
    sum_vanishes(claims).unwrap_or(false)
}

/// Σ z·(s·B − R − k·A), times the cofactor, is the identity. Nothing where a part does not decode.
fn sum_vanishes(claims: &[Claim<'_>]) -> Option<bool> {
    let mut transcript = Sha512::new_with_prefix(b"wardline/1/batch");
    let mut parts = Vec::with_capacity(claims.len());
    for claim in claims {
        let (r, s) = (claim.signature.first_chunk::<32>()?, claim.signature.last_chunk::<32>()?);
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s))?;
        let point_r = CompressedEdwardsY(*r).decompress()?;
        let k = challenge(r, claim.key, claim.message);
        // k speaks for R, A and the message.
        transcript.update(claim.signature);
        transcript.update(claim.key);
        transcript.update(k.as_bytes());
        parts.push((claim.key, point_r, s, k));
    }
    let seed = transcript.finalize();

    let mut of_base = Scalar::ZERO;
    let mut of_keys: BTreeMap<&[u8; 32], Scalar> = BTreeMap::new();
    let mut scalars = Vec::with_capacity(2 * parts.len() + 1);
    let mut points = Vec::with_capacity(2 * parts.len() + 1);
    for (number, (key, point_r, s, k)) in (0u64..).zip(parts) {
        let z = coefficient(&seed, number)?;
        of_base += z * s;
        *of_keys.entry(key).or_insert(Scalar::ZERO) += z * k;
        scalars.push(z);
        points.push(point_r);
    }
    for (key, scalar) in of_keys {
        scalars.push(scalar);
        points.push(CompressedEdwardsY(*key).decompress()?);
    }
    scalars.push(-of_base);
    points.push(ED25519_BASEPOINT_POINT);
    Some(EdwardsPoint::vartime_multiscalar_mul(scalars, points).mul_by_cofactor().is_identity())
}

/// 128 bits that follow from everything in the batch.
fn coefficient(seed: &[u8], number: u64) -> Option<Scalar> {
    let hash = Sha512::new().chain_update(seed).chain_update(number.to_be_bytes()).finalize();
    Some(Scalar::from(u128::from_be_bytes(*hash.first_chunk()?)))
}

fn equation_holds(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<bool> {
    let (r, s) = (signature.first_chunk::<32>()?, signature.last_chunk::<32>()?);
    let point_a = CompressedEdwardsY(*key).decompress()?;
    let point_r = CompressedEdwardsY(*r).decompress()?;
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s))?;
    let k = challenge(r, key, message);
    let difference = point_r - EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-point_a, &s);
    Some(difference.mul_by_cofactor().is_identity())
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash: [u8; 64] =
        Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into();
    Scalar::from_bytes_mod_order_wide(&hash)
}

#[cfg(test)]
mod tests;
