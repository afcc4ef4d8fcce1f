//! Internet checksums computed in full, the plain way.

use wirecraft_ip_packets::{IpPacket, Transport};

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

/// The same for what a packet carries, with its pseudo header; `None` where there is no checksum.
pub(crate) fn upper_residue(packet: &IpPacket<'_>) -> Option<u32> {
    let mut summed = Vec::new();
    let (bytes, has_pseudo_header) = match packet.transport().ok()? {
        Transport::Tcp(segment) => (segment.as_bytes(), true),
        Transport::Udp(datagram) if datagram.checksum() == 0 => return None,
        Transport::Udp(datagram) => (datagram.as_bytes(), true),
        Transport::Icmpv4(message) => (message.as_bytes(), false),
        Transport::Icmpv6(message) => (message.as_bytes(), true),
        _ => return None,
    };
    if has_pseudo_header {
        match packet {
            IpPacket::V4(packet) => {
                summed.extend(packet.source().octets());
                summed.extend(packet.destination().octets());
            }
            IpPacket::V6(packet) => {
                let home = packet.home_address();
                summed.extend(home.unwrap_or_else(|| packet.source()).octets());
                summed.extend(packet.final_destination().octets());
            }
        }
        let len = u32::try_from(bytes.len()).expect("packets have 16 bits of length");
        summed.extend(len.to_be_bytes());
        summed.extend([0, packet.protocol().number()]);
    }
    summed.extend_from_slice(bytes);
    Some(residue(&summed))
}
