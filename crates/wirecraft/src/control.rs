//! The socket by which a tunnel without an interface is shown and configured.

use tokio::task::JoinSet;
use wirecraft_net::DriverHandle;
use wirecraft_net::uapi::{Server, Socket};

/// Serves a socket for a tunnel called `name`, where one can be made: a tunnel does without.
pub(crate) fn offer(name: &str, driver: &DriverHandle, tasks: &mut JoinSet<()>) {
    let Some(directory) = Socket::user_directory() else {
        return;
    };
    match Socket::bind_beside_others(&directory, name) {
        Ok(socket) => {
            let server = Server::new(socket, driver.clone());
            tasks.spawn(async move {
                // Somebody who removes it wants it gone, not the tunnel.
                server.run().await;
            });
        }
        Err(error) => tracing::debug!(%error, "the tunnel cannot be shown"),
    }
}
