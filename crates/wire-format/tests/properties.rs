//! What must hold for bytes nobody thought of.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use wirecraft_wire_format::{
    COOKIE_REPLY_LEN, Counter, DataHeader, DataMut, HandshakeMessage, INITIATION_LEN, Index,
    Message, ParseError, RESPONSE_LEN, Response,
};

/// Returns the bytes of a message again, each field having been read and written by itself.
fn reassemble(message: Message<'_>) -> Vec<u8> {
    match message {
        Message::Initiation(message) => {
            let mut copy = wirecraft_wire_format::Initiation::new(message.sender_index());
            copy.ephemeral = message.ephemeral;
            copy.encrypted_static = message.encrypted_static;
            copy.encrypted_timestamp = message.encrypted_timestamp;
            copy.set_mac1(*message.mac1());
            copy.set_mac2(*message.mac2());
            copy.as_bytes().to_vec()
        }
        Message::Response(message) => {
            let mut copy = Response::new(message.sender_index(), message.receiver_index());
            copy.ephemeral = message.ephemeral;
            copy.encrypted_nothing = message.encrypted_nothing;
            copy.set_mac1(*message.mac1());
            copy.set_mac2(*message.mac2());
            copy.as_bytes().to_vec()
        }
        Message::CookieReply(message) => wirecraft_wire_format::CookieReply::new(
            message.receiver_index(),
            message.nonce,
            message.encrypted_cookie,
        )
        .as_bytes()
        .to_vec(),
        Message::Data(message) => {
            let header = DataHeader::new(message.header.receiver_index(), message.header.counter());
            [header.as_bytes(), message.ciphertext].concat()
        }
    }
}

/// An interpreter takes seconds for each.
const CASES: u32 = if cfg!(miri) { 16 } else { 256 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn parsing_never_panics_and_loses_nothing(mut bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(reassemble(message), bytes);
        } else {
            prop_assert_eq!(DataMut::parse(&mut bytes).ok(), None);
        }
    }

    #[test]
    fn message_of_right_type_and_length_survives_a_round_trip(
        message_type in 1_u8..=4,
        tail in vec(any::<u8>(), 200),
    ) {
        let len = [INITIATION_LEN, RESPONSE_LEN, COOKIE_REPLY_LEN, 204][usize::from(message_type - 1)];
        let mut bytes = [&[message_type, 0, 0, 0], tail.as_slice()].concat();
        bytes.truncate(len);
        prop_assert_eq!(Message::parse(&bytes).map(reassemble), Ok(bytes.clone()));
    }

    #[test]
    fn truncated_message_is_an_error(
        message_type in 1_u8..=3,
        tail in vec(any::<u8>(), 0..INITIATION_LEN),
    ) {
        let expected = [INITIATION_LEN, RESPONSE_LEN, COOKIE_REPLY_LEN][usize::from(message_type - 1)];
        let mut bytes = [&[message_type, 0, 0, 0], tail.as_slice()].concat();
        bytes.truncate(expected - 1);
        let actual = bytes.len();
        prop_assert_eq!(Message::parse(&bytes), Err(ParseError::WrongLength { expected, actual }));
    }

    #[test]
    fn data_header_survives_a_round_trip(index in any::<u32>(), counter in any::<u64>()) {
        let header = DataHeader::new(Index::new(index), Counter::new(counter));
        let mut bytes = [header.as_bytes(), &[0; 16]].concat();
        prop_assert_eq!(DataMut::parse(&mut bytes).map(|data| data.header), Ok(header));
        prop_assert_eq!(header.receiver_index().value(), index);
        prop_assert_eq!(header.counter().value(), counter);
    }
}
