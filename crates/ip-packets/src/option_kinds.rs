//! The kinds of options and routing headers that registries name.

use crate::registry::registry;

registry! {
    /// The kind of a TCP option.
    ///
    /// Source: IANA tcp-parameters registry, as of January 2025.
    pub struct TcpOptionKind {
        /// The list ends here.
        END_OF_OPTIONS = 0, "end of options" | "eol";
        /// Padding between options.
        NO_OPERATION = 1, "no operation" | "nop";
        /// Maximum segment size, RFC 9293.
        MSS = 2, "maximum segment size" | "mss";
        /// Window scale, RFC 7323.
        WINDOW_SCALE = 3, "window scale" | "wscale";
        /// Selective acknowledgments are understood, RFC 2018.
        SACK_PERMITTED = 4, "SACK permitted" | "sackok";
        /// Selective acknowledgments, RFC 2018.
        SACK = 5, "SACK";
        /// Echo, obsoleted by timestamps, RFC 1072.
        ECHO = 6, "echo";
        /// Echo reply, obsoleted by timestamps, RFC 1072.
        ECHO_REPLY = 7, "echo reply";
        /// Timestamps, RFC 7323.
        TIMESTAMPS = 8, "timestamps" | "ts";
        /// Partial order connection permitted, obsolete, RFC 1693.
        PARTIAL_ORDER_PERMITTED = 9, "partial order permitted";
        /// Partial order service profile, obsolete, RFC 1693.
        PARTIAL_ORDER_PROFILE = 10, "partial order service profile";
        /// Connection count, obsolete, RFC 1644.
        CC = 11, "CC";
        /// New connection count, obsolete, RFC 1644.
        CC_NEW = 12, "CC.NEW";
        /// Echoed connection count, obsolete, RFC 1644.
        CC_ECHO = 13, "CC.ECHO";
        /// Request for another checksum, obsolete, RFC 1146.
        ALTERNATE_CHECKSUM_REQUEST = 14, "alternate checksum request";
        /// Another checksum, obsolete, RFC 1146.
        ALTERNATE_CHECKSUM_DATA = 15, "alternate checksum data";
        /// Skeeter.
        SKEETER = 16, "Skeeter";
        /// Bubba.
        BUBBA = 17, "Bubba";
        /// Trailer checksum.
        TRAILER_CHECKSUM = 18, "trailer checksum";
        /// MD5 signature, obsoleted by TCP-AO, RFC 2385.
        MD5 = 19, "MD5 signature" | "md5";
        /// SCPS capabilities.
        SCPS_CAPABILITIES = 20, "SCPS capabilities";
        /// Selective negative acknowledgments.
        SNACK = 21, "selective negative acknowledgments" | "snack";
        /// Record boundaries.
        RECORD_BOUNDARIES = 22, "record boundaries";
        /// Corruption experienced.
        CORRUPTION_EXPERIENCED = 23, "corruption experienced";
        /// SNAP.
        SNAP = 24, "SNAP";
        /// TCP compression filter.
        COMPRESSION_FILTER = 26, "compression filter";
        /// Quick-Start response, RFC 4782.
        QUICK_START = 27, "quick-start response" | "qs";
        /// User timeout, RFC 5482.
        USER_TIMEOUT = 28, "user timeout" | "uto";
        /// Authentication (TCP-AO), RFC 5925.
        AUTHENTICATION = 29, "authentication" | "ao";
        /// Multipath TCP, RFC 8684.
        MULTIPATH = 30, "multipath TCP" | "mptcp";
        /// Fast Open cookie, RFC 7413.
        FAST_OPEN = 34, "fast open cookie" | "tfo";
        /// Encryption negotiation (TCP-ENO), RFC 8547.
        ENCRYPTION_NEGOTIATION = 69, "encryption negotiation" | "eno";
        /// Accurate ECN counters in order 0, RFC 9768.
        ACCURATE_ECN_0 = 172, "accurate ECN order 0" | "accecn0";
        /// Accurate ECN counters in order 1, RFC 9768.
        ACCURATE_ECN_1 = 174, "accurate ECN order 1" | "accecn1";
        /// Experiments that share a kind, RFC 6994.
        EXPERIMENT_1 = 253, "experiment 1" | "exp1";
        /// Experiments that share a kind, RFC 6994.
        EXPERIMENT_2 = 254, "experiment 2" | "exp2";
    }
}

registry! {
    /// The kind of an IPv4 option: the whole type octet, with copy flag and class.
    ///
    /// Source: IANA ip-parameters registry, as of January 2025.
    pub struct Ipv4OptionKind {
        /// The list ends here, RFC 791.
        END_OF_OPTIONS = 0, "end of options" | "eol";
        /// Padding between options, RFC 791.
        NO_OPERATION = 1, "no operation" | "nop";
        /// Record route, RFC 791.
        RECORD_ROUTE = 7, "record route" | "rr";
        /// Experimental measurement.
        EXPERIMENTAL_MEASUREMENT = 10, "experimental measurement" | "zsu";
        /// MTU probe, obsolete, RFC 1063.
        MTU_PROBE = 11, "MTU probe" | "mtup";
        /// MTU reply, obsolete, RFC 1063.
        MTU_REPLY = 12, "MTU reply" | "mtur";
        /// ENCODE.
        ENCODE = 15, "ENCODE";
        /// Quick-Start, RFC 4782.
        QUICK_START = 25, "quick-start" | "qs";
        /// Experiments, not copied to fragments, RFC 4727.
        EXPERIMENT_1 = 30, "experiment 1" | "exp-30";
        /// Internet timestamp, RFC 791.
        TIMESTAMP = 68, "timestamp" | "ts";
        /// Traceroute, deprecated, RFC 1393.
        TRACEROUTE = 82, "traceroute" | "tr";
        /// Experiments, not copied to fragments, class 2, RFC 4727.
        EXPERIMENT_2 = 94, "experiment 2" | "exp-94";
        /// Basic security, RFC 1108.
        SECURITY = 130, "security" | "sec";
        /// Loose source and record route, RFC 791.
        LOOSE_SOURCE_ROUTE = 131, "loose source route" | "lsrr";
        /// Extended security, RFC 1108.
        EXTENDED_SECURITY = 133, "extended security" | "e-sec";
        /// Commercial IP security.
        COMMERCIAL_SECURITY = 134, "commercial security" | "cipso";
        /// Stream identifier, deprecated, RFC 791.
        STREAM_ID = 136, "stream identifier" | "sid";
        /// Strict source and record route, RFC 791.
        STRICT_SOURCE_ROUTE = 137, "strict source route" | "ssrr";
        /// Experimental access control.
        ACCESS_CONTROL = 142, "access control" | "visa";
        /// IMI traffic descriptor.
        IMI_TRAFFIC_DESCRIPTOR = 144, "IMI traffic descriptor" | "imitd";
        /// Extended internet protocol, deprecated, RFC 1385.
        EXTENDED_INTERNET_PROTOCOL = 145, "extended internet protocol" | "eip";
        /// Address extension, deprecated.
        ADDRESS_EXTENSION = 147, "address extension" | "addext";
        /// Routers shall look into the packet, RFC 2113.
        ROUTER_ALERT = 148, "router alert" | "rtralt";
        /// Selective directed broadcast, deprecated.
        SELECTIVE_DIRECTED_BROADCAST = 149, "selective directed broadcast" | "sdb";
        /// Dynamic packet state, deprecated.
        DYNAMIC_PACKET_STATE = 151, "dynamic packet state" | "dps";
        /// Upstream multicast packet, deprecated.
        UPSTREAM_MULTICAST = 152, "upstream multicast packet" | "ump";
        /// Experiments, copied to fragments, RFC 4727.
        EXPERIMENT_3 = 158, "experiment 3" | "exp-158";
        /// Experimental flow control.
        EXPERIMENTAL_FLOW_CONTROL = 205, "experimental flow control" | "finn";
        /// Experiments, copied to fragments, class 2, RFC 4727.
        EXPERIMENT_4 = 222, "experiment 4" | "exp-222";
    }
}

registry! {
    /// The kind of an option in an IPv6 hop-by-hop or destination options header: the whole type
    /// octet, whose high bits say what to do with an unknown one.
    ///
    /// Source: IANA ipv6-parameters registry, as of January 2025.
    pub struct Ipv6OptionKind {
        /// One byte of padding, RFC 8200.
        PAD1 = 0x00, "Pad1";
        /// Two or more bytes of padding, RFC 8200.
        PAD_N = 0x01, "PadN";
        /// How many more tunnels may be entered, RFC 2473.
        TUNNEL_ENCAPSULATION_LIMIT = 0x04, "tunnel encapsulation limit";
        /// Routers shall look into the packet, RFC 2711.
        ROUTER_ALERT = 0x05, "router alert";
        /// Common architecture label, RFC 5570.
        CALIPSO = 0x07, "CALIPSO";
        /// Duplicate detection of simplified multicast forwarding, RFC 6621.
        SMF_DPD = 0x08, "SMF_DPD";
        /// Performance and diagnostic metrics, RFC 8250.
        PERFORMANCE_METRICS = 0x0f, "performance and diagnostic metrics" | "pdm";
        /// In-situ operations data that may not change, RFC 9486.
        IOAM = 0x11, "IOAM";
        /// Experiments, skipped if unknown, RFC 4727.
        EXPERIMENT_1E = 0x1e, "experiment 0x1e";
        /// Routing in low-power networks, RFC 9008.
        RPL = 0x23, "RPL";
        /// Quick-Start, RFC 4782.
        QUICK_START = 0x26, "quick-start";
        /// Minimum path MTU, RFC 9268.
        MINIMUM_PATH_MTU = 0x30, "minimum path MTU";
        /// In-situ operations data that may change, RFC 9486.
        IOAM_CHANGING = 0x31, "IOAM changing";
        /// Experiments, skipped if unknown, may change, RFC 4727.
        EXPERIMENT_3E = 0x3e, "experiment 0x3e";
        /// Experiments, discarded if unknown, RFC 4727.
        EXPERIMENT_5E = 0x5e, "experiment 0x5e";
        /// Routing in low-power networks, earlier number, RFC 6553.
        RPL_OLD = 0x63, "RPL 0x63";
        /// Multicast in low-power networks, RFC 7731.
        MPL = 0x6d, "MPL";
        /// Experiments, discarded if unknown, may change, RFC 4727.
        EXPERIMENT_7E = 0x7e, "experiment 0x7e";
        /// Endpoint identification, deprecated.
        ENDPOINT_IDENTIFICATION = 0x8a, "endpoint identification";
        /// Nonce of ILNP, RFC 6744.
        ILNP_NONCE = 0x8b, "ILNP nonce";
        /// Line identification, RFC 6788.
        LINE_IDENTIFICATION = 0x8c, "line identification";
        /// Experiments, answered with an error if unknown, RFC 4727.
        EXPERIMENT_9E = 0x9e, "experiment 0x9e";
        /// Experiments, answered with an error if unknown, may change, RFC 4727.
        EXPERIMENT_BE = 0xbe, "experiment 0xbe";
        /// The payload length where it takes more than 16 bits, RFC 2675.
        JUMBO_PAYLOAD = 0xc2, "jumbo payload" | "jumbo";
        /// Home address of a mobile node, RFC 6275.
        HOME_ADDRESS = 0xc9, "home address";
        /// Experiments, answered with an error unless multicast, RFC 4727.
        EXPERIMENT_DE = 0xde, "experiment 0xde";
        /// Depth-first forwarding, RFC 6971.
        DEPTH_FIRST_FORWARDING = 0xee, "depth-first forwarding" | "ip_dff";
        /// Experiments, answered with an error unless multicast, may change, RFC 4727.
        EXPERIMENT_FE = 0xfe, "experiment 0xfe";
    }
}

registry! {
    /// The kind of an IPv6 routing header.
    ///
    /// Source: IANA ipv6-parameters registry, as of January 2025.
    pub struct Ipv6RoutingKind {
        /// Source route, deprecated, RFC 5095.
        SOURCE_ROUTE = 0, "source route";
        /// Nimrod, deprecated.
        NIMROD = 1, "Nimrod";
        /// Home address of a mobile node, RFC 6275.
        HOME_ADDRESS = 2, "type 2";
        /// Source route in low-power networks, RFC 6554.
        RPL_SOURCE_ROUTE = 3, "RPL source route";
        /// Segment routing, RFC 8754.
        SEGMENT_ROUTING = 4, "segment routing" | "srh";
        /// Compact routing header with 16-bit segments, RFC 9631.
        COMPACT_16 = 5, "CRH-16";
        /// Compact routing header with 32-bit segments, RFC 9631.
        COMPACT_32 = 6, "CRH-32";
        /// Experiments, RFC 4727.
        EXPERIMENT_1 = 253, "experiment 1";
        /// Experiments, RFC 4727.
        EXPERIMENT_2 = 254, "experiment 2";
    }
}
