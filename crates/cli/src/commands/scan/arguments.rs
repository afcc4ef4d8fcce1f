//! The options of `scan`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use wirecraft::{ProbeShape, ScanMethod, Shard, parse_ports};

use super::rate::Rate;
use super::report::Format;
use super::target_list::TargetList;
use crate::arguments::{TunnelArgs, seconds};
use crate::failure::Failure;

/// Find open ports, or hosts, through the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
TARGETS are addresses, prefixes, ranges, names, and files of them: 10.0.0.1
10.0.0.0/24 10.0.0.1-10.0.0.9 fd00::/120 example.org @targets.txt
Open ports are told as they are found; --all tells all others too. Special-use
ranges, such as private networks, are scanned only where they are asked for:
10.0.0.0/24 is, 0.0.0.0/0 leaves them out.

Examples:
  wirecraft scan -c wg0.conf 10.0.0.0/24 -p 1-1024
  wirecraft scan -c wg0.conf @net.txt -p 443 --rate 50k --retries 2 -o found.ndjson --format ndjson
  wirecraft scan -c wg0.conf 10.0.0.0/8 -p 22 --seed 7 --shard 2/5 --resume scan.state
  wirecraft scan -c wg0.conf 10.0.0.0/24 --ping
  wirecraft scan -c wg0.conf 10.0.0.1 -p 53,123,161 --udp")]
pub(crate) struct Scan {
    /// What to scan
    #[arg(required = true)]
    pub(super) targets: Vec<String>,
    /// Ports such as 22,80,8000-8010; `-` is all of them
    #[arg(
        short,
        long,
        required_unless_present = "ping",
        allow_hyphen_values = true
    )]
    pub(super) ports: Option<String>,
    /// Probes a second (1000, 50k) or bits a second on the wire (10Mbit)
    #[arg(long, default_value = "1000")]
    pub(super) rate: Rate,
    /// How often targets that do not answer are probed again
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) retries: u8,
    /// Seconds to wait for answers after the last probe
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    pub(super) wait: Duration,
    /// Targets to leave out, in the same forms; may be repeated
    #[arg(long, value_name = "TARGETS")]
    pub(super) exclude: Vec<String>,
    /// Scan special-use ranges even where they are only part of a wider one
    #[arg(long)]
    pub(super) special_use: bool,
    /// Number that the order of targets comes from; random if it is not given
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Scan part I of N; all parts need the same --seed
    #[arg(long, value_name = "I/N", requires = "seed")]
    pub(super) shard: Option<Shard>,
    /// Keep in FILE how far the scan has come, and go on from there if FILE exists
    #[arg(long, value_name = "FILE")]
    pub(super) resume: Option<PathBuf>,
    /// The form of the findings
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write findings to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Send UDP datagrams, with questions for common services
    #[arg(long, group = "method")]
    udp: bool,
    /// Send TCP ACKs: tells which ports a firewall lets through
    #[arg(long, group = "method")]
    ack: bool,
    /// Send echo requests: tells which hosts are up
    #[arg(long, group = "method", conflicts_with = "ports")]
    ping: bool,
    /// TCP options of the probes, as those of a system
    #[arg(long, value_enum, default_value_t = Shape::Mss)]
    shape: Shape,
    /// Time to live, or hop limit
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) ttl: u8,
    /// Connect to open ports and tell what their services say
    #[arg(long)]
    pub(super) banners: bool,
    /// Tell closed, filtered and unreachable targets too, and at the end those without a reply
    #[arg(long)]
    pub(super) all: bool,
    /// Say what would be scanned and send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) tunnel: TunnelArgs,
    /// The same as --format ndjson
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Shape {
    None,
    Mss,
    Windows,
    Linux,
    Bsd,
}

impl Scan {
    /// Refuses what cannot be meant, before anything is opened.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.port_list().map(drop)
    }

    pub(super) fn port_list(&self) -> Result<Vec<u16>, Failure> {
        let Some(text) = &self.ports else {
            return Ok(vec![0]);
        };
        parse_ports(text).map_err(|error| Failure::call(anyhow!("--ports: {error}")))
    }

    pub(super) fn target_list(&self) -> Result<TargetList, Failure> {
        TargetList::read(&self.targets)
    }

    pub(super) fn method(&self) -> ScanMethod {
        match (self.udp, self.ack, self.ping) {
            (true, _, _) => ScanMethod::Udp,
            (_, true, _) => ScanMethod::Ack,
            (_, _, true) => ScanMethod::Ping,
            _ => ScanMethod::Syn,
        }
    }

    pub(super) fn format(&self) -> Format {
        if self.json {
            Format::Ndjson
        } else {
            self.format
        }
    }

    pub(super) fn probe_shape(&self) -> ProbeShape {
        match self.shape {
            Shape::None => ProbeShape::None,
            Shape::Mss => ProbeShape::Mss,
            Shape::Windows => ProbeShape::Windows,
            Shape::Linux => ProbeShape::Linux,
            Shape::Bsd => ProbeShape::Bsd,
        }
    }
}
