//! A source of known bytes, for vectors that state their random numbers.

use core::convert::Infallible;
use std::collections::VecDeque;

use rand_core::{TryCryptoRng, TryRng};

/// Gives out the bytes it was made of and panics when they are used up.
pub(crate) struct FixedRng(VecDeque<u8>);

impl FixedRng {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().collect())
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.0.pop_front().expect("a vector states enough bytes"))
    }
}

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.take()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.take()))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        dst.fill_with(|| u8::from_le_bytes(self.take()));
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}
