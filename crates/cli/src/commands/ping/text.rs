//! What `ping` prints, in the form of iputils so that scripts understand it.

use std::net::IpAddr;
use std::time::Duration;

use wirecraft::{EchoError, EchoReply, RoundTrips, SocketError};

/// The lengths in bytes of the headers around the payload: ICMP, and IPv4 without options.
const ICMP_HEADER_LEN: usize = 8;
const IPV4_HEADER_LEN: usize = 20;

/// The first line.
pub(super) fn announcement(host: &str, address: IpAddr, payload_len: usize) -> String {
    match address {
        IpAddr::V4(_) => {
            let packet_len = payload_len + ICMP_HEADER_LEN + IPV4_HEADER_LEN;
            format!("PING {host} ({address}) {payload_len}({packet_len}) bytes of data.")
        }
        IpAddr::V6(_) => format!("PING {host} ({address}) {payload_len} data bytes"),
    }
}

/// The line for a reply.
pub(super) fn reply(reply: &EchoReply) -> String {
    format!(
        "{} bytes from {}: icmp_seq={} ttl={} time={} ms",
        reply.payload_len + ICMP_HEADER_LEN,
        reply.from,
        reply.sequence,
        reply.hop_limit,
        milliseconds(reply.round_trip)
    )
}

/// The line for a request that somebody reports as undeliverable.
pub(super) fn error(sequence: u16, error: &SocketError) -> String {
    match error {
        SocketError::Echo(EchoError::Unreachable {
            from: Some(from),
            why,
            ..
        }) => {
            format!("From {from} icmp_seq={sequence} {why}")
        }
        other => format!("icmp_seq={sequence} {other}"),
    }
}

/// What became of all requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) transmitted: u32,
    pub(super) errors: u32,
    pub(super) round_trips: RoundTrips,
    pub(super) elapsed: Duration,
}

impl Tally {
    pub(super) fn received(&self) -> u32 {
        self.round_trips.count()
    }

    /// The share of requests without a reply, in percent.
    pub(super) fn loss_percent(&self) -> f64 {
        if self.transmitted == 0 {
            return 0.0;
        }
        let lost = self.transmitted.saturating_sub(self.received());
        f64::from(lost) * 100.0 / f64::from(self.transmitted)
    }

    /// The last lines.
    pub(super) fn summary(&self, host: &str) -> String {
        let errors = match self.errors {
            0 => String::new(),
            errors => format!(", +{errors} errors"),
        };
        let mut text = format!(
            "\n--- {host} ping statistics ---\n\
             {} packets transmitted, {} received{errors}, {}% packet loss, time {}ms",
            self.transmitted,
            self.received(),
            shortest(self.loss_percent()),
            self.elapsed.as_millis()
        );
        if let Some(trips) = self.round_trips.summary() {
            let [min, avg, max, mdev] =
                [trips.minimum, trips.average, trips.maximum, trips.deviation].map(thousandths);
            text += &format!("\nrtt min/avg/max/mdev = {min}/{avg}/{max}/{mdev} ms");
        }
        text
    }
}

/// Milliseconds with three digits that matter, as iputils rounds them.
fn milliseconds(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        _ if millis < 1.0 => format!("{millis:.3}"),
        _ if millis < 10.0 => format!("{millis:.2}"),
        _ if millis < 100.0 => format!("{millis:.1}"),
        _ => format!("{millis:.0}"),
    }
}

fn thousandths(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1e3)
}

/// Percents without zeros at the end: `0`, `33.3333`, `100`.
fn shortest(percent: f64) -> String {
    let text = format!("{percent:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_iputils() {
        let v4 = "10.0.0.1".parse().unwrap();
        let v6 = "fd00::1".parse().unwrap();
        assert_eq!(
            announcement("gate", v4, 56),
            "PING gate (10.0.0.1) 56(84) bytes of data."
        );
        assert_eq!(
            announcement("gate", v6, 56),
            "PING gate (fd00::1) 56 data bytes"
        );
        let answer = EchoReply {
            from: v4,
            sequence: 1,
            payload_len: 56,
            hop_limit: 64,
            round_trip: Duration::from_micros(350),
        };
        assert_eq!(
            reply(&answer),
            "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.350 ms"
        );
    }

    #[test]
    fn times_have_three_digits_that_matter() {
        let shown = [45, 1_234, 12_345, 123_456].map(|us| milliseconds(Duration::from_micros(us)));
        assert_eq!(shown, ["0.045", "1.23", "12.3", "123"]);
    }

    #[test]
    fn summary_counts_losses_and_errors() {
        let mut tally = Tally {
            transmitted: 3,
            errors: 1,
            elapsed: Duration::from_millis(2003),
            ..Tally::default()
        };
        tally.round_trips.record(Duration::from_micros(1_000));
        tally.round_trips.record(Duration::from_micros(3_000));
        insta::assert_snapshot!(tally.summary("gate"), @r#"

        --- gate ping statistics ---
        3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2003ms
        rtt min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms
        "#);
    }

    #[test]
    fn summary_without_replies_has_no_times() {
        let tally = Tally {
            transmitted: 2,
            ..Tally::default()
        };
        insta::assert_snapshot!(tally.summary("gate"), @r#"

        --- gate ping statistics ---
        2 packets transmitted, 0 received, 100% packet loss, time 0ms
        "#);
    }
}
