//! ChaCha20, a block to each of the 16 lanes of a register.
//!
//! Source: RFC 8439 §2.3.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_permutexvar_epi32, _mm512_rol_epi32, _mm512_set1_epi32,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::super::Keys;
use super::super::chunk::Chunk;
use super::super::streams::{BLOCK_LEN, CONSTANTS, DOUBLE_ROUNDS, Jobs, Streams};

#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
pub(super) fn streams(keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs, streams: &mut Streams) {
    let blocks = blocks(keys, chunk, jobs);
    for (stream, block) in streams.0.iter_mut().zip(blocks) {
        store(stream, block);
    }
}

#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
pub(super) fn add(chunk: &mut Chunk<'_>, jobs: &Jobs, streams: &Streams) {
    for run in jobs.runs() {
        let streams = &streams.0[run.lanes()];
        let text = chunk.text_mut(run.packet()).get_mut(run.start()..);
        let (blocks, rest) = text.unwrap_or_default().as_chunks_mut();
        for (block, stream) in blocks.iter_mut().zip(streams) {
            store(block, _mm512_xor_si512(load(block), load(stream)));
        }
        if let Some(stream) = streams.get(blocks.len()) {
            add_to_rest(rest, load(stream));
        }
    }
}

/// The blocks of key stream that `jobs` names.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
fn blocks(keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs) -> [__m512i; 16] {
    let zero = _mm512_set1_epi32(0);
    let mut start = [zero; 16];
    for (word, constant) in start.iter_mut().zip(CONSTANTS) {
        *word = _mm512_set1_epi32(constant.cast_signed());
    }
    let packets = load_words(&jobs.packets);
    match keys {
        Keys::One(key) => {
            for (word, key) in start[4..].iter_mut().zip(key) {
                *word = _mm512_set1_epi32(key.cast_signed());
            }
        }
        Keys::Each(keys) => {
            for (word, row) in start[4..].iter_mut().zip(keys.rows()) {
                *word = _mm512_permutexvar_epi32(packets, load_words(row));
            }
        }
    }
    start[12] = load_words(&jobs.counters);
    for (word, nonces) in start[13..].iter_mut().zip(chunk.nonces()) {
        *word = _mm512_permutexvar_epi32(packets, load_words(nonces));
    }
    let mut state = start;
    for _ in 0..DOUBLE_ROUNDS {
        double_round(&mut state);
    }
    for (word, start) in state.iter_mut().zip(start) {
        *word = _mm512_add_epi32(*word, start);
    }
    transposed(state)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn double_round(x: &mut [__m512i; 16]) {
    for column in 0..4 {
        quarter_round(x, [column, column + 4, column + 8, column + 12]);
    }
    for column in 0..4 {
        let diagonal = |row: usize| 4 * row + (column + row) % 4;
        quarter_round(x, [diagonal(0), diagonal(1), diagonal(2), diagonal(3)]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn quarter_round(x: &mut [__m512i; 16], [a, b, c, d]: [usize; 4]) {
    x[a] = _mm512_add_epi32(x[a], x[b]);
    x[d] = _mm512_rol_epi32::<16>(_mm512_xor_si512(x[d], x[a]));
    x[c] = _mm512_add_epi32(x[c], x[d]);
    x[b] = _mm512_rol_epi32::<12>(_mm512_xor_si512(x[b], x[c]));
    x[a] = _mm512_add_epi32(x[a], x[b]);
    x[d] = _mm512_rol_epi32::<8>(_mm512_xor_si512(x[d], x[a]));
    x[c] = _mm512_add_epi32(x[c], x[d]);
    x[b] = _mm512_rol_epi32::<7>(_mm512_xor_si512(x[b], x[c]));
}

/// Sixteen blocks of sixteen words out of sixteen words of sixteen blocks.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(x: [__m512i; 16]) -> [__m512i; 16] {
    // Quarter `q` of `rows[r][j]` is words 4r..4r+4 of block 4q+j.
    let mut rows = [[x[0]; 4]; 4];
    for (row, words) in rows.iter_mut().zip(x.as_chunks::<4>().0) {
        let low = _mm512_unpacklo_epi32(words[0], words[1]);
        let low_next = _mm512_unpacklo_epi32(words[2], words[3]);
        let high = _mm512_unpackhi_epi32(words[0], words[1]);
        let high_next = _mm512_unpackhi_epi32(words[2], words[3]);
        *row = [
            _mm512_unpacklo_epi64(low, low_next),
            _mm512_unpackhi_epi64(low, low_next),
            _mm512_unpacklo_epi64(high, high_next),
            _mm512_unpackhi_epi64(high, high_next),
        ];
    }
    let mut blocks = x;
    for j in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x44>(rows[0][j], rows[1][j]);
        let low_next = _mm512_shuffle_i32x4::<0x44>(rows[2][j], rows[3][j]);
        let high = _mm512_shuffle_i32x4::<0xee>(rows[0][j], rows[1][j]);
        let high_next = _mm512_shuffle_i32x4::<0xee>(rows[2][j], rows[3][j]);
        blocks[j] = _mm512_shuffle_i32x4::<0x88>(low, low_next);
        blocks[4 + j] = _mm512_shuffle_i32x4::<0xdd>(low, low_next);
        blocks[8 + j] = _mm512_shuffle_i32x4::<0x88>(high, high_next);
        blocks[12 + j] = _mm512_shuffle_i32x4::<0xdd>(high, high_next);
    }
    blocks
}

/// Adds a block of key stream to what is left of a text behind its last whole block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add_to_rest(rest: &mut [u8], stream: __m512i) {
    assert!(rest.len() < BLOCK_LEN, "it is less than a block");
    let mask = !(u64::MAX << rest.len());
    // SAFETY: the mask has the bytes of `rest` alone, and no other byte is read.
    let text = unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr().cast()) };
    let sum = _mm512_xor_si512(text, stream);
    // SAFETY: the mask has the bytes of `rest` alone, and no other byte is written.
    unsafe { _mm512_mask_storeu_epi8(rest.as_mut_ptr().cast(), mask, sum) };
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(block: &[u8; BLOCK_LEN]) -> __m512i {
    // SAFETY: a load without alignment of 64 bytes that are there.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u32; 16]) -> __m512i {
    // SAFETY: a load without alignment of 64 bytes that are there.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(block: &mut [u8; BLOCK_LEN], value: __m512i) {
    // SAFETY: a store without alignment to 64 bytes that are ours.
    unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), value) };
}
