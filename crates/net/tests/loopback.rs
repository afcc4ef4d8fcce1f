//! Two drivers on the loopback interface, each with a queue of packets inside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use wirecraft_net::{
    Clock, Driver, DriverConfig, DriverHandle, Inner, Packets, SocketChange, SystemEntropy,
    UdpTransport,
};
use wirecraft_noise_handshake::{AeadPath, PrivateKey};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Device, Event, SendError};

const DEADLINE: Duration = Duration::from_secs(10);

/// Sends what is pushed into the queue and reports what is delivered.
struct Queue {
    outgoing: Arc<Mutex<Outgoing>>,
    delivered: mpsc::UnboundedSender<Vec<u8>>,
    refused: mpsc::UnboundedSender<SendError>,
}

#[derive(Default)]
struct Outgoing {
    packets: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

impl Inner for Queue {
    fn deliver(&mut self, _: Instant, packets: Packets<'_, '_>) {
        for (_, packet) in packets {
            self.delivered.send(packet.to_vec()).unwrap();
        }
    }

    fn poll_packets(&mut self, cx: &mut Context<'_>, _: Instant, arena: &mut Arena) -> Poll<()> {
        let mut outgoing = self.outgoing.lock().unwrap();
        while let Some(packet) = outgoing.packets.front() {
            if arena.push(packet).is_err() {
                break;
            }
            outgoing.packets.pop_front();
        }
        outgoing.waker = Some(cx.waker().clone());
        if arena.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn undeliverable(&mut self, _: Instant, _: &[u8], error: SendError) {
        self.refused.send(error).unwrap();
    }
}

struct Node {
    handle: DriverHandle,
    outgoing: Arc<Mutex<Outgoing>>,
    delivered: mpsc::UnboundedReceiver<Vec<u8>>,
    refused: mpsc::UnboundedReceiver<SendError>,
    address: IpAddr,
    port: u16,
}

impl Node {
    async fn start(address: &str, key: PrivateKey) -> Self {
        Self::start_with(DriverConfig::default(), address, key).await
    }

    async fn start_with(config: DriverConfig, address: &str, key: PrivateKey) -> Self {
        let (delivered_sender, delivered) = mpsc::unbounded_channel();
        let (refused_sender, refused) = mpsc::unbounded_channel();
        let outgoing = Arc::<Mutex<Outgoing>>::default();
        let queue = Queue {
            outgoing: outgoing.clone(),
            delivered: delivered_sender,
            refused: refused_sender,
        };
        let transport = UdpTransport::bind(0).unwrap();
        let port = transport.local_port();
        let (driver, handle) = Driver::new(config, Clock::new(), transport, queue);
        tokio::spawn(driver.run());
        handle
            .call(move |device, _| device.set_private_key(Some(key)))
            .await
            .unwrap();
        Self {
            handle,
            outgoing,
            delivered,
            refused,
            address: address.parse().unwrap(),
            port,
        }
    }

    async fn add_peer(&self, peer: &Self, key: &PrivateKey, outer: IpAddr) {
        let (public_key, inner) = (key.public_key(), peer.address);
        let endpoint = SocketAddr::new(outer, peer.port);
        let configured = self.handle.call(move |device, _| {
            let id = device.add_peer(public_key).unwrap();
            device.set_endpoint(id, endpoint).unwrap();
            device.add_allowed_ip(id, inner.into()).unwrap();
        });
        configured.await.unwrap();
    }

    fn send(&self, packets: impl IntoIterator<Item = Vec<u8>>) {
        let mut outgoing = self.outgoing.lock().unwrap();
        outgoing.packets.extend(packets);
        if let Some(waker) = outgoing.waker.take() {
            waker.wake();
        }
    }

    fn packet_to(&self, to: IpAddr, number: u16) -> Vec<u8> {
        let payload = vec![number.to_le_bytes()[0]; usize::from(number % 1300)];
        match (self.address, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => wirecraft_ip_packets::v4(from, to)
                .udp(number, 9)
                .payload(&payload)
                .build(),
            (IpAddr::V6(from), IpAddr::V6(to)) => wirecraft_ip_packets::v6(from, to)
                .udp(number, 9)
                .payload(&payload)
                .build(),
            families => panic!("mixed families: {families:?}"),
        }
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .expect("done before the deadline")
}

async fn pair(inner: [&str; 2], outer: &str) -> (Node, Node) {
    let mut entropy = SystemEntropy::default();
    let (key_a, key_b) = (
        PrivateKey::generate(&mut entropy),
        PrivateKey::generate(&mut entropy),
    );
    let a = Node::start(inner[0], key_a.clone()).await;
    let b = Node::start(inner[1], key_b.clone()).await;
    let outer = outer.parse().unwrap();
    a.add_peer(&b, &key_b, outer).await;
    b.add_peer(&a, &key_a, outer).await;
    (a, b)
}

async fn assert_packets_cross(inner: [&str; 2], outer: &str) {
    let (a, mut b) = pair(inner, outer).await;
    let packets: Vec<_> = (1..=100)
        .map(|number| a.packet_to(b.address, number))
        .collect();
    a.send(packets.clone());
    for packet in packets {
        assert_eq!(in_time(b.delivered.recv()).await, Some(packet));
    }
}

#[tokio::test]
async fn packets_cross_in_order_over_ipv4() {
    assert_packets_cross(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
}

#[tokio::test]
async fn packets_cross_in_order_over_ipv6() {
    assert_packets_cross(["fd00::1", "fd00::2"], "::1").await;
}

#[tokio::test]
async fn a_burst_longer_than_an_arena_arrives_whole() {
    let (a, mut b) = pair(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
    a.send([a.packet_to(b.address, 1)]);
    in_time(b.delivered.recv()).await;
    a.send((0..1000).map(|number| a.packet_to(b.address, number)));
    for number in 0..1000 {
        let expected = a.packet_to(b.address, number);
        assert_eq!(
            in_time(b.delivered.recv()).await,
            Some(expected),
            "{number}"
        );
    }
}

#[tokio::test]
async fn device_of_a_driver_has_the_path_that_it_was_configured_with() {
    for chosen in AeadPath::ALL {
        let config = DriverConfig {
            aead_path: chosen,
            ..DriverConfig::default()
        };
        let node = Node::start_with(config, "10.0.0.1", PrivateKey::from_bytes([1; 32])).await;

        let path = in_time(node.handle.call(|device, _| device.aead_path())).await;

        assert_eq!(path.unwrap(), chosen.or_below());
    }
}

#[tokio::test]
async fn a_packet_that_no_peer_takes_is_given_back() {
    let (mut a, _b) = pair(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
    a.send([a.packet_to("10.9.9.9".parse().unwrap(), 1)]);
    assert_eq!(in_time(a.refused.recv()).await, Some(SendError::NoRoute));
}

#[tokio::test]
async fn both_sides_hear_of_the_session() {
    let (a, b) = pair(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
    let mut events = [a.handle.events().unwrap(), b.handle.events().unwrap()];
    a.send([a.packet_to(b.address, 1)]);
    for events in &mut events {
        while !matches!(in_time(events.recv()).await, Ok(Event::PeerUp { .. })) {}
    }
}

#[tokio::test]
async fn packets_cross_after_a_change_of_port_and_the_session_stays() {
    let (a, mut b) = pair(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
    a.send([a.packet_to(b.address, 1)]);
    in_time(b.delivered.recv()).await;
    let any = SocketChange {
        port: Some(0),
        mark: None,
    };
    for number in 2..20 {
        a.handle.change_sockets(any).await.unwrap().unwrap();
        let packet = a.packet_to(b.address, number);
        a.send([packet.clone()]);
        assert_eq!(in_time(b.delivered.recv()).await, Some(packet));
    }
    assert_ne!(a.handle.local_port().await.unwrap(), a.port);
    let counters = |device: &mut Device<SystemEntropy>, _| *device.counters();
    assert_eq!(a.handle.call(counters).await.unwrap().initiations_sent, 1);
}

#[tokio::test]
async fn a_stopped_driver_closes_its_port() {
    let node = Node::start(
        "10.0.0.1",
        PrivateKey::generate(&mut SystemEntropy::default()),
    )
    .await;
    node.handle.stop().await.unwrap();
    assert!(node.handle.call(|_, _| ()).await.is_err());
    UdpTransport::bind(node.port).unwrap();
}

#[tokio::test]
async fn what_was_to_be_sent_leaves_before_the_driver_ends() {
    let (a, mut b) = pair(["10.0.0.1", "10.0.0.2"], "127.0.0.1").await;
    a.send([a.packet_to(b.address, 1)]);
    in_time(b.delivered.recv()).await;
    let last = a.packet_to(b.address, 2);
    a.send([last.clone()]);
    in_time(a.handle.stop()).await.unwrap();
    assert_eq!(in_time(b.delivered.recv()).await, Some(last));
}
