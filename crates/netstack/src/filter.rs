//! Which packets a raw socket wants.

use core::net::IpAddr;
use core::ops::RangeInclusive;

use ipnet::IpNet;
use wirecraft_ip_packets::{IpPacket, Protocol};

/// What a packet must be like; everything that is not said is free.
///
/// ```
/// use wirecraft_netstack::Filter;
///
/// let filter = Filter::tcp().to_port(40_000).from("10.0.0.0/8".parse().unwrap());
/// # let _ = filter;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    protocols: Option<[Protocol; 2]>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    source_ports: Option<RangeInclusive<u16>>,
    destination_ports: Option<RangeInclusive<u16>>,
}

impl Filter {
    /// Takes every packet.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Takes TCP.
    #[must_use]
    pub fn tcp() -> Self {
        Self::protocol(Protocol::TCP)
    }

    /// Takes UDP.
    #[must_use]
    pub fn udp() -> Self {
        Self::protocol(Protocol::UDP)
    }

    /// Takes ICMP, of IPv4 and IPv6.
    #[must_use]
    pub fn icmp() -> Self {
        Self {
            protocols: Some([Protocol::ICMPV4, Protocol::ICMPV6]),
            ..Self::default()
        }
    }

    /// Takes one protocol.
    #[must_use]
    pub fn protocol(protocol: Protocol) -> Self {
        Self {
            protocols: Some([protocol; 2]),
            ..Self::default()
        }
    }

    /// Only from this network.
    #[must_use]
    pub const fn from(mut self, network: IpNet) -> Self {
        self.source = Some(network);
        self
    }

    /// Only to this network.
    #[must_use]
    pub const fn to(mut self, network: IpNet) -> Self {
        self.destination = Some(network);
        self
    }

    /// Only from this port of TCP or UDP.
    #[must_use]
    pub fn from_port(self, port: u16) -> Self {
        self.from_ports(port..=port)
    }

    /// Only to this port of TCP or UDP.
    #[must_use]
    pub fn to_port(self, port: u16) -> Self {
        self.to_ports(port..=port)
    }

    /// Only from these ports of TCP or UDP. Fragments after the first have no ports.
    #[must_use]
    pub fn from_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.source_ports = Some(ports);
        self
    }

    /// Only to these ports of TCP or UDP. Fragments after the first have no ports.
    #[must_use]
    pub fn to_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.destination_ports = Some(ports);
        self
    }

    /// Says whether it takes `packet`.
    #[must_use]
    pub fn matches(&self, packet: &IpPacket<'_>) -> bool {
        let within = |network: &Option<IpNet>, address: IpAddr| {
            network.is_none_or(|network| network.contains(&address))
        };
        self.protocols
            .is_none_or(|protocols| protocols.contains(&packet.protocol()))
            && within(&self.source, packet.source())
            && within(&self.destination, packet.destination())
            && self.ports_match(packet)
    }

    fn ports_match(&self, packet: &IpPacket<'_>) -> bool {
        if self.source_ports.is_none() && self.destination_ports.is_none() {
            return true;
        }
        let Some((source, destination)) = ports(packet) else {
            return false;
        };
        let within = |ports: &Option<RangeInclusive<u16>>, port| {
            ports.as_ref().is_none_or(|ports| ports.contains(&port))
        };
        within(&self.source_ports, source) && within(&self.destination_ports, destination)
    }
}

/// Reads source and destination port, which TCP and UDP have in the same place.
fn ports(packet: &IpPacket<'_>) -> Option<(u16, u16)> {
    let first = match packet {
        IpPacket::V4(packet) => packet.fragment_offset() == 0,
        IpPacket::V6(packet) => packet
            .fragment()
            .is_none_or(|fragment| fragment.offset == 0),
    };
    let has_ports = matches!(packet.protocol(), Protocol::TCP | Protocol::UDP) && first;
    let [a, b, c, d] = *packet.payload().first_chunk::<4>()?;
    has_ports.then_some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

#[cfg(test)]
mod tests {
    use wirecraft_ip_packets::{v4, v6};

    use super::*;

    fn takes(filter: &Filter, bytes: &[u8]) -> bool {
        filter.matches(&IpPacket::parse(bytes).unwrap())
    }

    #[test]
    fn every_condition_counts() {
        let packet = v4("10.1.2.3".parse().unwrap(), "10.9.0.1".parse().unwrap())
            .tcp(40_000, 443)
            .build();
        let fitting = Filter::tcp()
            .from("10.1.0.0/16".parse().unwrap())
            .to("10.9.0.1/32".parse().unwrap())
            .from_ports(39_000..=41_000)
            .to_port(443);
        assert!(takes(&Filter::any(), &packet) && takes(&fitting, &packet));
        assert!(!takes(&Filter::udp(), &packet));
        assert!(!takes(
            &fitting.clone().from("10.2.0.0/16".parse().unwrap()),
            &packet
        ));
        assert!(!takes(
            &fitting.clone().to("fd00::/8".parse().unwrap()),
            &packet
        ));
        assert!(!takes(&fitting.clone().from_port(1), &packet));
        assert!(!takes(&fitting.to_port(80), &packet));
    }

    #[test]
    fn icmp_is_taken_in_both_versions() {
        let four = v4("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let six = v6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        assert!(takes(
            &Filter::icmp(),
            &four.icmp_echo_request(1, 1).build()
        ));
        assert!(takes(&Filter::icmp(), &six.icmp_echo_request(1, 1).build()));
        assert!(!takes(
            &Filter::icmp().to_port(1),
            &six.icmp_echo_request(1, 1).build()
        ));
    }
}
