//! The fields of a packet under the names that tshark has for them.

use wirecraft_ip_packets::{
    AuthenticatedPacket, GrePacket, IcmpExtensions, Icmpv4Message, Icmpv6Message, IgmpMessage,
    IgmpType, IpPacket, Ipv4Packet, Ipv6Packet, ParseError, Protocol, SctpPacket, TcpSegment,
    Transport, UdpDatagram, UdpLiteDatagram,
};

use crate::{groups, messages, tcp_options};

/// What tshark says of a checksum that it computed and found right: 0 is wrong, 2 not verified.
const GOOD: u8 = 1;
/// What it says where there is none.
const ABSENT: u8 = 3;

/// The fields of checksums, each with what says whether it is good.
pub(crate) const SUMS: &[[&str; 2]] = &[IP, TCP, UDP, ICMP, EXTENSIONS, ICMPV6, IGMP, GRE, SCTP];

const IP: [&str; 2] = ["ip.checksum", "ip.checksum.status"];
const TCP: [&str; 2] = ["tcp.checksum", "tcp.checksum.status"];
/// UDP-Lite too.
const UDP: [&str; 2] = ["udp.checksum", "udp.checksum.status"];
const ICMP: [&str; 2] = ["icmp.checksum", "icmp.checksum.status"];
/// Of ICMPv6 too.
const EXTENSIONS: [&str; 2] = ["icmp.ext.checksum", "icmp.ext.checksum.status"];
const ICMPV6: [&str; 2] = ["icmpv6.checksum", "icmpv6.checksum.status"];
const IGMP: [&str; 2] = ["igmp.checksum", "igmp.checksum.status"];
const GRE: [&str; 2] = ["gre.checksum", "gre.checksum.status"];
const SCTP: [&str; 2] = ["sctp.checksum", "sctp.checksum.status"];

/// Fields in the order of the packet: what encloses stands before what is enclosed.
#[derive(Default)]
pub(crate) struct Fields(pub(crate) Vec<(&'static str, String)>);

impl Fields {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        fields.packet(bytes);
        fields
    }

    pub(crate) fn add(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    /// Adds a field where there is a value for it.
    pub(crate) fn add_some(&mut self, name: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds bytes in hexadecimal, if there are any.
    pub(crate) fn bytes(&mut self, name: &'static str, bytes: &[u8]) {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if !digits.is_empty() {
            self.add(name, digits);
        }
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
            Ok(Transport::UdpLite(datagram)) => self.udp_lite(&datagram),
            Ok(Transport::Icmpv4(message)) => self.icmpv4(&message),
            Ok(Transport::Icmpv6(message)) => self.icmpv6(&message),
            Ok(Transport::Igmp(message)) => self.igmp(&message),
            Ok(Transport::Gre(gre)) => self.gre(&gre),
            Ok(Transport::Sctp(sctp)) => self.sctp(&sctp),
            Ok(Transport::Encapsulated(it)) => {
                self.add("esp.spi", format!("{:#010x}", it.spi));
                self.add("esp.sequence", it.sequence);
            }
            Ok(Transport::Authenticated(it)) => self.authenticated(&it),
            Ok(Transport::Other(Protocol::IPV4 | Protocol::IPV6, inner)) => self.packet(inner),
            Ok(_) => {}
            Err(error) => self.add("error", error),
        }
    }

    /// The authentication header of version 4; that of version 6 is an extension header.
    fn authenticated(&mut self, it: &AuthenticatedPacket<'_>) {
        self.add("ah.spi", format!("{:#010x}", it.header.spi));
        self.add("ah.sequence", it.header.sequence);
        self.bytes("ah.icv", it.header.icv);
        if it.protocol == Protocol::UDP
            && let Ok(datagram) = UdpDatagram::parse(it.payload)
        {
            self.udp(&datagram);
        }
    }

    /// Asks for a checksum, and that it is found good: neither bad nor left unverified.
    fn sum(&mut self, [field, status]: [&'static str; 2], checksum: u16) {
        self.add(field, format!("{checksum:#06x}"));
        self.add(status, GOOD);
    }

    fn igmp(&mut self, message: &IgmpMessage<'_>) {
        let number = message.message_type();
        self.add("igmp.type", format!("{:#04x}", number.number()));
        match number {
            // tshark has them under the numbers of a draft: 0x24 to 0x26. tcpdump judges their sums.
            IgmpType::ROUTER_ADVERTISEMENT
            | IgmpType::ROUTER_SOLICITATION
            | IgmpType::ROUTER_TERMINATION => {}
            _ => self.sum(IGMP, message.checksum()),
        }
        groups::igmp(self, &message.kind());
    }

    fn icmpv4(&mut self, message: &Icmpv4Message<'_>) {
        self.add("icmp.type", message.message_type().number());
        self.add("icmp.code", message.code());
        self.sum(ICMP, message.checksum());
        messages::icmpv4(self, &message.kind());
        self.extensions(message.extensions());
    }

    fn icmpv6(&mut self, message: &Icmpv6Message<'_>) {
        self.add("icmpv6.type", message.message_type().number());
        self.add("icmpv6.code", message.code());
        self.sum(ICMPV6, message.checksum());
        messages::icmpv6(self, &message.kind());
        groups::mld(self, &message.kind());
        self.extensions(message.extensions());
    }

    /// The extensions of an error have a checksum of their own.
    fn extensions(&mut self, extensions: Result<Option<IcmpExtensions<'_>>, ParseError>) {
        match extensions {
            Ok(Some(extensions)) => {
                self.sum(EXTENSIONS, extensions.checksum());
                for object in extensions.objects().iter() {
                    messages::object(self, &object);
                }
            }
            Ok(None) => {}
            Err(error) => self.add("error", error),
        }
    }

    fn udp_lite(&mut self, datagram: &UdpLiteDatagram<'_>) {
        self.add("udp.srcport", datagram.source_port());
        self.add("udp.dstport", datagram.destination_port());
        self.sum(UDP, datagram.checksum());
    }

    fn gre(&mut self, gre: &GrePacket<'_>) {
        self.add("gre.proto", format!("{:#06x}", gre.protocol().0));
        if let Some(key) = gre.key() {
            self.add("gre.key", format!("{key:#010x}"));
        }
        if let Some(sequence) = gre.sequence() {
            self.add("gre.sequence_number", sequence);
        }
        if let Some(checksum) = gre.checksum() {
            self.sum(GRE, checksum);
        }
        self.packet(gre.payload());
    }

    fn sctp(&mut self, sctp: &SctpPacket<'_>) {
        self.add("sctp.srcport", sctp.source_port());
        self.add("sctp.dstport", sctp.destination_port());
        let tag = format!("{:#010x}", sctp.verification_tag());
        self.add("sctp.verification_tag", tag);
        // The low byte comes first on the wire.
        let checksum = sctp.checksum().swap_bytes();
        let [field, status] = SCTP;
        self.add(field, format!("{checksum:#010x}"));
        self.add(status, GOOD);
        for chunk in sctp.chunks() {
            self.add("sctp.chunk_type", chunk.chunk_type.number());
            self.add("sctp.chunk_length", chunk.value.len() + 4);
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
        self.sum(IP, packet.checksum());
        groups::ipv4_options(self, packet);
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
        for header in packet.extension_headers() {
            messages::extension(self, &header);
        }
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
        self.sum(TCP, segment.checksum());
        self.add("tcp.urgent_pointer", segment.urgent_pointer());
        self.add("tcp.len", segment.payload().len());
        for option in segment.options().flatten() {
            tcp_options::add(self, &option);
        }
        // It takes each byte of padding for an end.
        for _ in segment.options().padding() {
            self.add("tcp.option_kind", 0);
        }
    }

    fn udp(&mut self, datagram: &UdpDatagram<'_>) {
        self.add("udp.srcport", datagram.source_port());
        self.add("udp.dstport", datagram.destination_port());
        self.add("udp.length", datagram.as_bytes().len());
        match datagram.checksum() {
            0 => {
                let [field, status] = UDP;
                self.add(field, "0x0000");
                self.add(status, ABSENT);
            }
            sum => self.sum(UDP, sum),
        }
    }
}

/// The fields that are asked for, beside checksums.
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
    "tcp.urgent_pointer",
    "tcp.len",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
    "igmp.type",
    "gre.proto",
    "gre.key",
    "gre.sequence_number",
    "sctp.srcport",
    "sctp.dstport",
    "sctp.verification_tag",
    "sctp.chunk_type",
    "sctp.chunk_length",
    "esp.spi",
    "esp.sequence",
];
