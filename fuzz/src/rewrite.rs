//! Packets that are changed in place.

use core::net::{IpAddr, SocketAddr};

use wirecraft_ip_packets::{
    AuthenticatedPacket, Dscp, Ecn, IPV4_HEADER_LEN, Icmpv4Message, IpPacket, IpPacketMut,
    IpVersion, Protocol, RewriteError, SctpPacket, TcpFlags, TcpOption, TcpSegment, Transport,
    UdpDatagram, UdpLiteDatagram,
};

use crate::checksums::{residue, sctp_error, upper_residue};
use crate::input::Input;

/// The most changes that one input makes.
const CHANGES_MAX: u8 = 8;

/// After any change the checksums are as right or as wrong as they were, computed in full.
///
/// First the changes, then the packet.
pub fn rewrite(input: &[u8]) {
    let mut input = Input::new(input);
    let changes = Change::read_all(&mut input);
    let original = input.rest();
    let mut bytes = original.to_vec();
    let Ok(mut packet) = IpPacketMut::parse(&mut bytes) else {
        return;
    };
    for change in changes {
        let before = packet.as_bytes().to_vec();
        let result = change.apply(&mut packet);
        change.check(&before, packet.as_bytes(), result);
    }
    let len = packet.as_bytes().len();
    assert_eq!(
        bytes[len..],
        original[len..],
        "what follows the packet stays"
    );
}

/// Returns the packet that an input of [`rewrite`] has behind its changes.
#[must_use]
pub fn rewritten_packet(input: &[u8]) -> &[u8] {
    let mut input = Input::new(input);
    Change::read_all(&mut input);
    input.rest()
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Dscp(Dscp),
    Ecn(Ecn),
    HopLimit(u8),
    Identification(u16),
    SourceAddress(IpAddr),
    DestinationAddress(IpAddr),
    SourcePort(u16),
    DestinationPort(u16),
    Source(SocketAddr),
    Destination(SocketAddr),
    TcpSeq(u32),
    TcpAck(u32),
    TcpFlags(TcpFlags),
    TcpWindow(u16),
    FlowLabel(u32),
    DontFragment(bool),
    UrgentPointer(u16),
    ClampMss(u16),
    IcmpIdentifier(u16),
    IcmpSequence(u16),
}

impl Change {
    fn read_all(input: &mut Input<'_>) -> Vec<Self> {
        (0..input.choice(CHANGES_MAX + 1))
            .map(|_| Self::read(input))
            .collect()
    }

    fn read(input: &mut Input<'_>) -> Self {
        match input.choice(20) {
            0 => Self::Dscp(Dscp::new(input.byte() & 0x3f)),
            1 => Self::Ecn(Ecn::from_traffic_class(input.byte())),
            2 => Self::HopLimit(input.byte()),
            3 => Self::Identification(input.word()),
            4 => Self::SourceAddress(address(input)),
            5 => Self::DestinationAddress(address(input)),
            6 => Self::SourcePort(input.word()),
            7 => Self::DestinationPort(input.word()),
            8 => Self::Source(SocketAddr::new(address(input), input.word())),
            9 => Self::Destination(SocketAddr::new(address(input), input.word())),
            10 => Self::TcpSeq(input.long()),
            11 => Self::TcpAck(input.long()),
            12 => Self::TcpFlags(TcpFlags::from_bits(input.word() & 0x1ff)),
            13 => Self::TcpWindow(input.word()),
            14 => Self::FlowLabel(input.long() & 0xf_ffff),
            15 => Self::DontFragment(input.byte() & 1 == 1),
            16 => Self::UrgentPointer(input.word()),
            17 => Self::ClampMss(input.word()),
            18 => Self::IcmpIdentifier(input.word()),
            _ => Self::IcmpSequence(input.word()),
        }
    }

    fn apply(self, packet: &mut IpPacketMut<'_>) -> Result<(), RewriteError> {
        match self {
            Self::Dscp(dscp) => packet.set_dscp(dscp),
            Self::Ecn(ecn) => packet.set_ecn(ecn),
            Self::HopLimit(hops) => packet.set_hop_limit(hops),
            Self::Identification(number) => return packet.set_identification(number),
            Self::SourceAddress(address) => return packet.set_source_address(address),
            Self::DestinationAddress(address) => return packet.set_destination_address(address),
            Self::SourcePort(port) => return packet.set_source_port(port),
            Self::DestinationPort(port) => return packet.set_destination_port(port),
            Self::Source(source) => return packet.set_source(source),
            Self::Destination(destination) => return packet.set_destination(destination),
            Self::TcpSeq(seq) => return packet.set_tcp_seq(seq),
            Self::TcpAck(ack) => return packet.set_tcp_ack(ack),
            Self::TcpFlags(flags) => return packet.set_tcp_flags(flags),
            Self::TcpWindow(window) => return packet.set_tcp_window(window),
            Self::FlowLabel(label) => return packet.set_flow_label(label),
            Self::DontFragment(set) => return packet.set_dont_fragment(set),
            Self::UrgentPointer(pointer) => return packet.set_tcp_urgent_pointer(pointer),
            Self::ClampMss(most) => check_clamp(packet, most),
            Self::IcmpIdentifier(identifier) => return packet.set_icmp_identifier(identifier),
            Self::IcmpSequence(sequence) => return packet.set_icmp_sequence(sequence),
        }
        Ok(())
    }

    fn check(self, before: &[u8], after: &[u8], result: Result<(), RewriteError>) {
        let parse = |bytes| IpPacket::parse(bytes).expect("a packet stays one");
        let (old, new) = (parse(before), parse(after));
        assert_eq!(old.as_bytes().len(), new.as_bytes().len());
        assert_eq!(old.protocol(), new.protocol());
        if let Err(error) = result {
            assert_eq!(before, after, "{error}: the packet is as it was");
            assert!(self.may_be_refused(&old), "{self:?}: {error}");
            return;
        }
        if old.version() == IpVersion::V4 {
            let header = |bytes: &[u8]| residue(&bytes[..IPV4_HEADER_LEN]);
            assert_eq!(
                header(before),
                header(after),
                "{self:?}: the header's checksum"
            );
        }
        let upper = [&old, &new].map(upper_residue);
        assert_eq!(upper[0], upper[1], "{self:?}: the upper checksum");
        let crc = [&old, &new].map(sctp_error);
        assert_eq!(crc[0], crc[1], "{self:?}: the CRC of SCTP");
        self.check_field(&new);
    }

    /// Addresses of the other version, and fields that not every protocol has, may be refused.
    fn may_be_refused(self, packet: &IpPacket<'_>) -> bool {
        let is_other = |address: IpAddr| address.is_ipv4() != (packet.version() == IpVersion::V4);
        // Of fragments the first ones have ports, if they are long enough.
        let has_no_ports = match packet.transport() {
            Ok(Transport::Tcp(_) | Transport::Udp(_)) => false,
            Ok(Transport::UdpLite(_) | Transport::Sctp(_)) => false,
            Ok(Transport::Authenticated(inner)) => !has_ports(&inner),
            _ => true,
        };
        let is_no_tcp = match packet.transport() {
            Ok(Transport::Authenticated(inner)) => {
                inner.protocol != Protocol::TCP || TcpSegment::parse(inner.payload).is_err()
            }
            _ => packet.tcp().is_err(),
        };
        match self {
            Self::Dscp(_) | Self::Ecn(_) | Self::HopLimit(_) | Self::ClampMss(_) => false,
            Self::Identification(_) | Self::DontFragment(_) => packet.version() == IpVersion::V6,
            Self::SourceAddress(address) | Self::DestinationAddress(address) => is_other(address),
            Self::SourcePort(_) | Self::DestinationPort(_) => has_no_ports,
            Self::Source(to) | Self::Destination(to) => has_no_ports || is_other(to.ip()),
            Self::TcpSeq(_)
            | Self::TcpAck(_)
            | Self::TcpFlags(_)
            | Self::TcpWindow(_)
            | Self::UrgentPointer(_) => is_no_tcp,
            Self::IcmpIdentifier(_) => icmp_numbers(packet).is_none_or(|it| it == 0),
            Self::IcmpSequence(_) => icmp_numbers(packet).is_none_or(|it| it < 2),
            Self::FlowLabel(_) => packet.version() == IpVersion::V4,
        }
    }

    fn check_field(self, packet: &IpPacket<'_>) {
        let payload = match packet.transport() {
            Ok(Transport::Authenticated(inner)) => inner.payload,
            _ => packet.payload(),
        };
        let ports = payload
            .first_chunk()
            .map(|[a, b, c, d]| [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])]);
        match self {
            Self::Dscp(dscp) => assert_eq!(packet.dscp(), dscp),
            Self::Ecn(ecn) => assert_eq!(packet.ecn(), ecn),
            Self::HopLimit(hops) => assert_eq!(packet.hop_limit(), hops),
            Self::Identification(number) => {
                assert!(matches!(packet, IpPacket::V4(v4) if v4.identification() == number));
            }
            Self::SourceAddress(address) => assert_eq!(packet.source(), address),
            Self::DestinationAddress(address) => assert_eq!(packet.destination(), address),
            Self::SourcePort(port) => assert_eq!(ports.map(|[source, _]| source), Some(port)),
            Self::DestinationPort(port) => assert_eq!(ports.map(|[_, to]| to), Some(port)),
            Self::Source(source) => {
                assert_eq!(packet.source(), source.ip());
                assert_eq!(ports.map(|[port, _]| port), Some(source.port()));
            }
            Self::Destination(destination) => {
                assert_eq!(packet.destination(), destination.ip());
                assert_eq!(ports.map(|[_, port]| port), Some(destination.port()));
            }
            Self::TcpSeq(seq) => {
                assert!([Protocol::TCP, Protocol::AH].contains(&packet.protocol()));
                assert_eq!(payload[4..8], seq.to_be_bytes());
            }
            Self::TcpAck(ack) => assert_eq!(payload[8..12], ack.to_be_bytes()),
            Self::TcpFlags(flags) => {
                assert_eq!(payload[12] & 1, flags.bits().to_be_bytes()[0]);
                assert_eq!(payload[13], flags.bits().to_be_bytes()[1]);
            }
            Self::TcpWindow(window) => assert_eq!(payload[14..16], window.to_be_bytes()),
            Self::FlowLabel(label) => {
                assert!(matches!(packet, IpPacket::V6(v6) if v6.flow_label() == label));
            }
            Self::DontFragment(set) => {
                assert!(matches!(packet, IpPacket::V4(v4) if v4.dont_fragment() == set));
            }
            Self::UrgentPointer(pointer) => {
                assert_eq!(payload[18..20], pointer.to_be_bytes());
            }
            Self::ClampMss(_) => {}
            Self::IcmpIdentifier(it) => {
                assert_ne!(icmp_numbers(packet), Some(0));
                assert_eq!(payload[4..6], it.to_be_bytes());
            }
            Self::IcmpSequence(it) => {
                assert!(icmp_numbers(packet).is_none_or(|it| it == 2));
                assert_eq!(payload[6..8], it.to_be_bytes());
            }
        }
    }
}

/// A greater segment size becomes the least that is asked for and is returned; a smaller one stays.
fn check_clamp(packet: &mut IpPacketMut<'_>, most: u16) {
    let before = packet.as_bytes().to_vec();
    let (was, returned) = (mss(&before), packet.clamp_tcp_mss(most));
    if returned.is_none() {
        assert_eq!(packet.as_bytes(), before, "nothing was changed");
    }
    let Some(was) = was else {
        return;
    };
    assert_eq!(returned, was.filter(|mss| *mss > most));
    assert_eq!(mss(packet.as_bytes()), Some(was.map(|mss| mss.min(most))));
}

/// The segment size of a packet, inner `None` if it has none; `None` for fragments, of which the
/// first may have one.
fn mss(bytes: &[u8]) -> Option<Option<u16>> {
    let packet = IpPacket::parse(bytes).ok()?;
    Some(match packet.transport() {
        Ok(Transport::Tcp(segment)) => first_mss(&segment),
        Ok(Transport::Authenticated(inner)) if inner.protocol == Protocol::TCP => {
            TcpSegment::parse(inner.payload)
                .ok()
                .and_then(|it| first_mss(&it))
        }
        Ok(Transport::Fragment(_)) => return None,
        _ => None,
    })
}

/// The size before the first option that cannot be read.
fn first_mss(segment: &TcpSegment<'_>) -> Option<u16> {
    let mut options = segment.options().map_while(Result::ok);
    options.find_map(|option| match option {
        TcpOption::Mss(mss) => Some(mss),
        _ => None,
    })
}

/// How many of identifier and sequence number of two octets a whole message has; `None` for
/// fragments, of which the first may have some.
fn icmp_numbers(packet: &IpPacket<'_>) -> Option<u8> {
    let number = match packet.transport() {
        Ok(Transport::Icmpv4(message)) => message.message_type().number(),
        Ok(Transport::Icmpv6(message)) => {
            return Some(match message.message_type().number() {
                128 | 129 => 2,
                160 | 161 => 1,
                _ => 0,
            });
        }
        Ok(Transport::Authenticated(inner)) if inner.protocol == Protocol::ICMPV4 => {
            let Ok(message) = Icmpv4Message::parse(inner.payload) else {
                return Some(0);
            };
            message.message_type().number()
        }
        Ok(Transport::Fragment(_)) => return None,
        _ => return Some(0),
    };
    Some(match number {
        0 | 8 | 13..=18 => 2,
        42 | 43 => 1,
        _ => 0,
    })
}

/// Whether what stands behind an authentication header is whole and has ports.
fn has_ports(inner: &AuthenticatedPacket<'_>) -> bool {
    match inner.protocol {
        Protocol::TCP => TcpSegment::parse(inner.payload).is_ok(),
        Protocol::UDP => UdpDatagram::parse(inner.payload).is_ok(),
        Protocol::UDP_LITE => UdpLiteDatagram::parse(inner.payload).is_ok(),
        Protocol::SCTP => SctpPacket::parse(inner.payload).is_ok(),
        _ => false,
    }
}

fn address(input: &mut Input<'_>) -> IpAddr {
    if input.choice(2) == 0 {
        IpAddr::from(input.array::<4>())
    } else {
        IpAddr::from(input.array::<16>())
    }
}
