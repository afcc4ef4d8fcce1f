//! Round trips of single packets, on processors that do not fall asleep.

use crate::interop::network::Host;
use crate::interop::output_of;
use anyhow::{Context as _, Result, ensure};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};

/// How many are sent, 2 ms apart.
const PINGS: usize = 1000;

/// Keeps all processors busy with what gives way to anything else: waking one up takes longer than a
/// packet needs. Ends when dropped.
struct Awake(Vec<Child>);

impl Awake {
    fn start() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut awake = Self(Vec::new());
        for _ in 0..cores {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0", "sh", "-c", "while :; do :; done"]);
            let child = command.stdin(Stdio::null()).spawn();
            awake.0.push(child.context("starting chrt")?);
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only when it has ended and was waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The time below which a tenth of all round trips from `near` to `to` are, in microseconds.
///
/// # Errors
/// When `ping` fails, or many packets are lost.
pub(super) fn tenth(near: &Host, to: IpAddr) -> Result<f64> {
    let _awake = Awake::start()?;
    let mut ping = near.command("ping");
    ping.args(["-n", "-i", "0.002", "-W", "1", "-c", &PINGS.to_string()]);
    let printed = output_of(ping.arg(to.to_string()))?;
    let mut times: Vec<f64> = printed.lines().filter_map(microseconds).collect();
    ensure!(
        times.len() > PINGS / 2,
        "{} of {PINGS} pings were answered",
        times.len()
    );
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 10])
}

/// Reads `64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms`.
fn microseconds(line: &str) -> Option<f64> {
    let (_, time) = line.split_once(" time=")?;
    let milliseconds: f64 = time.strip_suffix(" ms")?.parse().ok()?;
    Some(milliseconds * 1e3)
}

#[cfg(test)]
mod tests {
    use super::microseconds;

    #[test]
    fn round_trip_is_read_from_its_line() {
        let line = "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.045 ms";
        assert!(microseconds(line).is_some_and(|it| (it - 45.0).abs() < 1e-9));
        assert_eq!(microseconds("1000 packets transmitted"), None);
    }
}
