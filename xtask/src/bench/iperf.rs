//! iperf3 between two hosts, and what it measured.

use super::figures::Figure;
use crate::interop::network::Host;
use crate::interop::output_of;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How often the server is looked for until it listens.
const POLL: Duration = Duration::from_millis(20);

/// What goes through the tunnel.
pub(crate) struct Load {
    pub(super) name: &'static str,
    /// Words for the client.
    words: &'static str,
    /// What it is for: a rate, and what it costs.
    pub(super) rate: Option<Figure>,
    pub(super) cost: Option<Figure>,
    pub(super) lost: Option<Figure>,
}

const LOAD: Load = Load {
    name: "tcp",
    words: "",
    rate: None,
    cost: None,
    lost: None,
};

pub(super) const LOADS: &[Load] = &[
    Load {
        rate: Some(Figure::TcpRate),
        cost: Some(Figure::TcpCost),
        ..LOAD
    },
    Load {
        name: "tcp, 8 flows",
        words: "-P 8",
        rate: Some(Figure::FlowsRate),
        cost: Some(Figure::FlowsCost),
        ..LOAD
    },
    Load {
        name: "udp, 1360 bytes",
        words: "-u -b 0 -l 1360",
        rate: Some(Figure::LongDatagrams),
        ..LOAD
    },
    Load {
        name: "udp, 64 bytes",
        words: "-u -b 0 -l 64",
        rate: Some(Figure::ShortDatagrams),
        ..LOAD
    },
    Load {
        name: "udp, 1360 bytes at 400 Mbit/s",
        words: "-u -b 400M -l 1360",
        cost: Some(Figure::PacedCost),
        lost: Some(Figure::PacedLost),
        ..LOAD
    },
];

/// The other way round: from the far end to the near one.
pub(super) const STREAM_BACK: Load = Load {
    name: "tcp, other way",
    words: "-R",
    ..LOAD
};

/// More than 300 Mbit/s, of which none gets lost.
pub(crate) const PACED_STREAM: Load = Load {
    name: "tcp at 350 Mbit/s",
    words: "-b 350M",
    ..LOAD
};

/// What one run came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Measured {
    /// Payload received.
    pub(super) bytes: f64,
    /// Gigabits of payload a second, or thousands of datagrams.
    pub(crate) rate: f64,
    pub(super) lost_percent: f64,
}

impl Measured {
    /// Reads what the client of iperf3 prints.
    fn read(json: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(json).context("the report of iperf3")?;
        ensure!(report["error"].is_null(), "iperf3: {}", report["error"]);
        let end = &report["end"];
        let number = |value: &Value| value.as_f64().context("a number in the report of iperf3");
        let is_udp = !end["sum"]["lost_percent"].is_null();
        if !is_udp {
            let received = &end["sum_received"];
            return Ok(Self {
                bytes: number(&received["bytes"])?,
                rate: number(&received["bits_per_second"])? / 1e9,
                lost_percent: 0.0,
            });
        }
        // What was sent and not lost was received.
        let sum = &end["sum"];
        let (packets, lost) = (number(&sum["packets"])?, number(&sum["lost_packets"])?);
        let (seconds, lost_percent) = (number(&sum["seconds"])?, number(&sum["lost_percent"])?);
        Ok(Self {
            bytes: number(&sum["bytes"])? * (1.0 - lost_percent / 100.0),
            rate: (packets - lost) / seconds / 1e3,
            lost_percent,
        })
    }
}

/// Sends `load` from `near` to the address `to` of `far` for some seconds.
///
/// # Errors
/// When iperf3 fails on either side.
pub(crate) fn run(
    near: &Host,
    far: &Host,
    to: IpAddr,
    load: &Load,
    seconds: u32,
) -> Result<Measured> {
    run_by(near.command("iperf3"), far, to, load, seconds)
}

/// As [`run`], from wherever `client` starts iperf3.
///
/// # Errors
/// When iperf3 fails on either side.
pub(super) fn run_by(
    mut client: Command,
    far: &Host,
    to: IpAddr,
    load: &Load,
    seconds: u32,
) -> Result<Measured> {
    let _server = Server::start(far)?;
    client.args(["-J", "-c", &to.to_string(), "-t", &seconds.to_string()]);
    client.args(load.words.split_whitespace());
    Measured::read(&output_of(&mut client)?)
}

/// A server for one client; killed when dropped.
struct Server(Child);

impl Server {
    fn start(host: &Host) -> Result<Self> {
        let mut command = host.command("iperf3");
        command.args(["-s", "-1"]).stdout(Stdio::null());
        let server = Self(command.spawn().context("starting iperf3")?);
        // A connection would be taken for the client: the socket is looked for.
        for _ in 0..250 {
            let mut listening = host.command("ss");
            if output_of(listening.args(["-Hltn", "sport = :5201"]))?.contains("LISTEN") {
                return Ok(server);
            }
            sleep(POLL);
        }
        anyhow::bail!("iperf3 does not listen")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_were_lost_do_not_count() {
        let report = r#"{"end":{"sum":{"seconds":2.0,"bytes":4000,"packets":40000,
            "lost_packets":10000,"lost_percent":25.0}}}"#;
        let measured = Measured::read(report);
        let expected = Measured {
            bytes: 3000.0,
            rate: 15.0,
            lost_percent: 25.0,
        };
        assert!(measured.is_ok_and(|it| it == expected));
    }

    #[test]
    fn streams_are_told_in_gigabits() {
        let report = r#"{"end":{"sum":{"bytes":1},"sum_received":{"bytes":5,
            "bits_per_second":2.5e9}}}"#;
        assert!(Measured::read(report).is_ok_and(|it| it.rate == 2.5 && it.bytes == 5.0));
    }

    #[test]
    fn report_of_an_error_is_one() {
        assert!(Measured::read(r#"{"error":"unable to connect"}"#).is_err());
    }
}
