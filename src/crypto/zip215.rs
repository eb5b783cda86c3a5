//! The ZIP-215 rule of Ed25519 verification, as the consensus engine applies it.
//!
//! RFC 8032 leaves edge cases open, and libraries differ on them. Everything on a chain is
//! verified by this one rule, so that no two readers can disagree about a block: any encoding of
//! A and R that decompresses, a canonical s, and the equation multiplied by the cofactor.

use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY, traits::IsIdentity};
use sha2::{Digest as _, Sha512};

/// Whether `signature` is `key`'s signature of `message`.
#[must_use]
pub fn verify(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    equation_holds(key, signature, message).unwrap_or(false)
}

fn equation_holds(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> Option<bool> {
    let (r, s) = (signature.first_chunk::<32>()?, signature.last_chunk::<32>()?);
    let point_a = CompressedEdwardsY(*key).decompress()?;
    let point_r = CompressedEdwardsY(*r).decompress()?;
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s))?;
    let hash: [u8; 64] =
        Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into();
    let k = Scalar::from_bytes_mod_order_wide(&hash);
    let difference = point_r - EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-point_a, &s);
    Some(difference.mul_by_cofactor().is_identity())
}
