//! The two sides and the network between them.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::SocketAddr;

use wirecraft_ip_packets::{source_address, v4};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Datagram, DeadlineReason, Received};

use super::model::Model;
use super::side::{MTU, Setting, Side, address, inner, keys, side_at};
use crate::input::Input;

const START: Instant = Instant::from_origin(Duration::from_secs(1000));
const WALL_CLOCK: Duration = Duration::from_secs(1_700_000_000);
/// Later than any wall clock was ever set to.
const LATEST_WALL_CLOCK: Duration = Duration::from_secs(2_000_000_000);

/// Datagrams that may be on their way; of more, the oldest are lost.
const IN_FLIGHT_MAX: usize = 512;

/// How long two healthy sides may take to reach each other: a dead session is noticed after 15 s and
/// jitter, an initiation may have to wait 5 s and jitter for the one before.
const HEALED_WITHIN: Duration = Duration::from_secs(22);

/// Deadlines that may pass in a second at most, on both sides together.
const DEADLINES_PER_SECOND: u64 = 8;

pub(super) struct Pair {
    now: Instant,
    sides: [Side; 2],
    in_flight: VecDeque<Flight>,
    model: Model,
    arena: Arena,
    next_seed: u64,
}

/// A datagram on its way.
#[derive(Clone)]
struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
    is_forged: bool,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self {
            now: START,
            sides: [0, 1].map(|side| Side::new(side, side as u64, START, WALL_CLOCK)),
            in_flight: VecDeque::new(),
            model: Model::default(),
            arena: Arena::new(1 << 16, MTU),
            next_seed: 2,
        }
    }

    /// Has the first side connect to the second one.
    pub(super) fn connect(&mut self) {
        self.configure(0, Setting::StartHandshake(0));
        self.settle();
    }

    /// Sends a batch of packets of `len` bytes of payload and more; returns the number of the last.
    pub(super) fn send(&mut self, side: usize, count: usize, len: usize) -> u32 {
        self.arena.clear();
        let mut number = 0;
        for _ in 0..count {
            number = self.model.number();
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(4 + len, 0);
            let packet = v4(inner(side), inner(1 - side))
                .udp(1, 2)
                .payload(&payload)
                .build();
            self.arena
                .push(&packet)
                .expect("a batch of small packets fits");
            self.model.sent(side, number, packet);
        }
        let Side {
            device,
            house,
            is_halted,
            ..
        } = &mut self.sides[side];
        device.send_batch(self.now, &mut self.arena);
        assert!(!*is_halted || self.arena.runs().next().is_none());
        let from = address(side, *house);
        let mut sealed = Vec::new();
        for run in self.arena.runs() {
            for bytes in run.bytes.chunks(run.segment_len) {
                self.model.made(side, bytes);
                sealed.push(Flight {
                    from,
                    to: run.destination.to,
                    bytes: bytes.to_vec(),
                    is_forged: false,
                });
            }
        }
        sealed.into_iter().for_each(|flight| self.launch(flight));
        self.collect(side);
        number
    }

    fn launch(&mut self, flight: Flight) {
        if self.in_flight.len() == IN_FLIGHT_MAX {
            self.in_flight.pop_front();
        }
        self.in_flight.push_back(flight);
    }

    /// Takes out what a device made by itself.
    fn collect(&mut self, side: usize) {
        while let Some(transmit) = self.sides[side].device.poll_transmit() {
            assert!(!self.sides[side].is_halted, "a halted side sends nothing");
            self.model.made(side, transmit.datagram());
            self.launch(Flight {
                from: address(side, self.sides[side].house),
                to: transmit.destination.to,
                bytes: transmit.datagram().to_vec(),
                is_forged: false,
            });
        }
        while self.sides[side].device.poll_event().is_some() {}
    }

    fn take(&mut self, number: usize) -> Option<Flight> {
        let len = self.in_flight.len();
        self.in_flight.remove(number.checked_rem(len)?)
    }

    /// Delivers one of the datagrams, and perhaps does the handshake it is part of.
    pub(super) fn deliver(&mut self, number: usize, process: bool) {
        if let Some(flight) = self.take(number) {
            self.arrive(flight, process);
        }
    }

    /// Delivers a datagram as if it came from another of its sender's addresses, or from nowhere.
    pub(super) fn deliver_from_elsewhere(&mut self, number: usize, process: bool) {
        if let Some(flight) = self.take(number) {
            let from = match side_at(flight.from) {
                Some(side) => address(side, 1),
                None => flight.from,
            };
            self.arrive(Flight { from, ..flight }, process);
        }
    }

    fn arrive(&mut self, flight: Flight, process: bool) {
        let Some(to) = side_at(flight.to) else {
            return;
        };
        let Flight {
            from,
            mut bytes,
            is_forged,
            ..
        } = flight;
        let device = &mut self.sides[to].device;
        let mut datagram = Datagram::new(from, &mut bytes);
        let outcome = device.receive(self.now, &mut datagram);
        if let Some((peer, packet)) = datagram.packet() {
            assert!(!is_forged, "a changed datagram is delivered");
            assert!(matches!(outcome, Ok(Received::Packet { .. })));
            let source = source_address(packet).expect("a packet has a source");
            assert_eq!(device.route(source), Some(peer), "the source is the peer's");
            let status = device
                .peer_status(self.now, peer)
                .expect("the peer is there");
            let keys = &keys().public[1 - to];
            self.model.delivered(to, packet, &status.public_key, keys);
        }
        self.collect(to);
        if process {
            self.process_handshakes(to, usize::MAX);
        }
    }

    pub(super) fn process_handshakes(&mut self, side: usize, budget: usize) {
        self.sides[side].device.process_handshakes(self.now, budget);
        self.collect(side);
    }

    /// Delivers everything, and what is sent in answer.
    pub(super) fn settle(&mut self) {
        for _ in 0..4 * IN_FLIGHT_MAX {
            let Some(flight) = self.in_flight.pop_front() else {
                return;
            };
            self.arrive(flight, true);
        }
        panic!("the sides never stop to answer each other");
    }

    pub(super) fn lose(&mut self, number: usize) {
        self.take(number);
    }

    pub(super) fn duplicate(&mut self, number: usize) {
        let len = self.in_flight.len();
        let copied = number
            .checked_rem(len)
            .map(|number| self.in_flight[number].clone());
        copied.into_iter().for_each(|flight| self.launch(flight));
    }

    pub(super) fn reorder(&mut self, number: usize) {
        let len = self.in_flight.len();
        self.in_flight
            .rotate_left(number.checked_rem(len).unwrap_or(0));
    }

    /// Adds a changed copy of a datagram; changed twice, it might be genuine again.
    pub(super) fn corrupt(&mut self, number: usize, input: &mut Input<'_>) {
        let Some(number) = number.checked_rem(self.in_flight.len()) else {
            return;
        };
        let mut forged = self.in_flight[number].clone();
        if forged.is_forged {
            return;
        }
        let genuine = forged.bytes.clone();
        input.edit(&mut forged.bytes, 3);
        if input.choice(4) == 0 {
            forged.bytes.truncate(usize::from(input.byte()));
        }
        forged.is_forged = forged.bytes != genuine;
        self.launch(forged);
    }

    /// Lets time pass, from deadline to deadline; the network rests meanwhile.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..(duration.as_secs() + 2) * DEADLINES_PER_SECOND {
            let deadlines = self.sides.iter().filter_map(|side| {
                let deadline = side.device.poll_timeout()?;
                (deadline.reason == DeadlineReason::Timer).then_some(deadline.at)
            });
            let Some(at) = deadlines.min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            for side in [0, 1] {
                self.handle_timeout(side);
            }
        }
        panic!("a timer spins");
    }

    /// Lets time pass without anybody awake.
    pub(super) fn sleep(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }

    pub(super) fn handle_timeout(&mut self, side: usize) {
        self.sides[side].device.handle_timeout(self.now);
        self.collect(side);
        if let Some(deadline) = self.sides[side].device.poll_timeout()
            && deadline.reason == DeadlineReason::Timer
        {
            assert!(deadline.at > self.now, "a handled timer lies in the future");
        }
    }

    pub(super) fn configure(&mut self, side: usize, setting: Setting) {
        self.sides[side].apply(self.now, setting);
        self.collect(side);
    }

    /// Starts a side anew, with the key it had first.
    pub(super) fn restart(&mut self, side: usize) {
        self.sides[side] = Side::new(side, self.next_seed, self.now, WALL_CLOCK);
        self.next_seed += 1;
    }

    pub(super) fn step_wall_clock(&mut self, side: usize, since_start: Duration) {
        let device = &mut self.sides[side].device;
        device.set_wall_clock(self.now, WALL_CLOCK + since_start);
    }

    /// Has a side send from its other address.
    pub(super) const fn move_house(&mut self, side: usize) {
        self.sides[side].house = 1 - self.sides[side].house;
    }

    /// Has a side wake from sleep.
    pub(super) fn suspend(&mut self, side: usize) {
        self.sides[side].device.handle_suspend(self.now);
        self.collect(side);
    }

    /// Sets a side down: it sends nothing until it is resumed.
    pub(super) fn halt(&mut self, side: usize) {
        self.sides[side].device.halt();
        self.sides[side].is_halted = true;
        self.collect(side);
    }

    pub(super) fn resume(&mut self, side: usize) {
        self.sides[side].is_halted = false;
        self.sides[side].device.resume(self.now);
        self.collect(side);
    }

    pub(super) fn forget_local_addresses(&mut self, side: usize) {
        let device = &mut self.sides[side].device;
        let peers: Vec<_> = device.peers().collect();
        peers
            .into_iter()
            .for_each(|peer| device.forget_local_address(peer));
    }

    /// Checks what holds between any two actions.
    pub(super) fn check(&self) {
        for side in &self.sides {
            for peer in side.device.peers() {
                let status = side.device.peer_status(self.now, peer);
                let status = status.expect("a peer that is listed is there");
                assert!(keys().public[side.other()].contains(&status.public_key));
            }
            for (what, held, most) in side.device.held().bounds() {
                assert!(held <= most, "{held} {what}, at most {most}");
            }
            side.check_routes(self.now);
            let deadline = side.device.poll_timeout();
            assert!(deadline.is_none_or(|it| it.reason != DeadlineReason::Transmit));
        }
    }

    fn has_staged(&self, side: usize) -> bool {
        let device = &self.sides[side].device;
        let statuses = device
            .peers()
            .filter_map(|peer| device.peer_status(self.now, peer));
        statuses.into_iter().any(|status| status.staged > 0)
    }

    /// Makes everything right; then both sides must reach each other in time.
    ///
    /// A side that has a packet waiting for a session sends no other: it must get through by itself.
    pub(super) fn heal(&mut self) {
        self.in_flight.clear();
        for side in [0, 1] {
            self.sides[side].heal(self.now, LATEST_WALL_CLOCK);
            self.collect(side);
        }
        let deadline = self.now + HEALED_WITHIN;
        let mut probes = [Vec::new(), Vec::new()];
        while self.now <= deadline {
            for (side, probes) in probes.iter_mut().enumerate() {
                self.process_handshakes(side, usize::MAX);
                if probes.is_empty() || !self.has_staged(side) {
                    probes.push(self.send(side, 1, 0));
                }
            }
            self.settle();
            self.check();
            let arrived = |probes: &Vec<u32>| probes.iter().any(|it| self.model.is_delivered(*it));
            if probes.iter().all(arrived) {
                return;
            }
            self.advance(Duration::from_millis(500));
        }
        panic!("the sides do not reach each other within {HEALED_WITHIN:?}");
    }
}
