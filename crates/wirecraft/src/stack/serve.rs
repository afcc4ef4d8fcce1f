//! One turn: each endpoint that has something to say writes its packets and wakes its tasks.

use std::sync::Arc;

use wirecraft_netstack::{
    Binding, Listener, PacketSink, RawEndpoint, TcpState, Transmission, UdpEndpoint,
};
use wirecraft_time::Instant;

use super::Stack;
use super::shared::{EchoSide, Queueable, Ready, Shared, TcpSide};
use crate::tcp::TcpStream;

/// Packets that one endpoint may write before the others have their turn.
const PACKETS_PER_ENDPOINT: usize = 64;

impl Stack {
    /// Lets the queued endpoints write, round robin, until none has anything left or `sink` is full.
    pub(super) fn serve_turn(&mut self, now: Instant, sink: &mut impl PacketSink) {
        let mut sink = Watched { sink, full: false };
        // Answers are short and few: they go first. What finds the sink full stays queued.
        let _ = self.answers.poll_transmit(&mut sink, usize::MAX);
        while !sink.full {
            let Some(ready) = self.turn.pop_front() else {
                return;
            };
            match ready {
                Ready::Tcp(shared) => self.serve_tcp(now, &shared, &mut sink),
                Ready::Listener(shared) => self.serve_listener(&shared),
                Ready::Udp(shared) => self.serve_udp(&shared, &mut sink),
                Ready::Echo(shared) => self.serve_echo(now, &shared, &mut sink),
                Ready::Raw(shared) => self.serve_raw(&shared, &mut sink),
            }
        }
    }

    fn serve_tcp(
        &mut self,
        now: Instant,
        shared: &Arc<Shared<TcpSide>>,
        sink: &mut impl PacketSink,
    ) {
        shared.unmark_queued();
        let mut side = shared.lock();
        let transmission = side
            .connection
            .poll_transmit(now, sink, PACKETS_PER_ENDPOINT);
        let wakers = side.connection.take_ready_wakers();
        let tuple = side.connection.tuple();
        let finished = side.connection.is_finished();
        let state = side.connection.state();
        let listener = match state {
            TcpState::SynReceived => None,
            _ => side.listener.take(),
        };
        let TcpSide {
            connection,
            armed,
            claim,
            ..
        } = &mut *side;
        claim.set(connection.buffers_len());
        match (transmission, connection.poll_timeout()) {
            (Transmission::Complete, Some(at)) => {
                self.timers.arm_tcp(after(at, now), armed, shared);
            }
            (Transmission::Complete, None) => {}
            (Transmission::Interrupted, _) => self.requeue(shared),
        }
        drop(side);
        wakers.wake();
        if let Some(listener) = listener {
            self.end_handshake(shared, &listener, state);
        }
        if finished
            && self
                .tcp
                .connection(&tuple)
                .is_some_and(|entered| Arc::ptr_eq(entered, shared))
        {
            self.tcp.remove(&tuple);
        }
    }

    /// Offers a connection that arrived to its listener, or frees its place if it failed.
    fn end_handshake(
        &self,
        shared: &Arc<Shared<TcpSide>>,
        listener: &Arc<Shared<Listener<TcpStream>>>,
        state: TcpState,
    ) {
        if state == TcpState::Closed {
            listener.lock().give_up();
            return;
        }
        let tuple = shared.lock().connection.tuple();
        let stream = TcpStream::new(Arc::clone(shared), tuple, Arc::clone(&self.now));
        let refused = listener.lock().establish(stream);
        if let Err(stream) = refused {
            stream.abort();
        }
    }

    fn serve_listener(&mut self, shared: &Arc<Shared<Listener<TcpStream>>>) {
        shared.unmark_queued();
        let listener = shared.lock();
        if listener.is_closed() {
            let binding = listener.binding();
            drop(listener);
            self.unbind_listener(binding, shared);
        }
    }

    fn serve_udp(&mut self, shared: &Arc<Shared<UdpEndpoint>>, sink: &mut impl PacketSink) {
        shared.unmark_queued();
        let mut endpoint = shared.lock();
        let transmission = endpoint.poll_transmit(sink, PACKETS_PER_ENDPOINT);
        endpoint.wake();
        let finished = endpoint.is_finished().then(|| endpoint.binding());
        drop(endpoint);
        if transmission == Transmission::Interrupted {
            self.requeue(shared);
        }
        if let Some(binding) = finished {
            self.unbind_udp(binding, shared);
        }
    }

    fn serve_echo(
        &mut self,
        now: Instant,
        shared: &Arc<Shared<EchoSide>>,
        sink: &mut impl PacketSink,
    ) {
        shared.unmark_queued();
        let mut side = shared.lock();
        let EchoSide { endpoint, armed } = &mut *side;
        let transmission = endpoint.poll_transmit(now, sink, PACKETS_PER_ENDPOINT);
        endpoint.wake();
        match (transmission, endpoint.poll_timeout()) {
            (Transmission::Complete, Some(at)) => {
                self.timers.arm_echo(after(at, now), armed, shared);
            }
            (Transmission::Complete, None) => {}
            (Transmission::Interrupted, _) => self.requeue(shared),
        }
        let finished = endpoint.is_finished().then(|| endpoint.identifier());
        drop(side);
        if let Some(identifier) = finished {
            self.unbind_echo(Binding::from(identifier), shared);
        }
    }

    fn serve_raw(&mut self, shared: &Arc<Shared<RawEndpoint>>, sink: &mut impl PacketSink) {
        shared.unmark_queued();
        let mut endpoint = shared.lock();
        self.raw_written |= endpoint.has_output();
        let transmission = endpoint.poll_transmit(sink, PACKETS_PER_ENDPOINT);
        endpoint.wake();
        let finished = endpoint.is_finished();
        drop(endpoint);
        if transmission == Transmission::Interrupted {
            self.requeue(shared);
        }
        if finished {
            self.raw.retain(|entered| !Arc::ptr_eq(entered, shared));
        }
    }

    /// Frees a port, unless another listener has it by now.
    fn unbind_listener(&mut self, binding: Binding, shared: &Arc<Shared<Listener<TcpStream>>>) {
        let listeners = self.tcp.listeners_mut();
        if listeners
            .get(binding)
            .is_some_and(|entered| Arc::ptr_eq(entered, shared))
        {
            listeners.unbind(binding);
        }
    }

    /// Frees a port, unless another socket has it by now.
    fn unbind_udp(&mut self, binding: Binding, shared: &Arc<Shared<UdpEndpoint>>) {
        if self
            .udp
            .get(binding)
            .is_some_and(|entered| Arc::ptr_eq(entered, shared))
        {
            self.udp.unbind(binding);
        }
    }

    /// Frees an identifier, unless another pinger has it by now.
    fn unbind_echo(&mut self, binding: Binding, shared: &Arc<Shared<EchoSide>>) {
        if self
            .echo
            .get(binding)
            .is_some_and(|entered| Arc::ptr_eq(entered, shared))
        {
            self.echo.unbind(binding);
        }
    }

    /// Puts an endpoint that is not done behind the others.
    fn requeue<E: Queueable>(&mut self, shared: &Arc<Shared<E>>) {
        if shared.mark_queued() {
            self.turn.push_back(E::ready(Arc::clone(shared)));
        }
    }

    /// Ends everything, so that no task waits for what cannot come.
    pub(super) fn close_all(&mut self) {
        for listener in self.tcp.listeners().iter() {
            let unaccepted: Vec<TcpStream> = listener.lock().close().collect();
            unaccepted.iter().for_each(TcpStream::abort);
        }
        for shared in self.tcp.connections() {
            let mut side = shared.lock();
            side.connection.abort();
            let wakers = side.connection.take_ready_wakers();
            drop(side);
            wakers.wake();
        }
        self.udp.iter().for_each(|shared| shared.lock().close());
        self.echo
            .iter()
            .for_each(|shared| shared.lock().endpoint.close());
        self.raw.iter().for_each(|shared| shared.lock().close());
    }
}

/// A deadline that an endpoint names although it was just served is put off a little: nothing
/// may keep the driver from sleeping.
fn after(at: Instant, now: Instant) -> Instant {
    if at > now {
        at
    } else {
        now + std::time::Duration::from_millis(1)
    }
}

/// A sink that remembers having been full.
struct Watched<'a, S> {
    sink: &'a mut S,
    full: bool,
}

impl<S: PacketSink> PacketSink for Watched<'_, S> {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        let slot = self.sink.reserve(len);
        self.full |= slot.is_none();
        slot
    }
}
