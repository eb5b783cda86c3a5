//! A block: its header, which the engine certifies, and its body, which the header commits to.
//!
//! It must not know what a transaction means.

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::id::{Chain, NetworkId};
use wardline_crypto::{Digest, merkle};

/// The header version of this build.
pub const HEADER_VERSION: u16 = 1;
/// Bytes of every header.
pub const HEADER_LEN: usize = 159;
/// Most bytes of one transaction: 64 KiB.
pub const MAX_TRANSACTION: usize = 64 * 1024;
/// Most bytes of one body: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;
/// Most transactions of one block.
pub const MAX_TRANSACTIONS: usize = 1000;

/// What a validator signs for, by its digest. The first 40 bytes have a fixed place because consensus reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Digest of the header before; zero in the genesis block.
    pub parent: Digest,
    /// Blocks before this one.
    pub height: u64,
    /// [`HEADER_VERSION`].
    pub version: u16,
    /// The network.
    pub network: NetworkId,
    /// The chain.
    pub chain: Chain,
    /// Height divided by the epoch length.
    pub epoch: u64,
    /// Unix seconds, never before the parent's; no finer than the rules need.
    pub time_s: u64,
    /// Transactions in the body.
    pub transactions: u32,
    /// RFC 6962 root over the transactions' bytes.
    pub transaction_root: Digest,
    /// Root of the state tree after the transactions.
    pub state_root: Digest,
}

impl Header {
    /// The version of a header that a later build may understand and this one cannot judge, if it is of one.
    pub fn later_version(bytes: &[u8]) -> Option<u16> {
        let place = bytes.get(40..42)?;
        let version = u16::from_be_bytes(place.try_into().ok()?);
        (version > HEADER_VERSION).then_some(version)
    }

    /// SHA-256 of the header's bytes: the block's name, and what the engine certifies.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }
}

impl Canonical for Header {
    fn write(&self, w: &mut Writer) {
        self.parent.write(w);
        w.u64(self.height);
        w.u16(self.version);
        self.network.write(w);
        self.chain.write(w);
        w.u64(self.epoch);
        w.u64(self.time_s);
        w.u32(self.transactions);
        self.transaction_root.write(w);
        self.state_root.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            parent: Digest::read(r)?,
            height: r.u64("height")?,
            version: match r.u16("header version")? {
                HEADER_VERSION => HEADER_VERSION,
                code => return Err(DecodeError::UnknownCode { what: "header version", code: code.into() }),
            },
            network: NetworkId::read(r)?,
            chain: Chain::read(r)?,
            epoch: r.u64("epoch")?,
            time_s: r.u64("time")?,
            transactions: r.u32("transaction count")?,
            transaction_root: Digest::read(r)?,
            state_root: Digest::read(r)?,
        })
    }
}

/// The epoch that a height is in. An epoch length of zero, which no genesis has, counts as one.
pub fn epoch_of(height: u64, epoch_length: u64) -> u64 {
    height / epoch_length.max(1)
}

/// Whether the block at this height is the last one of its epoch.
pub fn ends_epoch(height: u64, epoch_length: u64) -> bool {
    epoch_of(height, epoch_length) != epoch_of(height.saturating_add(1), epoch_length)
}

/// The bytes of a body: a list of transaction byte strings.
pub fn encode_body(transactions: &[Vec<u8>]) -> Vec<u8> {
    let mut w = Writer::default();
    w.len(transactions.len());
    for transaction in transactions {
        w.bytes(transaction);
    }
    w.into_bytes()
}

/// Bytes that a transaction adds to a body.
pub(crate) fn body_cost(transaction: &[u8]) -> usize {
    4 + transaction.len()
}

/// The transactions of a body, not yet decoded.
///
/// # Errors
/// When the bytes are no canonical list within the limits.
pub fn decode_body(body: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    if body.len() > MAX_BODY {
        return Err(DecodeError::TooLong { what: "body", limit: MAX_BODY });
    }
    let mut r = Reader::new(body);
    let n = r.len(MAX_TRANSACTIONS, "transactions")?;
    let mut transactions = Vec::new();
    for _ in 0..n {
        transactions.push(r.bytes(MAX_TRANSACTION, "transaction")?.to_vec());
    }
    r.finish()?;
    Ok(transactions)
}

/// The RFC 6962 root that a header holds for these transactions.
pub fn transaction_root(transactions: &[Vec<u8>]) -> Digest {
    merkle::root_of(transactions.iter().map(Vec::as_slice))
}

/// Why a body is not the one that a header commits to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is no body.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// It has more transactions than the header says, or fewer.
    #[error("it has `{found}` transactions, the header names `{expected}`")]
    Count {
        /// Transactions in the body.
        found: usize,
        /// The header's number.
        expected: u32,
    },
    /// Its transactions are others, or in another order.
    #[error("its transactions do not lead to the header's transaction root")]
    Root,
}

/// The transactions of the body that a header commits to, not yet decoded.
///
/// # Errors
/// When it is another body.
pub fn committed_body(header: &Header, body: &[u8]) -> Result<Vec<Vec<u8>>, BodyError> {
    let transactions = decode_body(body)?;
    if u32::try_from(transactions.len()) != Ok(header.transactions) {
        return Err(BodyError::Count { found: transactions.len(), expected: header.transactions });
    }
    if transaction_root(&transactions) != header.transaction_root {
        return Err(BodyError::Root);
    }
    Ok(transactions)
}

/// Height and parent when the body is the one that the header commits to; nothing otherwise.
///
/// The engine's codec asks this for every block it decodes, so that no peer can hand over another body under a
/// certified header.
pub fn body_matches(header: &[u8], body: &[u8]) -> Option<(u64, [u8; 32])> {
    let header = Header::decode(header).ok()?;
    committed_body(&header, body).ok()?;
    Some((header.height, *header.parent.bytes()))
}
