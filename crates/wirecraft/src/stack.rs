//! The network stack that stands inside a tunnel and serves its sockets.
//!
//! ```text
//!  driver's task                                  tasks of the program
//!  Stack: tables, timers, answers     <-commands-  StackHandle: connect, listen, bind ..
//!    |  locks one endpoint at a time  <--ready---  TcpStream, UdpSocket, Pinger, RawSocket
//!    '--> Shared { Mutex<endpoint>, queued }  <----'  lock their own endpoint
//! ```
//!
//! Only the driver's task has the tables, so they need no lock. Each endpoint has its own.

mod command;
mod deliver;
mod handle;
mod memory;
mod serve;
mod shared;
mod timers;

#[cfg(test)]
mod interruptions;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ipnet::IpNet;
use rand_core::CryptoRng;
use tokio::sync::mpsc;
use wirecraft_ip_packets::Reassembler;
use wirecraft_net::{Clock, Inner, Packets, SystemEntropy};
use wirecraft_netstack::{
    Answers, Bindings, Demux, Listener, OwnAddresses, PacketSink, RawEndpoint, TcpConfig,
    UdpEndpoint, Unreachable,
};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, SendError};

use crate::tap::{Direction, Tap, TappedSink};
use crate::tcp::TcpStream;
use crate::transit::Gate;

use command::Command;
use memory::Memory;
use shared::{Attention, Ready};
use timers::Timers;

pub use handle::StackHandle;
pub(crate) use shared::{EchoSide, Shared, TcpSide};

/// Reads the clock.
pub(crate) type Now = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Commands that wait for the driver; who sends one more waits too.
const COMMANDS_MAX: usize = 64;

/// What a stack needs to know.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// The addresses of the tunnel with their networks, the preferred first.
    pub addresses: Vec<IpNet>,
    /// The greatest length of a packet in bytes.
    pub mtu: usize,
}

impl StackConfig {
    /// Takes the addresses of the tunnel, and its MTU in bytes.
    #[must_use]
    pub fn new(addresses: &[IpNet], mtu: usize) -> Self {
        Self {
            addresses: addresses.to_vec(),
            mtu,
        }
    }
}

/// What a stack did not take in, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackCounters {
    /// Packets that are malformed, or fail a checksum.
    pub malformed: u64,
    /// Packets to addresses that are not the tunnel's, and that no gateway took.
    pub not_ours: u64,
    /// Fragments that were dropped.
    pub fragments_dropped: u64,
    /// Segments and datagrams to ports that nobody has.
    pub no_socket: u64,
    /// Packets of protocols that no socket takes.
    pub other_protocol: u64,
}

/// The network stack of a tunnel; the driver's inner side.
pub struct Stack {
    addresses: Arc<OwnAddresses>,
    mtu: usize,
    now: Now,
    rng: Box<dyn CryptoRng + Send>,
    tcp: Demux<Arc<Shared<TcpSide>>, Arc<Shared<Listener<TcpStream>>>>,
    udp: Bindings<Arc<Shared<UdpEndpoint>>>,
    echo: Bindings<Arc<Shared<EchoSide>>>,
    raw: Vec<Arc<Shared<RawEndpoint>>>,
    /// Whether raw packets are among those written last.
    raw_written: bool,
    memory: Memory,
    reassembler: Reassembler,
    answers: Answers,
    counters: StackCounters,
    /// Who gets what is sent to other addresses than ours.
    transit: Option<Gate>,
    commands: mpsc::Receiver<Command>,
    ready: mpsc::UnboundedReceiver<Ready>,
    attention: Attention,
    /// The endpoints that are looked at in this turn, in order.
    turn: VecDeque<Ready>,
    timers: Timers,
    /// Who is told of every packet.
    tap: Option<Tap>,
}

impl Stack {
    /// Makes a stack, and the handle by which its sockets are opened.
    #[must_use]
    pub fn new(config: StackConfig, clock: Clock) -> (Self, StackHandle) {
        Self::with_sources(
            config,
            Arc::new(move || clock.now()),
            Box::new(SystemEntropy::default()),
        )
    }

    /// Makes a stack with a clock and randomness of the caller's choice.
    pub(crate) fn with_sources(
        config: StackConfig,
        now: Now,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> (Self, StackHandle) {
        let (command_sender, commands) = mpsc::channel(COMMANDS_MAX);
        let (attention, ready) = mpsc::unbounded_channel();
        let addresses = Arc::new(OwnAddresses::new(config.addresses));
        let handle = StackHandle::new(command_sender, Arc::clone(&addresses));
        let stack = Self {
            addresses,
            mtu: config.mtu,
            now,
            tcp: Demux::new(&mut rng),
            udp: Bindings::new(&mut rng),
            echo: Bindings::new(&mut rng),
            raw: Vec::new(),
            raw_written: false,
            memory: Memory::default(),
            reassembler: Reassembler::default(),
            answers: Answers::new(config.mtu, rng.next_u32()),
            rng,
            counters: StackCounters::default(),
            transit: None,
            commands,
            ready,
            attention,
            turn: VecDeque::new(),
            timers: Timers::default(),
            tap: None,
        };
        (stack, handle)
    }

    /// How a connection behaves whose owner asks for nothing else.
    fn tcp_config(&self, keepalive: Option<Duration>) -> TcpConfig {
        let buffer_len = self.memory.buffer_len();
        TcpConfig {
            mtu: self.mtu,
            receive_buffer_len: buffer_len,
            send_buffer_len: buffer_len,
            keepalive,
            ..TcpConfig::default()
        }
    }

    /// Does what is due and writes packets into `sink` until it is full.
    ///
    /// Registers the waker of `cx` unless the sink was filled.
    fn poll_sink(&mut self, cx: &mut Context<'_>, now: Instant, sink: &mut impl PacketSink) {
        self.raw_written = false;
        while let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) {
            self.execute(now, command);
        }
        while let Some(due) = self.timers.pop_due(now) {
            self.turn.push_back(due);
        }
        while let Poll::Ready(Some(ready)) = self.ready.poll_recv(cx) {
            self.turn.push_back(ready);
        }
        self.reassembler.expire(now);
        self.serve_turn(now, sink);
    }
}

impl Inner for Stack {
    fn deliver(&mut self, now: Instant, packets: Packets<'_, '_>) {
        for (_, packet) in packets {
            if let Some(tap) = &mut self.tap {
                tap(Direction::Incoming, packet);
            }
            self.take_in(now, packet);
        }
    }

    fn poll_packets(&mut self, cx: &mut Context<'_>, now: Instant, arena: &mut Arena) -> Poll<()> {
        if let Some(mut tap) = self.tap.take() {
            let mut sink = TappedSink::new(arena, &mut tap);
            self.poll_sink(cx, now, &mut sink);
            sink.finish();
            // A command may have brought another tap just now.
            self.tap.get_or_insert(tap);
        } else {
            self.poll_sink(cx, now, &mut ArenaSink(arena));
        }
        if arena.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if !self.turn.is_empty() || !self.answers.is_empty() {
            return Some(Instant::ORIGIN);
        }
        [self.timers.next(), self.reassembler.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    fn undeliverable(&mut self, now: Instant, packet: &[u8], error: SendError) {
        let why = match error {
            SendError::NoRoute => Unreachable::NoRoute,
            SendError::NoEndpoint(_) => Unreachable::NoNextHop,
            _ => return,
        };
        self.report_unsent(now, packet, why);
    }
}

/// Whoever still holds a socket learns that the tunnel is closed.
impl Drop for Stack {
    fn drop(&mut self) {
        self.close_all();
    }
}

/// Packets are written where they are sealed.
struct ArenaSink<'a>(&'a mut Arena);

impl PacketSink for ArenaSink<'_> {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        self.0.reserve(len)
    }
}
