//! The ICMP header of a packet in the making, for either version.

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use super::ip::{ICMPV4_ERROR_LEN, ICMPV6_ERROR_LEN};
use super::{BuildError, PacketBuilder, Payload, Upper};
use crate::checksum::{PseudoHeader, checksum};
use crate::error::Layer;
use crate::header::IpVersion;
use crate::icmp::{MIN_QUOTE_LEN, structure_len, write_structure};
use crate::icmpv4::ICMP_HEADER_LEN;
use crate::{IcmpObject, Icmpv4Kind, Icmpv4Type, Icmpv6Kind, Icmpv6Type, Protocol, Sequence};

/// The length of type, code and checksum, in bytes.
const START_LEN: usize = 4;

/// A packet with an ICMP message in the making.
pub type IcmpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Icmp, P>;

/// An ICMP header in the making; [`IcmpBuilder`] sets its fields.
///
/// It is 8 bytes: type, code, checksum, and the word whose meaning depends on the type. Two messages
/// about multicast routers end before the word, RFC 4286.
#[derive(Clone, Copy, Debug)]
pub struct Icmp {
    message_type: u8,
    code: u8,
    word: Option<[u8; 4]>,
    /// Why the word is not what the message asks for.
    refused: Option<BuildError>,
    checksum: Option<u16>,
}

impl Icmp {
    #[inline]
    pub(super) const fn new(message_type: u8, code: u8, word: [u8; 4]) -> Self {
        Self {
            message_type,
            code,
            word: Some(word),
            refused: None,
            checksum: None,
        }
    }

    /// Leaves the word out where a message has none.
    pub(super) const fn with_word(mut self, word: Option<[u8; 4]>) -> Self {
        self.word = word;
        self
    }

    /// Takes note of whether the word can say what the message asks for.
    pub(super) const fn with_word_check(mut self, checked: Result<(), BuildError>) -> Self {
        self.refused = match checked {
            Ok(()) => None,
            Err(error) => Some(error),
        };
        self
    }
}

impl<P> IcmpBuilder<'_, P> {
    /// Sets the type; the word stays as it is.
    ///
    /// What the word says goes by the type: set it before [`extensions`](IcmpBuilder::extensions),
    /// which write the length of the quote where the type has it at that moment.
    #[inline]
    pub const fn message_type(mut self, message_type: u8) -> Self {
        self.upper.message_type = message_type;
        self
    }

    /// Sets the code.
    #[inline]
    pub const fn code(mut self, code: u8) -> Self {
        self.upper.code = code;
        self
    }

    /// Sets the word after the checksum.
    #[inline]
    pub const fn word(mut self, word: [u8; 4]) -> Self {
        self.upper.word = Some(word);
        self.upper.refused = None;
        self
    }

    /// Leaves out the word after the checksum: the payload follows at once.
    ///
    /// Source: RFC 4286 §4, §5.
    #[inline]
    pub const fn without_word(mut self) -> Self {
        self.upper.word = None;
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

impl<'a> IcmpBuilder<'a> {
    /// Puts extensions behind the quote of an error.
    ///
    /// The quote is padded with zeros to at least 128 bytes, and cut so that the whole packet is at
    /// most as long as an error may be: 576 bytes under IPv4, 1280 under IPv6. The length octet
    /// says where the extensions start; [`word`](Self::word) replaces it.
    ///
    /// ```
    /// use wirecraft_ip_packets::{IcmpObject, MplsLabel, Sequence, v4};
    ///
    /// let (router, source) = ([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
    /// let lost = v4(source, [10, 0, 0, 2].into()).ttl(1).udp(40_000, 33_434).build();
    /// let labels = [MplsLabel { label: 16_001, traffic_class: 0, bottom: true, ttl: 1 }];
    /// let objects = [IcmpObject::MplsLabels(Sequence::new(&labels))];
    /// let error = v4(router, source).icmp_time_exceeded(&lost).extensions(&objects);
    /// assert_eq!(error.len(), 20 + 8 + 128 + 4 + 8);
    /// ```
    ///
    /// Source: RFC 4884 §4, §5.
    pub fn extensions(
        mut self,
        objects: &'a [IcmpObject<'a>],
    ) -> IcmpBuilder<'a, MultiPart<'a, &'a [u8]>> {
        let objects_len = structure_len(&Sequence::new(objects));
        let unit = quote_unit(self.ip_version());
        let room = self.quote_room().saturating_sub(objects_len);
        let max = (room / unit * unit).max(MIN_QUOTE_LEN);
        self.payload = self.payload.get(..max).unwrap_or(self.payload);
        self.extensions_unlimited(objects)
    }
}

impl<'a, P: Payload> IcmpBuilder<'a, P> {
    /// Puts extensions behind any payload, as [`extensions`](IcmpBuilder::extensions) does, but
    /// cuts nothing.
    pub fn extensions_unlimited(
        self,
        objects: &'a [IcmpObject<'a>],
    ) -> IcmpBuilder<'a, MultiPart<'a, P>> {
        let version = self.ip_version();
        self.map_payload(|icmp, quote| {
            let unit = quote_unit(version);
            let quote_len = quote.encoded_len().max(MIN_QUOTE_LEN);
            let part = MultiPart {
                quote_len: quote_len.next_multiple_of(unit),
                quote,
                objects: Sequence::new(objects),
            };
            let [units, ..] = (part.quote_len / unit).to_le_bytes();
            if let (Some(at), Some(word)) =
                (length_octet(version, icmp.message_type), icmp.word.as_mut())
            {
                let (layer, max) = (icmp_layer(version), usize::from(u8::MAX) * unit);
                word[at] = units;
                icmp.refused = BuildError::check_len(layer, part.quote_len, max).err();
            }
            part
        })
    }
}

impl<'a, P: Payload> IcmpBuilder<'a, P> {
    /// Quotes a packet in the making, of which an error may have the start: the whole error is at
    /// most 576 bytes under IPv4 and 1280 under IPv6.
    ///
    /// [`nest`](PacketBuilder::nest) quotes it whole.
    ///
    /// ```
    /// use wirecraft_ip_packets::v4;
    ///
    /// let (router, source) = ([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
    /// let lost = v4(source, [10, 0, 0, 2].into()).udp(1000, 53).payload(&[0; 1000]);
    /// let error = v4(router, source).icmp_time_exceeded(&[]);
    /// assert_eq!(error.quote(lost).len(), 576);
    /// assert_eq!(error.nest(lost).len(), 20 + 8 + 1028);
    /// ```
    ///
    /// Source: RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c).
    #[cfg(feature = "alloc")]
    pub fn quote<Q: Payload>(self, packet: Q) -> IcmpBuilder<'a, Quote> {
        let mut quoted = vec![0; packet.encoded_len()];
        packet.emit(&mut quoted);
        quoted.truncate(self.quote_room());
        let quote = Quote {
            bytes: quoted,
            refused: packet.check().err(),
        };
        self.map_payload(|_, _| quote)
    }

    /// Returns how long a quote may be, in bytes.
    fn quote_room(&self) -> usize {
        let error_len = match self.ip_version() {
            IpVersion::V4 => ICMPV4_ERROR_LEN,
            IpVersion::V6 => ICMPV6_ERROR_LEN,
        };
        error_len.saturating_sub(self.len() - self.payload.encoded_len())
    }
}

/// Returns what the length of a quote before extensions is a multiple of, in bytes. RFC 4884 §4.
pub(crate) const fn quote_unit(version: IpVersion) -> usize {
    match version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 8,
    }
}

/// Returns the layer of messages of a version.
pub(crate) const fn icmp_layer(version: IpVersion) -> Layer {
    match version {
        IpVersion::V4 => Layer::Icmpv4,
        IpVersion::V6 => Layer::Icmpv6,
    }
}

/// Returns which byte of the word says how long the quote is. RFC 4884 §4.
pub(crate) const fn length_octet(version: IpVersion, message_type: u8) -> Option<usize> {
    match version {
        IpVersion::V4 => match Icmpv4Type::new(message_type) {
            Icmpv4Type::DESTINATION_UNREACHABLE
            | Icmpv4Type::TIME_EXCEEDED
            | Icmpv4Type::PARAMETER_PROBLEM => Some(1),
            _ => None,
        },
        IpVersion::V6 => match Icmpv6Type::new(message_type) {
            Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => Some(0),
            _ => None,
        },
    }
}

/// The start of a packet that was in the making, as the payload of an ICMP error.
///
/// An error that quotes what cannot be written as it was asked for cannot be either.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Quote {
    bytes: Vec<u8>,
    refused: Option<BuildError>,
}

#[cfg(feature = "alloc")]
impl Payload for Quote {
    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn check(&self) -> Result<(), BuildError> {
        self.refused.map_or(Ok(()), Err)
    }

    fn emit(&self, room: &mut [u8]) {
        room.copy_from_slice(&self.bytes);
    }
}

/// A quote with extensions behind it, as the payload of an ICMP error.
#[derive(Clone, Copy, Debug)]
pub struct MultiPart<'a, P> {
    quote: P,
    /// The length of the quote with its padding, in bytes.
    quote_len: usize,
    objects: Sequence<'a, IcmpObject<'a>>,
}

impl<P: Payload> Payload for MultiPart<'_, P> {
    fn encoded_len(&self) -> usize {
        self.quote_len + structure_len(&self.objects)
    }

    fn check(&self) -> Result<(), BuildError> {
        self.quote.check()?;
        self.objects.check()
    }

    fn emit(&self, room: &mut [u8]) {
        let (quote, extensions) = room.split_at_mut(self.quote_len);
        let (quote, padding) = quote.split_at_mut(self.quote.encoded_len());
        self.quote.emit(quote);
        padding.fill(0);
        write_structure(&self.objects, extensions);
    }
}

/// What stands behind the header of a typed ICMP message.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv4Body<'a>(pub(super) Icmpv4Kind<'a>);

impl Payload for Icmpv4Body<'_> {
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

/// What stands behind the header of a typed ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv6Body<'a>(pub(super) Icmpv6Kind<'a>);

impl Payload for Icmpv6Body<'_> {
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

impl Upper for Icmp {
    #[inline]
    fn protocol(&self, version: IpVersion) -> Protocol {
        match version {
            IpVersion::V4 => Protocol::ICMPV4,
            IpVersion::V6 => Protocol::ICMPV6,
        }
    }

    #[inline]
    fn header_len(&self) -> usize {
        match self.word {
            Some(_) => ICMP_HEADER_LEN,
            None => START_LEN,
        }
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        self.refused.map_or(Ok(()), Err)
    }

    #[inline]
    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader) {
        let Some((start, rest)) = segment.split_first_chunk_mut::<START_LEN>() else {
            return;
        };
        *start = [self.message_type, self.code, 0, 0];
        if let (Some(word), Some(room)) = (self.word, rest.first_chunk_mut()) {
            *room = word;
        }
        let sum = self
            .checksum
            .unwrap_or_else(|| match pseudo_header.version() {
                IpVersion::V4 => checksum(segment),
                IpVersion::V6 => pseudo_header.checksum(Protocol::ICMPV6, segment),
            });
        segment[2..4].copy_from_slice(&sum.to_be_bytes());
    }
}
