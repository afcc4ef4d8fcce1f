//! The configuration protocol, from the socket to the device and back.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bytes;
mod conversation;
mod limits;
mod tunnel;
