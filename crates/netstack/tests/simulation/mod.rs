//! Two connections joined by a simulated path: delay, loss and reordering from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wirecraft_ip_packets::IpPacket;
use wirecraft_netstack::{FourTuple, TcpConfig, TcpConnection, TcpError, TcpState, Transmission};
use wirecraft_time::Instant;

/// A seeded generator (SplitMix64): good enough for a path, and the same in every run.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) delay: Duration,
    /// Up to this much is added to the delay of each packet, which reorders them.
    pub(crate) jitter: Duration,
    pub(crate) loss_per_mille: u64,
}

impl Path {
    pub(crate) const CLEAN: Self = Self {
        delay: Duration::from_millis(5),
        jitter: Duration::ZERO,
        loss_per_mille: 0,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A packet under way, ordered by its arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Instant,
    number: u64,
    to: Side,
    packet: Vec<u8>,
}

/// A client that connects to a server whose connection is made from the first segment.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) client: TcpConnection,
    pub(crate) server: Option<TcpConnection>,
    pub(crate) server_config: TcpConfig,
    /// Whether the path swallows everything.
    pub(crate) cut: bool,
    pub(crate) packets: u64,
    path: Path,
    seed: u64,
    random: Random,
    flying: BinaryHeap<Reverse<Flight>>,
}

pub(crate) const CLIENT: &str = "10.0.0.2:40000";
pub(crate) const SERVER: &str = "10.0.0.1:80";

impl Pair {
    pub(crate) fn new(path: Path, seed: u64) -> Self {
        Self::between(CLIENT, SERVER, path, seed)
    }

    pub(crate) fn between(client: &str, server: &str, path: Path, seed: u64) -> Self {
        let now = Instant::from_origin(Duration::from_secs(1));
        let (local, remote) = (client.parse().unwrap(), server.parse().unwrap());
        Self {
            now,
            client: TcpConnection::connect(now, local, remote, &TcpConfig::default(), seed)
                .unwrap(),
            server: None,
            server_config: TcpConfig::default(),
            cut: false,
            packets: 0,
            path,
            seed,
            random: Random(seed),
            flying: BinaryHeap::new(),
        }
    }

    pub(crate) fn established(path: Path, seed: u64) -> Self {
        let mut pair = Self::new(path, seed);
        pair.run_until(|pair| {
            pair.client.state() == TcpState::Established
                && pair
                    .server
                    .as_mut()
                    .is_some_and(|s| s.state() == TcpState::Established)
        });
        pair
    }

    pub(crate) fn server(&mut self) -> &mut TcpConnection {
        self.server.as_mut().unwrap()
    }

    /// Runs until `done`, at most an hour of simulated time.
    pub(crate) fn run_until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.now + Duration::from_secs(3600);
        while !done(self) {
            let more = self.step();
            assert!(
                more || done(self),
                "nothing left to happen, at {:?}",
                self.now
            );
            assert!(self.now < limit, "not within an hour, seed {}", self.seed);
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.next_event().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
        self.transmit();
    }

    /// Lets the next thing happen; false if there is none.
    pub(crate) fn step(&mut self) -> bool {
        self.transmit();
        let Some(next) = self.next_event() else {
            return false;
        };
        self.now = self.now.max(next);
        while self
            .flying
            .peek()
            .is_some_and(|Reverse(flight)| flight.at <= self.now)
        {
            let Some(Reverse(flight)) = self.flying.pop() else {
                break;
            };
            self.arrive(flight.to, &flight.packet);
        }
        true
    }

    fn next_event(&mut self) -> Option<Instant> {
        let arrival = self.flying.peek().map(|Reverse(flight)| flight.at);
        let server = self.server.as_mut().and_then(TcpConnection::poll_timeout);
        [arrival, self.client.poll_timeout(), server]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn arrive(&mut self, to: Side, packet: &[u8]) {
        match (to, &mut self.server) {
            (Side::Client, _) => self.client.receive(self.now, packet),
            (Side::Server, Some(server)) => server.receive(self.now, packet),
            (Side::Server, None) => {
                let tuple = self.client.tuple();
                let tuple = FourTuple::new(tuple.remote(), tuple.local());
                let config = self.server_config.clone();
                self.server = TcpConnection::accept(self.now, tuple, packet, &config, 7).ok();
            }
        }
    }

    pub(crate) fn transmit(&mut self) {
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let done = self
            .client
            .poll_transmit(self.now, &mut packets, usize::MAX);
        assert_eq!(done, Transmission::Complete);
        assert!(
            self.client.poll_timeout().is_none_or(|at| at > self.now),
            "would spin"
        );
        self.launch(Side::Server, &mut packets);
        if let Some(server) = &mut self.server {
            let done = server.poll_transmit(self.now, &mut packets, usize::MAX);
            assert_eq!(done, Transmission::Complete);
            assert!(
                server.poll_timeout().is_none_or(|at| at > self.now),
                "would spin"
            );
            self.launch(Side::Client, &mut packets);
        }
    }

    fn launch(&mut self, to: Side, packets: &mut Vec<Vec<u8>>) {
        for packet in packets.drain(..) {
            self.packets += 1;
            if self.cut || self.random.below(1000) < self.path.loss_per_mille {
                continue;
            }
            let jitter = u64::try_from(self.path.jitter.as_nanos()).unwrap();
            let jitter = Duration::from_nanos(self.random.below(jitter + 1));
            let at = self.now + self.path.delay + jitter;
            self.flying.push(Reverse(Flight {
                at,
                number: self.packets,
                to,
                packet,
            }));
        }
    }
}

/// Lets the client send into the void; returns the sequence numbers.
pub(crate) fn send_into_void(pair: &mut Pair) -> Vec<u32> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    let _ = pair
        .client
        .poll_transmit(pair.now, &mut packets, usize::MAX);
    let sequence = |packet: &Vec<u8>| {
        let packet = IpPacket::parse(packet).unwrap();
        packet.tcp().unwrap().seq()
    };
    packets.iter().map(sequence).collect()
}

/// Reads everything that is there; `None` at the end of the stream.
pub(crate) fn read(connection: &mut TcpConnection) -> Result<Option<Vec<u8>>, TcpError> {
    let mut received = Vec::new();
    loop {
        let read = connection.poll_read_with(&Context::from_waker(Waker::noop()), |bytes| {
            received.extend_from_slice(bytes);
            bytes.len()
        });
        match read {
            Poll::Ready(Ok(len)) if len > 0 => {}
            Poll::Pending => return Ok(Some(received)),
            _ if !received.is_empty() => return Ok(Some(received)),
            Poll::Ready(Ok(_)) => return Ok(None),
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
}

/// Writes what there is room for; returns how much.
pub(crate) fn write(connection: &mut TcpConnection, bytes: &[u8]) -> Result<usize, TcpError> {
    match connection.poll_write(&Context::from_waker(Waker::noop()), bytes) {
        Poll::Pending => Ok(0),
        Poll::Ready(result) => result,
    }
}

/// A stream of bytes in which every position is recognisable.
pub(crate) fn pattern(len: usize, salt: u64) -> Vec<u8> {
    let mut random = Random(salt);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Sends 1 MiB each way at once and compares every byte.
pub(crate) fn transfer_both_ways(pair: &mut Pair) {
    const LEN: usize = 1 << 20;
    let (up, down) = (pattern(LEN, 1), pattern(LEN, 2));
    let (mut sent_up, mut sent_down) = (0, 0);
    let (mut got_up, mut got_down) = (Vec::new(), Vec::new());
    pair.run_until(|pair| {
        sent_up += write(&mut pair.client, &up[sent_up..]).unwrap();
        sent_down += write(pair.server(), &down[sent_down..]).unwrap();
        got_up.extend(read(pair.server()).unwrap().unwrap());
        got_down.extend(read(&mut pair.client).unwrap().unwrap());
        got_up.len() >= LEN && got_down.len() >= LEN
    });
    assert!(got_up == up && got_down == down, "seed {}", pair.seed);
}
