//! Forwards through a real tunnel to a gateway in this process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod gateway;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use gateway::{connected, in_time, pattern};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::time::timeout;
use wirecraft_gateway::{ECHO_PORT, GATEWAY_NAME, GATEWAY_V4};
use wirecraft_proxy::{ForwardLimits, Forwards, HostAddress, Listening};

/// An address of the client inside the tunnel.
const CLIENT: [u8; 4] = [10, 89, 0, 2];

/// Sets a local forward up; returns the first address it listens on.
async fn local(forwards: &mut Forwards, text: &str) -> SocketAddr {
    let listening = forwards.local(text.parse().unwrap()).await.unwrap();
    match listening[0] {
        Listening::Host(HostAddress::Ip(address)) => address,
        ref other => panic!("{other}"),
    }
}

/// Sets a remote forward up; returns where it listens inside the tunnel.
async fn remote(forwards: &mut Forwards, text: &str) -> SocketAddr {
    match forwards.remote(text.parse().unwrap()).await.unwrap() {
        Listening::Inside(binding) => SocketAddr::from((CLIENT, binding.port)),
        other @ Listening::Host(_) => panic!("{other}"),
    }
}

/// Sends megabytes, ends the direction, and expects them all back.
async fn assert_echo(stream: impl AsyncRead + AsyncWrite) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sent = pattern(3_000_000);
    let sending = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) =
        in_time(async { tokio::join!(sending, reader.read_to_end(&mut received)) }).await;
    read.unwrap();
    assert!(received == sent, "{} bytes came back", received.len());
}

#[tokio::test]
async fn local_forward_carries_megabytes_and_keeps_half_closed_connections() {
    let (_gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let spec = format!("0:{GATEWAY_NAME}:{ECHO_PORT}");
    let at = local(&mut forwards, &spec).await;
    assert_echo(TcpStream::connect(at).await.unwrap()).await;
}

#[tokio::test]
async fn local_forward_listens_on_a_unix_socket() {
    let (_gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let path = format!("{}/forward-local.sock", env!("CARGO_TARGET_TMPDIR"));
    let spec = format!("{path}:{GATEWAY_V4}:{ECHO_PORT}");
    forwards.local(spec.parse().unwrap()).await.unwrap();
    assert_echo(UnixStream::connect(&path).await.unwrap()).await;
}

#[tokio::test]
async fn several_forwards_work_at_once() {
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let first = local(&mut forwards, &format!("0:{GATEWAY_V4}:{ECHO_PORT}")).await;
    let second = local(&mut forwards, &format!("0:[fd89::1]:{ECHO_PORT}")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host_port = listener.local_addr().unwrap().port();
    let inside = remote(&mut forwards, &format!("0:127.0.0.1:{host_port}")).await;
    let (first, second) = (
        TcpStream::connect(first).await.unwrap(),
        TcpStream::connect(second).await.unwrap(),
    );
    let from_inside = in_time(gateway.tunnel().tcp_connect(inside)).await.unwrap();
    let (on_host, _) = in_time(listener.accept()).await.unwrap();
    let (mut reader, mut writer) = on_host.into_split();
    let host_echo = async {
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    tokio::join!(
        assert_echo(first),
        assert_echo(second),
        assert_echo(from_inside),
        host_echo
    );
}

#[tokio::test]
async fn refused_target_resets_the_connection() {
    let (_gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:81")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let error = in_time(stream.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn reset_on_either_side_is_a_reset_on_the_other() {
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let listener = gateway.tunnel().tcp_listen(9000).await.unwrap();
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:9000")).await;

    let mut stream = TcpStream::connect(at).await.unwrap();
    let (inside, _) = in_time(listener.accept()).await.unwrap();
    inside.abort();
    let error = in_time(stream.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let stream = TcpStream::connect(at).await.unwrap();
    let (mut inside, _) = in_time(listener.accept()).await.unwrap();
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
    let error = in_time(inside.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn far_end_that_does_not_read_stops_the_sender() {
    const BUFFERS_LEN_MAX: usize = 32 << 20;
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let listener = gateway.tunnel().tcp_listen(9000).await.unwrap();
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:9000")).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    let (_unread, _) = in_time(listener.accept()).await.unwrap();
    let piece = pattern(1 << 20);
    let mut sent = 0;
    // A second without progress: every buffer on the way is full.
    while let Ok(written) = timeout(Duration::from_secs(1), stream.write(&piece)).await {
        sent += written.unwrap();
        assert!(sent < BUFFERS_LEN_MAX, "nothing stops the sender");
    }
}

#[tokio::test]
async fn reset_of_a_client_that_had_ended_its_direction_reaches_the_far_end() {
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let listener = gateway.tunnel().tcp_listen(9000).await.unwrap();
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:9000")).await;
    let mut client = TcpStream::connect(at).await.unwrap();
    client.shutdown().await.unwrap();
    let (mut inside, _) = in_time(listener.accept()).await.unwrap();
    assert_eq!(in_time(inside.read(&mut [0])).await.unwrap(), 0);
    client.set_zero_linger().unwrap();
    drop(client);
    let error = in_time(std::future::poll_fn(|cx| inside.poll_failed(cx))).await;
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn reset_of_a_far_end_that_had_ended_its_direction_reaches_the_client() {
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let listener = gateway.tunnel().tcp_listen(9000).await.unwrap();
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:9000")).await;
    let mut client = TcpStream::connect(at).await.unwrap();
    let (inside, _) = in_time(listener.accept()).await.unwrap();
    inside.close_writing();
    assert_eq!(in_time(client.read(&mut [0])).await.unwrap(), 0);
    inside.abort();
    // The client is told, although it neither reads nor writes.
    in_time(client.ready(tokio::io::Interest::ERROR))
        .await
        .unwrap();
    assert!(client.take_error().unwrap().is_some());
}

#[tokio::test]
async fn datagrams_of_several_clients_find_their_way_back() {
    let (_gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let at = local(&mut forwards, &format!("0:{GATEWAY_NAME}:{ECHO_PORT}/udp")).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(at).await.unwrap();
        clients.push(client);
    }
    let mut buffer = vec![0; 65_536];
    for len in [0, 1, 1400, 9000] {
        for (index, client) in clients.iter().enumerate() {
            let sent = pattern(len + index);
            client.send(&sent).await.unwrap();
        }
        for (index, client) in clients.iter().enumerate() {
            let received = in_time(client.recv(&mut buffer)).await.unwrap();
            assert!(buffer[..received] == pattern(len + index));
        }
    }
}

#[tokio::test]
async fn silent_udp_client_is_forgotten_and_served_anew() {
    let (gateway, tunnel) = connected().await;
    let mut limits = ForwardLimits::default();
    limits.udp_idle = Duration::from_millis(50);
    let mut forwards = Forwards::new(tunnel, limits);
    let socket = gateway.tunnel().udp_bind(9000).await.unwrap();
    let at = local(&mut forwards, &format!("0:{GATEWAY_V4}:9000/udp")).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(at).await.unwrap();
    let mut buffer = [0; 8];
    client.send(b"first").await.unwrap();
    let first = in_time(socket.recv_from(&mut buffer)).await.unwrap().from;
    // Each datagram asks whether the port is another one yet.
    let other = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            client.send(b"again").await.unwrap();
            let from = socket.recv_from(&mut buffer).await.unwrap().from;
            if from != first {
                return from;
            }
        }
    };
    assert_eq!(in_time(other).await.ip(), first.ip());
}

#[tokio::test]
async fn remote_forward_leads_datagrams_to_the_host() {
    let (gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let on_host = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = on_host.local_addr().unwrap().port();
    let at = remote(&mut forwards, &format!("0:127.0.0.1:{port}/udp")).await;
    let inside = gateway.tunnel().udp_bind(0).await.unwrap();
    inside.send_to(b"question", at).await.unwrap();
    let mut buffer = [0; 64];
    let (len, from) = in_time(on_host.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(&buffer[..len], b"question");
    on_host.send_to(b"answer", from).await.unwrap();
    let received = in_time(inside.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(
        (&buffer[..received.len], received.from),
        (&b"answer"[..], at)
    );
}

#[tokio::test]
async fn port_that_is_taken_is_an_error_that_names_it() {
    let (_gateway, tunnel) = connected().await;
    let mut forwards = Forwards::new(tunnel, ForwardLimits::default());
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let spec = format!("{at}:{GATEWAY_V4}:7");
    let error = forwards.local(spec.parse().unwrap()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("{at}: cannot listen"))
    );
    let error = forwards
        .remote("192.0.2.1:80:127.0.0.1:80".parse().unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("192.0.2.1"), "{error}");
}
