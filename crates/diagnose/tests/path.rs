//! Traces and probes through tunnels on loopback.

#![cfg(test)]

use std::net::IpAddr;

use wirecraft::{SocketError, Tunnel};
use wirecraft_diagnose::{ReplyKind, TraceMethod, TraceOptions, path_mtu, trace};
use wirecraft_gateway::{DemoGateway, GATEWAY_V4, GATEWAY_V6, HTTP_PORT};

async fn demo() -> (DemoGateway, Tunnel) {
    let gateway = DemoGateway::start().await.unwrap();
    let config = gateway.client_config().clone();
    let tunnel = Tunnel::connect(config).await.unwrap();
    (gateway, tunnel)
}

#[tokio::test]
async fn a_host_at_the_first_hop_is_reached_by_every_method() {
    let (_gateway, tunnel) = demo().await;
    for method in [
        TraceMethod::Udp,
        TraceMethod::Icmp,
        TraceMethod::Tcp(HTTP_PORT),
        TraceMethod::Tcp(81),
    ] {
        for host in [IpAddr::from(GATEWAY_V4), GATEWAY_V6.into()] {
            let mut hops = Vec::new();
            let options = TraceOptions {
                method,
                ..TraceOptions::default()
            };
            trace(&tunnel, host, options, |hop| hops.push(hop.clone()))
                .await
                .unwrap();
            assert_eq!(hops.len(), 1, "{method:?} {host} {hops:?}");
            assert_eq!(hops[0].replies.len(), 3);
            for reply in hops[0].replies.iter().map(|reply| reply.unwrap()) {
                assert_eq!((reply.from, reply.kind), (host, ReplyKind::Reached));
            }
        }
    }
}

#[tokio::test]
async fn a_host_that_no_peer_has_cannot_be_traced() {
    let (_gateway, tunnel) = demo().await;
    let nowhere = IpAddr::from([192, 0, 2, 1]);
    let outcome = trace(&tunnel, nowhere, TraceOptions::default(), |_| {}).await;
    assert_eq!(
        outcome,
        Err(SocketError::NoPeer {
            destination: nowhere
        })
    );
}

#[tokio::test]
async fn the_mtu_of_a_path_without_limits_is_that_of_the_tunnel() {
    let (_gateway, tunnel) = demo().await;
    for host in [IpAddr::from(GATEWAY_V4), GATEWAY_V6.into()] {
        let found = path_mtu(&tunnel, host).await.unwrap();
        assert_eq!((found.mtu, found.limited_by), (tunnel.mtu(), None));
    }
}
