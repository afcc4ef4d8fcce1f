//! What the parser takes and what it refuses, for all four messages.

use wirecraft_wire_format::{
    COOKIE_REPLY_LEN, CookieReply, Counter, DATA_HEADER_LEN, DATA_MIN_LEN, DataHeader, DataMut,
    HandshakeMessage, INITIATION_LEN, Index, Initiation, Message, ParseError, RESPONSE_LEN,
    Response,
};

/// Bytes of message type `message_type` in which every byte after the type word is its own offset.
fn counting(message_type: u8, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
    bytes[..4].copy_from_slice(&[message_type, 0, 0, 0]);
    bytes
}

fn range(from: u8, to: u8) -> Vec<u8> {
    (from..to).collect()
}

#[test]
fn initiation_fields_lie_where_the_paper_puts_them() {
    let bytes = counting(1, INITIATION_LEN);

    let Ok(Message::Initiation(message)) = Message::parse(&bytes) else {
        panic!("an initiation");
    };

    assert_eq!(message.sender_index(), Index::new(0x0706_0504));
    assert_eq!(message.ephemeral, *range(8, 40));
    assert_eq!(message.encrypted_static, *range(40, 88));
    assert_eq!(message.encrypted_timestamp, *range(88, 116));
    assert_eq!(message.mac1()[..], range(116, 132));
    assert_eq!(message.mac2()[..], range(132, 148));
    assert_eq!(message.mac1_input(), &bytes[..116]);
    assert_eq!(message.mac2_input(), &bytes[..132]);
    assert_eq!(message.as_bytes(), bytes);
}

#[test]
fn response_fields_lie_where_the_paper_puts_them() {
    let bytes = counting(2, RESPONSE_LEN);

    let Ok(Message::Response(message)) = Message::parse(&bytes) else {
        panic!("a response");
    };

    assert_eq!(message.sender_index(), Index::new(0x0706_0504));
    assert_eq!(message.receiver_index(), Index::new(0x0b0a_0908));
    assert_eq!(message.ephemeral, *range(12, 44));
    assert_eq!(message.encrypted_nothing, *range(44, 60));
    assert_eq!(message.mac1()[..], range(60, 76));
    assert_eq!(message.mac2()[..], range(76, 92));
    assert_eq!(message.mac1_input(), &bytes[..60]);
    assert_eq!(message.mac2_input(), &bytes[..76]);
    assert_eq!(message.as_bytes(), bytes);
}

#[test]
fn cookie_reply_fields_lie_where_the_paper_puts_them() {
    let bytes = counting(3, COOKIE_REPLY_LEN);

    let Ok(Message::CookieReply(message)) = Message::parse(&bytes) else {
        panic!("a cookie reply");
    };

    assert_eq!(message.receiver_index(), Index::new(0x0706_0504));
    assert_eq!(message.nonce, *range(8, 32));
    assert_eq!(message.encrypted_cookie, *range(32, 64));
    assert_eq!(message.as_bytes(), bytes);
}

#[test]
fn data_fields_lie_where_the_paper_puts_them() {
    let mut bytes = counting(4, 100);

    let Ok(Message::Data(message)) = Message::parse(&bytes) else {
        panic!("transport data");
    };

    assert_eq!(message.header.receiver_index(), Index::new(0x0706_0504));
    assert_eq!(
        message.header.counter(),
        Counter::new(0x0f0e_0d0c_0b0a_0908)
    );
    assert_eq!(message.header.as_bytes(), &bytes[..16]);
    assert_eq!(message.ciphertext, range(16, 100));
    let header = *message.header;
    let in_place = DataMut::parse(&mut bytes).unwrap();
    assert_eq!(in_place.header, header);
    assert_eq!(in_place.ciphertext, range(16, 100));
}

#[test]
fn initiation_setters_write_only_their_mac() {
    let mut message = Initiation::new(Index::new(0x0102_0304));
    message.set_mac1([5; 16]);
    message.set_mac2([6; 16]);

    let mut expected = [0; INITIATION_LEN];
    expected[..8].copy_from_slice(&[1, 0, 0, 0, 4, 3, 2, 1]);
    expected[116..132].fill(5);
    expected[132..].fill(6);
    assert_eq!(message.as_bytes(), expected);
}

#[test]
fn response_setters_write_only_their_mac() {
    let mut message = Response::new(Index::new(0x0102_0304), Index::new(0x0506_0708));
    message.set_mac1([5; 16]);
    message.set_mac2([6; 16]);

    let mut expected = [0; RESPONSE_LEN];
    expected[..12].copy_from_slice(&[2, 0, 0, 0, 4, 3, 2, 1, 8, 7, 6, 5]);
    expected[60..76].fill(5);
    expected[76..].fill(6);
    assert_eq!(message.as_bytes(), expected);
}

#[test]
fn built_cookie_reply_is_the_bytes_of_the_paper() {
    let message = CookieReply::new(Index::new(0x0102_0304), [7; 24], [8; 32]);

    let expected = [&[3, 0, 0, 0, 4, 3, 2, 1][..], &[7; 24], &[8; 32]].concat();
    assert_eq!(message.as_bytes(), expected);
}

#[test]
fn built_data_header_is_the_bytes_of_the_paper() {
    let header = DataHeader::new(Index::new(0x0102_0304), Counter::new(0x0506_0708_090a_0b0c));
    let mut written = [0xff; DATA_HEADER_LEN];
    header.write_to(&mut written);

    let expected = [4, 0, 0, 0, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7, 6, 5];
    assert_eq!(written, expected);
    assert_eq!(header.as_bytes(), expected);
}

#[test]
fn every_other_length_of_a_fixed_message_is_refused() {
    for (message_type, expected) in [
        (1, INITIATION_LEN),
        (2, RESPONSE_LEN),
        (3, COOKIE_REPLY_LEN),
    ] {
        for actual in (4..300).filter(|&len| len != expected) {
            assert_eq!(
                Message::parse(&counting(message_type, actual)),
                Err(ParseError::WrongLength { expected, actual })
            );
        }
        assert!(Message::parse(&counting(message_type, expected)).is_ok());
    }
}

#[test]
fn data_shorter_than_header_and_tag_is_refused() {
    for len in 4..DATA_MIN_LEN {
        let mut bytes = counting(4, len);
        assert_eq!(Message::parse(&bytes), Err(ParseError::TooShort { len }));
        assert_eq!(
            DataMut::parse(&mut bytes),
            Err(ParseError::TooShort { len })
        );
    }
    assert!(Message::parse(&counting(4, DATA_MIN_LEN)).is_ok());
}

#[test]
fn datagram_without_a_type_word_is_refused() {
    for len in 0..4 {
        let mut bytes = [4, 0, 0, 0][..len].to_vec();
        assert_eq!(Message::parse(&bytes), Err(ParseError::TooShort { len }));
        assert_eq!(
            DataMut::parse(&mut bytes),
            Err(ParseError::TooShort { len })
        );
    }
}

#[test]
fn every_reserved_bit_is_checked() {
    let lengths = [
        (1, INITIATION_LEN),
        (2, RESPONSE_LEN),
        (3, COOKIE_REPLY_LEN),
        (4, 64),
    ];
    for (message_type, len) in lengths {
        for bit in 8..32 {
            let mut bytes = counting(message_type, len);
            bytes[bit / 8] |= 1 << (bit % 8);
            let word = u32::from(message_type) | 1 << bit;
            let error = ParseError::UnknownType { message_type: word };
            assert_eq!(Message::parse(&bytes), Err(error));
            assert_eq!(DataMut::parse(&mut bytes), Err(error));
        }
    }
}

#[test]
fn every_other_type_is_refused() {
    for message_type in (0..=u8::MAX).filter(|byte| !(1..=4).contains(byte)) {
        assert_eq!(
            Message::parse(&counting(message_type, INITIATION_LEN)),
            Err(ParseError::UnknownType {
                message_type: message_type.into()
            })
        );
    }
}

#[test]
fn only_type_four_is_read_as_data_in_place() {
    for message_type in [0, 1, 2, 3, 5] {
        assert_eq!(
            DataMut::parse(&mut counting(message_type, 64)),
            Err(ParseError::UnknownType {
                message_type: message_type.into()
            })
        );
    }
}
