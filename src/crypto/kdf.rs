//! HKDF-SHA-256 (RFC 5869) and HMAC-SHA-256 (RFC 2104), under the labels of this house.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    label::{Label, length_byte},
    secret::Secret,
};

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// Derives `N` bytes: HKDF with `salt`, `key` as input keying material, and
/// `length(label) ‖ label ‖ context` as info.
pub(crate) fn derive<const N: usize>(
    salt: &[u8; 32],
    key: &Secret<32>,
    label: Label,
    context: &[u8],
) -> Secret<N> {
    const { assert!(N <= 255 * 32, "HKDF-SHA-256 gives at most 8160 bytes") };
    let label = label.bytes();
    let info: [&[u8]; 3] = [&length_byte(label), label, context];
    Secret::fill_with(|out| {
        #[expect(clippy::expect_used, reason = "the length is checked at compile time")]
        Hkdf::<Sha256>::new(Some(salt), key.expose())
            .expand_multi_info(&info, out)
            .expect("length is in range");
    })
}

/// HMAC-SHA-256 keyed and ready for its message.
pub(crate) fn mac(key: &Secret<32>) -> HmacSha256 {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    <HmacSha256 as KeyInit>::new_from_slice(key.expose()).expect("every key length is fine")
}

/// The first 16 bytes of the HMAC-SHA-256 over `length(label) ‖ label ‖ parts`: a name that only who has the key can give.
pub(crate) fn keyed_name(key: &Secret<32>, label: Label, parts: &[&[u8]]) -> [u8; 16] {
    let label = label.bytes();
    let mut mac = mac(key);
    mac.update(&length_byte(label));
    mac.update(label);
    parts.iter().for_each(|part| mac.update(part));
    let tag: [u8; 32] = mac.finalize().into_bytes().into();
    let mut name = [0; 16];
    name.iter_mut().zip(tag).for_each(|(out, byte)| *out = byte);
    name
}

/// The MAC state over `length(a) ‖ a ‖ length(b) ‖ b` (lengths 64-bit), so that no byte can
/// move from one part to the other.
pub(crate) fn mac_of_pair(key: &Secret<32>, a: &[u8], b: &[u8]) -> HmacSha256 {
    let mut mac = mac(key);
    for part in [a, b] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}
