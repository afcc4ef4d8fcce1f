//! iperf3 between two hosts, and what it measured.

use crate::interop::network::Host;
use crate::interop::output_of;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How often the server is looked for until it listens.
const POLL: Duration = Duration::from_millis(20);

/// What goes through the tunnel.
pub(super) struct Load {
    pub(super) name: &'static str,
    /// Words for the client.
    words: &'static str,
}

pub(super) const LOADS: &[Load] = &[
    Load {
        name: "tcp",
        words: "",
    },
    Load {
        name: "tcp, 8 flows",
        words: "-P 8",
    },
    Load {
        name: "tcp, other way",
        words: "-R",
    },
    Load {
        name: "udp, 1360 bytes",
        words: "-u -b 0 -l 1360",
    },
    Load {
        name: "udp, 64 bytes",
        words: "-u -b 0 -l 64",
    },
    Load {
        name: "udp, 1360 bytes at 400 Mbit/s",
        words: "-u -b 400M -l 1360",
    },
];

/// What one run came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Measured {
    /// Payload received.
    pub(super) bytes: f64,
    bits_per_second: f64,
    /// Processor seconds of both daemons; the caller knows them.
    pub(super) cpu_per_byte: f64,
    datagrams: Option<Datagrams>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Datagrams {
    received_per_second: f64,
    lost_percent: f64,
}

impl Measured {
    /// The run whose rate is in the middle.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn median(mut runs: Vec<Self>) -> Result<Self> {
        runs.sort_by(|one, other| one.bits_per_second.total_cmp(&other.bits_per_second));
        runs.get(runs.len() / 2).copied().context("no run")
    }

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
                bits_per_second: number(&received["bits_per_second"])?,
                cpu_per_byte: 0.0,
                datagrams: None,
            });
        }
        // What was sent and not lost was received.
        let sum = &end["sum"];
        let (packets, lost) = (number(&sum["packets"])?, number(&sum["lost_packets"])?);
        let (seconds, lost_percent) = (number(&sum["seconds"])?, number(&sum["lost_percent"])?);
        let bytes = number(&sum["bytes"])? * (1.0 - lost_percent / 100.0);
        Ok(Self {
            bytes,
            bits_per_second: bytes * 8.0 / seconds,
            cpu_per_byte: 0.0,
            datagrams: Some(Datagrams {
                received_per_second: (packets - lost) / seconds,
                lost_percent,
            }),
        })
    }
}

/// As four columns of a table.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rate, cost) = (self.bits_per_second / 1e9, self.cpu_per_byte * 1e9);
        write!(f, "{rate:.2} | {cost:.2} | ")?;
        match self.datagrams {
            None => f.write_str("|"),
            Some(datagrams) => {
                let kilo = datagrams.received_per_second / 1e3;
                write!(f, "{kilo:.0} | {:.1} %", datagrams.lost_percent)
            }
        }
    }
}

/// Sends `load` from `near` to the address `to` of `far` for some seconds.
///
/// # Errors
/// When iperf3 fails on either side.
pub(super) fn run(
    near: &Host,
    far: &Host,
    to: IpAddr,
    load: &Load,
    seconds: u32,
) -> Result<Measured> {
    let _server = Server::start(far)?;
    let mut client = near.command("iperf3");
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

    fn measured(bits_per_second: f64) -> Measured {
        Measured {
            bytes: 1e9,
            bits_per_second,
            cpu_per_byte: 2.5e-9,
            datagrams: None,
        }
    }

    #[test]
    fn median_is_the_middle_run() {
        let runs = [3e9, 9e9, 5e9].map(measured).to_vec();
        assert_eq!(Measured::median(runs).ok(), Some(measured(5e9)));
        assert!(Measured::median(Vec::new()).is_err());
    }

    #[test]
    fn datagrams_that_were_lost_do_not_count() {
        let report = r#"{"end":{"sum":{"seconds":2.0,"bytes":4000,"packets":40,"lost_packets":10,
            "lost_percent":25.0}}}"#;
        let measured = Measured::read(report);
        assert!(measured.is_ok_and(|it| {
            it.bytes == 3000.0
                && it
                    .datagrams
                    .is_some_and(|them| them.received_per_second == 15.0)
        }));
    }

    #[test]
    fn report_of_an_error_is_one() {
        assert!(Measured::read(r#"{"error":"unable to connect"}"#).is_err());
    }

    #[test]
    fn measurement_is_four_columns() {
        assert_eq!(measured(5.2e9).to_string(), "5.20 | 2.50 | |");
    }
}
