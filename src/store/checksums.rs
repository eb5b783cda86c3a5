//! Short checksums of the vault's rows that nothing else proves: against damage, not against people, who could
//! compute them as well. What the chain, a digest or a Merkle root proves has none.

use wardline_crypto::Digest;

/// The first bytes of SHA-256 over the parts, each behind its length.
fn checksum(parts: &[&[u8]]) -> [u8; 8] {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Digest::of(&bytes).bytes().first_chunk().copied().unwrap_or_default()
}

/// Of an envelope's row: what its bytes do not say themselves.
pub fn of_envelope(
    object: &[u8],
    version: u32,
    content: u8,
    home: Option<u16>,
    author: Option<&[u8]>,
    pointer: &[u8],
) -> [u8; 8] {
    let home = home.map(u16::to_be_bytes);
    let home = home.as_ref().map_or(&[][..], |home| home.as_slice());
    checksum(&[object, &version.to_be_bytes(), &[content], home, author.unwrap_or_default(), pointer])
}

/// Of a wrapped key, which belongs to the envelope with this pointer.
pub fn of_stanza(pointer: &[u8], bytes: &[u8]) -> [u8; 8] {
    checksum(&[pointer, bytes])
}

/// Of a search token.
pub fn of_token(token: &[u8], patient: &[u8]) -> [u8; 8] {
    checksum(&[token, patient])
}
