//! The options of IPv4 and TCP as a builder keeps them: as they are on the wire.

use super::{BuildError, padded_to_words};
use crate::checksum::Sum;
use crate::error::Layer;
use crate::option_frames::MAX_OPTIONS_LEN;

/// Options as they are on the wire, and how much of them did not fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Zero behind the options.
    bytes: [u8; MAX_OPTIONS_LEN],
    len: usize,
    left_out_len: usize,
    /// A number that did not fit its field, 0 if there is none.
    cut_number: u16,
}

impl Options {
    pub(super) const NONE: Self = Self {
        bytes: [0; MAX_OPTIONS_LEN],
        len: 0,
        left_out_len: 0,
        cut_number: 0,
    };

    /// Adds an option of `len` bytes that `write` writes, or else counts it as left out.
    #[inline(always)]
    pub(super) fn push(&mut self, len: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        match write(&mut self.bytes[self.len..]) {
            Some(len) => self.len += len,
            None => self.leave_out(len),
        }
    }

    /// Adds an option whose bytes are known, or else counts it as left out.
    ///
    /// The length is a constant, so that this becomes a store where the options before are such too.
    #[inline(always)]
    pub(super) fn push_bytes<const N: usize>(&mut self, option: [u8; N]) {
        match self.bytes[self.len..].first_chunk_mut::<N>() {
            Some(room) => {
                *room = option;
                self.len += N;
            }
            None => self.leave_out(N),
        }
    }

    /// Counts `len` bytes as left out.
    pub(super) const fn leave_out(&mut self, len: usize) {
        self.left_out_len += len;
    }

    /// Takes note of a number that was written modulo a field of 15 bits.
    #[inline]
    pub(super) const fn cut(&mut self, number: u16) {
        self.cut_number = number;
    }

    /// Replaces all by `bytes`.
    pub(super) fn set(&mut self, bytes: &[u8]) {
        *self = Self::NONE;
        self.push(bytes.len(), |room| {
            room.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(bytes.len())
        });
    }

    /// Returns the length with padding, in bytes.
    #[inline(always)]
    pub(super) const fn padded_len(&self) -> usize {
        padded_to_words(self.len)
    }

    /// Writes the options with their padding to `room`, whose length is that of both, and returns
    /// their sum.
    #[inline(always)]
    pub(super) fn write(&self, room: &mut [u8]) -> Sum {
        let (words, _) = room.as_chunks_mut::<4>();
        let mut sum = Sum::new();
        for (word, option) in words.iter_mut().zip(self.bytes.as_chunks::<4>().0) {
            *word = *option;
            sum = sum.add_u32(u32::from_be_bytes(*option));
        }
        sum
    }

    /// Does what [`write`](Self::write) does, where there are most often none.
    ///
    /// They are handed on by value: a builder with a part that somebody has a reference to is kept in
    /// memory as a whole, and none of it in registers.
    #[inline(always)]
    pub(super) fn write_rare(&self, room: &mut [u8]) -> Sum {
        match self.len {
            0 => Sum::new(),
            len => Self { len, ..*self }.write_apart(room),
        }
    }

    #[cold]
    #[inline(never)]
    fn write_apart(self, room: &mut [u8]) -> Sum {
        self.write(room)
    }

    /// Says whether all of them fit, and what they say fits them.
    #[inline(always)]
    pub(super) const fn check(&self, layer: Layer) -> Result<(), BuildError> {
        if self.left_out_len > 0 {
            return Err(BuildError::OptionsTooLong {
                layer,
                len: self.len + self.left_out_len,
                max: MAX_OPTIONS_LEN,
            });
        }
        if self.cut_number > 0 {
            return Err(BuildError::TooGreat {
                layer,
                value: self.cut_number as usize,
                max: 0x7fff,
            });
        }
        Ok(())
    }
}
