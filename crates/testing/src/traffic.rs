//! What nodes send each other through the tunnels.

use wirecraft_tunnel::Destination;

use crate::node::{INNER_MTU, State};
use crate::observer::Violation;
use crate::payload::{Label, PACKET_LEN_MIN};
use crate::recovery::Watch;
use crate::scenario::Pattern;
use crate::world::{Happening, World};

/// Packets that are sealed in one batch.
const BATCH_LEN: usize = 100;

/// How many packets have an inner source address that is not their sender's.
const LIE_PROBABILITY: f64 = 0.002;

/// A packet to be sent, and the node that its inner source address belongs to.
pub(crate) struct Offer {
    label: Label,
    source: usize,
    packet_len: usize,
}

impl World<'_> {
    pub(crate) fn schedule_offer(&mut self, flow: usize) {
        let interval = self.scenario.flows[flow].pattern.interval();
        let after = self.traffic.duration(interval / 2, interval * 3 / 2);
        self.agenda.push(self.now + after, Happening::Offers(flow));
    }

    /// A flow sends what its pattern says.
    pub(crate) fn offer(&mut self, flow: usize) -> Result<(), Violation> {
        self.schedule_offer(flow);
        let plan = self.scenario.flows[flow];
        if self.nodes[plan.from].state != State::Awake {
            return Ok(());
        }
        let mut left = match plan.pattern {
            Pattern::Bursts(_, count) => count,
            Pattern::PingPong(_) | Pattern::OneWay(_) | Pattern::Rare(_) => 1,
        };
        while left > 0 {
            let count = left.min(BATCH_LEN);
            left -= count;
            let offers: Vec<Offer> = (0..count)
                .map(|_| self.next_offer(flow, (plan.from, plan.to), false))
                .collect();
            self.send(plan.from, &offers)?;
        }
        Ok(())
    }

    /// The answer to a packet, if its flow has answers.
    pub(crate) fn answer_to(&mut self, label: &Label) -> Option<Offer> {
        let plan = self.scenario.flows.get(label.flow)?;
        let is_question = matches!(plan.pattern, Pattern::PingPong(_)) && !label.is_answer;
        let ends = (label.destination, label.origin);
        is_question.then(|| self.next_offer(label.flow, ends, true))
    }

    fn next_offer(
        &mut self,
        flow: usize,
        (origin, destination): (usize, usize),
        is_answer: bool,
    ) -> Offer {
        let next = self.numbers.entry((origin, destination)).or_default();
        let label = Label {
            origin,
            destination,
            incarnation: self.nodes[origin].incarnation,
            flow,
            is_answer,
            number: *next,
            offered_at: self.now.since_origin(),
        };
        *next += 1;
        let lies = self.nodes.len() > 2 && self.traffic.chance(LIE_PROBABILITY);
        Offer {
            label,
            source: if lies {
                self.third(origin, destination)
            } else {
                origin
            },
            packet_len: match self.traffic.below(8) {
                0 => INNER_MTU,
                1 | 2 => self.traffic.between(PACKET_LEN_MIN, INNER_MTU),
                _ => PACKET_LEN_MIN,
            },
        }
    }

    fn third(&self, one: usize, other: usize) -> usize {
        let mut nodes = 0..self.nodes.len();
        let third = nodes.find(|node| *node != one && *node != other);
        third.unwrap_or(one)
    }

    /// Gives packets to a node's device and sends what it seals.
    pub(crate) fn send(&mut self, node: usize, offers: &[Offer]) -> Result<(), Violation> {
        let now = self.now;
        let machine = &mut self.nodes[node];
        let clock = machine.read_clocks(now);
        machine.arena.clear();
        for offer in offers {
            let packet = offer.label.packet_from(offer.source, offer.packet_len);
            let pushed = machine.arena.push(&packet);
            pushed.expect("the arena holds more than a batch");
            if offer.source == node {
                self.tally.packets_offered += 1;
                let watch = self
                    .watches
                    .get_mut(offer.label.flow)
                    .and_then(Option::as_mut);
                if let Some(watch) = watch {
                    watch.offered(now, &offer.label);
                }
            }
        }
        let dropped_before = machine.device.counters().staged_dropped;
        machine.device.send_batch(clock, &mut machine.arena);
        if machine.device.counters().staged_dropped > dropped_before {
            // More packets waited for a session than may: some that were awaited are gone.
            self.watches.iter_mut().flatten().for_each(Watch::forgive);
        }
        let mut datagrams: Vec<(Destination, Vec<u8>)> = Vec::with_capacity(offers.len());
        for run in machine.arena.runs() {
            let segments = run.bytes.chunks(run.segment_len);
            datagrams.extend(segments.map(|segment| (run.destination, segment.to_vec())));
        }
        self.send_all(node, datagrams)
    }
}
