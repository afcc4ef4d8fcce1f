//! The hash of the protocol and what is derived with it: `HASH`, `HMAC` and `KDF`.
//!
//! Source: WireGuard whitepaper §5.4; RFC 7693 (BLAKE2s), RFC 2104 (HMAC), RFC 5869 (HKDF).

use blake2::{Blake2s256, Digest};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The length of a block of BLAKE2s in bytes, to which HMAC pads its key.
const BLOCK_LEN: usize = 64;

/// RFC 2104 §2: the byte that the inner key is padded with.
const INNER_PAD: u8 = 0x36;

/// RFC 2104 §2: the byte that the outer key is padded with.
const OUTER_PAD: u8 = 0x5c;

/// `HASH`: BLAKE2s with 32 bytes of output over the concatenated `parts`.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = [0; 32];
    hash_into(parts, &mut digest);
    digest
}

/// Writes `HASH` of the concatenated `parts` to `digest`.
pub(crate) fn hash_into(parts: &[&[u8]], digest: &mut [u8; 32]) {
    let mut hasher = Blake2s256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize_into(digest.into());
}

/// `KDF`: replaces `chaining_key` by the first output and writes the rest to `further`.
///
/// With *n* places in `further` this is the paper's KDF with index *n* + 1.
pub(crate) fn kdf<const N: usize>(
    chaining_key: &mut Secret,
    input: &[u8],
    further: [&mut Secret; N],
) {
    let mut extracted = Secret::empty();
    hmac_into(chaining_key, &[input], &mut extracted);
    hmac_into(&extracted, &[&[1]], chaining_key);
    let mut previous: &Secret = chaining_key;
    for (number, output) in (2..).zip(further) {
        hmac_into(&extracted, &[previous.as_bytes(), &[number]], output);
        previous = output;
    }
}

/// `HMAC`: RFC 2104 over BLAKE2s, written here because the `hmac` crate leaves its padded key behind.
fn hmac_into(key: &Secret, parts: &[&[u8]], code: &mut Secret) {
    let mut pad = Zeroizing::new([INNER_PAD; BLOCK_LEN]);
    for (byte, key_byte) in pad.iter_mut().zip(key.as_bytes()) {
        *byte ^= key_byte;
    }
    let mut inner = Blake2s256::new();
    inner.update(pad.as_slice());
    for part in parts {
        inner.update(part);
    }
    let mut inner_digest = Secret::empty();
    inner.finalize_into(inner_digest.as_bytes_mut().into());

    for byte in pad.iter_mut() {
        *byte ^= INNER_PAD ^ OUTER_PAD;
    }
    hash_into(
        &[pad.as_slice(), inner_digest.as_bytes()],
        code.as_bytes_mut(),
    );
}

#[cfg(test)]
mod tests {
    use blake2::Blake2s256;
    use chacha20::ChaCha8Rng;
    use hmac::{KeyInit, Mac, SimpleHmac};
    use rand_core::{Rng, SeedableRng};
    use std::vec;

    use super::{hash, hmac_into, kdf};
    use crate::secret::Secret;

    #[test]
    fn hash_equals_the_vector_of_rfc_7693() {
        let expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
        assert_eq!(hex::encode(hash(&[b"abc"])), expected);
        assert_eq!(hex::encode(hash(&[b"a", b"", b"bc"])), expected);
    }

    #[test]
    fn kdf_equals_the_vector_of_wireguard_go() {
        let mut key = [0; 32]; // HMAC pads keys with zeros itself
        key[..8].copy_from_slice(b"test-key");
        let [mut t0, mut t1, mut t2] = [Secret::new(key), Secret::empty(), Secret::empty()];

        kdf(&mut t0, b"test-input", [&mut t1, &mut t2]);

        assert_eq!(
            [t0, t1, t2].map(|output| hex::encode(output.as_bytes())),
            [
                "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
                "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
                "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24",
            ]
        );
    }

    #[test]
    fn kdf_with_fewer_outputs_is_a_prefix_of_one_with_more() {
        let mut one = Secret::new([7; 32]);
        let [mut first, mut second] = [Secret::new([7; 32]), Secret::empty()];

        kdf(&mut one, b"input", []);
        kdf(&mut first, b"input", [&mut second]);

        assert_eq!(one.as_bytes(), first.as_bytes());
    }

    #[test]
    fn hmac_equals_the_hmac_crate_for_every_length_up_to_three_blocks() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for len in 0..200 {
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            let mut message = vec![0; len];
            rng.fill_bytes(&mut message);
            let (start, end) = message.split_at(len / 3);
            let mut ours = Secret::empty();

            hmac_into(&Secret::new(key), &[start, end], &mut ours);

            let mut theirs = SimpleHmac::<Blake2s256>::new_from_slice(&key).unwrap();
            theirs.update(&message);
            assert_eq!(ours.as_bytes()[..], theirs.finalize().into_bytes()[..]);
        }
    }
}
