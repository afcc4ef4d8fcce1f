//! Changes of what stands in the upper layer: TCP's options, ICMP's numbers, fragmentation.

use super::{Covers, IpPacketMut, RewriteError, UpperKind};
use crate::error::Layer;
use crate::header::IpVersion;
use crate::option_frames::{Frame, Frames};
use crate::tcp::TCP_HEADER_LEN;
use crate::{Crc32c, Icmpv4Type, Icmpv6Type, TcpOptionKind};

/// The flag of IPv4 that forbids routers to fragment, in the octet it stands in.
const DONT_FRAGMENT: u8 = 0x40;

/// Octets of the ICMP header before the identifier.
const IDENTIFIER_AT: usize = 4;
/// Octets of the ICMP header before the sequence number.
const SEQUENCE_AT: usize = 6;

impl IpPacketMut<'_> {
    /// Sets whether routers may not fragment an IPv4 packet.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] under IPv6, where they never may.
    pub fn set_dont_fragment(&mut self, set: bool) -> Result<(), RewriteError> {
        if self.version == IpVersion::V6 {
            return Err(self.no_such_field("don't fragment flag"));
        }
        let [high, low] = [self.bytes[6], self.bytes[7]];
        let high = if set {
            high | DONT_FRAGMENT
        } else {
            high & !DONT_FRAGMENT
        };
        self.replace(6, [high, low], Covers::IpHeader);
        Ok(())
    }

    /// Sets the urgent pointer of TCP and leaves the URG flag as it is.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is not TCP.
    pub fn set_tcp_urgent_pointer(&mut self, pointer: u16) -> Result<(), RewriteError> {
        self.replace_in_tcp(18, pointer.to_be_bytes(), "urgent pointer")
    }

    /// Lowers the maximum segment size of TCP to `most` bytes where a greater one stands, as who
    /// forwards into a narrower path does; returns what stood there, `None` if nothing was changed.
    ///
    /// ```
    /// use wirecraft_ip_packets::{IpPacketMut, v4};
    ///
    /// let syn = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1000, 80).syn().mss(1460);
    /// let mut bytes = syn.build();
    /// assert_eq!(IpPacketMut::parse(&mut bytes)?.clamp_tcp_mss(1380), Some(1460));
    /// let clamped = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1000, 80).syn().mss(1380);
    /// assert_eq!(bytes, clamped.build());
    /// # Ok::<(), wirecraft_ip_packets::ParseError>(())
    /// ```
    pub fn clamp_tcp_mss(&mut self, most: u16) -> Option<u16> {
        let at = self.mss_offset()?;
        let mss = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]);
        if mss <= most {
            return None;
        }
        let [high, low] = most.to_be_bytes();
        // Checksums go by words: at an odd place the value is the middle of two, and a header ends
        // with a whole one.
        if at % 2 == 0 {
            self.replace(at, [high, low], Covers::Upper);
        } else {
            let (before, behind) = (self.bytes[at - 1], self.bytes[at + 2]);
            self.replace(at - 1, [before, high, low, behind], Covers::Upper);
        }
        Some(mss)
    }

    /// Returns where the value of the option stands, if its header is whole and has one.
    fn mss_offset(&self) -> Option<usize> {
        if self.upper.kind != UpperKind::Tcp {
            return None;
        }
        let header = self.bytes.get(self.upper.offset..)?;
        let header_len = usize::from(header.get(12)? >> 4) * 4;
        let options = header.get(TCP_HEADER_LEN..header_len)?;
        let mut frames = Frames::new(options);
        loop {
            let before = frames.offset();
            match frames.next(Layer::Tcp)?.ok()? {
                Frame::Option { kind, data: [_, _] } if kind == TcpOptionKind::MSS.number() => {
                    return Some(self.upper.offset + TCP_HEADER_LEN + before + 2);
                }
                Frame::Option { .. } | Frame::Nop => {}
            }
        }
    }

    /// Replaces the port at the even offset `at` of an SCTP packet. Its CRC32c changes by what the
    /// difference of the port, followed by as many zeros as bytes follow it, leaves as a remainder; none
    /// stays none (RFC 9653).
    #[cold]
    pub(super) fn replace_sctp_port(&mut self, at: usize, port: u16) {
        let packet = &mut self.bytes[self.upper.offset..];
        let [high, low] = port.to_be_bytes();
        let difference = [packet[at] ^ high, packet[at + 1] ^ low];
        packet[at..at + 2].copy_from_slice(&[high, low]);
        if packet[8..12] == [0; 4] {
            return;
        }
        let change = Crc32c::change(&difference, packet.len() - at - 2).to_le_bytes();
        for (byte, change) in packet[8..12].iter_mut().zip(change) {
            *byte ^= change;
        }
    }

    /// Sets the identifier of an ICMP query or its reply, as address translation does.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is no such message.
    pub fn set_icmp_identifier(&mut self, identifier: u16) -> Result<(), RewriteError> {
        self.replace_in_query(IDENTIFIER_AT, identifier, "identifier")
    }

    /// Sets the sequence number of an ICMP query or its reply.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is no such message, or an extended echo, whose
    /// number is an octet.
    pub fn set_icmp_sequence(&mut self, sequence: u16) -> Result<(), RewriteError> {
        let field = "sequence number of two octets";
        if self.is_extended_echo() {
            return Err(self.no_such_field(field));
        }
        self.replace_in_query(SEQUENCE_AT, sequence, field)
    }

    fn replace_in_query(
        &mut self,
        at: usize,
        number: u16,
        field: &'static str,
    ) -> Result<(), RewriteError> {
        let at = self.upper.offset + at;
        if !self.is_query() || self.bytes.len() < at + 2 {
            return Err(self.no_such_field(field));
        }
        self.replace(at, number.to_be_bytes(), Covers::Upper);
        Ok(())
    }

    /// Whether this is an ICMP message with an identifier.
    fn is_query(&self) -> bool {
        let is_query = match self.icmp_types() {
            (Some(v4), _) => matches!(
                v4,
                Icmpv4Type::ECHO_REQUEST
                    | Icmpv4Type::ECHO_REPLY
                    | Icmpv4Type::TIMESTAMP_REQUEST
                    | Icmpv4Type::TIMESTAMP_REPLY
                    | Icmpv4Type::INFORMATION_REQUEST
                    | Icmpv4Type::INFORMATION_REPLY
                    | Icmpv4Type::ADDRESS_MASK_REQUEST
                    | Icmpv4Type::ADDRESS_MASK_REPLY
            ),
            (_, Some(v6)) => matches!(v6, Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY),
            _ => false,
        };
        is_query || self.is_extended_echo()
    }

    fn is_extended_echo(&self) -> bool {
        let v4 = [
            Icmpv4Type::EXTENDED_ECHO_REQUEST,
            Icmpv4Type::EXTENDED_ECHO_REPLY,
        ];
        let v6 = [
            Icmpv6Type::EXTENDED_ECHO_REQUEST,
            Icmpv6Type::EXTENDED_ECHO_REPLY,
        ];
        match self.icmp_types() {
            (Some(its), _) => v4.contains(&its),
            (_, Some(its)) => v6.contains(&its),
            _ => false,
        }
    }

    /// Returns the type of an ICMP message under its version.
    fn icmp_types(&self) -> (Option<Icmpv4Type>, Option<Icmpv6Type>) {
        let number = self.bytes.get(self.upper.offset).copied();
        match self.upper.kind {
            UpperKind::Icmpv4 => (number.map(Icmpv4Type::new), None),
            UpperKind::Icmpv6 => (None, number.map(Icmpv6Type::new)),
            _ => (None, None),
        }
    }
}
