//! The fields of a packet under the names that tshark has for them.

use wirecraft_ip_packets::{
    Icmpv4Kind, Icmpv6Kind, IpPacket, Ipv4Packet, Ipv6Packet, Protocol, TcpSegment, Transport,
    UdpDatagram,
};

/// Fields in the order of the packet: what encloses stands before what is enclosed.
#[derive(Default)]
pub(crate) struct Fields(pub(crate) Vec<(&'static str, String)>);

impl Fields {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        fields.packet(bytes);
        fields
    }

    fn add(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    fn packet(&mut self, bytes: &[u8]) {
        let Ok(packet) = IpPacket::parse(bytes) else {
            return self.add("error", "an inner packet does not parse");
        };
        match &packet {
            IpPacket::V4(packet) => self.v4(packet),
            IpPacket::V6(packet) => self.v6(packet),
        }
        match packet.transport() {
            Ok(Transport::Tcp(segment)) => self.tcp(&segment),
            Ok(Transport::Udp(datagram)) => self.udp(&datagram),
            Ok(Transport::Icmpv4(message)) => {
                self.add("icmp.type", message.message_type().number());
                self.add("icmp.code", message.code());
                self.add("icmp.checksum", format!("{:#06x}", message.checksum()));
                if let Icmpv4Kind::EchoRequest(echo) | Icmpv4Kind::EchoReply(echo) = message.kind()
                {
                    self.add("icmp.ident", echo.identifier);
                    self.add("icmp.seq", echo.sequence);
                }
            }
            Ok(Transport::Icmpv6(message)) => {
                self.add("icmpv6.type", message.message_type().number());
                self.add("icmpv6.code", message.code());
                self.add("icmpv6.checksum", format!("{:#06x}", message.checksum()));
                match message.kind() {
                    Icmpv6Kind::EchoRequest(echo) | Icmpv6Kind::EchoReply(echo) => {
                        self.add(
                            "icmpv6.echo.identifier",
                            format!("{:#06x}", echo.identifier),
                        );
                        self.add("icmpv6.echo.sequence_number", echo.sequence);
                    }
                    Icmpv6Kind::PacketTooBig { mtu, .. } => self.add("icmpv6.mtu", mtu),
                    _ => {}
                }
            }
            Ok(Transport::Other(Protocol::IPV4 | Protocol::IPV6, inner)) => self.packet(inner),
            Ok(_) => {}
            Err(error) => self.add("error", error),
        }
    }

    fn v4(&mut self, packet: &Ipv4Packet<'_>) {
        self.add("ip.src", packet.source());
        // Under a source route it shows where the packet ends its way.
        self.add("ip.dst", packet.final_destination());
        self.add("ip.ttl", packet.ttl());
        self.add("ip.dsfield.dscp", packet.dscp().number());
        self.add("ip.dsfield.ecn", packet.ecn().bits());
        self.add("ip.id", format!("{:#06x}", packet.identification()));
        self.add("ip.hdr_len", packet.header_len());
        self.add("ip.len", packet.as_bytes().len());
        self.add("ip.proto", packet.protocol().number());
        self.add("ip.flags.df", u8::from(packet.dont_fragment()));
        self.add("ip.flags.mf", u8::from(packet.more_fragments()));
        // The field counts in units of eight bytes.
        self.add("ip.frag_offset", packet.fragment_offset() / 8);
        self.add("ip.checksum", format!("{:#06x}", packet.checksum()));
    }

    fn v6(&mut self, packet: &Ipv6Packet<'_>) {
        self.add("ipv6.src", packet.source());
        self.add("ipv6.dst", packet.destination());
        self.add("ipv6.hlim", packet.hop_limit());
        self.add("ipv6.tclass.dscp", packet.dscp().number());
        self.add("ipv6.tclass.ecn", packet.ecn().bits());
        self.add("ipv6.flow", format!("{:#08x}", packet.flow_label()));
        self.add("ipv6.plen", packet.as_bytes().len() - 40);
        self.add("ipv6.nxt", packet.next_header().number());
        if let Some(fragment) = packet.fragment() {
            self.add(
                "ipv6.fraghdr.ident",
                format!("{:#010x}", fragment.identification),
            );
            self.add("ipv6.fraghdr.offset", fragment.offset / 8);
            self.add("ipv6.fraghdr.more", u8::from(fragment.more));
        }
    }

    fn tcp(&mut self, segment: &TcpSegment<'_>) {
        self.add("tcp.srcport", segment.source_port());
        self.add("tcp.dstport", segment.destination_port());
        self.add("tcp.seq", segment.seq());
        self.add("tcp.ack", segment.ack());
        self.add("tcp.hdr_len", segment.header_len());
        self.add("tcp.flags", format!("{:#06x}", segment.flags().bits()));
        self.add("tcp.window_size_value", segment.window());
        self.add("tcp.checksum", format!("{:#06x}", segment.checksum()));
        self.add("tcp.urgent_pointer", segment.urgent_pointer());
        self.add("tcp.len", segment.payload().len());
        if let Some(mss) = segment.mss() {
            self.add("tcp.options.mss_val", mss);
        }
    }

    fn udp(&mut self, datagram: &UdpDatagram<'_>) {
        self.add("udp.srcport", datagram.source_port());
        self.add("udp.dstport", datagram.destination_port());
        self.add("udp.length", datagram.as_bytes().len());
        self.add("udp.checksum", format!("{:#06x}", datagram.checksum()));
    }
}

/// The fields that are asked for.
pub(crate) const COMPARED: &[&str] = &[
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ip.dsfield.dscp",
    "ip.dsfield.ecn",
    "ip.id",
    "ip.hdr_len",
    "ip.len",
    "ip.proto",
    "ip.flags.df",
    "ip.flags.mf",
    "ip.frag_offset",
    "ip.checksum",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "ipv6.tclass.dscp",
    "ipv6.tclass.ecn",
    "ipv6.flow",
    "ipv6.plen",
    "ipv6.nxt",
    "ipv6.fraghdr.ident",
    "ipv6.fraghdr.offset",
    "ipv6.fraghdr.more",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq",
    "tcp.ack",
    "tcp.hdr_len",
    "tcp.flags",
    "tcp.window_size_value",
    "tcp.checksum",
    "tcp.urgent_pointer",
    "tcp.len",
    "tcp.options.mss_val",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.checksum",
    "icmp.type",
    "icmp.code",
    "icmp.checksum",
    "icmp.ident",
    "icmp.seq",
    "icmpv6.type",
    "icmpv6.code",
    "icmpv6.checksum",
    "icmpv6.echo.identifier",
    "icmpv6.echo.sequence_number",
    "icmpv6.mtu",
];
