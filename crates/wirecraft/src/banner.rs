//! What a service says to whoever connects to it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::socket_error::SocketError;
use crate::tunnel::Tunnel;

/// How a banner is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BannerOptions {
    /// How long to wait for the connection, and again for the first words. 2 seconds.
    pub timeout: Duration,
    /// The most bytes that are read. 512.
    pub len_max: usize,
}

impl Default for BannerOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            len_max: 512,
        }
    }
}

/// Asked of a service that says nothing by itself: web servers are most of them.
const QUESTION: &[u8] = b"HEAD / HTTP/1.0\r\n\r\n";

/// Ports on which printers put on paper whatever they are sent: nothing is.
const PRINTER_PORTS: core::ops::RangeInclusive<u16> = 9100..=9107;

impl Tunnel {
    /// Connects to a port and returns the first bytes that its service sends; nothing if it is silent.
    ///
    /// A service that waits for its client to begin is asked for a web page's head, but on ports 9100 to 9107,
    /// where printers would print the question.
    ///
    /// # Errors
    /// [`SocketError`] if the connection is refused or the tunnel closed.
    ///
    /// # Cancel safety
    /// The connection is given up.
    pub async fn banner(
        &self,
        target: SocketAddr,
        options: BannerOptions,
    ) -> Result<Vec<u8>, SocketError> {
        let connecting = self.sockets().tcp_connect(target);
        let Ok(stream) = timeout(options.timeout, connecting).await else {
            return Ok(Vec::new());
        };
        let mut stream = stream?;
        let mut words = vec![0; options.len_max];
        // What ends in an error said nothing either.
        if let Ok(Ok(len)) = timeout(options.timeout, stream.read(&mut words)).await {
            words.truncate(len);
            return Ok(words);
        }
        if PRINTER_PORTS.contains(&target.port()) || stream.write_all(QUESTION).await.is_err() {
            return Ok(Vec::new());
        }
        let answer = timeout(options.timeout, stream.read(&mut words)).await;
        words.truncate(answer.ok().and_then(Result::ok).unwrap_or(0));
        Ok(words)
    }
}
