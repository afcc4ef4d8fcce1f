//! AVX-512: sixteen blocks of ChaCha20 and twice eight blocks of Poly1305 at once.

mod chacha;
mod poly;

use super::chunk::{CAPACITY, Chunk, Lanes};
use super::streams::{Jobs, Streams};
use super::{Engine, Keys};
use crate::batch::TAG_LEN;

/// Proof that the processor has AVX-512 F, VL, BW, DQ and IFMA.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        let is_there = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512ifma");
        is_there.then_some(Self(()))
    }
}

impl Engine for Avx512 {
    #[inline]
    fn streams(self, keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs, streams: &mut Streams) {
        // SAFETY: `self` proves that the processor has what the function was compiled for.
        unsafe { chacha::streams(keys, chunk, jobs, streams) }
    }

    #[inline]
    fn add(self, chunk: &mut Chunk<'_>, jobs: &Jobs, streams: &Streams) {
        // SAFETY: `self` proves that the processor has what the function was compiled for.
        unsafe { chacha::add(chunk, jobs, streams) }
    }

    #[inline]
    fn tags(self, chunk: &Chunk<'_>, keys: &Streams, tags: &mut [[u8; TAG_LEN]; CAPACITY]) {
        let lanes = Lanes::new(chunk);
        if chunk.count() <= poly::LANES {
            // SAFETY: `self` proves that the processor has what the function was compiled for.
            unsafe { poly::tags::<1>(&lanes, keys, tags) };
        } else {
            // SAFETY: `self` proves that the processor has what the function was compiled for.
            unsafe { poly::tags::<2>(&lanes, keys, tags) };
        }
    }
}
