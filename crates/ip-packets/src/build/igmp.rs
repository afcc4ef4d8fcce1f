//! The IGMP header of a packet in the making.

use super::{BuildError, PacketBuilder, Payload, Upper};
use crate::checksum::{PseudoHeader, checksum};
use crate::header::IpVersion;
use crate::igmp::START_LEN;
use crate::{IgmpKind, Protocol};

/// A packet with an IGMP message in the making.
pub type IgmpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Igmp, P>;

/// An IGMP header in the making; [`IgmpBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct Igmp {
    message_type: u8,
    code: u8,
    /// `None` for a message that ends before.
    word: Option<[u8; 4]>,
    /// Why the word is not what the message asks for.
    refused: Option<BuildError>,
    checksum: Option<u16>,
}

impl Igmp {
    pub(super) fn new(message: &IgmpKind<'_>) -> Self {
        Self {
            message_type: message.message_type().number(),
            code: message.code(),
            word: message.word(),
            refused: message.check_word().err(),
            checksum: None,
        }
    }
}

impl<P> IgmpBuilder<'_, P> {
    /// Overrides the type.
    #[inline]
    pub const fn message_type(mut self, message_type: u8) -> Self {
        self.upper.message_type = message_type;
        self
    }

    /// Overrides the byte behind the type: how long an answer may take.
    #[inline]
    pub const fn code(mut self, code: u8) -> Self {
        self.upper.code = code;
        self
    }

    /// Overrides the word after the checksum: the group, or the count of records. A message that
    /// has none gets one.
    #[inline]
    pub const fn word(mut self, word: [u8; 4]) -> Self {
        self.upper.word = Some(word);
        self.upper.refused = None;
        self
    }

    /// Overrides the checksum.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl Upper for Igmp {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::IGMP
    }

    #[inline]
    fn header_len(&self) -> usize {
        START_LEN + self.word.map_or(0, |word| word.len())
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        self.refused.map_or(Ok(()), Err)
    }

    fn write(&self, segment: &mut [u8], _: &PseudoHeader) {
        let Some((start, rest)) = segment.split_first_chunk_mut::<START_LEN>() else {
            return;
        };
        *start = [self.message_type, self.code, 0, 0];
        if let (Some(word), Some(room)) = (self.word, rest.first_chunk_mut()) {
            *room = word;
        }
        let sum = self.checksum.unwrap_or_else(|| checksum(segment));
        segment[2..4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// What stands behind the header of an IGMP message.
#[derive(Clone, Copy, Debug)]
pub struct IgmpBody<'a>(pub(super) IgmpKind<'a>);

impl Payload for IgmpBody<'_> {
    fn encoded_len(&self) -> usize {
        self.0.body_len()
    }

    fn check(&self) -> Result<(), BuildError> {
        self.0.check_body()
    }

    fn emit(&self, room: &mut [u8]) {
        self.0.write_body(room);
    }
}
