//! TCP segments with their options, and UDP datagrams.

use core::net::Ipv4Addr;

use wirecraft_ip_packets::{
    IPV4_HEADER_LEN, TcpOption, TcpOptions, TcpSegment, UdpDatagram, checksum::PseudoHeader, v4,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A segment that parses can be built anew, and every option of it writes back to its own bytes.
pub fn tcp_segment(input: &[u8]) {
    check_options(TcpOptions::new(input));
    let segment = match TcpSegment::parse(input) {
        Ok(segment) => segment,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(segment.as_bytes(), input);
    assert_eq!(segment.header_len() + segment.payload().len(), input.len());
    check_options(segment.options());
    let first_mss = segment.options().flatten().find_map(|option| match option {
        TcpOption::Mss(mss) => Some(mss),
        _ => None,
    });
    assert_eq!(segment.mss(), first_mss);
    let builder = v4(SOURCE, DESTINATION)
        .tcp(segment.source_port(), segment.destination_port())
        .seq(segment.seq())
        .ack_number(segment.ack())
        .reserved(segment.reserved())
        .flags(segment.flags())
        .window(segment.window())
        .urgent_pointer(segment.urgent_pointer())
        .raw_options(segment.options().as_bytes())
        .payload(segment.payload());
    let checked = builder.build();
    let checked = TcpSegment::parse(&checked[IPV4_HEADER_LEN..]).expect("it was built");
    let pseudo_header = PseudoHeader::v4(SOURCE, DESTINATION);
    assert!(checked.checksum_is_valid(&pseudo_header));
    let rebuilt = builder.checksum(segment.checksum()).build();
    assert_eq!(&rebuilt[IPV4_HEADER_LEN..], input);
}

/// Options are read one after the other until their end, or until the framing is lost.
fn check_options(options: TcpOptions<'_>) {
    let bytes = options.as_bytes();
    let mut at = 0;
    let mut is_lost = false;
    for option in options {
        assert!(!is_lost, "nothing follows an error");
        match option {
            Ok(option) => {
                let mut written = [0; 256];
                let len = option
                    .write(&mut written)
                    .expect("an option has 255 bytes at most");
                assert_eq!(len, option.encoded_len());
                assert_eq!(written[..len], bytes[at..at + len], "{option:?}");
                assert_eq!(option.write(&mut written[..len - 1]), None);
                assert_eq!(option.kind(), bytes[at]);
                at += len;
            }
            Err(error) => {
                assert_eq!(error.offset(), 20 + at);
                is_lost = true;
            }
        }
    }
    assert!(
        is_lost || at == bytes.len() || bytes[at] == 0,
        "it stopped at {at}"
    );
}

/// A datagram that parses is trimmed to its length, and can be built anew.
pub fn udp_datagram(input: &[u8]) {
    let stated_len = input
        .get(4..6)
        .map(|len| usize::from(len[0]) << 8 | usize::from(len[1]));
    let is_sound = stated_len.is_some_and(|len| (8..=input.len()).contains(&len));
    let datagram = match UdpDatagram::parse(input) {
        Ok(datagram) => datagram,
        Err(error) => {
            assert!(!is_sound, "{error}");
            return;
        }
    };
    assert_eq!(Some(datagram.as_bytes().len()), stated_len);
    assert_eq!(datagram.as_bytes()[8..], *datagram.payload());
    assert_eq!(UdpDatagram::parse(datagram.as_bytes()), Ok(datagram));
    let builder = v4(SOURCE, DESTINATION)
        .udp(datagram.source_port(), datagram.destination_port())
        .payload(datagram.payload());
    let checked = builder.try_build();
    let Ok(checked) = checked else {
        assert!(
            datagram.as_bytes().len() + IPV4_HEADER_LEN > 0xffff,
            "it is as long as it was"
        );
        return;
    };
    let checked = UdpDatagram::parse(&checked[IPV4_HEADER_LEN..]).expect("it was built");
    let pseudo_header = PseudoHeader::v4(SOURCE, DESTINATION);
    assert!(checked.checksum() != 0 && checked.checksum_is_valid(&pseudo_header));
    let rebuilt = builder.checksum(datagram.checksum()).build();
    assert_eq!(&rebuilt[IPV4_HEADER_LEN..], datagram.as_bytes());
}
