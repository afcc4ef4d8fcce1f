//! Many connections at once.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::super::{BUFFER_LEN_MAX, BUFFER_LEN_MIN, BUFFERS_LEN, buffer_len};
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

#[test]
fn buffers_get_smaller_with_the_number_of_connections() {
    assert_eq!(buffer_len(0), BUFFER_LEN_MAX);
    assert_eq!(buffer_len(BUFFERS_LEN / BUFFER_LEN_MAX - 1), BUFFER_LEN_MAX);
    assert_eq!(buffer_len(99), BUFFERS_LEN / 100);
    assert_eq!(buffer_len(10_000), BUFFER_LEN_MIN);
}
