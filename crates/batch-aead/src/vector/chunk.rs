//! The packets that are worked on together.

use super::streams::BLOCK_LEN;
use crate::batch::{Nonce, TAG_LEN};

/// A block of Poly1305 in bytes.
pub(crate) const POLY_BLOCK_LEN: usize = 16;

/// How many packets are worked on together: the lanes of an AVX-512 register.
pub(crate) const CAPACITY: usize = 16;

/// Up to 16 packets.
pub(crate) struct Chunk<'a> {
    count: usize,
    /// First, second and third word of each nonce.
    nonces: [[u32; CAPACITY]; 3],
    messages: [&'a mut [u8]; CAPACITY],
    text_lens: [usize; CAPACITY],
    /// The blocks of ChaCha20 of each text.
    block_counts: [u32; CAPACITY],
}

impl<'a> Chunk<'a> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            count: 0,
            nonces: [[0; CAPACITY]; 3],
            messages: Default::default(),
            text_lens: [0; CAPACITY],
            block_counts: [0; CAPACITY],
        }
    }

    /// Takes a packet and its tag, or the room for it; what is shorter than a tag will not open.
    #[inline]
    pub(crate) fn push(&mut self, nonce: Nonce, message: &'a mut [u8]) {
        let words = nonce.as_chunks().0;
        for (row, word) in self.nonces.iter_mut().zip(words) {
            row[self.count] = u32::from_le_bytes(*word);
        }
        let text_len = message.len().saturating_sub(TAG_LEN);
        self.text_lens[self.count] = text_len;
        let blocks = u32::try_from(text_len.div_ceil(BLOCK_LEN));
        self.block_counts[self.count] = blocks.expect("a message has less than 256 GiB");
        self.messages[self.count] = message;
        self.count += 1;
    }

    /// How many packets there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn nonces(&self) -> &[[u32; CAPACITY]; 3] {
        &self.nonces
    }

    #[inline]
    pub(crate) fn text_lens(&self) -> &[usize] {
        &self.text_lens[..self.count]
    }

    #[inline]
    pub(crate) fn block_counts(&self) -> &[u32] {
        &self.block_counts[..self.count]
    }

    #[inline]
    pub(crate) fn text(&self, packet: usize) -> &[u8] {
        &self.messages[packet][..self.text_lens[packet]]
    }

    #[inline]
    pub(crate) fn text_mut(&mut self, packet: usize) -> &mut [u8] {
        &mut self.messages[packet][..self.text_lens[packet]]
    }

    pub(crate) fn write_tags(&mut self, tags: &[[u8; TAG_LEN]; CAPACITY]) {
        for (message, tag) in self.messages[..self.count].iter_mut().zip(tags) {
            if let Some(room) = message.last_chunk_mut() {
                *room = *tag;
            }
        }
    }

    /// The tag behind a packet.
    #[inline]
    pub(crate) fn received_tag(&self, packet: usize) -> Option<&[u8; TAG_LEN]> {
        let message: &[u8] = self.messages[packet];
        message.last_chunk()
    }

    /// Leaves a packet as it is from here on.
    pub(crate) fn give_up(&mut self, packet: usize) {
        self.text_lens[packet] = 0;
        self.block_counts[packet] = 0;
    }
}

/// The packets of a chunk as lanes of Poly1305, the longest first.
pub(crate) struct Lanes<'a> {
    /// Which packet is in which lane.
    pub(crate) packets: [u8; CAPACITY],
    /// The length of its text in bytes.
    pub(crate) text_lens: [u64; CAPACITY],
    /// The blocks of its text, what is left behind the last whole one counted.
    pub(crate) steps: [usize; CAPACITY],
    /// The whole blocks of its text.
    pub(crate) blocks: [&'a [[u8; POLY_BLOCK_LEN]]; CAPACITY],
    /// The last block of its text, filled up with zeros.
    pub(crate) last: [[u8; POLY_BLOCK_LEN]; CAPACITY],
}

impl<'a> Lanes<'a> {
    // Inlined, as it would be copied: it is large.
    #[inline(always)]
    pub(crate) fn new(chunk: &'a Chunk<'_>) -> Self {
        let mut lanes = Self {
            packets: by_length(chunk.text_lens()),
            text_lens: [0; CAPACITY],
            steps: [0; CAPACITY],
            blocks: [&[]; CAPACITY],
            last: [[0; POLY_BLOCK_LEN]; CAPACITY],
        };
        for (lane, packet) in lanes.packets[..chunk.count()].iter().enumerate() {
            let text = chunk.text(usize::from(*packet));
            let (blocks, rest) = text.as_chunks();
            lanes.text_lens[lane] = text.len() as u64;
            lanes.steps[lane] = text.len().div_ceil(POLY_BLOCK_LEN);
            lanes.blocks[lane] = blocks;
            match (rest, blocks.last()) {
                ([], Some(last)) => lanes.last[lane] = *last,
                _ => lanes.last[lane][..rest.len()].copy_from_slice(rest),
            }
        }
        lanes
    }

    /// Which of its blocks a lane has at a step; a number out of range before its packet begins.
    #[inline]
    pub(crate) fn number(&self, lane: usize, step: usize) -> usize {
        step.wrapping_sub(self.begin(lane))
    }

    /// The step at which the packet of a lane begins.
    #[inline]
    pub(crate) fn begin(&self, lane: usize) -> usize {
        self.steps[0].wrapping_sub(self.steps[lane])
    }
}

/// The numbers of the packets, the longest packet first; those that are not there come last.
fn by_length(text_lens: &[usize]) -> [u8; CAPACITY] {
    let mut packets = core::array::from_fn(|number| number.to_le_bytes()[0]);
    if !text_lens.is_sorted_by(|one, next| one >= next) {
        let len = |packet: &u8| text_lens[usize::from(*packet)];
        packets[..text_lens.len()].sort_unstable_by_key(|packet| core::cmp::Reverse(len(packet)));
    }
    packets
}
