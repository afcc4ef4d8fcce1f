//! When vector code is faster than one packet after the other.
//!
//! Vector code pays for whole registers of blocks, and for the steps of the longest packet; the library
//! pays for each packet and each block. What each costs was measured on a server processor of 2023
//! (Sapphire Rapids) against both libraries with `cargo xtask aead-table`, sealing and opening; the unit is about
//! a nanosecond there, and only ratios matter. With AVX2 they depend on what else a core's other thread does: the
//! costs are between both. Lengths are no secret.

#[cfg(any(test, feature = "forced-path"))]
use super::chunk::CAPACITY;
use super::streams::BLOCK_LEN;
use crate::batch::{Message, TAG_LEN};

/// What a path costs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    /// Blocks of ChaCha20 that are made at once.
    blocks: usize,
    /// What these cost.
    of_blocks: usize,
    /// Packets that go through Poly1305 at once.
    packets: usize,
    /// What four blocks of Poly1305 of each of these cost.
    of_quad: usize,
    /// What a packet costs beside.
    of_packet: usize,
    /// What a batch costs beside.
    fixed: usize,
}

/// By AVX-512.
pub(super) const AVX512: Costs = Costs {
    blocks: 16,
    of_blocks: 230,
    packets: 8,
    of_quad: 40,
    of_packet: 25,
    fixed: 200,
};

/// By AVX2.
pub(super) const AVX2: Costs = Costs {
    blocks: 8,
    of_blocks: 220,
    packets: 8,
    of_quad: 150,
    of_packet: 25,
    fixed: 200,
};

/// What the library costs that works on one packet after the other.
struct CostsAlone {
    packet: usize,
    /// A block of ChaCha20 and four of Poly1305.
    block: usize,
}

#[cfg(feature = "aws-lc")]
const ALONE: CostsAlone = CostsAlone {
    packet: 150,
    block: 32,
};

// RustCrypto: in these units it took 1500 for a packet of 64 bytes, and 2500 for one of 1420. Less is said here:
// some builds of it may be faster.
#[cfg(not(feature = "aws-lc"))]
const ALONE: CostsAlone = CostsAlone {
    packet: 1000,
    block: 50,
};

/// For tests: vector code at any price.
#[cfg(any(test, feature = "forced-path"))]
pub(super) const NOTHING: Costs = Costs {
    blocks: 1,
    of_blocks: 0,
    packets: CAPACITY,
    of_quad: 0,
    of_packet: 0,
    fixed: 0,
};

/// Packets to work on.
#[derive(Clone, Copy, Default)]
struct Work {
    packets: usize,
    /// Blocks of ChaCha20 of their texts.
    blocks: usize,
    /// Those of the longest of them.
    longest: usize,
}

impl Work {
    #[inline]
    fn add(&mut self, text_len: usize) {
        let blocks = text_len.div_ceil(BLOCK_LEN);
        self.packets += 1;
        self.blocks += blocks;
        self.longest = self.longest.max(blocks);
    }

    /// What it costs one packet after the other.
    #[inline]
    fn alone(&self) -> usize {
        self.packets * ALONE.packet + self.blocks * ALONE.block
    }
}

impl Costs {
    /// How many of the first packets of a part vector code takes: all of them, as many as Poly1305 takes at
    /// once, or none, whichever is cheapest with what is left to the library.
    #[inline]
    pub(super) fn taken<M: Message>(&self, part: &mut [M]) -> usize {
        let (mut all, mut first) = (Work::default(), Work::default());
        for item in part {
            all.add(item.bytes().len().saturating_sub(TAG_LEN));
            if all.packets == self.packets {
                first = all;
            }
        }
        let alone = all.alone();
        if alone < self.of_blocks + self.fixed {
            return 0;
        }
        let together = self.together(&all);
        let mixed = self.together(&first) + alone - first.alone();
        if together <= alone.min(mixed) {
            all.packets
        } else if mixed <= alone {
            first.packets
        } else {
            0
        }
    }

    /// What it costs in vector code.
    #[inline]
    fn together(&self, work: &Work) -> usize {
        let groups = (work.blocks + work.packets).div_ceil(self.blocks);
        let passes = work.packets.div_ceil(self.packets);
        groups * self.of_blocks
            + passes * (work.longest + 1) * self.of_quad
            + work.packets * self.of_packet
            + self.fixed
    }

    /// The costs of a path that needs less of a processor, instead of these.
    #[cfg_attr(
        not(any(test, feature = "forced-path")),
        expect(clippy::unused_self, reason = "no path is forced")
    )]
    pub(super) fn of_less(self, less: Self) -> Self {
        #[cfg(any(test, feature = "forced-path"))]
        if self == NOTHING {
            return NOTHING;
        }
        less
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seal;
    use std::vec;

    /// How many of so many packets of a length vector code takes.
    fn taken(costs: Costs, len: usize, count: usize) -> usize {
        let mut messages = vec![vec![0; len + TAG_LEN]; count];
        let mut batch: vec::Vec<Seal<'_>> = messages
            .iter_mut()
            .map(|message| Seal {
                nonce: [0; 12],
                message,
            })
            .collect();
        costs.taken(&mut batch)
    }

    /// From how many packets of a length on vector code works, of those that it takes together.
    fn crossover(costs: Costs, len: usize) -> Option<usize> {
        (1..=CAPACITY).find(|count| taken(costs, len, *count) > 0)
    }

    #[test]
    fn vector_code_that_takes_some_packets_takes_some_of_more() {
        for costs in [AVX512, AVX2] {
            for len in (0..=9000).step_by(7) {
                let takes_some = (1..=CAPACITY).map(|count| taken(costs, len, count) > 0);
                assert!(takes_some.is_sorted(), "{len} bytes");
            }
        }
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn packets_that_fill_no_second_register_are_left_to_the_library() {
        let avx512 = [8, 9, 10, 16].map(|count| taken(AVX512, 1420, count));
        assert_eq!(avx512, [8, 8, 10, 16]);
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn vector_code_works_from_where_it_was_measured_to_be_faster_than_aws_lc() {
        let lens = [64, 256, 1420];
        let avx512 = lens.map(|len| crossover(AVX512, len));
        assert_eq!(avx512, [Some(4), Some(3), Some(3)]);
        let avx2 = lens.map(|len| crossover(AVX2, len));
        assert_eq!(avx2, [Some(6), Some(16), None]);
    }

    #[cfg(not(feature = "aws-lc"))]
    #[test]
    fn vector_code_works_from_where_it_was_measured_to_be_faster_than_rustcrypto() {
        let lens = [64, 256, 1420];
        let avx512 = lens.map(|len| crossover(AVX512, len));
        assert_eq!(avx512, [Some(1), Some(1), Some(1)]);
        let avx2 = lens.map(|len| crossover(AVX2, len));
        assert_eq!(avx2, [Some(1), Some(1), Some(3)]);
    }

    // RustCrypto costs so much a packet that it is worth them there.
    #[cfg(feature = "aws-lc")]
    #[test]
    fn one_long_packet_among_short_ones_is_not_worth_the_steps_of_all() {
        let mut messages = [vec![0; 9000], vec![0; 80], vec![0; 80], vec![0; 80]];
        let mut batch = messages.each_mut().map(|message| Seal {
            nonce: [0; 12],
            message,
        });
        assert_eq!(AVX512.taken(&mut batch), 0);
        assert_eq!(AVX2.taken(&mut batch), 0);
    }
}
