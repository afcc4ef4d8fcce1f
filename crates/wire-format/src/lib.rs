#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod cookie_reply;
mod data;
mod handshake;
mod message;
mod number;
mod type_word;

pub use cookie_reply::{COOKIE_REPLY_LEN, CookieReply};
pub use data::{DATA_HEADER_LEN, DATA_MIN_LEN, Data, DataHeader, DataMut, TAG_LEN};
pub use handshake::{
    HandshakeMessage, INITIATION_LEN, Initiation, MAC_LEN, RESPONSE_LEN, Response,
};
pub use message::{Message, ParseError};
pub use number::{Counter, Index};
