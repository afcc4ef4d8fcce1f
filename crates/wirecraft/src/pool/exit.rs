//! One exit of a pool: its tunnel, its state and what it has carried.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Quota;
use super::health::{HealthOptions, watch};
use crate::tunnel::Tunnel;

/// Whether an exit takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitState {
    /// Its peer has not answered yet.
    Starting,
    /// Its peer answers.
    Up,
    /// Its peer fell silent.
    Down,
}

/// What is known of an exit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitStatus {
    /// Its name in the pool.
    pub name: String,
    /// Whether it takes connections.
    pub state: ExitState,
    /// Connections that it has at this moment.
    pub active: u64,
    /// Connections that it was taken for.
    pub connections: u64,
    /// Bytes of connections into the tunnel.
    pub bytes_up: u64,
    /// Bytes of connections out of the tunnel.
    pub bytes_down: u64,
    /// How often it fell silent.
    pub deaths: u64,
}

pub(super) struct Exit {
    name: String,
    tunnel: Tunnel,
    state: Mutex<ExitState>,
    changed: Arc<Notify>,
    active: AtomicU64,
    connections: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    deaths: AtomicU64,
    /// When it was called because somebody waited.
    called_at: Mutex<Option<Instant>>,
    /// What looks after it; ends with it.
    watcher: OnceLock<AbortHandle>,
}

/// However many wait for an exit, it is called no more often. Source: WireGuard whitepaper §6.1, `REKEY_TIMEOUT`.
const CALL_INTERVAL: Duration = Duration::from_secs(5);

impl Exit {
    pub(super) fn new(name: &str, tunnel: Tunnel, changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            tunnel,
            state: Mutex::new(ExitState::Starting),
            changed,
            active: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            deaths: AtomicU64::new(0),
            called_at: Mutex::new(None),
            watcher: OnceLock::new(),
        })
    }

    /// Looks after it from here on.
    pub(super) fn watch(
        self: &Arc<Self>,
        options: HealthOptions,
        is_alone: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        let watching = watch(Arc::downgrade(self), self.tunnel.clone(), options, is_alone);
        let watcher = tokio::spawn(watching).abort_handle();
        // It is watched once.
        let _ = self.watcher.set(watcher);
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }

    pub(super) fn state(&self) -> ExitState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that its peer answers, or does not.
    pub(super) fn set_state(&self, state: ExitState) {
        let before = {
            let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            core::mem::replace(&mut *current, state)
        };
        if before == state {
            return;
        }
        if state == ExitState::Down {
            self.deaths.fetch_add(1, Ordering::Relaxed);
        }
        tracing::info!(exit = %self.name, ?state, "exit");
        self.changed.notify_waiters();
    }

    /// Whether it is silent and was not called just now; if so, it counts as called.
    pub(super) fn may_be_called(&self) -> bool {
        if self.state() != ExitState::Down {
            return false;
        }
        let now = Instant::now();
        let mut called_at = self
            .called_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_early = called_at.is_some_and(|at| now < at + CALL_INTERVAL);
        if !is_early {
            *called_at = Some(now);
        }
        !is_early
    }

    /// Whether it takes a connection at this moment.
    pub(super) fn is_free(&self, quota: Quota) -> bool {
        self.is_alive(quota) && self.has_room(quota)
    }

    /// Whether it takes none only because it has as many as it may have at once.
    pub(super) fn is_full(&self, quota: Quota) -> bool {
        self.is_alive(quota) && !self.has_room(quota)
    }

    fn is_alive(&self, quota: Quota) -> bool {
        self.state() == ExitState::Up && !self.is_spent(quota)
    }

    fn has_room(&self, quota: Quota) -> bool {
        let active = self.active.load(Ordering::Relaxed);
        quota.connections_max.is_none_or(|limit| active < limit)
    }

    /// Whether it has used its bytes up.
    pub(super) fn is_spent(&self, quota: Quota) -> bool {
        let up = self.bytes_up.load(Ordering::Relaxed);
        let down = self.bytes_down.load(Ordering::Relaxed);
        quota
            .bytes_max
            .is_some_and(|limit| up.saturating_add(down) >= limit)
    }

    pub(super) fn status(&self) -> ExitStatus {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ExitStatus {
            name: self.name.clone(),
            state: self.state(),
            active: of(&self.active),
            connections: of(&self.connections),
            bytes_up: of(&self.bytes_up),
            bytes_down: of(&self.bytes_down),
            deaths: of(&self.deaths),
        }
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.get() {
            watcher.abort();
        }
    }
}

/// An exit that was taken for a connection, until this is dropped.
pub struct Lease {
    exit: Arc<Exit>,
}

impl Lease {
    pub(super) fn new(exit: Arc<Exit>) -> Self {
        exit.active.fetch_add(1, Ordering::Relaxed);
        exit.connections.fetch_add(1, Ordering::Relaxed);
        Self { exit }
    }

    /// The name of the exit.
    #[must_use]
    pub fn name(&self) -> &str {
        self.exit.name()
    }

    /// The tunnel that leads to it.
    #[must_use]
    pub fn tunnel(&self) -> &Tunnel {
        self.exit.tunnel()
    }

    /// Whether its peer still answers, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.exit.state() == ExitState::Up
    }

    /// Counts bytes that the connection has moved, into the tunnel and out of it.
    pub fn count(&self, up: u64, down: u64) {
        self.exit.bytes_up.fetch_add(up, Ordering::Relaxed);
        self.exit.bytes_down.fetch_add(down, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.exit.active.fetch_sub(1, Ordering::Relaxed);
        // Where connections are limited, somebody may wait for this one's end.
        self.exit.changed.notify_waiters();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.exit.name).finish()
    }
}
