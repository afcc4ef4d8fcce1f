//! TCP options both ways.

use proptest::prelude::*;
use wirecraft_ip_packets::{
    AccEcn, AccEcnOrder, BuildError, DataNumber, DecodedTcpOption, Expected, Field, IpPacket,
    Layer, Mptcp, MptcpJoin, MptcpKeys, ParseError, SackBlock, SackBlocks, TcpOption,
    TcpOptionCodec, TcpOptions, UserTimeout, v4,
};

use crate::strategies::options;

/// Options of any kind and length, those that this crate types more often than others.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [
        2_u8, 3, 4, 5, 8, 19, 28, 29, 30, 30, 30, 34, 172, 174, 253, 254,
    ];
    let kind = prop_oneof![any::<u8>(), prop::sample::select(kinds.to_vec())];
    // The subtype and its flags: mostly such as are in use.
    let first = prop_oneof![
        any::<u8>(),
        (0..9_u8, 0..2_u8).prop_map(|(high, low)| high << 4 | low)
    ];
    let second = prop_oneof![any::<u8>(), Just(0)];
    let rest = prop::collection::vec(any::<u8>(), 0..36);
    (kind, first, second, rest, 0..=38_usize).prop_map(|(kind, first, second, rest, len)| {
        let data: Vec<u8> = [first, second].into_iter().chain(rest).take(len).collect();
        let len = u8::try_from(data.len() + 2).unwrap();
        [kind, len].into_iter().chain(data).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn options_read_as_they_were_written(options in options()) {
        let mut buf = [0; 40];
        let mut len = 0;
        for option in &options {
            len += option.option().write(&mut buf[len..]).unwrap();
        }
        let read: Vec<_> = TcpOptions::new(&buf[..len]).map(Result::unwrap).collect();
        let written: Vec<_> = options.iter().map(|option| option.option()).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn options_write_as_they_were_read(bytes in framed()) {
        let mut at = 0;
        for option in TcpOptions::new(&bytes).map_while(Result::ok) {
            let mut buf = [0; 40];
            let len = option.write(&mut buf).unwrap();
            prop_assert_eq!(&buf[..len], &bytes[at..at + len]);
            at += len;
        }
    }
}

/// Reads the one option that `bytes` is, and writes it again.
fn only(bytes: &[u8]) -> TcpOption<'_> {
    let mut options = TcpOptions::new(bytes);
    let option = options.next().unwrap().unwrap();
    assert_eq!(options.next(), None);
    let mut buf = [0; 40];
    let len = option.write(&mut buf).unwrap();
    assert_eq!(&buf[..len], bytes);
    option
}

#[test]
fn every_rare_option_reads_as_what_it_is() {
    let digest = [[19, 18].as_slice(), &[7; 16]].concat();
    assert_eq!(only(&digest), TcpOption::Md5([7; 16]));
    let authentication = TcpOption::Authentication {
        key_id: 1,
        next_key_id: 2,
        mac: &[3, 4],
    };
    assert_eq!(only(&[29, 6, 1, 2, 3, 4]), authentication);
    let minutes = TcpOption::UserTimeout(UserTimeout::Minutes(5));
    assert_eq!(only(&[28, 4, 0x80, 5]), minutes);
    assert_eq!(only(&[34, 2]), TcpOption::FastOpen(&[]));
    let experiment = TcpOption::Experiment {
        kind: 254,
        id: 0xf989,
        data: &[1],
    };
    assert_eq!(only(&[254, 5, 0xf9, 0x89, 1]), experiment);
}

#[test]
fn accurate_ecn_counters_stand_in_the_order_their_kind_says() {
    let TcpOption::AccEcn(zero) = only(&[172, 11, 0, 0, 1, 0, 0, 2, 0, 0, 3]) else {
        panic!("not AccECN")
    };
    assert_eq!(
        (zero.ect0(), zero.ce(), zero.ect1()),
        (Some(1), Some(2), Some(3))
    );
    let TcpOption::AccEcn(one) = only(&[174, 5, 0x12, 0x34, 0x56]) else {
        panic!("not AccECN")
    };
    assert_eq!(
        (one.ect0(), one.ce(), one.ect1()),
        (None, None, Some(0x0012_3456))
    );
    assert!(AccEcn::new(AccEcnOrder::Ect0First, &[0; 4]).is_none());
}

#[test]
fn multipath_options_read_by_subtype_and_length() {
    let capable = |keys| {
        TcpOption::Mptcp(Mptcp::Capable {
            version: 1,
            flags: 0x81,
            keys,
        })
    };
    assert_eq!(only(&[30, 4, 1, 0x81]), capable(MptcpKeys::None));
    let with_key = [30, 12, 1, 0x81, 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(only(&with_key), capable(MptcpKeys::Sender(9)));
    let syn = MptcpJoin::Syn {
        is_backup: true,
        address_id: 7,
        token: 1,
        nonce: 2,
    };
    let join = [30, 12, 0x11, 7, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(only(&join), TcpOption::Mptcp(Mptcp::Join(syn)));
    let data = Mptcp::DataSequence {
        is_fin: false,
        ack: Some(DataNumber::Short(5)),
        mapping: None,
    };
    assert_eq!(only(&[30, 8, 0x20, 1, 0, 0, 0, 5]), TcpOption::Mptcp(data));
    let echo = Mptcp::AddAddress {
        id: 3,
        address: [10, 0, 0, 1].into(),
        port: Some(443),
        hmac: None,
    };
    let announced = [30, 10, 0x31, 3, 10, 0, 0, 1, 1, 187];
    assert_eq!(only(&announced), TcpOption::Mptcp(echo));
    let reset = Mptcp::Reset {
        flags: 1,
        reason: 6,
    };
    assert_eq!(only(&[30, 4, 0x81, 6]), TcpOption::Mptcp(reset));
}

#[test]
fn multipath_options_that_say_more_than_their_type_are_unknown() {
    // Reserved bits, an unknown subtype, a length of no subtype, nothing at all.
    let strange = [
        &[30, 4, 0x57, 0][..],
        &[30, 3, 0xf0],
        &[30, 5, 0, 0, 1],
        &[30, 2],
    ];
    for bytes in strange {
        assert!(
            matches!(only(bytes), TcpOption::Unknown { kind: 30, .. }),
            "{bytes:?}"
        );
    }
}

/// An option of one 32-bit number, under a kind that this crate types otherwise.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Number(u32);

impl TcpOptionCodec<'_> for Number {
    fn parse(kind: u8, data: &[u8]) -> Option<Self> {
        let octets = data.try_into().ok().filter(|_| kind == 34)?;
        Some(Self(u32::from_be_bytes(octets)))
    }

    fn kind(&self) -> u8 {
        34
    }

    fn data_len(&self) -> usize {
        4
    }

    fn emit(&self, data: &mut [u8]) {
        data.copy_from_slice(&self.0.to_be_bytes());
    }
}

#[test]
fn an_own_codec_comes_before_the_types_of_this_crate() {
    let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1, 2);
    let bytes = builder
        .mss(9)
        .own_option(&Number(7))
        .nop()
        .option(TcpOption::FastOpen(&[1]))
        .build();
    let segment = IpPacket::parse(&bytes).unwrap().tcp().unwrap();
    let read: Vec<_> = segment
        .options()
        .decode::<Number>()
        .map(Result::unwrap)
        .collect();
    let expected = [
        DecodedTcpOption::Standard(TcpOption::Mss(9)),
        DecodedTcpOption::Own(Number(7)),
        DecodedTcpOption::Standard(TcpOption::Nop),
        DecodedTcpOption::Standard(TcpOption::FastOpen(&[1])),
    ];
    assert_eq!(read, expected);
}

#[test]
fn an_own_option_that_does_not_fit_is_refused() {
    let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(1, 2);
    let builder = (0..7).fold(builder, |builder, _| builder.own_option(&Number(0)));
    let error = BuildError::OptionsTooLong {
        layer: Layer::Tcp,
        len: 42,
        max: 40,
    };
    assert_eq!(builder.try_build(), Err(error));
}

#[test]
fn what_follows_the_end_is_padding() {
    assert_eq!(TcpOptions::new(&[3, 3, 7, 0, 9]).padding(), [0, 9]);
    assert!(TcpOptions::new(&[3, 3, 7]).padding().is_empty());
}

#[test]
fn reading_stops_at_the_end_mark() {
    let mut options = TcpOptions::new(&[1, 0, 2, 4, 5, 180]);
    assert_eq!(options.next(), Some(Ok(TcpOption::Nop)));
    assert_eq!(options.next(), None);
    assert_eq!(options.next(), None);
}

#[test]
fn an_option_of_length_one_is_an_error_and_the_last() {
    let mut options = TcpOptions::new(&[1, 2, 1, 1]);
    assert_eq!(options.next(), Some(Ok(TcpOption::Nop)));
    let error = ParseError::Invalid {
        layer: Layer::Tcp,
        field: Field::Option,
        offset: 21,
        found: 1,
        expected: Expected::AtLeast(2),
    };
    assert_eq!(options.next(), Some(Err(error)));
    assert_eq!(options.next(), None);
}

#[test]
fn an_option_beyond_the_header_is_an_error() {
    let error = ParseError::Truncated {
        layer: Layer::Tcp,
        field: Field::Option,
        offset: 20,
        needed: 24,
        available: 23,
    };
    assert_eq!(TcpOptions::new(&[2, 4, 5]).next(), Some(Err(error)));
    let error = ParseError::Truncated {
        layer: Layer::Tcp,
        field: Field::Option,
        offset: 20,
        needed: 22,
        available: 21,
    };
    assert_eq!(TcpOptions::new(&[2]).next(), Some(Err(error)));
}

#[test]
fn an_option_of_a_wrong_length_is_kept_as_unknown() {
    let read: Vec<_> = TcpOptions::new(&[2, 3, 9, 5, 6, 1, 2, 3, 4])
        .map(Result::unwrap)
        .collect();
    let expected = [
        TcpOption::Unknown {
            kind: 2,
            data: &[9],
        },
        TcpOption::Unknown {
            kind: 5,
            data: &[1, 2, 3, 4],
        },
    ];
    assert_eq!(read, expected);
}

#[test]
fn selective_acknowledgments_hold_one_to_four_blocks() {
    let block = SackBlock { left: 1, right: 2 };
    assert!(SackBlocks::new(&[]).is_none());
    assert_eq!(SackBlocks::new(&[block; 4]).unwrap().as_slice(), [block; 4]);
    assert!(SackBlocks::new(&[block; 5]).is_none());
}

#[test]
fn an_option_that_does_not_fit_leaves_the_buffer_alone() {
    let mut buf = [7; 3];
    assert_eq!(TcpOption::Mss(1).write(&mut buf), None);
    assert_eq!(buf, [7; 3]);
    let mut buf = [7; 300];
    let data = [0; 254];
    assert_eq!(
        TcpOption::Unknown {
            kind: 99,
            data: &data
        }
        .write(&mut buf),
        None
    );
    assert_eq!(buf, [7; 300]);
}
