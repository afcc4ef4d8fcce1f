//! Connections of forwards.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wirecraft::{Target, TcpListener, TcpStream};

use super::{HostTarget, Shared};
use crate::host::{HostListener, HostStream};
use crate::relay::{Moved, relay};

/// How long to wait when the host has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a peer that says nothing is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Accepts on the host and connects inside the tunnel, for ever.
pub(super) async fn serve_local(shared: Arc<Shared>, listener: HostListener, target: Target) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // It waits here, and whoever comes next waits in the host.
                let Ok(permit) = shared.room.clone().acquire_owned().await else {
                    return;
                };
                let (shared, target) = (shared.clone(), target.clone());
                connections.spawn(async move {
                    connect_inside(&shared, stream, &from, &target).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "forward: cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connect_inside(shared: &Shared, stream: HostStream, from: &str, target: &Target) {
    let to = format!("{}:{}", target.host.escape_default(), target.port);
    match shared.tunnel.tcp_connect(target.clone()).await {
        Ok(inside) => carry(stream, inside, from, &to).await,
        Err(error) => {
            tracing::info!(%from, %to, %error, "forward: no connection");
            stream.reset();
        }
    }
}

/// Accepts inside the tunnel and connects on the host, until the tunnel is closed.
pub(super) async fn serve_remote(shared: Arc<Shared>, listener: TcpListener, target: HostTarget) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((inside, from)) = listener.accept().await else {
            return;
        };
        let Ok(permit) = shared.room.clone().acquire_owned().await else {
            return;
        };
        let target = target.clone();
        connections.spawn(async move {
            match connect_on_host(&target).await {
                Ok(stream) => {
                    // A peer that is gone must not keep its place for ever.
                    inside.set_keepalive(Some(KEEPALIVE));
                    carry(stream, inside, &from, &target).await;
                }
                Err(error) => {
                    tracing::info!(%from, to = %target, %error, "forward: no connection");
                    inside.abort();
                }
            }
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect_on_host(target: &HostTarget) -> io::Result<HostStream> {
    let addresses = match target {
        HostTarget::Unix(path) => return HostStream::connect_unix(path).await,
        HostTarget::Ip(addresses) => addresses,
    };
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match HostStream::connect(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// Relays a connection and logs what became of it.
async fn carry(
    stream: HostStream,
    inside: TcpStream,
    from: &(impl Display + ?Sized),
    to: &impl Display,
) {
    let (moved, began_at) = (Moved::default(), Instant::now());
    let relayed = relay(stream, &[], inside, &moved).await;
    let seconds = began_at.elapsed().as_secs_f32();
    let (up, down) = (moved.up(), moved.down());
    match relayed {
        Ok(()) => tracing::info!(%from, %to, up, down, seconds, "forward: ended"),
        Err(error) => tracing::info!(%from, %to, up, down, seconds, %error, "forward: broken off"),
    }
}
