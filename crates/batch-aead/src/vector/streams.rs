//! Blocks of key stream, and which blocks to make.

use zeroize::{ZeroizeOnDrop, optimization_barrier};

use super::chunk::Chunk;

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
    next_packet: usize,
    next_block: usize,
}

/// Blocks of one text that follow each other, in lanes that do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Run {
    pub(crate) packet: usize,
    /// Where in its text the first block begins, in bytes.
    pub(crate) start: usize,
    pub(crate) first_lane: usize,
    pub(crate) lanes: usize,
}

impl Jobs {
    /// The one-time key of every packet, and the first blocks of the texts.
    #[inline]
    pub(crate) fn keys(chunk: &Chunk<'_>) -> Self {
        let mut jobs = Self {
            packets: core::array::from_fn(|lane| u32::from(lane.to_le_bytes()[0])),
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
        while self.count < MAX {
            let Some(text_len) = chunk.text_lens().get(self.next_packet) else {
                return;
            };
            let left = text_len.div_ceil(BLOCK_LEN).saturating_sub(self.next_block);
            let lanes = left.min(MAX - self.count);
            self.push(lanes);
            if lanes == left {
                self.next_packet += 1;
                self.next_block = 0;
            }
        }
    }

    /// Takes the next blocks of a text into as many lanes.
    #[inline]
    fn push(&mut self, lanes: usize) {
        if lanes == 0 {
            return;
        }
        self.runs[self.run_count] = Run {
            packet: self.next_packet,
            start: self.next_block * BLOCK_LEN,
            first_lane: self.count,
            lanes,
        };
        self.run_count += 1;
        let first = u32::try_from(self.next_block).expect(BLOCK_LIMIT);
        let packet = u32::from(self.next_packet.to_le_bytes()[0]);
        for (number, lane) in (1..).zip(self.count..self.count + lanes) {
            self.packets[lane] = packet;
            self.counters[lane] = first.wrapping_add(number);
        }
        self.next_block += lanes;
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

/// Why a block counter has 32 bits.
const BLOCK_LIMIT: &str = "a message has less than 256 GiB";
