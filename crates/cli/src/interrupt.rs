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
