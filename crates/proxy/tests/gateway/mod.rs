//! A tunnel to a gateway in this process, and bytes to send through it.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use wirecraft::Tunnel;
use wirecraft_gateway::DemoGateway;

const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work)
        .await
        .expect("done before the deadline")
}

/// A gateway on loopback, and a tunnel to it.
pub(crate) async fn connected() -> (DemoGateway, Tunnel) {
    let gateway = DemoGateway::start().await.unwrap();
    let tunnel = in_time(Tunnel::connect(gateway.client_config().clone()))
        .await
        .unwrap();
    (gateway, tunnel)
}

/// Bytes that do not repeat at powers of two.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}
