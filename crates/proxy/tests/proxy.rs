//! Proxies through a real tunnel to a gateway in this process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod gateway;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gateway::{connected, in_time, pattern};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{Barrier, Semaphore};
use tokio::time::timeout;
use wirecraft::{PoolOptions, TunnelPool};
use wirecraft_gateway::{DemoGateway, ECHO_PORT, GATEWAY_NAME, GATEWAY_V4, GATEWAY_V6};
use wirecraft_proxy::socks::read_datagram;
use wirecraft_proxy::{HostAddress, Proxy, ProxyError, ProxyOptions, ProxyUser};

struct Running {
    gateway: DemoGateway,
    proxy: Proxy,
    socks: SocketAddr,
    http: SocketAddr,
}

async fn start(options: ProxyOptions) -> Running {
    let (gateway, tunnel) = connected().await;
    let pool = TunnelPool::new(PoolOptions::default());
    pool.add_tunnel("one", tunnel).unwrap();
    let mut proxy = Proxy::new(pool, options);
    let any = HostAddress::Ip("127.0.0.1:0".parse().unwrap());
    let at = |address| match address {
        HostAddress::Ip(address) => address,
        HostAddress::Unix(path) => panic!("{}", path.display()),
    };
    let socks = at(proxy.socks(&any).unwrap());
    let http = at(proxy.http(&any).unwrap());
    Running {
        gateway,
        proxy,
        socks,
        http,
    }
}

fn with_user() -> ProxyOptions {
    let mut options = ProxyOptions::default();
    options.users = vec![ProxyUser {
        name: "me".to_owned(),
        password: "secret".to_owned(),
    }];
    options
}

/// Sends bytes and reads so many.
async fn exchange(stream: &mut TcpStream, bytes: &[u8], answer_len: usize) -> Vec<u8> {
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; answer_len];
    in_time(stream.read_exact(&mut answer)).await.unwrap();
    answer
}

/// Sends bytes and reads to the end.
async fn all_of(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request of SOCKS5 by name.
fn by_name(command: u8, name: &str, port: u16) -> Vec<u8> {
    let len = u8::try_from(name.len()).unwrap();
    let head = [5, command, 0, 3, len];
    [&head[..], name.as_bytes(), &port.to_be_bytes()].concat()
}

/// Reads an answer of SOCKS5 to its end; returns its code.
async fn answer_of(stream: &mut TcpStream) -> u8 {
    let head = exchange(stream, &[], 4).await;
    let address_len = if head[3] == 1 { 4 } else { 16 };
    exchange(stream, &[], address_len + 2).await;
    head[1]
}

/// Opens a SOCKS5 connection without authentication; returns the answer's code.
async fn socks5(at: SocketAddr, request: &[u8]) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    assert_eq!(exchange(&mut stream, &[5, 1, 0], 2).await, [5, 0]);
    stream.write_all(request).await.unwrap();
    let answer = answer_of(&mut stream).await;
    (stream, answer)
}

#[tokio::test]
async fn socks5_connects_by_name_and_keeps_what_was_sent_early() {
    let running = start(ProxyOptions::default()).await;
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    // Everything at once, before any answer.
    let early = [
        &[5, 1, 0][..],
        &by_name(1, GATEWAY_NAME, ECHO_PORT),
        b"early ",
    ]
    .concat();
    assert_eq!(exchange(&mut stream, &early, 2).await, [5, 0]);
    assert_eq!(answer_of(&mut stream).await, 0);
    assert_eq!(exchange(&mut stream, &[], 6).await, b"early ");
    let sent = pattern(500_000);
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) =
        in_time(async { tokio::join!(sending, reader.read_to_end(&mut received)) }).await;
    read.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn socks5_request_may_come_byte_by_byte() {
    let running = start(ProxyOptions::default()).await;
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = [&[5, 1, 0][..], &by_name(1, GATEWAY_NAME, ECHO_PORT)].concat();
    for byte in request {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(exchange(&mut stream, &[], 2).await, [5, 0]);
    assert_eq!(answer_of(&mut stream).await, 0);
    assert_eq!(exchange(&mut stream, b"hello", 5).await, b"hello");
}

#[tokio::test]
async fn socks5_says_why_there_is_no_connection() {
    let running = start(ProxyOptions::default()).await;
    let outside = [5, 1, 0, 1, 192, 0, 2, 1, 0, 80];
    for (request, code) in [
        (by_name(1, GATEWAY_NAME, 81), 5),
        (by_name(1, "nowhere.demo", 80), 4),
        (outside.to_vec(), 3),
        (by_name(2, GATEWAY_NAME, 80), 7),
        (by_name(9, GATEWAY_NAME, 80), 7),
        (vec![5, 1, 0, 9, 0, 0, 0, 0, 0, 0], 8),
        (by_name(1, "", 80), 1),
    ] {
        let (mut stream, answer) = socks5(running.socks, &request).await;
        assert_eq!(answer, code, "{request:?}");
        let mut rest = Vec::new();
        in_time(stream.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty(), "nothing follows");
    }
    assert_eq!(running.proxy.counters().connected, 0);
}

#[tokio::test]
async fn target_that_does_not_answer_is_given_up_in_time() {
    let mut options = ProxyOptions::default();
    options.connect_timeout = Duration::from_millis(300);
    let running = start(options).await;
    // Inside the allowed IPs, and nobody has it.
    let request = [5, 1, 0, 1, 10, 89, 0, 77, 0, 80];
    let (_, answer) = socks5(running.socks, &request).await;
    assert_eq!(answer, 6);
    let page = all_of(running.http, b"GET http://10.89.0.77/ HTTP/1.0\r\n\r\n").await;
    assert!(page.starts_with("HTTP/1.0 504 "), "{page}");
}

#[tokio::test]
async fn what_is_not_socks_is_closed_without_an_answer() {
    let running = start(ProxyOptions::default()).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0xff; 2000]] {
        let mut stream = TcpStream::connect(running.socks).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good as an end.
        let _ = in_time(stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty());
    }
    assert_eq!(running.proxy.counters().malformed, 3);
}

#[tokio::test]
async fn client_that_says_nothing_is_closed_in_time() {
    let mut options = ProxyOptions::default();
    options.request_timeout = Duration::from_millis(100);
    let running = start(options).await;
    for (at, bytes) in [
        (running.socks, &b""[..]),
        (running.socks, &[5]),
        (running.http, b"GET http://x/ HTT"),
    ] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
    }
}

#[tokio::test]
async fn socks4_and_socks4a_connect() {
    let running = start(ProxyOptions::default()).await;
    let by_name = [&[4, 1, 0, 7, 0, 0, 0, 1, 0][..], b"gateway.demo\0"].concat();
    for request in [vec![4, 1, 0, 7, 10, 89, 0, 1, b'm', b'e', 0], by_name] {
        let mut stream = TcpStream::connect(running.socks).await.unwrap();
        let answer = exchange(&mut stream, &request, 8).await;
        assert_eq!(answer[..2], [0, 90]);
        assert_eq!(exchange(&mut stream, b"hello", 5).await, b"hello");
    }
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    let refused = [4, 1, 0, 81, 10, 89, 0, 1, 0];
    assert_eq!(exchange(&mut stream, &refused, 8).await[..2], [0, 91]);
}

#[tokio::test]
async fn password_is_asked_for_and_must_be_right() {
    let running = start(with_user()).await;
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    assert_eq!(exchange(&mut stream, &[5, 1, 0], 2).await, [5, 0xff]);

    let right = [&[1, 2][..], b"me", &[6], b"secret"].concat();
    let wrong = [&[1, 2][..], b"me", &[6], b"public"].concat();
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    assert_eq!(exchange(&mut stream, &[5, 2, 0, 2], 2).await, [5, 2]);
    assert_eq!(exchange(&mut stream, &wrong, 2).await, [1, 1]);
    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    exchange(&mut stream, &[5, 1, 2], 2).await;
    assert_eq!(exchange(&mut stream, &right, 2).await, [1, 0]);
    let request = by_name(1, GATEWAY_NAME, ECHO_PORT);
    stream.write_all(&request).await.unwrap();
    assert_eq!(answer_of(&mut stream).await, 0);

    let mut stream = TcpStream::connect(running.socks).await.unwrap();
    let socks4 = [4, 1, 0, 7, 10, 89, 0, 1, b'm', b'e', 0];
    assert_eq!(exchange(&mut stream, &socks4, 8).await[..2], [0, 91]);

    let page = all_of(running.http, b"GET http://gateway.demo/ HTTP/1.0\r\n\r\n").await;
    assert!(
        page.contains(" 407 ") && page.contains("Basic realm"),
        "{page}"
    );
    let request = "GET http://gateway.demo/ HTTP/1.0\r\n\
                   Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
    let page = all_of(running.http, request.as_bytes()).await;
    assert!(page.contains("came through the tunnel"), "{page}");
    assert_eq!(running.proxy.counters().unauthorised, 3);
}

#[tokio::test]
async fn udp_association_carries_datagrams_by_address_and_by_name() {
    let running = start(ProxyOptions::default()).await;
    let mut control = TcpStream::connect(running.socks).await.unwrap();
    exchange(&mut control, &[5, 1, 0], 2).await;
    let associate = [5, 3, 0, 1, 0, 0, 0, 0, 0, 0];
    let answer = exchange(&mut control, &associate, 10).await;
    assert_eq!(answer[..4], [5, 0, 0, 1]);
    let port = u16::from_be_bytes([answer[8], answer[9]]);
    let relay = SocketAddr::from(([127, 0, 0, 1], port));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let name = [&[0, 0, 0, 3, 12][..], b"gateway.demo", &[0, 7]].concat();
    let address = vec![0, 0, 0, 1, 10, 89, 0, 1, 0, 7];
    let mut buffer = vec![0; 65_536];
    for (header, len) in [(&name, 5), (&address, 0), (&address, 20_000), (&name, 1)] {
        let payload = pattern(len);
        let datagram = [&header[..], &payload].concat();
        socket.send_to(&datagram, relay).await.unwrap();
        let received = in_time(socket.recv(&mut buffer)).await.unwrap();
        let datagram_back = read_datagram(&buffer[..received]).unwrap().unwrap();
        let from: IpAddr = datagram_back.target.host.parse().unwrap();
        assert!([GATEWAY_V4.into(), IpAddr::from(GATEWAY_V6)].contains(&from));
        assert_eq!(datagram_back.target.port, ECHO_PORT);
        assert!(datagram_back.payload == payload);
        // Neither somebody else's datagrams nor fragments go anywhere.
        stranger.send_to(&datagram, relay).await.unwrap();
        let fragment = [&[0, 0, 1][..], &datagram[3..]].concat();
        socket.send_to(&fragment, relay).await.unwrap();
    }
    assert!(stranger.try_recv(&mut buffer).is_err());
    drop(control);
    let ended = async {
        // The port is closed with the connection: the host says so, if not to the first datagram.
        socket.connect(relay).await.unwrap();
        loop {
            let answer = async {
                socket.send(&address).await?;
                socket.recv(&mut buffer).await
            };
            if let Ok(Err(_)) = timeout(Duration::from_millis(100), answer).await {
                return;
            }
        }
    };
    in_time(ended).await;
}

#[tokio::test]
async fn http_proxy_fetches_over_connections_that_are_kept() {
    let running = start(ProxyOptions::default()).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let request = b"GET http://gateway.demo/ HTTP/1.1\r\nHost: ignored\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
        let mut page = Vec::new();
        while !page.ends_with(b"through the tunnel.\n") {
            assert_ne!(in_time(stream.read_buf(&mut page)).await.unwrap(), 0);
        }
        assert!(page.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(
        running.proxy.counters().connected,
        1,
        "one connection to the server"
    );
    let head = all_of(running.http, b"HEAD http://gateway.demo/ HTTP/1.0\r\n\r\n").await;
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn http_connect_relays_bytes() {
    let running = start(ProxyOptions::default()).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let request = format!("CONNECT {GATEWAY_NAME}:{ECHO_PORT} HTTP/1.1\r\n\r\nearly");
    let expected = b"HTTP/1.1 200 OK\r\n";
    let answer = exchange(&mut stream, request.as_bytes(), expected.len()).await;
    assert_eq!(answer, expected);
    let mut rest = Vec::new();
    stream.shutdown().await.unwrap();
    in_time(stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.ends_with(b"\r\n\r\nearly"));
}

#[tokio::test]
async fn http_proxy_says_why_there_is_no_page() {
    let running = start(ProxyOptions::default()).await;
    for (request, status) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            400,
        ),
        ("GET https://gateway.demo/ HTTP/1.0\r\n\r\n", 501),
        ("GET http://gateway.demo:81/ HTTP/1.0\r\n\r\n", 502),
        ("GET http://nowhere.demo/ HTTP/1.0\r\n\r\n", 502),
        ("GET http://192.0.2.1/ HTTP/1.0\r\n\r\n", 502),
        ("CONNECT gateway.demo:81 HTTP/1.0\r\n\r\n", 502),
        ("CONNECT gateway.demo HTTP/1.0\r\n\r\n", 400),
        ("rubbish\r\n\r\n", 400),
    ] {
        let answer = all_of(running.http, request.as_bytes()).await;
        let found: u16 = answer[9..12].parse().unwrap();
        assert_eq!(found, status, "{request}: {answer}");
    }
}

/// Serves one connection inside the tunnel: returns what came, after answering.
async fn seen_by_server(running: &Running, request: &[u8], answer: &[u8]) -> (String, String) {
    let listener = running.gateway.tunnel().tcp_listen(8080).await.unwrap();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !(seen.ends_with(b"\r\n\r\n") && !seen.starts_with(b"POST")
            || seen.ends_with(b"end")
            || seen.ends_with(b"end\r\n0\r\n\r\n"))
        {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(seen).unwrap()
    };
    in_time(async { tokio::join!(serving, all_of(running.http, request)) }).await
}

#[tokio::test]
async fn headers_of_one_connection_stay_behind_both_ways() {
    let running = start(ProxyOptions::default()).await;
    let request = b"POST http://gateway.demo:8080/path?query HTTP/1.1\r\n\
        Host: elsewhere\r\nProxy-Connection: keep-alive\r\nConnection: close, x-hop\r\n\
        X-Hop: secret\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\nX-Kept: 1\r\n\
        Content-Length: 7\r\n\r\nthe end";
    let answer = b"HTTP/1.1 201 Created\r\nConnection: x-back\r\nX-Back: 1\r\nX-Kept: 2\r\n\
        Content-Length: 2\r\n\r\nok";
    let (seen, got) = seen_by_server(&running, request, answer).await;
    let (lower, got) = (seen.to_lowercase(), got.to_lowercase());
    assert!(seen.starts_with("POST /path?query HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\nthe end"), "{seen}");
    assert!(lower.contains("\r\nhost: gateway.demo:8080\r\n"), "{seen}");
    assert!(lower.contains("\r\nx-kept: 1\r\n"), "{seen}");
    assert!(lower.contains("\r\ncontent-length: 7\r\n"), "{seen}");
    for left_out in ["x-hop", "proxy-", "elsewhere", "connection:"] {
        assert!(!lower.contains(left_out), "{left_out}: {seen}");
    }
    assert!(
        got.starts_with("http/1.1 201 created\r\n") && got.ends_with("\r\n\r\nok"),
        "{got}"
    );
    assert!(
        got.contains("x-kept: 2") && !got.contains("x-back"),
        "{got}"
    );
}

#[tokio::test]
async fn chunked_body_is_framed_anew() {
    let running = start(ProxyOptions::default()).await;
    let request = b"POST http://gateway.demo:8080/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
        Connection: close\r\n\r\n4;name=value\r\nthe \r\n3\r\nend\r\n0\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (seen, got) = seen_by_server(&running, request, answer).await;
    assert!(
        seen.to_lowercase().contains("transfer-encoding: chunked"),
        "{seen}"
    );
    assert!(!seen.contains("name=value"), "{seen}");
    assert!(seen.contains("the ") && seen.contains("end"), "{seen}");
    assert!(got.contains("ok"), "{got}");
}

#[tokio::test]
async fn request_that_two_readers_could_read_differently_goes_nowhere() {
    let running = start(ProxyOptions::default()).await;
    let head = "POST http://gateway.demo/ HTTP/1.1\r\nConnection: close\r\n";
    for lengths in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length : 5\r\n",
        " Content-Length: 5\r\n",
    ] {
        let request = format!("{head}{lengths}\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n");
        let answer = all_of(running.http, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lengths}: {answer}");
    }
    assert_eq!(running.proxy.counters().connected, 0);
}

#[tokio::test]
async fn chunks_count_and_the_length_beside_them_goes_no_further() {
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let running = start(ProxyOptions::default()).await;
        let request = format!(
            "POST http://gateway.demo:8080/ HTTP/1.1\r\nConnection: close\r\n{lengths}\r\n\
             3\r\nend\r\n0\r\n\r\nGET http://gateway.demo:8080/smuggled HTTP/1.1\r\n\r\n"
        );
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let (seen, _) = seen_by_server(&running, request.as_bytes(), answer).await;
        let seen = seen.to_lowercase();
        assert!(seen.contains("transfer-encoding: chunked"), "{seen}");
        assert!(!seen.contains("content-length"), "{seen}");
        assert!(!seen.contains("smuggled"), "{seen}");
    }
}

#[tokio::test]
async fn connections_beyond_the_cap_wait() {
    let mut options = ProxyOptions::default();
    options.connections_max = 2;
    let running = start(options).await;
    let request = by_name(1, GATEWAY_NAME, ECHO_PORT);
    let (first, _) = socks5(running.socks, &request).await;
    let (_second, _) = socks5(running.socks, &request).await;
    let third = socks5(running.socks, &request);
    tokio::pin!(third);
    let early = timeout(Duration::from_millis(200), &mut third).await;
    assert!(early.is_err(), "there is no room yet");
    drop(first);
    assert_eq!(in_time(third).await.1, 0);
}

#[tokio::test]
async fn tunnels_of_connect_count_as_long_as_they_last() {
    let mut options = ProxyOptions::default();
    options.connections_max = 1;
    let running = start(options).await;
    let request = format!("CONNECT {GATEWAY_NAME}:{ECHO_PORT} HTTP/1.1\r\n\r\n");
    let connect = || async {
        let mut stream = TcpStream::connect(running.http).await.unwrap();
        exchange(&mut stream, request.as_bytes(), 12).await;
        stream
    };
    let first = connect().await;
    let second = connect();
    tokio::pin!(second);
    let early = timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "there is no room yet");
    assert_eq!(running.proxy.counters().active, 1);
    drop(first);
    in_time(second).await;
}

#[tokio::test]
async fn client_that_does_not_read_stops_the_sender() {
    const BUFFERS_LEN_MAX: usize = 32 << 20;
    let running = start(ProxyOptions::default()).await;
    let listener = running.gateway.tunnel().tcp_listen(9000).await.unwrap();
    let request = by_name(1, GATEWAY_NAME, 9000);
    let (accepted, _unread) =
        in_time(async { tokio::join!(listener.accept(), socks5(running.socks, &request)) }).await;
    let (mut inside, _) = accepted.unwrap();
    let piece = pattern(1 << 20);
    let mut sent = 0;
    // A second without progress: every buffer on the way is full.
    while let Ok(written) = timeout(Duration::from_secs(1), inside.write(&piece)).await {
        sent += written.unwrap();
        assert!(sent < BUFFERS_LEN_MAX, "nothing stops the sender");
    }
}

#[tokio::test]
async fn open_address_needs_users_or_consent() {
    let pool = TunnelPool::new(PoolOptions::default());
    let any = HostAddress::Ip("0.0.0.0:0".parse().unwrap());
    let mut closed = Proxy::new(pool.clone(), ProxyOptions::default());
    assert!(matches!(closed.socks(&any), Err(ProxyError::Open { .. })));
    assert!(matches!(closed.http(&any), Err(ProxyError::Open { .. })));
    assert!(Proxy::new(pool.clone(), with_user()).socks(&any).is_ok());
    let mut options = ProxyOptions::default();
    options.is_open = true;
    assert!(Proxy::new(pool, options).http(&any).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_downloads_at_once_are_whole() {
    const DOWNLOADS: usize = 1000;
    const LEN: usize = 20_000;
    let running = start(ProxyOptions::default()).await;
    let listener = running.gateway.tunnel().tcp_listen(9000).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut seed = [0; 4];
                stream.read_exact(&mut seed).await.unwrap();
                stream.write_all(&download(seed)).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    let request = by_name(1, GATEWAY_NAME, 9000);
    // They connect in groups that the far end's backlog has room for, and wait until all are there.
    let connecting = Arc::new(Semaphore::new(100));
    let all_there = Arc::new(Barrier::new(DOWNLOADS));
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..DOWNLOADS {
        let (at, request) = (running.socks, request.clone());
        let (connecting, all_there) = (connecting.clone(), all_there.clone());
        clients.spawn(async move {
            let permit = connecting.acquire_owned().await.unwrap();
            let (mut stream, code) = socks5(at, &request).await;
            drop(permit);
            in_time(all_there.wait()).await;
            assert_eq!(code, 0);
            let seed = u32::try_from(number).unwrap().to_be_bytes();
            stream.write_all(&seed).await.unwrap();
            let mut received = Vec::new();
            in_time(stream.read_to_end(&mut received)).await.unwrap();
            assert!(received == download(seed), "download {number}");
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    assert_eq!(running.proxy.counters().connected, DOWNLOADS as u64);

    /// Bytes that differ from seed to seed.
    fn download(seed: [u8; 4]) -> Vec<u8> {
        let mut state = u32::from_be_bytes(seed) | 1;
        (0..LEN)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect()
    }
}
