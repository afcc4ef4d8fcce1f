//! An endpoint between the driver's task and the tasks that use it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use wirecraft_netstack::{EchoEndpoint, Listener, RawEndpoint, TcpConnection, UdpEndpoint};
use wirecraft_time::Instant;

use super::memory::Claim;
use crate::tcp::TcpStream;

/// An endpoint behind a lock of its own, and whether the driver is to look at it.
///
/// The lock is held for one batch of packets or one copy of bytes, never across an `await`.
pub(crate) struct Shared<E> {
    endpoint: Mutex<E>,
    queued: AtomicBool,
    attention: Attention,
}

/// What the driver is asked to look at. Each endpoint is in the queue at most once.
pub(crate) enum Ready {
    Tcp(Arc<Shared<TcpSide>>),
    Listener(Arc<Shared<Listener<TcpStream>>>),
    Udp(Arc<Shared<UdpEndpoint>>),
    Echo(Arc<Shared<EchoSide>>),
    Raw(Arc<Shared<RawEndpoint>>),
}

/// The way to the driver's queue.
pub(crate) type Attention = mpsc::UnboundedSender<Ready>;

/// A TCP connection with what the driver keeps for it.
pub(crate) struct TcpSide {
    pub(crate) connection: TcpConnection,
    /// The listener that waits for the handshake to end.
    pub(crate) listener: Option<Arc<Shared<Listener<TcpStream>>>>,
    /// The earliest entry among the timers.
    pub(crate) armed: Option<Instant>,
    /// What its buffers take of the memory of all.
    pub(crate) claim: Claim,
}

/// An echo endpoint with what the driver keeps for it.
pub(crate) struct EchoSide {
    pub(crate) endpoint: EchoEndpoint,
    /// The earliest entry among the timers.
    pub(crate) armed: Option<Instant>,
}

/// An endpoint that can be put into the driver's queue.
pub(crate) trait Queueable: Sized {
    fn ready(shared: Arc<Shared<Self>>) -> Ready;
}

impl<E: Queueable> Shared<E> {
    pub(crate) fn new(endpoint: E, attention: Attention) -> Arc<Self> {
        Arc::new(Self {
            endpoint: Mutex::new(endpoint),
            queued: AtomicBool::new(false),
            attention,
        })
    }

    /// Locks the endpoint. Endpoints hold no invariant that a panic of another task could break.
    pub(crate) fn lock(&self) -> MutexGuard<'_, E> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the driver to look at the endpoint.
    pub(crate) fn notify(self: &Arc<Self>) {
        if self.mark_queued() {
            // Without a driver nobody is left who could send anything.
            let _ = self.attention.send(E::ready(Arc::clone(self)));
        }
    }

    /// Marks the endpoint as queued; false if it was already.
    pub(crate) fn mark_queued(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }

    /// Takes the mark off, before the endpoint is looked at: whatever changes later queues it anew.
    pub(crate) fn unmark_queued(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Queueable for TcpSide {
    fn ready(shared: Arc<Shared<Self>>) -> Ready {
        Ready::Tcp(shared)
    }
}

impl Queueable for Listener<TcpStream> {
    fn ready(shared: Arc<Shared<Self>>) -> Ready {
        Ready::Listener(shared)
    }
}

impl Queueable for UdpEndpoint {
    fn ready(shared: Arc<Shared<Self>>) -> Ready {
        Ready::Udp(shared)
    }
}

impl Queueable for EchoSide {
    fn ready(shared: Arc<Shared<Self>>) -> Ready {
        Ready::Echo(shared)
    }
}

impl Queueable for RawEndpoint {
    fn ready(shared: Arc<Shared<Self>>) -> Ready {
        Ready::Raw(shared)
    }
}
