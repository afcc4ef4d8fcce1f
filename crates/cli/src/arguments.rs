//! What several commands take: verbosity, the configuration, times.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::{ArgAction, Args, Parser};
#[cfg(target_os = "linux")]
use clap::{CommandFactory as _, FromArgMatches as _, builder::Resettable};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use wirecraft::{Config, ConnectError, Tunnel};

use crate::aead::connect_options;
#[cfg(target_os = "linux")]
use crate::commands::tun::Tun;
use crate::commands::{Command, dns};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;
use crate::recording;

/// WireGuard in user space: work through a tunnel without root and without changing the host.
#[derive(Debug, Parser)]
#[command(
    name = "wirecraft",
    version,
    max_term_width = 100,
    after_help = "\
Exit status: 0 done; 1 the network said no; 2 the call or the configuration is wrong.
Every command explains itself: `wirecraft ping --help`."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// WireGuard in user space: a network interface whose packets go through the tunnel.
#[cfg(target_os = "linux")]
#[derive(Debug, Parser)]
#[command(name = "wirecraft-tun", version, max_term_width = 100)]
pub(crate) struct TunCli {
    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
    #[command(flatten)]
    pub(crate) tun: Tun,
}

#[cfg(target_os = "linux")]
impl TunCli {
    /// Reads the arguments. Who calls by this name configures by `wg`: the environment names no file.
    pub(crate) fn read() -> Self {
        let command = Self::command().mut_arg("config", |it| it.env(Resettable::Reset));
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Verbosity {
    /// Say more on standard error; twice for details, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 900)]
    verbose: u8,
    /// Say nothing but errors on standard error
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        display_order = 901
    )]
    quiet: bool,
}

impl Verbosity {
    /// Sends logs to standard error. Libraries below wirecraft are heard from `-vv` on.
    pub(crate) fn start_logging(self) {
        let (own, others) = match (self.quiet, self.verbose) {
            (true, _) => (LevelFilter::ERROR, LevelFilter::OFF),
            (false, 0) => (LevelFilter::WARN, LevelFilter::OFF),
            (false, 1) => (LevelFilter::INFO, LevelFilter::OFF),
            (false, 2) => (LevelFilter::DEBUG, LevelFilter::INFO),
            (false, _) => (LevelFilter::TRACE, LevelFilter::TRACE),
        };
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(self.verbose > 1);
        tracing_subscriber::registry()
            .with(lines)
            .with(
                Targets::new()
                    .with_default(others)
                    .with_target("wirecraft", own),
            )
            .init();
    }

    /// Whether more than usual is to be said.
    pub(crate) fn is_verbose(self) -> bool {
        self.verbose > 0
    }

    /// Whether remarks and progress are wanted.
    pub(crate) fn is_quiet(self) -> bool {
        self.quiet
    }
}

/// A host behind the tunnel, by IPv4 or IPv6.
#[derive(Debug, Args)]
pub(crate) struct HostArgs {
    /// A name, which is looked up through the tunnel, or an address
    pub(crate) host: String,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    v6: bool,
}

impl HostArgs {
    /// Refuses an address of the family that is not wanted.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.host.parse() {
            Ok(address) if !self.is_wanted(&address) => Err(Failure::Call(self.without_address())),
            _ => Ok(()),
        }
    }

    /// Looks the host up, and takes the first address of the wanted family.
    pub(crate) async fn address(&self, tunnel: &Tunnel) -> Result<IpAddr, Failure> {
        let found = tunnel.resolver().addresses(&self.host).await;
        let found = found.map_err(dns::failure)?;
        found
            .into_iter()
            .find(|address| self.is_wanted(address))
            .ok_or_else(|| Failure::Network(self.without_address()))
    }

    fn is_wanted(&self, address: &IpAddr) -> bool {
        !(self.v4 && address.is_ipv6() || self.v6 && address.is_ipv4())
    }

    fn without_address(&self) -> anyhow::Error {
        let family = if self.v4 { "IPv4" } else { "IPv6" };
        anyhow!("{}: no {family} address", self.host)
    }
}

/// The form of results.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FormArgs {
    /// Print one JSON object a line on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// The configuration of a command's one tunnel.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration in the syntax of wg-quick; `-` is standard input
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        env = "WIRECRAFT_CONFIG",
        hide_env_values = true,
        required = true
    )]
    configs: Vec<PathBuf>,
    /// What `proxy` and `get` do with several tunnels
    #[arg(long, hide = true)]
    rotate: Option<String>,
}

impl ConfigArgs {
    /// The file of the configuration.
    pub(crate) fn path(&self) -> Result<&Path, Failure> {
        match &self.configs[..] {
            [path] if self.rotate.is_none() && !path.is_dir() => Ok(path),
            _ => Err(Failure::call(anyhow!(
                "one tunnel, one file: give a single -c FILE and no --rotate (proxy and get choose \
                 among several)"
            ))),
        }
    }

    /// Reads the configuration and tells its notices.
    pub(crate) fn load(&self, verbosity: Verbosity) -> Result<Config, Failure> {
        let config = Config::load(self.path()?).map_err(Failure::call)?;
        if !verbosity.is_quiet() {
            for notice in config.notices() {
                output::remark(notice);
            }
        }
        Ok(config)
    }

    /// What `wirecraft show` calls the tunnel: the name of the file.
    fn name(&self) -> Option<String> {
        let stem = self.configs.first()?.file_stem()?;
        Some(stem.to_string_lossy().into_owned())
    }
}

/// The tunnel that a command works through.
#[derive(Debug, Args)]
pub(crate) struct TunnelArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Seconds to wait for the first handshake
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Record the packets inside the tunnel in FILE (pcapng)
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

impl TunnelArgs {
    /// The tunnel of one file, as if it were given.
    pub(crate) fn new(config: PathBuf, timeout: Duration) -> Self {
        Self {
            config: ConfigArgs {
                configs: vec![config],
                rotate: None,
            },
            timeout,
            pcap: None,
        }
    }

    /// Reads the configuration and tells its notices.
    pub(crate) fn load(&self, verbosity: Verbosity) -> Result<Config, Failure> {
        self.config.load(verbosity)
    }

    /// Brings the tunnel up and waits for nobody: for commands that keep trying.
    pub(crate) async fn keep_trying(&self, config: Config) -> Result<Tunnel, Failure> {
        if config.peers.is_empty() {
            return Err(failure(ConnectError::NoPeers));
        }
        let mut options = connect_options()?;
        options.name = self.config.name();
        let tunnel = Tunnel::listen_with(config, options).await;
        self.recorded(tunnel.map_err(failure)?).await
    }

    /// How long silence at the beginning is nothing to tell.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Brings the tunnel up and waits for the first handshake.
    pub(crate) async fn connect(&self, config: Config) -> Result<Tunnel, Failure> {
        let mut options = connect_options()?;
        options.handshake_timeout = self.timeout;
        options.name = self.config.name();
        let connecting = Tunnel::connect_with(config, options);
        let tunnel = unless_interrupted(async { connecting.await.map_err(failure) }).await?;
        self.recorded(tunnel).await
    }

    /// Starts the recording, if one is wanted.
    async fn recorded(&self, tunnel: Tunnel) -> Result<Tunnel, Failure> {
        if let Some(path) = &self.pcap {
            recording::record(&tunnel, path).await?;
        }
        Ok(tunnel)
    }
}

/// What no network could mend is wrong with the call.
fn failure(error: ConnectError) -> Failure {
    match error {
        ConnectError::NoPeers | ConnectError::Peer { .. } | ConnectError::Bind(_) => {
            Failure::call(error)
        }
        _ => Failure::network(error),
    }
}

/// Reads seconds, fractions allowed, more than none.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected seconds, such as 10 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_fractions_and_must_be_some() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "nan", "inf", "1e400", "ten"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
