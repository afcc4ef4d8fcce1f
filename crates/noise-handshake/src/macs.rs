//! mac1, mac2 and cookies: what a handshake message must show before anybody computes for it.
//!
//! ```text
//! initiator                                responder under load
//!   | -- handshake message, mac1 ------------> | mac1 right, mac2 missing: no Diffie-Hellman
//!   | <- cookie reply, sealed with mac1 ------ | cookie = MAC(secret, source address and port)
//!   | -- next message, mac1, mac2(cookie) ---> | both right: the source address is real
//! ```
//!
//! Source: WireGuard whitepaper §5.3, §5.4.4, §5.4.7; Linux `drivers/net/wireguard/cookie.c`.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use blake2::Blake2sMac;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use wirecraft_wire_format::{CookieReply, HandshakeMessage, Index, MAC_LEN};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::aead::{open_extended, seal_extended};
use crate::kdf::hash;
use crate::keys::PublicKey;
use crate::statics::{LocalStatic, RemoteStatic};

/// Hashed with the receiver's public key into the key of mac1.
///
/// Source: WireGuard whitepaper §5.4 (`Label-Mac1`).
pub const LABEL_MAC1: [u8; 8] = *b"mac1----";

/// Hashed with the public key of the cookie's maker into the key of cookie replies.
///
/// Source: WireGuard whitepaper §5.4 (`Label-Cookie`).
pub const LABEL_COOKIE: [u8; 8] = *b"cookie--";

/// The key of mac1 in messages to the owner of `public_key`.
pub(crate) fn mac1_key(public_key: &PublicKey) -> [u8; 32] {
    hash(&[&LABEL_MAC1, public_key.as_bytes()])
}

/// The key of cookie replies from the owner of `public_key`.
pub(crate) fn cookie_key(public_key: &PublicKey) -> [u8; 32] {
    hash(&[&LABEL_COOKIE, public_key.as_bytes()])
}

impl LocalStatic {
    /// Checks that a message was made by somebody who knows our public key, in constant time.
    ///
    /// # Errors
    /// [`MacError::WrongMac1`].
    ///
    /// Source: WireGuard whitepaper §5.4.4.
    pub fn verify_mac1(&self, message: &impl HandshakeMessage) -> Result<(), MacError> {
        let expected = mac(&self.derived().mac1_key, &[message.mac1_input()]);
        equal_or(&expected, message.mac1(), MacError::WrongMac1)
    }

    /// Makes the answer to a message that came without a right mac2 while we are under load.
    ///
    /// `receiver` is the sender index of that message and `mac1` its mac1. The cookie must be the one
    /// of the address that the message came from.
    ///
    /// Source: WireGuard whitepaper §5.4.7.
    #[must_use]
    pub fn seal_cookie_reply(
        &self,
        receiver: Index,
        mac1: &[u8; MAC_LEN],
        cookie: &Cookie,
        rng: &mut impl CryptoRng,
    ) -> CookieReply {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut sealed = [0; 32];
        let (text, tag) = halves(&mut sealed);
        *text = cookie.0;
        *tag = seal_extended(&self.derived().cookie_key, &nonce, mac1, text);
        CookieReply::new(receiver, nonce, sealed)
    }
}

impl RemoteStatic {
    /// Writes mac1, and mac2 if there is a cookie, into a message for this peer.
    ///
    /// Returns mac1, against which a cookie reply to this message is opened. Without a cookie mac2
    /// becomes zero.
    ///
    /// Source: WireGuard whitepaper §5.4.4.
    pub fn stamp(&self, message: &mut impl HandshakeMessage, cookie: Option<&Cookie>) -> Mac1 {
        let mac1 = mac(&self.derived().mac1_key, &[message.mac1_input()]);
        message.set_mac1(mac1);
        let mac2 = cookie.map_or([0; MAC_LEN], |cookie| {
            mac(&cookie.0, &[message.mac2_input()])
        });
        message.set_mac2(mac2);
        Mac1(mac1)
    }

    /// As [`stamp`](Self::stamp), over bytes that need not be a message: for tests of how a peer takes such.
    ///
    /// The last 32 bytes become mac1 and a mac2 of zeros. Returns nothing of fewer bytes than that.
    #[cfg(feature = "probe")]
    pub fn stamp_bytes(&self, message: &mut [u8]) -> Option<Mac1> {
        let (input, _) = message.split_at_checked(message.len().checked_sub(2 * MAC_LEN)?)?;
        let mac1 = mac(&self.derived().mac1_key, &[input]);
        let at = input.len();
        message.get_mut(at..at + MAC_LEN)?.copy_from_slice(&mac1);
        message.get_mut(at + MAC_LEN..)?.fill(0);
        Some(Mac1(mac1))
    }

    /// Opens this peer's answer to the message that was last stamped with `last_mac1`.
    ///
    /// # Errors
    /// [`MacError::ForgedCookieReply`] if it is from somebody else, for another message, or altered.
    ///
    /// Source: WireGuard whitepaper §5.4.7, §6.6.
    pub fn open_cookie_reply(
        &self,
        reply: &CookieReply,
        last_mac1: &Mac1,
    ) -> Result<Cookie, MacError> {
        let mut sealed = reply.encrypted_cookie;
        let (text, tag) = halves(&mut sealed);
        open_extended(
            &self.derived().cookie_key,
            &reply.nonce,
            &last_mac1.0,
            text,
            tag,
        )
        .map_err(|_| MacError::ForgedCookieReply)?;
        let cookie = Cookie(*text);
        sealed.zeroize();
        Ok(cookie)
    }
}

/// The mac1 of a message that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mac1([u8; MAC_LEN]);

impl Mac1 {
    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; MAC_LEN] {
        &self.0
    }
}

/// The secret that a responder makes cookies with. It is to be replaced every 120 seconds.
///
/// Source: WireGuard whitepaper §5.4.7.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CookieSecret([u8; 32]);

impl CookieSecret {
    /// Makes a new secret.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self([0; 32]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// Returns the cookie of an address: a mac over its 4 or 16 bytes and its port, big-endian.
    ///
    /// Source: Linux `drivers/net/wireguard/cookie.c:make_cookie`.
    #[must_use]
    pub fn cookie(&self, source: SocketAddr) -> Cookie {
        let port = source.port().to_be_bytes();
        Cookie(match source.ip() {
            IpAddr::V4(ip) => mac(&self.0, &[&ip.octets(), &port]),
            IpAddr::V6(ip) => mac(&self.0, &[&ip.octets(), &port]),
        })
    }
}

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret(..)")
    }
}

/// Proof that its owner receives what is sent to an address.
///
/// It is a secret of the two ends: whoever sees it can claim the address.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Cookie([u8; MAC_LEN]);

impl Cookie {
    /// Checks that the sender of a message had this cookie, in constant time.
    ///
    /// # Errors
    /// [`MacError::WrongMac2`].
    ///
    /// Source: WireGuard whitepaper §5.4.4.
    pub fn verify_mac2(&self, message: &impl HandshakeMessage) -> Result<(), MacError> {
        let expected = mac(&self.0, &[message.mac2_input()]);
        equal_or(&expected, message.mac2(), MacError::WrongMac2)
    }

    #[cfg(test)]
    pub(crate) const fn as_bytes(&self) -> &[u8; MAC_LEN] {
        &self.0
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// Why a mac or a cookie reply is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MacError {
    /// The sender of a message does not know our public key.
    #[error("wrong mac1")]
    WrongMac1,
    /// The sender of a message has no cookie from us for its address.
    #[error("wrong mac2")]
    WrongMac2,
    /// A cookie reply is not an answer of this peer to the last message.
    #[error("forged cookie reply")]
    ForgedCookieReply,
}

/// `MAC`: keyed BLAKE2s with 16 bytes of output over the concatenated `parts`.
///
/// Source: WireGuard whitepaper §5.4; RFC 7693 §2.9.
fn mac<const N: usize>(key: &[u8; N], parts: &[&[u8]]) -> [u8; MAC_LEN] {
    const { assert!(N <= 32, "BLAKE2s has keys of up to 32 bytes") };
    let mut state = Blake2sMac::<U16>::new_from_slice(key).expect("the key has at most 32 bytes");
    for part in parts {
        state.update(part);
    }
    state.finalize_fixed().into()
}

fn equal_or(expected: &[u8; 16], actual: &[u8; 16], error: MacError) -> Result<(), MacError> {
    if expected.ct_eq(actual).into() {
        Ok(())
    } else {
        Err(error)
    }
}

/// Splits a sealed cookie into the cookie and its tag.
fn halves(sealed: &mut [u8; 32]) -> (&mut [u8; MAC_LEN], &mut [u8; 16]) {
    match sealed.as_chunks_mut::<MAC_LEN>().0 {
        [cookie, tag] => (cookie, tag),
        _ => unreachable!("32 bytes are two times 16"),
    }
}

#[cfg(test)]
mod tests {
    use super::mac;

    fn counting<const N: usize>() -> [u8; N] {
        core::array::from_fn(|i| i.to_le_bytes()[0])
    }

    /// Origin: `hashlib.blake2s(message, key=key, digest_size=16)` of CPython.
    #[test]
    fn mac_is_keyed_blake2s_with_sixteen_bytes_of_output() {
        let message = counting::<100>();
        let (start, end) = message.split_at(64);
        let cases = [
            (
                mac(&counting::<32>(), &[&message]),
                "0b67d33f8b859c3157fbabd9e6e47ed0",
            ),
            (
                mac(&counting::<16>(), &[&message]),
                "56301549e674c3b72a0e1dafb7a2c620",
            ),
            (
                mac(&counting::<16>(), &[start, end]),
                "56301549e674c3b72a0e1dafb7a2c620",
            ),
            (
                mac(&counting::<16>(), &[]),
                "af4e5d3bb230e9ff9096ca6f7c501f76",
            ),
        ];
        for (actual, expected) in cases {
            assert_eq!(hex::encode(actual), expected);
        }
    }
}
