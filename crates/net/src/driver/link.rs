//! What becomes of a tunnel whose inner side goes down, or up again.

use wirecraft_time::Instant;

use super::Driver;
use crate::inner::Inner;

impl<I: Inner> Driver<I> {
    /// Whether the inner side went down or up since it was last followed.
    pub(super) fn has_link_changed(&self) -> bool {
        self.inner.is_up() != self.is_up
    }

    /// Closes the sockets and ends all sessions when the inner side goes down; opens them, and calls
    /// peers that are to be kept alive, when it comes up.
    ///
    /// Source: Linux `device.c:wg_stop`, `wg_open`.
    pub(super) fn follow_link(&mut self, now: Instant) {
        if !self.has_link_changed() {
            return;
        }
        self.is_up = self.inner.is_up();
        tracing::debug!(is_up = self.is_up, "the interface was set");
        if self.is_up {
            self.transport.reopen();
            self.device.resume(now);
        } else {
            self.device.halt();
            self.transport.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use tokio::sync::Notify;
    use wirecraft_tunnel::{Arena, SendError};

    use super::*;
    use crate::clock::Clock;
    use crate::driver::DriverConfig;
    use crate::handle::DriverHandle;
    use crate::inner::Packets;
    use crate::udp::UdpTransport;

    /// An inner side that is down until it is set up, and has a packet each time that it was.
    struct Link {
        is_up: Arc<AtomicBool>,
        has_packet: bool,
        refused: Arc<Mutex<Vec<SendError>>>,
        changed: Arc<Notify>,
        waiting: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    }

    impl Inner for Link {
        fn deliver(&mut self, _: Instant, _: Packets<'_, '_>) {}

        fn poll_packets(
            &mut self,
            cx: &mut Context<'_>,
            _: Instant,
            arena: &mut Arena,
        ) -> Poll<()> {
            while self.waiting.as_mut().poll(cx).is_ready() {
                self.waiting = wait(&self.changed);
                self.has_packet = self.is_up();
            }
            if !std::mem::take(&mut self.has_packet) {
                return Poll::Pending;
            }
            let packet = wirecraft_ip_packets::v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
            arena.push(&packet.udp(1, 2).build()).unwrap();
            Poll::Ready(())
        }

        fn poll_timeout(&self) -> Option<Instant> {
            None
        }

        fn undeliverable(&mut self, _: Instant, _: &[u8], error: SendError) {
            self.refused.lock().unwrap().push(error);
        }

        fn is_up(&self) -> bool {
            self.is_up.load(Ordering::Relaxed)
        }
    }

    fn wait(changed: &Arc<Notify>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let changed = changed.clone();
        Box::pin(async move { changed.notified().await })
    }

    /// Waits until the port is taken, or free.
    async fn port_is_taken(driver: &DriverHandle, wanted: bool) {
        let port = driver.local_port().await.unwrap();
        while UdpTransport::bind(port).is_err() != wanted {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_tunnel_whose_link_is_down_has_no_port_until_it_is_up() {
        let (is_up, changed) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let refused = Arc::new(Mutex::new(Vec::new()));
        let inner = Link {
            is_up: is_up.clone(),
            has_packet: false,
            refused: refused.clone(),
            waiting: wait(&changed),
            changed: changed.clone(),
        };
        let transport = UdpTransport::bind(0).unwrap();
        let config = DriverConfig::default();
        let (running, driver) = Driver::new(config, Clock::new(), transport, inner);
        tokio::spawn(running.run());
        for up in [false, true, false, true] {
            is_up.store(up, Ordering::Relaxed);
            changed.notify_one();
            port_is_taken(&driver, up).await;
        }
        // What came with the link was not refused for a link that is down: there is no peer for it.
        let refused = refused.lock().unwrap();
        assert_eq!(*refused, [SendError::NoRoute, SendError::NoRoute]);
    }
}
