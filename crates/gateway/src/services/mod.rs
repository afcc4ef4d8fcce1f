//! Small services on a tunnel's own addresses.

mod dns;
mod echo;
mod http;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use wirecraft::{SocketError, Tunnel};

/// The port of the echo service, by TCP and UDP (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// The port of the name server, by UDP (RFC 1035).
pub const DNS_PORT: u16 = 53;

/// The port of the page (RFC 9110).
pub const HTTP_PORT: u16 = 80;

/// Connections that a service serves at once; further ones are closed.
const CONNECTIONS_MAX: usize = 256;

/// What the services say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceConfig {
    /// The names that the name server knows, and their addresses. All others do not exist.
    pub names: HashMap<String, Vec<IpAddr>>,
    /// What the web server answers to every GET.
    pub page: Bytes,
}

/// A service could not be started.
#[derive(Debug, thiserror::Error)]
#[error("port {port}: {source}")]
pub struct ServiceError {
    /// The port it was to have.
    pub port: u16,
    /// Why it could not have it.
    pub source: SocketError,
}

/// Running services. They end when this is dropped.
#[derive(Debug)]
pub struct Services {
    _tasks: JoinSet<()>,
}

impl Services {
    /// Starts all services on the addresses of `tunnel`.
    ///
    /// # Errors
    /// [`ServiceError`] if a port is taken or the tunnel is closed.
    pub async fn start(tunnel: &Tunnel, config: ServiceConfig) -> Result<Self, ServiceError> {
        let mut tasks = JoinSet::new();
        let on = |port| move |source| ServiceError { port, source };
        let echo = tunnel.tcp_listen(ECHO_PORT).await.map_err(on(ECHO_PORT))?;
        tasks.spawn(echo::serve_tcp(echo));
        let echo = tunnel.udp_bind(ECHO_PORT).await.map_err(on(ECHO_PORT))?;
        tasks.spawn(echo::serve_udp(echo));
        let dns = tunnel.udp_bind(DNS_PORT).await.map_err(on(DNS_PORT))?;
        tasks.spawn(dns::serve(dns, Arc::new(config.names)));
        let http = tunnel.tcp_listen(HTTP_PORT).await.map_err(on(HTTP_PORT))?;
        tasks.spawn(http::serve(http, config.page));
        Ok(Self { _tasks: tasks })
    }
}

/// Takes finished connections out, and says whether there is room for another one.
fn has_room(connections: &mut JoinSet<()>) -> bool {
    while connections.try_join_next().is_some() {}
    connections.len() < CONNECTIONS_MAX
}
