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
        ICMPV4 = 1, "ICMP" | "ICMP";
        /// Internet group management.
        IGMP = 2, "IGMP" | "IGMP";
        /// Gateway to gateway.
        GGP = 3, "GGP" | "GGP";
        /// IPv4 in IP.
        IPV4 = 4, "IPv4" | "IPv4";
        /// Internet stream.
        ST = 5, "ST" | "ST";
        /// Transmission control.
        TCP = 6, "TCP" | "TCP";
        /// Core based trees.
        CBT = 7, "CBT" | "CBT";
        /// Exterior gateway protocol.
        EGP = 8, "EGP" | "EGP";
        /// Any private interior gateway.
        IGP = 9, "IGP" | "IGP";
        /// BBN RCC monitoring.
        BBN_RCC_MON = 10, "BBN-RCC-MON" | "BBN-RCC-MON";
        /// Network voice protocol.
        NVP_II = 11, "NVP-II" | "NVP-II";
        /// PARC universal packets.
        PUP = 12, "PUP" | "PUP";
        /// ARGUS, deprecated.
        ARGUS = 13, "ARGUS" | "ARGUS";
        /// Emission control.
        EMCON = 14, "EMCON" | "EMCON";
        /// Cross net debugger.
        XNET = 15, "XNET" | "XNET";
        /// Chaosnet.
        CHAOS = 16, "CHAOS" | "CHAOS";
        /// User datagrams.
        UDP = 17, "UDP" | "UDP";
        /// Multiplexing.
        MUX = 18, "MUX" | "MUX";
        /// DCN measurement subsystems.
        DCN_MEAS = 19, "DCN-MEAS" | "DCN-MEAS";
        /// Host monitoring.
        HMP = 20, "HMP" | "HMP";
        /// Packet radio measurement.
        PRM = 21, "PRM" | "PRM";
        /// Xerox NS internet datagrams.
        XNS_IDP = 22, "XNS-IDP" | "XNS-IDP";
        /// Trunk 1.
        TRUNK_1 = 23, "TRUNK-1" | "TRUNK-1";
        /// Trunk 2.
        TRUNK_2 = 24, "TRUNK-2" | "TRUNK-2";
        /// Leaf 1.
        LEAF_1 = 25, "LEAF-1" | "LEAF-1";
        /// Leaf 2.
        LEAF_2 = 26, "LEAF-2" | "LEAF-2";
        /// Reliable data.
        RDP = 27, "RDP" | "RDP";
        /// Internet reliable transactions.
        IRTP = 28, "IRTP" | "IRTP";
        /// ISO transport protocol, class 4.
        ISO_TP4 = 29, "ISO-TP4" | "ISO-TP4";
        /// Bulk data transfer.
        NETBLT = 30, "NETBLT" | "NETBLT";
        /// MFE network services.
        MFE_NSP = 31, "MFE-NSP" | "MFE-NSP";
        /// Merit internodal protocol.
        MERIT_INP = 32, "MERIT-INP" | "MERIT-INP";
        /// Datagram congestion control.
        DCCP = 33, "DCCP" | "DCCP";
        /// Third party connect.
        THIRD_PARTY_CONNECT = 34, "3PC" | "3PC";
        /// Inter-domain policy routing.
        IDPR = 35, "IDPR" | "IDPR";
        /// Xpress transport protocol.
        XTP = 36, "XTP" | "XTP";
        /// Datagram delivery.
        DDP = 37, "DDP" | "DDP";
        /// Control messages of inter-domain policy routing.
        IDPR_CMTP = 38, "IDPR-CMTP" | "IDPR-CMTP";
        /// TP++ transport.
        TP_PLUS_PLUS = 39, "TP++" | "TP++";
        /// IL transport.
        IL = 40, "IL" | "IL";
        /// IPv6 in IP.
        IPV6 = 41, "IPv6" | "IPv6";
        /// Source demand routing.
        SDRP = 42, "SDRP" | "SDRP";
        /// IPv6 routing header.
        ROUTING = 43, "routing header" | "IPv6-Route";
        /// IPv6 fragment header.
        FRAGMENT = 44, "fragment header" | "IPv6-Frag";
        /// Inter-domain routing.
        IDRP = 45, "IDRP" | "IDRP";
        /// Resource reservation.
        RSVP = 46, "RSVP" | "RSVP";
        /// Generic routing encapsulation.
        GRE = 47, "GRE" | "GRE";
        /// Dynamic source routing.
        DSR = 48, "DSR" | "DSR";
        /// Burroughs network architecture.
        BNA = 49, "BNA" | "BNA";
        /// Encapsulating security payload.
        ESP = 50, "ESP" | "ESP";
        /// Authentication header.
        AH = 51, "AH" | "AH";
        /// Integrated network layer security.
        I_NLSP = 52, "I-NLSP" | "I-NLSP";
        /// IP with encryption, deprecated.
        SWIPE = 53, "SWIPE" | "SWIPE";
        /// NBMA address resolution.
        NARP = 54, "NARP" | "NARP";
        /// Minimal encapsulation of IPv4.
        MIN_IPV4 = 55, "Min-IPv4" | "Min-IPv4";
        /// Transport layer security with Kryptonet key management.
        TLSP = 56, "TLSP" | "TLSP";
        /// Simple key management.
        SKIP = 57, "SKIP" | "SKIP";
        /// ICMP for IPv6.
        ICMPV6 = 58, "ICMPv6" | "IPv6-ICMP";
        /// Nothing follows.
        NO_NEXT_HEADER = 59, "no next header" | "IPv6-NoNxt";
        /// IPv6 destination options.
        DESTINATION_OPTIONS = 60, "destination options" | "IPv6-Opts";
        /// Any host internal protocol.
        ANY_HOST_INTERNAL = 61, "any host internal protocol";
        /// CFTP.
        CFTP = 62, "CFTP" | "CFTP";
        /// Any local network.
        ANY_LOCAL_NETWORK = 63, "any local network";
        /// SATNET and backroom EXPAK.
        SAT_EXPAK = 64, "SAT-EXPAK" | "SAT-EXPAK";
        /// Kryptolan.
        KRYPTOLAN = 65, "KRYPTOLAN" | "KRYPTOLAN";
        /// MIT remote virtual disk.
        RVD = 66, "RVD" | "RVD";
        /// Internet pluribus packet core.
        IPPC = 67, "IPPC" | "IPPC";
        /// Any distributed file system.
        ANY_DISTRIBUTED_FILE_SYSTEM = 68, "any distributed file system";
        /// SATNET monitoring.
        SAT_MON = 69, "SAT-MON" | "SAT-MON";
        /// VISA protocol.
        VISA = 70, "VISA" | "VISA";
        /// Internet packet core utility.
        IPCV = 71, "IPCV" | "IPCV";
        /// Computer protocol network executive.
        CPNX = 72, "CPNX" | "CPNX";
        /// Computer protocol heart beat.
        CPHB = 73, "CPHB" | "CPHB";
        /// Wang span network.
        WSN = 74, "WSN" | "WSN";
        /// Packet video.
        PVP = 75, "PVP" | "PVP";
        /// Backroom SATNET monitoring.
        BR_SAT_MON = 76, "BR-SAT-MON" | "BR-SAT-MON";
        /// SUN ND, temporary.
        SUN_ND = 77, "SUN-ND" | "SUN-ND";
        /// Wideband monitoring.
        WB_MON = 78, "WB-MON" | "WB-MON";
        /// Wideband EXPAK.
        WB_EXPAK = 79, "WB-EXPAK" | "WB-EXPAK";
        /// ISO internet protocol.
        ISO_IP = 80, "ISO-IP" | "ISO-IP";
        /// Versatile message transactions.
        VMTP = 81, "VMTP" | "VMTP";
        /// Secure versatile message transactions.
        SECURE_VMTP = 82, "SECURE-VMTP" | "SECURE-VMTP";
        /// Banyan VINES.
        VINES = 83, "VINES" | "VINES";
        /// Internet protocol traffic manager, once TTP.
        IPTM = 84, "IPTM" | "IPTM";
        /// Interior gateways of NSFNET.
        NSFNET_IGP = 85, "NSFNET-IGP" | "NSFNET-IGP";
        /// Dissimilar gateway.
        DGP = 86, "DGP" | "DGP";
        /// TCF.
        TCF = 87, "TCF" | "TCF";
        /// Enhanced interior gateway routing.
        EIGRP = 88, "EIGRP" | "EIGRP";
        /// Open shortest path first.
        OSPFIGP = 89, "OSPFIGP" | "OSPFIGP";
        /// Remote procedure calls of Sprite.
        SPRITE_RPC = 90, "Sprite-RPC" | "Sprite-RPC";
        /// Locus address resolution.
        LARP = 91, "LARP" | "LARP";
        /// Multicast transport.
        MTP = 92, "MTP" | "MTP";
        /// AX.25 frames.
        AX_25 = 93, "AX.25" | "AX.25";
        /// IP within IP.
        IPIP = 94, "IPIP" | "IPIP";
        /// Mobile internetworking control, deprecated.
        MICP = 95, "MICP" | "MICP";
        /// Semaphore communications security.
        SCC_SP = 96, "SCC-SP" | "SCC-SP";
        /// Ethernet within IP.
        ETHERIP = 97, "ETHERIP" | "ETHERIP";
        /// Encapsulation header.
        ENCAP = 98, "ENCAP" | "ENCAP";
        /// Any private encryption scheme.
        ANY_PRIVATE_ENCRYPTION = 99, "any private encryption scheme";
        /// GMTP.
        GMTP = 100, "GMTP" | "GMTP";
        /// Ipsilon flow management.
        IFMP = 101, "IFMP" | "IFMP";
        /// PNNI over IP.
        PNNI = 102, "PNNI" | "PNNI";
        /// Protocol independent multicast.
        PIM = 103, "PIM" | "PIM";
        /// ARIS.
        ARIS = 104, "ARIS" | "ARIS";
        /// Space communications protocols.
        SCPS = 105, "SCPS" | "SCPS";
        /// QNX.
        QNX = 106, "QNX" | "QNX";
        /// Active networks.
        ACTIVE_NETWORKS = 107, "A/N" | "A/N";
        /// IP payload compression.
        IPCOMP = 108, "IPComp" | "IPComp";
        /// Sitara networks.
        SNP = 109, "SNP" | "SNP";
        /// Compaq peer.
        COMPAQ_PEER = 110, "Compaq-Peer" | "Compaq-Peer";
        /// IPX in IP.
        IPX_IN_IP = 111, "IPX-in-IP" | "IPX-in-IP";
        /// Virtual router redundancy.
        VRRP = 112, "VRRP" | "VRRP";
        /// Reliable multicast of the pragmatic kind.
        PGM = 113, "PGM" | "PGM";
        /// Any 0-hop protocol.
        ANY_ZERO_HOP = 114, "any 0-hop protocol";
        /// Layer two tunneling.
        L2TP = 115, "L2TP" | "L2TP";
        /// D-II data exchange.
        DDX = 116, "DDX" | "DDX";
        /// Interactive agent transfer.
        IATP = 117, "IATP" | "IATP";
        /// Schedule transfer.
        STP = 118, "STP" | "STP";
        /// SpectraLink radio.
        SRP = 119, "SRP" | "SRP";
        /// UTI.
        UTI = 120, "UTI" | "UTI";
        /// Simple messages.
        SMP = 121, "SMP" | "SMP";
        /// Simple multicast, deprecated.
        SM = 122, "SM" | "SM";
        /// Performance transparency.
        PTP = 123, "PTP" | "PTP";
        /// IS-IS over IPv4.
        ISIS_OVER_IPV4 = 124, "ISIS over IPv4";
        /// FIRE.
        FIRE = 125, "FIRE" | "FIRE";
        /// Combat radio transport.
        CRTP = 126, "CRTP" | "CRTP";
        /// Combat radio user datagrams.
        CRUDP = 127, "CRUDP" | "CRUDP";
        /// SSCOP in a multilink and connectionless environment.
        SSCOPMCE = 128, "SSCOPMCE" | "SSCOPMCE";
        /// IPLT.
        IPLT = 129, "IPLT" | "IPLT";
        /// Secure packet shield.
        SPS = 130, "SPS" | "SPS";
        /// Private IP encapsulation within IP.
        PIPE = 131, "PIPE" | "PIPE";
        /// Stream control transmission.
        SCTP = 132, "SCTP" | "SCTP";
        /// Fibre channel.
        FC = 133, "FC" | "FC";
        /// Resource reservation that inner routers ignore.
        RSVP_E2E_IGNORE = 134, "RSVP-E2E-IGNORE" | "RSVP-E2E-IGNORE";
        /// IPv6 mobility header.
        MOBILITY = 135, "Mobility Header";
        /// UDP with partial checksums.
        UDP_LITE = 136, "UDP-Lite" | "UDPLite";
        /// MPLS in IP.
        MPLS_IN_IP = 137, "MPLS-in-IP" | "MPLS-in-IP";
        /// Mobile ad hoc networks.
        MANET = 138, "manet" | "manet";
        /// Host identity.
        HIP = 139, "HIP" | "HIP";
        /// Multihoming shim for IPv6.
        SHIM6 = 140, "Shim6" | "Shim6";
        /// Wrapped encapsulating security payload.
        WESP = 141, "WESP" | "WESP";
        /// Robust header compression.
        ROHC = 142, "ROHC" | "ROHC";
        /// Ethernet.
        ETHERNET = 143, "Ethernet" | "Ethernet";
        /// Aggregation and fragmentation of ESP.
        AGGFRAG = 144, "AGGFRAG" | "AGGFRAG";
        /// Network service header.
        NSH = 145, "NSH" | "NSH";
        /// Homa transport.
        HOMA = 146, "Homa" | "Homa";
        /// Bit-stream emulation.
        BIT_EMU = 147, "BIT-EMU" | "BIT-EMU";
        /// Experimentation and testing, first number.
        EXPERIMENT_1 = 253, "EXPERIMENT-1" | "EXPERIMENT-1";
        /// Experimentation and testing, second number.
        EXPERIMENT_2 = 254, "EXPERIMENT-2" | "EXPERIMENT-2";
        /// Reserved; raw sockets of some systems mean "any header" by it.
        RESERVED = 255, "Reserved" | "Reserved";
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
