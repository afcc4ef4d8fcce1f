//! A client and the demo gateway on loopback: every kind of socket through a real tunnel.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::future::Future;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use wirecraft::config::{Config, Endpoint};
use wirecraft::http::{HttpClient, Request, Trust};
use wirecraft::network::Network;
use wirecraft::{
    ConnectError, ConnectOptions, PresharedKey, PrivateKey, SocketError, SystemEntropy, Tunnel,
};
use wirecraft_gateway::{DemoGateway, ECHO_PORT, GATEWAY_NAME, GATEWAY_V4, GATEWAY_V6, HTTP_PORT};

const DEADLINE: Duration = Duration::from_secs(30);

/// A port on which the gateway has nothing.
const CLOSED_PORT: u16 = 81;

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work)
        .await
        .expect("done before the deadline")
}

async fn connected() -> (DemoGateway, Tunnel) {
    let gateway = DemoGateway::start().await.unwrap();
    let tunnel = in_time(Tunnel::connect(gateway.client_config().clone()))
        .await
        .unwrap();
    (gateway, tunnel)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

async fn assert_tcp_echo(gateway_address: IpAddr) {
    let (_gateway, tunnel) = connected().await;
    let target = SocketAddr::new(gateway_address, ECHO_PORT);
    let (mut reader, mut writer) = in_time(tunnel.tcp_connect(target))
        .await
        .unwrap()
        .into_split();
    let sent = pattern(3_000_000);
    let to_send = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&to_send).await.unwrap();
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    in_time(reader.read_to_end(&mut received)).await.unwrap();
    in_time(sending).await.unwrap();
    assert!(
        received == sent,
        "{} of {} bytes came back",
        received.len(),
        sent.len()
    );
}

async fn assert_udp_echo(gateway_address: IpAddr, lens: &[usize]) {
    let (_gateway, tunnel) = connected().await;
    let socket = tunnel.udp_bind(0).await.unwrap();
    let target = SocketAddr::new(gateway_address, ECHO_PORT);
    let mut buffer = vec![0; 65_536];
    for &len in lens {
        let sent = pattern(len);
        socket.send_to(&sent, target).await.unwrap();
        let received = in_time(socket.recv_from(&mut buffer)).await.unwrap();
        assert_eq!(
            (received.from, &buffer[..received.len]),
            (target, &sent[..]),
            "{len} bytes"
        );
    }
}

/// Connects with a changed configuration, and expects that nobody answers.
async fn assert_no_handshake(change: impl FnOnce(&mut Config)) {
    let gateway = DemoGateway::start().await.unwrap();
    let mut config = gateway.client_config().clone();
    change(&mut config);
    let mut options = ConnectOptions::default();
    options.handshake_timeout = Duration::from_millis(500);
    let result = in_time(Tunnel::connect_with(config, options)).await;
    assert!(
        matches!(result, Err(ConnectError::NoHandshake { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn tcp_carries_megabytes_both_ways_over_ipv4() {
    assert_tcp_echo(GATEWAY_V4.into()).await;
}

#[tokio::test]
async fn tcp_carries_megabytes_both_ways_over_ipv6() {
    assert_tcp_echo(GATEWAY_V6.into()).await;
}

#[tokio::test]
async fn udp_datagrams_longer_than_the_mtu_cross_in_fragments_over_ipv4() {
    assert_udp_echo(GATEWAY_V4.into(), &[0, 1, 512, 1392, 1393, 4000, 20_000]).await;
}

#[tokio::test]
async fn udp_datagrams_longer_than_the_mtu_cross_in_fragments_over_ipv6() {
    assert_udp_echo(GATEWAY_V6.into(), &[0, 1, 512, 1372, 1373, 4000, 20_000]).await;
}

#[tokio::test]
async fn a_name_is_looked_up_inside_the_tunnel() {
    let (_gateway, tunnel) = connected().await;
    let target = format!("{GATEWAY_NAME}:{ECHO_PORT}");
    let mut stream = in_time(tunnel.tcp_connect(target)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    in_time(stream.read_exact(&mut echoed)).await.unwrap();
    assert_eq!(&echoed, b"hello");
}

#[tokio::test]
async fn an_unknown_name_is_an_error_of_its_own() {
    let (_gateway, tunnel) = connected().await;
    let result = in_time(tunnel.tcp_connect("nowhere.demo:80")).await;
    let message = result.unwrap_err().to_string();
    assert!(message.contains("nowhere.demo"), "{message}");
}

#[tokio::test]
async fn a_page_is_fetched_by_name() {
    let (_gateway, tunnel) = connected().await;
    let client = HttpClient::new(tunnel.dialer().clone(), Trust::default());
    let request = Request::get(&format!("http://{GATEWAY_NAME}:{HTTP_PORT}/")).unwrap();
    let mut response = in_time(client.send(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut page = Vec::new();
    while let Some(piece) = in_time(response.chunk()).await.unwrap() {
        page.extend_from_slice(&piece);
    }
    assert!(
        String::from_utf8(page)
            .unwrap()
            .contains("through the tunnel")
    );
}

#[tokio::test]
async fn a_closed_port_refuses_at_once() {
    let (_gateway, tunnel) = connected().await;
    let target = SocketAddr::from((GATEWAY_V4, CLOSED_PORT));
    let error = in_time(Network::connect(&tunnel.network(), target))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_destination_outside_the_allowed_ips_is_an_error_of_its_own() {
    let (_gateway, tunnel) = connected().await;
    let destination = IpAddr::from(Ipv4Addr::new(198, 51, 100, 1));
    let error = in_time(tunnel.ping(destination)).await.unwrap_err();
    assert_eq!(error, SocketError::NoPeer { destination });
}

#[tokio::test]
async fn a_wrong_preshared_key_gets_no_handshake() {
    assert_no_handshake(|config| {
        let other = PresharedKey::generate(&mut SystemEntropy::default());
        config.peers[0].preshared_key = Some(other);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_public_key_gets_no_handshake() {
    assert_no_handshake(|config| {
        let other = PrivateKey::generate(&mut SystemEntropy::default());
        config.peers[0].public_key = other.public_key();
    })
    .await;
}

#[tokio::test]
async fn an_unknown_client_gets_no_handshake() {
    assert_no_handshake(|config| {
        config.interface.private_key = PrivateKey::generate(&mut SystemEntropy::default());
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_gets_no_handshake() {
    assert_no_handshake(|config| {
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        config.peers[0].endpoint = Some(Endpoint::Address(nobody));
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_with_a_name_is_looked_up() {
    let gateway = DemoGateway::start().await.unwrap();
    let mut config = gateway.client_config().clone();
    let port = config.peers[0].endpoint.as_ref().unwrap().port();
    config.peers[0].endpoint = Some(Endpoint::Name {
        host: "localhost".to_owned(),
        port,
    });
    let tunnel = in_time(Tunnel::connect(config)).await.unwrap();
    in_time(tunnel.ping(GATEWAY_V6.into())).await.unwrap();
}

#[tokio::test]
async fn a_closed_tunnel_ends_its_sockets() {
    let (_gateway, tunnel) = connected().await;
    let target = SocketAddr::from((GATEWAY_V4, ECHO_PORT));
    let mut stream = in_time(tunnel.tcp_connect(target)).await.unwrap();
    let socket = tunnel.udp_bind(0).await.unwrap();
    in_time(tunnel.close()).await.unwrap();
    assert!(in_time(stream.read(&mut [0; 1])).await.is_err());
    assert_eq!(
        in_time(socket.recv_from(&mut [0; 1])).await.unwrap_err(),
        SocketError::Closed
    );
    assert_eq!(
        in_time(tunnel.ping(GATEWAY_V4.into())).await.unwrap_err(),
        SocketError::Closed
    );
}

#[tokio::test]
async fn a_gateway_that_comes_back_with_other_sessions_is_found_again() {
    let gateway = DemoGateway::start().await.unwrap();
    let first = in_time(Tunnel::connect(gateway.client_config().clone()))
        .await
        .unwrap();
    in_time(first.ping(GATEWAY_V4.into())).await.unwrap();
    // The same client starts anew: a later timestamp replaces the session of the first.
    drop(first);
    let second = in_time(Tunnel::connect(gateway.client_config().clone()))
        .await
        .unwrap();
    in_time(second.ping(GATEWAY_V4.into())).await.unwrap();
}
