//! `wirecraft send`: packets of one's own making, and what answers them.

mod source;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use wirecraft::ip_packets::IpPacket;
use wirecraft::{Filter, RawSocket, Tunnel, is_reply};

use super::packet_line::Shown;
use crate::arguments::{FormArgs, TunnelArgs, Verbosity};
use crate::failure::Failure;
use crate::interrupt::stop_wanted;
use crate::output;
use crate::recording::since_1970;

/// Make packets, send them through the tunnel and print the replies
#[derive(Debug, Args)]
#[command(after_help = "\
Layers of an EXPR are joined by `/`; what is left out is filled in: addresses
of the tunnel, lengths, checksums. Everything can be set, to wrong values too.
Without any reply the exit status is 1, unless none is waited for (--wait 0).

Examples:
  wirecraft send -c wg0.conf 'ip(dst=10.0.0.1,ttl=3)/udp(dport=53)/\"hi\"'
  wirecraft send -c wg0.conf 'ip(dst=10.0.0.1)/tcp(dport=80,flags=S,mss=1380)' --count 3 --rate 10
  wirecraft send -c wg0.conf --hex 4500001c000000004001...
  wirecraft send -c wg0.conf --pcap-in packets.pcapng --wait 0")]
pub(crate) struct Send {
    /// Packets as expressions
    #[arg(required_unless_present_any = ["hex", "pcap_in"])]
    expr: Vec<String>,
    /// A whole packet in hexadecimal digits; may be repeated
    #[arg(long, value_name = "DIGITS")]
    hex: Vec<String>,
    /// The packets of a file, pcap or pcapng
    #[arg(long, value_name = "FILE")]
    pcap_in: Option<PathBuf>,
    /// How often all of them are sent
    #[arg(short = 'n', long, value_name = "N", default_value = "1")]
    count: NonZeroU32,
    /// Packets a second
    #[arg(long, value_name = "PPS", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    rate: u32,
    /// Seconds to wait for replies after the last packet
    #[arg(long, value_name = "S", default_value = "2", value_parser = wait)]
    wait: Duration,
    /// Print every field of the replies
    #[arg(short = 'V', long)]
    detail: bool,
    /// Print the bytes too
    #[arg(short = 'x', long)]
    bytes: bool,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// Packets a second, at most: beyond, the time between two of them is no number of microseconds.
const RATE_MAX: i64 = 1_000_000;

/// Packets that replies are looked for; of more, the oldest are forgotten.
const AWAITED_MAX: usize = 4096;

/// The last line of `--json`.
#[derive(Serialize)]
struct SummaryLine {
    sent: u64,
    replies: u64,
}

/// A packet that was sent.
struct Awaited {
    packet: Vec<u8>,
    at: Instant,
    is_answered: bool,
}

/// What was sent and what came back.
#[derive(Default)]
struct Exchange {
    awaited: VecDeque<Awaited>,
    sent: u64,
    replies: u64,
}

impl Exchange {
    /// The packet that a reply answers; one that was answered before counts if no other is left.
    fn answered_by(&mut self, reply: &IpPacket<'_>) -> Option<&mut Awaited> {
        let is_meant = |awaited: &Awaited| {
            IpPacket::parse(&awaited.packet).is_ok_and(|sent| is_reply(&sent, reply))
        };
        let mut last = None;
        for (at, awaited) in self.awaited.iter().enumerate() {
            if is_meant(awaited) {
                last = Some(at);
                if !awaited.is_answered {
                    break;
                }
            }
        }
        self.awaited.get_mut(last?)
    }
}

impl Send {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let config = self.tunnel.load(verbosity)?;
        let packets = source::Packets::read(&self, &config)?;
        let tunnel = self.tunnel.connect(config).await?;
        if !verbosity.is_quiet() {
            packets.warn_of_foreign_sources(&tunnel);
        }
        let exchange = self.session(&tunnel, &packets.packets).await;
        tunnel.close().await.map_err(Failure::network)?;
        let exchange = exchange?;
        if self.form.json {
            output::json(&SummaryLine {
                sent: exchange.sent,
                replies: exchange.replies,
            })?;
        } else if !verbosity.is_quiet() {
            output::remark(format_args!(
                "{} sent, {} replies",
                exchange.sent, exchange.replies
            ));
        }
        let is_done = exchange.replies > 0 || self.wait.is_zero();
        if is_done { Ok(()) } else { Err(Failure::Told) }
    }

    /// Sends everything as often as it should be, then waits for replies.
    async fn session(&self, tunnel: &Tunnel, packets: &[Vec<u8>]) -> Result<Exchange, Failure> {
        let socket = tunnel.raw(Filter::any()).await?;
        let mut exchange = Exchange::default();
        let mut left = (0..self.count.get())
            .flat_map(|_| packets.iter())
            .peekable();
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut interrupted = std::pin::pin!(stop_wanted());
        let mut ends_at = Instant::now() + self.wait;
        loop {
            let has_more = left.peek().is_some();
            tokio::select! {
                () = &mut interrupted => return Ok(exchange),
                _ = ticks.tick(), if has_more => {
                    if let Some(packet) = left.next() {
                        self.send(&socket, packet, &mut exchange).await?;
                        ends_at = Instant::now() + self.wait;
                    }
                }
                reply = socket.recv() => self.take(&reply?, &mut exchange)?,
                () = sleep_until(ends_at), if !has_more => return Ok(exchange),
            }
        }
    }

    async fn send(
        &self,
        socket: &RawSocket,
        packet: &[u8],
        exchange: &mut Exchange,
    ) -> Result<(), Failure> {
        socket.send(packet).await?;
        exchange.sent += 1;
        if exchange.awaited.len() == AWAITED_MAX {
            exchange.awaited.pop_front();
        }
        exchange.awaited.push_back(Awaited {
            packet: packet.to_vec(),
            at: Instant::now(),
            is_answered: false,
        });
        self.tell("sent", packet, None)
    }

    /// Tells of a packet that answers one of those sent: of equal ones the first that has no answer yet.
    fn take(&self, packet: &[u8], exchange: &mut Exchange) -> Result<(), Failure> {
        let Ok(reply) = IpPacket::parse(packet) else {
            return Ok(());
        };
        let Some(awaited) = exchange.answered_by(&reply) else {
            return Ok(());
        };
        awaited.is_answered = true;
        let round_trip = awaited.at.elapsed();
        exchange.replies += 1;
        self.tell("reply", packet, Some(round_trip))
    }

    fn tell(
        &self,
        event: &str,
        packet: &[u8],
        round_trip: Option<Duration>,
    ) -> Result<(), Failure> {
        let shown = Shown {
            at: since_1970(),
            event: Some(event),
            round_trip,
            packet,
        };
        if self.form.json {
            return shown.json();
        }
        shown.text(self.detail, self.bytes)
    }
}

/// Reads seconds, none allowed.
fn wait(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected seconds, such as 2 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirecraft::ip_packets::v4;

    #[test]
    fn of_equal_packets_the_first_without_an_answer_is_answered() {
        let (us, them) = ([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        let packet = v4(us, them).icmp_echo_request(1, 1).build();
        let reply = v4(them, us).icmp_echo_reply(1, 1).build();
        let reply = IpPacket::parse(&reply).unwrap();
        let mut exchange = Exchange::default();
        for _ in 0..2 {
            exchange.awaited.push_back(Awaited {
                packet: packet.clone(),
                at: Instant::now(),
                is_answered: false,
            });
        }
        for expected in [[true, false], [true, true], [true, true]] {
            exchange.answered_by(&reply).unwrap().is_answered = true;
            let found: Vec<bool> = exchange.awaited.iter().map(|it| it.is_answered).collect();
            assert_eq!(found, expected);
        }
    }
}
