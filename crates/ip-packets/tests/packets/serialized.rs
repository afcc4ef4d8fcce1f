//! Values through serde and back.

use serde_json::{from_str, to_string};
use wirecraft_ip_packets::{
    Dscp, Ecn, Expression, IpPacket, IpPacketBuf, IpVersion, ParseError, Protocol, SackBlock,
    TcpFlags, v4,
};

#[test]
fn numbers_and_flags_are_numbers() {
    assert_eq!(to_string(&Protocol::UDP).unwrap(), "17");
    assert_eq!(from_str::<Dscp>("46").unwrap(), Dscp::EF);
    assert_eq!(to_string(&(TcpFlags::SYN | TcpFlags::AE)).unwrap(), "258");
    assert_eq!(
        from_str::<TcpFlags>("18").unwrap(),
        TcpFlags::SYN | TcpFlags::ACK
    );
}

#[test]
fn flags_that_there_are_not_are_refused() {
    assert!(from_str::<TcpFlags>("511").is_ok());
    assert!(from_str::<TcpFlags>("512").is_err());
}

#[test]
fn choices_are_names() {
    assert_eq!(to_string(&Ecn::Ce).unwrap(), "\"Ce\"");
    assert_eq!(from_str::<IpVersion>("\"V6\"").unwrap(), IpVersion::V6);
    let block = SackBlock { left: 1, right: 2 };
    assert_eq!(to_string(&block).unwrap(), r#"{"left":1,"right":2}"#);
}

#[test]
fn errors_come_back() {
    let error = IpPacket::parse(&[0x45; 10]).unwrap_err();
    let text = to_string(&error).unwrap();
    assert!(text.contains("\"field\":\"FixedHeader\""), "{text}");
    assert_eq!(from_str::<ParseError>(&text).unwrap(), error);
}

#[test]
fn a_packet_that_is_kept_is_its_bytes_and_is_checked_when_it_comes_back() {
    let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1, 2)
        .build();
    let kept = IpPacketBuf::new(bytes.clone()).unwrap();
    let text = to_string(&kept).unwrap();
    assert_eq!(text, to_string(&bytes).unwrap());
    assert_eq!(from_str::<IpPacketBuf>(&text).unwrap(), kept);
    let error = from_str::<IpPacketBuf>("[69,0,0]").unwrap_err();
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[test]
fn an_expression_is_its_text() {
    let expression: Expression = r#"ip()/udp()/"x""#.parse().unwrap();
    let text = to_string(&expression).unwrap();
    assert_eq!(text, r#""ip()/udp()/\"x\"""#);
    assert_eq!(from_str::<Expression>(&text).unwrap(), expression);
    let error = from_str::<Expression>("\"ip(\"").unwrap_err();
    assert!(error.to_string().contains("expected a value"), "{error}");
}
