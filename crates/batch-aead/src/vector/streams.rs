//! Blocks of key stream, and which blocks to make.

use core::ops::Range;

use zeroize::{ZeroizeOnDrop, optimization_barrier};

use super::chunk::Chunk;

/// `expa`, `nd 3`, `2-by`, `te k`: the first words of a block.
pub(crate) const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// Rounds over columns and diagonals.
pub(crate) const DOUBLE_ROUNDS: usize = 10;

/// A block of ChaCha20 in bytes.
pub(crate) const BLOCK_LEN: usize = 64;

/// How many blocks are made together.
pub(crate) const MAX: usize = 16;

/// Sixteen blocks of key stream. Wiped when dropped.
#[repr(C, align(64))]
pub(crate) struct Streams(pub(crate) [[u8; BLOCK_LEN]; MAX]);

impl Default for Streams {
    #[inline]
    fn default() -> Self {
        Self([[0; BLOCK_LEN]; MAX])
    }
}

impl Drop for Streams {
    #[inline]
    fn drop(&mut self) {
        self.0 = [[0; BLOCK_LEN]; MAX];
        optimization_barrier(&self.0);
    }
}

impl ZeroizeOnDrop for Streams {}

/// Up to 16 blocks of key stream that are made together.
pub(crate) struct Jobs {
    /// Which packet each block is for.
    pub(crate) packets: [u32; MAX],
    /// The block counter of each; the text begins at 1.
    pub(crate) counters: [u32; MAX],
    count: usize,
    runs: [Run; MAX],
    run_count: usize,
    next_packet: u8,
    next_block: u32,
}

/// Blocks of one text that follow each other, in lanes that do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Run {
    packet: u8,
    first_lane: u8,
    lanes: u8,
    first_block: u32,
}

impl Run {
    #[inline]
    pub(crate) fn packet(self) -> usize {
        usize::from(self.packet)
    }

    /// Where in its text the first block begins, in bytes.
    #[inline]
    pub(crate) fn start(self) -> usize {
        self.first_block as usize * BLOCK_LEN
    }

    #[inline]
    pub(crate) fn lanes(self) -> Range<usize> {
        let first = usize::from(self.first_lane);
        first..first + usize::from(self.lanes)
    }
}

impl Jobs {
    /// The one-time key of every packet, and the first blocks of the texts.
    #[inline]
    pub(crate) fn keys(chunk: &Chunk<'_>) -> Self {
        let mut jobs = Self {
            packets: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            counters: [0; MAX],
            count: chunk.count(),
            runs: [Run::default(); MAX],
            run_count: 0,
            next_packet: 0,
            next_block: 0,
        };
        jobs.fill(chunk);
        jobs
    }

    /// Goes on to the blocks that follow; says whether there are any.
    #[inline]
    pub(crate) fn advance(&mut self, chunk: &Chunk<'_>) -> bool {
        self.count = 0;
        self.run_count = 0;
        self.fill(chunk);
        self.count > 0
    }

    #[inline]
    fn fill(&mut self, chunk: &Chunk<'_>) {
        let block_counts = chunk.block_counts();
        while self.count < MAX {
            let Some(blocks) = block_counts.get(usize::from(self.next_packet)) else {
                return;
            };
            let left = blocks.saturating_sub(self.next_block) as usize;
            let lanes = left.min(MAX - self.count);
            if lanes > 0 {
                self.push(lanes);
            }
            if lanes == left {
                self.next_packet += 1;
                self.next_block = 0;
            }
        }
    }

    /// Takes the next blocks of a text into as many lanes.
    #[inline]
    fn push(&mut self, lanes: usize) {
        self.runs[self.run_count] = Run {
            packet: self.next_packet,
            first_lane: self.count.to_le_bytes()[0],
            lanes: lanes.to_le_bytes()[0],
            first_block: self.next_block,
        };
        self.run_count += 1;
        for lane in self.count..self.count + lanes {
            self.next_block += 1;
            self.packets[lane] = u32::from(self.next_packet);
            self.counters[lane] = self.next_block;
        }
        self.count += lanes;
    }

    /// How many blocks there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The blocks that are not one-time keys.
    #[inline]
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs[..self.run_count]
    }
}
