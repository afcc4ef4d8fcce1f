//! Generated packets of every kind, through the targets that take packets.

use wirecraft_fuzz::{
    clear_reserved, ip_packet, packet_text, rebuilt_in_types, rewrite, rewritten_packet,
};
use wirecraft_ip_packets::{Defaults, Expression, IpPacket};
use wirecraft_testing::Packets;

/// How many packets are made up.
const PACKETS: usize = 4000;

/// An address of version 4 and a port, one of version 6 and a port, and pieces of them.
const V4: &[u8] = &[0, 10, 9, 8, 7, 0x1f, 0x90];
const V6: &[u8] = &[
    1, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x1f, 0x90,
];
const WORD: &[u8] = &[0xb0, 7];

/// The changes of [`rewrite`], with arguments of the length that each takes.
const CHANGES: [(u8, &[u8]); 24] = [
    (0, &[5]),
    (1, &[3]),
    (2, &[64]),
    (3, WORD),
    (4, V4.first_chunk::<5>().expect("it is longer")),
    (4, V6.first_chunk::<17>().expect("it is longer")),
    (5, V4.first_chunk::<5>().expect("it is longer")),
    (5, V6.first_chunk::<17>().expect("it is longer")),
    (6, WORD),
    (7, WORD),
    (8, V4),
    (8, V6),
    (9, V4),
    (9, V6),
    (10, &[5, 0xb0, 7, 9]),
    (11, &[5, 0xb0, 7, 9]),
    (12, WORD),
    (13, WORD),
    (14, &[5, 0xb0, 7, 9]),
    (15, &[1]),
    (16, WORD),
    (17, &[1, 7]),
    (18, WORD),
    (19, WORD),
];

fn packets() -> impl Iterator<Item = (String, Vec<u8>)> {
    Packets::new(0x7ade).take(PACKETS).map(|text| {
        let expression: Expression = text.parse().expect("generated packets are expressions");
        let bytes = expression.build(&Defaults::default());
        (text, bytes.expect("generated packets can be built"))
    })
}

#[test]
fn every_whole_packet_is_what_its_types_say_byte_for_byte() {
    let mut fragments = 0;
    for (text, bytes) in packets() {
        let packet = IpPacket::parse(&bytes).expect("generated packets parse");
        if packet.is_fragment() {
            fragments += 1;
            continue;
        }
        let rebuilt = rebuilt_in_types(&packet);
        assert_eq!(rebuilt.as_deref(), Some(&bytes[..]), "{text}");
        let mut cleared = bytes.clone();
        clear_reserved(&packet, &mut cleared);
        assert_eq!(cleared, bytes, "{text}: nothing reserved is set");
    }
    assert!(fragments < PACKETS / 4, "{fragments} fragments");
}

#[test]
fn generated_packets_pass_the_targets_that_take_packets() {
    for (_, bytes) in packets() {
        ip_packet(&bytes);
        packet_text(&bytes);
        // One change of each kind: the first byte says how many, the next which, and what it is set to.
        for (change, argument) in CHANGES {
            let input = [&[1, change], argument, &bytes].concat();
            assert_eq!(rewritten_packet(&input), bytes, "{change}");
            rewrite(&input);
        }
    }
}
