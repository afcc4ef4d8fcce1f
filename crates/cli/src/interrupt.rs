//! Ctrl-C.

use std::future::Future;

use anyhow::anyhow;

use crate::failure::Failure;

/// Does `work` until it ends or somebody presses Ctrl-C.
///
/// From the first call on, Ctrl-C ends nothing by itself: everything that may take long goes through here.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::network(anyhow!("interrupted"))),
    }
}

/// Serves until `work` ends, or somebody presses Ctrl-C or sends SIGTERM: that is a good end.
pub(crate) async fn until_stopped(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    #[cfg(unix)]
    let mut terminated = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).map_err(Failure::call)?
    };
    #[cfg(unix)]
    let terminated = terminated.recv();
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminated => Ok(()),
    }
}
