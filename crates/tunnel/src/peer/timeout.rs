//! What a peer does when one of its timers has run out.

use rand_core::CryptoRng;
use wirecraft_noise_handshake::wipe_stack_after;
use wirecraft_time::Instant;

use super::Peer;
use super::timers::Due;
use crate::constants::REKEY_ATTEMPT_TIME;
use crate::event::Event;
use crate::shared::Shared;

impl Peer {
    /// Handles every timer that has run out, and schedules the next wake-up.
    pub(crate) fn handle_timeout(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.scheduled = None;
        while let Some(due) = self.timers.take_due(now) {
            match due {
                Due::RetransmitHandshake => self.retransmit_handshake(now, shared),
                Due::PassiveKeepalive => self.send_passive_keepalive(now, shared),
                Due::NewHandshake => self.recover_connection(now, shared),
                Due::WipeKeys => self.wipe_keys(shared),
                Due::PersistentKeepalive => self.send_persistent_keepalive(now, shared),
            }
        }
        self.reschedule(shared);
    }

    fn retransmit_handshake(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        let began_at = *self.attempt_began_at.get_or_insert(now);
        if now.since(began_at) < REKEY_ATTEMPT_TIME {
            self.repeat_initiation(now, shared);
            return;
        }
        self.attempt_began_at = None;
        self.drop_attempt(shared);
        shared.counters.staged_dropped += self.staging.purge() as u64;
        self.timers.attempt_given_up(now);
        shared.report(Event::HandshakeFailed { peer: self.id });
    }

    fn send_passive_keepalive(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.send_keepalive(now, shared);
        self.timers.passive_keepalive_sent(now);
    }

    /// Data was sent and nothing came back: the peer may have lost the session, or moved.
    fn recover_connection(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.forget_local_address();
        shared.report(Event::ConnectionLost { peer: self.id });
        self.start_handshake(now, shared);
    }

    fn send_persistent_keepalive(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if let Some(interval) = self.persistent_keepalive {
            self.timers.set_persistent_keepalive(Some(now + interval));
            self.send_keepalive(now, shared);
        }
    }

    /// Sealing and opening may have left copies of the keys on the stack, so that is wiped as well.
    pub(super) fn wipe_keys(&mut self, shared: &mut Shared<impl CryptoRng>) {
        let any = wipe_stack_after(|| {
            self.drop_attempt(shared);
            self.keypairs.clear(&mut shared.indices)
        });
        if any {
            shared.report(Event::SessionExpired { peer: self.id });
        }
    }
}
