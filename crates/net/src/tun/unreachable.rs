//! What the kernel is told of packets that no peer takes.

use arrayvec::ArrayVec;
use wirecraft_ip_packets::{
    Icmpv4Type, Icmpv4Unreachable, Icmpv6Type, Icmpv6Unreachable, IpPacket, PacketBuilder,
    Transport, Upper, v4, v6,
};
use wirecraft_time::Instant;

/// The least length that every IPv4 host takes in: an error quotes no more (RFC 1812 §4.3.2.3).
const ERROR_LEN_MAX: usize = 576;
/// The headers in front of what an error quotes, over IPv6.
const HEADERS_LEN: usize = 40 + 8;

/// Errors a second, and at once.
///
/// Source: RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f): errors must be limited.
const ERRORS_PER_SECOND: u32 = 1000;
const ERRORS_AT_ONCE: u32 = 100;

/// Makes ICMP errors, at a limited rate.
#[derive(Debug)]
pub(super) struct Unreachables {
    /// Errors that may be made, and since when.
    allowance: u32,
    allowance_at: Instant,
}

/// An ICMP error as a whole packet.
pub(super) type IcmpError = ArrayVec<u8, ERROR_LEN_MAX>;

impl Default for Unreachables {
    fn default() -> Self {
        Self {
            allowance: ERRORS_AT_ONCE,
            allowance_at: Instant::ORIGIN,
        }
    }
}

impl Unreachables {
    /// Answers `packet`, unless no error may be sent about it.
    ///
    /// It seems to come from where the packet goes: an address of this machine would not be believed.
    ///
    /// Source: RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e).
    pub(super) fn answer(&mut self, now: Instant, packet: &[u8]) -> Option<IcmpError> {
        let parsed = IpPacket::parse(packet).ok()?;
        if is_never_answered(&parsed) || !self.allows(now) {
            return None;
        }
        let quoted = &packet[..packet.len().min(ERROR_LEN_MAX - HEADERS_LEN)];
        match &parsed {
            IpPacket::V4(packet) => written(
                &v4(packet.destination(), packet.source())
                    .icmp_unreachable(Icmpv4Unreachable::HOST, quoted),
            ),
            IpPacket::V6(packet) => written(
                &v6(packet.destination(), packet.source())
                    .icmp_unreachable(Icmpv6Unreachable::ADDRESS, quoted),
            ),
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        let gained = now.since(self.allowance_at).as_secs_f64() * f64::from(ERRORS_PER_SECOND);
        if gained >= 1.0 {
            let room = f64::from(ERRORS_AT_ONCE - self.allowance);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most a hundred, and more than none"
            )]
            let gained = gained.min(room) as u32;
            self.allowance += gained;
            self.allowance_at = now;
        }
        let allows = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        allows
    }
}

fn written<U: Upper>(error: &PacketBuilder<'_, U>) -> Option<IcmpError> {
    let mut bytes = [0; ERROR_LEN_MAX];
    let len = error.write(&mut bytes).ok()?;
    IcmpError::try_from(&bytes[..len]).ok()
}

/// Errors about errors, about all but the first fragment, and to many hosts at once are never sent.
fn is_never_answered(packet: &IpPacket<'_>) -> bool {
    let is_to_many = match packet {
        IpPacket::V4(packet) => {
            packet.destination().is_multicast()
                || packet.destination().is_broadcast()
                || packet.fragment_offset() != 0
        }
        IpPacket::V6(packet) => {
            packet.destination().is_multicast()
                || packet
                    .fragment()
                    .is_some_and(|fragment| fragment.offset != 0)
        }
    };
    is_to_many
        || match packet.transport() {
            Ok(Transport::Icmpv4(message)) => !matches!(
                message.message_type(),
                Icmpv4Type::ECHO_REQUEST | Icmpv4Type::ECHO_REPLY
            ),
            Ok(Transport::Icmpv6(message)) => !matches!(
                message.message_type(),
                Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY
            ),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use wirecraft_ip_packets::{Icmpv4Kind, Icmpv6Kind};

    use super::*;

    const NEAR_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const FAR_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const NEAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    const FAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

    fn answer(packet: &[u8]) -> Option<IcmpError> {
        Unreachables::default().answer(Instant::ORIGIN, packet)
    }

    #[test]
    fn the_sender_is_told_that_the_host_is_unreachable_and_which_packet_it_was() {
        let packet = v4(NEAR_V4, FAR_V4)
            .udp(1000, 53)
            .payload(&[7; 2000])
            .build();
        let error = answer(&packet).unwrap();
        let error = IpPacket::parse(&error).unwrap();
        assert_eq!(error.source(), IpAddr::V4(FAR_V4));
        assert_eq!(error.destination(), IpAddr::V4(NEAR_V4));
        let Ok(Transport::Icmpv4(message)) = error.transport() else {
            panic!("no ICMP");
        };
        assert!(message.checksum_is_valid());
        let Icmpv4Kind::DestinationUnreachable { code, .. } = message.kind() else {
            panic!("another message");
        };
        assert_eq!(code, Icmpv4Unreachable::HOST);
    }

    #[test]
    fn an_ipv6_sender_is_told_that_the_address_is_unreachable() {
        let packet = v6(NEAR_V6, FAR_V6).tcp(1000, 80).syn().build();
        let error = answer(&packet).unwrap();
        let error = IpPacket::parse(&error).unwrap();
        let Ok(Transport::Icmpv6(message)) = error.transport() else {
            panic!("no ICMP");
        };
        assert!(message.checksum_is_valid(&error.pseudo_header()));
        let Icmpv6Kind::DestinationUnreachable { code, .. } = message.kind() else {
            panic!("another message");
        };
        assert_eq!(code, Icmpv6Unreachable::ADDRESS);
    }

    #[test]
    fn errors_multicast_and_noise_get_no_answer() {
        let packet = v4(NEAR_V4, FAR_V4).udp(1000, 53).build();
        let error = v4(NEAR_V4, FAR_V4).icmp_port_unreachable(&packet).build();
        let multicast = v4(NEAR_V4, Ipv4Addr::new(224, 0, 0, 1)).udp(1, 2).build();
        for unanswered in [&error[..], &multicast, b"noise", &[]] {
            assert_eq!(answer(unanswered), None);
        }
    }

    #[test]
    fn errors_are_limited_to_a_hundred_at_once_and_a_thousand_a_second() {
        let packet = v4(NEAR_V4, FAR_V4).udp(1000, 53).build();
        let mut unreachables = Unreachables::default();
        let mut count_at = |millis| {
            let now = Instant::ORIGIN + Duration::from_millis(millis);
            let answers = core::iter::from_fn(|| unreachables.answer(now, &packet));
            answers.take(1000).count()
        };
        assert_eq!(count_at(0), 100);
        assert_eq!(count_at(10), 10);
        assert_eq!(count_at(5000), 100);
    }
}
