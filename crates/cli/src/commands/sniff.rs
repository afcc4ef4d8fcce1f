//! `wirecraft sniff`: prints or records what arrives through the tunnel.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use wirecraft::{Clock, Filter, PacketFilter, Tunnel};

use super::packet_line::Shown;
use crate::arguments::{FormArgs, TunnelArgs, Verbosity};
use crate::failure::Failure;
use crate::interrupt::stop_wanted;
use crate::output;
use crate::recording::Recording;

/// Print or record the packets that arrive through the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
FILTER combines by not, and, or: tcp udp icmp ip4 ip6 fragment, proto NAME,
[src|dst] host ADDRESS, [src|dst] net PREFIX, [src|dst] port N[-M],
flags LETTERS (all of them set; =LETTERS no others), less N, greater N, ttl N.
Goes on until it is interrupted, or until COUNT packets were taken.

Examples:
  wirecraft sniff -c wg0.conf
  wirecraft sniff -c wg0.conf -x tcp and port 80 and flags S
  wirecraft sniff -c wg0.conf -w seen.pcapng icmp or udp port 53")]
pub(crate) struct Sniff {
    /// Which packets; all of them without a filter
    filter: Vec<String>,
    /// Stop after COUNT packets
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Write the packets to FILE (pcapng) instead of printing them
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print every field
    #[arg(short = 'V', long)]
    detail: bool,
    /// Print the bytes too
    #[arg(short = 'x', long)]
    hex: bool,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

impl Sniff {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let filter: PacketFilter = self.filter.join(" ").parse().map_err(Failure::call)?;
        let config = self.tunnel.load(verbosity)?;
        let mut recording = self.write.as_deref().map(Recording::create).transpose()?;
        let tunnel = self.tunnel.connect(config).await?;
        let taken = self.session(&tunnel, &filter, &mut recording).await;
        tunnel.close().await.map_err(Failure::network)?;
        // A file that takes no more says so itself.
        recording.map_or(Ok(()), Recording::finish)?;
        let (taken, missed) = taken?;
        if !verbosity.is_quiet() {
            output::remark(format_args!("{taken} packets taken, {missed} missed"));
        }
        Ok(())
    }

    /// Takes packets until the count is reached or somebody interrupts.
    async fn session(
        &self,
        tunnel: &Tunnel,
        filter: &PacketFilter,
        recording: &mut Option<Recording>,
    ) -> Result<(u64, u64), Failure> {
        let socket = tunnel.raw(Filter::any()).await?;
        let mut interrupted = std::pin::pin!(stop_wanted());
        let mut taken = 0;
        while self.count.is_none_or(|count| taken < count) {
            tokio::select! {
                () = &mut interrupted => break,
                packet = socket.recv_matching(filter) => {
                    let (at, packet) = packet?;
                    let clock = Clock::new();
                    let age = clock.now().since(at);
                    taken += 1;
                    let at = clock.since_unix_epoch().saturating_sub(age);
                    self.tell(at, &packet, recording)?;
                }
            }
        }
        Ok((taken, socket.dropped()))
    }

    fn tell(
        &self,
        at: Duration,
        packet: &[u8],
        recording: &mut Option<Recording>,
    ) -> Result<(), Failure> {
        if let Some(recording) = recording {
            let is_full = recording.packet(at, packet, None);
            return if is_full { Err(Failure::Told) } else { Ok(()) };
        }
        let shown = Shown {
            at,
            event: None,
            round_trip: None,
            packet,
        };
        if self.form.json {
            return shown.json();
        }
        shown.text(self.detail, self.hex)
    }
}
