//! What befalls nodes.

use wirecraft_time::Instant;
use wirecraft_tunnel::PeerId;
use wirecraft_wire_format::{INITIATION_LEN, RESPONSE_LEN};

use crate::link::Flight;
use crate::node::State;
use crate::observer::Violation;
use crate::scenario::{Attachment, Cut, Fault, FaultKind};
use crate::world::{Happening, Recorded, World};

/// Datagrams that an attacker keeps.
pub(crate) const RECORDED_MAX: usize = 1024;

/// An attacker's own address.
const ATTACKER_V4: &str = "203.0.113.66:6666";
const ATTACKER_V6: &str = "[2001:db8:6666::66]:6666";

impl World<'_> {
    /// A fault of the scenario happens.
    pub(crate) fn strike(&mut self, cycle: usize, fault: usize) -> Result<(), Violation> {
        let Fault { at, node, kind } = self.scenario.cycles[cycle].faults[fault];
        self.note(&format!("node {node}: {kind:.1?}"));
        let now = Instant::from_origin(at);
        let is_awake = self.nodes[node].state == State::Awake;
        match kind {
            FaultKind::Partition { lasts, cut } => {
                self.cut(node, cut);
                self.agenda
                    .push(now + lasts, Happening::Rejoins { node, cut });
            }
            FaultKind::Restart { gone, reboot } if is_awake => {
                self.nodes[node].state = State::Gone;
                self.agenda
                    .push(now + gone, Happening::Starts { node, reboot });
            }
            FaultKind::Suspend { lasts, noticed } if is_awake => {
                self.nodes[node].state = State::Asleep;
                self.nodes[node].inbox.clear();
                self.tally.suspends += 1;
                self.agenda
                    .push(now + lasts, Happening::Resumes { node, noticed });
            }
            FaultKind::ClockStep(seconds) => {
                self.nodes[node].step_wall_clock(seconds);
                self.tally.clock_steps += 1;
            }
            FaultKind::Rebind => self.rebind(node),
            FaultKind::Readd if is_awake => self.readd(node)?,
            FaultKind::Replay { count, spoofed } => self.replay(node, count, spoofed),
            FaultKind::Flood(count) => self.flood(node, count),
            FaultKind::Restart { .. } | FaultKind::Suspend { .. } | FaultKind::Readd => {}
        }
        Ok(())
    }

    fn cut(&mut self, node: usize, cut: Cut) {
        let [outgoing, incoming] = &mut self.cut_off[node];
        *outgoing += u32::from(cut != Cut::Incoming);
        *incoming += u32::from(cut != Cut::Outgoing);
        self.tally.partitions += 1;
    }

    pub(crate) fn rejoin(&mut self, node: usize, cut: Cut) {
        let [outgoing, incoming] = &mut self.cut_off[node];
        *outgoing -= u32::from(cut != Cut::Incoming);
        *incoming -= u32::from(cut != Cut::Outgoing);
        self.note(&format!("node {node}: rejoins"));
    }

    pub(crate) fn start(&mut self, node: usize, reboot: bool) -> Result<(), Violation> {
        self.note(&format!("node {node}: starts"));
        self.tally.restarts += 1;
        self.observer.restarted(node);
        let machine = &mut self.nodes[node];
        machine.restart(self.now, reboot, &mut self.devices);
        machine.configure(self.now, self.scenario, &self.secrets);
        self.conclude(node, 0)
    }

    pub(crate) fn resume(&mut self, node: usize, noticed: bool) -> Result<(), Violation> {
        self.note(&format!("node {node}: resumes, noticed {noticed}"));
        let machine = &mut self.nodes[node];
        machine.state = State::Awake;
        machine.wakes_at = None;
        let clock = machine.read_clocks(self.now);
        if noticed {
            machine.device.handle_suspend(clock);
        }
        self.conclude(node, 0)
    }

    fn readd(&mut self, node: usize) -> Result<(), Violation> {
        let machine = &mut self.nodes[node];
        let peers: Vec<PeerId> = machine.device.peers().collect();
        for peer in peers {
            machine.device.remove_peer(peer);
        }
        self.observer.restarted(node);
        self.tally.readded += 1;
        // The greatest timestamp is forgotten as well: what was taken before may be taken again.
        for recorded in self.recorded.iter_mut().filter(|it| it.node == node) {
            recorded.is_spent = false;
        }
        machine.configure(self.now, self.scenario, &self.secrets);
        self.conclude(node, 0)
    }

    fn rebind(&mut self, node: usize) {
        if self.scenario.nodes[node] == Attachment::Fixed {
            return;
        }
        self.rebinds[node] += 1;
        self.tally.rebinds += 1;
        let times = self.rebinds[node];
        self.nodes[node].rebind(times, self.scenario);
        let address = self.nodes[node].address;
        self.addresses.insert(address, node);
        self.note(&format!("node {node}: is at {address}"));
    }

    /// Keeps what arrived for an attacker, if there is one in this scenario.
    pub(crate) fn record(&mut self, node: usize, flights: &[Flight]) {
        if !self.has_attacker {
            return;
        }
        let incarnation = self.nodes[node].incarnation;
        for flight in flights.iter().take(RECORDED_MAX) {
            if self.recorded.len() == RECORDED_MAX {
                self.recorded.pop_front();
            }
            self.recorded.push_back(Recorded {
                node,
                incarnation,
                flight: flight.clone(),
                is_spent: false,
            });
        }
    }

    /// An attacker sends datagrams again that the node received. From an address of its own it sends
    /// those that the node has taken for genuine before, and must not take for genuine again.
    fn replay(&mut self, node: usize, count: usize, spoofed: bool) {
        let incarnation = self.nodes[node].incarnation;
        let fits = |recorded: &&Recorded| {
            recorded.node == node
                && (!spoofed || recorded.is_spent && recorded.incarnation == incarnation)
        };
        let fitting: Vec<Flight> = self
            .recorded
            .iter()
            .filter(fits)
            .map(|recorded| recorded.flight.clone())
            .collect();
        for _ in 0..count.min(fitting.len()) {
            let mut flight = fitting[self.network.below(fitting.len())].clone();
            flight.to = self.nodes[node].address;
            if spoofed {
                flight.from = attacker(self.scenario.outer_v6);
                self.tally.replayed_handshakes += u64::from(is_handshake(&flight));
            }
            self.tally.replays += 1;
            self.arrives(flight);
        }
    }

    /// A handshake message arrives so often at once that the device is under load.
    fn flood(&mut self, node: usize, count: usize) {
        let fits = |recorded: &&Recorded| recorded.node == node && is_handshake(&recorded.flight);
        let last = self.recorded.iter().rev().find(fits);
        let Some(mut flight) = last.map(|recorded| recorded.flight.clone()) else {
            return;
        };
        flight.to = self.nodes[node].address;
        for _ in 0..count {
            self.tally.replays += 1;
            self.arrives(flight.clone());
        }
    }
}

fn is_handshake(flight: &Flight) -> bool {
    matches!(flight.bytes.len(), INITIATION_LEN | RESPONSE_LEN)
}

fn attacker(v6: bool) -> std::net::SocketAddr {
    let text = if v6 { ATTACKER_V6 } else { ATTACKER_V4 };
    text.parse().expect("an address and a port")
}
