//! Sealed records: under the pointer that the chain has, and outer forms that are none. Who cannot open an envelope can
//! judge both.

use super::case::{Case, Item, Kind, shorten};
use wardline_crypto::{Content, Digest, Suite};

/// Where the parts of an envelope's header begin (`docs/format/crypto.md`).
const SUITE: usize = 8;
const CONTENT: usize = 9;
const OBJECT: usize = 10;
const VERSION: usize = 26;
const SALT: usize = 30;
const COMMITMENT: usize = 62;
const PADDED: usize = 94;
const SEGMENT: usize = 98;

/// The record `b` with its bytes changed, under the chain's pointer and size.
fn copy(c: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    let honest = c.network.envelope("b", 1);
    let (pointer, size) = (Digest::of(&honest), u32::try_from(honest.len()).unwrap());
    let mut bytes = honest;
    edit(&mut bytes);
    Item::Envelope { bytes, pointer, size }
}

/// The record `b` sealed by somebody who breaks the layout, with the pointer that it leads to.
fn sealed(c: &Case, edit: impl FnOnce(&mut Vec<u8>)) -> Item {
    let mut bytes = c.network.envelope("b", 1);
    edit(&mut bytes);
    let (pointer, size) = (Digest::of(&bytes), u32::try_from(bytes.len()).unwrap());
    Item::Envelope { bytes, pointer, size }
}

/// Other bytes than the chain names: what a branch's administrator can do to them.
pub const COPIES: &[Kind] = &[
    Kind::new(
        "envelope.magic",
        "another name of the layout",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| b[0] ^= 1),
    ),
    Kind::new(
        "envelope.layout",
        "another version of the layout",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| b[7] = 2),
    ),
    Kind::new("envelope.suite", "a weaker suite", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[SUITE] = Suite::TripleDes.code())
    }),
    Kind::new("envelope.content", "an identity", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[CONTENT] = Content::Identity.code())
    }),
    Kind::new("envelope.object", "another record", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[OBJECT] ^= 1)
    }),
    Kind::new("envelope.version", "another version", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[VERSION + 3] = 9)
    }),
    Kind::new("envelope.salt", "one bit of the salt", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[SALT] ^= 1)
    }),
    Kind::new(
        "envelope.commitment",
        "another commitment to the key",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| b[COMMITMENT] ^= 1),
    ),
    Kind::new("envelope.padded", "another padded length", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| b[PADDED] ^= 1)
    }),
    Kind::new(
        "envelope.segment",
        "one bit of the segment's head",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| b[SEGMENT] ^= 1),
    ),
    Kind::new("envelope.tag", "one bit of the last byte", "its SHA-256 is not the chain's pointer", |c| {
        copy(c, |b| *b.last_mut().unwrap() ^= 1)
    }),
    Kind::new(
        "envelope.neighbour",
        "another record's envelope",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| *b = c.network.envelope("c", 1)),
    ),
    Kind::new(
        "envelope.later-version",
        "a later version of the record",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| *b = c.network.envelope("b", 2)),
    ),
    Kind::new(
        "envelope.other-network",
        "the envelope of another network's record",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| *b = c.other().0.envelope("b", 1)),
    ),
    Kind::new(
        "envelope.swapped-halves",
        "two halves change places",
        "its SHA-256 is not the chain's pointer",
        |c| copy(c, |b| b.rotate_left(200)),
    ),
    Kind::new("envelope.dropped", "no bytes", "0 bytes instead of 663", |c| copy(c, Vec::clear)),
    Kind::new("envelope.header-only", "nothing but the header", "98 bytes instead of 663", |c| {
        copy(c, |b| b.truncate(SEGMENT))
    }),
    Kind::new("envelope.truncated", "the last byte is missing", "662 bytes instead of 663", |c| {
        copy(c, shorten)
    }),
    Kind::new("envelope.extended", "one byte more", "664 bytes instead of 663", |c| copy(c, |b| b.push(0))),
    Kind::new("envelope.doubled", "twice the bytes", "1326 bytes instead of 663", |c| {
        copy(c, |b| b.extend_from_within(..))
    }),
];

/// What is no envelope, although the chain names it: by who sealed it.
pub const FORMS: &[Kind] = &[
    Kind::new("outer-form.magic", "another name of the layout", "it does not begin as an envelope", |c| {
        sealed(c, |b| b[0] ^= 1)
    }),
    Kind::new(
        "outer-form.layout",
        "a layout that this build does not know",
        "`2` is no layout of an envelope",
        |c| sealed(c, |b| b[7] = 2),
    ),
    Kind::new("outer-form.suite", "a suite that there is not", "`4` is no suite", |c| {
        sealed(c, |b| b[SUITE] = 4)
    }),
    Kind::new("outer-form.no-suite", "no suite", "`0` is no suite", |c| sealed(c, |b| b[SUITE] = 0)),
    Kind::new(
        "outer-form.other-suite",
        "another suite, whose segments have another length",
        "the envelope has `663` bytes, its header leads to `647`",
        |c| sealed(c, |b| b[SUITE] = Suite::TripleDes.code()),
    ),
    Kind::new("outer-form.content", "a content that there is not", "`3` is no content of an envelope", |c| {
        sealed(c, |b| b[CONTENT] = 3)
    }),
    Kind::new(
        "outer-form.bucket",
        "a length that nothing is padded to",
        "nothing is padded to `513` bytes",
        |c| sealed(c, |b| b[PADDED + 3] ^= 1),
    ),
    Kind::new("outer-form.no-bucket", "no padded length", "nothing is padded to `0` bytes", |c| {
        sealed(c, |b| b[PADDED..SEGMENT].fill(0))
    }),
    Kind::new(
        "outer-form.largest-bucket",
        "four gigabytes are announced",
        "nothing is padded to `4294967295` bytes",
        |c| sealed(c, |b| b[PADDED..SEGMENT].fill(0xff)),
    ),
    Kind::new(
        "outer-form.other-bucket",
        "the next larger bucket",
        "the envelope has `663` bytes, its header leads to `1175`",
        |c| {
            sealed(c, |b| {
                let next = u32::from_be_bytes(b[PADDED..SEGMENT].try_into().unwrap()) * 2;
                b[PADDED..SEGMENT].copy_from_slice(&next.to_be_bytes());
            })
        },
    ),
    Kind::new("outer-form.empty", "no bytes", "the envelope ends within its header", |c| {
        sealed(c, Vec::clear)
    }),
    Kind::new("outer-form.half-header", "half a header", "the envelope ends within its header", |c| {
        sealed(c, |b| b.truncate(49))
    }),
    Kind::new(
        "outer-form.header-only",
        "nothing but the header",
        "the envelope has `98` bytes, its header leads to `663`",
        |c| sealed(c, |b| b.truncate(SEGMENT)),
    ),
    Kind::new(
        "outer-form.truncated",
        "the last byte is missing",
        "the envelope has `662` bytes, its header leads to `663`",
        |c| sealed(c, shorten),
    ),
    Kind::new(
        "outer-form.extended",
        "one byte more",
        "the envelope has `664` bytes, its header leads to `663`",
        |c| sealed(c, |b| b.push(0)),
    ),
    Kind::new(
        "outer-form.doubled",
        "twice the bytes",
        "the envelope has `1326` bytes, its header leads to `663`",
        |c| sealed(c, |b| b.extend_from_within(..)),
    ),
];
