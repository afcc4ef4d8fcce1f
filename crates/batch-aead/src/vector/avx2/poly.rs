//! Poly1305, a packet to each of the four lanes of a register.
//!
//! A number below 2^130 is five limbs of 26 bits, so that products of limbs and sums of them stay
//! below 64 bits. It is kept modulo 2^130 - 5, not fully reduced: what passes 2^130 weighs 5.
//!
//! Source: RFC 8439 §2.5; D. J. Bernstein: The Poly1305-AES message-authentication code (2005).

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi64, _mm256_and_si256, _mm256_castsi128_si256,
    _mm256_cmpgt_epi64, _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_mul_epu32,
    _mm256_or_si256, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_storeu_si256, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
};

use zeroize::optimization_barrier;

use super::super::chunk::{CAPACITY, Lanes, POLY_BLOCK_LEN};
use super::super::streams::Streams;
use crate::batch::TAG_LEN;

/// Packets in a register.
const LANES: usize = 4;

/// Limbs, the lowest first.
type Limbs = [__m256i; 5];

/// The factor of each lane.
struct Factor {
    limbs: Limbs,
    /// The upper four limbs times 5: what they are where the product passes 2^130.
    wrapped: [__m256i; 4],
}

/// A block or the one-time factor of each lane: its lower and its upper eight bytes.
type Halves = [__m256i; 2];

const MASK_26: i64 = (1 << 26) - 1;

/// The bit above a whole block, in its upper limb.
const BIT_128: i64 = 1 << 24;

/// Registers that are worked on together, so that one need not wait for itself.
const V: usize = 2;

/// Packets in them.
pub(super) const PACKETS: usize = V * LANES;

/// Computes the tags of the packets in the lanes from `first` on.
#[target_feature(enable = "avx2")]
pub(super) fn tags(
    lanes: &Lanes<'_>,
    keys: &Streams,
    first: usize,
    tags: &mut [[u8; TAG_LEN]; CAPACITY],
) {
    let factors = [
        one_time_factor(lanes, keys, first),
        one_time_factor(lanes, keys, first + LANES),
    ];
    let mut sums = [[_mm256_setzero_si256(); 5]; V];
    let begin = lanes.steps[0] - lanes.steps[first];
    for step in begin..lanes.steps[0].saturating_sub(1) {
        for v in 0..V {
            let lane = first + v * LANES;
            let block = limbs(blocks_at(lanes, lane, step), bit_128(lanes, lane, step));
            sums[v] = product(plus(sums[v], block), &factors[v]);
        }
    }
    for v in 0..V {
        let lane = first + v * LANES;
        if lanes.steps[first] > 0 {
            let last = core::array::from_fn(|number| &lanes.last[lane + number]);
            let block = limbs(halves(last), bit_128(lanes, lane, lanes.steps[0] - 1));
            sums[v] = product(plus(sums[v], block), &factors[v]);
        }
        let lens = load_words(lanes.text_lens[lane..].first_chunk().expect("lanes"));
        let bit = _mm256_set1_epi64x(BIT_128);
        let block = limbs([_mm256_setzero_si256(), lens], bit);
        write_tags(
            lanes,
            keys,
            lane,
            product(plus(sums[v], block), &factors[v]),
            tags,
        );
    }
}

/// The factors of the lanes from `first` on.
#[inline]
#[target_feature(enable = "avx2")]
fn one_time_factor(lanes: &Lanes<'_>, keys: &Streams, first: usize) -> Factor {
    let key = |lane: usize| {
        let stream = &keys.0[usize::from(lanes.packets[first + lane])];
        stream.first_chunk().expect("half of a key")
    };
    factor(clamped(halves(core::array::from_fn(key))))
}

/// Reduces the sums of the lanes from `first` on and adds the second halves of the one-time keys.
#[inline]
#[target_feature(enable = "avx2")]
fn write_tags(
    lanes: &Lanes<'_>,
    keys: &Streams,
    first: usize,
    sum: Limbs,
    tags: &mut [[u8; TAG_LEN]; CAPACITY],
) {
    let mut limbs = [[0; LANES]; 5];
    for (words, limb) in limbs.iter_mut().zip(sum) {
        store_words(words, limb);
    }
    for lane in 0..LANES {
        let packet = usize::from(lanes.packets[first + lane]);
        let (_, key) = keys.0[packet][..32].split_at(16);
        let key = u128::from_le_bytes(key.try_into().expect("half of a key"));
        let tag = reduced(limbs.map(|limb| limb[lane])).wrapping_add(key);
        tags[packet] = tag.to_le_bytes();
    }
    // With its one-time key a sum is a tag.
    limbs = [[0; LANES]; 5];
    optimization_barrier(&limbs);
}

/// The one-time factor without the bits that it must not have.
#[inline]
#[target_feature(enable = "avx2")]
fn clamped([low, high]: Halves) -> Limbs {
    let low = _mm256_and_si256(low, _mm256_set1_epi64x(0x0fff_fffc_0fff_ffff));
    let high = _mm256_and_si256(high, _mm256_set1_epi64x(0x0fff_fffc_0fff_fffc));
    limbs([low, high], _mm256_setzero_si256())
}

#[inline]
#[target_feature(enable = "avx2")]
fn factor(limbs: Limbs) -> Factor {
    let mut wrapped = [limbs[0]; 4];
    for (wrapped, limb) in wrapped.iter_mut().zip(&limbs[1..]) {
        *wrapped = _mm256_add_epi64(*limb, _mm256_slli_epi64::<2>(*limb));
    }
    Factor { limbs, wrapped }
}

/// The block of each lane at a step, zero where the packet has not begun.
#[inline]
#[target_feature(enable = "avx2")]
fn blocks_at(lanes: &Lanes<'_>, first: usize, step: usize) -> Halves {
    const NONE: &[u8; POLY_BLOCK_LEN] = &[0; POLY_BLOCK_LEN];
    let block = |lane: usize| {
        let number = lanes.number(first + lane, step);
        lanes.blocks[first + lane].get(number).unwrap_or(NONE)
    };
    halves(core::array::from_fn(block))
}

/// The bit above the block of each lane, where the packet has begun.
#[inline]
#[target_feature(enable = "avx2")]
fn bit_128(lanes: &Lanes<'_>, first: usize, step: usize) -> __m256i {
    let bit = _mm256_set1_epi64x(BIT_128);
    let left = lanes.steps[0] - step;
    if left <= lanes.steps[first + LANES - 1] {
        return bit;
    }
    let left = i64::try_from(left).expect("it is less than a length");
    let steps = core::array::from_fn(|lane| lanes.steps[first + lane] as u64);
    let has_begun = _mm256_cmpgt_epi64(load_words(&steps), _mm256_set1_epi64x(left - 1));
    _mm256_and_si256(has_begun, bit)
}

/// Sixteen bytes of each lane, turned from rows into columns.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(rows: [&[u8; 16]; LANES]) -> Halves {
    let even = _mm256_castsi128_si256(load(rows[0]));
    let even = _mm256_inserti128_si256::<1>(even, load(rows[2]));
    let odd = _mm256_castsi128_si256(load(rows[1]));
    let odd = _mm256_inserti128_si256::<1>(odd, load(rows[3]));
    [
        _mm256_unpacklo_epi64(even, odd),
        _mm256_unpackhi_epi64(even, odd),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn limbs([low, high]: Halves, bit_128: __m256i) -> Limbs {
    let mask = _mm256_set1_epi64x(MASK_26);
    let middle = _mm256_or_si256(_mm256_srli_epi64::<52>(low), _mm256_slli_epi64::<12>(high));
    [
        _mm256_and_si256(low, mask),
        _mm256_and_si256(_mm256_srli_epi64::<26>(low), mask),
        _mm256_and_si256(middle, mask),
        _mm256_and_si256(_mm256_srli_epi64::<14>(high), mask),
        _mm256_or_si256(_mm256_srli_epi64::<40>(high), bit_128),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn plus(mut a: Limbs, b: Limbs) -> Limbs {
    for (a, b) in a.iter_mut().zip(b) {
        *a = _mm256_add_epi64(*a, b);
    }
    a
}

/// `h` times the factor. The limbs of `h` may have 28 bits; those of the product have 26, but the
/// second and the last, which have 27.
#[inline]
#[target_feature(enable = "avx2")]
fn product(h: Limbs, factor: &Factor) -> Limbs {
    let [r0, r1, r2, r3, r4] = factor.limbs;
    let [s1, s2, s3, s4] = factor.wrapped;
    let rows = [
        [r0, s4, s3, s2, s1],
        [r1, r0, s4, s3, s2],
        [r2, r1, r0, s4, s3],
        [r3, r2, r1, r0, s4],
        [r4, r3, r2, r1, r0],
    ];
    let mut sums = h;
    for (sum, row) in sums.iter_mut().zip(rows) {
        *sum = _mm256_mul_epu32(h[0], row[0]);
        for limb in 1..5 {
            *sum = _mm256_add_epi64(*sum, _mm256_mul_epu32(h[limb], row[limb]));
        }
    }
    carried(sums)
}

/// Passes on what exceeds a limb, along two chains at a time.
#[inline]
#[target_feature(enable = "avx2")]
fn carried(mut h: Limbs) -> Limbs {
    let mask = _mm256_set1_epi64x(MASK_26);
    for (from, to) in [(0, 1), (3, 4), (1, 2), (4, 0), (2, 3), (0, 1), (3, 4)] {
        let mut carry = _mm256_srli_epi64::<26>(h[from]);
        h[from] = _mm256_and_si256(h[from], mask);
        if from == 4 {
            carry = _mm256_add_epi64(carry, _mm256_slli_epi64::<2>(carry));
        }
        h[to] = _mm256_add_epi64(h[to], carry);
    }
    h
}

/// The lower 128 bits of a sum once it is fully reduced, without a branch.
fn reduced(mut h: [u64; 5]) -> u128 {
    const MASK: u64 = (1 << 26) - 1;
    for _ in 0..2 {
        for limb in 0..5 {
            let carry = h[limb] >> 26;
            h[limb] &= MASK;
            h[(limb + 1) % 5] += if limb == 4 { carry * 5 } else { carry };
        }
    }
    // h + 5 passes 2^130 exactly if h is 2^130 - 5 or more; then it is what is left of it.
    let mut passed = 5;
    for limb in h {
        passed = (passed + limb) >> 26;
    }
    let low = h
        .iter()
        .rev()
        .fold(0_u128, |sum, limb| sum << 26 | u128::from(*limb));
    low.wrapping_add(u128::from(passed * 5))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(row: &[u8; 16]) -> __m128i {
    // SAFETY: a load without alignment of 16 bytes that are there.
    unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[u64; LANES]) -> __m256i {
    // SAFETY: a load without alignment of 32 bytes that are there.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_words(words: &mut [u64; LANES], value: __m256i) {
    // SAFETY: a store without alignment to 32 bytes that are ours.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), value) };
}
