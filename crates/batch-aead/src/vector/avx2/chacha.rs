//! ChaCha20, a block to each of the eight lanes of a register.
//!
//! Source: RFC 8439 §2.3.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_blendv_epi8, _mm256_cmpgt_epi32, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_permute2x128_si256, _mm256_permutevar8x32_epi32, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::super::Keys;
use super::super::chunk::Chunk;
use super::super::streams::{BLOCK_LEN, CONSTANTS, DOUBLE_ROUNDS, Jobs, MAX, Streams};

/// Blocks in a register.
const LANES: usize = 8;

#[target_feature(enable = "avx2")]
pub(super) fn streams(keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs, streams: &mut Streams) {
    for first in (0..MAX).step_by(LANES) {
        if first < jobs.count() {
            let state = state(keys, chunk, jobs, first);
            store_blocks(state, &mut streams.0[first..]);
        }
    }
}

#[target_feature(enable = "avx2")]
pub(super) fn add(chunk: &mut Chunk<'_>, jobs: &Jobs, streams: &Streams) {
    for run in jobs.runs() {
        let streams = &streams.0[run.lanes()];
        let text = chunk.text_mut(run.packet()).get_mut(run.start()..);
        let (blocks, rest) = text.unwrap_or_default().as_chunks_mut();
        for (block, stream) in blocks.iter_mut().zip(streams) {
            add_to(block, stream);
        }
        if let Some(stream) = streams.get(blocks.len()) {
            add_to_rest(rest, stream);
        }
    }
}

/// The sixteen words of eight blocks, those of lanes `first` and after.
#[inline]
#[target_feature(enable = "avx2")]
fn state(keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs, first: usize) -> [__m256i; 16] {
    let mut start = [_mm256_set1_epi32(0); 16];
    for (word, constant) in start.iter_mut().zip(CONSTANTS) {
        *word = _mm256_set1_epi32(constant.cast_signed());
    }
    let lanes = first..first + LANES;
    let packets = load_words(jobs.packets[lanes.clone()].as_chunks().0);
    match keys {
        Keys::One(key) => {
            for (word, key) in start[4..].iter_mut().zip(key) {
                *word = _mm256_set1_epi32(key.cast_signed());
            }
        }
        Keys::Each(keys) => {
            for (word, row) in start[4..].iter_mut().zip(keys.rows()) {
                *word = of_packets(packets, row);
            }
        }
    }
    start[12] = load_words(jobs.counters[lanes].as_chunks().0);
    for (word, nonces) in start[13..].iter_mut().zip(chunk.nonces()) {
        *word = of_packets(packets, nonces);
    }
    let mut state = start;
    for _ in 0..DOUBLE_ROUNDS {
        double_round(&mut state);
    }
    for (word, start) in state.iter_mut().zip(start) {
        *word = _mm256_add_epi32(*word, start);
    }
    state
}

/// A word of each of eight packets out of those of sixteen.
#[inline]
#[target_feature(enable = "avx2")]
fn of_packets(packets: __m256i, words: &[u32; MAX]) -> __m256i {
    let (halves, _) = words.as_chunks::<LANES>();
    // The low three bits of a number choose within a half, the fourth one between them.
    let low = _mm256_permutevar8x32_epi32(load_words(halves), packets);
    let high = _mm256_permutevar8x32_epi32(load_words(&halves[1..]), packets);
    let is_high = _mm256_cmpgt_epi32(packets, _mm256_set1_epi32(7));
    _mm256_blendv_epi8(low, high, is_high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn double_round(x: &mut [__m256i; 16]) {
    for column in 0..4 {
        quarter_round(x, [column, column + 4, column + 8, column + 12]);
    }
    for column in 0..4 {
        let diagonal = |row: usize| 4 * row + (column + row) % 4;
        quarter_round(x, [diagonal(0), diagonal(1), diagonal(2), diagonal(3)]);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn quarter_round(x: &mut [__m256i; 16], [a, b, c, d]: [usize; 4]) {
    let by_16 = _mm256_setr_epi8(
        2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9,
        14, 15, 12, 13,
    );
    let by_8 = _mm256_setr_epi8(
        3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10,
        15, 12, 13, 14,
    );
    x[a] = _mm256_add_epi32(x[a], x[b]);
    x[d] = _mm256_shuffle_epi8(_mm256_xor_si256(x[d], x[a]), by_16);
    x[c] = _mm256_add_epi32(x[c], x[d]);
    x[b] = rotated::<12, 20>(_mm256_xor_si256(x[b], x[c]));
    x[a] = _mm256_add_epi32(x[a], x[b]);
    x[d] = _mm256_shuffle_epi8(_mm256_xor_si256(x[d], x[a]), by_8);
    x[c] = _mm256_add_epi32(x[c], x[d]);
    x[b] = rotated::<7, 25>(_mm256_xor_si256(x[b], x[c]));
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotated<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<LEFT>(x), _mm256_srli_epi32::<RIGHT>(x))
}

/// Stores eight blocks out of sixteen words of eight blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn store_blocks(x: [__m256i; 16], streams: &mut [[u8; BLOCK_LEN]]) {
    let (halves, _) = x.as_chunks::<8>();
    for (half, words) in halves.iter().enumerate() {
        for (stream, eight) in streams.iter_mut().zip(transposed(words)) {
            store(&mut stream.as_chunks_mut().0[half], eight);
        }
    }
}

/// Eight words of each of eight blocks out of eight blocks of each of eight words.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(x: &[__m256i; 8]) -> [__m256i; 8] {
    // Half `h` of `rows[r][j]` is words 4r..4r+4 of block 4h+j.
    let mut rows = [[x[0]; 4]; 2];
    for (row, words) in rows.iter_mut().zip(x.as_chunks::<4>().0) {
        let low = _mm256_unpacklo_epi32(words[0], words[1]);
        let low_next = _mm256_unpacklo_epi32(words[2], words[3]);
        let high = _mm256_unpackhi_epi32(words[0], words[1]);
        let high_next = _mm256_unpackhi_epi32(words[2], words[3]);
        *row = [
            _mm256_unpacklo_epi64(low, low_next),
            _mm256_unpackhi_epi64(low, low_next),
            _mm256_unpacklo_epi64(high, high_next),
            _mm256_unpackhi_epi64(high, high_next),
        ];
    }
    let mut blocks = *x;
    for j in 0..4 {
        blocks[j] = _mm256_permute2x128_si256::<0x20>(rows[0][j], rows[1][j]);
        blocks[4 + j] = _mm256_permute2x128_si256::<0x31>(rows[0][j], rows[1][j]);
    }
    blocks
}

/// Adds a block of key stream to a block of a text.
#[inline]
#[target_feature(enable = "avx2")]
fn add_to(block: &mut [u8; BLOCK_LEN], stream: &[u8; BLOCK_LEN]) {
    let halves = block.as_chunks_mut().0.iter_mut();
    for (half, stream) in halves.zip(stream.as_chunks().0) {
        store(half, _mm256_xor_si256(load(half), load(stream)));
    }
}

/// Adds a block of key stream to what is left of a text behind its last whole block.
#[inline]
#[target_feature(enable = "avx2")]
fn add_to_rest(rest: &mut [u8], stream: &[u8; BLOCK_LEN]) {
    for (byte, stream) in rest.iter_mut().zip(stream) {
        *byte ^= stream;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(half: &[u8; 32]) -> __m256i {
    // SAFETY: a load without alignment of 32 bytes that are there.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[[u32; LANES]]) -> __m256i {
    // SAFETY: a load without alignment of 32 bytes, which indexing shows to be there.
    unsafe { _mm256_loadu_si256(words[0].as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(half: &mut [u8; 32], value: __m256i) {
    // SAFETY: a store without alignment to 32 bytes that are ours.
    unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), value) };
}
