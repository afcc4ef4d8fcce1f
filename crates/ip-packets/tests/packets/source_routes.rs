//! Checksums cover the address where a packet ends its way.

use std::net::{IpAddr, Ipv4Addr};

use wirecraft_ip_packets::{
    IpPacket, IpPacketMut, Ipv4Option, Ipv4Packet, Ipv4Route, checksum::PseudoHeader, v4,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NEXT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const LAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

fn routed(pointer: u8, option: fn(Ipv4Route) -> Ipv4Option<'static>) -> Vec<u8> {
    let route = Ipv4Route::new(&[[10, 0, 0, 3].into(), LAST]).unwrap();
    v4(SOURCE, NEXT)
        .option(option(route.with_pointer(pointer)))
        .udp(1, 2)
        .payload(b"on a detour")
        .build()
}

fn covered(packet: &[u8]) -> Ipv4Addr {
    let packet = Ipv4Packet::parse(packet).unwrap();
    let udp = IpPacket::V4(packet).udp().unwrap();
    assert!(udp.checksum_is_valid(&packet.pseudo_header()));
    let end = packet.final_destination();
    assert!(udp.checksum_is_valid(&PseudoHeader::v4(SOURCE, end)));
    end
}

#[test]
fn checksums_cover_the_last_address_of_a_source_route_until_it_is_used_up() {
    for option in [Ipv4Option::LooseSourceRoute, Ipv4Option::StrictSourceRoute] {
        assert_eq!(covered(&routed(4, option)), LAST);
        assert_eq!(covered(&routed(8, option)), LAST);
        assert_eq!(covered(&routed(12, option)), NEXT, "used up");
    }
    let recorded = routed(4, Ipv4Option::RecordRoute);
    assert_eq!(covered(&recorded), NEXT, "a record is no route");
}

#[test]
fn a_new_destination_under_a_source_route_changes_the_header_checksum_alone() {
    for (pointer, end) in [(4, LAST), (12, [10, 9, 8, 7].into())] {
        let mut bytes = routed(pointer, Ipv4Option::LooseSourceRoute);
        let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
        let address = IpAddr::V4([10, 9, 8, 7].into());
        packet.set_destination_address(address).unwrap();
        assert!(Ipv4Packet::parse(&bytes).unwrap().checksum_is_valid());
        assert_eq!(covered(&bytes), end);
    }
}

#[cfg(feature = "text")]
#[test]
fn expressions_cover_the_end_of_a_source_route() {
    let text = r#"ip(src=10.0.0.1,dst=10.0.0.2,options=[lsrr([10.0.0.3,10.0.0.4])])/udp()/"x""#;
    let expression: wirecraft_ip_packets::Expression = text.parse().unwrap();
    let packet = expression.build(&wirecraft_ip_packets::Defaults::default());
    assert_eq!(covered(&packet.unwrap()), LAST);
}
