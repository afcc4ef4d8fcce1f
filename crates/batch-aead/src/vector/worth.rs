//! When vector code is faster than one packet after the other.
//!
//! Vector code pays for whole registers of blocks, and for the steps of the longest packet; the library
//! pays for each packet and each block. What each costs was measured on a server processor of 2023
//! (Sapphire Rapids) against both libraries with `cargo bench --package wirecraft-benches --bench batch_aead`; the
//! unit is about a nanosecond there, and only ratios matter. Lengths are no secret.

use super::streams::BLOCK_LEN;
use crate::batch::{Message, TAG_LEN};

/// What a path costs.
#[derive(Clone, Copy)]
pub(super) struct Costs {
    /// Blocks of ChaCha20 that are made at once.
    blocks: usize,
    /// What these cost.
    of_blocks: usize,
    /// Packets that go through Poly1305 at once.
    packets: usize,
    /// What four blocks of Poly1305 of each of these cost.
    of_quad: usize,
    /// What a batch costs beside.
    fixed: usize,
}

/// By AVX-512.
pub(super) const AVX512: Costs = Costs {
    blocks: 16,
    of_blocks: 230,
    packets: 16,
    of_quad: 80,
    fixed: 150,
};

/// By AVX2.
pub(super) const AVX2: Costs = Costs {
    blocks: 8,
    of_blocks: 230,
    packets: 8,
    of_quad: 160,
    fixed: 150,
};

/// What the library costs that works on one packet after the other.
struct CostsAlone {
    packet: usize,
    /// A block of ChaCha20 and four of Poly1305.
    block: usize,
}

#[cfg(feature = "aws-lc")]
const ALONE: CostsAlone = CostsAlone {
    packet: 190,
    block: 34,
};

// RustCrypto: in units in which AWS-LC takes 224 for a packet of 64 bytes it took 1600, and 2800 where
// AWS-LC took 1000, at 1420 bytes. Less is said here: some builds of it may be faster.
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
    packets: 1,
    of_quad: 0,
    fixed: 0,
};

impl Costs {
    /// Whether vector code is faster for these packets.
    #[inline]
    pub(super) fn are_worth_it<M: Message>(&self, part: &mut [M]) -> bool {
        let count = part.len();
        let (mut blocks, mut longest) = (0, 0);
        for item in part {
            let text_len = item.bytes().len().saturating_sub(TAG_LEN);
            let in_item = text_len.div_ceil(BLOCK_LEN);
            blocks += in_item;
            longest = in_item.max(longest);
        }
        let alone = count * ALONE.packet + blocks * ALONE.block;
        let groups = (blocks + count).div_ceil(self.blocks);
        let passes = count.div_ceil(self.packets);
        let together = groups * self.of_blocks + passes * (longest + 1) * self.of_quad + self.fixed;
        together <= alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seal;
    use std::vec;

    /// From how many packets of a length on vector code works, of those that it takes together.
    fn crossover(costs: Costs, len: usize) -> Option<usize> {
        (1..=16).find(|count| {
            let mut messages = vec![vec![0; len + TAG_LEN]; *count];
            let mut batch: vec::Vec<Seal<'_>> = messages
                .iter_mut()
                .map(|message| Seal {
                    nonce: [0; 12],
                    message,
                })
                .collect();
            costs.are_worth_it(&mut batch)
        })
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn vector_code_works_from_where_it_was_measured_to_be_faster_than_aws_lc() {
        let lens = [64, 256, 1420];
        let avx512 = lens.map(|len| crossover(AVX512, len));
        assert_eq!(avx512, [Some(3), Some(3), Some(4)]);
        let avx2 = lens.map(|len| crossover(AVX2, len));
        assert_eq!(avx2, [Some(4), Some(6), None]);
    }

    #[cfg(not(feature = "aws-lc"))]
    #[test]
    fn vector_code_works_from_where_it_was_measured_to_be_faster_than_rustcrypto() {
        let lens = [64, 256, 1420];
        let avx512 = lens.map(|len| crossover(AVX512, len));
        assert_eq!(avx512, [Some(1), Some(1), Some(2)]);
        let avx2 = lens.map(|len| crossover(AVX2, len));
        assert_eq!(avx2, [Some(1), Some(1), Some(3)]);
    }

    #[test]
    fn one_long_packet_among_short_ones_is_not_worth_the_steps_of_all() {
        let mut messages = [vec![0; 9000], vec![0; 80], vec![0; 80], vec![0; 80]];
        let mut batch = messages.each_mut().map(|message| Seal {
            nonce: [0; 12],
            message,
        });
        assert!(!AVX512.are_worth_it(&mut batch));
        assert!(!AVX2.are_worth_it(&mut batch));
    }
}
