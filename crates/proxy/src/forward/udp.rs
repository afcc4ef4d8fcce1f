//! Datagrams of forwards: a socket of its own for each client, until it has been silent for a while.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wirecraft::Target;
use wirecraft::network::Datagrams;

use super::Shared;
use crate::datagrams::{DATAGRAM_LEN_MAX, HostDatagrams, send};

/// Clients of one forward at once; datagrams of further ones are dropped.
const CLIENTS_MAX: usize = 4096;

/// Datagrams of one client that may wait.
const WAITING_MAX: usize = 256;

/// Bytes of datagrams that may wait, all clients of a forward together.
const WAITING_LEN_MAX: usize = 4 << 20;

/// Forwards datagrams from a socket of the host into the tunnel, until the tunnel is closed.
pub(super) async fn serve_local(shared: Arc<Shared>, socket: HostDatagrams, target: Target) {
    let idle = shared.limits.udp_idle;
    let way = WayInside { shared, target };
    serve(Arc::new(socket), Arc::new(way), idle).await;
}

/// Forwards datagrams from a socket of the tunnel to the host, until the tunnel is closed.
pub(super) async fn serve_remote(
    shared: Arc<Shared>,
    socket: wirecraft::UdpSocket,
    targets: Vec<SocketAddr>,
) {
    // Datagrams tell nothing about who is there: the first address is the one.
    if let Some(target) = targets.first() {
        let way = WayToHost(*target);
        serve(Arc::new(socket), Arc::new(way), shared.limits.udp_idle).await;
    }
}

/// Opens the sockets that clients get.
trait Way: Send + Sync + 'static {
    type Socket: Datagrams;

    /// Opens a socket for one client, and says where its datagrams go.
    fn open(&self) -> impl Future<Output = io::Result<(Self::Socket, SocketAddr)>> + Send;
}

/// To a target inside the tunnel.
struct WayInside {
    shared: Arc<Shared>,
    target: Target,
}

impl Way for WayInside {
    type Socket = wirecraft::UdpSocket;

    async fn open(&self) -> io::Result<(wirecraft::UdpSocket, SocketAddr)> {
        let tunnel = &self.shared.tunnel;
        let found = tunnel.resolver().addresses(&self.target.host).await;
        let addresses = found.map_err(io::Error::other)?;
        let address = addresses.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let socket = tunnel.udp_bind(0).await?;
        Ok((socket, SocketAddr::new(*address, self.target.port)))
    }
}

/// To a target on the host.
struct WayToHost(SocketAddr);

impl Way for WayToHost {
    type Socket = HostDatagrams;

    async fn open(&self) -> io::Result<(HostDatagrams, SocketAddr)> {
        Ok((HostDatagrams::connect(self.0).await?, self.0))
    }
}

/// A datagram on its way to the task of its client, with the room it takes.
type Waiting = (Vec<u8>, OwnedSemaphorePermit);

/// Gives each client that sends to `front` a socket of its own.
async fn serve<F: Datagrams, W: Way>(front: Arc<F>, way: Arc<W>, idle: Duration) {
    let mut clients = Clients::default();
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    loop {
        tokio::select! {
            received = poll_fn(|cx| front.poll_recv_from(cx, &mut buffer)) => match received {
                Ok((len, from)) => {
                    let begin = |waiting| {
                        let (front, way) = (front.clone(), way.clone());
                        carry(front, from, way, waiting, idle)
                    };
                    clients.take(from, &buffer[..len], begin);
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                // What came back for an earlier datagram concerns its client alone.
                Err(_) => {}
            },
            Some(ended) = clients.tasks.join_next() => {
                if let Ok(client) = ended {
                    clients.senders.remove(&client);
                }
            }
        }
    }
}

/// The clients of a forward, each with a task.
struct Clients {
    senders: HashMap<SocketAddr, mpsc::Sender<Waiting>>,
    tasks: JoinSet<SocketAddr>,
    /// One permit for each further byte that waits.
    room: Arc<Semaphore>,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            senders: HashMap::new(),
            tasks: JoinSet::new(),
            room: Arc::new(Semaphore::new(WAITING_LEN_MAX)),
        }
    }
}

impl Clients {
    /// Passes a datagram on to its client's task, which `begin` makes of a new client's datagrams.
    ///
    /// Who cannot keep up loses datagrams, as on any network.
    fn take<T>(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        begin: impl FnOnce(mpsc::Receiver<Waiting>) -> T,
    ) where
        T: Future<Output = SocketAddr> + Send + 'static,
    {
        let is_full = self.senders.len() >= CLIENTS_MAX;
        let sender = match self.senders.entry(from) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => {
                tracing::debug!(%from, "forward: too many UDP clients");
                return;
            }
            Entry::Vacant(new) => {
                let (sender, waiting) = mpsc::channel(WAITING_MAX);
                self.tasks.spawn(begin(waiting));
                new.insert(sender)
            }
        };
        let len = u32::try_from(datagram.len().max(1)).unwrap_or(u32::MAX);
        if let Ok(permit) = self.room.clone().try_acquire_many_owned(len) {
            let _ = sender.try_send((datagram.to_vec(), permit));
        }
    }
}

/// Carries the datagrams of one client, to its end; returns the client.
async fn carry<F: Datagrams, W: Way>(
    front: Arc<F>,
    client: SocketAddr,
    way: Arc<W>,
    waiting: mpsc::Receiver<Waiting>,
    idle: Duration,
) -> SocketAddr {
    match way.open().await {
        Ok((back, target)) => {
            tracing::info!(%client, to = %target, "forward: UDP client");
            let flow = Flow {
                front,
                client,
                back,
                target,
            };
            flow.run(waiting, idle).await;
        }
        Err(error) => tracing::info!(%client, %error, "forward: UDP client without a way"),
    }
    client
}

/// The datagrams of one client.
struct Flow<F, B> {
    front: Arc<F>,
    client: SocketAddr,
    back: B,
    target: SocketAddr,
}

impl<F: Datagrams, B: Datagrams> Flow<F, B> {
    /// Carries datagrams until there were none for `idle`, or a socket fails; the next one begins anew.
    async fn run(&self, mut waiting: mpsc::Receiver<Waiting>, idle: Duration) {
        let mut buffer = vec![0; DATAGRAM_LEN_MAX];
        let silence = sleep_until(Instant::now() + idle);
        tokio::pin!(silence);
        loop {
            let moved = tokio::select! {
                datagram = waiting.recv() => match datagram {
                    Some((datagram, _permit)) => send(&self.back, &datagram, self.target).await,
                    None => return,
                },
                received = poll_fn(|cx| self.back.poll_recv_from(cx, &mut buffer)) => match received {
                    Ok((len, from)) if from == self.target => {
                        send(&*self.front, &buffer[..len], self.client).await
                    }
                    Ok(_stranger) => continue,
                    Err(error) => Err(error),
                },
                () = &mut silence => return,
            };
            if let Err(error) = moved {
                tracing::debug!(client = %self.client, %error, "forward: UDP client ends");
                return;
            }
            silence.as_mut().reset(Instant::now() + idle);
        }
    }
}
