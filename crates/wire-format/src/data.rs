//! Transport data: a header, then a sealed packet and its tag.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::message::ParseError;
use crate::number::{Counter, Index};
use crate::type_word::{DataType, RESERVED, Reserved};

/// The length of the header of transport data in bytes.
pub const DATA_HEADER_LEN: usize = 16;

/// The length of the Poly1305 tag that ends transport data, in bytes.
pub const TAG_LEN: usize = 16;

/// The length of the shortest transport data in bytes: a keepalive, which is header and tag.
pub const DATA_MIN_LEN: usize = DATA_HEADER_LEN + TAG_LEN;

/// The header of a transport data message.
///
/// Source: WireGuard whitepaper §5.4.6.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct DataHeader {
    message_type: DataType,
    reserved: [Reserved; 3],
    receiver_index: U32,
    counter: U64,
}

const _: () = assert!(size_of::<DataHeader>() == DATA_HEADER_LEN);

impl DataHeader {
    /// Makes the header of a message for the keypair that its receiver calls `receiver`.
    #[inline]
    #[must_use]
    pub fn new(receiver: Index, counter: Counter) -> Self {
        Self {
            message_type: DataType::Byte,
            reserved: RESERVED,
            receiver_index: U32::new(receiver.value()),
            counter: U64::new(counter.value()),
        }
    }

    /// Returns the index that the receiver of this message gave to its keypair.
    #[inline]
    #[must_use]
    pub fn receiver_index(&self) -> Index {
        Index::new(self.receiver_index.get())
    }

    /// Returns the counter under which the packet is sealed.
    #[inline]
    #[must_use]
    pub fn counter(&self) -> Counter {
        Counter::new(self.counter.get())
    }

    /// Returns the header as it goes on the wire.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        IntoBytes::as_bytes(self)
    }

    /// Writes the header as it goes on the wire.
    #[inline]
    pub fn write_to(&self, bytes: &mut [u8; DATA_HEADER_LEN]) {
        *bytes = zerocopy::transmute!(*self);
    }
}

/// A transport data message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Data<'a> {
    /// The header.
    pub header: &'a DataHeader,
    /// The sealed packet and its tag, [`TAG_LEN`] bytes at least.
    pub ciphertext: &'a [u8],
}

impl<'a> Data<'a> {
    /// Takes the message apart, whose type word the caller has read.
    pub(crate) fn split(datagram: &'a [u8]) -> Result<Self, ParseError> {
        check_len(datagram.len())?;
        DataHeader::try_ref_from_prefix(datagram)
            .map(|(header, ciphertext)| Self { header, ciphertext })
            .map_err(|_| ParseError::unknown_type(datagram))
    }
}

/// A transport data message that can be opened in place.
#[derive(PartialEq, Eq, Debug)]
pub struct DataMut<'a> {
    /// A copy of the header.
    pub header: DataHeader,
    /// The sealed packet and its tag, [`TAG_LEN`] bytes at least.
    pub ciphertext: &'a mut [u8],
}

impl<'a> DataMut<'a> {
    /// Reads a datagram that must be transport data.
    ///
    /// # Errors
    /// [`ParseError::UnknownType`] for every other message as well, [`ParseError::TooShort`] below
    /// [`DATA_MIN_LEN`].
    #[inline]
    pub fn parse(datagram: &'a mut [u8]) -> Result<Self, ParseError> {
        let len = datagram.len();
        let header = *Data::split(datagram)?.header;
        datagram
            .split_at_mut_checked(DATA_HEADER_LEN)
            .map(|(_, ciphertext)| Self { header, ciphertext })
            .ok_or(ParseError::TooShort { len })
    }
}

fn check_len(len: usize) -> Result<(), ParseError> {
    if len < DATA_MIN_LEN {
        Err(ParseError::TooShort { len })
    } else {
        Ok(())
    }
}
