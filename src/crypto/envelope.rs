//! The envelope: one layout for every suite, in which records and identities leave a console.
//!
//! A 98-byte header, then segments of at most 1 MiB of padded plaintext. Each envelope has a
//! fresh salt and each segment its own keys; the header, the segment's number and whether it is
//! the last are authenticated with every segment, so that nothing can be cut, moved or relabelled.

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    data_key::DataKey,
    entropy::{Entropy, array},
    error::{OpenError, SealError},
    padding::{MAX_PADDED, is_bucket, pad, unpad},
    reader::Reader,
    secret::SecretBytes,
    segment::{SEGMENT_HEAD, Segment, commitment},
    suite::Suite,
    triple_des::{BLOCK, MAX_BLOCKS},
};

pub use crate::padding::MAX_PLAIN;

/// The first bytes of every envelope: a name and the version of the layout.
const MAGIC: [u8; 8] = *b"WARDENV\x01";

/// Bytes of an envelope's header.
pub const HEADER_LEN: usize = 98;

/// The largest envelope, in bytes: a record of 32 MiB with what sealing adds.
pub const MAX_ENVELOPE: usize = 33 << 20;

/// Padded plaintext in one segment.
const SEGMENT: usize = 1 << 20;

const _: () = assert!(SEGMENT / BLOCK <= MAX_BLOCKS, "a segment stays within one 3DES key");
const _: () = assert!(
    HEADER_LEN + MAX_PADDED + MAX_PADDED.div_ceil(SEGMENT) * (SEGMENT_HEAD + Suite::Cascade.overhead())
        <= MAX_ENVELOPE,
    "the largest bucket's envelope stays within the limit"
);

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A health record.
    Record = 1,
    /// A patient's identity.
    Identity = 2,
}

impl Content {
    /// The permanent number of the content.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The content of a number, `None` for numbers that have none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Record),
            2 => Some(Self::Identity),
            _ => None,
        }
    }
}

/// What the header of an envelope says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How it is sealed.
    pub suite: Suite,
    /// What it holds.
    pub content: Content,
    /// A record's temporary ID, or a patient ID.
    pub object: [u8; 16],
    /// The version of that object, which a data key belongs to.
    pub version: u32,
}

/// Seals `plain` under `key`, padded to its bucket.
///
/// # Errors
/// [`SealError::TooLong`] above [`MAX_PLAIN`]; the other errors cannot come up below it but
/// for a chance of about 2⁻³⁸⁴ ([`SealError::WeakKeys`]).
pub fn seal(
    key: &DataKey,
    header: &Header,
    plain: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    seal_padded(key, header, pad(plain)?.expose(), &array(entropy))
}

/// Seals what is padded already; `padded` is a bucket and `salt` fresh.
pub(crate) fn seal_padded(
    key: &DataKey,
    header: &Header,
    padded: &[u8],
    salt: &[u8; 32],
) -> Result<Vec<u8>, SealError> {
    let header_bytes = encode_header(key, header, salt, padded.len())?;

    let mut out = Vec::with_capacity(sealed_length(header.suite, padded.len()));
    out.extend_from_slice(&header_bytes);
    let mut chunks = (0..).zip(padded.chunks(SEGMENT)).peekable();
    while let Some((number, chunk)) = chunks.next() {
        let last = chunks.peek().is_none();
        let segment = Segment { key, salt, header, header_bytes: &header_bytes, number, last };
        out.extend_from_slice(&segment.head());
        out.extend_from_slice(&segment.seal(chunk)?);
    }
    Ok(out)
}

/// Opens an envelope and gives what it says of itself, now authenticated, with its plaintext.
///
/// Callers compare the header's object, version and content with what they asked for.
///
/// # Errors
/// [`OpenError`] for whatever reason.
pub fn open(key: &DataKey, sealed: &[u8]) -> Result<(Header, SecretBytes), OpenError> {
    let frame = Frame::parse(sealed).map_err(|_| OpenError)?;
    let expected = commitment(key, &frame.salt, &frame.header);
    if !bool::from(expected.expose().ct_eq(&frame.commitment)) {
        return Err(OpenError);
    }

    // At its full size from the start: growing would leave plaintext behind.
    let mut padded = Zeroizing::new(Vec::with_capacity(frame.padded));
    let mut body = Reader::new(frame.body);
    let mut lengths = (0..).zip(segment_lengths(frame.padded)).peekable();
    while let Some((number, length)) = lengths.next() {
        let segment = Segment {
            key,
            salt: &frame.salt,
            header: &frame.header,
            header_bytes: &frame.bytes,
            number,
            last: lengths.peek().is_none(),
        };
        let head: [u8; SEGMENT_HEAD] = body.array().ok_or(OpenError)?;
        if head != segment.head() {
            return Err(OpenError);
        }
        let sealed = body.take(length + frame.header.suite.overhead()).ok_or(OpenError)?;
        padded.extend_from_slice(&segment.open(sealed)?);
    }
    body.finish().ok_or(OpenError)?;
    let plain = unpad(&padded).ok_or(OpenError)?;
    Ok((frame.header, plain))
}

/// Why bytes are not one envelope's frame. It is told without any key, from what anybody can read and write, so it
/// tells nothing about what is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Shorter than a header.
    #[error("the envelope ends within its header")]
    Short,
    /// The first bytes are not an envelope's.
    #[error("it does not begin as an envelope")]
    Magic,
    /// No layout of this build.
    #[error("`{0}` is no layout of an envelope")]
    Layout(u8),
    /// No such suite.
    #[error("`{0}` is no suite")]
    Suite(u8),
    /// No such content.
    #[error("`{0}` is no content of an envelope")]
    Content(u8),
    /// No padded length that there is.
    #[error("nothing is padded to `{0}` bytes")]
    Bucket(u32),
    /// Another length than the header leads to.
    #[error("the envelope has `{found}` bytes, its header leads to `{expected}`")]
    Length {
        /// Bytes there.
        found: usize,
        /// Bytes of this suite and padded length.
        expected: usize,
    },
}

/// What an envelope says of itself, if it is framed as one.
///
/// This is NOT authenticated: anyone can write any header. Use it to route and to refuse, never
/// to trust.
///
/// # Errors
/// When the bytes are not exactly one envelope's frame.
pub fn peek(sealed: &[u8]) -> Result<Header, FrameError> {
    Frame::parse(sealed).map(|frame| frame.header)
}

/// An envelope taken apart, nothing of it authenticated yet.
struct Frame<'a> {
    bytes: [u8; HEADER_LEN],
    header: Header,
    salt: [u8; 32],
    commitment: [u8; 32],
    padded: usize,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Magic, codes, bucket and the exact length must fit.
    fn parse(sealed: &'a [u8]) -> Result<Self, FrameError> {
        let short = FrameError::Short;
        let (bytes, body) = sealed.split_first_chunk::<HEADER_LEN>().ok_or(short)?;
        let mut reader = Reader::new(bytes);
        let [name @ .., layout] = MAGIC;
        if reader.array().ok_or(short)? != name {
            return Err(FrameError::Magic);
        }
        match reader.u8().ok_or(short)? {
            found if found == layout => {}
            found => return Err(FrameError::Layout(found)),
        }
        let (suite, content) = (reader.u8().ok_or(short)?, reader.u8().ok_or(short)?);
        let header = Header {
            suite: Suite::from_code(suite).ok_or(FrameError::Suite(suite))?,
            content: Content::from_code(content).ok_or(FrameError::Content(content))?,
            object: reader.array().ok_or(short)?,
            version: reader.u32().ok_or(short)?,
        };
        let (salt, commitment) = (reader.array().ok_or(short)?, reader.array().ok_or(short)?);
        let bucket = reader.u32().ok_or(short)?;
        reader.finish().ok_or(short)?;
        let padded =
            usize::try_from(bucket).ok().filter(|n| is_bucket(*n)).ok_or(FrameError::Bucket(bucket))?;
        let (found, expected) = (sealed.len(), sealed_length(header.suite, padded));
        if found != expected {
            return Err(FrameError::Length { found, expected });
        }
        Ok(Self { bytes: *bytes, header, salt, commitment, padded, body })
    }
}

fn encode_header(
    key: &DataKey,
    header: &Header,
    salt: &[u8; 32],
    padded: usize,
) -> Result<[u8; HEADER_LEN], SealError> {
    let too_long = SealError::TooLong { length: padded, limit: MAX_PADDED };
    let padded = u32::try_from(padded).map_err(|_| too_long)?;
    let bytes = [
        MAGIC.as_slice(),
        &[header.suite.code(), header.content.code()],
        &header.object,
        &header.version.to_be_bytes(),
        salt,
        commitment(key, salt, header).expose(),
        &padded.to_be_bytes(),
    ]
    .concat();
    bytes.try_into().map_err(|_| too_long)
}

/// Padded plaintext bytes of each segment, in order.
fn segment_lengths(padded: usize) -> impl ExactSizeIterator<Item = usize> {
    (0..padded.div_ceil(SEGMENT)).map(move |index| SEGMENT.min(padded - index * SEGMENT))
}

fn sealed_length(suite: Suite, padded: usize) -> usize {
    HEADER_LEN + padded + segment_lengths(padded).len() * (SEGMENT_HEAD + suite.overhead())
}

#[cfg(test)]
mod tests;
