//! What a batch is made of.

/// The length of a tag in bytes.
///
/// Source: RFC 8439 §2.5.
pub const TAG_LEN: usize = 16;

/// The nonce of a packet: twelve bytes that no other packet of the key has.
///
/// Source: RFC 8439 §2.8.
pub type Nonce = [u8; 12];

/// One packet of a batch, in whatever type its caller keeps it.
pub trait Message {
    /// Returns the nonce of the packet.
    fn nonce(&self) -> Nonce;

    /// Returns the packet and, behind it, its tag of [`TAG_LEN`] bytes, or the room for it.
    fn bytes(&mut self) -> &mut [u8];
}

/// One packet of a batch to open, which is told its result.
pub trait Received: Message {
    /// Takes the result of this packet: called once for each time that the batch is opened.
    fn set_result(&mut self, result: Result<(), OpenError>);
}

/// Why a packet does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The message ends before its tag.
    #[error("message without a tag")]
    TooShort,
    /// The message was altered, or sealed with another key, nonce or associated data.
    #[error("message with a wrong tag")]
    WrongTag,
}

/// One packet of a batch to seal.
#[derive(Debug)]
pub struct Seal<'a> {
    /// The nonce of the packet, never used before under this key.
    pub nonce: Nonce,
    /// The packet, and [`TAG_LEN`] bytes of room.
    pub message: &'a mut [u8],
}

impl Message for Seal<'_> {
    #[inline]
    fn nonce(&self) -> Nonce {
        self.nonce
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.message
    }
}

/// One packet of a batch to open.
#[derive(Debug)]
pub struct Open<'a> {
    /// The nonce of the packet.
    pub nonce: Nonce,
    /// The sealed packet and its tag.
    pub message: &'a mut [u8],
    /// Whether the packet was opened.
    pub result: Result<(), OpenError>,
}

impl<'a> Open<'a> {
    /// Makes an item whose result is an error until the batch is opened.
    #[inline]
    #[must_use]
    pub const fn new(nonce: Nonce, message: &'a mut [u8]) -> Self {
        Self {
            nonce,
            message,
            result: Err(OpenError::WrongTag),
        }
    }
}

impl Message for Open<'_> {
    #[inline]
    fn nonce(&self) -> Nonce {
        self.nonce
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.message
    }
}

impl Received for Open<'_> {
    #[inline]
    fn set_result(&mut self, result: Result<(), OpenError>) {
        self.result = result;
    }
}
