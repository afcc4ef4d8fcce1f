//! Packets that say of themselves what they are, so that a change of one bit shows.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use wirecraft_ip_packets::{self as ip_packets, Header, IpVersion};

const MAGIC: [u8; 4] = *b"wcsm";

/// Length in bytes of a label in a payload; what follows it is derived from it.
const LABEL_LEN: usize = 32;

/// UDP header, and an IP header of each version, in bytes.
const HEADERS_V4_LEN: usize = 28;
const HEADERS_V6_LEN: usize = 48;

/// The least length of a packet in bytes.
pub(crate) const PACKET_LEN_MIN: usize = HEADERS_V6_LEN + LABEL_LEN;

/// What a packet is: enough to make it once more, byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label {
    /// The node that offered it to its device.
    pub origin: usize,
    /// The node that it is for.
    pub destination: usize,
    /// How often the origin had been started.
    pub incarnation: u32,
    /// The flow that it belongs to.
    pub flow: usize,
    /// Whether it is the answer to another one.
    pub is_answer: bool,
    /// Its number among the packets from this origin to this destination.
    pub number: u64,
    /// When it was offered, since the start of the run.
    pub offered_at: Duration,
}

/// The address of a node inside the tunnels.
pub(crate) fn inner_v4(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, octet(node) + 1)
}

/// The address of a node inside the tunnels.
pub(crate) fn inner_v6(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(octet(node)) + 1)
}

fn octet(node: usize) -> u8 {
    u8::try_from(node).expect("a scenario has few nodes")
}

impl Label {
    /// Makes the packet, `packet_len` bytes long if that is enough.
    #[must_use]
    pub fn packet(&self, packet_len: usize) -> Vec<u8> {
        self.packet_from(self.origin, packet_len)
    }

    /// Makes the packet with the inner source address of `source`: a lie, if that is not the origin.
    pub(crate) fn packet_from(&self, source: usize, packet_len: usize) -> Vec<u8> {
        let headers_len = if self.is_v6() {
            HEADERS_V6_LEN
        } else {
            HEADERS_V4_LEN
        };
        let payload = self.payload(packet_len.saturating_sub(headers_len));
        let destination = self.destination;
        if self.is_v6() {
            ip_packets::v6(inner_v6(source), inner_v6(destination))
                .udp(1000, 2000)
                .payload(&payload)
                .build()
        } else {
            ip_packets::v4(inner_v4(source), inner_v4(destination))
                .udp(1000, 2000)
                .payload(&payload)
                .build()
        }
    }

    /// Every fourth packet is IPv6.
    const fn is_v6(&self) -> bool {
        self.number % 4 == 3
    }

    fn payload(&self, payload_len: usize) -> Vec<u8> {
        let mut payload = Vec::with_capacity(payload_len.max(LABEL_LEN));
        payload.extend_from_slice(&MAGIC);
        payload.extend_from_slice(&[octet(self.origin), octet(self.destination)]);
        payload.extend_from_slice(&[octet(self.flow), u8::from(self.is_answer)]);
        payload.extend_from_slice(&self.incarnation.to_be_bytes());
        payload.extend_from_slice(&[0; 4]);
        payload.extend_from_slice(&self.number.to_be_bytes());
        let offered_at = u64::try_from(self.offered_at.as_nanos()).unwrap_or(u64::MAX);
        payload.extend_from_slice(&offered_at.to_be_bytes());
        let mut filler = self.number.to_le_bytes().into_iter().cycle();
        payload.resize_with(payload_len.max(LABEL_LEN), || filler.next().unwrap_or(0));
        payload
    }

    /// Reads the label of a packet; whether the rest agrees with it is another question.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let header = Header::read(packet).ok()?;
        let payload = match header.version {
            IpVersion::V4 => packet.get(HEADERS_V4_LEN..)?,
            IpVersion::V6 => packet.get(HEADERS_V6_LEN..)?,
        };
        let label: &[u8; LABEL_LEN] = payload.first_chunk()?;
        let number = |at: usize| Some(u64::from_be_bytes(*label.get(at..)?.first_chunk()?));
        label.starts_with(&MAGIC).then_some(Self {
            origin: label[4].into(),
            destination: label[5].into(),
            flow: label[6].into(),
            is_answer: label[7] != 0,
            incarnation: u32::from_be_bytes(*label[8..].first_chunk()?),
            number: number(16)?,
            offered_at: Duration::from_nanos(number(24)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_back_from_packets_of_both_versions_and_any_length() {
        for number in 0..4 {
            let label = Label {
                origin: 1,
                destination: 6,
                incarnation: 9,
                flow: 12,
                is_answer: true,
                number,
                offered_at: Duration::from_nanos(1_234_567_890_123),
            };
            for len in [0, PACKET_LEN_MIN, 81, 1420] {
                let packet = label.packet(len);
                assert_eq!(Label::read(&packet), Some(label));
                assert!(packet.len() == len || len == 0);
            }
        }
    }
}
