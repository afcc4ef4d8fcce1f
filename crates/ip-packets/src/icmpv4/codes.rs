//! The types of ICMP messages for IPv4, and the codes that each of them has.

use crate::icmp::codes::codes;
use crate::icmp::{ExtendedEchoCode, TimeExceededCode};
use crate::registry::registry;

registry! {
    /// The type of an ICMP message for IPv4.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025.
    pub struct Icmpv4Type {
        /// Answer to an echo request.
        ECHO_REPLY = 0, "echo reply";
        /// A packet did not reach its destination.
        DESTINATION_UNREACHABLE = 3, "destination unreachable";
        /// Plea to send less, deprecated by RFC 6633.
        SOURCE_QUENCH = 4, "source quench";
        /// A better next hop.
        REDIRECT = 5, "redirect";
        /// Another address of a host, deprecated by RFC 6918.
        ALTERNATE_HOST_ADDRESS = 6, "alternate host address";
        /// Plea for an answer with the same payload.
        ECHO_REQUEST = 8, "echo request";
        /// A router says who it is, RFC 1256.
        ROUTER_ADVERTISEMENT = 9, "router advertisement";
        /// A host asks for routers, RFC 1256.
        ROUTER_SOLICITATION = 10, "router solicitation";
        /// A packet ran out of hops, or its fragments out of time.
        TIME_EXCEEDED = 11, "time exceeded";
        /// A field of a packet is wrong.
        PARAMETER_PROBLEM = 12, "parameter problem";
        /// Plea for the time of day.
        TIMESTAMP_REQUEST = 13, "timestamp request" | "timestamp";
        /// The time of day.
        TIMESTAMP_REPLY = 14, "timestamp reply";
        /// Plea for a network number, deprecated by RFC 6918.
        INFORMATION_REQUEST = 15, "information request";
        /// A network number, deprecated by RFC 6918.
        INFORMATION_REPLY = 16, "information reply";
        /// Plea for the address mask, deprecated by RFC 6918.
        ADDRESS_MASK_REQUEST = 17, "address mask request";
        /// The address mask, deprecated by RFC 6918.
        ADDRESS_MASK_REPLY = 18, "address mask reply";
        /// Reserved for security.
        SECURITY = 19, "reserved for security";
        /// Report on an outbound packet, deprecated by RFC 6918.
        TRACEROUTE = 30, "traceroute";
        /// A packet could not be converted, deprecated by RFC 6918.
        DATAGRAM_CONVERSION_ERROR = 31, "datagram conversion error";
        /// A mobile host moved, deprecated by RFC 6918.
        MOBILE_HOST_REDIRECT = 32, "mobile host redirect";
        /// IPv6 where-are-you, deprecated by RFC 6918.
        WHERE_ARE_YOU = 33, "IPv6 where-are-you";
        /// IPv6 I-am-here, deprecated by RFC 6918.
        I_AM_HERE = 34, "IPv6 I-am-here";
        /// Registration of a mobile host, deprecated by RFC 6918.
        MOBILE_REGISTRATION_REQUEST = 35, "mobile registration request";
        /// Answer to the registration of a mobile host, deprecated by RFC 6918.
        MOBILE_REGISTRATION_REPLY = 36, "mobile registration reply";
        /// Plea for a host's names, deprecated by RFC 6918.
        DOMAIN_NAME_REQUEST = 37, "domain name request";
        /// A host's names, deprecated by RFC 6918.
        DOMAIN_NAME_REPLY = 38, "domain name reply";
        /// Discovery of simple key management, deprecated by RFC 6918.
        SKIP = 39, "SKIP";
        /// Failure of the Photuris key exchange, RFC 2521.
        PHOTURIS = 40, "Photuris";
        /// Experimental mobility protocols, RFC 4065.
        EXPERIMENTAL_MOBILITY = 41, "experimental mobility";
        /// Question for the state of an interface, RFC 8335.
        EXTENDED_ECHO_REQUEST = 42, "extended echo request";
        /// The state of an interface, RFC 8335.
        EXTENDED_ECHO_REPLY = 43, "extended echo reply";
        /// Experiments, RFC 4727.
        EXPERIMENT_1 = 253, "experiment 1";
        /// Experiments, RFC 4727.
        EXPERIMENT_2 = 254, "experiment 2";
    }
}

registry! {
    /// Why an IPv4 destination is unreachable.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 792, RFC 1122 §3.2.2.1, RFC
    /// 1812 §5.2.7.1.
    pub struct Icmpv4Unreachable {
        /// There is no way to the network.
        NETWORK = 0, "network unreachable" | "net";
        /// The host does not answer on its network.
        HOST = 1, "host unreachable" | "host";
        /// The host does not speak the protocol.
        PROTOCOL = 2, "protocol unreachable" | "protocol";
        /// Nobody listens at the port.
        PORT = 3, "port unreachable" | "port";
        /// The packet is too big, and may not be fragmented.
        FRAGMENTATION_NEEDED = 4, "fragmentation needed";
        /// The source route cannot be followed.
        SOURCE_ROUTE_FAILED = 5, "source route failed";
        /// The network does not exist.
        NETWORK_UNKNOWN = 6, "network unknown";
        /// The host does not exist.
        HOST_UNKNOWN = 7, "host unknown";
        /// The source is cut off from the network.
        SOURCE_HOST_ISOLATED = 8, "source host isolated";
        /// A policy forbids the network.
        NETWORK_PROHIBITED = 9, "network prohibited";
        /// A policy forbids the host.
        HOST_PROHIBITED = 10, "host prohibited";
        /// There is no way to the network for this type of service.
        NETWORK_TOS = 11, "network unreachable for TOS" | "net-tos";
        /// There is no way to the host for this type of service.
        HOST_TOS = 12, "host unreachable for TOS" | "host-tos";
        /// A filter forbids the communication.
        ADMINISTRATIVELY_PROHIBITED = 13, "administratively prohibited" | "admin-prohibited";
        /// The precedence is not allowed.
        PRECEDENCE_VIOLATION = 14, "host precedence violation";
        /// The precedence is below what is required.
        PRECEDENCE_CUTOFF = 15, "precedence cutoff in effect";
    }
}

registry! {
    /// What an IPv4 redirect is for.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 792.
    pub struct Icmpv4RedirectCode {
        /// Everything to that network goes the better way.
        NETWORK = 0, "redirect for network" | "net";
        /// Everything to that host goes the better way.
        HOST = 1, "redirect for host" | "host";
        /// Everything of that type of service to that network goes the better way.
        NETWORK_TOS = 2, "redirect for network and TOS" | "net-tos";
        /// Everything of that type of service to that host goes the better way.
        HOST_TOS = 3, "redirect for host and TOS" | "host-tos";
    }
}

registry! {
    /// What is wrong with a field of an IPv4 packet.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 792, RFC 1108.
    pub struct Icmpv4ParameterCode {
        /// The pointer says where the error is.
        POINTER = 0, "pointer indicates the error" | "pointer";
        /// An option is missing that is required.
        MISSING_OPTION = 1, "required option missing";
        /// A length is wrong.
        BAD_LENGTH = 2, "bad length";
    }
}

registry! {
    /// What a router advertisement of IPv4 is.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 1256, RFC 5944.
    pub struct Icmpv4RouterCode {
        /// The router forwards common traffic.
        NORMAL = 0, "normal router advertisement" | "normal";
        /// The router forwards for mobile nodes only.
        NO_COMMON_TRAFFIC = 16, "does not route common traffic";
    }
}

registry! {
    /// Why the Photuris key exchange failed.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025; RFC 2521.
    pub struct Icmpv4PhoturisCode {
        /// The security parameters index is not known.
        BAD_SPI = 0, "bad SPI";
        /// Authentication failed.
        AUTHENTICATION_FAILED = 1, "authentication failed";
        /// Decompression failed.
        DECOMPRESSION_FAILED = 2, "decompression failed";
        /// Decryption failed.
        DECRYPTION_FAILED = 3, "decryption failed";
        /// The packet needs authentication.
        NEED_AUTHENTICATION = 4, "need authentication";
        /// The packet needs authorization.
        NEED_AUTHORIZATION = 5, "need authorization";
    }
}

codes! {
    Icmpv4Type {
        DESTINATION_UNREACHABLE => Icmpv4Unreachable,
        REDIRECT => Icmpv4RedirectCode,
        ROUTER_ADVERTISEMENT => Icmpv4RouterCode,
        TIME_EXCEEDED => TimeExceededCode,
        PARAMETER_PROBLEM => Icmpv4ParameterCode,
        PHOTURIS => Icmpv4PhoturisCode,
        EXTENDED_ECHO_REPLY => ExtendedEchoCode,
    } any { }
}
