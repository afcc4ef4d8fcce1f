//! Sockets of two stacks that are joined back to back, in simulated time.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until};
use wirecraft_ip_packets::{IpPacket, TcpFlags, v4};
use wirecraft_net::Inner;
use wirecraft_netstack::{EchoError, Filter, PortError, RawConfig, TcpError, UdpError};
use wirecraft_time::Instant;
use wirecraft_tunnel::SendError;

use super::{Now, Stack, StackConfig, StackHandle};
use crate::icmp::PingOptions;
use crate::socket_error::SocketError;

mod crowd;

/// A seeded generator (SplitMix64). Tests are not to be unpredictable.
pub(super) struct Seeded(pub(super) u64);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64()
            .map(|word| u32::try_from(word >> 32).unwrap_or(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

/// What happens to the packets between the stacks.
#[derive(Clone, Copy, PartialEq)]
enum Path {
    Open,
    Silent,
    /// No peer's allowed IPs cover anything.
    NoPeer,
}

/// Two stacks whose packets go to each other; both live until this is dropped.
struct Pair {
    client: StackHandle,
    server: StackHandle,
    path: Arc<Mutex<Path>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Packets go around at most this often without time passing: more would be a storm.
const ROUNDS_MAX: usize = 100_000;

struct Driver {
    stacks: [Stack; 2],
    path: Arc<Mutex<Path>>,
    now: Now,
    started: tokio::time::Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            if self.exchange(cx) {
                continue;
            }
            let deadline = self.stacks.iter().filter_map(Inner::poll_timeout).min();
            let Some(at) = deadline else {
                return Poll::Pending;
            };
            let at = self.started + at.since_origin();
            self.sleep.as_mut().reset(at);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        panic!("the stacks never come to rest");
    }
}

impl Driver {
    /// Lets each stack send once; returns whether any did.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        for from in 0..2 {
            let now = (self.now)();
            let mut packets: Vec<Vec<u8>> = Vec::new();
            self.stacks[from].poll_sink(cx, now, &mut packets);
            any |= !packets.is_empty();
            let path = *self.path.lock().unwrap();
            for packet in packets {
                assert!(packet.len() <= 1420, "larger than the MTU");
                match path {
                    Path::Open => self.stacks[1 - from].take_in(now, &packet),
                    Path::Silent => {}
                    Path::NoPeer => {
                        self.stacks[from].undeliverable(now, &packet, SendError::NoRoute);
                    }
                }
            }
        }
        any
    }
}

const CLIENT_V4: &str = "10.0.0.2";
const SERVER_V4: &str = "10.0.0.1";
const SERVER_V6: &str = "fd00::1";

fn pair() -> Pair {
    let started = tokio::time::Instant::now();
    let now: Now = Arc::new(move || Instant::from_origin(started.elapsed()));
    let stack = |addresses: [&str; 2], seed| {
        let addresses = addresses.map(|address| address.parse().unwrap());
        let config = StackConfig::new(&addresses, 1420);
        Stack::with_sources(config, Arc::clone(&now), Box::new(Seeded(seed)))
    };
    let (client_stack, client) = stack(["10.0.0.2/24", "fd00::2/64"], 1);
    let (server_stack, server) = stack(["10.0.0.1/24", "fd00::1/64"], 2);
    let path = Arc::new(Mutex::new(Path::Open));
    let driver = Driver {
        stacks: [client_stack, server_stack],
        path: Arc::clone(&path),
        now,
        started,
        sleep: Box::pin(sleep_until(started)),
    };
    Pair {
        client,
        server,
        path,
        task: tokio::spawn(driver),
    }
}

impl Pair {
    fn set_path(&self, path: Path) {
        *self.path.lock().unwrap() = path;
    }
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

fn ip(ip: &str) -> IpAddr {
    ip.parse().unwrap()
}

pub(super) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Seeded(seed).try_fill_bytes(&mut bytes).unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_goes_both_ways_and_each_direction_closes_by_itself() {
    for server_ip in [SERVER_V4, SERVER_V6] {
        let pair = pair();
        let listener = pair.server.tcp_listen(80).await.unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, stream.peer_addr());
            let mut received = Vec::new();
            stream.read_to_end(&mut received).await.unwrap();
            stream.write_all(&pattern(1 << 20, 2)).await.unwrap();
            stream.shutdown().await.unwrap();
            assert!(received == pattern(1 << 20, 1));
        });
        let mut stream = pair.client.tcp_connect(at(server_ip, 80)).await.unwrap();
        assert_eq!(stream.peer_addr(), at(server_ip, 80));
        stream.write_all(&pattern(1 << 20, 1)).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        assert!(received == pattern(1 << 20, 2));
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn halves_serve_two_tasks_at_once() {
    let pair = pair();
    let listener = pair.server.tcp_listen(80).await.unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.into_split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let stream = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        write.write_all(&pattern(3 << 20, 7)).await.unwrap();
    });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    assert!(received == pattern(3 << 20, 7));
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn port_without_listener_refuses() {
    let pair = pair();
    let error = pair
        .client
        .tcp_connect(at(SERVER_V4, 81))
        .await
        .unwrap_err();
    assert_eq!(error, SocketError::Tcp(TcpError::Refused));
    assert_eq!(
        std::io::Error::from(error).kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    assert_eq!(pair.server.counters().await.unwrap().no_socket, 1);
}

#[tokio::test(start_paused = true)]
async fn destination_that_no_peer_covers_is_an_error_of_its_own() {
    let pair = pair();
    pair.set_path(Path::NoPeer);
    let destination = ip("192.0.2.1");
    let no_peer = SocketError::NoPeer { destination };

    let connected = pair
        .client
        .tcp_connect(SocketAddr::new(destination, 80))
        .await;
    assert_eq!(connected.unwrap_err(), no_peer);
    assert_eq!(pair.client.ping(destination).await.unwrap_err(), no_peer);

    let udp = pair.client.udp_bind(0).await.unwrap();
    udp.send_to(b"lost", SocketAddr::new(destination, 53))
        .await
        .unwrap();
    assert_eq!(udp.recv_from(&mut [0; 10]).await.unwrap_err(), no_peer);

    let raw = pair.client.raw(Filter::any()).await.unwrap();
    let packet = v4(CLIENT_V4.parse().unwrap(), [192, 0, 2, 1].into())
        .tcp(1, 2)
        .syn()
        .build();
    raw.send(&packet).await.unwrap();
    assert_eq!(raw.recv().await.unwrap_err(), no_peer);
}

#[tokio::test(start_paused = true)]
async fn silence_times_out() {
    let pair = pair();
    pair.set_path(Path::Silent);
    let started = tokio::time::Instant::now();
    let error = pair
        .client
        .tcp_connect(at(SERVER_V4, 80))
        .await
        .unwrap_err();
    assert_eq!(error, SocketError::Tcp(TcpError::TimedOut));
    assert_eq!(started.elapsed().as_secs(), 30);

    let pinger = pair.client.pinger(ip(SERVER_V6)).await.unwrap();
    let options = PingOptions {
        timeout: Duration::from_millis(300),
        ..PingOptions::default()
    };
    let started = tokio::time::Instant::now();
    assert_eq!(
        pinger.ping(options).await,
        Err(SocketError::Echo(EchoError::TimedOut))
    );
    assert!(started.elapsed().abs_diff(options.timeout) < Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn full_backlog_makes_the_next_connection_wait() {
    let pair = pair();
    let listener = pair.server.tcp_listen_with(80, 1).await.unwrap();
    let first = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    let client = pair.client.clone();
    let second = tokio::spawn(async move { client.tcp_connect(at(SERVER_V4, 80)).await });
    while listener.dropped() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished());
    assert_eq!(listener.accept().await.unwrap().1, first.local_addr());
    let second = second.await.unwrap().unwrap();
    assert_eq!(listener.accept().await.unwrap().1, second.local_addr());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_listener_resets_who_was_not_accepted_and_frees_the_port() {
    let pair = pair();
    let listener = pair.server.tcp_listen(80).await.unwrap();
    let in_use = PortError::InUse { port: 80 };
    assert_eq!(
        pair.server.tcp_listen(80).await.unwrap_err(),
        SocketError::Port(in_use)
    );
    let mut stream = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    drop(listener);
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    pair.server.tcp_listen(80).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_delivers_what_was_written() {
    let pair = pair();
    let listener = pair.server.tcp_listen(80).await.unwrap();
    let mut stream = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    stream.write_all(&pattern(500_000, 3)).await.unwrap();
    drop(stream);
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received == pattern(500_000, 3));
}

#[tokio::test(start_paused = true)]
async fn acknowledged_waits_for_the_other_end() {
    let pair = pair();
    let _listener = pair.server.tcp_listen(80).await.unwrap();
    let mut stream = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    pair.set_path(Path::Silent);
    stream.write_all(b"hello").await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(3), stream.acknowledged()).await;
    assert!(waited.is_err());
    pair.set_path(Path::Open);
    stream.acknowledged().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn large_datagrams_travel_in_fragments_and_back() {
    let pair = pair();
    let server = pair.server.udp_bind(53).await.unwrap();
    let client = pair.client.udp_bind(0).await.unwrap();
    assert!(client.binding().port >= 32_768);
    let mut buffer = vec![0; 65_535];
    for server_ip in [SERVER_V4, SERVER_V6] {
        for len in [0, 1, 1392, 1393, 4000, 65_000] {
            client
                .send_to(&pattern(len, 1), at(server_ip, 53))
                .await
                .unwrap();
            let received = server.recv_from(&mut buffer).await.unwrap();
            assert!(buffer[..received.len] == pattern(len, 1));
            server
                .send_to(&buffer[..received.len], received.from)
                .await
                .unwrap();
            let received = client.recv_from(&mut buffer).await.unwrap();
            assert_eq!((received.from, received.len), (at(server_ip, 53), len));
        }
    }
    let too_long = UdpError::TooLong { len: 65_508 };
    let sent = client.send_to(&[0; 65_508], at(SERVER_V4, 53)).await;
    assert_eq!(sent, Err(SocketError::Udp(too_long)));
}

#[tokio::test(start_paused = true)]
async fn connected_datagrams_are_refused_where_nobody_listens() {
    let pair = pair();
    let socket = pair.client.udp_bind(0).await.unwrap();
    assert_eq!(socket.send(b"x").await, Err(SocketError::NotConnected));
    for to in [at(SERVER_V4, 9), at(SERVER_V6, 9)] {
        socket.connect(to);
        socket.send(b"x").await.unwrap();
        let refused = SocketError::Udp(UdpError::Refused { to });
        assert_eq!(socket.recv(&mut [0; 9]).await, Err(refused));
    }
}

#[tokio::test(start_paused = true)]
async fn connected_socket_hears_its_peer_alone() {
    let pair = pair();
    let socket = pair.client.udp_bind(4000).await.unwrap();
    let [other, peer] = [
        pair.server.udp_bind(1).await.unwrap(),
        pair.server.udp_bind(2).await.unwrap(),
    ];
    socket.connect(at(SERVER_V4, 2));
    other.send_to(b"other", at(CLIENT_V4, 4000)).await.unwrap();
    // Whatever the second socket sends arrives after what the first one sent.
    tokio::task::yield_now().await;
    peer.send_to(b"peer", at(CLIENT_V4, 4000)).await.unwrap();
    let mut buffer = [0; 9];
    assert_eq!(socket.recv(&mut buffer).await, Ok(4));
    assert_eq!(&buffer[..4], b"peer");
}

#[tokio::test(start_paused = true)]
async fn unread_datagrams_are_dropped_when_the_buffer_is_full() {
    let pair = pair();
    let socket = pair.server.udp_bind(53).await.unwrap();
    let client = pair.client.udp_bind(0).await.unwrap();
    for _ in 0..1000 {
        client.send_to(&[0; 1000], at(SERVER_V4, 53)).await.unwrap();
    }
    pair.client.ping(ip(SERVER_V4)).await.unwrap();
    assert_eq!(socket.dropped(), 1000 - (1 << 18) / 1000);
}

#[tokio::test(start_paused = true)]
async fn ping_is_answered_in_both_families_at_any_size() {
    let pair = pair();
    pair.client.ping(ip(SERVER_V4)).await.unwrap();
    for server_ip in [SERVER_V4, SERVER_V6] {
        let pinger = pair.client.pinger(ip(server_ip)).await.unwrap();
        for (sequence, payload_len) in [(7, 0), (8, 4000), (9, 60_000)] {
            let options = PingOptions {
                sequence,
                payload_len,
                ..PingOptions::default()
            };
            let reply = pinger.ping(options).await.unwrap();
            assert_eq!((reply.sequence, reply.payload_len), (sequence, payload_len));
            assert_eq!((reply.from, reply.hop_limit), (ip(server_ip), 64));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn raw_socket_that_claims_replies_has_them_for_itself() {
    let pair = pair();
    let _listener = pair.server.tcp_listen(80).await.unwrap();
    let config = RawConfig {
        claims: true,
        ..RawConfig::default()
    };
    let raw = pair
        .client
        .raw_with(Filter::tcp().to_port(7777), config)
        .await
        .unwrap();
    let source = CLIENT_V4.parse().unwrap();
    let syn = v4(source, SERVER_V4.parse().unwrap())
        .tcp(7777, 80)
        .seq(5)
        .syn()
        .build();
    raw.send(&syn).await.unwrap();
    let reply = raw.recv().await.unwrap();
    let segment = IpPacket::parse(&reply).unwrap().tcp().unwrap();
    assert_eq!(segment.flags(), TcpFlags::SYN.with(TcpFlags::ACK));
    assert_eq!(segment.ack(), 6);
    assert_eq!(pair.client.counters().await.unwrap().no_socket, 0);
}

#[tokio::test(start_paused = true)]
async fn raw_socket_that_only_listens_disturbs_nobody() {
    let pair = pair();
    let raw = pair.server.raw(Filter::icmp()).await.unwrap();
    pair.client.ping(ip(SERVER_V4)).await.unwrap();
    let request = raw.recv().await.unwrap();
    assert_eq!(IpPacket::parse(&request).unwrap().source(), ip(CLIENT_V4));
}

#[tokio::test(start_paused = true)]
async fn raw_packet_larger_than_the_mtu_is_refused() {
    let pair = pair();
    let raw = pair.client.raw(Filter::any()).await.unwrap();
    let refused = wirecraft_netstack::RawError::TooLong {
        len: 1421,
        mtu: 1420,
    };
    assert_eq!(
        raw.send(&[0x45; 1421]).await,
        Err(SocketError::Raw(refused))
    );
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_not_ours_cannot_be_used() {
    let pair = pair();
    let address = ip("10.0.0.77");
    let not_ours = SocketError::NotOurs { address };
    let bound = pair.client.udp_bind(SocketAddr::new(address, 1)).await;
    assert_eq!(bound.unwrap_err(), not_ours);
    let listening = pair.client.tcp_listen(SocketAddr::new(address, 1)).await;
    assert_eq!(listening.unwrap_err(), not_ours);

    let bound_v4 = pair.client.udp_bind(at(CLIENT_V4, 0)).await.unwrap();
    let destination = ip(SERVER_V6);
    let sent = bound_v4
        .send_to(b"x", SocketAddr::new(destination, 1))
        .await;
    assert_eq!(sent, Err(SocketError::NoSource { destination }));
}

#[tokio::test(start_paused = true)]
async fn closed_tunnel_ends_every_wait() {
    let pair = pair();
    let listener = pair.server.tcp_listen(80).await.unwrap();
    let mut stream = pair.client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
    let udp = pair.client.udp_bind(0).await.unwrap();
    let raw = pair.client.raw(Filter::any()).await.unwrap();
    let accepted = listener.accept().await;
    pair.set_path(Path::Silent);
    let pinger = pair.client.pinger(ip(SERVER_V4)).await.unwrap();
    let mut buffer = [0; 9];
    let ends = async {
        tokio::join!(
            stream.read_u8(),
            listener.accept(),
            udp.recv_from(&mut buffer),
            raw.recv(),
            pinger.ping(PingOptions::default()),
        )
    };
    let (read, accept, datagram, packet, ping) = {
        let mut ends = Box::pin(ends);
        poll_fn(|cx| {
            assert!(ends.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        pair.task.abort();
        ends.await
    };
    assert_eq!(
        read.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionAborted
    );
    assert_eq!(accept.map(|_| ()), Err(SocketError::Closed));
    assert_eq!(datagram.map(|_| ()), Err(SocketError::Closed));
    assert_eq!(packet.map(|_| ()), Err(SocketError::Closed));
    assert_eq!(ping.map(|_| ()), Err(SocketError::Closed));
    assert_eq!(
        pair.client.udp_bind(0).await.map(|_| ()),
        Err(SocketError::Closed)
    );
    drop(accepted);
}

#[tokio::test(start_paused = true)]
async fn dropped_sockets_give_their_ports_back_at_once() {
    let pair = pair();
    for _ in 0..3 {
        let socket = pair.client.udp_bind(5353).await.unwrap();
        socket.send_to(b"x", at(SERVER_V4, 9)).await.unwrap();
        drop(socket);
        drop(pair.client.tcp_listen(80).await.unwrap());
        drop(pair.client.tcp_listen(80).await.unwrap());
    }
    let socket = pair.client.udp_bind(5353).await.unwrap();
    pair.client.ping(ip(SERVER_V4)).await.unwrap();
    let in_use = SocketError::Port(PortError::InUse { port: 5353 });
    assert_eq!(pair.client.udp_bind(5353).await.unwrap_err(), in_use);
    drop(socket);
}
