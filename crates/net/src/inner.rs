//! What stands on the inner side of a tunnel.

use std::task::{Context, Poll};

use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, PeerId, SendError};

/// The inner side of a tunnel: a network stack, an interface, a packet socket.
///
/// The driver calls it from one task, so it needs no locks of its own towards the driver.
pub trait Inner: Send + 'static {
    /// Takes in a packet from `peer`: whole, without padding, its source one of the peer's allowed IPs.
    fn deliver(&mut self, now: Instant, peer: PeerId, packet: &[u8]);

    /// Writes packets into `arena` until there is nothing to send or the arena is full.
    ///
    /// `Ready` says that the arena holds packets; it is sealed, sent and emptied, and the call is made
    /// again. `Pending` says that nothing is to be sent, and that the waker of `cx` is called once
    /// something is. What is due by the clock is announced by [`poll_timeout`](Self::poll_timeout).
    fn poll_packets(&mut self, cx: &mut Context<'_>, now: Instant, arena: &mut Arena) -> Poll<()>;

    /// When [`poll_packets`](Self::poll_packets) has to be called next without having been woken.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Learns that a packet could not be sent.
    fn undeliverable(&mut self, now: Instant, packet: &[u8], error: SendError);
}
