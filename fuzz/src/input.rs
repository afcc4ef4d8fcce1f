//! Choices and contents, read from the bytes of an input.

/// The bytes of an input that are not used yet. At the end every choice is zero.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Takes a big-endian number of 16 bits.
    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Takes a big-endian number of 32 bits.
    pub(crate) fn long(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Takes a choice among `count`.
    pub(crate) fn choice(&mut self, count: u8) -> u8 {
        self.byte() % count
    }

    /// Takes `N` bytes; what is missing is zero.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.bytes(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// Takes `len` bytes, or all that are left.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Takes all that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Changes `bytes` in up to `most` places, each as an offset and what is added without carry.
    pub(crate) fn edit(&mut self, bytes: &mut [u8], most: u8) {
        for _ in 0..self.choice(most + 1) {
            let [offset, difference] = self.array();
            if let Some(byte) = bytes.get_mut(usize::from(offset)) {
                *byte ^= difference;
            }
        }
    }
}
