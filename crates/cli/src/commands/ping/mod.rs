//! `wirecraft ping`: echo requests through the tunnel.

mod text;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use wirecraft::{EchoError, EchoReply, PingOptions, Pinger, SocketError, Tunnel};

use crate::arguments::{FormArgs, HostArgs, TunnelArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::interrupt::{stop_wanted, unless_interrupted};
use crate::output;
use text::Tally;

/// Send echo requests through the tunnel and print the replies
#[derive(Debug, Args)]
#[command(after_help = "\
Goes on until it is interrupted, or until COUNT requests were sent.
Without any reply the exit status is 1.

Examples:
  wirecraft ping -c wg0.conf 10.0.0.1
  wirecraft ping -c wg0.conf -n 3 -i 0.2 -6 example.org
  wirecraft ping -c wg0.conf -n 1 --json 10.0.0.1")]
pub(crate) struct Ping {
    #[command(flatten)]
    target: HostArgs,
    /// Stop after COUNT requests
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Seconds between requests, 0.002 at least
    #[arg(short, long, value_name = "S", default_value = "1", value_parser = between_requests)]
    interval: Duration,
    /// Bytes of payload
    #[arg(short, long, value_name = "BYTES", default_value_t = 56, value_parser = clap::value_parser!(u16).range(..=65_000))]
    size: u16,
    /// Time to live, or hop limit
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    ttl: u8,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A reply on a line of `--json`.
#[derive(Serialize)]
struct ReplyLine {
    from: IpAddr,
    icmp_seq: u16,
    bytes: usize,
    ttl: u8,
    time_ms: f64,
}

/// A request without a reply on a line of `--json`.
#[derive(Serialize)]
struct ErrorLine {
    icmp_seq: u16,
    error: String,
}

/// The last line of `--json`.
#[derive(Serialize)]
struct SummaryLine<'a> {
    host: &'a str,
    address: IpAddr,
    transmitted: u32,
    received: u32,
    loss_percent: f64,
    min_ms: Option<f64>,
    avg_ms: Option<f64>,
    max_ms: Option<f64>,
    mdev_ms: Option<f64>,
}

impl Ping {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        self.target.check()?;
        let config = self.tunnel.load(verbosity)?;
        let tunnel = self.tunnel.connect(config).await?;
        let tally = self.session(&tunnel).await;
        tunnel.close().await.map_err(Failure::network)?;
        if tally?.received() == 0 {
            Err(Failure::Told)
        } else {
            Ok(())
        }
    }

    /// Pings until the count is reached or somebody interrupts, then sums up.
    async fn session(&self, tunnel: &Tunnel) -> Result<Tally, Failure> {
        let address = unless_interrupted(self.target.address(tunnel)).await?;
        let pinger = Arc::new(tunnel.pinger(address).await?);
        if !self.form.json {
            output::line(text::announcement(
                &self.target.host,
                address,
                self.size.into(),
            ))?;
        }
        let mut tally = Tally::default();
        let mut under_way = JoinSet::new();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut interrupted = std::pin::pin!(stop_wanted());
        let started_at = Instant::now();
        loop {
            let is_sent = self.count.is_some_and(|count| tally.transmitted >= count);
            if is_sent && under_way.is_empty() {
                break;
            }
            tokio::select! {
                () = &mut interrupted => break,
                _ = ticks.tick(), if !is_sent && under_way.len() < UNDER_WAY_MAX => {
                    tally.transmitted += 1;
                    under_way.spawn(ping(pinger.clone(), self.options(tally.transmitted)));
                }
                Some(Ok(outcome)) = under_way.join_next() => self.tell(outcome, &mut tally)?,
            }
        }
        tally.elapsed = started_at.elapsed();
        self.sum_up(address, &tally)?;
        Ok(tally)
    }

    fn options(&self, number: u32) -> PingOptions {
        let [low, high, ..] = number.to_le_bytes();
        PingOptions {
            sequence: u16::from_le_bytes([low, high]),
            payload_len: self.size.into(),
            hop_limit: self.ttl,
            ..PingOptions::default()
        }
    }

    /// Prints what became of one request.
    fn tell(&self, outcome: Outcome, tally: &mut Tally) -> Result<(), Failure> {
        let sequence = outcome.sequence;
        match outcome.result {
            Ok(reply) => {
                tally.round_trips.record(reply.round_trip);
                if self.form.json {
                    output::json(&ReplyLine::from(&reply))
                } else {
                    output::line(text::reply(&reply))
                }
            }
            Err(
                fatal @ (SocketError::NoPeer { .. }
                | SocketError::NoSource { .. }
                | SocketError::Closed),
            ) => Err(Failure::from(fatal)),
            Err(error) => {
                let is_silence = error == SocketError::Echo(EchoError::TimedOut);
                tally.errors += u32::from(!is_silence);
                if self.form.json {
                    output::json(&ErrorLine {
                        icmp_seq: sequence,
                        error: error.to_string(),
                    })
                } else if is_silence {
                    Ok(())
                } else {
                    output::line(text::error(sequence, &error))
                }
            }
        }
    }

    fn sum_up(&self, address: IpAddr, tally: &Tally) -> Result<(), Failure> {
        if !self.form.json {
            return output::line(tally.summary(&self.target.host));
        }
        let trips = tally.round_trips.summary();
        output::json(&SummaryLine {
            host: &self.target.host,
            address,
            transmitted: tally.transmitted,
            received: tally.received(),
            loss_percent: tally.loss_percent(),
            min_ms: trips.map(|trips| output::milliseconds(trips.minimum)),
            avg_ms: trips.map(|trips| output::milliseconds(trips.average)),
            max_ms: trips.map(|trips| output::milliseconds(trips.maximum)),
            mdev_ms: trips.map(|trips| output::milliseconds(trips.deviation)),
        })
    }
}

/// What became of one request.
struct Outcome {
    sequence: u16,
    result: Result<EchoReply, SocketError>,
}

async fn ping(pinger: Arc<Pinger>, options: PingOptions) -> Outcome {
    Outcome {
        sequence: options.sequence,
        result: pinger.ping(options).await,
    }
}

/// Requests without an answer at one time: the network stack takes some more. To a host that is silent fewer leave.
const UNDER_WAY_MAX: usize = 512;

/// The least time between requests, as `ping` of iputils allows it to users: no flood by mistake.
const INTERVAL_MIN: Duration = Duration::from_millis(2);

fn between_requests(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    if interval < INTERVAL_MIN {
        return Err("less than 0.002 seconds would be a flood".to_owned());
    }
    Ok(interval)
}

impl From<&EchoReply> for ReplyLine {
    fn from(reply: &EchoReply) -> Self {
        Self {
            from: reply.from,
            icmp_seq: reply.sequence,
            bytes: reply.payload_len,
            ttl: reply.hop_limit,
            time_ms: output::milliseconds(reply.round_trip),
        }
    }
}
