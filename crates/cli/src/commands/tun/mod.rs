//! `wirecraft tun`: a network interface whose packets go through the tunnel.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{anyhow, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use wirecraft::{Config, Interface, InterfaceOptions, Offloads};

use crate::aead::connect_options;
use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::output;

/// Create a network interface and serve it
///
/// Keys and peers come from the configuration. Addresses and routes are left to `ip`, or to wg-quick. The
/// interface goes when the program ends.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wirecraft tun wg0 -f -c wg0.conf &
  ip addr add 10.0.0.2/24 dev wg0; ip link set wg0 up")]
pub(crate) struct Tun {
    /// The name of the interface
    #[arg(value_name = "IFACE")]
    interface: String,
    /// Stay in the foreground
    #[arg(short, long, required = true)]
    foreground: bool,
    /// Configuration in the syntax of wg-quick; `-` is standard input
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "WIRECRAFT_CONFIG",
        hide_env_values = true
    )]
    config: PathBuf,
    /// The greatest length of a packet in bytes, instead of what the configuration says
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(576..))]
    mtu: Option<u16>,
    /// Work not to leave to the kernel: tso and uso on the interface, gso and gro on the UDP socket,
    /// separated by commas
    #[arg(long, value_name = "LIST", default_value = "")]
    no_offload: Without,
}

/// Offloads without those of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Without(Offloads);

impl FromStr for Without {
    type Err = anyhow::Error;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut offloads = Offloads::default();
        for name in list.split(',').filter(|name| !name.is_empty()) {
            match name {
                "tso" => offloads.tso = false,
                "uso" => offloads.uso = false,
                "gso" => offloads.gso = false,
                "gro" => offloads.gro = false,
                _ => bail!("no offload is called {name}: tso, uso, gso, gro"),
            }
        }
        Ok(Self(offloads))
    }
}

impl Tun {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let config = Config::load(&self.config).map_err(Failure::call)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(Failure::call)?;
        let mut options = InterfaceOptions::new(self.interface);
        options.mtu = self.mtu;
        options.offloads = self.no_offload.0;
        options.aead_path = connect_options()?.aead_path;
        let mut interface = Interface::up(config, options)
            .await
            .map_err(Failure::call)?;
        if !verbosity.is_quiet() {
            let port = interface.listen_port().await.map_err(Failure::network)?;
            output::remark(format!("{} is up, on UDP port {port}", interface.name()));
        }
        let mut events = interface.events();
        let tell = async {
            while let Some(event) = events.next().await {
                tracing::info!(target: "wirecraft", ?event);
            }
        };
        let deleted = tokio::select! {
            () = interface.deleted() => true,
            () = tell => true,
            _ = terminated.recv() => false,
            _ = tokio::signal::ctrl_c() => false,
        };
        interface.close().await;
        if deleted {
            return Err(Failure::network(anyhow!("the interface was deleted")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_are_left_out_by_name() {
        let Without(offloads) = "uso".parse().unwrap();
        assert!(offloads.tso && !offloads.uso);
        let Without(offloads) = "tso,uso,gso,gro".parse().unwrap();
        assert!(!offloads.tso && !offloads.uso && !offloads.gso && !offloads.gro);
        assert_eq!("".parse::<Without>().unwrap().0, Offloads::default());
        assert!("lro".parse::<Without>().is_err());
    }
}
