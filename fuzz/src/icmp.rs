//! ICMP messages of both versions, and what they quote.

use wirecraft_ip_packets::{
    Echo, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IcmpExtensions, Icmpv4Kind, Icmpv4Message, Icmpv6Kind,
    Icmpv6Message, IpPacket, ParseError, QuotedPacket, v4, v6,
};

use crate::reserved::{clear_icmpv4, clear_icmpv6};

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
    let Ok(lenient) = Icmpv4Message::parse_lenient(bytes) else {
        assert!(bytes.len() < 8);
        return;
    };
    assert_eq!(Icmpv4Message::parse(bytes), lenient.strict());
    let message = lenient.read;
    assert_eq!(message.as_bytes(), bytes);
    let (kind, body) = (message.kind(), &bytes[8..]);
    if let Icmpv4Kind::EchoRequest(echo) | Icmpv4Kind::EchoReply(echo) = kind {
        check_echo(&echo, bytes);
    }
    check_quoted(kind.quoted(), body, message.quoted_packet());
    check_extensions(message.extensions(), bytes);
    let ip = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let builder = ip
        .icmp(message.message_type().number(), message.code())
        .word(message.word())
        .payload(body);
    let checked = builder.build();
    let checked = Icmpv4Message::parse_lenient(&checked[IPV4_HEADER_LEN..]).expect("it was built");
    assert!(checked.read.checksum_is_valid());
    let rebuilt = builder.checksum(message.checksum()).build();
    assert_eq!(&rebuilt[IPV4_HEADER_LEN..], bytes);
    let typed = ip.icmpv4(kind).build();
    let typed = Icmpv4Message::parse_lenient(&typed[IPV4_HEADER_LEN..]).expect("it was built");
    assert_eq!(typed.read.kind(), kind);
    assert!(typed.read.checksum_is_valid());
    if lenient.stopped.is_none() && kind.quoted().is_none() {
        let (mut typed, mut bytes) = (typed.read.as_bytes().to_vec(), bytes.to_vec());
        assert_eq!(typed.len(), bytes.len(), "{kind:?}");
        for bytes in [&mut typed, &mut bytes] {
            clear_icmpv4(&message, bytes);
            bytes[2..4].fill(0);
        }
        assert_eq!(typed, bytes, "{kind:?}");
    }
}

fn check_v6(bytes: &[u8]) {
    let Ok(lenient) = Icmpv6Message::parse_lenient(bytes) else {
        assert!(bytes.len() < 4);
        return;
    };
    assert_eq!(Icmpv6Message::parse(bytes), lenient.strict());
    let message = lenient.read;
    assert_eq!(message.as_bytes(), bytes);
    let kind = message.kind();
    let (Some(word), Some(body)) = (message.word(), bytes.get(8..)) else {
        match kind {
            Icmpv6Kind::MulticastRouterSolicitation | Icmpv6Kind::MulticastRouterTermination => {
                assert_eq!(bytes.len(), 4);
            }
            Icmpv6Kind::Other { body, .. } => assert_eq!(body, &bytes[4..]),
            other => panic!("{other:?} has a word"),
        }
        assert_eq!(message.quoted_packet(), None);
        return;
    };
    if let Icmpv6Kind::EchoRequest(echo) | Icmpv6Kind::EchoReply(echo) = kind {
        check_echo(&echo, bytes);
    }
    check_quoted(kind.quoted(), body, message.quoted_packet());
    check_extensions(message.extensions(), bytes);
    let ip = v6([1; 16].into(), [2; 16].into());
    let builder = ip
        .icmp(message.message_type().number(), message.code())
        .word(word)
        .payload(body);
    let checked = builder.build();
    let packet = IpPacket::parse(&checked).expect("it was built");
    let checked = Icmpv6Message::parse_lenient(&checked[IPV6_HEADER_LEN..]).expect("it was built");
    assert!(checked.read.checksum_is_valid(&packet.pseudo_header()));
    let rebuilt = builder.checksum(message.checksum()).build();
    assert_eq!(&rebuilt[IPV6_HEADER_LEN..], bytes);
    let typed = ip.icmpv6(kind).build();
    let typed = Icmpv6Message::parse_lenient(&typed[IPV6_HEADER_LEN..]).expect("it was built");
    assert_eq!(typed.read.kind(), kind);
    if lenient.stopped.is_none() && kind.quoted().is_none() {
        let (mut typed, mut bytes) = (typed.read.as_bytes().to_vec(), bytes.to_vec());
        assert_eq!(typed.len(), bytes.len(), "{kind:?}");
        for bytes in [&mut typed, &mut bytes] {
            clear_icmpv6(&message, bytes);
            bytes[2..4].fill(0);
        }
        assert_eq!(typed, bytes, "{kind:?}");
    }
}

/// Extensions stand at the end of a message; why there are none is said of a place in it.
fn check_extensions(extensions: Result<Option<IcmpExtensions<'_>>, ParseError>, bytes: &[u8]) {
    match extensions {
        Ok(Some(extensions)) => {
            assert!(bytes.ends_with(extensions.as_bytes()));
            let objects = extensions.objects();
            assert_eq!(objects.encoded_len() >= 4, !objects.is_empty());
        }
        Ok(None) => {}
        Err(error) => assert!(error.offset() <= bytes.len()),
    }
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
