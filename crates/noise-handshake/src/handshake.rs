//! The handshake, Noise IKpsk2: two messages, each state a type that the next one consumes.
//!
//! ```text
//! initiator                                      responder
//!
//! initiate --------- e, es, s, ss, {timestamp} -> ReceivedInitiation::read       e, es, s
//!    |                                                 | .remote_static(): who is it?
//!    |                                            .authenticate(peer, newest)    ss, {timestamp}
//!    v                                                 v
//! AwaitingResponse                                FreshInitiation
//!    |                                                 |
//! .read_response <-- e, ee, se, psk, {} ---------- .respond
//!    v                                                 v
//! TransportKeys                                   TransportKeys
//! ```
//!
//! Source: WireGuard whitepaper §5.4; The Noise Protocol Framework, revision 34, §7.5, §9.

mod initiator;
mod responder;
mod symmetric;
#[cfg(test)]
mod transcripts;

#[cfg(feature = "probe")]
pub use initiator::initiate_with_low_order;
pub use initiator::{AwaitingResponse, initiate};
pub use responder::{FreshInitiation, ReceivedInitiation};
#[cfg(test)]
pub(crate) use symmetric::SymmetricState;
pub(crate) use symmetric::initial_hash;
pub use symmetric::{CONSTRUCTION, IDENTIFIER};

use crate::statics::LowOrderKey;

/// Why a handshake message is not taken, or cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A Diffie-Hellman result is all zero.
    #[error("public key of low order in the handshake")]
    LowOrder,
    /// The static key in an initiation does not open: altered, or meant for another key than ours.
    #[error("forged static key in an initiation")]
    ForgedStatic,
    /// The timestamp in an initiation does not open: its sender lacks the static private key.
    #[error("forged timestamp in an initiation")]
    ForgedTimestamp,
    /// The response does not open: altered, for another initiation, or with another preshared key.
    #[error("forged response")]
    ForgedResponse,
    /// The peer to authenticate against is not the one that the initiation names.
    #[error("initiation of another peer")]
    OtherPeer,
    /// The timestamp is not greater than the greatest one seen from this peer.
    #[error("replayed timestamp")]
    ReplayedTimestamp,
}

impl From<LowOrderKey> for HandshakeError {
    fn from(_: LowOrderKey) -> Self {
        Self::LowOrder
    }
}
