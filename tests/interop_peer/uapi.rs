//! A tunnel with nothing inside that `wg` configures, as if it had an interface.

use anyhow::Result;
use std::path::Path;
use wirecraft_net::uapi::{Server, Socket};
use wirecraft_net::{Clock, Driver, DriverConfig, UdpTransport};
use wirecraft_tests::Silent;

/// Serves the socket of `interface` where `wg` looks for it, until this program is ended.
pub(crate) async fn serve(interface: &str, ready: impl FnOnce()) -> Result<()> {
    let transport = UdpTransport::bind(0)?;
    let (driver, handle) = Driver::new(DriverConfig::default(), Clock::new(), transport, Silent);
    let driver = tokio::spawn(driver.run());
    let socket = Socket::bind(Path::new(Socket::SYSTEM_DIRECTORY), interface)?;
    ready();
    Server::new(socket, handle).run().await;
    Ok(driver.await?)
}
