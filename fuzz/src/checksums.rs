//! Internet checksums computed in full, the plain way.

use wirecraft_ip_packets::{
    Icmpv4Message, IpPacket, IpVersion, Protocol, TcpSegment, Transport, UdpDatagram,
    UdpLiteDatagram,
};

/// What is left of the one's complement sum of `bytes`: 0 where they hold their checksum.
///
/// The two zeros of one's complement are one here, so that a change that keeps the checksum right, or
/// as wrong as it was, keeps this number. Source: RFC 1071 §4.1.
pub(crate) fn residue(bytes: &[u8]) -> u32 {
    let sum: u64 = bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    u32::try_from(sum % 0xffff).expect("less than 16 bits are left")
}

/// What the checksum of an upper layer covers.
struct Covered<'a> {
    bytes: &'a [u8],
    /// The length that the pseudo header says, in bytes; `None` where there is no such header.
    len: Option<usize>,
}

/// The bytes of a packet that its upper checksum covers; `None` where there is no checksum.
fn covered<'a>(packet: &IpPacket<'a>) -> Option<Covered<'a>> {
    let with_len = |bytes: &'a [u8]| Covered {
        bytes,
        len: Some(bytes.len()),
    };
    Some(match packet.transport().ok()? {
        Transport::Tcp(segment) => with_len(segment.as_bytes()),
        Transport::Udp(datagram) if datagram.checksum() == 0 => return None,
        Transport::Udp(datagram) => with_len(datagram.as_bytes()),
        Transport::UdpLite(datagram) => lite(&datagram)?,
        Transport::Icmpv4(message) => Covered {
            bytes: message.as_bytes(),
            len: None,
        },
        Transport::Icmpv6(message) => with_len(message.as_bytes()),
        Transport::Fragment(bytes) => first_fragment(packet, bytes)?,
        Transport::Authenticated(inner) => authenticated(inner.protocol, inner.payload)?,
        _ => return None,
    })
}

/// What stands behind an authentication header of IPv4 is covered as it is without, if it is whole.
fn authenticated(protocol: Protocol, bytes: &[u8]) -> Option<Covered<'_>> {
    let len = Some(bytes.len());
    Some(match protocol {
        Protocol::TCP if TcpSegment::parse(bytes).is_ok() => Covered { bytes, len },
        Protocol::UDP => {
            let datagram = UdpDatagram::parse(bytes).ok()?;
            let bytes = datagram.as_bytes();
            let len = Some(bytes.len());
            (datagram.checksum() != 0).then_some(Covered { bytes, len })?
        }
        Protocol::UDP_LITE => lite(&UdpLiteDatagram::parse(bytes).ok()?)?,
        Protocol::ICMPV4 if Icmpv4Message::parse(bytes).is_ok() => Covered { bytes, len: None },
        _ => return None,
    })
}

/// A coverage of zero is all of the datagram. RFC 3828 §3.1.
fn lite<'a>(datagram: &UdpLiteDatagram<'a>) -> Option<Covered<'a>> {
    let bytes = datagram.as_bytes();
    let coverage = match u16::from_be_bytes([bytes[4], bytes[5]]) {
        0 => bytes.len(),
        coverage => coverage.into(),
    };
    (datagram.checksum() != 0).then_some(Covered {
        bytes: bytes.get(..coverage)?,
        len: Some(bytes.len()),
    })
}

/// A first fragment has the checksum of the whole packet: what is there of it must stay as far from
/// right as it was, whatever the rest is.
fn first_fragment<'a>(packet: &IpPacket<'_>, bytes: &'a [u8]) -> Option<Covered<'a>> {
    let is_first = match packet {
        IpPacket::V4(packet) => packet.fragment_offset() == 0,
        IpPacket::V6(packet) => packet.fragment().is_some_and(|it| it.offset == 0),
    };
    let (header_len, has_checksum) = match packet.protocol() {
        Protocol::TCP => (20, true),
        Protocol::UDP | Protocol::UDP_LITE => (8, bytes.get(6..8)? != [0, 0]),
        Protocol::ICMPV6 if packet.version() == IpVersion::V6 => (4, true),
        Protocol::ICMPV4 if packet.version() == IpVersion::V4 => (8, true),
        _ => return None,
    };
    let is_there = is_first && has_checksum && bytes.len() >= header_len;
    is_there.then_some(Covered {
        bytes,
        len: (packet.protocol() != Protocol::ICMPV4).then_some(bytes.len()),
    })
}

/// How far the CRC of an SCTP packet is from right; `None` of other packets, and where there is none.
///
/// A packet with a CRC that is as wrong as another's differs from it in nothing that a CRC can tell.
pub(crate) fn sctp_error(packet: &IpPacket<'_>) -> Option<u32> {
    let Ok(Transport::Sctp(sctp)) = packet.transport() else {
        return None;
    };
    let bytes = sctp.as_bytes();
    let (header, chunks) = bytes.split_first_chunk::<12>()?;
    let said = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    let covered = header[..8].iter().chain(&[0; 4]).chain(chunks);
    (said != 0).then(|| said ^ crc32c(covered.copied()))
}

/// The CRC of Castagnoli, a bit at a time. RFC 9260 appendix A.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes.fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The same for what a packet carries, with its pseudo header; `None` where there is no checksum.
pub(crate) fn upper_residue(packet: &IpPacket<'_>) -> Option<u32> {
    let mut summed = Vec::new();
    let Covered { bytes, len } = covered(packet)?;
    if let Some(len) = len {
        match packet {
            IpPacket::V4(packet) => {
                summed.extend(packet.source().octets());
                summed.extend(packet.final_destination().octets());
            }
            IpPacket::V6(packet) => {
                let home = packet.home_address();
                summed.extend(home.unwrap_or_else(|| packet.source()).octets());
                summed.extend(packet.final_destination().octets());
            }
        }
        let len = u32::try_from(len).expect("packets have 16 bits of length");
        summed.extend(len.to_be_bytes());
        let protocol = match packet.transport() {
            Ok(Transport::Authenticated(inner)) => inner.protocol,
            _ => packet.protocol(),
        };
        summed.extend([0, protocol.number()]);
    }
    summed.extend_from_slice(bytes);
    Some(residue(&summed))
}
