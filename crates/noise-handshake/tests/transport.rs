//! Sealing and opening transport data, alone and in batches.

use chacha20::ChaCha8Rng;
use core::time::Duration;
use rand_core::{Rng, SeedableRng};
use wirecraft_noise_handshake::{
    AeadPath, LocalStatic, Open, OpenError, PresharedKey, PrivateKey, ReceivedInitiation,
    RemoteStatic, Seal, Tai64N, TransportKeys, initiate,
};
use wirecraft_wire_format::{Counter, Index};

/// Runs a test with the keys of both sides of a handshake, by each path that works on batches here.
fn by_each_path(seed: u64, test: impl Fn(TransportKeys, TransportKeys)) {
    for path in AeadPath::ALL.into_iter().filter(|it| it.is_available()) {
        let (mut alice, mut bob) = connect(seed);
        for keys in [&mut alice, &mut bob] {
            keys.sealing.limit_to(path);
            keys.opening.limit_to(path);
        }
        test(alice, bob);
    }
}

/// The keys of both sides of a handshake.
fn connect(seed: u64) -> (TransportKeys, TransportKeys) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let alice = LocalStatic::new(PrivateKey::generate(&mut rng));
    let bob = LocalStatic::new(PrivateKey::generate(&mut rng));
    let to_bob = RemoteStatic::new(&alice, *bob.public_key()).expect("random keys are sound");
    let to_alice = RemoteStatic::new(&bob, *alice.public_key()).expect("random keys are sound");
    let timestamp = Tai64N::from_unix(Duration::ZERO);
    let psk = PresharedKey::ZERO;

    let (initiation, waiting) =
        initiate(&alice, &to_bob, timestamp, Index::new(1), &mut rng).expect("a sound peer");
    let received = ReceivedInitiation::read(&bob, &initiation).expect("an initiation to Bob");
    let fresh = received
        .authenticate(&to_alice, None)
        .expect("an initiation of Alice");
    let (response, bobs) = fresh
        .respond(&psk, Index::new(2), &mut rng)
        .expect("a sound ephemeral");
    (
        waiting
            .read_response(&alice, &psk, &response)
            .expect("a response of Bob"),
        bobs,
    )
}

/// Packets of lengths 0, 16, 32 .. with room for the tag.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut packets: Vec<_> = (0..count).map(|number| vec![0; number * 16 + 16]).collect();
    for packet in &mut packets {
        let len = packet.len() - 16;
        rng.fill_bytes(&mut packet[..len]);
    }
    packets
}

/// Seals each packet under its number as counter.
fn sealed(keys: &TransportKeys, count: usize) -> Vec<Vec<u8>> {
    let mut packets = packets(count);
    for (counter, packet) in (0..).zip(&mut packets) {
        keys.sealing.seal(Counter::new(counter), packet);
    }
    packets
}

fn opening_batch(messages: &mut [Vec<u8>]) -> Vec<Open<'_>> {
    (0..)
        .zip(messages)
        .map(|(counter, message)| Open::new(Counter::new(counter), message))
        .collect()
}

#[test]
fn sealing_a_batch_equals_sealing_one_by_one() {
    by_each_path(1, |alice, _| {
        let mut messages = packets(64);
        let mut batch: Vec<_> = (0..)
            .zip(&mut messages)
            .map(|(counter, message)| Seal {
                counter: Counter::new(counter),
                message,
            })
            .collect();

        alice.sealing.seal_batch(&mut batch);

        assert_eq!(messages, sealed(&alice, 64));
    });
}

#[test]
fn opening_a_batch_equals_opening_one_by_one() {
    by_each_path(2, |alice, bob| {
        let mut messages = sealed(&alice, 64);
        let mut batch = opening_batch(&mut messages);

        bob.opening.open_batch(&mut batch);

        assert!(batch.iter().all(|item| item.result == Ok(())));
        let mut one_by_one = sealed(&alice, 64);
        for (counter, message) in (0..).zip(&mut one_by_one) {
            assert_eq!(bob.opening.open(Counter::new(counter), message), Ok(()));
        }
        for ((batch, single), packet) in messages.iter().zip(&one_by_one).zip(packets(64)) {
            let len = packet.len() - 16;
            assert_eq!(batch[..len], packet[..len]);
            assert_eq!(single[..len], packet[..len]);
        }
    });
}

#[test]
fn wrong_tag_in_a_batch_fails_that_message_alone() {
    by_each_path(3, |alice, bob| {
        for forged in 0..8 {
            let mut messages = sealed(&alice, 8);
            *messages[forged].last_mut().unwrap() ^= 1;
            let mut batch = opening_batch(&mut messages);

            bob.opening.open_batch(&mut batch);

            for (number, item) in batch.iter().enumerate() {
                let expected = if number == forged {
                    Err(OpenError::WrongTag)
                } else {
                    Ok(())
                };
                assert_eq!(item.result, expected);
            }
        }
    });
}

#[test]
fn message_without_a_tag_in_a_batch_fails_alone() {
    by_each_path(4, |alice, bob| {
        let mut messages = sealed(&alice, 3);
        messages[1].truncate(15);
        let mut batch = opening_batch(&mut messages);

        bob.opening.open_batch(&mut batch);

        let results: Vec<_> = batch.iter().map(|item| item.result).collect();
        assert_eq!(results, [Ok(()), Err(OpenError::TooShort), Ok(())]);
    });
}

#[test]
fn empty_batches_are_fine() {
    by_each_path(5, |alice, bob| {
        alice.sealing.seal_batch(&mut []);
        bob.opening.open_batch(&mut [] as &mut [Open<'_>]);
    });
}

#[test]
fn unopened_item_of_a_batch_counts_as_failed() {
    assert!(Open::new(Counter::new(0), &mut [0; 16]).result.is_err());
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    let (alice, bob) = connect(6);
    let mut message = [0; 64];
    alice.sealing.seal(Counter::new(0), &mut message);

    for len in 0..64 {
        let expected = if len < 16 {
            OpenError::TooShort
        } else {
            OpenError::WrongTag
        };
        let mut truncated = message[..len].to_vec();
        assert_eq!(
            bob.opening.open(Counter::new(0), &mut truncated),
            Err(expected)
        );
    }
}

#[test]
fn message_opens_only_under_its_own_counter() {
    let (alice, bob) = connect(7);
    let counter = 0x0102_0304_0506_0708;
    let mut message = [0; 32];
    alice.sealing.seal(Counter::new(counter), &mut message);

    for bit in 0..64 {
        let other = Counter::new(counter ^ 1 << bit);
        let result = bob.opening.open(other, &mut message.clone());
        assert_eq!(result, Err(OpenError::WrongTag), "bit {bit}");
    }
    assert_eq!(
        bob.opening.open(Counter::new(counter), &mut message),
        Ok(())
    );
}

#[test]
fn failed_message_shows_nothing_of_the_packet() {
    let (alice, bob) = connect(8);
    let mut message = *b"a secret of forty-eight bytes...................";
    alice.sealing.seal(Counter::new(0), &mut message);
    message[47] ^= 1;

    assert_eq!(
        bob.opening.open(Counter::new(0), &mut message),
        Err(OpenError::WrongTag)
    );

    assert!(!message.windows(6).any(|part| {
        b"a secret of forty-eight bytes"
            .windows(6)
            .any(|w| w == part)
    }));
}

#[test]
#[should_panic(expected = "a message has room for the tag at its end")]
fn sealing_without_room_for_the_tag_panics() {
    let (alice, _) = connect(9);
    alice.sealing.seal(Counter::new(0), &mut [0; 15]);
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let (alice, bob) = connect(10);
    shareable(&alice);
    let mut messages = sealed(&alice, 4);

    std::thread::scope(|scope| {
        for (counter, message) in (0..).zip(&mut messages) {
            let opening = &bob.opening;
            scope.spawn(move || assert_eq!(opening.open(Counter::new(counter), message), Ok(())));
        }
    });
}

#[test]
fn debug_shows_no_key() {
    let (alice, _) = connect(11);
    let expected = "TransportKeys { sealing: SealingKey(..), opening: OpeningKey(..) }";
    assert_eq!(format!("{alice:?}"), expected);
}
