//! Several tunnels as one: each connection leaves by one of them, and those that are dead are left out.

mod choice;
mod directory;
mod exit;
mod health;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::connect::{ConnectError, ConnectOptions};
use crate::tunnel::Tunnel;
use choice::{Candidate, Choice};
use exit::Exit;

pub use choice::Rotation;
pub use directory::{DirectoryChange, PoolDirectory};
pub use exit::{ExitState, ExitStatus, Lease};
pub use health::HealthOptions;

/// How a pool chooses among its exits, and looks after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// When another exit is taken.
    pub rotation: Rotation,
    /// How exits are found dead, and found again.
    pub health: HealthOptions,
    /// What each exit may carry.
    pub quota: Quota,
    /// How the tunnels are brought up; they never wait for a handshake. If they are to have a name, each is
    /// called as its exit is.
    pub connect: ConnectOptions,
}

/// What one exit may carry. An exit that has used it up is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// Connections at once.
    pub connections_max: Option<u64>,
    /// Bytes of connections, both ways, as long as the exit is in the pool.
    pub bytes_max: Option<u64>,
}

/// There is no exit for a connection, and none will be by waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Every exit that comes into question has used its bytes up.
    #[error("the exits have used up their quota")]
    OutOfQuota,
    /// The pool is closed.
    #[error("the pool of tunnels is closed")]
    Closed,
}

/// An exit could not be added to a pool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddExitError {
    /// There is one of this name.
    #[error("there is an exit called {name} already")]
    Taken {
        /// The name.
        name: String,
    },
    /// The tunnel cannot be brought up.
    #[error("exit {name}: {source}")]
    Connect {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: ConnectError,
    },
    /// The pool is closed.
    #[error("exit {name}: the pool of tunnels is closed")]
    Closed {
        /// The name.
        name: String,
    },
}

/// A pool of tunnels, each an exit with a name; may be cloned.
///
/// An exit takes connections once its peer has answered. One that falls silent is left out, called at growing
/// intervals, and taken again when it answers. With a single exit there is nothing to choose: it is not checked.
///
/// ```no_run
/// use wirecraft::{Config, PoolOptions, TunnelPool};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = TunnelPool::new(PoolOptions::default());
/// pool.add("zurich", Config::load("zurich.conf")?).await?;
/// pool.add("oslo", Config::load("oslo.conf")?).await?;
/// let exit = pool.pick(None).await?;
/// let tcp = exit.tunnel().tcp_connect("example.org:80").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TunnelPool {
    inner: Arc<Inner>,
}

struct Inner {
    options: PoolOptions,
    members: Mutex<Members>,
    /// Told when an exit may take connections again, or is new.
    changed: Arc<Notify>,
}

struct Members {
    exits: Vec<Arc<Exit>>,
    choice: Choice,
    is_closed: bool,
}

impl TunnelPool {
    /// Makes an empty pool.
    #[must_use]
    pub fn new(options: PoolOptions) -> Self {
        let members = Members {
            exits: Vec::new(),
            choice: Choice::new(options.rotation),
            is_closed: false,
        };
        Self {
            inner: Arc::new(Inner {
                options,
                members: Mutex::new(members),
                changed: Arc::default(),
            }),
        }
    }

    /// Brings a tunnel up and adds it; it takes connections when its peer has answered.
    ///
    /// # Errors
    /// [`AddExitError`] if the name is taken, the tunnel cannot be brought up, or the pool is closed.
    pub async fn add(&self, name: &str, config: Config) -> Result<(), AddExitError> {
        self.inner.lock().refuse(name)?;
        let tunnel = self.bring_up(name, config).await?;
        self.add_tunnel(name, tunnel)
    }

    /// Adds a tunnel that is there already.
    ///
    /// # Errors
    /// [`AddExitError::Taken`], [`AddExitError::Closed`].
    pub fn add_tunnel(&self, name: &str, tunnel: Tunnel) -> Result<(), AddExitError> {
        let exit = Exit::new(name, tunnel, self.inner.changed.clone());
        {
            let mut members = self.inner.lock();
            members.refuse(name)?;
            members.exits.push(exit.clone());
        }
        self.look_after(&exit);
        Ok(())
    }

    /// Brings a tunnel up in place of the exit of that name: its users stay with the new one, and its connections
    /// go on until they end. Without such an exit it is added.
    ///
    /// # Errors
    /// As [`add`](Self::add); the exit stays as it was then.
    pub async fn replace(&self, name: &str, config: Config) -> Result<(), AddExitError> {
        let tunnel = self.bring_up(name, config).await?;
        let exit = Exit::new(name, tunnel, self.inner.changed.clone());
        {
            let mut members = self.inner.lock();
            match members.exits.iter().position(|exit| exit.name() == name) {
                Some(at) => members.exits[at] = exit.clone(),
                None => {
                    members.refuse(name)?;
                    members.exits.push(exit.clone());
                }
            }
        }
        self.look_after(&exit);
        Ok(())
    }

    async fn bring_up(&self, name: &str, config: Config) -> Result<Tunnel, AddExitError> {
        let cannot = |source| AddExitError::Connect {
            name: name.to_owned(),
            source,
        };
        if config.peers.is_empty() {
            return Err(cannot(ConnectError::NoPeers));
        }
        let mut connect = self.inner.options.connect.clone();
        connect.name = connect.name.map(|_| name.to_owned());
        Tunnel::listen_with(config, connect).await.map_err(cannot)
    }

    /// Calls an exit that has come into the pool, and tells those who wait for one.
    fn look_after(&self, exit: &Arc<Exit>) {
        let alone = Arc::downgrade(&self.inner);
        let is_alone = move || {
            alone
                .upgrade()
                .is_none_or(|pool| pool.lock().exits.len() <= 1)
        };
        exit.watch(self.inner.options.health, is_alone);
        self.inner.changed.notify_waiters();
    }

    /// Takes an exit out; its connections go on until they end. Says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let is_removed = {
            let mut members = self.inner.lock();
            let before = members.exits.len();
            members.exits.retain(|exit| exit.name() != name);
            members.choice.forget_exit(name);
            members.exits.len() < before
        };
        // Who waits for it by name may have another from here on.
        self.inner.changed.notify_waiters();
        is_removed
    }

    /// Waits for an exit to take a connection, and takes one.
    ///
    /// `user` is who asks, as a SOCKS user name or an address: the name of an exit pins that exit; anything else
    /// gets the same exit again as long as that is alive. Without it the rotation alone decides.
    ///
    /// # Errors
    /// [`PoolError`] if waiting would not help.
    ///
    /// # Cancel safety
    /// Nothing is taken.
    pub async fn pick(&self, user: Option<&str>) -> Result<Lease, PoolError> {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            // From here on a change is not missed.
            changed.as_mut().enable();
            if let Some(lease) = self.try_pick(user)? {
                return Ok(lease);
            }
            self.call_silent().await;
            changed.await;
        }
    }

    /// Calls the exits that do not answer: somebody waits, and they may be back.
    async fn call_silent(&self) {
        let exits: Vec<_> = {
            let members = self.inner.lock();
            let silent = members.exits.iter().filter(|exit| exit.may_be_called());
            silent.cloned().collect()
        };
        for exit in exits {
            // A tunnel that is closed is noticed by who watches it.
            let _ = exit.tunnel().start_handshakes().await;
        }
    }

    /// Waits until every exit has answered or was found silent, `limit` at most: from then on turns are fair.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn settle(&self, limit: Duration) {
        let settled = async {
            loop {
                let changed = self.inner.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let is_starting = |exit: &ExitStatus| exit.state == ExitState::Starting;
                if !self.exits().iter().any(is_starting) {
                    return;
                }
                changed.await;
            }
        };
        // Whoever is not there by then may still come.
        let _ = timeout(limit, settled).await;
    }

    /// As [`pick`](Self::pick); `None` where that would wait.
    ///
    /// # Errors
    /// As [`pick`](Self::pick).
    pub fn try_pick(&self, user: Option<&str>) -> Result<Option<Lease>, PoolError> {
        let mut members = self.inner.lock();
        if members.is_closed {
            return Err(PoolError::Closed);
        }
        let quota = self.inner.options.quota;
        let Members { exits, choice, .. } = &mut *members;
        let candidates: Vec<Candidate<'_>> = exits
            .iter()
            .map(|exit| Candidate {
                name: exit.name(),
                is_free: exit.is_free(quota),
                is_full: exit.is_full(quota),
            })
            .collect();
        if let Some(index) = choice.choose(Instant::now(), user, &candidates) {
            return Ok(Some(Lease::new(exits[index].clone())));
        }
        let pinned = exits.iter().find(|exit| Some(exit.name()) == user);
        let is_spent = |exit: &Arc<Exit>| exit.is_spent(quota);
        let in_vain = match pinned {
            Some(exit) => is_spent(exit),
            None => !exits.is_empty() && exits.iter().all(is_spent),
        };
        if in_vain {
            return Err(PoolError::OutOfQuota);
        }
        Ok(None)
    }

    /// What is known of the exits, in the order in which they were added.
    #[must_use]
    pub fn exits(&self) -> Vec<ExitStatus> {
        self.inner
            .lock()
            .exits
            .iter()
            .map(|exit| exit.status())
            .collect()
    }

    /// The tunnels with their names, in the order in which they were added.
    #[must_use]
    pub fn tunnels(&self) -> Vec<(String, Tunnel)> {
        let members = self.inner.lock();
        let exits = members.exits.iter();
        exits
            .map(|exit| (exit.name().to_owned(), exit.tunnel().clone()))
            .collect()
    }

    /// When another exit is taken.
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        self.inner.options.rotation
    }

    /// Takes all tunnels down. Waiting [`pick`](Self::pick)s end.
    pub async fn close(&self) {
        let exits = {
            let mut members = self.inner.lock();
            members.is_closed = true;
            core::mem::take(&mut members.exits)
        };
        self.inner.changed.notify_waiters();
        for exit in exits {
            // One that is down already needs no end.
            let _ = exit.tunnel().close().await;
        }
    }
}

impl Members {
    /// Refuses an exit whose name is taken, or any once the pool is closed.
    fn refuse(&self, name: &str) -> Result<(), AddExitError> {
        let name = || name.to_owned();
        if self.is_closed {
            return Err(AddExitError::Closed { name: name() });
        }
        match self.exits.iter().any(|exit| exit.name() == name()) {
            true => Err(AddExitError::Taken { name: name() }),
            false => Ok(()),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TunnelPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelPool")
            .field("exits", &self.exits())
            .finish_non_exhaustive()
    }
}
