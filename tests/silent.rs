//! The inner side of a tunnel of which only the outer one is measured.

use std::task::{Context, Poll};

use wirecraft_net::{Inner, Packets};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, SendError};

/// Says nothing inside its tunnel, and forgets what it hears.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Inner for Silent {
    fn deliver(&mut self, _: Instant, _: Packets<'_, '_>) {}

    fn poll_packets(&mut self, _: &mut Context<'_>, _: Instant, _: &mut Arena) -> Poll<()> {
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn undeliverable(&mut self, _: Instant, _: &[u8], _: SendError) {}
}
