//! The number that says which protocol an IP packet carries.

use crate::registry::registry;

registry! {
    /// The protocol field of IPv4 and the next header field of IPv6.
    ///
    /// ```
    /// use wirecraft_ip_packets::Protocol;
    ///
    /// assert_eq!(Protocol::new(6), Protocol::TCP);
    /// assert_eq!("ipv6-icmp".parse(), Ok(Protocol::ICMPV6));
    /// assert_eq!(Protocol::new(200).number(), 200);
    /// ```
    ///
    /// Source: IANA protocol-numbers registry, as of January 2025.
    pub struct Protocol {
        /// IPv6 hop-by-hop options.
        HOP_BY_HOP_OPTIONS = 0, "hop-by-hop options" | "HOPOPT";
        /// ICMP for IPv4.
        ICMPV4 = 1, "ICMP" | same;
        /// Internet group management.
        IGMP = 2, "IGMP" | same;
        /// Gateway to gateway.
        GGP = 3, "GGP" | same;
        /// IPv4 in IP.
        IPV4 = 4, "IPv4" | same;
        /// Internet stream.
        ST = 5, "ST" | same;
        /// Transmission control.
        TCP = 6, "TCP" | same;
        /// Core based trees.
        CBT = 7, "CBT" | same;
        /// Exterior gateway protocol.
        EGP = 8, "EGP" | same;
        /// Any private interior gateway.
        IGP = 9, "IGP" | same;
        /// BBN RCC monitoring.
        BBN_RCC_MON = 10, "BBN-RCC-MON" | same;
        /// Network voice protocol.
        NVP_II = 11, "NVP-II" | same;
        /// PARC universal packets.
        PUP = 12, "PUP" | same;
        /// ARGUS, deprecated.
        ARGUS = 13, "ARGUS" | same;
        /// Emission control.
        EMCON = 14, "EMCON" | same;
        /// Cross net debugger.
        XNET = 15, "XNET" | same;
        /// Chaosnet.
        CHAOS = 16, "CHAOS" | same;
        /// User datagrams.
        UDP = 17, "UDP" | same;
        /// Multiplexing.
        MUX = 18, "MUX" | same;
        /// DCN measurement subsystems.
        DCN_MEAS = 19, "DCN-MEAS" | same;
        /// Host monitoring.
        HMP = 20, "HMP" | same;
        /// Packet radio measurement.
        PRM = 21, "PRM" | same;
        /// Xerox NS internet datagrams.
        XNS_IDP = 22, "XNS-IDP" | same;
        /// Trunk 1.
        TRUNK_1 = 23, "TRUNK-1" | same;
        /// Trunk 2.
        TRUNK_2 = 24, "TRUNK-2" | same;
        /// Leaf 1.
        LEAF_1 = 25, "LEAF-1" | same;
        /// Leaf 2.
        LEAF_2 = 26, "LEAF-2" | same;
        /// Reliable data.
        RDP = 27, "RDP" | same;
        /// Internet reliable transactions.
        IRTP = 28, "IRTP" | same;
        /// ISO transport protocol, class 4.
        ISO_TP4 = 29, "ISO-TP4" | same;
        /// Bulk data transfer.
        NETBLT = 30, "NETBLT" | same;
        /// MFE network services.
        MFE_NSP = 31, "MFE-NSP" | same;
        /// Merit internodal protocol.
        MERIT_INP = 32, "MERIT-INP" | same;
        /// Datagram congestion control.
        DCCP = 33, "DCCP" | same;
        /// Third party connect.
        THIRD_PARTY_CONNECT = 34, "3PC" | same;
        /// Inter-domain policy routing.
        IDPR = 35, "IDPR" | same;
        /// Xpress transport protocol.
        XTP = 36, "XTP" | same;
        /// Datagram delivery.
        DDP = 37, "DDP" | same;
        /// Control messages of inter-domain policy routing.
        IDPR_CMTP = 38, "IDPR-CMTP" | same;
        /// TP++ transport.
        TP_PLUS_PLUS = 39, "TP++" | same;
        /// IL transport.
        IL = 40, "IL" | same;
        /// IPv6 in IP.
        IPV6 = 41, "IPv6" | same;
        /// Source demand routing.
        SDRP = 42, "SDRP" | same;
        /// IPv6 routing header.
        ROUTING = 43, "routing header" | "IPv6-Route";
        /// IPv6 fragment header.
        FRAGMENT = 44, "fragment header" | "IPv6-Frag";
        /// Inter-domain routing.
        IDRP = 45, "IDRP" | same;
        /// Resource reservation.
        RSVP = 46, "RSVP" | same;
        /// Generic routing encapsulation.
        GRE = 47, "GRE" | same;
        /// Dynamic source routing.
        DSR = 48, "DSR" | same;
        /// Burroughs network architecture.
        BNA = 49, "BNA" | same;
        /// Encapsulating security payload.
        ESP = 50, "ESP" | same;
        /// Authentication header.
        AH = 51, "AH" | same;
        /// Integrated network layer security.
        I_NLSP = 52, "I-NLSP" | same;
        /// IP with encryption, deprecated.
        SWIPE = 53, "SWIPE" | same;
        /// NBMA address resolution.
        NARP = 54, "NARP" | same;
        /// Minimal encapsulation of IPv4.
        MIN_IPV4 = 55, "Min-IPv4" | same;
        /// Transport layer security with Kryptonet key management.
        TLSP = 56, "TLSP" | same;
        /// Simple key management.
        SKIP = 57, "SKIP" | same;
        /// ICMP for IPv6.
        ICMPV6 = 58, "ICMPv6" | "IPv6-ICMP";
        /// Nothing follows.
        NO_NEXT_HEADER = 59, "no next header" | "IPv6-NoNxt";
        /// IPv6 destination options.
        DESTINATION_OPTIONS = 60, "destination options" | "IPv6-Opts";
        /// Any host internal protocol.
        ANY_HOST_INTERNAL = 61, "any host internal protocol";
        /// CFTP.
        CFTP = 62, "CFTP" | same;
        /// Any local network.
        ANY_LOCAL_NETWORK = 63, "any local network";
        /// SATNET and backroom EXPAK.
        SAT_EXPAK = 64, "SAT-EXPAK" | same;
        /// Kryptolan.
        KRYPTOLAN = 65, "KRYPTOLAN" | same;
        /// MIT remote virtual disk.
        RVD = 66, "RVD" | same;
        /// Internet pluribus packet core.
        IPPC = 67, "IPPC" | same;
        /// Any distributed file system.
        ANY_DISTRIBUTED_FILE_SYSTEM = 68, "any distributed file system";
        /// SATNET monitoring.
        SAT_MON = 69, "SAT-MON" | same;
        /// VISA protocol.
        VISA = 70, "VISA" | same;
        /// Internet packet core utility.
        IPCV = 71, "IPCV" | same;
        /// Computer protocol network executive.
        CPNX = 72, "CPNX" | same;
        /// Computer protocol heart beat.
        CPHB = 73, "CPHB" | same;
        /// Wang span network.
        WSN = 74, "WSN" | same;
        /// Packet video.
        PVP = 75, "PVP" | same;
        /// Backroom SATNET monitoring.
        BR_SAT_MON = 76, "BR-SAT-MON" | same;
        /// SUN ND, temporary.
        SUN_ND = 77, "SUN-ND" | same;
        /// Wideband monitoring.
        WB_MON = 78, "WB-MON" | same;
        /// Wideband EXPAK.
        WB_EXPAK = 79, "WB-EXPAK" | same;
        /// ISO internet protocol.
        ISO_IP = 80, "ISO-IP" | same;
        /// Versatile message transactions.
        VMTP = 81, "VMTP" | same;
        /// Secure versatile message transactions.
        SECURE_VMTP = 82, "SECURE-VMTP" | same;
        /// Banyan VINES.
        VINES = 83, "VINES" | same;
        /// Internet protocol traffic manager, once TTP.
        IPTM = 84, "IPTM" | same;
        /// Interior gateways of NSFNET.
        NSFNET_IGP = 85, "NSFNET-IGP" | same;
        /// Dissimilar gateway.
        DGP = 86, "DGP" | same;
        /// TCF.
        TCF = 87, "TCF" | same;
        /// Enhanced interior gateway routing.
        EIGRP = 88, "EIGRP" | same;
        /// Open shortest path first.
        OSPFIGP = 89, "OSPFIGP" | same;
        /// Remote procedure calls of Sprite.
        SPRITE_RPC = 90, "Sprite-RPC" | same;
        /// Locus address resolution.
        LARP = 91, "LARP" | same;
        /// Multicast transport.
        MTP = 92, "MTP" | same;
        /// AX.25 frames.
        AX_25 = 93, "AX.25" | same;
        /// IP within IP.
        IPIP = 94, "IPIP" | same;
        /// Mobile internetworking control, deprecated.
        MICP = 95, "MICP" | same;
        /// Semaphore communications security.
        SCC_SP = 96, "SCC-SP" | same;
        /// Ethernet within IP.
        ETHERIP = 97, "ETHERIP" | same;
        /// Encapsulation header.
        ENCAP = 98, "ENCAP" | same;
        /// Any private encryption scheme.
        ANY_PRIVATE_ENCRYPTION = 99, "any private encryption scheme";
        /// GMTP.
        GMTP = 100, "GMTP" | same;
        /// Ipsilon flow management.
        IFMP = 101, "IFMP" | same;
        /// PNNI over IP.
        PNNI = 102, "PNNI" | same;
        /// Protocol independent multicast.
        PIM = 103, "PIM" | same;
        /// ARIS.
        ARIS = 104, "ARIS" | same;
        /// Space communications protocols.
        SCPS = 105, "SCPS" | same;
        /// QNX.
        QNX = 106, "QNX" | same;
        /// Active networks.
        ACTIVE_NETWORKS = 107, "A/N" | same;
        /// IP payload compression.
        IPCOMP = 108, "IPComp" | same;
        /// Sitara networks.
        SNP = 109, "SNP" | same;
        /// Compaq peer.
        COMPAQ_PEER = 110, "Compaq-Peer" | same;
        /// IPX in IP.
        IPX_IN_IP = 111, "IPX-in-IP" | same;
        /// Virtual router redundancy.
        VRRP = 112, "VRRP" | same;
        /// Reliable multicast of the pragmatic kind.
        PGM = 113, "PGM" | same;
        /// Any 0-hop protocol.
        ANY_ZERO_HOP = 114, "any 0-hop protocol";
        /// Layer two tunneling.
        L2TP = 115, "L2TP" | same;
        /// D-II data exchange.
        DDX = 116, "DDX" | same;
        /// Interactive agent transfer.
        IATP = 117, "IATP" | same;
        /// Schedule transfer.
        STP = 118, "STP" | same;
        /// SpectraLink radio.
        SRP = 119, "SRP" | same;
        /// UTI.
        UTI = 120, "UTI" | same;
        /// Simple messages.
        SMP = 121, "SMP" | same;
        /// Simple multicast, deprecated.
        SM = 122, "SM" | same;
        /// Performance transparency.
        PTP = 123, "PTP" | same;
        /// IS-IS over IPv4.
        ISIS_OVER_IPV4 = 124, "ISIS over IPv4";
        /// FIRE.
        FIRE = 125, "FIRE" | same;
        /// Combat radio transport.
        CRTP = 126, "CRTP" | same;
        /// Combat radio user datagrams.
        CRUDP = 127, "CRUDP" | same;
        /// SSCOP in a multilink and connectionless environment.
        SSCOPMCE = 128, "SSCOPMCE" | same;
        /// IPLT.
        IPLT = 129, "IPLT" | same;
        /// Secure packet shield.
        SPS = 130, "SPS" | same;
        /// Private IP encapsulation within IP.
        PIPE = 131, "PIPE" | same;
        /// Stream control transmission.
        SCTP = 132, "SCTP" | same;
        /// Fibre channel.
        FC = 133, "FC" | same;
        /// Resource reservation that inner routers ignore.
        RSVP_E2E_IGNORE = 134, "RSVP-E2E-IGNORE" | same;
        /// IPv6 mobility header.
        MOBILITY = 135, "Mobility Header";
        /// UDP with partial checksums.
        UDP_LITE = 136, "UDP-Lite" | "UDPLite";
        /// MPLS in IP.
        MPLS_IN_IP = 137, "MPLS-in-IP" | same;
        /// Mobile ad hoc networks.
        MANET = 138, "manet" | same;
        /// Host identity.
        HIP = 139, "HIP" | same;
        /// Multihoming shim for IPv6.
        SHIM6 = 140, "Shim6" | same;
        /// Wrapped encapsulating security payload.
        WESP = 141, "WESP" | same;
        /// Robust header compression.
        ROHC = 142, "ROHC" | same;
        /// Ethernet.
        ETHERNET = 143, "Ethernet" | same;
        /// Aggregation and fragmentation of ESP.
        AGGFRAG = 144, "AGGFRAG" | same;
        /// Network service header.
        NSH = 145, "NSH" | same;
        /// Homa transport.
        HOMA = 146, "Homa" | same;
        /// Bit-stream emulation.
        BIT_EMU = 147, "BIT-EMU" | same;
        /// Experimentation and testing, first number.
        EXPERIMENT_1 = 253, "EXPERIMENT-1" | same;
        /// Experimentation and testing, second number.
        EXPERIMENT_2 = 254, "EXPERIMENT-2" | same;
        /// Reserved; raw sockets of some systems mean "any header" by it.
        RESERVED = 255, "Reserved" | same;
    }
}

impl Protocol {
    /// Says whether the number is registered as that of an IPv6 extension header.
    ///
    /// Source: IANA ipv6-parameters registry, as of January 2025; RFC 7045.
    #[must_use]
    pub const fn is_extension_header(self) -> bool {
        matches!(
            self,
            Self::HOP_BY_HOP_OPTIONS
                | Self::ROUTING
                | Self::FRAGMENT
                | Self::ESP
                | Self::AH
                | Self::DESTINATION_OPTIONS
                | Self::MOBILITY
                | Self::HIP
                | Self::SHIM6
                | Self::EXPERIMENT_1
                | Self::EXPERIMENT_2
        )
    }
}
