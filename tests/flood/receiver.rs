//! The tunnel under attack: a driver that counts what the flow brings.

use std::fs;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Map, Value, json};
use wirecraft_net::{Clock, Driver, DriverConfig, DriverHandle, UdpTransport};
use wirecraft_tests::{Orders, Usage, answer};

use crate::flow::{Delivered, Sink};
use crate::identities::{Identities, PORT, inside};

/// Receives until the conductor ends; every order is a call for a report.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let identities = Identities::from_json(&orders.first().await?)?;
    let delivered = Arc::new(Mutex::new(Delivered::default()));
    let transport = UdpTransport::bind(PORT)?;
    let sink = Sink(Arc::clone(&delivered));
    let (driver, handle) = Driver::new(DriverConfig::default(), Clock::new(), transport, sink);
    tokio::spawn(driver.run());
    configure(&handle, identities).await?;
    answer(&json!({"ready": true}));
    while orders.next().await.is_some() {
        answer(&report(&handle, &delivered).await?);
    }
    Ok(())
}

async fn configure(handle: &DriverHandle, identities: Identities) -> Result<()> {
    handle
        .call(move |device, _| {
            device.set_private_key(Some(identities.receiver));
            for (number, key) in identities.peers.iter().enumerate() {
                let peer = device.add_peer(key.public_key())?;
                device.add_allowed_ip(peer, IpAddr::from(inside(number)).into())?;
            }
            Ok(())
        })
        .await?
}

async fn report(handle: &DriverHandle, delivered: &Mutex<Delivered>) -> Result<Value> {
    let counters = handle.call(|device, _| *device.counters()).await?;
    let sockets = handle.socket_counters().await?;
    let mut counts: Map<String, Value> = counters
        .iter()
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    counts.insert("receive_errors".into(), sockets.receive_errors.into());
    counts.insert("send_errors".into(), sockets.send_errors.into());
    let usage = Usage::of_this_process()?;
    // From here on the peak is that of the next phase.
    fs::write("/proc/self/clear_refs", "5")?;
    let delivered = delivered.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(json!({
        "at": Clock::new().now().since_origin().as_secs_f64(),
        "cpu": usage.cpu.as_secs_f64(),
        "resident": usage.resident_len,
        "peak": usage.peak_len,
        "counters": counts,
        "delivered": delivered.by_label.to_vec(),
        "duplicates": delivered.duplicates,
    }))
}
