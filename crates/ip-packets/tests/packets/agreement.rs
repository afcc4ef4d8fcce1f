//! An expression and a builder that say the same make the same bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    Defaults, Expression, IcmpObject, IcmpObjectClass, IpPacket, MplsLabel, Sequence, Transport,
    v4, v6,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::LOCALHOST;
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

const DEFAULTS: Defaults = Defaults {
    source_v4: SOURCE,
    destination_v4: DESTINATION,
    source_v6: SOURCE_V6,
    destination_v6: DESTINATION_V6,
};

fn built(text: &str) -> Vec<u8> {
    let expression: Expression = text.parse().unwrap();
    expression.build(&DEFAULTS).unwrap()
}

#[test]
fn an_sctp_checksum_is_the_number_that_views_read() {
    let text = built("ip()/sctp(sport=1,dport=2,chksum=0x01020304)");
    let builder = v4(SOURCE, DESTINATION).sctp(1, 2).checksum(0x0102_0304);
    assert_eq!(text, builder.build());
    let Ok(Transport::Sctp(packet)) = IpPacket::parse(&text).unwrap().transport() else {
        panic!("not SCTP");
    };
    assert_eq!(packet.checksum(), 0x0102_0304);
}

#[test]
fn gre_over_bytes_says_ipv4() {
    let builder = v4(SOURCE, DESTINATION).gre().payload(b"bytes");
    assert_eq!(built(r#"ip()/gre()/"bytes""#), builder.build());
}

#[test]
fn extensions_leave_the_word_alone_where_no_octet_of_it_is_a_length() {
    let labels = [MplsLabel {
        label: 16,
        traffic_class: 0,
        bottom: true,
        ttl: 1,
    }];
    let objects = [IcmpObject::MplsLabels(Sequence::new(&labels))];
    let redirect = v4(SOURCE, DESTINATION).icmp(5, 1).word([10, 9, 8, 7]);
    let text = built(r#"ip()/icmp(type=5,code=1,gw=10.9.8.7)/"quoted"/ext([mpls(16)])"#);
    let payload = redirect.payload(b"quoted");
    assert_eq!(text, payload.extensions(&objects).build());
    let too_big = v6(SOURCE_V6, DESTINATION_V6).icmp(2, 0).word([0, 0, 5, 0]);
    let text = built(r#"ip6()/icmp6(type=2,mtu=1280)/"quoted"/ext([mpls(16)])"#);
    let payload = too_big.payload(b"quoted");
    assert_eq!(text, payload.extensions(&objects).build());
    let expired = v4(SOURCE, DESTINATION).icmp(11, 0).payload(b"quoted");
    let text = built(r#"ip()/icmp(type=11)/"quoted"/ext([mpls(16)])"#);
    assert_eq!(text, expired.extensions(&objects).build());
}

#[test]
fn an_extension_checksum_of_zero_is_written_as_ones() {
    // All words of the structure add up to 0xffff.
    let data = [0xd6, 0xf7, 0, 0];
    let class = IcmpObjectClass::new(9);
    let objects = [IcmpObject::Unknown {
        class,
        kind: 0,
        data: &data,
    }];
    let builder = v4(SOURCE, DESTINATION).icmp(11, 0).payload(b"quoted");
    let text = built(r#"ip()/icmp(type=11)/"quoted"/ext([object(9,0,hex(d6f70000))])"#);
    assert_eq!(text, builder.extensions(&objects).build());
    assert_eq!(text[20 + 8 + 128 + 2..][..2], [0xff, 0xff]);
}
