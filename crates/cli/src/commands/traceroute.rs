//! `wirecraft traceroute`: the hops to a host behind the tunnel.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wirecraft::Tunnel;
use wirecraft_diagnose::{Hop, HopReply, ReplyKind, TraceMethod, TraceOptions, trace};

use crate::arguments::{FormArgs, HostArgs, TunnelArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// Find the hops to a host behind the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
Probes of all hops are under way at once. A host that does not answer is
exit status 1.

Examples:
  wirecraft traceroute -c wg0.conf 10.0.0.1
  wirecraft traceroute -c wg0.conf --tcp 443 example.org")]
pub(crate) struct Traceroute {
    #[command(flatten)]
    target: HostArgs,
    /// Send datagrams to ports that nobody uses (the default)
    #[arg(long, group = "method")]
    udp: bool,
    /// Send SYNs to PORT
    #[arg(long, value_name = "PORT", group = "method", value_parser = clap::value_parser!(u16).range(1..))]
    tcp: Option<u16>,
    /// Send echo requests
    #[arg(long, group = "method")]
    icmp: bool,
    /// The most hops
    #[arg(short, long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..))]
    max_hops: u8,
    /// Probes for each hop
    #[arg(short = 'n', long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    queries: u8,
    /// Seconds to wait for each answer
    #[arg(short, long, value_name = "S", default_value = "3", value_parser = seconds)]
    wait: Duration,
    /// Look up no names of hops
    #[arg(long)]
    no_names: bool,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A hop on a line of `--json`.
#[derive(Serialize)]
struct HopLine {
    hop: u8,
    replies: Vec<Option<ReplyLine>>,
}

#[derive(Serialize)]
struct ReplyLine {
    from: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    rtt_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<String>,
}

/// How long the name of a hop is looked up.
const NAME_TIME: Duration = Duration::from_secs(1);

impl Traceroute {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        self.target.check()?;
        let config = self.tunnel.load(verbosity)?;
        let tunnel = self.tunnel.connect(config).await?;
        let outcome = unless_interrupted(self.session(&tunnel)).await;
        tunnel.close().await.map_err(Failure::network)?;
        if outcome? { Ok(()) } else { Err(Failure::Told) }
    }

    /// Traces and tells; returns whether the host answered.
    async fn session(&self, tunnel: &Tunnel) -> Result<bool, Failure> {
        let address = self.target.address(tunnel).await?;
        if !self.form.json {
            output::line(format_args!(
                "traceroute to {} ({address}), {} hops at most",
                self.target.host, self.max_hops
            ))?;
        }
        let (sender, mut hops) = mpsc::unbounded_channel();
        let tracing = async {
            let options = self.options();
            let traced = trace(tunnel, address, options, |hop| {
                // The receiver lives as long as the trace.
                let _ = sender.send(hop.clone());
            });
            traced.await?;
            drop(sender);
            Ok::<(), Failure>(())
        };
        // Names are looked up beside the trace: it goes on meanwhile.
        let telling = async {
            let mut names = HashMap::new();
            let mut is_reached = false;
            while let Some(hop) = hops.recv().await {
                let mut replies = hop.replies.iter().flatten();
                is_reached |= replies.any(|reply| reply.kind == ReplyKind::Reached);
                self.look_up(tunnel, &hop, &mut names).await;
                self.tell(&hop, &names)?;
            }
            Ok(is_reached)
        };
        let ((), is_reached) = tokio::try_join!(tracing, telling)?;
        Ok(is_reached)
    }

    fn options(&self) -> TraceOptions {
        let method = match self.tcp {
            Some(port) => TraceMethod::Tcp(port),
            None if self.icmp => TraceMethod::Icmp,
            None => TraceMethod::Udp,
        };
        TraceOptions {
            method,
            hops_max: self.max_hops,
            queries: self.queries,
            timeout: self.wait,
            ..TraceOptions::default()
        }
    }

    /// Looks the names of a hop's addresses up, if there is anybody to ask.
    async fn look_up(
        &self,
        tunnel: &Tunnel,
        hop: &Hop,
        names: &mut HashMap<IpAddr, Option<String>>,
    ) {
        for reply in hop.replies.iter().flatten() {
            if self.no_names || names.contains_key(&reply.from) {
                continue;
            }
            let found = timeout(NAME_TIME, tunnel.resolver().names_of(reply.from)).await;
            let records = found.ok().and_then(Result::ok).unwrap_or_default();
            let name = records
                .first()
                .map(|record| output::printable(record.data.trim_end_matches('.')));
            names.insert(reply.from, name);
        }
    }

    fn tell(&self, hop: &Hop, names: &HashMap<IpAddr, Option<String>>) -> Result<(), Failure> {
        let name = |from: &IpAddr| names.get(from).cloned().flatten();
        if self.form.json {
            let reply = |reply: &HopReply| ReplyLine {
                from: reply.from,
                name: name(&reply.from),
                rtt_ms: output::milliseconds(reply.round_trip),
                unreachable: unreachable(reply.kind),
            };
            return output::json(&HopLine {
                hop: hop.number,
                replies: hop
                    .replies
                    .iter()
                    .map(|it| it.as_ref().map(reply))
                    .collect(),
            });
        }
        let mut line = format!("{:2} ", hop.number);
        let mut last = None;
        for reply in &hop.replies {
            let Some(reply) = reply else {
                line += " *";
                continue;
            };
            if last != Some(reply.from) {
                last = Some(reply.from);
                line += &match name(&reply.from) {
                    Some(name) => format!(" {name} ({})", reply.from),
                    None => format!(" {}", reply.from),
                };
            }
            line += &format!("  {:.3} ms", output::milliseconds(reply.round_trip));
            if let Some(why) = unreachable(reply.kind) {
                line += &format!(" !{why}");
            }
        }
        output::line(line)
    }
}

fn unreachable(kind: ReplyKind) -> Option<String> {
    match kind {
        ReplyKind::Unreachable(code) => Some(code.to_string()),
        ReplyKind::UnreachableV6(code) => Some(code.to_string()),
        _ => None,
    }
}
