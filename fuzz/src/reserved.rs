//! Bits that are reserved, or mean nothing where they stand: types do not keep them.

use core::ops::Range;

use wirecraft_ip_packets::{
    IPV4_HEADER_LEN, IcmpExtensions, IcmpObject, Icmpv4Kind, Icmpv4Message, Icmpv6Kind,
    Icmpv6Message, IgmpKind, IgmpMessage, IpPacket, NdpOption, NdpOptions, Transport,
};

/// What of a message is not kept: bytes, and the bits of them.
struct Cleared<'a> {
    bytes: &'a mut [u8],
}

impl Cleared<'_> {
    fn all(&mut self, range: Range<usize>) {
        if let Some(bytes) = self.bytes.get_mut(range) {
            bytes.fill(0);
        }
    }

    fn bits(&mut self, at: usize, bits: u8) {
        if let Some(byte) = self.bytes.get_mut(at) {
            *byte &= !bits;
        }
    }
}

/// Clears in `bytes`, which are as long as the packet, what the types of the packet do not keep.
///
/// The lists are those of the RFCs of each message; what is not named here must be kept.
pub fn clear_reserved(packet: &IpPacket<'_>, bytes: &mut [u8]) {
    let at = packet.header_len();
    match packet.transport() {
        Ok(Transport::Icmpv4(message)) => clear_icmpv4(&message, &mut bytes[at..]),
        Ok(Transport::Icmpv6(message)) => clear_icmpv6(&message, &mut bytes[at..]),
        Ok(Transport::Igmp(message)) => clear_igmp(&message, &mut bytes[at..]),
        Ok(Transport::Gre(gre)) if gre.checksum().is_some() => bytes[at + 6..at + 8].fill(0),
        Ok(Transport::Authenticated(_)) => {
            debug_assert!(at >= IPV4_HEADER_LEN, "of IPv6 it is an extension header");
            bytes[at + 2..at + 4].fill(0);
        }
        _ => {}
    }
}

/// Clears what [`Icmpv4Kind`] does not keep of a message.
pub(crate) fn clear_icmpv4(message: &Icmpv4Message<'_>, bytes: &mut [u8]) {
    let mut it = Cleared { bytes };
    if message.code_name().is_none() && has_no_code_v4(&message.kind()) {
        it.all(1..2);
    }
    match message.kind() {
        Icmpv4Kind::DestinationUnreachable { .. } => {
            it.all(4..5);
            clear_length(&mut it, 5, &message.extensions());
        }
        Icmpv4Kind::TimeExceeded { .. } => {
            it.all(4..5);
            clear_length(&mut it, 5, &message.extensions());
            it.all(6..8);
        }
        Icmpv4Kind::ParameterProblem { .. } => {
            clear_length(&mut it, 5, &message.extensions());
            it.all(6..8);
        }
        Icmpv4Kind::SourceQuench { .. } | Icmpv4Kind::RouterSolicitation => it.all(4..8),
        Icmpv4Kind::Photuris { .. } => it.all(4..6),
        Icmpv4Kind::ExtendedEchoRequest(_) => it.bits(7, 0xfe),
        Icmpv4Kind::ExtendedEchoReply(_) => it.bits(7, 0x18),
        _ => {}
    }
    clear_structure(&mut it, &message.extensions(), message.as_bytes());
}

const fn has_no_code_v4(kind: &Icmpv4Kind<'_>) -> bool {
    !matches!(
        kind,
        Icmpv4Kind::DestinationUnreachable { .. }
            | Icmpv4Kind::Redirect { .. }
            | Icmpv4Kind::RouterAdvertisement { .. }
            | Icmpv4Kind::TimeExceeded { .. }
            | Icmpv4Kind::ParameterProblem { .. }
            | Icmpv4Kind::Photuris { .. }
            | Icmpv4Kind::ExtendedEchoReply(_)
            | Icmpv4Kind::Other { .. }
    )
}

/// Clears what [`Icmpv6Kind`] does not keep of a message.
pub(crate) fn clear_icmpv6(message: &Icmpv6Message<'_>, bytes: &mut [u8]) {
    let mut it = Cleared { bytes };
    let kind = message.kind();
    if has_no_code_v6(&kind) {
        it.all(1..2);
    }
    let options_at = match kind {
        Icmpv6Kind::DestinationUnreachable { .. } | Icmpv6Kind::TimeExceeded { .. } => {
            clear_length(&mut it, 4, &message.extensions());
            it.all(5..8);
            None
        }
        Icmpv6Kind::MldQuery(_) => {
            it.all(6..8);
            it.bits(24, 0xf0);
            None
        }
        Icmpv6Kind::MldReport { .. } | Icmpv6Kind::MldDone { .. } => {
            it.all(4..8);
            None
        }
        Icmpv6Kind::Mld2Report { .. } => {
            it.all(4..6);
            None
        }
        Icmpv6Kind::RouterSolicitation { .. } => {
            it.all(4..8);
            Some(8)
        }
        Icmpv6Kind::RouterAdvertisement(_) => Some(16),
        Icmpv6Kind::NeighborSolicitation(_) => {
            it.all(4..8);
            Some(24)
        }
        Icmpv6Kind::NeighborAdvertisement(_) => {
            it.all(5..8);
            Some(24)
        }
        Icmpv6Kind::Redirect(_) => {
            it.all(4..8);
            Some(40)
        }
        Icmpv6Kind::ExtendedEchoRequest(_) => {
            it.bits(7, 0xfe);
            None
        }
        Icmpv6Kind::ExtendedEchoReply(_) => {
            it.bits(7, 0x18);
            None
        }
        _ => None,
    };
    if let (Some(at), Some(options)) = (options_at, kind.ndp_options()) {
        clear_ndp(&mut it, at, options);
    }
    clear_structure(&mut it, &message.extensions(), message.as_bytes());
}

const fn has_no_code_v6(kind: &Icmpv6Kind<'_>) -> bool {
    !matches!(
        kind,
        Icmpv6Kind::DestinationUnreachable { .. }
            | Icmpv6Kind::TimeExceeded { .. }
            | Icmpv6Kind::ParameterProblem { .. }
            | Icmpv6Kind::MulticastRouterAdvertisement { .. }
            | Icmpv6Kind::ExtendedEchoReply(_)
            | Icmpv6Kind::Other { .. }
    )
}

fn clear_ndp(it: &mut Cleared<'_>, start: usize, options: NdpOptions<'_>) {
    let mut at = start;
    for option in options {
        match option {
            NdpOption::Prefix(_) => it.all(at + 12..at + 16),
            NdpOption::RedirectedHeader(_) => it.all(at + 2..at + 8),
            NdpOption::Mtu(_)
            | NdpOption::RecursiveDns { .. }
            | NdpOption::DnsSearchList { .. } => it.all(at + 2..at + 4),
            NdpOption::Route(_) => it.bits(at + 3, 0xe7),
            _ => {}
        }
        let units = it.bytes.get(at + 1).copied().unwrap_or(0);
        at += usize::from(units) * 8;
    }
}

/// Kinds do not say where extensions start; builders of extensions do.
fn clear_length<E>(
    it: &mut Cleared<'_>,
    at: usize,
    extensions: &Result<Option<IcmpExtensions<'_>>, E>,
) {
    if !matches!(extensions, Ok(Some(_))) {
        it.all(at..at + 1);
    }
}

/// Of an extension structure the checksum is written anew, and with it what its objects reserve.
fn clear_structure<E>(
    it: &mut Cleared<'_>,
    extensions: &Result<Option<IcmpExtensions<'_>>, E>,
    message: &[u8],
) {
    let Ok(Some(extensions)) = extensions else {
        return;
    };
    let start = message.len() - extensions.as_bytes().len();
    let before = it.bytes[start..].to_vec();
    it.bits(start, 0x0f);
    it.all(start + 1..start + 2);
    let mut at = start + 4;
    for object in extensions.objects() {
        match object {
            IcmpObject::InterfaceAddress(_) => it.all(at + 7..at + 8),
            IcmpObject::Interface(information) => {
                it.bits(at + 3, 0x30);
                let address = at + 4 + 4 * usize::from(information.index.is_some());
                if information.address.is_some() {
                    it.all(address + 2..address + 4);
                }
            }
            _ => {}
        }
        let len = message
            .get(at..at + 2)
            .map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
        at += len;
    }
    let is_kept = it.bytes[start..] == before;
    if !is_kept || extensions.checksum() == 0 || !extensions.checksum_is_valid() {
        it.all(start + 2..start + 4);
    }
}

/// Clears what [`IgmpKind`] does not keep of a message.
pub(crate) fn clear_igmp(message: &IgmpMessage<'_>, bytes: &mut [u8]) {
    let mut it = Cleared { bytes };
    match message.kind() {
        IgmpKind::Query { .. } => it.bits(8, 0xf0),
        IgmpKind::V3Report { .. } => {
            it.all(1..2);
            it.all(4..6);
        }
        IgmpKind::RouterAdvertisement { .. } | IgmpKind::Other { .. } => {}
        _ => it.all(1..2),
    }
}
