//! Fragments: cut, and put together again.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use wirecraft_ip_packets::{
    FragmentError, Header, IpPacket, IpVersion, Ipv4Packet, Ipv6Packet, Protocol, Reassembled,
    Reassembler, ReassemblyLimits, v4, v6,
};
use wirecraft_time::Instant;

use crate::checksums::residue;
use crate::input::Input;

/// The fragments of a packet fit the MTU, and in any order they become that packet.
///
/// An MTU, what orders the fragments, then the packet.
pub fn fragmentation(input: &[u8]) {
    let mut input = Input::new(input);
    let mtu = usize::from(input.word());
    let order = usize::from(input.byte());
    let bytes = input.rest();
    let Ok(packet) = IpPacket::parse(bytes) else {
        return;
    };
    let cut = match &packet {
        IpPacket::V4(packet) => cut_v4(packet, mtu),
        IpPacket::V6(packet) => cut_v6(packet, mtu),
    };
    let Some(mut fragments) = cut else {
        return;
    };
    assert!(fragments.iter().all(|fragment| fragment.len() <= mtu));
    if fragments.len() == 1 {
        assert_eq!(
            fragments[0],
            packet.as_bytes(),
            "a packet that fits is whole"
        );
        return;
    }
    if packet.is_fragment() {
        return;
    }
    let turn = order % fragments.len();
    fragments.rotate_left(turn);
    let whole = reassembled(&fragments);
    let mut expected = packet.as_bytes().to_vec();
    if let IpPacket::V4(packet) = &packet {
        let len = packet.header_len();
        assert_eq!(residue(&whole[..len]), 0, "the header has its checksum");
        expected[10..12].copy_from_slice(&whole[10..12]);
    }
    assert_eq!(whole, expected);
}

fn cut_v4(packet: &Ipv4Packet<'_>, mtu: usize) -> Option<Vec<Vec<u8>>> {
    match packet.fragments(mtu) {
        Ok(fragments) => Some(fragments.map(|fragment| fragment.to_vec()).collect()),
        Err(FragmentError::DontFragment) => {
            assert!(packet.dont_fragment());
            None
        }
        Err(FragmentError::MtuTooSmall { needed, .. }) => {
            assert!(mtu < needed && !packet.dont_fragment());
            None
        }
        Err(FragmentError::OffsetTooGreat { end, max }) => {
            assert_eq!(end, packet.fragment_offset() + packet.payload().len());
            assert!(end > max);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn cut_v6(packet: &Ipv6Packet<'_>, mtu: usize) -> Option<Vec<Vec<u8>>> {
    match packet.fragments(mtu, 7) {
        Ok(fragments) => Some(fragments.map(|fragment| fragment.to_vec()).collect()),
        Err(FragmentError::AlreadyFragment) => {
            assert!(packet.fragment().is_some());
            None
        }
        Err(FragmentError::MtuTooSmall { needed, .. }) => {
            assert!(mtu < needed);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn reassembled(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut reassembler = Reassembler::new(ReassemblyLimits {
        max_bytes: 1 << 22,
        max_packets: 1,
    });
    for (number, bytes) in fragments.iter().enumerate() {
        let fragment = IpPacket::parse(bytes).expect("a fragment is a packet");
        assert!(fragment.is_fragment());
        match reassembler.push(Instant::ORIGIN, fragment) {
            Ok(Reassembled::Complete(whole)) => {
                assert_eq!(number + 1, fragments.len(), "all pieces are needed");
                assert_eq!(reassembler.used_len(), 0);
                return whole;
            }
            Ok(outcome) => assert_eq!(outcome, Reassembled::Waiting),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the pieces are all there");
}

const LIMITS: ReassemblyLimits = ReassemblyLimits {
    max_bytes: 4096,
    max_packets: 4,
};

/// What every packet that waits costs at least, in bytes, as `Reassembler` counts.
const PACKET_COST: usize = 256;

/// What the pieces of one packet share.
type Name = (IpAddr, IpAddr, u32, Protocol);

/// Pieces of any kind stay within the limits, and what comes out was put in.
pub fn reassembler(input: &[u8]) {
    let mut input = Input::new(input);
    let mut reassembler = Reassembler::new(LIMITS);
    let mut pieces: HashMap<Name, Vec<(usize, Vec<u8>)>> = HashMap::new();
    let mut now = Instant::ORIGIN;
    while !input.is_empty() {
        now = now + Duration::from_secs(u64::from(input.choice(4)) * 9);
        let bytes = piece(&mut input);
        let Ok(packet) = IpPacket::parse(&bytes) else {
            continue;
        };
        if let Some((name, offset)) = name_and_offset(&packet) {
            let piece = (offset, packet.payload().to_vec());
            pieces.entry(name).or_default().push(piece);
        }
        match reassembler.push(now, packet) {
            Ok(Reassembled::Whole(whole)) => {
                assert!(name_and_offset(&whole).is_none(), "{whole:?} is a fragment");
            }
            Ok(Reassembled::Complete(whole)) => check_whole(&whole, &packet, &pieces),
            Ok(Reassembled::Waiting) => assert!(reassembler.used_len() >= PACKET_COST),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        check_bounds(&reassembler, now);
    }
    reassembler.expire(now + Duration::from_secs(60));
    assert_eq!(reassembler.used_len(), 0);
    assert_eq!(reassembler.poll_timeout(), None);
}

fn check_bounds(reassembler: &Reassembler, now: Instant) {
    assert!(reassembler.used_len() <= LIMITS.max_bytes);
    let deadline = reassembler.poll_timeout();
    assert_eq!(deadline.is_some(), reassembler.used_len() > 0);
    assert!(deadline.is_none_or(|at| at <= now + Duration::from_secs(60)));
}

/// A fragment made to measure, or any bytes.
fn piece(input: &mut Input<'_>) -> Vec<u8> {
    let kind = input.byte();
    if kind & 1 == 0 {
        let len = usize::from(input.byte());
        return input.bytes(len).to_vec();
    }
    let is_last = kind & 2 != 0;
    let identification = kind >> 2 & 3;
    let offset = u16::from(input.choice(8)) * 8;
    let odd_len = usize::from(kind >> 4 & 7) * usize::from(is_last);
    let payload = input.bytes(usize::from(input_len(kind)) + odd_len).to_vec();
    if kind & 0x80 == 0 {
        return v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .identification(identification.into())
            .more_fragments(!is_last)
            .fragment_offset(offset)
            .dont_fragment(false)
            .bare(Protocol::UDP)
            .payload(&payload)
            .build();
    }
    let [high, low] = (offset | u16::from(!is_last)).to_be_bytes();
    let header = [
        Protocol::UDP.number(),
        0,
        high,
        low,
        0,
        0,
        0,
        identification,
    ];
    v6([1; 16].into(), [2; 16].into())
        .extension_headers(Protocol::FRAGMENT, &header)
        .bare(Protocol::UDP)
        .payload(&payload)
        .build()
}

/// One or two units of 8 bytes.
const fn input_len(kind: u8) -> u8 {
    if kind & 0x40 == 0 { 8 } else { 16 }
}

/// What a fragment belongs to and where in it; `None` for whole packets.
fn name_and_offset(packet: &IpPacket<'_>) -> Option<(Name, usize)> {
    let (source, destination) = (packet.source(), packet.destination());
    match packet {
        IpPacket::V4(v4) => v4.is_fragment().then(|| {
            let number = u32::from(v4.identification());
            (
                (source, destination, number, v4.protocol()),
                v4.fragment_offset(),
            )
        }),
        IpPacket::V6(v6) => v6.fragment().map(|fragment| {
            let number = fragment.identification;
            (
                (source, destination, number, Protocol::FRAGMENT),
                fragment.offset,
            )
        }),
    }
}

/// Every byte of a whole packet came in a piece of it.
///
/// What its sender wrote behind the IP header is not looked at when pieces are put together: extension
/// headers may be cut off.
fn check_whole(whole: &[u8], last: &IpPacket<'_>, pieces: &HashMap<Name, Vec<(usize, Vec<u8>)>>) {
    let header = Header::read(whole).expect("pieces become a packet");
    assert_eq!(header.total_len, whole.len());
    let (name, _) = name_and_offset(last).expect("a fragment completed it");
    assert_eq!((header.source, header.destination), (name.0, name.1));
    if header.version == IpVersion::V4 {
        let packet = Ipv4Packet::parse(whole).expect("IPv4 has no further headers");
        assert!(packet.checksum_is_valid() && !packet.is_fragment());
        assert_eq!(packet.as_bytes(), whole);
        let known = &pieces[&name];
        let explains = |at: usize, byte: u8| {
            known.iter().any(|(offset, piece)| {
                at.checked_sub(*offset).and_then(|at| piece.get(at)) == Some(&byte)
            })
        };
        let payload = packet.payload().iter().enumerate();
        assert!(payload.into_iter().all(|(at, byte)| explains(at, *byte)));
    }
}
