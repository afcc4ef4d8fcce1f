//! The simulated network with its nodes, and the time.

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use wirecraft_time::Instant;
use wirecraft_tunnel::{DeadlineReason, Destination, Event, PeerStatus};
use wirecraft_wire_format::COOKIE_REPLY_LEN;

use crate::agenda::Agenda;
use crate::dice::{Dice, Purpose};
use crate::link::{Fate, Flight, HeldKey, Link, Quality};
use crate::node::{Node, Secrets, State};
use crate::observer::{Observer, Violation};
use crate::recovery::{Acquaintance, Watch};
use crate::scenario::{Cut, Scenario};
use crate::tally::Tally;
use crate::trace::Recorder;

/// A datagram that was held back arrives after this long even if nothing overtakes it.
const HELD_FOR_MAX: Duration = Duration::from_secs(300);

/// How often the nodes are looked at for what they hold.
const INSPECTION_INTERVAL: Duration = Duration::from_secs(10);

/// Something that is going to happen.
pub(crate) enum Happening {
    Arrives(Flight),
    /// A datagram arrives that was held back.
    Overtaken(Flight),
    Released(usize, usize, HeldKey),
    /// A node looks at what arrived.
    Looks(usize),
    /// A node's timer runs out.
    Wakes(usize),
    Offers(usize),
    Strikes {
        cycle: usize,
        fault: usize,
    },
    Rejoins {
        node: usize,
        cut: Cut,
    },
    Starts {
        node: usize,
        reboot: bool,
    },
    Resumes {
        node: usize,
        noticed: bool,
    },
    Heals(usize),
    /// All that was to happen by the healing has happened.
    Calms(usize),
    Ends(usize),
    Inspects,
}

/// A datagram that a node took in.
pub(crate) struct Recorded {
    pub(crate) node: usize,
    pub(crate) incarnation: u32,
    pub(crate) flight: Flight,
    /// Whether the device surely took it for genuine: then it takes it no second time.
    pub(crate) is_spent: bool,
}

pub(crate) struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) now: Instant,
    pub(crate) agenda: Agenda<Happening>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) secrets: Secrets,
    pub(crate) observer: Observer,
    pub(crate) tally: Tally,
    pub(crate) network: Dice,
    pub(crate) traffic: Dice,
    pub(crate) devices: Dice,
    /// Every address that a node has or had.
    pub(crate) addresses: HashMap<SocketAddr, usize>,
    /// For each node how many partitions cut off what it sends and what it is sent.
    pub(crate) cut_off: Vec<[u32; 2]>,
    /// How often each node has changed its address.
    pub(crate) rebinds: Vec<usize>,
    /// What an attacker on the path has.
    pub(crate) recorded: VecDeque<Recorded>,
    pub(crate) has_attacker: bool,
    /// The next number of a packet, by origin and destination.
    pub(crate) numbers: HashMap<(usize, usize), u64>,
    /// The newest counter that was taken for genuine, by node and receiver index.
    pub(crate) newest_counters: HashMap<(usize, u32), u64>,
    pub(crate) watches: Vec<Option<Watch>>,
    pub(crate) cycle: usize,
    pub(crate) is_calm: bool,
    pub(crate) fingerprint: u64,
    links: BTreeMap<(usize, usize), Link>,
    pub(crate) recorder: Option<&'a mut Recorder>,
    is_over: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(scenario: &'a Scenario, recorder: Option<&'a mut Recorder>) -> Self {
        let seed = scenario.seed;
        let mut devices = Dice::new(seed, Purpose::Devices);
        let secrets = Secrets::generate(scenario);
        let nodes: Vec<Node> = (0..scenario.nodes.len())
            .map(|number| Node::new(number, scenario, &mut devices))
            .collect();
        Self {
            scenario,
            now: Instant::ORIGIN,
            agenda: Agenda::new(),
            observer: Observer::new(&secrets.private),
            tally: Tally::default(),
            network: Dice::new(seed, Purpose::Network),
            traffic: Dice::new(seed, Purpose::Traffic),
            devices,
            addresses: nodes
                .iter()
                .map(|node| (node.address, node.number))
                .collect(),
            cut_off: vec![[0; 2]; nodes.len()],
            rebinds: vec![0; nodes.len()],
            recorded: VecDeque::new(),
            has_attacker: scenario.has_attacker(),
            numbers: HashMap::new(),
            newest_counters: HashMap::new(),
            watches: scenario.flows.iter().map(|_| None).collect(),
            cycle: 0,
            is_calm: false,
            fingerprint: 0xcbf2_9ce4_8422_2325,
            links: BTreeMap::new(),
            recorder,
            nodes,
            secrets,
            is_over: false,
        }
    }

    /// Runs the scenario to its end.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        self.schedule_plan();
        for node in 0..self.nodes.len() {
            self.nodes[node].configure(self.now, self.scenario, &self.secrets);
            self.conclude(node, 0)?;
        }
        while !self.is_over
            && let Some((at, happening)) = self.agenda.pop()
        {
            self.now = self.now.max(at);
            self.happens(happening)?;
        }
        Ok(())
    }

    pub(crate) fn into_tally(mut self) -> Tally {
        self.tally.runs = 1;
        self.tally.simulated = self.now.since_origin();
        self.tally
    }

    fn schedule_plan(&mut self) {
        let at = Instant::from_origin;
        for (number, cycle) in self.scenario.cycles.iter().enumerate() {
            for (fault, plan) in cycle.faults.iter().enumerate() {
                let cycle = number;
                self.agenda
                    .push(at(plan.at), Happening::Strikes { cycle, fault });
            }
            self.agenda.push(at(cycle.heals), Happening::Heals(number));
            self.agenda.push(at(cycle.ends), Happening::Ends(number));
        }
        for flow in 0..self.scenario.flows.len() {
            self.schedule_offer(flow);
        }
        self.agenda
            .push(at(INSPECTION_INTERVAL), Happening::Inspects);
    }

    fn happens(&mut self, happening: Happening) -> Result<(), Violation> {
        match happening {
            Happening::Arrives(flight) => self.arrives(flight),
            Happening::Overtaken(flight) => self.arrives_overtaken(flight),
            Happening::Released(from, to, key) => {
                let link = self.links.entry((from, to)).or_default();
                if let Some(flight) = link.release(key) {
                    self.arrives_overtaken(flight);
                }
            }
            Happening::Looks(node) => self.look(node)?,
            Happening::Wakes(node) => self.wake(node)?,
            Happening::Offers(flow) => self.offer(flow)?,
            Happening::Strikes { cycle, fault } => self.strike(cycle, fault)?,
            Happening::Rejoins { node, cut } => self.rejoin(node, cut),
            Happening::Starts { node, reboot } => self.start(node, reboot)?,
            Happening::Resumes { node, noticed } => self.resume(node, noticed)?,
            Happening::Heals(cycle) => self.agenda.push(self.now, Happening::Calms(cycle)),
            Happening::Calms(cycle) => self.calm(cycle),
            Happening::Ends(cycle) => self.end(cycle)?,
            Happening::Inspects => self.inspect()?,
        }
        Ok(())
    }

    fn calm(&mut self, cycle: usize) {
        self.note("calm");
        self.is_calm = true;
        // What was held back comes now: later, a datagram from before a node moved would rightly move
        // its endpoint back, and an answer would be lost on a clean path.
        for link in self.links.values_mut() {
            while let Some(flight) = link.pop_held() {
                self.agenda.push(self.now, Happening::Overtaken(flight));
            }
        }
        for flow in 0..self.scenario.flows.len() {
            let plan = self.scenario.flows[flow];
            let wall_clock = self.nodes[plan.from].wall_clock(self.now);
            let acquaintance = self.acquaintance(plan.from, plan.to);
            let cycle = &self.scenario.cycles[cycle];
            let watch = Watch::begin(self.scenario, cycle, flow, acquaintance);
            let is_shut_out = self.observer.is_shut_out(plan.from, plan.to, wall_clock);
            self.tally.shut_out += u64::from(watch.is_counted() && is_shut_out);
            self.watches[flow] = Some(watch).filter(|_| !is_shut_out);
        }
    }

    fn acquaintance(&self, from: usize, to: usize) -> Acquaintance {
        let status = self.nodes[from].status_of(self.now, &self.secrets.public[to]);
        let is_there = |status: &PeerStatus| status.endpoint == Some(self.nodes[to].address);
        let wall_clock = self.nodes[to].wall_clock(self.now);
        let is_shut_out = self.observer.is_shut_out(to, from, wall_clock);
        Acquaintance {
            knows_address: status.as_ref().is_some_and(is_there),
            understands: status.is_some_and(|status| status.has_session) && !is_shut_out,
        }
    }

    fn end(&mut self, cycle: usize) -> Result<(), Violation> {
        self.note("trouble");
        self.is_calm = false;
        self.cycle = cycle + 1;
        self.is_over = self.cycle == self.scenario.cycles.len();
        for watch in &mut self.watches {
            if let Some(watch) = watch.take() {
                watch.end(self.now, &mut self.tally)?;
            }
        }
        Ok(())
    }

    fn inspect(&mut self) -> Result<(), Violation> {
        for node in &self.nodes {
            self.observer.holds(node.number, node.device.held())?;
        }
        let next = self.now + INSPECTION_INTERVAL;
        self.agenda.push(next, Happening::Inspects);
        Ok(())
    }

    /// Puts a datagram into the network.
    fn launch(
        &mut self,
        node: usize,
        destination: Destination,
        bytes: Vec<u8>,
    ) -> Result<(), Violation> {
        let to = self.addresses.get(&destination.to).copied();
        self.observer.datagram_sent(self.now, node, to, &bytes)?;
        self.tally.datagrams_sent += 1;
        self.tally.cookie_replies += u64::from(bytes.len() == COOKIE_REPLY_LEN);
        let mut flight = Flight {
            from: self.nodes[node].address,
            to: destination.to,
            bytes,
            is_corrupt: false,
        };
        self.digest(node, &flight.bytes);
        let pinned = destination.from;
        let fate = if pinned.is_some_and(|local| local != self.nodes[node].local) {
            // So does a driver when the system refuses to send from an address.
            if let Some(peer) = destination.peer {
                self.nodes[node].device.forget_local_address(peer);
            }
            Fate::Lost("not sent, as the source address is gone")
        } else {
            self.fate(node, to, &mut flight)
        };
        self.meet(node, to.unwrap_or(node), flight, fate);
        Ok(())
    }

    fn fate(&mut self, from: usize, to: Option<usize>, flight: &mut Flight) -> Fate {
        let Some(to) = to.filter(|to| self.nodes[*to].address == flight.to) else {
            return Fate::Lost("nobody is there");
        };
        if self.cut_off[from][0] > 0 || self.cut_off[to][1] > 0 {
            return Fate::Lost("partition");
        }
        let quality = self.quality(from, to);
        let link = self.links.entry((from, to)).or_default();
        link.carry(&quality, flight, &mut self.network)
    }

    fn quality(&self, from: usize, to: usize) -> Quality {
        let cycle = &self.scenario.cycles[self.cycle];
        match self.is_calm {
            true => cycle.calm,
            false => cycle.rough[usize::from(from > to)],
        }
    }

    fn meet(&mut self, from: usize, to: usize, flight: Flight, fate: Fate) {
        if let Some(recorder) = &mut self.recorder {
            let comment = match &fate {
                Fate::Lost(why) => Some((*why).to_owned()),
                Fate::Arrives(_, None) => None,
                Fate::Arrives(_, Some(_)) => Some("arrives twice".to_owned()),
                Fate::Held(key) => Some(format!("held back until {} have passed", key.0)),
            };
            recorder.outer(self.now.since_origin(), &flight, comment.as_deref());
        }
        match fate {
            Fate::Lost(_) => self.tally.datagrams_lost += 1,
            Fate::Held(key) => {
                let at = self.now + HELD_FOR_MAX;
                self.agenda.push(at, Happening::Released(from, to, key));
            }
            Fate::Arrives(first, second) => {
                if let Some(second) = second {
                    let again = Happening::Arrives(flight.clone());
                    self.agenda.push(self.now + second, again);
                }
                self.agenda
                    .push(self.now + first, Happening::Arrives(flight));
            }
        }
        let Quality { delay, jitter, .. } = self.quality(from, to);
        let link = self.links.entry((from, to)).or_default();
        while let Some(flight) = link.pop_overtaken() {
            // Those that overtook it are under way as well: it comes after the last of them.
            let at = self.now + delay + jitter;
            self.agenda.push(at, Happening::Overtaken(flight));
        }
    }

    /// A datagram is at its destination, if that is still there.
    pub(crate) fn arrives(&mut self, flight: Flight) {
        let node = self.addresses.get(&flight.to).copied();
        let node = node.filter(|node| {
            let node = &self.nodes[*node];
            node.address == flight.to && node.state == State::Awake
        });
        let Some(node) = node else {
            self.tally.datagrams_lost += 1;
            return;
        };
        if self.nodes[node].inbox.is_empty() {
            let at = self.now + self.latency();
            self.agenda.push(at, Happening::Looks(node));
        }
        self.nodes[node].inbox.push(flight);
    }

    fn latency(&mut self) -> Duration {
        self.network.duration(Duration::ZERO, self.scenario.latency)
    }

    fn wake(&mut self, node: usize) -> Result<(), Violation> {
        let now = self.now;
        let machine = &mut self.nodes[node];
        if machine.wakes_at != Some(now) || machine.state != State::Awake {
            return Ok(());
        }
        machine.wakes_at = None;
        let clock = machine.read_clocks(now);
        machine.device.handle_timeout(clock);
        self.drain(node, 0)?;
        let machine = &self.nodes[node];
        let next = machine.device.poll_timeout();
        let next = next.map(|deadline| now + deadline.at.since(clock));
        self.observer.woken(now, node, next)?;
        self.schedule_wake(node);
        Ok(())
    }

    /// Ends a node's turn: what its device made is sent, and its next deadline is kept.
    pub(crate) fn conclude(&mut self, node: usize, received: usize) -> Result<(), Violation> {
        self.drain(node, received)?;
        self.schedule_wake(node);
        Ok(())
    }

    fn schedule_wake(&mut self, node: usize) {
        let machine = &self.nodes[node];
        let Some(deadline) = machine.device.poll_timeout() else {
            return;
        };
        debug_assert_eq!(
            deadline.reason,
            DeadlineReason::Timer,
            "the output was drained"
        );
        let at = machine.time_of(self.now, deadline.at);
        if machine
            .wakes_at
            .is_some_and(|wakes_at| wakes_at <= at + self.scenario.latency)
        {
            return;
        }
        let at = at + self.latency();
        self.nodes[node].wakes_at = Some(at);
        self.agenda.push(at, Happening::Wakes(node));
    }

    fn drain(&mut self, node: usize, received: usize) -> Result<(), Violation> {
        let mut transmits = 0;
        while let Some(transmit) = self.nodes[node].device.poll_transmit() {
            transmits += 1;
            self.launch(node, transmit.destination, transmit.datagram().to_vec())?;
        }
        let peers = self.nodes.len();
        self.observer
            .transmitted(node, transmits, peers, received)?;
        while let Some(event) = self.nodes[node].device.poll_event() {
            self.event(node, event)?;
        }
        Ok(())
    }

    fn event(&mut self, node: usize, event: Event) -> Result<(), Violation> {
        if self.recorder.is_some() {
            self.note(&format!("node {node}: {event:?}"));
        }
        match event {
            Event::PeerUp { .. } => self.tally.handshakes += 1,
            Event::EndpointMoved { peer, to } => {
                let peer = self.nodes[node].node_of(peer, &self.secrets);
                if self.addresses.get(&to).copied() != peer {
                    return Err(Violation::EndpointHijacked { node, peer });
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn send_all(
        &mut self,
        node: usize,
        datagrams: Vec<(Destination, Vec<u8>)>,
    ) -> Result<(), Violation> {
        for (destination, bytes) in datagrams {
            self.launch(node, destination, bytes)?;
        }
        self.conclude(node, 0)
    }

    /// Adds something to the trace, if there is one.
    pub(crate) fn note(&mut self, text: &str) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(self.now.since_origin(), text);
        }
    }

    /// Takes the time, the node and the end of what it sent or got into the fingerprint: the end of a
    /// datagram is a tag, which depends on all of it.
    pub(crate) fn digest(&mut self, node: usize, bytes: &[u8]) {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let end = bytes.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
        let now = self.now.since_origin();
        let values = [now.as_secs(), now.subsec_nanos().into(), node as u64, end];
        for value in values {
            self.fingerprint = (self.fingerprint ^ value)
                .wrapping_mul(PRIME)
                .rotate_left(23);
        }
    }
}
