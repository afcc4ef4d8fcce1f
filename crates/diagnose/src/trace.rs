//! The hops to a host behind the tunnel, found by probes that run out of hops on the way.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rand_core::Rng as _;
use tokio::time::{MissedTickBehavior, interval};
use wirecraft::ip_packets::{
    Icmpv4Kind, Icmpv4Unreachable, Icmpv6Kind, Icmpv6Unreachable, IpPacket, Transport, ip,
};
use wirecraft::{Clock, Filter, Instant, RawSocket, SocketError, SystemEntropy, Tunnel, is_reply};

/// What probes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceMethod {
    /// Datagrams to ports that nobody uses, from 33434 on.
    Udp,
    /// SYNs to this port.
    Tcp(u16),
    /// Echo requests.
    Icmp,
}

/// How hops are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// What probes are. UDP.
    pub method: TraceMethod,
    /// The hop to begin with. 1.
    pub first_hop: u8,
    /// The most hops. 30.
    pub hops_max: u8,
    /// Probes for each hop. 3.
    pub queries: u8,
    /// How long an answer is waited for. 3 seconds.
    pub timeout: Duration,
    /// Probes without an answer at one time. 16.
    pub parallel: usize,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            method: TraceMethod::Udp,
            first_hop: 1,
            hops_max: 30,
            queries: 3,
            timeout: Duration::from_secs(3),
            parallel: 16,
        }
    }
}

/// What answered at one distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The distance.
    pub number: u8,
    /// One for each probe, `None` for those without an answer.
    pub replies: Vec<Option<HopReply>>,
}

impl Hop {
    /// Says whether the host itself answered, or somebody said that it cannot be reached.
    #[must_use]
    pub fn is_end(&self) -> bool {
        let mut replies = self.replies.iter().flatten();
        replies.any(|reply| !matches!(reply.kind, ReplyKind::TimeExceeded))
    }
}

/// The answer to one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopReply {
    /// Who answered.
    pub from: IpAddr,
    /// From the probe to the answer.
    pub round_trip: Duration,
    /// What the answer says.
    pub kind: ReplyKind,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyKind {
    /// The probe ran out of hops here.
    TimeExceeded,
    /// The probe reached the host.
    Reached,
    /// The host cannot be reached from here.
    Unreachable(Icmpv4Unreachable),
    /// The host cannot be reached from here, over IPv6.
    UnreachableV6(Icmpv6Unreachable),
}

/// How often probes are sent and their time is looked at, while a trace is under way.
const TICK: Duration = Duration::from_millis(5);

/// The first port of UDP probes: by tradition nobody uses it and those after it.
const UDP_PORT: u16 = 33_434;

/// Finds the hops to `destination` and hands each to `tell` once all before it are known.
///
/// # Errors
/// [`SocketError::NoSource`] if the tunnel has no address of that family; [`SocketError::NoPeer`] if no
/// peer takes packets for it; [`SocketError::Closed`].
pub async fn trace(
    tunnel: &Tunnel,
    destination: IpAddr,
    options: TraceOptions,
    mut tell: impl FnMut(&Hop),
) -> Result<(), SocketError> {
    let source = tunnel.pinger(destination).await?.source();
    let socket = tunnel.raw(Filter::any()).await?;
    let mut trace = Trace::new(source, destination, options);
    let clock = Clock::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(told) = trace.poll(clock.now()) {
        for hop in &told {
            tell(hop);
        }
        tokio::select! {
            packet = socket.recv_stamped() => {
                let (at, packet) = packet?;
                trace.receive(at, &packet);
            }
            _ = ticks.tick() => trace.send(clock.now(), &socket).await?,
        }
    }
    Ok(())
}

struct Trace {
    options: TraceOptions,
    source: IpAddr,
    destination: IpAddr,
    /// Tells the probes of this trace from those of others.
    mark: u16,
    probes: BTreeMap<u16, Probe>,
    /// The number of the next probe, and of the next hop to be told.
    next: u16,
    next_hop: u8,
    /// The hop at which the destination answered, if it has.
    end: u8,
    is_over: bool,
}

struct Probe {
    packet: Vec<u8>,
    at: Instant,
    reply: Option<HopReply>,
}

impl Trace {
    fn new(source: IpAddr, destination: IpAddr, options: TraceOptions) -> Self {
        let [a, b, ..] = SystemEntropy::default().next_u32().to_le_bytes();
        Self {
            options,
            source,
            destination,
            mark: u16::from_le_bytes([a, b]),
            probes: BTreeMap::new(),
            next: 0,
            next_hop: options.first_hop.max(1),
            end: options.hops_max,
            is_over: false,
        }
    }

    /// Returns the hops that are complete and were not told yet; `None` when all were.
    fn poll(&mut self, now: Instant) -> Option<Vec<Hop>> {
        if self.is_over {
            return None;
        }
        let mut told = Vec::new();
        while let Some(hop) = self.complete(now, self.next_hop) {
            let is_last = hop.is_end() || self.next_hop >= self.end;
            told.push(hop);
            if is_last {
                self.is_over = true;
                return Some(told);
            }
            self.next_hop += 1;
        }
        Some(told)
    }

    /// Returns a hop if all of its probes were answered or waited for.
    fn complete(&self, now: Instant, number: u8) -> Option<Hop> {
        let queries = u16::from(self.options.queries);
        let first = u16::from(number - self.options.first_hop.max(1)) * queries;
        let mut replies = Vec::new();
        for index in first..first + queries {
            let probe = self.probes.get(&index)?;
            let is_late = now.since(probe.at) >= self.options.timeout;
            if probe.reply.is_none() && !is_late {
                return None;
            }
            replies.push(probe.reply);
        }
        Some(Hop { number, replies })
    }

    /// Sends the next probe, if not too many are under way.
    async fn send(&mut self, now: Instant, socket: &RawSocket) -> Result<(), SocketError> {
        let waiting = self
            .probes
            .values()
            .filter(|probe| probe.reply.is_none() && now.since(probe.at) < self.options.timeout);
        let queries = u16::from(self.options.queries);
        let hop = u16::from(self.options.first_hop.max(1)) + self.next / queries.max(1);
        let Some(hop) = u8::try_from(hop).ok().filter(|hop| *hop <= self.end) else {
            return Ok(());
        };
        if waiting.count() >= self.options.parallel {
            return Ok(());
        }
        let packet = self.packet(hop, self.next);
        socket.send(&packet).await?;
        let probe = Probe {
            packet,
            at: now,
            reply: None,
        };
        self.probes.insert(self.next, probe);
        self.next += 1;
        Ok(())
    }

    fn packet(&self, hop: u8, number: u16) -> Vec<u8> {
        let Ok(base) = ip(self.source, self.destination) else {
            // The source was chosen for the destination.
            return Vec::new();
        };
        let base = base.hop_limit(hop);
        // The ports of connections lie in the same range: an answer is told by what it quotes or acknowledges.
        let own_port = 0x8000 | self.mark;
        match self.options.method {
            TraceMethod::Udp => base
                .udp(own_port, UDP_PORT.wrapping_add(number))
                .payload(&[0x40; 32])
                .build(),
            TraceMethod::Tcp(port) => {
                let port_of_probe = 0x8000 | self.mark.wrapping_add(number);
                base.tcp(port_of_probe, port)
                    .seq(number.into())
                    .syn()
                    .mss(1380)
                    .build()
            }
            TraceMethod::Icmp => base
                .icmp_echo_request(self.mark, number)
                .payload(&[0x40; 32])
                .build(),
        }
    }

    /// Takes in a packet that may answer a probe; `at` is when it came out of the tunnel.
    fn receive(&mut self, at: Instant, packet: &[u8]) {
        let Ok(reply) = IpPacket::parse(packet) else {
            return;
        };
        let answered = self.probes.iter_mut().find(|(_, probe)| {
            IpPacket::parse(&probe.packet).is_ok_and(|sent| is_reply(&sent, &reply))
        });
        let (Some((number, probe)), Some(kind)) = (answered, kind_of(&reply, self.destination))
        else {
            return;
        };
        if probe.reply.is_some() {
            return;
        }
        probe.reply = Some(HopReply {
            from: reply.source(),
            round_trip: at.since(probe.at),
            kind,
        });
        if kind != ReplyKind::TimeExceeded {
            let hops = number / u16::from(self.options.queries.max(1));
            let hop = u16::from(self.options.first_hop.max(1)) + hops;
            self.end = self.end.min(u8::try_from(hop).unwrap_or(u8::MAX));
        }
    }
}

/// Says what an answer means; `None` if it is none that a trace asks for.
fn kind_of(reply: &IpPacket<'_>, destination: IpAddr) -> Option<ReplyKind> {
    let is_there = reply.source() == destination;
    match reply.transport().ok()? {
        Transport::Icmpv4(message) => match message.kind() {
            Icmpv4Kind::TimeExceeded { .. } => Some(ReplyKind::TimeExceeded),
            Icmpv4Kind::DestinationUnreachable {
                code: Icmpv4Unreachable::PORT,
                ..
            } if is_there => Some(ReplyKind::Reached),
            Icmpv4Kind::DestinationUnreachable { code, .. } => Some(ReplyKind::Unreachable(code)),
            Icmpv4Kind::EchoReply(_) => Some(ReplyKind::Reached),
            _ => None,
        },
        Transport::Icmpv6(message) => match message.kind() {
            Icmpv6Kind::TimeExceeded { .. } => Some(ReplyKind::TimeExceeded),
            Icmpv6Kind::DestinationUnreachable {
                code: Icmpv6Unreachable::PORT,
                ..
            } if is_there => Some(ReplyKind::Reached),
            Icmpv6Kind::DestinationUnreachable { code, .. } => Some(ReplyKind::UnreachableV6(code)),
            Icmpv6Kind::EchoReply(_) => Some(ReplyKind::Reached),
            _ => None,
        },
        Transport::Tcp(_) | Transport::Udp(_) if is_there => Some(ReplyKind::Reached),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::ORIGIN;

    fn trace(method: TraceMethod) -> Trace {
        let options = TraceOptions {
            method,
            queries: 1,
            ..TraceOptions::default()
        };
        let mut trace = Trace::new([10, 0, 0, 1].into(), [10, 9, 9, 9].into(), options);
        for number in 0..4 {
            let packet = trace.packet(u8::try_from(number).unwrap() + 1, number);
            let at = START;
            let reply = None;
            trace.probes.insert(number, Probe { packet, at, reply });
        }
        trace
    }

    fn router(trace: &Trace, probe: u16, from: [u8; 4]) -> Vec<u8> {
        let back = ip(from.into(), trace.source).unwrap();
        back.icmp_time_exceeded(&trace.probes[&probe].packet)
            .build()
    }

    #[test]
    fn hops_are_told_in_order_up_to_the_host() {
        for method in [TraceMethod::Udp, TraceMethod::Tcp(80), TraceMethod::Icmp] {
            let mut trace = trace(method);
            let second = router(&trace, 1, [10, 0, 2, 1]);
            trace.receive(START, &second);
            assert_eq!(trace.poll(START).unwrap(), []);
            let first = router(&trace, 0, [10, 0, 1, 1]);
            trace.receive(START, &first);
            let told = trace.poll(START).unwrap();
            let from: Vec<IpAddr> = told
                .iter()
                .map(|hop| hop.replies[0].unwrap().from)
                .collect();
            assert_eq!(from, [IpAddr::from([10, 0, 1, 1]), [10, 0, 2, 1].into()]);
            let there = ip(trace.destination, trace.source).unwrap();
            let last = match method {
                TraceMethod::Udp => there
                    .icmp_port_unreachable(&trace.probes[&2].packet)
                    .build(),
                TraceMethod::Tcp(port) => {
                    let probe = IpPacket::parse(&trace.probes[&2].packet).unwrap();
                    there
                        .tcp(port, probe.tcp().unwrap().source_port())
                        .rst()
                        .build()
                }
                TraceMethod::Icmp => there.icmp_echo_reply(trace.mark, 2).build(),
            };
            trace.receive(START, &last);
            let told = trace.poll(START).unwrap();
            assert_eq!((told.len(), told[0].number), (1, 3));
            assert_eq!(told[0].replies[0].unwrap().kind, ReplyKind::Reached);
            assert_eq!(trace.poll(START), None);
        }
    }

    #[test]
    fn a_silent_hop_is_told_after_its_time() {
        let mut trace = trace(TraceMethod::Icmp);
        let at = |millis| START + Duration::from_millis(millis);
        assert_eq!(trace.poll(at(2999)).unwrap(), []);
        let told = trace.poll(at(3000)).unwrap();
        assert_eq!((told.len(), &told[0].replies), (4, &vec![None]));
    }

    #[test]
    fn a_round_trip_ends_when_the_answer_comes_out_of_the_tunnel() {
        let mut trace = trace(TraceMethod::Icmp);
        let first = router(&trace, 0, [10, 0, 1, 1]);
        trace.receive(START + Duration::from_millis(7), &first);
        // However late it is looked at.
        let told = trace.poll(START + Duration::from_secs(60)).unwrap();
        let reply = told[0].replies[0].unwrap();
        assert_eq!(reply.round_trip, Duration::from_millis(7));
    }
}
