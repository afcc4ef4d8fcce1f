//! A client, a gateway that relays, and servers of the host on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;
use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft::{PrivateKey, SocketError, SystemEntropy, TcpConfig, Tunnel, UdpError};
use wirecraft_gateway::{Relay, Rules};

const DEADLINE: Duration = Duration::from_secs(30);
const CLIENT: &str = "10.77.0.2/24";
const GATEWAY: &str = "10.77.0.1/24";

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = timeout(DEADLINE, work).await;
    done.expect("done before the deadline")
}

struct Ends {
    client: Tunnel,
    relay: Relay,
    _gateway: Tunnel,
}

/// A client that sends everything to a gateway with these rules; `KEY` in them stands for the client's.
async fn ends(rules: &str) -> Ends {
    let mut entropy = SystemEntropy::default();
    let [near_key, far_key] = [(); 2].map(|()| PrivateKey::generate(&mut entropy));
    let peer_of = |key: &PrivateKey, allowed: &str| {
        let mut peer = PeerConfig::new(key.public_key());
        peer.allowed_ips = vec![allowed.parse().unwrap()];
        peer
    };
    let (mut near_peer, far_peer) = (
        peer_of(&far_key, "0.0.0.0/0"),
        peer_of(&near_key, "10.77.0.2/32"),
    );
    let rules = rules.replace("KEY", &near_key.public_key().to_string());
    let mut far = Config::new(far_key);
    far.interface.addresses = vec![GATEWAY.parse().unwrap()];
    far.peers.push(far_peer);
    let peers = far.peers.clone();
    let gateway = Tunnel::listen(far).await.unwrap();
    let rules: Rules = rules.parse().unwrap();
    let relay = Relay::start(&gateway, &peers, rules).await.unwrap();
    let port = gateway.status().await.unwrap().listen_port;
    let mut near = Config::new(near_key);
    near.interface.addresses = vec![CLIENT.parse().unwrap()];
    let endpoint = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    near_peer.endpoint = Some(Endpoint::Address(endpoint));
    near.peers.push(near_peer);
    let client = in_time(Tunnel::connect(near)).await.unwrap();
    Ends {
        client,
        relay,
        _gateway: gateway,
    }
}

const LOOPBACK: &str = "[default]\nallow = ['127.0.0.0/8']\n";

/// A server of the host that sends back what each connection brings.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await.unwrap();
                writer.shutdown().await.unwrap();
            });
        }
    });
    address
}

/// A port of the host's loopback that nobody has.
async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn connection_reaches_a_server_of_the_host_and_each_direction_closes_by_itself() {
    let ends = ends(LOOPBACK).await;
    let stream = in_time(ends.client.tcp_connect(echo_server().await)).await;
    let (mut reader, mut writer) = stream.unwrap().into_split();
    let sent: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&to_send).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    in_time(reader.read_to_end(&mut received)).await.unwrap();
    in_time(sending).await.unwrap();
    assert!(received == sent, "{} bytes came back", received.len());
    assert_eq!(ends.relay.counters().connections, 1);
}

#[tokio::test]
async fn closed_port_of_the_host_refuses_and_is_never_accepted() {
    let ends = ends(LOOPBACK).await;
    let connecting = ends
        .client
        .tcp_connect_with(closed_port().await, TcpConfig::default());
    let error = in_time(connecting).await.unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ends.relay.counters().connections, 0);
    assert_eq!(ends.relay.counters().refused, 1);
}

#[tokio::test]
async fn datagrams_go_to_and_fro_whole_even_if_they_are_long() {
    let ends = ends(LOOPBACK).await;
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let (len, from) = server.recv_from(&mut buffer).await.unwrap();
            server.send_to(&buffer[..len], from).await.unwrap();
        }
    });
    let socket = ends.client.udp_bind(0).await.unwrap();
    let mut buffer = vec![0; 65_536];
    for len in [0, 1, 1392, 1393, 9000] {
        let sent: Vec<u8> = (0..=250).cycle().take(len).collect();
        socket.send_to(&sent, to).await.unwrap();
        let received = in_time(socket.recv_from(&mut buffer)).await.unwrap();
        assert_eq!(received.from, to);
        assert!(buffer[..received.len] == sent, "{len} bytes");
    }
    assert_eq!(ends.relay.counters().flows, 1);
}

#[tokio::test]
async fn closed_port_of_the_host_refuses_datagrams() {
    let ends = ends(LOOPBACK).await;
    let socket = ends.client.udp_bind(0).await.unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    socket.connect(closed);
    socket.send(b"anybody?").await.unwrap();
    let error = in_time(socket.recv(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error, SocketError::Udp(UdpError::Refused { to: closed }));
}

#[tokio::test]
async fn what_rules_forbid_is_unreachable_and_told_so() {
    let server = echo_server().await;
    let port = server.port();
    let rules = format!("[peers.'KEY']\nallow = ['127.0.0.0/8']\ndeny = ['127.0.0.0/8:{port}']\n");
    for rules in [rules.as_str(), ""] {
        let ends = ends(rules).await;
        let connecting = ends.client.tcp_connect_with(server, TcpConfig::default());
        let error = in_time(connecting).await.unwrap_err();
        assert_eq!(
            Error::from(error).kind(),
            ErrorKind::HostUnreachable,
            "{error}"
        );
        assert_eq!(ends.relay.counters().forbidden, 1);
    }
}

#[tokio::test]
async fn addresses_of_the_tunnel_are_not_sought_on_the_networks_of_the_host() {
    let ends = ends("").await;
    let socket = ends.client.udp_bind(0).await.unwrap();
    let other = SocketAddr::from(([10, 77, 0, 3], 9));
    socket.connect(other);
    socket.send(b"are you another peer?").await.unwrap();
    let error = in_time(socket.recv(&mut [0; 8])).await.unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::HostUnreachable);
    let connecting = ends.client.tcp_connect_with(other, TcpConfig::default());
    let error = in_time(connecting).await.unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::HostUnreachable);
    assert_eq!(ends.relay.counters().flows, 0);
}

#[tokio::test]
async fn no_more_connections_than_the_cap_are_open_at_once() {
    let rules = "[peers.'KEY']\nallow = ['127.0.0.0/8']\nconnections = 2\n";
    let ends = ends(rules).await;
    let server = echo_server().await;
    let first = in_time(ends.client.tcp_connect(server)).await.unwrap();
    let _second = in_time(ends.client.tcp_connect(server)).await.unwrap();
    let config = TcpConfig {
        connect_timeout: Duration::from_millis(500),
        ..TcpConfig::default()
    };
    let third = ends.client.tcp_connect_with(server, config).await;
    assert_eq!(Error::from(third.unwrap_err()).kind(), ErrorKind::TimedOut);
    first.abort();
    drop(first);
    // Its place is free once the gateway has heard of it.
    in_time(ends.client.tcp_connect(server)).await.unwrap();
}

#[tokio::test]
async fn gateway_answers_pings_to_its_own_address() {
    let ends = ends("").await;
    let reply = in_time(ends.client.ping("10.77.0.1".parse().unwrap())).await;
    assert_eq!(reply.unwrap().payload_len, 56);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_leave_no_descriptor_behind() {
    let ends = ends(LOOPBACK).await;
    let server = echo_server().await;
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut counts = Vec::new();
    for _ in 0..3 {
        for number in 0..100_u32 {
            let mut stream = in_time(ends.client.tcp_connect(server)).await.unwrap();
            stream.write_all(&number.to_be_bytes()).await.unwrap();
            assert_eq!(in_time(stream.read_u32()).await.unwrap(), number);
            if number.is_multiple_of(2) {
                stream.abort();
            }
        }
        counts.push(in_time(least(open)).await);
    }
    assert!(counts[2] <= counts[0] + 10, "{counts:?} descriptors");
}

/// The least that `count` returns over a while, in which ends that are closing close.
async fn least(count: impl Fn() -> usize) -> usize {
    let mut least = usize::MAX;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        least = least.min(count());
    }
    least
}
