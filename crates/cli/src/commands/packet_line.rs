//! A packet as `send` and `sniff` print it.

use std::time::Duration;

use serde::Serialize;
use wirecraft::ip_packets::{Hexdump, IpPacket};

use crate::failure::Failure;
use crate::output;

/// A packet on a line of `--json`.
#[derive(Serialize)]
pub(super) struct PacketLine<'a> {
    /// Seconds since 1970.
    time: f64,
    /// What it is to the command: `sent`, `reply` or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ms: Option<f64>,
    source: String,
    destination: String,
    protocol: String,
    ttl: u8,
    length: usize,
    summary: String,
    hex: String,
}

/// A packet and what is known of it.
pub(super) struct Shown<'a> {
    pub(super) at: Duration,
    pub(super) event: Option<&'a str>,
    pub(super) round_trip: Option<Duration>,
    pub(super) packet: &'a [u8],
}

impl Shown<'_> {
    pub(super) fn json(&self) -> Result<(), Failure> {
        let Ok(packet) = IpPacket::parse(self.packet) else {
            return Ok(());
        };
        let hex = self.packet.iter().map(|byte| format!("{byte:02x}"));
        output::json(&PacketLine {
            time: self.at.as_secs_f64(),
            event: self.event,
            rtt_ms: self.round_trip.map(output::milliseconds),
            source: packet.source().to_string(),
            destination: packet.destination().to_string(),
            protocol: packet.protocol().to_string(),
            ttl: packet.hop_limit(),
            length: packet.as_bytes().len(),
            summary: packet.to_string(),
            hex: hex.collect(),
        })
    }

    /// Prints a line, then every field if there is `detail`, then the bytes if they are wanted.
    pub(super) fn text(&self, detail: bool, with_bytes: bool) -> Result<(), Failure> {
        let event = self.event.map(|event| format!("{event:<6} "));
        let event = event.unwrap_or_else(|| format!("{} ", time_of_day(self.at)));
        let after = self
            .round_trip
            .map(|time| format!("  ({} ms)", output::milliseconds(time)));
        let after = after.unwrap_or_default();
        match IpPacket::parse(self.packet) {
            Ok(packet) if detail => output::line(format_args!("{event}{packet:#}{after}"))?,
            Ok(packet) => output::line(format_args!("{event}{packet}{after}"))?,
            Err(error) => output::line(format_args!("{event}{error}{after}"))?,
        }
        if with_bytes {
            output::line(Hexdump(self.packet))?;
        }
        Ok(())
    }
}

/// The time of the day in UTC, to the microsecond.
fn time_of_day(at: Duration) -> String {
    let seconds = at.as_secs() % 86_400;
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        at.subsec_micros()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_day_is_that_of_greenwich() {
        let at = Duration::new(1_700_000_000, 1_234_567);
        assert_eq!(time_of_day(at), "22:13:20.001234");
    }
}
