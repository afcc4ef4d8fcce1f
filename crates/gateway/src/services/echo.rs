//! What comes is sent back (RFC 862).

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use wirecraft::{TcpListener, TcpStream, UdpSocket};

use super::has_room;

/// The greatest payload of a UDP datagram in bytes.
const DATAGRAM_LEN_MAX: usize = 65_507;

pub(super) async fn serve_tcp(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        if has_room(&mut connections) {
            tracing::debug!(%from, "echo: connected");
            connections.spawn(echo(stream));
        }
    }
}

async fn echo(stream: TcpStream) {
    let (mut reader, mut writer) = stream.into_split();
    // A connection that fails has nobody left to be told.
    if tokio::io::copy(&mut reader, &mut writer).await.is_ok() {
        let _ = writer.shutdown().await;
    }
}

pub(super) async fn serve_udp(socket: UdpSocket) {
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    while let Ok(received) = socket.recv_from(&mut buffer).await {
        // A datagram that cannot be sent back is lost, as any may be.
        let _ = socket.send_to(&buffer[..received.len], received.from).await;
    }
}
