//! Poly1305, a packet to each of the eight lanes of a register.
//!
//! A number below 2^132 is three limbs of 44 bits, so that sums and small multiples of limbs stay
//! below the 52 bits that IFMA multiplies. It is kept modulo 2^130 - 5, not fully reduced:
//!
//! ```text
//! limb       h2            h1            h0
//! weight     2^88          2^44          1          2^130 is 5, so 2^132 is 20
//! ```
//!
//! Source: RFC 8439 §2.5; D. J. Bernstein: The Poly1305-AES message-authentication code (2005).

use core::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm512_add_epi64, _mm512_and_si512, _mm512_castsi128_si512,
    _mm512_cmpge_epu64_mask, _mm512_cmple_epu64_mask, _mm512_cmplt_epu64_mask, _mm512_inserti64x2,
    _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_add_epi64,
    _mm512_mask_mov_epi64, _mm512_maskz_mov_epi64, _mm512_or_si512, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use zeroize::optimization_barrier;

use super::super::chunk::{CAPACITY, Lanes, POLY_BLOCK_LEN};
use super::super::streams::Streams;
use crate::batch::TAG_LEN;

/// Packets in a register.
pub(super) const LANES: usize = 8;

/// Limbs, the lowest first.
type Limbs = [__m512i; 3];

/// The factor of each lane.
#[derive(Clone, Copy)]
struct Factor {
    limbs: Limbs,
    /// The upper two limbs times 20: what they are where the product passes 2^132.
    wrapped: [__m512i; 2],
}

/// A block, the one-time key or a tag of each lane: its lower and its upper eight bytes.
type Halves = [__m512i; 2];

/// The first powers of the factor of each lane, the first power first.
type Powers = [Factor; QUAD];

/// Blocks that are multiplied before their sum is reduced once.
const QUAD: usize = 4;

/// From how many steps on the second to fourth powers are worth computing.
const POWERS_MIN: usize = 9;

/// Computes the tags of the packets in `V` registers.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512ifma")]
pub(super) fn tags<const V: usize>(
    lanes: &Lanes<'_>,
    keys: &Streams,
    tags: &mut [[u8; TAG_LEN]; CAPACITY],
) {
    let zero = _mm512_setzero_si512();
    let mut sums = [[zero; 3]; V];
    let mut factors = [factor([zero; 3]); V];
    for (v, it) in factors.iter_mut().enumerate() {
        *it = factor(clamped(one_time_keys(lanes, keys, v, 0)));
    }
    let whole = lanes.steps[0].saturating_sub(1);
    let single = if whole < POWERS_MIN {
        whole
    } else {
        whole % QUAD
    };
    for step in 0..single {
        for v in 0..V {
            let block = limbs(blocks_at(lanes, v, step), bit_128(lanes, v, step));
            sums[v] = product(plus(sums[v], block), &factors[v]);
        }
    }
    if single < whole {
        add_quads(lanes, &factors, single, &mut sums);
    }
    for v in 0..V {
        if lanes.steps[0] > 0 {
            let last = core::array::from_fn(|lane| &lanes.last[v * LANES + lane]);
            let block = limbs(halves(last), bit_128(lanes, v, whole));
            sums[v] = product(plus(sums[v], block), &factors[v]);
        }
        let lens = lanes.text_lens[v * LANES..].first_chunk().expect("lanes");
        let block = limbs([zero, load_words(lens)], _mm512_set1_epi64(BIT_128));
        let sum = product(plus(sums[v], block), &factors[v]);
        write_tags(lanes, v, tag(sum, one_time_keys(lanes, keys, v, 16)), tags);
    }
}

/// Takes the whole blocks from a step on, four of each packet at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512ifma")]
fn add_quads<const V: usize>(
    lanes: &Lanes<'_>,
    factors: &[Factor; V],
    first: usize,
    sums: &mut [Limbs; V],
) {
    let mut powers = [[factors[0]; QUAD]; V];
    for (powers, first) in powers.iter_mut().zip(factors) {
        let second = factor(product(first.limbs, first));
        let third = factor(product(second.limbs, first));
        let fourth = factor(product(second.limbs, &second));
        *powers = [*first, second, third, fourth];
    }
    for step in (first..lanes.steps[0] - 1).step_by(QUAD) {
        for v in 0..V {
            if lanes.steps[0] - step < lanes.steps[v * LANES] + QUAD {
                sums[v] = plus_quad(sums[v], lanes, v, step, &powers[v]);
            }
        }
    }
}

/// `h` and four blocks of each lane from a step on, each times its power.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn plus_quad(h: Limbs, lanes: &Lanes<'_>, v: usize, step: usize, powers: &Powers) -> Limbs {
    let mut rows = [_mm512_setzero_si512(); LANES];
    for (lane, row) in rows.iter_mut().enumerate() {
        *row = row_at(lanes, v * LANES + lane, step);
    }
    let mut low = [_mm512_setzero_si512(); 3];
    let mut high = low;
    let halves = transposed(rows);
    // The blocks that do not wait for `h` come first.
    for number in 1..QUAD {
        let block = limbs(halves[number], bit_128(lanes, v, step + number));
        add_product(block, &powers[QUAD - 1 - number], &mut low, &mut high);
    }
    let first = plus(h, limbs(halves[0], bit_128(lanes, v, step)));
    add_product(first, &powers[QUAD - 1], &mut low, &mut high);
    carried(low, high)
}

/// Four blocks of one lane from a step on.
#[inline]
#[target_feature(enable = "avx512f")]
fn row_at(lanes: &Lanes<'_>, lane: usize, step: usize) -> __m512i {
    if step + QUAD <= lanes.begin(lane) {
        return _mm512_setzero_si512();
    }
    let blocks = lanes.blocks[lane];
    let number = lanes.number(lane, step);
    if let Some(four) = blocks.get(number..).and_then(<[_]>::first_chunk) {
        return load_row(four);
    }
    // The packet begins later, or in the midst of the four.
    let mut row = [[0; POLY_BLOCK_LEN]; QUAD];
    for (place, block) in row.iter_mut().enumerate() {
        *block = *blocks.get(number.wrapping_add(place)).unwrap_or(block);
    }
    load_row(&row)
}

/// Rows of four blocks as the lower and upper halves of four times eight blocks.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; LANES]) -> [Halves; QUAD] {
    // Quarter `q` of a pair is half a block `q` of two lanes.
    let mut low = [rows[0]; LANES / 2];
    let mut high = low;
    let pairs = low.iter_mut().zip(&mut high);
    for ((low, high), rows) in pairs.zip(rows.as_chunks::<2>().0) {
        *low = _mm512_unpacklo_epi64(rows[0], rows[1]);
        *high = _mm512_unpackhi_epi64(rows[0], rows[1]);
    }
    let (low, high) = (quarters(low), quarters(high));
    [
        [low[0], high[0]],
        [low[1], high[1]],
        [low[2], high[2]],
        [low[3], high[3]],
    ]
}

/// The first quarters of all, the second ones, and so on.
#[inline]
#[target_feature(enable = "avx512f")]
fn quarters(pairs: [__m512i; LANES / 2]) -> [__m512i; QUAD] {
    let even = _mm512_shuffle_i64x2::<0x88>(pairs[0], pairs[1]);
    let even_next = _mm512_shuffle_i64x2::<0x88>(pairs[2], pairs[3]);
    let odd = _mm512_shuffle_i64x2::<0xdd>(pairs[0], pairs[1]);
    let odd_next = _mm512_shuffle_i64x2::<0xdd>(pairs[2], pairs[3]);
    [
        _mm512_shuffle_i64x2::<0x88>(even, even_next),
        _mm512_shuffle_i64x2::<0x88>(odd, odd_next),
        _mm512_shuffle_i64x2::<0xdd>(even, even_next),
        _mm512_shuffle_i64x2::<0xdd>(odd, odd_next),
    ]
}

/// The bit above a whole block, in its upper limb.
const BIT_128: i64 = 1 << 40;

const MASK_44: i64 = (1 << 44) - 1;

const MASK_42: i64 = (1 << 42) - 1;

/// Sixteen bytes of each lane's block of key stream, from `offset` on.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn one_time_keys(lanes: &Lanes<'_>, keys: &Streams, v: usize, offset: usize) -> Halves {
    let packets = &lanes.packets[v * LANES..];
    let key = |lane: usize| {
        let stream = &keys.0[usize::from(packets[lane])];
        stream[offset..].first_chunk().expect("half of a key")
    };
    halves(core::array::from_fn(key))
}

/// The one-time factor without the bits that it must not have.
#[inline]
#[target_feature(enable = "avx512f")]
fn clamped([low, high]: Halves) -> Limbs {
    let low = _mm512_and_si512(low, _mm512_set1_epi64(0x0fff_fffc_0fff_ffff));
    let high = _mm512_and_si512(high, _mm512_set1_epi64(0x0fff_fffc_0fff_fffc));
    limbs([low, high], _mm512_setzero_si512())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn factor(limbs: Limbs) -> Factor {
    let times_20 = |limb| {
        let times_4 = _mm512_slli_epi64::<2>(limb);
        _mm512_slli_epi64::<2>(_mm512_add_epi64(times_4, limb))
    };
    Factor {
        limbs,
        wrapped: [times_20(limbs[1]), times_20(limbs[2])],
    }
}

/// The block of each lane at a step, zero where the packet has not begun.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn blocks_at(lanes: &Lanes<'_>, v: usize, step: usize) -> Halves {
    const NONE: &[u8; POLY_BLOCK_LEN] = &[0; POLY_BLOCK_LEN];
    let block = |lane: usize| {
        let lane = v * LANES + lane;
        lanes.blocks[lane]
            .get(lanes.number(lane, step))
            .unwrap_or(NONE)
    };
    halves(core::array::from_fn(block))
}

/// The bit above the block of each lane, where the packet has begun.
#[inline]
#[target_feature(enable = "avx512f")]
fn bit_128(lanes: &Lanes<'_>, v: usize, step: usize) -> __m512i {
    let left = lanes.steps[0] - step;
    if left <= lanes.steps[v * LANES + LANES - 1] {
        return _mm512_set1_epi64(BIT_128);
    }
    let left = i64::try_from(left).expect("it is less than a length");
    let steps = core::array::from_fn(|lane| lanes.steps[v * LANES + lane] as u64);
    let has_begun = _mm512_cmple_epu64_mask(_mm512_set1_epi64(left), load_words(&steps));
    _mm512_maskz_mov_epi64(has_begun, _mm512_set1_epi64(BIT_128))
}

/// Sixteen bytes of each lane, turned from rows into columns.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn halves(rows: [&[u8; 16]; LANES]) -> Halves {
    let even = four_rows([rows[0], rows[2], rows[4], rows[6]]);
    let odd = four_rows([rows[1], rows[3], rows[5], rows[7]]);
    [
        _mm512_unpacklo_epi64(even, odd),
        _mm512_unpackhi_epi64(even, odd),
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn four_rows(rows: [&[u8; 16]; 4]) -> __m512i {
    let row = _mm512_castsi128_si512(load(rows[0]));
    let row = _mm512_inserti64x2::<1>(row, load(rows[1]));
    let row = _mm512_inserti64x2::<2>(row, load(rows[2]));
    _mm512_inserti64x2::<3>(row, load(rows[3]))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn limbs([low, high]: Halves, bit_128: __m512i) -> Limbs {
    let mask = _mm512_set1_epi64(MASK_44);
    let middle = _mm512_or_si512(_mm512_srli_epi64::<44>(low), _mm512_slli_epi64::<20>(high));
    [
        _mm512_and_si512(low, mask),
        _mm512_and_si512(middle, mask),
        _mm512_or_si512(_mm512_srli_epi64::<24>(high), bit_128),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn plus(a: Limbs, b: Limbs) -> Limbs {
    [
        _mm512_add_epi64(a[0], b[0]),
        _mm512_add_epi64(a[1], b[1]),
        _mm512_add_epi64(a[2], b[2]),
    ]
}

/// `h` times the factor. The limbs of `h` may have 46 bits; those of the product have 44, 45 and 42.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn product(h: Limbs, factor: &Factor) -> Limbs {
    let mut low = [_mm512_setzero_si512(); 3];
    let mut high = low;
    add_product(h, factor, &mut low, &mut high);
    carried(low, high)
}

/// Adds `h` times the factor: of each product of limbs the lower 52 bits, and the bits above.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add_product(h: Limbs, factor: &Factor, low: &mut Limbs, high: &mut Limbs) {
    let [r0, r1, r2] = factor.limbs;
    let [s1, s2] = factor.wrapped;
    let rows = [[r0, s2, s1], [r1, r0, s2], [r2, r1, r0]];
    for (row, (low, high)) in rows.iter().zip(low.iter_mut().zip(high)) {
        for (h, r) in h.iter().zip(row) {
            *low = _mm512_madd52lo_epu64(*low, *h, *r);
            *high = _mm512_madd52hi_epu64(*high, *h, *r);
        }
    }
}

/// Joins the lower 52 bits of products with the bits above, and passes on what exceeds a limb.
#[inline]
#[target_feature(enable = "avx512f")]
fn carried(low: Limbs, high: Limbs) -> Limbs {
    let mask = _mm512_set1_epi64(MASK_44);
    let carry = _mm512_srli_epi64::<44>(low[0]);
    let h0 = _mm512_and_si512(low[0], mask);
    let h1 = _mm512_add_epi64(low[1], _mm512_slli_epi64::<8>(high[0]));
    let h1 = _mm512_add_epi64(h1, carry);
    let carry = _mm512_srli_epi64::<44>(h1);
    let h1 = _mm512_and_si512(h1, mask);
    let h2 = _mm512_add_epi64(low[2], _mm512_slli_epi64::<8>(high[1]));
    let h2 = _mm512_add_epi64(h2, carry);
    // What weighs 2^130: the rest of h2, and `high[2]`, which weighs 2^140.
    let carry = _mm512_srli_epi64::<42>(h2);
    let h2 = _mm512_and_si512(h2, _mm512_set1_epi64(MASK_42));
    let carry = _mm512_add_epi64(carry, _mm512_slli_epi64::<10>(high[2]));
    let h0 = _mm512_add_epi64(h0, carry);
    let h0 = _mm512_add_epi64(h0, _mm512_slli_epi64::<2>(carry));
    let h1 = _mm512_add_epi64(h1, _mm512_srli_epi64::<44>(h0));
    [_mm512_and_si512(h0, mask), h1, h2]
}

/// The sum, fully reduced, plus the second half of the one-time key, modulo 2^128.
#[inline]
#[target_feature(enable = "avx512f")]
fn tag(sum: Limbs, [key_low, key_high]: Halves) -> Halves {
    let zero = [_mm512_setzero_si512(); 3];
    let [h0, h1, h2] = carried(carried(sum, zero), zero);
    // h + 5 passes 2^130 exactly if h is 2^130 - 5 or more.
    let mask = _mm512_set1_epi64(MASK_44);
    let g0 = _mm512_add_epi64(h0, _mm512_set1_epi64(5));
    let g1 = _mm512_add_epi64(h1, _mm512_srli_epi64::<44>(g0));
    let g2 = _mm512_add_epi64(h2, _mm512_srli_epi64::<44>(g1));
    let passes = _mm512_cmpge_epu64_mask(g2, _mm512_set1_epi64(MASK_42 + 1));
    let h0 = _mm512_mask_mov_epi64(h0, passes, _mm512_and_si512(g0, mask));
    let h1 = _mm512_mask_mov_epi64(h1, passes, _mm512_and_si512(g1, mask));
    let h2 = _mm512_mask_mov_epi64(h2, passes, g2);
    let low = _mm512_or_si512(h0, _mm512_slli_epi64::<44>(h1));
    let high = _mm512_or_si512(_mm512_srli_epi64::<20>(h1), _mm512_slli_epi64::<24>(h2));
    let low = _mm512_add_epi64(low, key_low);
    let high = _mm512_add_epi64(high, key_high);
    let carry = _mm512_cmplt_epu64_mask(low, key_low);
    let high = _mm512_mask_add_epi64(high, carry, high, _mm512_set1_epi64(1));
    [low, high]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn write_tags(
    lanes: &Lanes<'_>,
    v: usize,
    [low, high]: Halves,
    tags: &mut [[u8; TAG_LEN]; CAPACITY],
) {
    let mut words = [[0; LANES]; 2];
    store_words(&mut words[0], low);
    store_words(&mut words[1], high);
    for (lane, packet) in lanes.packets[v * LANES..][..LANES].iter().enumerate() {
        let tag = u128::from(words[0][lane]) | u128::from(words[1][lane]) << 64;
        tags[usize::from(*packet)] = tag.to_le_bytes();
    }
    // Whoever finds the right tag of a packet that was forged can forge.
    words = [[0; LANES]; 2];
    optimization_barrier(&words);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(row: &[u8; 16]) -> __m128i {
    // SAFETY: a load without alignment of 16 bytes that are there.
    unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_row(row: &[[u8; POLY_BLOCK_LEN]; QUAD]) -> __m512i {
    // SAFETY: a load without alignment of 64 bytes that are there.
    unsafe { _mm512_loadu_si512(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u64; LANES]) -> __m512i {
    // SAFETY: a load without alignment of 64 bytes that are there.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_words(words: &mut [u64; LANES], value: __m512i) {
    // SAFETY: a store without alignment to 64 bytes that are ours.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), value) };
}
