//! Ctrl-C and SIGTERM, which end everything alike: cleanly.

use std::future::Future;

use anyhow::anyhow;

use crate::failure::Failure;

/// Waits until somebody presses Ctrl-C or sends SIGTERM, as `timeout` does.
///
/// From the first call on, neither ends the program by itself: everything that may take long waits for this
/// too.
pub(crate) async fn stop_wanted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without a handler for it, SIGTERM still ends the program by itself.
    let _ = tokio::signal::ctrl_c().await;
}

/// Does `work` until it ends or somebody interrupts.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        () = stop_wanted() => Err(Failure::network(anyhow!("interrupted"))),
    }
}

/// Serves until `work` ends, or somebody interrupts: that is a good end.
pub(crate) async fn until_stopped(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    tokio::select! {
        outcome = work => outcome,
        () = stop_wanted() => Ok(()),
    }
}
