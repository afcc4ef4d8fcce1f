//! What programs build on the sockets of a tunnel: relays, connectors, streams of events.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use wirecraft::connector::Connector;
use wirecraft::relay::{Relayed, both_ways};
use wirecraft::{Event, Tunnel};
use wirecraft_gateway::{DemoGateway, ECHO_PORT, GATEWAY_NAME, GATEWAY_V4};

const DEADLINE: Duration = Duration::from_secs(30);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = timeout(DEADLINE, work).await;
    done.expect("done before the deadline")
}

async fn connected() -> (DemoGateway, Tunnel) {
    let gateway = DemoGateway::start().await.unwrap();
    let connecting = Tunnel::connect(gateway.client_config().clone());
    let tunnel = in_time(connecting).await.unwrap();
    (gateway, tunnel)
}

/// A connection of the host that is relayed to the gateway's echo service, and the relay.
async fn relayed(tunnel: &Tunnel) -> (TcpStream, tokio::task::JoinHandle<Relayed>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let echo = SocketAddr::from((GATEWAY_V4, ECHO_PORT));
    let (near, (mut far, _)) = tokio::try_join!(near, listener.accept()).unwrap();
    let stream = tunnel.tcp_connect(echo).await.unwrap();
    let relay = tokio::spawn(async move {
        let relayed = Relayed::default();
        both_ways(&stream, &mut far, &relayed).await.unwrap();
        relayed
    });
    (near, relay)
}

#[tokio::test]
async fn relay_carries_every_byte_both_ways_and_each_direction_closes_by_itself() {
    let (_gateway, tunnel) = connected().await;
    let (near, relay) = relayed(&tunnel).await;
    let sent: Vec<u8> = (0..=250).cycle().take(5_000_000).collect();
    let (mut reader, mut writer) = near.into_split();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move {
        writer.write_all(&to_send).await.unwrap();
        // The writing direction alone is closed; what was sent still comes back.
        writer.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    in_time(reader.read_to_end(&mut received)).await.unwrap();
    in_time(sending).await.unwrap();
    assert!(received == sent, "{} bytes came back", received.len());
    let len = sent.len() as u64;
    let relayed = in_time(relay).await.unwrap();
    assert_eq!((relayed.into_tunnel(), relayed.out_of_tunnel()), (len, len));
}

#[tokio::test]
async fn relay_holds_the_sender_back_while_nobody_reads() {
    let (_gateway, tunnel) = connected().await;
    let (near, _relay) = relayed(&tunnel).await;
    let (mut reader, mut writer) = near.into_split();
    let chunk = vec![7; 1 << 20];
    let mut taken = 0;
    // Both directions fill up: buffers of the relay, of the gateway and of the host.
    while let Ok(written) = timeout(Duration::from_secs(1), writer.write(&chunk)).await {
        taken += written.unwrap();
        assert!(taken < 64 << 20, "nothing holds the sender back");
    }
    let mut received = vec![0; taken];
    in_time(reader.read_exact(&mut received)).await.unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn http_client_of_others_fetches_a_page_by_name_through_the_connector() {
    let (_gateway, tunnel) = connected().await;
    let connector = Connector::new(tunnel);
    let client: Client<_, Empty<&[u8]>> = Client::builder(TokioExecutor::new()).build(connector);
    let address = format!("http://{GATEWAY_NAME}/").parse().unwrap();
    let response = in_time(client.get(address)).await.unwrap();
    assert!(response.status().is_success());
    let page = in_time(response.into_body().collect()).await.unwrap();
    assert!(page.to_bytes().starts_with(b"wirecraft"));
}

#[tokio::test]
async fn events_are_a_stream_that_ends_with_the_tunnel() {
    let gateway = DemoGateway::start().await.unwrap();
    let mut events = Box::pin(gateway.tunnel().events());
    let connecting = Tunnel::connect(gateway.client_config().clone());
    let _tunnel = in_time(connecting).await.unwrap();
    let mut next = async || poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await;
    while !matches!(in_time(next()).await, Some(Event::PeerUp { .. })) {}
    gateway.tunnel().close().await.unwrap();
    while in_time(next()).await.is_some() {}
}
