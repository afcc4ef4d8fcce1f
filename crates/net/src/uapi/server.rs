//! The server: clients side by side, no more than a few.

use core::time::Duration;

use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connection::Connection;
use super::socket::Socket;
use crate::handle::DriverHandle;

/// Clients that are served at the same time; others wait until one has gone.
const CONNECTIONS_MAX: usize = 16;

/// How long no client is taken after the operating system could give none, for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the configuration protocol of one tunnel.
///
/// A client that sends nothing is let go after 30 s, one that sends too much at once. What a client
/// does is of no consequence to others.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    driver: DriverHandle,
    connections: JoinSet<()>,
}

/// Why a server has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerEnd {
    /// The driver has ended.
    DriverGone,
    /// Somebody removed the file of the socket: nobody can reach it any more.
    SocketRemoved,
}

impl Server {
    /// Makes a server of the tunnel that `driver` drives.
    #[must_use]
    pub fn new(socket: Socket, driver: DriverHandle) -> Self {
        Self {
            socket,
            driver,
            connections: JoinSet::new(),
        }
    }

    /// Serves until the driver ends or the socket is removed; the socket goes in any case.
    ///
    /// # Cancel safety
    /// Dropped, it lets go of all clients and removes the socket.
    pub async fn run(mut self) -> ServerEnd {
        loop {
            let has_room = self.connections.len() < CONNECTIONS_MAX;
            tokio::select! {
                () = self.driver.ended() => return ServerEnd::DriverGone,
                () = self.socket.removed() => return ServerEnd::SocketRemoved,
                Some(_) = self.connections.join_next() => {}
                accepted = self.socket.listener.accept(), if has_room => match accepted {
                    Ok((stream, _)) => self.serve(stream),
                    Err(error) => {
                        tracing::warn!(%error, "no client can be taken");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn serve(&mut self, stream: UnixStream) {
        let driver = self.driver.clone();
        self.connections.spawn(async move {
            let connection = Connection::new(stream, scope_of);
            if let Err(error) = connection.converse(&driver).await {
                tracing::debug!(%error, "configuration client");
            }
        });
    }
}

/// The index of a network interface of the host.
#[cfg(target_os = "linux")]
fn scope_of(name: &str) -> Option<u32> {
    use rustix::net::{AddressFamily, SocketType, netdevice::name_to_index, socket};
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    name_to_index(any, name).ok()
}

#[cfg(not(target_os = "linux"))]
fn scope_of(_: &str) -> Option<u32> {
    None
}
