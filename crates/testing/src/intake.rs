//! What nodes take in, and what there is to be noted of it.

use chacha20::ChaCha8Rng;
use wirecraft_time::Instant;
use wirecraft_tunnel::{Datagram, Device, Received};
use wirecraft_wire_format::{DATA_MIN_LEN, INITIATION_LEN, Message, RESPONSE_LEN};

use crate::faults::RECORDED_MAX;
use crate::link::Flight;
use crate::node::State;
use crate::observer::Violation;
use crate::payload::Label;
use crate::world::World;

impl World<'_> {
    /// A node takes in what arrived, in one batch.
    pub(crate) fn look(&mut self, node: usize) -> Result<(), Violation> {
        let mut flights = core::mem::take(&mut self.nodes[node].inbox);
        if flights.is_empty() || self.nodes[node].state != State::Awake {
            return Ok(());
        }
        let clock = self.nodes[node].read_clocks(self.now);
        self.record(node, &flights);
        let first_recorded = self
            .recorded
            .len()
            .saturating_sub(flights.len().min(RECORDED_MAX));
        let local = self.nodes[node].local;
        let mut datagrams: Vec<Datagram<'_>> = flights
            .iter_mut()
            .map(|flight| {
                let mut datagram = Datagram::new(flight.from, &mut flight.bytes);
                datagram.local = Some(local);
                datagram
            })
            .collect();
        let device = &mut self.nodes[node].device;
        device.receive_batch(clock, &mut datagrams);
        let handshake = process_handshakes(device, clock, &datagrams);
        let received = datagrams.len();
        let mut answers = Vec::new();
        for (number, mut datagram) in datagrams.into_iter().enumerate() {
            if is_keepalive(&datagram) || handshake == Some(number) || datagram.packet().is_some() {
                self.spend(first_recorded + number);
            }
            if let Some(data) = data_of(datagram.bytes).filter(|_| datagram.outcome().is_ok()) {
                self.note_newest(node, data);
            }
            if let Some((peer, packet)) = datagram.packet() {
                let claimed = self.nodes[node].node_of(peer, &self.secrets);
                let label = self.observer.packet_delivered(node, claimed, packet)?;
                self.delivered(node, &label, packet)?;
                answers.extend(self.answer_to(&label));
            }
        }
        self.conclude(node, received)?;
        if !answers.is_empty() {
            self.send(node, &answers)?;
        }
        Ok(())
    }

    fn spend(&mut self, recorded: usize) {
        if let Some(recorded) = self.recorded.get_mut(recorded) {
            recorded.is_spent = true;
        }
    }

    fn delivered(&mut self, node: usize, label: &Label, packet: &[u8]) -> Result<(), Violation> {
        self.tally.packets_delivered += 1;
        self.digest(node, packet);
        if let Some(recorder) = &mut self.recorder {
            let now = self.now.since_origin();
            recorder.inner(now, node, packet, &format!("{label:?}"));
        }
        match self.watches.get_mut(label.flow) {
            Some(Some(watch)) => watch.delivered(self.now, label, &mut self.tally),
            _ => Ok(()),
        }
    }

    fn note_newest(&mut self, node: usize, (index, counter): (u32, u64)) {
        let newest = self.newest_counters.entry((node, index)).or_default();
        *newest = counter.max(*newest);
    }

    /// A datagram that was held back arrives: by how many counters of its keypair it was overtaken is
    /// what the replay window has to bear.
    pub(crate) fn arrives_overtaken(&mut self, flight: Flight) {
        if let Some((index, counter)) = data_of(&flight.bytes).filter(|_| !flight.is_corrupt) {
            let node = self.addresses.get(&flight.to);
            let newest = node.and_then(|node| self.newest_counters.get(&(*node, index)));
            let overtaken_by = newest.map_or(0, |newest| newest.saturating_sub(counter));
            let deepest = &mut self.tally.deepest_overtaking;
            *deepest = overtaken_by.max(*deepest);
        }
        self.arrives(flight);
    }
}

/// The receiver index and the counter of transport data.
fn data_of(bytes: &[u8]) -> Option<(u32, u64)> {
    match Message::parse(bytes) {
        Ok(Message::Data(data)) => {
            let header = data.header;
            Some((header.receiver_index().value(), header.counter().value()))
        }
        Ok(_) | Err(_) => None,
    }
}

/// Whether a datagram was taken in as a keepalive.
fn is_keepalive(datagram: &Datagram<'_>) -> bool {
    let is_data = datagram.bytes.len() == DATA_MIN_LEN;
    is_data && matches!(datagram.outcome(), Ok(Received::Handled))
}

/// Has handshakes done that wait, and says which of the datagrams was one that verified, if that can be
/// told: if it is the only one among them.
fn process_handshakes(
    device: &mut Device<ChaCha8Rng>,
    clock: Instant,
    datagrams: &[Datagram<'_>],
) -> Option<usize> {
    let verified = |device: &Device<ChaCha8Rng>| {
        let counters = device.counters();
        counters.initiations_received + counters.responses_received
    };
    let before = verified(device);
    device.process_handshakes(clock, usize::MAX);
    let is_handshake =
        |datagram: &Datagram<'_>| matches!(datagram.bytes.len(), INITIATION_LEN | RESPONSE_LEN);
    let mut handshakes = (0..datagrams.len()).filter(|number| is_handshake(&datagrams[*number]));
    let only = handshakes.next().filter(|_| handshakes.next().is_none());
    only.filter(|_| verified(device) > before)
}
