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
    next_packet: usize,
    next_counter: u32,
}

impl Jobs {
    /// The one-time key of every packet, and the first blocks of the texts.
    pub(crate) fn keys(chunk: &Chunk<'_>) -> Self {
        let mut jobs = Self {
            packets: core::array::from_fn(|lane| u32::from(lane.to_le_bytes()[0])),
            counters: [0; MAX],
            count: chunk.count(),
            next_packet: 0,
            next_counter: 1,
        };
        jobs.fill(chunk);
        jobs
    }

    /// Goes on to the blocks that follow; says whether there are any.
    #[inline]
    pub(crate) fn advance(&mut self, chunk: &Chunk<'_>) -> bool {
        self.count = 0;
        self.fill(chunk);
        self.count > 0
    }

    #[inline]
    fn fill(&mut self, chunk: &Chunk<'_>) {
        while self.count < MAX {
            let Some(text_len) = chunk.text_lens().get(self.next_packet) else {
                return;
            };
            if self.next_counter as usize > text_len.div_ceil(BLOCK_LEN) {
                self.next_packet += 1;
                self.next_counter = 1;
                continue;
            }
            self.packets[self.count] = u32::from(self.next_packet.to_le_bytes()[0]);
            self.counters[self.count] = self.next_counter;
            self.count += 1;
            self.next_counter += 1;
        }
    }

    /// How many blocks there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The part of a text, at most a block, that a block of key stream is for; empty for a one-time
    /// key and a text that was given up.
    #[inline]
    pub(crate) fn part<'a>(&self, lane: usize, chunk: &'a mut Chunk<'_>) -> &'a mut [u8] {
        let text = chunk.text_mut(self.packets[lane] as usize);
        let start = (self.counters[lane] as usize)
            .wrapping_sub(1)
            .wrapping_mul(BLOCK_LEN);
        let part = text.get_mut(start..).unwrap_or_default();
        let len = part.len().min(BLOCK_LEN);
        &mut part[..len]
    }
}
