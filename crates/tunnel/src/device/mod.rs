//! The device: the one object that a driver talks to.

#[cfg(test)]
mod aead_path;
mod apply;
mod configure;
#[cfg(test)]
mod counter_limits;
mod fetch;
mod held;
mod receive;
mod send;

use core::fmt;
use core::time::Duration;

use rand_core::CryptoRng;
use wirecraft_noise_handshake::{AeadPath, PublicKey};
use wirecraft_time::Instant;

use crate::counters::Counters;
use crate::event::Event;
use crate::lane::HandshakeLane;
use crate::peers::Peers;
use crate::shared::{Shared, Transmit};

pub use configure::PeerStatus;
pub use held::Held;

/// Initiations that are made before data is served again.
const INITIATIONS_PER_TIMEOUT: u64 = 8;

/// A WireGuard device without sockets, threads or clocks.
///
/// A driver gives it what it reads from the network ([`receive_batch`](Self::receive_batch)) and what
/// it wants to send ([`send_batch`](Self::send_batch)), does the handshakes that came
/// ([`process_handshakes`](Self::process_handshakes)), wakes it when it asks to be
/// ([`poll_timeout`](Self::poll_timeout), [`handle_timeout`](Self::handle_timeout)) and sends what it
/// made by itself ([`poll_transmit`](Self::poll_transmit)). Any order of calls is safe, and an error
/// concerns the one datagram or packet it was returned for.
///
/// `R` gives the randomness of ephemeral keys and indices; it must be the operating system's, so that
/// neither a fork nor a restored snapshot repeats it.
pub struct Device<R> {
    peers: Peers,
    lane: HandshakeLane,
    shared: Shared<R>,
}

/// When a device wants to be called again, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline {
    /// The time of the call; [`Instant::ORIGIN`] is at once.
    pub at: Instant,
    /// What for.
    pub reason: DeadlineReason,
}

/// Why a device wants to be called again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeadlineReason {
    /// Output waits: [`Device::poll_transmit`].
    Transmit,
    /// Handshake messages wait: [`Device::process_handshakes`].
    Handshakes,
    /// A peer's timer runs out: [`Device::handle_timeout`].
    Timer,
}

impl<R: CryptoRng> Device<R> {
    /// Makes a device without keys and peers.
    ///
    /// `mtu` is the greatest length of an inner packet in bytes; padding never passes it.
    #[must_use]
    pub fn new(mtu: usize, entropy: R) -> Self {
        Self {
            peers: Peers::default(),
            lane: HandshakeLane::new(),
            shared: Shared::new(mtu, entropy),
        }
    }

    /// Says that the wall clock shows `since_unix_epoch` at `now`.
    ///
    /// Initiations carry the time, and a responder takes only one later than all before. A wall clock
    /// that goes backwards does no harm while the device lives.
    pub fn set_wall_clock(&mut self, now: Instant, since_unix_epoch: Duration) {
        self.shared.set_wall_clock(now, since_unix_epoch);
    }

    /// Has `path`, or what is there below it, work on the batches of sessions that begin from here on.
    ///
    /// Without it the fastest path of the processor does. All of them compute the same.
    pub fn set_aead_path(&mut self, path: AeadPath) {
        self.shared.aead_path = path.or_below();
    }

    /// The path that works on the batches of sessions that begin from here on, where it is faster than
    /// one packet after the other.
    #[must_use]
    pub const fn aead_path(&self) -> AeadPath {
        self.shared.aead_path
    }

    /// The device's public key.
    #[must_use]
    pub fn public_key(&self) -> Option<PublicKey> {
        self.shared.local.as_ref().map(|local| *local.public_key())
    }

    /// How often each thing happened.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Takes a datagram that the device made by itself.
    ///
    /// To be called until it returns `None` after every other call.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.shared.transmits.pop_front()
    }

    /// Takes the oldest event. Of more than 4096 that wait, the oldest are dropped, and counted.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop()
    }

    /// When the device wants to be called next, if at all.
    ///
    /// A timer may be announced too early, never too late.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.shared.transmits.is_empty() {
            return Some(Deadline {
                at: Instant::ORIGIN,
                reason: DeadlineReason::Transmit,
            });
        }
        if !self.lane.is_empty() {
            return Some(Deadline {
                at: Instant::ORIGIN,
                reason: DeadlineReason::Handshakes,
            });
        }
        let at = self.shared.schedule.next()?;
        Some(Deadline {
            at,
            reason: DeadlineReason::Timer,
        })
    }

    /// Says that the machine was suspended until `now`.
    ///
    /// All keys of sessions and of handshakes under way are wiped: memory may have been copied
    /// meanwhile. Sessions that we had begun are begun afresh at once, or 5 s after the last handshake message.
    ///
    /// Source: Linux `device.c:wg_pm_notification`.
    pub fn handle_suspend(&mut self, now: Instant) {
        for peer in self.peers.iter_mut() {
            peer.handle_suspend(now, &mut self.shared);
        }
        self.handle_timeout(now);
    }

    /// Has the device be silent until [`resume`](Self::resume), as an interface that is set down is.
    ///
    /// Sessions end and their keys are wiped, packets that wait are dropped, nothing is sent, and whatever
    /// comes is refused, datagrams and packets alike. Keys and peers may be changed meanwhile.
    ///
    /// Source: Linux `device.c:wg_stop`.
    pub fn halt(&mut self) {
        self.shared.is_halted = true;
        self.lane.clear();
        for peer in self.peers.iter_mut() {
            peer.halt(&mut self.shared);
        }
        self.shared.transmits.clear();
    }

    /// Ends the silence; peers with a persistent keepalive are called at once.
    ///
    /// Source: Linux `device.c:wg_open`.
    pub fn resume(&mut self, now: Instant) {
        self.shared.is_halted = false;
        for peer in self.peers.iter_mut() {
            peer.resume(now, &mut self.shared);
        }
        self.handle_timeout(now);
    }

    /// Does what is due: retransmissions, keepalives, the wiping of old keys.
    ///
    /// After eight initiations, each of which costs Diffie-Hellman operations, the rest is left to the next
    /// call, which [`poll_timeout`](Self::poll_timeout) asks for at once: of however many peers are to be
    /// called, data in between does not wait.
    pub fn handle_timeout(&mut self, now: Instant) {
        let initiations_before = self.shared.counters.initiations_sent;
        while self.shared.counters.initiations_sent - initiations_before < INITIATIONS_PER_TIMEOUT {
            let Some(id) = self.shared.schedule.pop_due(now) else {
                break;
            };
            if let Some(peer) = self.peers.get_mut(id) {
                peer.handle_timeout(now, &mut self.shared);
            }
        }
    }
}

/// Shows no secrets: the public key, the number of peers, and the counters.
impl<R> fmt::Debug for Device<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.shared.local.as_ref();
        f.debug_struct("Device")
            .field("public_key", &local.map(|local| *local.public_key()))
            .field("peers", &self.peers.iter().count())
            .field("counters", &self.shared.counters)
            .finish_non_exhaustive()
    }
}
