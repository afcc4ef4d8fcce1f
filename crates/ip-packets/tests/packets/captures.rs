//! Files of packets.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    CaptureError, CaptureReader, CaptureWriter, Captured, LinkType, PcapWriter,
};

/// A pcap file with one packet that was cut, in either order of bytes.
fn pcap(magic: [u8; 4], link: u32) -> Vec<u8> {
    let is_big = magic[0] == 0xa1;
    let word = |value: u32| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let half = |value: u16| {
        if is_big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut file = magic.to_vec();
    file.extend(half(2));
    file.extend(half(4));
    for value in [0, 0, 4, link, 1_700_000_000, 5000, 4, 99] {
        file.extend(word(value));
    }
    file.extend([0x45, 0, 0, 99]);
    file
}

fn all(file: &[u8]) -> Result<Vec<Captured>, CaptureError> {
    CaptureReader::new(file)?.collect()
}

#[test]
fn pcap_is_read_in_both_orders_and_units() {
    let cases = [
        ([0xa1, 0xb2, 0xc3, 0xd4], 5_000_000),
        ([0xd4, 0xc3, 0xb2, 0xa1], 5_000_000),
        ([0xa1, 0xb2, 0x3c, 0x4d], 5000),
        ([0x4d, 0x3c, 0xb2, 0xa1], 5000),
    ];
    for (magic, nanos) in cases {
        let packets = all(&pcap(magic, 101)).unwrap();
        let [packet] = &packets[..] else {
            panic!("{} packets", packets.len());
        };
        assert_eq!(packet.timestamp, Duration::new(1_700_000_000, nanos));
        assert_eq!(packet.link, LinkType::RAW);
        assert_eq!(packet.original_len, 99);
        assert_eq!(packet.packet(), Some(&[0x45, 0, 0, 99][..]));
    }
}

#[test]
fn a_packet_that_was_cut_keeps_its_length() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("wg0", LinkType::RAW).unwrap();
    let written = writer.cut_packet(interface, Duration::ZERO, &[0x45; 20], 1420, None);
    written.unwrap();
    let file = writer.finish().unwrap();
    let captured = CaptureReader::new(&file[..]).unwrap().next();
    let captured = captured.unwrap().unwrap();
    assert_eq!((captured.data.len(), captured.original_len), (20, 1420));
}

#[test]
fn what_is_written_is_read_again() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let inner = writer.interface("wg0", LinkType::RAW).unwrap();
    let outer = writer.interface("eth0", LinkType::ETHERNET).unwrap();
    let frame = [&[0; 12][..], &[0x08, 0x00, 0x45]].concat();
    let at = Duration::from_nanos(1_700_000_000_123_456_789);
    writer.packet(outer, at, &frame, None).unwrap();
    writer.packet(inner, at, &[0x60], Some("größer")).unwrap();
    let file = writer.finish().unwrap();

    let mut reader = CaptureReader::new(&file[..]).unwrap();
    let first = reader.next().unwrap().unwrap();
    let second = reader.next().unwrap().unwrap();
    assert!(reader.next().is_none());
    assert_eq!(first.packet(), Some(&[0x45][..]));
    assert_eq!((first.timestamp, first.link), (at, LinkType::ETHERNET));
    assert!(first.comments.is_empty());
    assert_eq!(second.comments, ["größer"]);
    assert_eq!(reader.interfaces()[second.interface].name, "wg0");
}

#[test]
fn a_comment_too_long_for_its_field_is_cut() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("", LinkType::RAW).unwrap();
    let comment = "é".repeat(40_000);
    writer
        .packet(interface, Duration::ZERO, &[], Some(&comment))
        .unwrap();
    let packets = all(&writer.finish().unwrap()).unwrap();
    assert_eq!(packets[0].comments[0].len(), 65_534);
}

#[test]
fn what_is_no_file_of_packets_is_refused() {
    let start = *b"\x7fELF";
    let found = CaptureReader::new(&b"\x7fELF..."[..]).err();
    assert!(matches!(found, Some(CaptureError::UnknownFormat { start: it }) if it == start));
    assert!(matches!(
        CaptureReader::new(&[][..]).err(),
        Some(CaptureError::Truncated)
    ));
}

#[test]
fn a_packet_of_no_interface_is_refused_and_ends_the_file() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let first = writer.interface("one", LinkType::RAW).unwrap();
    writer.packet(first, Duration::ZERO, &[0x45], None).unwrap();
    let mut file = writer.finish().unwrap();
    // The interface number is the first word of the last block's body.
    let block_len = 12 + 20 + 4;
    let at = file.len() - block_len + 8;
    file[at..at + 4].copy_from_slice(&[9; 4]);
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    assert!(matches!(
        reader.next(),
        Some(Err(CaptureError::NoSuchInterface { count: 1, .. }))
    ));
    assert!(reader.next().is_none());
}

fn written(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("wg0", LinkType::RAW).unwrap();
    for packet in packets {
        writer
            .packet(interface, Duration::from_secs(1), packet, Some("comment"))
            .unwrap();
    }
    writer.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn packets_of_any_bytes_come_back(packets in vec(vec(any::<u8>(), 0..80), 0..6)) {
        let read = all(&written(&packets)).unwrap();
        let read: Vec<Vec<u8>> = read.into_iter().map(|captured| captured.data).collect();
        prop_assert_eq!(read, packets);
    }

    #[test]
    fn files_cut_and_changed_are_read_without_a_panic(
        packets in vec(vec(any::<u8>(), 0..40), 1..4),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for mut file in [written(&packets), pcap([0xd4, 0xc3, 0xb2, 0xa1], 1)] {
            for (at, value) in &changes {
                let at = at.index(file.len());
                file[at] = *value;
            }
            file.truncate(cut.index(file.len() + 1));
            // Every block takes at least twelve bytes.
            let most = file.len() / 12 + 2;
            if let Ok(reader) = CaptureReader::new(&file[..]) {
                prop_assert!(reader.take(most).count() < most);
            }
        }
    }
}

#[test]
fn a_pcap_file_has_what_was_written_to_it() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
    let latest = Duration::from_secs(u64::from(u32::MAX));
    writer.packet(Duration::new(7, 8), b"first").unwrap();
    writer.packet(Duration::MAX, b"second").unwrap();
    let file = writer.finish().unwrap();
    assert_eq!(file[..4], [0x4d, 0x3c, 0xb2, 0xa1]);
    let packets = all(&file).unwrap();
    let read: Vec<_> = packets
        .iter()
        .map(|it| (it.timestamp, &it.data[..]))
        .collect();
    assert_eq!(
        read,
        [(Duration::new(7, 8), &b"first"[..]), (latest, b"second")]
    );
    assert!(packets.iter().all(|it| it.link == LinkType::ETHERNET));
}

#[test]
fn notes_about_an_interface_are_kept() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let notes = ["the first", "and another"];
    let tunnel = writer
        .interface_with_comments("wg0", LinkType::RAW, &notes)
        .unwrap();
    writer
        .packet(tunnel, Duration::ZERO, &[0x45], None)
        .unwrap();
    let file = writer.finish().unwrap();
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    reader.next().unwrap().unwrap();
    assert_eq!(reader.interfaces()[0].comments, notes);
}

/// The blocks of a pcapng file in either order of bytes.
#[derive(Clone, Copy)]
struct Order {
    is_big: bool,
}

impl Order {
    fn word(self, value: u32) -> [u8; 4] {
        match self.is_big {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        }
    }

    fn half(self, value: u16) -> [u8; 2] {
        match self.is_big {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        }
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.word(u32::try_from(body.len() + 12).unwrap());
        [&self.word(kind)[..], &len, &body, &len].concat()
    }

    fn section(self) -> Vec<u8> {
        let versions = [self.half(1), self.half(0)].concat();
        let body = [&self.word(0x1a2b_3c4d)[..], &versions, &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let head = [self.half(101), self.half(0)].concat();
        self.block(1, &[&head[..], &self.word(snap_len), options].concat())
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = self.half(u16::try_from(value.len()).unwrap());
        let mut option = [&self.half(code)[..], &len, value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    /// A packet of four bytes at 2^32 and 7 microseconds, by the kind of its block.
    fn packet(self, kind: u32, options: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for value in [0, 1, 7, 4, 4] {
            body.extend(self.word(value));
        }
        body.extend([0x45, 0, 0, 4]);
        body.extend(options);
        self.block(kind, &body)
    }
}

const ORDERS: [Order; 2] = [Order { is_big: false }, Order { is_big: true }];

/// A pcapng file of one interface and one simple packet, which has no length of its own.
fn simple(snap_len: u32, original_len: u32, data: &[u8]) -> Vec<u8> {
    let order = ORDERS[0];
    let packet = [&order.word(original_len)[..], data].concat();
    let blocks = [
        order.section(),
        order.interface(snap_len, &[]),
        order.block(3, &packet),
    ];
    blocks.concat()
}

#[test]
fn the_time_of_a_packet_has_its_high_word_first_in_both_orders_and_kinds_of_block() {
    for order in ORDERS {
        for kind in [2, 6] {
            let blocks = [
                order.section(),
                order.interface(0, &[]),
                order.packet(kind, &order.option(1, b"note")),
            ];
            let packets = all(&blocks.concat()).unwrap();
            let expected = Duration::from_micros((1 << 32) + 7);
            assert_eq!(packets[0].timestamp, expected, "{kind} {}", order.is_big);
            assert_eq!(packets[0].data, [0x45, 0, 0, 4]);
            assert_eq!(packets[0].comments, ["note"]);
        }
    }
}

#[test]
fn options_need_no_end_mark_and_those_nobody_asks_for_may_be_anything() {
    for order in ORDERS {
        let options = [
            order.option(10, &[0, 0, 0, 0]),
            order.option(2, b"wg0"),
            order.option(11, b""),
            order.option(2988, b"?"),
        ];
        let statistics = order.block(5, &order.option(1, &[0xff]));
        let blocks = [
            order.section(),
            order.interface(0, &options.concat()),
            statistics,
            order.packet(6, &order.option(2, &[1])),
        ];
        let file = blocks.concat();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().data.len(), 4);
        assert!(reader.next().is_none());
        assert_eq!(reader.interfaces()[0].name, "wg0");
    }
}

#[test]
fn interfaces_keep_no_more_than_a_mebibyte_of_notes() {
    let order = ORDERS[0];
    let mut file = order.section();
    let notes = [order.option(1, &[b'x'; 60_000]), order.option(1, b"")].concat();
    for _ in 0..100 {
        file.extend(order.interface(0, &notes.repeat(20)));
    }
    file.extend(order.packet(6, &order.option(1, b"").repeat(1000)));
    let mut reader = CaptureReader::new(&file[..]).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().comments.len(), 64);
    let notes = reader.interfaces().iter().flat_map(|it| &it.comments);
    let kept: usize = notes.map(|it| it.len() + size_of::<String>()).sum();
    assert!((1 << 19..=1 << 20).contains(&kept), "{kept}");
}

#[test]
fn lengths_of_check_sequences_beside_the_link_type_of_a_pcap_file_are_none_of_it() {
    let packets = all(&pcap([0xd4, 0xc3, 0xb2, 0xa1], 0x1400_0065)).unwrap();
    assert_eq!(packets[0].link, LinkType::RAW);
    assert!(packets[0].packet().is_some());
}

#[test]
fn a_simple_packet_is_as_long_as_its_interface_cuts_it() {
    for (snap_len, original_len, len) in [(0, 5, 5), (5, 9, 5), (9, 5, 5)] {
        let file = simple(snap_len, original_len, b"12345");
        let packets = all(&file).unwrap();
        assert_eq!(
            packets[0].data,
            b"12345"[..len],
            "{snap_len} {original_len}"
        );
        assert_eq!(
            packets[0].original_len,
            usize::try_from(original_len).unwrap()
        );
    }
}

#[test]
fn the_clock_of_an_interface_counts_behind_any_number_of_notes() {
    for order in ORDERS {
        let options = [
            order.option(1, b"note").repeat(200),
            order.option(9, &[9]),
            order.option(14, &[0; 8]),
        ];
        let file = [
            order.section(),
            order.interface(0, &options.concat()),
            order.packet(6, &order.option(1, b"note").repeat(65)),
        ];
        let file = file.concat();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        let packet = reader.next().unwrap().unwrap();
        assert_eq!(packet.timestamp, Duration::from_nanos((1 << 32) + 7));
        assert_eq!(packet.comments.len(), 64);
        assert_eq!(reader.interfaces()[0].comments.len(), 64);
    }
}

#[test]
fn the_first_option_of_a_kind_sets_the_clock_and_no_others_are_kept() {
    for order in ORDERS {
        let options = [
            order.option(9, &[9]),
            order.option(9, &[6]).repeat(100_000),
            order.option(14, &[0; 8]),
            order.option(14, &[1; 8]).repeat(100_000),
        ];
        let file = [
            order.section(),
            order.interface(0, &options.concat()),
            order.packet(6, &[]),
        ];
        let packets = all(&file.concat()).unwrap();
        assert_eq!(packets[0].timestamp, Duration::from_nanos((1 << 32) + 7));
    }
}

#[test]
fn sections_may_be_of_different_orders() {
    let [little, big] = ORDERS;
    let section = |order: Order, name: &[u8], digits| {
        let options = [order.option(2, name), order.option(9, &[digits])].concat();
        let blocks = [
            order.section(),
            order.interface(0, &options),
            order.packet(6, &order.option(1, name)),
            order.packet(2, &order.option(1, name)),
        ];
        blocks.concat()
    };
    let file = [
        section(little, b"first", 9),
        section(big, b"second", 6),
        section(little, b"third", 9),
    ];
    let packets = all(&file.concat()).unwrap();
    let read: Vec<_> = packets
        .iter()
        .map(|it| (it.timestamp, &it.comments[0][..]))
        .collect();
    let (nanos, micros) = (
        Duration::from_nanos((1 << 32) + 7),
        Duration::from_micros((1 << 32) + 7),
    );
    let expected = [(nanos, "first"), (micros, "second"), (nanos, "third")];
    let expected = expected.into_iter().flat_map(|it| [it; 2]);
    assert!(read.iter().copied().eq(expected), "{read:?}");
}

#[test]
fn texts_that_are_not_utf_8_are_read_with_question_marks() {
    for order in ORDERS {
        let blocks = [
            order.section(),
            order.interface(
                0,
                &[
                    order.option(2, b"Br\xfccke 1"),
                    order.option(1, b"\xff\xfe"),
                ]
                .concat(),
            ),
            order.packet(6, &order.option(1, "größer\u{20ac}".as_bytes())),
            order.packet(2, &order.option(1, b"cut \xe2\x82")),
        ];
        let file = blocks.concat();
        let mut reader = CaptureReader::new(&file[..]).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().comments, ["größer€"]);
        assert_eq!(reader.next().unwrap().unwrap().comments, ["cut ??"]);
        assert_eq!(reader.interfaces()[0].name, "Br?cke 1");
        assert_eq!(reader.interfaces()[0].comments, ["??"]);
    }
}

#[test]
fn a_packet_is_never_shorter_than_what_is_there_of_it() {
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    let interface = writer.interface("wg0", LinkType::RAW).unwrap();
    let written = writer.cut_packet(interface, Duration::ZERO, &[0x45; 20], 7, None);
    written.unwrap();
    let packets = all(&writer.finish().unwrap()).unwrap();
    assert_eq!((packets[0].data.len(), packets[0].original_len), (20, 20));

    let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW).unwrap();
    let written = writer.cut_packet(Duration::ZERO, &[0x45; 20], 7);
    written.unwrap();
    let written = writer.cut_packet(Duration::ZERO, &[0x45; 20], 1420);
    written.unwrap();
    let packets = all(&writer.finish().unwrap()).unwrap();
    let lens: Vec<_> = packets
        .iter()
        .map(|it| (it.data.len(), it.original_len))
        .collect();
    assert_eq!(lens, [(20, 20), (20, 1420)]);
}

#[test]
fn a_packet_beyond_what_a_pcap_file_holds_is_cut() {
    let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW).unwrap();
    let written = writer.packet(Duration::ZERO, &vec![0x45; 262_145]);
    written.unwrap();
    let packets = all(&writer.finish().unwrap()).unwrap();
    let lens = (packets[0].data.len(), packets[0].original_len);
    assert_eq!(lens, (262_144, 262_145));
}

#[test]
fn an_interface_of_another_writer_is_refused_with_how_many_there_are() {
    let mut other = CaptureWriter::new(Vec::new()).unwrap();
    other.interface("one", LinkType::RAW).unwrap();
    let second = other.interface("two", LinkType::RAW).unwrap();
    let mut writer = CaptureWriter::new(Vec::new()).unwrap();
    writer.interface("one", LinkType::RAW).unwrap();
    let error = writer.packet(second, Duration::ZERO, &[0x45], None);
    let expected = (1, 1);
    assert!(matches!(
        error,
        Err(CaptureError::NoSuchInterface { interface, count }) if (interface, count) == expected
    ));
}
