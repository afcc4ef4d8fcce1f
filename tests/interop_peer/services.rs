//! What an end offers to the other: echo, a sink, a source, a page.

use crate::network::{Listener as _, Network, Udp as _};
use crate::pattern::{Checksum, fill};
use anyhow::{Context, Result};
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::io::{AsyncWriteExt as _, BufReader};

/// UDP: each datagram is sent back. TCP: each byte is sent back.
pub(crate) const ECHO_PORT: u16 = 7007;

/// TCP: reads to the end of the stream, then answers with a line: its length and checksum.
pub(crate) const SINK_PORT: u16 = 7009;

/// TCP: reads a line with a number and answers with that many bytes of the pattern.
pub(crate) const SOURCE_PORT: u16 = 7019;

/// TCP: answers each request for a page.
pub(crate) const HTTP_PORT: u16 = 8080;

/// What the page says, again and again.
const PAGE_LINE: &str = "through the tunnel\n";

/// How often it says so.
const PAGE_LINES: usize = 100;

/// Bytes that are read and written at once.
const CHUNK_LEN: usize = 16 * 1024;

/// The longest UDP payload.
const MAX_UDP_LEN: usize = 65_507;

/// Offers all services until one of them can no longer be offered.
///
/// # Errors
/// When a port cannot be had or a socket fails; a connection that fails concerns nobody else.
pub(crate) async fn offer(network: &impl Network, ready: impl FnOnce()) -> Result<()> {
    let datagrams = udp_echo(network).await?;
    let echo = tcp_service(network, ECHO_PORT, tcp_echo).await?;
    let sink = tcp_service(network, SINK_PORT, tcp_sink).await?;
    let source = tcp_service(network, SOURCE_PORT, tcp_source).await?;
    let page = tcp_service(network, HTTP_PORT, http_page).await?;
    ready();
    tokio::try_join!(datagrams, echo, sink, source, page)?;
    Ok(())
}

async fn udp_echo(network: &impl Network) -> Result<impl Future<Output = Result<()>>> {
    let socket = network.udp(ECHO_PORT).await.context("udp echo")?;
    Ok(async move {
        let mut buffer = vec![0; MAX_UDP_LEN];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.context("udp echo")?;
            if let Err(error) = socket.send_to(&buffer[..len], from).await {
                eprintln!("udp echo of {len} bytes to {from}: {error}");
            }
        }
    })
}

async fn tcp_service<N, F>(
    network: &N,
    port: u16,
    serve: fn(N::Stream) -> F,
) -> Result<impl Future<Output = Result<()>>>
where
    N: Network,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut listener = network
        .listen(port)
        .await
        .with_context(|| format!("port {port}"))?;
    Ok(async move {
        loop {
            let stream = listener
                .accept()
                .await
                .with_context(|| format!("port {port}"))?;
            let connection = serve(stream);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    eprintln!("connection to port {port}: {error}");
                }
            });
        }
    })
}

async fn tcp_echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_LEN];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.shutdown().await,
            len => stream.write_all(&buffer[..len]).await?,
        }
        stream.flush().await?;
    }
}

async fn tcp_sink(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_LEN];
    let mut checksum = Checksum::new();
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            len => checksum.update(&buffer[..len]),
        }
    }
    stream.write_all(checksum.line().as_bytes()).await?;
    stream.shutdown().await
}

async fn tcp_source(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let wanted: u64 = request.trim().parse().map_err(io::Error::other)?;
    let mut chunk = vec![0; CHUNK_LEN];
    let mut sent = 0;
    while sent < wanted {
        let len = (wanted - sent).min(CHUNK_LEN as u64);
        let piece = &mut chunk[..usize::try_from(len).map_err(io::Error::other)?];
        fill(sent, piece);
        stream.write_all(piece).await?;
        sent += len;
    }
    stream.shutdown().await
}

/// Answers one request, whatever it asks for, and closes.
async fn http_page(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 && line.trim_end() != "" {
        line.clear();
    }
    let body = PAGE_LINE.repeat(PAGE_LINES);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
