//! A proxy: where it listens, whom it serves, and what its connections share.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wirecraft::{ExitStatus, Lease, PoolError, Rotation, Target, TcpStream, TunnelPool};

use crate::host::{HostAddress, HostListener, HostStream};
use crate::refusal::Refusal;
use crate::{http, metrics, socks};

/// How long to wait when the host has no room for another connection.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whom a proxy serves, and how much it may take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProxyOptions {
    /// Who may use it; everybody who reaches it, if empty.
    pub users: Vec<ProxyUser>,
    /// Whether it may listen on other addresses than loopback without users.
    pub is_open: bool,
    /// Connections at once, all listeners together; further ones wait to be accepted. 4096.
    pub connections_max: usize,
    /// How long a client may take to say what it wants. 30 s.
    pub request_timeout: Duration,
    /// How long a connection through the tunnel may take, the lookup of its name included. 30 s.
    pub connect_timeout: Duration,
    /// How long an association of UDP may be silent. 5 minutes.
    pub udp_idle: Duration,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            is_open: false,
            connections_max: 4096,
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(30),
            udp_idle: Duration::from_secs(300),
        }
    }
}

/// Somebody who may use a proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUser {
    /// The user name. A client may put `+` and the name of an exit, or any word, behind it.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for ProxyUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyUser")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A proxy cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The host does not let it.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// Where it was to listen.
        address: HostAddress,
        /// What the host said.
        source: io::Error,
    },
    /// Everybody could use it.
    #[error("{address} is not a loopback address: without users everybody could use the proxy")]
    Open {
        /// Where it was to listen.
        address: SocketAddr,
    },
}

/// What a proxy has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyCounters {
    /// Connections of clients that were accepted.
    pub accepted: u64,
    /// Connections of clients at this moment.
    pub active: u64,
    /// Connections through the tunnel, and associations of UDP, that were made for clients.
    pub connected: u64,
    /// Wishes of clients that could not be fulfilled.
    pub refused: u64,
    /// Clients without the right password.
    pub unauthorised: u64,
    /// What was no request.
    pub malformed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) active: AtomicU64,
    pub(crate) connected: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) unauthorised: AtomicU64,
    pub(crate) malformed: AtomicU64,
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Proxies into a pool of tunnels. They end when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// What the connections of a proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    pool: TunnelPool,
    pub(crate) options: ProxyOptions,
    pub(crate) counts: Counts,
    /// One permit for each further connection.
    room: Arc<Semaphore>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug)]
enum Speaks {
    Socks,
    Http,
}

impl Proxy {
    /// Prepares proxies; nothing listens yet.
    #[must_use]
    pub fn new(pool: TunnelPool, options: ProxyOptions) -> Self {
        let room = options.connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                pool,
                options,
                counts: Counts::default(),
                room: Arc::new(Semaphore::new(room)),
            }),
            tasks: JoinSet::new(),
        }
    }

    /// Listens for clients that speak SOCKS5, SOCKS4 or SOCKS4a; returns where.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn socks(&mut self, at: &HostAddress) -> Result<HostAddress, ProxyError> {
        self.listen(at, Speaks::Socks)
    }

    /// Listens for clients that speak HTTP; returns where.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn http(&mut self, at: &HostAddress) -> Result<HostAddress, ProxyError> {
        self.listen(at, Speaks::Http)
    }

    /// Answers `GET /metrics` with the counters of the proxy and of its exits, in the form of Prometheus; returns where.
    ///
    /// # Errors
    /// [`ProxyError`]; nobody is asked for a password here.
    pub fn metrics(&mut self, at: &HostAddress) -> Result<HostAddress, ProxyError> {
        refuse_open(at, self.shared.options.is_open)?;
        let (listener, at) = listen(at)?;
        self.tasks
            .spawn(metrics::serve(self.shared.clone(), listener));
        Ok(at)
    }

    fn listen(&mut self, at: &HostAddress, speaks: Speaks) -> Result<HostAddress, ProxyError> {
        let options = &self.shared.options;
        refuse_open(at, options.is_open || !options.users.is_empty())?;
        let (listener, at) = listen(at)?;
        self.tasks
            .spawn(accept(self.shared.clone(), listener, speaks));
        Ok(at)
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> ProxyCounters {
        self.shared.counters()
    }
}

impl Shared {
    /// What is known of the exits.
    pub(crate) fn exits(&self) -> Vec<ExitStatus> {
        self.pool.exits()
    }

    pub(crate) fn counters(&self) -> ProxyCounters {
        let counts = &self.counts;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProxyCounters {
            accepted: of(&counts.accepted),
            active: of(&counts.active),
            connected: of(&counts.connected),
            refused: of(&counts.refused),
            unauthorised: of(&counts.unauthorised),
            malformed: of(&counts.malformed),
        }
    }
}

/// An address that others can reach needs a reason.
fn refuse_open(at: &HostAddress, may_be_open: bool) -> Result<(), ProxyError> {
    match at {
        HostAddress::Ip(address) if !address.ip().is_loopback() && !may_be_open => {
            Err(ProxyError::Open { address: *address })
        }
        _ => Ok(()),
    }
}

/// Listens; returns where, with the port that it got.
fn listen(at: &HostAddress) -> Result<(HostListener, HostAddress), ProxyError> {
    let cannot = |source| ProxyError::Listen {
        address: at.clone(),
        source,
    };
    let listener = match at {
        HostAddress::Ip(address) => HostListener::tcp(*address),
        HostAddress::Unix(path) => HostListener::unix(PathBuf::clone(path)),
    };
    let listener = listener.map_err(cannot)?;
    let at = listener.address().map_err(cannot)?;
    Ok((listener, at))
}

/// Accepts clients and serves each in a task of its own, for ever.
async fn accept(shared: Arc<Shared>, listener: HostListener, speaks: Speaks) {
    let mut clients = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // It waits here, and whoever comes next waits in the host.
                let Ok(permit) = shared.room.clone().acquire_owned().await else {
                    return;
                };
                let client = Client::new(shared.clone(), from);
                clients.spawn(async move {
                    match speaks {
                        Speaks::Socks => socks::serve(&client, stream).await,
                        Speaks::Http => http::serve(client, stream).await,
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "proxy: cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while clients.try_join_next().is_some() {}
    }
}

/// Somebody who is connected to a proxy.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    /// Where it is, for logs.
    pub(crate) from: String,
    /// What chooses its exit, if it has said so.
    wish: Mutex<Option<String>>,
}

impl Client {
    fn new(shared: Arc<Shared>, from: String) -> Self {
        count(&shared.counts.accepted);
        count(&shared.counts.active);
        Self {
            shared,
            from,
            wish: Mutex::new(None),
        }
    }

    /// Whether a user name and a password are asked for.
    pub(crate) fn must_authenticate(&self) -> bool {
        !self.shared.options.users.is_empty()
    }

    /// Takes a user name and a password; says whether they are right. Without users every pair is.
    ///
    /// What stands behind `+` in the name, or the whole name where there are no users, chooses the exit.
    pub(crate) fn authenticate(&self, user: &[u8], password: &[u8]) -> bool {
        let users = &self.shared.options.users;
        let user = String::from_utf8_lossy(user);
        let (name, wish) = match user.split_once('+') {
            _ if users.is_empty() => ("", Some(&*user)),
            Some((name, wish)) => (name, Some(wish)),
            None => (&*user, None),
        };
        let is_right = |known: &ProxyUser| {
            let same_name = known.name.as_bytes().ct_eq(name.as_bytes());
            let same_password = known.password.as_bytes().ct_eq(password);
            bool::from(same_name & same_password)
        };
        if !users.is_empty() && !users.iter().any(is_right) {
            count(&self.shared.counts.unauthorised);
            tracing::info!(from = %self.from, user = ?name, "proxy: wrong password");
            return false;
        }
        self.set_wish(wish.filter(|wish| !wish.is_empty()));
        true
    }

    fn set_wish(&self, wish: Option<&str>) {
        let mut current = self.wish.lock().unwrap_or_else(PoisonError::into_inner);
        *current = wish.map(str::to_owned);
    }

    /// What chooses the exit: what the client said, or where it is if every client keeps its exit.
    pub(crate) fn wish(&self) -> Option<String> {
        let said = self
            .wish
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let is_sticky = self.shared.pool.rotation() == Rotation::Sticky;
        said.or_else(|| is_sticky.then(|| self.host().to_owned()))
    }

    /// Where it is, without the port.
    fn host(&self) -> &str {
        self.from
            .rsplit_once(':')
            .map_or(&self.from, |(host, _)| host)
    }

    /// Waits for an exit.
    async fn exit(&self) -> Result<Lease, PoolError> {
        self.shared.pool.pick(self.wish().as_deref()).await
    }

    /// Takes an exit, within the time that a connection may take.
    pub(crate) async fn exit_in_time(&self) -> Result<Lease, Refusal> {
        let limit = self.shared.options.connect_timeout;
        let picked = timeout(limit, self.exit()).await;
        Ok(picked.map_err(|_| Refusal::TimedOut)??)
    }

    /// Opens a connection to `target` through an exit, within the time that it may take.
    pub(crate) async fn connect(&self, target: &Target) -> Result<(Lease, TcpStream), Refusal> {
        let connecting = async {
            let exit = self.exit().await?;
            let stream = exit.tunnel().tcp_connect(target.clone()).await;
            let stream = stream.map_err(|error| {
                tracing::debug!(from = %self.from, %error, "proxy: cannot connect");
                Refusal::from(&error)
            })?;
            Ok((exit, stream))
        };
        let limit = self.shared.options.connect_timeout;
        let connected = timeout(limit, connecting).await;
        let connected = connected.unwrap_or(Err(Refusal::TimedOut));
        match &connected {
            Ok(_) => count(&self.shared.counts.connected),
            Err(refusal) => {
                count(&self.shared.counts.refused);
                tracing::info!(from = %self.from, to = %shown(target), %refusal, "proxy: no connection");
            }
        }
        connected
    }

    /// Relays a connection whose client has sent `early` already, and logs what became of it.
    pub(crate) async fn carry(
        &self,
        stream: HostStream,
        early: &[u8],
        exit: &Lease,
        inside: TcpStream,
        target: &Target,
    ) {
        use crate::relay::{Moved, relay};

        let began_at = tokio::time::Instant::now();
        let moved = Moved::of(Some(exit));
        let relayed = relay(stream, early, inside, &moved).await;
        let seconds = began_at.elapsed().as_secs_f32();
        let (up, down) = (moved.up(), moved.down());
        let (from, to, exit) = (&self.from, shown(target), exit.name());
        match relayed {
            Ok(()) => tracing::info!(%from, %to, %exit, up, down, seconds, "proxy: ended"),
            Err(error) => {
                tracing::info!(%from, %to, %exit, up, down, seconds, %error, "proxy: broken off");
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.counts.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A target as logs show it: what a client sent cannot write lines of its own.
pub(crate) fn shown(target: &Target) -> String {
    format!("{}:{}", target.host.escape_debug(), target.port)
}
