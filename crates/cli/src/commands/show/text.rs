//! Tunnels for a person to read.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use wirecraft::running::PeerReport;

use super::Shown;
use super::rates::Rate;
use crate::output::printable;

/// Clears a terminal and begins at its top.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// A text that grows by tunnels.
pub(super) struct Page {
    text: String,
    has_style: bool,
}

impl Page {
    pub(super) fn new(has_style: bool) -> Self {
        Self {
            text: String::new(),
            has_style,
        }
    }

    /// Adds a tunnel; the peer that was heard of last comes first.
    pub(super) fn tunnel(&mut self, shown: &Shown, now: Duration) {
        let Shown { found, report, .. } = shown;
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.heading("", "interface", printable(&found.name));
        if let Some(key) = report.public_key {
            self.line("  ", "public key", key);
        }
        self.line("  ", "listening port", report.listen_port);
        if report.mark != 0 {
            self.line("  ", "fwmark", format_args!("{:#x}", report.mark));
        }
        let drops: Vec<String> = report.drops().map(drop_text).collect();
        if !drops.is_empty() {
            self.line("  ", "dropped", drops.join(", "));
        }
        let mut peers: Vec<&PeerReport> = report.peers.iter().collect();
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.last_handshake));
        for peer in peers {
            let rates = shown.rates.as_ref();
            let rate = rates.and_then(|rates| rates.of(&peer.public_key));
            self.peer(peer, rate, now);
        }
    }

    fn peer(&mut self, peer: &PeerReport, rate: Option<Rate>, now: Duration) {
        self.text.push('\n');
        self.heading("  ", "peer", peer.public_key);
        if peer.has_preshared_key {
            self.line("    ", "preshared key", "(hidden)");
        }
        if let Some(endpoint) = peer.endpoint {
            self.line("    ", "endpoint", endpoint);
        }
        let allowed = peer.allowed_ips.join(", ");
        let allowed = if allowed.is_empty() {
            "(none)"
        } else {
            &allowed
        };
        self.line("    ", "allowed ips", allowed);
        if let Some(at) = peer.last_handshake {
            self.line("    ", "latest handshake", Age(now.saturating_sub(at)));
        }
        if peer.received_len + peer.sent_len > 0 {
            let (received, sent) = (Bytes(peer.received_len), Bytes(peer.sent_len));
            let text = format_args!("{received} received, {sent} sent");
            self.line("    ", "transfer", text);
        }
        if let Some(Rate { received, sent }) = rate {
            let text = format_args!("{} received, {} sent", BitRate(received), BitRate(sent));
            self.line("    ", "rate", text);
        }
        if peer.staged > 0 {
            self.line("    ", "waiting for a session", packets(peer.staged));
        }
        if let Some(interval) = peer.persistent_keepalive {
            let text = format_args!("every {}", Time(interval));
            self.line("    ", "persistent keepalive", text);
        }
    }

    /// The text without its last end of line; clears the terminal before the next one of a series.
    pub(super) fn finish(mut self, is_watched: bool, is_terminal: bool) -> String {
        if is_watched && is_terminal {
            self.text.insert_str(0, CLEAR);
        }
        while self.text.ends_with('\n') {
            self.text.pop();
        }
        if is_watched && !is_terminal && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text
    }

    fn heading(&mut self, indent: &str, name: &str, value: impl Display) {
        let (bold, plain) = if self.has_style {
            (BOLD, PLAIN)
        } else {
            ("", "")
        };
        self.add(format_args!("{indent}{bold}{name}: {value}{plain}\n"));
    }

    fn line(&mut self, indent: &str, name: &str, value: impl Display) {
        self.add(format_args!("{indent}{name}: {value}\n"));
    }

    fn add(&mut self, text: impl Display) {
        write!(self.text, "{text}").expect("a string takes what is written to it");
    }
}

/// `3 unknown index` for a counter that is called `unknown_index`.
fn drop_text((name, count): (&str, u64)) -> String {
    format!("{count} {}", printable(name).replace('_', " "))
}

fn packets(count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} packet{ending}")
}

/// A time as `wg` shows it: `1 hour, 5 seconds`.
struct Time(Duration);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 86_400, "day"),
            (seconds / 3600 % 24, "hour"),
            (seconds / 60 % 60, "minute"),
            (seconds % 60, "second"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts = parts.map(|(count, unit)| {
            let ending = if *count == 1 { "" } else { "s" };
            format!("{count} {unit}{ending}")
        });
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// How long ago something was.
struct Age(Duration);

impl Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_secs() == 0 {
            return f.write_str("just now");
        }
        write!(f, "{} ago", Time(self.0))
    }
}

/// Bytes in units of 1024, as `wg` shows them.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut units = UNITS.iter();
        let mut unit = units.next().expect("there are some");
        for larger in units {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = larger;
        }
        write!(f, "{value:.2} {unit}")
    }
}

/// Bytes a second, in the bits that lines are measured by.
struct BitRate(f64);

impl Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0 * 8.0;
        match bits {
            _ if bits < 1e3 => write!(f, "{bits:.0} bit/s"),
            _ if bits < 1e6 => write!(f, "{:.1} kbit/s", bits / 1e3),
            _ if bits < 1e9 => write!(f, "{:.1} Mbit/s", bits / 1e6),
            _ => write!(f, "{:.2} Gbit/s", bits / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use wirecraft::Instant;
    use wirecraft::running::{Found, TunnelReport};

    use super::*;
    use crate::commands::show::rates::Sample;

    const ANSWER: &str = "\
own_public_key=1111111111111111111111111111111111111111111111111111111111111111
listen_port=51820
fwmark=51820
counter_packets_sent=9
counter_unknown_index=3
counter_replayed=1
socket_send_errors=0
public_key=2222222222222222222222222222222222222222222222222222222222222222
has_preshared_key=false
last_handshake_time_sec=0
last_handshake_time_nsec=0
tx_bytes=148
rx_bytes=0
persistent_keepalive_interval=0
has_session=false
staged_packets=1
public_key=3333333333333333333333333333333333333333333333333333333333333333
has_preshared_key=true
endpoint=192.0.2.7:51820
last_handshake_time_sec=1000
last_handshake_time_nsec=5
tx_bytes=5000000
rx_bytes=1048576
persistent_keepalive_interval=25
has_session=true
staged_packets=0
allowed_ip=10.0.0.0/8
allowed_ip=fd00::/8
errno=0

";

    fn shown(answer: &str) -> Shown {
        let report = TunnelReport::read(answer).unwrap();
        let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
        let earlier = answer.replace("rx_bytes=1048576", "rx_bytes=48576");
        let earlier = TunnelReport::read(&earlier).unwrap();
        let rates = Sample::of(&report, at(2)).since(&Sample::of(&earlier, at(1)));
        Shown {
            found: Found {
                name: "wg0".to_owned(),
                path: "/var/run/wireguard/wg0.sock".into(),
            },
            report,
            rates: Some(rates),
        }
    }

    #[test]
    fn a_tunnel_is_shown_as_wg_shows_it_with_drops_and_rates() {
        let mut page = Page::new(false);
        page.tunnel(&shown(ANSWER), Duration::from_secs(1065));
        insta::assert_snapshot!(page.finish(false, true), @"
        interface: wg0
          public key: ERERERERERERERERERERERERERERERERERERERERERE=
          listening port: 51820
          fwmark: 0xca6c
          dropped: 3 unknown index, 1 replayed

          peer: MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=
            preshared key: (hidden)
            endpoint: 192.0.2.7:51820
            allowed ips: 10.0.0.0/8, fd00::/8
            latest handshake: 1 minute, 4 seconds ago
            transfer: 1.00 MiB received, 4.77 MiB sent
            rate: 8.0 Mbit/s received, 0 bit/s sent
            persistent keepalive: every 25 seconds

          peer: IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=
            allowed ips: (none)
            transfer: 0 B received, 148 B sent
            rate: 0 bit/s received, 0 bit/s sent
            waiting for a session: 1 packet
        ");
    }

    #[test]
    fn pages_that_follow_each_other_clear_a_terminal_and_are_apart_in_a_file() {
        let page = || {
            let mut page = Page::new(false);
            page.tunnel(&shown("listen_port=1\nerrno=0\n\n"), Duration::ZERO);
            page
        };
        let text = "interface: wg0\n  listening port: 1";
        assert_eq!(page().finish(false, false), text);
        assert_eq!(page().finish(true, true), format!("{CLEAR}{text}"));
        assert_eq!(page().finish(true, false), format!("{text}\n"));
    }

    #[test]
    fn times_are_told_as_wg_tells_them() {
        for (seconds, text) in [
            (0, "just now"),
            (1, "1 second ago"),
            (65, "1 minute, 5 seconds ago"),
            (3600, "1 hour ago"),
            (2 * 86_400 + 7200, "2 days, 2 hours ago"),
        ] {
            assert_eq!(Age(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn bytes_and_rates_are_told_in_the_unit_that_suits_them() {
        for (len, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1 << 20, "1.00 MiB"),
            (5 << 39, "2.50 TiB"),
            (u64::MAX, "16777216.00 TiB"),
        ] {
            assert_eq!(Bytes(len).to_string(), text);
        }
        for (rate, text) in [
            (0.0, "0 bit/s"),
            (1250.0, "10.0 kbit/s"),
            (12_500_000.0, "100.0 Mbit/s"),
            (1.25e9, "10.00 Gbit/s"),
        ] {
            assert_eq!(BitRate(rate).to_string(), text);
        }
    }
}
