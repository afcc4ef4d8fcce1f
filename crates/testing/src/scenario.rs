//! What a run is made of: nodes, tunnels, traffic and the faults that befall them.

use core::fmt;
use core::time::Duration;

use crate::link::Quality;

/// All that is decided of a run before it begins. It follows from the seed alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// Who talks with whom.
    pub topology: Topology,
    /// Whether the outer addresses are IPv6.
    pub outer_v6: bool,
    /// The most time that passes before a node looks at what arrived or ran out.
    pub latency: Duration,
    /// How each node is attached to the network.
    pub nodes: Vec<Attachment>,
    /// Who is whose peer.
    pub tunnels: Vec<TunnelPlan>,
    /// The traffic.
    pub flows: Vec<Flow>,
    /// Stretches of trouble, each with the calm that follows.
    pub cycles: Vec<Cycle>,
}

/// Who talks with whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topology {
    /// Two nodes.
    Pair,
    /// Node 0 with each of the others.
    Star,
    /// Each with each.
    Mesh,
}

/// How a node is attached to the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attachment {
    /// At an address that never changes and that its peers are configured with.
    Fixed,
    /// Behind a translator of addresses: its address is unknown to its peers and changes when the
    /// translator forgets it.
    Nat,
    /// With an address of its own that changes as it moves.
    Roaming,
}

/// Two nodes that are peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunnelPlan {
    /// The nodes, the lower number first.
    pub ends: [usize; 2],
    /// Whether they share a key.
    pub preshared_key: bool,
    /// The persistent keepalive of each end.
    pub keepalive: [Option<Duration>; 2],
}

/// Packets from one node to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The node that begins.
    pub from: usize,
    /// The node at the other end.
    pub to: usize,
    /// What is sent when.
    pub pattern: Pattern,
}

/// What a flow sends when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// One packet after another, each answered by one.
    PingPong(Duration),
    /// One packet after another.
    OneWay(Duration),
    /// This many packets at once.
    Bursts(Duration, usize),
    /// A packet now and then, with long silence between.
    Rare(Duration),
}

impl Pattern {
    /// The time from one sending to the next.
    #[must_use]
    pub const fn interval(self) -> Duration {
        match self {
            Self::PingPong(interval)
            | Self::OneWay(interval)
            | Self::Bursts(interval, _)
            | Self::Rare(interval) => interval,
        }
    }
}

/// A stretch of trouble and the calm that follows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Cycle {
    /// When the trouble begins, since the start of the run.
    pub begins: Duration,
    /// When it ends.
    pub heals: Duration,
    /// When the calm ends, and with it the cycle.
    pub ends: Duration,
    /// The paths to nodes of a higher number and to those of a lower one, in trouble.
    pub rough: [Quality; 2],
    /// All paths in the calm.
    pub calm: Quality,
    /// What happens during the trouble, in order of time.
    pub faults: Vec<Fault>,
}

/// Something that happens at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// When, since the start of the run.
    pub at: Duration,
    /// The node that it happens to.
    pub node: usize,
    /// What happens.
    pub kind: FaultKind,
}

/// What can happen to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The network does not carry its datagrams for a time.
    Partition {
        /// For how long.
        lasts: Duration,
        /// Which of them.
        cut: Cut,
    },
    /// It ends, and later begins afresh with the same keys.
    Restart {
        /// How long it is gone.
        gone: Duration,
        /// Whether the clock that counts from boot starts afresh as well.
        reboot: bool,
    },
    /// It sleeps.
    Suspend {
        /// For how long.
        lasts: Duration,
        /// Whether the device is told.
        noticed: bool,
    },
    /// Its wall clock jumps by so many seconds.
    ClockStep(i64),
    /// Its address changes, and what is sent to the old one vanishes.
    Rebind,
    /// Each of its peers is removed and added again: the node forgets what it knows of them.
    Readd,
    /// Datagrams that it received are sent to it again.
    Replay {
        /// How many.
        count: usize,
        /// Whether from an address of the attacker.
        spoofed: bool,
    },
    /// A handshake message that it received comes again, so often that it is under load.
    Flood(usize),
}

/// Which datagrams a partition holds up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Those from the node and to it.
    Both,
    /// Those from it.
    Outgoing,
    /// Those to it.
    Incoming,
}

impl Scenario {
    /// How long the run lasts.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.cycles
            .last()
            .map_or(Duration::ZERO, |cycle| cycle.ends)
    }

    /// Whether somebody on the path repeats datagrams.
    #[must_use]
    pub fn has_attacker(&self) -> bool {
        let is_attack =
            |fault: &Fault| matches!(fault.kind, FaultKind::Replay { .. } | FaultKind::Flood(_));
        self.cycles
            .iter()
            .any(|cycle| cycle.faults.iter().any(is_attack))
    }

    /// The tunnel between two nodes.
    #[must_use]
    pub fn tunnel(&self, one: usize, other: usize) -> Option<&TunnelPlan> {
        let ends = [one.min(other), one.max(other)];
        self.tunnels.iter().find(|tunnel| tunnel.ends == ends)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {:?} of {} nodes {:?} over IPv{} for {:.0?}, latency {:.1?}",
            self.seed,
            self.topology,
            self.nodes.len(),
            self.nodes,
            if self.outer_v6 { 6 } else { 4 },
            self.lasts(),
            self.latency,
        )?;
        for TunnelPlan {
            ends: [one, other],
            preshared_key,
            keepalive,
        } in &self.tunnels
        {
            writeln!(
                f,
                "  tunnel {one}-{other}: preshared key {preshared_key}, keepalive {keepalive:?}"
            )?;
        }
        for (number, flow) in self.flows.iter().enumerate() {
            let Flow { from, to, pattern } = flow;
            writeln!(f, "  flow {number}: {from} -> {to} {pattern:.1?}")?;
        }
        for cycle in &self.cycles {
            write!(f, "{cycle}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [up, down] = &self.rough;
        writeln!(f, "  {:.1?} trouble: up {up}; down {down}", self.begins)?;
        for Fault { at, node, kind } in &self.faults {
            writeln!(f, "    {at:.1?} node {node}: {kind:.1?}")?;
        }
        writeln!(f, "  {:.1?} calm: {}", self.heals, self.calm)?;
        writeln!(f, "  {:.1?} end", self.ends)
    }
}
