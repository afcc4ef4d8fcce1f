//! A peer's transport data, both ways, a batch at a time.

use core::net::IpAddr;
use core::ops::Range;

use arrayvec::ArrayVec;
use rand_core::CryptoRng;
use wirecraft_ip_packets::{self as ip_packets, Ecn};
use wirecraft_noise_handshake::batch::{Message, Nonce, OpenError, Received as ReceivedMessage};
use wirecraft_noise_handshake::{OpeningKey, Seal, SealingKey, nonce};
use wirecraft_time::Instant;
use wirecraft_wire_format::{Counter, DATA_HEADER_LEN, DATA_MIN_LEN, DataHeader, Index, TAG_LEN};

use super::{CheckedSource, Peer};
use crate::allowed_ips::AllowedIps;
use crate::arena::{Arena, Destination, Outcome, Sealed, SlotMut, padded_len};
use crate::datagram::{Datagram, Received};
use crate::errors::{ReceiveError, SendError};
use crate::event::Event;
use crate::keypair::Keypair;
use crate::peer_id::PeerId;
use crate::shared::{Shared, Transmit};

/// The most packets that are sealed or opened in one call, of whichever peers.
pub(crate) const BATCH_MAX: usize = 64;

impl Peer {
    /// Makes datagrams of packets of the arena that are all for this peer, or stages them.
    ///
    /// What got a counter has its header and its outcome, but is still to be sealed with
    /// [`sealing_key`](Self::sealing_key).
    pub(crate) fn claim_slots(
        &mut self,
        now: Instant,
        arena: &mut Arena,
        slots: Range<usize>,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        if let Some(error) = self.unreachable(shared) {
            for number in slots {
                shared.counters.count_send_error(error);
                arena.set_outcome(number, Outcome::Failed(error));
            }
            return;
        }
        let granted = self.write_headers(now, arena, slots.clone(), shared);
        let waiting = slots.start + granted..slots.end;
        if granted > 0 {
            self.sent_data(now, shared);
        }
        if !waiting.is_empty() {
            self.stage_slots(arena, waiting, shared);
            self.start_handshake(now, shared);
        }
    }

    /// The key whose counters the datagrams have that were claimed last.
    pub(crate) fn sealing_key(&self) -> Option<&SealingKey> {
        self.keypairs.current().map(|keypair| &keypair.sealing)
    }

    /// Why nothing can be sent to this peer, if so.
    fn unreachable<R>(&self, shared: &Shared<R>) -> Option<SendError> {
        if shared.local.is_some() && self.remote.is_none() {
            Some(SendError::LowOrderKey(self.id))
        } else if self.endpoint.is_none() {
            Some(SendError::NoEndpoint(self.id))
        } else {
            None
        }
    }

    /// Gives counters to as many of the packets as the current keypair has; returns how many.
    fn write_headers<R>(
        &mut self,
        now: Instant,
        arena: &mut Arena,
        slots: Range<usize>,
        shared: &mut Shared<R>,
    ) -> usize {
        let Some(destination) = self.destination(Ecn::NotEct) else {
            return 0;
        };
        let Some(keypair) = self.keypairs.sealing(now) else {
            return 0;
        };
        let Some((first, granted)) = keypair.counters.take(slots.len()) else {
            return 0;
        };
        let counters = (first.value()..).map(Counter::new);
        let destination = arena.add_destination(destination);
        for (SlotMut { outcome, datagram }, counter) in
            arena.slots_mut(slots.start, granted).zip(counters)
        {
            self.traffic.sent_len += datagram.len() as u64;
            let message = write_header(keypair, counter, datagram);
            let ecn = outer_ecn(message);
            *outcome = Outcome::Claimed(Sealed { destination, ecn });
        }
        shared.counters.packets_sent += granted as u64;
        granted
    }

    fn stage_slots<R>(&mut self, arena: &mut Arena, slots: Range<usize>, shared: &mut Shared<R>) {
        for number in slots {
            shared.counters.staged += 1;
            shared.counters.staged_dropped += u64::from(self.staging.push(arena.packet(number)));
            arena.set_outcome(number, Outcome::Staged);
        }
    }

    /// Seals and queues the packets that waited for a session.
    pub(crate) fn send_staged(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        let mut any_sent = false;
        while !self.staging.is_empty() {
            if !self.seal_staged(now, shared) {
                self.start_handshake(now, shared);
                break;
            }
            any_sent = true;
        }
        if any_sent {
            self.sent_data(now, shared);
        }
    }

    /// Seals and queues a batch of the packets that wait; says whether there was a session for any.
    fn seal_staged<R>(&mut self, now: Instant, shared: &mut Shared<R>) -> bool {
        let Some(destination) = self.destination(Ecn::NotEct) else {
            return false;
        };
        let Some(keypair) = self.keypairs.sealing(now) else {
            return false;
        };
        let wanted = self.staging.len().min(BATCH_MAX);
        let Some((first, granted)) = keypair.counters.take(wanted) else {
            return false;
        };
        let counters = (first.value()..).map(Counter::new).take(granted);
        let waiting = shared.transmits.len();
        shared.transmits.extend(counters.map_while(|counter| {
            let packet = self.staging.pop()?;
            let transmit = unsealed(keypair, counter, destination, &packet, shared.mtu);
            self.traffic.sent_len += transmit.datagram().len() as u64;
            Some(transmit)
        }));
        let mut batch = ArrayVec::<Seal<'_>, BATCH_MAX>::new();
        batch.extend(shared.transmits.range_mut(waiting..).map(|transmit| Seal {
            counter: sent_counter(transmit.datagram()),
            message: message_of(transmit.datagram_mut()),
        }));
        keypair.sealing.seal_batch(&mut batch);
        shared.counters.packets_sent += granted as u64;
        true
    }

    /// Sends a keepalive, or starts the handshake that has to come before one.
    pub(super) fn send_keepalive(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if !self.seal_keepalive(now, shared) {
            self.start_handshake(now, shared);
            return;
        }
        shared.counters.keepalives_sent += 1;
        shared.report(Event::KeepaliveSent { peer: self.id });
        self.timers
            .authenticated_sent(now, self.persistent_keepalive);
        self.rekey_on_send(now, shared);
        self.reschedule(shared);
    }

    /// Seals and queues a keepalive; says whether there was a session for it.
    fn seal_keepalive<R>(&mut self, now: Instant, shared: &mut Shared<R>) -> bool {
        let Some(destination) = self.destination(Ecn::NotEct) else {
            return false;
        };
        let Some(keypair) = self.keypairs.sealing(now) else {
            return false;
        };
        let Some((counter, _)) = keypair.counters.take(1) else {
            return false;
        };
        let mut transmit = unsealed(keypair, counter, destination, &[], shared.mtu);
        let message = message_of(transmit.datagram_mut());
        keypair.sealing.seal(counter, message);
        self.traffic.sent_len += transmit.datagram().len() as u64;
        shared.transmits.push_back(transmit);
        true
    }

    fn sent_data(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        self.timers
            .authenticated_sent(now, self.persistent_keepalive);
        self.timers.data_sent(now, || shared.jitter());
        self.rekey_on_send(now, shared);
        self.reschedule(shared);
    }

    fn rekey_on_send(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if self
            .keypairs
            .current()
            .is_some_and(|keypair| keypair.wants_rekey_on_send(now))
        {
            self.start_handshake(now, shared);
        }
    }

    /// Finds the key for datagrams with the receiver index `index`.
    ///
    /// # Errors
    /// [`ReceiveError`] if there is none, or it is too old.
    pub(crate) fn opening_key(
        &self,
        now: Instant,
        index: Index,
    ) -> Result<&OpeningKey, ReceiveError> {
        match self.keypairs.peek(index) {
            None => Err(ReceiveError::UnknownIndex),
            Some(keypair) if keypair.is_expired(now) => Err(ReceiveError::KeypairExpired),
            Some(keypair) => Ok(&keypair.opening),
        }
    }

    /// Takes in datagrams that all carry the receiver index `index`, after they were opened.
    ///
    /// The order is that of the kernel: tag, replay window, endpoint, confirmation of the key,
    /// timers, and only then what is inside (`receive.c:wg_packet_consume_data_done`).
    pub(crate) fn receive_opened(
        &mut self,
        now: Instant,
        index: Index,
        datagrams: &mut [Datagram<'_>],
        shared: &mut Shared<impl CryptoRng>,
    ) {
        match self.keypairs.find(index) {
            // It was there when they were opened; were it gone since, it would be as unknown as any.
            None => reject_opened(datagrams, |_| Some(ReceiveError::UnknownIndex)),
            Some(keypair) => reject_opened(datagrams, |datagram| {
                let is_new = keypair.replay.accept(counter_of(datagram));
                (!is_new).then_some(ReceiveError::Replayed)
            }),
        }
        let newest = datagrams
            .iter()
            .rev()
            .find(|datagram| datagram.outcome.is_ok());
        if let Some(newest) = newest {
            self.heard_from(&newest.from, newest.local.as_ref(), shared);
            self.received_authenticated(now, index, shared);
            self.take_plaintexts(now, datagrams, shared);
            self.reschedule(shared);
        }
        for error in datagrams
            .iter()
            .filter_map(|datagram| datagram.outcome.as_ref().err())
        {
            shared.counters.count_receive_error(*error);
        }
    }

    fn received_authenticated(
        &mut self,
        now: Instant,
        index: Index,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        // What came before staged packets are sent is no answer to them.
        self.timers
            .authenticated_received(now, self.persistent_keepalive);
        if self.keypairs.confirm(index, &mut shared.indices) {
            self.session_confirmed(now, shared);
            self.send_staged(now, shared);
        }
        self.rekey_on_receive(now, shared);
    }

    fn rekey_on_receive(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        let wants_rekey = |keypair: &Keypair| keypair.wants_rekey_on_receive(now);
        if !self.late_rekey_started
            && self.keypairs.current().is_some_and(wants_rekey)
            && self.initiation_barred_until(now).is_none()
        {
            self.late_rekey_started = true;
            self.start_handshake(now, shared);
        }
    }

    /// Looks into the opened datagrams: keepalives end here, packets are validated.
    fn take_plaintexts(
        &mut self,
        now: Instant,
        datagrams: &mut [Datagram<'_>],
        shared: &mut Shared<impl CryptoRng>,
    ) {
        for datagram in datagrams
            .iter_mut()
            .filter(|datagram| datagram.outcome.is_ok())
        {
            let datagram_len = datagram.bytes.len() as u64;
            if datagram.bytes.len() == DATA_MIN_LEN {
                self.traffic.received_len += datagram_len;
                shared.counters.keepalives_received += 1;
                shared.report(Event::KeepaliveReceived { peer: self.id });
                continue;
            }
            self.timers.data_received(now);
            match self.take_packet(datagram, shared) {
                Ok(packet) => {
                    let peer = self.id;
                    datagram.outcome = Ok(Received::Packet { peer, packet });
                    self.traffic.received_len += datagram_len;
                    shared.counters.packets_received += 1;
                }
                Err(error) => datagram.outcome = Err(error),
            }
        }
    }

    /// Checks the packet in a datagram and returns where in it the packet lies.
    #[inline]
    fn take_packet<R>(
        &mut self,
        datagram: &mut Datagram<'_>,
        shared: &Shared<R>,
    ) -> Result<Range<usize>, ReceiveError> {
        let end = datagram.bytes.len().saturating_sub(TAG_LEN);
        let plaintext = datagram.bytes.get_mut(DATA_HEADER_LEN..end);
        let plaintext = plaintext.unwrap_or_default();
        let header = ip_packets::Header::read(plaintext).map_err(ReceiveError::InnerPacket)?;
        if !self.may_send_from(header.source, &shared.allowed_ips) {
            return Err(ReceiveError::SourceNotAllowed {
                source_address: header.source,
            });
        }
        if datagram.ecn == Ecn::Ce && header.ecn != Ecn::NotEct {
            ip_packets::set_ecn(plaintext, Ecn::Ce).map_err(ReceiveError::InnerPacket)?;
        }
        Ok(DATA_HEADER_LEN..DATA_HEADER_LEN + header.total_len)
    }

    /// Whether an inner source address is one of the peer's.
    ///
    /// Most peers send from one address: it is looked up once, not for every packet.
    fn may_send_from(&mut self, address: IpAddr, allowed_ips: &AllowedIps<PeerId>) -> bool {
        let changes = allowed_ips.changes();
        let is_same = |it: CheckedSource| it.changes == changes && it.address == address;
        if self.checked_source.is_some_and(is_same) {
            return true;
        }
        let is_allowed = allowed_ips.lookup(address) == Some(self.id);
        if is_allowed {
            self.checked_source = Some(CheckedSource { address, changes });
        }
        is_allowed
    }
}

/// Refuses those that were opened and of which `refuse` says why.
fn reject_opened(
    datagrams: &mut [Datagram<'_>],
    mut refuse: impl FnMut(&Datagram<'_>) -> Option<ReceiveError>,
) {
    for datagram in datagrams {
        if datagram.outcome.is_ok()
            && let Some(error) = refuse(datagram)
        {
            datagram.outcome = Err(error);
        }
    }
}

/// A datagram that is opened where it lies.
pub(crate) struct ToOpen<'a, 'b>(&'a mut Datagram<'b>);

impl<'a, 'b> ToOpen<'a, 'b> {
    /// A datagram that is refused unless it is said to have verified.
    #[inline]
    pub(crate) fn new(datagram: &'a mut Datagram<'b>) -> Self {
        datagram.outcome = Err(ReceiveError::InvalidTag);
        Self(datagram)
    }
}

impl Message for ToOpen<'_, '_> {
    #[inline]
    fn nonce(&self) -> Nonce {
        nonce(counter_of(self.0))
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        message_of(self.0.bytes)
    }
}

impl ReceivedMessage for ToOpen<'_, '_> {
    #[inline]
    fn set_result(&mut self, result: Result<(), OpenError>) {
        self.0.outcome = match result {
            Ok(()) => Ok(Received::Handled),
            Err(_) => Err(ReceiveError::InvalidTag),
        };
    }
}

/// The counter in the header of a datagram of transport data.
fn counter_of(datagram: &Datagram<'_>) -> Counter {
    sent_counter(datagram.bytes)
}

/// The counter in the header of transport data.
pub(crate) fn sent_counter(datagram: &[u8]) -> Counter {
    let header = datagram.first_chunk::<DATA_HEADER_LEN>();
    let counter = header.and_then(|header| header.last_chunk());
    Counter::new(counter.map_or(u64::MAX, |counter| u64::from_le_bytes(*counter)))
}

/// A datagram of a packet, or of a keepalive, that is still to be sealed.
fn unsealed(
    keypair: &Keypair,
    counter: Counter,
    destination: Destination,
    packet: &[u8],
    mtu: usize,
) -> Transmit {
    let ecn = outer_ecn(packet);
    let datagram_len = DATA_MIN_LEN + padded_len(packet.len(), mtu);
    let mut transmit = Transmit::data(Destination { ecn, ..destination }, datagram_len);
    let message = write_header(keypair, counter, transmit.datagram_mut());
    let (plaintext, _) = message.split_at_mut(packet.len());
    plaintext.copy_from_slice(packet);
    transmit
}

/// What of a datagram is sealed, with the room for its tag.
pub(crate) fn message_of(datagram: &mut [u8]) -> &mut [u8] {
    datagram.get_mut(DATA_HEADER_LEN..).unwrap_or_default()
}

/// Writes the header of a datagram and returns the rest: padded packet and room for the tag.
fn write_header<'a>(keypair: &Keypair, counter: Counter, datagram: &'a mut [u8]) -> &'a mut [u8] {
    let (header, message) = datagram.split_at_mut(DATA_HEADER_LEN);
    header.copy_from_slice(DataHeader::new(keypair.remote_index, counter).as_bytes());
    message
}

/// The congestion mark of the outer header: that of the packet, but no "experienced" (RFC 6040 §4.1).
fn outer_ecn(packet: &[u8]) -> Ecn {
    match ip_packets::ecn(packet) {
        Ok(Ecn::Ce) => Ecn::Ect0,
        Ok(ecn) => ecn,
        Err(_) => Ecn::NotEct,
    }
}
