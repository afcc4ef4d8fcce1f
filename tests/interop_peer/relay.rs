//! A router with NAT, as far as UDP is concerned: it passes datagrams on, and forgets who was silent.

use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Datagrams of one sender that wait to be passed on; more are lost.
const WAITING_MAX: usize = 256;

/// The longest UDP payload.
const MAX_UDP_LEN: usize = 65_507;

/// Passes what comes to `listen` on to `to`, each sender from a port of its own, and what comes back to
/// that sender. A port that nothing passes through for as long as `forget` is closed.
///
/// # Errors
/// When a socket cannot be opened, or that at `listen` fails.
pub(crate) async fn run(
    listen: SocketAddr,
    to: SocketAddr,
    forget: Duration,
    ready: impl FnOnce(),
) -> Result<()> {
    let socket = UdpSocket::bind(listen).await;
    let inside = Arc::new(socket.with_context(|| format!("listening at {listen}"))?);
    ready();
    let mut ways: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut buffer = vec![0; MAX_UDP_LEN];
    loop {
        let (len, from) = inside.recv_from(&mut buffer).await?;
        let open = ways.get(&from).filter(|way| !way.is_closed());
        let way = match open {
            Some(way) => way.clone(),
            None => {
                println!("sender {from}");
                let (way, datagrams) = mpsc::channel(WAITING_MAX);
                let outside = connect(to).await?;
                tokio::spawn(pass(datagrams, outside, Arc::clone(&inside), from, forget));
                ways.insert(from, way.clone());
                way
            }
        };
        // What does not fit is lost, as on any way.
        let _ = way.try_send(buffer[..len].to_vec());
    }
}

async fn connect(to: SocketAddr) -> Result<UdpSocket> {
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

/// Passes datagrams both ways until none has come for as long as `forget`.
async fn pass(
    mut datagrams: mpsc::Receiver<Vec<u8>>,
    outside: UdpSocket,
    inside: Arc<UdpSocket>,
    sender: SocketAddr,
    forget: Duration,
) {
    let mut buffer = vec![0; MAX_UDP_LEN];
    // What is refused on either side is lost.
    let one = async |datagrams: &mut mpsc::Receiver<Vec<u8>>, buffer: &mut [u8]| {
        tokio::select! {
            datagram = datagrams.recv() => {
                let _ = outside.send(&datagram.unwrap_or_default()).await;
            }
            received = outside.recv(buffer) => {
                if let Ok(len) = received {
                    let _ = inside.send_to(&buffer[..len], sender).await;
                }
            }
        }
    };
    while timeout(forget, one(&mut datagrams, &mut buffer))
        .await
        .is_ok()
    {}
}
