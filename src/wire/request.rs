//! The bytes that a session key signs for every request.
//!
//! Fixed layout, no algorithm field: the version in the signature domain fixes the suite.

use wardline_crypto::Digest;

/// Drawn by a node at every start; a request signed for an earlier start is refused.
pub type BootNonce = [u8; 16];

/// Names of the headers that carry a signed request.
pub mod header_name {
    /// Canonical bytes of the session grant, base64url.
    pub const GRANT: &str = "wardline-grant";
    /// This session's request number at this branch, decimal; each is accepted once.
    pub const COUNTER: &str = "wardline-counter";
    /// Height of the main chain that the console has verified; a node behind it refuses.
    pub const MIN_MAIN: &str = "wardline-min-main";
    /// The same for the side chain.
    pub const MIN_SIDE: &str = "wardline-min-side";
    /// The session key's Ed25519 signature, base64url.
    pub const SIGNATURE: &str = "wardline-signature";
    /// In answers: canonical bytes of the branch's signed answer, base64url.
    pub const ANSWER: &str = "wardline-answer";
}

/// What a request's signature covers.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    pub network: &'a Digest,
    pub branch: u16,
    pub boot: &'a BootNonce,
    pub counter: u64,
    pub min_main: u64,
    pub min_side: u64,
    /// Upper-case method name.
    pub method: &'a str,
    /// Path and query exactly as sent.
    pub target: &'a str,
    pub body: &'a [u8],
}

impl RequestLine<'_> {
    /// network ‖ branch ‖ boot nonce ‖ counter ‖ minimum heights ‖ method ‖ target ‖ SHA-256(body);
    /// integers big-endian, texts with a u32 length before them.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.target.len());
        out.extend_from_slice(self.network.bytes());
        out.extend_from_slice(&self.branch.to_be_bytes());
        out.extend_from_slice(self.boot);
        for number in [self.counter, self.min_main, self.min_side] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for text in [self.method, self.target] {
            out.extend_from_slice(&(text.len() as u32).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(Digest::of(self.body).bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_covered() {
        let line = RequestLine {
            network: &Digest::ZERO,
            branch: 1,
            boot: &[2; 16],
            counter: 3,
            min_main: 4,
            min_side: 5,
            method: "POST",
            target: "/v1/x?y=1",
            body: b"body",
        };
        let base = line.bytes();
        let other = Digest::of(b"other");
        let changed = [
            RequestLine { network: &other, ..line },
            RequestLine { branch: 9, ..line },
            RequestLine { boot: &[9; 16], ..line },
            RequestLine { counter: 9, ..line },
            RequestLine { min_main: 9, ..line },
            RequestLine { min_side: 9, ..line },
            RequestLine { method: "PUT", ..line },
            RequestLine { target: "/v1/x?y=2", ..line },
            RequestLine { body: b"bodx", ..line },
            // the length before each text keeps the border between them
            RequestLine { method: "POST/", target: "v1/x?y=1", ..line },
        ];
        for (index, line) in changed.iter().enumerate() {
            assert_ne!(line.bytes(), base, "field {index} is not covered");
        }
    }
}
