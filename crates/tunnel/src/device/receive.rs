//! From the network to the peers.

use arrayvec::ArrayVec;
use rand_core::CryptoRng;
use wirecraft_ip_packets::Ecn;
use wirecraft_noise_handshake::batch::{Keyed, open_keyed};
use wirecraft_noise_handshake::{Cookie, OpeningKey, ReceivedInitiation, wipe_stack_after};
use wirecraft_time::Instant;
use wirecraft_wire_format::{CookieReply, HandshakeMessage, Index, Initiation, Message, Response};

use super::Device;
use super::fetch::FETCHED_MAX;
use crate::arena::Destination;
use crate::datagram::{Datagram, Received};
use crate::errors::ReceiveError;
use crate::lane::{Admission, Queued, QueuedMessage, Unproven};
use crate::peer::{AcceptedInitiation, Source, ToOpen};
use crate::peer_id::PeerId;
use crate::shared::Transmit;

/// Output that may wait before cookie replies are no longer added to it.
const WAITING_TRANSMITS_MAX: usize = 1024;

/// Whose the runs of a batch are, where they are data of a peer.
type Owners = ArrayVec<Option<PeerId>, FETCHED_MAX>;

impl<R: CryptoRng> Device<R> {
    /// Takes in datagrams; afterwards each says what became of it.
    ///
    /// Data is opened in place. A handshake message is only checked as far as that costs little, and
    /// put into the lane from which [`process_handshakes`](Self::process_handshakes) takes it.
    ///
    /// Nothing here panics, or changes the state of a peer before a message has verified. What is not
    /// authenticated takes memory in three bounded places alone: the lane, the table of sources that
    /// showed a cookie, and, under load, cookie replies, of which no more are made while 1024 datagrams
    /// wait for [`poll_transmit`](Self::poll_transmit).
    pub fn receive_batch(&mut self, now: Instant, datagrams: &mut [Datagram<'_>]) {
        if self.shared.is_halted {
            return self.conclude(datagrams, Err(ReceiveError::Halted));
        }
        for datagrams in datagrams.chunks_mut(FETCHED_MAX) {
            // Filled where it lies: what `collect` returns is moved whole, empty places and all.
            let mut indices = ArrayVec::<Option<Index>, FETCHED_MAX>::new();
            indices.extend(datagrams.iter().map(data_index));
            self.fetch(&indices);
            let mut owners = Owners::new();
            self.open(now, datagrams, &indices, &mut owners);
            self.receive_runs(now, datagrams, &indices, &owners);
        }
    }

    /// Opens what is data, whoever it is from, in one go; `owners` tells whose each run is.
    fn open(
        &self,
        now: Instant,
        datagrams: &mut [Datagram<'_>],
        indices: &[Option<Index>],
        owners: &mut Owners,
    ) {
        let mut batch = ArrayVec::<Keyed<'_, ToOpen<'_, '_>>, FETCHED_MAX>::new();
        let mut datagrams = datagrams.iter_mut();
        for run in runs(indices) {
            let run_of = datagrams.by_ref().take(run.len());
            let Some(Some(index)) = run.first() else {
                owners.push(None);
                run_of.for_each(drop);
                continue;
            };
            let owner = self.shared.indices.owner(*index);
            owners.push(owner);
            match self.opening_key(now, owner, *index) {
                Ok(key) => batch.extend(run_of.map(|it| key.keyed(ToOpen::new(it)))),
                Err(error) => run_of.for_each(|datagram| datagram.outcome = Err(error)),
            }
        }
        open_keyed(&mut batch);
    }

    fn opening_key(
        &self,
        now: Instant,
        owner: Option<PeerId>,
        index: Index,
    ) -> Result<&OpeningKey, ReceiveError> {
        let peer = owner.and_then(|id| self.peers.get(id));
        let peer = peer.ok_or(ReceiveError::UnknownIndex)?;
        peer.opening_key(now, index)
    }

    /// Takes in datagrams of which the indices of data are known: those with one index together.
    fn receive_runs(
        &mut self,
        now: Instant,
        datagrams: &mut [Datagram<'_>],
        indices: &[Option<Index>],
        owners: &Owners,
    ) {
        let mut rest = datagrams;
        for (indices, owner) in runs(indices).zip(owners) {
            let (run, others) = rest.split_at_mut(indices.len());
            rest = others;
            if let Some(Some(index)) = indices.first() {
                self.receive_data(now, *owner, *index, run);
                continue;
            }
            for datagram in run {
                let outcome = self.receive_control(now, datagram);
                self.conclude(core::slice::from_mut(datagram), outcome);
            }
        }
    }

    /// Takes in one datagram: a batch of one.
    ///
    /// # Errors
    /// [`ReceiveError`] if the datagram had no effect.
    pub fn receive(
        &mut self,
        now: Instant,
        datagram: &mut Datagram<'_>,
    ) -> Result<Received, ReceiveError> {
        self.receive_batch(now, core::slice::from_mut(datagram));
        datagram.outcome().cloned()
    }

    /// Does the Diffie-Hellman operations of at most `budget` handshake messages that wait.
    ///
    /// To be called after data was served, so that handshakes never delay it.
    pub fn process_handshakes(&mut self, now: Instant, budget: usize) {
        for _ in 0..budget {
            let Some(Queued { message, source }) = self.lane.pop() else {
                break;
            };
            let result = match message {
                QueuedMessage::Initiation(message) => self.read_initiation(now, &message, source),
                QueuedMessage::Response(message) => self.read_response(now, &message, source),
            };
            if let Err(error) = result {
                self.shared.counters.count_receive_error(error);
            }
        }
    }

    fn receive_control(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
    ) -> Result<Received, ReceiveError> {
        let source = Source {
            from: datagram.from,
            local: datagram.local,
        };
        let outcome = match Message::parse(datagram.bytes) {
            Ok(Message::Initiation(message)) => {
                let queued = || QueuedMessage::Initiation(message.clone());
                self.admit(now, message, source, queued)
            }
            Ok(Message::Response(message)) => {
                let queued = || QueuedMessage::Response(message.clone());
                self.admit(now, message, source, queued)
            }
            Ok(Message::CookieReply(reply)) => self.read_cookie_reply(now, reply),
            // Data goes by its index.
            Ok(Message::Data(_)) => Err(ReceiveError::UnknownIndex),
            Err(error) => Err(ReceiveError::Malformed(error)),
        };
        outcome.map(|()| Received::Handled)
    }

    fn receive_data(
        &mut self,
        now: Instant,
        owner: Option<PeerId>,
        index: Index,
        run: &mut [Datagram<'_>],
    ) {
        match owner.and_then(|id| self.peers.get_mut(id)) {
            Some(peer) => peer.receive_opened(now, index, run, &mut self.shared),
            None => self.conclude(run, Err(ReceiveError::UnknownIndex)),
        }
    }

    /// Gives datagrams their outcome, and counts it.
    fn conclude(&mut self, run: &mut [Datagram<'_>], outcome: Result<Received, ReceiveError>) {
        for datagram in run {
            if let Err(error) = outcome {
                self.shared.counters.count_receive_error(error);
            }
            datagram.outcome = outcome.clone();
        }
    }

    /// Checks what is cheap to check: mac1, and under load the cookie and the rate of the source.
    fn admit(
        &mut self,
        now: Instant,
        message: &impl Unproven,
        source: Source,
        queued: impl FnOnce() -> QueuedMessage,
    ) -> Result<(), ReceiveError> {
        let local = self
            .shared
            .local
            .as_ref()
            .ok_or(ReceiveError::NoPrivateKey)?;
        local
            .verify_mac1(message)
            .map_err(ReceiveError::InvalidMac1)?;
        let is_known = || self.shared.known_endpoints.contains(source.from);
        match self.lane.admit(
            now,
            message,
            source.from,
            is_known,
            &mut self.shared.entropy,
        ) {
            Admission::Admitted(origin) => {
                self.lane.push(
                    Queued {
                        message: queued(),
                        source,
                    },
                    origin,
                );
                Ok(())
            }
            Admission::CookieRequired(cookie) => {
                self.send_cookie_reply(message, source, &cookie);
                Err(ReceiveError::CookieRequired)
            }
            Admission::RateLimited => Err(ReceiveError::RateLimited),
            Admission::Full => Err(ReceiveError::LaneFull),
        }
    }

    fn send_cookie_reply(
        &mut self,
        message: &impl HandshakeMessage,
        source: Source,
        cookie: &Cookie,
    ) {
        if self.shared.transmits.len() >= WAITING_TRANSMITS_MAX {
            self.shared.counters.cookie_replies_suppressed += 1;
            return;
        }
        let Some(local) = &self.shared.local else {
            return;
        };
        let index = message.sender_index();
        let reply =
            local.seal_cookie_reply(index, message.mac1(), cookie, &mut self.shared.entropy);
        let destination = Destination {
            to: source.from,
            from: source.local,
            ecn: Ecn::NotEct,
            peer: None,
        };
        self.shared
            .transmits
            .push_back(Transmit::cookie_reply(destination, &reply));
        self.shared.counters.cookie_replies_sent += 1;
    }

    fn read_initiation(
        &mut self,
        now: Instant,
        message: &Initiation,
        source: Source,
    ) -> Result<(), ReceiveError> {
        // What is put into queues later would else carry parts of the keys in its padding.
        let accepted = wipe_stack_after(|| self.accept_initiation(now, message))?;
        if let Some(peer) = self.peers.get_mut(accepted.peer) {
            peer.answer_initiation(now, accepted, source, &mut self.shared);
        }
        Ok(())
    }

    fn accept_initiation(
        &mut self,
        now: Instant,
        message: &Initiation,
    ) -> Result<AcceptedInitiation, ReceiveError> {
        let local = self
            .shared
            .local
            .as_ref()
            .ok_or(ReceiveError::NoPrivateKey)?;
        let received = ReceivedInitiation::read(local, message).map_err(ReceiveError::Handshake)?;
        let id = self.peers.id_of(received.remote_static());
        let peer = id.and_then(|id| self.peers.get(id));
        let peer = peer.ok_or(ReceiveError::UnknownPeer)?;
        peer.accept_initiation(now, received, &mut self.shared)
    }

    fn read_response(
        &mut self,
        now: Instant,
        message: &Response,
        source: Source,
    ) -> Result<(), ReceiveError> {
        let owner = self.shared.indices.owner(message.receiver_index());
        let peer = owner
            .and_then(|id| self.peers.get_mut(id))
            .ok_or(ReceiveError::UnknownIndex)?;
        peer.read_response(now, message, source, &mut self.shared)
    }

    fn read_cookie_reply(&mut self, now: Instant, reply: &CookieReply) -> Result<(), ReceiveError> {
        let owner = self.shared.indices.owner(reply.receiver_index());
        let peer = owner
            .and_then(|id| self.peers.get_mut(id))
            .ok_or(ReceiveError::UnknownIndex)?;
        peer.read_cookie_reply(now, reply)?;
        self.shared.counters.cookie_replies_received += 1;
        Ok(())
    }
}

/// Cuts a batch into data with one index, and single datagrams that are something else.
fn runs(indices: &[Option<Index>]) -> impl Iterator<Item = &[Option<Index>]> {
    indices.chunk_by(|one, next| one.is_some() && one == next)
}

/// The receiver index of a datagram that is data.
fn data_index(datagram: &Datagram<'_>) -> Option<Index> {
    match Message::parse(datagram.bytes) {
        Ok(Message::Data(data)) => Some(data.header.receiver_index()),
        Ok(_) | Err(_) => None,
    }
}
