//! A peer's handshakes, in both roles.

use core::net::IpAddr;
use std::net::SocketAddr;

use rand_core::CryptoRng;
use wirecraft_ip_packets::Ecn;
use wirecraft_noise_handshake::{
    LocalStatic, ReceivedInitiation, Tai64N, initiate, wipe_stack_after,
};
use wirecraft_time::Instant;
use wirecraft_wire_format::{
    CookieReply, HandshakeMessage, INITIATION_LEN, Initiation, RESPONSE_LEN, Response,
};

use super::{Peer, ReceivedCookie};
use crate::constants::{
    COOKIE_SECRET_LATENCY, COOKIE_SECRET_MAX_AGE, INITIATION_INTERVAL_MIN, REKEY_TIMEOUT,
};
use crate::errors::ReceiveError;
use crate::event::Event;
use crate::keypair::{Keypair, Role};
use crate::peer_id::PeerId;
use crate::shared::{Shared, Transmit};

/// Where a handshake message came from.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) from: SocketAddr,
    pub(crate) local: Option<IpAddr>,
}

/// An initiation that has verified, with what it is answered with.
pub(crate) struct AcceptedInitiation {
    pub(crate) peer: PeerId,
    timestamp: Tai64N,
    response: Response,
    keypair: Box<Keypair>,
}

impl Peer {
    /// Starts a handshake, or sees to it that one starts as soon as it may.
    ///
    /// At most one initiation is sent in 5 s, and none within 5 s of a response, so that peers do
    /// not duel (`send.c:wg_packet_send_queued_handshake_initiation`).
    pub(crate) fn start_handshake(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.attempt_began_at = Some(now);
        match self.initiation_barred_until(now) {
            Some(_) if self.staging.is_empty() => {}
            Some(until) => self.timers.initiation_deferred(until, shared.jitter()),
            None => self.send_initiation(now, shared),
        }
        self.reschedule(shared);
    }

    /// Has the next timeout start a handshake, or the first one after it may be started.
    ///
    /// So it is where many peers want one: a timeout starts few of them, and data is served in between.
    pub(super) fn want_handshake(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.attempt_began_at = None;
        let at = match self.initiation_barred_until(now) {
            Some(until) => until + shared.jitter(),
            None => now,
        };
        self.timers.initiation_wanted(at);
        self.reschedule(shared);
    }

    /// Repeats the initiation that waits for an answer no more, and drops packets that wait for it.
    pub(crate) fn cancel_handshake(&mut self, shared: &mut Shared<impl CryptoRng>) {
        self.attempt_began_at = None;
        self.late_rekey_started = false;
        self.drop_attempt(shared);
        shared.counters.staged_dropped += self.staging.purge() as u64;
        self.timers.attempt_cancelled();
        self.reschedule(shared);
    }

    /// Repeats an initiation that was not answered, as soon as it may be.
    pub(super) fn repeat_initiation(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        match self.initiation_barred_until(now) {
            Some(until) => self.timers.initiation_deferred(until, shared.jitter()),
            None => self.send_initiation(now, shared),
        }
    }

    /// Until when no initiation may be sent, if none may be at `now`.
    pub(super) fn initiation_barred_until(&self, now: Instant) -> Option<Instant> {
        let until = self.handshake_sent_at? + REKEY_TIMEOUT;
        (now < until).then_some(until)
    }

    /// Sends an initiation in place of the one that waits for an answer, if any.
    fn send_initiation(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if shared.is_halted {
            return;
        }
        self.forget_local_address();
        let Some(destination) = self.destination(Ecn::NotEct) else {
            return;
        };
        let Some(message) = wipe_stack_after(|| self.make_initiation(now, shared)) else {
            return;
        };
        self.handshake_sent_at = Some(now);
        shared
            .transmits
            .push_back(Transmit::initiation(destination, &message));
        shared.counters.initiations_sent += 1;
        shared.report(Event::InitiationSent { peer: self.id });
        self.traffic.sent_len += INITIATION_LEN as u64;
        self.timers
            .authenticated_sent(now, self.persistent_keepalive);
        let jitter = shared.jitter();
        self.timers.initiation_sent(now, jitter);
        self.reschedule(shared);
    }

    /// Begins an attempt in place of the one that waits for an answer, if any.
    fn make_initiation(
        &mut self,
        now: Instant,
        shared: &mut Shared<impl CryptoRng>,
    ) -> Option<Initiation> {
        let (local, remote) = (shared.local.as_ref()?, self.remote.as_ref()?);
        let timestamp = shared.timestamp_after(self.newest_timestamp_sent, now);
        let index = shared.indices.allocate(self.id, &mut shared.entropy);
        let made = initiate(local, remote, timestamp, index, &mut shared.entropy);
        let Ok((mut message, attempt)) = made else {
            shared.indices.release(index);
            return None;
        };
        let cookie = self.cookie.as_ref().filter(|cookie| cookie.is_fresh(now));
        self.last_mac1 = Some(remote.stamp(&mut message, cookie.map(|cookie| &cookie.cookie)));
        self.drop_attempt(shared);
        self.attempt = Some(Box::new(attempt));
        self.newest_timestamp_sent = Some(timestamp);
        Some(message)
    }

    /// Verifies an initiation from this peer and makes what it is answered with.
    ///
    /// Nothing of the peer changes here; [`answer_initiation`](Self::answer_initiation) does that.
    pub(crate) fn accept_initiation(
        &self,
        now: Instant,
        received: ReceivedInitiation,
        shared: &mut Shared<impl CryptoRng>,
    ) -> Result<AcceptedInitiation, ReceiveError> {
        let remote = self.remote.as_ref().ok_or(ReceiveError::UnknownPeer)?;
        let fresh = received
            .authenticate(remote, self.newest_timestamp_received)
            .map_err(ReceiveError::Handshake)?;
        let is_too_soon = |at: Instant| now.since(at) < INITIATION_INTERVAL_MIN;
        if self.initiation_accepted_at.is_some_and(is_too_soon) {
            return Err(ReceiveError::InitiationTooSoon);
        }
        let timestamp = fresh.timestamp();
        let remote_index = fresh.sender_index();
        let local_index = shared.indices.allocate(self.id, &mut shared.entropy);
        match fresh.respond(&self.preshared_key, local_index, &mut shared.entropy) {
            Ok((response, keys)) => Ok(AcceptedInitiation {
                peer: self.id,
                timestamp,
                response,
                keypair: Keypair::new(Role::Responder, local_index, remote_index, keys, now).into(),
            }),
            Err(error) => {
                shared.indices.release(local_index);
                Err(ReceiveError::Handshake(error))
            }
        }
    }

    /// Takes note of an initiation that was accepted, and sends the response.
    pub(crate) fn answer_initiation(
        &mut self,
        now: Instant,
        accepted: AcceptedInitiation,
        source: Source,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        self.newest_timestamp_received = Some(accepted.timestamp);
        self.initiation_accepted_at = Some(now);
        shared.counters.initiations_received += 1;
        shared.report(Event::InitiationReceived { peer: self.id });
        self.handshake_verified(now, INITIATION_LEN, source, shared);
        self.begin_session(now, accepted.keypair, shared);
        self.send_response(now, accepted.response, shared);
    }

    fn send_response(
        &mut self,
        now: Instant,
        mut response: Response,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        let (Some(remote), Some(destination)) = (&self.remote, self.destination(Ecn::NotEct))
        else {
            return;
        };
        let cookie = self.cookie.as_ref().filter(|cookie| cookie.is_fresh(now));
        self.last_mac1 = Some(remote.stamp(&mut response, cookie.map(|cookie| &cookie.cookie)));
        shared
            .transmits
            .push_back(Transmit::response(destination, &response));
        self.handshake_sent_at = Some(now);
        self.traffic.sent_len += RESPONSE_LEN as u64;
        self.timers
            .authenticated_sent(now, self.persistent_keepalive);
        self.reschedule(shared);
    }

    /// Reads a response to the initiation that waits for one.
    pub(crate) fn read_response(
        &mut self,
        now: Instant,
        response: &Response,
        source: Source,
        shared: &mut Shared<impl CryptoRng>,
    ) -> Result<(), ReceiveError> {
        let local = shared.local.as_ref().ok_or(ReceiveError::NoPrivateKey)?;
        let keypair = wipe_stack_after(|| self.keypair_from(now, local, response))?;
        self.attempt = None;
        shared.counters.responses_received += 1;
        self.handshake_verified(now, RESPONSE_LEN, source, shared);
        self.begin_session(now, keypair, shared);
        self.session_confirmed(now, shared);
        self.confirm_to_responder(now, shared);
        self.reschedule(shared);
        Ok(())
    }

    /// The keypair that a response to our attempt gives.
    fn keypair_from(
        &self,
        now: Instant,
        local: &LocalStatic,
        response: &Response,
    ) -> Result<Box<Keypair>, ReceiveError> {
        let attempt = self
            .attempt
            .as_ref()
            .filter(|attempt| attempt.sender_index() == response.receiver_index())
            .ok_or(ReceiveError::UnknownIndex)?;
        let keys = attempt
            .read_response(local, &self.preshared_key, response)
            .map_err(ReceiveError::Handshake)?;
        let (local_index, remote_index) = (attempt.sender_index(), response.sender_index());
        let keypair = Keypair::new(Role::Initiator, local_index, remote_index, keys, now);
        Ok(Box::new(keypair))
    }

    /// The responder may not send before it has heard something on the new keypair: staged packets
    /// do for that, a keepalive otherwise (whitepaper §5.4.3).
    fn confirm_to_responder(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if self.staging.is_empty() {
            self.send_keepalive(now, shared);
        } else {
            self.send_staged(now, shared);
        }
    }

    fn handshake_verified(
        &mut self,
        now: Instant,
        message_len: usize,
        source: Source,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        self.heard_from(&source.from, source.local.as_ref(), shared);
        self.traffic.received_len += message_len as u64;
        self.timers
            .authenticated_received(now, self.persistent_keepalive);
    }

    fn begin_session<R>(
        &mut self,
        now: Instant,
        mut keypair: Box<Keypair>,
        shared: &mut Shared<R>,
    ) {
        keypair.limit_to(shared.aead_path);
        self.keypairs.install(keypair, &mut shared.indices);
        self.timers.session_derived(now);
        self.reschedule(shared);
    }

    /// Both sides are known to have the keys of the current keypair.
    ///
    /// An attempt of our own that the peer's handshake overtook ends here: nothing bounds how late a
    /// response to it might come, and its keypair would push out a newer one.
    pub(super) fn session_confirmed(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.drop_attempt(shared);
        self.timers.session_confirmed();
        self.attempt_began_at = None;
        self.late_rekey_started = false;
        self.traffic.last_handshake = Some(shared.unix_time(now));
        shared.report(Event::PeerUp { peer: self.id });
    }

    /// Takes in a cookie, to be shown with the next handshake message.
    pub(crate) fn read_cookie_reply(
        &mut self,
        now: Instant,
        reply: &CookieReply,
    ) -> Result<(), ReceiveError> {
        let (Some(remote), Some(last_mac1)) = (&self.remote, &self.last_mac1) else {
            return Err(ReceiveError::UnknownIndex);
        };
        let cookie = remote
            .open_cookie_reply(reply, last_mac1)
            .map_err(ReceiveError::CookieReply)?;
        self.cookie = Some(ReceivedCookie {
            cookie,
            received_at: now,
        });
        self.last_mac1 = None;
        Ok(())
    }
}

impl ReceivedCookie {
    fn is_fresh(&self, now: Instant) -> bool {
        now.since(self.received_at) < COOKIE_SECRET_MAX_AGE - COOKIE_SECRET_LATENCY
    }
}
