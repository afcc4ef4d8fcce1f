//! The number that says which protocol an IP packet carries.

use crate::registry::registry;

registry! {
    /// The protocol field of IPv4 and the next header field of IPv6.
    ///
    /// ```
    /// use wirecraft_ip_packets::Protocol;
    ///
    /// assert_eq!(Protocol::new(6), Protocol::TCP);
    /// assert_eq!(Protocol::new(253).number(), 253);
    /// ```
    ///
    /// Source: IANA, Assigned Internet Protocol Numbers.
    pub struct Protocol {
        /// IPv6 hop-by-hop options.
        HOP_BY_HOP_OPTIONS = 0, "hop-by-hop options";
        /// ICMP for IPv4.
        ICMPV4 = 1, "ICMP";
        /// Internet group management.
        IGMP = 2, "IGMP";
        /// IPv4 in IP.
        IPV4 = 4, "IPv4";
        /// Transmission control.
        TCP = 6, "TCP";
        /// User datagrams.
        UDP = 17, "UDP";
        /// IPv6 in IP.
        IPV6 = 41, "IPv6";
        /// IPv6 routing header.
        ROUTING = 43, "routing header";
        /// IPv6 fragment header.
        FRAGMENT = 44, "fragment header";
        /// Generic routing encapsulation.
        GRE = 47, "GRE";
        /// Encapsulating security payload.
        ESP = 50, "ESP";
        /// Authentication header.
        AH = 51, "AH";
        /// ICMP for IPv6.
        ICMPV6 = 58, "ICMPv6";
        /// Nothing follows.
        NO_NEXT_HEADER = 59, "no next header";
        /// IPv6 destination options.
        DESTINATION_OPTIONS = 60, "destination options";
        /// Stream control transmission.
        SCTP = 132, "SCTP";
        /// UDP with partial checksums.
        UDP_LITE = 136, "UDP-Lite";
    }
}
