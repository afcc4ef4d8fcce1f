//! `wirecraft tun`: a network interface whose packets go through the tunnel.

mod offloads;
mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::net::TcpListener;
use tokio::time::sleep;
use wirecraft::config::Notice;
use wirecraft::daemon::{self, Background, Logs, Started};
use wirecraft::notify::ServiceManager;
use wirecraft::sandbox::{Confinement, Sandbox};
use wirecraft::{Config, Interface, InterfaceEnd, InterfaceError, InterfaceOptions};

use super::block_on_one_thread;
use crate::aead::connect_options;
use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::output;
use offloads::Without;
use signals::Signals;

/// Create a network interface and serve it
///
/// Keys and peers come from the configuration, or by `wg set` and `wg setconf`, which find the socket in
/// /var/run/wireguard. Addresses and routes are left to `ip`, or to wg-quick. Goes to the background once
/// the interface can be used. The program ends when the interface or its socket is deleted, or by
/// SIGTERM; the interface goes with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wirecraft tun wg0; wg setconf wg0 wg0.conf
  wirecraft tun wg0 -f -c wg0.conf &
  ip addr add 10.0.0.2/24 dev wg0; ip link set wg0 up
  WG_QUICK_USERSPACE_IMPLEMENTATION=wirecraft-tun wg-quick up wg0")]
pub(crate) struct Tun {
    /// The name of the interface; `%d` in it stands for a number that is free
    #[arg(value_name = "IFACE")]
    interface: String,
    /// Stay in the foreground
    #[arg(short, long)]
    foreground: bool,
    /// Configuration in the syntax of wg-quick; `-` is standard input
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "WIRECRAFT_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// The greatest length of a packet in bytes, instead of what the configuration says
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(576..))]
    mtu: Option<u16>,
    /// Work not to leave to the kernel: tso and uso on the interface, gso and gro on the UDP socket,
    /// separated by commas
    #[arg(long, value_name = "LIST", default_value = "")]
    no_offload: Without,
    /// Answer `GET /metrics` with counters for Prometheus
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Keep the rights that are not needed any more once the interface is open
    #[arg(long)]
    no_sandbox: bool,
}

impl Tun {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let background = if self.foreground {
            None
        } else {
            let background = Background::of_this_process().map_err(not_in_background)?;
            let Some(background) = background else {
                return start_in_background();
            };
            Some(background)
        };
        daemon::keep_files_private();
        block_on_one_thread(self.serve(background, verbosity))
    }

    async fn serve(
        self,
        background: Option<Background>,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(Failure::call)?;
        let manager = ServiceManager::find();
        let mut interface = self.open(verbosity).await?;
        manager.ready();
        if let Some(background) = background {
            let logs = if verbosity.is_verbose() {
                Logs::ToStandardError
            } else {
                Logs::Nowhere
            };
            background.ready(logs).map_err(not_in_background)?;
        } else if !verbosity.is_quiet() {
            let port = interface.listen_port().await.map_err(Failure::network)?;
            output::remark(format!("{} is up, on UDP port {port}", interface.name()));
        }
        let mut events = interface.events();
        let tell = async {
            while let Some(event) = events.next().await {
                tracing::info!(target: "wirecraft", ?event);
            }
            // How it ended says the interface.
            std::future::pending().await
        };
        let end = tokio::select! {
            end = interface.ended() => Some(end),
            () = tell => None,
            () = signals.asked_to_end() => None,
        };
        manager.stopping();
        let name = interface.name().to_owned();
        interface.close().await;
        match end {
            Some(InterfaceEnd::Failed) => {
                Err(Failure::network(anyhow!("{name} failed, and is gone")))
            }
            Some(end) if !verbosity.is_quiet() => {
                output::remark(reason(end, &name));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Brings the interface up, gives up rights, then takes in the configuration if there is one.
    async fn open(self, verbosity: Verbosity) -> Result<Interface, Failure> {
        let is_confined = !self.no_sandbox;
        let config = self.config.map(Config::load).transpose();
        let config = config.map_err(Failure::call)?;
        if !verbosity.is_quiet() {
            let notices = config.iter().flat_map(Config::notices);
            notices.filter_map(of_interface).for_each(output::remark);
        }
        let mut options = InterfaceOptions::new(self.interface);
        options.mtu = self.mtu;
        options.offloads = self.no_offload.0;
        options.aead_path = connect_options()?.aead_path;
        if let Some(config) = &config {
            options = options.with_config(config);
        }
        let sandbox = Sandbox {
            socket_directory: options.socket_directory.clone(),
            looks_names_up: config.as_ref().is_some_and(Config::has_endpoint_names),
        };
        let opened = open_when_free(options).await;
        let mut interface = opened.map_err(Failure::call)?;
        if let Some(address) = self.metrics {
            let listener = TcpListener::bind(address).await;
            let listener =
                listener.map_err(|error| Failure::call(anyhow!("{address}: {error}")))?;
            interface.serve_metrics(listener);
        }
        if is_confined {
            let Confinement {
                user,
                rights,
                files,
                calls,
            } = sandbox.enter().map_err(Failure::call)?;
            tracing::info!(target: "wirecraft", %user, %rights, %files, %calls, "confined");
        }
        if let Some(config) = config {
            let configured = interface.configure(config).await;
            configured.map_err(Failure::call)?;
        }
        Ok(interface)
    }
}

/// Opens an interface; who has its socket is given a second to end. `wg-quick down` returns when the
/// interface is gone, which its program hears of then.
async fn open_when_free(options: InterfaceOptions) -> Result<Interface, InterfaceError> {
    for _ in 0..20 {
        match Interface::open(options.clone()) {
            Err(error) if error.is_socket_in_use() => sleep(Duration::from_millis(50)).await,
            outcome => return outcome,
        }
    }
    Interface::open(options)
}

/// An interface has a mark: that of the configuration is set, unlike in the modes without root.
fn of_interface(notice: &Notice) -> Option<Notice> {
    let mut notice = notice.clone();
    if let Notice::NotExecuted { keys } = &mut notice {
        keys.retain(|key| *key != "FwMark");
        if keys.is_empty() {
            return None;
        }
    }
    Some(notice)
}

/// Has a second process serve, and ends as it began.
fn start_in_background() -> Result<(), Failure> {
    match daemon::start() {
        Ok(Started::Ready) => Ok(()),
        // It has told why.
        Ok(Started::Ended(status)) => Err(match status.code().and_then(|it| it.try_into().ok()) {
            Some(status) => Failure::Status(status),
            None => Failure::call(anyhow!("the background process ended by {status}")),
        }),
        Err(error) => Err(not_in_background(error)),
    }
}

fn not_in_background(error: io::Error) -> Failure {
    Failure::call(anyhow!("could not go to the background: {error}"))
}

fn reason(end: InterfaceEnd, name: &str) -> String {
    match end {
        InterfaceEnd::SocketRemoved => format!("the socket of {name} was removed: the end"),
        _ => format!("{name} was deleted: the end"),
    }
}
