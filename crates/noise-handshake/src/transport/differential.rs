//! Both implementations of the transport AEAD must be one function.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::vec;
use std::vec::Vec;

use super::aws_lc;
use crate::aead::{self, WrongTag};

/// A random key, nonce, associated data of up to 64 and text of `len` bytes.
struct Case {
    key: [u8; 32],
    nonce: [u8; 12],
    aad: Vec<u8>,
    text: Vec<u8>,
}

impl Case {
    fn random(rng: &mut ChaCha8Rng, len: usize) -> Self {
        let aad_len = usize::from(rng.next_u32().to_le_bytes()[0] % 65);
        let mut case = Self {
            key: [0; 32],
            nonce: [0; 12],
            aad: vec![0; aad_len],
            text: vec![0; len],
        };
        rng.fill_bytes(&mut case.key);
        rng.fill_bytes(&mut case.nonce);
        rng.fill_bytes(&mut case.aad);
        rng.fill_bytes(&mut case.text);
        case
    }
}

/// Every length up to 300 bytes and then some up to a jumbo packet.
fn lengths(rng: &mut ChaCha8Rng) -> Vec<usize> {
    let long = (0..100).map(|_| 300 + usize::from(rng.next_u32().to_le_bytes()[0]) * 35);
    (0..300).chain(long).collect()
}

#[test]
fn both_implementations_seal_alike() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for len in lengths(&mut rng) {
        let Case {
            key,
            nonce,
            aad,
            text,
        } = Case::random(&mut rng, len);
        let (mut fast, mut plain) = (text.clone(), text);
        let (mut fast_tag, mut plain_tag) = ([0; 16], [0; 16]);

        aws_lc::AeadKey::new(&key).seal(&nonce, &aad, &mut fast, &mut fast_tag);
        aead::AeadKey::new(&key).seal(&nonce, &aad, &mut plain, &mut plain_tag);

        assert_eq!((fast, fast_tag), (plain, plain_tag), "{len} bytes");
    }
}

#[test]
fn each_implementation_opens_what_the_other_sealed() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for len in lengths(&mut rng) {
        let Case {
            key,
            nonce,
            aad,
            text,
        } = Case::random(&mut rng, len);
        let fast = aws_lc::AeadKey::new(&key);
        let plain = aead::AeadKey::new(&key);
        let (mut from_fast, mut from_plain) = (text.clone(), text.clone());
        let (mut fast_tag, mut plain_tag) = ([0; 16], [0; 16]);
        fast.seal(&nonce, &aad, &mut from_fast, &mut fast_tag);
        plain.seal(&nonce, &aad, &mut from_plain, &mut plain_tag);

        assert_eq!(plain.open(&nonce, &aad, &mut from_fast, &fast_tag), Ok(()));
        assert_eq!(fast.open(&nonce, &aad, &mut from_plain, &plain_tag), Ok(()));

        assert_eq!((&from_fast, &from_plain), (&text, &text), "{len} bytes");
    }
}

#[test]
fn both_implementations_refuse_every_flipped_bit() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let Case {
        key,
        nonce,
        aad,
        mut text,
    } = Case::random(&mut rng, 70);
    let fast = aws_lc::AeadKey::new(&key);
    let plain = aead::AeadKey::new(&key);
    let mut tag = [0; 16];
    fast.seal(&nonce, &aad, &mut text, &mut tag);

    for bit in 0..(text.len() + tag.len()) * 8 {
        let mut forged = [text.as_slice(), &tag].concat();
        forged[bit / 8] ^= 1 << (bit % 8);
        let (forged, forged_tag) = forged.split_last_chunk::<16>().unwrap();
        assert_eq!(
            fast.open(&nonce, &aad, &mut forged.to_vec(), forged_tag),
            Err(WrongTag)
        );
        assert_eq!(
            plain.open(&nonce, &aad, &mut forged.to_vec(), forged_tag),
            Err(WrongTag)
        );
    }
}
