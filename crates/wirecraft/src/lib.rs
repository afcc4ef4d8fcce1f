#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod config;
pub mod dial;
pub mod dns;
#[cfg(feature = "http")]
pub mod http;
pub mod network;

pub use config::Config;
pub use wirecraft_net::SystemEntropy;
pub use wirecraft_noise_handshake::{KeyError, KeyText, PresharedKey, PrivateKey, PublicKey};
