//! What the rest of a program holds of a running driver.

use tokio::sync::{broadcast, mpsc, oneshot};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Device, Event, PeerId};

use crate::entropy::SystemEntropy;
use crate::inner::Inner;
use crate::udp::{SocketChange, SocketChangeError, SocketCounters, UdpTransport};

/// Something to be done by the driver between two batches.
pub(crate) type Command = Box<dyn FnOnce(&mut Served<'_>) + Send>;

/// What a command may act upon.
pub(crate) struct Served<'a> {
    pub(crate) device: &'a mut Device<SystemEntropy>,
    pub(crate) transport: &'a mut UdpTransport,
    pub(crate) inner: &'a dyn Inner,
    pub(crate) now: Instant,
    pub(crate) stop: bool,
}

impl Served<'_> {
    /// Changes the sockets. The routing table decides afresh which of our addresses peers are spoken to
    /// from, as it may decide otherwise by the mark.
    pub(crate) fn change_sockets(&mut self, change: SocketChange) -> Result<(), SocketChangeError> {
        if change.is_empty() {
            return Ok(());
        }
        self.transport.change(change)?;
        let peers: Vec<PeerId> = self.device.peers().collect();
        for peer in peers {
            self.device.forget_local_address(peer);
        }
        Ok(())
    }
}

/// The driver has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the tunnel is closed")]
pub struct DriverGone;

/// A way to a running driver; may be cloned.
#[derive(Clone, Debug)]
pub struct DriverHandle {
    commands: mpsc::Sender<Command>,
    events: broadcast::WeakSender<Event>,
}

impl DriverHandle {
    pub(crate) fn new(commands: mpsc::Sender<Command>, events: &broadcast::Sender<Event>) -> Self {
        Self {
            commands,
            events: events.downgrade(),
        }
    }

    /// Lets `action` act upon the device between two batches and returns what it returns.
    ///
    /// # Errors
    /// [`DriverGone`] if the driver has ended.
    ///
    /// # Cancel safety
    /// Once polled, `action` may be done even if the future is dropped.
    pub async fn call<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Device<SystemEntropy>, Instant) -> T + Send + 'static,
    ) -> Result<T, DriverGone> {
        self.serve(move |served| action(served.device, served.now))
            .await
    }

    /// What happened on the sockets.
    ///
    /// # Errors
    /// [`DriverGone`] if the driver has ended.
    pub async fn socket_counters(&self) -> Result<SocketCounters, DriverGone> {
        self.serve(|served| served.transport.counters()).await
    }

    /// The UDP port that the tunnel receives on.
    ///
    /// # Errors
    /// [`DriverGone`] if the driver has ended.
    pub async fn local_port(&self) -> Result<u16, DriverGone> {
        self.serve(|served| served.transport.local_port()).await
    }

    /// Moves the tunnel to another UDP port, marks its outer packets, or both.
    ///
    /// Peers learn of another port by the next message they are sent.
    ///
    /// # Errors
    /// The inner one is [`UdpTransport::change`]'s: nothing has changed. [`DriverGone`] if the driver has
    /// ended.
    pub async fn change_sockets(
        &self,
        change: SocketChange,
    ) -> Result<Result<(), SocketChangeError>, DriverGone> {
        self.serve(move |served| served.change_sockets(change))
            .await
    }

    /// Ends the driver and waits until it has: sockets are closed and keys wiped.
    ///
    /// # Errors
    /// [`DriverGone`] if it had ended before.
    ///
    /// # Cancel safety
    /// Once polled, the driver may end even if the future is dropped.
    pub async fn stop(&self) -> Result<(), DriverGone> {
        self.serve(|served| served.stop = true).await?;
        self.commands.closed().await;
        Ok(())
    }

    /// Waits until the driver has ended.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    /// The device's events from here on; who reads too slowly misses the oldest.
    ///
    /// # Errors
    /// [`DriverGone`] if the driver has ended.
    pub fn events(&self) -> Result<broadcast::Receiver<Event>, DriverGone> {
        Ok(self.events.upgrade().ok_or(DriverGone)?.subscribe())
    }

    pub(crate) async fn serve<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut Served<'_>) -> T + Send + 'static,
    ) -> Result<T, DriverGone> {
        let (answer, answered) = oneshot::channel();
        let command: Command = Box::new(move |served| {
            // Nobody may wait for the answer any more; the action was wanted all the same.
            let _ = answer.send(action(served));
        });
        self.commands.send(command).await.map_err(|_| DriverGone)?;
        answered.await.map_err(|_| DriverGone)
    }
}
