//! The right edge of a growing tree: enough to append and to give the root, and no more.

use super::{empty_root, node_hash};
use crate::{Digest, OpenError, reader::Reader};

/// The roots of a tree's perfect subtrees, largest first: at most 64 digests for any size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Adds a leaf hash at the end.
    pub fn append(&mut self, leaf: Digest) {
        let mut peak = leaf;
        // Each trailing one of the size is a perfect subtree that the new leaf completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node_hash(&left, &peak);
            }
        }
        self.peaks.push(peak);
        self.size += 1;
    }

    /// Entries appended so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        let folded = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(empty_root)
    }

    /// The canonical bytes: `size (u64) ‖ peaks`, one for each one-bit of the size.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.peaks.iter().flat_map(Digest::bytes));
        bytes
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// [`OpenError`] for any other length than the size asks for, and for sizes of 2⁶³ or more,
    /// which no log reaches and which would leave no room to append.
    pub fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        Self::parse(bytes).ok_or(OpenError)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let size = reader.u64().filter(|size| i64::try_from(*size).is_ok())?;
        let peaks =
            (0..size.count_ones()).map(|_| reader.array().map(Digest::from_bytes)).collect::<Option<_>>()?;
        reader.finish()?;
        Some(Self { size, peaks })
    }
}
