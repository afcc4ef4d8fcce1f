//! Packets as people read them: one line in the manner of tcpdump, or every field on a line of its own.

mod hexdump;
mod icmp;
mod layers;
mod line;
mod message;
mod options;
mod tcp;
mod tcp_options;
mod tree;

use core::fmt;

pub use hexdump::Hexdump;

use crate::{
    GrePacket, Icmpv4Message, Icmpv6Message, IgmpMessage, IpPacket, Ipv4Packet, Ipv6Packet,
    SctpPacket, TcpSegment, Transport, UdpDatagram, UdpLiteDatagram,
};

/// One line in the manner of `tcpdump -nn -S`; with `{:#}` every layer and field on a line of its own.
///
/// ```
/// use wirecraft_ip_packets::{IpPacket, v4};
///
/// let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(40_000, 443).seq(7).syn().mss(1380).build();
/// let line = "IP 10.0.0.1.40000 > 10.0.0.2.443: Flags [S], seq 7, win 65535, options [mss 1380], length 0";
/// assert_eq!(IpPacket::parse(&bytes)?.to_string(), line);
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
impl fmt::Display for IpPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            tree::packet(f, self, 0)
        } else {
            line::packet(f, self, 0)
        }
    }
}

/// As [`IpPacket`] is shown.
impl fmt::Display for Ipv4Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&IpPacket::V4(*self), f)
    }
}

/// As [`IpPacket`] is shown.
impl fmt::Display for Ipv6Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&IpPacket::V6(*self), f)
    }
}

/// Shows an upper layer alone: `{:#}` as its part of a packet, else as the end of a packet's line.
macro_rules! show_upper {
    ($($view:ident => $transport:ident,)*) => {$(
        /// What a packet that carries it shows of it.
        impl fmt::Display for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let upper = Transport::$transport(*self);
                if f.alternate() {
                    tree::upper(f, &upper, None, 0)
                } else {
                    line::alone(f, &upper)
                }
            }
        }
    )*};
}

show_upper! {
    TcpSegment => Tcp,
    UdpDatagram => Udp,
    UdpLiteDatagram => UdpLite,
    Icmpv4Message => Icmpv4,
    Icmpv6Message => Icmpv6,
    IgmpMessage => Igmp,
    GrePacket => Gre,
    SctpPacket => Sctp,
}

/// How many packets within packets are shown.
const DEPTH_MAX: usize = 4;
