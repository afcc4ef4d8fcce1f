//! Clients that ask for too much, too slowly or not at all.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wirecraft_net::uapi::REQUEST_LEN_MAX;

use crate::tunnel::Tunnel;

/// As many as are served at the same time.
const CLIENTS_MAX: usize = 16;

/// With a clock that jumps to the next deadline as soon as nothing else happens.
#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_or_too_little_is_let_go() {
    let tunnel = Tunnel::start();
    let mut slow = tunnel.client().await;
    slow.0.write_all(b"set=1\nlisten_por").await.unwrap();
    let silent = tunnel.client().await;
    for mut client in [silent, slow] {
        assert_eq!(client.0.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_many_are_silent_is_served_in_the_end() {
    let tunnel = Tunnel::start();
    let mut silent = Vec::new();
    for _ in 0..3 * CLIENTS_MAX {
        silent.push(tunnel.client().await);
    }
    let mut client = tunnel.client().await;
    client.0.write_all(b"get=1\n\n").await.unwrap();
    client.0.shutdown().await.unwrap();
    let mut configuration = String::new();
    client.0.read_to_string(&mut configuration).await.unwrap();
    assert!(configuration.ends_with("errno=0\n\n"), "{configuration}");
}

#[tokio::test]
async fn clients_that_wait_do_not_keep_others_from_being_served() {
    let tunnel = Tunnel::start();
    let mut waiting = Vec::new();
    for _ in 0..CLIENTS_MAX - 1 {
        let mut client = tunnel.client().await;
        client.0.write_all(b"set=1\n").await.unwrap();
        waiting.push(client);
    }
    for _ in 0..10 {
        assert!(tunnel.get().await.ends_with("errno=0\n\n"));
    }
    for mut client in waiting {
        assert_eq!(client.ask("\n").await, "errno=0\n\n");
    }
}

#[tokio::test]
async fn a_request_without_an_end_is_answered_once_it_is_too_long() {
    let tunnel = Tunnel::start();
    let mut client = tunnel.client().await;
    let mut request = b"set=1\n".to_vec();
    request.resize(REQUEST_LEN_MAX + 1, b'x');
    client.0.write_all(&request).await.unwrap();
    assert_eq!(client.rest().await, "errno=-7\n\n");
    assert!(tunnel.get().await.ends_with("errno=0\n\n"));
}

#[tokio::test]
async fn as_many_prefixes_as_a_large_network_has_are_set_and_answered() {
    let tunnel = Tunnel::start();
    let mut lines = format!("public_key={:064x}\n", 9);
    let count = 130_560_u32;
    for number in 0..count {
        let [_, high, middle, low] = number.to_be_bytes();
        lines += &format!("allowed_ip=10.{high}.{middle}.{low}/32\n");
    }
    for _ in 0..2 {
        tunnel.set(&format!("replace_peers=true\n{lines}")).await;
    }
    let configuration = tunnel.get().await;
    let found = configuration.matches("allowed_ip=").count();
    assert_eq!(found, count as usize);
}
