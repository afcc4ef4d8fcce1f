//! Putting fragments together again.

use std::time::Duration;

use proptest::prelude::*;
use wirecraft_ip_packets::{
    Ecn, IpPacket, Protocol, Reassembled, Reassembler, ReassemblyError, ReassemblyLimits, v4, v6,
};
use wirecraft_time::Instant;

use crate::strategies::{IpSpec, spec};

const START: Instant = Instant::ORIGIN;

fn v4_piece(identification: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .identification(identification)
        .dont_fragment(false)
        .fragment_offset(offset)
        .more_fragments(more)
        .bare(Protocol::UDP)
        .payload(payload)
        .build()
}

fn v6_piece(identification: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    v6([1; 16].into(), [2; 16].into())
        .extension_headers(
            Protocol::FRAGMENT,
            &[17, 0, high, low, 0, 0, 0, identification],
        )
        .bare(Protocol::UDP)
        .payload(payload)
        .build()
}

fn push<'a>(
    reassembler: &mut Reassembler,
    now: Instant,
    packet: &'a [u8],
) -> Result<Reassembled<'a>, ReassemblyError> {
    reassembler.push(now, IpPacket::parse(packet).unwrap())
}

fn cut(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    match IpPacket::parse(packet).unwrap() {
        IpPacket::V4(packet) => packet
            .fragments(mtu)
            .unwrap()
            .map(|piece| piece.to_vec())
            .collect(),
        IpPacket::V6(packet) => packet
            .fragments(mtu, 77)
            .unwrap()
            .map(|piece| piece.to_vec())
            .collect(),
    }
}

proptest! {
    #[test]
    fn pieces_in_any_order_with_repeats_make_the_packet(
        mut spec in spec(1200),
        mtu in 120..400_usize,
        repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        seed: u64,
    ) {
        if let IpSpec::V4 { dont_fragment, .. } = &mut spec.ip {
            *dont_fragment = false;
        }
        let packet = spec.build();
        let mut pieces = cut(&packet, mtu);
        prop_assert!(pieces.iter().all(|piece| piece.len() <= mtu));
        if pieces.len() == 1 {
            return Ok(());
        }
        let last = pieces.len() - 1;
        shuffle(&mut pieces, seed);
        let mut reassembler = Reassembler::default();
        for repeat in repeats {
            // A repeat of the last piece to arrive would start over: only others are repeated.
            let at = repeat.index(last);
            prop_assert_eq!(push(&mut reassembler, START, &pieces[at]), Ok(Reassembled::Waiting));
        }
        for piece in &pieces[..last] {
            prop_assert_eq!(push(&mut reassembler, START, piece), Ok(Reassembled::Waiting));
        }
        prop_assert_eq!(push(&mut reassembler, START, &pieces[last]), Ok(Reassembled::Complete(packet)));
        prop_assert_eq!((reassembler.used_len(), reassembler.poll_timeout()), (0, None));
    }

    #[test]
    fn memory_stays_within_its_bounds_whatever_arrives(
        pieces in prop::collection::vec((0..20_u16, 0..40_u16, any::<bool>(), 1..50_usize), 1..200),
    ) {
        let limits = ReassemblyLimits { max_bytes: 2000, max_packets: 4 };
        let mut reassembler = Reassembler::new(limits);
        for (second, (identification, unit, more, units)) in pieces.into_iter().enumerate() {
            let now = START + Duration::from_secs(u64::try_from(second).unwrap());
            let piece = v4_piece(identification, unit * 8, more, &vec![7; units * 8]);
            let _ = push(&mut reassembler, now, &piece);
            prop_assert!(reassembler.used_len() <= limits.max_bytes);
        }
        reassembler.expire(START + Duration::from_secs(1000));
        prop_assert_eq!((reassembler.used_len(), reassembler.poll_timeout()), (0, None));
    }
}

/// Fisher-Yates with a plain multiplicative generator: every order is reached by some seed.
fn shuffle(pieces: &mut [Vec<u8>], mut seed: u64) {
    for at in (1..pieces.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(seed >> 33).unwrap() % (at + 1);
        pieces.swap(at, other);
    }
}

#[test]
fn a_whole_packet_comes_back_at_once() {
    let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1, 2)
        .build();
    let whole = IpPacket::parse(&packet).unwrap();
    assert_eq!(
        Reassembler::default().push(START, whole),
        Ok(Reassembled::Whole(whole))
    );
}

#[test]
fn an_atomic_fragment_loses_its_header_and_meets_no_other() {
    let mut reassembler = Reassembler::default();
    let piece = v6_piece(1, 0, true, &[7; 8]);
    assert_eq!(
        push(&mut reassembler, START, &piece),
        Ok(Reassembled::Waiting)
    );
    let atomic = v6_piece(1, 0, false, &[9; 12]);
    let whole = v6([1; 16].into(), [2; 16].into())
        .bare(Protocol::UDP)
        .payload(&[9; 12])
        .build();
    assert_eq!(
        push(&mut reassembler, START, &atomic),
        Ok(Reassembled::Complete(whole))
    );
}

#[test]
fn overlapping_pieces_spoil_the_packet_and_those_to_come() {
    for piece in [v4_overlap as fn(u16, bool, &[u8]) -> Vec<u8>, v6_overlap] {
        let mut reassembler = Reassembler::default();
        push(&mut reassembler, START, &piece(0, true, &[7; 16])).unwrap();
        let overlap = piece(8, true, &[7; 16]);
        assert_eq!(
            push(&mut reassembler, START, &overlap),
            Err(ReassemblyError::Overlap)
        );
        let rest = piece(16, false, &[7; 8]);
        assert_eq!(
            push(&mut reassembler, START, &rest),
            Err(ReassemblyError::Dropped)
        );
        let first = piece(0, true, &[7; 16]);
        assert_eq!(
            push(&mut reassembler, START, &first),
            Err(ReassemblyError::Dropped)
        );
        let later = START + Duration::from_secs(61);
        assert_eq!(
            push(&mut reassembler, later, &first),
            Ok(Reassembled::Waiting)
        );
    }
}

fn v4_overlap(offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    v4_piece(1, offset, more, payload)
}

fn v6_overlap(offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    v6_piece(1, offset, more, payload)
}

#[test]
fn a_repeat_with_other_bytes_is_an_overlap() {
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, START, &v4_piece(1, 0, true, &[7; 16])).unwrap();
    let forged = v4_piece(1, 0, true, &[8; 16]);
    assert_eq!(
        push(&mut reassembler, START, &forged),
        Err(ReassemblyError::Overlap)
    );
}

#[test]
fn a_piece_around_another_one_is_an_overlap() {
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, START, &v4_piece(1, 16, true, &[7; 8])).unwrap();
    let around = v4_piece(1, 0, true, &[7; 40]);
    assert_eq!(
        push(&mut reassembler, START, &around),
        Err(ReassemblyError::Overlap)
    );
}

#[test]
fn pieces_that_disagree_about_the_end_spoil_the_packet() {
    let error = Err(ReassemblyError::DifferentEnds);
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, START, &v4_piece(1, 16, false, &[7; 8])).unwrap();
    assert_eq!(
        push(&mut reassembler, START, &v4_piece(1, 24, true, &[7; 8])),
        error
    );
    push(&mut reassembler, START, &v4_piece(2, 24, true, &[7; 8])).unwrap();
    assert_eq!(
        push(&mut reassembler, START, &v4_piece(2, 8, false, &[7; 8])),
        error
    );
    push(&mut reassembler, START, &v4_piece(3, 16, false, &[7; 8])).unwrap();
    assert_eq!(
        push(&mut reassembler, START, &v4_piece(3, 24, false, &[7; 8])),
        error
    );
}

#[test]
fn pieces_of_different_packets_are_kept_apart() {
    let mut reassembler = Reassembler::default();
    let others = [
        v4_piece(2, 8, false, &[7; 8]),
        v4([10, 0, 0, 9].into(), [10, 0, 0, 2].into())
            .identification(1)
            .fragment_offset(8)
            .bare(Protocol::UDP)
            .payload(&[7; 8])
            .build(),
        v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .identification(1)
            .fragment_offset(8)
            .bare(Protocol::TCP)
            .payload(&[7; 8])
            .build(),
    ];
    push(&mut reassembler, START, &v4_piece(1, 0, true, &[7; 8])).unwrap();
    for other in &others {
        assert_eq!(
            push(&mut reassembler, START, other),
            Ok(Reassembled::Waiting)
        );
    }
}

#[test]
fn incomplete_packets_are_dropped_after_30_and_60_seconds() {
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, START, &v4_piece(1, 0, true, &[7; 8])).unwrap();
    push(&mut reassembler, START, &v6_piece(1, 0, true, &[7; 8])).unwrap();
    let after = |seconds| START + Duration::from_secs(seconds);
    assert_eq!(reassembler.poll_timeout(), Some(after(30)));
    reassembler.expire(after(30));
    assert_eq!(
        (reassembler.poll_timeout(), reassembler.expired()),
        (Some(after(60)), 1)
    );
    let rest = v6_piece(1, 8, false, &[7; 8]);
    assert_eq!(
        push(&mut reassembler, after(60), &rest),
        Ok(Reassembled::Waiting)
    );
    assert_eq!(reassembler.expired(), 2);
}

#[test]
fn the_oldest_packet_makes_room_for_the_newest() {
    let limits = ReassemblyLimits {
        max_bytes: 1 << 20,
        max_packets: 2,
    };
    let mut reassembler = Reassembler::new(limits);
    for identification in 1..=3 {
        let piece = v4_piece(identification, 0, true, &[7; 8]);
        push(&mut reassembler, START, &piece).unwrap();
    }
    assert_eq!(reassembler.evicted(), 1);
    let rest_of_first = v4_piece(1, 8, false, &[7; 8]);
    assert_eq!(
        push(&mut reassembler, START, &rest_of_first),
        Ok(Reassembled::Waiting)
    );
    let rest_of_third = v4_piece(3, 8, false, &[7; 8]);
    assert!(matches!(
        push(&mut reassembler, START, &rest_of_third),
        Ok(Reassembled::Complete(_))
    ));
}

#[test]
fn a_piece_larger_than_all_room_is_refused_and_nothing_is_dropped_for_it() {
    let limits = ReassemblyLimits {
        max_bytes: 1000,
        max_packets: 8,
    };
    let mut reassembler = Reassembler::new(limits);
    push(&mut reassembler, START, &v4_piece(1, 0, true, &[7; 8])).unwrap();
    let large = v4_piece(2, 0, true, &[7; 1000]);
    assert_eq!(
        push(&mut reassembler, START, &large),
        Err(ReassemblyError::NoRoom)
    );
    assert_eq!(reassembler.evicted(), 0);
}

#[test]
fn a_packet_beyond_65535_bytes_is_refused() {
    let mut reassembler = Reassembler::default();
    let beyond = v4_piece(1, 65_528, false, &[7; 8]);
    let error = ReassemblyError::TooLong { len: 65_556 };
    assert_eq!(push(&mut reassembler, START, &beyond), Err(error));
    let beyond = v6_piece(1, 65_528, false, &[7; 8]);
    let error = ReassemblyError::TooLong { len: 65_536 };
    assert_eq!(push(&mut reassembler, START, &beyond), Err(error));
}

#[test]
fn a_packet_that_its_options_make_too_long_is_refused_at_the_end() {
    let mut reassembler = Reassembler::default();
    let first = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .options(&[1; 40])
        .dont_fragment(false)
        .more_fragments(true)
        .bare(Protocol::UDP)
        .payload(&[7; 65_432])
        .build();
    push(&mut reassembler, START, &first).unwrap();
    let last = v4_piece(0, 65_432, false, &[7; 80]);
    let error = ReassemblyError::TooLong { len: 65_572 };
    assert_eq!(push(&mut reassembler, START, &last), Err(error));
}

/// A first piece of TCP under IPv6, behind whatever stands between.
fn v6_first(between: &[u8], first: Protocol, payload: &[u8]) -> Vec<u8> {
    let fragment = [first.number(), 0, 0, 1, 0, 0, 0, 7];
    v6([1; 16].into(), [2; 16].into())
        .extension_headers(Protocol::FRAGMENT, &[&fragment, between].concat())
        .bare(Protocol::TCP)
        .payload(payload)
        .build()
}

#[test]
fn a_first_piece_of_v6_without_all_headers_is_dropped_alone() {
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    let mut reassembler = Reassembler::default();
    for len in [8, 16] {
        for (between, first) in [
            (&[][..], Protocol::TCP),
            (&options[..], Protocol::DESTINATION_OPTIONS),
        ] {
            let piece = v6_first(between, first, &vec![0; len]);
            let outcome = push(&mut reassembler, Instant::ORIGIN, &piece);
            assert_eq!(outcome, Err(ReassemblyError::HeadersCut));
        }
    }
    assert_eq!(reassembler.used_len(), 0);
    let whole = v6_first(&[], Protocol::TCP, &[0; 24]);
    let outcome = push(&mut reassembler, Instant::ORIGIN, &whole);
    assert_eq!(outcome, Ok(Reassembled::Waiting));
}

#[test]
fn an_empty_or_misaligned_piece_is_dropped_alone() {
    let mut reassembler = Reassembler::default();
    let empty = v4_piece(1, 8, false, &[]);
    assert_eq!(
        push(&mut reassembler, START, &empty),
        Err(ReassemblyError::Empty)
    );
    let misaligned = v4_piece(1, 0, true, &[7; 9]);
    assert_eq!(
        push(&mut reassembler, START, &misaligned),
        Err(ReassemblyError::Misaligned { len: 9 })
    );
    push(&mut reassembler, START, &v4_piece(1, 0, true, &[7; 8])).unwrap();
    let last = v4_piece(1, 8, false, &[7; 3]);
    assert!(matches!(
        push(&mut reassembler, START, &last),
        Ok(Reassembled::Complete(_))
    ));
}

#[test]
fn congestion_met_by_one_piece_is_that_of_the_packet() {
    let piece = |ecn, offset, more| {
        v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .dont_fragment(false)
            .ecn(ecn)
            .fragment_offset(offset)
            .more_fragments(more)
            .bare(Protocol::UDP)
            .payload(&[7; 8])
            .build()
    };
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, START, &piece(Ecn::Ect0, 0, true)).unwrap();
    let ce = piece(Ecn::Ce, 8, false);
    let Ok(Reassembled::Complete(whole)) = push(&mut reassembler, START, &ce) else {
        panic!("not complete");
    };
    let IpPacket::V4(whole) = IpPacket::parse(&whole).unwrap() else {
        panic!("not IPv4")
    };
    assert_eq!(whole.ecn(), Ecn::Ce);
    assert!(whole.checksum_is_valid());

    push(&mut reassembler, START, &piece(Ecn::NotEct, 0, true)).unwrap();
    assert_eq!(
        push(&mut reassembler, START, &ce),
        Err(ReassemblyError::MixedEcn)
    );
}
