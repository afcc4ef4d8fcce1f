//! The two numbers that every layer above passes around.

/// A sender or receiver index: the name one side gave to a handshake or a keypair.
///
/// Source: WireGuard whitepaper §5.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Index(u32);

impl Index {
    /// Makes an index from its number.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// The counter of a transport data message, which is also the nonce of its AEAD.
///
/// Source: WireGuard whitepaper §5.4.6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Counter(u64);

impl Counter {
    /// Makes a counter from its number.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}
