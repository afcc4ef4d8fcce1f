#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(not(feature = "batch"), forbid(unsafe_code))]

#[cfg(any(test, feature = "batch"))]
extern crate std;

mod batch;
mod key;
mod keyed;
mod path;
mod single;
#[cfg(all(feature = "batch", target_arch = "x86_64"))]
mod vector;

#[cfg(test)]
mod oracles;
#[cfg(test)]
mod wycheproof_vectors;

pub use batch::{Message, Nonce, Open, OpenError, Received, Seal, TAG_LEN};
pub use key::Key;
pub use keyed::{Keyed, open_keyed, seal_keyed};
pub use path::{Path, PathError};
