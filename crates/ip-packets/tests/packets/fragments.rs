//! Cutting packets into fragments.

use wirecraft_ip_packets::{FragmentError, Ipv4Packet, Ipv6Packet, Protocol, v4, v6};

fn pieces_of_v4(packet: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let packet = Ipv4Packet::parse(packet).unwrap();
    packet
        .fragments(mtu)
        .map(|pieces| pieces.map(|piece| piece.to_vec()).collect())
}

fn pieces_of_v6(packet: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let packet = Ipv6Packet::parse(packet).unwrap();
    packet
        .fragments(mtu, 0xabcd)
        .map(|pieces| pieces.map(|piece| piece.to_vec()).collect())
}

#[test]
fn a_packet_that_fits_comes_out_as_it_is() {
    let v4 = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    assert_eq!(pieces_of_v4(&v4, v4.len()), Ok(vec![v4.clone()]));
    let v6 = v6([1; 16].into(), [2; 16].into())
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    assert_eq!(pieces_of_v6(&v6, v6.len()), Ok(vec![v6.clone()]));
}

#[test]
fn v4_fragments_carry_multiples_of_8_and_say_where_they_belong() {
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .identification(0x1234)
        .dont_fragment(false)
        .udp(1, 2)
        .payload(&[7; 92])
        .build();
    let pieces = pieces_of_v4(&packet, 63).unwrap();
    let facts: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let piece = Ipv4Packet::parse(piece).unwrap();
            assert!(piece.checksum_is_valid());
            assert_eq!(piece.identification(), 0x1234);
            (
                piece.fragment_offset(),
                piece.payload().len(),
                piece.more_fragments(),
            )
        })
        .collect();
    assert_eq!(facts, [(0, 40, true), (40, 40, true), (80, 20, false)]);
}

#[test]
fn only_copied_options_are_in_later_v4_fragments() {
    // No operation, record route (not copied), router alert (copied), then the end.
    let options = [1, 7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0];
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .options(&options)
        .dont_fragment(false)
        .udp(1, 2)
        .payload(&[7; 60])
        .build();
    let pieces = pieces_of_v4(&packet, 68).unwrap();
    let read: Vec<_> = pieces
        .iter()
        .map(|piece| Ipv4Packet::parse(piece).unwrap().options().as_bytes())
        .collect();
    assert_eq!(read, [&options[..], &[0x94, 4, 0, 0]]);
}

#[test]
fn a_v4_fragment_can_be_cut_further() {
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .dont_fragment(false)
        .more_fragments(true)
        .fragment_offset(800)
        .bare(Protocol::UDP)
        .payload(&[7; 80])
        .build();
    let facts: Vec<_> = pieces_of_v4(&packet, 68)
        .unwrap()
        .iter()
        .map(|piece| {
            let piece = Ipv4Packet::parse(piece).unwrap();
            (piece.fragment_offset(), piece.more_fragments())
        })
        .collect();
    assert_eq!(facts, [(800, true), (848, true)]);
}

#[test]
fn a_packet_that_may_not_be_cut_is_not() {
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    assert_eq!(pieces_of_v4(&packet, 100), Err(FragmentError::DontFragment));
}

#[test]
fn the_first_fragment_of_v6_has_the_header_of_the_upper_layer() {
    let packet = v6([1; 16].into(), [2; 16].into())
        .tcp(1, 2)
        .payload(&[7; 100])
        .build();
    let needed = 40 + 8 + 24;
    let refused = pieces_of_v6(&packet, needed - 1);
    assert_eq!(
        refused,
        Err(FragmentError::MtuTooSmall {
            mtu: needed - 1,
            needed
        })
    );
    let pieces = pieces_of_v6(&packet, needed).unwrap();
    assert_eq!(pieces[0].len(), needed);
}

#[test]
fn an_mtu_without_room_for_8_bytes_is_refused() {
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .dont_fragment(false)
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    let error = FragmentError::MtuTooSmall {
        mtu: 27,
        needed: 28,
    };
    assert_eq!(pieces_of_v4(&packet, 27), Err(error));
    assert_eq!(pieces_of_v4(&packet, 28).map(|pieces| pieces.len()), Ok(14));
    let packet = v6([1; 16].into(), [2; 16].into())
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    let error = FragmentError::MtuTooSmall {
        mtu: 55,
        needed: 56,
    };
    assert_eq!(pieces_of_v6(&packet, 55), Err(error));
}

#[test]
fn a_v4_fragment_that_ends_beyond_the_greatest_packet_is_not_cut_further() {
    let fragment = |len: usize| {
        v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .dont_fragment(false)
            .fragment_offset(65_472)
            .bare(Protocol::UDP)
            .payload(&[7; 100][..len])
            .build()
    };
    let offsets: Vec<_> = pieces_of_v4(&fragment(63), 28)
        .unwrap()
        .iter()
        .map(|piece| Ipv4Packet::parse(piece).unwrap().fragment_offset())
        .collect();
    assert_eq!(
        offsets.first().zip(offsets.last()),
        Some((&65_472, &65_528))
    );
    let error = FragmentError::OffsetTooGreat {
        end: 65_536,
        max: 65_535,
    };
    assert_eq!(pieces_of_v4(&fragment(64), 28), Err(error));
    let whole = fragment(100);
    assert_eq!(pieces_of_v4(&whole, whole.len()), Ok(vec![whole.clone()]));
}

#[test]
fn v6_fragments_repeat_hop_by_hop_and_routing_headers_only() {
    let mut headers = vec![60, 0, 1, 4, 0, 0, 0, 0];
    headers.extend([43, 0, 1, 4, 0, 0, 0, 0]);
    headers.extend([60, 0, 9, 0, 0, 0, 0, 0]);
    headers.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    let packet = v6([1; 16].into(), [2; 16].into())
        .extension_headers(Protocol::HOP_BY_HOP_OPTIONS, &headers)
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    let pieces = pieces_of_v6(&packet, 128).unwrap();
    for piece in &pieces {
        let piece = Ipv6Packet::parse(piece).unwrap();
        let kinds: Vec<_> = piece
            .extension_headers()
            .map(|header| header.protocol)
            .collect();
        let repeated = [
            Protocol::HOP_BY_HOP_OPTIONS,
            Protocol::DESTINATION_OPTIONS,
            Protocol::ROUTING,
            Protocol::FRAGMENT,
        ];
        assert_eq!(kinds[..4], repeated);
        assert_eq!(piece.fragment().unwrap().identification, 0xabcd);
    }
    let first = Ipv6Packet::parse(&pieces[0]).unwrap();
    assert_eq!(first.protocol(), Protocol::UDP);
    let last = Ipv6Packet::parse(pieces.last().unwrap()).unwrap();
    assert_eq!(
        (last.protocol(), last.fragment().unwrap().more),
        (Protocol::DESTINATION_OPTIONS, false)
    );
}

#[test]
fn a_v6_fragment_is_not_cut_further() {
    let packet = v6([1; 16].into(), [2; 16].into())
        .extension_headers(Protocol::FRAGMENT, &[17, 0, 0, 1, 0, 0, 0, 9])
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    assert_eq!(
        pieces_of_v6(&packet, 100),
        Err(FragmentError::AlreadyFragment)
    );
}

#[test]
fn a_fragment_is_written_into_a_buffer_as_into_a_vec() {
    let packet = v6([1; 16].into(), [2; 16].into())
        .udp(1, 2)
        .payload(&[7; 100])
        .build();
    for piece in Ipv6Packet::parse(&packet)
        .unwrap()
        .fragments(100, 1)
        .unwrap()
    {
        let mut buf = [0xff; 100];
        let len = piece.write(&mut buf).unwrap();
        assert_eq!(buf[..len], piece.to_vec());
        assert!(piece.write(&mut buf[..len - 1]).is_err());
    }
}
