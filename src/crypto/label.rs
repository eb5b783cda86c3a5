//! Every label that separates one use of a key from another, in one place.
//!
//! Two uses that shared a label could be made to stand for each other, so a label is never
//! reused and never changed; a new format takes a new number.

/// What a signature is for. A signature made in one domain never verifies in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// A transaction, by its session or branch.
    Transaction,
    /// A second person's agreement to a transaction.
    Approval,
    /// A session grant, by a staff key.
    Grant,
    /// An API request, by a session key.
    Request,
    /// A custody receipt, by a branch.
    Receipt,
    /// A signed chain tip, by a branch.
    Tip,
    /// An audit root, by a branch.
    Audit,
    /// An answer to a request, by a branch.
    Answer,
    /// An evidence file, by the session that saw it.
    Evidence,
}

impl Domain {
    /// Every domain, in declaration order.
    pub const ALL: [Self; 9] = [
        Self::Transaction,
        Self::Approval,
        Self::Grant,
        Self::Request,
        Self::Receipt,
        Self::Tip,
        Self::Audit,
        Self::Answer,
        Self::Evidence,
    ];

    /// The domain's bytes in a signed message.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"wardline/1/tx",
            Self::Approval => b"wardline/1/approval",
            Self::Grant => b"wardline/1/grant",
            Self::Request => b"wardline/1/request",
            Self::Receipt => b"wardline/1/receipt",
            Self::Tip => b"wardline/1/tip",
            Self::Audit => b"wardline/1/audit",
            Self::Answer => b"wardline/1/answer",
            Self::Evidence => b"wardline/1/evidence",
        }
    }
}

/// What a key is derived for, or what is sealed to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// The commitment in an envelope's header.
    Commitment,
    /// A segment's 3DES key.
    TripleDesKey,
    /// A segment's CBC initialization vector.
    TripleDesIv,
    /// A segment's HMAC key.
    MacKey,
    /// A segment's AES-256-GCM-SIV key.
    SivKey,
    /// A segment's AES-256-GCM-SIV nonce.
    SivNonce,
    /// A data key wrapped whole.
    WrapWhole,
    /// A share of a data key.
    WrapShare,
    /// What a node re-wraps to a session.
    Release,
    /// A search token.
    Search,
    /// Temporary IDs of imported records.
    ImportedId,
}

impl Label {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 11] = [
        Self::Commitment,
        Self::TripleDesKey,
        Self::TripleDesIv,
        Self::MacKey,
        Self::SivKey,
        Self::SivNonce,
        Self::WrapWhole,
        Self::WrapShare,
        Self::Release,
        Self::Search,
        Self::ImportedId,
    ];

    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Commitment => b"wardline/1/envelope/commit",
            Self::TripleDesKey => b"wardline/1/envelope/3des-key",
            Self::TripleDesIv => b"wardline/1/envelope/3des-iv",
            Self::MacKey => b"wardline/1/envelope/mac-key",
            Self::SivKey => b"wardline/1/envelope/siv-key",
            Self::SivNonce => b"wardline/1/envelope/siv-nonce",
            Self::WrapWhole => b"wardline/1/wrap/whole",
            Self::WrapShare => b"wardline/1/wrap/share",
            Self::Release => b"wardline/1/release",
            Self::Search => b"wardline/1/search",
            Self::ImportedId => b"wardline/1/imported-id",
        }
    }
}

/// The label with its length in front, so that no label is a prefix of another message.
/// Every label is shorter than 256 bytes (tested).
pub(crate) const fn length_byte(label: &[u8]) -> [u8; 1] {
    [label.len().to_le_bytes()[0]]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_short() {
        let all: Vec<&[u8]> =
            Domain::ALL.map(Domain::bytes).into_iter().chain(Label::ALL.map(Label::bytes)).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 20);
        assert!(all.iter().all(|label| label.len() < 256 && label.starts_with(b"wardline/1/")));
    }
}
