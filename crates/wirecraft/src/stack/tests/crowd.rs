//! Many connections at once.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::{Pair, SERVER_V4, at, pair, pattern};

/// Sends back what each connection to port 80 brings.
async fn serve_echo(pair: &Pair) {
    let listener = pair.server.tcp_listen_with(80, 20_000).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
            });
        }
    });
}

#[tokio::test(start_paused = true)]
async fn many_connections_share_the_tunnel() {
    let pair = pair();
    serve_echo(&pair).await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let client = pair.client.clone();
        tasks.spawn(async move {
            let mut stream = client.tcp_connect(at(SERVER_V4, 80)).await.unwrap();
            stream.write_all(&pattern(10_000, number)).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).await.unwrap();
            assert!(received == pattern(10_000, number));
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_connections_are_open_at_once() {
    let pair = pair();
    serve_echo(&pair).await;
    let mut tasks = JoinSet::new();
    for _ in 0..10_000 {
        let client = pair.client.clone();
        tasks.spawn(async move { client.tcp_connect(at(SERVER_V4, 80)).await.unwrap() });
    }
    let mut streams = Vec::new();
    while let Some(connected) = tasks.join_next().await {
        streams.push(connected.unwrap());
    }
    for (number, stream) in (0_u32..).zip(&mut streams) {
        stream.write_all(&number.to_be_bytes()).await.unwrap();
    }
    for (number, stream) in (0_u32..).zip(&mut streams) {
        assert_eq!(stream.read_u32().await.unwrap(), number);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_ask_whether_their_peer_lives_share_the_memory_too() {
    const CONNECTIONS: usize = 2000;
    let pair = pair();
    serve_echo(&pair).await;
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let interval = std::time::Duration::from_secs(3600);
        let connecting = pair
            .client
            .tcp_connect_with_keepalive(at(SERVER_V4, 80), interval);
        streams.push(connecting.await.unwrap());
    }
    let lens = streams.iter().map(crate::TcpStream::buffers_len);
    let together: usize = lens.sum();
    assert!(
        together <= (256 << 20) + CONNECTIONS * (32 << 10),
        "{together}"
    );
    assert_eq!(streams[0].buffers_len(), 2 << 20);
}
