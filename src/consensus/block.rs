//! The block as the engine carries it: header and body as bytes, with the links read out of them.
//! Must not know what the bytes mean.

use crate::{Bind, Block};
use bytes::{BufMut, Bytes};
use commonware_codec::{
    Buf, EncodeSize, Error, FixedSize as _, MaxEncodeSize as _, Read, Write, varint::UInt,
};
use commonware_consensus::{BoundedBlock, Heightable, types::Height};
use commonware_cryptography::{Digestible, Hasher as _, Sha256, sha256};

/// SHA-256 of a block's header.
pub(crate) type Digest = sha256::Digest;

/// How blocks are decoded.
#[derive(Clone)]
pub(crate) struct Codec {
    /// Ties a body to its header.
    pub(crate) bind: Bind,
    /// Largest header and body together.
    pub(crate) max_bytes: usize,
}

/// A block whose body is known to be the one that its header commits to.
///
/// There is no way to one but through [`Codec::bind`]. The engine certifies the header's digest
/// alone and looks blocks up by it, so a peer that answers a catch-up request could otherwise hand
/// over a certified header with a body of its own making, to be applied as final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundBlock {
    block: Block,
    digest: Digest,
    height: u64,
    parent: Digest,
}

impl BoundBlock {
    /// Binds a block; `None` when its body is not its header's or it is too large.
    pub(crate) fn new(block: Block, codec: &Codec) -> Option<Self> {
        if block.header.len() + block.body.len() > codec.max_bytes {
            return None;
        }
        let (height, parent) = (codec.bind)(&block.header, &block.body)?;
        let digest = Sha256::hash(&[&block.header]);
        Some(Self { block, digest, height, parent: parent.into() })
    }

    pub(crate) fn block(&self) -> &Block {
        &self.block
    }

    pub(crate) fn number(&self) -> u64 {
        self.height
    }

    /// Whether this is the block right after the one at `height` with `digest`.
    pub(crate) fn follows(&self, height: u64, digest: &Digest) -> bool {
        self.height.checked_sub(1) == Some(height) && self.parent == *digest
    }
}

impl Write for BoundBlock {
    fn write(&self, out: &mut impl BufMut) {
        self.block.header.write(out);
        self.block.body.write(out);
    }
}

impl EncodeSize for BoundBlock {
    fn encode_size(&self) -> usize {
        self.block.header.encode_size() + self.block.body.encode_size()
    }
}

impl Read for BoundBlock {
    type Cfg = Codec;

    fn read_cfg(bytes: &mut impl Buf, codec: &Codec) -> Result<Self, Error> {
        let header = Bytes::read_cfg(bytes, &(..=codec.max_bytes).into())?;
        let body = Bytes::read_cfg(bytes, &(..=codec.max_bytes).into())?;
        Self::new(Block { header, body }, codec)
            .ok_or(Error::Invalid("block", "too large, or the body is not the header's"))
    }
}

impl BoundedBlock for BoundBlock {
    fn max_encode_size(codec: &Codec) -> usize {
        codec.max_bytes + 2 * UInt::<u32>::MAX_ENCODE_SIZE + Digest::SIZE
    }
}

impl Digestible for BoundBlock {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.digest
    }
}

impl Heightable for BoundBlock {
    fn height(&self) -> Height {
        Height::new(self.height)
    }
}

impl commonware_consensus::Block for BoundBlock {
    fn parent(&self) -> Digest {
        self.parent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_codec::{Decode as _, Encode as _};

    /// Header: height, then the body's length.
    fn bind(header: &[u8], body: &[u8]) -> Option<(u64, [u8; 32])> {
        let (height, length) = header.split_first()?;
        (length == body.len().to_be_bytes()).then_some((u64::from(*height), [3; 32]))
    }

    fn block(height: u8, claimed: usize, body: &'static [u8]) -> Block {
        Block { header: [&[height][..], &claimed.to_be_bytes()].concat().into(), body: body.into() }
    }

    const CODEC: Codec = Codec { bind, max_bytes: 30 };

    fn bytes(block: &Block) -> Bytes {
        [block.header.encode(), block.body.encode()].concat().into()
    }

    #[test]
    fn a_body_that_is_not_the_headers_cannot_be_decoded() {
        let honest = block(7, 4, b"body");
        let decoded = BoundBlock::decode_cfg(bytes(&honest), &CODEC).unwrap();
        assert_eq!((decoded.number(), decoded.encode()), (7, bytes(&honest)));
        assert_eq!(decoded.digest(), Sha256::hash(&[&honest.header]), "the body is not in it");
        let forged = Block { body: "forged".into(), ..honest };
        assert!(BoundBlock::decode_cfg(bytes(&forged), &CODEC).is_err());
        assert_eq!(BoundBlock::new(forged, &CODEC), None);
    }

    #[test]
    fn size_is_bounded_both_ways() {
        let full = block(1, 21, b"twenty-one characters");
        let decoded = BoundBlock::decode_cfg(bytes(&full), &CODEC).unwrap();
        assert!(decoded.encode_size() <= BoundBlock::max_encode_size(&CODEC));
        let over = block(1, 22, b"twenty-two characters.");
        assert!(BoundBlock::decode_cfg(bytes(&over), &CODEC).is_err());
        assert_eq!(BoundBlock::new(over, &CODEC), None);
        assert!(BoundBlock::decode_cfg(Bytes::from([&bytes(&full)[..], b"!"].concat()), &CODEC).is_err());
    }
}
