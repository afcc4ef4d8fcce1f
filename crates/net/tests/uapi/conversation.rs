//! Requests and their answers.

use wirecraft_net::SystemEntropy;
use wirecraft_net::UdpTransport;
use wirecraft_net::uapi::ServerEnd;
use wirecraft_tunnel::{Event, PrivateKey};

use crate::tunnel::{Tunnel, in_time};

const PRIVATE_KEY: &str = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";
const PEER: &str = "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33";
const PRESHARED_KEY: &str = "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52";
const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last line of what is said of a peer that was never heard of.
const NEVER: &str =
    "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n";

#[tokio::test]
async fn what_was_set_is_answered() {
    let tunnel = Tunnel::start();
    let port = tunnel.handle.local_port().await.unwrap();
    assert_eq!(
        tunnel.get().await,
        format!("listen_port={port}\nerrno=0\n\n")
    );

    let peer = format!(
        "preshared_key={PRESHARED_KEY}\nprotocol_version=1\nendpoint=[abcd:23::33%2]:51820\n"
    );
    tunnel
        .set(&format!(
            "private_key={PRIVATE_KEY}\nlisten_port={port}\nreplace_peers=true\n\
             public_key={PEER}\n{peer}allowed_ip=192.168.4.4/32\nallowed_ip=fd00::1/64\n"
        ))
        .await;

    let expected = format!(
        "private_key={PRIVATE_KEY}\nlisten_port={port}\npublic_key={PEER}\n{peer}{NEVER}\
         persistent_keepalive_interval=0\nallowed_ip=192.168.4.4/32\nallowed_ip=fd00::/64\n\
         errno=0\n\n"
    );
    assert_eq!(tunnel.get().await, expected);
}

#[tokio::test]
async fn the_state_is_answered_without_secrets() {
    let tunnel = Tunnel::start();
    let peer = format!("public_key={PEER}\npreshared_key={PRESHARED_KEY}\nallowed_ip=::/0\n");
    tunnel
        .set(&format!("private_key={PRIVATE_KEY}\n{peer}"))
        .await;

    let state = tunnel.ask("wirecraft_get=1\n\n").await;

    for secret in [PRIVATE_KEY, PRESHARED_KEY] {
        assert!(!state.contains(secret), "{state}");
    }
    let expected = format!(
        "\npublic_key={PEER}\nhas_preshared_key=true\n{NEVER}persistent_keepalive_interval=0\n\
         has_session=false\nstaged_packets=0\nendpoint_pinned=false\nallowed_ip=::/0\nerrno=0\n\n"
    );
    assert!(state.ends_with(&expected), "{state}");
    assert!(state.contains("\ncounter_invalid_mac1=0\n"), "{state}");
    assert!(state.contains("\nsocket_send_errors=0\n"), "{state}");
}

#[tokio::test]
async fn several_requests_are_answered_on_one_connection_in_order() {
    let tunnel = Tunnel::start();
    let mut client = tunnel.client().await;
    let add = format!("set=1\npublic_key={PEER}\n\n");
    let remove = format!("set=1\npublic_key={PEER}\nremove=true\n\n");

    let first = client
        .ask(&format!("{add}get=1\n\n{remove}get=1\n\n"))
        .await;

    assert_eq!(first, "errno=0\n\n");
    assert!(client.answer().await.contains(PEER));
    assert_eq!(client.answer().await, "errno=0\n\n");
    assert!(!client.answer().await.contains(PEER));
}

#[tokio::test]
async fn nothing_of_a_refused_request_is_done_and_the_connection_lives() {
    let tunnel = Tunnel::start();
    let before = tunnel.get().await;
    let mut client = tunnel.client().await;
    for (lines, errno) in [
        ("colour=red", -22),
        ("public_key=00", -22),
        ("private_key", -71),
        (&"x".repeat(1000), -22),
    ] {
        let good = format!("private_key={PRIVATE_KEY}\npublic_key={PEER}\nallowed_ip=::/0\n");
        for lines in [format!("{good}{lines}"), format!("{lines}\n{good}")] {
            let answer = client.ask(&format!("set=1\n{lines}\n\n")).await;
            assert_eq!(answer, format!("errno={errno}\n\n"), "{lines}");
        }
        assert_eq!(client.ask("get=1\n\n").await, before);
    }
    assert_eq!(client.ask("set=2\nfwmark=1\n\n").await, "errno=-22\n\n");
    assert_eq!(client.ask("get=1\n\n").await, before);
}

#[tokio::test]
async fn half_a_command_is_refused_and_changes_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let tunnel = Tunnel::start();
    let before = tunnel.get().await;
    let mut client = tunnel.client().await;
    let half = format!("set=1\nprivate_key={PRIVATE_KEY}\n");
    client.0.write_all(half.as_bytes()).await.unwrap();
    client.0.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "errno=-71\n\n");

    let mut client = tunnel.client().await;
    client.0.write_all(b"set=1\nhalf=1\n").await.unwrap();
    client.0.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "errno=-22\n\n");
    assert_eq!(tunnel.get().await, before);
}

#[tokio::test]
async fn a_port_that_is_taken_is_refused_and_the_rest_of_the_request_with_it() {
    let tunnel = Tunnel::start();
    let taken = UdpTransport::bind(0).unwrap();
    let before = tunnel.get().await;
    let port = taken.local_port();
    let lines = format!("listen_port={port}\npublic_key={PEER}\n");

    let answer = tunnel.ask(&format!("set=1\n{lines}\n")).await;

    assert_eq!(answer, "errno=-98\n\n");
    assert_eq!(tunnel.get().await, before);
    drop(taken);
    tunnel.set(&lines).await;
    assert_eq!(tunnel.handle.local_port().await.unwrap(), port);
}

#[tokio::test]
async fn a_peer_with_our_own_key_is_passed_over_without_an_error() {
    let tunnel = Tunnel::start();
    let own = PrivateKey::generate(&mut SystemEntropy::default());
    let (private, public) = (hex(own.as_bytes()), hex(own.public_key().as_bytes()));

    tunnel
        .set(&format!(
            "private_key={private}\npublic_key={public}\nallowed_ip=10.0.0.0/8\npublic_key={PEER}\n"
        ))
        .await;

    let configuration = tunnel.get().await;
    assert!(!configuration.contains(&public), "{configuration}");
    assert!(configuration.contains(PEER), "{configuration}");
}

#[tokio::test]
async fn keys_of_zeros_take_keys_away() {
    let tunnel = Tunnel::start();
    tunnel
        .set(&format!(
            "private_key={PRIVATE_KEY}\npublic_key={PEER}\npreshared_key={PRESHARED_KEY}\n"
        ))
        .await;
    tunnel
        .set(&format!(
            "private_key={ZERO}\npublic_key={PEER}\npreshared_key={ZERO}\n"
        ))
        .await;
    let configuration = tunnel.get().await;
    assert!(!configuration.contains("private_key="), "{configuration}");
    assert!(configuration.contains(&format!("preshared_key={ZERO}\n")));
}

/// What `wg setconf` and `wg syncconf` ask for, again and again, while a session is up.
#[tokio::test]
async fn a_session_survives_the_replacement_of_the_configuration_and_of_the_port() {
    let (a, b) = (Tunnel::start(), Tunnel::start());
    let keys = [(); 2].map(|()| PrivateKey::generate(&mut SystemEntropy::default()));
    let [public_a, public_b] = keys.each_ref().map(|key| hex(key.public_key().as_bytes()));
    let [private_a, private_b] = keys.each_ref().map(|key| hex(key.as_bytes()));
    b.set(&format!("private_key={private_b}\npublic_key={public_a}\n"))
        .await;
    let mut events = b.handle.events().unwrap();
    let to_b = b.endpoint().await;
    let configuration = |interval: u16| {
        format!(
            "private_key={private_a}\nlisten_port=0\nfwmark=0\nreplace_peers=true\n\
             public_key={public_b}\nendpoint={to_b}\npersistent_keepalive_interval={interval}\n\
             replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\n"
        )
    };
    for round in 0..20 {
        // Switched on, it is sent at once: a sign of life from each new port.
        a.set(&configuration(0)).await;
        a.set(&configuration(25)).await;
        while !matches!(
            in_time(events.recv()).await.unwrap(),
            Event::KeepaliveReceived { .. }
        ) {}
        let handshakes = b
            .handle
            .call(|device, _| device.counters().initiations_received);
        assert_eq!(handshakes.await.unwrap(), 1, "round {round}");
    }
    let state = a.ask("wirecraft_get=1\n\n").await;
    assert!(state.contains("has_session=true\n"), "{state}");
}

#[tokio::test]
async fn a_server_ends_with_its_driver_and_removes_its_socket() {
    let tunnel = Tunnel::start();
    tunnel.handle.stop().await.unwrap();
    let end = in_time(tunnel.server).await.unwrap();
    assert_eq!(end, ServerEnd::DriverGone);
    assert!(!tunnel.path.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_ends_when_its_socket_is_removed() {
    let tunnel = Tunnel::start();
    std::fs::remove_file(&tunnel.path).unwrap();
    let end = in_time(tunnel.server).await.unwrap();
    assert_eq!(end, ServerEnd::SocketRemoved);
    assert!(tunnel.handle.local_port().await.is_ok());
}
