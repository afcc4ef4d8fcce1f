//! What a device tells its caller beside packets.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::peer_id::PeerId;

/// Something that happened to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An initiation was sent.
    InitiationSent {
        /// The peer it was sent to.
        peer: PeerId,
    },
    /// An initiation verified, and a response was sent.
    InitiationReceived {
        /// The peer it came from.
        peer: PeerId,
    },
    /// A session is there: packets may be sent.
    PeerUp {
        /// The peer the session is with.
        peer: PeerId,
    },
    /// No answer came to any initiation for 90 s; packets that waited were dropped.
    HandshakeFailed {
        /// The peer that did not answer.
        peer: PeerId,
    },
    /// A keepalive was sent.
    KeepaliveSent {
        /// The peer it was sent to.
        peer: PeerId,
    },
    /// A keepalive was received.
    KeepaliveReceived {
        /// The peer it came from.
        peer: PeerId,
    },
    /// The peer's packets come from another address.
    EndpointMoved {
        /// The peer that moved.
        peer: PeerId,
        /// Its address from here on.
        to: SocketAddr,
    },
    /// Data was sent and no authenticated packet came back for 15 s; a handshake was started.
    ConnectionLost {
        /// The peer that fell silent.
        peer: PeerId,
    },
    /// The session's keys were wiped: 540 s after the last handshake, or as the machine was suspended.
    SessionExpired {
        /// The peer the session was with.
        peer: PeerId,
    },
}

/// Events that wait to be polled; when there are too many, the oldest is dropped.
#[derive(Default)]
pub(crate) struct EventQueue {
    events: VecDeque<Event>,
}

impl EventQueue {
    pub(crate) const CAPACITY: usize = 4096;

    /// Adds an event; says whether an older one was dropped for it.
    #[must_use]
    pub(crate) fn push(&mut self, event: Event) -> bool {
        let full = self.events.len() == Self::CAPACITY;
        if full {
            self.events.pop_front();
        }
        self.events.push_back(event);
        full
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
