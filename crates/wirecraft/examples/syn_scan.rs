//! Finds open ports: `syn_scan wg0.conf 10.0.0.0/24 1-1024`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;

use wirecraft::{Config, PortState, Targets, Tunnel, parse_ports};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let range = args().nth(2).ok_or("which addresses?")?.parse()?;
    let ports = parse_ports(&args().nth(3).ok_or("which ports?")?)?;

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let mut scan = tunnel.scan(Targets::new([range], [], ports)?).await?;
    while let Some(finding) = scan.next().await? {
        if finding.state == PortState::Open {
            println!("{} is open: {}", finding.target, finding.reason);
        }
    }
    println!("{} probes sent", scan.counts().probes);
    tunnel.close().await?;
    Ok(())
}
