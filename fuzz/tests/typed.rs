//! Generated packets of every kind, through the targets that take packets.

use wirecraft_fuzz::{clear_reserved, ip_packet, packet_text, rebuilt_in_types, rewrite};
use wirecraft_ip_packets::{Defaults, Expression, IpPacket};
use wirecraft_testing::Packets;

/// How many packets are made up.
const PACKETS: usize = 4000;

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
        // One change of each kind: the first byte says how many, the next which.
        for change in 0..20 {
            rewrite(&[&[1, change, 5, 0xb0, 7, 9][..], &bytes].concat());
        }
    }
}
