//! `wirecraft probe`: whether an endpoint keeps the rules of the protocol.

use std::net::{IpAddr, SocketAddr};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use tokio::net::lookup_host;
use wirecraft::Config;
use wirecraft::config::{Endpoint, PeerConfig};
use wirecraft_diagnose::{Check, ProbeOptions, Verdict, probe};

use crate::arguments::{ConfigArgs, FormArgs};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// Check that a WireGuard endpoint of your own keeps the rules of the protocol
#[derive(Debug, Args)]
#[command(after_help = "\
Plays the peer of the configuration against its first [Peer] with an Endpoint,
message by message; no other program may use the same keys meanwhile. Probe
only endpoints that you may test. A rule that is not kept is exit status 1.

Examples:
  wirecraft probe -c test.conf
  wirecraft probe -c test.conf --host 10.0.0.1 --long")]
pub(crate) struct Probe {
    /// An address behind the endpoint that answers pings; rules of data need one
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// Check rules too that take ten seconds and more
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A line of `--json`.
#[derive(Serialize)]
struct CheckLine<'a> {
    rule: &'a str,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl Probe {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = Config::load(self.config.path()?).map_err(Failure::call)?;
        let options = unless_interrupted(self.options(&config)).await?;
        let mut printed = Ok(());
        let probing = async {
            let checks = probe(&options, |check| {
                if printed.is_ok() {
                    printed = self.tell(check);
                }
            });
            checks.await.map_err(Failure::network)
        };
        let checks = unless_interrupted(probing).await?;
        printed?;
        let has_failed = checks
            .iter()
            .any(|check| matches!(check.verdict, Verdict::Fail(_)));
        if has_failed {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }

    async fn options(&self, config: &Config) -> Result<ProbeOptions, Failure> {
        let peer = config.peers.iter().find(|peer| peer.endpoint.is_some());
        let peer = peer.ok_or_else(|| Failure::call(anyhow!("no [Peer] has an Endpoint")))?;
        let mut options = ProbeOptions::new(
            address(peer).await?,
            peer.public_key,
            config.interface.private_key.clone(),
            peer.preshared_key.clone(),
        );
        options.with_long = self.long;
        options.inside = self.host.and_then(|host| {
            let mut own = config
                .interface
                .addresses
                .iter()
                .map(|address| address.addr());
            let source = own.find(|address| address.is_ipv4() == host.is_ipv4())?;
            Some((source, host))
        });
        if self.host.is_some() && options.inside.is_none() {
            return Err(Failure::call(anyhow!(
                "[Interface] has no Address of the family of --host"
            )));
        }
        Ok(options)
    }

    fn tell(&self, check: &Check) -> Result<(), Failure> {
        if !self.form.json {
            let (mark, why) = match &check.verdict {
                Verdict::Pass => ("pass", String::new()),
                Verdict::Fail(why) => ("FAIL", format!(": {why}")),
                Verdict::NotObservable(why) => ("-", format!(": not observable, {why}")),
            };
            return output::line(format_args!("{mark:<5} {}{why}", check.rule));
        }
        let (verdict, why) = match &check.verdict {
            Verdict::Pass => ("pass", None),
            Verdict::Fail(why) => ("fail", Some(why.as_str())),
            Verdict::NotObservable(why) => ("not observable", Some(why.as_str())),
        };
        output::json(&CheckLine {
            rule: check.rule,
            verdict,
            why,
        })
    }
}

async fn address(peer: &PeerConfig) -> Result<SocketAddr, Failure> {
    match &peer.endpoint {
        Some(Endpoint::Address(address)) => Ok(*address),
        Some(Endpoint::Name { host, port }) => {
            let found = lookup_host((host.as_str(), *port)).await;
            let first = found.map_err(Failure::network)?.next();
            first.ok_or_else(|| Failure::network(anyhow!("{host}: no address")))
        }
        None => Err(Failure::call(anyhow!("no [Peer] has an Endpoint"))),
    }
}
