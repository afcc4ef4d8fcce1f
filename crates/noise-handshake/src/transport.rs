//! The keys of a session and the AEAD of transport data, one packet or a batch at a time.
//!
//! `wirecraft-batch-aead` does the work: with vector code where a batch makes that worth while.
//!
//! Source: WireGuard whitepaper §5.4.5, §5.4.6.

use core::fmt;

use wirecraft_batch_aead::{self as batch_aead, Key, Keyed, Message, Nonce, Path, Received};
use wirecraft_wire_format::Counter;
use zeroize::ZeroizeOnDrop;

use crate::secret::Secret;

/// The two keys that a handshake gave to one side. Wiped when dropped.
#[derive(Debug)]
pub struct TransportKeys {
    /// Seals what this side sends.
    pub sealing: SealingKey,
    /// Opens what this side receives.
    pub opening: OpeningKey,
}

impl TransportKeys {
    pub(crate) fn new(sealing: &Secret, opening: &Secret) -> Self {
        Self {
            sealing: SealingKey(Key::new(sealing.as_bytes())),
            opening: OpeningKey(Key::new(opening.as_bytes())),
        }
    }
}

// Both keys wipe themselves; the caller may move them out.
impl ZeroizeOnDrop for TransportKeys {}

/// The key of one direction, on the sending side.
///
/// It holds no counter, so it can be used from several threads. Whoever seals hands out the
/// counters: **the same counter twice under one key gives both packets away**.
#[derive(ZeroizeOnDrop)]
pub struct SealingKey(Key);

impl SealingKey {
    /// Encrypts a packet in place and writes its tag behind it.
    ///
    /// `message` is the packet, padded, and [`TAG_LEN`](wirecraft_wire_format::TAG_LEN) bytes of room.
    ///
    /// # Panics
    /// If `message` is shorter than a tag.
    #[inline]
    pub fn seal(&self, counter: Counter, message: &mut [u8]) {
        let (packet, tag) = message
            .split_last_chunk_mut()
            .expect("a message has room for the tag at its end");
        self.0.seal(&nonce(counter), &[], packet, tag);
    }

    /// Seals many packets, each as [`seal`](Self::seal) does.
    ///
    /// # Panics
    /// If a message is shorter than a tag.
    #[inline]
    pub fn seal_batch(&self, batch: &mut [Seal<'_>]) {
        self.0.seal_batch(batch);
    }

    /// Makes `message` a packet of a batch of several sessions, for [`seal_keyed`].
    #[inline]
    #[must_use]
    pub const fn keyed<'k>(&'k self, message: Seal<'k>) -> Keyed<'k, Seal<'k>> {
        self.0.keyed(message)
    }

    /// Has `path`, or what is there below it, work on batches, unless a path that needs less does.
    pub fn limit_to(&mut self, path: Path) {
        self.0.limit_to(path);
    }

    /// Returns the path that works on batches.
    #[must_use]
    pub fn path(&self) -> Path {
        self.0.path()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// Seals packets of several sessions, each as [`SealingKey::seal`] does.
///
/// Only a [`SealingKey`] makes such packets, so that no session seals with what is to open.
///
/// # Panics
/// If a message is shorter than a tag.
#[inline]
pub fn seal_keyed(batch: &mut [Keyed<'_, Seal<'_>>]) {
    batch_aead::seal_keyed(batch);
}

/// One packet of a batch to seal.
#[derive(Debug)]
pub struct Seal<'a> {
    /// The counter of the packet, never used before under this key.
    pub counter: Counter,
    /// The packet, padded, and [`TAG_LEN`](wirecraft_wire_format::TAG_LEN) bytes of room.
    pub message: &'a mut [u8],
}

impl Message for Seal<'_> {
    #[inline]
    fn nonce(&self) -> Nonce {
        nonce(self.counter)
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.message
    }
}

/// The key of one direction, on the receiving side.
///
/// It keeps no record of counters: after a packet was opened, the caller asks its replay window.
#[derive(ZeroizeOnDrop)]
pub struct OpeningKey(Key);

impl OpeningKey {
    /// Checks the tag of a packet and decrypts it in place.
    ///
    /// `message` is the sealed packet and its tag; the packet is all but the last [`TAG_LEN`](wirecraft_wire_format::TAG_LEN) bytes.
    /// After an error `message` holds what it held before, or zeros before its tag; it never holds the packet.
    ///
    /// # Errors
    /// [`OpenError::WrongTag`], or [`OpenError::TooShort`] where there is no tag.
    #[inline]
    pub fn open(&self, counter: Counter, message: &mut [u8]) -> Result<(), OpenError> {
        let (packet, tag) = message.split_last_chunk_mut().ok_or(OpenError::TooShort)?;
        self.0
            .open(&nonce(counter), &[], packet, tag)
            .map_err(|_| OpenError::WrongTag)
    }

    /// Opens many packets, each as [`open`](Self::open) does, and tells each its own result.
    ///
    /// A packet is an [`Open`], or what else can tell the [`nonce`] of its counter.
    #[inline]
    pub fn open_batch(&self, batch: &mut [impl Received]) {
        self.0.open_batch(batch);
    }

    /// Makes `message` a packet of a batch of several sessions, for [`open_keyed`](crate::batch::open_keyed).
    #[inline]
    #[must_use]
    pub const fn keyed<R: Received>(&self, message: R) -> Keyed<'_, R> {
        self.0.keyed(message)
    }

    /// Has `path`, or what is there below it, work on batches, unless a path that needs less does.
    pub fn limit_to(&mut self, path: Path) {
        self.0.limit_to(path);
    }

    /// Returns the path that works on batches.
    #[must_use]
    pub fn path(&self) -> Path {
        self.0.path()
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey(..)")
    }
}

/// One packet of a batch to open.
#[derive(Debug)]
pub struct Open<'a> {
    /// The counter in the header of the packet.
    pub counter: Counter,
    /// The sealed packet and its tag.
    pub message: &'a mut [u8],
    /// Whether the packet was opened.
    pub result: Result<(), OpenError>,
}

impl<'a> Open<'a> {
    /// Makes an item whose result is an error until the batch is opened.
    #[inline]
    #[must_use]
    pub const fn new(counter: Counter, message: &'a mut [u8]) -> Self {
        Self {
            counter,
            message,
            result: Err(OpenError::WrongTag),
        }
    }
}

impl Message for Open<'_> {
    #[inline]
    fn nonce(&self) -> Nonce {
        nonce(self.counter)
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.message
    }
}

impl Received for Open<'_> {
    #[inline]
    fn set_result(&mut self, result: Result<(), batch_aead::OpenError>) {
        self.result = result.map_err(|error| match error {
            batch_aead::OpenError::TooShort => OpenError::TooShort,
            batch_aead::OpenError::WrongTag | _ => OpenError::WrongTag,
        });
    }
}

/// Why transport data does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The message ends before its tag.
    #[error("transport data without a tag")]
    TooShort,
    /// The message was altered, or sealed with another key or counter.
    #[error("transport data with a wrong tag")]
    WrongTag,
}

/// The nonce of transport data: four zero bytes and the counter, little-endian.
///
/// Source: WireGuard whitepaper §5.4.6.
#[inline]
#[must_use]
pub fn nonce(counter: Counter) -> Nonce {
    let [nonce @ .., _, _, _, _] = (u128::from(counter.value()) << 32).to_le_bytes();
    nonce
}

#[cfg(test)]
mod tests {
    use wirecraft_wire_format::Counter;

    use super::nonce;

    #[test]
    fn nonce_is_four_zeros_and_the_counter_in_little_endian() {
        let counter = Counter::new(0x0102_0304_0506_0708);
        assert_eq!(nonce(counter), [0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(nonce(Counter::new(u64::MAX))[..5], [0, 0, 0, 0, 0xff]);
    }
}
