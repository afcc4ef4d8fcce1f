//! Benchmarks of the whole, rivals beside: each side as a pair of endpoints in one thread.
#![forbid(unsafe_code)]

mod aead_batch;
mod boringtun_pair;
mod gotatun_pair;
mod interleaved;
mod session;
mod wirecraft_pair;

pub mod packets;

pub use aead_batch::{
    AEAD_BATCHES, KEY, LIBRARY_BATCH, Library, TEXT_LENS, Work, libraries, messages, mix,
    open_batch, seal_batch, sealed,
};
pub use boringtun_pair::BoringtunPair;
pub use gotatun_pair::GotatunPair;
pub use interleaved::{Contestant, measure, median, ratio};
pub use session::session;
pub use wirecraft_pair::{ReceiveBuffer, WirecraftPair};

/// The lengths of inner packets in bytes: a small one, a middle one, a full one.
pub const PACKET_LENS: [usize; 3] = [64, 512, 1420];

/// The numbers of packets handed over at once.
pub const BATCHES: [usize; 3] = [1, 32, 64];

/// An inner packet of `len` bytes from the first endpoint of a pair to the second.
///
/// # Panics
/// If `len` is less than the headers take.
#[must_use]
pub fn packet(len: usize) -> Vec<u8> {
    const HEADERS_LEN: usize = 28;
    let payload = vec![0x5a; len - HEADERS_LEN];
    wirecraft_ip_packets::v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1000, 2000)
        .payload(&payload)
        .build()
}
