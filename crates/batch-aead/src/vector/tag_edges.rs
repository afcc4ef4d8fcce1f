//! The sums of Poly1305 at their edges, which no chosen text reaches by way of the cipher.

use std::vec;
use std::vec::Vec;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;

use super::chunk::{CAPACITY, Chunk, POLY_BLOCK_LEN};
use super::streams::Streams;
use super::{Avx2, Avx512, Engine};
use crate::batch::TAG_LEN;
use crate::path::Path;
use crate::wycheproof_vectors;

/// A one-time key, `r` and `s`, and the text that it authenticates.
struct Case {
    key: [u8; 32],
    text: Vec<u8>,
}

impl Case {
    fn new(r: u128, s: u128, blocks: &[u128]) -> Self {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&r.to_le_bytes());
        key[16..].copy_from_slice(&s.to_le_bytes());
        let text = blocks.iter().flat_map(|block| block.to_le_bytes());
        Self {
            key,
            text: text.collect(),
        }
    }

    /// The tag by a library that knows of no packets.
    fn expected(&self) -> [u8; TAG_LEN] {
        let mut data = self.text.clone();
        data.resize(data.len().next_multiple_of(POLY_BLOCK_LEN), 0);
        data.extend([0; 8]);
        data.extend((self.text.len() as u64).to_le_bytes());
        Poly1305::new((&self.key).into())
            .compute_unpadded(&data)
            .into()
    }
}

/// The tags that vector code computes of up to 16 packets.
fn tags(path: Path, cases: &[Case]) -> [[u8; TAG_LEN]; CAPACITY] {
    let mut messages: Vec<_> = cases.iter().map(|case| case.text.clone()).collect();
    let mut keys = Streams::default();
    let mut chunk = Chunk::new();
    for ((message, case), stream) in messages.iter_mut().zip(cases).zip(&mut keys.0) {
        message.extend([0; TAG_LEN]);
        chunk.push([0; 12], message);
        stream[..32].copy_from_slice(&case.key);
    }
    let mut tags = [[0; TAG_LEN]; CAPACITY];
    match path {
        Path::Single => unreachable!("it is not vector code"),
        Path::Avx2 => Avx2::detect().unwrap().tags(&chunk, &keys, &mut tags),
        Path::Avx512 => Avx512::detect().unwrap().tags(&chunk, &keys, &mut tags),
    }
    tags
}

/// Compares all packets in batches of each size with a path's own passes, and one by one.
fn check(cases: &[Case]) {
    let vector = [Path::Avx2, Path::Avx512];
    for path in vector.into_iter().filter(|path| path.is_available()) {
        for size in [1, 8, CAPACITY] {
            for batch in cases.chunks(size) {
                for (case, tag) in batch.iter().zip(tags(path, batch)) {
                    let blocks = case.text.len() / POLY_BLOCK_LEN;
                    assert_eq!(tag, case.expected(), "{path}, {blocks} blocks in {size}");
                }
            }
        }
    }
}

/// Blocks whose sum, with the bit above each and the block of lengths, is 2^130 - 5 + `offset`, where
/// every multiple of 2^130 counts 5. There are two of them and any multiple of four.
///
/// With `r` = 1 that is the sum before it is reduced: n + 1 bits of 2^128, n being 2 more than a multiple
/// of four, are n / 4 times 2^130 and three of 2^128; the lengths are 16 n times 2^64.
fn blocks_with_sum(offset: i128, count: usize) -> Vec<u128> {
    assert_eq!(count % 4, 2);
    let fours = (count / 4) as u128;
    let lens = (16 * count as u128) << 64;
    let sum = u128::MAX - 4 - lens - 5 * fours;
    let sum = sum.checked_add_signed(offset).unwrap();
    let mut blocks = vec![0; count];
    blocks[0] = sum / 2;
    blocks[count - 1] = sum - sum / 2;
    blocks
}

#[test]
fn sum_around_the_prime_is_reduced() {
    let mut cases = Vec::new();
    for count in [2, 6, 10, 14, 130] {
        for offset in -2..=4 {
            for s in [0, 1, u128::MAX, u128::from(u64::MAX)] {
                cases.push(Case::new(1, s, &blocks_with_sum(offset, count)));
            }
        }
    }
    // The sums are what they are meant to be: the tag is what is left of them.
    assert_eq!(cases[4 * 2].expected(), 0_u128.to_le_bytes());
    assert_eq!(cases[4 * 6].expected(), 4_u128.to_le_bytes());
    assert_eq!(cases[4].expected(), (u128::MAX - 5).to_le_bytes());
    check(&cases);
}

#[test]
fn greatest_factor_and_blocks_are_multiplied_without_loss() {
    const R_MAX: u128 = 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    let mut cases = Vec::new();
    for count in [1, 9, 10, 13, 128] {
        for r in [R_MAX, u128::MAX, 1, 0] {
            for block in [u128::MAX, 0, u128::MAX << 64] {
                cases.push(Case::new(r, u128::MAX, &vec![block; count]));
            }
        }
    }
    check(&cases);
}

#[test]
fn tags_of_wycheproof_with_associated_data_as_text_are_those_of_the_library() {
    let mut cases = Vec::new();
    for test in wycheproof_vectors::tests() {
        let mut key = [0; 32];
        let cipher = ChaCha20::new_from_slices(&test.key, &test.nonce);
        cipher.unwrap().apply_keystream(&mut key);
        let mut text = test.aad.to_vec();
        text.resize(text.len().next_multiple_of(POLY_BLOCK_LEN), 0);
        text.extend_from_slice(&test.ct);
        cases.push(Case { key, text });
    }
    check(&cases);
}
