//! The endpoint over real sockets: a driver in a process of its own, whose use of the machine counts.

use anyhow::{Context as _, Result};
use serde_json::json;
use wirecraft_net::{Clock, Driver, DriverConfig, UdpTransport};
use wirecraft_tests::{Orders, Silent, Usage, answer};

use crate::cast::{Cast, load};

/// Serves until whoever started it ends; every order but the first is a call for a report.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let order = orders.first().await?;
    let peers = usize::try_from(order["peers"].as_u64().context("how many")?)?;
    let transport = UdpTransport::bind(0)?;
    let port = transport.local_port();
    let (driver, handle) = Driver::new(DriverConfig::default(), Clock::new(), transport, Silent);
    tokio::spawn(driver.run());
    let cast = Cast::from_seed(1, peers);
    let (key, lines) = (cast.endpoint.clone(), cast.peer_lines());
    drop(cast);
    let empty = Usage::of_this_process()?;
    handle
        .call(move |device, _| load(device, key, lines).map(drop))
        .await??;
    let loaded = Usage::of_this_process()?;
    let load_seconds = loaded.cpu.saturating_sub(empty.cpu).as_secs_f64();
    answer(&json!({"port": port, "empty": empty.resident_len, "load": load_seconds}));
    while orders.next().await.is_some() {
        let counters = handle.call(|device, _| *device.counters()).await?;
        let usage = Usage::of_this_process()?;
        let counters: serde_json::Map<String, serde_json::Value> = counters
            .iter()
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect();
        answer(&json!({
            "at": Clock::new().now().since_origin().as_secs_f64(),
            "cpu": usage.cpu.as_secs_f64(),
            "resident": usage.resident_len,
            "counters": counters,
        }));
    }
    Ok(())
}
