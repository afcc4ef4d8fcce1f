//! What happens to a tunnel, as a stream.

use tokio::sync::broadcast;
use wirecraft_tunnel::Event;

/// The events of a tunnel from the moment this was made.
pub struct Events {
    /// `None` if the tunnel was closed before.
    receiver: Option<broadcast::Receiver<Event>>,
}

impl Events {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self { receiver }
    }

    /// Waits for the next event; `None` once the tunnel is closed.
    ///
    /// Who reads too slowly misses the oldest of more than 1024 events.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        let receiver = self.receiver.as_mut()?;
        loop {
            match receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
