//! A hundred thousand hostile datagrams change nothing but counters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tokio::time::timeout;
use wirecraft::{PeerStatus, PrivateKey, Tunnel, TunnelStatus};
use wirecraft_gateway::{DemoGateway, GATEWAY_V4};
use wirecraft_noise_handshake::{LocalStatic, RemoteStatic, Tai64N, initiate};
use wirecraft_wire_format::{Counter, DataHeader, Index};

const DATAGRAMS: usize = 100_000;

/// Datagrams sent before the gateway is given time to read them: few enough that a socket buffer of
/// the default size holds them all.
const BURST: usize = 50;

const SEED: u64 = 0x0005_eed0_fba4;

/// A forger who knows the gateway's public key but none of its peers' secrets.
struct Forger {
    rng: ChaCha20Rng,
    own: LocalStatic,
    gateway: RemoteStatic,
}

impl Forger {
    fn new(gateway: &DemoGateway) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(SEED);
        let own = LocalStatic::new(PrivateKey::generate(&mut rng));
        let gateway = RemoteStatic::new(&own, gateway.public_key()).unwrap();
        Self { rng, own, gateway }
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// An initiation that is right in everything, but from somebody who is no peer.
    fn stranger(&mut self) -> Vec<u8> {
        let timestamp = Tai64N::from_unix(Duration::from_secs(2_000_000_000));
        let index = Index::new(self.rng.next_u32());
        let (mut message, _) =
            initiate(&self.own, &self.gateway, timestamp, index, &mut self.rng).unwrap();
        self.gateway.stamp(&mut message, None);
        message.as_bytes().to_vec()
    }

    /// Something that begins like one of the four messages, with the length that goes with it.
    fn typed_noise(&mut self) -> Vec<u8> {
        let data_len = 32 + self.below(1500);
        let (kind, len) = [(1, 148), (2, 92), (3, 64), (4, data_len)][self.below(4)];
        let mut bytes = self.noise(len);
        bytes[..4].copy_from_slice(&[kind, 0, 0, 0]);
        bytes
    }

    /// Transport data for a small index, with a counter at the edge of what is possible.
    fn data(&mut self) -> Vec<u8> {
        let counter = [0, 1, u64::MAX, u64::MAX - 8192][self.below(4)];
        let header = DataHeader::new(Index::new(self.rng.next_u32()), Counter::new(counter));
        let len = 16 + self.below(100);
        [header.as_bytes(), &self.noise(len)].concat()
    }

    fn mutated(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let position = self.below(bytes.len());
        match self.below(3) {
            0 => bytes[position] ^= 1 << self.below(8),
            1 => bytes.truncate(position),
            _ => bytes.push(0),
        }
        bytes
    }

    fn datagram(&mut self, stranger: &[u8]) -> Vec<u8> {
        match self.below(8) {
            0 => {
                let len = self.below(2000);
                self.noise(len)
            }
            1 | 2 => self.typed_noise(),
            3 => self.data(),
            4 => stranger.to_vec(),
            _ => self.mutated(stranger.to_vec()),
        }
    }
}

async fn counters_of(gateway: &DemoGateway) -> TunnelStatus {
    gateway.tunnel().status().await.unwrap()
}

/// Waits until the gateway has judged `expected` datagrams more than it had in the beginning.
async fn judged(gateway: &DemoGateway, before: u64, expected: u64) -> u64 {
    let mut count = refused(&counters_of(gateway).await) - before;
    let deadline = timeout(Duration::from_secs(20), async {
        while count < expected {
            tokio::task::yield_now().await;
            count = refused(&counters_of(gateway).await) - before;
        }
    });
    // What the socket's buffer had no room for is never judged; the caller says how much may be.
    let _ = deadline.await;
    count
}

/// What an attacker might have changed of each peer.
fn states(status: &TunnelStatus) -> Vec<impl PartialEq + std::fmt::Debug> {
    let state = |peer: &PeerStatus| {
        (
            peer.public_key,
            peer.endpoint,
            peer.allowed_ips.clone(),
            peer.has_session,
            peer.staged,
        )
    };
    status.peers.iter().map(state).collect()
}

/// How many datagrams were refused for any reason.
fn refused(status: &TunnelStatus) -> u64 {
    let counters = status.counters;
    counters.malformed
        + counters.invalid_mac1
        + counters.cookie_required
        + counters.rate_limited
        + counters.lane_full
        + counters.unknown_index
        + counters.unknown_peer
        + counters.invalid_handshake
        + counters.invalid_cookie_reply
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_datagrams_change_nothing_but_counters() {
    let gateway = DemoGateway::start().await.unwrap();
    let client = Tunnel::connect(gateway.client_config().clone())
        .await
        .unwrap();
    client.ping(GATEWAY_V4.into()).await.unwrap();
    let before = counters_of(&gateway).await;

    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, before.listen_port));
    let mut forger = Forger::new(&gateway);
    let (already, mut sent) = (refused(&before), 0);
    let mut stranger = forger.stranger();
    while sent < DATAGRAMS {
        if sent % 10_000 == 0 {
            stranger = forger.stranger();
        }
        for _ in 0..BURST {
            socket.send_to(&forger.datagram(&stranger), target).unwrap();
        }
        sent += BURST;
        let judged = judged(&gateway, already, sent as u64).await;
        assert_eq!(
            judged, sent as u64,
            "seed {SEED:#x}: every datagram is refused and counted"
        );
    }

    let after = counters_of(&gateway).await;
    assert_eq!(
        states(&after),
        states(&before),
        "no peer's state has changed"
    );
    let reply = client.ping(GATEWAY_V4.into()).await.unwrap();
    assert!(
        reply.round_trip < Duration::from_secs(1),
        "the session lives: {reply:?}"
    );
}
