//! Selective acknowledgments.

/// The most blocks that fit into the options of one segment.
const MAX_SACK_BLOCKS: usize = 4;
const SACK_BLOCK_LEN: usize = 8;

/// A range of sequence numbers that arrived out of order.
///
/// Source: RFC 2018 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SackBlock {
    /// The first sequence number of the range.
    pub left: u32,
    /// The first sequence number after the range.
    pub right: u32,
}

/// One to four ranges of a selective acknowledgment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackBlocks {
    blocks: [SackBlock; MAX_SACK_BLOCKS],
    len: usize,
}

impl SackBlocks {
    /// Takes one to four blocks; `None` for none or more.
    #[must_use]
    pub fn new(blocks: &[SackBlock]) -> Option<Self> {
        let mut kept = [SackBlock::default(); MAX_SACK_BLOCKS];
        kept.get_mut(..blocks.len())?.copy_from_slice(blocks);
        (!blocks.is_empty()).then_some(Self {
            blocks: kept,
            len: blocks.len(),
        })
    }

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let (chunks, []) = data.as_chunks::<SACK_BLOCK_LEN>() else {
            return None;
        };
        let mut blocks = [SackBlock::default(); MAX_SACK_BLOCKS];
        for (block, [a, b, c, d, e, f, g, h]) in
            blocks.get_mut(..chunks.len())?.iter_mut().zip(chunks)
        {
            block.left = u32::from_be_bytes([*a, *b, *c, *d]);
            block.right = u32::from_be_bytes([*e, *f, *g, *h]);
        }
        (!chunks.is_empty()).then_some(Self {
            blocks,
            len: chunks.len(),
        })
    }

    pub(super) const fn data_len(&self) -> usize {
        self.len * SACK_BLOCK_LEN
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        let (chunks, _) = data.as_chunks_mut::<SACK_BLOCK_LEN>();
        for (chunk, block) in chunks.iter_mut().zip(self.as_slice()) {
            chunk[..4].copy_from_slice(&block.left.to_be_bytes());
            chunk[4..].copy_from_slice(&block.right.to_be_bytes());
        }
    }

    /// Returns the blocks.
    #[must_use]
    #[inline]
    pub const fn as_slice(&self) -> &[SackBlock] {
        self.blocks.split_at(self.len).0
    }
}
