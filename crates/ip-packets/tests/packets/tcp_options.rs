//! TCP options both ways.

use proptest::prelude::*;
use wirecraft_ip_packets::{
    Expected, Field, Layer, ParseError, SackBlock, SackBlocks, TcpOption, TcpOptions,
};

use crate::strategies::options;

proptest! {
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
    fn options_write_as_they_were_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut at = 0;
        for option in TcpOptions::new(&bytes).map_while(Result::ok) {
            let mut buf = [0; 40];
            let len = option.write(&mut buf).unwrap();
            prop_assert_eq!(&buf[..len], &bytes[at..at + len]);
            at += len;
        }
    }
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
