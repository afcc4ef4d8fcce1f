//! Views, builders and checksums do not touch the heap.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

use allocation_counter::measure;
use wirecraft_ip_packets::checksum::checksum;
use wirecraft_ip_packets::{
    IcmpObject, Icmpv6Kind, IpPacket, IpPacketMut, Ipv4Option, Ipv4Route, Ipv6Extension,
    Ipv6Option, Ipv6Options, MplsLabel, NdpOption, NeighborSolicitation, SctpChunk, SctpChunkType,
    Sequence, Transport, v4, v6,
};

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NEAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// Room for any packet here.
const ROOM: usize = 2048;

/// Asserts that `work` allocates nothing.
fn without_allocation(what: &str, work: impl FnOnce()) {
    let counted = measure(work);
    assert_eq!(counted.count_total, 0, "{what}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(vec![1_u8]))).count_total, 1);
}

/// Builds a packet with as much in it as goes, one of each kind, and hands it to `with`.
fn each_packet(mut with: impl FnMut(&[u8])) {
    let mut buf = [0; ROOM];
    let route = Ipv4Option::RecordRoute(Ipv4Route::empty(3));
    let ip = v4(NEAR, FAR).ttl(3).option(route);
    let len = ip
        .tcp(40_000, 443)
        .syn()
        .mss(1380)
        .sack_permitted()
        .timestamps(1, 0)
        .nop()
        .window_scale(7)
        .payload(b"payload")
        .write(&mut buf);
    with(&buf[..len.unwrap()]);
    let options = [Ipv6Option::RouterAlert(0)];
    let extensions = [Ipv6Extension::HopByHop(Ipv6Options::new(&options))];
    let ip = v6(NEAR_V6, FAR_V6).extensions(&extensions);
    let len = ip.udp(1000, 53).payload(b"query").write(&mut buf).unwrap();
    with(&buf[..len]);
    let options = [NdpOption::SourceLinkLayer(&[2, 0, 0, 0, 0, 1])];
    let question = NeighborSolicitation {
        target: FAR_V6,
        options: Sequence::new(&options),
    };
    let question = Icmpv6Kind::NeighborSolicitation(question);
    let len = v6(NEAR_V6, FAR_V6).icmpv6(question).write(&mut buf);
    with(&buf[..len.unwrap()]);
    let labels = [MplsLabel {
        label: 16_001,
        traffic_class: 0,
        bottom: true,
        ttl: 1,
    }];
    let objects = [IcmpObject::MplsLabels(Sequence::new(&labels))];
    let quoted = [0x45; 60];
    let error = v4(NEAR, FAR).icmp_time_exceeded(&quoted);
    let len = error.extensions(&objects).write(&mut buf).unwrap();
    with(&buf[..len]);
    let objects = [IcmpObject::MplsLabels(Sequence::new(&labels))];
    let error = v6(NEAR_V6, FAR_V6).icmp_time_exceeded(&quoted);
    let len = error.extensions(&objects).write(&mut buf).unwrap();
    with(&buf[..len]);
    let len = v4(NEAR, FAR)
        .udp_lite(1, 2)
        .payload(b"query")
        .write(&mut buf);
    with(&buf[..len.unwrap()]);
    let chunks = [SctpChunk {
        chunk_type: SctpChunkType::DATA,
        flags: 3,
        value: b"value",
    }];
    let sctp = v4(NEAR, FAR).sctp(1, 2).verification_tag(5);
    let len = sctp.chunks(&chunks).write(&mut buf).unwrap();
    with(&buf[..len]);
    let inner = v4(NEAR, FAR).udp(1, 2).payload(b"inner");
    let len = v6(NEAR_V6, FAR_V6).gre().key(7).nest(inner).write(&mut buf);
    with(&buf[..len.unwrap()]);
}

#[test]
fn building_allocates_nothing() {
    without_allocation("building", || {
        each_packet(|bytes| {
            black_box(bytes);
        });
    });
}

#[test]
fn parsing_allocates_nothing_whole_or_cut() {
    each_packet(|bytes| {
        without_allocation("parsing", || read(bytes));
        for len in 0..bytes.len() {
            without_allocation("parsing what is cut", || read(&bytes[..len]));
        }
    });
}

/// Reads all that a packet has, strictly and leniently.
fn read(bytes: &[u8]) {
    if let Ok(packet) = black_box(IpPacket::parse(bytes)) {
        read_upper(&packet, black_box(packet.transport()).ok());
    }
    if let Ok(packet) = black_box(IpPacket::parse_lenient(bytes)) {
        read_upper(&packet.read, Some(packet.read.transport_lenient().read));
    }
}

fn read_upper(packet: &IpPacket<'_>, upper: Option<Transport<'_>>) {
    match packet {
        IpPacket::V4(packet) => {
            black_box((packet.options().count(), packet.checksum_is_valid()));
        }
        IpPacket::V6(packet) => {
            let headers = packet.extension_headers();
            headers.for_each(|header| {
                black_box(header.content());
            });
        }
    }
    let pseudo_header = packet.pseudo_header();
    match upper {
        Some(Transport::Tcp(segment)) => {
            let is_valid = segment.checksum_is_valid(&pseudo_header);
            black_box((segment.options().count(), is_valid));
        }
        Some(Transport::Udp(datagram)) => {
            black_box(datagram.checksum_is_valid(&pseudo_header));
        }
        Some(Transport::Icmpv4(message)) => {
            black_box((message.kind(), message.quoted_packet()));
            black_box(
                message
                    .extensions()
                    .map(|it| it.map(|it| it.objects().len())),
            )
            .ok();
        }
        Some(Transport::Icmpv6(message)) => {
            let options = message.kind().ndp_options();
            black_box(options.map(|options| options.len()));
        }
        Some(Transport::Gre(packet)) => {
            black_box(packet.ip_packet()).ok();
        }
        _ => {}
    }
}

#[test]
fn checksums_and_changes_in_place_allocate_nothing() {
    let bytes = [7; 1460];
    without_allocation("a checksum", || {
        black_box(checksum(black_box(&bytes)));
    });
    let mut packet = v4(NEAR, FAR).tcp(1, 2).payload(&bytes).build();
    without_allocation("a change", || {
        let mut packet = IpPacketMut::parse(&mut packet).unwrap();
        packet.set_hop_limit(1);
        packet.set_destination(([10, 0, 0, 9], 9).into()).unwrap();
        packet.set_tcp_seq(9).unwrap();
        packet.clamp_tcp_mss(1000);
        packet.set_tcp_urgent_pointer(3).unwrap();
        packet.set_dont_fragment(false).unwrap();
    });
    let mut packet = v4(NEAR, FAR).sctp(1, 2).build();
    without_allocation("a change of SCTP", || {
        let mut packet = IpPacketMut::parse(&mut packet).unwrap();
        packet.set_source((FAR, 9).into()).unwrap();
    });
    let mut packet = v6(NEAR_V6, FAR_V6).icmp_echo_request(1, 2).build();
    without_allocation("a change of ICMP", || {
        let mut packet = IpPacketMut::parse(&mut packet).unwrap();
        packet.set_icmp_identifier(7).unwrap();
        packet.set_icmp_sequence(8).unwrap();
    });
    let packet = v6(NEAR_V6, FAR_V6).udp(1, 2).payload(&bytes).build();
    let Ok(IpPacket::V6(packet)) = IpPacket::parse(&packet) else {
        panic!("it is IPv6");
    };
    without_allocation("fragments", || {
        let mut room = [0; ROOM];
        for fragment in packet.fragments(1280, 7).unwrap() {
            black_box(fragment.write(&mut room)).unwrap();
        }
    });
}
