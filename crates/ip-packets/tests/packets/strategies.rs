//! Packets as proptest makes them up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    AccEcn, AccEcnOrder, DataMapping, DataNumber, Dscp, Ecn, IpBuilder, Ipv4Builder, Ipv4Option,
    Ipv4Route, Ipv4Timestamps, Ipv4TimestampsKind, Mptcp, MptcpJoin, MptcpKeys, Protocol,
    SackBlock, SackBlocks, TcpFlags, TcpOption, UserTimeout, v4, v6,
};

/// The parts of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) ip: IpSpec,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    pub(crate) upper: UpperSpec,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum IpSpec {
    V4 {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        identification: u16,
        dont_fragment: bool,
        options: Vec<Ipv4OptionSpec>,
    },
    V6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        flow_label: u32,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Ipv4OptionSpec {
    Owned(Ipv4Option<'static>),
    BasicSecurity(u8, Vec<u8>),
    Unknown(u8, Vec<u8>),
}

impl Ipv4OptionSpec {
    pub(crate) fn option(&self) -> Ipv4Option<'_> {
        match self {
            Self::Owned(option) => *option,
            Self::BasicSecurity(classification, authorities) => Ipv4Option::BasicSecurity {
                classification: *classification,
                authorities,
            },
            Self::Unknown(kind, data) => Ipv4Option::Unknown { kind: *kind, data },
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum UpperSpec {
    Tcp(TcpSpec),
    Udp {
        source_port: u16,
        destination_port: u16,
    },
    EchoRequest {
        identifier: u16,
        sequence: u16,
    },
    Bare(Protocol),
}

#[derive(Clone, Debug)]
pub(crate) struct TcpSpec {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    pub(crate) urgent_pointer: u16,
    pub(crate) options: Vec<OptionSpec>,
}

#[derive(Clone, Debug)]
pub(crate) enum OptionSpec {
    Nop,
    Mss(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(Vec<(u32, u32)>),
    Timestamps(u32, u32),
    Authentication(u8, u8, Vec<u8>),
    FastOpen(Vec<u8>),
    RemoveAddresses(Vec<u8>),
    Experiment(u8, u16, Vec<u8>),
    Owned(TcpOption<'static>),
    Unknown(u8, Vec<u8>),
}

impl OptionSpec {
    pub(crate) fn option(&self) -> TcpOption<'_> {
        match self {
            Self::Nop => TcpOption::Nop,
            Self::Mss(mss) => TcpOption::Mss(*mss),
            Self::WindowScale(shift) => TcpOption::WindowScale(*shift),
            Self::SackPermitted => TcpOption::SackPermitted,
            Self::Sack(blocks) => {
                let blocks: Vec<SackBlock> = blocks
                    .iter()
                    .map(|&(left, right)| SackBlock { left, right })
                    .collect();
                TcpOption::Sack(SackBlocks::new(&blocks).unwrap())
            }
            Self::Timestamps(value, echo) => TcpOption::Timestamps {
                value: *value,
                echo: *echo,
            },
            Self::Authentication(key_id, next_key_id, mac) => TcpOption::Authentication {
                key_id: *key_id,
                next_key_id: *next_key_id,
                mac,
            },
            Self::FastOpen(cookie) => TcpOption::FastOpen(cookie),
            Self::RemoveAddresses(ids) => TcpOption::Mptcp(Mptcp::RemoveAddresses(ids)),
            Self::Experiment(kind, id, data) => TcpOption::Experiment {
                kind: *kind,
                id: *id,
                data,
            },
            Self::Owned(option) => *option,
            Self::Unknown(kind, data) => TcpOption::Unknown { kind: *kind, data },
        }
    }
}

impl Spec {
    pub(crate) fn build(&self) -> Vec<u8> {
        let ip = self.ip_builder();
        match &self.upper {
            UpperSpec::Tcp(tcp) => {
                let mut builder = ip
                    .tcp(tcp.source_port, tcp.destination_port)
                    .seq(tcp.seq)
                    .ack_number(tcp.ack)
                    .flags(tcp.flags)
                    .window(tcp.window)
                    .urgent_pointer(tcp.urgent_pointer);
                for option in &tcp.options {
                    builder = builder.option(option.option());
                }
                builder.payload(&self.payload).try_build().unwrap()
            }
            UpperSpec::Udp {
                source_port,
                destination_port,
            } => ip
                .udp(*source_port, *destination_port)
                .payload(&self.payload)
                .try_build()
                .unwrap(),
            UpperSpec::EchoRequest {
                identifier,
                sequence,
            } => ip
                .icmp_echo_request(*identifier, *sequence)
                .payload(&self.payload)
                .try_build()
                .unwrap(),
            UpperSpec::Bare(protocol) => ip
                .bare(*protocol)
                .payload(&self.payload)
                .try_build()
                .unwrap(),
        }
    }

    fn ip_builder(&self) -> IpBuilder<'static> {
        let ip = match self.ip {
            IpSpec::V4 {
                source,
                destination,
                identification,
                dont_fragment,
                ref options,
            } => {
                let header = v4(source, destination)
                    .identification(identification)
                    .dont_fragment(dont_fragment);
                let add = |header: Ipv4Builder<'static>, option: &Ipv4OptionSpec| {
                    header.option(option.option())
                };
                IpBuilder::from(options.iter().fold(header, add))
            }
            IpSpec::V6 {
                source,
                destination,
                flow_label,
            } => IpBuilder::from(v6(source, destination).flow_label(flow_label)),
        };
        ip.hop_limit(self.hop_limit)
            .dscp(Dscp::new(self.traffic_class >> 2))
            .ecn(Ecn::from_traffic_class(self.traffic_class))
    }
}

pub(crate) fn spec(max_payload_len: usize) -> impl Strategy<Value = Spec> {
    (
        ip_spec(),
        any::<u8>(),
        any::<u8>(),
        upper_spec(),
        vec(any::<u8>(), 0..=max_payload_len),
    )
        .prop_map(|(ip, traffic_class, hop_limit, upper, payload)| Spec {
            ip,
            traffic_class,
            hop_limit,
            upper,
            payload,
        })
}

fn ip_spec() -> impl Strategy<Value = IpSpec> {
    prop_oneof![
        (
            any::<Ipv4Addr>(),
            any::<Ipv4Addr>(),
            any::<u16>(),
            any::<bool>(),
            ipv4_options(),
        )
            .prop_map(
                |(source, destination, identification, dont_fragment, options)| IpSpec::V4 {
                    source,
                    destination,
                    identification,
                    dont_fragment,
                    options,
                }
            ),
        (any::<Ipv6Addr>(), any::<Ipv6Addr>(), 0..0x10_0000_u32).prop_map(
            |(source, destination, flow_label)| IpSpec::V6 {
                source,
                destination,
                flow_label
            }
        ),
    ]
}

/// Options that fit into a header together; half of all headers have none.
pub(crate) fn ipv4_options() -> impl Strategy<Value = Vec<Ipv4OptionSpec>> {
    let some = vec(ipv4_option(), 1..5).prop_map(|mut options| {
        while options
            .iter()
            .map(|option| option.option().encoded_len())
            .sum::<usize>()
            > 40
        {
            options.pop();
        }
        options
    });
    prop_oneof![Just(Vec::new()), some]
}

fn ipv4_option() -> impl Strategy<Value = Ipv4OptionSpec> {
    let owned = prop_oneof![
        Just(Ipv4Option::Nop),
        ipv4_route().prop_map(Ipv4Option::RecordRoute),
        ipv4_route().prop_map(Ipv4Option::LooseSourceRoute),
        ipv4_route().prop_map(Ipv4Option::StrictSourceRoute),
        ipv4_timestamps().prop_map(Ipv4Option::Timestamps),
        any::<u16>().prop_map(Ipv4Option::RouterAlert),
        any::<(u16, u16, u16, [u8; 3])>().prop_map(|(level, compartments, handling, control)| {
            Ipv4Option::Security {
                level,
                compartments,
                handling,
                control,
            }
        }),
    ];
    prop_oneof![
        4 => owned.prop_map(Ipv4OptionSpec::Owned),
        1 => (any::<u8>(), vec(any::<u8>(), 0..8))
            .prop_map(|(level, flags)| Ipv4OptionSpec::BasicSecurity(level, flags)),
        1 => (200..=255_u8, vec(any::<u8>(), 0..12))
            .prop_map(|(kind, data)| Ipv4OptionSpec::Unknown(kind, data)),
    ]
}

fn ipv4_route() -> impl Strategy<Value = Ipv4Route> {
    (vec(any::<Ipv4Addr>(), 0..=9), any::<u8>())
        .prop_map(|(addresses, pointer)| Ipv4Route::new(&addresses).unwrap().with_pointer(pointer))
}

fn ipv4_timestamps() -> impl Strategy<Value = Ipv4Timestamps> {
    let kind = prop_oneof![
        Just(Ipv4TimestampsKind::Times),
        Just(Ipv4TimestampsKind::WithAddresses),
    ];
    let made = prop_oneof![
        (kind, 0..=9_usize).prop_map(|(kind, slots)| Ipv4Timestamps::empty(kind, slots)),
        vec(any::<Ipv4Addr>(), 0..=4)
            .prop_map(|addresses| Ipv4Timestamps::prespecified(&addresses).unwrap()),
    ];
    (made, any::<(u8, u8)>())
        .prop_map(|(made, (pointer, overflow))| made.with_pointer(pointer).with_overflow(overflow))
}

fn upper_spec() -> impl Strategy<Value = UpperSpec> {
    prop_oneof![
        tcp_spec().prop_map(UpperSpec::Tcp),
        any::<(u16, u16)>().prop_map(|(source_port, destination_port)| UpperSpec::Udp {
            source_port,
            destination_port
        }),
        any::<(u16, u16)>().prop_map(|(identifier, sequence)| UpperSpec::EchoRequest {
            identifier,
            sequence
        }),
        // Experimental numbers: nobody reads more into them.
        (253..=254_u8).prop_map(|number| UpperSpec::Bare(Protocol::new(number))),
    ]
}

fn tcp_spec() -> impl Strategy<Value = TcpSpec> {
    (
        any::<(u16, u16, u32, u32, u16, u16)>(),
        0..0x200_u16,
        options(),
    )
        .prop_map(
            |(
                (source_port, destination_port, seq, ack, window, urgent_pointer),
                flags,
                options,
            )| {
                TcpSpec {
                    source_port,
                    destination_port,
                    seq,
                    ack,
                    flags: TcpFlags::from_bits(flags),
                    window,
                    urgent_pointer,
                    options,
                }
            },
        )
}

/// Options that fit into a header together.
pub(crate) fn options() -> impl Strategy<Value = Vec<OptionSpec>> {
    vec(option(), 0..6).prop_map(|mut options| {
        while options
            .iter()
            .map(|option| option.option().encoded_len())
            .sum::<usize>()
            > 40
        {
            options.pop();
        }
        options
    })
}

fn option() -> impl Strategy<Value = OptionSpec> {
    prop_oneof![
        Just(OptionSpec::Nop),
        any::<u16>().prop_map(OptionSpec::Mss),
        any::<u8>().prop_map(OptionSpec::WindowScale),
        Just(OptionSpec::SackPermitted),
        vec(any::<(u32, u32)>(), 1..=4).prop_map(OptionSpec::Sack),
        any::<(u32, u32)>().prop_map(|(value, echo)| OptionSpec::Timestamps(value, echo)),
        any::<(u8, u8, [u8; 12])>().prop_map(|(key, next, mac)| OptionSpec::Authentication(
            key,
            next,
            mac.to_vec()
        )),
        vec(any::<u8>(), 0..=16).prop_map(OptionSpec::FastOpen),
        vec(any::<u8>(), 0..6).prop_map(OptionSpec::RemoveAddresses),
        (253..=254_u8, any::<u16>(), vec(any::<u8>(), 0..12))
            .prop_map(|(kind, id, data)| OptionSpec::Experiment(kind, id, data)),
        owned_option().prop_map(OptionSpec::Owned),
        mptcp().prop_map(|option| OptionSpec::Owned(TcpOption::Mptcp(option))),
        (70..=171_u8, vec(any::<u8>(), 0..12))
            .prop_map(|(kind, data)| OptionSpec::Unknown(kind, data)),
    ]
}

fn owned_option() -> impl Strategy<Value = TcpOption<'static>> {
    let order = prop_oneof![Just(AccEcnOrder::Ect0First), Just(AccEcnOrder::Ect1First)];
    prop_oneof![
        any::<[u8; 16]>().prop_map(TcpOption::Md5),
        (0..0x8000_u16).prop_map(|time| TcpOption::UserTimeout(UserTimeout::Seconds(time))),
        (0..0x8000_u16).prop_map(|time| TcpOption::UserTimeout(UserTimeout::Minutes(time))),
        (order, vec(any::<u32>(), 0..=3)).prop_map(|(order, counters)| {
            TcpOption::AccEcn(AccEcn::new(order, &counters).unwrap())
        }),
    ]
}

fn mptcp() -> impl Strategy<Value = Mptcp<'static>> {
    let number = || {
        prop_oneof![
            any::<u32>().prop_map(DataNumber::Short),
            any::<u64>().prop_map(DataNumber::Long),
        ]
    };
    let mapping = (number(), any::<(u32, u16, Option<u16>)>()).prop_map(
        |(sequence, (subflow_sequence, len, checksum))| DataMapping {
            sequence,
            subflow_sequence,
            len,
            checksum,
        },
    );
    let optional = prop::option::of::<BoxedStrategy<_>>;
    prop_oneof![
        (0..16_u8, any::<u8>(), mptcp_keys()).prop_map(|(version, flags, keys)| Mptcp::Capable {
            version,
            flags,
            keys,
        }),
        mptcp_join().prop_map(Mptcp::Join),
        (
            any::<bool>(),
            prop::option::of(number()),
            optional(mapping.boxed())
        )
            .prop_map(|(is_fin, ack, mapping)| Mptcp::DataSequence {
                is_fin,
                ack,
                mapping,
            },),
        any::<(u8, IpAddr, Option<u16>, Option<[u8; 8]>)>().prop_map(
            |(id, address, port, hmac)| Mptcp::AddAddress {
                id,
                address,
                port,
                hmac,
            },
        ),
        any::<(bool, Option<u8>)>().prop_map(|(is_backup, address_id)| Mptcp::Priority {
            is_backup,
            address_id,
        }),
        any::<u64>().prop_map(Mptcp::Fail),
        any::<u64>().prop_map(Mptcp::FastClose),
        (0..16_u8, any::<u8>()).prop_map(|(flags, reason)| Mptcp::Reset { flags, reason }),
    ]
}

fn mptcp_keys() -> impl Strategy<Value = MptcpKeys> {
    prop_oneof![
        Just(MptcpKeys::None),
        any::<u64>().prop_map(MptcpKeys::Sender),
        any::<(u64, u64)>().prop_map(|(sender, receiver)| MptcpKeys::Both { sender, receiver }),
        any::<(u64, u64, u16, Option<u16>)>().prop_map(|(sender, receiver, len, checksum)| {
            MptcpKeys::WithData {
                sender,
                receiver,
                len,
                checksum,
            }
        }),
    ]
}

fn mptcp_join() -> impl Strategy<Value = MptcpJoin> {
    prop_oneof![
        any::<(bool, u8, u32, u32)>().prop_map(|(is_backup, address_id, token, nonce)| {
            MptcpJoin::Syn {
                is_backup,
                address_id,
                token,
                nonce,
            }
        }),
        any::<(bool, u8, u64, u32)>().prop_map(|(is_backup, address_id, hmac, nonce)| {
            MptcpJoin::SynAck {
                is_backup,
                address_id,
                hmac,
                nonce,
            }
        }),
        any::<[u8; 20]>().prop_map(|hmac| MptcpJoin::Ack { hmac }),
    ]
}

/// A packet some bytes of which were changed, or that was cut off.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (
        spec(80),
        vec((0..120_usize, any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(spec, changes, cut)| {
            let mut packet = spec.build();
            for (at, value) in changes {
                if let Some(byte) = packet.get_mut(at) {
                    *byte = value;
                }
            }
            packet.truncate(cut.index(packet.len() * 2).max(1));
            packet
        })
}
