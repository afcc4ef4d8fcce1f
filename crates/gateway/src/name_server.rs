//! Passes name queries to the gateway's own addresses on to the name servers of this host.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::{SocketError, Tunnel};

use crate::services::DNS_PORT;

/// Where the host says whom it asks.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Queries under way at once; further ones are dropped, and come again.
const QUERIES_MAX: usize = 1024;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const MESSAGE_LEN_MAX: usize = 65_535;

/// A name server at work. It ends when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    _tasks: JoinSet<()>,
}

/// A name server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameServerError {
    /// The file that names the host's name servers cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The host has none itself.
    #[error("{} names no name server", path.display())]
    NoServer {
        /// The file that should name one.
        path: PathBuf,
    },
    /// The port is taken, or the tunnel closed.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

impl NameServer {
    /// Starts to answer on the tunnel's own addresses, by UDP.
    ///
    /// # Errors
    /// [`NameServerError`].
    pub async fn start(tunnel: &Tunnel) -> Result<Self, NameServerError> {
        let path = PathBuf::from(RESOLV_CONF);
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|source| NameServerError::Read {
            path: path.clone(),
            source,
        })?;
        let server = first_server(&text).ok_or(NameServerError::NoServer { path })?;
        let socket = Arc::new(tunnel.udp_bind(DNS_PORT).await?);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(socket, SocketAddr::new(server, DNS_PORT)));
        Ok(Self { _tasks: tasks })
    }
}

/// Reads the first name server out of a file in the form of `resolv.conf(5)`.
fn first_server(text: &str) -> Option<IpAddr> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse().ok()
    })
}

async fn serve(socket: Arc<wirecraft::UdpSocket>, server: SocketAddr) {
    let room = Arc::new(Semaphore::new(QUERIES_MAX));
    let mut queries = JoinSet::new();
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    loop {
        let received = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(SocketError::Closed) => return,
            // It concerns an earlier answer.
            Err(_) => continue,
        };
        while queries.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let (socket, query) = (Arc::clone(&socket), buffer[..received.len].to_vec());
        queries.spawn(async move {
            let _permit = permit;
            let Ok(Ok(answer)) = timeout(ANSWER_TIMEOUT, ask(server, &query)).await else {
                return;
            };
            // An answer that cannot be sent is lost, as it might be on the way.
            let _ = socket.answer(&received, &answer).await;
        });
    }
}

async fn ask(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = Vec::with_capacity(MESSAGE_LEN_MAX);
    socket.recv_buf(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_server_of_the_host_is_asked() {
        let text = "# comment\nsearch example.org\n nameserver 192.0.2.53 \nnameserver ::1\n";
        assert_eq!(first_server(text), Some([192, 0, 2, 53].into()));
        assert_eq!(first_server("search example.org\n"), None);
    }
}
