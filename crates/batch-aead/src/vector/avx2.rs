//! AVX2: eight blocks of ChaCha20 and four blocks of Poly1305 at once.

mod chacha;
mod poly;

use super::chunk::{CAPACITY, Chunk, Lanes};
use super::streams::{Jobs, Streams};
use super::{Engine, Keys};
use crate::batch::TAG_LEN;

/// Proof that the processor has AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        std::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Engine for Avx2 {
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
        for first in (0..chunk.count()).step_by(poly::PACKETS) {
            // SAFETY: `self` proves that the processor has what the function was compiled for.
            unsafe { poly::tags(&lanes, keys, first, tags) };
        }
    }
}
