//! What comes out of the tunnel, and whom it is for.

use std::net::SocketAddr;
use std::sync::Arc;

use wirecraft_ip_packets::{
    Echo, Icmpv4Kind, Icmpv6Kind, IpPacket, Reassembled, TcpFlags, TcpSegment, Transport,
    UdpDatagram,
};
use wirecraft_netstack::{
    Binding, EchoReply, FourTuple, Listener, Report, Subject, Target, TcpConnection, TcpError,
    Unreachable,
};
use wirecraft_time::Instant;

use super::Stack;
use super::shared::{Queueable, Ready, Shared, TcpSide};
use crate::socket_error::SocketError;
use crate::tcp::TcpStream;

impl Stack {
    /// Takes in a packet that came through the tunnel.
    pub(super) fn take_in(&mut self, now: Instant, bytes: &[u8]) {
        let Ok(packet) = IpPacket::parse(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        if self.offer_raw(now, &packet) {
            return;
        }
        if self.transit.is_none() && !self.addresses.contains(packet.destination()) {
            self.counters.not_ours += 1;
            return;
        }
        if !packet.is_fragment() {
            self.dispatch(now, &packet);
            return;
        }
        match self.reassembler.push(now, packet) {
            Ok(Reassembled::Whole(packet)) => self.dispatch(now, &packet),
            Ok(Reassembled::Complete(bytes)) => match IpPacket::parse(&bytes) {
                Ok(packet) => self.dispatch(now, &packet),
                Err(_) => self.counters.malformed += 1,
            },
            Ok(Reassembled::Waiting) => {}
            Err(_) => self.counters.fragments_dropped += 1,
        }
    }

    /// Gives copies to the raw sockets; returns whether one claims the packet for itself.
    fn offer_raw(&mut self, now: Instant, packet: &IpPacket<'_>) -> bool {
        let mut claimed = false;
        for shared in &self.raw {
            claimed |= shared.lock().receive(now, packet);
            queue(&mut self.turn, shared);
        }
        claimed
    }

    fn dispatch(&mut self, now: Instant, packet: &IpPacket<'_>) {
        if !self.addresses.contains(packet.destination()) {
            self.pass_on(now, packet);
            return;
        }
        match packet.transport() {
            Ok(Transport::Tcp(segment)) => self.dispatch_tcp(now, packet, &segment),
            Ok(Transport::Udp(datagram)) => self.dispatch_udp(now, packet, &datagram),
            Ok(transport @ (Transport::Icmpv4(_) | Transport::Icmpv6(_))) => {
                self.dispatch_icmp(now, packet, &transport);
            }
            Ok(_) => self.counters.other_protocol += 1,
            Err(_) => self.counters.malformed += 1,
        }
    }

    fn dispatch_tcp(&mut self, now: Instant, packet: &IpPacket<'_>, segment: &TcpSegment<'_>) {
        let tuple = four_tuple(packet, segment);
        let is_first = is_first(segment);
        match self.tcp.find(&tuple) {
            Target::Connection(shared) => {
                let shared = Arc::clone(shared);
                if !is_first || !self.make_way(&tuple, &shared, packet.as_bytes()) {
                    shared.lock().connection.receive(now, packet.as_bytes());
                    queue(&mut self.turn, &shared);
                } else if self.addresses.contains(packet.destination()) {
                    self.dispatch_tcp(now, packet, segment);
                } else {
                    self.hand_over(packet);
                }
            }
            Target::Listener(listener)
                if is_first && self.addresses.contains(packet.destination()) =>
            {
                let listener = Arc::clone(listener);
                self.accept(now, tuple, packet, listener);
            }
            Target::Listener(_) | Target::Nobody => {
                self.counters.no_socket += 1;
                self.answers.reset(packet, segment);
            }
        }
    }

    /// Gives a packet to another address than ours to the gateway, unless it is of a connection that was
    /// accepted under that address.
    fn pass_on(&mut self, now: Instant, packet: &IpPacket<'_>) {
        if let Ok(Transport::Tcp(segment)) = packet.transport() {
            let tuple = four_tuple(packet, &segment);
            let known = self.tcp.connection(&tuple).is_some();
            if known || !is_first(&segment) {
                self.dispatch_tcp(now, packet, &segment);
                return;
            }
        }
        self.hand_over(packet);
    }

    /// Gives a packet to the gateway.
    fn hand_over(&mut self, packet: &IpPacket<'_>) {
        let Some(gate) = &self.transit else {
            return;
        };
        if !gate.push(packet.as_bytes()) {
            self.counters.not_ours += 1;
            if gate.is_closed() {
                self.transit = None;
            }
        }
    }

    /// Ends a connection that only waits for late segments, for the sake of a new one with the
    /// same ends, which `packet` opens; returns whether it did.
    fn make_way(
        &mut self,
        tuple: &FourTuple,
        shared: &Arc<Shared<TcpSide>>,
        packet: &[u8],
    ) -> bool {
        let mut side = shared.lock();
        if !side.connection.makes_way_for(packet) {
            return false;
        }
        side.connection.abort();
        drop(side);
        self.tcp.remove(tuple);
        queue(&mut self.turn, shared);
        true
    }

    /// Accepts a connection to another address than ours for the gateway.
    pub(super) fn accept_passing(
        &mut self,
        now: Instant,
        bytes: &[u8],
    ) -> Result<TcpStream, SocketError> {
        let not_opening = SocketError::Tcp(TcpError::NotOpening);
        let packet = IpPacket::parse(bytes).map_err(|_| not_opening)?;
        let segment = packet.tcp().map_err(|_| not_opening)?;
        let tuple = four_tuple(&packet, &segment);
        if let Some(old) = self.tcp.connection(&tuple).cloned() {
            self.make_way(&tuple, &old, bytes);
        }
        let (config, seed) = (self.tcp_config(None), self.rng.next_u64());
        let connection = TcpConnection::accept(now, tuple, bytes, &config, seed)?;
        let shared = self.add_connection(tuple, connection, None)?;
        Ok(TcpStream::new(shared, tuple, Arc::clone(&self.now)))
    }

    fn accept(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        packet: &IpPacket<'_>,
        listener: Arc<Shared<Listener<TcpStream>>>,
    ) {
        if !listener.lock().begin() {
            return;
        }
        let config = self.tcp_config(None);
        let seed = self.rng.next_u64();
        let accepted = TcpConnection::accept(now, tuple, packet.as_bytes(), &config, seed);
        let added = accepted
            .ok()
            .map(|connection| self.add_connection(tuple, connection, Some(Arc::clone(&listener))));
        if !matches!(added, Some(Ok(_))) {
            self.counters.malformed += 1;
            listener.lock().give_up();
        }
    }

    fn dispatch_udp(&mut self, now: Instant, packet: &IpPacket<'_>, datagram: &UdpDatagram<'_>) {
        if !datagram.checksum_is_valid(&packet.pseudo_header()) {
            self.counters.malformed += 1;
            return;
        }
        let to = SocketAddr::new(packet.destination(), datagram.destination_port());
        let from = SocketAddr::new(packet.source(), datagram.source_port());
        if let Some(shared) = self.udp.find(to) {
            shared.lock().receive(from, to.ip(), datagram.payload());
            queue(&mut self.turn, shared);
        } else {
            self.counters.no_socket += 1;
            self.answers.port_unreachable(now, packet);
        }
    }

    fn dispatch_icmp(&mut self, now: Instant, packet: &IpPacket<'_>, transport: &Transport<'_>) {
        match read_echo(packet, transport) {
            Some(EchoMessage::Request(echo)) => self.answers.echo_reply(packet, &echo),
            Some(EchoMessage::Reply(echo)) => self.take_echo_reply(now, packet, &echo),
            None => match Report::parse(packet, transport) {
                Some(report) => {
                    self.report(now, &report);
                }
                None => self.counters.other_protocol += 1,
            },
        }
    }

    fn take_echo_reply(&mut self, now: Instant, packet: &IpPacket<'_>, echo: &Echo<'_>) {
        let to = SocketAddr::new(packet.destination(), echo.identifier);
        let Some(shared) = self.echo.find(to) else {
            self.counters.no_socket += 1;
            return;
        };
        let reply = EchoReply {
            from: packet.source(),
            sequence: echo.sequence,
            payload_len: echo.payload.len(),
            hop_limit: packet.hop_limit(),
            round_trip: std::time::Duration::ZERO,
        };
        shared.lock().endpoint.receive(now, reply);
        queue(&mut self.turn, shared);
    }

    /// Tells whoever sent it that a packet did not leave.
    pub(super) fn report_unsent(&mut self, now: Instant, packet: &[u8], why: Unreachable) {
        let Some(report) = Report::unsent(packet, why) else {
            return;
        };
        if self.report(now, &report) || !self.raw_written {
            return;
        }
        let Ok(destination) = wirecraft_ip_packets::destination_address(packet) else {
            return;
        };
        for shared in &self.raw {
            shared.lock().report(destination, why);
            queue(&mut self.turn, shared);
        }
    }

    /// Tells a socket that a packet of it did not arrive; returns whether there is such a socket.
    fn report(&mut self, now: Instant, report: &Report) -> bool {
        match report.subject {
            Subject::Tcp { tuple, sequence } => {
                let Some(shared) = self.tcp.connection(&tuple) else {
                    return false;
                };
                let mut side = shared.lock();
                side.connection.unreachable(now, report.why, sequence);
                drop(side);
                queue(&mut self.turn, shared);
            }
            Subject::Udp { local, remote } => {
                let Some(shared) = self.udp.find(local) else {
                    return false;
                };
                shared.lock().report(remote, report.why);
                queue(&mut self.turn, shared);
            }
            Subject::Echo(id) => {
                let binding = Binding::from(id.identifier);
                let Some(shared) = self.echo.get(binding) else {
                    return false;
                };
                shared
                    .lock()
                    .endpoint
                    .report(now, id.sequence, report.from, report.why);
                queue(&mut self.turn, shared);
            }
            _ => return false,
        }
        true
    }
}

fn four_tuple(packet: &IpPacket<'_>, segment: &TcpSegment<'_>) -> FourTuple {
    FourTuple::new(
        SocketAddr::new(packet.destination(), segment.destination_port()),
        SocketAddr::new(packet.source(), segment.source_port()),
    )
}

/// Says whether a segment opens a connection.
fn is_first(segment: &TcpSegment<'_>) -> bool {
    let opening = TcpFlags::SYN.with(TcpFlags::ACK).with(TcpFlags::RST);
    segment.flags().bits() & opening.bits() == TcpFlags::SYN.bits()
}

/// Puts an endpoint into this turn, unless it is queued already.
fn queue<E: Queueable>(turn: &mut std::collections::VecDeque<Ready>, shared: &Arc<Shared<E>>) {
    if shared.mark_queued() {
        turn.push_back(E::ready(Arc::clone(shared)));
    }
}

enum EchoMessage<'a> {
    Request(Echo<'a>),
    Reply(Echo<'a>),
}

/// Reads an undamaged echo message.
fn read_echo<'a>(packet: &IpPacket<'_>, transport: &Transport<'a>) -> Option<EchoMessage<'a>> {
    match transport {
        Transport::Icmpv4(message) if message.checksum_is_valid() => match message.kind() {
            Icmpv4Kind::EchoRequest(echo) => Some(EchoMessage::Request(echo)),
            Icmpv4Kind::EchoReply(echo) => Some(EchoMessage::Reply(echo)),
            _ => None,
        },
        Transport::Icmpv6(message) if message.checksum_is_valid(&packet.pseudo_header()) => {
            match message.kind() {
                Icmpv6Kind::EchoRequest(echo) => Some(EchoMessage::Request(echo)),
                Icmpv6Kind::EchoReply(echo) => Some(EchoMessage::Reply(echo)),
                _ => None,
            }
        }
        _ => None,
    }
}
