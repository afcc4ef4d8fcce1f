//! `wirecraft serve`: a rootless gateway.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use wirecraft::{Config, Events, Tunnel};
use wirecraft_gateway::{NameServer, Relay, Rules};

use crate::aead::connect_options;
use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::open_files::raise_limit;
use crate::output;

/// Open files that connections of peers do not get: sockets of the tunnel, the terminal, libraries.
const FILES_KEPT: usize = 64;

/// Be the gateway of peers: pass what they send on by sockets of this host
///
/// Needs no root and no interface. A peer's connection is answered once the host it calls has answered; a
/// closed port is refused, a host out of reach is told to be so. Pings are passed on where the system lets
/// users ping (net.ipv4.ping_group_range). Addresses of loopback and of the links of this host (169.254.0.0/16,
/// fe80::/10) are reached only where rules name them; its other addresses and private networks are reached
/// unless rules deny them. Addresses of the tunnel and of other peers are not.
#[derive(Debug, Args)]
#[command(after_help = "\
Rules, in TOML; without any, peers reach everything but loopback and link-local addresses. An empty list of what
is allowed allows nothing:
  [default]
  deny = [\"192.168.0.0/16\", \"10.0.0.0/8:22\", \"[fd00::/8]:1-1023\"]
  [peers.\"PUBLIC KEY\"]
  allow = [\"10.1.0.0/16:443\"]
  connections = 16

Examples:
  wirecraft serve -c gateway.conf
  wirecraft serve -c gateway.conf --rules rules.toml --dns")]
pub(crate) struct Serve {
    /// Configuration in the syntax of wg-quick; `-` is standard input
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "WIRECRAFT_CONFIG",
        hide_env_values = true
    )]
    config: PathBuf,
    /// Which peers may reach what
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Answer name queries to the gateway's own addresses, by the name servers of this host
    #[arg(long)]
    dns: bool,
}

impl Serve {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let config = Config::load(&self.config).map_err(Failure::call)?;
        let rules = match &self.rules {
            Some(path) => Rules::load(path).map_err(Failure::call)?,
            None => Rules::default(),
        };
        if config.peers.is_empty() {
            return Err(Failure::call(anyhow!("no [Peer] in the configuration")));
        }
        let peers = config.peers.clone();
        let mut terminated = signal(SignalKind::terminate()).map_err(Failure::call)?;
        let mut options = connect_options()?;
        // What `wirecraft show` calls it.
        options.name = self
            .config
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let tunnel = Tunnel::listen_with(config, options);
        let tunnel = tunnel.await.map_err(Failure::call)?;
        let most = raise_limit().map_or(usize::MAX, |limit| limit.saturating_sub(FILES_KEPT));
        let relay = Relay::start_with(&tunnel, &peers, rules, most).await?;
        let _name_server = match self.dns {
            true => Some(NameServer::start(&tunnel).await.map_err(Failure::call)?),
            false => None,
        };
        if !verbosity.is_quiet() {
            let port = tunnel.status().await.map_err(Failure::network)?.listen_port;
            let count = peers.len();
            output::remark(format!("serving {count} peers on UDP port {port}"));
        }
        tokio::select! {
            () = tell(tunnel.events()) => return Err(Failure::network(anyhow!("the tunnel is closed"))),
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        if !verbosity.is_quiet() {
            let passed = relay.counters();
            output::remark(format!(
                "passed on {} connections, {} flows and {} pings; {} refused, {} forbidden, {} without room",
                passed.connections,
                passed.flows,
                passed.pings,
                passed.refused,
                passed.forbidden,
                passed.no_room
            ));
        }
        // One that is down already needs no closing.
        let _ = tunnel.close().await;
        Ok(())
    }
}

/// Tells what happens to the tunnel; ends with it.
async fn tell(mut events: Events) {
    while let Some(event) = events.next().await {
        tracing::info!(target: "wirecraft", ?event);
    }
}
