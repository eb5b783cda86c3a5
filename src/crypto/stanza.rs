//! Stanzas: a data key, whole or in shares, wrapped to the key of a branch.
//!
//! A stanza has a kind, as in age, so that new ways to wrap can come beside the old ones; kinds
//! not known here are kept and passed on byte for byte.

use crate::{
    agreement::{AgreementKey, AgreementPublic},
    data_key::DataKey,
    digest::Digest,
    entropy::Entropy,
    error::{OpenError, SealError},
    hpke::{open_from, seal_to},
    label::Label,
    reader::Reader,
    secret::{Secret, SecretBytes},
    share::{Share, join, split},
};

/// The kind of a stanza that wraps the whole key.
const WHOLE: u8 = 1;
/// The kind of a stanza that wraps one share.
const SHARE: u8 = 2;

/// The longest body of a stanza, in bytes.
pub const MAX_STANZA_BODY: usize = 4096;

/// What a wrapped key is bound to. A stanza opens only for exactly the same context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapContext {
    /// The network.
    pub network: Digest,
    /// The record's temporary ID, or the patient ID.
    pub object: [u8; 16],
    /// The version of the object.
    pub version: u32,
    /// SHA-256 of the whole envelope.
    pub pointer: Digest,
    /// The branch that holds the stanza.
    pub branch: u16,
}

impl WrapContext {
    fn bytes(&self) -> Vec<u8> {
        [
            self.network.as_ref(),
            &self.object,
            &self.version.to_be_bytes(),
            self.pointer.as_ref(),
            &self.branch.to_be_bytes(),
        ]
        .concat()
    }
}

/// One wrapped key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// How it is wrapped: 1 the whole key, 2 a share; others are kept, and do not open.
    pub kind: u8,
    /// The key it is wrapped to.
    pub recipient: AgreementPublic,
    /// The sealed bytes, at most 4,096.
    pub body: Vec<u8>,
}

impl Stanza {
    /// The canonical bytes: `kind ‖ recipient ‖ length of body (u16) ‖ body`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = u16::try_from(self.body.len()).unwrap_or(u16::MAX);
        [&[self.kind], self.recipient.bytes().as_slice(), &length.to_be_bytes(), &self.body].concat()
    }

    /// Reads the canonical bytes, of every kind.
    ///
    /// # Errors
    /// [`OpenError`] for anything [`Stanza::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        Self::parse(bytes).ok_or(OpenError)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8()?;
        let recipient = AgreementPublic::from_bytes(reader.array()?);
        let length = usize::from(reader.u16()?);
        let body = reader.take(length)?.to_vec();
        reader.finish()?;
        (length <= MAX_STANZA_BODY).then_some(Self { kind, recipient, body })
    }
}

/// What a stanza, or a release, gives: the data key or one share of it.
#[derive(Debug)]
pub enum Held {
    /// The whole key.
    Whole(DataKey),
    /// One share; two are needed.
    Share(Share),
}

fn encode_whole(key: &DataKey) -> SecretBytes {
    SecretBytes::new([[WHOLE].as_slice(), key.secret().expose()].concat())
}

fn encode_share(share: &Share) -> SecretBytes {
    SecretBytes::new([[SHARE, share.number].as_slice(), share.value.expose()].concat())
}

impl Held {
    /// `kind ‖ key` or `kind ‖ number ‖ share`.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        match self {
            Self::Whole(key) => encode_whole(key),
            Self::Share(share) => encode_share(share),
        }
    }

    /// Reads what [`Held::encode`] wrote.
    ///
    /// # Errors
    /// [`OpenError`] for any other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let held = match bytes.split_first() {
            Some((&WHOLE, key)) => Secret::from_slice(key).map(DataKey::new).map(Self::Whole),
            Some((&SHARE, point)) => Share::from_point(point).map(Self::Share),
            _ => None,
        };
        held.ok_or(OpenError)
    }
}

/// Wraps the whole key: for the branch whose record it is.
///
/// # Errors
/// [`SealError::BadRecipient`] for a key of low order.
pub fn wrap_whole(
    key: &DataKey,
    to: &AgreementPublic,
    context: &WrapContext,
    entropy: &mut dyn Entropy,
) -> Result<Stanza, SealError> {
    let body = seal_to(to, Label::WrapWhole.bytes(), &context.bytes(), encode_whole(key).expose(), entropy)?;
    Ok(Stanza { kind: WHOLE, recipient: *to, body })
}

/// Splits the key among `holders` (branch, key), any two of whom can give it back, and wraps to
/// each its share. The context's branch is replaced by each holder's.
///
/// # Errors
/// [`SealError::BadHolderCount`] unless there are 2 to 255 holders,
/// [`SealError::RepeatedHolder`] when a branch or a key comes twice, and
/// [`SealError::BadRecipient`] for a key of low order.
pub fn wrap_shares(
    key: &DataKey,
    holders: &[(u16, AgreementPublic)],
    context: &WrapContext,
    entropy: &mut dyn Entropy,
) -> Result<Vec<(u16, Stanza)>, SealError> {
    let shares = split(key, holders.len(), entropy)?;
    let repeated = |at: usize, (branch, key): &(u16, AgreementPublic)| {
        holders.iter().take(at).any(|earlier| earlier.0 == *branch || earlier.1 == *key)
    };
    if holders.iter().enumerate().any(|(at, holder)| repeated(at, holder)) {
        return Err(SealError::RepeatedHolder);
    }
    shares
        .into_iter()
        .zip(holders)
        .map(|(share, &(branch, to))| {
            let context = WrapContext { branch, ..*context }.bytes();
            let body =
                seal_to(&to, Label::WrapShare.bytes(), &context, encode_share(&share).expose(), entropy)?;
            Ok((branch, Stanza { kind: SHARE, recipient: to, body }))
        })
        .collect()
}

/// Opens a stanza wrapped to this key for this context.
///
/// # Errors
/// [`OpenError`] for whatever reason, an unknown kind among them.
pub fn unwrap(stanza: &Stanza, key: &AgreementKey, context: &WrapContext) -> Result<Held, OpenError> {
    let label = match stanza.kind {
        WHOLE => Label::WrapWhole,
        SHARE => Label::WrapShare,
        _ => return Err(OpenError),
    };
    if stanza.recipient != key.public() {
        return Err(OpenError);
    }
    let opened = open_from(key, label.bytes(), &context.bytes(), &stanza.body)?;
    match opened.expose().first() {
        Some(kind) if *kind == stanza.kind => Held::decode(opened.expose()),
        _ => Err(OpenError),
    }
}

/// Gets the data key back from two or more shares of it.
///
/// With more than two, every share must agree; when they do not, try pairs and let the
/// envelope tell which holder gave a false one.
///
/// # Errors
/// [`OpenError`] for too few, repeated or disagreeing shares.
pub fn combine(shares: &[Share]) -> Result<DataKey, OpenError> {
    join(shares)
}

#[cfg(test)]
mod tests;
