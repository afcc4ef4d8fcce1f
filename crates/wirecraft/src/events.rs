//! What happens to a tunnel, as a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use wirecraft_tunnel::Event;

/// The events of a tunnel from the moment this was made; a [`Stream`] that ends with the tunnel.
///
/// Who reads too slowly misses the oldest of more than 1024 events.
pub struct Events {
    /// `None` if the tunnel was closed before.
    events: Option<BroadcastStream<Event>>,
}

impl Events {
    pub(crate) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self {
            events: receiver.map(BroadcastStream::new),
        }
    }

    /// Waits for the next event; `None` once the tunnel is closed.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(events) = self.events.as_mut() else {
            return Poll::Ready(None);
        };
        loop {
            match Pin::new(&mut *events).poll_next(cx) {
                Poll::Ready(Some(Ok(event))) => return Poll::Ready(Some(event)),
                // Some were missed; those that are left come next.
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
