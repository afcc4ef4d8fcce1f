//! The types of ICMPv6 messages, and the codes that each of them has.

use crate::icmp::codes::codes;
use crate::icmp::{ExtendedEchoCode, TimeExceededCode};
use crate::registry::registry;

registry! {
    /// The type of an ICMPv6 message.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025.
    pub struct Icmpv6Type {
        /// A packet did not reach its destination.
        DESTINATION_UNREACHABLE = 1, "destination unreachable";
        /// A packet does not fit the next hop.
        PACKET_TOO_BIG = 2, "packet too big";
        /// A packet ran out of hops, or its fragments out of time.
        TIME_EXCEEDED = 3, "time exceeded";
        /// A field of a packet is wrong.
        PARAMETER_PROBLEM = 4, "parameter problem";
        /// Private experiments with errors, first number, RFC 4443.
        PRIVATE_ERROR_1 = 100, "private experiment 100";
        /// Private experiments with errors, second number, RFC 4443.
        PRIVATE_ERROR_2 = 101, "private experiment 101";
        /// Reserved for more errors, RFC 4443.
        RESERVED_ERROR = 127, "reserved error";
        /// Plea for an answer with the same payload.
        ECHO_REQUEST = 128, "echo request";
        /// Answer to an echo request.
        ECHO_REPLY = 129, "echo reply";
        /// A router asks who listens, RFC 2710 and RFC 9777.
        MLD_QUERY = 130, "multicast listener query" | "mld-query";
        /// Somebody listens, RFC 2710.
        MLD_REPORT = 131, "multicast listener report" | "mld-report";
        /// Somebody ceased to listen, RFC 2710.
        MLD_DONE = 132, "multicast listener done" | "mld-done";
        /// A host asks for routers, RFC 4861.
        ROUTER_SOLICITATION = 133, "router solicitation" | "rs";
        /// A router says who it is, RFC 4861.
        ROUTER_ADVERTISEMENT = 134, "router advertisement" | "ra";
        /// Somebody asks for a link-layer address, RFC 4861.
        NEIGHBOR_SOLICITATION = 135, "neighbor solicitation" | "ns";
        /// Somebody says its link-layer address, RFC 4861.
        NEIGHBOR_ADVERTISEMENT = 136, "neighbor advertisement" | "na";
        /// A better next hop, RFC 4861.
        REDIRECT = 137, "redirect";
        /// Routers get other prefixes, RFC 2894.
        ROUTER_RENUMBERING = 138, "router renumbering";
        /// Question for names or addresses of a node, RFC 4620.
        NODE_INFORMATION_QUERY = 139, "node information query";
        /// Names or addresses of a node, RFC 4620.
        NODE_INFORMATION_RESPONSE = 140, "node information response";
        /// Question for the address of a link-layer address, RFC 3122.
        INVERSE_SOLICITATION = 141, "inverse neighbor discovery solicitation";
        /// The addresses of a link-layer address, RFC 3122.
        INVERSE_ADVERTISEMENT = 142, "inverse neighbor discovery advertisement";
        /// What somebody listens to and from whom, RFC 9777.
        MLD2_REPORT = 143, "multicast listener report v2" | "mldv2-report";
        /// Question for home agents, RFC 6275.
        HOME_AGENT_REQUEST = 144, "home agent address discovery request";
        /// Home agents, RFC 6275.
        HOME_AGENT_REPLY = 145, "home agent address discovery reply";
        /// Question for the prefixes at home, RFC 6275.
        MOBILE_PREFIX_SOLICITATION = 146, "mobile prefix solicitation";
        /// The prefixes at home, RFC 6275.
        MOBILE_PREFIX_ADVERTISEMENT = 147, "mobile prefix advertisement";
        /// Question for a certification path, RFC 3971.
        CERTIFICATION_PATH_SOLICITATION = 148, "certification path solicitation";
        /// A certification path, RFC 3971.
        CERTIFICATION_PATH_ADVERTISEMENT = 149, "certification path advertisement";
        /// Experimental mobility protocols, RFC 4065.
        EXPERIMENTAL_MOBILITY = 150, "experimental mobility";
        /// A multicast router says that it is there, RFC 4286.
        MULTICAST_ROUTER_ADVERTISEMENT = 151, "multicast router advertisement";
        /// Question for multicast routers, RFC 4286.
        MULTICAST_ROUTER_SOLICITATION = 152, "multicast router solicitation";
        /// A multicast router ceases, RFC 4286.
        MULTICAST_ROUTER_TERMINATION = 153, "multicast router termination";
        /// Fast handovers of mobile nodes, RFC 5568.
        FMIPV6 = 154, "FMIPv6";
        /// Routing in low-power networks, RFC 6550.
        RPL_CONTROL = 155, "RPL control";
        /// Locators of a node changed, RFC 6743.
        ILNPV6_LOCATOR_UPDATE = 156, "ILNPv6 locator update";
        /// Question whether an address is taken, RFC 6775.
        DUPLICATE_ADDRESS_REQUEST = 157, "duplicate address request";
        /// Whether an address is taken, RFC 6775.
        DUPLICATE_ADDRESS_CONFIRMATION = 158, "duplicate address confirmation";
        /// Multicast in low-power networks, RFC 7731.
        MPL_CONTROL = 159, "MPL control";
        /// Question for the state of an interface, RFC 8335.
        EXTENDED_ECHO_REQUEST = 160, "extended echo request";
        /// The state of an interface, RFC 8335.
        EXTENDED_ECHO_REPLY = 161, "extended echo reply";
        /// Private experiments, first number, RFC 4443.
        PRIVATE_1 = 200, "private experiment 200";
        /// Private experiments, second number, RFC 4443.
        PRIVATE_2 = 201, "private experiment 201";
        /// Reserved for more messages that are no errors, RFC 4443.
        RESERVED_INFORMATIONAL = 255, "reserved informational";
    }
}

registry! {
    /// Why an IPv6 destination is unreachable.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025; RFC 4443 §3.1, RFC 6550, RFC
    /// 7084, RFC 8883.
    pub struct Icmpv6Unreachable {
        /// There is no way to the destination.
        NO_ROUTE = 0, "no route";
        /// A filter forbids the communication.
        ADMINISTRATIVELY_PROHIBITED = 1, "administratively prohibited" | "admin-prohibited";
        /// The destination is beyond the scope of the source address.
        BEYOND_SCOPE = 2, "beyond scope of source address" | "beyond-scope";
        /// The host does not answer on its link.
        ADDRESS = 3, "address unreachable" | "address";
        /// Nobody listens at the port.
        PORT = 4, "port unreachable" | "port";
        /// A policy forbids the source address.
        SOURCE_POLICY = 5, "source address failed policy" | "source-policy";
        /// The route to the destination rejects.
        REJECT_ROUTE = 6, "reject route";
        /// The source routing header cannot be followed.
        SOURCE_ROUTING_ERROR = 7, "source routing error";
        /// The headers are longer than can be handled.
        HEADERS_TOO_LONG = 8, "headers too long";
    }
}

registry! {
    /// What is wrong with a field of an IPv6 packet.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025; RFC 4443 §3.4, RFC 7112, RFC
    /// 8754, RFC 8883.
    pub struct Icmpv6ParameterCode {
        /// A header field is wrong.
        ERRONEOUS_FIELD = 0, "erroneous header field";
        /// A next header is not known.
        UNRECOGNIZED_NEXT_HEADER = 1, "unrecognized next header";
        /// An option is not known.
        UNRECOGNIZED_OPTION = 2, "unrecognized option";
        /// The first fragment has not all headers.
        INCOMPLETE_HEADER_CHAIN = 3, "incomplete header chain";
        /// The header behind the segment routing header is not allowed.
        SR_UPPER_LAYER = 4, "SR upper-layer header error";
        /// A node on the way does not know a next header.
        UNRECOGNIZED_NEXT_HEADER_INTERMEDIATE = 5, "unrecognized next header by intermediate node";
        /// An extension header is too big.
        EXTENSION_HEADER_TOO_BIG = 6, "extension header too big";
        /// The chain of extension headers is too long.
        EXTENSION_CHAIN_TOO_LONG = 7, "extension header chain too long";
        /// There are too many extension headers.
        TOO_MANY_EXTENSION_HEADERS = 8, "too many extension headers";
        /// There are too many options in an extension header.
        TOO_MANY_OPTIONS = 9, "too many options in extension header";
        /// An option is too big.
        OPTION_TOO_BIG = 10, "option too big";
    }
}

registry! {
    /// What a router renumbering message is.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025; RFC 2894.
    pub struct Icmpv6RenumberingCode {
        /// A command.
        COMMAND = 0, "router renumbering command";
        /// A result.
        RESULT = 1, "router renumbering result";
        /// The sequence number starts again.
        SEQUENCE_RESET = 255, "sequence number reset";
    }
}

registry! {
    /// What a node information query asks about.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025; RFC 4620.
    pub struct Icmpv6NodeQueryCode {
        /// The question is about an IPv6 address.
        IPV6_ADDRESS = 0, "subject is an IPv6 address" | "ipv6-address";
        /// The question is about a name, or about nothing.
        NAME = 1, "subject is a name" | "name";
        /// The question is about an IPv4 address.
        IPV4_ADDRESS = 2, "subject is an IPv4 address" | "ipv4-address";
    }
}

registry! {
    /// How a node information query was answered.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025; RFC 4620.
    pub struct Icmpv6NodeResponseCode {
        /// The question is answered.
        SUCCESS = 0, "success";
        /// The node does not want to answer.
        REFUSED = 1, "refused";
        /// The node does not know what is asked.
        UNKNOWN_QUERY = 2, "unknown query type";
    }
}

codes! {
    Icmpv6Type {
        DESTINATION_UNREACHABLE => Icmpv6Unreachable,
        TIME_EXCEEDED => TimeExceededCode,
        PARAMETER_PROBLEM => Icmpv6ParameterCode,
        ROUTER_RENUMBERING => Icmpv6RenumberingCode,
        NODE_INFORMATION_QUERY => Icmpv6NodeQueryCode,
        NODE_INFORMATION_RESPONSE => Icmpv6NodeResponseCode,
        EXTENDED_ECHO_REPLY => ExtendedEchoCode,
    } any { MULTICAST_ROUTER_ADVERTISEMENT, }
}
