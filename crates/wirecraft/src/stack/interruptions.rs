//! A download through a tunnel whose peer restarts, whose ends move, and whose path falls silent, in simulated time.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, sleep_until};
use wirecraft_net::Inner;
use wirecraft_noise_handshake::PrivateKey;
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Datagram, Device};

use super::tests::{Seeded, pattern};
use super::{Now, Stack, StackConfig, StackHandle};
use crate::network::Network;
use crate::tunnel_network::TunnelNetwork;

const MTU: usize = 1420;

/// The wall clock when the simulation begins, since the Unix epoch.
const BEGAN_AT: Duration = Duration::from_secs(1_800_000_000);

const NEAR: usize = 0;
const FAR: usize = 1;

/// What happens to the ends and to the path between them.
enum Order {
    /// The end forgets its sessions, and what its configuration does not say; its sockets live on.
    Restart(usize),
    /// The end is at another address.
    Move(usize, &'static str),
    /// Nothing arrives, or everything again.
    Silence(bool),
}

/// One end of the tunnel.
struct End {
    stack: Stack,
    device: Device<Seeded>,
    arena: Arena,
    address: SocketAddr,
    key: PrivateKey,
    peer_key: PrivateKey,
    /// Where the configuration says that the other end is, if it does.
    endpoint: Option<SocketAddr>,
}

impl End {
    fn new(stack: Stack, keys: [&PrivateKey; 2], address: &str, endpoint: Option<&str>) -> Self {
        let [key, peer_key] = keys.map(PrivateKey::clone);
        let mut end = Self {
            stack,
            device: Device::new(MTU, Seeded(0)),
            arena: Arena::new(1 << 20, MTU),
            address: address.parse().unwrap(),
            key,
            peer_key,
            endpoint: endpoint.map(|endpoint| endpoint.parse().unwrap()),
        };
        end.restart(Instant::ORIGIN, 1);
        end
    }

    fn restart(&mut self, now: Instant, seed: u64) {
        self.device = Device::new(MTU, Seeded(seed));
        self.device
            .set_wall_clock(now, BEGAN_AT + now.since_origin());
        self.device.set_private_key(Some(self.key.clone()));
        let peer = self.device.add_peer(self.peer_key.public_key()).unwrap();
        let everything = "10.0.0.0/24".parse().unwrap();
        self.device.add_allowed_ip(peer, everything).unwrap();
        if let Some(endpoint) = self.endpoint {
            self.device.set_endpoint(peer, endpoint).unwrap();
        }
    }

    /// Takes in a datagram.
    fn receive(&mut self, now: Instant, from: SocketAddr, mut bytes: Vec<u8>) {
        let mut datagram = [Datagram::new(from, &mut bytes)];
        self.device.receive_batch(now, &mut datagram);
        if let Some((_, packet)) = datagram[0].packet() {
            self.stack.take_in(now, packet);
        }
    }

    /// Lets it do all that is to be done; returns its datagrams and where they go.
    fn run(&mut self, cx: &mut Context<'_>, now: Instant) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        self.device.handle_timeout(now);
        self.device.process_handshakes(now, usize::MAX);
        if self.stack.poll_packets(cx, now, &mut self.arena).is_ready() {
            self.device.send_batch(now, &mut self.arena);
            for run in self.arena.runs() {
                let pieces = run.bytes.chunks(run.segment_len);
                sent.extend(pieces.map(|bytes| (run.destination.to, bytes.to_vec())));
            }
            for (packet, error) in self.arena.failures() {
                self.stack.undeliverable(now, packet, error);
            }
            self.arena.clear();
        }
        while let Some(transmit) = self.device.poll_transmit() {
            let to = transmit.destination.to;
            sent.push((to, transmit.datagram().to_vec()));
        }
        while self.device.poll_event().is_some() {}
        sent
    }

    fn deadline(&self) -> Option<Instant> {
        let device = self.device.poll_timeout().map(|deadline| deadline.at);
        device.into_iter().chain(self.stack.poll_timeout()).min()
    }
}

/// Both ends, and the datagrams between them.
struct World {
    ends: [End; 2],
    orders: mpsc::UnboundedReceiver<Order>,
    is_silent: bool,
    restarts: u64,
    now: Now,
    started: tokio::time::Instant,
    sleep: Pin<Box<Sleep>>,
}

/// Datagrams go around at most this often without time passing: more would be a storm.
const ROUNDS_MAX: usize = 1_000_000;

impl World {
    fn obey(&mut self, order: Order) {
        match order {
            Order::Restart(end) => {
                self.restarts += 1;
                self.ends[end].restart((self.now)(), 1 + self.restarts);
            }
            Order::Move(end, to) => self.ends[end].address = to.parse().unwrap(),
            Order::Silence(is_silent) => self.is_silent = is_silent,
        }
    }

    /// Lets each end run once; returns whether anything was sent.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        for from in [NEAR, FAR] {
            let now = (self.now)();
            let mut sent = VecDeque::from(self.ends[from].run(cx, now));
            any |= !sent.is_empty();
            let source = self.ends[from].address;
            while let Some((to, bytes)) = sent.pop_front() {
                let other = &mut self.ends[1 - from];
                // What goes to an address that nobody has any more is lost.
                if to == other.address && !self.is_silent {
                    other.receive(now, source, bytes);
                }
            }
        }
        any
    }
}

impl Future for World {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            while let Poll::Ready(Some(order)) = self.orders.poll_recv(cx) {
                self.obey(order);
            }
            if self.exchange(cx) {
                continue;
            }
            let deadline = self.ends.iter().filter_map(End::deadline).min();
            let Some(at) = deadline else {
                return Poll::Pending;
            };
            let at = self.started + at.since_origin();
            self.sleep.as_mut().reset(at);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        panic!("the ends never come to rest");
    }
}

/// More than all buffers on the way hold, in bytes.
const PIECE_LEN: usize = 4 << 20;

/// Two ends that have not spoken yet, and the sockets inside them.
fn begin(orders: mpsc::UnboundedReceiver<Order>) -> (World, [StackHandle; 2]) {
    let started = tokio::time::Instant::now();
    let now: Now = Arc::new(move || Instant::from_origin(started.elapsed()));
    let mut seeded = Seeded(7);
    let [near_key, far_key] = [(); 2].map(|()| PrivateKey::generate(&mut seeded));
    let stack = |address: &str, seed| {
        let config = StackConfig::new(&[address.parse().unwrap()], MTU);
        Stack::with_sources(config, Arc::clone(&now), Box::new(Seeded(seed)))
    };
    let (near_stack, near_sockets) = stack("10.0.0.2/24", 1);
    let (far_stack, far_sockets) = stack("10.0.0.1/24", 2);
    let far_address = "192.0.2.2:2";
    let near = End::new(
        near_stack,
        [&near_key, &far_key],
        "192.0.2.1:1",
        Some(far_address),
    );
    let far = End::new(far_stack, [&far_key, &near_key], far_address, None);
    let world = World {
        ends: [near, far],
        orders,
        is_silent: false,
        restarts: 0,
        now,
        started,
        sleep: Box::pin(sleep_until(started)),
    };
    (world, [near_sockets, far_sockets])
}

/// Downloads four pieces, with an order behind each of the first three; returns the simulated time it took.
async fn download(orders: [Order; 3]) -> Duration {
    let started = tokio::time::Instant::now();
    let (order, received_orders) = mpsc::unbounded_channel();
    let (world, [near_sockets, far_sockets]) = begin(received_orders);
    let world = tokio::spawn(world);
    let listener = far_sockets.tcp_listen(80).await.unwrap();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for number in 0..4 {
            stream.write_all(&pattern(PIECE_LEN, number)).await.unwrap();
        }
        stream.shutdown().await.unwrap();
        stream.acknowledged().await.unwrap();
    });
    let network = TunnelNetwork::new(near_sockets);
    let mut stream = network
        .connect("10.0.0.1:80".parse().unwrap())
        .await
        .unwrap();
    let mut piece = vec![0; PIECE_LEN];
    let mut orders = orders.into_iter();
    for number in 0..4 {
        stream.read_exact(&mut piece).await.unwrap();
        assert!(piece == pattern(PIECE_LEN, number), "piece {number}");
        let Some(next) = orders.next() else { break };
        let heals = matches!(next, Order::Silence(true));
        order
            .send(next)
            .unwrap_or_else(|_| panic!("the world has ended"));
        if heals {
            let healed = order.clone();
            tokio::spawn(async move {
                sleep(SILENCE).await;
                // The download may have been given up.
                let _ = healed.send(Order::Silence(false));
            });
        }
    }
    assert_eq!(stream.read(&mut piece).await.unwrap(), 0, "the end");
    serving.await.unwrap();
    world.abort();
    started.elapsed()
}

/// How long the path is silent.
const SILENCE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn download_survives_restarts_of_either_end() {
    let took = download([
        Order::Restart(FAR),
        Order::Restart(NEAR),
        Order::Restart(FAR),
    ])
    .await;
    assert!(took < Duration::from_secs(300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn download_survives_moves_of_either_end() {
    let took = download([
        Order::Move(NEAR, "192.0.2.1:9"),
        Order::Move(FAR, "192.0.2.3:2"),
        Order::Move(NEAR, "198.51.100.1:1"),
    ])
    .await;
    assert!(took < Duration::from_secs(300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn download_survives_minutes_of_silence() {
    let took = download([
        Order::Silence(true),
        Order::Silence(true),
        Order::Silence(true),
    ])
    .await;
    assert!(took >= 3 * SILENCE, "{took:?}");
    assert!(took < 3 * SILENCE + Duration::from_secs(300), "{took:?}");
}
