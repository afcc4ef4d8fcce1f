//! What a client checks of the services of a far end.

use crate::network::{Network, Udp as _};
use crate::pattern::{Checksum, fill, matches};
use crate::services::{ECHO_PORT, SINK_PORT, SOURCE_PORT};
use crate::targets::{Check, Target};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// How long an echoed datagram may take; a handshake that is tried again takes 5 s.
const UDP_TIME: Duration = Duration::from_secs(7);

/// How long a stream may take from its first segment to its end.
const TCP_TIME: Duration = Duration::from_secs(90);

/// Bytes that are read and written at once.
const CHUNK_LEN: usize = 16 * 1024;

/// The longest UDP payload.
const MAX_UDP_LEN: usize = 65_507;

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UdpEcho(len) => write!(f, "udp-echo {len}"),
            Self::TcpEcho(len) => write!(f, "tcp-echo {len}"),
            Self::TcpUp(len) => write!(f, "tcp-up {len}"),
            Self::TcpDown(len) => write!(f, "tcp-down {len}"),
        }
    }
}

/// Checks all targets at once, each with one check after the other; answers whether all held.
///
/// # Errors
/// When a check came to no end at all; one that failed is printed and makes the answer `false`.
pub(crate) async fn run<N>(network: &N, targets: Vec<Target>) -> Result<bool>
where
    N: Network + Clone + 'static,
{
    let mut running = JoinSet::new();
    for target in targets {
        let network = network.clone();
        running.spawn_local(async move { check_target(&network, &target).await });
    }
    let all = running.join_all().await;
    Ok(!all.is_empty() && all.into_iter().all(|held| held))
}

async fn check_target(network: &impl Network, target: &Target) -> bool {
    let mut all_held = true;
    for &check in &target.checks {
        let start = Instant::now();
        let outcome = check_one(network, target.address, check).await;
        let error = outcome.err().map(|error| format!("{error:#}"));
        all_held &= error.is_none();
        let report = json!({
            "check": check.to_string(),
            "target": target.address.to_string(),
            "error": error,
            "ms": start.elapsed().as_secs_f64() * 1000.0,
        });
        println!("{report}");
    }
    all_held
}

async fn check_one(network: &impl Network, address: IpAddr, check: Check) -> Result<()> {
    let to = |port| SocketAddr::new(address, port);
    match check {
        Check::UdpEcho(len) => within(UDP_TIME, udp_echo(network, to(ECHO_PORT), len)).await,
        Check::TcpEcho(len) => within(TCP_TIME, tcp_echo(network, to(ECHO_PORT), len)).await,
        Check::TcpUp(len) => within(TCP_TIME, tcp_up(network, to(SINK_PORT), len)).await,
        Check::TcpDown(len) => within(TCP_TIME, tcp_down(network, to(SOURCE_PORT), len)).await,
    }
}

async fn within(limit: Duration, check: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(limit, check)
        .await
        .with_context(|| format!("not done within {limit:?}"))?
}

async fn udp_echo(network: &impl Network, to: SocketAddr, len: usize) -> Result<()> {
    let socket = network.udp(0).await.context("opening a socket")?;
    let mut payload = vec![0; len];
    fill(0, &mut payload);
    socket.send_to(&payload, to).await.context("sending")?;
    let mut buffer = vec![0; MAX_UDP_LEN];
    let (received, from) = socket.recv_from(&mut buffer).await.context("receiving")?;
    ensure!(from == to, "came from {from}");
    ensure!(received == len, "{received} bytes came back");
    ensure!(matches(0, &buffer[..len]), "other bytes came back");
    Ok(())
}

async fn tcp_echo(network: &impl Network, to: SocketAddr, len: u64) -> Result<()> {
    let stream = network.connect(to).await.context("connecting")?;
    let (reader, writer) = split(stream);
    tokio::try_join!(send_pattern(writer, len), expect_pattern(reader, len)).map(drop)
}

async fn tcp_up(network: &impl Network, to: SocketAddr, len: u64) -> Result<()> {
    let stream = network.connect(to).await.context("connecting")?;
    let (mut reader, writer) = split(stream);
    send_pattern(writer, len).await?;
    let mut answer = String::new();
    reader
        .read_to_string(&mut answer)
        .await
        .context("receiving the checksum")?;
    let expected = Checksum::of_pattern(len).line();
    ensure!(
        answer == expected,
        "sent {}, arrived {}",
        expected.trim(),
        answer.trim()
    );
    Ok(())
}

async fn tcp_down(network: &impl Network, to: SocketAddr, len: u64) -> Result<()> {
    let mut stream = network.connect(to).await.context("connecting")?;
    stream
        .write_all(format!("{len}\n").as_bytes())
        .await
        .context("asking")?;
    stream.flush().await.context("asking")?;
    expect_pattern(stream, len).await
}

/// Sends the first `len` bytes of the pattern and closes this direction.
async fn send_pattern(mut writer: impl AsyncWrite + Unpin, len: u64) -> Result<()> {
    let mut chunk = vec![0; CHUNK_LEN];
    let mut sent = 0;
    while sent < len {
        let piece_len = usize::try_from(len - sent)
            .unwrap_or(CHUNK_LEN)
            .min(CHUNK_LEN);
        let piece = &mut chunk[..piece_len];
        fill(sent, piece);
        writer
            .write_all(piece)
            .await
            .with_context(|| format!("sending from byte {sent}"))?;
        sent += piece_len as u64;
    }
    writer.shutdown().await.context("closing")
}

/// Reads to the end of the stream, which must be the first `len` bytes of the pattern.
async fn expect_pattern(mut reader: impl AsyncRead + Unpin, len: u64) -> Result<()> {
    let mut chunk = vec![0; CHUNK_LEN];
    let mut received = 0;
    loop {
        let piece_len = reader.read(&mut chunk).await;
        let piece_len = piece_len.with_context(|| format!("receiving from byte {received}"))?;
        if piece_len == 0 {
            break;
        }
        ensure!(
            matches(received, &chunk[..piece_len]),
            "other bytes behind byte {received}"
        );
        received += piece_len as u64;
    }
    ensure!(received == len, "ended after {received} bytes");
    Ok(())
}
