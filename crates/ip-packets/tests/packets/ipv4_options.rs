//! IPv4 options both ways.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use wirecraft_ip_packets::{
    BuildError, Field, Ipv4Option, Ipv4Options, Ipv4Packet, Ipv4Route, Ipv4Timestamp,
    Ipv4Timestamps, Ipv4TimestampsKind, Layer, v4,
};

use crate::strategies::ipv4_options;

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

proptest! {
    #[test]
    fn options_read_as_they_were_built(options in ipv4_options()) {
        let mut builder = v4(SOURCE, DESTINATION);
        for option in &options {
            builder = builder.option(option.option());
        }
        let bytes = builder.udp(1, 2).build();
        let packet = Ipv4Packet::parse(&bytes).unwrap();
        prop_assert!(packet.checksum_is_valid());
        let read: Vec<_> = packet.options().map(Result::unwrap).collect();
        let written: Vec<_> = options.iter().map(|option| option.option()).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn options_write_as_they_were_read(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..9_u8, Just(68), Just(130)], 0..40),
    ) {
        let mut at = 0;
        for option in Ipv4Options::new(&bytes).map_while(Result::ok) {
            let mut buf = [0; 40];
            let len = option.write(&mut buf).unwrap();
            prop_assert_eq!(&buf[..len], &bytes[at..at + len]);
            prop_assert_eq!(len, option.encoded_len());
            at += len;
        }
    }
}

/// Builds a packet with one option and returns the options as they are on the wire.
fn wire(option: Ipv4Option<'_>) -> Vec<u8> {
    let bytes = v4(SOURCE, DESTINATION).option(option).udp(1, 2).build();
    Ipv4Packet::parse(&bytes)
        .unwrap()
        .options()
        .as_bytes()
        .to_vec()
}

#[test]
fn every_option_is_the_bytes_it_should_be() {
    let route = Ipv4Route::new(&[[1, 2, 3, 4].into()]).unwrap();
    assert_eq!(
        wire(Ipv4Option::RecordRoute(Ipv4Route::empty(1))),
        [7, 7, 4, 0, 0, 0, 0, 0]
    );
    assert_eq!(
        wire(Ipv4Option::LooseSourceRoute(route)),
        [131, 7, 4, 1, 2, 3, 4, 0]
    );
    assert_eq!(
        wire(Ipv4Option::StrictSourceRoute(route)),
        [137, 7, 4, 1, 2, 3, 4, 0]
    );
    assert_eq!(wire(Ipv4Option::RouterAlert(0)), [148, 4, 0, 0]);
    let times = Ipv4Timestamps::empty(Ipv4TimestampsKind::Times, 1).with_overflow(2);
    assert_eq!(
        wire(Ipv4Option::Timestamps(times)),
        [68, 8, 5, 0x20, 0, 0, 0, 0]
    );
    let asked = Ipv4Timestamps::prespecified(&[[1, 2, 3, 4].into()]).unwrap();
    let expected = [68, 12, 5, 3, 1, 2, 3, 4, 0, 0, 0, 0];
    assert_eq!(wire(Ipv4Option::Timestamps(asked)), expected);
    let security = Ipv4Option::Security {
        level: 0xf135,
        compartments: 1,
        handling: 2,
        control: [3, 4, 5],
    };
    assert_eq!(
        wire(security),
        [130, 11, 0xf1, 0x35, 0, 1, 0, 2, 3, 4, 5, 0]
    );
    let basic = Ipv4Option::BasicSecurity {
        classification: 0xab,
        authorities: &[0x80],
    };
    assert_eq!(wire(basic), [130, 4, 0xab, 0x80]);
}

#[test]
fn entries_of_timestamps_have_addresses_where_the_kind_says_so() {
    let read = |bytes| match Ipv4Options::new(bytes).next().unwrap().unwrap() {
        Ipv4Option::Timestamps(timestamps) => timestamps,
        other => panic!("{other:?}"),
    };
    let times = read(&[68, 12, 13, 0xf0, 0, 0, 0, 9, 0x80, 0, 0, 1]);
    assert_eq!(
        (times.kind(), times.overflow(), times.pointer()),
        (Ipv4TimestampsKind::Times, 15, 13)
    );
    let found: Vec<u32> = times.entries().map(|entry| entry.time).collect();
    assert_eq!(found, [9, 0x8000_0001]);
    let with_addresses = read(&[68, 12, 13, 1, 1, 2, 3, 4, 0, 0, 0, 7]);
    let entry = Ipv4Timestamp {
        address: Some([1, 2, 3, 4].into()),
        time: 7,
    };
    assert_eq!(with_addresses.entries().collect::<Vec<_>>(), [entry]);
}

#[test]
fn the_pointer_parts_a_route_into_passed_and_open() {
    let addresses: [Ipv4Addr; 2] = [[1, 1, 1, 1].into(), [2, 2, 2, 2].into()];
    let route = Ipv4Route::new(&addresses).unwrap();
    assert!(route.passed().is_empty());
    assert_eq!(route.with_pointer(8).passed(), &addresses[..1]);
    assert_eq!(route.with_pointer(255).passed(), addresses);
    assert!(Ipv4Route::new(&[SOURCE; 10]).is_none());
}

#[test]
fn an_option_of_a_wrong_length_is_kept_as_unknown() {
    for wire in [
        &[148, 3, 0][..],
        &[7, 8, 4, 1, 2, 3, 4, 5],
        &[68, 8, 5, 2, 0, 0, 0, 0],
        &[130, 2],
    ] {
        let unknown = Ipv4Option::Unknown {
            kind: wire[0],
            data: &wire[2..],
        };
        assert_eq!(Ipv4Options::new(wire).next(), Some(Ok(unknown)));
    }
}

#[test]
fn what_follows_the_end_is_padding() {
    let mut options = Ipv4Options::new(&[1, 0, 7, 7]);
    assert_eq!(options.padding(), [0, 7, 7]);
    assert_eq!(options.next(), Some(Ok(Ipv4Option::Nop)));
    assert_eq!(options.next(), None);
    assert!(Ipv4Options::new(&[1, 1]).padding().is_empty());
    assert_eq!(wire(Ipv4Option::End), [0, 0, 0, 0]);
}

#[test]
fn an_option_cut_off_says_where() {
    let error = Ipv4Options::new(&[1, 7, 7, 4]).last().unwrap().unwrap_err();
    assert_eq!(
        (error.layer(), error.field(), error.offset()),
        (Layer::Ipv4, Field::Option, 21)
    );
}

#[test]
fn options_beyond_forty_bytes_are_refused() {
    let route = Ipv4Option::RecordRoute(Ipv4Route::empty(9));
    let builder = v4(SOURCE, DESTINATION)
        .option(route)
        .option(Ipv4Option::RouterAlert(0));
    let error = BuildError::OptionsTooLong {
        layer: Layer::Ipv4,
        len: 43,
        max: 40,
    };
    assert_eq!(builder.udp(1, 2).try_build(), Err(error));
}
