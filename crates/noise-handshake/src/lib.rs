#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

#[cfg(test)]
extern crate std;

mod aead;
mod curve25519;
mod handshake;
mod kdf;
mod keys;
mod macs;
mod secret;
mod stack;
mod statics;
mod timestamp;
mod transport;

#[cfg(test)]
mod fixed_rng;
#[cfg(test)]
mod wycheproof_vectors;

#[cfg(feature = "probe")]
pub use handshake::initiate_with_low_order;
pub use handshake::{
    AwaitingResponse, CONSTRUCTION, FreshInitiation, HandshakeError, IDENTIFIER,
    ReceivedInitiation, initiate,
};
pub use keys::{KEY_LEN, KeyError, KeyText, PresharedKey, PrivateKey, PublicKey};
pub use macs::{Cookie, CookieSecret, LABEL_COOKIE, LABEL_MAC1, Mac1, MacError};
pub use stack::wipe_stack_after;
pub use statics::{LocalStatic, LowOrderKey, RemoteStatic};
pub use timestamp::Tai64N;
pub use transport::{
    Open, OpenError, OpeningKey, Seal, SealingKey, TransportKeys, nonce, seal_keyed,
};
pub use wirecraft_batch_aead::{Path as AeadPath, PathError as AeadPathError};

/// What a packet of a batch has to tell, for batches of something else than [`Open`].
pub mod batch {
    pub use wirecraft_batch_aead::{Keyed, Message, Nonce, OpenError, Received, open_keyed};
}
