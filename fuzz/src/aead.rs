//! Batches of packets under an AEAD.

use wirecraft_batch_aead::{
    Key, Keyed, Nonce, Open, OpenError, Path, Seal, TAG_LEN, open_keyed, seal_keyed,
};

use crate::input::Input;

/// How large a batch may be.
#[derive(Clone, Copy)]
struct Scale {
    packets: usize,
    /// The longest text, in bytes.
    text_len: u16,
}

/// More packets than are worked on together, and more steps than those that are taken four at a time from.
const SMALL: Scale = Scale {
    packets: 20,
    text_len: 300,
};

/// Three parts, and texts longer than any packet of a tunnel.
const LARGE: Scale = Scale {
    packets: 40,
    text_len: 2100,
};

/// One input of this many may become a large batch.
const LARGE_PERIOD: u8 = 128;

impl Scale {
    /// Almost every input is small, or a large one would take the time of twenty. The sum of its bytes
    /// decides: what a fuzzer makes of a large input is mostly small again, whatever it prefers to change.
    fn of(input: &[u8]) -> Self {
        let sum = input.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        if sum.is_multiple_of(LARGE_PERIOD) {
            LARGE
        } else {
            SMALL
        }
    }
}

/// One packet as it is sent, and as it arrives.
struct Packet {
    nonce: Nonce,
    sealed: Vec<u8>,
    received: Vec<u8>,
}

impl Packet {
    fn is_genuine(&self) -> bool {
        self.received == self.sealed
    }
}

/// Every path, also where it is not the fastest, seals and opens a batch as the library does packet by packet; a packet that was changed
/// does not open, shows no text, and hinders no other.
pub fn aead_batch(input: &[u8]) {
    let scale = Scale::of(input);
    let mut input = Input::new(input);
    let key_bytes: [u8; 32] = input.array();
    let mut plain = Vec::new();
    let mut packets = Vec::new();
    let library = Key::with_path(&key_bytes, Path::Single);
    while !input.is_empty() && packets.len() < scale.packets {
        let nonce = input.array();
        let text = text(&mut input, scale);
        let mut sealed = text.clone();
        let (message, tag) = sealed
            .split_last_chunk_mut()
            .expect("it has room for a tag");
        library.seal(&nonce, &[], message, tag);
        let received = received(&mut input, &sealed);
        plain.push(text);
        packets.push(Packet {
            nonce,
            sealed,
            received,
        });
    }
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        let key = Key::with_path_always(&key_bytes, path);
        let same = Key::with_path_always(&key_bytes, path);
        check_sealing(&key, &plain, &packets);
        check_sealing_keyed([&key, &same], &plain, &packets);
        check_opening([&key, &key], &plain, &packets);
        check_opening([&key, &same], &plain, &packets);
    }
}

/// A text and the room for its tag.
fn text(input: &mut Input<'_>, scale: Scale) -> Vec<u8> {
    let len = match input.choice(4) {
        0 => u16::from(input.byte()),
        1 => input.word(),
        2 => 64 * u16::from(input.choice(24)),
        _ => 1420,
    };
    let len = len % (scale.text_len + 1);
    let (seed, step) = (input.byte(), input.byte());
    let bytes = (0..usize::from(len) + TAG_LEN).scan(seed, |byte, _| {
        *byte = byte.wrapping_mul(5).wrapping_add(step);
        Some(*byte)
    });
    bytes.collect()
}

/// What arrives: mostly what was sent.
fn received(input: &mut Input<'_>, sealed: &[u8]) -> Vec<u8> {
    let mut received = sealed.to_vec();
    match input.choice(8) {
        6 => {
            let place = usize::from(input.word()) % received.len();
            received[place] ^= 1 << input.choice(8);
        }
        7 => received.truncate(usize::from(input.byte())),
        _ => {}
    }
    received
}

fn check_sealing(key: &Key, plain: &[Vec<u8>], packets: &[Packet]) {
    let mut messages = plain.to_vec();
    let items = messages.iter_mut().zip(packets);
    let mut seals: Vec<Seal<'_>> = items
        .map(|(message, packet)| Seal {
            nonce: packet.nonce,
            message,
        })
        .collect();
    key.seal_batch(&mut seals);
    for (message, packet) in messages.iter().zip(packets) {
        assert!(*message == packet.sealed, "{} bytes", message.len());
    }
}

/// Two keys that are equal are as good as two that are not: each packet has to go with its own.
fn check_sealing_keyed(keys: [&Key; 2], plain: &[Vec<u8>], packets: &[Packet]) {
    let mut messages = plain.to_vec();
    let items = messages
        .iter_mut()
        .zip(packets)
        .zip(keys.into_iter().cycle());
    let mut seals: Vec<Keyed<'_, Seal<'_>>> = items
        .map(|((message, packet), key)| {
            key.keyed(Seal {
                nonce: packet.nonce,
                message,
            })
        })
        .collect();
    seal_keyed(&mut seals);
    for (message, packet) in messages.iter().zip(packets) {
        assert!(*message == packet.sealed, "{} bytes", message.len());
    }
}

fn check_opening(keys: [&Key; 2], plain: &[Vec<u8>], packets: &[Packet]) {
    let mut messages: Vec<Vec<u8>> = packets.iter().map(|it| it.received.clone()).collect();
    let items = messages.iter_mut().zip(packets);
    let mut opens: Vec<Keyed<'_, Open<'_>>> = items
        .zip(keys.into_iter().cycle())
        .map(|((message, packet), key)| key.keyed(Open::new(packet.nonce, message)))
        .collect();
    open_keyed(&mut opens);
    let results: Vec<_> = opens.iter().map(|open| open.message().result).collect();
    for (number, packet) in packets.iter().enumerate() {
        let message = &messages[number];
        let text_len = packet.sealed.len() - TAG_LEN;
        if packet.is_genuine() {
            assert_eq!(results[number], Ok(()));
            assert!(message[..text_len] == plain[number][..text_len]);
        } else if packet.received.len() < TAG_LEN {
            assert_eq!(results[number], Err(OpenError::TooShort));
            assert!(*message == packet.received);
        } else {
            assert_eq!(results[number], Err(OpenError::WrongTag));
            let text = &message[..message.len() - TAG_LEN];
            let is_wiped = text.iter().all(|byte| *byte == 0);
            assert!(is_wiped || *message == packet.received);
        }
    }
}
