//! Ports of the host that lead into the tunnel, and ports of the tunnel that lead to the host.

mod spec;
mod tcp;
mod udp;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wirecraft::{Binding, SocketError, Target, Tunnel};

use crate::datagrams::HostDatagrams;
use crate::host::{HostAddress, HostListener};

pub use spec::{HostBind, HostTarget, LocalForward, ParseForwardError, Protocol, RemoteForward};

/// How much forwards may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardLimits {
    /// TCP connections at once, all forwards together; further ones wait to be accepted. 4096.
    pub connections_max: usize,
    /// How long a UDP client may be silent, both ways, before it is forgotten. 60 s.
    pub udp_idle: Duration,
}

impl Default for ForwardLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            udp_idle: Duration::from_secs(60),
        }
    }
}

/// A forward could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The host does not let it listen there.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// Where it was to listen.
        address: HostAddress,
        /// What the host said.
        source: io::Error,
    },
    /// The tunnel does not let it listen there.
    #[error("port {port} of the tunnel: cannot listen: {source}")]
    ListenInside {
        /// The port in the tunnel.
        port: u16,
        /// What the tunnel said.
        source: SocketError,
    },
}

/// Where a forward listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listening {
    /// On the host.
    Host(HostAddress),
    /// Inside the tunnel.
    Inside(Binding),
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(address) => address.fmt(f),
            Self::Inside(Binding {
                address: Some(address),
                port,
            }) => SocketAddr::new(*address, *port).fmt(f),
            Self::Inside(Binding { port, .. }) => write!(f, "*:{port}"),
        }
    }
}

/// What all forwards of a tunnel share.
#[derive(Debug)]
struct Shared {
    tunnel: Tunnel,
    limits: ForwardLimits,
    /// One permit for each further TCP connection.
    room: Arc<Semaphore>,
}

/// Forwards through a tunnel. They end when this is dropped.
#[derive(Debug)]
pub struct Forwards {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Forwards {
    /// Prepares forwards through `tunnel`; there are none yet.
    #[must_use]
    pub fn new(tunnel: Tunnel, limits: ForwardLimits) -> Self {
        let room = limits.connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                tunnel,
                limits,
                room: Arc::new(Semaphore::new(room)),
            }),
            tasks: JoinSet::new(),
        }
    }

    /// Listens on the host, and connects inside the tunnel; returns where it listens.
    ///
    /// Of several addresses the first must be had; the others may be missing on the host.
    ///
    /// # Errors
    /// [`ForwardError::Listen`].
    pub async fn local(&mut self, forward: LocalForward) -> Result<Vec<Listening>, ForwardError> {
        let LocalForward {
            listen,
            target,
            protocol,
        } = forward;
        match (listen, protocol) {
            (HostBind::Unix(path), _) => {
                let address = HostAddress::Unix(path.clone());
                let listener = HostListener::unix(path).map_err(cannot_listen(&address))?;
                self.serve_local(listener, target);
                Ok(vec![Listening::Host(address)])
            }
            (HostBind::Ip { addresses, port }, Protocol::Tcp) => {
                on_each(&addresses, port, |address| {
                    let listener = HostListener::tcp(address)?;
                    let at = listener.address()?;
                    self.serve_local(listener, target.clone());
                    Ok(at)
                })
            }
            (HostBind::Ip { addresses, port }, Protocol::Udp) => {
                on_each(&addresses, port, |address| {
                    let socket = HostDatagrams::bind(address)?;
                    let at = HostAddress::Ip(socket.local_addr()?);
                    let serving = udp::serve_local(self.shared.clone(), socket, target.clone());
                    self.tasks.spawn(serving);
                    Ok(at)
                })
            }
        }
    }

    fn serve_local(&mut self, listener: HostListener, target: Target) {
        let serving = tcp::serve_local(self.shared.clone(), listener, target);
        self.tasks.spawn(serving);
    }

    /// Listens inside the tunnel, and connects on the host; returns where it listens.
    ///
    /// # Errors
    /// [`ForwardError::ListenInside`].
    pub async fn remote(&mut self, forward: RemoteForward) -> Result<Listening, ForwardError> {
        let RemoteForward {
            listen,
            target,
            protocol,
        } = forward;
        let cannot_listen = |source| ForwardError::ListenInside {
            port: listen.port,
            source,
        };
        let tunnel = &self.shared.tunnel;
        let at = match (protocol, target) {
            (Protocol::Udp, HostTarget::Ip(targets)) => {
                let socket = tunnel.udp_bind(listen).await.map_err(cannot_listen)?;
                let at = socket.binding();
                let serving = udp::serve_remote(self.shared.clone(), socket, targets);
                self.tasks.spawn(serving);
                at
            }
            (_, target) => {
                let listener = tunnel.tcp_listen(listen).await.map_err(cannot_listen)?;
                let at = listener.binding();
                let serving = tcp::serve_remote(self.shared.clone(), listener, target);
                self.tasks.spawn(serving);
                at
            }
        };
        Ok(Listening::Inside(at))
    }

    /// Waits until a forward has ended, which it does only when the tunnel is closed.
    pub async fn ended(&mut self) {
        self.tasks.join_next().await;
    }
}

/// Listens on each address; those behind the first may be missing, and take the port that the first got.
fn on_each(
    addresses: &[IpAddr],
    port: u16,
    mut listen: impl FnMut(SocketAddr) -> io::Result<HostAddress>,
) -> Result<Vec<Listening>, ForwardError> {
    let mut port = port;
    let mut listening = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match listen(address) {
            Ok(at) => {
                if let HostAddress::Ip(at) = &at {
                    port = at.port();
                }
                listening.push(Listening::Host(at));
            }
            Err(error) if listening.is_empty() => {
                return Err(cannot_listen(&HostAddress::Ip(address))(error));
            }
            Err(error) => tracing::debug!(%address, %error, "forward: cannot listen here"),
        }
    }
    Ok(listening)
}

fn cannot_listen(address: &HostAddress) -> impl FnOnce(io::Error) -> ForwardError {
    let address = address.clone();
    |source| ForwardError::Listen { address, source }
}
