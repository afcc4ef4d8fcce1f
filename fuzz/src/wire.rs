//! The four messages on the wire.

use wirecraft_wire_format::{
    CookieReply, DATA_MIN_LEN, DataHeader, DataMut, HandshakeMessage, Initiation, MAC_LEN, Message,
    ParseError, Response,
};

/// A datagram parses exactly if its type word and length are right, and then holds its own bytes.
pub fn wire_message(input: &[u8]) {
    let parsed = Message::parse(input);
    assert_eq!(
        parsed.is_ok(),
        is_message(input),
        "type word and length decide alone"
    );
    let mut copy = input.to_vec();
    let data = DataMut::parse(&mut copy);
    match (parsed, data) {
        (Ok(Message::Data(data)), Ok(in_place)) => {
            assert_eq!(*data.header, in_place.header);
            assert_eq!(data.ciphertext, in_place.ciphertext);
            assert_eq!(rebuilt(&Message::Data(data)), input);
        }
        (Ok(Message::Data(_)), Err(error)) => panic!("readers differ: {error}"),
        (Ok(message), data) => {
            assert!(data.is_err(), "{message:?} is no transport data");
            assert_eq!(rebuilt(&message), input);
        }
        (Err(error), data) => {
            assert!(data.is_err(), "readers differ: {error}");
            assert_reason(error, input);
        }
    }
}

fn is_message(datagram: &[u8]) -> bool {
    match (datagram.get(..4), datagram.len()) {
        (Some([1, 0, 0, 0]), len) => len == 148,
        (Some([2, 0, 0, 0]), len) => len == 92,
        (Some([3, 0, 0, 0]), len) => len == 64,
        (Some([4, 0, 0, 0]), len) => len >= DATA_MIN_LEN,
        _ => false,
    }
}

fn assert_reason(error: ParseError, datagram: &[u8]) {
    match error {
        ParseError::TooShort { len } => assert_eq!(len, datagram.len()),
        ParseError::WrongLength { expected, actual } => {
            assert_eq!(actual, datagram.len());
            assert_ne!(expected, actual);
        }
        ParseError::UnknownType { message_type } => {
            assert_eq!(datagram[..4], message_type.to_le_bytes());
        }
        other => panic!("{other}"),
    }
}

/// Makes the message anew from its fields.
fn rebuilt(message: &Message<'_>) -> Vec<u8> {
    match message {
        Message::Initiation(read) => {
            assert_mac_inputs(*read, read.as_bytes());
            let mut made = Initiation::new(read.sender_index());
            made.ephemeral = read.ephemeral;
            made.encrypted_static = read.encrypted_static;
            made.encrypted_timestamp = read.encrypted_timestamp;
            made.set_mac1(*read.mac1());
            made.set_mac2(*read.mac2());
            made.as_bytes().to_vec()
        }
        Message::Response(read) => {
            assert_mac_inputs(*read, read.as_bytes());
            let mut made = Response::new(read.sender_index(), read.receiver_index());
            made.ephemeral = read.ephemeral;
            made.encrypted_nothing = read.encrypted_nothing;
            made.set_mac1(*read.mac1());
            made.set_mac2(*read.mac2());
            made.as_bytes().to_vec()
        }
        Message::CookieReply(read) => {
            let index = read.receiver_index();
            let made = CookieReply::new(index, read.nonce, read.encrypted_cookie);
            made.as_bytes().to_vec()
        }
        Message::Data(read) => {
            let header = DataHeader::new(read.header.receiver_index(), read.header.counter());
            let mut written = [0; 16];
            header.write_to(&mut written);
            assert_eq!(written, header.as_bytes());
            [&written, read.ciphertext].concat()
        }
    }
}

fn assert_mac_inputs(message: &impl HandshakeMessage, bytes: &[u8]) {
    let (before_mac2, mac2) = bytes.split_at(bytes.len() - MAC_LEN);
    let (before_mac1, mac1) = before_mac2.split_at(before_mac2.len() - MAC_LEN);
    assert_eq!(message.mac1_input(), before_mac1);
    assert_eq!(message.mac1(), mac1);
    assert_eq!(message.mac2_input(), before_mac2);
    assert_eq!(message.mac2(), mac2);
}
