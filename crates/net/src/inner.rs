//! What stands on the inner side of a tunnel.

use std::slice;
use std::task::{Context, Poll};

use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Datagram, PeerId, SendError};

/// The inner side of a tunnel: a network stack, an interface, a packet socket.
///
/// The driver calls it from one task, so it needs no locks of its own towards the driver.
pub trait Inner: Send + 'static {
    /// Takes in the packets of a batch in the order they came.
    fn deliver(&mut self, now: Instant, packets: Packets<'_, '_>);

    /// Writes packets into `arena` until there is nothing to send or the arena is full.
    ///
    /// `Ready` says that the arena holds packets; it is sealed, sent and emptied, and the call is made
    /// again. `Pending` says that nothing is to be sent, and that the waker of `cx` is called once
    /// something is. What is due by the clock is announced by [`poll_timeout`](Self::poll_timeout).
    ///
    /// An inner side whose MTU changes sets that of the arena; the device follows.
    fn poll_packets(&mut self, cx: &mut Context<'_>, now: Instant, arena: &mut Arena) -> Poll<()>;

    /// When [`poll_packets`](Self::poll_packets) has to be called next without having been woken.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Learns that a packet could not be sent.
    fn undeliverable(&mut self, now: Instant, packet: &[u8], error: SendError);

    /// What happened on the inner side that others want to know, by name.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Whether packets are to go to and fro. While none are, the tunnel is silent: its sockets are closed
    /// and its sessions forgotten. Looked at after [`poll_packets`](Self::poll_packets).
    fn is_up(&self) -> bool {
        true
    }
}

/// The packets of a batch and the peers they came from.
///
/// Each is whole, without padding, and its source is one of the peer's allowed IPs. All of them live
/// as long as the batch, so that some can be put together without being copied.
#[derive(Debug)]
pub struct Packets<'a, 'd> {
    datagrams: slice::IterMut<'a, Datagram<'d>>,
}

impl<'a, 'd> Packets<'a, 'd> {
    pub(crate) fn of(datagrams: &'a mut [Datagram<'d>]) -> Self {
        Self {
            datagrams: datagrams.iter_mut(),
        }
    }
}

impl<'a> Iterator for Packets<'a, '_> {
    type Item = (PeerId, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (peer, packet) = self.datagrams.find_map(Datagram::packet)?;
        Some((peer, packet))
    }
}
