//! ICMP messages of both versions, and what they quote.

use wirecraft_ip_packets::{
    Echo, IPV4_HEADER_LEN, IPV6_HEADER_LEN, Icmpv4Kind, Icmpv4Message, Icmpv6Kind, Icmpv6Message,
    IpPacket, QuotedPacket, v4, v6,
};

/// A message that parses can be built anew, and what it quotes lies in it.
///
/// The first byte chooses the version, the rest is the message.
pub fn icmp_message(input: &[u8]) {
    let Some((version, bytes)) = input.split_first() else {
        return;
    };
    if version & 1 == 0 {
        check_v4(bytes);
    } else {
        check_v6(bytes);
    }
}

fn check_v4(bytes: &[u8]) {
    let message = Icmpv4Message::parse(bytes);
    assert_eq!(message.is_ok(), bytes.len() >= 8);
    let Ok(message) = message else {
        return;
    };
    assert_eq!(message.as_bytes(), bytes);
    let body = &bytes[8..];
    let quoted = match message.kind() {
        Icmpv4Kind::EchoRequest(echo) | Icmpv4Kind::EchoReply(echo) => {
            check_echo(&echo, bytes);
            None
        }
        Icmpv4Kind::DestinationUnreachable { quoted, .. }
        | Icmpv4Kind::TimeExceeded { quoted, .. }
        | Icmpv4Kind::ParameterProblem { quoted, .. }
        | Icmpv4Kind::Redirect { quoted, .. } => Some(quoted),
        Icmpv4Kind::Other { body: other, .. } => {
            assert_eq!(other, body);
            None
        }
        other => panic!("{other:?} has no check"),
    };
    check_quoted(quoted, body, message.quoted_packet());
    let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .icmp(message.message_type().number(), message.code())
        .word([bytes[4], bytes[5], bytes[6], bytes[7]])
        .payload(body);
    let checked = builder.build();
    let checked = Icmpv4Message::parse(&checked[IPV4_HEADER_LEN..]).expect("it was built");
    assert!(checked.checksum_is_valid());
    let rebuilt = builder.checksum(message.checksum()).build();
    assert_eq!(&rebuilt[IPV4_HEADER_LEN..], bytes);
}

fn check_v6(bytes: &[u8]) {
    let Ok(message) = Icmpv6Message::parse(bytes) else {
        assert!(bytes.len() < 8);
        return;
    };
    assert_eq!(message.as_bytes(), bytes);
    let Some(body) = bytes.get(8..) else {
        assert!(matches!(message.kind(), Icmpv6Kind::Other { body } if body == &bytes[4..]));
        assert_eq!(message.quoted_packet(), None);
        return;
    };
    let quoted = match message.kind() {
        Icmpv6Kind::EchoRequest(echo) | Icmpv6Kind::EchoReply(echo) => {
            check_echo(&echo, bytes);
            None
        }
        Icmpv6Kind::DestinationUnreachable { quoted, .. }
        | Icmpv6Kind::PacketTooBig { quoted, .. }
        | Icmpv6Kind::TimeExceeded { quoted, .. }
        | Icmpv6Kind::ParameterProblem { quoted, .. } => Some(quoted),
        Icmpv6Kind::Other { body } => {
            assert_eq!(body, &bytes[4..]);
            None
        }
        other => panic!("{other:?} has no check"),
    };
    check_quoted(quoted, body, message.quoted_packet());
    let builder = v6([1; 16].into(), [2; 16].into())
        .icmp(message.message_type().number(), message.code())
        .word([bytes[4], bytes[5], bytes[6], bytes[7]])
        .payload(body);
    let checked = builder.build();
    let packet = IpPacket::parse(&checked).expect("it was built");
    let checked = Icmpv6Message::parse(&checked[IPV6_HEADER_LEN..]).expect("it was built");
    assert!(checked.checksum_is_valid(&packet.pseudo_header()));
    let rebuilt = builder.checksum(message.checksum()).build();
    assert_eq!(&rebuilt[IPV6_HEADER_LEN..], bytes);
}

fn check_echo(echo: &Echo<'_>, bytes: &[u8]) {
    assert_eq!(echo.identifier.to_be_bytes(), bytes[4..6]);
    assert_eq!(echo.sequence.to_be_bytes(), bytes[6..8]);
    assert_eq!(echo.payload, &bytes[8..]);
}

/// What is quoted starts where the message's own words end; a packet in it reads as a packet does.
fn check_quoted(quoted: Option<&[u8]>, body: &[u8], packet: Option<QuotedPacket<'_>>) {
    let Some(quoted) = quoted else {
        assert_eq!(packet, None);
        return;
    };
    assert_eq!(quoted, &body[..quoted.len()]);
    assert_eq!(packet, QuotedPacket::parse(quoted).ok());
    let Some(packet) = packet else {
        return;
    };
    assert!(quoted.ends_with(packet.payload()));
    assert!(packet.ports().is_none() || packet.echo_request().is_none());
    if let Ok(whole) = IpPacket::parse(quoted) {
        assert_eq!(packet.source(), whole.source());
        assert_eq!(packet.destination(), whole.destination());
        assert_eq!(packet.protocol(), whole.protocol());
    }
    for len in [20, 28, 40, 48] {
        let Some(start) = quoted.get(..len) else {
            break;
        };
        if let Ok(cut) = QuotedPacket::parse(start) {
            assert_eq!(cut.source(), packet.source());
            assert!(packet.payload().starts_with(cut.payload()));
        }
    }
}
